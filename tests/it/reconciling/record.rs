//! Writes the facts of a world into a log, as the ledger would have written them.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use order_ledger::codec::{self, Metadata};
use order_ledger::domain::app::{AppSlug, PriceMeaning};
use order_ledger::domain::bill::{
    BillEvent, BillKey, BillKind, BillLine, BillLines, Covers, Direction, FundLine, FundTotals, MerchantId,
    Millifen, RowKind, Sha256Hex, Totals, TradeTotals,
};
use order_ledger::domain::environment::Environment;
use order_ledger::domain::event::Event;
use order_ledger::domain::evidence::Evidence;
use order_ledger::domain::fen::Fen;
use order_ledger::domain::id::{OpenId, OutTradeNo, RefundId};
use order_ledger::domain::push::{
    CoinPush, GoodsPush, OrderSource, PaymentIds, Push, RefundPush, RefundSource,
};
use order_ledger::domain::quarantine::Reason;
use order_ledger::domain::recovery::RecoveredOrder;
use order_ledger::store::{
    Append, AppendOutcome, EventStore, ExpectedVersion, Fault, NewEvent, Position, StreamName, Urgency,
};

use super::super::folded::evidence;
use super::super::told::goods;
use super::facts::{About, Bought, Fact, Fund, Ids, Line, Lines, Purchase, Stream};

/// In this order; what takes the place of a bill is sealed in the same append. Gives the position of each fact.
pub async fn record(store: &dyn EventStore, world: &[Stream], order: &[(usize, usize)]) -> Vec<Position> {
    let mut positions = vec![];
    let mut rest = order;
    while let [(stream, place), ..] = rest {
        let together = 1 + usize::from(matches!(world[*stream].facts[*place].0, Fact::BillSuperseded { .. }));
        let (now, later) = rest.split_at(together);
        let events: Vec<NewEvent> =
            now.iter().map(|(stream, place)| encoded(&world[*stream], *place)).collect();
        let expected = match place {
            0 => ExpectedVersion::NoStream,
            place => ExpectedVersion::Exact(*place as u64 - 1),
        };
        let append = Append {
            stream: name_of(&world[*stream].about),
            expected,
            events: Arc::from(events),
            urgency: Urgency::Push,
        };
        let position = appended(store, append).await;
        positions.extend((0..together).map(|_| position));
        rest = later;
    }
    positions
}

/// A busy machine may be slow: the same again is always safe.
pub async fn appended(store: &dyn EventStore, append: Append) -> Position {
    loop {
        match store.append(append.clone()).await {
            AppendOutcome::Appended { position, .. } => return position,
            AppendOutcome::Unknown(Fault::Slow)
            | AppendOutcome::NotWritten(Fault::Slow | Fault::QueueFull) => {}
            other => panic!("{other:?}"),
        }
    }
}

fn env(is_sandbox: bool) -> Environment {
    if is_sandbox { Environment::Sandbox } else { Environment::Production }
}

fn slug(app: &str) -> AppSlug {
    AppSlug::parse(app).unwrap()
}

fn sha(text: &str) -> Sha256Hex {
    Sha256Hex::parse(text).unwrap()
}

pub fn name_of(about: &About) -> StreamName {
    StreamName(match about {
        About::App { app } => format!("app-{app}"),
        About::Order { app, is_sandbox: false, number } => format!("order-{app}.{number}"),
        About::Order { app, is_sandbox: true, number } => format!("sandboxOrder-{app}.{number}"),
        About::Refund { app, is_sandbox: false, id } => format!("refund-{app}.{id}"),
        About::Refund { app, is_sandbox: true, id } => format!("sandboxRefund-{app}.{id}"),
        About::Mock { app, number } => format!("mock-{app}.{number}"),
        About::Held { app, number } => format!("quarantine-{}", held_id(app, *number)),
        About::Bill { merchant, day, kind } => format!("billday-{merchant}.{day}.{kind}"),
    })
}

fn held_id(app: &str, number: usize) -> String {
    codec::quarantine_id(&slug(app), "held", &number.to_string())
}

