//! Whole runs against a small ledger on this machine, one that answers rightly and several that do not.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, Request, State};
use axum::routing::post;
use clap::Parser;
use tokio::sync::watch;

use super::sample_app::sample_app;
use super::{Report, SimulateArgs, simulate};
use crate::clock;
use crate::domain::order::{self, Order};
use crate::domain::push::Push;
use crate::wechat::answer::render_encrypted;
use crate::wechat::event_name::Family;
use crate::wechat::receive::answer_format;
use crate::wechat::signature::sha1_of_sorted;
use crate::wechat::{Answer, App, Channel, Code, Format, Matter, Mode, Reply, UrlQuery, receive};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    /// Every content under a taken number is accepted.
    AcceptsConflicts,
    /// No signature is looked at.
    AcceptsEverything,
    /// Each success says how often it was given.
    CountsInItsAnswers,
    AnswersJsonOnly,
    /// The first answers to each number are 50301.
    StoreAwayAtFirst,
    /// The connection is closed after each answer.
    HangsUp,
}

struct Ledger {
    app: App,
    fault: Fault,
    orders: Mutex<HashMap<String, Order>>,
    tries: Mutex<HashMap<String, u32>>,
}

impl Ledger {
    fn answer(&self, query: &UrlQuery, body: &[u8]) -> (Answer, Family) {
        let channel = self.app.channel(Channel::Default);
        match receive(&self.app, channel, query, body, clock::now()) {
            Err(_) if self.fault == Fault::AcceptsEverything => (Answer::success(), Family::Goods),
            Err(refusal) => (Answer::failure(refusal.code, refusal.message), refusal.family),
            Ok(received) => (self.answer_matter(received.matter), received.family),
        }
    }

    fn answer_matter(&self, matter: Matter) -> Answer {
        match matter {
            Matter::Fact { push, .. } => self.deliver(push),
            Matter::RoleQuery(_) | Matter::Mock { asks_roles: true, .. } => Answer::no_roles(),
            Matter::Quarantine { .. } => Answer::failure(Code::OtherEnvironmentKey, "other environment"),
            Matter::Mock { asks_roles: false, .. } | Matter::Preview | Matter::Ignored | Matter::NoEvent => {
                Answer::success()
            }
        }
    }

    fn deliver(&self, push: Push) -> Answer {
        let key = format!("{:?} {}", push.env(), push.key());
        let tries = {
            let mut tries = self.tries.lock().unwrap();
            let tries = tries.entry(key.clone()).or_default();
            *tries += 1;
            *tries
        };
        if self.fault == Fault::StoreAwayAtFirst && tries <= 2 {
            return Answer::failure(Code::StoreUnavailable, "the store is away");
        }
        let mut orders = self.orders.lock().unwrap();
        let order = orders.remove(&key).unwrap_or_default();
        let decision = order.decide(&push);
        orders.insert(key, decision.events.iter().fold(order, Order::evolve));
        match decision.answer {
            order::Answer::Conflict if self.fault != Fault::AcceptsConflicts => {
                Answer::failure(Code::Conflict, "taken")
            }
            _ if self.fault == Fault::CountsInItsAnswers => {
                Answer::failure(Code::Success, format!("Success {tries}"))
            }
            order::Answer::Success | order::Answer::Conflict => Answer::success(),
        }
    }

    fn render(&self, answer: &Answer, family: Family, body: &[u8]) -> String {
        let json_only = self.fault == Fault::AnswersJsonOnly;
        let format = if json_only { Format::Json } else { answer_format(body) };
        let clear = answer.render(format);
        let keys = self.app.channel(Channel::Default);
        if family != Family::Gift || keys.reply == Reply::Plain {
            return clear;
        }
        let encrypted = keys.aes_keys[0].encrypt(&rand::random(), &clear, &self.app.app_id);
        let signature = sha1_of_sorted([keys.tokens[0].reveal(), "1767196800", "12", &encrypted]);
        render_encrypted(format, &encrypted, &signature, 1_767_196_800, "12")
    }
}

/// The URL of a ledger that lives as long as the test.
async fn served(app: App, fault: Fault) -> String {
    served_by(router(app, fault)).await
}

