//! What is told while the read models are still being built.

use std::fs::{File, create_dir_all};
use std::time::Duration;

use order_ledger::projector::{AskError, Question};

use super::fixture_log::lines;
use super::folded::at;
use super::held_log::{HeldPast, Reading};
use super::replay::{home_of, said};
use super::server::Home;

/// Holds the read models as a server does that has begun to build them, and has done so much of some.
fn building(home: &Home, done: &[(&str, u64)]) -> File {
    create_dir_all(home.views()).unwrap();
    let lock = File::create(home.views().join("lock")).unwrap();
    lock.lock().unwrap();
    for (projection, percent) in done {
        let folder = home.views().join(projection);
        create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("problem.json"), format!("{{\"building\": {percent}}}")).unwrap();
    }
    lock
}

#[tokio::test]
async fn what_is_being_built_is_told_as_that_and_how_far_it_is() {
    let home = home_of(&lines()).await;
    let _server = building(&home, &[("orders", 40)]);
    for args in [&["find", "NOWHERE"], &["history", "NOWHERE"]] {
        let (code, stdout, stderr) = said(&home.run(args));
        let told = format!("{stdout}{stderr}");
        assert!(told.contains("orders is being built, 40 % done; try again later"), "{args:?}: {told}");
        assert!(told.contains(" is being built, not begun yet; try again later"), "{args:?}: {told}");
        assert!(!told.contains("there is no projection"), "{args:?}: {told}");
        assert_ne!(code, 0, "{args:?}: nothing is known");
    }
    let (code, _, stderr) = said(&home.run(&["query", "sales", "all"]));
    assert!(code != 0 && stderr.contains("there is no projection \"sales\""), "{stderr}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_a_question_is_told_though_nothing_answers_yet() {
    let held = HeldPast::begun(&lines(), vec![], Reading::HeldAfter(0)).await;
    let asked = async |query: &'static str, parameter: &str| {
        let parameters = &[(parameter.to_owned(), "demo".to_owned())];
        let (as_of, wait) = (at(0), Duration::ZERO);
        let question = Question { projection: "orders", query, parameters, as_of, min_position: None, wait };
        held.projector.ask(&question).await.unwrap_err()
    };
    assert!(matches!(asked("search", "app").await, AskError::NotBuilt { .. }));
    assert!(matches!(asked("search", "ap").await, AskError::Parameter(_)));
    assert!(matches!(asked("serch", "app").await, AskError::UnknownQuery { .. }));
    held.reading(Reading::Free);
    held.end().await;
}
