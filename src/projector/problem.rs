//! What is wrong with a folder: where it stands, what it is, and what to do.

use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// `inventory/on/GoodsDelivered.sql`.
    pub file: String,
    /// The first is 1; `None` where it is about the file as a whole.
    pub line: Option<usize>,
    pub message: String,
    pub remedy: String,
}

impl Problem {
    pub fn new(
        file: impl Into<String>,
        line: impl Into<Option<usize>>,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self { file: file.into(), line: line.into(), message: message.into(), remedy: remedy.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, message, remedy } = self;
        match line {
            Some(line) => write!(f, "{file}:{line}: {message}; {remedy}"),
            None => write!(f, "{file}: {message}; {remedy}"),
        }
    }
}

/// All problems found, one a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl std::error::Error for Problems {}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<_> = self.0.iter().map(Problem::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

/// `known: a, b, c`, with the nearest name first where one is near.
pub fn known_names<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort_unstable();
    names.dedup();
    let near = names.iter().min_by_key(|name| distance(wrong, name)).copied();
    let hint = near.filter(|name| distance(wrong, name) <= 2 + wrong.len() / 4);
    let all = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
    hint.map_or_else(|| format!("known: {all}"), |near| format!("did you mean {near}? known: {all}"))
}

/// How many letters must be changed, added or left out to make one of the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, c) in one.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, d) in other.iter().enumerate() {
            let replaced = diagonal + usize::from(!c.eq_ignore_ascii_case(d));
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_nearly_right_is_suggested() {
        let names = ["GoodsDelivered", "CoinsDelivered", "GiftDelivered"];
        assert!(known_names("GoodDelivered", names).starts_with("did you mean GoodsDelivered? known: Coins"));
        assert_eq!(known_names("Xyz", ["abc", "a"]), "known: a, abc");
    }
}
