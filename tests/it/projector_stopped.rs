//! An event that cannot be folded stops its projection, and nothing else.

use std::path::Path;

use order_ledger::projector::Folder;
use serde_json::json;

use super::folded::{Folded, folder};
use super::log_file::LogFile;
use super::own_folder::{buy, listed, put, serve_with, times};
use super::server::{Home, Server, until};
use super::told::goods;

const SCHEMA: &str = "-- What was sold?\n-- environments: production\n
CREATE TABLE sales (position INTEGER PRIMARY KEY, product_id TEXT NOT NULL) STRICT;";
const QUERY: &str = "-- What was sold?\n-- role: finance\n-- column: product_id id\n
SELECT product_id FROM sales ORDER BY position";
/// Its third line fails for what is called `bad`.
const FAILS: &str =
    "-- No row without a name.\nINSERT INTO sales\nSELECT :position, nullif(:product_id, 'bad');";
const RIGHT: &str = "INSERT INTO sales SELECT :position, :product_id;";

fn write(dir: &Path, on: &str) {
    put(dir, "sales", &[("schema.sql", SCHEMA), ("on/GoodsDelivered.sql", on), ("queries/all.sql", QUERY)]);
}

async fn sold(server: &Server) -> Vec<String> {
    let asked = server.client("test-admin").get("/v1/projections/sales/all").await;
    assert_eq!(asked.status, 200, "{asked:?}");
    let rows = asked.json()["rows"].as_array().unwrap().clone();
    rows.iter().map(|row| row["product_id"].as_str().unwrap().to_owned()).collect()
}

