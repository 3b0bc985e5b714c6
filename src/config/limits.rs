//! Reads `[limits]`. The defaults stand in `crate::limits`.

use super::section::Section;
use crate::limits;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub body_bytes_max: usize,
    pub connections_max: usize,
    pub append_wait_ms: u64,
    pub queue_appends_max: usize,
    pub quarantine_bytes_per_day: u64,
    pub sandbox_bytes_per_day: u64,
    pub as_of_bytes_max: u64,
    pub as_of_free_bytes_min: u64,
}

const KIB: u64 = 1024;
const MIB: u64 = 1024 * KIB;
const GIB: u64 = 1024 * MIB;
const TIB: u64 = 1024 * GIB;

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: limits::BODY_BYTES_MAX,
            connections_max: limits::CONNECTIONS_MAX,
            append_wait_ms: u64::try_from(limits::APPEND_WAIT.as_millis()).unwrap_or(u64::MAX),
            queue_appends_max: limits::QUEUE_APPENDS_MAX,
            quarantine_bytes_per_day: limits::QUARANTINE_BYTES_PER_DAY,
            sandbox_bytes_per_day: limits::SANDBOX_BYTES_PER_DAY,
            as_of_bytes_max: limits::AS_OF_BYTES_MAX,
            as_of_free_bytes_min: limits::AS_OF_FREE_BYTES_MIN,
        }
    }
}

pub fn read(mut section: Section<'_>) -> Limits {
    let default = Limits::default();
    let read = Limits {
        // An event holds a push twice, as business content and as evidence, and has a limit of 1 MiB.
        body_bytes_max: count(&mut section, "body_bytes_max", 4 * KIB, 256 * KIB, default.body_bytes_max),
        connections_max: count(&mut section, "connections_max", 16, 65_536, default.connections_max),
        // WeChat waits 3 s, and the answer has a way to go.
        append_wait_ms: section.number("append_wait_ms", 100..=2500, default.append_wait_ms),
        queue_appends_max: count(&mut section, "queue_appends_max", 16, 65_536, default.queue_appends_max),
        quarantine_bytes_per_day: section.number(
            "quarantine_bytes_per_day",
            MIB..=64 * GIB,
            default.quarantine_bytes_per_day,
        ),
        sandbox_bytes_per_day: section.number(
            "sandbox_bytes_per_day",
            MIB..=64 * GIB,
            default.sandbox_bytes_per_day,
        ),
        as_of_bytes_max: section.number("as_of_bytes_max", MIB..=64 * TIB, default.as_of_bytes_max),
        as_of_free_bytes_min: section.number(
            "as_of_free_bytes_min",
            MIB..=64 * TIB,
            default.as_of_free_bytes_min,
        ),
    };
    section.finish();
    read
}

fn count(section: &mut Section<'_>, key: &'static str, min: u64, max: u64, default: usize) -> usize {
    let default_number = u64::try_from(default).unwrap_or(max);
    usize::try_from(section.number(key, min..=max, default_number)).unwrap_or(default)
}
