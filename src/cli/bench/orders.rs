//! A log of paid orders with random numbers, written as the server writes it.

use std::sync::Arc;

use anyhow::bail;
use chrono::{DateTime, TimeDelta, Utc};
use futures_util::StreamExt;
use uuid::Uuid;

use crate::codec::{self, Metadata};
use crate::domain::app::{AppSlug, PriceMeaning};
use crate::domain::environment::Environment;
use crate::domain::event::Event;
use crate::domain::evidence::{Evidence, KeyFingerprint, SignatureEvidence, Transport};
use crate::domain::fen::Fen;
use crate::domain::id::{OpenId, OutTradeNo};
use crate::domain::push::{GoodsPush, OrderSource, PaymentIds, Push};
use crate::store::{Append, AppendOutcome, EventStore, ExpectedVersion, NewEvent, StreamName, Urgency};
use crate::wechat::signature::AppKey;

/// Appends that wait at once.
const AT_ONCE: usize = 1024;
const PLAYERS: u32 = 50_000;

/// One order's ids, as people would look for them.
#[derive(Clone)]
pub struct Ids {
    pub out_trade_no: String,
    pub transaction_id: String,
    pub mch_order_no: String,
    pub open_id: String,
}

/// An order that never was before.
pub fn order(number: u32) -> anyhow::Result<GoodsPush> {
    let chance = Uuid::new_v4();
    let bits = chance.as_u128();
    let player = u32::try_from(bits % u128::from(PLAYERS))?;
    let product = u32::try_from((bits >> 32) % 40)?;
    Ok(GoodsPush {
        env: Environment::Production,
        open_id: OpenId::parse(&format!("oPlayer-{player:019}"))?,
        out_trade_no: OutTradeNo::parse(&chance.simple().to_string())?,
        product_id: format!("product_{product:02}"),
        quantity: 1 + number % 3,
        zone_id: Some((1 + player % 20).to_string()),
        orig_price: Fen(i64::from(product + 1) * 100),
        actual_price: Fen(i64::from(product + 1) * 100),
        attach: Some(format!("{{\"n\":{number}}}")),
        order_source: OrderSource::InGame,
        payment: PaymentIds {
            mch_order_no: Some(format!("M{:031}", bits % 10_u128.pow(31))),
            transaction_id: Some(format!("42{:026}", (bits >> 20) % 10_u128.pow(26))),
        },
    })
}

/// What WeChat would have signed for it.
pub fn evidence(goods: &GoodsPush, received_at: DateTime<Utc>) -> Evidence {
    let payload = format!(
        r#"{{"OpenId":"{}","OutTradeNo":"{}","WeChatPayInfo":{{"MchOrderNo":"{}","TransactionId":"{}"}},"Env":0,"GoodsInfo":{{"ProductId":"{}","Quantity":{},"ZoneId":"{}","OrigPrice":{},"ActualPrice":{},"Attach":{},"OrderSource":1}}}}"#,
        goods.open_id,
        goods.out_trade_no,
        goods.payment.mch_order_no.as_deref().unwrap_or_default(),
        goods.payment.transaction_id.as_deref().unwrap_or_default(),
        goods.product_id,
        goods.quantity,
        goods.zone_id.as_deref().unwrap_or_default(),
        goods.orig_price.0,
        goods.actual_price.0,
        serde_json::Value::from(goods.attach.as_deref().unwrap_or_default()),
    );
    Evidence {
        event: "minigame_game_pay_goods_deliver_notify".into(),
        payload,
        signature: Some(SignatureEvidence {
            pay_event_sig: "0".repeat(64),
            verified_env: Environment::Production,
            key_fingerprint: KeyFingerprint("0123456789abcdef".into()),
        }),
        transport: Transport::Plain,
        create_time: Some(received_at.timestamp()),
        received_at,
    }
}

/// Truly signed.
fn signed(evidence: Evidence, key: &AppKey) -> Evidence {
    let signature = SignatureEvidence {
        pay_event_sig: key.pay_event_sig(&evidence.event, &evidence.payload),
        verified_env: Environment::Production,
        key_fingerprint: key.fingerprint().clone(),
    };
    Evidence { signature: Some(signature), ..evidence }
}

fn ids(goods: &GoodsPush) -> Ids {
    Ids {
        out_trade_no: goods.out_trade_no.to_string(),
        transaction_id: goods.payment.transaction_id.clone().unwrap_or_default(),
        mch_order_no: goods.payment.mch_order_no.clone().unwrap_or_default(),
        open_id: goods.open_id.to_string(),
    }
}

/// Fills a log; the ids of every `every`th order are given back.
pub async fn fill(store: &Arc<dyn EventStore>, orders: u32, every: u32) -> anyhow::Result<Vec<Ids>> {
    fill_as(store, orders, every, &|evidence| evidence).await
}

/// Fills a log with orders whose signatures verify under a key.
pub async fn fill_signed(store: &Arc<dyn EventStore>, orders: u32, key: &AppKey) -> anyhow::Result<()> {
    fill_as(store, orders, orders, &|evidence| signed(evidence, key)).await?;
    Ok(())
}

async fn fill_as(
    store: &Arc<dyn EventStore>,
    orders: u32,
    every: u32,
    proven: &(dyn Fn(Evidence) -> Evidence + Sync),
) -> anyhow::Result<Vec<Ids>> {
    let app = AppSlug::parse("demo")?;
    let begin = DateTime::from_timestamp(1_767_196_800, 0).unwrap_or_default();
    let registered = Event::AppRegistered { app_id: "wx1".into(), actual_price_is: PriceMeaning::Order };
    append(store, codec::app_stream(&app), &registered, &app, begin, None).await?;
    let (store, app) = (store.clone(), &app);
    let appends = futures_util::stream::iter(0..orders).map(|number| {
        let store = store.clone();
        async move {
            let goods = order(number)?;
            // About 30 days of orders.
            let at = begin + TimeDelta::milliseconds(i64::from(number) * 2_592_000_000 / i64::from(orders));
            let found = (number % every == 0).then(|| ids(&goods));
            let evidence = proven(evidence(&goods, at));
            let push = Push::Goods(goods.clone());
            let stream = codec::push_stream(app, &push);
            append(&store, stream, &Event::GoodsDelivered(goods), app, at, Some(evidence)).await?;
            anyhow::Ok(found)
        }
    });
    let mut sample = Vec::new();
    let mut appends = appends.buffered(AT_ONCE);
    while let Some(found) = appends.next().await {
        sample.extend(found?);
    }
    Ok(sample)
}

async fn append(
    store: &Arc<dyn EventStore>,
    stream: StreamName,
    event: &Event,
    app: &AppSlug,
    recorded_at: DateTime<Utc>,
    evidence: Option<Evidence>,
) -> anyhow::Result<()> {
    let metadata = Metadata { app: Some(app.clone()), recorded_at, evidence };
    let event: NewEvent = codec::encode(&stream, event, &metadata)?;
    let append = Append {
        stream,
        expected: ExpectedVersion::NoStream,
        events: [event].into(),
        urgency: Urgency::Push,
    };
    match store.append(append).await {
        AppendOutcome::Appended { .. } => Ok(()),
        other => bail!("the log cannot be filled: {other:?}"),
    }
}
