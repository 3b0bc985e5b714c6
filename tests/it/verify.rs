//! `order-ledger verify` as people run it: what it says, how it ends, where it goes on, and what it does not prove.

use std::path::PathBuf;
use std::process::Output;

use order_ledger::codec::{event_id, seal_stream};
use order_ledger::store::{RecordedEvent, StreamName};
use serde_json::Value;

use super::sealed::{ByHand, SEALS, Sealed, key};
use super::server::Home;

/// A configuration whose log is a sealed one.
struct Kept {
    home: Home,
    sealed: Sealed,
    anchors: PathBuf,
}

impl Kept {
    async fn new() -> Self {
        let public = key(1).public();
        let home = Home::with(|text| format!("{text}[seal]\npublic_keys = [\"{public}\"]\n"));
        let sealed = Sealed::new(home.app()).await;
        std::fs::create_dir_all(home.store().parent().unwrap()).unwrap();
        let anchors = home.folder().join("anchors.jsonl");
        let kept = Self { home, sealed, anchors };
        kept.export(SEALS);
        kept.log();
        kept
    }

    /// The log as it was sealed, to be changed by hand.
    fn log(&self) -> ByHand {
        self.sealed.copied(&self.home.store())
    }

    /// The first seals, as they were exported.
    fn export(&self, seals: u64) {
        let lines = self.sealed.anchors.iter().map(|anchor| anchor.to_line().unwrap() + "\n");
        let lines: String = lines.take(usize::try_from(seals).unwrap()).collect();
        std::fs::write(&self.anchors, lines).unwrap();
    }

    fn verify(&self, args: &[&str]) -> Output {
        self.home.run(&[&["verify"], args].concat())
    }

