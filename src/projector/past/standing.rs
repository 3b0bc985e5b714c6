//! The read models that stand in a folder, which another process may be folding, and what each can be held against.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::definition::Definition;
use super::super::file::{self, Place};
use super::super::folder::Folder;
use super::super::views::Views;

/// A read model that answers.
pub struct Standing {
    pub name: String,
    pub path: PathBuf,
    /// The version, and the files that it was built from, as its file says of itself.
    built: Option<(String, Folder)>,
}

/// The definitions by which a read model can be made again.
pub enum Basis {
    /// Those that are usable now.
    Usable(Arc<Definition>),
    /// Those that are stored in its file. They are other ones than the usable, and make the version that it names.
    Stored(Arc<Definition>),
    /// None, and why.
    Unknown(String),
}

/// Those in `views.dir`, by name. Blocks.
pub fn standing(views: &Path) -> std::io::Result<Vec<Standing>> {
    let named = |name: String| {
        let path = Place::at(views, &name).current()?;
        let built = file::built_from(&path, &name);
        Some(Standing { name, path, built })
    };
    Ok(Views::names(views)?.into_iter().filter_map(named).collect())
}

impl Standing {
    /// What is stored in the file is believed only where nothing else can be: whoever alters rows can alter it too.
    pub fn basis(&self, usable: &[Arc<Definition>]) -> Basis {
        let now = usable.iter().find(|definition| definition.name == self.name);
        let (version, folder) = match (&self.built, now) {
            (None, Some(now)) => return Basis::Usable(now.clone()),
            (None, None) => {
                let why = "does not say what it was built from, and no folder of this name is known: name it with \
                           --projections";
                return Basis::Unknown(why.to_owned());
            }
            (Some((version, folder)), Some(now))
                if *version == now.version || folder.files == now.folder.files =>
            {
                return Basis::Usable(now.clone());
            }
            (Some((version, folder)), Some(_) | None) => (version, folder),
        };
        if folder.version() != *version {
            return Basis::Unknown(format!(
                "was built by another version, {version:.16}, and the definitions stored in it do not make that \
                 version here: another version of the program has built it, or it was altered"
            ));
        }
        let beside = usable.iter().filter(|other| other.name != self.name).map(|other| other.folder.clone());
        let checked = Definition::check_all(beside.chain([folder.clone()]).collect());
        let stored =
            checked.ok().and_then(|all| all.into_iter().find(|definition| definition.name == self.name));
        match stored {
            Some(stored) => Basis::Stored(stored),
            None => Basis::Unknown(format!(
                "was built by another version, {version:.16}, and this program does not understand the definitions \
                 stored in it"
            )),
        }
    }
}