fn encoded(stream: &Stream, place: usize) -> NewEvent {
    let (fact, at) = &stream.facts[place];
    let (app, event) = event(stream, place, fact, *at);
    let is_push = matches!(
        fact,
        Fact::Refunded { .. } | Fact::Identified(_) | Fact::Contradicted | Fact::Mocked(_) | Fact::Held(_)
    ) || matches!(fact, Fact::Delivered(purchase) if purchase.bought != Bought::Recovered);
    let payload = match fact {
        Fact::Held(ids) => payload(ids),
        _ => "{}".to_owned(),
    };
    let proof = Evidence { payload, ..evidence(&goods("A").0, *at) };
    let metadata = Metadata { app, recorded_at: *at, evidence: is_push.then_some(proof) };
    codec::encode(&name_of(&stream.about), &event, &metadata).unwrap()
}

fn payload(ids: &Ids) -> String {
    let mut paid = serde_json::Map::new();
    if let Some(tx) = &ids.tx {
        paid.insert("TransactionId".into(), tx.clone().into());
    }
    if let Some(mch) = &ids.mch {
        paid.insert("MchOrderNo".into(), mch.clone().into());
    }
    serde_json::json!({ "OutTradeNo": "Q", "WeChatPayInfo": paid }).to_string()
}

fn event(stream: &Stream, place: usize, fact: &Fact, at: DateTime<Utc>) -> (Option<AppSlug>, Event) {
    match &stream.about {
        About::App { app } => (Some(slug(app)), of_app(stream, place, fact)),
        About::Order { app, is_sandbox, number } => {
            (Some(slug(app)), of_order(stream, fact, *is_sandbox, number))
        }
        About::Refund { app, is_sandbox, id } => (Some(slug(app)), of_refund(fact, *is_sandbox, id)),
        About::Mock { app, number } => {
            let Fact::Mocked(purchase) = fact else { panic!("{fact:?} is no mock") };
            (Some(slug(app)), Event::MockReceived(pushed(purchase, false, number)))
        }
        About::Held { app, .. } => (Some(slug(app)), of_held(fact)),
        About::Bill { merchant, day, kind } => {
            let key = BillKey {
                merchant: MerchantId::parse(merchant).unwrap(),
                day: *day,
                kind: BillKind::parse(kind).unwrap(),
            };
            (None, Event::Bill(of_bill(stream, place, fact, key, at)))
        }
    }
}

fn meaning(per_unit: bool) -> PriceMeaning {
    if per_unit { PriceMeaning::Unit } else { PriceMeaning::Order }
}

fn of_app(stream: &Stream, place: usize, fact: &Fact) -> Event {
    let assigned = |(fact, _): &&(Fact, DateTime<Utc>)| matches!(fact, Fact::Assigned { .. });
    match fact {
        Fact::Registered { app_id, per_unit } => {
            Event::AppRegistered { app_id: app_id.clone(), actual_price_is: meaning(*per_unit) }
        }
        Fact::PriceChanged { per_unit } => {
            Event::PriceMeaningChanged { from: meaning(!per_unit), to: meaning(*per_unit), revision: 1 }
        }
        Fact::Assigned { merchant } => Event::MerchantAssigned {
            merchant: MerchantId::parse(merchant).unwrap(),
            revision: stream.facts[..place].iter().filter(assigned).count() as u64 + 1,
        },
        other => panic!("{other:?} is no fact of an app"),
    }
}

fn paid(ids: &Ids) -> PaymentIds {
    PaymentIds { mch_order_no: ids.mch.clone(), transaction_id: ids.tx.clone() }
}

fn pushed(purchase: &Purchase, is_sandbox: bool, number: &str) -> Push {
    let (env, open_id) = (env(is_sandbox), OpenId::parse("oAnna").unwrap());
    let out_trade_no = OutTradeNo::parse(number).unwrap();
    let price = Fen(purchase.price_fen);
    let payment = paid(&purchase.ids);
    if purchase.bought == Bought::Coins {
        return Push::Coins(CoinPush {
            env,
            open_id,
            out_trade_no,
            zone_id: None,
            buy_quantity: purchase.quantity,
            orig_price: price,
            actual_price: price,
            payment,
        });
    }
    let is_test = purchase.bought == Bought::MallTest;
    Push::Goods(GoodsPush {
        env,
        open_id,
        out_trade_no,
        product_id: "gem".into(),
        quantity: purchase.quantity,
        zone_id: Some("1".into()),
        orig_price: price,
        actual_price: price,
        attach: None,
        order_source: if is_test { OrderSource::MallTest } else { OrderSource::InGame },
        payment,
    })
}

