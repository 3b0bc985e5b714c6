//! Anchors: seals that are kept outside the log, one JSON object a line. They prove what the log was even where
//! somebody can write all of it.

use std::io::{BufRead, Read};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::chain::{self, Hash};
use super::signing::{self, SignatureError};
use crate::domain::bill::Sha256Hex;
use crate::domain::seal::{NO_ROOT, Seal};
use crate::ed25519::PublicKey;
use crate::ledger::{LedgerError, PlacedSeal, seals};
use crate::limits;
use crate::moment::{parse_stamp, stamp};
use crate::store::{Position, ReadLog};

/// A seal with the root before it: all that its signature is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anchor {
    pub seal: Seal,
    pub previous_root: Hash,
}

/// Why a file is no file of anchors.
#[derive(Debug, thiserror::Error)]
pub enum AnchorError {
    #[error("cannot be read: {0}")]
    Unreadable(std::io::Error),
    #[error("line {line}: {problem}")]
    Line { line: usize, problem: String },
}

/// Why an anchor says nothing, whatever log it is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AnchorProblem {
    #[error("its root is not that of the root before and its segment")]
    Root,
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

/// As it stands in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    log_id: Uuid,
    revision: u64,
    count: u64,
    position: u64,
    root: String,
    sealed_at: String,
    public_key: String,
    signature: String,
    previous_root: String,
    segment: String,
}

impl Anchor {
    /// The key that has signed it, where it holds together by itself.
    pub fn verify(&self) -> Result<PublicKey, AnchorProblem> {
        let Self { seal, previous_root } = self;
        let root = chain::root(previous_root, &hash_of(&seal.segment));
        if Sha256Hex::of_digest(&root) != seal.root {
            return Err(AnchorProblem::Root);
        }
        Ok(signing::verify(seal, previous_root)?)
    }

    /// Without the line break.
    pub fn to_line(&self) -> Result<String, serde_json::Error> {
        let Self { seal, previous_root } = self;
        serde_json::to_string(&Line {
            log_id: seal.log_id,
            revision: seal.revision,
            count: seal.count,
            position: seal.position,
            root: seal.root.to_string(),
            sealed_at: stamp(seal.sealed_at),
            public_key: seal.public_key.clone(),
            signature: seal.signature.clone(),
            previous_root: Sha256Hex::of_digest(previous_root).to_string(),
            segment: seal.segment.to_string(),
        })
    }

    pub fn parse(line: &str) -> Result<Self, String> {
        let line: Line = serde_json::from_str(line).map_err(|error| without_place(&error))?;
        let sha256 =
            |name: &str, text: &str| Sha256Hex::parse(text).map_err(|error| format!("{name}: {error}"));
        let previous_root = hash_of(&sha256("previous_root", &line.previous_root)?);
        let seal = Seal {
            revision: line.revision,
            log_id: line.log_id,
            count: line.count,
            position: line.position,
            segment: sha256("segment", &line.segment)?,
            root: sha256("root", &line.root)?,
            sealed_at: parse_stamp(&line.sealed_at).map_err(|error| format!("sealed_at: {error}"))?,
            public_key: line.public_key,
            signature: line.signature,
        };
        Ok(Self { seal, previous_root })
    }
}

/// serde's words on the fields, without its line, which is always 1; on what is no JSON they help nobody.
fn without_place(error: &serde_json::Error) -> String {
    const NONE: &str = "is no anchor of `order-ledger seal --export`";
    if !error.is_data() {
        return NONE.to_owned();
    }
    let text = error.to_string();
    let end = text.rfind(" at line ").unwrap_or(text.len());
    format!("{NONE}: {}", text.get(..end).unwrap_or(&text))
}

/// The bytes of a hash in hex.
pub fn hash_of(sha256: &Sha256Hex) -> Hash {
    let mut hash = Hash::default();
    // It is 64 hex digits, or it would be no Sha256Hex.
    let decoded = hex::decode_to_slice(sha256.as_str(), &mut hash);
    debug_assert!(decoded.is_ok(), "{sha256}");
    hash
}

/// The seals of a log from a revision on, which begin at 1, in their order; an empty page says that there are no
/// more.
pub async fn of_log(log: &dyn ReadLog, from: u64, limit: usize) -> Result<Vec<Anchor>, LedgerError> {
    Ok(placed(log, from, limit).await?.into_iter().map(|(anchor, _)| anchor).collect())
}

/// The same, each with where its seal stands.
pub async fn placed(
    log: &dyn ReadLog,
    from: u64,
    limit: usize,
) -> Result<Vec<(Anchor, Position)>, LedgerError> {
    let first = from.max(1);
    // The one before, for its root, where there is one.
    let read = match first {
        1 => seals(log, first, limit).await?,
        _ => seals(log, first - 1, limit.saturating_add(1)).await?,
    };
    let mut previous_root = NO_ROOT;
    let mut anchors = Vec::with_capacity(read.len());
    for PlacedSeal { seal, position } in read {
        let root = hash_of(&seal.root);
        if seal.revision >= first {
            anchors.push((Anchor { seal, previous_root }, position));
        }
        previous_root = root;
    }
    Ok(anchors)
}

