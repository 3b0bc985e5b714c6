//! Days one after another of which the same is said, told as one: `2026-10-01 to 2026-10-31`.

use chrono::NaiveDate;

/// In the order of the days; a text that is no day stands alone.
pub fn of_days<'a, T: PartialEq>(days: impl IntoIterator<Item = (&'a str, T)>) -> Vec<(String, T)> {
    let mut runs: Vec<(&'a str, &'a str, T)> = Vec::new();
    for (day, said) in days {
        match runs.last_mut() {
            Some((_, last, same)) if *same == said && is_day_before(last, day) => *last = day,
            _ => runs.push((day, day, said)),
        }
    }
    let told = |(first, last, said): (&str, &str, T)| {
        let days = if first == last { first.to_owned() } else { format!("{first} to {last}") };
        (days, said)
    };
    runs.into_iter().map(told).collect()
}

fn is_day_before(day: &str, next: &str) -> bool {
    let read = |text: &str| text.parse::<NaiveDate>().ok();
    read(day).and_then(|day| day.succ_opt()).is_some_and(|after| read(next) == Some(after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_of_which_the_same_is_said_are_one_line_and_a_gap_or_another_word_ends_it() {
        for (days, told) in [
            (&[][..], &[][..]),
            (&[("2026-01-05", 1)], &[("2026-01-05", 1)]),
            (&[("2026-01-30", 1), ("2026-01-31", 1), ("2026-02-01", 1)], &[("2026-01-30 to 2026-02-01", 1)]),
            (
                &[("2026-01-01", 1), ("2026-01-02", 1), ("2026-01-03", 2), ("2026-01-04", 2)],
                &[("2026-01-01 to 2026-01-02", 1), ("2026-01-03 to 2026-01-04", 2)],
            ),
            (&[("2026-01-01", 1), ("2026-01-03", 1)], &[("2026-01-01", 1), ("2026-01-03", 1)]),
            (&[("soon", 1), ("later", 1)], &[("soon", 1), ("later", 1)]),
        ] {
            let runs = of_days(days.iter().copied());
            let expected: Vec<_> = told.iter().map(|(days, said)| ((*days).to_owned(), *said)).collect();
            assert_eq!(runs, expected);
        }
    }
}
