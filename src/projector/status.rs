//! What may be known of a projection from outside: where it stands, and what is wrong.

use super::fold::FoldFailure;
use crate::store::Position;

/// The state of what answers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum State {
    /// Nothing answers yet.
    #[default]
    Building,
    /// Follows the log.
    Live,
    /// The file or the log fails; it is tried again.
    Failing(String),
    /// An event cannot be folded: what was folded before it is still answered.
    Stopped(FoldFailure),
}

impl State {
    pub const WORDS: [&str; 4] = ["building", "live", "failing", "stopped"];

    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Building => "building",
            Self::Live => "live",
            Self::Failing(_) => "failing",
            Self::Stopped(_) => "stopped",
        }
    }

    /// What is wrong, if anything is.
    pub fn problem(&self) -> Option<String> {
        match self {
            Self::Building | Self::Live => None,
            Self::Failing(problem) => Some(problem.clone()),
            Self::Stopped(failure) => Some(failure.to_string()),
        }
    }
}

/// How far a build is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Events looked at.
    pub events: u64,
    /// Where the first of them stands: in a cluster that others use, far from 0.
    pub first: Option<Position>,
    pub position: Option<Position>,
    /// The log's end when last looked at.
    pub head: Option<Position>,
}

impl Progress {
    /// Of 1000.
    pub fn permille(&self) -> u64 {
        match (self.position, self.head) {
            (_, None) => 1000,
            (None, Some(_)) => 0,
            (Some(at), Some(head)) => {
                let begun = self.first.and_then(Position::before).map_or(0, Position::number);
                let ahead = |position: Position| u128::from(position.number().saturating_sub(begun));
                u64::try_from((ahead(at) * 1000 / ahead(head).max(1)).min(1000)).unwrap_or(1000)
            }
        }
    }
}

#[derive(Clone, Debug, Default)]
pub struct Status {
    pub state: State,
    /// Of a build that is under way.
    pub build: Option<Progress>,
    /// Why the newest version does not answer, though an older one does.
    pub build_failure: Option<String>,
    /// What is wrong with the folder as it is now; what was right before goes on.
    pub folder_problem: Option<String>,
    /// How often a finished build has taken over.
    pub switches: u64,
}

impl Status {
    /// What is wrong, if anything is.
    pub fn problem(&self) -> Option<String> {
        let of_folder = self.build_failure.as_ref().or(self.folder_problem.as_ref());
        self.state.problem().or_else(|| of_folder.cloned())
    }
}
