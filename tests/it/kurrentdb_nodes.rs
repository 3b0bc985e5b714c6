//! Several nodes of ours on one log in KurrentDB: whatever comes to whichever, all of them tell the same.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::join_all;
use kurrentdb_stand_in::Cluster;
use order_ledger::audit::seal::Sealer;
use order_ledger::domain::app::PriceMeaning;
use order_ledger::domain::case::{CaseKey, CaseKind, Judgement};
use order_ledger::domain::id::OutTradeNo;
use order_ledger::domain::period::{Month, PeriodKey, PreparedReport};
use order_ledger::domain::quarantine::{Reason, Resolution};
use order_ledger::domain::recovery::Proposal;
use order_ledger::ed25519::{SigningKey, key_file};
use order_ledger::ledger::{ConfiguredApp, LedgerError, Upon, seals};
use serde_json::json;

use super::asking::{Asked, Client};
use super::bill_text::{MERCHANT, all, paid};
use super::billed::merchant;
use super::bills::{home_of_a_merchant, upload};
use super::by_hand::{self, SUCCESS_JSON};
use super::cluster::{ledger, on};
use super::digests::{digests, positions};
use super::exactly_once::{numbers, push_all, pushes_by_chance};
use super::finance_api::settled;
use super::folded::{at, demo, evidence};
use super::server::{Home, Server, busy, until};
use super::told::{goods, recovered_order};

/// More than over a file: each append waits for the network, and appends that come together wait together.
const CONNECTIONS: usize = 256;

struct Nodes {
    cluster: Cluster,
    homes: Vec<Home>,
    servers: Vec<Server>,
}

impl Nodes {
    /// Two servers, each with read models of its own.
    async fn serve(home: fn() -> Home) -> Self {
        let cluster = Cluster::start(1).await.unwrap();
        let homes = vec![on(&cluster, home()), on(&cluster, home())];
        let servers = homes.iter().map(Home::serve).collect();
        Self { cluster, homes, servers }
    }

    fn clients(&self, name: &str) -> Vec<Client> {
        self.servers.iter().map(|server| server.client(name)).collect()
    }

