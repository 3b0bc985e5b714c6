//! Random worlds: few orders, refunds, mocks and bills with few ids, so that they meet in every way. Each world has
//! merchants, apps and ids of its own, so that one log holds hundreds of them.

mod bills;

use chrono::{DateTime, TimeDelta, Utc};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};

use super::facts::{About, Bought, Fact, Ids, Line, Purchase, Stream};

/// The days that bills are of; what is pushed comes then too.
const DAYS: i64 = 5;

pub struct World {
    pub number: u64,
    pub merchants: [String; 2],
    pub streams: Vec<Stream>,
}

/// Midnight in Beijing of one of the world's days.
pub fn midnight(day: i64) -> DateTime<Utc> {
    // 2026-01-05
    DateTime::from_timestamp(1_767_542_400 + day * 86_400, 0).unwrap()
}

struct Drawing {
    rng: StdRng,
    number: u64,
    merchants: [String; 2],
    streams: Vec<Stream>,
    /// What the bills' lines are drawn from.
    lines: Vec<(usize, Line)>,
}

pub fn world(number: u64) -> World {
    let merchants = [format!("1{number:06}0"), format!("1{number:06}1")];
    let rng = StdRng::seed_from_u64(number);
    let mut drawing = Drawing { rng, number, merchants, streams: vec![], lines: vec![] };
    let merchant_of_b = drawing.apps();
    drawing.orders(merchant_of_b);
    drawing.refunds(merchant_of_b);
    drawing.beside();
    drawing.lines_of_nothing();
    for merchant in 0..2 {
        drawing.bills(merchant);
    }
    drawing.refund_of_another_channel();
    World { number, merchants: drawing.merchants, streams: drawing.streams }
}

impl World {
    /// The order in which the streams' facts are recorded: at random, each stream's in their own. Apps are
    /// registered first; what takes the place of a bill is sealed in the same append as the other is superseded.
    pub fn interleaved(&self, seed: u64) -> Vec<(usize, usize)> {
        let mut rng = StdRng::seed_from_u64(seed ^ (self.number << 20));
        let mut taken = vec![0; self.streams.len()];
        let mut order = vec![];
        let is_app = |stream: &Stream| matches!(stream.about, About::App { .. });
        for place in (0..self.streams.len()).filter(|place| is_app(&self.streams[*place])) {
            order.push((place, 0));
            taken[place] = 1;
        }
        loop {
            let is_left = |place: &usize| taken[*place] < self.streams[*place].facts.len();
            let left: Vec<_> = (0..self.streams.len()).filter(is_left).collect();
            let Some(stream) = left.choose(&mut rng) else { return order };
            loop {
                let place = taken[*stream];
                order.push((*stream, place));
                taken[*stream] += 1;
                if !matches!(self.streams[*stream].facts[place].0, Fact::BillSuperseded { .. }) {
                    break;
                }
            }
        }
    }

    /// Whether something of the result depends on what came first: a price meaning or a merchant that changes.
    pub fn depends_on_positions(&self) -> bool {
        let changes = |stream: &Stream| {
            let is_change = |(fact, _): &&(Fact, DateTime<Utc>)| matches!(fact, Fact::PriceChanged { .. });
            let is_assignment = |(fact, _): &&(Fact, DateTime<Utc>)| matches!(fact, Fact::Assigned { .. });
            stream.facts.iter().any(|fact| is_change(&fact))
                || stream.facts.iter().filter(is_assignment).count() > 1
        };
        self.streams.iter().any(changes)
    }
}

/// An attempt to give the same back that came to nothing, of some.
fn failed_before(line: &Line) -> Option<Line> {
    let is_retried = |id: &&String| id.ends_with(['3', '7']);
    let wx_refund_id = line.wx_refund_id.as_ref().filter(is_retried).map(|id| format!("{id}9"))?;
    let (traded_at, refund_state) = (line.traded_at - TimeDelta::minutes(5), Some("FAIL"));
    Some(Line {
        wx_refund_id: Some(wx_refund_id),
        traded_at,
        refund_state,
        refunded_at: None,
        ..line.clone()
    })
}

/// The payments that an order says it is.
fn claims(stream: &Stream) -> Option<Vec<&String>> {
    let About::Order { .. } = stream.about else { return None };
    let ids = stream.facts.iter().filter_map(|(fact, _)| match fact {
        Fact::Delivered(purchase) => Some(&purchase.ids),
        Fact::Identified(ids) => Some(ids),
        _ => None,
    });
    Some(ids.flat_map(|ids| ids.tx.iter().chain(&ids.mch)).collect())
}

