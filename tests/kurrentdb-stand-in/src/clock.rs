//! The time of day, as the server stamps its events with it.

/// Ticks of 100 ns since 1970, the unit of `created` and of gossip's time stamps.
#[allow(clippy::disallowed_types, reason = "the one place that asks for the time of day")]
pub(crate) fn ticks_now() -> u64 {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_nanos() / 100).unwrap_or(u64::MAX))
}
