use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use super::finance_tests::{bill_key, every_bill_event, every_closing_event, every_recovery_event, merchant};
use super::*;
use crate::domain::app::PriceMeaning;
use crate::domain::bill::{BillEvent, BillKind};
use crate::domain::case::{CaseKey, CaseKind};
use crate::domain::environment::Environment;
use crate::domain::evidence::{KeyFingerprint, SignatureEvidence, Transport};
use crate::domain::fen::Fen;
use crate::domain::id::{OpenId, OutTradeNo, RefundId};
use crate::domain::period::{Month, PeriodKey};
use crate::domain::push::{CoinPush, Push, RefundPush};
use crate::domain::quarantine::Reason;
use crate::domain::role::{PlayedRole, RoleFields};
use crate::domain::samples;
use crate::store::StreamName;

fn app() -> AppSlug {
    AppSlug::parse("demo").unwrap()
}

fn at() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_767_225_600_123).unwrap()
}

fn evidence() -> Evidence {
    Evidence {
        event: "minigame_h5_goods_deliver_notify".into(),
        payload: r#"{"OpenId":"oTest_中文","x":" \" "}"#.into(),
        signature: Some(SignatureEvidence {
            pay_event_sig: "BB0e2ce2".into(),
            verified_env: Environment::Production,
            key_fingerprint: KeyFingerprint("0123456789abcdef".into()),
        }),
        transport: Transport::Encrypted,
        create_time: Some(1_767_225_600),
        received_at: at(),
    }
}

/// One of each event type, and of each shape a type can have.
fn every_event() -> Vec<(&'static str, Event)> {
    let quarantined = |reason, out_trade_no: Option<&str>| Event::PushQuarantined {
        event: "minigame_game_pay_goods_deliver_notify".into(),
        reason,
        out_trade_no: out_trade_no.map(str::to_owned),
    };
    let bare_goods = crate::domain::push::GoodsPush {
        payment: Default::default(),
        zone_id: None,
        attach: None,
        ..samples::goods()
    };
    let payment = || samples::payment(Some("M"), Some("T"));
    let paid_coins = CoinPush { zone_id: Some("1".into()), payment: payment(), ..samples::coins() };
    let paid_refund = RefundPush { payment: payment(), ..samples::refund() };
    let role = |role| Event::RoleReported {
        env: Environment::Sandbox,
        open_id: OpenId::parse("oTest_中文").unwrap(),
        role,
        revision: 1,
    };
    let bare_role = RoleFields { zones: vec![], attach: None, ..samples::role_fields() };
    let (by, reason) = ("finance-lin".to_owned(), "已核对 ticket 4711".to_owned());
    vec![
        (
            "AppRegistered",
            Event::AppRegistered { app_id: "wx1".into(), actual_price_is: PriceMeaning::Order },
        ),
        (
            "PriceMeaningChanged",
            Event::PriceMeaningChanged { from: PriceMeaning::Order, to: PriceMeaning::Unit, revision: 1 },
        ),
        ("GoodsDelivered", Event::GoodsDelivered(samples::goods())),
        ("GoodsDelivered-bare", Event::GoodsDelivered(bare_goods)),
        ("CoinsDelivered", Event::CoinsDelivered(samples::coins())),
        ("CoinsDelivered-paid", Event::CoinsDelivered(paid_coins)),
        ("PaymentIdentified", Event::PaymentIdentified(samples::payment(None, Some("42")))),
        ("PaymentIdentified-both", Event::PaymentIdentified(payment())),
        ("ConflictingPushReceived", Event::ConflictingPushReceived(Push::Goods(samples::goods()))),
        ("ConflictingPushReceived-coins", Event::ConflictingPushReceived(Push::Coins(samples::coins()))),
        ("ConflictingPushReceived-refund", Event::ConflictingPushReceived(Push::Refund(samples::refund()))),
        ("ConflictingPushReceived-gift", Event::ConflictingPushReceived(Push::Gift(samples::gift()))),
        ("RefundSucceeded", Event::RefundSucceeded(samples::refund())),
        ("RefundSucceeded-paid", Event::RefundSucceeded(paid_refund)),
        ("GiftDelivered", Event::GiftDelivered(samples::gift())),
        ("MockReceived", Event::MockReceived(Push::Goods(samples::goods()))),
        ("MockReceived-coins", Event::MockReceived(Push::Coins(samples::coins()))),
        ("MockReceived-refund", Event::MockReceived(Push::Refund(samples::refund()))),
        ("MockReceived-gift", Event::MockReceived(Push::Gift(samples::gift()))),
        ("GoodsGranted", Event::GoodsGranted { by: by.clone(), reason: None }),
        ("GoodsGranted-reason", Event::GoodsGranted { by: by.clone(), reason: Some(reason.clone()) }),
        ("GrantRefused", Event::GrantRefused { by: by.clone(), reason: Some(reason.clone()) }),
        ("GrantRevoked", Event::GrantRevoked { by: by.clone(), reason: Some(reason.clone()) }),
        ("RoleReported", role(samples::role())),
        ("RoleReported-bare", role(PlayedRole::new(bare_role).unwrap())),
        ("PushQuarantined", quarantined(Reason::Unusable("OutTradeNo: is missing".into()), None)),
        ("PushQuarantined-other-key", quarantined(Reason::OtherEnvironmentKey, Some("1"))),
        (
            "PushQuarantined-unrecognized",
            quarantined(Reason::UnrecognizedEvent { money_at_stake: false }, None),
        ),
        ("QuarantineAdopted", Event::QuarantineAdopted { by: by.clone(), reason: reason.clone() }),
        ("QuarantineDismissed", Event::QuarantineDismissed { by, reason }),
        ("MerchantAssigned", Event::MerchantAssigned { merchant: merchant(), revision: 1 }),
    ]
    .into_iter()
    .chain(every_recovery_event())
    .chain(every_bill_event().map(|(name, event)| (name, Event::Bill(event))))
    .chain(every_closing_event())
    .collect()
}

