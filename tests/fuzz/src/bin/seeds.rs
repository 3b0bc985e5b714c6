//! `seeds FOLDER`: writes the files that fuzzing begins with, those of each target into a folder of its name.

use std::fs;
use std::path::PathBuf;

#[path = "../bill.rs"]
#[allow(dead_code)]
mod bill;
#[path = "../case_file.rs"]
#[allow(dead_code)]
mod case_file;

#[path = "../workbook.rs"]
#[allow(dead_code)]
mod workbook;

fn main() -> std::io::Result<()> {
    let folder = PathBuf::from(std::env::args_os().nth(1).expect("usage: seeds FOLDER"));
    for (target, seeds) in [("bill", bill::seeds()), ("case_file", case_file::seeds())] {
        let folder = folder.join(target);
        fs::create_dir_all(&folder)?;
        for (name, bytes) in seeds {
            fs::write(folder.join(name), bytes)?;
        }
    }
    Ok(())
}
