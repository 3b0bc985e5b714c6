//! The fields that the data of each event type can have, for whoever reads it without Rust. A test holds
//! it against what is really written.

use super::line_data::Line;
use crate::domain::bill::{BillLine, FundLine};

/// One event type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventFields {
    pub event_type: &'static str,
    /// In the order they are stored. Some are absent where there is nothing to say.
    pub fields: &'static [&'static str],
    /// Of an event that holds many lines, those of each line; empty for the others. Its statements run once a
    /// line.
    pub line_fields: &'static [&'static str],
}

/// Of an event that holds many lines: the names of their values, and the lines, each a list of values in that
/// order.
pub const COLUMNS: &str = "columns";
pub const LINES: &str = "lines";

impl EventFields {
    pub fn brings_lines(&self) -> bool {
        !self.line_fields.is_empty()
    }

    /// The fields that are values of the event itself, with their places.
    pub fn own_fields(&self) -> impl Iterator<Item = (usize, &'static str)> {
        let has_lines = self.brings_lines();
        let is_own = move |name: &str| !has_lines || (name != COLUMNS && name != LINES);
        self.fields.iter().copied().enumerate().filter(move |(_, name)| is_own(name))
    }
}

const fn event(event_type: &'static str, fields: &'static [&'static str]) -> EventFields {
    EventFields { event_type, fields, line_fields: &[] }
}

const fn event_of_lines(event_type: &'static str, line_fields: &'static [&'static str]) -> EventFields {
    EventFields { event_type, fields: &["revision", COLUMNS, LINES], line_fields }
}

const GRANTING: &[&str] = &["by", "reason"];

/// A push of any kind: what the four kinds have, together.
const ANY_PUSH: &[&str] = &[
    "kind",
    "env",
    "order_id",
    "refund_id",
    "refund_amount_fen",
    "refund_source",
    "open_id",
    "out_trade_no",
    "product_id",
    "quantity",
    "zone_id",
    "buy_quantity",
    "orig_price_fen",
    "actual_price_fen",
    "attach",
    "order_source",
    "mch_order_no",
    "transaction_id",
    "zone",
    "gift_type_id",
    "gift_id",
    "send_time",
    "goods",
];

const CATALOGUE: &[EventFields] = &[
    event("AppRegistered", &["app_id", "actual_price_is"]),
    event("PriceMeaningChanged", &["from", "to", "revision"]),
    event(
        "GoodsDelivered",
        &[
            "env",
            "open_id",
            "out_trade_no",
            "product_id",
            "quantity",
            "zone_id",
            "orig_price_fen",
            "actual_price_fen",
            "attach",
            "order_source",
            "mch_order_no",
            "transaction_id",
        ],
    ),
    event(
        "CoinsDelivered",
        &[
            "env",
            "open_id",
            "out_trade_no",
            "zone_id",
            "buy_quantity",
            "orig_price_fen",
            "actual_price_fen",
            "mch_order_no",
            "transaction_id",
        ],
    ),
    event("PaymentIdentified", &["mch_order_no", "transaction_id"]),
    event("ConflictingPushReceived", ANY_PUSH),
    event(
        "RefundSucceeded",
        &[
            "env",
            "refund_id",
            "refund_amount_fen",
            "refund_source",
            "out_trade_no",
            "mch_order_no",
            "transaction_id",
        ],
    ),
    event("GiftDelivered", &["order_id", "open_id", "zone", "gift_type_id", "gift_id", "send_time", "goods"]),
    event("MockReceived", ANY_PUSH),
    event("GoodsGranted", GRANTING),
    event("GrantRefused", GRANTING),
    event("GrantRevoked", GRANTING),
    event(
        "RoleReported",
        &[
            "env",
            "open_id",
            "role_id",
            "role_name",
            "zones",
            "midas_zone_id",
            "attach",
            "played_at",
            "revision",
        ],
    ),
    event("PushQuarantined", &["event", "reason", "detail", "money_at_stake", "out_trade_no"]),
    event("QuarantineAdopted", &["by", "reason"]),
    event("QuarantineDismissed", &["by", "reason"]),
    event("MerchantAssigned", &["merchant", "revision"]),
    event(
        "OrderRecovered",
        &[
            "env",
            "open_id",
            "out_trade_no",
            "product_id",
            "quantity",
            "zone_id",
            "amount_fen",
            "mch_order_no",
            "transaction_id",
            "evidence",
            "bill_sha256",
            "bill_line",
            "proposed_by",
            "approved_by",
        ],
    ),
    event(
        "RecoveryProposed",
        &[
            "merchant",
            "out_trade_no",
            "open_id",
            "product_id",
            "quantity",
            "zone_id",
            "amount_fen",
            "transaction_id",
            "mch_order_no",
            "evidence",
            "bill_sha256",
            "bill_line",
            "revision",
            "by",
        ],
    ),
    event("RecoveryWithdrawn", &["reason", "revision", "by"]),
    event("RecoveryApproved", &["revision", "by"]),
    event(
        "PaymentClaimed",
        &["merchant", "transaction_id", "order_app", "out_trade_no", "recovery_revision", "by"],
    ),
    event(
        "BillOpened",
        &[
            "revision",
            "merchant",
            "bill_day",
            "kind",
            "covers",
            "sha256",
            "file_name",
            "profile",
            "rows",
            "by",
        ],
    ),
    event_of_lines("BillLines", BillLine::COLUMNS),
    event_of_lines("FundLines", FundLine::COLUMNS),
    event(
        "BillSealed",
        &[
            "revision",
            "merchant",
            "bill_day",
            "kind",
            "covers",
            "sha256",
            "rows",
            "payments",
            "refunds",
            "order_fen",
            "settlement_fen",
            "coupon_fen",
            "refund_fen",
            "coupon_refund_fen",
            "applied_refund_fen",
            "fee_millifen",
            "incomes",
            "income_fen",
            "expenses",
            "expense_fen",
        ],
    ),
    event(
        "BillSuperseded",
        &["revision", "merchant", "bill_day", "kind", "sha256", "by_sha256", "reason", "by"],
    ),
    event("BillDayDeclaredEmpty", &["revision", "merchant", "bill_day", "kind", "covers", "reason", "by"]),
    event("CaseResolved", &["merchant", "kind", "id", "status", "facts", "reason", "revision", "by"]),
    event("CaseReopened", &["merchant", "kind", "id", "reason", "revision", "by"]),
    event(
        "PeriodPrepared",
        &["merchant", "month", "report_sha256", "report_position", "summary", "revision", "by"],
    ),
    event("PeriodClosed", &["merchant", "month", "report_sha256", "report_position", "revision", "by"]),
    event("PeriodReopened", &["merchant", "month", "reason", "revision", "by"]),
    event("ReportFiled", &["sha256", "part", "parts", "gzip_base64"]),
    event(
        "LedgerSealed",
        &[
            "revision",
            "log_id",
            "count",
            "position",
            "segment",
            "root",
            "sealed_at",
            "public_key",
            "signature",
        ],
    ),
];

/// Every event type there is, once.
pub fn catalogue() -> &'static [EventFields] {
    CATALOGUE
}

/// The place of an event type in the catalogue; `None` for one that only a newer version knows.
pub fn kind_of(event_type: &str) -> Option<usize> {
    CATALOGUE.iter().position(|event| event.event_type == event_type)
}