fn metadata_of(event: &Event) -> Metadata {
    if event.belongs_to_an_app() {
        Metadata { app: Some(app()), recorded_at: at(), evidence: Some(evidence()) }
    } else {
        Metadata { app: None, recorded_at: at(), evidence: None }
    }
}

fn recorded(event: &NewEvent) -> RecordedEvent {
    serde_json::from_str::<serde_json::Value>(&event.data).unwrap();
    RecordedEvent {
        position: crate::store::contract::any_position(),
        stream: StreamName("order-demo.x".into()),
        version: 0,
        id: event.id,
        event_type: event.event_type.into(),
        data: event.data.clone(),
        metadata: event.metadata.clone(),
    }
}

/// The golden files are the stored format's memory: one that changes means that old logs no longer read
/// the same. To add one, run the tests with ORDER_LEDGER_WRITE_GOLDEN=1 and read what it wrote.
#[test]
fn every_event_is_written_as_its_golden_file_says_and_read_back() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/events");
    let stream = StreamName("order-demo.x".into());
    for (name, event) in every_event() {
        let metadata = metadata_of(&event);
        let encoded = encode(&stream, &event, &metadata).unwrap();
        let text =
            format!("{}\n{}\n{}\n{}\n", encoded.event_type, encoded.id, encoded.data, encoded.metadata);
        let path = folder.join(format!("{name}-v{SCHEMA}.txt"));
        if std::env::var_os("ORDER_LEDGER_WRITE_GOLDEN").is_some() && !path.exists() {
            std::fs::write(&path, &text).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        assert_eq!(text, golden, "{name}");
        let decoded = decode(&recorded(&encoded)).unwrap();
        assert_eq!(decoded, Decoded { event, metadata }, "{name}");
    }
}

#[test]
fn there_is_a_golden_file_for_every_event_type() {
    let all = every_event();
    let known: BTreeSet<_> = all.iter().map(|(_, event)| event.type_name()).collect();
    assert_eq!(known.len(), 35, "a new event type needs a golden file: {known:?}");
}

