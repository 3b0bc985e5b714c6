//! JSON read in exactly the form in which it is written, and in no other: what is read so would be written the same
//! again. Any other JSON is left to serde. Here also metadata, of which every event has one.

use std::borrow::Cow;

use super::Metadata;
use super::data::SCHEMA;
use crate::domain::app::AppSlug;
use crate::domain::environment::Environment;
use crate::domain::evidence::{Evidence, KeyFingerprint, SignatureEvidence, Transport};
use crate::moment;

/// Whether what was read stands as it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    Verbatim,
    /// Perhaps not.
    Any,
}

/// Of an event of the schema version that is written; `None` where a single byte differs from what would be written.
pub fn read(text: &str) -> Option<Metadata> {
    let mut rest = Rest::of(text);
    rest.literal("{\"schema\":")?;
    if rest.number()? != i64::from(SCHEMA) {
        return None;
    }
    let app = match rest.literal(",\"app\":") {
        Some(()) => Some(AppSlug::parse(&rest.text()?).ok()?),
        None => None,
    };
    rest.literal(",\"recorded_at\":")?;
    let recorded_at = moment::parse_own_stamp(&rest.text()?)?;
    let evidence = match rest.literal(",\"event\":") {
        Some(()) => Some(evidence(&mut rest)?),
        None => None,
    };
    rest.ends_with("}")?;
    Some(Metadata { app, recorded_at, evidence })
}

fn evidence(rest: &mut Rest<'_>) -> Option<Evidence> {
    let event = rest.text()?.into_owned();
    rest.literal(",\"payload\":")?;
    let payload = rest.text()?.into_owned();
    let signature = match rest.literal(",\"pay_event_sig\":") {
        Some(()) => Some(signature(rest)?),
        None => None,
    };
    rest.literal(",\"transport\":")?;
    let transport = Transport::parse(&rest.text()?)?;
    let create_time = match rest.literal(",\"create_time\":") {
        Some(()) => Some(rest.number()?),
        None => None,
    };
    rest.literal(",\"received_at\":")?;
    let received_at = moment::parse_own_stamp(&rest.text()?)?;
    Some(Evidence { event, payload, signature, transport, create_time, received_at })
}

fn signature(rest: &mut Rest<'_>) -> Option<SignatureEvidence> {
    let pay_event_sig = rest.text()?.into_owned();
    rest.literal(",\"verified_env\":")?;
    let verified_env = Environment::from_number(rest.number()?)?;
    rest.literal(",\"key_fingerprint\":")?;
    let key_fingerprint = KeyFingerprint(rest.text()?.into_owned());
    Some(SignatureEvidence { pay_event_sig, verified_env, key_fingerprint })
}

/// Bytes that stand in a text as they are.
static PLAIN: [bool; 256] = {
    let mut plain = [true; 256];
    let mut control = 0;
    while control < 0x20 {
        plain[control] = false;
        control += 1;
    }
    plain[b'"' as usize] = false;
    plain[b'\\' as usize] = false;
    plain
};

/// What has still to be read.
pub struct Rest<'a>(&'a str);

impl<'a> Rest<'a> {
    pub fn of(text: &'a str) -> Self {
        Self(text)
    }

    pub fn ends_with(&self, literal: &str) -> Option<()> {
        (self.0 == literal).then_some(())
    }

    pub fn literal(&mut self, literal: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(literal)?;
        Some(())
    }

    /// A whole number without zeros before it.
    pub fn number(&mut self) -> Option<i64> {
        let end = self.0.bytes().position(|byte| byte != b'-' && !byte.is_ascii_digit())?;
        let (digits, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        match digits.as_bytes() {
            [b'0', _, ..] | [b'-', b'0', ..] => None,
            _ => digits.parse().ok(),
        }
    }

    pub fn text(&mut self) -> Option<Cow<'a, str>> {
        self.literal("\"")?;
        let begin = self.plain()?;
        if self.literal("\"").is_some() {
            return Some(Cow::Borrowed(begin));
        }
        // Nothing is longer unescaped.
        let mut text = String::with_capacity(begin.len() + self.0.len());
        text.push_str(begin);
        while self.literal("\"").is_none() {
            text.push(self.escaped()?);
            text.push_str(self.plain()?);
        }
        text.shrink_to_fit();
        Some(Cow::Owned(text))
    }

