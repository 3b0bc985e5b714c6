//! A body that is too large for memory: it is written to a file beside the log as it comes.

use std::io::Write;

use axum::body::{Body, Bytes};
use http_body_util::BodyExt;
use tempfile::NamedTempFile;
use tokio::sync::mpsc;

use super::code::Code;
use super::error::ApiError;
use crate::limits;
use crate::spool::Spool;

/// The whole body, in a file that goes when it is dropped. Where nothing more comes for a while it is given up.
pub async fn receive(spool: &Spool, body: Body, bytes_max: u64) -> Result<NamedTempFile, ApiError> {
    let (sender, pieces) = mpsc::channel(limits::PIECES_WAITING);
    let spool = spool.clone();
    let writing = tokio::task::spawn_blocking(move || write(&spool, pieces));
    // What is wrong with the body goes before what is wrong with the file.
    let taken = take(body, bytes_max, sender).await;
    let written = writing.await.map_err(|error| ApiError::internal(&error))?;
    taken?;
    written.map_err(|error| ApiError::internal(&error))
}

async fn take(mut body: Body, bytes_max: u64, sender: mpsc::Sender<Bytes>) -> Result<(), ApiError> {
    let mut bytes: u64 = 0;
    loop {
        let frame = match tokio::time::timeout(limits::UPLOAD_WAIT, body.frame()).await {
            Err(_) => {
                let message = format!("nothing of the body came for {} s", limits::UPLOAD_WAIT.as_secs());
                return Err(ApiError::new(Code::BodySlow, message));
            }
            Ok(None) => return Ok(()),
            Ok(Some(Err(_))) => {
                return Err(ApiError::new(Code::Malformed, "the body did not come whole"));
            }
            Ok(Some(Ok(frame))) => frame,
        };
        let Ok(piece) = frame.into_data() else { continue };
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
