//! The identifiers that pushes carry, each valid by construction.

use std::fmt;

/// Says which rule an identifier breaks, and where.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum IdError {
    #[error("is empty")]
    Empty,
    #[error("is {length} characters long, at most {max} are allowed")]
    TooLong { length: usize, max: usize },
    #[error("has {character:?} as character {place}; allowed are {allowed}")]
    Character { character: char, place: usize, allowed: &'static str },
}

fn check(
    text: &str,
    max: usize,
    allowed: &'static str,
    allows: impl Fn(char) -> bool,
) -> Result<String, IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    // No text has more characters than bytes.
    if text.len() > max {
        let length = text.chars().count();
        if length > max {
            return Err(IdError::TooLong { length, max });
        }
    }
    match text.chars().enumerate().find(|(_, character)| !allows(*character)) {
        Some((index, character)) => Err(IdError::Character { character, place: index + 1, allowed }),
        None => Ok(text.to_owned()),
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $max:literal, $allowed:literal, $allows:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            pub fn parse(text: &str) -> Result<Self, IdError> {
                check(text, $max, $allowed, $allows).map(Self)
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// The order number: at most 32 digits, letters and `_-|*@`. A leading `_` means that the platform
    /// filled it in. (WeChat's rule for `outTradeNo`.)
    OutTradeNo, 32, "digits, letters and _-|*@",
    |c| matches!(c, '0'..='9' | 'a'..='z' | 'A'..='Z' | '_' | '-' | '|' | '*' | '@')
);

id!(
    /// The number of one refund; an order can have several. WeChat documents no rule for it.
    RefundId, 128, "visible ASCII characters", |c| c.is_ascii_graphic()
);

id!(
    /// The number of one gift. WeChat documents no rule for it.
    GiftOrderId, 128, "visible ASCII characters", |c| c.is_ascii_graphic()
);

id!(
    /// The player, as this app knows him.
    OpenId, 128, "characters other than control characters and blanks",
    |c| !c.is_control() && !c.is_whitespace()
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_number_keeps_wechats_rule_and_an_odd_one_is_named_with_its_place() {
        let long = "1".repeat(33);
        for (text, error) in [
            ("ORD-20260101-0001", None),
            ("_platform|a*b@c", None),
            (&"9".repeat(32), None),
            ("", Some("is empty")),
            (&long, Some("is 33 characters long, at most 32 are allowed")),
            ("a b", Some("has ' ' as character 2; allowed are digits, letters and _-|*@")),
            ("单号", Some("has '单' as character 1; allowed are digits, letters and _-|*@")),
            ("a\n", Some("has '\\n' as character 2; allowed are digits, letters and _-|*@")),
        ] {
            let found = OutTradeNo::parse(text).err().map(|error| error.to_string());
            assert_eq!(found.as_deref(), error, "{text:?}");
        }
    }
}
