//! Uploads that stall, and clients that leave: the others work on, and so does what has begun.

use std::time::{Duration, Instant};

use order_ledger::limits;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::bill_text::{MERCHANT, all, paid};
use super::bills::{home_of_a_merchant, upload};
use super::server::Server;

/// A bill that is sent to some byte, on a connection that stays open.
async fn begun(server: &Server, path: &str, bytes: &[u8], sent: usize) -> TcpStream {
    let mut stream = TcpStream::connect(server.admin).await.unwrap();
    let head = format!(
        "POST {path} HTTP/1.1\r\nhost: admin\r\nauthorization: Bearer olt_finance\r\ncontent-type: \
         application/octet-stream\r\ncontent-length: {}\r\n\r\n",
        bytes.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&bytes[..sent]).await.unwrap();
    stream
}

/// Waits until so many files are being received.
async fn receiving(server: &Server, count: usize) {
    let line = format!("order_ledger_uploads_receiving {count}\n");
    let begun = Instant::now();
    while !server.stranger().get("/metrics").await.text().contains(&line) {
        assert!(begun.elapsed() < Duration::from_secs(20), "{count} uploads are not received at once");
    }
}

#[tokio::test]
async fn an_upload_that_stalls_keeps_no_other_from_being_imported() {
    let home = home_of_a_merchant();
    let server = home.serve();
    let finance = server.client("finance");
    let bytes = all(&[paid(5, "T1", 600)]);
    let mut stalled = vec![];
    for count in 1..limits::UPLOADS_MAX {
        let cases = format!("/v1/cases/upload?merchant={MERCHANT}");
        let path = if count == 1 { cases.as_str() } else { "/v1/bills" };
        stalled.push(begun(&server, path, &bytes, 1).await);
    }
    receiving(&server, limits::UPLOADS_MAX - 1).await;
    let imported = upload(&finance, "", &bytes).await;
    assert_eq!(imported.status, 200, "{imported:?}");
    stalled.push(begun(&server, "/v1/bills", &bytes, 1).await);
    receiving(&server, limits::UPLOADS_MAX).await;
    assert_eq!(upload(&finance, "", &bytes).await.outcome(), "429 too_many_at_once");
    drop(stalled);
    receiving(&server, 0).await;
    assert_eq!(upload(&finance, "", &bytes).await.outcome(), "200");
}

#[tokio::test]
async fn an_import_that_has_begun_goes_on_though_its_client_leaves() {
    let home = home_of_a_merchant();
    let server = home.serve();
    let rows: Vec<_> = (0..3000).map(|number| paid(5, &format!("T{number}"), 600)).collect();
    let bytes = all(&rows);
    let client = begun(&server, "/v1/bills", &bytes, bytes.len()).await;
    server.logged("a bill import begins").await;
    drop(client);
    server.logged("a bill is imported").await;
    let log = server.log();
    let line = log.lines().find(|line| line.contains("a bill is imported")).unwrap();
    for word in ["request_id=", "day=2026-01-05", "kind=all", "rows=3000", "by=\"finance\"", MERCHANT] {
        assert!(line.contains(word), "{word}: {line}");
    }
    assert!(!log.contains("T2999"), "no line of the bill stands in the log");
    let metrics = server.stranger().get("/metrics").await;
    for line in [
        "order_ledger_bills_imported_total 1",
        "order_ledger_bills_refused_total 0",
        "order_ledger_bill_lines_imported_total 3000",
    ] {
        assert!(metrics.text().contains(line), "{line}: {}", metrics.text());
    }
    let again = upload(&server.client("finance"), "", &bytes).await.json();
    assert_eq!(again["days"][0]["outcome"], "stands");
}

#[tokio::test]
async fn a_merchant_that_is_not_configured_is_unknown_to_reports_and_to_files_of_cases() {
    let home = home_of_a_merchant();
    let server = home.serve();
    let finance = server.client("finance");
    let report = finance.get("/v1/reconciliation?merchant=77&from=2026-01-01&to=2026-01-31").await;
    assert_eq!(report.outcome(), "404 unknown_merchant");
    let sent = finance.send_bytes("POST", "/v1/cases/upload?merchant=77", "text/csv", b"").await;
    assert_eq!(sent.outcome(), "404 unknown_merchant");
}
