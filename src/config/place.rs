//! Where a setting stands, and the problems found there.

use std::cell::RefCell;
use std::fmt;
use std::io;

use super::env;

/// Where a setting comes from.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A line of the configuration file, counted from 1.
    Line(usize),
    /// The environment variable of this name.
    Environment(String),
}

/// One thing that is wrong. Never holds a secret value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    pub place: Place,
    /// Such as `app.demo.mode`; empty where the file is no TOML at all.
    pub key: String,
    /// What is wrong and what to do.
    pub message: String,
    /// Nothing is wrong yet: `init` left this for the user to fill in.
    pub to_fill_in: bool,
}

impl Problem {
    fn write(&self, f: &mut fmt::Formatter<'_>, file: &str) -> fmt::Result {
        match &self.place {
            Place::Line(line) => write!(f, "{file}:{line}: ")?,
            Place::Environment(variable) => write!(f, "environment {variable}: ")?,
        }
        let key_is_told = self.key.is_empty() || self.place == Place::Environment(env::variable(&self.key));
        if !key_is_told {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.message)
    }
}

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigErrors {
    #[error("{file}: cannot be read: {error}")]
    Unreadable { file: String, error: io::Error },
    /// Everything that is wrong, in the order of the file.
    #[error("{}", Listed { file, problems })]
    Problems { file: String, problems: Vec<Problem> },
}

impl ConfigErrors {
    /// One line for each problem.
    pub fn lines(&self) -> Vec<String> {
        self.to_string().lines().map(str::to_owned).collect()
    }
}

struct Listed<'a> {
    file: &'a str,
    problems: &'a [Problem],
}

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.write(f, self.file)?;
        }
        Ok(())
    }
}

/// Collects problems while the configuration is read, so that all are told at once.
#[derive(Default)]
pub struct Problems(RefCell<Vec<Problem>>);

impl Problems {
    pub fn report(&self, place: &Place, key: &str, message: impl Into<String>) {
        self.add(place, key, message.into(), false);
    }

    pub fn to_fill_in(&self, place: &Place, key: &str, message: impl Into<String>) {
        self.add(place, key, message.into(), true);
    }

    fn add(&self, place: &Place, key: &str, message: String, to_fill_in: bool) {
        let key = key.to_owned();
        self.0.borrow_mut().push(Problem { place: place.clone(), key, message, to_fill_in });
    }

    pub fn into_sorted(self) -> Vec<Problem> {
        let mut problems = self.0.into_inner();
        problems.sort_by(|left, right| left.place.cmp(&right.place));
        problems
    }
}

/// A value together with where it stands, for checks that look at several values.
#[derive(Clone)]
pub struct Placed<T> {
    pub place: Place,
    pub key: String,
    pub value: T,
}

impl<T> Placed<T> {
    pub fn report(&self, problems: &Problems, message: impl Into<String>) {
        problems.report(&self.place, &self.key, message);
    }
}

/// What was written, short enough to stand in a message. Not for secrets.
pub fn quoted(text: &str) -> String {
    let short: String = text.chars().take(60).collect();
    if short.len() == text.len() { format!("{short:?}") } else { format!("{short:?}…") }
}
