//! Runs the command that was asked for.

use std::process::ExitCode;

use clap::Parser;
use order_ledger::cli::Cli;

/// Events are made on one thread and dropped on the log's writer, which the system's allocator does slowly.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    Cli::parse().run().unwrap_or_else(|error| {
        eprintln!("order-ledger: {error:#}");
        order_ledger::cli::COULD_NOT_RUN.into()
    })
}
