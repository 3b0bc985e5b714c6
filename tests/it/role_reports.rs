//! Games tell of their players' roles over HTTP.

use serde_json::{Value, json};

use super::asking::home_of_all_roles;
use super::looking::recorded;

fn role(id: &str) -> Value {
    json!({"role_id": id, "role_name": "剑客", "midas_zone_id": "1"})
}

fn changed(field: &str, value: Value) -> Value {
    let mut role = role("1");
    role[field] = value;
    role
}

#[tokio::test]
async fn roles_are_recorded_where_they_are_new_or_changed_one_or_many_at_once() {
    let home = home_of_all_roles();
    let server = home.serve();
    let game = server.client("game_demo");
    let path = "/v1/apps/demo/players/oP/roles";
    let zones = json!([{"zone_id": "z", "zone_name": "区"}, {"zone_id": "s", "zone_name": "服"}]);
    let mut positions = vec![];
    for (body, appended) in [
        (role("1"), 1),
        (role("1"), 0),
        (json!({"roles": [role("1"), role("2"), role("3")]}), 2),
        (changed("zones", zones), 1),
        (changed("attach", json!("{\"a\":1}")), 1),
        (changed("played_at", json!("2020-01-01T00:00:00+08:00")), 1),
    ] {
        let asked = game.send("PUT", path, &body).await;
        assert_eq!(asked.outcome(), "200", "{body}: {asked:?}");
        assert_eq!(asked.json()["appended"], appended, "{body}");
        positions.push(asked.json()["position"].as_str().unwrap().parse::<u64>().unwrap());
    }
    assert!(positions.is_sorted(), "{positions:?}");
    let asked = game.send("PUT", &format!("{path}?env=sandbox"), &role("1")).await;
    assert_eq!(asked.json()["appended"], 1, "the sandbox has roles of its own");
    let events = recorded(&home, "oP");
    assert_eq!(events.len(), 7, "{events:?}");
    assert_eq!(events[6], "player-demo.sandbox.oP RoleReported");
}

#[tokio::test]
async fn a_role_that_is_wrong_is_refused_with_its_place_and_nothing_is_recorded() {
    let home = home_of_all_roles();
    let server = home.serve();
    let game = server.client("game_demo");
    let path = "/v1/apps/demo/players/oP/roles";
    let zone = |id: &str| json!({"zone_id": id, "zone_name": "n"});
    for (body, place) in [
        (changed("role_id", json!("")), "body.role_id"),
        (changed("role_id", json!(1)), "body.role_id"),
        (changed("role_name", json!("a\nb")), "body.role_name"),
        (changed("level", json!(1)), "body.level"),
        (changed("zones", json!([zone("a"), zone("")])), "body.zones[1].zone_id"),
        (changed("zones", json!([zone("a"), {"zone_id": "b"}])), "body.zones[1]"),
        (changed("played_at", json!("yesterday")), "body.played_at"),
        (changed("played_at", json!("0001-01-01T00:00:00Z")), "body.played_at"),
        (json!({"role_id": "1"}), "body"),
        (json!({"roles": []}), "body.roles"),
        (json!({"roles": [role("1"), changed("midas_zone_id", json!(""))]}), "body.roles[1].midas_zone_id"),
        (json!({"roles": (0..51).map(|n| role(&n.to_string())).collect::<Vec<_>>()}), "body.roles"),
        (json!([role("1")]), "body"),
    ] {
        let asked = game.send("PUT", path, &body).await;
        assert_eq!(asked.outcome(), "422 body", "{body}");
        assert_eq!(asked.json()["detail"][0]["place"], place, "{body}: {asked:?}");
    }
    assert!(recorded(&home, "oP").is_empty());
}

#[tokio::test]
async fn only_the_apps_own_game_and_an_admin_tell_of_roles() {
    let home = home_of_all_roles();
    let server = home.serve();
    for (name, own, other) in [
        ("support", "403 role", "403 role"),
        ("finance_demo", "403 role", "403 role"),
        ("audit", "403 role", "403 role"),
        ("game_demo", "200", "403 scope"),
        ("game", "200", "200"),
        ("admin", "200", "200"),
    ] {
        for (app, outcome) in [("demo", own), ("other", other)] {
            let path = format!("/v1/apps/{app}/players/oP/roles");
            let asked = server.client(name).send("PUT", &path, &role("1")).await;
            assert_eq!(asked.outcome(), outcome, "{name} {app}: {asked:?}");
        }
    }
}
