//! Looking back: an order's history with its evidence verified anew, the pushes in quarantine, the seals that say what
//! the log was, and packs by which others verify what this program says.

pub mod anchor;
pub mod billed;
pub mod chain;
pub mod compare;
pub mod history;
pub mod pack;
pub mod proof;
pub mod quarantined;
pub mod seal;
pub mod seals;
pub mod signing;
pub mod standing;
pub mod verify;
