//! What is written as a bill is read again as it was, however the file is packed.

use proptest::prelude::*;

use super::*;
use chrono::DateTime;

const LAYOUTS: [SampleLayout; 6] = [
    SampleLayout::All,
    SampleLayout::Success,
    SampleLayout::Refund,
    SampleLayout::LegacyAll,
    SampleLayout::LegacySuccess,
    SampleLayout::LegacyRefund,
];

/// A merchant's text: anything but what WeChat Pay escapes.
fn text() -> impl Strategy<Value = Option<String>> {
    proptest::option::of("[a-zA-Z0-9_ ,\"'%=+\\-中文🎮|*@]{1,12}")
}

fn id() -> impl Strategy<Value = Option<String>> {
    proptest::option::of("[1-9][0-9]{3,27}")
}

fn fen() -> impl Strategy<Value = Option<Fen>> {
    (0..1_000_000_000_i64).prop_map(|fen| Some(Fen(fen)))
}

prop_compose! {
    fn line()(
        is_refund in any::<bool>(),
        second in 0..86_400_i64,
        texts in proptest::array::uniform10(text()),
        ids in proptest::array::uniform3(id()),
        transaction_id in "[0-9]{28}",
        amounts in proptest::array::uniform6(fen()),
        fee in -1_000_000_000..1_000_000_000_i64,
    ) -> BillLine {
        let at = DateTime::from_timestamp(1_767_196_800 + second, 0).unwrap();
        let [app_id, sub_merchant, device, open_id, trade_type, bank, refund_type, refund_state, product_name, rate_note] = texts;
        let [mch_order_no, wx_refund_id, mch_refund_no] = ids;
        let [settlement_fen, coupon_fen, refund_fen, coupon_refund_fen, order_fen, applied_refund_fen] = amounts;
        let (row, state) = if is_refund { (RowKind::Refund, "REFUND") } else { (RowKind::Payment, "SUCCESS") };
        BillLine {
            row, traded_at: at, app_id, sub_merchant, device, open_id, trade_type, bank, refund_type, refund_state,
            product_name, rate_note, mch_order_no, wx_refund_id, mch_refund_no, transaction_id, settlement_fen,
            coupon_fen, refund_fen, coupon_refund_fen, order_fen, applied_refund_fen,
            trade_state: state.into(),
            fee_millifen: Some(Millifen(fee)),
            refund_applied_at: Some(at),
            refund_succeeded_at: is_refund.then_some(at),
            ..bill_line()
        }
    }
}

/// Takes away what a layout has no column for, and numbers the lines.
fn as_layout(layout: SampleLayout, lines: Vec<BillLine>) -> Vec<BillLine> {
    let kind = match layout {
        SampleLayout::Success | SampleLayout::LegacySuccess => Some(RowKind::Payment),
        SampleLayout::Refund | SampleLayout::LegacyRefund => Some(RowKind::Refund),
        SampleLayout::All | SampleLayout::LegacyAll | SampleLayout::Fundflow => None,
    };
    let profile = Profiles::built_in().get(layout.profile()).unwrap().clone();
    let has = |field| profile.columns.iter().any(|column| column.field == field);
    let mut lines: Vec<_> =
        lines.into_iter().filter(|line| kind.is_none_or(|kind| line.row == kind)).collect();
    for (line, number) in lines.iter_mut().zip(2..) {
        line.line = number;
        for (field, cell) in [
            (Field::SettlementFen, &mut line.settlement_fen),
            (Field::RefundFen, &mut line.refund_fen),
            (Field::CouponRefundFen, &mut line.coupon_refund_fen),
            (Field::AppliedRefundFen, &mut line.applied_refund_fen),
        ] {
            cell.take_if(|_| !has(field));
        }
        for (field, cell) in [
            (Field::WxRefundId, &mut line.wx_refund_id),
            (Field::MchRefundNo, &mut line.mch_refund_no),
            (Field::RefundType, &mut line.refund_type),
            (Field::RefundState, &mut line.refund_state),
            (Field::RateNote, &mut line.rate_note),
        ] {
            cell.take_if(|_| !has(field));
        }
        for (field, cell) in [
            (Field::RefundAppliedAt, &mut line.refund_applied_at),
            (Field::RefundSucceededAt, &mut line.refund_succeeded_at),
        ] {
            cell.take_if(|_| !has(field));
        }
    }
    lines
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read_again(
        lines in proptest::collection::vec(line(), 0..12),
        layout in proptest::sample::select(&LAYOUTS[..]),
        bom in proptest::sample::select(&[Bom::Written, Bom::LeftOut][..]),
        line_end in proptest::sample::select(&[LineEnd::Crlf, LineEnd::Lf][..]),
        is_packed in any::<bool>(),
    ) {
        let lines = as_layout(layout, lines);
        let mut writer = SampleWriter::with(Vec::new(), layout, merchant("1900000109"), bom, line_end).unwrap();
        lines.iter().for_each(|line| writer.trade(line).unwrap());
        let plain = writer.finish().unwrap();
        let bytes = if is_packed { gzip(&plain).unwrap() } else { plain.clone() };
        let hints = Hints { merchant: Some(merchant("1900000109")), day: Some(day("2026-01-01")), ..Hints::default() };
        let (bill, found) = read_with(&bytes, &Profiles::built_in(), &hints).unwrap();
        prop_assert_eq!(bill.profile.as_str(), layout.profile());
        let mut totals = TradeTotals::default();
        lines.iter().for_each(|line| totals.add(line).unwrap());
        prop_assert_eq!(bill.totals, Totals::Trade(totals));
        prop_assert_eq!(trades(found), lines);
        use sha2::{Digest, Sha256};
        prop_assert_eq!(bill.sha256, Sha256Hex::of_digest(&Sha256::digest(&plain).into()));
    }
}

#[test]
fn a_fund_flow_bill_is_read_again_as_it_was_written() {
    let first = fund_line();
    let second = FundLine {
        line: 3,
        direction: Direction::Out,
        balance_fen: Some(Fen(-5)),
        note: Some("a,b".into()),
        ..fund_line()
    };
    let bytes = fund_bill([&first, &second]).unwrap();
    let (bill, lines) = read_funds(&gzip(&bytes).unwrap()).unwrap();
    assert_eq!(bill.rows, 2);
    let on = day("2026-01-01");
    assert_eq!(lines, [(on, BillRow::Fund(first)), (on, BillRow::Fund(second))]);
}
