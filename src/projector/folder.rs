//! The files of a projection, as they stand in `projections/NAME/`: embedded ones and the user's own.

use std::collections::BTreeMap;
use std::path::Path;

use include_dir::{Dir, include_dir};
use sha2::{Digest, Sha256};

use super::problem::{Problem, Problems};
use crate::{codec, limits};

/// Raise it when the engine folds the same files differently: all projections are then built anew.
const ENGINE: u32 = 2;

/// What to do about a file that has no place.
pub const PLACES: &str =
    "only schema.sql, on/EVENT.sql, then/NAME.sql and queries/QUERY.sql are read: move it there";

/// What a folder may hold beside its schema.
pub const INNER: [&str; 3] = ["on", "then", "queries"];

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

    /// The user's own folders, each folder in `dir` is one, and what is wrong with others; `Err` where `dir`
    /// cannot be read.
    pub fn read_all(dir: &Path) -> Result<(Vec<Self>, Problems), Problem> {
        let mut folders = Vec::new();
        let mut problems = Vec::new();
        for path in entries(dir)? {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name.starts_with('.') {
                continue;
            }
            if !path.is_dir() {
                if is_sql(&name) {
                    let remedy = "name the folder above it: each projection is a folder in there";
                    problems.push(Problem::new(name, None, "stands beside the folders", remedy));
                }
                continue;
            }
            match Self::read(&path, &name) {
                Ok(folder) => folders.push(folder),
                Err(found) => problems.extend(found.0),
            }
        }
        Ok((folders, Problems(problems)))
    }

    fn read(path: &Path, name: &str) -> Result<Self, Problems> {
        let mut files = BTreeMap::new();
        let mut problems = Vec::new();
        read_files(path, &format!("{name}/"), "", &mut files, &mut problems);
        for inner in INNER {
            let (folder, prefix) = (path.join(inner), format!("{inner}/"));
            if folder.is_dir() {
                read_files(&folder, &format!("{name}/{prefix}"), &prefix, &mut files, &mut problems);
            }
        }
        if problems.is_empty() {
            Ok(Self { name: name.to_owned(), origin: Origin::User, files })
        } else {
            Err(Problems(problems))
        }
    }

    /// The files of an inner folder: name, path and text.
    pub fn within<'a>(&'a self, inner: &'a str) -> impl Iterator<Item = (&'a str, &'a str, &'a str)> {
        self.files.iter().filter_map(move |(path, text)| {
            let name = path.strip_prefix(inner)?.strip_prefix('/')?.strip_suffix(".sql")?;
            Some((name, path.as_str(), text.as_str()))
        })
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
            event.fields.iter().chain(event.line_fields).for_each(|field| add(field));
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
    for path in &paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let is_known = prefix.is_empty() && INNER.contains(&name.as_str());
        if path.is_dir() {
            if !is_known && !name.starts_with('.') {
                let message = "is a folder and has no place here";
                problems.push(Problem::new(format!("{shown}{name}"), None, message, PLACES));
            }
            continue;
        }
        // Notes and what editors leave behind are nobody's business.
        if !is_sql(&name) || name.starts_with('.') {
            continue;
        }
        match read_text(path) {
            Ok(text) => {
                files.insert(format!("{prefix}{name}"), text);
            }
            Err((message, remedy)) => {
                problems.push(Problem::new(format!("{shown}{name}"), None, message, remedy));
            }
        }
    }
}

/// However it is written: `X.SQL` is told to be wrong, and not passed over.
fn is_sql(name: &str) -> bool {
    name.to_ascii_lowercase().ends_with(".sql")
}

/// Or what is wrong, and what to do.
fn read_text(path: &Path) -> Result<String, (String, &'static str)> {
    let failed = |error: std::io::Error| {
        (format!("cannot be read: {error}"), "save it as UTF-8 text that this user may read")
    };
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    if bytes > limits::PROJECTION_FILE_BYTES_MAX {
        let message = format!("is larger than {} bytes", limits::PROJECTION_FILE_BYTES_MAX);
        return Err((message, "split it, or take out what is not needed"));
    }
    std::fs::read_to_string(path).map_err(failed)
}
