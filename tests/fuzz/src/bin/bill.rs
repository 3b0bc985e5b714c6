//! Any bytes as a bill file.

#![no_main]

use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use order_ledger::bill::Profiles;

#[path = "../bill.rs"]
mod bill;
#[path = "../seeding.rs"]
mod seeding;
#[path = "../workbook.rs"]
mod workbook;

static PROFILES: LazyLock<Profiles> = LazyLock::new(bill::profiles);

fuzz_target!(
    init: seeding::write(bill::seeds()),
    |bytes: &[u8]| bill::check(&PROFILES, bytes)
);