#[test]
fn the_catalogue_names_every_field_of_every_event_type_and_no_other() {
    let mut written: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (name, event) in every_event() {
        let text = data::encode(&event).unwrap();
        let data: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
        let mut keys: Vec<String> = data.keys().cloned().collect();
        keys.sort_by_key(|key| text.find(&format!("\"{key}\":")));
        let event_type = event.type_name();
        let listed = catalogue().iter().find(|listed| listed.event_type == event_type);
        let listed = listed.unwrap_or_else(|| panic!("{event_type} is missing"));
        let places = keys.iter().map(|key| {
            let place = listed.fields.iter().position(|field| field == key);
            place.unwrap_or_else(|| panic!("{key} of {name} is missing"))
        });
        assert!(places.is_sorted(), "{name}: not in the order they are stored");
        written.entry(event_type).or_default().extend(keys);
        let columns: Vec<String> = match &event {
            Event::Bill(BillEvent::Lines { .. }) => serde_json::from_value(data["columns"].clone()).unwrap(),
            _ => vec![],
        };
        assert_eq!(listed.line_fields, columns, "{name}");
    }
    for EventFields { event_type, fields, line_fields: _ } in catalogue() {
        let listed: BTreeSet<String> = fields.iter().map(|field| (*field).to_owned()).collect();
        assert_eq!(written.remove(event_type), Some(listed), "{event_type}");
    }
}

#[test]
fn a_stream_tells_its_environment() {
    use Environment::{Production, Sandbox};
    let number = OutTradeNo::parse("1").unwrap();
    let report = format!("report-{}", "0".repeat(64));
    let player = |env, open_id| player_stream(&app(), env, &OpenId::parse(open_id).unwrap());
    let sandbox_refund =
        RefundPush { env: Sandbox, refund_id: RefundId::parse("-.sandbox.").unwrap(), ..samples::refund() };
    for (stream, name, env) in [
        (order_stream(&app(), Production, &number), "order-demo.1", Some(Production)),
        (order_stream(&app(), Sandbox, &number), "sandboxOrder-demo.1", Some(Sandbox)),
        (push_stream(&app(), &Push::Refund(samples::refund())), "refund-demo.R-1", Some(Production)),
        (push_stream(&app(), &Push::Refund(sandbox_refund)), "sandboxRefund-demo.-.sandbox.", Some(Sandbox)),
        (mock_stream(&app(), &Push::Refund(samples::refund())), "mock-demo.R-1", Some(Production)),
        (mock_stream(&app(), &Push::Coins(samples::coins())), "sandboxMock-demo._20260101", Some(Sandbox)),
        (player(Production, "o.sandbox.-"), "player-demo.production.o.sandbox.-", Some(Production)),
        (player(Sandbox, "oTest"), "player-demo.sandbox.oTest", Some(Sandbox)),
        (app_stream(&app()), "app-demo", None),
        (
            push_stream(&app(), &Push::Gift(samples::gift())),
            "gift-demo.wxag_game_gift20240417wgsn12hiLo",
            None,
        ),
        (quarantine_stream("00"), "quarantine-00", None),
        (recovery_stream(&app(), &number), "recovery-demo.1", Some(Production)),
        (payment_stream(&merchant(), "42.sandbox"), "payment-1900000109.42.sandbox", None),
        (billday_stream(&bill_key(BillKind::all())), "billday-1900000109.2026-01-01.all", None),
        (
            case_stream(&CaseKey::new(merchant(), CaseKind::Payment, "42.sandbox-#2").unwrap()),
            "case-1900000109.payment.42.sandbox-#2",
            None,
        ),
        (
            period_stream(&PeriodKey { merchant: merchant(), month: Month::parse("2026-01").unwrap() }),
            "period-1900000109.2026-01",
            None,
        ),
        (report_stream(&samples::sha256('0')), &report, None),
    ] {
        assert_eq!((stream.as_str(), env_of(&stream)), (name, env));
    }
    for push in samples::one_of_each() {
        assert_eq!(env_of(&push_stream(&app(), &push)), push.env(), "{push:?}");
    }
}

