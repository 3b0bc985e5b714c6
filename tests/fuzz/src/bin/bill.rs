//! Any bytes as a bill file.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use order_ledger::bill::Profiles;

#[path = "../bill.rs"]
#[allow(dead_code)]
mod bill;

#[path = "../workbook.rs"]
#[allow(dead_code)]
mod workbook;

static PROFILES: LazyLock<Profiles> = LazyLock::new(bill::profiles);

fuzz_target!(|bytes: &[u8]| bill::check(&PROFILES, bytes));
