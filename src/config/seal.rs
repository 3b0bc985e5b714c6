//! The section `[seal]`: the key that signs seals, how often, and the keys that signed before.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::place::{Placed, Problems};
use super::section::Section;
use crate::ed25519::{PublicKey, SigningKey};
use crate::limits;
use crate::wechat::secret::Secret;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealConfig {
    /// Without it a server does not seal.
    pub key: Option<SealKey>,
    /// Of keys that sealed before, and of others whose seals are trusted.
    pub public_keys: Vec<PublicKey>,
    /// 1 to `limits::SEAL_MINUTES_MAX`.
    pub every_minutes: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealKey {
    /// As it is found from the folder that the program runs in.
    pub file: PathBuf,
    pub key: SigningKey,
}

impl SealConfig {
    /// The keys whose seals are trusted: its own first.
    pub fn trusted(&self) -> Vec<PublicKey> {
        let own = self.key.iter().map(|own| own.key.public());
        own.chain(self.public_keys.iter().copied()).collect()
    }
}

/// `folder` is where a relative `key_file` starts.
pub fn read(mut section: Section<'_>, folder: &Path) -> SealConfig {
    let problems = section.problems();
    let key = section.text("key_file").and_then(|file| read_key_file(&file, folder, problems));
    let public_keys = read_public_keys(&mut section);
    let minutes = 1..=limits::SEAL_MINUTES_MAX;
    let every_minutes = section.number("every_minutes", minutes, limits::SEAL_MINUTES);
    section.finish();
    SealConfig { key, public_keys, every_minutes }
}

fn read_public_keys(section: &mut Section<'_>) -> Vec<PublicKey> {
    let problems = section.problems();
    let mut keys = Vec::new();
    for text in section.texts("public_keys") {
        match PublicKey::parse(&text.value) {
            Ok(key) => keys.push(key),
            Err(error) => text.report(problems, error.to_string()),
        }
    }
    keys
}

fn read_key_file(file: &Placed<String>, folder: &Path, problems: &Problems) -> Option<SealKey> {
    let path = folder.join(&file.value);
    let shown = path.display();
    let text = match fs::read_to_string(&path) {
        Ok(text) => Secret::new(text),
        Err(error) => {
            let advice = match error.kind() {
                ErrorKind::NotFound => {
                    format!(
                        "make a key with `order-ledger seal --new-key {shown}`, or put the file in its place"
                    )
                }
                ErrorKind::PermissionDenied => {
                    "the file must be readable by the user that this program runs as".to_owned()
                }
                _ => "it must be a file with a private key in PEM".to_owned(),
            };
            file.report(problems, format!("cannot read {shown}: {error}; {advice}"));
            return None;
        }
    };
    match SigningKey::parse(text.reveal()) {
        Ok(key) => Some(SealKey { file: path, key }),
        Err(error) => {
            let message = format!(
                "{shown} {error}; make a key with `order-ledger seal --new-key FILE` or with `openssl genpkey \
                 -algorithm ed25519`"
            );
            file.report(problems, message);
            None
        }
    }
}
