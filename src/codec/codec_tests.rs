use std::path::PathBuf;

use super::*;
use crate::domain::app::PriceMeaning;
use crate::domain::environment::Environment;
use crate::domain::evidence::{KeyFingerprint, SignatureEvidence, Transport};
use crate::domain::push::Push;
use crate::domain::quarantine::Reason;
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
        ("PaymentIdentified", Event::PaymentIdentified(samples::payment(None, Some("42")))),
        ("ConflictingPushReceived", Event::ConflictingPushReceived(Push::Goods(samples::goods()))),
        ("ConflictingPushReceived-coins", Event::ConflictingPushReceived(Push::Coins(samples::coins()))),
        ("ConflictingPushReceived-refund", Event::ConflictingPushReceived(Push::Refund(samples::refund()))),
        ("ConflictingPushReceived-gift", Event::ConflictingPushReceived(Push::Gift(samples::gift()))),
        ("RefundSucceeded", Event::RefundSucceeded(samples::refund())),
        ("GiftDelivered", Event::GiftDelivered(samples::gift())),
        ("MockReceived", Event::MockReceived(Push::Goods(samples::goods()))),
        ("PushQuarantined", quarantined(Reason::Unusable("OutTradeNo: is missing".into()), None)),
        ("PushQuarantined-other-key", quarantined(Reason::OtherEnvironmentKey, Some("1"))),
        (
            "PushQuarantined-unrecognized",
            quarantined(Reason::UnrecognizedEvent { money_at_stake: false }, None),
        ),
        ("QuarantineAdopted", Event::QuarantineAdopted { by: by.clone(), reason: reason.clone() }),
        ("QuarantineDismissed", Event::QuarantineDismissed { by, reason }),
    ]
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
    let metadata = Metadata { app: app(), recorded_at: at(), evidence: Some(evidence()) };
    for (name, event) in every_event() {
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
        assert_eq!(decoded, Decoded { event, metadata: metadata.clone() }, "{name}");
    }
}

#[test]
fn there_is_a_golden_file_for_every_event_type() {
    let all = every_event();
    let known: std::collections::BTreeSet<_> = all.iter().map(|(_, event)| event.type_name()).collect();
    assert_eq!(known.len(), 12, "a new event type needs a golden file: {known:?}");
}

#[test]
fn an_event_without_evidence_has_none_after_reading() {
    let metadata = Metadata { app: app(), recorded_at: at(), evidence: None };
    let event = Event::QuarantineAdopted { by: "b".into(), reason: "r".into() };
    let encoded = encode(&StreamName("s".into()), &event, &metadata).unwrap();
    assert_eq!(decode(&recorded(&encoded)).unwrap().metadata, metadata);
}

#[test]
fn the_id_is_the_fact_not_the_moment() {
    let (stream, other) = (StreamName("order-demo.x".into()), StreamName("order-demo.y".into()));
    let metadata = |millis| Metadata {
        app: app(),
        recorded_at: DateTime::from_timestamp_millis(millis).unwrap(),
        evidence: Some(evidence()),
    };
    let goods = |price| {
        let actual_price = crate::domain::fen::Fen(price);
        Event::GoodsDelivered(crate::domain::push::GoodsPush { actual_price, ..samples::goods() })
    };
    let id = |stream, price, millis| encode(stream, &goods(price), &metadata(millis)).unwrap().id;
    assert_eq!(id(&stream, 1200, 1), id(&stream, 1200, 2));
    assert_ne!(id(&stream, 1200, 1), id(&stream, 1201, 1));
    assert_ne!(id(&stream, 1200, 1), id(&other, 1200, 1));
}

#[test]
fn what_cannot_be_read_says_where_it_stands_and_why() {
    let metadata = Metadata { app: app(), recorded_at: at(), evidence: None };
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
