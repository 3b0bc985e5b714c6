//! What the refused ring keeps, forgets and finds.

use super::*;

fn at(second: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
}

fn new_entry(digest: &str, body: usize, second: i64) -> NewEntry {
    NewEntry {
        digest: digest.into(),
        app: "demo".into(),
        channel: String::new(),
        code: 40101,
        reason: "r".into(),
        mock: false,
        stranger: false,
        claimed: "{}".into(),
        query: "{}".into(),
        body: vec![b'x'; body],
        at: at(second),
        gives_up_at: Some(at(second + 86_640)),
    }
}

#[test]
fn the_same_request_is_one_entry_with_a_count_and_keeps_when_wechat_gives_up() {
    let folder = tempfile::tempdir().unwrap();
    let mut ring = Ring::open(&folder.path().join("refused.db")).unwrap();
    ring.write(&[new_entry("a", 1, 0), new_entry("b", 1, 1), new_entry("a", 1, 15)]).unwrap();
    let entries = ring.list(10).unwrap();
    let seen: Vec<_> = entries.iter().map(|entry| (entry.times, entry.first_at.as_str())).collect();
    assert_eq!(seen, [(2, "2027-01-15T08:00:00.000Z"), (1, "2027-01-15T08:00:01.000Z")]);
    assert_eq!(entries[0].gives_up_at.as_deref(), Some("2027-01-16T08:04:00.000Z"));
    assert_eq!(ring.show(entries[1].id).unwrap().unwrap(), entries[1]);
}

#[test]
fn the_ring_forgets_what_is_old_and_what_is_too_much() {
    let folder = tempfile::tempdir().unwrap();
    let mut ring = Ring::open(&folder.path().join("refused.db")).unwrap();
    let day = 24 * 3600;
    ring.write(&[new_entry("old", 1, 0), new_entry("new", 1, 8 * day)]).unwrap();
    ring.forget(at(8 * day)).unwrap();
    assert_eq!(ring.list(10).unwrap().len(), 1, "older than seven days");
    for batch in 0..15 {
        let entries: Vec<_> =
            (0..100).map(|n| new_entry(&format!("{batch}-{n}"), 64 * 1024, 8 * day + batch)).collect();
        ring.write(&entries).unwrap();
        ring.forget(at(8 * day)).unwrap();
    }
    let entries = ring.list(5000).unwrap();
    let kept: usize = entries.iter().map(|entry| entry.body.len()).sum();
    assert!(kept as u64 <= limits::REFUSED_BYTES_MAX, "{kept}");
    assert!(kept as u64 > limits::REFUSED_BYTES_MAX / 2, "{kept}");
    assert!(entries.iter().all(|entry| entry.body.len() > 1), "the oldest went first");
}

#[test]
fn what_strangers_sent_goes_first() {
    let folder = tempfile::tempdir().unwrap();
    let mut ring = Ring::open(&folder.path().join("refused.db")).unwrap();
    let entries = |stranger, second| -> Vec<NewEntry> {
        let entry = |n| NewEntry { stranger, ..new_entry(&format!("{stranger}-{n}"), 64 * 1024, second) };
        (0..700).map(entry).collect()
    };
    ring.write(&entries(false, 0)).unwrap();
    ring.write(&entries(true, 1)).unwrap();
    ring.forget(at(1)).unwrap();
    let count = "SELECT count(*) FROM refused WHERE stranger = ?1";
    let count = |stranger: bool| ring.connection.query_row(count, [stranger], |row| row.get(0));
    let (known, strangers): (u32, u32) = (count(false).unwrap(), count(true).unwrap());
    assert_eq!(known, 700, "though they are older");
    assert!((1..700).contains(&strangers), "{strangers}");
}

#[test]
fn an_entry_is_found_by_any_id_it_claims_and_by_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let mut ring = Ring::open(&folder.path().join("refused.db")).unwrap();
    let claimed = |digest: &str, claimed: serde_json::Value| NewEntry {
        claimed: claimed.to_string(),
        ..new_entry(digest, 1, 0)
    };
    ring.write(&[
        claimed("a", serde_json::json!({"event": "E", "out_trade_no": "N1", "open_id": "o玩家\"x"})),
        claimed("b", serde_json::json!({"event": "E", "out_trade_no": "N10", "refund_id": "N1"})),
        NewEntry { claimed: String::new(), ..new_entry("c", 1, 0) },
    ])
    .unwrap();
    for (id, found) in [("N1", 2), ("N10", 1), ("o玩家\"x", 1), ("N", 0), ("E", 0), ("", 0), ("%", 0)] {
        assert_eq!(ring.claiming(id, None, 10).unwrap().len(), found, "{id}");
    }
    assert_eq!(ring.claiming("N1", None, 1).unwrap().len(), 1);
}

#[test]
fn entries_of_other_apps_and_of_strangers_hide_none_of_this_app() {
    let folder = tempfile::tempdir().unwrap();
    let mut ring = Ring::open(&folder.path().join("refused.db")).unwrap();
    let of = |digest: String, app: &str, stranger, second| NewEntry {
        app: app.into(),
        stranger,
        claimed: serde_json::json!({"out_trade_no": "N1"}).to_string(),
        ..new_entry(&digest, 1, second)
    };
    let mut entries = vec![of("older".into(), "demo", false, 0), of("newer".into(), "demo", false, 1)];
    entries.extend((0..60).map(|n| of(format!("other {n}"), "other", false, 2 + n)));
    entries.extend((0..60).map(|n| of(format!("stranger {n}"), "demo", true, 100 + n)));
    ring.write(&entries).unwrap();
    let found = |app, limit| -> Vec<_> {
        let found = ring.claiming("N1", app, limit).unwrap();
        found.into_iter().map(|entry| (entry.app, entry.stranger, entry.first_at)).collect()
    };
    let first = |app: &str, stranger, second| (app.to_owned(), stranger, stamp(at(second)));
    let expected = [first("demo", false, 1), first("demo", false, 0), first("demo", true, 159)];
    assert_eq!(found(Some("demo"), 3), expected);
    assert_eq!(found(None, 1), [first("other", false, 61)]);
    assert_eq!(found(Some("nobody"), 50), []);
}
