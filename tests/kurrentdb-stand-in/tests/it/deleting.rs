//! Soft deletions, what they hide and what begins anew after them; tombstones.

use kurrentdb_stand_in::{
    Cluster,
    wire::{
        append::ExpectedRevision as Expected,
        read::{FromRevision, ReadContent},
    },
};

use crate::caller::{Answer, Caller, connect, of_stream, paid, streams};

const ORDER: &str = "order-demo.1";

async fn one_order() -> (Cluster, Caller) {
    let cluster = Cluster::start(1).await.unwrap();
    let caller = connect(cluster.addresses()[0]).await.unwrap();
    caller.append(ORDER, Expected::NoStream(()), &[paid("{}"), paid("{}")]).await.unwrap();
    (cluster, caller)
}

async fn is_not_found(caller: &Caller) -> bool {
    let contents = caller.read(of_stream(ORDER, FromRevision::Start(()))).await.unwrap();
    matches!(contents.as_slice(), [ReadContent::StreamNotFound(_)])
}

#[tokio::test]
async fn a_deleted_stream_is_not_found_and_begins_anew_above_revision_0() {
    let (_cluster, caller) = one_order().await;
    caller.delete(ORDER, Expected::Revision(1)).await.unwrap();
    assert!(is_not_found(&caller).await);
    let again = caller.append(ORDER, Expected::NoStream(()), &[paid("{}")]).await.unwrap();
    assert!(matches!(again, Answer::Appended { last: 2, .. }), "{again:?}");
    let revisions: Vec<u64> = caller.events(ORDER).await.iter().map(|event| event.revision).collect();
    assert_eq!(revisions, [2]);
}

#[tokio::test]
async fn a_deletion_and_what_ends_it_stand_in_the_log_as_metadata() {
    let (_cluster, caller) = one_order().await;
    caller.delete(ORDER, Expected::Any(())).await.unwrap();
    caller.append(ORDER, Expected::Any(()), &[paid("{}")]).await.unwrap();
    let names = streams(&caller.all().await);
    assert_eq!(&names[names.len() - 5..], [ORDER, ORDER, "$$order-demo.1", ORDER, "$$order-demo.1"]);
    let metadata = caller.events("$$order-demo.1").await;
    assert_eq!(metadata[0].data.as_ref(), br#"{"$tb":9223372036854775807}"#);
    assert_eq!(metadata[1].data.as_ref(), br#"{"$tb":2}"#);
}

#[tokio::test]
async fn ids_that_stood_in_a_deleted_stream_are_still_repeats_and_nobody_says_where() {
    let (_cluster, caller) = one_order().await;
    let event = paid("{}");
    caller.append(ORDER, Expected::Revision(1), std::slice::from_ref(&event)).await.unwrap();
    caller.delete(ORDER, Expected::Any(())).await.unwrap();
    let answer = caller.append(ORDER, Expected::Revision(1), &[event]).await.unwrap();
    assert_eq!(answer, Answer::AppendedSomewhere { last: 2 });
    assert!(is_not_found(&caller).await);
}

#[tokio::test]
async fn a_deleted_stream_begins_anew_only_for_who_expects_none_or_its_last_revision() {
    let (cluster, caller) = one_order().await;
    let first = paid("{}");
    caller.append("order-demo.2", Expected::NoStream(()), &[first.clone(), paid("{}")]).await.unwrap();
    let wrong = Answer::Wrong { current: Some(1) };
    for stream in [ORDER, "order-demo.2"] {
        caller.delete(stream, Expected::Any(())).await.unwrap();
        assert_eq!(caller.append(stream, Expected::Revision(0), &[paid("{}")]).await.unwrap(), wrong);
        let exists = caller.append(stream, Expected::StreamExists(()), &[paid("{}")]).await.unwrap_err();
        assert_eq!(exists.exception(), "stream-deleted");
    }
    // What begins like the first append and goes on otherwise is neither its repeat nor a new beginning.
    let otherwise = [first, paid("{}")];
    let answer = caller.append("order-demo.2", Expected::NoStream(()), &otherwise).await.unwrap();
    assert_eq!(answer, wrong);
    let anew = caller.append(ORDER, Expected::Revision(1), &[paid("{}")]).await.unwrap();
    assert!(matches!(anew, Answer::Appended { last: 2, .. }), "{anew:?}");
    assert_eq!(cluster.log().client_events(), 5);
}

#[tokio::test]
async fn a_deletion_that_expects_wrongly_is_an_error() {
    let (_cluster, caller) = one_order().await;
    let failed = caller.delete(ORDER, Expected::Revision(0)).await.unwrap_err();
    assert_eq!((failed.code(), failed.exception()), (9, "wrong-expected-version"));
    assert_eq!((failed.header("expected-version"), failed.header("actual-version")), ("0", "1"));
    let failed = caller.delete("order-demo.2", Expected::Any(())).await.unwrap_err();
    assert_eq!((failed.exception(), failed.header("actual-version")), ("wrong-expected-version", "-1"));
    assert_eq!(caller.events(ORDER).await.len(), 2);
}

#[tokio::test]
async fn a_tombstone_ends_a_stream_for_ever() {
    let (_cluster, caller) = one_order().await;
    caller.tombstone(ORDER, Expected::Any(())).await.unwrap();
    let appended = caller.append(ORDER, Expected::NoStream(()), &[paid("{}")]).await.unwrap_err();
    let read = caller.read(of_stream(ORDER, FromRevision::Start(()))).await.unwrap_err();
    let deleted = caller.delete(ORDER, Expected::Any(())).await.unwrap_err();
    let again = caller.tombstone(ORDER, Expected::Any(())).await.unwrap_err();
    for failed in [appended, read, deleted, again] {
        assert_eq!((failed.code(), failed.exception()), (9, "stream-deleted"));
        assert_eq!(failed.header("stream-name"), ORDER);
    }
    let all = caller.all().await;
    assert_eq!(all.last().unwrap().metadata["type"], "$streamDeleted");
}
