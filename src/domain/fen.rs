//! Money: an integer count of fen (one hundredth of a yuan), with checked arithmetic only.

use std::fmt;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fen(pub i64);

impl Fen {
    pub fn checked_times(self, quantity: u32) -> Option<Self> {
        self.0.checked_mul(i64::from(quantity)).map(Self)
    }

    pub fn checked_plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    pub fn is_negative(self) -> bool {
        self.0 < 0
    }
}

impl fmt::Display for Fen {
    /// In yuan, as people read it: `12.30`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let fen = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", fen / 100, fen % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fen_are_shown_in_yuan_to_the_last_fen() {
        for (fen, shown) in
            [(0, "0.00"), (5, "0.05"), (1234, "12.34"), (-5, "-0.05"), (i64::MIN, "-92233720368547758.08")]
        {
            assert_eq!(Fen(fen).to_string(), shown);
        }
    }

    #[test]
    fn an_amount_too_large_to_count_is_none_never_a_wrong_figure() {
        assert_eq!(Fen(i64::MAX).checked_times(2), None);
        assert_eq!(Fen(600).checked_times(3), Some(Fen(1800)));
    }
}
