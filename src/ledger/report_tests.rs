use std::io::Cursor;

use tempfile::TempDir;

use super::*;
use crate::domain::samples::sha256;
use crate::ledger::tests::{at, empty_ledger};
use crate::store::{Append, AppendOutcome, ExpectedVersion, Urgency};

/// Text that does not shrink: several parts of it.
fn long_csv() -> Vec<u8> {
    let mut line = [7_u8; 32];
    let mut csv = Vec::new();
    while csv.len() < 2_500_000 {
        line = Sha256::digest(line).into();
        csv.extend_from_slice(hex::encode(line).as_bytes());
        csv.push(b'\n');
    }
    csv
}

fn spool(folder: &TempDir) -> Spool {
    Spool::beside(&folder.path().join("events.db"))
}

async fn text_of(ledger: &Ledger, spool: &Spool, sha256: &Sha256Hex) -> Vec<u8> {
    let mut text = Vec::new();
    ledger.filed_report(sha256, spool).await.unwrap().unwrap().read_to_end(&mut text).unwrap();
    text
}

async fn append(ledger: &Ledger, sha256: &Sha256Hex, part: u32, parts: u32, gzip_base64: &str) {
    let stream = codec::report_stream(sha256);
    let part_event = ReportPart { sha256: sha256.clone(), part, parts, gzip_base64: gzip_base64.to_owned() };
    let events = command_target(&stream, None, at()).encoded(&[Event::ReportFiled(part_event)]).unwrap();
    let expected = match part {
        1 => ExpectedVersion::NoStream,
        part => ExpectedVersion::Exact(u64::from(part) - 2),
    };
    let append = Append { stream, expected, events, urgency: Urgency::Command };
    let outcome = ledger.store().append(append).await;
    assert!(matches!(outcome, AppendOutcome::Appended { .. }), "{outcome:?}");
}

#[tokio::test]
async fn a_report_is_filed_once_in_parts_and_read_back_as_it_was() {
    let (ledger, folder) = empty_ledger().await;
    let spool = spool(&folder);
    let csv = long_csv();
    let sha256 = ledger.file_report(Cursor::new(csv.clone()), &spool, at()).await.unwrap();
    assert_eq!(sha256.as_str(), hex::encode(Sha256::digest(&csv)));
    let stream = codec::report_stream(&sha256);
    let parts = ledger.store().read_stream(&stream, 0, 99).await.unwrap();
    assert!(parts.len() > 2, "{}", parts.len());
    assert!(parts.iter().all(|part| part.data.len() < 512 * 1024));
    assert!(text_of(&ledger, &spool, &sha256).await == csv);
    let left = std::fs::read_dir(spool.folder()).unwrap();
    assert_eq!(left.count(), 0, "files were made beside the log, and are gone");
    assert_eq!(ledger.file_report(Cursor::new(csv.clone()), &spool, at()).await.unwrap(), sha256);
    assert_eq!(ledger.store().read_stream(&stream, 0, 99).await.unwrap().len(), parts.len());

    // In another log, the first part only: the filing was interrupted, and goes on.
    let (ledger, _folder) = empty_ledger().await;
    let Event::ReportFiled(first) = codec::decode(&parts[0]).unwrap().event else { panic!("no part") };
    append(&ledger, &sha256, 1, first.parts, &first.gzip_base64).await;
    assert!(ledger.filed_report(&sha256, &spool).await.unwrap().is_none());
    assert!(!ledger.is_filed(&sha256).await.unwrap());
    ledger.file_report(Cursor::new(csv.clone()), &spool, at()).await.unwrap();
    assert!(text_of(&ledger, &spool, &sha256).await == csv);
    assert!(ledger.is_filed(&sha256).await.unwrap());
}

#[tokio::test]
async fn a_report_without_rows_is_one_part() {
    let (ledger, folder) = empty_ledger().await;
    let spool = spool(&folder);
    let sha256 = ledger.file_report(Cursor::new(vec![]), &spool, at()).await.unwrap();
    assert_eq!(text_of(&ledger, &spool, &sha256).await, b"");
}

#[tokio::test]
async fn what_is_not_the_report_that_was_filed_is_told_and_never_handed_out() {
    let (ledger, folder) = empty_ledger().await;
    let spool = spool(&folder);
    let missing = ledger.filed_report(&sha256('0'), &spool).await.unwrap();
    assert!(missing.is_none());
    let mut packed = pack(Cursor::new(b"rows".to_vec()), &spool).unwrap();
    let gzip = next_part(&mut packed.gzip).unwrap();
    for (name, content) in [('1', "no base64!"), ('2', "AAAA"), ('3', gzip.as_str()), ('4', &gzip[..8])] {
        append(&ledger, &sha256(name), 1, 1, content).await;
        let error = ledger.filed_report(&sha256(name), &spool).await.unwrap_err();
        assert!(matches!(error, ReportError::Damaged { .. }), "{name}: {error}");
    }
    // Begun by a version that packs otherwise.
    append(&ledger, &packed.sha256, 1, 2, "AAAA").await;
    let error = ledger.file_report(Cursor::new(b"rows".to_vec()), &spool, at()).await.unwrap_err();
    assert!(matches!(error, ReportError::BegunOtherwise { .. }), "{error}");
}
