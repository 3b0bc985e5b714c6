//! Looking back: an order's history with its evidence verified anew, the pushes in quarantine, and the seals that
//! say what the log was.

pub mod anchor;
pub mod chain;
pub mod compare;
pub mod history;
pub mod proof;
pub mod quarantined;
pub mod seal;
pub mod signing;
pub mod verify;
