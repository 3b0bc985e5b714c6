//! A push that is authentic and unusable: kept with its reason until a person decides.

use super::event::Event;

/// Why an authentic push could not become a fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It verifies only under the key of the environment it does not name.
    OtherEnvironmentKey,
    /// A field is missing or out of bounds; says where.
    Unusable(String),
    /// No event of this name is known. With an order number money may be at stake, so WeChat keeps
    /// repeating; without one it is answered success.
    UnrecognizedEvent { money_at_stake: bool },
}

/// How a push in quarantine is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    Success,
    OtherEnvironmentKey,
    Unusable,
}

impl Reason {
    /// The stable name of the reason.
    pub fn code(&self) -> &'static str {
        match self {
            Self::OtherEnvironmentKey => "other_environment_key",
            Self::Unusable(_) => "unusable",
            Self::UnrecognizedEvent { .. } => "unrecognized_event",
        }
    }

    /// Whether WeChat must keep repeating while a person acts.
    pub fn money_at_stake(&self) -> bool {
        match self {
            Self::OtherEnvironmentKey | Self::Unusable(_) => true,
            Self::UnrecognizedEvent { money_at_stake } => *money_at_stake,
        }
    }

    fn answer(&self) -> Answer {
        match self {
            Self::OtherEnvironmentKey => Answer::OtherEnvironmentKey,
            Self::Unusable(_) | Self::UnrecognizedEvent { money_at_stake: true } => Answer::Unusable,
            Self::UnrecognizedEvent { money_at_stake: false } => Answer::Success,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    Adopted,
    Dismissed,
}

/// What the stream says so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quarantine {
    pub held: bool,
    pub resolution: Option<Resolution>,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ResolveError {
    #[error("no push is in quarantine under this id")]
    NotHeld,
    #[error("it has been adopted before; a decision stands")]
    AdoptedBefore,
    #[error("it has been dismissed before; a decision stands")]
    DismissedBefore,
}

impl Quarantine {
    pub fn fold<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        events.into_iter().fold(Self::default(), Self::evolve)
    }

    pub fn evolve(mut self, event: &Event) -> Self {
        match event {
            Event::PushQuarantined { .. } => self.held = true,
            Event::QuarantineAdopted { .. } => self.resolution = Some(Resolution::Adopted),
            Event::QuarantineDismissed { .. } => self.resolution = Some(Resolution::Dismissed),
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
            | Event::RoleReported { .. }
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

    /// The same push is held once, and answered by its reason until a person has decided.
    pub fn decide(
        &self,
        event: &str,
        reason: &Reason,
        out_trade_no: Option<&str>,
    ) -> (Option<Event>, Answer) {
        if self.resolution.is_some() {
            return (None, Answer::Success);
        }
        let held = (!self.held).then(|| Event::PushQuarantined {
            event: event.to_owned(),
            reason: reason.clone(),
            out_trade_no: out_trade_no.map(str::to_owned),
        });
        (held, reason.answer())
    }

    /// The first decision stands; the same one again changes nothing.
    pub fn resolve(&self, how: Resolution, by: &str, reason: &str) -> Result<Option<Event>, ResolveError> {
        let (by, reason) = (by.to_owned(), reason.to_owned());
        match (self.held, self.resolution, how) {
            (false, _, _) => Err(ResolveError::NotHeld),
            (true, None, Resolution::Adopted) => Ok(Some(Event::QuarantineAdopted { by, reason })),
            (true, None, Resolution::Dismissed) => Ok(Some(Event::QuarantineDismissed { by, reason })),
            (true, Some(before), now) if before == now => Ok(None),
            (true, Some(Resolution::Adopted), _) => Err(ResolveError::AdoptedBefore),
            (true, Some(Resolution::Dismissed), _) => Err(ResolveError::DismissedBefore),
        }
    }
}

#[cfg(test)]
#[path = "quarantine_tests.rs"]
mod tests;
