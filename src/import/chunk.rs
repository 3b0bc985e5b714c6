//! Lines of a file, gathered by day until a chunk is full.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use chrono::NaiveDate;

use crate::bill::BillRow;
use crate::domain::bill::{BillLine, BillLines, FundLine};
use crate::limits;

/// Lines of one day, in the file's order.
pub struct Chunk {
    pub day: NaiveDate,
    pub lines: BillLines,
}

/// Gathers the lines of the days that it was told of; those of others are passed over.
pub struct Chunker {
    days: BTreeMap<NaiveDate, Gathered>,
    /// Of all days together.
    bytes: usize,
    bytes_max: usize,
}

struct Gathered {
    /// Lines that stand already.
    to_skip: u64,
    lines: Option<BillLines>,
    bytes: usize,
}

impl Chunker {
    /// The days, each with the count of its lines that stand already.
    pub fn new(days: impl IntoIterator<Item = (NaiveDate, u64)>) -> Self {
        let gathered = |(day, to_skip)| (day, Gathered { to_skip, lines: None, bytes: 0 });
        let days = days.into_iter().map(gathered).collect();
        Self { days, bytes: 0, bytes_max: limits::IMPORT_GATHERED_BYTES_MAX }
    }

    /// Takes a line, and hands over what is full.
    pub fn take(
        &mut self,
        day: NaiveDate,
        row: BillRow,
        hand_over: &mut dyn FnMut(Chunk) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Some(gathered) = self.days.get_mut(&day) else { return ControlFlow::Continue(()) };
        if gathered.to_skip > 0 {
            gathered.to_skip -= 1;
            return ControlFlow::Continue(());
        }
        let bytes = stored_bytes(&row);
        if gathered.bytes + bytes > limits::IMPORT_CHUNK_BYTES_MAX {
            self.give(day, hand_over)?;
        }
        if self.bytes + bytes > self.bytes_max
            && let Some(fullest) = self.fullest()
        {
            self.give(fullest, hand_over)?;
        }
        if let Some(gathered) = self.days.get_mut(&day) {
            gathered.push(row);
            gathered.bytes += bytes;
            self.bytes += bytes;
        }
        ControlFlow::Continue(())
    }

    /// Hands over what is left.
    pub fn finish(mut self, hand_over: &mut dyn FnMut(Chunk) -> ControlFlow<()>) -> ControlFlow<()> {
        let days: Vec<_> = self.days.keys().copied().collect();
        days.into_iter().try_for_each(|day| self.give(day, hand_over))
    }

    fn fullest(&self) -> Option<NaiveDate> {
        let fullest = self.days.iter().max_by_key(|(_, gathered)| gathered.bytes);
        fullest.map(|(day, _)| *day)
    }

    fn give(
        &mut self,
        day: NaiveDate,
        hand_over: &mut dyn FnMut(Chunk) -> ControlFlow<()>,
    ) -> ControlFlow<()> {
        let Some(gathered) = self.days.get_mut(&day) else { return ControlFlow::Continue(()) };
        self.bytes -= gathered.bytes;
        gathered.bytes = 0;
        match gathered.lines.take() {
            Some(lines) => hand_over(Chunk { day, lines }),
            None => ControlFlow::Continue(()),
        }
    }
}

impl Gathered {
    /// A file has rows of one sort only.
    fn push(&mut self, row: BillRow) {
        match (self.lines.as_mut(), row) {
            (Some(BillLines::Trade(lines)), BillRow::Trade(line)) => lines.push(line),
            (Some(BillLines::Funds(lines)), BillRow::Fund(line)) => lines.push(line),
            (_, BillRow::Trade(line)) => self.lines = Some(BillLines::Trade(vec![line])),
            (_, BillRow::Fund(line)) => self.lines = Some(BillLines::Funds(vec![line])),
        }
    }
}

/// What a number or a moment takes at most, with its comma.
const SHORT: usize = 28;

/// What a line takes in the log, at most.
fn stored_bytes(row: &BillRow) -> usize {
    match row {
        BillRow::Trade(line) => trade_bytes(line),
        BillRow::Fund(line) => fund_bytes(line),
    }
}

fn trade_bytes(line: &BillLine) -> usize {
    let texts = [
        Some(line.transaction_id.as_str()),
        Some(line.trade_state.as_str()),
        line.app_id.as_deref(),
        line.sub_merchant.as_deref(),
        line.device.as_deref(),
        line.mch_order_no.as_deref(),
        line.open_id.as_deref(),
        line.trade_type.as_deref(),
        line.bank.as_deref(),
        line.currency.as_deref(),
        line.wx_refund_id.as_deref(),
        line.mch_refund_no.as_deref(),
        line.refund_type.as_deref(),
        line.refund_state.as_deref(),
        line.product_name.as_deref(),
        line.merchant_data.as_deref(),
        line.rate.as_deref(),
        line.rate_note.as_deref(),
    ];
    // Line, row kind, and three moments.
    let mut short = 5;
    let amounts = [
        line.settlement_fen,
        line.coupon_fen,
        line.refund_fen,
        line.coupon_refund_fen,
        line.order_fen,
        line.applied_refund_fen,
    ];
    short += amounts.iter().flatten().count() + usize::from(line.fee_millifen.is_some());
    texts_bytes(&texts) + short * SHORT + amounts.len() * ABSENT
}

fn fund_bytes(line: &FundLine) -> usize {
    let texts = [
        line.business_id.as_deref(),
        line.flow_id.as_deref(),
        line.business_name.as_deref(),
        line.business_type.as_deref(),
        line.applicant.as_deref(),
        line.note.as_deref(),
        line.voucher_id.as_deref(),
    ];
    texts_bytes(&texts) + 5 * SHORT
}

/// `null` and a comma.
const ABSENT: usize = 5;

fn texts_bytes(texts: &[Option<&str>]) -> usize {
    texts.iter().map(|text| text.map_or(ABSENT, escaped_bytes)).sum()
}

/// As JSON writes it, with quotes and a comma.
fn escaped_bytes(text: &str) -> usize {
    let escaped = |byte: u8| match byte {
        b'"' | b'\\' => 2,
        0..0x20 => 6,
        _ => 1,
    };
    text.bytes().map(escaped).sum::<usize>() + 3
}
