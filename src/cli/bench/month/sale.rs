//! One sale as it should be: the push, the line of the bill, and the refunds of both.

use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt;
use rand::rngs::StdRng;

use super::{Month, midnight};
use crate::domain::app::AppSlug;
use crate::domain::bill::{BillLine, Millifen, RowKind};
use crate::domain::environment::Environment;
use crate::domain::fen::Fen;
use crate::domain::id::{IdError, OpenId, OutTradeNo, RefundId};
use crate::domain::push::{CoinPush, GoodsPush, OrderSource, PaymentIds, RefundPush, RefundSource};

/// 0.60 % of the settled amount, in thousandths of a fen.
const FEE_MILLIFEN_OF_FEN: i64 = 6;

#[derive(Clone)]
pub struct Sale {
    pub app: AppSlug,
    pub app_id: String,
    /// Unique in the month.
    pub number: u64,
    pub is_first_day: bool,
    pub is_last_day: bool,
    pub paid_at: DateTime<Utc>,
    pub pushed_at: DateTime<Utc>,
    /// When a refund of it succeeds: on the same day.
    pub refunded_at: DateTime<Utc>,
    pub player: u32,
    pub product: u32,
    pub quantity: u32,
    /// Of the whole order.
    pub fen: i64,
}

impl Sale {
    pub fn draw(month: &Month, day: u32, number: u32, rng: &mut StdRng) -> Self {
        // Far enough from midnight that push and refunds are of the same day.
        let minute = rng.random_range(10..20 * 60);
        let paid_at = midnight(month.date(day))
            + TimeDelta::minutes(minute)
            + TimeDelta::seconds(rng.random_range(0..60));
        let product = rng.random_range(0..40);
        Self {
            app: month.app.clone(),
            app_id: month.app_id.clone(),
            number: u64::from(day) * u64::from(month.orders_per_day) + u64::from(number),
            is_first_day: day == 0,
            is_last_day: day + 1 == month.days,
            paid_at,
            pushed_at: paid_at + TimeDelta::milliseconds(rng.random_range(500..200_000)),
            refunded_at: paid_at + TimeDelta::seconds(rng.random_range(600..3 * 3600)),
            player: rng.random_range(0..50_000),
            product,
            quantity: rng.random_range(2..=4),
            // Divisible by 4, so that halves and what is off by the quantity are whole.
            fen: i64::from(product + 1) * 120,
        }
    }

    /// The sale that evening, when its push can still come the day after.
    pub fn at_evening(&self) -> Self {
        let later = TimeDelta::hours(19) - (self.paid_at - midnight(beijing_day(self.paid_at)));
        let paid_at = self.paid_at + later;
        Self {
            paid_at,
            pushed_at: self.pushed_at + later,
            refunded_at: paid_at + TimeDelta::minutes(10),
            ..self.clone()
        }
    }

    pub fn transaction_id(&self) -> String {
        // As large numbers that follow no order.
        format!("42000{:023}", u128::from(self.number) * 7_919_113 % 1_000_000_007_000 + 1)
    }

    pub fn mch_order_no(&self) -> String {
        format!("S2026{:027}", self.number)
    }

    pub fn refund_id(&self, nth: u32) -> String {
        format!("R{:020}-{nth}", self.number)
    }

    pub fn wx_refund_id(&self, nth: u32) -> String {
        format!("503{:020}{nth}", self.number)
    }

    pub fn paid(&self) -> PaymentIds {
        PaymentIds { mch_order_no: Some(self.mch_order_no()), transaction_id: Some(self.transaction_id()) }
    }

    pub fn out_trade_no(&self) -> Result<OutTradeNo, IdError> {
        OutTradeNo::parse(&format!("O{:024}", self.number))
    }

    pub fn open_id(&self) -> Result<OpenId, IdError> {
        OpenId::parse(&format!("oPlayer-{:019}", self.player))
    }

