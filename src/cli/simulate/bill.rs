//! The trade bill that WeChat Pay would give for what was simulated, with flaws planted for whoever reconciles.

use std::fmt;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use anyhow::Context;
use chrono::{DateTime, FixedOffset, NaiveDate, Utc};
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde::Serialize;

use super::plan::Settings;
use super::share::Share;
use crate::bill::sample::{SampleLayout, SampleWriter};
use crate::domain::app::PriceMeaning;
use crate::domain::bill::{BillLine, MerchantId, Millifen, RowKind};
use crate::domain::environment::Environment;
use crate::domain::fen::Fen;
use crate::domain::push::Push;
use crate::moment::in_beijing;

/// Whom an app's orders are paid to, and how they are priced.
#[derive(Clone, Debug)]
pub struct Payee {
    pub merchant: Option<MerchantId>,
    pub actual_price_is: PriceMeaning,
}

/// Where the bill goes, and whose it is.
#[derive(Clone, Debug)]
pub struct BillFile {
    pub path: PathBuf,
    pub merchant: MerchantId,
    pub actual_price_is: PriceMeaning,
    /// Of the payments.
    pub flaws: Share,
}

/// An order or a refund that WeChat Pay has seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Traded {
    pub push: Push,
    pub at: DateTime<Utc>,
}

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Billed {
    pub file: PathBuf,
    /// 商户号
    pub merchant: String,
    /// In Beijing.
    pub day: NaiveDate,
    pub payments: usize,
    pub refunds: usize,
    /// Payments that the ledger knows and the bill does not name.
    pub left_out: usize,
    /// Payments of which the bill tells another amount.
    pub other_amount: usize,
    /// Payments that the ledger was never told of.
    pub unknown: usize,
}

impl fmt::Display for Billed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, payments, refunds, left_out, other_amount, unknown, .. } = self;
        write!(
            f,
            "bill {}: {payments} payments, {refunds} refunds; planted: {left_out} left out, {other_amount} at \
             another amount, {unknown} unknown to the ledger",
            file.display()
        )
    }
}

impl Billed {
    /// The commands that reconcile it. What was paid before midnight has the day before, which has no bill.
    pub fn next(&self) -> [String; 3] {
        let Self { file, merchant, day, .. } = self;
        let before = day.pred_opt().unwrap_or(*day);
        [
            format!(
                "bill declare-empty --merchant {merchant} --day {before} --kind all --reason NO_STATEMENT_EXIST"
            ),
            format!("bill import {}", file.display()),
            format!("reconcile --merchant {merchant} --from {before} --to {day}"),
        ]
    }
}

impl BillFile {
    /// Writes the bill of the plan's day.
    pub fn write(&self, traded: &[Traded], app_id: &str, settings: &Settings) -> anyhow::Result<Billed> {
        let (lines, billed) = lines(traded, app_id, self, settings.now, settings.seed);
        let said = || format!("--bill {}", self.path.display());
        let file = BufWriter::new(File::create(&self.path).with_context(said)?);
        let mut writer =
            SampleWriter::new(file, SampleLayout::All, self.merchant.clone()).with_context(said)?;
        for line in &lines {
            writer.trade(line).with_context(said)?;
        }
        writer.finish().and_then(|mut file| file.flush()).with_context(said)?;
        Ok(billed)
    }
}

