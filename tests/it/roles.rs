//! Role lists: what WeChat is answered, and who is asked for it.

use std::time::{Duration, Instant};

use order_ledger::cli::simulate::{PushRequest, Writing};
use order_ledger::projector::Views;
use serde_json::{Value, json};

use super::by_hand::{DEMO, ROLES, key_of, pay_event_sig, signed_message};
use super::game::{Game, TOKEN, ok, roles_at};
use super::server::{Home, Server, until};

const PLAYER: &str = "oAsking_中文";
const NO_ROLES: &str = r#"{"ErrCode":0,"ErrMsg":"Success","RecentPlayedRoleList":[]}"#;
const UNAVAILABLE: &str = r#"{"ErrCode":50302,"ErrMsg":"the roles cannot be told now, ask again"}"#;

/// WeChat's question, signed with the key of an environment.
fn query(writing: Writing, env: u8, need_role_num: u32) -> PushRequest {
    let payload = json!({ "OpenId": PLAYER, "NeedRoleNum": need_role_num }).to_string();
    let sig = pay_event_sig(key_of(env), ROLES, &payload);
    DEMO.plain(signed_message(writing, ROLES, &payload, &sig))
}

fn role(role_id: &str) -> Value {
    json!({
        "role_id": role_id,
        "role_name": "剑客 <&>",
        "zones": [{ "zone_id": "1", "zone_name": "华东" }, { "zone_id": "1-2", "zone_name": "二服" }],
        "midas_zone_id": "1",
    })
}

#[tokio::test]
async fn the_games_own_server_is_asked_in_the_environment_of_the_key_and_its_roles_are_answered() {
    let mut first = role("r-1");
    (first["attach"], first["level"]) = (json!("a=1&b=\"2\""), json!(60));
    let game = Game::with_roles(&json!([first, role("r-2")]).to_string());
    let home = Home::with(|text| game.configured(text));
    let server = home.serve();
    let zones = r#""ZoneInfoList":[{"ZoneId":"1","ZoneName":"华东"},{"ZoneId":"1-2","ZoneName":"二服"}]"#;
    let in_json = [
        r#"{"ErrCode":0,"ErrMsg":"Success","RecentPlayedRoleList":[{"RoleId":"r-1","RoleName":"剑客 <&>","#,
        zones,
        r#","PayParam":{"MidasZoneId":"1","Attach":"a=1&b=\"2\""}},{"RoleId":"r-2","RoleName":"剑客 <&>","#,
        zones,
        r#","PayParam":{"MidasZoneId":"1","Attach":""}}]}"#,
    ];
    let zones = "<ZoneInfoList><ZoneId>1</ZoneId><ZoneName>华东</ZoneName></ZoneInfoList>\
                 <ZoneInfoList><ZoneId>1-2</ZoneId><ZoneName>二服</ZoneName></ZoneInfoList>";
    let in_xml = [
        "<xml><ErrCode>0</ErrCode><ErrMsg>Success</ErrMsg><RecentPlayedRoleList><RoleId>r-1</RoleId>",
        "<RoleName>剑客 &lt;&amp;&gt;</RoleName>",
        zones,
        "<PayParam><MidasZoneId>1</MidasZoneId><Attach>a=1&amp;b=&quot;2&quot;</Attach></PayParam>",
        "</RecentPlayedRoleList><RecentPlayedRoleList><RoleId>r-2</RoleId>",
        "<RoleName>剑客 &lt;&amp;&gt;</RoleName>",
        zones,
        "<PayParam><MidasZoneId>1</MidasZoneId><Attach></Attach></PayParam></RecentPlayedRoleList></xml>",
    ];
    for writing in Writing::ALL {
        for env in [0, 1] {
            let answer = server.push(&query(writing, env, 10)).await;
            let expected = if writing == Writing::Json { in_json.concat() } else { in_xml.concat() };
            assert_eq!(answer.body, expected, "{writing:?}");
        }
    }
    let asked = game.asked();
    let envs = ["production", "sandbox"].into_iter().cycle();
    assert_eq!(asked.len(), 6);
    for (asked, env) in asked.iter().zip(envs) {
        let question = json!({ "app": "demo", "env": env, "open_id": PLAYER, "need_role_num": 10 });
        assert_eq!(asked.body, question);
        for part in [
            "post /game/roles http/1.1\r\n".to_owned(),
            format!("\r\nhost: {}\r\n", game.address),
            "\r\ncontent-type: application/json\r\n".to_owned(),
            format!("\r\nauthorization: bearer {TOKEN}\r\n"),
        ] {
            assert!(asked.head.contains(&part), "{part} {}", asked.head);
        }
    }
    assert_eq!(server.complaints(), [""; 0]);
}

