//! Finance's half: the reconciliation report, cases, recovered orders and periods. What matches what is said by
//! the SQL of `projections/reconciliation`; here it is written down, judged and filed.

pub mod case_file;