    fn json(&self, args: &[&str]) -> (i32, Value) {
        let output = self.verify(&[args, &["--json"]].concat());
        let status = output.status.code().unwrap();
        let shown = serde_json::from_slice(&output.stdout);
        (status, shown.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr))))
    }

    fn with_anchors(&self) -> (i32, Value) {
        self.json(&["--anchor", self.anchors.to_str().unwrap()])
    }

    fn state(&self) -> PathBuf {
        self.home.folder().join("state.json")
    }

    fn with_state(&self) -> (i32, Value) {
        self.json(&["--state", self.state().to_str().unwrap()])
    }
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test]
async fn a_sound_log_is_told_so_with_what_anchors_prove_and_what_they_do_not_yet() {
    let kept = Kept::new().await;
    let output = kept.verify(&[]);
    let said = words(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{said}{}", words(&output.stderr));
    assert!(said.contains("nothing is found wrong"), "{said}");
    assert!(said.contains("no --anchor was given: seals that lie in the same place"), "{said}");
    kept.export(3);
    let (status, shown) = kept.with_anchors();
    let (third, count) = (&kept.sealed.anchors[2].seal, kept.sealed.count());
    assert_eq!((status, &shown["findings"]), (0, &Value::from(0)), "{shown}");
    assert_eq!(shown["anchors"]["met"], 3);
    assert_eq!(shown["anchors"]["newest"]["root"], third.root.to_string());
    assert_eq!(shown["anchors"]["not_yet_proven"], count + 2 - third.count);
    assert_eq!((&shown["unsealed"], &shown["segments"]), (&2.into(), &SEALS.into()));
    assert_eq!(shown["events"], count + 2);
    assert_eq!(shown["first"], Value::Null);
}

#[tokio::test]
async fn what_is_wrong_is_counted_by_kind_and_the_first_is_named_whole() {
    let kept = Kept::new().await;
    let log = kept.log();
    for position in [9, 5] {
        let event = log.event(position);
        log.put(&RecordedEvent { data: event.data.replace("oTest", "oEve"), ..event });
    }
    drop(log);
    let (status, shown) = kept.with_anchors();
    assert_eq!(status, 1);
    assert_eq!(shown["findings_by_kind"]["data_altered"], 2, "{shown}");
    assert_eq!(shown["findings_by_kind"]["segment_altered"], 2, "{shown}");
    let first = &shown["first"];
    assert_eq!((&first["kind"], &first["position"]), (&"data_altered".into(), &"5".into()), "{shown}");
    assert!(first["stream"].as_str().unwrap().starts_with("order-demo.N0-"), "{shown}");
    assert_eq!(shown["listed"][0], *first);
    let said = words(&kept.verify(&[]).stdout);
    assert!(said.contains("the first: #5 order-demo.N0-2"), "{said}");
    assert!(said.contains("data_altered: its id "), "{said}");
}

#[tokio::test]
async fn where_many_events_have_gone_only_the_segments_that_they_stood_in_are_called_altered() {
    let kept = Kept::new().await;
    let [first, second] = [0, 1].map(|seal: usize| kept.sealed.anchors[seal].seal.count);
    assert_eq!((first, second), (7, 14));
    kept.log().run("DELETE FROM events WHERE position BETWEEN 5 AND 10");
    let (status, shown) = kept.with_anchors();
    let kinds = shown["findings_by_kind"].as_object().unwrap();
    assert_eq!(
        (status, &kinds["position_gap"], &kinds["segment_altered"]),
        (1, &1.into(), &2.into()),
        "{shown}"
    );
    assert!(!kinds.contains_key("seal_misplaced"), "the gap explains it: {shown}");
    assert_eq!(shown["segments"], SEALS - 2);
    let gap =
        shown["listed"].as_array().unwrap().iter().find(|found| found["kind"] == "position_gap").unwrap();
    assert_eq!((&gap["position"], &gap["to_position"]), (&"5".into(), &"10".into()), "{shown}");
}

#[tokio::test]
async fn an_event_that_the_file_does_not_give_any_more_is_named_and_the_others_are_verified() {
    let kept = Kept::new().await;
    kept.log().run("UPDATE events SET data = CAST(x'ff' AS TEXT) WHERE position = 7");
    let (status, shown) = kept.with_anchors();
    assert_eq!(status, 1);
    assert_eq!(shown["first"]["kind"], "unreadable", "{shown}");
    assert_eq!(shown["first"]["position"], "7", "{shown}");
    assert_eq!(shown["findings_by_kind"]["segment_altered"], 1, "{shown}");
    assert_eq!(shown["events"], kept.sealed.count() + 2);
}

#[tokio::test]
async fn a_key_that_is_not_configured_any_more_is_no_alteration_and_said_as_what_it_is() {
    let kept = Kept::new().await;
    kept.home.reconfigure(|text| text.replace("prod-app-key-0123456789abcdef", "another-app-key-0123456789"));
    let (status, shown) = kept.with_anchors();
    assert_eq!(status, 1);
    let kinds = shown["findings_by_kind"].as_object().unwrap();
    assert_eq!(kinds.keys().collect::<Vec<_>>(), ["key_missing"], "{shown}");
}

#[tokio::test]
async fn a_file_of_anchors_that_proves_nothing_is_refused() {
    let kept = Kept::new().await;
    let exported = std::fs::read_to_string(&kept.anchors).unwrap();
    let altered = exported.replacen("\"count\":", "\"count\":1", 1);
    for (text, said) in [
        ("", "no seal stands in it"),
        ("nothing\n", "line 1: "),
        (&altered, "seal 1 of the anchors is no anchor of any log"),
    ] {
        std::fs::write(&kept.anchors, text).unwrap();
        let output = kept.verify(&["--anchor", kept.anchors.to_str().unwrap()]);
        let error = words(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(said) && error.contains("anchors.jsonl"), "{error}");
    }
}

#[tokio::test]
async fn a_later_run_goes_on_where_the_state_says_as_long_as_that_is_met() {
    let kept = Kept::new().await;
    let (status, first) = kept.with_state();
    assert_eq!((status, &first["resumed_after_seal"]), (0, &Value::Null), "{first}");
    let (status, again) = kept.with_state();
    assert_eq!((status, &again["resumed_after_seal"]), (0, &Value::from(SEALS)), "{again}");
    for field in ["events", "signatures", "segments", "newest_seal", "unsealed"] {
        assert_eq!(again[field], first[field], "{field}");
    }
    assert!(again["notes"].to_string().contains("was not read again"), "{again}");
    // What comes after it is verified.
    let log = kept.log();
    let event = log.event(kept.sealed.count() + 2);
    log.put(&RecordedEvent { data: event.data.replace("oTest", "oEve"), ..event });
    drop(log);
    let (status, shown) = kept.with_state();
    assert_eq!((status, &shown["first"]["kind"]), (1, &"data_altered".into()), "{shown}");
    // The seal has gone: all is verified anew.
    kept.log().run(&format!("DELETE FROM events WHERE position > {}", kept.sealed.anchors[3].seal.count + 1));
    let (status, shown) = kept.with_state();
    assert_eq!((status, &shown["first"]["kind"]), (1, &"anchor_differs".into()), "{shown}");
    assert_eq!(shown["events"], kept.sealed.anchors[3].seal.count + 1);
}

#[tokio::test]
async fn a_state_of_another_log_or_none_at_all_is_refused() {
    let kept = Kept::new().await;
    assert_eq!(kept.with_state().0, 0);
    let state = std::fs::read_to_string(kept.state()).unwrap();
    let log_id = kept.with_state().1["log_id"].as_str().unwrap().to_owned();
    let other = state.replace(&log_id, "00000000-0000-0000-0000-000000000001");
    for (text, said) in
        [(other.as_str(), "name another file"), ("{}", "none that `order-ledger verify --state`")]
    {
        std::fs::write(kept.state(), text).unwrap();
        let output = kept.verify(&["--state", kept.state().to_str().unwrap()]);
        let error = words(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{error}");
        assert!(error.contains(said) && error.contains("state.json"), "{error}");
    }
}

#[tokio::test]
async fn of_a_part_of_the_log_whole_segments_are_verified_and_that_is_said() {
    let kept = Kept::new().await;
    let [second, third] = [1, 2].map(|seal: usize| kept.sealed.anchors[seal].seal.count);
    let log = kept.log();
    for position in [second, third + 3] {
        let event = log.event(position);
        log.put(&RecordedEvent {
            metadata: event.metadata.replacen("\"recorded_at\":\"202", "\"recorded_at\":\"203", 1),
            ..event
        });
    }
    drop(log);
    // Both alterations stand outside of the one whole segment.
    let [from, until] = [second - 1, third + 1].map(|position| position.to_string());
    let (status, shown) = kept.json(&["--from", &from, "--until", &until]);
    assert_eq!((status, &shown["segments"]), (0, &1.into()), "{shown}");
    assert_eq!(shown["outside_of_whole_segments"], 2, "{shown}");
    assert!(shown["notes"].to_string().contains("only a part of the log was read"), "{shown}");
    let (status, shown) = kept.json(&["--from", "1"]);
    assert_eq!((status, &shown["findings_by_kind"]["segment_altered"]), (1, &2.into()), "{shown}");
}

#[tokio::test]
async fn a_server_may_be_running() {
    let kept = Kept::new().await;
    let server = kept.home.serve();
    let (status, shown) = kept.with_anchors();
    assert_eq!((status, &shown["anchors"]["met"]), (0, &SEALS.into()), "{shown}");
    assert!(server.terminate().success());
}

/// Only the newest seal was exported. Whoever replaces the seals before it by other events of their stream has no
/// key, and could change all that they covered.
#[tokio::test]
async fn seals_that_were_replaced_by_other_events_are_missed_by_the_newest_anchor_alone() {
    let kept = Kept::new().await;
    let newest = kept.sealed.anchors[usize::try_from(SEALS).unwrap() - 1].to_line().unwrap();
    std::fs::write(&kept.anchors, newest + "\n").unwrap();
    let log = kept.log();
    let (status, shown) = kept.with_anchors();
    assert_eq!((status, &shown["findings"]), (0, &Value::from(0)), "{shown}");
    for event in log.events() {
        let is_before_the_newest = event.stream == seal_stream() && event.version + 1 < SEALS;
        if is_before_the_newest {
            let (event_type, data) = ("GoodsGranted".to_owned(), r#"{"by":"eve"}"#.to_owned());
            let id = event_id(&event.stream, &event_type, &data);
            let metadata = event.metadata.replacen('{', r#"{"schema":1,"app":"demo","#, 1);
            let metadata = metadata.replacen(r#","schema":1"#, "", 1);
            log.put(&RecordedEvent { id, event_type, data, metadata, ..event });
        }
    }
    drop(log);
    let (status, shown) = kept.with_anchors();
    assert_eq!(status, 1, "{shown}");
    let misplaced = shown["findings_by_kind"]["seal_misplaced"].as_u64().unwrap();
    assert!(misplaced >= SEALS, "each that is no seal, and the newest, which nothing leads to: {shown}");
}

/// The index over streams, and not the events: what is read by its stream is another event.
#[tokio::test]
async fn an_index_that_leads_to_other_events_is_found_though_it_holds_as_many() {
    let kept = Kept::new().await;
    let log = kept.log();
    log.run(
        "CREATE TABLE others AS SELECT * FROM events;
         UPDATE others SET stream = stream || '9' WHERE position = 5;
         CREATE TABLE forged (position INTEGER PRIMARY KEY, stream, version, UNIQUE (stream, version));
         INSERT INTO forged SELECT position, stream, version FROM others;
         PRAGMA writable_schema = ON;
         UPDATE sqlite_schema SET rootpage = (
             SELECT rootpage FROM sqlite_schema WHERE name = 'sqlite_autoindex_forged_1'
         ) WHERE name = 'sqlite_autoindex_events_1';
         DELETE FROM sqlite_schema WHERE tbl_name = 'forged';
         PRAGMA writable_schema = RESET;",
    );
    drop(log);
    let (status, shown) = kept.with_anchors();
    assert_eq!((status, &shown["findings"]), (1, &1.into()), "{shown}");
    assert_eq!(shown["first"]["kind"], "index_differs", "{shown}");
    assert!(shown["first"]["what"].as_str().unwrap().contains("other events, or other versions"), "{shown}");
}

#[tokio::test]
async fn a_later_run_says_what_anchors_prove_of_what_it_did_not_read_again() {
    let kept = Kept::new().await;
    let anchors = kept.anchors.to_str().unwrap().to_owned();
    let state = kept.state();
    let args = ["--anchor", anchors.as_str(), "--state", state.to_str().unwrap()];
    for exported in [SEALS, 3, 1] {
        kept.export(exported);
        let (status, shown) = kept.json(&args);
        assert_eq!((status, &shown["findings"]), (0, &0.into()), "{shown}");
        let newest = &kept.sealed.anchors[usize::try_from(exported).unwrap() - 1].seal;
        assert_eq!(shown["anchors"]["newest"]["seal"], exported, "{shown}");
        assert_eq!(shown["anchors"]["newest"]["position"], newest.position.to_string(), "{shown}");
        assert_eq!(shown["anchors"]["not_yet_proven"], kept.sealed.count() + 2 - newest.count, "{shown}");
        assert_eq!(shown["anchors"]["met"], exported, "{shown}");
    }
}

#[tokio::test]
async fn where_nothing_stands_nothing_is_called_right() {
    let kept = Kept::new().await;
    let end = kept.sealed.count() + 2;
    let beyond = (end + 1).to_string();
    for (args, said) in [
        (&["--from", &beyond][..], format!("no event stands from position {beyond} on")),
        (&["--from", "9", "--until", "5"], "no event stands from position 9 to position 5".to_owned()),
        (&["--until", "0"], "no event stands from position 1 to position 0".to_owned()),
    ] {
        let output = kept.verify(args);
        let error = words(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {error}{}", words(&output.stdout));
        assert!(error.contains(&said), "{args:?}: {error}");
        assert!(error.contains(&format!("the log ends at position {end}")), "{args:?}: {error}");
    }
    assert_eq!(kept.verify(&["--from", &end.to_string()]).status.code(), Some(0));
}

#[tokio::test]
async fn what_somebody_wrote_into_the_log_does_not_move_the_cursor_of_who_verifies_it() {
    let kept = Kept::new().await;
    let log = kept.log();
    let event = log.event(5);
    let stream = StreamName(format!("{}\u{1b}[2J", event.stream));
    log.put(&RecordedEvent { stream, event_type: "Goods\u{1b}[1A\rfine".into(), ..event });
    drop(log);
    let output = kept.verify(&[]);
    let said = words(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("u{1b}") && said.contains("[2J"), "{said}");
    assert!(!said.chars().any(|c| c.is_control() && c != '\n'), "{said:?}");
}
