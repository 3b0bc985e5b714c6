//! A small log with true signatures and some seals, made in this process, and the same log as SQL sees it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use order_ledger::audit::anchor::{self, Anchor};
use order_ledger::audit::chain::{self, Segment};
use order_ledger::audit::seal::Sealer;
use order_ledger::audit::signing;
use order_ledger::audit::verify::{Plan, Verified, verify};
use order_ledger::codec;
use order_ledger::domain::app::PriceMeaning;
use order_ledger::domain::bill::Sha256Hex;
use order_ledger::domain::environment::Environment;
use order_ledger::domain::event::Event;
use order_ledger::domain::evidence::{Evidence, SignatureEvidence, Transport};
use order_ledger::domain::grant::GrantCommand;
use order_ledger::domain::push::{GoodsPush, Push};
use order_ledger::domain::seal::{NO_ROOT, Seal};
use order_ledger::ed25519::{SigningKey, key_file};
use order_ledger::ledger::{ConfiguredApp, Ledger};
use order_ledger::quota::Quotas;
use order_ledger::store::sqlite::{CopyFile, Readers, Settings, SqliteStore};
use order_ledger::store::{CopyTarget, EventStore, Position, RecordedEvent, StreamName, signed};
use order_ledger::wechat::App;
use rusqlite::Connection;
use serde_json::json;
use tempfile::TempDir;
use uuid::Uuid;

use super::folded::at;
use super::pushes::goods;

pub const SEALS: u64 = 5;
const ORDERS_PER_SEAL: u64 = 4;

pub fn key(seed: u8) -> SigningKey {
    SigningKey::parse(&key_file(&[seed; 32])).unwrap()
}

/// A closed log, and what was exported of it.
pub struct Sealed {
    pub folder: TempDir,
    pub app: App,
    pub anchors: Vec<Anchor>,
}

/// What WeChat signed for an order.
fn evidence(app: &App, goods: &GoodsPush, minutes: i64) -> Evidence {
    let key = &app.production_keys[0];
    let event = "minigame_game_pay_goods_deliver_notify";
    let payload = json!({
        "OpenId": goods.open_id.as_str(), "OutTradeNo": goods.out_trade_no.as_str(), "Env": 0,
        "WeChatPayInfo": {
            "MchOrderNo": goods.payment.mch_order_no, "TransactionId": goods.payment.transaction_id,
        },
        "GoodsInfo": {
            "ProductId": goods.product_id, "Quantity": goods.quantity, "ZoneId": goods.zone_id,
            "OrigPrice": goods.orig_price.0, "ActualPrice": goods.actual_price.0, "Attach": goods.attach,
            "OrderSource": goods.order_source.number(),
        },
    })
    .to_string();
    Evidence {
        event: event.into(),
        signature: Some(SignatureEvidence {
            pay_event_sig: key.pay_event_sig(event, &payload),
            verified_env: Environment::Production,
            key_fingerprint: key.fingerprint().clone(),
        }),
        payload,
        transport: Transport::Plain,
        create_time: None,
        received_at: at(minutes),
    }
}

impl Sealed {
    /// Orders, grants of some, and after every few of them a seal; behind the last one an order that is not sealed.
    pub async fn new(app: App) -> Self {
        let sealed = Self { folder: tempfile::tempdir().unwrap(), app, anchors: vec![] };
        let store: Arc<dyn EventStore> = Arc::new(SqliteStore::open(&Settings::at(sealed.path())).unwrap());
        let ledger = Ledger::open(store.clone(), Quotas::default()).await.unwrap();
        let app = &sealed.app;
        let configured = ConfiguredApp {
            slug: &app.slug,
            app_id: &app.app_id,
            actual_price_is: PriceMeaning::Order,
            merchant: None,
        };
        ledger.register_all(&[configured], at(0)).await.unwrap();
        let sealer = Sealer::new(key(1));
        for seal in 0..SEALS {
            for number in 0..ORDERS_PER_SEAL {
                let minutes = i64::try_from(seal * 60 + number).unwrap();
                record(&ledger, app, &format!("N{seal}-{number}"), minutes).await;
                if number % 2 == 1 {
                    let goods = goods(&format!("N{seal}-{number}"), 600);
                    let (env, command) = (Environment::Production, GrantCommand::Grant);
                    let granted =
                        ledger.grant(&app.slug, env, &goods.out_trade_no, command, "lin", None, at(minutes));
                    granted.await.unwrap();
                }
            }
            let minutes = i64::try_from(seal * 60 + 30).unwrap();
            assert_eq!(sealer.seal(&ledger, &|| at(minutes)).await.unwrap().added, 1);
        }
        record(&ledger, app, "UNSEALED", 1000).await;
        let anchors = anchor::of_log(store.as_ref(), 1, 1000).await.unwrap();
        store.close().await;
        Self { anchors, ..sealed }
    }

