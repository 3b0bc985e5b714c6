//! The names a bill carries, each valid by construction: the merchant's number, the kind, the file's hash.

use std::fmt;

const MERCHANT_DIGITS_MAX: usize = 32;
const KIND_CHARS_MAX: usize = 32;
const SHA256_DIGITS: usize = 64;

/// Says what a name must be. What was given is repeated only where it can be no secret and no cell of a bill.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BillNameError {
    #[error("a merchant's number must be 1 to {MERCHANT_DIGITS_MAX} digits")]
    Merchant,
    #[error("a bill's kind must be 1 to {KIND_CHARS_MAX} of the characters a-z, 0-9 and _")]
    Kind,
    #[error("a SHA-256 must be {SHA256_DIGITS} digits of 0-9 and a-f")]
    Sha256,
}

/// 商户号: to whom payments go.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MerchantId(String);

impl MerchantId {
    pub fn parse(text: &str) -> Result<Self, BillNameError> {
        let is_valid =
            (1..=MERCHANT_DIGITS_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_valid { Ok(Self(text.to_owned())) } else { Err(BillNameError::Merchant) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MerchantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which bill of a day: one of WeChat's, or that of a profile, by its name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BillKind(String);

impl BillKind {
    /// Payments and refunds together.
    pub fn all() -> Self {
        Self("all".into())
    }

    /// Payments only.
    pub fn success() -> Self {
        Self("success".into())
    }

    /// Refunds only.
    pub fn refund() -> Self {
        Self("refund".into())
    }

    /// 资金账单: the money's movements.
    pub fn fundflow() -> Self {
        Self("fundflow".into())
    }

    pub fn parse(text: &str) -> Result<Self, BillNameError> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        let is_valid = (1..=KIND_CHARS_MAX).contains(&text.len()) && text.bytes().all(allowed);
        if is_valid { Ok(Self(text.to_owned())) } else { Err(BillNameError::Kind) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BillKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What names a file's content: 64 hex digits.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sha256Hex(String);

impl Sha256Hex {
    pub fn of_digest(digest: &[u8; 32]) -> Self {
        Self(digest.iter().map(|byte| format!("{byte:02x}")).collect())
    }

    pub fn parse(text: &str) -> Result<Self, BillNameError> {
        let allowed = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_valid = text.len() == SHA256_DIGITS && text.bytes().all(allowed);
        if is_valid { Ok(Self(text.to_owned())) } else { Err(BillNameError::Sha256) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Sha256Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_merchants_number_is_digits_a_kind_a_short_word_and_a_hash_hex() {
        let (digits, letters, hash) = ("1".repeat(33), "a".repeat(33), "0a".repeat(32));
        for (text, merchant, kind, sha256) in [
            ("1900000109", true, true, false),
            ("all", false, true, false),
            ("my_profile_2", false, true, false),
            (&digits[1..], true, true, false),
            (&digits, false, false, false),
            (&letters, false, false, false),
            (&hash, false, false, true),
            (&hash.to_uppercase(), false, false, false),
            ("", false, false, false),
            ("商户", false, false, false),
            ("a.b", false, false, false),
            ("All", false, false, false),
        ] {
            let found = (
                MerchantId::parse(text).is_ok(),
                BillKind::parse(text).is_ok(),
                Sha256Hex::parse(text).is_ok(),
            );
            assert_eq!(found, (merchant, kind, sha256), "{text:?}");
        }
        for kind in [BillKind::all(), BillKind::success(), BillKind::refund(), BillKind::fundflow()] {
            assert_eq!(BillKind::parse(kind.as_str()), Ok(kind));
        }
        assert_eq!(Sha256Hex::of_digest(&[10; 32]).as_str(), hash);
    }
}
