//! Runs the command that was asked for.

use std::process::ExitCode;

use clap::Parser;
use order_ledger::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run().unwrap_or_else(|error| {
        eprintln!("order-ledger: {error:#}");
        order_ledger::cli::COULD_NOT_RUN.into()
    })
}
