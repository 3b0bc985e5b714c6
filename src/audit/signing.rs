//! What a seal's signature is over, made and verified.

use super::chain::Hash;
use crate::domain::bill::Sha256Hex;
use crate::domain::seal::Seal;
use crate::ed25519::{PublicKey, SigningKey};
use crate::moment::stamp;

/// Why a seal's signature is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("its public key is not 32 bytes in hex")]
    PublicKey,
    #[error("its signature is not 64 bytes in hex")]
    Signature,
    #[error("its signature is not one of its public key over what it says")]
    Broken,
}

/// The text that is signed.
fn statement(seal: &Seal, previous_root: &Hash) -> String {
    let Seal { revision, log_id, count, position, segment, root, sealed_at, public_key: _, signature: _ } =
        seal;
    let (previous, at) = (Sha256Hex::of_digest(previous_root), stamp(*sealed_at));
    format!(
        "order-ledger seal v1\n{revision}\n{log_id}\n{count}\n{position}\n{previous}\n{segment}\n{root}\n{at}"
    )
}

/// The same seal, signed; whatever key and signature it had are replaced.
pub fn sign(seal: Seal, previous_root: &Hash, key: &SigningKey) -> Seal {
    let signature = hex::encode(key.sign(statement(&seal, previous_root).as_bytes()));
    Seal { public_key: key.public().to_string(), signature, ..seal }
}

/// The key that has signed the seal. Whether it is one to trust is for the caller to know.
pub fn verify(seal: &Seal, previous_root: &Hash) -> Result<PublicKey, SignatureError> {
    let key = PublicKey::parse(&seal.public_key).map_err(|_| SignatureError::PublicKey)?;
    let signature = hex::decode(&seal.signature).map_err(|_| SignatureError::Signature)?;
    if key.has_signed(statement(seal, previous_root).as_bytes(), &signature) {
        Ok(key)
    } else {
        Err(SignatureError::Broken)
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::*;
    use crate::domain::samples;
    use crate::domain::seal::NO_ROOT;
    use crate::ed25519::key_file;

    fn key() -> SigningKey {
        SigningKey::parse(&key_file(&[7; 32])).unwrap()
    }

    #[test]
    fn a_seals_signature_is_over_its_lines() {
        let expected = format!(
            "order-ledger seal v1\n2\n00000000-0000-0000-0000-000000005ea1\n1341\n1341\n{}\n{}\n{}\n\
             2026-01-01T00:00:00.123Z",
            "0".repeat(64),
            "d".repeat(64),
            "e".repeat(64)
        );
        assert_eq!(statement(&samples::seal(), &NO_ROOT), expected);
        let signed = sign(samples::seal(), &NO_ROOT, &key());
        assert_eq!(signed.signature, hex::encode(key().sign(expected.as_bytes())));
        assert_eq!(verify(&signed, &NO_ROOT), Ok(key().public()));
    }

    #[test]
    fn whatever_of_a_seal_is_changed_its_signature_is_broken() {
        let signed = sign(samples::seal(), &NO_ROOT, &key());
        let changes: [fn(&mut Seal); 7] = [
            |seal| seal.revision += 1,
            |seal| seal.log_id = Uuid::nil(),
            |seal| seal.count += 1,
            |seal| seal.position += 1,
            |seal| seal.segment = Sha256Hex::of_digest(&[1; 32]),
            |seal| seal.root = Sha256Hex::of_digest(&[1; 32]),
            |seal| seal.sealed_at += TimeDelta::milliseconds(1),
        ];
        for change in changes {
            let mut changed = signed.clone();
            change(&mut changed);
            assert_eq!(verify(&changed, &NO_ROOT), Err(SignatureError::Broken), "{changed:?}");
        }
        assert_eq!(verify(&signed, &[1; 32]), Err(SignatureError::Broken));
        let short = Seal { signature: signed.signature[2..].to_owned(), ..signed.clone() };
        assert_eq!(verify(&short, &NO_ROOT), Err(SignatureError::Broken));
        let no_hex = Seal { signature: "signed".into(), ..signed.clone() };
        assert_eq!(verify(&no_hex, &NO_ROOT), Err(SignatureError::Signature));
        let no_key = Seal { public_key: "key".into(), ..signed };
        assert_eq!(verify(&no_key, &NO_ROOT), Err(SignatureError::PublicKey));
    }
}
