//! The one place that asks what time it is. Everything else gets the time as an argument.

use chrono::{DateTime, SubsecRound, Utc};

/// Now, to the millisecond, which is the precision the log keeps.
pub fn now() -> DateTime<Utc> {
    Utc::now().trunc_subsecs(3)
}