fn router(app: App, fault: Fault) -> Router {
    let ledger = Ledger { app, fault, orders: Mutex::default(), tries: Mutex::default() };
    async fn push(
        State(ledger): State<Arc<Ledger>>,
        Query(query): Query<UrlQuery>,
        body: Bytes,
    ) -> ([(&'static str, &'static str); 1], String) {
        let (answer, family) = ledger.answer(&query, &body);
        let connection = if ledger.fault == Fault::HangsUp { "close" } else { "keep-alive" };
        ([("connection", connection)], ledger.render(&answer, family, &body))
    }
    Router::new().route("/behind/wechat/demo", post(push)).with_state(Arc::new(ledger))
}

async fn served_by(router: Router) -> String {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/behind", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let service = hyper_util::service::TowerToHyperService::new(router);
        loop {
            let (tcp, _) = listener.accept().await.unwrap();
            let io = hyper_util::rt::TokioIo::new(tcp);
            let connection = hyper::server::conn::http1::Builder::new().serve_connection(io, service.clone());
            tokio::spawn(connection);
        }
    });
    url
}

#[derive(clap::Parser)]
struct CommandLine {
    #[command(flatten)]
    args: SimulateArgs,
}

fn args(options: &str) -> SimulateArgs {
    CommandLine::try_parse_from(format!("simulate {options}").split_whitespace()).unwrap().args
}

/// Nobody stops the run.
fn going_on() -> watch::Receiver<bool> {
    watch::channel(false).1
}

async fn run(app: App, fault: Fault, options: &str) -> Report {
    let url = served(app.clone(), fault).await;
    simulate(args(options), app, None, url, going_on()).await.unwrap()
}

const BUSY: &str = "--orders 300 --connections 8 --conflicts 0.1 --tampered 0.1 --wrong-env 0.05 --seed 5";

#[tokio::test]
async fn a_right_ledger_is_found_right_in_every_mode() {
    for mode in [Mode::Plain, Mode::Compatible, Mode::Security] {
        let report = run(sample_app(mode), Fault::None, BUSY).await;
        assert_eq!(report.wrong, 0, "{report}");
        assert_eq!((report.connections, report.not_judged), (8, 0), "{report}");
        assert!(report.transport_errors.is_empty() && report.sent == report.pushes);
        assert_eq!(report.answers.iter().any(|line| line.family == "gift"), mode == Mode::Security);
    }
}

#[tokio::test]
async fn encrypted_answers_to_gifts_are_opened() {
    let mut app = sample_app(Mode::Security);
    app.default_channel.reply = Reply::Encrypted;
    let options = "--orders 50 --gifts 0.5 --repeats 1";
    let report = run(app.clone(), Fault::None, options).await;
    assert_eq!(report.wrong, 0, "{report}");
    // Whoever expects encrypted answers does not take clear ones.
    let url = served(sample_app(Mode::Security), Fault::None).await;
    let report = simulate(args(options), app, None, url, going_on()).await.unwrap();
    assert!(report.wrong > 0 && report.answers.iter().all(|line| line.right || line.family == "gift"));
}

#[tokio::test]
async fn each_fault_of_a_ledger_is_found_and_named() {
    for (fault, kind, got) in [
        (Fault::AcceptsConflicts, "conflict", "0"),
        (Fault::AcceptsEverything, "tampered", "0"),
        (Fault::CountsInItsAnswers, "repeat", "0, but other bytes than before"),
        (Fault::AnswersJsonOnly, "first", "not XML: text outside of the root"),
        (Fault::StoreAwayAtFirst, "first", "50301"),
    ] {
        let report = run(sample_app(Mode::Plain), fault, BUSY).await;
        let line = report.answers.iter().find(|line| line.kind == kind && line.got == got);
        assert!(line.is_some_and(|line| !line.right && line.example.is_some()), "{report}");
        assert!(report.wrong > 0);
    }
}

#[tokio::test]
async fn with_retry_a_store_that_comes_back_is_found_right() {
    let options = "--orders 60 --roles 0 --conflicts 0.1 --retry --retry-scale 100000 --seed 5";
    let report = run(sample_app(Mode::Plain), Fault::StoreAwayAtFirst, options).await;
    assert_eq!(report.wrong, 0, "{report}");
    assert!(report.sent_again > 0 && report.sent == report.pushes + report.sent_again);
}

#[tokio::test]
async fn a_server_that_hangs_up_after_each_answer_loses_nothing() {
    let report = run(sample_app(Mode::Plain), Fault::HangsUp, "--orders 100 --seed 5").await;
    assert_eq!(report.wrong, 0, "{report}");
    assert_eq!(report.connections, report.pushes);
}

