//! What is wrong with a projection, and how far a build of it is, noted beside its file: for commands that look while a
//! server folds.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::file::Place;
use super::fold::FoldFailure;
use super::folder::Folder;
use super::status::{State, Status};
use crate::store::Position;

#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noted {
    stopped: Option<Stopped>,
    failing: Option<String>,
    build_failure: Option<String>,
    folder_problem: Option<String>,
    /// How much of a build is done, in percent.
    building: Option<u64>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Stopped {
    position: u64,
    event_type: String,
    file: String,
    line: Option<usize>,
    problem: String,
}

impl Noted {
    pub fn of(status: &Status) -> Self {
        let (mut stopped, mut failing) = (None, None);
        match &status.state {
            State::Building | State::Live => {}
            State::Failing(problem) => failing = Some(problem.clone()),
            State::Stopped(FoldFailure { position, event_type, file, line, problem }) => {
                stopped = Some(Stopped {
                    position: position.number(),
                    event_type: event_type.clone(),
                    file: file.clone(),
                    line: *line,
                    problem: problem.clone(),
                });
            }
        }
        let (build_failure, folder_problem) = (status.build_failure.clone(), status.folder_problem.clone());
        let building = status.build.map(|build| build.permille() / 10);
        Self { stopped, failing, build_failure, folder_problem, building }
    }

    /// Of a projection that does not answer yet.
    pub fn done(&self) -> String {
        let problem = self.failing.as_ref().or(self.stopped.as_ref().map(|stopped| &stopped.problem));
        match (self.building, problem.or(self.folder_problem.as_ref())) {
            (Some(percent), None) => format!("{percent} % done"),
            (Some(percent), Some(problem)) => format!("{percent} % done ({problem})"),
            (None, None) => "not begun yet".to_owned(),
            (None, Some(problem)) => format!("not begun yet ({problem})"),
        }
    }

    /// The status of a projection that another process folds.
    pub fn status(self) -> Status {
        let stopped = self.stopped.map(|Stopped { position, event_type, file, line, problem }| {
            let position = Position::from_number(position);
            State::Stopped(FoldFailure { position, event_type, file, line, problem })
        });
        let state = stopped.or(self.failing.map(State::Failing)).unwrap_or(State::Live);
        let (build_failure, folder_problem) = (self.build_failure, self.folder_problem);
        Status { state, build_failure, folder_problem, ..Status::default() }
    }

    pub fn read(path: &Path) -> Self {
        let text = std::fs::read(path).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// Where nothing is wrong or built there is no file.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        if *self == Self::default() {
            return match std::fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
                Ok(()) | Err(_) => Ok(()),
            };
        }
        let beside = path.with_extension("new");
        std::fs::write(&beside, serde_json::to_vec(self)?)?;
        std::fs::rename(&beside, path)
    }
}

/// How far another process is with a projection that it is to build, if it is.
pub fn done_elsewhere(views: &Path, name: &str) -> Option<String> {
    let place = Place::at(views, name);
    let is_built_in = || Folder::built_in().iter().any(|folder| folder.name == name);
    (place.is_building() || is_built_in()).then(|| Noted::read(&place.noted()).done())
}

#[cfg(test)]
mod tests {
    use super::super::status::Progress;
    use super::*;

    #[test]
    fn who_looks_while_a_server_builds_is_told_how_far_that_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("problem.json");
        let from = |first: Option<u64>, at: Option<u64>, head: u64| {
            let (first, position) = (first.map(Position::from_number), at.map(Position::from_number));
            Some(Progress { events: 0, first, position, head: Some(Position::from_number(head)) })
        };
        let at = |at: Option<u64>| from(at.map(|_| 1), at, 200);
        let failing = || State::Failing("the disk is full".into());
        for (build, state, done) in [
            (at(None), State::Building, "0 % done"),
            (at(Some(90)), State::Building, "45 % done"),
            (from(Some(1_000_001), Some(1_000_090), 1_000_200), State::Building, "45 % done"),
            (at(Some(90)), failing(), "45 % done (the disk is full)"),
            (None, failing(), "not begun yet (the disk is full)"),
            (None, State::Live, "not begun yet"),
        ] {
            Noted::of(&Status { state, build, ..Status::default() }).write(&path).unwrap();
            assert_eq!(Noted::read(&path).done(), done);
        }
        assert!(!path.exists(), "where nothing is wrong or built there is no file");
    }
}
