//! Decimal texts as whole numbers of their smallest unit: exactly, or not at all.

/// `12.3` at two places is 1230. `None` where there are more decimals than `places`, anything else than digits,
/// one point and a minus in front, or too large a number.
pub fn parse(text: &str, places: u32) -> Option<i64> {
    let (is_negative, digits) = match text.as_bytes() {
        [b'-', rest @ ..] => (true, rest),
        all => (false, all),
    };
    let (whole, decimals) = match digits.iter().position(|byte| *byte == b'.') {
        Some(point) => (&digits[..point], &digits[point + 1..]),
        None => (digits, &[] as &[u8]),
    };
    let has_lonely_point = decimals.is_empty() && whole.len() != digits.len();
    let missing = places.checked_sub(u32::try_from(decimals.len()).ok()?)?;
    if whole.is_empty() || has_lonely_point {
        return None;
    }
    let mut number = 0_i64;
    for byte in whole.iter().chain(decimals) {
        if !byte.is_ascii_digit() {
            return None;
        }
        // Counted downwards: there is one negative number more.
        number = number.checked_mul(10)?.checked_sub(i64::from(byte - b'0'))?;
    }
    number = number.checked_mul(10_i64.checked_pow(missing)?)?;
    if is_negative { Some(number) } else { number.checked_neg() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_is_read_to_its_last_digit_or_refused() {
        for (text, places, number) in [
            ("0.01", 2, Some(1)),
            ("12.34", 2, Some(1234)),
            ("12.3", 2, Some(1230)),
            ("12", 2, Some(1200)),
            ("-12.34", 2, Some(-1234)),
            ("0.00", 2, Some(0)),
            ("-0.00", 2, Some(0)),
            ("0012.30", 2, Some(1230)),
            ("-0.00012", 5, Some(-12)),
            ("1234", 0, Some(1234)),
            ("92233720368547758.07", 2, Some(i64::MAX)),
            ("-92233720368547758.08", 2, Some(i64::MIN)),
            ("92233720368547758.08", 2, None),
            ("99999999999999999999", 0, None),
            ("0.001", 2, None),
            ("12.340", 2, None),
            ("12.0", 0, None),
            ("12.", 2, None),
            (".5", 2, None),
            ("", 2, None),
            ("-", 2, None),
            (".", 2, None),
            ("+1", 2, None),
            ("1,000.00", 2, None),
            ("1.2.3", 5, None),
            ("1e3", 2, None),
            (" 1", 2, None),
            ("１", 2, None),
            ("¥1", 2, None),
        ] {
            assert_eq!(parse(text, places), number, "{text:?} at {places}");
        }
    }
}