fn position_of(home: &Home, number: &str) -> i64 {
    let sql = format!("SELECT position FROM events WHERE stream = 'order-demo.{number}'");
    LogFile::open(&home.store()).count(&sql)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_event_stops_only_its_projection_until_the_folder_is_put_right() {
    let home = Home::new();
    let dir = home.folder().join("mine");
    write(&dir, FAILS);
    let server = serve_with(&home, &dir);
    for (number, product) in [("1", "gem"), ("2", "hat"), ("3", "bad"), ("4", "gem")] {
        buy(&home, &server, number, product).await;
    }
    server.logged("an event cannot be folded").await;
    // Pushes are answered, the rows before the event too, and the others go on.
    buy(&home, &server, "5", "bad").await;
    assert_eq!(sold(&server).await, ["gem", "hat"]);
    let (bad, end) = (position_of(&home, "3"), position_of(&home, "5"));
    let path = format!("/v1/projections/orders/search?app=demo&min_position={end}");
    let orders = server.client("test-admin").get(&path).await;
    assert_eq!(orders.json()["rows"].as_array().unwrap().len(), 5, "{orders:?}");
    assert_eq!(server.admin("GET", "/readyz", "").await.status, 200);

    let shown = format!("position {bad} (GoodsDelivered), sales/on/GoodsDelivered.sql:2: ");
    let is_shown = |server_runs: &str| {
        let (code, line) = listed(&home, &dir, "sales");
        assert_eq!((code, &line["state"]), (1, &json!("stopped")), "{server_runs}: {line}");
        let problem = line["problem"].as_str().unwrap();
        assert!(problem.starts_with(&shown) && problem.contains("NOT NULL"), "{server_runs}: {problem}");
        assert_eq!(line["position"], (bad - 1).to_string(), "{server_runs}: {line}");
        let (_, line) = listed(&home, &dir, "orders");
        assert_eq!((&line["state"], &line["problem"]), (&json!("live"), &json!(null)), "{line}");
    };
    is_shown("beside the server");
    assert!(server.terminate().success());
    is_shown("alone");

    // Started again it stops again, at the same event.
    let server = serve_with(&home, &dir);
    server.logged("an event cannot be folded").await;
    assert!(server.log().contains(&shown), "{}", server.log());
    assert_eq!(sold(&server).await, ["gem", "hat"]);
    // A folder that is wrong changes nothing, and is shown.
    write(&dir, "INSERT INTO sale VALUES (1)");
    server.signal("HUP");
    server.logged("no such table: sale").await;
    assert_eq!(sold(&server).await, ["gem", "hat"]);
    write(&dir, RIGHT);
    let answers = "a new build answers projection=\"sales\"";
    let before = times(&server, answers);
    server.signal("HUP");
    until("the folder that was put right is built", || times(&server, answers) > before).await;
    assert_eq!(sold(&server).await, ["gem", "hat", "bad", "gem", "bad"]);
    buy(&home, &server, "6", "hat").await;
    let last = position_of(&home, "6").to_string();
    until("it lives and shows nothing wrong", || {
        let (code, line) = listed(&home, &dir, "sales");
        code == 0 && line["state"] == "live" && line["position"] == last.as_str()
    })
    .await;
    assert_eq!(sold(&server).await.len(), 6);
    assert_eq!(times(&server, "an event cannot be folded"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_changed_folder_is_wrong_or_cannot_be_built_the_one_before_answers_and_it_is_shown() {
    let home = Home::new();
    let dir = home.folder().join("mine");
    write(&dir, RIGHT);
    let server = serve_with(&home, &dir);
    buy(&home, &server, "1", "gem").await;
    buy(&home, &server, "2", "bad").await;
    let until_sold = async |count: usize| {
        let path =
            format!("/v1/projections/sales/all?min_position={}", position_of(&home, &count.to_string()));
        let asked = server.client("test-admin").get(&path).await;
        assert_eq!(asked.json()["rows"].as_array().map(Vec::len), Some(count), "{asked:?}\n{}", server.log());
    };
    until_sold(2).await;
    for (on, logged, says) in [
        (
            "INSERT INTO sale VALUES (1)",
            "no such table: sale",
            "sales/on/GoodsDelivered.sql:1: no such table",
        ),
        (FAILS, "the new version cannot be built", "sales/on/GoodsDelivered.sql:2: NOT NULL"),
    ] {
        write(&dir, on);
        server.signal("HUP");
        server.logged(logged).await;
        let is_shown = || {
            let (code, line) = listed(&home, &dir, "sales");
            code == 1
                && line["state"] == "live"
                && line["problem"].as_str().is_some_and(|problem| problem.contains(says))
        };
        until(says, is_shown).await;
        until_sold(2).await;
    }
    buy(&home, &server, "3", "hat").await;
    until_sold(3).await;
    // One file that cannot be read is not the end of the others either.
    std::fs::create_dir_all(dir.join("other")).unwrap();
    std::fs::write(dir.join("other/schema.sql"), b"\xff").unwrap();
    let answers = "a new build answers projection=\"sales\"";
    let before = times(&server, answers);
    write(&dir, &format!("-- As before.\n{RIGHT}"));
    server.signal("HUP");
    server.logged("other/schema.sql: cannot be read").await;
    until("the one that is read is built", || times(&server, answers) > before).await;
    buy(&home, &server, "4", "hat").await;
    until_sold(4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_failing_statement_does_to_its_transaction_the_rows_before_it_stand() {
    let ways = [
        "INSERT OR ROLLBACK INTO sales SELECT :position, nullif(:product_id, 'bad');",
        "INSERT OR FAIL INTO sales SELECT :position, nullif(:product_id, 'bad');",
        "INSERT OR ABORT INTO sales SELECT :position, nullif(:product_id, 'bad');",
        "INSERT INTO sales VALUES (:position, :product_id), (-:position, nullif(:product_id, 'bad'));
         DELETE FROM sales WHERE position < 0;",
    ];
    for on in ways {
        let sales = folder(
            "sales",
            &[("schema.sql", SCHEMA), ("on/GoodsDelivered.sql", on), ("queries/all.sql", QUERY)],
        );
        let mut folded = Folded::over(vec![sales]).await;
        folded.told(1, goods("1")).await;
        folded.caught_up().await;
        let before = folded.head();
        for (number, product) in [("2", "hat"), ("3", "bad"), ("4", "gem")] {
            folded.told(2, goods(number).of(product, 1)).await;
        }
        for start in ["following", "again", "from the beginning"] {
            folded.caught_up().await;
            let listed = folded.projector().list().remove(0);
            assert_eq!(listed.status.state.as_str(), "stopped", "{on} {start}");
            assert!(listed.position > before, "{on} {start}");
            let path = super::digests::current(&folded.views(), "sales").unwrap();
            let rows: i64 = super::digests::open(&path)
                .query_row("SELECT count(*) FROM sales WHERE product_id IN ('gem', 'hat')", [], |row| {
                    row.get(0)
                })
                .unwrap();
            assert_eq!(rows, 2, "{on} {start}");
            folded.stop().await;
            if start == "again" {
                std::fs::remove_dir_all(folded.views()).unwrap();
            }
            folded.start().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_builds_anew_alone_or_in_the_server_and_tells_how_it_went() {
    let home = Home::new();
    let dir = home.folder().join("mine");
    write(&dir, RIGHT);
    let server = serve_with(&home, &dir);
    buy(&home, &server, "1", "gem").await;
    buy(&home, &server, "2", "bad").await;
    server.logged("a new build answers projection=\"sales\"").await;
    let said = |args: &[&str]| {
        let named = ["--projections", dir.to_str().unwrap()];
        let mut command = home.command(&[&["projections", "rebuild"], args, &named].concat());
        let output = command.env("ORDER_LEDGER_TOKEN", super::server::ADMIN_TOKEN).output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code().unwrap(), text)
    };
    let (code, told) = said(&["sales"]);
    assert_eq!((code, told.as_str()), (0, "sales: is built\n"));
    until("it is built again", || times(&server, "a new build answers projection=\"sales\"") == 2).await;
    let (code, told) = said(&["sale"]);
    assert!(code == 2 && told.contains("sales"), "{told}");
    let (code, told) = said(&[]);
    assert_eq!((code, told.lines().count()), (0, Folder::built_in().len() + 1), "all of them: {told}");
    assert!(server.terminate().success());

    let before = super::digests::current(&home.views(), "sales");
    assert_eq!(said(&["sales"]), (0, "sales: is built\n".to_owned()));
    assert_ne!(super::digests::current(&home.views(), "sales"), before, "another file answers");
    assert_eq!(said(&[]).1.lines().count(), Folder::built_in().len() + 1, "all of them");
    write(&dir, FAILS);
    let (code, told) = said(&["sales"]);
    assert!(code == 1 && told.contains("sales/on/GoodsDelivered.sql:2: NOT NULL"), "{told}");
}
