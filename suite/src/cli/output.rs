//! Writes reports and files: to standard output, or to a file that is either written completely or
//! not at all.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::failure::Failure;

/// The destination of a report.
#[derive(Debug)]
pub(super) enum Output {
    /// Standard output.
    Standard,
    /// A file that is created or replaced when the report is complete.
    File(PathBuf),
    /// A device or a pipe, which is written to directly.
    Special(PathBuf),
}

impl Output {
    /// Checks before the run that the report can be written.
    pub(super) fn prepare(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else {
            return Ok(Self::Standard);
        };
        let failed = |source| Failure::Output {
            path: path.to_owned(),
            source,
        };
        match fs::metadata(path) {
            Ok(there) if there.is_dir() => Err(failed(io::ErrorKind::IsADirectory.into())),
            Ok(there) if !there.is_file() => Ok(Self::Special(path.to_owned())),
            Ok(there) if there.permissions().readonly() => {
                Err(failed(io::ErrorKind::PermissionDenied.into()))
            }
            // The target of a link is replaced, and the link stays.
            Ok(_) => {
                let path = path.canonicalize().map_err(failed)?;
                draft(&path).map_err(failed)?;
                Ok(Self::File(path))
            }
            Err(_) => {
                draft(path).map_err(failed)?;
                Ok(Self::File(path.to_owned()))
            }
        }
    }

    /// Writes the whole report. It is no error if the reader has closed the pipe (`| head`).
    pub(super) fn write(self, text: &str) -> Result<(), Failure> {
        let failed = |path: PathBuf| move |source| Failure::Output { path, source };
        match self {
            Self::Standard => {
                let mut out = io::stdout().lock();
                match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                    other => other.map_err(Failure::StandardOutput),
                }
            }
            Self::File(path) => replace(&path, text.as_bytes()).map_err(failed(path)),
            Self::Special(path) => fs::write(&path, text).map_err(failed(path)),
        }
    }
}

/// Writes a file completely or not at all, and replaces an existing one.
pub(super) fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let failed = |source| Failure::Unwritable {
        path: path.to_owned(),
        source,
    };
    match fs::metadata(path) {
        Ok(there) if !there.is_file() => fs::write(path, bytes).map_err(failed),
        _ => replace(path, bytes).map_err(failed),
    }
}

/// Writes a new file completely or not at all; fails if it exists.
pub(super) fn create_whole(path: &Path, text: &str) -> io::Result<()> {
    let mut draft = draft(path)?;
    draft.write_all(text.as_bytes())?;
    draft.persist_noclobber(path).map_err(|error| error.error)?;
    Ok(())
}

/// An empty temporary file in the folder of `path`, removed when dropped.
fn draft(path: &Path) -> io::Result<NamedTempFile> {
    /// The permissions of a new file, before the umask is applied.
    const READABLE: u32 = 0o666;
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    tempfile::Builder::new()
        .prefix(".writeproof-")
        .permissions(Permissions::from_mode(READABLE))
        .tempfile_in(folder)
        .map_err(|error| cannot_create(folder, &error))
}

/// Why no file can be created in this folder. The error itself names the temporary file, which
/// means nothing to the user.
fn cannot_create(folder: &Path, error: &io::Error) -> io::Error {
    let folder = folder.display();
    let kind = error.kind();
    let why = match kind {
        io::ErrorKind::NotFound => format!("there is no folder {folder}"),
        io::ErrorKind::NotADirectory => format!("{folder} is not a folder"),
        io::ErrorKind::PermissionDenied => {
            format!("no permission to create a file in {folder}")
        }
        io::ErrorKind::ReadOnlyFilesystem => format!("{folder} is on a read-only file system"),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("no space left for a file in {folder}")
        }
        _ => return kind.into(),
    };
    io::Error::new(kind, why)
}

/// Writes a temporary file, gives it the permissions of `path`, and renames it to `path`.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut draft = draft(path)?;
    draft.write_all(bytes)?;
    if let Ok(there) = fs::metadata(path) {
        draft.as_file().set_permissions(there.permissions())?;
    }
    draft.persist(path).map_err(|error| error.error)?;
    Ok(())
}
