//! What proves a push: kept beside its event, so that it can be verified again years later.

use chrono::{DateTime, Utc};

use super::environment::Environment;

/// How the message came (WeChat's three modes of message push).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In clear, the URL signed.
    Plain,
    /// Encrypted, the encrypted text signed.
    Encrypted,
}

impl Transport {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Encrypted => "encrypted",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        [Self::Plain, Self::Encrypted].into_iter().find(|transport| transport.as_str() == text)
    }
}

/// Names a key without telling it: 16 hex digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFingerprint(pub String);

/// PayEventSig, and whose key verified it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureEvidence {
    /// As received: 64 hex digits of either case.
    pub pay_event_sig: String,
    /// The environment whose key verified it.
    pub verified_env: Environment,
    pub key_fingerprint: KeyFingerprint,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evidence {
    /// The event's name exactly as received: it is part of what was signed.
    pub event: String,
    /// The payload exactly as received, after one unescape: the signed bytes. For gifts, which have no
    /// payload, their fields as JSON.
    pub payload: String,
    /// `None` for gifts: their proof is the encrypted transport.
    pub signature: Option<SignatureEvidence>,
    pub transport: Transport,
    /// WeChat's `CreateTime`, seconds since 1970; not covered by any signature in plain mode.
    pub create_time: Option<i64>,
    pub received_at: DateTime<Utc>,
}
