//! Ed25519: the key that signs seals, as a file holds it, and the public keys that verify them.

use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use zeroize::Zeroizing;

pub const SEED_BYTES: usize = 32;
pub const PUBLIC_KEY_BYTES: usize = 32;
pub const SIGNATURE_BYTES: usize = 64;

/// PKCS#8, version 1, of Ed25519: what stands before the seed (RFC 8410).
const PKCS8_V1: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
const BEGIN: &str = "-----BEGIN ";
const PRIVATE_KEY: &str = "PRIVATE KEY-----";
const END: &str = "-----END ";

/// Why a text is no key that can sign. Holds nothing of the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFileError {
    #[error("is no PEM file: it must begin with -----BEGIN PRIVATE KEY-----")]
    NotPem,
    #[error(
        "is encrypted, and nobody is asked for its password: keep the key unencrypted, readable by its owner only"
    )]
    Encrypted,
    #[error("holds something else than a private key in PKCS#8")]
    NotPrivateKey,
    #[error("holds no Ed25519 key, or a damaged one")]
    NotEd25519,
}

/// Why a text is no public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be the 64 hex digits of an Ed25519 public key, as a seal shows it")]
pub struct PublicKeyError;

/// 32 bytes, written in hex.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey([u8; PUBLIC_KEY_BYTES]);

impl PublicKey {
    pub fn parse(text: &str) -> Result<Self, PublicKeyError> {
        let mut bytes = [0; PUBLIC_KEY_BYTES];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| PublicKeyError)?;
        Ok(Self(bytes))
    }

    pub fn has_signed(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({self})")
    }
}

/// A key that signs. It is shown nowhere; its public key stands for it.
#[derive(Clone)]
pub struct SigningKey {
    pair: Arc<Ed25519KeyPair>,
    public: PublicKey,
}

impl SigningKey {
    /// Reads PKCS#8 in PEM, as `openssl genpkey -algorithm ed25519` and [`key_file`] write it.
    pub fn parse(text: &str) -> Result<Self, KeyFileError> {
        let der = from_pem(text)?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(&der).map_err(|_| KeyFileError::NotEd25519)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| KeyFileError::NotEd25519)?;
        Ok(Self { pair: Arc::new(pair), public: PublicKey(public) })
    }

    pub fn public(&self) -> PublicKey {
        self.public
    }

    /// The same message has the same signature.
    pub fn sign(&self, message: &[u8]) -> [u8; SIGNATURE_BYTES] {
        let mut signature = [0; SIGNATURE_BYTES];
        // ring's signature is a slice of just that length.
        for (byte, signed) in signature.iter_mut().zip(self.pair.sign(message).as_ref()) {
            *byte = *signed;
        }
        signature
    }
}

impl PartialEq for SigningKey {
    fn eq(&self, other: &Self) -> bool {
        self.public == other.public
    }
}

impl Eq for SigningKey {}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey(… of {})", self.public)
    }
}

/// A key file for a seed, which is the key.
pub fn key_file(seed: &[u8; SEED_BYTES]) -> Zeroizing<String> {
    let der = Zeroizing::new([PKCS8_V1.as_slice(), seed].concat());
    let text = Zeroizing::new(STANDARD.encode(&*der));
    Zeroizing::new(format!("{BEGIN}{PRIVATE_KEY}\n{}\n{END}{PRIVATE_KEY}\n", &*text))
}