impl Drawing {
    fn chance(&mut self, percent: u32) -> bool {
        self.rng.random_ratio(percent, 100)
    }

    fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices.choose(&mut self.rng).unwrap().clone()
    }

    fn moment(&mut self) -> DateTime<Utc> {
        let day = self.rng.random_range(0..DAYS);
        // Close to midnight, or anywhere.
        let minute = if self.chance(30) {
            self.one_of(&[0, 1, 3, 4, 5, 1439])
        } else {
            self.rng.random_range(0..1440)
        };
        midnight(day) + TimeDelta::minutes(minute)
    }

    fn tx(&mut self) -> String {
        format!("T{}-{}", self.number, self.rng.random_range(0..4))
    }

    fn mch(&mut self) -> String {
        format!("M{}-{}", self.number, self.rng.random_range(0..4))
    }

    fn ids(&mut self) -> Ids {
        let (tx, mch) = (self.tx(), self.mch());
        let (with_tx, with_mch) = (self.chance(50), self.chance(60));
        Ids { tx: with_tx.then_some(tx), mch: with_mch.then_some(mch) }
    }

    fn app(&self, letter: char) -> String {
        format!("w{}{letter}", self.number)
    }

    fn app_id(&self, letter: char) -> String {
        format!("wx{}{letter}", self.number)
    }

    /// Which of the merchants the second app's payments go to.
    fn apps(&mut self) -> usize {
        let of_b = usize::from(self.chance(40));
        for (letter, merchant) in [('a', 0), ('b', of_b)] {
            let registered = Fact::Registered { app_id: self.app_id(letter), per_unit: self.chance(30) };
            let mut facts = vec![
                (registered, midnight(0)),
                (Fact::Assigned { merchant: self.merchants[merchant].clone() }, midnight(0)),
            ];
            if self.chance(12) {
                let per_unit = !matches!(facts[0].0, Fact::Registered { per_unit: true, .. });
                facts.push((Fact::PriceChanged { per_unit }, self.moment()));
            }
            if letter == 'b' && self.chance(12) {
                facts
                    .push((Fact::Assigned { merchant: self.merchants[1 - merchant].clone() }, self.moment()));
            }
            self.streams.push(Stream { about: About::App { app: self.app(letter) }, facts });
        }
        of_b
    }

    fn purchase(&mut self, ids: Ids, is_sandbox: bool) -> Purchase {
        let bought = match self.rng.random_range(0..20) {
            0 => Bought::MallTest,
            1..=4 => Bought::Coins,
            5 | 6 if !is_sandbox => Bought::Recovered,
            _ => Bought::Goods,
        };
        let quantity = self.rng.random_range(1..=3);
        let price_fen = self.one_of(&[0, 100, 100, 200, 300]);
        Purchase { bought, quantity, price_fen, ids }
    }

    fn orders(&mut self, merchant_of_b: usize) {
        for number in 0..self.rng.random_range(1..=6) {
            let (letter, merchant) = if self.chance(75) { ('a', 0) } else { ('b', merchant_of_b) };
            let is_sandbox = self.chance(12);
            let own = Ids {
                tx: Some(format!("T{}-{}", self.number, number % 4)),
                mch: Some(format!("M{}-{}", self.number, number % 4)),
            };
            let (first, later) = match self.rng.random_range(0..10) {
                0..=4 => (own.clone(), None),
                5 => (Ids { tx: None, ..own.clone() }, None),
                6 => (Ids::default(), Some(own.clone())),
                7 => (Ids { tx: None, ..own.clone() }, Some(Ids { mch: None, ..own.clone() })),
                8 => (Ids::default(), None),
                _ => (self.ids(), None),
            };
            let purchase = self.purchase(first, is_sandbox);
            let mut at = self.moment();
            self.billed(merchant, letter, &purchase, &own, at);
            let mut facts = vec![(Fact::Delivered(purchase.clone()), at)];
            let mut later: Vec<_> = later.map(Fact::Identified).into_iter().collect();
            if self.chance(8) && purchase.bought != Bought::Recovered {
                later.push(Fact::Contradicted);
            }
            if matches!(purchase.bought, Bought::Goods | Bought::MallTest | Bought::Recovered) {
                let said = [
                    vec![],
                    vec![Fact::Granted],
                    vec![Fact::GrantRefused],
                    vec![Fact::Granted, Fact::GrantRevoked],
                ];
                later.extend(self.one_of(&said));
            }
            for fact in later {
                at += TimeDelta::minutes(self.rng.random_range(0..900));
                facts.push((fact, at));
            }
            let about = About::Order { app: self.app(letter), is_sandbox, number: format!("N{number}") };
            self.streams.push(Stream { about, facts });
        }
    }

    /// What an order leaves in a bill, mostly as it should be.
    fn billed(
        &mut self,
        merchant: usize,
        letter: char,
        purchase: &Purchase,
        own: &Ids,
        pushed_at: DateTime<Utc>,
    ) {
        if self.chance(20) {
            return;
        }
        let pay_to_push = self.one_of(&[1, 1, 30, 600, 24 * 60 + 4, 24 * 60 + 5, 3000]);
        let mut line = Line {
            is_refund: false,
            traded_at: pushed_at - TimeDelta::minutes(pay_to_push),
            app_id: Some(self.app_id(letter)),
            tx: own.tx.clone().unwrap(),
            mch: own.mch.clone(),
            state: "SUCCESS",
            currency: Some("CNY"),
            order_fen: Some(purchase.price_fen),
            settlement_fen: Some(purchase.price_fen),
            coupon_fen: Some(0),
            wx_refund_id: None,
            refund_state: None,
            applied_fen: None,
            refund_fen: None,
            refunded_at: None,
        };
        if self.chance(15) {
            line.order_fen = line.order_fen.map(|fen| fen * i64::from(purchase.quantity));
        }
        if self.chance(35) {
            self.disturb(&mut line);
        }
        let merchant = if self.chance(4) { 1 - merchant } else { merchant };
        self.lines.push((merchant, line));
    }

    fn disturb(&mut self, line: &mut Line) {
        match self.rng.random_range(0..8) {
            0 => line.mch = Some(self.mch()),
            1 => line.mch = None,
            2 => line.app_id = None,
            3 => line.app_id = Some(self.one_of(&[self.app_id('a'), self.app_id('b'), self.app_id('z')])),
            4 if !line.is_refund => line.state = "REVOKED",
            5 => line.currency = self.one_of(&[None, Some("USD"), Some("USD")]),
            6 if !line.is_refund => {
                let coupon = self.one_of(&[0, 50]);
                (line.settlement_fen, line.coupon_fen) =
                    (line.order_fen.map(|fen| fen - coupon), Some(coupon));
                if self.chance(50) {
                    line.order_fen = None;
                }
            }
            _ if line.is_refund => {
                line.refund_state = self.one_of(&[None, Some("PROCESSING"), Some("FAIL"), Some("CHANGE")])
            }
            _ => line.order_fen = Some(self.one_of(&[100, 200, 300])),
        }
    }

    fn refunds(&mut self, merchant_of_b: usize) {
        for number in 0..self.rng.random_range(0..=4) {
            let (letter, merchant) = if self.chance(85) { ('a', 0) } else { ('b', merchant_of_b) };
            let is_sandbox = self.chance(6);
            let fen = self.one_of(&[100, 100, 200]);
            let of = self.rng.random_range(0..4);
            let own = Ids {
                tx: Some(format!("T{}-{of}", self.number)),
                mch: Some(format!("M{}-{of}", self.number)),
            };
            let named = self.chance(50).then(|| format!("N{of}"));
            let (first, later) = match self.rng.random_range(0..8) {
                0..=3 => (own.clone(), None),
                4 => (Ids { tx: None, ..own.clone() }, None),
                5 => (Ids::default(), Some(own.clone())),
                6 => (Ids::default(), None),
                _ => (self.ids(), None),
            };
            // Of what was not paid through WeChat Pay the refund has no ids either.
            let is_unpaid = named.as_ref().is_some_and(|number| self.is_without_ids(letter, number));
            let (first, later) = if is_unpaid { (Ids::default(), None) } else { (first, later) };
            let at = self.moment();
            if self.chance(75) {
                let mut line = self.refund_line(letter, &own, fen, at);
                if self.chance(30) {
                    self.disturb(&mut line);
                }
                self.lines.extend(failed_before(&line).map(|failed| (merchant, failed)));
                self.lines.push((merchant, line));
            }
            let mut facts = vec![(Fact::Refunded { fen, number: named, ids: first }, at)];
            if let Some(later) = later {
                facts
                    .push((Fact::Identified(later), at + TimeDelta::minutes(self.rng.random_range(0..3000))));
            }
            let about = About::Refund { app: self.app(letter), is_sandbox, id: format!("R{number}") };
            self.streams.push(Stream { about, facts });
        }
    }

    fn is_without_ids(&self, letter: char, number: &str) -> bool {
        let about = About::Order { app: self.app(letter), is_sandbox: false, number: number.to_owned() };
        let learns = |(fact, _): &(Fact, DateTime<Utc>)| match fact {
            Fact::Delivered(purchase) => purchase.ids != Ids::default(),
            fact => matches!(fact, Fact::Identified(_)),
        };
        self.streams.iter().any(|stream| stream.about == about && !stream.facts.iter().any(learns))
    }

    /// A refund that names nothing but an order that names no payment.
    fn refund_of_another_channel(&mut self) {
        let without_ids = self.streams.iter().find_map(|stream| match &stream.about {
            About::Order { app, is_sandbox: false, number } if claims(stream)?.is_empty() => {
                Some((app.clone(), number.clone()))
            }
            _ => None,
        });
        if let Some((app, number)) = without_ids.filter(|_| self.chance(50)) {
            let refunded = Fact::Refunded { fen: 100, number: Some(number), ids: Ids::default() };
            let facts = vec![(refunded, self.moment())];
            self.streams
                .push(Stream { about: About::Refund { app, is_sandbox: false, id: "R-else".into() }, facts });
        }
    }

    fn refund_line(&mut self, letter: char, of: &Ids, fen: i64, at: DateTime<Utc>) -> Line {
        let traded_at = at - TimeDelta::minutes(self.one_of(&[0, 10, 1000, 2000]));
        let id = self.rng.random_range(0..1000_i32);
        let succeeded = self.chance(50).then(|| traded_at + TimeDelta::minutes(self.rng.random_range(0..3)));
        let mut line = Line {
            is_refund: true,
            traded_at,
            app_id: Some(self.app_id(letter)),
            tx: of.tx.clone().unwrap(),
            mch: of.mch.clone(),
            state: "REFUND",
            currency: Some("CNY"),
            order_fen: Some(0),
            settlement_fen: Some(0),
            coupon_fen: Some(0),
            wx_refund_id: (!self.chance(6)).then(|| format!("5{}-{id:03}", self.number)),
            refund_state: Some("SUCCESS"),
            applied_fen: self.chance(80).then_some(fen),
            refund_fen: Some(fen),
            refunded_at: succeeded,
        };
        // Some were paid with a coupon in part, which is not given back in money.
        line.refund_fen =
            line.refund_fen.map(|fen| if line.applied_fen.is_some() { fen - i64::from(id % 3) } else { fen });
        line
    }

    /// Mocks and pushes in quarantine.
    fn beside(&mut self) {
        for number in 0..self.rng.random_range(0..=1) {
            let ids = self.ids();
            let purchase = Purchase { bought: Bought::Goods, quantity: 1, price_fen: 100, ids };
            let about = About::Mock { app: self.app('a'), number: format!("K{number}") };
            let facts = vec![(Fact::Mocked(purchase), self.moment())];
            self.streams.push(Stream { about, facts });
        }
        for number in 0..self.rng.random_range(0..=1) {
            let ids = self.ids();
            let mut facts = vec![(Fact::Held(ids), self.moment())];
            facts.extend(
                self.one_of(&[vec![], vec![Fact::Adopted], vec![Fact::Dismissed]])
                    .into_iter()
                    .map(|fact| (fact, midnight(DAYS))),
            );
            self.streams.push(Stream { about: About::Held { app: self.app('a'), number }, facts });
        }
    }

    fn lines_of_nothing(&mut self) {
        for _ in 0..self.rng.random_range(0..=3) {
            let (ids, at, fen) = (self.ids(), self.moment(), self.one_of(&[100, 200]));
            let of = Ids { tx: Some(self.tx()), mch: ids.mch };
            let letter = self.one_of(&['a', 'a', 'a', 'b', 'z']);
            let mut line = self.refund_line(letter, &of, fen, at);
            if self.chance(60) {
                line = Line {
                    is_refund: false,
                    state: "SUCCESS",
                    order_fen: Some(fen),
                    settlement_fen: Some(fen),
                    wx_refund_id: None,
                    refund_state: None,
                    applied_fen: None,
                    refund_fen: None,
                    refunded_at: None,
                    ..line
                };
            }
            if self.chance(30) {
                self.disturb(&mut line);
            }
            self.lines.push((0, line));
        }
        // Some stand twice, on their day or on another.
        for place in 0..self.lines.len() {
            if self.chance(10) {
                let (merchant, mut line) = self.lines[place].clone();
                if self.chance(50) {
                    line.traded_at += TimeDelta::days(1);
                    if line.is_refund {
                        line.refund_state = Some("SUCCESS");
                    }
                }
                self.lines.push((merchant, line));
            }
        }
    }
}