    /// The same orders in a log whose positions are no counts, sealed there, with some more behind them.
    pub async fn spread(&self) -> Self {
        let spread = Self { folder: tempfile::tempdir().unwrap(), app: self.app.clone(), anchors: vec![] };
        let orders = self.events().into_iter().filter(|event| event.event_type != "LedgerSealed");
        written(&spread.path(), orders, |position| position * 700 + 13).await;
        spread.went_on('S').await
    }

    /// The same log, seals and all, as another store holds it and goes on with it under seals of its own.
    pub async fn taken_over(&self) -> Self {
        let taken = Self { folder: tempfile::tempdir().unwrap(), app: self.app.clone(), anchors: vec![] };
        self.moved(&taken.path(), |position| position * 300 + 7).await;
        taken.went_on('T').await
    }

    /// Seals, and records some orders behind each seal, whose numbers begin with a letter.
    async fn went_on(self, letter: char) -> Self {
        let store: Arc<dyn EventStore> = Arc::new(SqliteStore::open(&Settings::at(self.path())).unwrap());
        let ledger = Ledger::open(store.clone(), Quotas::default()).await.unwrap();
        let sealer = Sealer::new(key(1));
        for seal in 0..SEALS {
            let minutes = i64::try_from(seal).unwrap() + 2000;
            assert_eq!(sealer.seal(&ledger, &|| at(minutes)).await.unwrap().added, 1);
            for number in 0..2 {
                record(&ledger, &self.app, &format!("{letter}{seal}-{number}"), minutes).await;
            }
        }
        let anchors = anchor::of_log(store.as_ref(), 1, 1000).await.unwrap();
        store.close().await;
        Self { anchors, ..self }
    }

    /// The log as another store holds it.
    pub async fn moved(&self, to: &Path, position: fn(u64) -> u64) {
        written(to, self.events().into_iter(), position).await;
    }

    /// All events, in their order.
    pub fn events(&self) -> Vec<RecordedEvent> {
        ByHand::open(&self.path()).events()
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("events.db")
    }

    /// The log again, in a file of its own.
    pub fn copied(&self, to: &Path) -> ByHand {
        std::fs::copy(self.path(), to).unwrap();
        ByHand::open(to)
    }

    pub fn plan(&self) -> Plan {
        Plan {
            apps: vec![self.app.clone()],
            keys: vec![key(1).public()],
            anchors: Some(self.anchors.clone()),
            ..Plan::default()
        }
    }

    pub async fn verified(&self, path: &Path) -> Verified {
        verify(&Readers::open(path).unwrap(), self.plan(), &mut |_| {}).await.unwrap()
    }

    /// The last event that an anchor covers.
    pub fn count(&self) -> u64 {
        self.anchors.last().unwrap().seal.count
    }

    /// The seal that covers the event that was recorded as the nth.
    pub fn seal_of(&self, nth: u64) -> u64 {
        self.anchors.iter().find(|anchor| anchor.seal.count >= nth).unwrap().seal.revision
    }
}

/// A new log of these events, at other positions.
pub async fn written(path: &Path, events: impl Iterator<Item = RecordedEvent>, position: fn(u64) -> u64) {
    let mut copy = CopyFile::open(path).unwrap();
    let moved = |event: RecordedEvent| {
        let position = Position::from_number(position(event.position.number()));
        RecordedEvent { position, ..event }
    };
    copy.append_recorded(events.map(moved).collect()).await.unwrap();
    Box::new(copy).close().await;
}

