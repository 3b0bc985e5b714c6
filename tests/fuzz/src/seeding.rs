//! Writes the files that a target begins with. The fuzzer's own main calls it, so it is a variable that says where.

use std::fs;
use std::path::Path;

const VARIABLE: &str = "FUZZ_SEEDS";

/// Into the folder that `FUZZ_SEEDS` names, if there is one.
pub fn write(seeds: Vec<(String, Vec<u8>)>) {
    let Some(folder) = std::env::var_os(VARIABLE) else { return };
    fs::create_dir_all(&folder).expect("a folder for the seeds");
    for (name, bytes) in seeds {
        fs::write(Path::new(&folder).join(name), bytes).expect("a seed can be written");
    }
}
