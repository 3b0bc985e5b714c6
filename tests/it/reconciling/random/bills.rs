//! The bills of a random world: of each day none, one or several that overlap, some begun and left, some superseded,
//! some declared empty, and fund flow bills beside them.

use chrono::NaiveDate;
use rand::{Rng, RngExt};

use super::super::facts::{About, Fact, Fund, Line, Lines, Stream, beijing_day};
use super::{DAYS, Drawing, midnight};

impl Drawing {
    pub(super) fn bills(&mut self, merchant: usize) {
        for day in -2..DAYS + 1 {
            let date = beijing_day(midnight(day));
            let of_day = |(of, line): &&(usize, Line)| *of == merchant && beijing_day(line.traded_at) == date;
            let mut lines: Vec<Line> =
                self.lines.iter().filter(of_day).map(|(_, line)| line.clone()).collect();
            lines.sort_by_key(|line| (line.tx.clone(), line.traded_at));
            let layouts: [&[&'static str]; 8] = [
                &[],
                &["all"],
                &["all"],
                &["success", "refund"],
                &["all", "success"],
                &["all", "success", "refund"],
                &["success"],
                &["refund", "all"],
            ];
            let layout = if lines.is_empty() && merchant == 1 { &[] } else { self.one_of(&layouts) };
            for kind in layout {
                let kept: Vec<Line> = lines.iter().filter(|line| holds(kind, line)).cloned().collect();
                self.bill(merchant, date, kind, kept);
            }
            if !layout.is_empty() && self.chance(50) {
                self.fund_flow(merchant, date, &lines);
            }
        }
    }

    fn bill(&mut self, merchant: usize, day: NaiveDate, kind: &'static str, lines: Vec<Line>) {
        let is_empty = lines.is_empty();
        let mut facts = vec![];
        if is_empty && self.chance(50) {
            facts.push(Fact::DeclaredEmpty);
        } else {
            let last = if self.chance(10) { self.some_of(&lines) } else { lines.clone() };
            match self.rng.random_range(0..10) {
                0 => {
                    // Another file stood before.
                    let before = self.some_of(&lines);
                    self.file(&mut facts, Lines::Trade(before), true);
                    self.file(&mut facts, Lines::Trade(last), true);
                }
                1 => {
                    // Begun, left, and begun again.
                    self.file(&mut facts, Lines::Trade(lines), false);
                    self.file(&mut facts, Lines::Trade(last), true);
                }
                // Never sealed.
                2 if self.chance(50) => self.file(&mut facts, Lines::Trade(last), false),
                _ => self.file(&mut facts, Lines::Trade(last), true),
            }
        }
        self.bill_stream(merchant, day, kind, facts);
    }

    fn bill_stream(&mut self, merchant: usize, day: NaiveDate, kind: &'static str, facts: Vec<Fact>) {
        let at = midnight(DAYS + 1);
        let facts = facts.into_iter().map(|fact| (fact, at)).collect();
        let about = About::Bill { merchant: self.merchants[merchant].clone(), day, kind };
        self.streams.push(Stream { about, facts });
    }

    fn some_of(&mut self, lines: &[Line]) -> Vec<Line> {
        let mut some = vec![];
        for line in lines {
            let mut line = line.clone();
            match self.rng.random_range(0..6) {
                0 => continue,
                1 if !line.is_refund => line.order_fen = Some(700),
                1 => line.refund_state = Some("PROCESSING"),
                _ => {}
            }
            some.push(line);
        }
        some
    }

    /// One file's facts; of several in a stream the last takes the place of the one before it.
    fn file(&mut self, facts: &mut Vec<Fact>, lines: Lines, is_sealed: bool) {
        let sha = format!("{:064x}", u128::from(self.rng.next_u64()) << 64 | u128::from(self.rng.next_u64()));
        let rows = match &lines {
            Lines::Trade(lines) => lines.len(),
            Lines::Funds(lines) => lines.len(),
        };
        let sealed = facts.iter().rev().find_map(|fact| match fact {
            Fact::BillSealed { sha } => Some(sha.clone()),
            _ => None,
        });
        facts.push(Fact::BillOpened { sha: sha.clone(), rows });
        match lines {
            Lines::Trade(lines) => {
                let (mut rest, mut first_line) = (lines.as_slice(), 2);
                while !rest.is_empty() {
                    let (chunk, left) = rest.split_at(self.rng.random_range(1..=rest.len()));
                    facts.push(Fact::BillLines { first_line, lines: Lines::Trade(chunk.to_vec()) });
                    (rest, first_line) = (left, first_line + chunk.len() as u64);
                }
            }
            Lines::Funds(lines) if lines.is_empty() => {}
            Lines::Funds(_) => facts.push(Fact::BillLines { first_line: 2, lines }),
        }
        if is_sealed {
            facts.extend(sealed.map(|before| Fact::BillSuperseded { sha: before, by_sha: sha.clone() }));
            facts.push(Fact::BillSealed { sha });
        }
    }

    fn fund_flow(&mut self, merchant: usize, day: NaiveDate, lines: &[Line]) {
        let mut funds = vec![];
        for line in lines {
            let amount_fen = line.settlement_fen.filter(|_| !line.is_refund);
            let amount_fen = amount_fen.or(line.refund_fen).or(line.amount()).unwrap_or(0);
            let amount_fen = if self.chance(15) { amount_fen + 1 } else { amount_fen };
            let business_id = line.wx_refund_id.clone().filter(|_| line.is_refund && self.chance(50));
            if self.chance(80) {
                funds.push(Fund {
                    is_income: !line.is_refund,
                    business_id: business_id.unwrap_or_else(|| line.tx.clone()),
                    amount_fen,
                    at: line.traded_at,
                });
            }
        }
        let mut facts = vec![];
        self.file(&mut facts, Lines::Funds(funds), true);
        self.bill_stream(merchant, day, "fundflow", facts);
    }
}

fn holds(kind: &str, line: &Line) -> bool {
    match kind {
        "all" => true,
        "success" => !line.is_refund,
        _ => line.is_refund,
    }
}
