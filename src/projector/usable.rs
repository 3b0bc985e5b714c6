//! Which projections can run: the program's own, and those of the user's folders that are right.

use std::path::Path;
use std::sync::Arc;

use super::definition::Definition;
use super::folder::Folder;
use super::problem::{Problem, Problems};

/// What is to run, and what is wrong with the rest.
#[derive(Clone, Debug)]
pub struct Usable {
    pub definitions: Vec<Arc<Definition>>,
    pub problems: Problems,
    known: Known,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// All folders, right and wrong.
    All,
    /// The user's folders cannot be listed: which there are is unknown.
    BuiltIn,
}

impl From<Vec<Arc<Definition>>> for Usable {
    fn from(definitions: Vec<Arc<Definition>>) -> Self {
        Self { definitions, problems: Problems(Vec::new()), known: Known::All }
    }
}

impl Usable {
    /// A folder of the user's that is wrong is left out and told of; it never keeps the others from running.
    pub fn read(user: Option<&Path>) -> Self {
        let (folders, mut problems, known) = match user.map(Folder::read_all) {
            None => (Vec::new(), Vec::new(), Known::All),
            Some(Ok((folders, problems))) => (folders, problems.0, Known::All),
            Some(Err(problem)) => (Vec::new(), vec![problem], Known::BuiltIn),
        };
        let definitions = right_of(&Folder::built_in(), folders, &mut problems);
        Self { definitions, problems: Problems(problems), known }
    }

    /// Whether nobody wants this projection any more.
    pub fn is_gone(&self, name: &str) -> bool {
        let is_right = self.definitions.iter().any(|definition| definition.name == name);
        !is_right && self.known == Known::All && self.problem_in(name).is_none()
    }

    /// What is wrong with this folder, if anything is.
    pub fn problem_in(&self, name: &str) -> Option<&Problem> {
        self.problems.0.iter().find(|problem| is_in(problem, name))
    }
}

/// The definitions of the folders that are right beside others that must be; none where those are wrong.
pub fn right_of(
    others: &[Folder],
    mut folders: Vec<Folder>,
    problems: &mut Vec<Problem>,
) -> Vec<Arc<Definition>> {
    loop {
        let found = match Definition::check_all(others.iter().chain(&folders).cloned().collect()) {
            Ok(definitions) => return definitions,
            Err(found) => found,
        };
        let before = folders.len();
        folders.retain(|folder| !found.0.iter().any(|problem| is_in(problem, &folder.name)));
        problems.extend(found.0);
        if folders.len() == before {
            return Vec::new();
        }
    }
}

fn is_in(problem: &Problem, folder: &str) -> bool {
    problem.file == folder || problem.file.strip_prefix(folder).is_some_and(|rest| rest.starts_with('/'))
}
