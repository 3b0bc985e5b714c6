//! Pushes, and what games say of orders, in the words of the domain: what the tests of read models begin with.

use order_ledger::domain::app::PriceMeaning;
use order_ledger::domain::bill::{MerchantId, Sha256Hex};
use order_ledger::domain::environment::Environment::{self, Production, Sandbox};
use order_ledger::domain::evidence::Evidence;
use order_ledger::domain::fen::Fen;
use order_ledger::domain::grant::GrantCommand;
use order_ledger::domain::id::{GiftOrderId, OpenId, OutTradeNo, RefundId};
use order_ledger::domain::push::{
    CoinPush, GiftItem, GiftPush, GoodsPush, OrderSource, PaymentIds, Push, RefundPush, RefundSource,
};
use order_ledger::domain::quarantine::Reason;
use order_ledger::domain::recovery::{Proposal, RecoveredOrder};
use order_ledger::domain::role::{PlayedRole, RoleFields};
use order_ledger::ledger::Upon;

use super::folded::{Folded, at, demo, evidence};

/// Parameters of a question.
pub type Asked<'a> = &'a [(&'a str, &'a str)];

/// A push, told piece by piece.
#[derive(Clone, Debug)]
pub struct Told(pub Push);

/// One gem for 600 fen, in production, in zone 1, bought by oAnna in the game.
pub fn goods(number: &str) -> Told {
    Told(Push::Goods(GoodsPush {
        env: Production,
        open_id: player("oAnna"),
        out_trade_no: OutTradeNo::parse(number).unwrap(),
        product_id: "gem".into(),
        quantity: 1,
        zone_id: Some("1".into()),
        orig_price: Fen(600),
        actual_price: Fen(600),
        attach: Some("attached".into()),
        order_source: OrderSource::InGame,
        payment: PaymentIds::default(),
    }))
}

/// 60 coins for 600 fen, in production, bought by oAnna.
pub fn coins(number: &str) -> Told {
    Told(Push::Coins(CoinPush {
        env: Production,
        open_id: player("oAnna"),
        out_trade_no: OutTradeNo::parse(number).unwrap(),
        zone_id: Some("1".into()),
        buy_quantity: 60,
        orig_price: Fen(600),
        actual_price: Fen(600),
        payment: PaymentIds::default(),
    }))
}

/// A refund in production that names no payment yet.
pub fn refund(refund_id: &str, fen: i64) -> Told {
    Told(Push::Refund(RefundPush {
        env: Production,
        refund_id: RefundId::parse(refund_id).unwrap(),
        refund_amount: Fen(fen),
        refund_source: RefundSource::Console,
        out_trade_no: None,
        payment: PaymentIds::default(),
    }))
}

/// A gift to oAnna in zone 1.
pub fn gift(number: &str, items: &[(&str, u32)]) -> Told {
    Told(Push::Gift(GiftPush {
        order_id: GiftOrderId::parse(number).unwrap(),
        open_id: player("oAnna"),
        zone: Some(1),
        gift_type_id: Some(7),
        gift_id: Some("G".into()),
        send_time: Some(1_767_196_800),
        goods: items.iter().map(|(id, num)| GiftItem { id: (*id).into(), num: *num }).collect(),
    }))
}

pub fn player(open_id: &str) -> OpenId {
    OpenId::parse(open_id).unwrap()
}

impl Told {
    pub fn sandbox(mut self) -> Self {
        match &mut self.0 {
            Push::Goods(goods) => goods.env = Sandbox,
            Push::Coins(coins) => coins.env = Sandbox,
            Push::Refund(refund) => refund.env = Sandbox,
            Push::Gift(_) => panic!("gifts have no environment"),
        }
        self
    }

    pub fn by(mut self, open_id: &str) -> Self {
        match &mut self.0 {
            Push::Goods(goods) => goods.open_id = player(open_id),
            Push::Coins(coins) => coins.open_id = player(open_id),
            Push::Gift(gift) => gift.open_id = player(open_id),
            Push::Refund(_) => panic!("a refund names no player"),
        }
        self
    }

    pub fn of(mut self, product: &str, quantity: u32) -> Self {
        let goods = self.goods();
        (goods.product_id, goods.quantity) = (product.into(), quantity);
        self
    }

    /// `ActualPrice` as WeChat sends it.
    pub fn priced(mut self, fen: i64) -> Self {
        match &mut self.0 {
            Push::Goods(goods) => goods.actual_price = Fen(fen),
            Push::Coins(coins) => coins.actual_price = Fen(fen),
            Push::Refund(_) | Push::Gift(_) => panic!("it has no price"),
        }
        self
    }

    pub fn zone(mut self, zone_id: Option<&str>) -> Self {
        self.goods().zone_id = zone_id.map(str::to_owned);
        self
    }

    pub fn mall_test(mut self) -> Self {
        self.goods().order_source = OrderSource::MallTest;
        self
    }