    async fn push(&self, node: usize, number: &str) {
        let goods = by_hand::push_of(by_hand::GOODS, &by_hand::goods(number, 0));
        assert_eq!(self.servers[node].push(&goods).await.body, SUCCESS_JSON);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_50_000_orders_pushed_to_two_nodes_at_once_each_is_recorded_once_and_answered_alike() {
    let _turn = busy().await;
    let nodes = Nodes::serve(Home::new).await;
    let addresses: Vec<_> = nodes.servers.iter().map(|server| server.push).collect();
    push_all(nodes.homes[0].app(), pushes_by_chance(), &addresses, CONNECTIONS).await;
    let mut last = 0;
    for number in numbers() {
        let stream = nodes.cluster.log().stream(&format!("order-demo.{number}"));
        let types: Vec<_> = stream.iter().map(|record| record.event.event_type.as_str()).collect();
        assert_eq!(types, ["GoodsDelivered"], "{number}");
        last = last.max(stream[0].position);
    }
    // Both nodes come to know all of it, and tell it alike.
    let stands = |home: &Home| positions(&home.views()).values().all(|position| *position == Some(last));
    until("both nodes have folded all", || nodes.homes.iter().all(stands)).await;
    let [of_one, of_other] = [&nodes.homes[0], &nodes.homes[1]].map(|home| digests(&home.views()));
    assert!(of_one["orders.orders"].starts_with("50000 "), "{of_one:?}");
    assert_eq!(of_one, of_other);
    let [one, other] = &nodes.clients("test-admin")[..] else { unreachable!() };
    let orders = "/v1/apps/demo/orders?limit=100";
    let (of_one, of_other) = (one.get(orders).await.json(), other.get(orders).await.json());
    assert_eq!(of_one["rows"].as_array().map(Vec::len), Some(100), "{of_one}");
    assert_eq!(of_one["rows"], of_other["rows"]);
}

/// What one node has told is known to the other, or waited for; it is never taken for another log's.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_node_has_told_the_other_knows_of() {
    let nodes = Nodes::serve(Home::new).await;
    let clients = nodes.clients("test-admin");
    for turn in 0..20 {
        let (here, there) = (turn % 2, (turn + 1) % 2);
        let number = format!("TOLD-{turn}");
        nodes.push(here, &number).await;
        let granted =
            clients[here].send("POST", &format!("/v1/apps/demo/orders/{number}/grant"), &json!({})).await;
        assert_eq!(granted.status, 200, "{granted:?}");
        let position = granted.json()["position"].as_str().unwrap().to_owned();
        let path = format!("/v1/apps/demo/orders?min_position={position}&limit=100");
        let list = clients[there].get(&path).await;
        assert_eq!(list.status, 200, "{list:?}");
        assert!(list.text().contains(&number), "{list:?}");
        let beside = position.parse::<u64>().unwrap() - 1;
        let beside = clients[there].get(&format!("/v1/apps/demo/orders?as_of={beside}")).await;
        assert_eq!(beside.outcome(), "422 parameter", "{beside:?}");
        assert!(beside.text().contains("no event stands at position"), "{beside:?}");
        let cursor = clients[here].get("/v1/apps/demo/deliveries?wait=1").await.json()["cursor"].clone();
        let path = format!("/v1/apps/demo/deliveries?after={}", cursor.as_str().unwrap());
        let page = clients[there].get(&path).await;
        assert_eq!(page.status, 200, "a cursor of the other node is one of this log: {page:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_people_at_two_nodes_who_saw_the_same_case_or_period_one_is_recorded() {
    let cluster = Cluster::start(1).await.unwrap();
    let (one, other) = (ledger(&cluster).await, ledger(&cluster).await);
    for number in 0..10 {
        let key = CaseKey::new(merchant(), CaseKind::Order, &format!("demo.{number}")).unwrap();
        let judged = |reason: &str| Judgement {
            status: "amount_differs".into(),
            facts: "{}".into(),
            reason: reason.into(),
        };
        let (lin, chen) = (judged("a coupon"), judged("a mistake"));
        let (first, second) = tokio::join!(
            one.resolve_case(&key, &lin, "lin", at(0), Upon::Revision(0)),
            other.resolve_case(&key, &chen, "chen", at(0), Upon::Revision(0))
        );
        assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
        let stale = first.err().or(second.err()).unwrap();
        assert!(matches!(stale, LedgerError::Stale { revision: 1 }), "{stale}");
        assert_eq!(one.case(&key).await.unwrap(), other.case(&key).await.unwrap());
    }
    let month = PeriodKey { merchant: merchant(), month: Month::parse("2026-01").unwrap() };
    let report = |digit: &str, by: &str| PreparedReport {
        sha256: order_ledger::domain::bill::Sha256Hex::parse(&digit.repeat(64)).unwrap(),
        position: 1,
        summary: "{}".into(),
        by: by.into(),
    };
    let (a, b) = (report("a", "lin"), report("b", "chen"));
    let (first, second) = tokio::join!(
        one.prepare_period(&month, &a, at(0), Upon::Revision(0)),
        other.prepare_period(&month, &b, at(0), Upon::Revision(0))
    );
    assert!(first.is_ok() != second.is_ok(), "{first:?} {second:?}");
    assert_eq!(one.period(&month).await.unwrap().revision, 1);
}

/// What somebody says of the payment `id` at a node.
async fn resolve(client: &Client, id: &str, reason: &str, upon: &str) -> Asked {
    let headers = [("content-type", "application/json"), ("if-match", upon)];
    let case = json!({"merchant": MERCHANT, "kind": "payment", "id": id, "reason": reason});
    client.ask("POST", "/v1/cases/resolve", &headers, &case.to_string()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_people_at_two_nodes_each_is_told_the_etag_of_his_own_word_or_that_his_is_old() {
    let nodes = Nodes::serve(home_of_a_merchant).await;
    let clients = nodes.clients("finance");
    let [one, other] = &clients[..] else { unreachable!() };
    let ids: Vec<_> = (0..10).map(|number| format!("T{number}")).collect();
    let lines: Vec<_> = ids.iter().map(|id| paid(5, id, 700)).collect();
    let imported = upload(one, "", &all(&lines)).await;
    assert_eq!(imported.status, 200, "{imported:?}");
    let position = imported.json()["position"].as_str().unwrap().to_owned();
    let days = "from_day=2026-01-01&to_day=2026-01-31";
    for client in &clients {
        let rows = format!("/v1/reconciliation/rows?merchant={MERCHANT}&{days}&min_position={position}");
        assert_eq!(settled(client, &rows).await.json()["rows"].as_array().unwrap().len(), 10);
    }
    for id in &ids {
        let nothing = "\"0\"";
        let words =
            tokio::join!(resolve(one, id, "a coupon", nothing), resolve(other, id, "a mistake", nothing));
        let (told, refused) = if words.0.status == 200 { words } else { (words.1, words.0) };
        assert_eq!((told.status, told.header("etag")), (200, "\"1\""), "{told:?}");
        assert_eq!(refused.outcome(), "412 precondition", "{refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_dismissed_at_one_node_stays_dismissed_at_the_other() {
    let cluster = Cluster::start(1).await.unwrap();
    let (one, other) = (ledger(&cluster).await, Arc::new(ledger(&cluster).await));
    let (stop, stopping) = tokio::sync::watch::channel(false);
    let following = tokio::spawn({
        let other = other.clone();
        async move { other.follow_decisions(stopping).await }
    });
    let push = goods("HELD-1").0;
    let proof = evidence(&push, at(0));
    one.quarantine(&demo(), &Reason::OtherEnvironmentKey, None, &proof).await.unwrap();
    let id = order_ledger::codec::quarantine_id(&demo(), &proof.event, &proof.payload);
    assert!(one.resolve(&id, Resolution::Dismissed, "lin", "a test of ours", at(0)).await.unwrap());
    until("the other node has learnt of it", || other.is_decided(&demo(), &proof)).await;
    other.record(&demo(), &push, &proof).await.unwrap();
    assert!(cluster.log().stream("order-demo.HELD-1").is_empty(), "it was delivered all the same");
    stop.send_replace(true);
    following.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_orders_that_are_approved_for_one_payment_at_two_nodes_at_once_one_stands() {
    let cluster = Cluster::start(1).await.unwrap();
    let (one, other) = (ledger(&cluster).await, ledger(&cluster).await);
    let (slug, merchant) = (demo(), merchant());
    let (app_id, actual_price_is) = ("wx81be3101902f7cb2", PriceMeaning::Order);
    let app = ConfiguredApp { slug: &slug, app_id, actual_price_is, merchant: Some(&merchant) };
    one.register_all(&[app], at(0)).await.unwrap();
    for payment in 0..10 {
        let numbers = ["A", "B"].map(|letter| OutTradeNo::parse(&format!("{letter}{payment}")).unwrap());
        for number in &numbers {
            let order = recovered_order(goods(number.as_str()).paid("M", &format!("T{payment}")));
            let proposal = Proposal { merchant: merchant.clone(), order, by: "wang".into() };
            one.recovering().await.propose(&slug, &proposal, at(0)).await.unwrap();
        }
        let [a, b] = &numbers;
        let (one_turn, other_turn) = (one.recovering().await, other.recovering().await);
        let (first, second) = tokio::join!(
            one_turn.approve(&slug, a, "lin", at(0), Upon::Whatever),
            other_turn.approve(&slug, b, "chen", at(0), Upon::Whatever)
        );
        let (stands, by, refused) = if first.is_ok() { (a, "lin", second) } else { (b, "chen", first) };
        let told = refused.unwrap_err().to_string();
        let claimed = format!("the payment T{payment} is claimed by {by} for order {stands} of demo");
        assert!(told.starts_with(&claimed), "{told}");
        for number in &numbers {
            let stream = cluster.log().stream(&format!("order-demo.{number}"));
            assert_eq!(stream.len(), usize::from(number == stands), "{number}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sealers_of_several_nodes_make_one_chain() {
    let cluster = Cluster::start(1).await.unwrap();
    let nodes = join_all((0..3).map(|_| ledger(&cluster))).await;
    for round in 0..10 {
        for (number, node) in nodes.iter().enumerate() {
            let push = goods(&format!("SEALED-{round}-{number}")).0;
            node.record(&demo(), &push, &evidence(&push, at(0))).await.unwrap();
        }
        let sealing = nodes.iter().map(|node| {
            let sealer = Sealer::new(SigningKey::parse(&key_file(&[7; 32])).unwrap());
            async move { sealer.seal(node, &|| at(round)).await }
        });
        for sealed in join_all(sealing).await {
            sealed.unwrap();
        }
    }
    let placed = seals(nodes[0].store().as_ref(), 1, 100).await.unwrap();
    let revisions: Vec<_> = placed.iter().map(|placed| placed.seal.revision).collect();
    assert_eq!(revisions, (1..=revisions.len() as u64).collect::<Vec<_>>());
    let counts: BTreeSet<_> = placed.iter().map(|placed| placed.seal.count).collect();
    assert_eq!(counts.len(), placed.len(), "no seal covers what another covers");
}
