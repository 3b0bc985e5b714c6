//! The facts the log holds. There is no wildcard over them anywhere: a new event stops the build wherever
//! it matters.

use super::app::PriceMeaning;
use super::bill::{BillEvent, MerchantId};
use super::case::CaseEvent;
use super::environment::Environment;
use super::id::OpenId;
use super::payment::Claim;
use super::period::{PeriodEvent, ReportPart};
use super::push::{CoinPush, GiftPush, GoodsPush, PaymentIds, Push, RefundPush};
use super::quarantine::Reason;
use super::recovery::{RecoveredOrder, RecoveryEvent};
use super::role::PlayedRole;
use super::seal::Seal;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Binds a slug to an AppID for ever.
    AppRegistered {
        app_id: String,
        actual_price_is: PriceMeaning,
    },
    /// `revision` counts the changes, so that a change back and forth is two different facts.
    PriceMeaningChanged {
        from: PriceMeaning,
        to: PriceMeaning,
        revision: u64,
    },
    /// Whom the app's orders are paid to from now on; the first one also says it of the orders before.
    MerchantAssigned {
        merchant: MerchantId,
        revision: u64,
    },
    /// Verified, durable, acknowledged to WeChat: the ledger has taken over the duty to deliver.
    GoodsDelivered(GoodsPush),
    CoinsDelivered(CoinPush),
    /// Payment ids that were absent before, of an order or a refund.
    PaymentIdentified(PaymentIds),
    /// Signed, for the same number, and different. Once per different content.
    ConflictingPushReceived(Push),
    RefundSucceeded(RefundPush),
    GiftDelivered(GiftPush),
    /// A mock push that carried a valid signature: its ids must never turn up in a bill.
    MockReceived(Push),
    /// The game has given the player what the order bought. `by` is the access token's name.
    GoodsGranted {
        by: String,
        reason: Option<String>,
    },
    /// The player will not get it.
    GrantRefused {
        by: String,
        reason: Option<String>,
    },
    /// It was granted, and has been taken back.
    GrantRevoked {
        by: String,
        reason: Option<String>,
    },
    /// A role is new, told of differently, or still being played. `revision` counts how often what it is
    /// has changed, so that a change back and forth is two different facts.
    RoleReported {
        env: Environment,
        open_id: OpenId,
        role: PlayedRole,
        revision: u64,
    },
    PushQuarantined {
        event: String,
        reason: Reason,
        out_trade_no: Option<String>,
    },
    /// A person has taken the push over: WeChat's repeats are answered success from now on.
    QuarantineAdopted {
        by: String,
        reason: String,
    },
    /// A person has judged that nothing is owed: repeats are answered success from now on.
    QuarantineDismissed {
        by: String,
        reason: String,
    },
    /// An order that no push brought: proposed by one person, approved by another.
    OrderRecovered {
        order: RecoveredOrder,
        proposed_by: String,
        approved_by: String,
    },
    Recovery(RecoveryEvent),
    /// A payment of a bill is that of a recovery that is being approved, and of no other.
    PaymentClaimed(Claim),
    Bill(BillEvent),
    Case(CaseEvent),
    Period(PeriodEvent),
    ReportFiled(ReportPart),
    /// What the log hashed to, signed.
    LedgerSealed(Seal),
}

impl Event {
    /// The type's name as it stands in the log.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::AppRegistered { .. } => "AppRegistered",
            Self::PriceMeaningChanged { .. } => "PriceMeaningChanged",
            Self::MerchantAssigned { .. } => "MerchantAssigned",
            Self::GoodsDelivered(_) => "GoodsDelivered",
            Self::CoinsDelivered(_) => "CoinsDelivered",
            Self::PaymentIdentified(_) => "PaymentIdentified",
            Self::ConflictingPushReceived(_) => "ConflictingPushReceived",
            Self::RefundSucceeded(_) => "RefundSucceeded",
            Self::GiftDelivered(_) => "GiftDelivered",
            Self::MockReceived(_) => "MockReceived",
            Self::GoodsGranted { .. } => "GoodsGranted",
            Self::GrantRefused { .. } => "GrantRefused",
            Self::GrantRevoked { .. } => "GrantRevoked",
            Self::RoleReported { .. } => "RoleReported",
            Self::PushQuarantined { .. } => "PushQuarantined",
            Self::QuarantineAdopted { .. } => "QuarantineAdopted",
            Self::QuarantineDismissed { .. } => "QuarantineDismissed",
            Self::OrderRecovered { .. } => "OrderRecovered",
            Self::Recovery(event) => event.type_name(),
            Self::PaymentClaimed(_) => "PaymentClaimed",
            Self::Bill(event) => event.type_name(),
            Self::Case(event) => event.type_name(),
            Self::Period(event) => event.type_name(),
            Self::ReportFiled(_) => "ReportFiled",
            Self::LedgerSealed(_) => "LedgerSealed",
        }
    }

    /// Whether it happens to an app. What payments, bills, cases and periods tell is a merchant's, of all its apps.
    pub fn belongs_to_an_app(&self) -> bool {
        match self {
            Self::PaymentClaimed(_)
            | Self::Bill(_)
            | Self::Case(_)
            | Self::Period(_)
            | Self::ReportFiled(_)
            | Self::LedgerSealed(_) => false,
            Self::AppRegistered { .. }
            | Self::PriceMeaningChanged { .. }
            | Self::MerchantAssigned { .. }
            | Self::GoodsDelivered(_)
            | Self::CoinsDelivered(_)
            | Self::PaymentIdentified(_)
            | Self::ConflictingPushReceived(_)
            | Self::RefundSucceeded(_)
            | Self::GiftDelivered(_)
            | Self::MockReceived(_)
            | Self::GoodsGranted { .. }
            | Self::GrantRefused { .. }
            | Self::GrantRevoked { .. }
            | Self::RoleReported { .. }
            | Self::PushQuarantined { .. }
            | Self::QuarantineAdopted { .. }
            | Self::QuarantineDismissed { .. }
            | Self::OrderRecovered { .. }
            | Self::Recovery(_) => true,
        }
    }
}
