//! The fields that the data of each event type can have, for whoever reads it without Rust. A test holds
//! it against what is really written.

/// One event type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventFields {
    pub event_type: &'static str,
    /// In the order they are stored. Some are absent where there is nothing to say.
    pub fields: &'static [&'static str],
    /// Of each line that the event brings, as `columns` names them; empty for an event that brings none.
    pub line_fields: &'static [&'static str],
}

/// The fields of an event that brings lines which hold these: the names of their values, and the lines, each a
/// list of values in that order.
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

const NO_LINES: &[&str] = &[];

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
    EventFields {
        event_type: "AppRegistered",
        fields: &["app_id", "actual_price_is"],
        line_fields: NO_LINES,
    },
    EventFields {
        event_type: "PriceMeaningChanged",
        fields: &["from", "to", "revision"],
        line_fields: NO_LINES,
    },
    EventFields {
        event_type: "GoodsDelivered",
        fields: &[
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
        line_fields: NO_LINES,
    },
    EventFields {
        event_type: "CoinsDelivered",
        fields: &[
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
        line_fields: NO_LINES,
    },
    EventFields {
        event_type: "PaymentIdentified",
        fields: &["mch_order_no", "transaction_id"],
        line_fields: NO_LINES,
    },
    EventFields { event_type: "ConflictingPushReceived", fields: ANY_PUSH, line_fields: NO_LINES },
    EventFields {
        event_type: "RefundSucceeded",
        fields: &[
            "env",
            "refund_id",
            "refund_amount_fen",
            "refund_source",
            "out_trade_no",
            "mch_order_no",
            "transaction_id",
        ],
        line_fields: NO_LINES,
    },
    EventFields {
        event_type: "GiftDelivered",
        fields: &["order_id", "open_id", "zone", "gift_type_id", "gift_id", "send_time", "goods"],
        line_fields: NO_LINES,
    },
    EventFields { event_type: "MockReceived", fields: ANY_PUSH, line_fields: NO_LINES },
    EventFields { event_type: "GoodsGranted", fields: GRANTING, line_fields: NO_LINES },
    EventFields { event_type: "GrantRefused", fields: GRANTING, line_fields: NO_LINES },
    EventFields { event_type: "GrantRevoked", fields: GRANTING, line_fields: NO_LINES },
    EventFields {
        event_type: "RoleReported",
        fields: &[
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
        line_fields: NO_LINES,
    },
    EventFields {
        event_type: "PushQuarantined",
        fields: &["event", "reason", "detail", "money_at_stake", "out_trade_no"],
        line_fields: NO_LINES,
    },
    EventFields { event_type: "QuarantineAdopted", fields: &["by", "reason"], line_fields: NO_LINES },
    EventFields { event_type: "QuarantineDismissed", fields: &["by", "reason"], line_fields: NO_LINES },
    EventFields {
        event_type: "BillLines",
        fields: &["revision", COLUMNS, LINES],
        line_fields: &[
            "line",
            "row",
            "traded_at",
            "app_id",
            "sub_merchant",
            "device",
            "transaction_id",
            "mch_order_no",
            "open_id",
            "trade_type",
            "trade_state",
            "bank",
            "currency",
            "settlement_fen",
            "coupon_fen",
            "wx_refund_id",
            "mch_refund_no",
            "refund_fen",
            "coupon_refund_fen",
            "refund_type",
            "refund_state",
            "product_name",
            "merchant_data",
            "fee_millifen",
            "rate",
            "order_fen",
            "applied_refund_fen",
            "rate_note",
            "refund_applied_at",
            "refund_succeeded_at",
        ],
    },
    EventFields {
        event_type: "FundLines",
        fields: &["revision", COLUMNS, LINES],
        line_fields: &[
            "line",
            "booked_at",
            "business_id",
            "flow_id",
            "business_name",
            "business_type",
            "direction",
            "amount_fen",
            "balance_fen",
            "applicant",
            "note",
            "voucher_id",
        ],
    },
];

/// Every event type there is, once.
pub fn catalogue() -> &'static [EventFields] {
    CATALOGUE
}

/// The place of an event type in the catalogue; `None` for one that only a newer version knows.
pub fn kind_of(event_type: &str) -> Option<usize> {
    CATALOGUE.iter().position(|event| event.event_type == event_type)
}