fn of_order(stream: &Stream, fact: &Fact, is_sandbox: bool, number: &str) -> Event {
    let (by, reason) = ("game".to_owned(), Some("because".to_owned()));
    match fact {
        Fact::Delivered(purchase) if purchase.bought == Bought::Recovered => recovered(purchase, number),
        Fact::Delivered(purchase) => match pushed(purchase, is_sandbox, number) {
            Push::Goods(goods) => Event::GoodsDelivered(goods),
            Push::Coins(coins) => Event::CoinsDelivered(coins),
            Push::Refund(_) | Push::Gift(_) => panic!("not an order"),
        },
        Fact::Identified(ids) => Event::PaymentIdentified(paid(ids)),
        Fact::Contradicted => {
            let Some((Fact::Delivered(purchase), _)) = stream.facts.first() else { panic!("no order") };
            let other = Purchase { price_fen: purchase.price_fen + 7, ..purchase.clone() };
            Event::ConflictingPushReceived(pushed(&other, is_sandbox, number))
        }
        Fact::Granted => Event::GoodsGranted { by, reason },
        Fact::GrantRefused => Event::GrantRefused { by, reason },
        Fact::GrantRevoked => Event::GrantRevoked { by, reason },
        other => panic!("{other:?} is no fact of an order"),
    }
}

fn recovered(purchase: &Purchase, number: &str) -> Event {
    let order = RecoveredOrder {
        open_id: OpenId::parse("oAnna").unwrap(),
        out_trade_no: OutTradeNo::parse(number).unwrap(),
        product_id: "gem".into(),
        quantity: purchase.quantity,
        zone_id: Some("1".into()),
        amount: Fen(purchase.price_fen),
        payment: paid(&purchase.ids),
        evidence: "seen in the game".into(),
        bill_sha256: sha(&"0".repeat(64)),
        bill_line: 2,
    };
    Event::OrderRecovered { order, proposed_by: "lin".into(), approved_by: "wang".into() }
}

fn of_refund(fact: &Fact, is_sandbox: bool, id: &str) -> Event {
    match fact {
        Fact::Refunded { fen, number, ids } => Event::RefundSucceeded(RefundPush {
            env: env(is_sandbox),
            refund_id: RefundId::parse(id).unwrap(),
            refund_amount: Fen(*fen),
            refund_source: RefundSource::Console,
            out_trade_no: number.as_deref().map(|number| OutTradeNo::parse(number).unwrap()),
            payment: paid(ids),
        }),
        Fact::Identified(ids) => Event::PaymentIdentified(paid(ids)),
        other => panic!("{other:?} is no fact of a refund"),
    }
}

fn of_held(fact: &Fact) -> Event {
    let (by, reason) = ("lin".to_owned(), "looked at it".to_owned());
    match fact {
        Fact::Held(_) => Event::PushQuarantined {
            event: "held".into(),
            reason: Reason::Unusable("OpenId: is missing".into()),
            out_trade_no: None,
        },
        Fact::Adopted => Event::QuarantineAdopted { by, reason },
        Fact::Dismissed => Event::QuarantineDismissed { by, reason },
        other => panic!("{other:?} is no fact of a quarantine"),
    }
}

fn covers_of(kind: &str) -> Covers {
    match kind {
        "success" => Covers::Payments,
        "refund" => Covers::Refunds,
        "fundflow" => Covers::Funds,
        _ => Covers::Both,
    }
}