#[tokio::test]
async fn benchmark_pushes_are_first_goods_pushes_and_a_rate_is_kept() {
    let options = "--orders 100 --only-goods --rate 1000 --seed 5";
    let report = run(sample_app(Mode::Plain), Fault::None, options).await;
    assert_eq!((report.pushes, report.wrong), (100, 0), "{report}");
    let lines: Vec<_> = report.answers.iter().map(|line| (line.kind, line.family, line.count)).collect();
    assert_eq!(lines, [("first", "goods", 100)]);
    assert!(report.elapsed_ms >= 99, "{report}");
}

#[tokio::test]
async fn a_run_that_is_stopped_tells_what_was_answered_and_how_many_pushes_were_not_sent() {
    let (stop, stopped) = watch::channel(false);
    let stop = Arc::new(stop);
    let router = router(sample_app(Mode::Plain), Fault::None).layer(axum::middleware::map_request(
        move |request: Request| {
            let stop = stop.clone();
            async move {
                stop.send_replace(true);
                request
            }
        },
    ));
    let url = served_by(router).await;
    // One a second: the second one waits for its time when the first has been answered.
    let options = args("--orders 20 --only-goods --rate 1 --connections 2");
    let report = simulate(options, sample_app(Mode::Plain), None, url, stopped).await.unwrap();
    assert_eq!((report.pushes, report.not_sent, report.wrong), (1, 19, 0), "{report}");
    assert!(report.to_string().contains("stopped: 19 pushes were not sent"), "{report}");
}

#[tokio::test]
async fn where_nobody_listens_every_push_is_an_error() {
    let taken = tokio::net::TcpSocket::new_v4().unwrap();
    taken.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", taken.local_addr().unwrap());
    let report = simulate(args("--orders 10 --only-goods"), sample_app(Mode::Plain), None, url, going_on())
        .await
        .unwrap();
    assert_eq!((report.wrong, report.connections), (10, 0));
    assert_eq!(report.transport_errors[0].kind, "connection refused");
    assert_eq!(report.transport_errors[0].count, 10);
}

#[tokio::test]
async fn a_server_that_never_answers_is_timed_out() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let options = "--orders 4 --only-goods --connections 4 --timeout-ms 20";
    let report = simulate(args(options), sample_app(Mode::Plain), None, url, going_on()).await.unwrap();
    assert_eq!((report.wrong, report.transport_errors[0].kind), (4, "timed out"));
}

#[tokio::test]
async fn what_cannot_run_says_why() {
    let without_sandbox = || App { sandbox_keys: vec![], ..sample_app(Mode::Plain) };
    let url = "http://127.0.0.1:1".to_owned();
    for (app, options, why) in [
        (sample_app(Mode::Plain), "--url nonsense", "is no URL"),
        (sample_app(Mode::Plain), "--gifts 0.1", "--gifts needs --mode security"),
        (sample_app(Mode::Plain), "--mode security", "has no EncodingAESKey"),
        (sample_app(Mode::Security), "--only-goods", "refuses plain pushes"),
        (without_sandbox(), "--sandbox 0.1", "has no AppKey of the sandbox"),
        (without_sandbox(), "--wrong-env 0.1", "has no AppKey of the sandbox"),
    ] {
        let error =
            simulate(args(options), app, None, url.clone(), going_on()).await.unwrap_err().to_string();
        assert!(error.contains(why), "{options}: {error}");
    }
    let url = served(without_sandbox(), Fault::None).await;
    let report = simulate(args("--orders 100"), without_sandbox(), None, url, going_on()).await.unwrap();
    assert_eq!(report.wrong, 0, "without being asked for, nothing needs the sandbox: {report}");
}

#[tokio::test]
async fn a_run_with_a_wrong_answer_ends_with_1_and_names_its_sample() {
    for (fault, exit) in [(Fault::None, 0), (Fault::AcceptsConflicts, 1)] {
        let report = run(sample_app(Mode::Plain), fault, BUSY).await;
        assert_eq!(format!("{:?}", report.exit_code()), format!("{:?}", std::process::ExitCode::from(exit)));
        let sample = report.sample_order.as_deref().unwrap();
        assert!(report.to_string().contains(&format!("\ntry: order-ledger history {sample}")));
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!(json["sample_order"], sample);
    }
}
