//! Which recovered order a payment of a bill is. Its stream is the payment's own, so that of two orders that are
//! approved for it at the same moment, wherever, one is first.

use super::app::AppSlug;
use super::bill::MerchantId;
use super::event::Event;
use super::id::OutTradeNo;
use super::recovery::RecoveryError;

/// Says of a payment that it is that of a recovery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    pub merchant: MerchantId,
    pub transaction_id: String,
    pub app: AppSlug,
    pub out_trade_no: OutTradeNo,
    /// Of the proposal; proposed anew it is another recovery.
    pub recovery_revision: u64,
    /// Who approves it.
    pub by: String,
}

impl Claim {
    /// Whoever makes it.
    fn is_for_the_same(&self, other: &Self) -> bool {
        (&self.app, &self.out_trade_no, self.recovery_revision)
            == (&other.app, &other.out_trade_no, other.recovery_revision)
    }

    fn refuses(&self) -> RecoveryError {
        let Self { transaction_id, app, out_trade_no, by, .. } = self.clone();
        RecoveryError::Claimed { transaction_id, app, out_trade_no, by }
    }
}

/// What the stream says so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payment {
    /// The last one: those before it were of proposals that had been withdrawn.
    pub claim: Option<Claim>,
}

impl Payment {
    pub fn evolve(mut self, event: &Event) -> Self {
        if let Event::PaymentClaimed(claim) = event {
            self.claim = Some(claim.clone());
        }
        self
    }

    /// `lapsed`: the claim of a proposal that is known to be withdrawn, so that no order will come of it.
    pub fn decide_claim(
        &self,
        claim: &Claim,
        lapsed: Option<&Claim>,
    ) -> Result<Option<Event>, RecoveryError> {
        match &self.claim {
            Some(standing) if standing.is_for_the_same(claim) => Ok(None),
            Some(standing) if Some(standing) != lapsed => Err(standing.refuses()),
            Some(_) | None => Ok(Some(Event::PaymentClaimed(claim.clone()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(number: &str, recovery_revision: u64, by: &str) -> Claim {
        Claim {
            merchant: MerchantId::parse("1900000109").unwrap(),
            transaction_id: "42".into(),
            app: AppSlug::parse("demo").unwrap(),
            out_trade_no: OutTradeNo::parse(number).unwrap(),
            recovery_revision,
            by: by.into(),
        }
    }

    #[test]
    fn a_payment_is_claimed_once_until_the_proposal_is_withdrawn() {
        let none: Option<Claim> = None;
        let first = claim("A", 1, "lin");
        for (standing, claimed, lapsed, expected) in [
            (&none, claim("A", 1, "lin"), &none, "claimed"),
            (&Some(first.clone()), claim("A", 1, "lin"), &none, "nothing"),
            (&Some(first.clone()), claim("A", 1, "chen"), &none, "nothing"),
            (
                &Some(first.clone()),
                claim("B", 1, "chen"),
                &none,
                "the payment 42 is claimed by lin for order A of demo: one payment is one order; withdraw that \
                 first where it is wrong, or approve it again where the order does not stand yet",
            ),
            (&Some(first.clone()), claim("B", 1, "chen"), &Some(first.clone()), "claimed"),
            (&Some(first.clone()), claim("A", 3, "lin"), &Some(first.clone()), "claimed"),
            // Another has taken it over since it was looked at.
            (
                &Some(claim("C", 1, "wang")),
                claim("B", 1, "chen"),
                &Some(first),
                "the payment 42 is claimed by wang for order C of demo: one payment is one order; withdraw that \
                 first where it is wrong, or approve it again where the order does not stand yet",
            ),
        ] {
            let payment = Payment { claim: standing.clone() };
            let decided = payment.decide_claim(&claimed, lapsed.as_ref());
            let meant = match &decided {
                Ok(Some(event)) => {
                    assert_eq!(payment.clone().evolve(event).claim, Some(claimed.clone()));
                    "claimed".to_owned()
                }
                Ok(None) => "nothing".to_owned(),
                Err(refusal) => refusal.to_string(),
            };
            assert_eq!(meant, expected, "{claimed:?} upon {standing:?}");
        }
    }
}
