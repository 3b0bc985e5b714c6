//! Read models as they were at a position: folded anew from the log's beginning, and no further than there.

mod ask;
mod beside;
mod fold;
mod kept;
mod standing;
mod times;

pub use ask::{AsOf, AsOfError, Reach, StateOf};

pub use beside::{PastFolds, ReadFile, TellOfEach, Wanted, state_at};
pub use fold::PastError;
pub use kept::Past;
pub use standing::{Basis, Standing, standing};
pub use times::{Then, TimesError, recorded_at};
