//! Any bytes as a report that was edited and is sent to resolve cases.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../case_file.rs"]
#[allow(dead_code)]
mod case_file;

#[path = "../workbook.rs"]
#[allow(dead_code)]
mod workbook;

fuzz_target!(|bytes: &[u8]| case_file::check(bytes));
