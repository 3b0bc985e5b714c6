//! Declares days for which WeChat has no bill: through a running server, or alone.

use std::process::ExitCode;

use anyhow::{Context, bail};
use chrono::NaiveDate;

use super::super::admin_client::{AdminClient, Refusal, TokenSource};
use super::super::answered::told;
use super::super::door::{Door, Here};
use super::super::{COULD_NOT_RUN, ConfigFile, is_configured, load_config, merchant, serve};
use super::{kind, reason};
use crate::config::Config;
use crate::domain::bill::{BillKey, BillKind, Covers, MerchantId};
use crate::http::Keys;
use crate::http::api::{EmptyDay, EmptyDeclared};
use crate::import::{self, EmptyError};
use crate::ledger::BillImportError;
use crate::{clock, limits};

/// Declare that WeChat has no bill for a day, or for each day of a time (NO_STATEMENT_EXIST): it counts as covered
///
/// A day for which a file stands is told and left as it is; the others are declared, and the exit code is 1.
#[derive(clap::Args)]
pub struct DeclareEmpty {
    #[command(flatten)]
    config: ConfigFile,
    /// 商户号
    #[arg(long, value_parser = merchant)]
    merchant: MerchantId,
    /// The day, such as 2026-01-01
    #[arg(long)]
    day: NaiveDate,
    /// The last day, where it is more than one: all days from --day on are declared empty
    #[arg(long, value_name = "DAY")]
    to: Option<NaiveDate>,
    /// all, success, refund, fundflow or a profile's
    #[arg(long, value_parser = kind)]
    kind: BillKind,
    /// Why; it stays in the log for ever
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    token: TokenSource,
    /// The result as JSON, one object a day
    #[arg(long)]
    json: bool,
}

pub async fn run(args: DeclareEmpty) -> anyhow::Result<ExitCode> {
    let config = load_config(&args.config)?;
    let reason = reason("--reason", &args.reason)?;
    let days = days(args.day, args.to.unwrap_or(args.day))?;
    is_configured(&config, &args.merchant)?;
    let desk = match Door::open(&config, &args.token).await? {
        Door::Server(client) => Desk::Server(client),
        Door::Here(store) => Desk::Alone(Box::new(Here::open(store).await?)),
    };
    let done = desk.declare_all(&config, &args, &days, reason).await;
    if let Desk::Alone(here) = desk {
        here.close().await;
    }
    done
}

/// From the first to the last.
fn days(first: NaiveDate, last: NaiveDate) -> anyhow::Result<Vec<NaiveDate>> {
    if first > last {
        bail!("--day {first} is after --to {last}");
    }
    let days: Vec<_> =
        first.iter_days().take_while(|day| *day <= last).take(limits::BILL_DAYS_MAX + 1).collect();
    if days.len() > limits::BILL_DAYS_MAX {
        bail!("--to {last}: more than {} days at once; declare them in parts", limits::BILL_DAYS_MAX);
    }
    Ok(days)
}

enum Desk {
    Server(AdminClient),
    /// No server runs: this process writes.
    Alone(Box<Here>),
}

impl Desk {
    /// Day by day, until one cannot be asked for; a day for which a file stands does not keep the others out.
    async fn declare_all(
        &self,
        config: &Config,
        args: &DeclareEmpty,
        days: &[NaiveDate],
        reason: &str,
    ) -> anyhow::Result<ExitCode> {
        let covers = match self {
            Self::Server(_) => None,
            Self::Alone(here) => {
                serve::register(&here.ledger, config).await?;
                let covers = Keys::of(config)?.profiles.covers(&args.kind);
                Some(covers.context("--kind")?)
            }
        };
        let mut exit = 0;
        for day in days {
            let done = match (self, covers) {
                (Self::Server(client), _) => through_server(client, args, *day, reason).await?,
                (Self::Alone(here), Some(covers)) => alone(here, args, *day, covers, reason).await?,
                (Self::Alone(_), None) => bail!("--kind: no profile has the kind {}", args.kind),
            };
            let became = done.as_ref().err().map_or(0, Refusal::exit);
            told(done, args.json, |declared: &EmptyDeclared| {
                let words =
                    if declared.recorded { "is declared empty" } else { "had been declared empty before" };
                out!("{} of {} on {day} {words}", args.kind, args.merchant);
            })?;
            exit = exit.max(became);
            if became == COULD_NOT_RUN {
                break;
            }
        }
        Ok(exit.into())
    }
}

async fn through_server(
    client: &AdminClient,
    args: &DeclareEmpty,
    day: NaiveDate,
    reason: &str,
) -> anyhow::Result<Result<EmptyDeclared, Refusal>> {
    let (merchant, kind) = (args.merchant.to_string(), args.kind.to_string());
    client.post("/v1/bills/empty", &EmptyDay { merchant, day, kind, reason: reason.to_owned() }).await
}

async fn alone(
    here: &Here,
    args: &DeclareEmpty,
    day: NaiveDate,
    covers: Covers,
    reason: &str,
) -> anyhow::Result<Result<EmptyDeclared, Refusal>> {
    let key = BillKey { merchant: args.merchant.clone(), day, kind: args.kind.clone() };
    match import::declare_empty(&here.ledger, &key, covers, reason, &here.by, clock::now()).await {
        Ok(declared) => Ok(Ok(declared.into())),
        Err(EmptyError::Bill(BillImportError::Ledger(error))) => {
            Err(error).context("it could not be recorded")
        }
        Err(error) => Ok(Err(Refusal::of_api(error.into()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_its_days_and_not_turned_round_and_not_endless() {
        let day = |text: &str| text.parse::<NaiveDate>().unwrap();
        for (first, last, count) in [
            ("2026-01-01", "2026-01-01", Some(1)),
            ("2026-01-01", "2026-01-31", Some(31)),
            ("2026-01-02", "2026-01-01", None),
            ("2026-01-01", "2036-01-01", None),
        ] {
            assert_eq!(days(day(first), day(last)).ok().map(|days| days.len()), count, "{first} to {last}");
        }
    }
}
