//! Finance's half: the reconciliation report, cases, recovered orders and periods. What matches what is said by
//! the SQL of `projections/reconciliation`; here it is written down, judged and filed.

mod by_hand;
pub mod case_file;
pub mod cases;
pub mod header;
pub mod periods;
pub mod recoveries;
pub mod report;
mod row;
mod runs;
pub mod scope;
pub mod source;

use std::sync::Arc;

use crate::ledger::Ledger;
use crate::projector::Projector;
use crate::spool::Spool;

/// What finance works with: where facts are recorded, and where they are seen.
#[derive(Clone, Copy)]
pub struct Desk<'a> {
    pub ledger: &'a Ledger,
    pub projector: &'a Arc<Projector>,
    /// Where reports are written until they are filed.
    pub spool: &'a Spool,
}
