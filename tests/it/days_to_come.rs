//! Days that have not happened: no bill of theirs is imported, and none of them is declared empty.

use serde_json::json;

use super::bill_text::{MERCHANT, all, paid};
use super::bills::{home_of_a_merchant, upload};
use super::log_file::LogFile;

#[tokio::test]
async fn a_day_that_has_not_happened_is_refused_by_the_server_and_by_the_command() {
    let home = home_of_a_merchant();
    let bill = String::from_utf8(all(&[paid(5, "T1", 600)])).unwrap().replace("2026-01-05", "2999-01-05");
    let path = home.folder().join("future.csv");
    std::fs::write(&path, &bill).unwrap();
    let server = home.serve();
    let finance = server.client("finance");
    let events = || LogFile::open(&home.store()).count("SELECT count(*) FROM events");
    let before = events();
    let refused = upload(&finance, "", bill.as_bytes()).await;
    assert_eq!(refused.outcome(), "422 bill_unreadable", "{refused:?}");
    assert!(refused.text().contains("the bill is of 2999-01-05"), "{refused:?}");
    let empty = json!({"merchant": MERCHANT, "day": "2999-01-05", "kind": "all", "reason": "none"});
    let refused = finance.send("POST", "/v1/bills/empty", &empty).await;
    assert_eq!(refused.outcome(), "422 body", "{refused:?}");
    assert!(refused.text().contains("2999-01-05 is not over in Beijing"), "{refused:?}");
    assert!(server.terminate().success());
    let path = path.display().to_string();
    let day = ["--merchant", MERCHANT, "--day", "2999-01-05", "--kind", "all", "--reason", "none"];
    for (args, code, said) in [
        (vec!["bill", "import", &path], 1, "the bill is of 2999-01-05"),
        ([&["bill", "declare-empty"], &day[..]].concat(), 2, "--day: 2999-01-05 is not over in Beijing"),
    ] {
        let output = home.run(&args);
        let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(code), "{told}");
        assert!(told.contains(said), "{told}");
    }
    assert_eq!(events(), before);
}