#[tokio::test]
async fn of_more_roles_than_were_asked_for_the_first_are_answered() {
    let known: Vec<Value> = (0..30).map(|id| role(&id.to_string())).collect();
    let game = Game::with_roles(&json!(known).to_string());
    let home = Home::with(|text| game.configured(text));
    let server = home.serve();
    for (need, told) in [(1, 1), (7, 7), (20, 20), (100, 20)] {
        let answer = server.push(&query(Writing::Json, 0, need)).await;
        let answer: Value = serde_json::from_str(&answer.body).unwrap();
        let roles = answer["RecentPlayedRoleList"].as_array().unwrap();
        let ids: Vec<String> = roles.iter().map(|role| role["RoleId"].as_str().unwrap().to_owned()).collect();
        assert_eq!(ids, (0..told).map(|id| id.to_string()).collect::<Vec<_>>(), "{need}");
        assert_eq!(game.asked().last().unwrap().body["need_role_num"], need.min(20));
    }
    // Nobody's roles are an answer of the game's server, and the only empty list there is.
    let empty = Game::with_roles("[]");
    home.reconfigure(|text| text.replace(&game.address.to_string(), &empty.address.to_string()));
    server.signal("HUP");
    server.logged("reloaded").await;
    let answer = server.push(&query(Writing::Json, 0, 10)).await;
    assert_eq!(answer.body, r#"{"ErrCode":0,"ErrMsg":"Success","RecentPlayedRoleList":[]}"#);
}

/// Asks once; the answer, and how long it took.
async fn answered(server: &Server, writing: Writing) -> (String, Duration) {
    let begun = Instant::now();
    (server.push(&query(writing, 0, 10)).await.body, begun.elapsed())
}

#[tokio::test]
async fn what_the_games_server_does_not_answer_rightly_is_a_failure_and_never_an_empty_list() {
    let elsewhere = Game::with_roles(&json!([role("1")]).to_string());
    let redirect = |status: &str| {
        format!("HTTP/1.1 {status}\r\nlocation: http://{}/\r\ncontent-length: 0\r\n\r\n", elsewhere.address)
    };
    let nameless =
        json!({ "roles": [{ "role_id": "secret-id", "role_name": "", "zones": [], "midas_zone_id": "1" }] });
    let good = json!({ "roles": [role("1")] }).to_string();
    let large = ok(&format!("{good}{}", " ".repeat(256 * 1024)));
    for (answer, said) in [
        (Some(redirect("302 Found")), "HTTP status 302 Found, must be 200"),
        (Some(redirect("307 Temporary Redirect")), "HTTP status 307 Temporary Redirect, must be 200"),
        (Some(ok(&good).replace("200 OK", "500 Oops")), "HTTP status 500 Internal Server Error, must be 200"),
        (Some(ok(&nameless.to_string())), "its answer: roles[0].role_name: is missing"),
        (Some(ok("[]")), "its answer: the answer: must be an object, is a list"),
        (Some(ok("")), "its answer is no JSON: line 1, column 0"),
        (Some(large), "its answer is larger than 262144 bytes"),
        (Some(ok(&good).replace("content-length: ", "content-length: 1")), "connection closed"),
        (Some("NONSENSE\r\n\r\n".to_owned()), "not HTTP as expected"),
        (Some(String::new()), "connection closed"),
        (None, "timed out"),
    ] {
        let never = answer.is_none();
        let game = Game::answering(move |_| answer.clone());
        let home = Home::with(|text| game.configured(text));
        let server = home.serve();
        let (body, took) = answered(&server, Writing::Json).await;
        assert_eq!(body, UNAVAILABLE, "{said}");
        assert!(took < Duration::from_secs(3), "WeChat waits no longer: {said}: {took:?}");
        assert!(!never || took >= Duration::from_millis(1500), "{took:?}");
        let [complaint] = server.complaints().try_into().unwrap();
        assert!(
            complaint.contains(&format!("the game's server: {said}")) || complaint.contains(said),
            "{complaint}"
        );
        for personal in [PLAYER, "oAsking", "secret-id", TOKEN] {
            assert!(!server.log().contains(personal), "{}", server.log());
        }
        assert_eq!(game.asked().len(), 1, "{said}");
        until("nobody waits any more", || game.abandoned() == usize::from(never)).await;
    }
    assert!(elsewhere.asked().is_empty(), "a redirect was followed");
}

#[tokio::test]
async fn where_nobody_can_be_asked_the_answer_is_a_failure_in_the_format_of_the_question() {
    // A port that is taken, and at which nobody listens.
    let taken = tokio::net::TcpSocket::new_v4().unwrap();
    taken.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let free = taken.local_addr().unwrap();
    let home = Home::with(|text| roles_at(free, &text));
    let server = home.serve();
    assert_eq!(answered(&server, Writing::Json).await.0, UNAVAILABLE);
    server.logged("the game's server: connection refused").await;
    for writing in [Writing::XmlCdata, Writing::XmlEscaped] {
        let expected =
            "<xml><ErrCode>50302</ErrCode><ErrMsg>the roles cannot be told now, ask again</ErrMsg></xml>";
        assert_eq!(answered(&server, writing).await.0, expected);
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_asked_stops_the_start_and_a_reload_keeps_the_one_before() {
    let game = Game::with_roles(&json!([role("1")]).to_string());
    let home = Home::with(|text| game.configured(text));
    let server = home.serve();
    let nameless = |text: String| text.replace(&format!("http://{}", game.address), "https://a..b");
    home.reconfigure(nameless);
    server.signal("HUP");
    server.logged("app.demo.roles: \"https://a..b/game/roles\": no certificate can be for this host").await;
    assert!(answered(&server, Writing::Json).await.0.contains(r#""RoleId":"1""#));
    assert!(server.terminate().success());
    let ended = Server::try_start(home.command(&["serve"]), home.folder()).err().unwrap();
    assert_eq!(ended.status.code(), Some(2), "{ended:?}");
    assert!(ended.log.contains("app.demo.roles: "), "{ended:?}");
}

#[tokio::test]
async fn while_the_ledgers_directory_of_roles_is_not_ready_the_answer_is_a_failure_and_never_an_empty_list() {
    let home = Home::new();
    // The server waits for whoever folds into its folder, and answers pushes meanwhile.
    let folded_elsewhere = Views::take(&home.views()).unwrap();
    let server = home.serve();
    assert_eq!(answered(&server, Writing::Json).await.0, UNAVAILABLE);
    server.logged("the directory of roles is not ready").await;
    assert!(!server.log().contains(PLAYER));
    drop(folded_elsewhere);
    server.logged("a new build answers projection=\"roles\"").await;
    assert_eq!(answered(&server, Writing::Json).await.0, NO_ROLES);
}

#[tokio::test]
async fn a_mock_query_asks_nobody() {
    let game = Game::with_roles(&json!([role("1")]).to_string());
    let home = Home::with(|text| game.configured(text));
    let server = home.serve();
    let mock = json!({
        "Event": ROLES, "MsgType": "event", "CreateTime": 1,
        "MiniGame": { "Payload": r#"{"OpenId":"oP","NeedRoleNum":10}"#, "PayEventSig": "", "IsMock": true },
    });
    let answer = server.push(&DEMO.plain(mock.to_string())).await;
    assert_eq!(answer.body, r#"{"ErrCode":0,"ErrMsg":"Success","RecentPlayedRoleList":[]}"#);
    assert!(game.asked().is_empty());
}
