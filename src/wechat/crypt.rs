//! Security mode: AES-256-CBC as WeChat uses it, and the sealing of encrypted answers.
//!
//! Plaintext is `random(16) ‖ length(4, big-endian) ‖ message ‖ AppID`, padded to blocks of 32; the IV is
//! the first half of the key.

use aes::Aes256;
use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use zeroize::Zeroizing;

use super::secret::Secret;

/// WeChat pads to 32 bytes, twice the cipher's block.
const PADDING_BLOCK_BYTES: usize = 32;
const CIPHER_BLOCK_BYTES: usize = 16;
const RANDOM_BYTES: usize = 16;
const LENGTH_BYTES: usize = 4;

/// The decoder allows non-zero trailing bits: WeChat's 43-character keys carry them.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// An EncodingAESKey, decoded.
#[derive(Clone)]
pub struct AesKey(Zeroizing<[u8; 32]>);

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum AesKeyError {
    #[error("an EncodingAESKey has 43 characters, this one has {0}")]
    Length(usize),
    #[error("an EncodingAESKey consists of the characters A-Z a-z 0-9 + /, this one does not")]
    Alphabet,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum DecryptError {
    #[error("Encrypt is not base64")]
    Base64,
    #[error("Encrypt decodes to {0} bytes, which is no whole number of cipher blocks")]
    Blocks(usize),
    #[error("Encrypt does not decrypt under any configured EncodingAESKey (wrong padding or length)")]
    Padding,
    #[error("Encrypt decrypts, but for another AppID")]
    AppId,
    #[error("the decrypted message is not UTF-8")]
    Utf8,
}

impl AesKey {
    pub fn parse(encoding_aes_key: &Secret) -> Result<Self, AesKeyError> {
        let text = encoding_aes_key.reveal();
        if text.len() != 43 {
            return Err(AesKeyError::Length(text.chars().count()));
        }
        let padded = Zeroizing::new(format!("{text}="));
        let bytes = Zeroizing::new(LENIENT.decode(padded.as_bytes()).map_err(|_| AesKeyError::Alphabet)?);
        let key: [u8; 32] = bytes.as_slice().try_into().map_err(|_| AesKeyError::Alphabet)?;
        Ok(Self(Zeroizing::new(key)))
    }

    fn iv(&self) -> [u8; CIPHER_BLOCK_BYTES] {
        let mut iv = [0; CIPHER_BLOCK_BYTES];
        iv.copy_from_slice(&self.0[..CIPHER_BLOCK_BYTES]);
        iv
    }

    /// Encrypts an answer or, when playing WeChat, a push. `random` is fresh for each message.
    pub fn encrypt(&self, random: &[u8; RANDOM_BYTES], message: &str, app_id: &str) -> String {
        let mut plain = Vec::with_capacity(message.len() + app_id.len() + 3 * PADDING_BLOCK_BYTES);
        plain.extend_from_slice(random);
        plain.extend_from_slice(&u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes());
        plain.extend_from_slice(message.as_bytes());
        plain.extend_from_slice(app_id.as_bytes());
        let padding = PADDING_BLOCK_BYTES - plain.len() % PADDING_BLOCK_BYTES;
        plain.resize(plain.len() + padding, u8::try_from(padding).unwrap_or(0));
        let cipher = cbc::Encryptor::<Aes256>::new((&*self.0).into(), &self.iv().into());
        STANDARD.encode(cipher.encrypt_padded_vec::<NoPadding>(&plain))
    }

    fn decrypt_blocks(&self, encrypted: &[u8]) -> Option<Vec<u8>> {
        let cipher = cbc::Decryptor::<Aes256>::new((&*self.0).into(), &self.iv().into());
        let mut plain = cipher.decrypt_padded_vec::<NoPadding>(encrypted).ok()?;
        let padding = usize::from(*plain.last()?);
        let length = plain.len().checked_sub(padding)?;
        let padded_well = (1..=PADDING_BLOCK_BYTES).contains(&padding)
            && plain[length..].iter().all(|byte| usize::from(*byte) == padding);
        plain.truncate(length);
        padded_well.then_some(plain)
    }
}

impl std::fmt::Debug for AesKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AesKey(…)")
    }
}

