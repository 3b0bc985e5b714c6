//! A body that is too large for memory: it is written to a file beside the log as it comes.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use http_body_util::BodyExt;
use tempfile::NamedTempFile;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::{Instant, timeout};

use super::code::Code;
use super::error::ApiError;
use crate::limits;
use crate::spool::Spool;

/// A place among those who send a file. It is another than the turn to import: who sends slowly holds up no
/// import.
pub fn seat(uploads: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, ApiError> {
    uploads.clone().try_acquire_owned().map_err(|_| {
        let message = format!("{} files are being sent already: try again", limits::UPLOADS_MAX);
        ApiError::new(Code::TooManyAtOnce, message).retry_after(limits::IMPORT_RETRY_AFTER)
    })
}

/// The turn of a file that has come; `busy` is said where it does not come soon.
pub async fn turn(turns: &Arc<Semaphore>, busy: &str) -> Result<OwnedSemaphorePermit, ApiError> {
    let turn = timeout(limits::IMPORT_TURN_WAIT, turns.clone().acquire_owned()).await;
    turn.ok()
        .and_then(Result::ok)
        .ok_or_else(|| ApiError::new(Code::TooManyAtOnce, busy).retry_after(limits::IMPORT_RETRY_AFTER))
}

/// How much longer a body is waited for: what comes earns time, never more than there was at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Patience(Duration);

impl Patience {
    const WHOLE: Self = Self(limits::UPLOAD_WAIT);

    fn after(self, waited: Duration, bytes: usize) -> Self {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        let earned = Duration::from_millis(bytes.saturating_mul(1000) / limits::UPLOAD_RATE_MIN);
        Self(self.0.saturating_sub(waited).saturating_add(earned).min(Self::WHOLE.0))
    }
}

/// The whole body, in a file that goes when it is dropped. Where it comes too slowly it is given up.
pub async fn receive(spool: &Spool, body: Body, bytes_max: u64) -> Result<NamedTempFile, ApiError> {
    let (sender, pieces) = mpsc::channel(limits::PIECES_WAITING);
    let spool = spool.clone();
    let writing = tokio::task::spawn_blocking(move || write(&spool, pieces));
    // What is wrong with the body goes before what is wrong with the file.
    let taken = take(body, bytes_max, sender).await;
    let written = writing.await.map_err(|error| ApiError::internal(&error))?;
    taken?;
    written.map_err(|error| ApiError::of_spool(&error))
}

async fn take(mut body: Body, bytes_max: u64, sender: mpsc::Sender<Bytes>) -> Result<(), ApiError> {
    let mut bytes: u64 = 0;
    let mut patience = Patience::WHOLE;
    loop {
        let begun = Instant::now();
        let frame = match timeout(patience.0, body.frame()).await {
            Err(_) => {
                let (wait, rate) = (limits::UPLOAD_WAIT.as_secs(), limits::UPLOAD_RATE_MIN);
                let message = format!("less than {rate} bytes a second of the body came for {wait} s");
                return Err(ApiError::new(Code::BodySlow, message));
            }
            Ok(None) => return Ok(()),
            Ok(Some(Err(_))) => {
                return Err(ApiError::new(Code::Malformed, "the body did not come whole"));
            }
            Ok(Some(Ok(frame))) => frame,
        };
        let waited = begun.elapsed();
        let Ok(piece) = frame.into_data() else {
            patience = patience.after(waited, 0);
            continue;
        };
        patience = patience.after(waited, piece.len());
        bytes = bytes.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        if bytes > bytes_max {
            let message = format!("the body is larger than {bytes_max} bytes");
            return Err(ApiError::new(Code::BodyTooLarge, message));
        }
        // Where the file cannot be written, its error is told.
        if sender.send(piece).await.is_err() {
            return Ok(());
        }
    }
}

fn write(spool: &Spool, mut pieces: mpsc::Receiver<Bytes>) -> std::io::Result<NamedTempFile> {
    let mut file = spool.file()?;
    while let Some(piece) = pieces.blocking_recv() {
        file.write_all(&piece)?;
    }
    file.flush()?;
    Ok(file)
}

/// The whole body in memory, for what is small enough.
pub async fn whole(body: Body, bytes_max: usize) -> Result<Vec<u8>, ApiError> {
    let (sender, mut pieces) = mpsc::channel::<Bytes>(limits::PIECES_WAITING);
    let gathering = async {
        let mut bytes = vec![];
        while let Some(piece) = pieces.recv().await {
            bytes.extend_from_slice(&piece);
        }
        bytes
    };
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
    let (taken, bytes) = tokio::join!(take(body, limit, sender), gathering);
    taken.map(|()| bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sends_a_byte_a_second_is_given_up_and_who_sends_fast_and_then_nothing_too() {
        let second = Duration::from_secs(1);
        let rate = usize::try_from(limits::UPLOAD_RATE_MIN).unwrap();
        let seconds = limits::UPLOAD_WAIT.as_secs();
        for (case, bytes_a_second, before, outlasts) in [
            ("a byte a second", 1, 0, false),
            ("just too slow", rate / 2, 0, false),
            ("just fast enough", rate, 0, true),
            ("a byte a second after much", 1, 1 << 30, false),
        ] {
            let begin = Patience::WHOLE.after(second, before);
            let end = (0..10 * seconds).fold(begin, |left, _| left.after(second, bytes_a_second));
            assert_eq!(end.0 > second, outlasts, "{case}: {end:?}");
        }
    }
}
