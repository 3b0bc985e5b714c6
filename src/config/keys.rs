//! Lists of secrets: Tokens, EncodingAESKeys and AppKeys with their states.

use std::fs;
use std::path::Path;

use super::place::{Place, Placed, Problems};
use super::section::Section;
use crate::domain::evidence::KeyFingerprint;
use crate::wechat::crypt::AesKey;
use crate::wechat::secret::Secret;
use crate::wechat::signature::AppKey;

/// How the keys of a section are called that hold one secret: itself, or the file it stands in.
#[derive(Clone, Copy)]
pub struct SecretKeys {
    pub value: &'static str,
    pub file: &'static str,
}

const VALUE: SecretKeys = SecretKeys { value: "value", file: "value_file" };

/// What `init` writes where only the user knows the value.
pub const TO_FILL_IN: &str = "FILL-IN";

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyState {
    /// In use.
    Active,
    /// Still, or already, accepted while keys are changed.
    Accepted,
    /// Verifies history only.
    Retired,
}

impl KeyState {
    pub const WORDS: [(&str, Self); 3] =
        [("active", Self::Active), ("accepted", Self::Accepted), ("retired", Self::Retired)];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Accepted => "accepted",
            Self::Retired => "retired",
        }
    }
}

/// Where a secret itself stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySource {
    ConfigFile,
    ValueFile,
    Environment,
}

/// A key as it may be shown.
#[derive(Clone, Debug)]
pub struct KeySummary {
    /// Such as `production_keys` or `channel.general.tokens`.
    pub list: String,
    pub state: KeyState,
    pub source: KeySource,
    /// None for Tokens: they may be so short that a fingerprint would tell them.
    pub fingerprint: Option<KeyFingerprint>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    Token,
    EncodingAesKey,
    AppKey,
}

impl KeyKind {
    fn name(self) -> &'static str {
        match self {
            Self::Token => "Token",
            Self::EncodingAesKey => "EncodingAESKey",
            Self::AppKey => "AppKey",
        }
    }

    /// What is wrong with a value, without telling it.
    fn check(self, secret: &Secret) -> Result<(), String> {
        let text = secret.reveal();
        if text.is_empty() {
            return Err("is empty".to_owned());
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(format!(
                "the {} holds a blank or a character that is not ASCII; copy it again from WeChat's console",
                self.name()
            ));
        }
        match self {
            Self::Token if !is_token(text) => {
                Err("a Token has 3 to 32 ASCII letters and digits, this one does not".to_owned())
            }
            Self::EncodingAesKey => AesKey::parse(secret)
                .map(|_| ())
                .map_err(|error| format!("{error}; copy it from WeChat's console")),
            Self::Token | Self::AppKey => Ok(()),
        }
    }
}

fn is_token(text: &str) -> bool {
    (3..=32).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

#[derive(Clone)]
pub struct Key {
    pub state: KeyState,
    pub source: KeySource,
    pub secret: Placed<Secret>,
}

#[derive(Clone)]
pub struct KeyList {
    pub keys: Vec<Key>,
    /// As many as are written, of which some may be too wrong to stand in `keys`.
    written: usize,
}

impl KeyList {
    /// Whether the list lacks an active key for another reason than a problem told already.
    pub fn lacks_active(&self) -> bool {
        self.written == self.keys.len() && !self.keys.iter().any(|key| key.state == KeyState::Active)
    }

    /// Active ones first, then accepted ones.
    pub fn usable(&self) -> impl Iterator<Item = &Secret> {
        self.in_state(KeyState::Active).chain(self.in_state(KeyState::Accepted))
    }

    pub fn in_state(&self, state: KeyState) -> impl Iterator<Item = &Secret> {
        self.keys.iter().filter(move |key| key.state == state).map(|key| &key.secret.value)
    }

    /// `list` is how the app's owner would name the list.
    pub fn summaries(&self, list: &str, kind: KeyKind) -> Vec<KeySummary> {
        let fingerprint = |secret: &Secret| match kind {
            KeyKind::Token => None,
            KeyKind::EncodingAesKey | KeyKind::AppKey => {
                AppKey::new(secret.clone()).map(|key| key.fingerprint().clone())
            }
        };
        let summary = |key: &Key| KeySummary {
            list: list.to_owned(),
            state: key.state,
            source: key.source,
            fingerprint: fingerprint(&key.secret.value),
        };
        self.keys.iter().map(summary).collect()
    }
}

/// Reads the list at `key`; `None` if it is left out. `folder` is where relative `value_file`s start.
pub fn read(section: &mut Section<'_>, key: &'static str, kind: KeyKind, folder: &Path) -> Option<KeyList> {
    let items = section.items(key)?;
    let problems = section.problems();
    let mut keys: Vec<Key> = Vec::with_capacity(items.written);
    for item in items.sections {
        let Some(read) = read_key(item, &items.key, kind, folder) else { continue };
        if let Some(first) = keys.iter().find(|earlier| earlier.secret.value == read.secret.value) {
            read.secret
                .report(problems, format!("the same value stands in {}; remove one", first.secret.key));
        }
        keys.push(read);
    }
    Some(KeyList { keys, written: items.written })
}

fn read_key(mut item: Section<'_>, list_key: &str, kind: KeyKind, folder: &Path) -> Option<Key> {
    let problems = item.problems();
    let secret = read_secret(&mut item, folder, VALUE);
    if !item.has(VALUE.value) && !item.has(VALUE.file) {
        item.report("must be { value = \"…\" } or { value_file = \"path\" }");
    }
    let state = match item.choice("state", &KeyState::WORDS) {
        Some(state) => Some(state.value),
        None if item.has("state") => None,
        None => Some(KeyState::Active),
    };
    item.finish();
    let (secret, source) = secret?;
    if secret.value.reveal() == TO_FILL_IN {
        let message = format!("fill in the {} from WeChat's console", kind.name());
        problems.to_fill_in(&secret.place, list_key, message);
        return None;
    }
    if let Err(message) = kind.check(&secret.value) {
        secret.report(problems, message);
        return None;
    }
    Some(Key { state: state?, source, secret })
}

/// A secret and where it stands; `None` where there is none, and where it is wrong, which is told.
pub fn read_secret(
    item: &mut Section<'_>,
    folder: &Path,
    keys: SecretKeys,
) -> Option<(Placed<Secret>, KeySource)> {
    let (value, file) = (item.text(keys.value), item.text(keys.file));
    match (item.has(keys.value), item.has(keys.file)) {
        (true, false) => {
            let value = value?;
            let source = match value.place {
                Place::Line(_) => KeySource::ConfigFile,
                Place::Environment(_) => KeySource::Environment,
            };
            Some((Placed { place: value.place, key: value.key, value: Secret::new(value.value) }, source))
        }
        (false, true) => Some((read_value_file(&file?, folder, item.problems())?, KeySource::ValueFile)),
        (true, true) => {
            item.report(format!("has {} and {}; keep one of them", keys.value, keys.file));
            None
        }
        (false, false) => None,
    }
}

fn read_value_file(file: &Placed<String>, folder: &Path, problems: &Problems) -> Option<Placed<Secret>> {
    let path = folder.join(&file.value);
    match fs::read_to_string(&path) {
        Ok(text) => {
            // Editors end a file with a line break that is no part of the secret.
            let secret = Secret::new(text.trim_end_matches(['\r', '\n']).to_owned());
            Some(Placed { place: file.place.clone(), key: file.key.clone(), value: secret })
        }
        Err(error) => {
            file.report(problems, format!("cannot read {}: {error}", path.display()));
            None
        }
    }
}
