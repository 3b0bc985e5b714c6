//! Finding an id wherever it may be: "I paid and got nothing" becomes a verdict with the next step, and what
//! cannot be found says where was looked.
//!
//! The sources are behind a trait, so that the server and a command look in the same way; judging is pure.

mod facts;
mod of_bills;
mod of_orders;
mod of_pushes;
mod sources;
mod then;
mod unseen;
mod verdict;
mod words;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::future::{join, join_all};
use serde::Serialize;

pub use sources::ReadModelsAndRing;
pub use then::ReadModelsThen;
pub use verdict::Verdict;
pub use words::Words;

use crate::limits;
use crate::table::{Row, Table, mask};
use facts::Facts;

/// Where an id may be found.
#[async_trait]
pub trait Sources: Send + Sync {
    /// The rows of a named question; an error says why it cannot be answered.
    async fn ask(&self, place: &Place, id: &str, as_of: DateTime<Utc>) -> Result<Answered, String>;

    /// The requests that never reached the log and claim to have the id.
    async fn refused(&self, id: &str) -> Result<Table, String>;

    /// Whether what is asked is of then, where refused requests are not looked at.
    fn is_of_then(&self) -> bool {
        false
    }
}

/// What a question gave, what it is as of, and what may be missing.
pub struct Answered {
    pub table: Table,
    /// Decimal; `None` before any event.
    pub position: Option<String>,
    /// Why there may be more that this does not know of.
    pub problem: Option<String>,
}

/// A named question that finds an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    pub name: &'static str,
    pub projection: &'static str,
    pub query: &'static str,
    /// The parameter that takes the id.
    pub parameter: &'static str,
    /// Others, fixed.
    pub more: &'static [(&'static str, &'static str)],
}

const fn place(name: &'static str, projection: &'static str, query: &'static str) -> Place {
    Place { name, projection, query, parameter: "id", more: &[] }
}

const PLAYER: &[(&str, &str)] = &[("env", "both")];

const OPERATIONS: Place = place("operations", "operations", "by_id");
const BILLS: Place = place(BILLED, "reconciliation", "rows_by_id");

/// All questions that are asked for an id.
const PLACES: [Place; 8] = [
    place("orders", "orders", "by_id"),
    place("refunds", "orders", "refunds_by_id"),
    place("gifts", "orders", "gifts_by_id"),
    // What quarantine, conflicts and mocks have is told apart by the column `what`.
    OPERATIONS,
    BILLS,
    Place { parameter: "open_id", more: PLAYER, ..place("players_orders", "orders", "by_player") },
    Place { parameter: "open_id", ..place("players_gifts", "orders", "gifts_by_player") },
    Place { parameter: "open_id", more: PLAYER, ..place("players_roles", "roles", "search") },
];
const REFUSED: &str = "refused";
/// The rows of the reconciliation. They only add to what is known: a log without bills needs no reconciliation,
/// and while it is built the verdict is as if there were none.
const BILLED: &str = "billed";

/// Whether players' OpenIds are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Players {
    Shown,
    Masked,
}

/// What was found of an id.
#[derive(Debug, Serialize)]
pub struct Lookup {
    pub id: String,
    pub verdict: Verdict,
    /// The verdict as a sentence, and what to do, in English and in Chinese.
    #[serde(flatten)]
    pub words: Words,
    pub found: Vec<Found>,
    pub looked_in: Vec<LookedIn>,
}

/// One thing that has the id.
#[derive(Debug, PartialEq, Serialize)]
pub struct Found {
    /// orders, refunds, gifts, quarantine, conflict, mock, billed, players_orders, players_gifts, players_roles, refused
    #[serde(rename = "where")]
    pub place: String,
    /// Its fields.
    #[serde(flatten)]
    pub fields: serde_json::Value,
}

/// Where was looked, and how far that place knows the log.
#[derive(Debug, Serialize)]
pub struct LookedIn {
    #[serde(rename = "where")]
    pub place: &'static str,
    pub position: Option<String>,
    /// Why it could not be looked at, or not at all of it.
    pub problem: Option<String>,
}

/// Looks everywhere and judges.
pub async fn find(sources: &dyn Sources, id: &str, as_of: DateTime<Utc>, players: Players) -> Lookup {
    let mut seen = Seen { id, players, facts: Facts::default(), found: vec![], looked_in: vec![] };
    // All at once: each may have to wait.
    let asked = join_all(PLACES.iter().map(|place| sources.ask(place, id, as_of)));
    let (answers, refused) = join(asked, sources.refused(id)).await;
    for (place, answer) in PLACES.iter().zip(answers) {
        seen.learn(place.name, answer);
    }
    let refused = refused.map(|table| Answered { table, position: None, problem: None });
    seen.learn(REFUSED, refused);
    if !seen.facts.is_of_production() {
        let Facts { payments, billed_payments, .. } = &seen.facts;
        // A bill has no OutTradeNo, and a push may lack one of the payment's ids.
        let to_bills = payments.iter().take(limits::LOOKUP_PAYMENTS_MAX).map(|other| (BILLS, other.clone()));
        let to_pushes = billed_payments.iter().take(limits::LOOKUP_PAYMENTS_MAX);
        let pairs: Vec<_> = to_bills.chain(to_pushes.map(|other| (OPERATIONS, other.clone()))).collect();
        let asked = join_all(pairs.iter().map(|(place, other)| sources.ask(place, other, as_of))).await;
        for ((place, _), answer) in pairs.iter().zip(asked) {
            seen.learn(place.name, answer);
        }
    }
    let Seen { mut facts, found, looked_in, .. } = seen;
    let is_missed = |looked: &&LookedIn| looked.problem.is_some() && looked.place != BILLED;
    let unseen = looked_in.iter().filter(is_missed).map(|looked| looked.place);
    facts.unseen = unseen.collect();
    facts.is_of_then = sources.is_of_then() && facts.unseen == [REFUSED];
    let (verdict, words) = verdict::judge(&facts, as_of);
    Lookup { id: id.to_owned(), verdict, words, found, looked_in }
}

/// What is known so far.
struct Seen<'a> {
    id: &'a str,
    players: Players,
    facts: Facts,
    found: Vec<Found>,
    looked_in: Vec<LookedIn>,
}

impl Seen<'_> {
    /// What a place answered; it may be asked for more than one id.
    fn learn(&mut self, place: &'static str, answer: Result<Answered, String>) {
        let (position, problem) = match answer {
            Ok(Answered { table, position, problem }) => {
                table.rows().for_each(|row| self.facts.learn(place, self.id, row));
                for one in shown(place, table, self.players) {
                    if !self.found.contains(&one) {
                        self.found.push(one);
                    }
                }
                (position, problem)
            }
            Err(problem) => (None, Some(problem)),
        };
        match self.looked_in.iter_mut().find(|looked| looked.place == place) {
            Some(looked) => looked.problem = looked.problem.take().or(problem),
            None => self.looked_in.push(LookedIn { place, position, problem }),
        }
    }
}

fn shown(place: &str, mut table: Table, players: Players) -> Vec<Found> {
    if players == Players::Masked {
        mask::table(&mut table);
    }
    let found = |row: Row<'_>| {
        let place = row.text(facts::WHAT).unwrap_or(place).to_owned();
        // A row is an object of plain values, which can always be written.
        Found { place, fields: serde_json::to_value(row).unwrap_or_default() }
    };
    table.rows().map(found).collect()
}

#[cfg(test)]
#[path = "find_tests.rs"]
mod tests;
