//! What the read models know of an id: the numbers of the same order, the rows of the reconciliation, and where the
//! lines of bills behind them stand. The log itself knows an order by its OutTradeNo only.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::cli::ConfigFile;
use crate::cli::folding::{Projections, ReadModels};
use crate::config::Config;
use crate::domain::app::AppSlug;
use crate::domain::bill::{BillKey, BillKind, MerchantId, Sha256Hex};
use crate::lookup::{self, Found, Players, ReadModelsAndRing};
use crate::projector::{AskError, Question};
use crate::table::{Row, Table};
use crate::{clock, limits};

const RECONCILIATION: &str = "reconciliation";

/// An id, and whose it is where that is known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    pub app: Option<AppSlug>,
    pub id: String,
}

/// Lines of one file of a bill.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Billed {
    pub key: BillKey,
    pub sha256: Sha256Hex,
    pub lines: Vec<u64>,
}

/// What is known, beginning with the id that was asked for.
#[derive(Default)]
pub struct Related {
    pub ids: BTreeSet<Named>,
    /// Of the reconciliation; several pages of the same columns.
    pub rows: Table,
    pub recoveries: Table,
    pub billed: Vec<Billed>,
    /// What could not be looked at, or not at all of it.
    pub notes: BTreeSet<String>,
}

impl Related {
    pub fn nothing(asked: Named) -> Self {
        Self { ids: BTreeSet::from([asked]), ..Self::default() }
    }
}

/// Follows an id through the read models. Where they cannot be asked, only what the log itself says is left.
pub async fn of(file: &ConfigFile, projections: &Projections, config: &Config, asked: Named) -> Related {
    let work = async |models: &ReadModels| Ok(Following::new(models, config, asked.clone()).follow().await);
    match ReadModels::with(file, projections, work).await {
        Ok(related) => related,
        Err(error) => {
            let mut related = Related::nothing(asked);
            related.notes.insert(format!(
                "the read models cannot be asked, so this is only what the log has under the id itself, and no bill: \
                 {error:#}"
            ));
            related
        }
    }
}

struct Following<'a> {
    models: &'a ReadModels,
    config: &'a Config,
    related: Related,
    /// Ids to be looked up, in their order; those before `next` have been.
    asking: Vec<Named>,
}

impl<'a> Following<'a> {
    fn new(models: &'a ReadModels, config: &'a Config, asked: Named) -> Self {
        Self { models, config, related: Related::nothing(asked.clone()), asking: vec![asked] }
    }

    async fn follow(mut self) -> Related {
        let mut next = 0;
        while let Some(named) = self.asking.get(next).cloned() {
            next += 1;
            if next > limits::HISTORY_LOOKUPS_MAX {
                let max = limits::HISTORY_LOOKUPS_MAX;
                self.note(format!("more than {max} ids belong together; the others were not looked up"));
                break;
            }
            self.look_up(&named).await;
            let id = [("id", named.id.as_str())];
            if let Some(rows) = self.ask("rows_by_id", &id, named.app.as_ref()).await {
                add_rows(&mut self.related.rows, rows, "row_key");
            }
        }
        self.recoveries().await;
        self.files().await;
        self.related
    }

    fn note(&mut self, note: String) {
        self.related.notes.insert(note);
    }

    async fn look_up(&mut self, named: &Named) {
        let sources = ReadModelsAndRing {
            projector: self.models.projector.clone(),
            ring: self.config.refused_path.clone(),
            app: named.app.clone(),
            head: self.models.last,
            wait: limits::QUERY_POSITION_WAIT,
        };
        let lookup = lookup::find(&sources, &named.id, clock::now(), Players::Shown).await;
        for looked in &lookup.looked_in {
            if let Some(problem) = &looked.problem {
                self.note(format!("{}: {problem}", looked.place));
            }
        }
        for found in &lookup.found {
            self.learn(named, found);
        }
    }

    /// Which ids something that was found has for the log, and which may lead further.
    fn learn(&mut self, named: &Named, found: &Found) {
        let text =
            |name: &str| found.fields.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        let app = text("app").and_then(|app| AppSlug::parse(app).ok());
        let (for_log, further): (&[&str], &[&str]) = match found.place.as_str() {
            "orders" => (&["out_trade_no"], &["out_trade_no"]),
            "refunds" => (&["refund_id", "order_out_trade_no"], &["order_out_trade_no"]),
            "gifts" => (&["order_id"], &[]),
            // What a player's OpenId finds is not of one order.
            "quarantine" | "conflict" | "mock" if text("open_id") != Some(&named.id) => {
                (&["number"], &["out_trade_no"])
            }
            "billed" => (&["out_trade_no", "refund_id", "transaction_id", "wx_refund_id"], &["out_trade_no"]),
            _ => (&[], &[]),
        };
        for id in for_log.iter().filter_map(|name| text(name)) {
            self.related.ids.insert(Named { app: app.clone(), id: id.to_owned() });
        }
        if let (Some(merchant), Some(kind), Some(id)) = (text("merchant"), text("case_kind"), text("case_id"))
        {
            let id = format!("{merchant}.{kind}.{id}");
            self.related.ids.insert(Named { app: app.clone(), id });
        }
        for id in further.iter().filter_map(|name| text(name)) {
            let named = Named { app: app.clone(), id: id.to_owned() };
            let is_known =
                |other: &Named| other.id == named.id && (other.app == named.app || other.app.is_none());
            if !self.asking.iter().any(is_known) {
                self.asking.push(named);
            }
        }
    }

