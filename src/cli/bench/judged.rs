//! What a benchmark found out, held against what must be reached.

use std::process::ExitCode;

use crate::cli::FOUND_WRONG;

/// A figure in words beside its target, and whether that is met.
pub struct Judged {
    pub met: bool,
    pub target: String,
}

/// What a run says.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// How fast it is.
    Full,
    /// That the benchmark works: only what is wrong counts, not what is slow.
    Small,
}

impl Size {
    pub fn of(small: bool) -> Self {
        if small { Self::Small } else { Self::Full }
    }
}

/// Prints a line for each target; 1 where one is missed.
pub fn tell(judged: &[Judged], size: Size) -> ExitCode {
    for Judged { met, target } in judged {
        println!("{} {target}", if *met { "met:   " } else { "MISSED:" });
    }
    if size == Size::Small {
        println!("the benchmark works; this size says nothing about speed");
        return ExitCode::SUCCESS;
    }
    if judged.iter().all(|judged| judged.met) { ExitCode::SUCCESS } else { FOUND_WRONG.into() }
}