/// The first of these anchors, by their revisions, that the log does not have as it stands there.
pub async fn first_missing<'a>(
    log: &dyn ReadLog,
    anchors: &'a [Anchor],
) -> Result<Option<&'a Anchor>, LedgerError> {
    let mut kept: Vec<_> = anchors.iter().collect();
    kept.sort_by_key(|anchor| anchor.seal.revision);
    let mut page: Vec<Anchor> = Vec::new();
    for anchor in kept {
        let revision = anchor.seal.revision;
        if page.last().is_none_or(|last| last.seal.revision < revision) {
            page = of_log(log, revision, limits::READ_PAGE_EVENTS_MAX / 2).await?;
        }
        if !page.contains(anchor) {
            return Ok(Some(anchor));
        }
    }
    Ok(None)
}

/// All anchors of a file, in its order. Empty lines are passed over.
pub fn read(mut file: impl BufRead) -> Result<Vec<Anchor>, AnchorError> {
    let mut anchors = Vec::new();
    for line in 1.. {
        let mut bytes = Vec::new();
        let at_most = limits::ANCHOR_LINE_BYTES_MAX + 1;
        let read = file.by_ref().take(at_most as u64).read_until(b'\n', &mut bytes);
        if read.map_err(AnchorError::Unreadable)? == 0 {
            break;
        }
        let wrong = |problem: String| AnchorError::Line { line, problem };
        if bytes.len() == at_most {
            return Err(wrong(format!("is longer than {} bytes", limits::ANCHOR_LINE_BYTES_MAX)));
        }
        let text = str::from_utf8(&bytes).map_err(|_| wrong("is no UTF-8 text".to_owned()))?.trim();
        if !text.is_empty() {
            anchors.push(Anchor::parse(text).map_err(wrong)?);
        }
    }
    Ok(anchors)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples;
    use crate::ed25519::{SigningKey, key_file};

    fn anchor() -> Anchor {
        let key = SigningKey::parse(&key_file(&[7; 32])).unwrap();
        let seal = samples::seal();
        let root = chain::root(&NO_ROOT, &hash_of(&seal.segment));
        let seal = Seal { root: Sha256Hex::of_digest(&root), ..seal };
        Anchor { seal: signing::sign(seal, &NO_ROOT, &key), previous_root: NO_ROOT }
    }

    #[test]
    fn an_anchor_is_one_line_of_json_in_a_fixed_order_and_is_read_again() {
        let line = anchor().to_line().unwrap();
        let Seal { root, public_key, signature, segment, .. } = anchor().seal;
        let zeros = "0".repeat(64);
        assert_eq!(
            line,
            format!(
                "{{\"log_id\":\"00000000-0000-0000-0000-000000005ea1\",\"revision\":2,\"count\":1341,\
                 \"position\":1341,\"root\":\"{root}\",\"sealed_at\":\"2026-01-01T00:00:00.123Z\",\
                 \"public_key\":\"{public_key}\",\"signature\":\"{signature}\",\"previous_root\":\"{zeros}\",\
                 \"segment\":\"{segment}\"}}"
            )
        );
        let file = format!("{line}\n\n{line}\r\n");
        assert_eq!(read(file.as_bytes()).unwrap(), [anchor(), anchor()]);
    }

    #[test]
    fn an_anchor_holds_together_by_itself_or_says_what_does_not() {
        assert!(anchor().verify().is_ok());
        let mut other = anchor();
        other.previous_root = [1; 32];
        assert_eq!(other.verify(), Err(AnchorProblem::Root));
        let mut other = anchor();
        other.seal.count += 1;
        assert_eq!(other.verify(), Err(AnchorProblem::Signature(SignatureError::Broken)));
    }

    #[test]
    fn what_is_no_anchor_is_told_with_its_line() {
        let line = anchor().to_line().unwrap();
        let long = format!("{line}{}", " ".repeat(limits::ANCHOR_LINE_BYTES_MAX));
        for (wrong, problem) in [
            ("{}".to_owned(), "is no anchor of `order-ledger seal --export`: missing field `log_id`"),
            ("seal".to_owned(), "is no anchor of `order-ledger seal --export`"),
            (line.replace("\"root\":\"", "\"root\":\"x"), "root: "),
            (line.replace("2026-01-01T", "tomorrow"), "sealed_at: "),
            (
                line.replace("\"count\"", "\"counts\""),
                "is no anchor of `order-ledger seal --export`: unknown field",
            ),
            (long, "is longer than 4096 bytes"),
        ] {
            let error = read(format!("{line}\n{wrong}\n").as_bytes()).unwrap_err().to_string();
            assert!(error.starts_with(&format!("line 2: {problem}")), "{error}");
            assert!(!error.contains("expected value"), "{error}");
        }
    }
}