/// The lines of the day, and what was planted. A bill has one day: what was traded before midnight of the
/// pushes' day is told as of midnight.
pub fn lines(
    traded: &[Traded],
    app_id: &str,
    bill: &BillFile,
    now: DateTime<Utc>,
    seed: u64,
) -> (Vec<BillLine>, Billed) {
    let midnight = midnight(now);
    let paid: Vec<_> = traded.iter().filter(|traded| is_paid(&traded.push)).collect();
    let payments = paid.iter().filter(|traded| !matches!(traded.push, Push::Refund(_))).count();
    let flawed = bill.flaws.of(payments).min(payments);
    let mut rng = StdRng::seed_from_u64(seed);
    let flawed = rand::seq::index::sample(&mut rng, payments, flawed).into_vec();
    let mut billed = Billed {
        file: bill.path.clone(),
        merchant: bill.merchant.to_string(),
        day: in_beijing(now).date_naive(),
        ..Billed::default()
    };
    let mut lines = Vec::with_capacity(paid.len());
    let mut payment = 0;
    for traded in paid {
        let Some(mut line) = line(traded, app_id, bill.actual_price_is) else { continue };
        line.traded_at = line.traded_at.max(midnight);
        if line.row == RowKind::Payment {
            let flaw = flawed.iter().position(|index| *index == payment).map(|turn| turn % 3);
            payment += 1;
            match flaw {
                None => {}
                Some(0) => {
                    billed.left_out += 1;
                    continue;
                }
                Some(1) => {
                    billed.other_amount += 1;
                    let charged = line.order_fen.map_or(1, |fen| fen.0 + 1);
                    charge(&mut line, charged);
                }
                Some(_) => {
                    billed.unknown += 1;
                    let mut unknown = line.clone();
                    unknown.transaction_id =
                        format!("42999{}", unknown.transaction_id.get(5..).unwrap_or("0"));
                    unknown.mch_order_no = unknown.mch_order_no.map(|number| number.replace('T', "U"));
                    lines.push(unknown);
                }
            }
        }
        lines.push(line);
    }
    // As people trade, not as they were planned.
    lines.sort_by_key(|line| line.traded_at);
    for (line, number) in lines.iter_mut().zip(2..) {
        line.line = number;
    }
    billed.payments = lines.iter().filter(|line| line.row == RowKind::Payment).count();
    billed.refunds = lines.len() - billed.payments;
    (lines, billed)
}

/// Not the sandbox's, which moves no money, nor what was paid by other means.
fn is_paid(push: &Push) -> bool {
    push.env() == Some(Environment::Production) && push.payment().transaction_id.is_some()
}

fn midnight(now: DateTime<Utc>) -> DateTime<Utc> {
    let begin: Option<DateTime<FixedOffset>> = in_beijing(now).with_time(chrono::NaiveTime::MIN).single();
    begin.map_or(now, |begin| begin.to_utc())
}

fn charge(line: &mut BillLine, fen: i64) {
    line.order_fen = Some(Fen(fen));
    line.settlement_fen = Some(Fen(fen));
    // Six thousandths.
    line.fee_millifen = Some(Millifen(fen.saturating_mul(6)));
}

