//! The directory behind the role list.

use order_ledger::domain::environment::Environment::{Production, Sandbox};
use order_ledger::projector::AskError;

use super::folded::Folded;
use super::told::{Asked, role};

const ANNA: [(&str, &str); 3] = [("app", "demo"), ("env", "production"), ("open_id", "oAnna")];

#[tokio::test(flavor = "multi_thread")]
async fn the_most_recently_played_role_comes_first_and_ties_are_broken_by_its_id() {
    let folded = Folded::built_in().await;
    for (role_id, played) in [("c", 5), ("a", 9), ("d", 5), ("b", 7)] {
        folded.reported(10, Production, "oAnna", role(role_id, "name", played)).await;
    }
    folded.reported(10, Sandbox, "oAnna", role("s", "name", 1)).await;
    folded.reported(10, Production, "oBert", role("x", "name", 1)).await;
    let ids = async |parameters: Asked<'_>| {
        folded.columns("roles/recent", parameters, ["role_id"]).await.concat().join(" ")
    };
    assert_eq!(ids(&ANNA).await, "a b c d");
    assert_eq!(ids(&[&ANNA[..], &[("limit", "2")]].concat()).await, "a b");
    // What was asked with the sandbox's key sees the sandbox.
    assert_eq!(ids(&[ANNA[0], ("env", "sandbox"), ANNA[2]]).await, "s");
    assert_eq!(ids(&[("app", "other"), ANNA[1], ANNA[2]]).await, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_twenty_roles_are_never_answered() {
    let folded = Folded::built_in().await;
    for number in 0..25 {
        folded.reported(30, Production, "oAnna", role(&format!("r{number:02}"), "name", number)).await;
    }
    let found = folded.columns("roles/recent", &ANNA, ["role_id"]).await;
    assert_eq!((found.len(), &found[0], &found[19]), (20, &["r24".to_owned()], &["r05".to_owned()]));
    let refused = folded.ask("roles/recent", &[&ANNA[..], &[("limit", "21")]].concat()).await.unwrap_err();
    assert!(matches!(&refused, AskError::Parameter(text) if text.starts_with("limit: ")), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_report_says_what_a_role_is_and_never_takes_its_time_back() {
    let folded = Folded::built_in().await;
    folded.reported(100, Production, "oAnna", role("1", "old name", 90)).await;
    folded.reported(101, Production, "oAnna", role("1", "new name", 30)).await;
    let columns = ["role_name", "zones", "midas_zone_id", "attach", "played_at"];
    let zones = r#"[{"zone_id":"1","zone_name":"华东"},{"zone_id":"1-2","zone_name":"二服"}]"#;
    let found = folded.columns("roles/recent", &ANNA, columns).await;
    assert_eq!(found, [["new name", zones, "1", "-", "2025-12-31T17:30:00.000Z"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_found_by_player_by_its_id_and_by_its_name() {
    let folded = Folded::built_in().await;
    folded.reported(10, Production, "oAnna", role("1", "剑客", 1)).await;
    folded.reported(10, Production, "oAnna", role("2", "法师", 2)).await;
    folded.reported(10, Production, "oBert", role("1", "法师", 3)).await;
    folded.reported(10, Sandbox, "oBert", role("9", "剑客", 4)).await;
    let cases: [(Asked<'_>, &str); 8] = [
        (&[("open_id", "oAnna")], "oAnna/2 oAnna/1"),
        (&[("open_id", "oBert"), ("env", "both")], "oBert/9 oBert/1"),
        (&[("role_id", "1")], "oBert/1 oAnna/1"),
        (&[("role_name", "法师")], "oBert/1 oAnna/2"),
        (&[("role_name", "法师"), ("open_id", "oAnna")], "oAnna/2"),
        (&[("role_id", "1"), ("app", "other")], ""),
        (&[("role_name", "法")], ""),
        (&[], ""),
    ];
    for (parameters, roles) in cases {
        let found = folded.columns("roles/search", parameters, ["open_id", "role_id"]).await;
        let found: Vec<_> = found.iter().map(|pair| pair.join("/")).collect();
        assert_eq!(found.join(" "), roles, "{parameters:?}");
    }
}
