//! Looking an id up while the projections do not know all of the log.

use std::time::Duration;

use order_ledger::lookup::{self, Lookup, Players, ReadModelsAndRing, Verdict};
use order_ledger::store::Position;

use super::folded::{Folded, at};
use super::told::goods;

async fn find(folded: &Folded, id: &str, head: Option<Position>) -> Lookup {
    let sources = ReadModelsAndRing {
        projector: folded.projector().clone(),
        ring: folded.path().join("refused.db"),
        app: None,
        head,
        wait: Duration::from_millis(20),
    };
    lookup::find(&sources, id, at(0), Players::Shown).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_behind_the_log_keeps_its_rows_and_never_says_that_there_is_no_trace() {
    let folded = Folded::built_in().await;
    folded.pushed(&goods("N").0, 1).await;
    folded.caught_up().await;
    let head = folded.head();
    let (known, end) = (head.unwrap().number(), head.unwrap().number() + 1);
    // An event that no projection has folded.
    let beyond = Some(Position::from_number(end));
    for (id, head, verdict) in [
        ("NOWHERE", head, Verdict::NoTrace),
        ("NOWHERE", beyond, Verdict::CannotTell),
        ("N", head, Verdict::DeliveredNotGranted),
        ("N", beyond, Verdict::DeliveredNotGranted),
    ] {
        let lookup = find(&folded, id, head).await;
        assert_eq!(lookup.verdict, verdict, "{id} {head:?}: {lookup:?}");
        let (refused, models) = lookup.looked_in.split_last().unwrap();
        assert_eq!(refused.problem, None);
        let problem = (head == beyond).then(|| format!("knows the log to {known} of {end} only"));
        for looked in models {
            assert_eq!((&looked.problem, looked.position.clone()), (&problem, Some(known.to_string())));
        }
        let is_warned = lookup.words.words.contains("Not everything could be looked at")
            || verdict == Verdict::CannotTell;
        assert_eq!(is_warned, head == beyond, "{lookup:?}");
    }
}
