//! Where a result is written, and how: to stdout, or to a file that takes its place only when it is whole.

use std::fs::{self, File, Permissions};
use std::io::{self, IsTerminal, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use tempfile::NamedTempFile;

/// How an answer is shown.
#[derive(clap::Args, Clone)]
pub struct Shown {
    /// How the answer is written. Without it: as the ending of --output says, .csv, .xlsx or .json, or a table
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// One JSON object, with the position that the answer is as of; the same as --format json
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// Write to a file and not to stdout
    #[arg(long = "output", visible_alias = "out", value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// CSV begins with a byte order mark, which older Excel needs
    #[arg(long)]
    pub bom: bool,
    /// The moment that ages are counted to, RFC 3339. Without it: now
    #[arg(long, value_name = "MOMENT")]
    pub as_of: Option<DateTime<Utc>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    Table,
    Json,
    Csv,
    Xlsx,
}

impl Format {
    /// As the file's name says it.
    fn of_ending(file: &Path) -> Self {
        let ending = file.extension().and_then(|ending| ending.to_str()).map(str::to_ascii_lowercase);
        match ending.as_deref() {
            Some("csv") => Self::Csv,
            Some("xlsx") => Self::Xlsx,
            Some("json") => Self::Json,
            Some(_) | None => Self::Table,
        }
    }
}

impl Shown {
    /// The format; a workbook is nothing for a terminal.
    pub fn format(&self) -> anyhow::Result<Format> {
        let by_name = || self.file.as_deref().map_or(Format::Table, Format::of_ending);
        let format = if self.json { Format::Json } else { self.format.unwrap_or_else(by_name) };
        if format == Format::Xlsx && self.file.is_none() && io::stdout().is_terminal() {
            bail!("--format xlsx is no text: name a file with --output, or redirect stdout");
        }
        Ok(format)
    }
}

/// A file that is being written: beside its place, so that what stands there stays until this is whole. Dropped
/// before [`OutFile::finish`], it leaves nothing behind.
pub struct OutFile {
    place: PathBuf,
    out: Out,
}

enum Out {
    Beside(NamedTempFile),
    /// A pipe or a device, which nothing can take the place of.
    Straight(File),
}

/// Of a file that was not there before, less what the umask takes.
const NEW_FILE: u32 = 0o666;

/// Of a file that only its owner may read.
const PRIVATE_FILE: u32 = 0o600;

impl OutFile {
    /// A file that is there keeps its mode.
    pub fn begin(path: &Path) -> anyhow::Result<Self> {
        let mode = |stands: Option<Permissions>| stands.unwrap_or_else(|| Permissions::from_mode(NEW_FILE));
        Self::begin_with(path, mode)
    }

    /// A file that only its owner may read, whatever the mode of one that is there.
    pub fn begin_private(path: &Path) -> anyhow::Result<Self> {
        Self::begin_with(path, |_| Permissions::from_mode(PRIVATE_FILE))
    }

    fn begin_with(
        path: &Path,
        mode: impl FnOnce(Option<Permissions>) -> Permissions,
    ) -> anyhow::Result<Self> {
        let shown = || path.display().to_string();
        // The link stays, and the file behind it is written.
        let place = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let stands = fs::metadata(&place).ok();
        if stands.as_ref().is_some_and(|stands| !stands.is_file()) {
            let file = File::options().write(true).open(&place).with_context(shown)?;
            return Ok(Self { place, out: Out::Straight(file) });
        }
        let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty());
        let permissions = mode(stands.map(|stands| stands.permissions()));
        let file = tempfile::Builder::new()
            .prefix(".order-ledger-")
            .permissions(permissions)
            .tempfile_in(folder.unwrap_or(Path::new(".")))
            .with_context(shown)?;
        Ok(Self { place, out: Out::Beside(file) })
    }

    /// It is whole, and takes its place.
    pub fn finish(mut self) -> anyhow::Result<()> {
        let shown = || self.place.display().to_string();
        self.out.file().flush().with_context(shown)?;
        match self.out {
            Out::Straight(_) => {}
            Out::Beside(file) => {
                file.as_file().sync_all().with_context(shown)?;
                file.persist(&self.place).map_err(|error| error.error).with_context(shown)?;
                let folder = self.place.parent().filter(|folder| !folder.as_os_str().is_empty());
                let folder = File::open(folder.unwrap_or(Path::new(".")));
                folder.and_then(|folder| folder.sync_all()).with_context(shown)?;
            }
        }
        Ok(())
    }
}

impl Out {
    fn file(&mut self) -> &mut File {
        match self {
            Self::Beside(file) => file.as_file_mut(),
            Self::Straight(file) => file,
        }
    }
}

impl Write for OutFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.file().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.file().flush()
    }
}

/// Stdout; where nobody reads on, as behind `| head`, the program ends quietly.
pub struct Stdout;

impl Write for Stdout {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stdout().lock().write(bytes).or_else(end_or)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stdout().lock().flush().or_else(end_or)
    }
}

fn end_or<T>(error: io::Error) -> io::Result<T> {
    if error.kind() == io::ErrorKind::BrokenPipe {
        super::end_where_nobody_reads(&error);
    }
    Err(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_not_finished_leaves_what_stood_and_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.csv");
        fs::write(&path, "before").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        let mut dropped = OutFile::begin(&path).unwrap();
        dropped.write_all(b"half").unwrap();
        drop(dropped);
        assert_eq!(fs::read_to_string(&path).unwrap(), "before");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let mut whole = OutFile::begin(&path).unwrap();
        whole.write_all(b"after").unwrap();
        whole.finish().unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "after");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_format_that_is_not_said_is_that_of_the_files_ending() {
        for (name, format) in [
            ("report.csv", Format::Csv),
            ("report.XLSX", Format::Xlsx),
            ("a.b.json", Format::Json),
            ("report.txt", Format::Table),
            ("xlsx", Format::Table),
        ] {
            assert_eq!(Format::of_ending(Path::new(name)), format, "{name}");
        }
    }
}
