use super::data;
use crate::domain::app::AppSlug;
use crate::domain::bill::{
    BillEvent, BillKey, BillKind, BillLine, BillLines, Covers, FundTotals, MerchantId, Millifen, Totals,
    TradeTotals,
};
use crate::domain::case::{CaseEvent, CaseKey, CaseKind, Judgement};
use crate::domain::event::Event;
use crate::domain::fen::Fen;
use crate::domain::payment::Claim;
use crate::domain::period::{Month, PeriodEvent, PeriodKey, ReportPart};
use crate::domain::recovery::{RecoveredOrder, RecoveryEvent};
use crate::domain::samples;

pub fn merchant() -> MerchantId {
    MerchantId::parse("1900000109").unwrap()
}

pub fn bill_key(kind: BillKind) -> BillKey {
    BillKey { merchant: merchant(), day: "2026-01-01".parse().unwrap(), kind }
}

pub fn every_recovery_event() -> [(&'static str, Event); 7] {
    let bare = || RecoveredOrder { zone_id: None, payment: Default::default(), ..samples::recovered() };
    let recovered = |order| {
        let (proposed_by, approved_by) = ("support-wang".into(), "finance-lin".into());
        Event::OrderRecovered { order, proposed_by, approved_by }
    };
    let proposed = |order| RecoveryEvent::Proposed {
        merchant: merchant(),
        order,
        revision: 1,
        by: "support-wang".into(),
    };
    let withdrawn =
        RecoveryEvent::Withdrawn { reason: "推送到了".into(), revision: 2, by: "finance-lin".into() };
    let approved = RecoveryEvent::Approved { revision: 1, by: "finance-lin".into() };
    let claim = Claim {
        merchant: merchant(),
        transaction_id: "4200000000202601010000000001".into(),
        app: AppSlug::parse("demo").unwrap(),
        out_trade_no: samples::recovered().out_trade_no,
        recovery_revision: 1,
        by: "finance-lin".into(),
    };
    [
        ("OrderRecovered", recovered(samples::recovered())),
        ("OrderRecovered-bare", recovered(bare())),
        ("RecoveryProposed", Event::Recovery(proposed(samples::recovered()))),
        ("RecoveryProposed-bare", Event::Recovery(proposed(bare()))),
        ("RecoveryWithdrawn", Event::Recovery(withdrawn)),
        ("RecoveryApproved", Event::Recovery(approved)),
        ("PaymentClaimed", Event::PaymentClaimed(claim)),
    ]
}

pub fn every_bill_event() -> [(&'static str, BillEvent); 7] {
    let trade = TradeTotals {
        payments: 1,
        refunds: 1,
        order_fen: Fen(1200),
        settlement_fen: Fen(1100),
        coupon_fen: Fen(100),
        refund_fen: Fen(550),
        coupon_refund_fen: Fen(50),
        applied_refund_fen: Fen(600),
        fee_millifen: Millifen(3300),
    };
    let funds = FundTotals { incomes: 1, income_fen: Fen(1100), expenses: 2, expense_fen: Fen(3) };
    let sealed = |kind, covers, rows, totals| BillEvent::Sealed {
        revision: 2,
        key: bill_key(kind),
        covers,
        sha256: samples::sha256('b'),
        rows,
        totals,
    };
    let opened = BillEvent::Opened {
        revision: 2,
        key: bill_key(BillKind::all()),
        covers: Covers::Both,
        sha256: samples::sha256('b'),
        file_name: "1900000109All2026-01-01.csv.gz".into(),
        profile: "wechat_all".into(),
        rows: 2,
        by: "finance-lin".into(),
    };
    let superseded = BillEvent::Superseded {
        revision: 1,
        key: bill_key(BillKind::all()),
        sha256: samples::sha256('a'),
        by_sha256: samples::sha256('b'),
        reason: "微信重新出账".into(),
        by: "finance-lin".into(),
    };
    let declared_empty = BillEvent::DeclaredEmpty {
        revision: 1,
        key: bill_key(BillKind::refund()),
        covers: Covers::Refunds,
        reason: "NO_STATEMENT_EXIST".into(),
        by: "finance-lin".into(),
    };
    let trade_lines = BillLines::Trade(vec![samples::bill_line(), samples::refund_line()]);
    let fund_lines = BillLines::Funds(vec![samples::fund_line()]);
    [
        ("BillOpened", opened),
        ("BillLines", BillEvent::Lines { revision: 2, lines: trade_lines }),
        ("FundLines", BillEvent::Lines { revision: 1, lines: fund_lines }),
        ("BillSealed", sealed(BillKind::all(), Covers::Both, 2, Totals::Trade(trade))),
        ("BillSealed-funds", sealed(BillKind::fundflow(), Covers::Funds, 3, Totals::Funds(funds))),
        ("BillSuperseded", superseded),
        ("BillDayDeclaredEmpty", declared_empty),
    ]
}

pub fn every_closing_event() -> [(&'static str, Event); 7] {
    let case = || CaseKey::new(merchant(), CaseKind::Order, "demo.ORD-20260101-0001").unwrap();
    let period = || PeriodKey { merchant: merchant(), month: Month::parse("2026-01").unwrap() };
    let (by, reason) = (|| "finance-lin".to_owned(), || "已核对".to_owned());
    let judgement = Judgement {
        status: "amount_differs".into(),
        facts: r#"{"ledger_fen":1200}"#.into(),
        reason: reason(),
    };
    let prepared = PeriodEvent::Prepared {
        key: period(),
        report_sha256: samples::sha256('c'),
        position: 4711,
        summary: r#"{"rows":2}"#.into(),
        revision: 1,
        by: by(),
    };
    let closed = PeriodEvent::Closed {
        key: period(),
        report_sha256: samples::sha256('c'),
        position: 4711,
        revision: 2,
        by: "finance-chen".into(),
    };
    let reopened = PeriodEvent::Reopened { key: period(), reason: reason(), revision: 3, by: by() };
    let filed = ReportPart {
        sha256: samples::sha256('c'),
        part: 1,
        parts: 2,
        gzip_base64: "H4sIAAAAAAAA/w==".into(),
    };
    [
        ("CaseResolved", Event::Case(CaseEvent::Resolved { key: case(), judgement, revision: 1, by: by() })),
        (
            "CaseReopened",
            Event::Case(CaseEvent::Reopened { key: case(), reason: reason(), revision: 2, by: by() }),
        ),
        ("PeriodPrepared", Event::Period(prepared)),
        ("PeriodClosed", Event::Period(closed)),
        ("PeriodReopened", Event::Period(reopened)),
        ("ReportFiled", Event::ReportFiled(filed)),
        ("LedgerSealed", Event::LedgerSealed(samples::seal())),
    ]
}

#[test]
fn lines_of_a_bill_are_read_back_cell_by_cell_and_a_damaged_one_is_named() {
    let lines = BillLines::Trade((2..1002).map(|line| BillLine { line, ..samples::refund_line() }).collect());
    let event = Event::Bill(BillEvent::Lines { revision: 1, lines });
    let text = data::encode(&event).unwrap();
    assert_eq!(data::decode("BillLines", &text).as_ref(), Ok(&event));
    for (from, to, problem) in [
        ("\"line\",\"row\"", "\"row\",\"line\"", "the 1. of the lines: invalid type: string \"refund\""),
        ("\"sub_merchant\"", "\"colour\"", "the column \"colour\" is not known"),
        ("\"device\"", "\"row\"", "the column \"row\" stands twice"),
        ("\"refund\",\"2026", "\"gift\",\"2026", "row: \"gift\" is neither payment nor refund"),
        ("2026-01-01T05:00:07.000Z", "yesterday", "refund_succeeded_at: "),
        ("]]", ",1]]", "the 1000. of the lines has 31 cells, and there are 30 columns"),
        (
            ",\"2026-01-01T05:00:07.000Z\"]]",
            "]]",
            "the 1000. of the lines has 29 cells, and there are 30 columns",
        ),
        ("[[2,", "[[null,", "invalid type: null"),
    ] {
        let error = data::decode("BillLines", &text.replace(from, to)).unwrap_err();
        assert!(error.starts_with("data: ") && error.contains(problem), "{error}");
    }
}

#[test]
fn lines_are_read_by_their_columns_names_whichever_there_are() {
    let text = r#"{"revision":3,"columns":["trade_state","row","traded_at","line","transaction_id","order_fen"],
        "lines":[["SUCCESS","payment","2026-01-01T05:00:07.000Z",2,"T1",600],["REVOKED","payment","2026-01-01T05:00:08.000Z",3,"T2",null]]}"#;
    let Ok(Event::Bill(BillEvent::Lines { revision: 3, lines: BillLines::Trade(lines) })) =
        data::decode("BillLines", text)
    else {
        panic!("{:?}", data::decode("BillLines", text))
    };
    let read =
        lines.iter().map(|line| (line.line, line.transaction_id.as_str(), line.order_fen, &line.app_id));
    assert_eq!(read.collect::<Vec<_>>(), [(2, "T1", Some(Fen(600)), &None), (3, "T2", None, &None)]);
    let error = data::decode("BillLines", &text.replace("\"row\"", "\"device\"")).unwrap_err();
    assert!(error.contains("the 1. of the lines: invalid type: null"), "{error}");
}
