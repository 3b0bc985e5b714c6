//! Starting, reloading and refusing to: what `serve` does with its configuration.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use order_ledger::cli::simulate::PushRequest;
use order_ledger::config;
use order_ledger::wechat::App;

use super::by_hand::DEMO;
use super::expecting::{accepted, order};
use super::line::{Line, is_success};
use super::log_file::LogFile;
use super::pushes::{goods, goods_push};
use super::server::{APP_ID, Ended, Home, PRODUCTION_KEY, SANDBOX_KEY, Server, TOKEN, until};

const OTHER_APP: &str = r#"
[app.other]
app_id = "wxother"
tokens = [{ value = "OtherToken" }]
production_keys = [{ value = "the-other-production-key" }]
"#;

/// The app as WeChat knows it after the keys were changed in its console.
fn app_of(home: &Home, change: impl FnOnce(String) -> String) -> App {
    let text = change(std::fs::read_to_string(home.config_file()).unwrap());
    config::read(&home.config_file(), &text, []).unwrap().apps[0].app.clone()
}

fn does_not_start(home: &Home) -> String {
    let started = Server::try_start(home.command(&["serve"]), home.folder());
    let Err(Ended { status, log }) = started else { panic!("it started") };
    assert_eq!(status.code(), Some(2), "{log}");
    log
}

