//! As of then means then: from whatever a state was folded, and whatever the read model of now is doing.

use std::sync::Arc;
use std::time::Duration;

use order_ledger::domain::bill::MerchantId;
use order_ledger::limits;
use order_ledger::projector::past::StateOf;
use order_ledger::projector::{AskError, Folder};
use order_ledger::store::Position;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::fixture_log::{lines, record};
use super::folded::folder;
use super::held_log::{HeldPast, Reading};

const SOON: (&str, Duration) = ("auditor", Duration::from_millis(300));
/// A question of each projection.
const QUESTIONS: [&str; 4] =
    ["orders/search", "operations/quarantine", "reconciliation/rows", "roles/search"];

#[tokio::test(flavor = "multi_thread")]
async fn a_state_that_goes_on_from_an_earlier_one_is_the_same_as_one_from_nothing() {
    let lines = lines();
    let (going_on, from_nothing) = (HeldPast::of(&lines, vec![]).await, HeldPast::of(&lines, vec![]).await);
    let mut rng = StdRng::seed_from_u64(5);
    for _ in 0..6 {
        let until = rng.random_range(40..lines.len() as u64);
        let earlier = rng.random_range(until * 2 / 3..until);
        for question in QUESTIONS {
            let projection = question.split('/').next().unwrap();
            let what = format!("{projection} as of {until} from {earlier}");
            going_on.ask(question, earlier).await.unwrap();
            going_on.pages();
            let one = going_on.ask(question, until).await.unwrap();
            let pages = going_on.pages();
            assert!(!pages.contains(&0), "{what}: read after {pages:?}");
            let other = from_nothing.ask(question, until).await.unwrap();
            assert_eq!(one.table, other.table, "{what}");
            assert_eq!(going_on.dump(projection, until), from_nothing.dump(projection, until), "{what}");
        }
        for past in [&going_on, &from_nothing] {
            // The next round begins with none.
            assert!(past.states().len() <= limits::AS_OF_KEPT);
            past.forget_all().await;
        }
    }
    going_on.end().await;
    from_nothing.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_or_moment_that_the_read_model_has_not_come_to_is_behind_and_not_answered_with_less() {
    let lines = lines();
    let past = HeldPast::of(&lines[..200], vec![]).await;
    past.reading(Reading::HeldAfter(200));
    record(&past.log.store, &lines[200..210]).await;
    for state in [past.position(205).await, HeldPast::moment(205)] {
        let asked = past.ask_of("orders/search", &state, SOON).await;
        assert!(matches!(&asked, Err(AskError::Behind { .. })), "{state:?}: {asked:?}");
        let told = asked.unwrap_err().to_string();
        assert_eq!(told, "orders stands at position 200 and not yet at 205; try again");
        let report = past.projector.snapshot_as_of("reconciliation", None, &state, SOON).await;
        assert!(matches!(&report, Err(AskError::Behind { .. })), "{state:?}");
    }
    past.reading(Reading::Free);
    assert_eq!(past.ask("orders/search", 205).await.unwrap().stopped, None);
    past.end().await;
}

/// The events of goods in the fixed log.
const GOODS: [u64; 3] = [88, 89, 116];

/// Counts goods, and cannot fold one of them. Its second question joins another projection.
fn failing_at(position: u64) -> Folder {
    let schema = "-- What was sold?\n-- environments: both\n\
                  CREATE TABLE sales (position INTEGER PRIMARY KEY, product_id TEXT NOT NULL) STRICT;";
    let on = format!("INSERT INTO sales SELECT :position, iif(:position = {position}, NULL, :product_id);");
    let query = "-- What was sold?\n-- role: finance\n-- column: product_id id\n\
                 SELECT product_id FROM sales ORDER BY position";
    let joins = query.replace("-- role: finance\n", "-- role: finance\n-- uses: orders\n");
    folder(
        "sales",
        &[
            ("schema.sql", schema),
            ("on/GoodsDelivered.sql", &on),
            ("queries/all.sql", query),
            ("queries/joined.sql", &joins),
        ],
    )
}

/// Folds every event well, and asks the other.
fn joining_it() -> Folder {
    let schema =
        "-- What came?\n-- environments: both\nCREATE TABLE seen (position INTEGER PRIMARY KEY) STRICT;";
    let query = "-- What came?\n-- role: finance\n-- uses: sales\n-- column: position position\n\
                 SELECT position FROM seen";
    let on = "INSERT INTO seen VALUES (:position);";
    folder("seen", &[("schema.sql", schema), ("on/GoodsDelivered.sql", on), ("queries/all.sql", query)])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_position_behind_an_event_that_cannot_be_folded_is_told_with_the_event_and_why() {
    let past = HeldPast::of(&lines(), vec![failing_at(GOODS[1]), joining_it()]).await;
    // Of the last only a fold meets the event: what is asked itself goes on.
    for question in ["sales/all", "sales/joined", "seen/all"] {
        for until in [GOODS[1], GOODS[2], 227] {
            let asked = past.ask_of(question, &past.position(until).await, SOON).await;
            assert!(matches!(&asked, Err(AskError::Stopped { .. })), "{question} {until}: {asked:?}");
            let told = asked.unwrap_err().to_string();
            let says = format!(
                "sales stands at position 88 and will not come to {until}: it stops before position 89"
            );
            assert!(told.starts_with(&says) && told.contains("NOT NULL"), "{told}");
        }
        // Before it all is well.
        let answer = past.ask(question, GOODS[1] - 1).await.unwrap();
        assert_eq!(answer.stopped, None, "{question}");
    }
    past.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_that_is_over_is_answered_by_what_has_stopped_before_it_which_says_so() {
    let past = HeldPast::of(&lines(), vec![failing_at(GOODS[1])]).await;
    // The second must not see what the other projection knows now: both are folded up to then.
    for (question, until) in [("sales/all", 150), ("sales/joined", 150), ("sales/joined", 227)] {
        let state = HeldPast::moment(until);
        let answer = past.ask_of(question, &state, ("auditor", Duration::from_secs(60))).await.unwrap();
        assert_eq!(answer.position.map(Position::number), Some(88), "{question} {until}");
        assert_eq!(answer.stopped.map(Position::number), Some(89), "{question} {until}");
        assert_eq!(answer.table.rows.len(), 3, "{question} {until}");
    }
    let by = ("auditor", Duration::from_secs(60));
    let before = past.ask_of("sales/all", &HeldPast::moment(60), by).await.unwrap();
    assert_eq!((before.position.map(Position::number), before.stopped), (Some(60), None));
    past.end().await;
}

/// A merchant's report as of then.
async fn report(past: &HeldPast, state: &StateOf) -> Vec<u8> {
    use order_ledger::reconcile::report::{self, Format};
    use order_ledger::reconcile::scope::Scope;
    use order_ledger::reconcile::source::Sealed;
    let by = ("auditor", Duration::from_secs(60));
    let snapshot = past.projector.snapshot_as_of("reconciliation", None, state, by).await.unwrap();
    let taken = Sealed::of(snapshot, past.log.store.as_ref()).await.unwrap();
    let days = ["2026-01-01", "2026-01-31"].map(|day| day.parse().unwrap());
    let merchant = MerchantId::parse("10000000").unwrap();
    let scope = Scope::new(merchant, (days[0], days[1]), None, state.at).unwrap();
    let written = move || {
        let mut bytes = vec![];
        report::write(&taken, &scope, Format::Json, &mut bytes).unwrap();
        bytes
    };
    tokio::task::spawn_blocking(written).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn reports_are_made_while_a_state_is_folded_for_another() {
    let past = Arc::new(HeldPast::of(&lines(), vec![]).await);
    past.reading(Reading::HeldAfter(20));
    let states = [past.position(100).await, past.position(120).await];
    let waiting = ["auditor", "finance"].into_iter().zip(states).map(|(by, state)| {
        let past = past.clone();
        tokio::spawn(async move {
            let by = (by, Duration::from_secs(60));
            past.projector.snapshot_as_of("reconciliation", None, &state, by).await.map(drop)
        })
    });
    let waiting: Vec<_> = waiting.collect();
    super::server::until("both are being folded", || past.files().len() == limits::REPORTS_MAX).await;
    let end = past.position(227).await;
    let now = past.projector.snapshot_as_of("reconciliation", None, &end, SOON).await;
    assert!(now.is_ok(), "{:?}", now.err());
    drop(now);
    past.reading(Reading::Free);
    for waiting in waiting {
        waiting.await.unwrap().unwrap();
    }
    let past = Arc::into_inner(past).unwrap();
    assert_eq!(report(&past, &end).await, report(&past, &end).await);
    past.end().await;
}
