//! Seals on the clock while a server runs.

use std::sync::Arc;
use std::time::Duration;

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
        wait = match sealer.seal(ledger, clock::now()).await {
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

/// A server that is started often seals as often as one that runs on.
async fn until_due(ledger: &Ledger, sealer: &Sealer, every: Duration) -> Duration {
    // What cannot be read is told when it is to be sealed.
    let Ok(Some(newest)) = sealer.look(ledger.store().as_ref()).await else { return Duration::ZERO };
    let since = (clock::now() - newest.seal.sealed_at).to_std().unwrap_or_default();
    every.saturating_sub(since)
}
