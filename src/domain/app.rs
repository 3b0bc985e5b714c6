//! One mini-game as the ledger knows it: its slug, its AppID and what its prices mean.

use std::fmt;

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
            Event::GoodsDelivered(_)
            | Event::CoinsDelivered(_)
            | Event::PaymentIdentified(_)
            | Event::ConflictingPushReceived(_)
            | Event::RefundSucceeded(_)
            | Event::GiftDelivered(_)
            | Event::MockReceived(_)
            | Event::PushQuarantined { .. }
            | Event::QuarantineAdopted { .. }
            | Event::QuarantineDismissed { .. } => {}
        }
        self
    }

    /// The first registration binds; a changed price meaning is dated. Another AppID changes nothing.
    pub fn decide(&self, app_id: &str, now: PriceMeaning) -> Vec<Event> {
        match (&self.app_id, self.actual_price_is) {
            (None, _) => vec![Event::AppRegistered { app_id: app_id.to_owned(), actual_price_is: now }],
            (Some(bound), Some(before)) if bound == app_id && before != now => {
                vec![Event::PriceMeaningChanged { from: before, to: now, revision: self.changes + 1 }]
            }
            _ => vec![],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
