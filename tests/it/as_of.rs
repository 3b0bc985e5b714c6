//! Questions about the past: every answer as of a position is that of a fold which stopped there.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use order_ledger::domain::bill::MerchantId;
use order_ledger::limits;
use order_ledger::projector::past::{AsOf, Reach, StateOf};
use order_ledger::projector::{
    Answer, AskError, Definition, Folder, Projector, QueryDeclaration, Question, Views,
};
use order_ledger::reconcile::report::{self, Format};
use order_ledger::reconcile::scope::Scope;
use order_ledger::reconcile::source::Sealed;
use order_ledger::store::sqlite::{Settings, SqliteStore};
use order_ledger::store::{EventStore, Position};
use order_ledger::table::csv::Bom;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde_json::Value;
use tempfile::TempDir;

use super::asking::home_of_all_roles;
use super::bill_text::MERCHANT;
use super::bills::home_of_a_merchant;
use super::finance_api::{settled, with_differences};
use super::fixture_log::{Line, lines, record};
use super::log_file::LogFile;
use super::own_folder::buy;

const POSITIONS: usize = 20;
const WAIT: Duration = Duration::from_secs(30);

/// A log and all read models of the program over it.
struct Folding {
    projector: Arc<Projector>,
    store: Arc<SqliteStore>,
    folder: TempDir,
}

impl Folding {
    async fn of(lines: &[Line]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Arc::new(SqliteStore::open(&Settings::at(folder.path().join("events.db"))).unwrap());
        record(&store, lines).await;
        let projector = begin(&store, folder.path()).await;
        let folding = Self { projector, store, folder };
        folding.caught_up().await;
        folding
    }

    async fn caught_up(&self) {
        let head = *self.store.head().borrow();
        let done = self.projector.caught_up(head, Duration::from_millis(5), |_| {});
        tokio::time::timeout(WAIT, done).await.expect("folding does not end").unwrap();
    }

    async fn end(self) {
        let projector = self.projector;
        tokio::task::spawn_blocking(move || projector.close()).await.unwrap();
    }

    /// Until it is folded.
    async fn ask_as_of(&self, question: &Question<'_>, state: &StateOf) -> Result<Answer, AskError> {
        loop {
            match self.projector.ask_as_of(question, state, "auditor").await {
                Err(AskError::NotBuilt { .. }) => tokio::time::sleep(Duration::from_millis(5)).await,
                other => return other,
            }
        }
    }

    async fn state(&self, as_of: AsOf) -> StateOf {
        self.projector.state_of(as_of, now(), WAIT).await.unwrap()
    }

    /// The report of a merchant as of then, as CSV.
    async fn report(&self, merchant: &str, state: &StateOf) -> Vec<u8> {
        let snapshot = loop {
            match self.projector.snapshot_as_of("reconciliation", None, state, ("auditor", WAIT)).await {
                Err(AskError::NotBuilt { .. }) => tokio::time::sleep(Duration::from_millis(5)).await,
                other => break other.unwrap(),
            }
        };
        assert_eq!(snapshot.position(), state.until);
        let taken = Sealed::of(snapshot, self.store.as_ref()).await.unwrap();
        let days = ["2026-01-01", "2026-01-31"].map(|day| day.parse().unwrap());
        let merchant = MerchantId::parse(merchant).unwrap();
        let scope = Scope::new(merchant, (days[0], days[1]), None, state.at).unwrap();
        tokio::task::spawn_blocking(move || {
            let mut bytes = vec![];
            report::write(&taken, &scope, Format::Csv(Bom::Without), &mut bytes).unwrap();
            bytes
        })
        .await
        .unwrap()
    }

    /// Files of states of the past.
    fn kept(&self) -> usize {
        // It is made when the first is asked for.
        let Ok(files) = std::fs::read_dir(self.folder.path().join("views/as-of")) else { return 0 };
        files.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|it| it == "db")).count()
    }
}

async fn begin(store: &Arc<SqliteStore>, folder: &Path) -> Arc<Projector> {
    let views = Views::take(&folder.join("views")).unwrap();
    let definitions = Definition::check_all(Folder::built_in()).unwrap();
    let projector = Projector::new(store.clone(), store.head(), tokio::runtime::Handle::current());
    let begun = projector.clone();
    tokio::task::spawn_blocking(move || begun.begin(views, &definitions.into()).unwrap()).await.unwrap();
    projector
}

