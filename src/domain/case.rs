//! A case: one row of the reconciliation that a person has judged.

use std::fmt;

use super::bill::MerchantId;
use super::event::Event;

/// What a case is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CaseKind {
    /// An order of the ledger: `{app}.{OutTradeNo}`.
    Order,
    /// A payment that stands in a bill only: its TransactionId, `#2` behind it where it stands there twice.
    Payment,
    /// A refund of the ledger: `{app}.{RefundId}`.
    Refund,
    /// A refund that stands in a bill only: its 微信退款单号.
    BillRefund,
}

impl CaseKind {
    pub const ALL: [Self; 4] = [Self::Order, Self::Payment, Self::Refund, Self::BillRefund];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Order => "order",
            Self::Payment => "payment",
            Self::Refund => "refund",
            Self::BillRefund => "bill_refund",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// What names one case. The id may be any that a bill holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CaseKey {
    pub merchant: MerchantId,
    pub kind: CaseKind,
    id: String,
}

const ID_CHARS_MAX: usize = 200;

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a case's id must be 1 to {ID_CHARS_MAX} characters, none of them a control character")]
pub struct CaseIdError;

impl CaseKey {
    pub fn new(merchant: MerchantId, kind: CaseKind, id: &str) -> Result<Self, CaseIdError> {
        let is_valid = (1..=ID_CHARS_MAX).contains(&id.chars().count()) && !id.chars().any(char::is_control);
        if is_valid { Ok(Self { merchant, kind, id: id.to_owned() }) } else { Err(CaseIdError) }
    }

    pub fn id(&self) -> &str {
        &self.id
    }
}

impl fmt::Display for CaseKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.merchant, self.kind.as_str(), self.id)
    }
}

/// What a person judged, and on what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The row's status then.
    pub status: String,
    /// The facts that were judged, as the row told them: where it tells others, the case is open again.
    pub facts: String,
    pub reason: String,
}

/// `revision` counts the words of the stream, so that the same again later is another fact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CaseEvent {
    Resolved { key: CaseKey, judgement: Judgement, revision: u64, by: String },
    Reopened { key: CaseKey, reason: String, revision: u64, by: String },
}

impl CaseEvent {
    /// The type's name as it stands in the log.
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Resolved { .. } => "CaseResolved",
            Self::Reopened { .. } => "CaseReopened",
        }
    }
}

/// What the stream says so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Case {
    /// Resolutions and reopenings so far.
    pub revision: u64,
    /// The last word, where it is a resolution.
    pub judgement: Option<Judgement>,
    /// Who had the last word; empty where nobody has spoken.
    by: String,
    /// Resolutions that somebody has spoken after, with who said them.
    overtaken: Vec<(String, Judgement)>,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CaseError {
    #[error("the case was never resolved, so it is open")]
    NeverResolved,
    #[error(
        "{by} has spoken of it since: take the report again, with its column case_by, and mark the row there; a \
         reason that was taken back or replaced must be told in other words"
    )]
    SpokenOfSince { by: String },
}

impl Case {
    pub fn evolve(mut self, event: &Event) -> Self {
        let Event::Case(event) = event else { return self };
        let (judgement, revision, by) = match event {
            CaseEvent::Resolved { judgement, revision, by, .. } => (Some(judgement.clone()), revision, by),
            CaseEvent::Reopened { revision, by, .. } => (None, revision, by),
        };
        let by_before = std::mem::replace(&mut self.by, by.clone());
        self.overtaken.extend(self.judgement.take().map(|before| (by_before, before)));
        Self { revision: *revision, judgement, ..self }
    }

    /// The same judgement on the same facts again is nothing, whoever says it; another one takes its place.
    pub fn decide_resolve(&self, key: &CaseKey, judgement: &Judgement, by: &str) -> Option<Event> {
        if self.judgement.as_ref() == Some(judgement) {
            return None;
        }
        let (key, judgement, by) = (key.clone(), judgement.clone(), by.to_owned());
        Some(Event::Case(CaseEvent::Resolved { key, judgement, revision: self.revision + 1, by }))
    }

    /// Of a row that was seen before, when `seen_by` had had the last word (empty: nobody): nothing that was said
    /// since is undone.
    pub fn decide_resolve_as_seen(
        &self,
        key: &CaseKey,
        judgement: &Judgement,
        seen_by: &str,
        by: &str,
    ) -> Result<Option<Event>, CaseError> {
        if self.is_spoken_of_since(seen_by, judgement) {
            return Err(CaseError::SpokenOfSince { by: self.by.clone() });
        }
        Ok(self.decide_resolve(key, judgement, by))
    }

    /// Another had the last word then, or what the row says is what that person said before speaking again.
    fn is_spoken_of_since(&self, seen_by: &str, judgement: &Judgement) -> bool {
        let is_it = |said: &Judgement| said.facts == judgement.facts && said.reason == judgement.reason;
        let is_overtaken = || self.overtaken.iter().any(|(by, said)| by == seen_by && is_it(said));
        // The row of an order may tell who judged it as a payment; of the order itself nobody has spoken then.
        let is_spoken_of = self.revision > 0 && !self.judgement.as_ref().is_some_and(is_it);
        is_spoken_of && (self.by != seen_by || is_overtaken())
    }

    /// Reopened twice is reopened once.
    pub fn decide_reopen(&self, key: &CaseKey, reason: &str, by: &str) -> Result<Option<Event>, CaseError> {
        match (&self.judgement, self.revision) {
            (None, 0) => Err(CaseError::NeverResolved),
            (None, _) => Ok(None),
            (Some(_), revision) => Ok(Some(Event::Case(CaseEvent::Reopened {
                key: key.clone(),
                reason: reason.to_owned(),
                revision: revision + 1,
                by: by.to_owned(),
            }))),
        }
    }
}

#[cfg(test)]
#[path = "case_tests.rs"]
mod tests;
