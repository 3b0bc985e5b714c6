//! The fields that a column of a file can fill, by the names they have in a line and in the configuration.

macro_rules! fields {
    ($($field:ident $key:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Field {
            $($field,)*
        }

        impl Field {
            pub const ALL: [Self; [$(Self::$field),*].len()] = [$(Self::$field),*];

            /// As the line and the configuration call it.
            pub fn key(self) -> &'static str {
                match self {
                    $(Self::$field => $key,)*
                }
            }
        }
    };
}

fields! {
    // Of both.
    Merchant "merchant",
    RowWord "row_word",
    // Of trade bills. `AmountFen` is the order's amount in a payment's row and the refund's in a refund's.
    TradedAt "traded_at",
    AppId "app_id",
    SubMerchant "sub_merchant",
    Device "device",
    TransactionId "transaction_id",
    MchOrderNo "mch_order_no",
    OpenId "open_id",
    TradeType "trade_type",
    TradeState "trade_state",
    Bank "bank",
    Currency "currency",
    SettlementFen "settlement_fen",
    CouponFen "coupon_fen",
    WxRefundId "wx_refund_id",
    MchRefundNo "mch_refund_no",
    RefundFen "refund_fen",
    CouponRefundFen "coupon_refund_fen",
    RefundType "refund_type",
    RefundState "refund_state",
    ProductName "product_name",
    MerchantData "merchant_data",
    FeeMillifen "fee_millifen",
    Rate "rate",
    OrderFen "order_fen",
    AppliedRefundFen "applied_refund_fen",
    RateNote "rate_note",
    RefundAppliedAt "refund_applied_at",
    RefundSucceededAt "refund_succeeded_at",
    // Of both, with another meaning in each.
    AmountFen "amount_fen",
    // Of fund flow bills.
    BookedAt "booked_at",
    BusinessId "business_id",
    FlowId "flow_id",
    BusinessName "business_name",
    BusinessType "business_type",
    BalanceFen "balance_fen",
    Applicant "applicant",
    Note "note",
    VoucherId "voucher_id",
}

impl Field {
    pub const COUNT: usize = Self::ALL.len();

    /// Those of a trade bill that the configuration can name.
    pub fn of_trade() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|field| {
            *field == Self::Merchant || (*field >= Self::TradedAt && *field <= Self::AmountFen)
        })
    }

    /// Those of a fund flow bill.
    pub fn of_funds() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|field| *field == Self::Merchant || *field >= Self::AmountFen)
    }
}
