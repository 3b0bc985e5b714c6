//! WeChat's signatures: of the URL (SHA-1 over sorted parts) and of a payload (PayEventSig, HMAC-SHA256).
//!
//! [`verify`] is the only maker of [`Verified`], and business fields are read from a `Verified` only:
//! a forgotten check does not compile.

use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use super::json::Json;
use super::secret::Secret;
use crate::domain::environment::Environment;
use crate::domain::evidence::{KeyFingerprint, SignatureEvidence};

/// `hex(sha1(concat(sort(parts))))`, sorted by bytes. URL check and plain mode sign Token, timestamp and
/// nonce; security mode adds the encrypted text.
pub fn sha1_of_sorted<const N: usize>(mut parts: [&str; N]) -> String {
    parts.sort_unstable();
    let mut sha1 = Sha1::new();
    for part in parts {
        sha1.update(part);
    }
    hex::encode(sha1.finalize())
}

/// Compares in constant time, hex of either case.
pub fn hex_equal(expected: &str, received: &str) -> bool {
    let same = |(expected, received): (u8, u8)| expected.ct_eq(&received.to_ascii_lowercase());
    let pairs = expected.bytes().zip(received.bytes()).map(same);
    expected.len() == received.len() && bool::from(pairs.fold(Choice::from(1), |all, same| all & same))
}

/// An app's key for PayEventSig, ready to compute with.
#[derive(Clone)]
pub struct AppKey {
    secret: Secret,
    mac: Hmac<Sha256>,
    fingerprint: KeyFingerprint,
}

impl AppKey {
    /// `None` for the empty text, which would sign for anybody.
    pub fn new(secret: Secret) -> Option<Self> {
        if secret.reveal().is_empty() {
            return None;
        }
        // HMAC takes a key of any length.
        let mac = Hmac::<Sha256>::new_from_slice(secret.reveal().as_bytes()).ok()?;
        let named = mac.clone().chain_update(b"order-ledger key fingerprint").finalize().into_bytes();
        Some(Self { secret, mac, fingerprint: KeyFingerprint(hex::encode(&named[..8])) })
    }

    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// Names the key without telling it.
    pub fn fingerprint(&self) -> &KeyFingerprint {
        &self.fingerprint
    }

    /// PayEventSig: `lower_hex(HMAC_SHA256(AppKey, Event + "&" + Payload))`.
    pub fn pay_event_sig(&self, event: &str, payload: &str) -> String {
        hex::encode(self.signed(event, payload))
    }

    /// The bytes of PayEventSig.
    fn signed(&self, event: &str, payload: &str) -> [u8; 32] {
        let mut mac = self.mac.clone();
        mac.update(event.as_bytes());
        mac.update(b"&");
        mac.update(payload.as_bytes());
        mac.finalize().into_bytes().into()
    }
}

impl std::fmt::Debug for AppKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "AppKey({})", self.fingerprint.0)
    }
}

/// The keys of one environment.
#[derive(Clone, Copy, Debug)]
pub struct EnvironmentKeys<'a> {
    pub env: Environment,
    pub keys: &'a [AppKey],
}

/// A payload whose PayEventSig has been verified.
#[derive(Debug)]
pub struct Verified<'a> {
    pub event: &'a str,
    pub fields: &'a Json<'a>,
    pub signature: SignatureEvidence,
}

/// Tries the keys in their order and returns the first that verifies.
pub fn verify<'a>(
    candidates: &[EnvironmentKeys<'_>],
    event: &'a str,
    payload: &str,
    fields: &'a Json<'a>,
    pay_event_sig: &str,
) -> Option<Verified<'a>> {
    // Hex of either case, and nothing else.
    let mut received = [0; 32];
    hex::decode_to_slice(pay_event_sig, &mut received).ok()?;
    let of_env = |candidate: &EnvironmentKeys<'_>| {
        // In constant time.
        let matches = |key: &&AppKey| bool::from(key.signed(event, payload).ct_eq(&received));
        candidate.keys.iter().find(matches).map(|key| SignatureEvidence {
            pay_event_sig: pay_event_sig.to_owned(),
            verified_env: candidate.env,
            key_fingerprint: key.fingerprint().clone(),
        })
    };
    let signature = candidates.iter().find_map(of_env)?;
    Some(Verified { event, fields, signature })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> AppKey {
        AppKey::new(Secret::new(text.into())).unwrap()
    }

    #[test]
    fn the_documented_url_check_and_plain_push_verify() {
        for (timestamp, nonce, signature) in [
            ("1714036504", "1514711492", "f464b24fc39322e44b38aa78f5edd27bd1441696"),
            ("1714037059", "486452656", "899cf89e464efb63f54ddac96b0a0a235f53aa78"),
        ] {
            assert_eq!(sha1_of_sorted(["AAAAA", timestamp, nonce]), signature);
        }
    }

    #[test]
    fn hex_of_either_case_is_equal_and_anything_else_is_not() {
        assert!(hex_equal("00ff", "00FF"));
        for other in ["00fe", "00f", "00ff0", "", "00ff "] {
            assert!(!hex_equal("00ff", other), "{other:?}");
        }
    }

    #[test]
    fn a_key_never_shows_itself() {
        let key = key("prod-app-key-0123456789abcdef");
        assert_eq!(key.fingerprint().0.len(), 16);
        assert!(!format!("{key:?} {:?}", key.secret()).contains("0123456789"));
    }

    #[test]
    fn an_empty_key_is_no_key() {
        assert!(AppKey::new(Secret::new(String::new())).is_none());
    }

    #[test]
    fn the_event_name_is_part_of_what_is_signed() {
        let key = key("12345");
        assert_ne!(key.pay_event_sig("a", "{}"), key.pay_event_sig("b", "{}"));
    }
}
