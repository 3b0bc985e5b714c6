//! Read models as they were at a position: folded anew, and no further than there.

mod ask;
mod beside;
mod fold;
mod kept;
mod room;
mod standing;
mod times;
mod work;

pub use ask::{AsOf, AsOfError, Reach, StateOf};

pub use beside::{PastFolds, ReadFile, TellOfEach, Wanted, state_at};
pub use fold::PastError;
pub use kept::{Lease, Past};
pub use room::{NoRoom, Room};
pub use standing::{Basis, Standing, standing};
pub use times::{Then, TimesError, recorded_at};