    /// MchOrderNo and TransactionId; empty: absent.
    pub fn paid(mut self, mch_order_no: &str, transaction_id: &str) -> Self {
        let known = |id: &str| (!id.is_empty()).then(|| id.to_owned());
        let ids = PaymentIds { mch_order_no: known(mch_order_no), transaction_id: known(transaction_id) };
        match &mut self.0 {
            Push::Goods(goods) => goods.payment = ids,
            Push::Coins(coins) => coins.payment = ids,
            Push::Refund(refund) => refund.payment = ids,
            Push::Gift(_) => panic!("nobody pays for a gift"),
        }
        self
    }

    /// The order that a refund names.
    pub fn of_order(mut self, number: &str) -> Self {
        match &mut self.0 {
            Push::Refund(refund) => refund.out_trade_no = Some(OutTradeNo::parse(number).unwrap()),
            Push::Goods(_) | Push::Coins(_) | Push::Gift(_) => panic!("not a refund"),
        }
        self
    }

    fn goods(&mut self) -> &mut GoodsPush {
        match &mut self.0 {
            Push::Goods(goods) => goods,
            Push::Coins(_) | Push::Refund(_) | Push::Gift(_) => panic!("not goods"),
        }
    }
}

/// What people enter of an order of goods whose push never came.
pub fn recovered_order(told: Told) -> RecoveredOrder {
    let Push::Goods(goods) = told.0 else { panic!("not goods") };
    RecoveredOrder {
        open_id: goods.open_id,
        out_trade_no: goods.out_trade_no,
        product_id: goods.product_id,
        quantity: goods.quantity,
        zone_id: goods.zone_id,
        amount: goods.actual_price,
        payment: goods.payment,
        evidence: "ticket 4711".into(),
        bill_sha256: Sha256Hex::of_digest(&[1; 32]),
        bill_line: 2,
    }
}

/// What may happen to an order, a refund or a gift.
#[derive(Clone, Debug)]
pub enum Happens {
    Pushed(Told),
    Granted(&'static str),
    Refused(&'static str),
    Revoked(&'static str),
    /// An order of goods that no push brought: its ActualPrice is the amount.
    Recovered(Told),
}

pub use Happens::{Granted, Pushed, Recovered, Refused, Revoked};

impl Folded {
    /// A push that came so many minutes after the year's beginning in Beijing.
    pub async fn told(&self, minutes: i64, told: Told) {
        self.pushed(&told.0, minutes).await;
    }

    /// One thing a minute, from the first minute on.
    pub async fn happened(&self, story: impl IntoIterator<Item = Happens>) {
        for (minutes, happens) in (1..).zip(story) {
            match happens {
                Pushed(told) => self.told(minutes, told).await,
                Granted(number) => self.said(minutes, GrantCommand::Grant, number).await,
                Refused(number) => self.said(minutes, GrantCommand::Refuse, number).await,
                Revoked(number) => self.said(minutes, GrantCommand::Revoke, number).await,
                Recovered(told) => self.recovered(minutes, told).await,
            }
        }
    }

    async fn recovered(&self, minutes: i64, told: Told) {
        let merchant = MerchantId::parse("1900000109").unwrap();
        self.registered(minutes, PriceMeaning::Order, Some(&merchant)).await;
        let proposal = Proposal { merchant, order: recovered_order(told), by: "wang".into() };
        let number = proposal.order.out_trade_no.clone();
        self.ledger.recovering().await.propose(&demo(), &proposal, at(minutes)).await.unwrap();
        self.ledger
            .recovering()
            .await
            .approve(&demo(), &number, "lin", at(minutes), Upon::Whatever)
            .await
            .unwrap();
    }

    async fn said(&self, minutes: i64, command: GrantCommand, number: &str) {
        let number = OutTradeNo::parse(number).unwrap();
        let (app, reason) = (demo(), Some("said so"));
        let said = self.ledger.grant(&app, Production, &number, command, "game", reason, at(minutes));
        said.await.unwrap();
    }

    /// Returns the id in quarantine.
    pub async fn quarantined(
        &self,
        minutes: i64,
        reason: &Reason,
        number: Option<&str>,
        payload: &str,
    ) -> String {
        let held = Evidence { payload: payload.into(), ..evidence(&goods("Q").0, at(minutes)) };
        self.ledger.quarantine(&demo(), reason, number, &held).await.unwrap();
        order_ledger::codec::quarantine_id(&demo(), &held.event, payload)
    }

    pub async fn reported(&self, minutes: i64, env: Environment, open_id: &str, role: PlayedRole) {
        self.ledger.report_roles(&demo(), env, &player(open_id), &[role], at(minutes)).await.unwrap();
    }
}

/// A role with one zone, played so many minutes after the year's beginning.
pub fn role(role_id: &str, role_name: &str, played: i64) -> PlayedRole {
    let zones = vec![("1".into(), "华东".into()), ("1-2".into(), "二服".into())];
    let (role_id, role_name, midas_zone_id) = (role_id.into(), role_name.into(), "1".into());
    PlayedRole::new(RoleFields {
        role_id,
        role_name,
        zones,
        midas_zone_id,
        attach: None,
        played_at: at(played),
    })
    .unwrap()
}