fn of_bill(stream: &Stream, place: usize, fact: &Fact, key: BillKey, at: DateTime<Utc>) -> BillEvent {
    let begins =
        |(fact, _): &&(Fact, DateTime<Utc>)| matches!(fact, Fact::BillOpened { .. } | Fact::DeclaredEmpty);
    let openings = |upto: usize| stream.facts[..upto].iter().filter(begins).count() as u64;
    let (revision, covers) = (openings(place + 1), covers_of(key.kind.as_str()));
    let by = "lin".to_owned();
    match fact {
        Fact::BillOpened { sha: file, rows } => BillEvent::Opened {
            revision,
            key,
            covers,
            sha256: sha(file),
            file_name: "bill.csv".into(),
            profile: "wechat".into(),
            rows: *rows as u64,
            by,
        },
        Fact::BillLines { first_line, lines } => {
            BillEvent::Lines { revision, lines: written(*first_line, lines) }
        }
        Fact::BillSuperseded { sha: before, by_sha } => {
            let sealed = |(fact, _): &(Fact, DateTime<Utc>)| matches!(fact, Fact::BillSealed { .. });
            let last = stream.facts[..place].iter().rposition(sealed).unwrap();
            BillEvent::Superseded {
                revision: openings(last),
                key,
                sha256: sha(before),
                by_sha256: sha(by_sha),
                reason: "a new one came".into(),
                by,
            }
        }
        Fact::BillSealed { sha: file } => {
            let opened = |(fact, _): &(Fact, DateTime<Utc>)| matches!(fact, Fact::BillOpened { .. });
            let last = stream.facts[..place].iter().rposition(opened).unwrap();
            let (rows, totals) = totals(&key, &stream.facts[last..place]);
            BillEvent::Sealed { revision, key, covers, sha256: sha(file), rows, totals }
        }
        Fact::DeclaredEmpty => {
            let _moment = at;
            BillEvent::DeclaredEmpty { revision, key, covers, reason: "NO_STATEMENT_EXIST".into(), by }
        }
        other => panic!("{other:?} is no fact of a bill"),
    }
}

fn totals(key: &BillKey, facts: &[(Fact, DateTime<Utc>)]) -> (u64, Totals) {
    let (mut trade, mut funds, mut rows) = (TradeTotals::default(), FundTotals::default(), 0);
    for (fact, _) in facts {
        let Fact::BillLines { first_line, lines } = fact else { continue };
        match written(*first_line, lines) {
            BillLines::Trade(lines) => lines.iter().for_each(|line| trade.add(line).unwrap()),
            BillLines::Funds(lines) => lines.iter().for_each(|line| funds.add(line).unwrap()),
        }
        rows += written(*first_line, lines).len() as u64;
    }
    let is_funds = key.kind == BillKind::fundflow();
    (rows, if is_funds { Totals::Funds(funds) } else { Totals::Trade(trade) })
}

fn written(first_line: u64, lines: &Lines) -> BillLines {
    match lines {
        Lines::Trade(lines) => BillLines::Trade(
            (first_line..).zip(lines).map(|(number, line)| bill_line(number, line)).collect(),
        ),
        Lines::Funds(lines) => BillLines::Funds(
            (first_line..).zip(lines).map(|(number, fund)| fund_line(number, fund)).collect(),
        ),
    }
}

fn bill_line(number: u64, line: &Line) -> BillLine {
    let text = |text: Option<&str>| text.map(str::to_owned);
    BillLine {
        line: number,
        row: if line.is_refund { RowKind::Refund } else { RowKind::Payment },
        traded_at: line.traded_at,
        app_id: line.app_id.clone(),
        sub_merchant: None,
        device: None,
        transaction_id: line.tx.clone(),
        mch_order_no: line.mch.clone(),
        open_id: text(Some("oAnna")),
        trade_type: text(Some("JSAPI")),
        trade_state: line.state.to_owned(),
        bank: text(Some("OTHERS")),
        currency: text(line.currency),
        settlement_fen: line.settlement_fen.map(Fen),
        coupon_fen: line.coupon_fen.map(Fen),
        wx_refund_id: line.wx_refund_id.clone(),
        mch_refund_no: line.wx_refund_id.as_ref().map(|id| format!("m{id}")),
        refund_fen: line.refund_fen.map(Fen),
        coupon_refund_fen: None,
        refund_type: None,
        refund_state: text(line.refund_state),
        product_name: text(Some("60 gems")),
        merchant_data: None,
        fee_millifen: Some(Millifen(600)),
        rate: text(Some("0.60%")),
        order_fen: line.order_fen.map(Fen),
        applied_refund_fen: line.applied_fen.map(Fen),
        rate_note: None,
        refund_applied_at: None,
        refund_succeeded_at: line.refunded_at,
    }
}

fn fund_line(number: u64, fund: &Fund) -> FundLine {
    FundLine {
        line: number,
        booked_at: fund.at,
        business_id: Some(fund.business_id.clone()),
        flow_id: Some(format!("{}-{number}", fund.business_id)),
        business_name: Some("交易".into()),
        business_type: Some("交易".into()),
        direction: if fund.is_income { Direction::In } else { Direction::Out },
        amount_fen: Fen(fund.amount_fen),
        balance_fen: None,
        applicant: None,
        note: None,
        voucher_id: None,
    }
}
