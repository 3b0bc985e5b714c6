//! One mini-game as the ledger knows it: its slug, its AppID and what its prices mean.

use std::fmt;

use super::bill::MerchantId;
use super::event::Event;

/// The name of an app in URLs, streams and configuration: 1 to 32 of `[a-z0-9]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AppSlug(String);

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("an app's name must be 1 to 32 of the characters a-z and 0-9, not {0:?}")]
pub struct AppSlugError(String);

impl AppSlug {
    pub fn parse(text: &str) -> Result<Self, AppSlugError> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        if (1..=32).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            Err(AppSlugError(text.chars().take(40).collect()))
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AppSlug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether `ActualPrice` of a push is the price of the whole order or of one unit. WeChat does not
/// document it, so each app says it, and the log keeps since when it has been so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PriceMeaning {
    Order,
    Unit,
}

impl PriceMeaning {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Unit => "unit",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Order, Self::Unit].into_iter().find(|meaning| meaning.as_str() == text)
    }
}

/// What the log says of an app.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registration {
    pub app_id: Option<String>,
    pub actual_price_is: Option<PriceMeaning>,
    /// How often the meaning has changed.
    pub changes: u64,
    /// Whom its orders are paid to.
    pub merchant: Option<MerchantId>,
    /// How often that has been said.
    pub assignments: u64,
}

impl Registration {
    pub fn evolve(mut self, event: &Event) -> Self {
        match event {
            Event::AppRegistered { app_id, actual_price_is } => {
                self.app_id = Some(app_id.clone());
                self.actual_price_is = Some(*actual_price_is);
            }
            Event::PriceMeaningChanged { to, revision, .. } => {
                self.actual_price_is = Some(*to);
                self.changes = *revision;
            }
            Event::MerchantAssigned { merchant, revision } => {
                self.merchant = Some(merchant.clone());
                self.assignments = *revision;
            }
            Event::GoodsDelivered(_)
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

    /// The first registration binds; a changed price meaning and another merchant are dated. Another AppID
    /// changes nothing; that no merchant is named leaves the one that was.
    pub fn decide(&self, app_id: &str, now: PriceMeaning, merchant: Option<&MerchantId>) -> Vec<Event> {
        let mut events = match (&self.app_id, self.actual_price_is) {
            (None, _) => vec![Event::AppRegistered { app_id: app_id.to_owned(), actual_price_is: now }],
            (Some(bound), _) if bound != app_id => return vec![],
            (Some(_), Some(before)) if before != now => {
                vec![Event::PriceMeaningChanged { from: before, to: now, revision: self.changes + 1 }]
            }
            (Some(_), _) => vec![],
        };
        if let Some(merchant) = merchant.filter(|merchant| self.merchant.as_ref() != Some(*merchant)) {
            let (merchant, revision) = (merchant.clone(), self.assignments + 1);
            events.push(Event::MerchantAssigned { merchant, revision });
        }
        events
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What a configuration says at a start or a reload.
    #[derive(Clone, Debug)]
    struct Configured {
        app_id: &'static str,
        price: PriceMeaning,
        merchant: Option<MerchantId>,
    }

    impl Configured {
        fn decide(&self, known: &Registration) -> Vec<Event> {
            known.decide(self.app_id, self.price, self.merchant.as_ref())
        }
    }

    fn any_configured() -> impl Strategy<Value = Configured> {
        let app_id = prop_oneof![4 => Just("wx1"), 1 => Just("wx2")];
        let merchant = |number| MerchantId::parse(number).unwrap();
        let merchant = prop_oneof![Just(None), Just(Some(merchant("19"))), Just(Some(merchant("20")))];
        let price = prop_oneof![Just(PriceMeaning::Order), Just(PriceMeaning::Unit)];
        (app_id, price, merchant).prop_map(|(app_id, price, merchant)| Configured { app_id, price, merchant })
    }

    proptest! {
        #[test]
        fn an_app_registered_twice_in_any_reachable_state_yields_nothing_the_second_time(
            before in prop::collection::vec(any_configured(), 0..8),
            now in any_configured(),
        ) {
            let known = before.iter().fold(Registration::default(), |known, configured| {
                configured.decide(&known).iter().fold(known, Registration::evolve)
            });
            let known = now.decide(&known).iter().fold(known, Registration::evolve);
            prop_assert_eq!(now.decide(&known), vec![]);
        }

        #[test]
        fn an_app_is_bound_once_and_every_change_of_price_meaning_and_merchant_is_a_fact_of_its_own(
            configured in prop::collection::vec(any_configured(), 1..12),
        ) {
            let (mut known, mut recorded) = (Registration::default(), Vec::<Event>::new());
            for now in &configured {
                let merchant_before = known.merchant.clone();
                for event in now.decide(&known) {
                    prop_assert!(!recorded.contains(&event), "twice: {event:?}");
                    known = known.evolve(&event);
                    recorded.push(event);
                }
                prop_assert_eq!(known.app_id.as_deref(), Some(configured[0].app_id), "the first binds");
                if now.app_id == configured[0].app_id {
                    prop_assert_eq!(known.actual_price_is, Some(now.price));
                    prop_assert_eq!(&known.merchant, &now.merchant.clone().or(merchant_before));
                }
            }
            let count = |name| recorded.iter().filter(|event| event.type_name() == name).count() as u64;
            prop_assert_eq!(count("AppRegistered"), 1);
            prop_assert_eq!(count("PriceMeaningChanged"), known.changes);
            prop_assert_eq!(count("MerchantAssigned"), known.assignments);
        }
    }

    #[test]
    fn a_slug_is_short_lower_case_letters_and_digits() {
        for (text, valid) in [
            ("demo", true),
            ("0", true),
            (&"a".repeat(32), true),
            ("", false),
            (&"a".repeat(33), false),
            ("Demo", false),
            ("de-mo", false),
            ("de.mo", false),
            ("游戏", false),
        ] {
            assert_eq!(AppSlug::parse(text).is_ok(), valid, "{text:?}");
        }
    }
}