    /// The orders that people entered from payments among the rows.
    async fn recoveries(&mut self) {
        let payment = |row: Row<'_>| Some((row.text("merchant")?.into(), row.text("transaction_id")?.into()));
        let payments: BTreeSet<(String, String)> = self.related.rows.rows().filter_map(payment).collect();
        for (merchant, transaction_id) in payments {
            let parameters = [("merchant", merchant.as_str()), ("transaction_id", transaction_id.as_str())];
            if let Some(found) = self.ask("recoveries", &parameters, None).await {
                add_rows(&mut self.related.recoveries, found, "position");
            }
        }
    }

    /// In which bills the rows' lines stand: a row knows the file by its hash, and the day.
    async fn files(&mut self) {
        let mut named = Vec::new();
        for row in self.related.rows.rows() {
            let line = row.integer("bill_line").and_then(|line| u64::try_from(line).ok());
            let texts = (row.text("merchant"), row.text("accounting_day"), row.text("bill_sha256"));
            if let ((Some(merchant), Some(day), Some(sha256)), Some(line)) = (texts, line) {
                named.push((merchant.to_owned(), day.to_owned(), sha256.to_owned(), line));
            }
        }
        for (merchant, day, sha256, line) in named {
            let parameters =
                [("merchant", merchant.as_str()), ("from_day", day.as_str()), ("to_day", day.as_str())];
            let Some(files) = self.ask("files", &parameters, None).await else { continue };
            let is_it = |row: &Row<'_>| row.text("sha256") == Some(&sha256);
            let kind = files.rows().find(is_it).and_then(|row| row.text("kind"));
            let key = || {
                let merchant = MerchantId::parse(&merchant).ok()?;
                Some(BillKey { merchant, day: day.parse().ok()?, kind: BillKind::parse(kind?).ok()? })
            };
            match (key(), Sha256Hex::parse(&sha256)) {
                (Some(key), Ok(sha256)) => add_line(&mut self.related.billed, key, sha256, line),
                (None, _) | (_, Err(_)) => {
                    self.note(format!(
                        "line {line} of the file {sha256} of {merchant}: no bill of {day} has that file"
                    ));
                }
            }
        }
    }

    /// Asks the reconciliation; what it cannot answer is noted. Old rows are better than none.
    async fn ask(&mut self, query: &str, given: &[(&str, &str)], app: Option<&AppSlug>) -> Option<Table> {
        let mut parameters: Vec<_> =
            given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        parameters.extend(app.map(|app| ("app".to_owned(), app.to_string())));
        let question = Question {
            projection: RECONCILIATION,
            query,
            parameters: &parameters,
            as_of: clock::now(),
            min_position: self.models.last,
            wait: limits::QUERY_POSITION_WAIT,
        };
        let answer = match self.models.projector.ask(&question).await {
            Err(behind @ AskError::Behind { .. }) => {
                self.note(behind.to_string());
                self.models.projector.ask(&Question { min_position: None, ..question }).await
            }
            answered => answered,
        };
        match answer {
            Ok(answer) => Some(answer.table),
            Err(error) => {
                self.note(format!("{RECONCILIATION}/{query}: {error}"));
                None
            }
        }
    }
}

/// Adds the rows that are not there yet, each known by one column.
fn add_rows(to: &mut Table, from: Table, key: &str) {
    if to.columns.is_empty() {
        to.columns.clone_from(&from.columns);
    }
    let named = |row: Row<'_>| row.text(key).map_or_else(|| format!("{:?}", row.integer(key)), str::to_owned);
    let mut known: BTreeSet<String> = to.rows().map(named).collect();
    let keys: Vec<String> = from.rows().map(named).collect();
    for (name, row) in keys.into_iter().zip(from.rows) {
        if known.insert(name) {
            to.rows.push(row);
        }
    }
}

fn add_line(billed: &mut Vec<Billed>, key: BillKey, sha256: Sha256Hex, line: u64) {
    let known = billed.iter_mut().find(|known| known.key == key && known.sha256 == sha256);
    match known {
        Some(known) if known.lines.contains(&line) => {}
        Some(known) => known.lines.push(line),
        None => billed.push(Billed { key, sha256, lines: vec![line] }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Cell, Column, Unit};

    #[test]
    fn rows_that_several_ids_name_stand_once() {
        let column = Column { name: "row_key".into(), unit: Unit::Id, label: String::new() };
        let table = |keys: &[&str]| Table {
            columns: vec![column.clone()],
            rows: keys.iter().map(|key| vec![Cell::Text((*key).into())]).collect(),
        };
        let mut rows = Table::default();
        for keys in [&["a", "b"][..], &["b", "c"], &[]] {
            add_rows(&mut rows, table(keys), "row_key");
        }
        assert_eq!(rows, table(&["a", "b", "c"]));
    }
}
