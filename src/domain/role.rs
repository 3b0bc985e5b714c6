//! A role as its game tells of it, and a player's roles: decides which reports are worth keeping.

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, SubsecRound, TimeDelta, Utc};

use super::environment::Environment;
use super::event::Event;
use super::id::OpenId;

/// WeChat documents no lengths; these are beyond what a game calls anything, in characters.
const ID_CHARS_MAX: usize = 128;
const NAME_CHARS_MAX: usize = 256;
const ATTACH_CHARS_MAX: usize = 1024;
/// Levels of zones inside one another.
const ZONES_MAX: usize = 16;

/// That a player goes on playing a role nothing else has changed of is kept once in this time.
pub const ACTIVITY_INTERVAL: TimeDelta = TimeDelta::hours(1);

/// One level of the zone hierarchy: a realm, a server, a channel of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone {
    zone_id: String,
    zone_name: String,
}

/// A role that a player has played, with what a payment for it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlayedRole {
    content: RoleContent,
    played_at: DateTime<Utc>,
}

/// All of a role but when it was played.
#[derive(Clone, Debug, PartialEq, Eq)]
struct RoleContent {
    role_id: String,
    role_name: String,
    zones: Vec<Zone>,
    midas_zone_id: String,
    attach: Option<String>,
}

/// A role's fields, not checked yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleFields {
    pub role_id: String,
    pub role_name: String,
    /// Zone id and zone name of each level, from large to small.
    pub zones: Vec<(String, String)>,
    pub midas_zone_id: String,
    pub attach: Option<String>,
    /// Kept to the millisecond.
    pub played_at: DateTime<Utc>,
}

/// Which field of a role is wrong, and how. The text itself is not repeated: it may name a player.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct RoleError {
    /// Such as `role_id` or `zones[1].zone_name`.
    pub field: String,
    pub problem: RoleProblem,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RoleProblem {
    #[error("is empty")]
    Empty,
    #[error("is {length} characters long, at most {max} are allowed")]
    TooLong { length: usize, max: usize },
    #[error("has a control character as character {place}")]
    ControlCharacter { place: usize },
    #[error("has {count} levels, at most {max} are allowed")]
    TooManyZones { count: usize, max: usize },
    #[error("is in the year {year}, must be from 1970 to 9999")]
    Year { year: i32 },
}

fn check(field: impl FnOnce() -> String, text: &str, max: usize) -> Result<(), RoleError> {
    let length = text.chars().count();
    // The last two are no characters, and XML cannot carry them.
    let is_control = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
    let control = text.chars().position(is_control);
    let problem = match (length, control) {
        (0, _) => RoleProblem::Empty,
        (_, Some(index)) => RoleProblem::ControlCharacter { place: index + 1 },
        _ if length > max => RoleProblem::TooLong { length, max },
        _ => return Ok(()),
    };
    Err(RoleError { field: field(), problem })
}

impl Zone {
    pub fn zone_id(&self) -> &str {
        &self.zone_id
    }

    pub fn zone_name(&self) -> &str {
        &self.zone_name
    }
}

impl PlayedRole {
    pub fn new(fields: RoleFields) -> Result<Self, RoleError> {
        let RoleFields { role_id, role_name, zones, midas_zone_id, attach, played_at } = fields;
        check(|| "role_id".into(), &role_id, ID_CHARS_MAX)?;
        check(|| "role_name".into(), &role_name, NAME_CHARS_MAX)?;
        if zones.len() > ZONES_MAX {
            let problem = RoleProblem::TooManyZones { count: zones.len(), max: ZONES_MAX };
            return Err(RoleError { field: "zones".into(), problem });
        }
        for (index, (zone_id, zone_name)) in zones.iter().enumerate() {
            check(|| format!("zones[{index}].zone_id"), zone_id, ID_CHARS_MAX)?;
            check(|| format!("zones[{index}].zone_name"), zone_name, NAME_CHARS_MAX)?;
        }
        check(|| "midas_zone_id".into(), &midas_zone_id, ID_CHARS_MAX)?;
        // An empty one says nothing.
        let attach = attach.filter(|attach| !attach.is_empty());
        if let Some(attach) = &attach {
            check(|| "attach".into(), attach, ATTACH_CHARS_MAX)?;
        }
        let year = played_at.year();
        if !(1970..=9999).contains(&year) {
            return Err(RoleError { field: "played_at".into(), problem: RoleProblem::Year { year } });
        }
        let zones = zones.into_iter().map(|(zone_id, zone_name)| Zone { zone_id, zone_name }).collect();
        let content = RoleContent { role_id, role_name, zones, midas_zone_id, attach };
        Ok(Self { content, played_at: played_at.trunc_subsecs(3) })
    }

