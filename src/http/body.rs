//! Reads the body of a push: as much as is allowed, in the time that is allowed, and within the memory that
//! all bodies share.

use axum::body::{Body, Bytes, HttpBody};
use http_body_util::BodyExt;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

use crate::limits;
use crate::wechat::Code;

/// A body and its part of the memory, which is given back with it.
pub struct Whole<'a> {
    pub bytes: Bytes,
    _permit: SemaphorePermit<'a>,
}

/// A body as far as it came.
pub enum Read<'a> {
    Whole(Whole<'a>),
    /// Larger than allowed, or not all here in time: the beginning, for telling the format.
    Cut(Bytes, Code),
}

pub async fn read(mut body: Body, bytes_max: usize, budget: &Semaphore) -> Read<'_> {
    let deadline = Instant::now() + limits::BODY_WAIT;
    // What the sender announces, or the most that is read where it announces nothing.
    let announced = body.size_hint().upper().and_then(|bytes| usize::try_from(bytes).ok());
    let held = announced.map_or(bytes_max, |bytes| bytes.min(bytes_max));
    let permits = u32::try_from(held).unwrap_or(u32::MAX);
    let Ok(Ok(permit)) = timeout_at(deadline, budget.acquire_many(permits)).await else {
        return Read::Cut(Bytes::new(), Code::Slow);
    };
    let mut read: Vec<u8> = Vec::with_capacity(held.min(8 * 1024));
    loop {
        let frame = match timeout_at(deadline, body.frame()).await {
            Err(_) | Ok(Some(Err(_))) => return Read::Cut(read.into(), Code::Slow),
            Ok(None) => return Read::Whole(Whole { bytes: read.into(), _permit: permit }),
            Ok(Some(Ok(frame))) => frame,
        };
        let Some(data) = frame.data_ref() else { continue };
        if announced.is_some_and(|bytes| bytes > bytes_max) || read.len() + data.len() > bytes_max {
            let room = bytes_max - read.len();
            read.extend_from_slice(&data[..room.min(data.len())]);
            return Read::Cut(read.into(), Code::TooLarge);
        }
        read.extend_from_slice(data);
    }
}
