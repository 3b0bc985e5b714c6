//! The log folded once more: as of then into one file for anybody's tools, or to hold the read models that answer
//! against it.

pub mod check;
pub mod export;
mod shape;
pub mod working;
