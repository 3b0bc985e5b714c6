//! The business content of a verified push: what is compared when it comes again, and what is recorded.

use super::environment::Environment;
use super::fen::Fen;
use super::id::{GiftOrderId, OpenId, OutTradeNo, RefundId};

/// Where the player bought (`GoodsInfo.OrderSource`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OrderSource {
    InGame,
    Mall,
    MallTest,
}

impl OrderSource {
    pub fn from_number(number: i64) -> Option<Self> {
        [Self::InGame, Self::Mall, Self::MallTest].into_iter().find(|source| source.number() == number)
    }

    pub fn number(self) -> i64 {
        match self {
            Self::InGame => 1,
            Self::Mall => 2,
            Self::MallTest => 3,
        }
    }
}

/// Who began a refund (`RefundSource`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundSource {
    Platform,
    Console,
    Api,
}

impl RefundSource {
    pub fn from_number(number: i64) -> Option<Self> {
        [Self::Platform, Self::Console, Self::Api].into_iter().find(|source| source.number() == number)
    }

    pub fn number(self) -> i64 {
        match self {
            Self::Platform => 1,
            Self::Console => 2,
            Self::Api => 3,
        }
    }
}

/// WeChat Pay's two names for a payment; both absent when the order was paid by other means, or while
/// they are not known yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PaymentIds {
    pub mch_order_no: Option<String>,
    pub transaction_id: Option<String>,
}

impl PaymentIds {
    /// True where both name the same thing differently. An absent id contradicts nothing.
    pub fn contradicts(&self, other: &Self) -> bool {
        let differ = |a: &Option<String>, b: &Option<String>| matches!((a, b), (Some(a), Some(b)) if a != b);
        differ(&self.mch_order_no, &other.mch_order_no) || differ(&self.transaction_id, &other.transaction_id)
    }

    /// The ids that `self` has and `known` lacks; `None` when there are none.
    pub fn news_to(&self, known: &Self) -> Option<Self> {
        let news = |mine: &Option<String>, known: &Option<String>| mine.clone().filter(|_| known.is_none());
        let news = Self {
            mch_order_no: news(&self.mch_order_no, &known.mch_order_no),
            transaction_id: news(&self.transaction_id, &known.transaction_id),
        };
        (news != Self::default()).then_some(news)
    }

    /// Fills in what was absent.
    pub fn learn(&mut self, news: &Self) {
        self.mch_order_no = self.mch_order_no.take().or_else(|| news.mch_order_no.clone());
        self.transaction_id = self.transaction_id.take().or_else(|| news.transaction_id.clone());
    }
}

/// A bought item to be delivered. Prices as WeChat sent them; what they mean is the app's setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoodsPush {
    pub env: Environment,
    pub open_id: OpenId,
    pub out_trade_no: OutTradeNo,
    pub product_id: String,
    pub quantity: u32,
    pub zone_id: Option<String>,
    pub orig_price: Fen,
    pub actual_price: Fen,
    pub attach: Option<String>,
    pub order_source: OrderSource,
    pub payment: PaymentIds,
}

/// Coins that WeChat has credited already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoinPush {
    pub env: Environment,
    pub open_id: OpenId,
    pub out_trade_no: OutTradeNo,
    pub zone_id: Option<String>,
    pub buy_quantity: u32,
    pub orig_price: Fen,
    pub actual_price: Fen,
    pub payment: PaymentIds,
}

/// A refund that has been paid out; `payment` names the original payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefundPush {
    pub env: Environment,
    pub refund_id: RefundId,
    pub refund_amount: Fen,
    pub refund_source: RefundSource,
    pub out_trade_no: Option<OutTradeNo>,
    pub payment: PaymentIds,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GiftItem {
    pub id: String,
    pub num: u32,
}

/// A gift from the game circle; costs nothing and has no environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GiftPush {
    pub order_id: GiftOrderId,
    pub open_id: OpenId,
    pub zone: Option<i64>,
    pub gift_type_id: Option<i64>,
    pub gift_id: Option<String>,
    pub send_time: Option<i64>,
    pub goods: Vec<GiftItem>,
}

/// A push that is a fact to record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Push {
    Goods(GoodsPush),
    Coins(CoinPush),
    Refund(RefundPush),
    Gift(GiftPush),
}

impl Push {
    /// The environment; `None` for gifts, which have none.
    pub fn env(&self) -> Option<Environment> {
        match self {
            Self::Goods(goods) => Some(goods.env),
            Self::Coins(coins) => Some(coins.env),
            Self::Refund(refund) => Some(refund.env),
            Self::Gift(_) => None,
        }
    }

    /// The idempotency key without its environment: order number, refund number or gift number.
    pub fn key(&self) -> &str {
        match self {
            Self::Goods(goods) => goods.out_trade_no.as_str(),
            Self::Coins(coins) => coins.out_trade_no.as_str(),
            Self::Refund(refund) => refund.refund_id.as_str(),
            Self::Gift(gift) => gift.order_id.as_str(),
        }
    }

    pub fn payment(&self) -> PaymentIds {
        match self {
            Self::Goods(goods) => goods.payment.clone(),
            Self::Coins(coins) => coins.payment.clone(),
            Self::Refund(refund) => refund.payment.clone(),
            Self::Gift(_) => PaymentIds::default(),
        }
    }

    /// The same business content, payment ids left aside: those may come later.
    pub fn equals_but_for_payment(&self, other: &Self) -> bool {
        self.clone().without_payment() == other.clone().without_payment()
    }

    fn without_payment(mut self) -> Self {
        match &mut self {
            Self::Goods(goods) => goods.payment = PaymentIds::default(),
            Self::Coins(coins) => coins.payment = PaymentIds::default(),
            Self::Refund(refund) => refund.payment = PaymentIds::default(),
            Self::Gift(_) => {}
        }
        self
    }
}

/// "Which roles has this player?": a question, never recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleQuery {
    pub env: Environment,
    pub open_id: OpenId,
    /// 1 to 20.
    pub need_role_num: u32,
}
