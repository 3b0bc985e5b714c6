//! `order-ledger simulate`: plays WeChat against any URL and checks every answer; also the load generator
//! of the benchmark.

use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};
use tokio::sync::watch;

mod answer;
mod args;
mod bill;
pub mod catalogue;
mod client;
mod judge;
mod measure;
mod message;
mod payload_text;
pub mod plan;
mod planner;
mod play;
pub mod push;
mod report;
pub mod share;

pub use args::{DEMO_APP_KEY, SimulateArgs};
pub use bill::{BillFile, Payee};
pub use push::{Maker, Manner, PushRequest, Signing, Stamp, Writing};
pub use report::Report;

use crate::clock;
use crate::wechat::App;

/// An error means that nothing could be pushed; the caller exits with 2 then. `config_option` is what
/// other commands need to read the same configuration.
pub fn run(
    args: SimulateArgs,
    app: App,
    payee: Payee,
    default_url: String,
    config_option: String,
) -> anyhow::Result<ExitCode> {
    args.check_keys(&app)?;
    let bill = args.bill_file(&app, payee)?;
    let json = args.json;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (stop, stopped) = watch::channel(false);
    let mut report = runtime.block_on(async {
        // Ctrl-C: what has been measured so far is told.
        tokio::spawn(async move {
            if tokio::signal::ctrl_c().await.is_ok() {
                stop.send_replace(true);
            }
        });
        simulate(args, app, bill, default_url, stopped).await
    })?;
    report.config_option = config_option;
    if json {
        out!("{}", serde_json::to_string(&report)?);
    } else {
        out!("{report}");
    }
    Ok(report.exit_code())
}

/// One run: plan, play, judge. Once `stopped` says so, nothing more is sent.
pub async fn simulate(
    args: SimulateArgs,
    app: App,
    bill: Option<BillFile>,
    default_url: String,
    stopped: watch::Receiver<bool>,
) -> anyhow::Result<Report> {
    let url = args.url.clone().unwrap_or(default_url);
    let target = Arc::new(client::Target::parse(&url)?);
    // JSON readers often hold numbers as floats, which are exact to 53 bits only.
    let seed = args.seed.unwrap_or_else(|| rand::random::<u64>() >> 11);
    let settings = args.settings(&app, seed, clock::now())?;
    let plan = plan::plan(&app, &settings)?;
    let subject = report::Subject {
        url,
        app: app.slug.to_string(),
        seed,
        orders: settings.orders,
        sample_orders: plan.sample_orders.iter().map(|number| number.to_string()).collect(),
    };
    let billed = bill.map(|bill| bill.write(&plan.traded, &app.app_id, &settings)).transpose()?;
    let progress = progress_bar(plan.waves.iter().map(Vec::len).sum())?;
    let scene = play::Scene { target, app, channel: settings.channel };
    let mut played = play::play(scene, plan.waves, args.pace(), progress, stopped.clone()).await?;
    let not_sent = if *stopped.borrow() { played.forget_unsettled() } else { 0 };
    let unrepeated = if args.retry { judge::Unrepeated::Nothing } else { judge::Unrepeated::AnAnswer };
    let judgement = judge::judge(&played.waves, &played.outcomes, unrepeated);
    Ok(Report { bill: billed, not_sent, ..Report::new(subject, &judgement, &played.measure, played.elapsed) })
}

/// On stderr, and only where a person looks at it.
fn progress_bar(pushes: usize) -> anyhow::Result<ProgressBar> {
    if !std::io::stderr().is_terminal() {
        return Ok(ProgressBar::hidden());
    }
    let style = "{bar:40} {pos} of {len} pushes, {per_sec}, {eta} left";
    let bar = ProgressBar::new(u64::try_from(pushes)?);
    Ok(bar.with_style(ProgressStyle::with_template(style)?))
}

#[cfg(test)]
mod push_tests;
#[cfg(test)]
mod run_tests;
#[cfg(test)]
mod sample_app;
