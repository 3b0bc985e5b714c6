//! What the stand-in answers, asked over HTTP/2 by hand: no client library, no code of the server's.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod appending;
mod caller;
mod cluster;
mod deadlines;
mod deleting;
mod faults;
mod program;
mod reading;
mod reading_all;
