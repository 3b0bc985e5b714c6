//! Events that another program has written and that are no text: each is named, and nothing behind it is lost.

use eventstore::{AppendToStreamOptions, EventData};

use super::*;
use crate::audit::verify::{Kind, Plan, verify};
use crate::clock::now;

const NO_TEXT: &[u8] = b"\xff\xfe";

/// Appends as another program might, by the client itself. Where it stands.
async fn append_bytes(
    store: &KurrentStore,
    stream: &str,
    data: &'static [u8],
    metadata: &'static [u8],
) -> u64 {
    let event = EventData::binary("Tested", data.into()).id(Uuid::new_v4()).metadata(metadata.into());
    let session = store.log.connection.session();
    let options = AppendToStreamOptions::default();
    let written = session.client.append_to_stream(stream, &options, event).await.unwrap();
    written.position.commit
}

async fn register(ledger: &Ledger, slug: &str) {
    let slug = AppSlug::parse(slug).unwrap();
    let app =
        ConfiguredApp { slug: &slug, app_id: "wx1", actual_price_is: PriceMeaning::Order, merchant: None };
    ledger.register_all(&[app], now()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_text_is_found_once_each_and_all_behind_it_is_verified() {
    let cluster = cluster(1).await;
    let store = Arc::new(open(&settings(&cluster)).await);
    let ledger = Ledger::open(store.clone(), Quotas::default()).await.unwrap();
    register(&ledger, "one").await;
    let mut unreadable = vec![
        append_bytes(&store, "order-one.A", NO_TEXT, b"{}").await,
        append_bytes(&store, "order-one.A", b"{}", NO_TEXT).await,
    ];
    register(&ledger, "two").await;
    for _ in 0..2 {
        unreadable.push(append_bytes(&store, "seal-ledger", NO_TEXT, b"{}").await);
    }
    register(&ledger, "three").await;
    unreadable.push(append_bytes(&store, "order-one.B", NO_TEXT, b"{}").await);
    let mut told = |_| {};
    let verifying = verify(store.as_ref(), Plan::default(), &mut told);
    let verified = tokio::time::timeout(Duration::from_secs(20), verifying).await.unwrap().unwrap();
    let found: Vec<_> = verified.findings.listed().iter().map(|found| (found.kind, found.position)).collect();
    let expected: Vec<_> = unreadable.iter().map(|position| (Kind::Unreadable, Some(*position))).collect();
    assert_eq!(found, expected, "{:?}", verified.findings.listed());
    assert_eq!((verified.proofs.without_push, verified.events), (3, 8));
    let what = &verified.findings.listed()[1].what;
    assert!(what.contains("order-one.A version 1: its metadata is not UTF-8"), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn places_and_versions_are_told_of_what_is_no_text_too() {
    let cluster = cluster(1).await;
    let store = open(&settings(&cluster)).await;
    let bad = append_bytes(&store, "a-1", NO_TEXT, b"{}").await;
    let good = append_bytes(&store, "a-1", b"{}", b"{}").await;
    append_bytes(&store, "b-1", b"{}", NO_TEXT).await;
    let places = store.read_versions(None, 10).await.unwrap();
    let places: Vec<_> = places.iter().map(|at| (at.stream.as_str(), at.version)).collect();
    assert_eq!(places, [("a-1", 0), ("a-1", 1), ("b-1", 0)]);
    let behind = store.read_all(Some(Position::from_number(bad)), 1).await.unwrap();
    assert_eq!(behind[0].position.number(), good);
    for (stream, after, next) in [("a-1", 0, Some(1)), ("a-1", 1, None), ("b-1", 0, None), ("c-1", 0, None)] {
        let found = store.next_version(&StreamName(stream.into()), after).await.unwrap();
        assert_eq!(found, next, "{stream} after {after}");
    }
}
