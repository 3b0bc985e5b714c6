//! What machine the figures are of, and how long its disk takes to sync.

use std::fs::{File, read_to_string};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

const SYNCS: usize = 300;
const WRITE_BYTES: usize = 4096;

pub fn print(folder: &Path) -> std::io::Result<()> {
    let cores = std::thread::available_parallelism()?;
    let field = |file: &str, name: &str| {
        let text = read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name)).map(str::to_owned);
        line.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned())).unwrap_or_else(|| "?".into())
    };
    let kernel = read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    println!(
        "machine: {} × {cores}, memory {}, Linux {}",
        field("/proc/cpuinfo", "model name"),
        field("/proc/meminfo", "MemTotal"),
        kernel.trim()
    );
    let mut took = fdatasyncs(folder)?;
    took.sort_unstable();
    println!(
        "disk of {}: fdatasync of {WRITE_BYTES} bytes p50 {} µs, p99 {} µs",
        folder.display(),
        took[SYNCS / 2].as_micros(),
        took[SYNCS * 99 / 100].as_micros()
    );
    Ok(())
}

fn fdatasyncs(folder: &Path) -> std::io::Result<Vec<Duration>> {
    let path = folder.join("fdatasync");
    let file = File::create(&path)?;
    let page = [7; WRITE_BYTES];
    let one = |index: usize| {
        let begun = Instant::now();
        file.write_all_at(&page, (index * WRITE_BYTES) as u64)?;
        file.sync_data()?;
        Ok(begun.elapsed())
    };
    let took = (0..SYNCS).map(one).collect();
    std::fs::remove_file(&path)?;
    took
}
