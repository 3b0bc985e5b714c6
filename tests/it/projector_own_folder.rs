//! The example of the README, from its files to a sheet of Excel: checked, built, and asked by command and API.

use std::path::{Path, PathBuf};

use order_ledger::projector::Folder;
use serde_json::json;

use super::folded::Folded;
use super::own_folder::{buy, serve_with};
use super::server::{Home, until};
use super::told::{coins, goods};

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/projections")
}

#[tokio::test(flavor = "multi_thread")]
async fn gross_is_counted_per_zone_and_hour() {
    let (folders, problems) = Folder::read_all(&fixtures()).unwrap();
    assert_eq!(problems.0, []);
    let folded = Folded::over(folders).await;
    for (minutes, told) in [
        (0, goods("1").priced(100)),
        (59, goods("2").priced(200)),
        (60, goods("3").priced(400)),
        (61, goods("4").priced(800).zone(Some("2"))),
        (62, goods("5").priced(1600).zone(None)),
        (63, goods("6").priced(3200).sandbox()),
        (64, coins("7").priced(6400)),
        (65, goods("1").priced(100)),
    ] {
        folded.told(minutes, told).await;
    }
    let columns = ["hour", "zone_id", "orders", "gross_fen"];
    let all = [
        ["2026-01-01T01", "", "1", "1600"],
        ["2026-01-01T01", "1", "1", "400"],
        ["2026-01-01T01", "2", "1", "800"],
        ["2026-01-01T00", "1", "2", "300"],
    ];
    let demo = ("app", "demo");
    assert_eq!(folded.columns("zone_hours/by_hour", &[demo], columns).await, all);
    assert_eq!(folded.columns("zone_hours/by_hour", &[demo, ("limit", "2")], columns).await, all[..2]);
    let zone = [demo, ("zone_id", "2")];
    assert_eq!(folded.columns("zone_hours/by_hour", &zone, columns).await, all[2..3]);
    assert_eq!(folded.columns("zone_hours/by_hour", &[("app", "other")], columns).await, [[""; 4]; 0]);
    for (parameters, says) in [
        (&[][..], "app: is missing"),
        (&[demo, ("limit", "1001")], "limit: must be a whole number from 0 to 1000"),
        (&[demo, ("zone", "1")], "zone: there is no such parameter; did you mean zone_id?"),
    ] {
        let error = folded.ask("zone_hours/by_hour", parameters).await.unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_checked_built_and_asked_by_command_and_api_however_it_is_named() {
    let dir = fixtures();
    for how in ["--projections", "views.projections"] {
        let home = Home::new();
        let in_file = how == "views.projections";
        if in_file {
            let named = format!("[views]\nprojections = \"{}\"\n", dir.display());
            home.reconfigure(|text| text.replace("[views]\n", &named));
        }
        let named: &[&str] = if in_file { &[] } else { &["--projections", dir.to_str().unwrap()] };
        let run = |args: &[&str]| {
            let output = home.run(&[args, named].concat());
            assert!(output.status.success(), "{how} {args:?}: {output:?}");
            output
        };
        let check: &[&str] = if in_file { &[] } else { &[dir.to_str().unwrap()] };
        let checked = home.run(&[&["projections", "check"], check].concat());
        assert!(checked.status.success(), "{checked:?}");
        assert_eq!(String::from_utf8(checked.stderr).unwrap(), "zone_hours: right (1 events, 1 queries)\n");

        let server = if in_file { home.serve() } else { serve_with(&home, &dir) };
        for number in ["1", "2", "3"] {
            buy(&home, &server, number, "gem").await;
        }
        let ask = "/v1/projections/zone_hours/by_hour?app=demo&min_position=4";
        let asked = server.client("test-admin").get(ask).await;
        let rows = asked.json()["rows"].as_array().unwrap_or_else(|| panic!("{asked:?}")).clone();
        // An hour may have ended meanwhile.
        let sum = |name: &str| rows.iter().map(|row| row[name].as_i64().unwrap()).sum::<i64>();
        assert_eq!((sum("orders"), sum("gross_fen")), (3, 1800), "{rows:?}");
        let csv = server.client("test-admin").get(&format!("{ask}&format=csv")).await;
        assert!(csv.text().starts_with("hour,zone_id,orders,gross_fen\r\n20"), "{csv:?}");
        assert_eq!(server.client("test-admin").get(&format!("{ask}&format=xlsx")).await.body[..2], *b"PK");

        // Beside the server and without it.
        for beside in [true, false] {
            let query = ["query", "zone_hours", "by_hour", "app=demo"];
            let answer: serde_json::Value =
                serde_json::from_slice(&run(&[&query[..], &["--json"]].concat()).stdout).unwrap();
            assert_eq!(answer["rows"], json!(rows), "{how} {beside}");
            assert_eq!(answer["position"], "4");
            let text = |format: &str| {
                let output = run(&[&query[..], &["--format", format]].concat());
                String::from_utf8(output.stdout).unwrap()
            };
            let table = text("table");
            let hour = rows[0]["hour"].as_str().unwrap();
            assert!(table.contains(hour) && table.contains("gross_fen"), "{table}");
            let by_command = text("csv");
            assert_eq!(by_command, csv.text());
            let sheet = home.folder().join("sheet.xlsx");
            run(&[&query[..], &["--format", "xlsx", "--out", sheet.to_str().unwrap()]].concat());
            assert_eq!(std::fs::read(&sheet).unwrap()[..2], *b"PK");
            let known = String::from_utf8(run(&["query", "zone_hours"]).stdout).unwrap();
            assert!(
                known.contains("zone_hours by_hour\n    Orders and gross of each zone by hour"),
                "{known}"
            );
            assert!(known.contains("app=text, required: The app's slug"), "{known}");
            if beside {
                server.signal("TERM");
                until("the server has ended", || server.log().contains("stopped")).await;
            }
        }
    }
}

#[test]
fn the_readme_prints_the_example_as_it_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for readme in ["README.md", "README.zh-CN.md"] {
        let text = std::fs::read_to_string(root.join(readme)).unwrap();
        for file in ["schema.sql", "on/GoodsDelivered.sql", "queries/by_hour.sql"] {
            let (_, after) = text.split_once(&format!("\n`zone_hours/{file}`")).unwrap();
            let (_, block) = after.split_once("```sql\n").unwrap();
            let (printed, _) = block.split_once("```").unwrap();
            let shipped = std::fs::read_to_string(fixtures().join("zone_hours").join(file)).unwrap();
            assert_eq!(printed, shipped, "{readme}, zone_hours/{file}");
        }
    }
}