async fn record(ledger: &Ledger, app: &App, number: &str, minutes: i64) {
    let goods = goods(number, 600);
    let evidence = evidence(app, &goods, minutes);
    ledger.record(&app.slug, &Push::Goods(goods), &evidence).await.unwrap();
}

/// A log that somebody writes to with SQL, behind the program's back.
pub struct ByHand(Connection);

impl ByHand {
    pub fn open(path: &Path) -> Self {
        let connection = Connection::open(path).unwrap();
        connection.execute_batch("PRAGMA synchronous = OFF").unwrap();
        Self(connection)
    }

    pub fn run(&self, sql: &str) {
        self.0.execute_batch(sql).unwrap();
    }

    pub fn events(&self) -> Vec<RecordedEvent> {
        let sql = "SELECT position, stream, version, id, type, data, metadata FROM events ORDER BY position";
        let mut statement = self.0.prepare(sql).unwrap();
        let rows = statement.query_map([], |row| {
            Ok(RecordedEvent {
                position: Position::from_number(row.get::<_, i64>(0)?.unsigned_abs()),
                stream: StreamName(row.get(1)?),
                version: row.get::<_, i64>(2)?.unsigned_abs(),
                id: Uuid::from_bytes(row.get(3)?),
                event_type: row.get(4)?,
                data: row.get(5)?,
                metadata: row.get(6)?,
            })
        });
        rows.unwrap().map(Result::unwrap).collect()
    }

    pub fn event(&self, position: u64) -> RecordedEvent {
        self.events().into_iter().find(|event| event.position.number() == position).unwrap()
    }

    /// Puts an event where one stands, all but its position.
    pub fn put(&self, event: &RecordedEvent) {
        let sql = "UPDATE events SET stream = ?2, version = ?3, id = ?4, type = ?5, data = ?6, metadata = ?7
                   WHERE position = ?1";
        let RecordedEvent { position, stream, version, id, event_type, data, metadata } = event;
        let values = (
            signed(position.number()),
            stream.as_str(),
            signed(*version),
            id.as_bytes().as_slice(),
            event_type,
            data,
            metadata,
        );
        assert_eq!(self.0.execute(sql, values).unwrap(), 1);
    }

    pub fn insert(&self, event: &RecordedEvent) {
        let sql = "INSERT INTO events (position, stream, version, id, type, data, metadata)
                   VALUES (?1, 'inserted', 0, x'00', '', '', '')";
        self.0.execute(sql, [signed(event.position.number())]).unwrap();
        self.put(event);
    }

    /// Moves the events from a position on.
    pub fn shift(&self, from: u64, by: i64) {
        self.run(&format!(
            "UPDATE events SET position = -position WHERE position >= {from};
             UPDATE events SET position = -position + {by} WHERE position < 0"
        ));
    }

    pub fn delete(&self, position: u64) {
        self.run(&format!("DELETE FROM events WHERE position = {position}"));
    }

    /// Makes the seals from one on anew, over what stands there now, signed with a key.
    pub fn seal_again(&self, from: u64, key: &SigningKey) {
        let (mut root, mut covered) = (NO_ROOT, 0);
        for nth in 0..self.events().len() {
            // A seal that was made anew stands in the next one's segment.
            let events = self.events();
            let event = &events[nth];
            let Event::LedgerSealed(seal) = codec::decode(event).unwrap().event else { continue };
            let count = usize::try_from(seal.count).unwrap();
            let mut segment = Segment::default();
            events[covered..count].iter().for_each(|event| segment.add(&chain::digest(event)));
            covered = count;
            let segment = segment.hash();
            let before = root;
            root = chain::root(&before, &segment);
            if seal.revision < from {
                continue;
            }
            let (segment, root) = (Sha256Hex::of_digest(&segment), Sha256Hex::of_digest(&root));
            let made = signing::sign(Seal { segment, root, ..seal }, &before, key);
            let metadata = codec::decode(event).unwrap().metadata;
            let written = codec::encode(&event.stream, &Event::LedgerSealed(made), &metadata).unwrap();
            self.put(&RecordedEvent { id: written.id, data: written.data, ..event.clone() });
        }
    }
}