    pub fn goods(&self) -> Result<GoodsPush, IdError> {
        Ok(GoodsPush {
            env: Environment::Production,
            open_id: self.open_id()?,
            out_trade_no: self.out_trade_no()?,
            product_id: format!("product_{:02}", self.product),
            quantity: self.quantity,
            zone_id: Some((1 + self.player % 20).to_string()),
            orig_price: Fen(self.fen),
            actual_price: Fen(self.fen),
            attach: None,
            order_source: OrderSource::InGame,
            payment: self.paid(),
        })
    }

    pub fn coins(&self) -> Result<CoinPush, IdError> {
        Ok(CoinPush {
            env: Environment::Production,
            open_id: self.open_id()?,
            out_trade_no: self.out_trade_no()?,
            zone_id: None,
            buy_quantity: self.quantity,
            orig_price: Fen(self.fen),
            actual_price: Fen(self.fen),
            payment: self.paid(),
        })
    }

    pub fn refund(&self, nth: u32, fen: i64) -> Result<RefundPush, IdError> {
        Ok(RefundPush {
            env: Environment::Production,
            refund_id: RefundId::parse(&self.refund_id(nth))?,
            refund_amount: Fen(fen),
            refund_source: RefundSource::Console,
            out_trade_no: Some(self.out_trade_no()?),
            payment: PaymentIds::default(),
        })
    }

    pub fn line(&self) -> BillLine {
        let text = |text: &str| Some(text.to_owned());
        BillLine {
            line: 0,
            row: RowKind::Payment,
            traded_at: at_a_second(self.paid_at),
            app_id: Some(self.app_id.clone()),
            sub_merchant: text("0"),
            device: None,
            transaction_id: self.transaction_id(),
            mch_order_no: Some(self.mch_order_no()),
            open_id: Some(format!("oPlayer-{:019}", self.player)),
            trade_type: text("JSAPI"),
            trade_state: "SUCCESS".into(),
            bank: text("OTHERS"),
            currency: text("CNY"),
            settlement_fen: Some(Fen(self.fen)),
            coupon_fen: Some(Fen(0)),
            wx_refund_id: None,
            mch_refund_no: None,
            refund_fen: Some(Fen(0)),
            coupon_refund_fen: Some(Fen(0)),
            refund_type: None,
            refund_state: None,
            product_name: Some(format!("product_{:02}", self.product)),
            merchant_data: None,
            fee_millifen: Some(Millifen(self.fen * FEE_MILLIFEN_OF_FEN)),
            rate: text("0.60%"),
            order_fen: Some(Fen(self.fen)),
            applied_refund_fen: Some(Fen(0)),
            rate_note: None,
            refund_applied_at: None,
            refund_succeeded_at: None,
        }
    }

    pub fn refund_line(&self, nth: u32, fen: i64) -> BillLine {
        let text = |text: &str| Some(text.to_owned());
        let at = at_a_second(self.refunded_at);
        BillLine {
            row: RowKind::Refund,
            traded_at: at,
            trade_state: "REFUND".into(),
            settlement_fen: Some(Fen(0)),
            wx_refund_id: Some(self.wx_refund_id(nth)),
            mch_refund_no: Some(self.refund_id(nth)),
            refund_fen: Some(Fen(fen)),
            refund_type: text("ORIGINAL"),
            refund_state: text("SUCCESS"),
            fee_millifen: Some(Millifen(-fen * FEE_MILLIFEN_OF_FEN)),
            order_fen: Some(Fen(0)),
            applied_refund_fen: Some(Fen(fen)),
            refund_applied_at: Some(at),
            refund_succeeded_at: Some(at),
            ..self.line()
        }
    }
}

fn beijing_day(at: DateTime<Utc>) -> chrono::NaiveDate {
    (at + TimeDelta::hours(8)).date_naive()
}

/// Bills tell times to the second.
fn at_a_second(at: DateTime<Utc>) -> DateTime<Utc> {
    at - TimeDelta::nanoseconds(i64::from(at.timestamp_subsec_nanos()))
}
