//! Cases, periods and filed reports, as they are stored.

use serde::{Deserialize, Serialize};

use super::bill_data::{merchant, sha256};
use super::data::parse;
use crate::domain::case::{CaseEvent, CaseKey, CaseKind, Judgement};
use crate::domain::period::{Month, PeriodEvent, PeriodKey, ReportPart};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Resolved {
    merchant: String,
    kind: String,
    id: String,
    status: String,
    facts: String,
    reason: String,
    revision: u64,
    by: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reopened {
    merchant: String,
    kind: String,
    id: String,
    reason: String,
    revision: u64,
    by: String,
}

/// Every event has a `position` of its own, which goes before a field of that name where events are folded.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Prepared {
    merchant: String,
    month: String,
    report_sha256: String,
    report_position: u64,
    summary: String,
    revision: u64,
    by: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Closed {
    merchant: String,
    month: String,
    report_sha256: String,
    report_position: u64,
    revision: u64,
    by: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct PeriodReopened {
    merchant: String,
    month: String,
    reason: String,
    revision: u64,
    by: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Filed {
    sha256: String,
    part: u32,
    parts: u32,
    gzip_base64: String,
}

fn case_key(merchant_id: &str, kind: &str, id: &str) -> Result<CaseKey, String> {
    let kind = CaseKind::parse(kind).ok_or_else(|| format!("data: kind is {kind:?}"))?;
    CaseKey::new(merchant(merchant_id)?, kind, id).map_err(|error| format!("data: id: {error}"))
}

fn period_key(merchant_id: &str, month: &str) -> Result<PeriodKey, String> {
    let month = Month::parse(month).map_err(|error| format!("data: month: {error}"))?;
    Ok(PeriodKey { merchant: merchant(merchant_id)?, month })
}

pub fn encode_case(event: &CaseEvent) -> Result<String, serde_json::Error> {
    match event {
        CaseEvent::Resolved { key, judgement, revision, by } => serde_json::to_string(&Resolved {
            merchant: key.merchant.to_string(),
            kind: key.kind.as_str().into(),
            id: key.id().into(),
            status: judgement.status.clone(),
            facts: judgement.facts.clone(),
            reason: judgement.reason.clone(),
            revision: *revision,
            by: by.clone(),
        }),
        CaseEvent::Reopened { key, reason, revision, by } => serde_json::to_string(&Reopened {
            merchant: key.merchant.to_string(),
            kind: key.kind.as_str().into(),
            id: key.id().into(),
            reason: reason.clone(),
            revision: *revision,
            by: by.clone(),
        }),
    }
}

pub fn encode_period(event: &PeriodEvent) -> Result<String, serde_json::Error> {
    match event {
        PeriodEvent::Prepared { key, report_sha256, position, summary, revision, by } => {
            serde_json::to_string(&Prepared {
                merchant: key.merchant.to_string(),
                month: key.month.to_string(),
                report_sha256: report_sha256.to_string(),
                report_position: *position,
                summary: summary.clone(),
                revision: *revision,
                by: by.clone(),
            })
        }
        PeriodEvent::Closed { key, report_sha256, position, revision, by } => {
            serde_json::to_string(&Closed {
                merchant: key.merchant.to_string(),
                month: key.month.to_string(),
                report_sha256: report_sha256.to_string(),
                report_position: *position,
                revision: *revision,
                by: by.clone(),
            })
        }
        PeriodEvent::Reopened { key, reason, revision, by } => serde_json::to_string(&PeriodReopened {
            merchant: key.merchant.to_string(),
            month: key.month.to_string(),
            reason: reason.clone(),
            revision: *revision,
            by: by.clone(),
        }),
    }
}

pub fn encode_report(report: &ReportPart) -> Result<String, serde_json::Error> {
    let ReportPart { sha256, part, parts, gzip_base64 } = report;
    let (sha256, gzip_base64) = (sha256.to_string(), gzip_base64.clone());
    serde_json::to_string(&Filed { sha256, part: *part, parts: *parts, gzip_base64 })
}

pub fn resolved(data: &str) -> Result<CaseEvent, String> {
    let Resolved { merchant, kind, id, status, facts, reason, revision, by } = parse(data)?;
    let key = case_key(&merchant, &kind, &id)?;
    Ok(CaseEvent::Resolved { key, judgement: Judgement { status, facts, reason }, revision, by })
}

pub fn reopened(data: &str) -> Result<CaseEvent, String> {
    let Reopened { merchant, kind, id, reason, revision, by } = parse(data)?;
    Ok(CaseEvent::Reopened { key: case_key(&merchant, &kind, &id)?, reason, revision, by })
}

pub fn prepared(data: &str) -> Result<PeriodEvent, String> {
    let Prepared { merchant, month, report_sha256, report_position: position, summary, revision, by } =
        parse(data)?;
    let (key, report_sha256) = (period_key(&merchant, &month)?, sha256(&report_sha256)?);
    Ok(PeriodEvent::Prepared { key, report_sha256, position, summary, revision, by })
}

pub fn closed(data: &str) -> Result<PeriodEvent, String> {
    let Closed { merchant, month, report_sha256, report_position: position, revision, by } = parse(data)?;
    let (key, report_sha256) = (period_key(&merchant, &month)?, sha256(&report_sha256)?);
    Ok(PeriodEvent::Closed { key, report_sha256, position, revision, by })
}

pub fn period_reopened(data: &str) -> Result<PeriodEvent, String> {
    let PeriodReopened { merchant, month, reason, revision, by } = parse(data)?;
    Ok(PeriodEvent::Reopened { key: period_key(&merchant, &month)?, reason, revision, by })
}

pub fn filed(data: &str) -> Result<ReportPart, String> {
    let Filed { sha256: text, part, parts, gzip_base64 } = parse(data)?;
    Ok(ReportPart { sha256: sha256(&text)?, part, parts, gzip_base64 })
}