/// The first block of a PEM file, which must be a private key.
fn from_pem(text: &str) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    let mut lines = text.lines().map(str::trim).skip_while(|line| !line.starts_with(BEGIN));
    let label = lines.next().and_then(|line| line.strip_prefix(BEGIN)).ok_or(KeyFileError::NotPem)?;
    match label {
        PRIVATE_KEY => {}
        label if label.starts_with("ENCRYPTED ") => return Err(KeyFileError::Encrypted),
        _ => return Err(KeyFileError::NotPrivateKey),
    }
    let mut body = Zeroizing::new(String::new());
    for line in lines {
        if line.starts_with(END) {
            return STANDARD.decode(&*body).map(Zeroizing::new).map_err(|_| KeyFileError::NotPem);
        }
        body.push_str(line);
    }
    Err(KeyFileError::NotPem)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `openssl genpkey -algorithm ed25519` wrote it, and what `openssl pkey -pubout` said of it.
    const OPENSSL: &str = "-----BEGIN PRIVATE KEY-----\n\
        MC4CAQAwBQYDK2VwBCIEIH6z2GBZy3ZHpf2TomuU8cA+HDnDQO7SvAOmvdnDWekJ\n\
        -----END PRIVATE KEY-----\n";
    const OPENSSL_PUBLIC: &str = "878ffc31df7be0829f7753fd188a825068c75ab336ac2f5b0a734f5b58bc0bdb";

    fn seed(text: &str) -> [u8; SEED_BYTES] {
        hex::decode(text).unwrap().try_into().unwrap()
    }

    #[test]
    fn a_key_file_of_openssl_is_read() {
        let key = SigningKey::parse(OPENSSL).unwrap();
        assert_eq!(key.public().to_string(), OPENSSL_PUBLIC);
        let with_more = format!("Bag Attributes\n  none\n{}\n", OPENSSL.replace('\n', "\r\n"));
        assert_eq!(SigningKey::parse(&with_more).unwrap(), key);
    }

    #[test]
    fn a_key_file_of_our_own_is_what_openssl_would_write() {
        let der = from_pem(OPENSSL).unwrap();
        let seed: [u8; SEED_BYTES] = der[PKCS8_V1.len()..].try_into().unwrap();
        assert_eq!(&*key_file(&seed), OPENSSL);
    }

    #[test]
    fn signatures_are_those_of_rfc_8032() {
        // RFC 8032, 7.1: TEST 1, TEST 2 and TEST 3.
        for (secret, public, message, signature) in [
            (
                "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
                "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
                "",
                "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155\
                 5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
            ),
            (
                "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
                "72",
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
                 085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
            ),
            (
                "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
                "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
                "af82",
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
                 18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
            ),
        ] {
            let key = SigningKey::parse(&key_file(&seed(secret))).unwrap();
            let message = hex::decode(message).unwrap();
            assert_eq!(key.public().to_string(), public);
            assert_eq!(hex::encode(key.sign(&message)), signature);
            let signature = hex::decode(signature).unwrap();
            assert!(key.public().has_signed(&message, &signature));
            assert!(!key.public().has_signed(b"something else", &signature));
            assert!(!key.public().has_signed(&message, &signature[1..]));
        }
    }

    #[test]
    fn what_is_no_key_is_told_without_showing_it() {
        let block =
            |label: &str, body: &str| format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n");
        let (seed, line) = ("c2VjcmV0", OPENSSL.lines().nth(1).unwrap());
        for (text, error) in [
            (String::new(), KeyFileError::NotPem),
            (line.to_owned(), KeyFileError::NotPem),
            (OPENSSL.lines().take(2).collect::<Vec<_>>().join("\n"), KeyFileError::NotPem),
            (block("PRIVATE KEY", "*"), KeyFileError::NotPem),
            (block("PRIVATE KEY", seed), KeyFileError::NotEd25519),
            (
                block("PRIVATE KEY", &line.replace("MC4CAQAwBQYDK2Vw", "MC4CAQAwBQYDK2Vx")),
                KeyFileError::NotEd25519,
            ),
            (block("ENCRYPTED PRIVATE KEY", seed), KeyFileError::Encrypted),
            (block("RSA PRIVATE KEY", seed), KeyFileError::NotPrivateKey),
            (block("PUBLIC KEY", seed), KeyFileError::NotPrivateKey),
        ] {
            assert_eq!(SigningKey::parse(&text), Err(error), "{text}");
            assert!(!error.to_string().contains(seed));
        }
        let key = SigningKey::parse(OPENSSL).unwrap();
        assert_eq!(format!("{key:?}"), format!("SigningKey(… of {OPENSSL_PUBLIC})"));
    }

    #[test]
    fn a_public_key_is_32_bytes_in_hex() {
        for (text, is_one) in [
            (OPENSSL_PUBLIC, true),
            (&OPENSSL_PUBLIC.to_uppercase(), true),
            (&OPENSSL_PUBLIC[2..], false),
            (&OPENSSL_PUBLIC.replace('f', "g").replace('0', "x"), false),
            ("", false),
        ] {
            assert_eq!(PublicKey::parse(text).is_ok(), is_one, "{text:?}");
        }
    }
}
