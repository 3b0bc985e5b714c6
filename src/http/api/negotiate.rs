//! Which of the formats that can be given a request asks for.

use axum::http::{HeaderMap, header};

use super::code::Code;
use super::error::ApiError;

/// The first of `offered` that Accept likes best; without an Accept header the first. `offered` are media types
/// without parameters.
pub fn best<'a>(headers: &HeaderMap, offered: &[&'a str]) -> Result<&'a str, ApiError> {
    let values: Vec<_> =
        headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let ranges: Vec<_> = values.iter().flat_map(|value| value.split(',')).filter_map(range).collect();
    if ranges.is_empty() {
        return offered.first().copied().ok_or_else(|| none_of(offered));
    }
    let mut best: Option<(&str, u16)> = None;
    for media_type in offered {
        let quality = quality(media_type, &ranges);
        if quality > best.map_or(0, |(_, quality)| quality) {
            best = Some((media_type, quality));
        }
    }
    best.map(|(media_type, _)| media_type).ok_or_else(|| none_of(offered))
}

fn none_of(offered: &[&str]) -> ApiError {
    let message = format!("Accept names none of the formats that can be given: {}", offered.join(", "));
    ApiError::new(Code::NotAcceptable, message)
}

/// One range of an Accept header, with its quality in thousandths.
struct Range<'a> {
    media: &'a str,
    quality: u16,
}

fn range(text: &str) -> Option<Range<'_>> {
    let mut parts = text.split(';').map(str::trim);
    let media = parts.next().filter(|media| !media.is_empty())?;
    let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
    Some(Range { media, quality: weight.map_or(1000, thousandths) })
}

/// `0.8` is 800. What cannot be read counts as not wanted.
fn thousandths(weight: &str) -> u16 {
    let (whole, fraction) = weight.split_once('.').unwrap_or((weight, ""));
    let digits = format!("{fraction:0<3}");
    match (whole, digits.get(..3).and_then(|digits| digits.parse::<u16>().ok())) {
        ("1", Some(_)) => 1000,
        ("0", Some(thousandths)) => thousandths,
        _ => 0,
    }
}

/// The most specific range decides.
fn quality(media_type: &str, ranges: &[Range<'_>]) -> u16 {
    let group = media_type.split('/').next().unwrap_or_default();
    let specificity = |range: &Range<'_>| match range.media {
        media if media.eq_ignore_ascii_case(media_type) => Some(2),
        "*/*" => Some(0),
        media => (media.strip_suffix("/*") == Some(group)).then_some(1),
    };
    let matching = ranges.iter().filter_map(|range| Some((specificity(range)?, range.quality)));
    matching.max().map_or(0, |(_, quality)| quality)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OFFERED: [&str; 3] =
        ["application/json", "text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"];

    #[test]
    fn accept_chooses_the_format_and_json_goes_first() {
        for (accept, chosen) in [
            (None, Some("application/json")),
            (Some(""), Some("application/json")),
            (Some("*/*"), Some("application/json")),
            (Some("text/csv"), Some("text/csv")),
            (Some("Text/CSV; charset=utf-8"), Some("text/csv")),
            (Some("text/*"), Some("text/csv")),
            (Some("text/html, */*;q=0.8"), Some("application/json")),
            (Some("application/json;q=0.5, text/csv"), Some("text/csv")),
            (Some("application/json;q=0.5, text/csv;q=0.499"), Some("application/json")),
            (Some("application/json;q=0, */*"), Some("text/csv")),
            (Some("text/csv;q=0"), None),
            (Some("text/html"), None),
            (Some("text/csv;q=x"), None),
        ] {
            let accept = accept.map(|accept| (header::ACCEPT, accept.parse().unwrap()));
            let found = best(&accept.into_iter().collect(), &OFFERED);
            assert_eq!(found.ok(), chosen, "{accept:?}", accept = chosen);
        }
    }
}
