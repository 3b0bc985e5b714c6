//! Given these events, when a projection is asked, then it answers so: a log, a ledger and the projections of
//! one test, in this process.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use order_ledger::domain::app::{AppSlug, PriceMeaning};
use order_ledger::domain::bill::MerchantId;
use order_ledger::domain::evidence::{Evidence, KeyFingerprint, SignatureEvidence, Transport};
use order_ledger::domain::push::Push;
use order_ledger::ledger::{ConfiguredApp, Ledger};
use order_ledger::limits;
use order_ledger::projector::{AskError, Definition, Folder, Origin, Problems, Projector, Question, Views};
use order_ledger::quota::Quotas;
use order_ledger::spool::Spool;
use order_ledger::store::sqlite::{Settings, SqliteStore};
use order_ledger::store::{EventStore, Position};
use order_ledger::table::Cell;
use tempfile::TempDir;

use super::server::HANGS_AFTER;

/// 2026-01-01 00:00 in Beijing, and some minutes.
pub fn at(minutes: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_196_800 + minutes * 60, 0).unwrap()
}

pub fn demo() -> AppSlug {
    AppSlug::parse("demo").unwrap()
}

/// What proves a push that came then.
pub fn evidence(push: &Push, received_at: DateTime<Utc>) -> Evidence {
    let env = push.env();
    Evidence {
        event: "minigame_game_pay_goods_deliver_notify".into(),
        payload: "{}".into(),
        signature: env.map(|verified_env| SignatureEvidence {
            pay_event_sig: "00".into(),
            verified_env,
            key_fingerprint: KeyFingerprint("0123456789abcdef".into()),
        }),
        transport: if env.is_some() { Transport::Plain } else { Transport::Encrypted },
        create_time: None,
        received_at,
    }
}

/// A folder of the user's, from its files.
pub fn folder(name: &str, files: &[(&str, &str)]) -> Folder {
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect();
    Folder { name: name.to_owned(), origin: Origin::User, files }
}

pub fn checked(folders: Vec<Folder>) -> Result<Vec<Arc<Definition>>, Problems> {
    Definition::check_all(folders)
}

/// One row by column.
pub type Row = BTreeMap<String, Cell>;

pub struct Folded {
    pub ledger: Arc<Ledger>,
    pub store: Arc<SqliteStore>,
    pub spool: Spool,
    projector: Option<Arc<Projector>>,
    definitions: Vec<Arc<Definition>>,
    folder: TempDir,
}

impl Folded {
    /// The program's own projections over an empty log with one app, `demo`, whose prices are of the order.
    pub async fn built_in() -> Self {
        Self::over(Folder::built_in()).await
    }

    pub async fn over(folders: Vec<Folder>) -> Self {
        Self::with_prices(folders, PriceMeaning::Order).await
    }

    pub async fn with_prices(folders: Vec<Folder>, meaning: PriceMeaning) -> Self {
        let definitions = checked(folders).unwrap_or_else(|problems| panic!("{problems}"));
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("events.db");
        let (spool, store) = (Spool::beside(&log), SqliteStore::open(&Settings::at(log)).unwrap());
        let store = Arc::new(store);
        let quotas = Quotas::new(limits::QUARANTINE_BYTES_PER_DAY, limits::SANDBOX_BYTES_PER_DAY);
        let ledger = Arc::new(Ledger::open(store.clone(), quotas).await.unwrap());
        let mut folded = Self { ledger, store, spool, projector: None, definitions, folder };
        folded.registered(0, meaning, None).await;
        folded.start().await;
        folded
    }

    /// The configuration says this of `demo`.
    pub async fn registered(&self, minutes: i64, meaning: PriceMeaning, merchant: Option<&MerchantId>) {
        let slug = &demo();
        let app = ConfiguredApp { slug, app_id: "wx1", actual_price_is: meaning, merchant };
        self.ledger.register_all(&[app], at(minutes)).await.unwrap();
    }

