//! What happens in a world of reconciliation, in plain words, and what is known of it all once it has been
//! recorded in some order: sets of facts, without SQL and without the program's own decisions.

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

/// WeChat Pay's two names of a payment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    pub tx: Option<String>,
    pub mch: Option<String>,
}

impl Ids {
    /// What is known first stays.
    fn learn(&mut self, news: &Self) {
        self.tx = self.tx.take().or_else(|| news.tx.clone());
        self.mch = self.mch.take().or_else(|| news.mch.clone());
    }

    pub fn names(&self, other: &Self) -> bool {
        same(&self.tx, &other.tx) || same(&self.mch, &other.mch)
    }
}

/// Both known, and the same.
pub fn same(one: &Option<String>, other: &Option<String>) -> bool {
    one.is_some() && one == other
}

/// A row of a trade bill, with what reconciliation looks at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    pub is_refund: bool,
    pub traded_at: DateTime<Utc>,
    pub app_id: Option<String>,
    pub tx: String,
    pub mch: Option<String>,
    pub state: &'static str,
    pub currency: Option<&'static str>,
    pub order_fen: Option<i64>,
    pub settlement_fen: Option<i64>,
    pub coupon_fen: Option<i64>,
    pub wx_refund_id: Option<String>,
    pub refund_state: Option<&'static str>,
    pub applied_fen: Option<i64>,
    pub refund_fen: Option<i64>,
    pub refunded_at: Option<DateTime<Utc>>,
}