/// The message inside `Encrypt`, tried with each key; the AppID inside must be ours.
pub fn decrypt(keys: &[AesKey], encrypted: &str, app_id: &str) -> Result<String, DecryptError> {
    let bytes = STANDARD.decode(encrypted).map_err(|_| DecryptError::Base64)?;
    if bytes.is_empty() || bytes.len() % CIPHER_BLOCK_BYTES != 0 {
        return Err(DecryptError::Blocks(bytes.len()));
    }
    let mut error = DecryptError::Padding;
    for key in keys {
        let Some(plain) = key.decrypt_blocks(&bytes) else { continue };
        let Some((message, app_id_inside)) = split(&plain) else { continue };
        if app_id_inside != app_id.as_bytes() {
            error = DecryptError::AppId;
            continue;
        }
        return String::from_utf8(message.to_vec()).map_err(|_| DecryptError::Utf8);
    }
    Err(error)
}

fn split(plain: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = plain.get(RANDOM_BYTES..)?;
    let (length, rest) = rest.split_first_chunk::<LENGTH_BYTES>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

#[cfg(test)]
mod tests {
    use super::super::signature::sha1_of_sorted;
    use super::*;

    const APP_ID: &str = "wxba5fad812f8e6fb9";
    const ENCRYPTED: &str = "+qdx1OKCy+5JPCBFWw70tm0fJGb2Jmeia4FCB7kao+/Q5c/ohsOzQHi8khUOb05JCpj0JB4RvQMkUyus8TPxLKJGQqcvZqzDpVzazhZv6JsXUnnR8XGT740XgXZUXQ7vJVnAG+tE8NUd4yFyjPy7GgiaviNrlCTj+l5kdfMuFUPpRSrfMZuMcp3Fn2Pede2IuQrKEYwKSqFIZoNqJ4M8EajAsjLY2km32IIjdf8YL/P50F7mStwntrA2cPDrM1kb6mOcfBgRtWygb3VIYnSeOBrebufAlr7F9mFUPAJGj04=";

    fn key(text: &str) -> Result<AesKey, AesKeyError> {
        AesKey::parse(&Secret::new(text.into()))
    }

    fn documented_key() -> AesKey {
        key(&"A".repeat(43)).unwrap()
    }

    #[test]
    fn the_documented_push_decrypts() {
        assert_eq!(
            sha1_of_sorted(["AAAAA", "1714112445", "415670741", ENCRYPTED]),
            "046e02f8204d34f8ba5fa3b1db94908f3df2e9b3"
        );
        assert_eq!(
            decrypt(&[documented_key()], ENCRYPTED, APP_ID).unwrap(),
            r#"{"ToUserName":"gh_97417a04a28d","FromUserName":"o9AgO5Kd5ggOC-bXrbNODIiE3bGY","CreateTime":1714112445,"MsgType":"event","Event":"debug_demo","debug_str":"hello world"}"#
        );
    }

    #[test]
    fn the_documented_answer_encrypts() {
        let encrypted = documented_key().encrypt(b"707722b803182950", r#"{"demo_resp":"good luck"}"#, APP_ID);
        assert_eq!(
            encrypted,
            "ELGduP2YcVatjqIS+eZbp80MNLoAUWvzzyJxgGzxZO/5sAvd070Bs6qrLARC9nVHm48Y4hyRbtzve1L32tmxSQ=="
        );
        assert_eq!(
            sha1_of_sorted(["AAAAA", "1713424427", "415670741", &encrypted]),
            "1b9339964ed2e271e7c7b6ff2b0ef902fc94dea1"
        );
    }

    #[test]
    fn a_key_with_trailing_bits_is_a_key_and_one_of_another_length_or_alphabet_is_named() {
        assert!(key(&"z".repeat(43)).is_ok(), "the last character carries non-zero trailing bits");
        assert_eq!(key("short").unwrap_err(), AesKeyError::Length(5));
        assert_eq!(key(&"-".repeat(43)).unwrap_err(), AesKeyError::Alphabet);
    }

    #[test]
    fn what_does_not_decrypt_says_why() {
        let (ours, other) = (documented_key(), key(&"z".repeat(43)).unwrap());
        let broken = |encrypted: &str| decrypt(&[documented_key()], encrypted, APP_ID).unwrap_err();
        assert_eq!(broken("%%%"), DecryptError::Base64);
        assert_eq!(broken(""), DecryptError::Blocks(0));
        assert_eq!(broken("AAAA"), DecryptError::Blocks(3));
        assert_eq!(broken(&STANDARD.encode([7; 64])), DecryptError::Padding);
        assert_eq!(broken(&ours.encrypt(&[1; 16], "{}", "wxanother")), DecryptError::AppId);
        assert_eq!(broken(&other.encrypt(&[1; 16], "{}", APP_ID)), DecryptError::Padding);
        assert!(decrypt(&[ours, other.clone()], &other.encrypt(&[1; 16], "{}", APP_ID), APP_ID).is_ok());
    }
}