/// Long after the last event of the fixed log.
fn now() -> DateTime<Utc> {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

const MERCHANTS: [&str; 3] = ["10000000", "10000010", "10000021"];

/// Every query, with values that the log knows.
pub fn questions(declaration: &QueryDeclaration) -> Vec<(String, String)> {
    let mut given = Vec::new();
    for parameter in &declaration.parameters {
        let limit = parameter.max.map(|max| max.to_string());
        let value = match parameter.name.as_str() {
            "limit" => limit.as_deref().unwrap_or("1000"),
            "merchant" => MERCHANTS[0],
            "from_day" if parameter.required => "2025-12-01",
            "to_day" if parameter.required => "2026-12-31",
            "app" if parameter.required => "w0a",
            "open_id" if parameter.required => "oAnna",
            "id" | "case_id" | "transaction_id" if parameter.required => "N1",
            _ if parameter.required && !parameter.words.is_empty() => &parameter.words[0],
            name if parameter.required => panic!("{} requires {name}", declaration.name),
            _ => continue,
        };
        given.push((parameter.name.clone(), value.to_owned()));
    }
    given
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_as_of_random_positions_are_those_of_a_fold_that_stopped_there() {
    let lines = lines();
    let all = Folding::of(&lines).await;
    let mut rng = StdRng::seed_from_u64(20);
    let mut ends: Vec<_> = (0..POSITIONS).map(|_| rng.random_range(1..lines.len())).collect();
    ends.sort_unstable();
    // Another log, which is no longer than that when it is asked.
    let (stopped, mut begun) = (Folding::of(&[]).await, 0);
    let (mut asked, mut rows) = (0, 0);
    for end in ends {
        record(&stopped.store, &lines[begun..end]).await;
        stopped.caught_up().await;
        begun = end;
        let position = Position::from_number(end as u64);
        let state = all.state(AsOf::Position(position)).await;
        let expected =
            StateOf { until: Some(position), at: lines[end - 1].recorded_at, reach: Reach::Exactly };
        assert_eq!(state, expected);
        for declaration in all.projector.queries() {
            let parameters = questions(&declaration);
            let question = Question {
                projection: &declaration.projection,
                query: &declaration.name,
                parameters: &parameters,
                as_of: state.at,
                min_position: None,
                wait: WAIT,
            };
            let past = all.ask_as_of(&question, &state).await.unwrap();
            let then = stopped.projector.ask(&question).await.unwrap();
            let what = format!("{}/{} as of {end}", declaration.projection, declaration.name);
            assert_eq!(
                (past.position, &past.table, &past.next),
                (Some(position), &then.table, &then.next),
                "{what}"
            );
            rows += then.table.rows.len();
            asked += 1;
        }
        for merchant in MERCHANTS {
            let past = all.report(merchant, &state).await;
            assert_eq!(past, stopped.report(merchant, &state).await, "the report of {merchant} as of {end}");
        }
        assert!(all.kept() <= limits::AS_OF_KEPT, "{}", all.kept());
        assert_eq!(stopped.kept(), 0, "the present answers");
    }
    stopped.end().await;
    assert!(asked > 20 * POSITIONS && rows > asked, "{asked} questions, {rows} rows");
    all.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_means_the_last_event_before_the_first_that_was_recorded_later() {
    let lines = lines();
    let all = Folding::of(&lines).await;
    let mut moments: Vec<_> = lines.iter().map(|line| line.recorded_at).collect();
    moments.extend([moments[0] - TimeDelta::days(1), now()]);
    for moment in moments {
        let state = all.state(AsOf::Moment(moment)).await;
        let last = lines.iter().position(|line| line.recorded_at > moment).unwrap_or(lines.len());
        let until = Some(Position::from_number(last as u64)).filter(|_| last > 0);
        assert_eq!(state, StateOf { until, at: moment, reach: Reach::Over });
    }
    let later = now() + TimeDelta::seconds(1);
    assert_eq!(all.state(AsOf::Moment(later)).await.reach, Reach::Open);
    let outside = Position::from_number(lines.len() as u64 + 1);
    let refused = all.projector.state_of(AsOf::Position(outside), now(), WAIT).await.unwrap_err();
    assert!(refused.to_string().contains(&format!("positions are 1 to {}", lines.len())), "{refused}");
    // Before any event there is nothing.
    let state = all.state(AsOf::Moment(lines[0].recorded_at - TimeDelta::days(1))).await;
    let declaration = all.projector.declaration("orders", "search").unwrap();
    let parameters = questions(&declaration);
    let question = Question {
        projection: "orders",
        query: "search",
        parameters: &parameters,
        as_of: state.at,
        min_position: None,
        wait: WAIT,
    };
    let answer = all.ask_as_of(&question, &state).await.unwrap();
    assert_eq!((answer.position, answer.table.rows.len()), (None, 0));
    all.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_folded_for_the_past_goes_at_the_next_start() {
    let lines = lines();
    let all = Folding::of(&lines).await;
    let state = all.state(AsOf::Position(Position::from_number(30))).await;
    all.report(MERCHANTS[0], &state).await;
    assert_eq!(all.kept(), 1);
    all.report(MERCHANTS[1], &state).await;
    assert_eq!(all.kept(), 1, "it is asked again");
    let Folding { projector, store, folder } = all;
    tokio::task::spawn_blocking(move || projector.close()).await.unwrap();
    let again = Folding { projector: begin(&store, folder.path()).await, store, folder };
    assert_eq!(again.kept(), 0);
    again.end().await;
}

#[tokio::test]
async fn lists_and_orders_are_answered_as_of_a_position_or_a_moment() {
    let home = home_of_all_roles();
    let server = home.serve();
    let last = || LogFile::open(&home.store()).end();
    let mut positions = vec![];
    for number in ["A0", "A1", "A2"] {
        buy(&home, &server, number, "gem").await;
        positions.push(last());
    }
    let admin = server.client("admin");
    for (end, position) in positions.iter().enumerate() {
        let path = format!("/v1/apps/demo/orders?as_of={position}");
        let list = settled(&admin, &path).await;
        let body = list.json();
        let numbers: Vec<_> =
            body["rows"].as_array().unwrap().iter().map(|row| row["out_trade_no"].clone()).collect();
        let expected: Vec<_> = (0..=end).rev().map(|number| Value::from(format!("A{number}"))).collect();
        assert_eq!(numbers, expected, "as of {position}");
        assert_eq!(list.header("x-ledger-position"), position.to_string());
        // The same state, named by the moment that the answer says.
        let moment = body["as_of"].as_str().unwrap();
        let again = settled(&admin, &format!("/v1/apps/demo/orders?as_of={moment}")).await;
        assert_eq!(again.json()["as_of"], moment);
        assert!(again.json()["position"].as_str().unwrap().parse::<u64>().unwrap() >= *position, "{again:?}");
        for (number, status) in [("A0", 200), (format!("A{end}").as_str(), 200), ("A3", 404)] {
            let path = format!("/v1/apps/demo/orders/{number}?as_of={position}");
            assert_eq!(admin.get(&path).await.status, status, "{path}");
        }
    }
    let early = format!("/v1/apps/demo/orders/A2?as_of={}", positions[0]);
    assert_eq!(admin.get(&early).await.outcome(), "404 unknown_order");
    let now = settled(&admin, "/v1/apps/demo/orders?as_of=2999-01-01T00:00:00Z").await;
    assert_eq!(
        (now.json()["rows"].as_array().unwrap().len(), now.json()["as_of"].as_str()),
        (3, Some("2999-01-01T00:00:00.000Z"))
    );
    let before = settled(&admin, "/v1/apps/demo/orders?as_of=2020-01-01T00:00:00Z").await;
    assert!(before.json()["rows"].as_array().unwrap().is_empty() && before.json()["position"].is_null());
    let (first, end) = (positions[0], positions[2]);
    for (query, outcome) in [
        ("as_of=0".to_owned(), "422 parameter"),
        (format!("as_of={}", end + 1), "422 parameter"),
        ("as_of=soon".into(), "422 parameter"),
        ("as_of=2026-01-01".into(), "422 parameter"),
        (format!("as_of={first}&min_position={end}"), "422 parameter"),
        (format!("as_of={end}&min_position={first}"), "200"),
        (format!("as_of={first}&unknown=1"), "422 parameter"),
    ] {
        let asked = admin.get(&format!("/v1/apps/demo/orders?{query}")).await;
        assert_eq!(asked.outcome(), outcome, "{query}: {asked:?}");
    }
    assert_eq!(
        server
            .client("game")
            .get(&format!("/v1/projections/operations/quarantine?as_of={first}"))
            .await
            .status,
        403
    );
}

#[tokio::test]
async fn a_report_is_of_the_state_that_as_of_means() {
    let home = home_of_a_merchant();
    let server = with_differences(&home).await;
    let finance = server.client("finance");
    let end = LogFile::open(&home.store()).end();
    let scope = format!("merchant={MERCHANT}&from=2026-01-01&to=2026-01-31");
    let mut sizes = vec![];
    for position in 1..=end {
        let report = settled(&finance, &format!("/v1/reconciliation?{scope}&as_of={position}")).await;
        let header = report.json()["header"].clone();
        assert_eq!(header["position"], position.to_string());
        assert_eq!(report.header("x-ledger-position"), position.to_string());
        sizes.push(report.json()["rows"].as_array().unwrap().len());
        let again = settled(&finance, &format!("/v1/reconciliation?{scope}&as_of={position}")).await;
        assert_eq!(again.body, report.body);
    }
    assert_eq!((sizes.first(), sizes.last()), (Some(&0), Some(&3)), "{sizes:?}");
}
