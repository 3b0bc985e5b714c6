//! The fields that the data of each event type can have, for whoever reads it without Rust. A test holds
//! it against what is really written.

/// One event type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventFields {
    pub event_type: &'static str,
    /// In the order they are stored. Some are absent where there is nothing to say.
    pub fields: &'static [&'static str],
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
    EventFields { event_type: "AppRegistered", fields: &["app_id", "actual_price_is"] },
    EventFields { event_type: "PriceMeaningChanged", fields: &["from", "to", "revision"] },
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
    },
    EventFields { event_type: "PaymentIdentified", fields: &["mch_order_no", "transaction_id"] },
    EventFields { event_type: "ConflictingPushReceived", fields: ANY_PUSH },
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
    },
    EventFields {
        event_type: "GiftDelivered",
        fields: &["order_id", "open_id", "zone", "gift_type_id", "gift_id", "send_time", "goods"],
    },
    EventFields { event_type: "MockReceived", fields: ANY_PUSH },
    EventFields { event_type: "GoodsGranted", fields: GRANTING },
    EventFields { event_type: "GrantRefused", fields: GRANTING },
    EventFields { event_type: "GrantRevoked", fields: GRANTING },
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
    },
    EventFields {
        event_type: "PushQuarantined",
        fields: &["event", "reason", "detail", "money_at_stake", "out_trade_no"],
    },
    EventFields { event_type: "QuarantineAdopted", fields: &["by", "reason"] },
    EventFields { event_type: "QuarantineDismissed", fields: &["by", "reason"] },
];

/// Every event type there is, once.
pub fn catalogue() -> &'static [EventFields] {
    CATALOGUE
}

/// The place of an event type in the catalogue; `None` for one that only a newer version knows.
pub fn kind_of(event_type: &str) -> Option<usize> {
    CATALOGUE.iter().position(|event| event.event_type == event_type)
}