#[test]
fn the_key_of_a_stream_is_what_follows_the_app_or_all_where_no_app_is_named() {
    for (stream, key) in [
        ("order-demo.A.1", Some("A.1")),
        ("recovery-demo.A-1", Some("A-1")),
        ("player-demo.sandbox.o", Some("sandbox.o")),
        ("app-demo", Some("demo")),
        ("billday-1900000109.2026-01-01.all", Some("1900000109.2026-01-01.all")),
        ("case-1900000109.order.demo.A", Some("1900000109.order.demo.A")),
        ("period-1900000109.2026-01", Some("1900000109.2026-01")),
        ("report-00", Some("00")),
        ("payment-1900000109.42", Some("1900000109.42")),
        ("nothing", None),
    ] {
        assert_eq!(key_of(&StreamName(stream.into())), key, "{stream}");
    }
}

#[test]
fn what_happens_to_an_app_says_to_which() {
    for (name, event) in every_event() {
        let metadata = Metadata { app: None, ..metadata_of(&event) };
        let encoded = encode(&StreamName("s".into()), &event, &metadata).unwrap();
        let decoded = decode(&recorded(&encoded));
        assert_eq!(decoded.is_ok(), !event.belongs_to_an_app(), "{name}");
    }
}

#[test]
fn an_event_without_evidence_has_none_after_reading() {
    let metadata = Metadata { app: Some(app()), recorded_at: at(), evidence: None };
    let event = Event::QuarantineAdopted { by: "b".into(), reason: "r".into() };
    let encoded = encode(&StreamName("s".into()), &event, &metadata).unwrap();
    assert_eq!(decode(&recorded(&encoded)).unwrap().metadata, metadata);
}

#[test]
fn the_id_is_the_fact_not_the_moment() {
    let (stream, other) = (StreamName("order-demo.x".into()), StreamName("order-demo.y".into()));
    let metadata = |millis| Metadata {
        app: Some(app()),
        recorded_at: DateTime::from_timestamp_millis(millis).unwrap(),
        evidence: Some(evidence()),
    };
    let goods = |price| {
        let actual_price = Fen(price);
        Event::GoodsDelivered(crate::domain::push::GoodsPush { actual_price, ..samples::goods() })
    };
    let id = |stream, price, millis| encode(stream, &goods(price), &metadata(millis)).unwrap().id;
    assert_eq!(id(&stream, 1200, 1), id(&stream, 1200, 2));
    assert_ne!(id(&stream, 1200, 1), id(&stream, 1201, 1));
    assert_ne!(id(&stream, 1200, 1), id(&other, 1200, 1));
}

#[test]
fn what_cannot_be_read_says_where_it_stands_and_why() {
    let metadata = Metadata { app: Some(app()), recorded_at: at(), evidence: None };
    let good = encode(&StreamName("s".into()), &Event::GoodsDelivered(samples::goods()), &metadata).unwrap();
    type Spoil = fn(&mut RecordedEvent);
    let cases: [(Spoil, &str); 6] = [
        (|event| event.event_type = "GoodsVanished".into(), "no event type \"GoodsVanished\" is known"),
        (|event| event.data = event.data.replace("\"env\":0", "\"env\":2"), "data: env is 2, must be 0 or 1"),
        (|event| event.data = event.data.replace("open_id", "openid"), "data: missing field `open_id`"),
        (|event| event.data = "{".into(), "data: EOF while parsing an object at line 1 column 1"),
        (
            |event| event.metadata = event.metadata.replace("\"schema\":1", "\"schema\":9"),
            "its schema version is 9",
        ),
        (|event| event.metadata = event.metadata.replace("demo", "DEMO"), "metadata: an app's name must be"),
    ];
    for (spoil, problem) in cases {
        let mut event = recorded(&good);
        spoil(&mut event);
        let error = decode(&event).unwrap_err().to_string();
        assert!(error.starts_with("event 0 of order-demo.x ("), "{error}");
        assert!(error.contains(problem), "{error}");
    }
}
