//! The month's facts on their way into a log, as the server writes them, and its bills as files.

use std::borrow::Cow;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use futures_util::StreamExt;

use super::super::month::{Day, Fact, Layout, file};
use super::super::orders;
use super::Run;
use crate::codec::{self, Metadata};
use crate::domain::environment::Environment;
use crate::domain::event::Event;
use crate::domain::evidence::{Evidence, KeyFingerprint, SignatureEvidence, Transport};
use crate::store::sqlite::{Settings, SqliteStore};
use crate::store::{Append, AppendOutcome, EventStore, ExpectedVersion, NewEvent, Urgency};

/// Appends that wait at once.
const AT_ONCE: usize = 1024;

pub fn open(run: &Run) -> anyhow::Result<Arc<dyn EventStore>> {
    let settings = Settings { append_wait: Duration::from_secs(60), ..Settings::at(run.log()) };
    Ok(Arc::new(SqliteStore::open(&settings)?))
}

pub async fn append_all(store: &Arc<dyn EventStore>, run: &Run, facts: Vec<Fact>) -> anyhow::Result<u64> {
    let app = &run.month.app;
    let mut events = 0;
    let appends = futures_util::stream::iter(facts).map(|fact| {
        let store = store.clone();
        async move {
            let Fact { stream, events, at, payload } = fact;
            let payload = payload.unwrap_or_else(|| "{}".to_owned());
            let encoded = |event: &Event| {
                let evidence = is_pushed(event).then(|| evidence(event, &payload, at));
                let metadata = Metadata { app: Some(app.clone()), recorded_at: at, evidence };
                codec::encode(&stream, event, &metadata)
            };
            let encoded: Vec<NewEvent> = events.iter().map(encoded).collect::<Result<_, _>>()?;
            let count = encoded.len() as u64;
            let append = Append {
                stream: stream.clone(),
                expected: ExpectedVersion::NoStream,
                events: encoded.into(),
                urgency: Urgency::Push,
            };
            match store.append(append).await {
                AppendOutcome::Appended { .. } => anyhow::Ok(count),
                other => bail!("the log cannot be filled: {other:?}"),
            }
        }
    });
    let mut appends = appends.buffered(AT_ONCE);
    while let Some(count) = appends.next().await {
        events += count?;
    }
    Ok(events)
}

/// Whether a push brings it, and not the program or a person.
fn is_pushed(event: &Event) -> bool {
    !matches!(
        event,
        Event::AppRegistered { .. }
            | Event::MerchantAssigned { .. }
            | Event::OrderRecovered { .. }
            | Event::GoodsGranted { .. }
    )
}

fn evidence(event: &Event, payload: &str, at: chrono::DateTime<chrono::Utc>) -> Evidence {
    if let Event::GoodsDelivered(goods) = event {
        return orders::evidence(goods, at);
    }
    Evidence {
        event: "minigame_game_pay_goods_deliver_notify".into(),
        payload: payload.to_owned(),
        signature: Some(SignatureEvidence {
            pay_event_sig: "0".repeat(64),
            verified_env: Environment::Production,
            key_fingerprint: KeyFingerprint("0123456789abcdef".into()),
        }),
        transport: Transport::Plain,
        create_time: Some(at.timestamp()),
        received_at: at,
    }
}

/// Writes a day's files; how many lines they have.
pub fn write_bills(run: &Run, day: &Day) -> anyhow::Result<u64> {
    let mut lines = 0;
    for bill in &day.bills {
        let path = run.bills().join(format!("{}-{}.csv", day.date, layout_name(bill.layout)));
        let of_bill = bill.lines.iter().map(Cow::Borrowed);
        let out = BufWriter::new(File::create(path)?);
        file::write_trade(bill.layout, run.month.merchant.as_str(), of_bill, out)?;
        lines += bill.lines.len() as u64;
    }
    if let Some(funds) = &day.funds {
        let path = run.bills().join(format!("{}-{FUNDS}.csv", day.date));
        file::write_funds(funds, BufWriter::new(File::create(path)?))?;
        lines += funds.len() as u64;
    }
    Ok(lines)
}

const FUNDS: &str = "fundflow";

fn layout_name(layout: Layout) -> &'static str {
    match layout {
        Layout::All => "all",
        Layout::Success => "success",
        Layout::Refund => "refund",
        Layout::Legacy => "legacy",
    }
}

/// The month's files in the order of their names.
pub fn bill_files(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let paths = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
    let mut paths: Vec<PathBuf> = paths.collect::<std::io::Result<_>>()?;
    paths.sort();
    Ok(paths)
}
