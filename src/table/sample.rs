//! A table with every unit, for the tests of how tables are written.

use super::{Cell, Column, Table, Unit};

pub fn table() -> Table {
    let column = |name: &str, unit, label: &str| Column { name: name.into(), unit, label: label.into() };
    let text = |text: &str| Cell::Text(text.into());
    let columns = vec![
        column("out_trade_no", Unit::Id, "商户订单号 order"),
        column("open_id", Unit::OpenId, "player"),
        column("amount_fen", Unit::Fen, "amount"),
        column("count", Unit::Count, ""),
        column("share", Unit::Count, "share"),
        column("first_at", Unit::Moment, "first push"),
        column("day", Unit::Day, "day"),
        column("granted", Unit::Flag, "granted"),
        column("position", Unit::Position, "place in the log"),
        column("goods", Unit::Json, "goods"),
        column("age_s", Unit::Seconds, "age"),
        column("note", Unit::Text, "note"),
    ];
    let full = vec![
        text("00123"),
        text("oPlayer0000000000000000000001"),
        Cell::Integer(1234),
        Cell::Integer(2),
        Cell::Real(0.5),
        text("2025-12-31T16:00:00.123Z"),
        text("2026-01-01"),
        Cell::Integer(1),
        Cell::Integer(7),
        text(r#"[{"id":"a"}]"#),
        Cell::Integer(60),
        text("a, \"b\""),
    ];
    let mut sparse = vec![Cell::Null; columns.len()];
    sparse[0] = Cell::Integer(9_007_199_254_740_993);
    sparse[2] = Cell::Integer(-5);
    sparse[7] = Cell::Integer(0);
    sparse[11] = text("=HYPERLINK(\"x\")");
    Table { columns, rows: vec![full, sparse] }
}
