//! Bills in plain words, imported into the log of one test.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use order_ledger::domain::app::PriceMeaning;
use order_ledger::domain::bill::{
    BillKey, BillKind, BillLine, BillLines, BillOpening, Covers, Direction, FundLine, FundTotals, MerchantId,
    RowKind, Sha256Hex, Totals, TradeTotals,
};
use order_ledger::domain::fen::Fen;
use order_ledger::ledger::Opened;
use sha2::{Digest, Sha256};

use super::folded::{Folded, at};

pub fn merchant() -> MerchantId {
    MerchantId::parse("1900000109").unwrap()
}

pub fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

/// A payment by oAnna in the app demo, so many minutes after the year's beginning in Beijing.
pub fn paid(transaction_id: &str, fen: i64, minutes: i64) -> BillLine {
    BillLine {
        line: 0,
        row: RowKind::Payment,
        traded_at: at(minutes),
        app_id: Some("wx1".into()),
        sub_merchant: None,
        device: None,
        transaction_id: transaction_id.into(),
        mch_order_no: Some(format!("M{transaction_id}")),
        open_id: Some("oAnna".into()),
        trade_type: Some("JSAPI".into()),
        trade_state: "SUCCESS".into(),
        bank: Some("OTHERS".into()),
        currency: Some("CNY".into()),
        settlement_fen: Some(Fen(fen)),
        coupon_fen: Some(Fen(0)),
        wx_refund_id: None,
        mch_refund_no: None,
        refund_fen: Some(Fen(0)),
        coupon_refund_fen: Some(Fen(0)),
        refund_type: None,
        refund_state: None,
        product_name: Some("gem".into()),
        merchant_data: None,
        fee_millifen: None,
        rate: Some("0.60%".into()),
        order_fen: Some(Fen(fen)),
        applied_refund_fen: Some(Fen(0)),
        rate_note: None,
        refund_applied_at: None,
        refund_succeeded_at: None,
    }
}

/// What was given back of a payment.
pub fn given_back(transaction_id: &str, wx_refund_id: &str, fen: i64, minutes: i64) -> BillLine {
    BillLine {
        row: RowKind::Refund,
        trade_state: "REFUND".into(),
        order_fen: Some(Fen(0)),
        settlement_fen: Some(Fen(0)),
        wx_refund_id: Some(wx_refund_id.into()),
        refund_fen: Some(Fen(fen)),
        applied_refund_fen: Some(Fen(fen)),
        refund_state: Some("SUCCESS".into()),
        refund_succeeded_at: Some(at(minutes)),
        ..paid(transaction_id, fen, minutes)
    }
}

impl Folded {
    /// The program's own projections, and demo is paid to the merchant.
    pub async fn of_a_merchant() -> Self {
        let folded = Self::built_in().await;
        folded.registered(0, PriceMeaning::Order, Some(&merchant())).await;
        // What is asked of a desk waits for a build no longer than an answer may take.
        folded.caught_up().await;
        folded
    }

    /// The day's bill of payments and refunds, in place of the one before.
    pub async fn billed(&self, bill_day: &str, mut lines: Vec<BillLine>) {
        let mut totals = TradeTotals::default();
        for (line, number) in lines.iter_mut().zip(2..) {
            line.line = number;
            totals.add(line).unwrap();
        }
        let covered = (BillKind::all(), Covers::Both);
        self.imported(bill_day, covered, BillLines::Trade(lines), Totals::Trade(totals)).await;
    }

    /// The day's fund flow: so much came in for each of these.
    pub async fn funded(&self, bill_day: &str, transaction_ids: &[&str]) {
        let line = |(transaction_id, line): (&&str, u64)| FundLine {
            line,
            booked_at: at(0),
            business_id: Some((*transaction_id).into()),
            flow_id: None,
            business_name: Some("交易".into()),
            business_type: Some("交易".into()),
            direction: Direction::In,
            amount_fen: Fen(700),
            balance_fen: None,
            applicant: None,
            note: None,
            voucher_id: None,
        };
        let lines: Vec<_> = transaction_ids.iter().zip(2..).map(line).collect();
        let mut totals = FundTotals::default();
        for line in &lines {
            totals.add(line).unwrap();
        }
        let covered = (BillKind::fundflow(), Covers::Funds);
        self.imported(bill_day, covered, BillLines::Funds(lines), Totals::Funds(totals)).await;
    }

    async fn imported(
        &self,
        bill_day: &str,
        (kind, covers): (BillKind, Covers),
        lines: BillLines,
        totals: Totals,
    ) {
        let rows = match &lines {
            BillLines::Trade(lines) => lines.len(),
            BillLines::Funds(lines) => lines.len(),
        };
        let key = BillKey { merchant: merchant(), day: day(bill_day), kind };
        let opening = BillOpening {
            covers,
            sha256: Sha256Hex::of_digest(&Sha256::digest(format!("{bill_day}{lines:?}")).into()),
            file_name: format!("{bill_day}.csv"),
            profile: "wechat_all".into(),
            rows: rows as u64,
            by: "lin".into(),
            supersede: Some("the one before was wrong".into()),
            read_otherwise: vec![],
        };
        let imported = at(0) + TimeDelta::days(31);
        let opened = self.ledger.open_bill(&key, opening, imported).await.unwrap();
        let Opened::Writer(mut writer) = opened else { panic!("it stands already") };
        self.ledger.append_bill_lines(&mut writer, lines, imported).await.unwrap();
        self.ledger.seal_bill(writer, &totals, imported).await.unwrap();
    }

    pub async fn without_bill(&self, days: impl IntoIterator<Item = NaiveDate>) {
        for day in days {
            let key = BillKey { merchant: merchant(), day, kind: BillKind::all() };
            let said = self.ledger.declare_empty(&key, Covers::Both, "no trade", "lin", at(0));
            said.await.unwrap();
        }
    }
}

/// The status and case of each row of the year's beginning, by its TransactionId and kind.
pub async fn statuses(folded: &Folded, as_of: DateTime<Utc>) -> BTreeMap<String, String> {
    let parameters = [("merchant", "1900000109"), ("from_day", "2026-01-01"), ("to_day", "2026-01-31")];
    let columns = ["kind", "transaction_id", "status", "case_state"];
    let rows = folded.columns_as_of("reconciliation/rows", &parameters, columns, as_of).await;
    rows.into_iter()
        .map(|[kind, id, status, case]| (format!("{kind} {id}"), format!("{status} {case}")))
        .collect()
}
