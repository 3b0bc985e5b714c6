//! Where in a log each position holds an event, so that one that is missing tells that an event has gone. Positions in
//! general ascend and no more; but where a seal says of its own log that so many events stand at so many positions,
//! none was left out when it was made, and none is behind the newest such seal.

/// Ranges of positions, behind the first and up to the second, ascending and apart from one another.
pub struct Dense(Vec<(u64, u64)>);

impl Dense {
    /// Of seals in their order: how many events each covers, and where the last of them stands; `None` where it was made
    /// in another log.
    pub fn of(seals: impl IntoIterator<Item = (u64, Option<u64>)>) -> Self {
        let mut ranges: Vec<(u64, u64)> = Vec::new();
        // Up to where events are counted and where the last of them stands, as far as that is known.
        let mut before = Some((0, 0));
        for (count, position) in seals {
            let here = position.map(|position| (count, position));
            if let (Some((count, last)), Some((covered, position))) = (before, here)
                && position > last
                && position - last == covered.saturating_sub(count)
            {
                match ranges.last_mut() {
                    Some((_, end)) if *end == last => *end = position,
                    _ => ranges.push((last, position)),
                }
            }
            before = here;
        }
        // What numbered its events one by one when it was sealed does so still.
        if let (Some((_, end)), Some((_, last))) = (ranges.last_mut(), before)
            && *end == last
        {
            *end = u64::MAX;
        }
        Self(ranges)
    }

    /// Whether each position behind one, up to another, holds an event, or held one when it was sealed.
    pub fn holds(&self, after: u64, until: u64) -> bool {
        self.0.iter().any(|(begin, end)| *begin <= after && until <= *end)
    }

    /// The positions between two events, both left aside, that should hold one.
    pub fn missing(&self, after: u64, before: u64) -> Option<(u64, u64)> {
        let at = self.0.partition_point(|(_, to)| *to <= after);
        let (begin, end) = self.0.get(at)?;
        let (from, to) = (after.max(*begin) + 1, (before - 1).min(*end));
        (from <= to).then_some((from, to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts and positions of seals; `None` where they were made in another log.
    fn dense(seals: &[(u64, Option<u64>)]) -> Dense {
        Dense::of(seals.iter().copied())
    }

    #[test]
    fn a_position_that_is_missing_tells_something_only_where_a_seal_of_this_log_says_that_none_was() {
        for (seals, after, before, missing) in [
            (&[(5, Some(5)), (9, Some(9))][..], 2, 4, Some((3, 3))),
            (&[(5, Some(5)), (9, Some(9))], 4, 8, Some((5, 7))),
            (&[(5, Some(5)), (9, Some(9))], 20, 23, Some((21, 22))),
            // Positions are bytes, say.
            (&[(5, Some(700)), (9, Some(1400))], 2, 99, None),
            (&[(5, Some(700)), (9, Some(1400))], 1500, 1600, None),
            // A copy, which goes on by itself.
            (&[(5, None), (9, None)], 2, 4, None),
            (&[(5, None), (9, Some(9)), (12, Some(12))], 4, 11, Some((10, 10))),
            (&[(5, Some(700)), (9, Some(704))], 2, 702, Some((701, 701))),
            (&[], 2, 4, None),
        ] {
            assert_eq!(dense(seals).missing(after, before), missing, "{seals:?}, {after} to {before}");
        }
    }

    #[test]
    fn positions_are_counts_where_seals_of_this_log_say_so_and_behind_them() {
        let copied = [(5, None), (9, Some(9)), (12, Some(12))];
        let spread = [(5, Some(700)), (9, Some(704))];
        for (seals, after, until, holds) in [
            (&copied[..], 9, 12, true),
            (&copied, 12, 99, true),
            (&copied, 0, 12, false),
            (&spread, 0, 4, false),
            (&spread, 700, 704, true),
            (&spread[..1], 700, 701, false),
            (&[], 0, 1, false),
        ] {
            assert_eq!(dense(seals).holds(after, until), holds, "{seals:?}, {after} to {until}");
        }
    }
}
