//! What commands that may run for long have in common: a server on this machine goes first, and they end in order when
//! they are told.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::limits;

/// All threads that begin from now on get what a server on this machine leaves over. Where that is not allowed, the
/// command goes on without.
pub fn yield_to_a_server() {
    let _nice = rustix::process::nice(limits::COMMAND_NICENESS);
}

/// What tells a command to end: SIGINT, SIGTERM, and SIGHUP, which comes when its terminal goes.
pub struct EndSignals {
    interrupt: Signal,
    terminate: Signal,
    /// `None` under `nohup`, which is to outlive the terminal.
    hangup: Option<Signal>,
}

impl EndSignals {
    pub fn listen() -> io::Result<Self> {
        let hangup = (!is_hangup_ignored()).then(|| signal(SignalKind::hangup())).transpose()?;
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup,
        })
    }

    /// Returns when the first of them comes.
    pub async fn told(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hangup => {}
        }
    }
}

/// Whether this process was begun with SIGHUP ignored. Once a handler is set, nobody can tell any more.
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.is_some_and(ignores_hangup)
}

/// The mask of signals that are ignored, in hexadecimal: the lowest bit is SIGHUP, number 1.
fn ignores_hangup(mask: &str) -> bool {
    u64::from_str_radix(mask.trim(), 16).is_ok_and(|mask| mask & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_says_whether_the_end_of_the_terminal_is_ignored() {
        for (mask, is_ignored) in [
            ("\t0000000000000001", true),
            ("\t0000000000001001", true),
            ("\t0000000000001000", false),
            ("\t0000000000000000", false),
            ("", false),
        ] {
            assert_eq!(ignores_hangup(mask), is_ignored, "{mask:?}");
        }
    }
}