impl Line {
    pub fn amount(&self) -> Option<i64> {
        if self.is_refund {
            self.applied_fen.or(self.refund_fen)
        } else {
            self.order_fen.or_else(|| Some(self.settlement_fen? + self.coupon_fen.unwrap_or(0)))
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fund {
    pub is_income: bool,
    pub business_id: String,
    pub amount_fen: i64,
    pub at: DateTime<Utc>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lines {
    Trade(Vec<Line>),
    Funds(Vec<Fund>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bought {
    Goods,
    /// Paid in the mall's test.
    MallTest,
    Coins,
    /// Entered by people from a bill.
    Recovered,
}

#[derive(Clone, Debug)]
pub struct Purchase {
    pub bought: Bought,
    pub quantity: u32,
    /// As WeChat sent it; of a recovered order the whole amount.
    pub price_fen: i64,
    pub ids: Ids,
}

#[derive(Clone, Debug)]
pub enum Fact {
    Registered {
        app_id: String,
        per_unit: bool,
    },
    PriceChanged {
        per_unit: bool,
    },
    Assigned {
        merchant: String,
    },
    Delivered(Purchase),
    Refunded {
        fen: i64,
        number: Option<String>,
        ids: Ids,
    },
    Identified(Ids),
    /// Another content under the same number.
    Contradicted,
    Granted,
    GrantRefused,
    GrantRevoked,
    Mocked(Purchase),
    Held(Ids),
    Adopted,
    Dismissed,
    BillOpened {
        sha: String,
        rows: usize,
    },
    BillLines {
        first_line: u64,
        lines: Lines,
    },
    /// Directly before the seal of what comes instead; names what stood.
    BillSuperseded {
        sha: String,
        by_sha: String,
    },
    BillSealed {
        sha: String,
    },
    DeclaredEmpty,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum About {
    App { app: String },
    Order { app: String, is_sandbox: bool, number: String },
    Refund { app: String, is_sandbox: bool, id: String },
    Mock { app: String, number: String },
    Held { app: String, number: usize },
    Bill { merchant: String, day: NaiveDate, kind: &'static str },
}

/// Facts in their order, each with its moment.
#[derive(Clone, Debug)]
pub struct Stream {
    pub about: About,
    pub facts: Vec<(Fact, DateTime<Utc>)>,
}

#[derive(Clone, Debug)]
pub struct App {
    pub app: String,
    pub app_id: String,
    /// Since when an order's price is that of one unit, or of all.
    pub meanings: Vec<(usize, bool)>,
    pub assignments: Vec<(usize, String)>,
}

impl App {
    /// The first assignment also covers what came before.
    pub fn merchant_at(&self, position: usize) -> Option<&str> {
        let last = self.assignments.iter().rev().find(|(since, _)| *since <= position);
        last.or(self.assignments.first()).map(|(_, merchant)| merchant.as_str())
    }

    fn is_per_unit_at(&self, position: usize) -> bool {
        let last = self.meanings.iter().rev().find(|(since, _)| *since <= position);
        last.is_some_and(|(_, per_unit)| *per_unit)
    }
}

#[derive(Clone, Debug)]
pub struct Order {
    pub app: String,
    pub merchant: Option<String>,
    pub is_sandbox: bool,
    pub number: String,
    pub bought: Bought,
    pub quantity: u32,
    pub amount_fen: i64,
    pub ids: Ids,
    pub is_contradicted: bool,
    pub grant: &'static str,
    pub position: usize,
    pub first_at: DateTime<Utc>,
}

#[derive(Clone, Debug)]
pub struct Refund {
    pub app: String,
    pub merchant: Option<String>,
    pub is_sandbox: bool,
    pub id: String,
    pub fen: i64,
    pub number: Option<String>,
    pub ids: Ids,
    pub position: usize,
    pub first_at: DateTime<Utc>,
}

/// A bill of one day and kind: what the last sealed file says, or that there is nothing.
#[derive(Clone, Debug)]
pub struct Bill {
    pub merchant: String,
    pub day: NaiveDate,
    pub kind: &'static str,
    pub sha: Option<String>,
    pub is_declared_empty: bool,
    pub lines: Vec<(u64, Line)>,
    pub funds: Vec<Fund>,
}

impl Bill {
    pub fn stands(&self) -> bool {
        self.sha.is_some() || self.is_declared_empty
    }
}

/// Everything that is known at the end.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    pub apps: Vec<App>,
    pub orders: Vec<Order>,
    pub refunds: Vec<Refund>,
    /// Ids of mocks.
    pub mocks: Vec<(String, Ids)>,
    /// Ids of what is still in quarantine.
    pub held: Vec<(String, Ids)>,
    pub bills: Vec<Bill>,
}

pub fn beijing_day(at: DateTime<Utc>) -> NaiveDate {
    (at + TimeDelta::hours(8)).date_naive()
}

impl Seen {
    /// `order`: of each fact recorded, its stream and its place there; where it stands in this list is its position.
    pub fn of(world: &[Stream], order: &[(usize, usize)]) -> Self {
        let mut seen = Self::default();
        for (number, stream) in world.iter().enumerate() {
            let of_stream = order.iter().enumerate().filter(|(_, (recorded, _))| *recorded == number);
            let facts = of_stream.map(|(position, (_, place))| {
                let (fact, at) = &stream.facts[*place];
                (position, fact, *at)
            });
            seen.take(&stream.about, &facts.collect::<Vec<_>>());
        }
        for order in &mut seen.orders {
            let app = seen.apps.iter().find(|app| app.app == order.app).unwrap();
            order.merchant = app.merchant_at(order.position).map(str::to_owned);
            if matches!(order.bought, Bought::Goods | Bought::MallTest) && app.is_per_unit_at(order.position)
            {
                order.amount_fen *= i64::from(order.quantity);
            }
        }
        seen.orders.sort_by_key(|order| order.position);
        for refund in &mut seen.refunds {
            let app = seen.apps.iter().find(|app| app.app == refund.app).unwrap();
            let named = named_by(refund, &seen.orders).and_then(|order| order.merchant.clone());
            refund.merchant = named.or_else(|| app.merchant_at(refund.position).map(str::to_owned));
        }
        seen
    }

    fn take(&mut self, about: &About, facts: &[(usize, &Fact, DateTime<Utc>)]) {
        match about {
            About::App { app } => self.apps.push(app_of(app, facts)),
            About::Order { app, is_sandbox, number } => {
                self.orders.extend(order_of(app, *is_sandbox, number, facts))
            }
            About::Refund { app, is_sandbox, id } => {
                self.refunds.extend(refund_of(app, *is_sandbox, id, facts))
            }
            About::Mock { app, .. } => {
                for (_, fact, _) in facts {
                    if let Fact::Mocked(purchase) = fact {
                        self.mocks.push((app.clone(), purchase.ids.clone()));
                    }
                }
            }
            About::Held { app, .. } => {
                let is_open =
                    !facts.iter().any(|(_, fact, _)| matches!(fact, Fact::Adopted | Fact::Dismissed));
                if let (Some((_, Fact::Held(ids), _)), true) = (facts.first(), is_open) {
                    self.held.push((app.clone(), ids.clone()));
                }
            }
            About::Bill { merchant, day, kind } => self.bills.push(bill_of(merchant, *day, kind, facts)),
        }
    }
}

/// The order that a refund names, whoever was paid then: by number, else by TransactionId, else by MchOrderNo.
fn named_by<'a>(refund: &Refund, orders: &'a [Order]) -> Option<&'a Order> {
    let find = |is_it: &dyn Fn(&Order) -> bool| {
        let mut of_app = orders.iter().filter(|order| order.app == refund.app && !order.is_sandbox);
        of_app.find(|order| is_it(order))
    };
    find(&|order| refund.number.as_ref() == Some(&order.number))
        .or_else(|| find(&|order| same(&order.ids.tx, &refund.ids.tx)))
        .or_else(|| find(&|order| same(&order.ids.mch, &refund.ids.mch)))
}

fn app_of(app: &str, facts: &[(usize, &Fact, DateTime<Utc>)]) -> App {
    let mut known = App { app: app.to_owned(), app_id: String::new(), meanings: vec![], assignments: vec![] };
    for (position, fact, _) in facts {
        match fact {
            Fact::Registered { app_id, per_unit } => {
                known.app_id = app_id.clone();
                known.meanings.push((*position, *per_unit));
            }
            Fact::PriceChanged { per_unit } => known.meanings.push((*position, *per_unit)),
            Fact::Assigned { merchant } => known.assignments.push((*position, merchant.clone())),
            other => panic!("{other:?} is no fact of an app"),
        }
    }
    known
}

fn order_of(
    app: &str,
    is_sandbox: bool,
    number: &str,
    facts: &[(usize, &Fact, DateTime<Utc>)],
) -> Option<Order> {
    let (position, Fact::Delivered(first), first_at) = facts.first()? else {
        panic!("an order begins otherwise")
    };
    let mut order = Order {
        app: app.to_owned(),
        merchant: None,
        is_sandbox,
        number: number.to_owned(),
        bought: first.bought,
        quantity: first.quantity,
        amount_fen: first.price_fen,
        ids: first.ids.clone(),
        is_contradicted: false,
        grant: "none",
        position: *position,
        first_at: *first_at,
    };
    for (_, fact, _) in &facts[1..] {
        match fact {
            Fact::Identified(news) => order.ids.learn(news),
            Fact::Contradicted => order.is_contradicted = true,
            Fact::Granted => order.grant = "granted",
            Fact::GrantRefused => order.grant = "refused",
            Fact::GrantRevoked => order.grant = "revoked",
            other => panic!("{other:?} is no later fact of an order"),
        }
    }
    Some(order)
}

fn refund_of(
    app: &str,
    is_sandbox: bool,
    id: &str,
    facts: &[(usize, &Fact, DateTime<Utc>)],
) -> Option<Refund> {
    let (position, Fact::Refunded { fen, number, ids }, first_at) = facts.first()? else {
        panic!("a refund begins otherwise")
    };
    let mut ids = ids.clone();
    for (_, fact, _) in &facts[1..] {
        if let Fact::Identified(news) = fact {
            ids.learn(news);
        }
    }
    Some(Refund {
        app: app.to_owned(),
        merchant: None,
        is_sandbox,
        id: id.to_owned(),
        fen: *fen,
        number: number.clone(),
        ids,
        position: *position,
        first_at: *first_at,
    })
}

/// A file that is not sealed yet: its SHA-256, its lines, its fund lines.
type Open = (String, Vec<(u64, Line)>, Vec<Fund>);

fn bill_of(
    merchant: &str,
    day: NaiveDate,
    kind: &'static str,
    facts: &[(usize, &Fact, DateTime<Utc>)],
) -> Bill {
    let mut bill = Bill {
        merchant: merchant.to_owned(),
        day,
        kind,
        sha: None,
        is_declared_empty: false,
        lines: vec![],
        funds: vec![],
    };
    let mut open: Option<Open> = None;
    for (_, fact, _) in facts {
        match fact {
            Fact::BillOpened { sha, .. } => open = Some((sha.clone(), vec![], vec![])),
            Fact::BillLines { first_line, lines } => {
                let (_, trade, funds) = open.as_mut().expect("lines come after the opening");
                match lines {
                    Lines::Trade(lines) => trade.extend((*first_line..).zip(lines.iter().cloned())),
                    Lines::Funds(lines) => funds.extend(lines.iter().cloned()),
                }
            }
            // What comes instead is sealed in the same append.
            Fact::BillSuperseded { .. } => {}
            Fact::BillSealed { sha } => {
                let (opened, lines, funds) = open.take().expect("what is sealed was opened");
                assert_eq!(&opened, sha);
                (bill.sha, bill.lines, bill.funds) = (Some(opened), lines, funds);
            }
            Fact::DeclaredEmpty => bill.is_declared_empty = true,
            other => panic!("{other:?} is no fact of a bill"),
        }
    }
    bill
}
