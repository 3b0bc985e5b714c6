//! How often access tokens may be refused, from one address and from all together.
//!
//! A token that is right is let in whatever others do: tokens are 256 random bits, which nobody guesses, and
//! behind a proxy everybody has its address. What is bounded is the noise.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, Utc};

use crate::limits;
use crate::pace::Pace;

pub struct Failures {
    state: Mutex<State>,
}

struct State {
    all: Pace,
    peers: HashMap<IpAddr, Pace>,
}

impl Default for Failures {
    fn default() -> Self {
        let all = Pace::new(limits::ACCESS_FAILURES_PER_SECOND, limits::ACCESS_FAILURES_BURST);
        Self { state: Mutex::new(State { all, peers: HashMap::new() }) }
    }
}

impl Failures {
    /// Counts a refusal; false where it is one too many.
    pub fn allow_another(&self, peer: IpAddr, at: DateTime<Utc>) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let peer = network(peer);
        if state.peers.len() >= limits::ACCESS_PEERS_MAX && !state.peers.contains_key(&peer) {
            let quiet_longest = state.peers.iter().min_by_key(|(_, pace)| pace.last()).map(|(peer, _)| *peer);
            quiet_longest.and_then(|peer| state.peers.remove(&peer));
        }
        let pace = state.peers.entry(peer).or_insert_with(|| {
            Pace::new(limits::ACCESS_FAILURES_PER_SECOND_OF_PEER, limits::ACCESS_FAILURES_BURST_OF_PEER)
        });
        // One who is beyond his own share takes nothing of the others'.
        pace.allows(at) && state.all.allows(at)
    }
}

/// One who holds an IPv6 network has its addresses by the billion.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(peer) => IpAddr::V6((peer.to_bits() >> 64 << 64).into()),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + second, 0).unwrap()
    }

    fn peer(number: u32) -> IpAddr {
        IpAddr::V4(number.into())
    }

    fn allowed(failures: &Failures, peer: IpAddr, second: i64) -> usize {
        (0..1000).filter(|_| failures.allow_another(peer, at(second))).count()
    }

    #[test]
    fn one_address_has_its_share_and_takes_nothing_of_the_others() {
        let failures = Failures::default();
        let burst = limits::ACCESS_FAILURES_BURST_OF_PEER as usize;
        assert_eq!(allowed(&failures, peer(1), 0), burst);
        assert_eq!(allowed(&failures, peer(1), 1), limits::ACCESS_FAILURES_PER_SECOND_OF_PEER as usize);
        assert_eq!(allowed(&failures, peer(2), 1), burst);
    }

    #[test]
    fn all_addresses_together_have_a_share_too_and_what_is_kept_of_them_is_bounded() {
        let failures = Failures::default();
        let total: usize =
            (0..5000).map(|number| usize::from(failures.allow_another(peer(number), at(0)))).sum();
        assert_eq!(total, limits::ACCESS_FAILURES_BURST as usize);
        assert_eq!(failures.state.lock().unwrap().peers.len(), limits::ACCESS_PEERS_MAX);
    }

    #[test]
    fn an_ipv6_network_is_one_address() {
        for (one, other, same) in [
            ("2001:db8::1", "2001:db8::ffff:1", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
            ("::ffff:1.2.3.4", "1.2.3.4", true),
            ("1.2.3.4", "1.2.3.5", false),
        ] {
            assert_eq!(
                network(one.parse().unwrap()) == network(other.parse().unwrap()),
                same,
                "{one} {other}"
            );
        }
    }
}
