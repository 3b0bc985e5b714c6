//! Reads `[access.NAME]`: who may use the admin listener, as what.

use chrono::{DateTime, Days, NaiveDate, NaiveTime, Utc};

use super::place::{Placed, Problems, quoted};
use super::section::Section;
use crate::domain::app::AppSlug;
use crate::moment::in_beijing;

const NAME_CHARS_MAX: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Game,
    Support,
    Finance,
    Audit,
    Admin,
}

impl Role {
    pub const WORDS: [(&str, Self); 5] = [
        ("game", Self::Game),
        ("support", Self::Support),
        ("finance", Self::Finance),
        ("audit", Self::Audit),
        ("admin", Self::Admin),
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Game => "game",
            Self::Support => "support",
            Self::Finance => "finance",
            Self::Audit => "audit",
            Self::Admin => "admin",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::WORDS.into_iter().find(|(word, _)| *word == text).map(|(_, role)| role)
    }
}

/// A bearer token, of which only the hash is known.
#[derive(Clone, Debug)]
pub struct AccessToken {
    pub name: String,
    pub role: Role,
    pub token_sha256: [u8; 32],
    /// Sees this app only.
    pub app: Option<AppSlug>,
    /// From this moment on it is refused.
    pub expires: Option<DateTime<Utc>>,
}

/// Names appear in the log as who did something, and in environment variables.
pub fn check_name(name: &str) -> Result<(), String> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=NAME_CHARS_MAX).contains(&name.len()) && name.bytes().all(allowed) {
        Ok(())
    } else {
        Err(format!("a token's name must be 1 to {NAME_CHARS_MAX} of the characters a-z, 0-9 and -"))
    }
}

/// An RFC 3339 time, or a day: then the token holds to the end of that day in Beijing.
pub fn parse_expires(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    let next_day = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.checked_add_days(Days::new(1))?;
    let beijing = in_beijing(DateTime::UNIX_EPOCH).timezone();
    Some(next_day.and_time(NaiveTime::MIN).and_local_timezone(beijing).single()?.to_utc())
}

pub fn read(root: &mut Section<'_>, slugs: &[AppSlug]) -> Vec<AccessToken> {
    let problems = root.problems();
    let mut hashes: Vec<Placed<[u8; 32]>> = Vec::new();
    let mut tokens = Vec::new();
    for (name, mut section) in root.named_sections("access") {
        if let Err(message) = check_name(name) {
            section.report(message);
        }
        let role = section.choice("role", &Role::WORDS);
        if role.is_none() && !section.has("role") {
            section.report_key("role", "is missing: game, support, finance, audit or admin");
        }
        let hash = read_hash(&mut section);
        if let Some(hash) = &hash {
            match hashes.iter().find(|other| other.value == hash.value) {
                Some(other) => hash.report(problems, format!("is the same token as {}", other.key)),
                None => hashes.push(hash.clone()),
            }
        }
        let app = section.text("app").and_then(|app| known_app(&app, slugs, problems));
        let expires = section.date_text("expires").and_then(|text| {
            let time = parse_expires(&text.value);
            if time.is_none() {
                let message = format!(
                    "must be a day such as 2027-12-31 or a time such as 2027-12-31T18:00:00+08:00, not {}",
                    quoted(&text.value)
                );
                text.report(problems, message);
            }
            time
        });
        section.finish();
        if let (Some(role), Some(hash)) = (role, hash) {
            let (name, role) = (name.to_owned(), role.value);
            tokens.push(AccessToken { name, role, token_sha256: hash.value, app, expires });
        }
    }
    tokens
}

/// The app of this name, which must be configured.
pub fn known_app(text: &Placed<String>, slugs: &[AppSlug], problems: &Problems) -> Option<AppSlug> {
    let known = slugs.iter().find(|slug| slug.as_str() == text.value).cloned();
    if known.is_none() {
        text.report(
            problems,
            format!("there is no app {}: no section [app.SLUG] has this name", quoted(&text.value)),
        );
    }
    known
}

fn read_hash(section: &mut Section<'_>) -> Option<Placed<[u8; 32]>> {
    let Some(text) = section.text("token_sha256") else {
        if !section.has("token_sha256") {
            section.report_key(
                "token_sha256",
                "is missing (`order-ledger token new` makes a token and its SHA-256)",
            );
        }
        return None;
    };
    let mut hash = [0; 32];
    if hex::decode_to_slice(&text.value, &mut hash).is_err() {
        // The value is not shown: it may be the token itself.
        text.report(
            section.problems(),
            "must be 64 hex digits: the token's SHA-256 and not the token (`order-ledger token new` makes both)",
        );
        return None;
    }
    Some(Placed { place: text.place, key: text.key, value: hash })
}
