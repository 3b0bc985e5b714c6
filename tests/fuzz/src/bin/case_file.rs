//! Any bytes as a report that was edited and is sent to resolve cases.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../case_file.rs"]
mod case_file;
#[path = "../seeding.rs"]
mod seeding;
#[path = "../workbook.rs"]
mod workbook;

fuzz_target!(
    init: seeding::write(case_file::seeds()),
    |bytes: &[u8]| case_file::check(bytes)
);
