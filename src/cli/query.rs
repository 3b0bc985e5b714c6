//! `order-ledger query`: asks a named query of a read model.

use std::io::Write;
use std::process::ExitCode;

use super::folding::{Projections, ReadModels};
use super::output::{Format, OutFile, Shown};
use super::{ConfigFile, is_configured, load_config};
use crate::domain::bill::MerchantId;
use crate::projector::{Answer, AskError, Parameter, QueryDeclaration, Question};
use crate::store::Position;
use crate::table::{self, Table};
use crate::{clock, limits};

/// Ask a named query of a read model; without names: say which there are
///
/// Reads the files that a running server folds. Where none runs, what has not been folded yet is folded first.
#[derive(clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    projections: Projections,
    /// The projection, such as orders
    projection: Option<String>,
    /// Its query, such as search
    query: Option<String>,
    /// Parameters, such as env=sandbox
    #[arg(value_name = "NAME=VALUE", value_parser = named_value)]
    parameters: Vec<(String, String)>,
    #[command(flatten)]
    shown: Shown,
}

fn named_value(text: &str) -> Result<(String, String), String> {
    let named = text.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
    named.ok_or_else(|| "write NAME=VALUE".to_owned())
}

pub fn run(args: Args) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(ask(args))
}

async fn ask(args: Args) -> anyhow::Result<ExitCode> {
    let Args { config, projections, projection, query, parameters, shown } = args;
    shown.format()?;
    ReadModels::with(&config, &projections, async |models| {
        let (Some(projection), Some(query)) = (&projection, &query) else {
            for declaration in models.projector.queries() {
                if projection.as_ref().is_none_or(|name| *name == declaration.projection) {
                    describe(&declaration);
                }
            }
            return Ok(());
        };
        show(models, projection, query, &parameters, (&shown, Columns::All)).await
    })
    .await?;
    Ok(ExitCode::SUCCESS)
}

/// The parameters that have a value.
pub fn given<const N: usize>(parameters: [(&str, Option<String>); N]) -> Vec<(String, String)> {
    let given = parameters.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    given.collect()
}

/// Asks a named query about a merchant, who must be configured, and shows its answer, for commands that stand for one.
pub async fn list(
    config: &ConfigFile,
    projections: &Projections,
    (projection, query): (&str, &str),
    (merchant, mut parameters): (&MerchantId, Vec<(String, String)>),
    shown: &Shown,
) -> anyhow::Result<ExitCode> {
    shown.format()?;
    is_configured(&load_config(config)?, merchant)?;
    parameters.push(("merchant".to_owned(), merchant.to_string()));
    let work = async |models: &ReadModels| {
        show(models, projection, query, &parameters, (shown, Columns::Brief)).await
    };
    ReadModels::with(config, projections, work).await?;
    Ok(ExitCode::SUCCESS)
}

/// Which columns a table for people has; files and JSON have all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Columns {
    All,
    /// Without those that hold JSON, for which a terminal has no room.
    Brief,
}

/// The columns of JSON that make lines of hundreds of characters.
const NO_ROOM: [&str; 3] = ["facts", "judged_facts", "summary"];

async fn show(
    models: &ReadModels,
    projection: &str,
    query: &str,
    parameters: &[(String, String)],
    (shown, columns): (&Shown, Columns),
) -> anyhow::Result<()> {
    let as_of = shown.as_of.unwrap_or_else(clock::now);
    let wait = limits::QUERY_POSITION_WAIT;
    // What was written just before the command is to be seen, where the server folds it soon.
    let question = Question { projection, query, parameters, as_of, min_position: models.last, wait };
    let answer = match models.projector.ask(&question).await {
        Err(AskError::Behind { .. }) => {
            models.projector.ask(&Question { min_position: None, ..question }).await
        }
        answered => answered,
    }?;
    tell_if_behind(models, answer.position).await?;
    let log_id = models.projector.log_id().0.to_string();
    let bytes = written((shown, columns), &answer, &log_id)?;
    match &shown.file {
        Some(path) => {
            let mut file = OutFile::begin(path)?;
            file.write_all(&bytes)?;
            file.finish()?;
        }
        None => write_out(&bytes),
    }
    if let (Some(next), Some(declared)) = (&answer.next, &answer.declaration.next) {
        eprintln!("there may be more: ask again with {}={next}", declared.parameter);
    }
    Ok(())
}

/// Says on stderr what an answer is as of, where the log has more.
pub async fn tell_if_behind(models: &ReadModels, position: Option<Position>) -> anyhow::Result<()> {
    let last = models.log.last().await?;
    if position < last {
        let at = position.map_or_else(|| "the beginning".to_owned(), |at| format!("position {at}"));
        let last = last.map_or_else(String::new, |last| format!("; the log ends at {last}"));
        eprintln!("the answer is as of {at}{last}");
    }
    Ok(())
}

#[derive(serde::Serialize)]
struct Written<'a> {
    position: Option<String>,
    log_id: &'a str,
    /// What the next page is asked with.
    next: Option<&'a str>,
    rows: table::json::Rows<'a>,
}

fn written((shown, columns): (&Shown, Columns), answer: &Answer, log_id: &str) -> anyhow::Result<Vec<u8>> {
    let bom = if shown.bom { table::csv::Bom::With } else { table::csv::Bom::Without };
    Ok(match shown.format()? {
        Format::Table => match columns {
            Columns::All => table::text::write(&answer.table),
            Columns::Brief => table::text::write(&brief(&answer.table)),
        }
        .into_bytes(),
        Format::Json => {
            let position = answer.position.map(|position| position.to_string());
            let (next, rows) = (answer.next.as_deref(), table::json::Rows(&answer.table));
            let mut text = serde_json::to_vec(&Written { position, log_id, next, rows })?;
            text.push(b'\n');
            text
        }
        Format::Csv => table::csv::write(&answer.table, bom)?,
        Format::Xlsx => table::xlsx::write(&answer.table, &answer.declaration.name)?,
    })
}

fn brief(table: &Table) -> Table {
    let names = table.columns.iter().map(|column| column.name.as_str());
    table.only(&names.filter(|name| !NO_ROOM.contains(name)).collect::<Vec<_>>())
}

/// Where nobody reads on, as behind `| head`, the program ends quietly.
pub fn write_out(bytes: &[u8]) {
    let mut stdout = std::io::stdout().lock();
    if let Err(error) = stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        super::end_where_nobody_reads(&error);
    }
}

fn describe(query: &QueryDeclaration) {
    out!("{} {}", query.projection, query.name);
    out!("    {}", query.title);
    for parameter in &query.parameters {
        out!("    {}", described(parameter));
    }
}

fn described(parameter: &Parameter) -> String {
    let Parameter { name, kind, required, default, help, words, .. } = parameter;
    let default = default.as_ref().map(|default| format!(", default {default}")).unwrap_or_default();
    let required = if *required { ", required" } else { "" };
    let help = if help.is_empty() { String::new() } else { format!(": {help}") };
    let kind = if words.is_empty() { kind.as_str().to_owned() } else { words.join("|") };
    format!("{name}={kind}{required}{default}{help}")
}
