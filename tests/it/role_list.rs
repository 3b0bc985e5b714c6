//! The ledger's own directory of roles: what games report is what WeChat is answered.

use order_ledger::cli::simulate::{PushRequest, Writing};
use serde_json::{Value, json};

use super::by_hand::{DEMO, ROLES, key_of, pay_event_sig, signed_message};
use super::server::{Home, Server};

const PLAYER: &str = "oPlayer_1";

fn query(writing: Writing, env: u8, need_role_num: u32) -> PushRequest {
    let payload = json!({ "OpenId": PLAYER, "NeedRoleNum": need_role_num }).to_string();
    let sig = pay_event_sig(key_of(env), ROLES, &payload);
    DEMO.plain(signed_message(writing, ROLES, &payload, &sig))
}

fn role(role_id: &str, played_at: &str) -> Value {
    json!({
        "role_id": role_id,
        "role_name": format!("剑客 {role_id}"),
        "zones": [{ "zone_id": "1", "zone_name": "华东" }, { "zone_id": "1-2", "zone_name": "二服" }],
        "midas_zone_id": "1",
        "attach": "a&b",
        "played_at": played_at,
    })
}

/// Reports roles; how many were worth an event.
async fn report(server: &Server, env: &str, body: Value) -> u64 {
    let path = format!("/v1/apps/demo/players/{PLAYER}/roles?env={env}");
    let answer = server.admin("PUT", &path, &body.to_string()).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_str::<Value>(&answer.body).unwrap()["appended"].as_u64().unwrap()
}

async fn role_ids(server: &Server, env: u8, need_role_num: u32) -> Vec<String> {
    let answer = server.push(&query(Writing::Json, env, need_role_num)).await;
    let answer: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(answer["ErrCode"], 0, "{answer}");
    let roles = answer["RecentPlayedRoleList"].as_array().unwrap();
    roles.iter().map(|role| role["RoleId"].as_str().unwrap().to_owned()).collect()
}

/// A server that can tell roles: a question does not wait for a first build.
async fn serving(home: &Home) -> Server {
    let server = home.serve();
    server.logged("a new build answers projection=\"roles\"").await;
    server
}

#[tokio::test]
async fn roles_that_a_game_reports_are_answered_to_wechat_as_documented_and_at_once() {
    let home = Home::new();
    let server = serving(&home).await;
    assert_eq!(report(&server, "production", role("7", "2026-01-01T08:00:00+08:00")).await, 1);
    let in_json = server.push(&query(Writing::Json, 0, 10)).await;
    assert_eq!(
        in_json.body,
        concat!(
            r#"{"ErrCode":0,"ErrMsg":"Success","RecentPlayedRoleList":[{"RoleId":"7","RoleName":"剑客 7","#,
            r#""ZoneInfoList":[{"ZoneId":"1","ZoneName":"华东"},{"ZoneId":"1-2","ZoneName":"二服"}],"#,
            r#""PayParam":{"MidasZoneId":"1","Attach":"a&b"}}]}"#
        )
    );
    let in_xml = server.push(&query(Writing::XmlCdata, 0, 10)).await;
    assert_eq!(
        in_xml.body,
        concat!(
            "<xml><ErrCode>0</ErrCode><ErrMsg>Success</ErrMsg><RecentPlayedRoleList><RoleId>7</RoleId>",
            "<RoleName>剑客 7</RoleName>",
            "<ZoneInfoList><ZoneId>1</ZoneId><ZoneName>华东</ZoneName></ZoneInfoList>",
            "<ZoneInfoList><ZoneId>1-2</ZoneId><ZoneName>二服</ZoneName></ZoneInfoList>",
            "<PayParam><MidasZoneId>1</MidasZoneId><Attach>a&amp;b</Attach></PayParam>",
            "</RecentPlayedRoleList></xml>"
        )
    );
    assert!(server.complaints().is_empty(), "{}", server.log());
}

#[tokio::test]
async fn the_key_that_signed_the_question_chooses_the_environment_of_the_roles() {
    let home = Home::new();
    let server = serving(&home).await;
    report(&server, "production", role("live", "2026-01-01T08:00:00Z")).await;
    assert_eq!(role_ids(&server, 1, 10).await, [""; 0]);
    report(&server, "sandbox", role("test", "2026-01-01T08:00:00Z")).await;
    assert_eq!(role_ids(&server, 0, 10).await, ["live"]);
    assert_eq!(role_ids(&server, 1, 10).await, ["test"]);
}

#[tokio::test]
async fn the_most_recently_played_come_first_at_most_as_many_as_asked_for_and_never_over_20() {
    let home = Home::new();
    let server = serving(&home).await;
    let at = |minute: usize| format!("2026-01-01T08:{minute:02}:00Z");
    let roles: Vec<_> = (0..25).map(|number| role(&format!("r{number:02}"), &at(number))).collect();
    assert_eq!(report(&server, "production", json!({ "roles": roles })).await, 25);
    let newest: Vec<_> = (0..25).rev().map(|number| format!("r{number:02}")).collect();
    for (need_role_num, answered) in [(1, 1), (3, 3), (20, 20), (21, 20), (1000, 20)] {
        assert_eq!(role_ids(&server, 0, need_role_num).await, newest[..answered], "{need_role_num}");
    }
    // Played again: it comes first, and WeChat is told so at once.
    assert_eq!(report(&server, "production", role("r00", "2026-01-01T10:00:00Z")).await, 1);
    assert_eq!(role_ids(&server, 0, 2).await, ["r00", "r24"]);
}

#[tokio::test]
async fn a_report_is_recorded_when_something_has_changed_or_an_hour_has_gone_by() {
    let home = Home::new();
    let server = serving(&home).await;
    let renamed = |name: &str, played_at: &str| {
        let mut role = role("1", played_at);
        role["role_name"] = json!(name);
        role
    };
    for (body, appended) in [
        (renamed("甲", "2026-01-01T08:00:00Z"), 1),
        (renamed("甲", "2026-01-01T08:00:00Z"), 0),
        (renamed("甲", "2026-01-01T08:59:59Z"), 0),
        (renamed("甲", "2026-01-01T09:00:00Z"), 1),
        (renamed("甲", "2026-01-01T07:00:00Z"), 0),
        (renamed("乙", "2026-01-01T09:00:01Z"), 1),
        (renamed("甲", "2026-01-01T09:00:02Z"), 1),
        (json!({ "roles": [renamed("甲", "2026-01-01T09:00:03Z"), role("2", "2026-01-01T09:00:00Z")] }), 1),
    ] {
        assert_eq!(report(&server, "production", body.clone()).await, appended, "{body}");
    }
}

#[tokio::test]
async fn a_role_cannot_have_been_played_in_times_to_come() {
    let home = Home::new();
    let server = serving(&home).await;
    let path = format!("/v1/apps/demo/players/{PLAYER}/roles");
    let answer = server.admin("PUT", &path, &role("1", "2999-01-01T00:00:00Z").to_string()).await;
    assert_eq!(answer.status, 422, "{answer:?}");
    assert!(answer.body.contains("body.played_at") && answer.body.contains("300 s ahead"), "{answer:?}");
    assert_eq!(role_ids(&server, 0, 10).await, [""; 0]);
}
