//! Looking back: an order's history with its evidence verified anew, and the pushes in quarantine.

pub mod chain;
pub mod history;
pub mod proof;
pub mod quarantined;
pub mod verify;