    pub fn views(&self) -> PathBuf {
        self.folder.path().join("views")
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Begins to fold; where it folds already, it ends that first.
    pub async fn start(&mut self) {
        self.stop().await;
        let views = Views::take(&self.views()).unwrap();
        let (definitions, store) = (self.definitions.clone(), self.store.clone());
        let (head, runtime) = (store.head(), tokio::runtime::Handle::current());
        let projector = Projector::new(store, head, runtime);
        self.projector = Some(projector.clone());
        let begin = move || projector.begin(views, &definitions.into()).unwrap();
        tokio::task::spawn_blocking(begin).await.unwrap();
    }

    pub async fn stop(&mut self) {
        if let Some(projector) = self.projector.take() {
            tokio::task::spawn_blocking(move || projector.close()).await.unwrap();
        }
    }

    pub fn projector(&self) -> &Arc<Projector> {
        self.projector.as_ref().expect("it has been started")
    }

    /// Other folders from now on, beside the server's running.
    pub async fn change(&mut self, folders: Vec<Folder>) {
        self.definitions = checked(folders).unwrap_or_else(|problems| panic!("{problems}"));
        let (projector, definitions) = (self.projector().clone(), self.definitions.clone());
        tokio::task::spawn_blocking(move || projector.take(&definitions.into()).unwrap()).await.unwrap();
    }

    /// A push that came so many minutes after the year's beginning.
    pub async fn pushed(&self, push: &Push, minutes: i64) {
        self.ledger.record(&demo(), push, &evidence(push, at(minutes))).await.unwrap();
    }

    pub fn head(&self) -> Option<Position> {
        *self.store.head().borrow()
    }

    /// Waits until every projection has folded everything.
    pub async fn caught_up(&self) {
        let done = self.projector().caught_up(self.head(), Duration::from_millis(5), |_| {});
        tokio::time::timeout(HANGS_AFTER, done).await.expect("folding does not end").unwrap();
    }

    /// Asks `projection/query` once it knows of everything.
    pub async fn ask(&self, query: &str, parameters: &[(&str, &str)]) -> Result<Vec<Row>, AskError> {
        self.ask_as_of(query, parameters, at(24 * 60)).await
    }

    pub async fn ask_as_of(
        &self,
        query: &str,
        parameters: &[(&str, &str)],
        as_of: DateTime<Utc>,
    ) -> Result<Vec<Row>, AskError> {
        let (projection, query) = query.split_once('/').unwrap();
        let parameters: Vec<_> =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let answer = self
            .projector()
            .ask(&Question {
                projection,
                query,
                parameters: &parameters,
                as_of,
                min_position: self.head(),
                wait: HANGS_AFTER,
            })
            .await?;
        let names: Vec<_> = answer.table.columns.iter().map(|column| column.name.clone()).collect();
        Ok(answer.table.rows.into_iter().map(|row| names.iter().cloned().zip(row).collect()).collect())
    }

    pub async fn rows(&self, query: &str, parameters: &[(&str, &str)]) -> Vec<Row> {
        let rows = self.ask(query, parameters).await;
        rows.unwrap_or_else(|error| panic!("{query} {parameters:?}: {error}"))
    }

    /// Some columns of all rows, as text.
    pub async fn columns<const N: usize>(
        &self,
        query: &str,
        parameters: &[(&str, &str)],
        columns: [&str; N],
    ) -> Vec<[String; N]> {
        let rows = self.rows(query, parameters).await;
        rows.iter().map(|row| columns.map(|name| text(&row[name]))).collect()
    }

    pub async fn columns_as_of<const N: usize>(
        &self,
        query: &str,
        parameters: &[(&str, &str)],
        columns: [&str; N],
        as_of: DateTime<Utc>,
    ) -> Vec<[String; N]> {
        let rows = self.ask_as_of(query, parameters, as_of).await.unwrap();
        rows.iter().map(|row| columns.map(|name| text(&row[name]))).collect()
    }
}

pub fn text(cell: &Cell) -> String {
    match cell {
        Cell::Null => "-".into(),
        Cell::Integer(number) => number.to_string(),
        Cell::Real(number) => number.to_string(),
        Cell::Text(text) => text.clone(),
    }
}
