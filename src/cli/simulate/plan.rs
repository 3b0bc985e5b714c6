//! What is pushed in one run, in which order, and the answer the protocol demands for each push.
//!
//! Pushes come in two waves, and the second begins when every push of the first is settled:
//!
//! 1. first pushes with those repeats that come at once, tampered pushes, pushes signed with the other
//!    environment's key, mocks, role queries and gifts, shuffled unless asked otherwise;
//! 2. what is only meaningful once an order exists: late repeats, conflicting contents, refunds with
//!    their repeats, shuffled as well.
//!
//! A plan follows from its settings alone.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::bill::Traded;
use super::planner::Planner;
use super::push::{PushRequest, Writing};
use super::share::Share;
use crate::wechat::event_name::Family;
use crate::wechat::{App, Channel, Code, Format, Mode};

/// Shares of the number of orders, rounded up: a share above nothing yields at least one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shares {
    /// Orders, refunds and gifts that are pushed again, one to three times each.
    pub repeats: Share,
    /// Orders at which another content is pushed later.
    pub conflicts: Share,
    /// Orders that are coins, not goods.
    pub coins: Share,
    /// Orders in the sandbox.
    pub sandbox: Share,
    /// Orders that are refunded.
    pub refunds: Share,
    // Pushes beside those of orders.
    pub tampered: Share,
    pub wrong_env: Share,
    pub mocks: Share,
    pub roles: Share,
    pub gifts: Share,
}

/// In which order the pushes of a wave come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sequence {
    /// In that of the order numbers, as players order.
    AsOrdered,
    Shuffled,
}

#[derive(Clone, Debug)]
pub struct Settings {
    pub orders: usize,
    pub channel: Channel,
    pub mode: Mode,
    /// One is drawn for each number; its repeats are written the same way.
    pub writings: &'static [Writing],
    pub shares: Shares,
    pub sequence: Sequence,
    pub seed: u64,
    pub now: DateTime<Utc>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    First,
    Repeat,
    Conflict,
    Tampered,
    OtherEnvironmentKey,
    Mock,
    /// A role query: asked once, recorded nowhere.
    Query,
}

impl Kind {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Repeat => "repeat",
            Self::Conflict => "conflict",
            Self::Tampered => "tampered",
            Self::OtherEnvironmentKey => "other_environment_key",
            Self::Mock => "mock",
            Self::Query => "query",
        }
    }

    /// The answer the protocol demands.
    pub fn demanded(self) -> Code {
        match self {
            Self::First | Self::Repeat | Self::Mock | Self::Query => Code::Success,
            Self::Conflict => Code::Conflict,
            Self::Tampered => Code::BadSignature,
            Self::OtherEnvironmentKey => Code::OtherEnvironmentKey,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedPush {
    pub kind: Kind,
    pub family: Family,
    /// Order, refund or gift number; for a role query the player.
    pub number: Arc<str>,
    pub format: Format,
    pub request: PushRequest,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    pub waves: [Vec<PlannedPush>; 2],
    /// Numbers of first pushes, for people to look at. The first has also got a repeat, a conflict and a
    /// refund where the plan has any.
    pub sample_orders: Vec<Arc<str>>,
    /// The orders and refunds, as WeChat Pay saw them.
    pub traded: Vec<Traded>,
}

pub fn plan(app: &App, settings: &Settings) -> anyhow::Result<Plan> {
    Planner::new(app, settings).plan(app)
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
