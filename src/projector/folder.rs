//! The files of a projection, as they stand in `projections/NAME/`: embedded ones and the user's own.

use std::collections::BTreeMap;
use std::path::Path;

use include_dir::{Dir, include_dir};
use sha2::{Digest, Sha256};

use super::problem::{Problem, Problems};
use crate::{codec, limits};

/// Raise it when the engine folds the same files differently: all projections are then built anew.
const ENGINE: u32 = 1;

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/projections");

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    BuiltIn,
    User,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    pub name: String,
    pub origin: Origin,
    /// By path inside the folder: `on/GoodsDelivered.sql`.
    pub files: BTreeMap<String, String>,
}

impl Folder {
    /// The folders that the program brings along.
    pub fn built_in() -> Vec<Self> {
        let named = |dir: &Dir<'static>| {
            let name = dir.path().file_name()?.to_str()?.to_owned();
            let mut files = BTreeMap::new();
            embedded(dir, dir.path(), &mut files);
            Some(Self { name, origin: Origin::BuiltIn, files })
        };
        BUILT_IN.dirs().filter_map(named).collect()
    }

    /// Those of the program that have not this name.
    pub fn built_in_but(name: &str) -> impl Iterator<Item = Self> {
        Self::built_in().into_iter().filter(move |folder| folder.name != name)
    }

    /// The user's own folders: each folder in `dir` is one.
    pub fn read_all(dir: &Path) -> Result<Vec<Self>, Problems> {
        let mut folders = Vec::new();
        let mut problems = Vec::new();
        for path in entries(dir).map_err(|problem| Problems(vec![problem]))? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if path.is_dir() && !name.starts_with('.') {
                match Self::read(&path, &name) {
                    Ok(folder) => folders.push(folder),
                    Err(found) => problems.extend(found.0),
                }
            }
        }
        if problems.is_empty() { Ok(folders) } else { Err(Problems(problems)) }
    }

    fn read(path: &Path, name: &str) -> Result<Self, Problems> {
        let mut files = BTreeMap::new();
        let mut problems = Vec::new();
        for (prefix, folder) in
            [("", path.to_owned()), ("on/", path.join("on")), ("queries/", path.join("queries"))]
        {
            if prefix.is_empty() || folder.is_dir() {
                read_files(&folder, &format!("{name}/{prefix}"), prefix, &mut files, &mut problems);
            }
        }
        if problems.is_empty() {
            Ok(Self { name: name.to_owned(), origin: Origin::User, files })
        } else {
            Err(Problems(problems))
        }
    }

    /// The hash of the files, the catalogue of events and the engine: another one means another result.
    pub fn version(&self) -> String {
        let mut sha = Sha256::new();
        let mut add = |part: &str| {
            sha.update((part.len() as u64).to_be_bytes());
            sha.update(part);
        };
        add(&ENGINE.to_string());
        for event in codec::catalogue() {
            add(event.event_type);
            event.fields.iter().for_each(|field| add(field));
        }
        for (path, text) in &self.files {
            add(path);
            add(text);
        }
        hex::encode(sha.finalize())
    }
}

fn embedded(dir: &Dir<'static>, root: &Path, files: &mut BTreeMap<String, String>) {
    for file in dir.files() {
        let path = file.path().strip_prefix(root).ok().and_then(Path::to_str);
        if let (Some(path), Some(text)) = (path, file.contents_utf8()) {
            files.insert(path.to_owned(), text.to_owned());
        }
    }
    dir.dirs().for_each(|inner| embedded(inner, root, files));
}

fn entries(dir: &Path) -> Result<Vec<std::path::PathBuf>, Problem> {
    let failed = |error: std::io::Error| {
        let remedy = "name a folder that holds one folder for each projection";
        Problem::new(dir.display().to_string(), None, format!("cannot be read: {error}"), remedy)
    };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    Ok(paths)
}

fn read_files(
    dir: &Path,
    shown: &str,
    prefix: &str,
    files: &mut BTreeMap<String, String>,
    problems: &mut Vec<Problem>,
) {
    let paths = match entries(dir) {
        Ok(paths) => paths,
        Err(problem) => return problems.push(problem),
    };
    for path in paths.iter().filter(|path| !path.is_dir()) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        // Notes and what editors leave behind are nobody's business.
        if !name.ends_with(".sql") || name.starts_with('.') {
            continue;
        }
        match read_text(path) {
            Ok(text) => {
                files.insert(format!("{prefix}{name}"), text);
            }
            Err(message) => {
                let remedy = "save it as UTF-8 text that this user may read";
                problems.push(Problem::new(format!("{shown}{name}"), None, message, remedy));
            }
        }
    }
}

fn read_text(path: &Path) -> Result<String, String> {
    let bytes = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if bytes > limits::PROJECTION_FILE_BYTES_MAX {
        return Err(format!("is larger than {} bytes", limits::PROJECTION_FILE_BYTES_MAX));
    }
    std::fs::read_to_string(path).map_err(|error| format!("cannot be read: {error}"))
}