    pub fn role_id(&self) -> &str {
        &self.content.role_id
    }

    pub fn role_name(&self) -> &str {
        &self.content.role_name
    }

    /// From large to small; may be empty.
    pub fn zones(&self) -> &[Zone] {
        &self.content.zones
    }

    pub fn midas_zone_id(&self) -> &str {
        &self.content.midas_zone_id
    }

    /// Never empty where there is one.
    pub fn attach(&self) -> Option<&str> {
        self.content.attach.as_deref()
    }

    /// To the millisecond.
    pub fn played_at(&self) -> DateTime<Utc> {
        self.played_at
    }
}

/// What a player's stream says so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Player {
    roles: BTreeMap<String, KnownRole>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct KnownRole {
    content: RoleContent,
    /// The latest that was recorded.
    played_at: DateTime<Utc>,
    revision: u64,
}

impl Player {
    pub fn evolve(mut self, event: &Event) -> Self {
        match event {
            Event::RoleReported { role, revision, .. } => self.learn(role, *revision),
            // Facts of other streams change nothing here.
            Event::AppRegistered { .. }
            | Event::PriceMeaningChanged { .. }
            | Event::MerchantAssigned { .. }
            | Event::GoodsDelivered(_)
            | Event::CoinsDelivered(_)
            | Event::PaymentIdentified(_)
            | Event::ConflictingPushReceived(_)
            | Event::RefundSucceeded(_)
            | Event::GiftDelivered(_)
            | Event::MockReceived(_)
            | Event::GoodsGranted { .. }
            | Event::GrantRefused { .. }
            | Event::GrantRevoked { .. }
            | Event::PushQuarantined { .. }
            | Event::QuarantineAdopted { .. }
            | Event::QuarantineDismissed { .. }
            | Event::OrderRecovered { .. }
            | Event::Recovery(_)
            | Event::PaymentClaimed(_)
            | Event::Bill(_)
            | Event::Case(_)
            | Event::Period(_)
            | Event::ReportFiled(_)
            | Event::LedgerSealed(_) => {}
        }
        self
    }

    fn learn(&mut self, role: &PlayedRole, revision: u64) {
        let PlayedRole { content, played_at } = role.clone();
        let played_at = match self.roles.get(&content.role_id) {
            Some(known) => known.played_at.max(played_at),
            None => played_at,
        };
        let role_id = content.role_id.clone();
        self.roles.insert(role_id, KnownRole { content, played_at, revision });
    }

    /// A role that is new, or told of differently, is recorded; that it goes on being played, hourly. The
    /// last report says what a role is, whenever that was played; so does the last word of one report.
    pub fn decide(&self, env: Environment, open_id: &OpenId, roles: &[PlayedRole]) -> Vec<Event> {
        let (mut player, mut events) = (self.clone(), Vec::new());
        for (index, role) in roles.iter().enumerate() {
            if roles[index + 1..].iter().any(|later| later.role_id() == role.role_id()) {
                continue;
            }
            if let Some(revision) = player.revision_for(role) {
                player.learn(role, revision);
                let (open_id, role) = (open_id.clone(), role.clone());
                events.push(Event::RoleReported { env, open_id, role, revision });
            }
        }
        events
    }

    /// Under which revision a report is to be recorded; `None` where it says nothing worth keeping.
    fn revision_for(&self, role: &PlayedRole) -> Option<u64> {
        match self.roles.get(role.role_id()) {
            None => Some(0),
            Some(known) if known.content != role.content => Some(known.revision + 1),
            Some(known) if role.played_at.signed_duration_since(known.played_at) >= ACTIVITY_INTERVAL => {
                Some(known.revision)
            }
            Some(_) => None,
        }
    }
}

#[cfg(test)]
#[path = "role_tests.rs"]
mod tests;
