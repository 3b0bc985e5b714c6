//! Seals on the clock while a server runs.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{error, info};

use crate::audit::seal::Sealer;
use crate::http::Service;
use crate::ledger::Ledger;
use crate::{clock, limits};

/// Until the server stops; at once where it has no key.
pub async fn on_the_clock(service: Arc<Service>, every: Duration, mut stopping: watch::Receiver<bool>) {
    let Some(sealer) = &service.sealer else { return };
    tokio::select! {
        _ = stopping.wait_for(|stopping| *stopping) => {}
        () = forever(&service.ledger, sealer, every) => {}
    }
}

async fn forever(ledger: &Ledger, sealer: &Sealer, every: Duration) {
    let (mut wait, mut is_failing) = (until_due(ledger, sealer, every).await, false);
    loop {
        sleep(wait).await;
        wait = match sealer.seal(ledger, &clock::now).await {
            Ok(_) if is_failing => {
                info!("sealing works again");
                is_failing = false;
                every
            }
            Ok(_) => every,
            Err(error) => {
                if !std::mem::replace(&mut is_failing, true) {
                    error!(alarm = "seal", %error, "the log cannot be sealed; it is tried again");
                }
                limits::SEAL_TRY_AGAIN_AFTER
            }
        };
    }
}

async fn until_due(ledger: &Ledger, sealer: &Sealer, every: Duration) -> Duration {
    match sealer.look(ledger.store().as_ref()).await {
        Ok(Some(newest)) => left(newest.seal.sealed_at, every, clock::now()),
        Ok(None) => Duration::ZERO,
        // What cannot be read is told when it is to be sealed.
        Err(_) => Duration::ZERO,
    }
}

/// Until a seal is due after the newest: a server that is started often seals as often as one that runs on.
fn left(sealed_at: DateTime<Utc>, every: Duration, now: DateTime<Utc>) -> Duration {
    // A clock that was put back makes nobody wait longer.
    let since = (now - sealed_at).to_std().unwrap_or_default();
    every.saturating_sub(since)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[test]
    fn a_seal_is_due_a_while_after_the_newest_whenever_the_server_was_started() {
        let (sealed_at, every) = (DateTime::UNIX_EPOCH, Duration::from_secs(3600));
        for (minutes, left_minutes) in [(-5, 60), (0, 60), (20, 40), (60, 0), (6000, 0)] {
            let now = sealed_at + TimeDelta::minutes(minutes);
            assert_eq!(left(sealed_at, every, now), Duration::from_secs(60 * left_minutes), "{minutes}");
        }
    }
}
