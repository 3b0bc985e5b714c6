//! Fresh secrets, from the generator of the operating system, and the files that hold them.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::TryRng;
use rand::rngs::SysRng;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::ed25519::{SEED_BYTES, key_file};

const LETTERS_AND_DIGITS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const HEX_DIGITS: &[u8; 16] = b"0123456789abcdef";
const ACCESS_TOKEN_BYTES: usize = 32;
/// Lets a secret scanner, and a person, see what it is.
const ACCESS_TOKEN_PREFIX: &str = "olt_";

/// A token for the admin listener, and what of it the configuration holds.
pub struct AccessToken {
    pub token: String,
    pub sha256: String,
}

pub fn access_token() -> anyhow::Result<AccessToken> {
    let token = format!("{ACCESS_TOKEN_PREFIX}{}", URL_SAFE_NO_PAD.encode(random::<ACCESS_TOKEN_BYTES>()?));
    let sha256 = hex::encode(Sha256::digest(token.as_bytes()));
    Ok(AccessToken { token, sha256 })
}

/// A key that signs seals, as its file holds it.
pub fn seal_key() -> anyhow::Result<Zeroizing<String>> {
    let seed = Zeroizing::new(random::<SEED_BYTES>()?);
    Ok(key_file(&seed))
}

/// Writes a file that only its owner can read. One that is there stays as it is: that is an error.
pub fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// As WeChat's console accepts a Token, and makes an EncodingAESKey.
pub fn letters_and_digits(count: usize) -> anyhow::Result<String> {
    // 62 of the 64 values of six bits are used and the others drawn again, so that all are equally likely.
    characters(count, |byte| LETTERS_AND_DIGITS.get(usize::from(byte & 0x3f)))
}

pub fn hex_digits(count: usize) -> anyhow::Result<String> {
    characters(count, |byte| HEX_DIGITS.get(usize::from(byte & 0x0f)))
}

fn characters(count: usize, character: impl Fn(u8) -> Option<&'static u8>) -> anyhow::Result<String> {
    let mut text = String::with_capacity(count);
    while text.len() < count {
        let drawn = random::<64>()?;
        let missing = count - text.len();
        text.extend(drawn.into_iter().filter_map(&character).take(missing).map(|byte| char::from(*byte)));
    }
    Ok(text)
}

fn random<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    SysRng.try_fill_bytes(&mut bytes).context("the operating system gives no random numbers")?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_secrets_have_their_length_and_characters_and_differ() {
        let text = letters_and_digits(4096).unwrap();
        assert_eq!(text.len(), 4096);
        assert!(LETTERS_AND_DIGITS.iter().all(|byte| text.contains(char::from(*byte))));
        assert!(text.bytes().all(|byte| LETTERS_AND_DIGITS.contains(&byte)));
        assert!(hex_digits(16).unwrap().bytes().all(|byte| HEX_DIGITS.contains(&byte)));
        assert_ne!(letters_and_digits(32).unwrap(), letters_and_digits(32).unwrap());
    }

    #[test]
    fn an_access_token_has_256_bits_and_its_hash_is_of_the_text_as_it_is_sent() {
        let access = access_token().unwrap();
        let random = access.token.strip_prefix(ACCESS_TOKEN_PREFIX).unwrap();
        assert_eq!(URL_SAFE_NO_PAD.decode(random).unwrap().len(), 32);
        assert_eq!(access.sha256, hex::encode(Sha256::digest(&access.token)));
    }
}
