//! `order-ledger recovery`: orders that no push brought, proposed by one person and approved by another.

use std::process::ExitCode;

use super::admin_client::TokenSource;
use super::answered::told;
use super::folding::Projections;
use super::output::Shown;
use super::{ConfigFile, door, merchant, query};
use crate::domain::bill::MerchantId;
use crate::http::api::{OrderToRecover, RecoveryProposed, RecoveryStanding, Withdrawal};

#[derive(clap::Subcommand)]
pub enum Command {
    /// Proposed, approved and withdrawn orders of a merchant
    List(List),
    Propose(Propose),
    Approve(Approve),
    Withdraw(Withdraw),
}

#[derive(clap::Args)]
pub struct List {
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    projections: Projections,
    /// 商户号
    #[arg(long, value_parser = merchant)]
    merchant: MerchantId,
    /// Only those in this state: open, approving, approved or withdrawn
    #[arg(long)]
    state: Option<String>,
    #[command(flatten)]
    shown: Shown,
}

/// Propose an order from a payment that stands in a bill only. Needs a running server and an access token
///
/// Amount and payment are the bill's. Somebody else approves it.
#[derive(clap::Args)]
pub struct Propose {
    #[command(flatten)]
    config: ConfigFile,
    /// 商户号
    #[arg(long)]
    merchant: String,
    /// 微信订单号 of the bill's line
    #[arg(long)]
    transaction_id: String,
    /// The app, where the bill does not name it
    #[arg(long)]
    app: Option<String>,
    /// The game's number of the order
    #[arg(long)]
    out_trade_no: String,
    /// The player, where the bill does not name him
    #[arg(long)]
    open_id: Option<String>,
    #[arg(long)]
    product_id: String,
    #[arg(long, default_value_t = 1)]
    quantity: u32,
    #[arg(long)]
    zone_id: Option<String>,
    /// How it is known what was bought
    #[arg(long)]
    evidence: String,
    #[command(flatten)]
    token: TokenSource,
    /// The result as JSON
    #[arg(long)]
    json: bool,
}

/// Approve a proposed order, with another token than proposed it. Needs a running server
#[derive(clap::Args)]
pub struct Approve {
    #[command(flatten)]
    config: ConfigFile,
    app: String,
    out_trade_no: String,
    #[command(flatten)]
    token: TokenSource,
    /// The result as JSON
    #[arg(long)]
    json: bool,
}

/// Take a proposed order back. Needs a running server and an access token
#[derive(clap::Args)]
pub struct Withdraw {
    #[command(flatten)]
    config: ConfigFile,
    app: String,
    out_trade_no: String,
    /// Why; it stays in the log for ever
    #[arg(long)]
    reason: String,
    #[command(flatten)]
    token: TokenSource,
    /// The result as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(command: Command) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::List(args) => list(args).await,
            Command::Propose(args) => propose(args).await,
            Command::Approve(args) => approve(args).await,
            Command::Withdraw(args) => withdraw(args).await,
        }
    })
}

async fn list(args: List) -> anyhow::Result<ExitCode> {
    let List { config, projections, merchant, state, shown } = args;
    let parameters = query::given([("state", state)]);
    query::list(&config, &projections, ("reconciliation", "recoveries"), (&merchant, parameters), &shown)
        .await
}

async fn propose(args: Propose) -> anyhow::Result<ExitCode> {
    let client = door::server(&super::load_config(&args.config)?, &args.token)?;
    let body = OrderToRecover {
        merchant: args.merchant,
        transaction_id: args.transaction_id,
        app: args.app,
        out_trade_no: args.out_trade_no,
        open_id: args.open_id,
        product_id: args.product_id,
        quantity: args.quantity,
        zone_id: args.zone_id,
        evidence: args.evidence,
    };
    let answered = client.post::<RecoveryProposed>("/v1/recoveries", &body).await?;
    told(answered, args.json, |proposed| {
        let RecoveryProposed { app, out_trade_no, amount_fen, recorded, dismissed_push, .. } = proposed;
        let done = if *recorded { "is proposed" } else { "had been proposed so before" };
        out!("{out_trade_no} of {app}, {amount_fen} fen, {done}; somebody else approves it:");
        out!("  order-ledger recovery approve {app} {out_trade_no}");
        if let Some(decision) = dismissed_push {
            out!("A push in quarantine that names the payment was dismissed: {decision}");
        }
    })
}

async fn approve(args: Approve) -> anyhow::Result<ExitCode> {
    let client = door::server(&super::load_config(&args.config)?, &args.token)?;
    let path = path(&args.app, &args.out_trade_no, "approve");
    let answered = client.post::<RecoveryStanding>(&path, &serde_json::json!({})).await?;
    told(answered, args.json, |it| {
        let done = if it.recorded { "is an order" } else { "had been approved before" };
        out!("{} of {} {done}", it.out_trade_no, it.app);
    })
}

async fn withdraw(args: Withdraw) -> anyhow::Result<ExitCode> {
    let client = door::server(&super::load_config(&args.config)?, &args.token)?;
    let path = path(&args.app, &args.out_trade_no, "withdraw");
    let answered = client.post::<RecoveryStanding>(&path, &Withdrawal { reason: args.reason }).await?;
    told(answered, args.json, |it| {
        let done = if it.recorded { "is withdrawn" } else { "had been withdrawn before" };
        out!("{} of {} {done}", it.out_trade_no, it.app);
    })
}

fn path(app: &str, out_trade_no: &str, verb: &str) -> String {
    let encoded = crate::http::api::percent_encoded;
    format!("/v1/recoveries/{}/{}/{verb}", encoded(app), encoded(out_trade_no))
}
