//! A share between 0 and 1, kept as an integer count of millionths.

use std::str::FromStr;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share(u32);

const MILLION: u32 = 1_000_000;

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is no share: write a decimal between 0 and 1 with at most six places, like 0.05")]
pub struct ShareError(String);

impl Share {
    pub const NONE: Self = Self(0);
    pub const ALL: Self = Self(MILLION);

    pub const fn percent(percent: u32) -> Self {
        Self(percent * (MILLION / 100))
    }

    pub const fn per_mille(per_mille: u32) -> Self {
        Self(per_mille * (MILLION / 1000))
    }

    /// That share of `count`, rounded up.
    pub fn of(self, count: usize) -> usize {
        let exact = (count as u128 * u128::from(self.0)).div_ceil(u128::from(MILLION));
        usize::try_from(exact).unwrap_or(usize::MAX)
    }
}

impl FromStr for Share {
    type Err = ShareError;

    fn from_str(text: &str) -> Result<Self, ShareError> {
        let error = || ShareError(text.chars().take(40).collect());
        let (whole, places) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if text.is_empty()
            || !matches!(whole, "" | "0" | "1")
            || !(1..=6).contains(&places.len())
            || !digits(places)
        {
            return Err(error());
        }
        let millionths: u32 = format!("{places:0<6}").parse().map_err(|_| error())?;
        let total = millionths + if whole == "1" { MILLION } else { 0 };
        if total <= MILLION { Ok(Self(total)) } else { Err(error()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_read_to_the_millionth_without_rounding() {
        for (text, millionths) in [
            ("0", Some(0)),
            ("1", Some(1_000_000)),
            ("1.0", Some(1_000_000)),
            ("0.05", Some(50_000)),
            (".5", Some(500_000)),
            ("0.000001", Some(1)),
            ("0.0000001", None),
            ("1.000001", None),
            ("2", None),
            ("-0.1", None),
            ("0.", None),
            ("", None),
            ("5%", None),
            ("1e-3", None),
        ] {
            assert_eq!(text.parse::<Share>().ok(), millionths.map(Share), "{text:?}");
        }
    }

    #[test]
    fn a_share_of_something_is_rounded_up() {
        for (share, count, of) in [("0.1", 1000, 100), ("0.001", 10, 1), ("0", 10, 0), ("1", 7, 7)] {
            assert_eq!(share.parse::<Share>().unwrap().of(count), of);
        }
    }
}