#[tokio::test(flavor = "multi_thread")]
async fn rotated_keys_are_taken_over_at_a_hangup_and_no_push_is_dropped() {
    let home = Home::new();
    let server = home.serve();
    let old = Arc::new(home.app());
    let rotate = |text: String| {
        text.replace(&format!("{{ value = \"{TOKEN}\" }}"), "{ value = \"NewToken\" }")
            .replace(&format!("{{ value = \"{PRODUCTION_KEY}\" }}"), "{ value = \"new-production-key\" }")
    };
    let new = app_of(&home, rotate);
    let before = server.push(&goods_push(&new, goods("ROTATED", 600))).await;
    assert_eq!(before.code(), 40101, "not known yet: {before:?}");
    let signed_before = server.push(&goods_push(&old, goods("SIGNED-BEFORE", 600))).await;
    assert_eq!(signed_before.code(), 0, "{signed_before:?}");

    let (stop, pushed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let lines: Vec<_> = (0..8)
        .map(|line| {
            let (to, old, stop, pushed) = (server.push, old.clone(), stop.clone(), pushed.clone());
            tokio::spawn(async move {
                let mut connection = Line::new(to);
                while !stop.load(Ordering::Relaxed) {
                    let number = pushed.fetch_add(1, Ordering::Relaxed);
                    let push = goods_push(&old, goods(&format!("LOAD-{line}-{number}"), 600));
                    let answer = connection.push(&push).await.unwrap();
                    assert!(is_success(&answer), "{answer}");
                }
            })
        })
        .collect();
    until("pushes flow", || pushed.load(Ordering::Relaxed) > 100).await;
    // The new ones are active, the old ones are accepted while WeChat changes over.
    home.reconfigure(|text| {
        let old_too = |new: &str, old: &str| {
            format!("{{ value = \"{new}\" }}, {{ value = \"{old}\", state = \"accepted\" }}")
        };
        text.replace(&format!("{{ value = \"{TOKEN}\" }}"), &old_too("NewToken", TOKEN)).replace(
            &format!("{{ value = \"{PRODUCTION_KEY}\" }}"),
            &old_too("new-production-key", PRODUCTION_KEY),
        )
    });
    server.signal("HUP");
    server.logged("the configuration is reloaded").await;
    let answer = server.push(&goods_push(&new, goods("ROTATED", 600))).await;
    assert_eq!(answer.code(), 0, "{answer:?}");
    let reloaded_at = pushed.load(Ordering::Relaxed);
    until("pushes flow on", || pushed.load(Ordering::Relaxed) > reloaded_at + 100).await;
    stop.store(true, Ordering::Relaxed);
    for line in lines {
        line.await.unwrap();
    }
    // A repeat signed with the new key is the same order, signed with the old one.
    let repeat = server.push(&goods_push(&new, goods("SIGNED-BEFORE", 600))).await;
    assert_eq!(repeat, signed_before);
    assert_eq!(server.complaints(), Vec::<String>::new());
    assert!(server.terminate().success());
    let log = LogFile::open(&home.store());
    for number in ["SIGNED-BEFORE", "ROTATED"] {
        assert_eq!(log.types_of(&format!("order-demo.{number}")), ["GoodsDelivered"], "{number}");
    }
}

#[tokio::test]
async fn a_broken_configuration_is_refused_at_a_hangup_with_its_place_and_the_old_one_stays() {
    let home = Home::new();
    let server = home.serve();
    home.reconfigure(|text| text.replace("mode = \"plain\"", "mode = \"plane\"\nnonsense = 1"));
    server.signal("HUP");
    server.logged("the configuration is not reloaded; the one before stays in force").await;
    let file = home.config_file();
    let text = std::fs::read_to_string(&file).unwrap();
    for wrong in ["mode = \"plane\"", "nonsense = 1"] {
        let line = text.lines().position(|line| line == wrong).unwrap() + 1;
        assert!(server.log().contains(&format!("{}:{line}: ", file.display())), "{wrong}: {}", server.log());
    }
    let push = order(&Home::new(), "STILL");
    assert_eq!(server.push(&push).await.code(), 0);
    home.reconfigure(|text| text.replace("mode = \"plane\"\nnonsense = 1", "mode = \"plain\""));
    server.signal("HUP");
    server.logged("the configuration is reloaded").await;
    accepted(&home, &server, &["STILL"]).await;
}

#[tokio::test]
async fn an_app_that_is_added_can_be_pushed_to_after_a_hangup() {
    let home = Home::new();
    let server = home.serve();
    home.reconfigure(|text| text + OTHER_APP);
    let other = home.config().apps.into_iter().find(|app| app.app.slug.as_str() == "other").unwrap().app;
    let push: PushRequest = goods_push(&other, goods("OTHER-1", 600));
    assert_eq!(server.push(&push).await.code(), 40401);
    server.signal("HUP");
    server.logged("the configuration is reloaded").await;
    assert_eq!(server.push(&push).await.code(), 0);
    accepted(&home, &server, &["DEMO-1"]).await;
    assert!(server.terminate().success());
    assert_eq!(LogFile::open(&home.store()).types_of("app-other"), ["AppRegistered"]);
}

#[tokio::test]
async fn an_app_of_another_app_id_is_refused_at_a_hangup_and_at_the_start() {
    let home = Home::new();
    let server = home.serve();
    let push = order(&home, "STILL");
    home.reconfigure(|text| text.replace(APP_ID, "wxsomebodyelse"));
    server.signal("HUP");
    server.logged("the configuration is not reloaded; the one before stays in force").await;
    for named in ["demo", APP_ID, "wxsomebodyelse"] {
        assert!(server.log().contains(named), "names {named}: {}", server.log());
    }
    assert_eq!(server.push(&push).await.code(), 0);
    assert!(server.terminate().success());
    let log = does_not_start(&home);
    for named in ["demo", APP_ID, "wxsomebodyelse"] {
        assert!(log.contains(named), "names {named}: {log}");
    }
    home.reconfigure(|text| text.replace("wxsomebodyelse", APP_ID));
    accepted(&home, &home.serve(), &["STILL"]).await;
}

#[tokio::test]
async fn a_wrong_configuration_stops_the_start_and_every_problem_is_named() {
    let home = Home::with(|text| {
        text.replace("mode = \"plain\"", "mode = \"plane\"").replace(TOKEN, "no token!")
            + "[nonsense]\nx = 1\n"
    });
    let log = does_not_start(&home);
    let file = home.config_file();
    for problem in ["app.demo.mode: must be", "app.demo.tokens", "nonsense"] {
        let line = log.lines().find(|line| line.contains(problem));
        let line = line.unwrap_or_else(|| panic!("{problem} is not named: {log}"));
        assert!(line.contains(&format!("{}:", file.display())), "no place: {line}");
    }
    assert!(!home.store().exists(), "nothing was begun");
}

#[tokio::test]
async fn equal_keys_of_both_environments_stop_the_start_and_the_reload() {
    let equal = |text: String| text.replace(SANDBOX_KEY, PRODUCTION_KEY);
    let log = does_not_start(&Home::with(equal));
    assert!(log.contains("equal environment keys"), "{log}");
    assert!(!log.contains(PRODUCTION_KEY), "a key is told: {log}");
    let home = Home::new();
    let server = home.serve();
    home.reconfigure(equal);
    server.signal("HUP");
    server.logged("equal environment keys").await;
    server.logged("the one before stays in force").await;
}

#[tokio::test]
async fn a_changed_meaning_of_prices_is_recorded_once_at_the_start_and_at_a_hangup() {
    let home = Home::new();
    let meaning = |text: String, is: &str| {
        let line = "mode = \"plain\"";
        text.replace(line, &format!("{line}\nactual_price_is = \"{is}\""))
    };
    assert!(home.serve().terminate().success());
    home.reconfigure(|text| meaning(text, "unit"));
    let server = home.serve();
    home.reconfigure(|text| text.replace("= \"unit\"", "= \"order\""));
    server.signal("HUP");
    server.logged("the configuration is reloaded").await;
    assert!(server.terminate().success());
    assert!(home.serve().terminate().success());
    let types = LogFile::open(&home.store()).types_of("app-demo");
    assert_eq!(types, ["AppRegistered", "PriceMeaningChanged", "PriceMeaningChanged"]);
}

#[tokio::test]
async fn each_listener_serves_its_own_paths_and_no_other() {
    let home = Home::new();
    let server = home.serve();
    assert_ne!(server.push, server.admin);
    for path in ["/healthz", "/readyz", "/metrics"] {
        assert_eq!(server.admin("GET", path, "").await.status, 200, "{path}");
        assert_eq!(server.get(path).await.status, 404, "{path} on the public listener");
    }
    assert_eq!(server.get("/").await.status, 404);
    assert_eq!(server.get("/v1/quarantine/x/adopt").await.status, 404);
    let push = order(&home, "PATH");
    let body = String::from_utf8(push.body.clone()).unwrap();
    for path in [push.path_and_query.clone(), DEMO.plain("").path_and_query] {
        assert_eq!(server.admin("POST", &path, &body).await.status, 404, "{path}");
        assert_eq!(server.post(&path, push.content_type, body.clone()).await.code(), 0, "{path}");
    }
    let metrics = server.admin("GET", "/metrics", "").await.body;
    assert!(metrics.contains(r#"order_ledger_pushes_total{code="0",family="goods"} 2"#), "{metrics}");
}

#[tokio::test]
async fn a_port_that_is_taken_stops_the_start_and_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let listen = format!("[push]\nlisten = \"{address}\"");
    let home = Home::with(|text| text.replace("[push]\nlisten = \"127.0.0.1:0\"", &listen));
    let log = does_not_start(&home);
    assert!(log.contains("push.listen") && log.contains(&address), "{log}");
}

#[tokio::test]
async fn stdout_is_one_line_of_json_with_both_listeners_and_nothing_else() {
    let home = Home::new();
    let log = std::fs::File::create(home.folder().join("stderr.log")).unwrap();
    let mut command = home.command(&["serve"]);
    let child = command.stdout(std::process::Stdio::piped()).stderr(log).spawn().unwrap();
    let stderr = home.folder().join("stderr.log");
    until("it is ready", || std::fs::read_to_string(&stderr).unwrap().contains(" ready ")).await;
    assert!(std::process::Command::new("kill").arg(child.id().to_string()).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let ready: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((text.lines().count(), ready.as_object().unwrap().len()), (1, 2), "{text}");
    for listener in ["push", "admin"] {
        let address: std::net::SocketAddr = ready[listener].as_str().unwrap().parse().unwrap();
        assert!(address.port() != 0);
    }
}