    /// A text behind the name of its field, where that comes next.
    pub fn optional_text(&mut self, name: &str) -> Option<Option<Cow<'a, str>>> {
        match self.literal(name) {
            Some(()) => self.text().map(Some),
            None => Some(None),
        }
    }

    fn plain(&mut self) -> Option<&'a str> {
        let is_special = |byte: u8| !PLAIN.get(usize::from(byte)).copied().unwrap_or(false);
        let (plain, rest) = self.0.split_at_checked(self.0.bytes().position(is_special)?)?;
        self.0 = rest;
        Some(plain)
    }

    /// A character as serde_json escapes it: briefly where there is a letter for it, else with its number in lower
    /// case; no others are escaped.
    fn escaped(&mut self) -> Option<char> {
        let (character, length) = match self.0.as_bytes() {
            [b'\\', b'"', ..] => ('"', 2),
            [b'\\', b'\\', ..] => ('\\', 2),
            [b'\\', b'b', ..] => ('\u{8}', 2),
            [b'\\', b't', ..] => ('\t', 2),
            [b'\\', b'n', ..] => ('\n', 2),
            [b'\\', b'f', ..] => ('\u{c}', 2),
            [b'\\', b'r', ..] => ('\r', 2),
            [b'\\', b'u', b'0', b'0', high @ (b'0' | b'1'), low @ (b'0'..=b'9' | b'a'..=b'f'), ..] => {
                let low = if low.is_ascii_digit() { low - b'0' } else { low - b'a' + 10 };
                let control = (high - b'0') * 16 + low;
                if matches!(control, 0x8 | b'\t' | b'\n' | 0xc | b'\r') {
                    return None;
                }
                (char::from(control), 6)
            }
            _ => return None,
        };
        self.0 = self.0.get(length..)?;
        Some(character)
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use proptest::prelude::*;

    use super::super::metadata;
    use super::*;

    prop_compose! {
        fn any_evidence()(
            (event, payload, sig, fingerprint) in (".*", "([\\x00-\\x7f]|.){0,20}", ".*", ".*"),
            (is_signed, is_sandbox, is_plain) in any::<(bool, bool, bool)>(),
            create_time in proptest::option::of(prop_oneof![any::<i64>(), -9..10_i64]),
            received_millis in 0..4_000_000_000_000_i64,
        ) -> Evidence {
            Evidence {
                event,
                payload,
                signature: is_signed.then_some(SignatureEvidence {
                    pay_event_sig: sig,
                    verified_env: if is_sandbox { Environment::Sandbox } else { Environment::Production },
                    key_fingerprint: KeyFingerprint(fingerprint),
                }),
                transport: if is_plain { Transport::Plain } else { Transport::Encrypted },
                create_time,
                received_at: DateTime::from_timestamp_millis(received_millis).unwrap(),
            }
        }
    }

    prop_compose! {
        fn any_metadata()(
            app in proptest::option::of("[a-z0-9]{1,32}"),
            recorded_millis in -62_167_219_200_000..253_402_300_800_000_i64,
            evidence in proptest::option::of(any_evidence()),
        ) -> Metadata {
            Metadata {
                app: app.map(|app| AppSlug::parse(&app).unwrap()),
                recorded_at: DateTime::from_timestamp_millis(recorded_millis).unwrap(),
                evidence,
            }
        }
    }

    /// What is read is what would be written and what serde reads.
    fn reads_only_what_is_written(text: &str) {
        let by_serde = metadata::decode(text);
        let is_written = by_serde.as_ref().is_ok_and(|(metadata, schema)| {
            *schema == SCHEMA && metadata::is_written_as(metadata, text).unwrap()
        });
        let expected = by_serde.ok().filter(|_| is_written).map(|(metadata, _)| metadata);
        if let Some(metadata) = read(text) {
            assert_eq!(Some(metadata), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn all_that_is_written_is_read(metadata in any_metadata()) {
            prop_assert_eq!(read(&metadata::encode(&metadata).unwrap()), Some(metadata));
        }

        #[test]
        fn what_was_altered_is_read_only_where_it_would_be_written_so(
            metadata in any_metadata(),
            place in any::<prop::sample::Index>(),
            (removed, put) in (0..3_usize, "[\\x00-\\x7f]{0,2}|\\\\[\"\\\\/bfnrtu]|\\\\u00[01][0-9a-fA-F]|\\\\u4e2d|.| "),
        ) {
            let mut characters: Vec<char> = metadata::encode(&metadata).unwrap().chars().collect();
            let begin = place.index(characters.len());
            let end = (begin + removed).min(characters.len());
            characters.splice(begin..end, put.chars());
            reads_only_what_is_written(&characters.into_iter().collect::<String>());
        }
    }

    #[test]
    fn any_escape_is_read_exactly_where_it_is_the_one_that_is_written() {
        let with = |event: &str| {
            format!(
                r#"{{"schema":1,"recorded_at":"2026-01-01T00:00:00.000Z","event":"{event}","payload":"","transport":"plain","received_at":"2026-01-01T00:00:00.000Z"}}"#
            )
        };
        assert!(read(&with("")).is_some());
        let mut read_ones = 0;
        for code in 0..=0x1ff_u32 {
            let numbers = [format!("\\u{code:04x}"), format!("\\u{code:04X}")];
            let letter = char::from_u32(code).map(|character| format!("\\{character}"));
            let raw = char::from_u32(code).map(String::from);
            for escape in numbers.into_iter().chain(letter).chain(raw) {
                let text = with(&escape);
                reads_only_what_is_written(&text);
                read_ones += usize::from(read(&text).is_some());
            }
        }
        // 27 controls have a number, 18 of them one that is the same in either case; 7 characters have a letter; all
        // but these 7 and the 27 stand as they are.
        assert_eq!(read_ones, 27 + 18 + 7 + (0x200 - 7 - 27));
    }

    #[test]
    fn numbers_and_moments_are_read_only_as_they_are_written() {
        let good = r#"{"schema":1,"app":"demo","recorded_at":"2026-01-01T00:00:00.123Z","event":"e","payload":"{}","pay_event_sig":"s","verified_env":1,"key_fingerprint":"k","transport":"plain","create_time":17,"received_at":"2026-01-01T00:00:00.123Z"}"#;
        assert!(read(good).is_some());
        for (before, after) in [
            (":17", ":017"),
            (":17", ":-0"),
            (":17", ":+17"),
            (":17", ":17.0"),
            (":17", ":1e1"),
            (":17", ":9223372036854775808"),
            (":17", ":null"),
            (":17", ": 17"),
            (":1,", ":2,"),
            (":1,", ":01,"),
            ("\"e\"", "null"),
            ("0.123Z", "0.1230Z"),
            ("0.123Z", "0.12Z"),
            ("0.123Z", "0.123z"),
            ("0.123Z", "0.123+00:00"),
            ("T00:00:00.123", "T24:00:00.123"),
            // A leap second, which is left to serde.
            ("T00:00:00.123", "T23:59:60.123"),
            ("01-01T", "02-29T"),
            ("01-01T", "00-01T"),
            ("01T", "01 "),
            ("demo", "Demo"),
            ("plain", "other"),
            ("\"verified_env\":1,", ""),
            ("\"app\":\"demo\",", "\"app\":\"demo\",\"app\":\"demo\","),
            ("Z\"}", "Z\"} "),
            ("{\"schema", " {\"schema"),
        ] {
            let other = good.replacen(before, after, 1);
            assert_ne!(other, good);
            reads_only_what_is_written(&other);
            assert_eq!(read(&other), None, "{other}");
        }
        for (before, after) in [(":17", ":-17"), (":17", ":0"), (":17", ":-9223372036854775808")] {
            let other = good.replacen(before, after, 1);
            reads_only_what_is_written(&other);
            assert!(read(&other).is_some(), "{other}");
        }
    }
}
