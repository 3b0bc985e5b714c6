use chrono::{DateTime, TimeDelta, Utc};
use futures_util::future::join_all;
use tempfile::TempDir;

use super::*;
use crate::domain::evidence::Transport;
use crate::domain::grant::{Grant, GrantCommand, GrantError};
use crate::domain::id::OutTradeNo;
use crate::domain::quarantine::{Reason, Resolution};
use crate::domain::role::{PlayedRole, RoleFields};
use crate::domain::samples;
use crate::store::sqlite::{Settings, SqliteStore};

pub fn at() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(1_767_225_600_123).unwrap()
}

pub fn app() -> AppSlug {
    AppSlug::parse("demo").unwrap()
}

fn number() -> OutTradeNo {
    samples::goods().out_trade_no
}

fn evidence() -> Evidence {
    Evidence {
        event: "minigame_game_pay_goods_deliver_notify".into(),
        payload: "{}".into(),
        signature: None,
        transport: Transport::Plain,
        create_time: None,
        received_at: at(),
    }
}

/// A ledger over an empty log, whose folder goes with what is returned beside it.
pub async fn empty_ledger() -> (Ledger, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&Settings::at(folder.path().join("events.db"))).unwrap();
    (Ledger::open(Arc::new(store), Quotas::default()).await.unwrap(), folder)
}

/// With one order of goods in production and one of coins in the sandbox.
async fn ledger_with_orders() -> (Ledger, TempDir) {
    let (ledger, folder) = empty_ledger().await;
    for push in [Push::Goods(samples::goods()), Push::Coins(samples::coins())] {
        assert_eq!(ledger.record(&app(), &push, &evidence()).await.unwrap(), order::Answer::Success);
    }
    (ledger, folder)
}

async fn say(ledger: &Ledger, command: GrantCommand, by: &str) -> Result<GrantOutcome, GrantOrderError> {
    ledger.grant(&app(), Environment::Production, &number(), command, by, Some("4711"), at()).await
}

#[tokio::test]
async fn a_grant_stands_with_who_said_it_first_and_says_where_it_can_be_seen() {
    let (ledger, _folder) = ledger_with_orders().await;
    let said = say(&ledger, GrantCommand::Grant, "game").await.unwrap();
    let granted = Grant::Granted { by: "game".into(), reason: Some("4711".into()) };
    let head = *ledger.store().head().borrow();
    assert_eq!(said, GrantOutcome { recorded: true, grant: granted.clone(), position: head });
    assert!(head.is_some());
    // Something else happens in the log.
    ledger.record(&app(), &Push::Gift(samples::gift()), &evidence()).await.unwrap();
    let again = say(&ledger, GrantCommand::Grant, "lin").await.unwrap();
    assert_eq!(again, GrantOutcome { recorded: false, grant: granted, position: head });
    let refused = say(&ledger, GrantCommand::Refuse, "lin").await.unwrap_err().to_string();
    assert_eq!(refused, "it has been granted before, by game; that stands until it is revoked");
}

#[tokio::test]
async fn an_order_is_granted_in_its_own_environment_and_only_where_there_is_something_to_grant() {
    let (ledger, _folder) = ledger_with_orders().await;
    let coins = samples::coins().out_trade_no;
    for (env, out_trade_no, expected) in [
        (Environment::Sandbox, number(), GrantError::NotFound),
        (Environment::Production, coins.clone(), GrantError::NotFound),
        (Environment::Sandbox, coins, GrantError::Coins),
    ] {
        let grant = GrantCommand::Grant;
        let said = ledger.grant(&app(), env, &out_trade_no, grant, "game", None, at()).await;
        match said {
            Err(GrantOrderError::Refused(error)) => assert_eq!(error, expected),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn of_many_words_at_once_one_stands() {
    let (ledger, _folder) = ledger_with_orders().await;
    let words = (0..16).map(|turn| {
        let command = if turn % 2 == 0 { GrantCommand::Grant } else { GrantCommand::Refuse };
        say(&ledger, command, "game")
    });
    let said: Vec<_> = join_all(words).await.into_iter().flatten().collect();
    assert_eq!(said.iter().filter(|said| said.recorded).count(), 1, "{said:#?}");
    assert!(said.iter().all(|one| one.grant == said[0].grant), "{said:#?}");
    let stream = codec::order_stream(&app(), Environment::Production, &number());
    assert_eq!(ledger.store().read_stream(&stream, 0, 9).await.unwrap().len(), 2);
}

#[tokio::test]
async fn roles_are_recorded_when_they_tell_something_new() {
    let (ledger, _folder) = empty_ledger().await;
    let open_id = samples::goods().open_id;
    let report = async |roles: &[PlayedRole]| {
        ledger.report_roles(&app(), Environment::Sandbox, &open_id, roles, at()).await.unwrap()
    };
    assert_eq!(report(&[]).await, Reported { appended: 0, position: None });
    let other = RoleFields { role_id: "2".into(), ..samples::role_fields() };
    let roles = [samples::role(), PlayedRole::new(other).unwrap()];
    let first = report(&roles).await;
    let head = *ledger.store().head().borrow();
    assert_eq!(first, Reported { appended: 2, position: head });
    assert_eq!(report(&roles).await, Reported { appended: 0, position: head });
    let fields = samples::role_fields();
    let later = PlayedRole::new(RoleFields { played_at: fields.played_at + TimeDelta::hours(1), ..fields });
    assert_eq!(report(&[later.unwrap()]).await.appended, 1);
    let stream = codec::player_stream(&app(), Environment::Sandbox, &open_id);
    assert_eq!(ledger.store().read_stream(&stream, 0, 9).await.unwrap().len(), 3);
}

#[tokio::test]
async fn what_another_process_decides_in_quarantine_is_learnt() {
    let (one, _folder) = empty_ledger().await;
    let other = Ledger::open(one.store().clone(), Quotas::default()).await.unwrap();
    let reason = Reason::Unusable("quantity: is 0".into());
    one.quarantine(&app(), &reason, None, &evidence()).await.unwrap();
    let id = codec::quarantine_id(&app(), &evidence().event, &evidence().payload);
    assert!(one.resolve(&id, Resolution::Dismissed, "lin", "a test", at()).await.unwrap());
    assert!(one.is_decided(&app(), &evidence()));
    assert!(!other.is_decided(&app(), &evidence()));
    other.read_decisions().await.unwrap();
    assert!(other.is_decided(&app(), &evidence()));
    // Nothing of the order is recorded then, wherever WeChat pushes it again.
    let push = Push::Goods(samples::goods());
    assert_eq!(other.record(&app(), &push, &evidence()).await.unwrap(), order::Answer::Success);
    assert_eq!(other.end().await.unwrap(), *one.store().head().borrow());
}