fn line(traded: &Traded, app_id: &str, meaning: PriceMeaning) -> Option<BillLine> {
    let payment = traded.push.payment();
    let mut line = BillLine {
        line: 0,
        row: RowKind::Payment,
        traded_at: traded.at,
        app_id: Some(app_id.to_owned()),
        sub_merchant: Some("0".into()),
        device: None,
        transaction_id: payment.transaction_id?,
        mch_order_no: payment.mch_order_no,
        open_id: None,
        trade_type: Some("JSAPI".into()),
        trade_state: "SUCCESS".into(),
        bank: Some("OTHERS".into()),
        currency: Some("CNY".into()),
        settlement_fen: Some(Fen(0)),
        coupon_fen: Some(Fen(0)),
        wx_refund_id: None,
        mch_refund_no: None,
        refund_fen: Some(Fen(0)),
        coupon_refund_fen: Some(Fen(0)),
        refund_type: None,
        refund_state: None,
        product_name: None,
        merchant_data: None,
        fee_millifen: Some(Millifen(0)),
        rate: Some("0.60%".into()),
        order_fen: Some(Fen(0)),
        applied_refund_fen: Some(Fen(0)),
        rate_note: None,
        refund_applied_at: None,
        refund_succeeded_at: None,
    };
    match &traded.push {
        Push::Goods(goods) => {
            line.open_id = Some(goods.open_id.as_str().to_owned());
            line.product_name = Some(goods.product_id.clone());
            let amount = match meaning {
                PriceMeaning::Order => goods.actual_price,
                PriceMeaning::Unit => goods.actual_price.checked_times(goods.quantity)?,
            };
            charge(&mut line, amount.0);
        }
        Push::Coins(coins) => {
            line.open_id = Some(coins.open_id.as_str().to_owned());
            line.product_name = Some("coins".into());
            charge(&mut line, coins.actual_price.0);
        }
        Push::Refund(refund) => {
            line.row = RowKind::Refund;
            line.trade_state = "REFUND".into();
            line.wx_refund_id = Some(format!("503000{}", refund.refund_id));
            line.mch_refund_no = Some(format!("1900000109{}", refund.refund_id));
            line.refund_fen = Some(refund.refund_amount);
            line.applied_refund_fen = Some(refund.refund_amount);
            line.refund_type = Some("ORIGINAL".into());
            line.refund_state = Some("SUCCESS".into());
            line.fee_millifen = Some(Millifen(refund.refund_amount.0.saturating_mul(-6)));
        }
        Push::Gift(_) => return None,
    }
    Some(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::samples;

    fn traded(push: Push) -> Traded {
        Traded { push, at: DateTime::UNIX_EPOCH }
    }

    fn bill_file(flaws: Share) -> BillFile {
        BillFile {
            path: "bill.csv".into(),
            merchant: MerchantId::parse("1900000109").unwrap(),
            actual_price_is: PriceMeaning::Order,
            flaws,
        }
    }

    #[test]
    fn the_sandbox_and_what_was_paid_by_other_means_stand_in_no_bill() {
        let mut sandbox = samples::goods();
        sandbox.env = Environment::Sandbox;
        let mut elsewhere = samples::goods();
        elsewhere.payment = crate::domain::push::PaymentIds::default();
        let mut paid = samples::goods();
        paid.env = Environment::Production;
        let traded: Vec<_> =
            [sandbox, elsewhere, paid].into_iter().map(|goods| traded(Push::Goods(goods))).collect();
        let (lines, billed) = lines(&traded, "wx", &bill_file(Share::NONE), DateTime::UNIX_EPOCH, 1);
        assert_eq!((lines.len(), billed.payments, billed.refunds), (1, 1, 0));
        assert_eq!(lines[0].order_fen, Some(samples::goods().actual_price));
        let next = billed.next();
        assert!(next[0].contains("--merchant 1900000109 --day 1969-12-31 --kind all"), "{next:?}");
        assert_eq!(next[1], "bill import bill.csv");
        assert_eq!(next[2], "reconcile --merchant 1900000109 --from 1969-12-31 --to 1970-01-01");
    }

    #[test]
    fn flaws_are_planted_in_turn_and_counted() {
        let traded: Vec<_> = (0..9)
            .map(|number| {
                let mut goods = samples::goods();
                goods.env = Environment::Production;
                goods.payment.transaction_id = Some(format!("420000{number}"));
                traded(Push::Goods(goods))
            })
            .collect();
        let (lines, billed) = lines(&traded, "wx", &bill_file(Share::ALL), DateTime::UNIX_EPOCH, 1);
        assert_eq!((billed.left_out, billed.other_amount, billed.unknown), (3, 3, 3));
        // Three left out, three beside those they were made of.
        assert_eq!(lines.len(), 9);
        assert_eq!(lines.iter().map(|line| line.line).collect::<Vec<_>>(), (2..11).collect::<Vec<_>>());
    }

    #[test]
    fn the_same_seed_writes_the_same_bill() {
        let traded = [traded(Push::Goods(samples::goods()))];
        let once = lines(&traded, "wx", &bill_file(Share::percent(50)), DateTime::UNIX_EPOCH, 7);
        assert_eq!(once, lines(&traded, "wx", &bill_file(Share::percent(50)), DateTime::UNIX_EPOCH, 7));
    }
}
