//! Where a report, or a file that a command is asked for, goes: to standard output, or into a file that is there whole or
//! not at all.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::failure::Failure;

/// A place for a report.
#[derive(Debug)]
pub(super) enum Output {
    /// Standard output.
    Standard,
    /// A file that takes its name when the report is complete.
    File(PathBuf),
    /// A device or a pipe, which is written to as it is.
    Special(PathBuf),
}

impl Output {
    /// Makes sure that the report can be written, before there is one.
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
            // Behind a link, the file itself is replaced, and the link stays.
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

    /// Writes the whole report. A reader that has gone away (`| head`) has seen what it wanted.
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

/// Writes a file that is there whole or not at all, in the place of what stands there.
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

/// Writes a file that is there whole or not at all, where none stands yet.
pub(super) fn create_whole(path: &Path, text: &str) -> io::Result<()> {
    let mut draft = draft(path)?;
    draft.write_all(text.as_bytes())?;
    draft.persist_noclobber(path).map_err(|error| error.error)?;
    Ok(())
}

/// An empty file beside `path`, which goes away by itself.
fn draft(path: &Path) -> io::Result<NamedTempFile> {
    /// As any new file, less what the user's mask takes away.
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

/// Why no file can be created in this folder. The error itself names the draft, which nobody asked for.
fn cannot_create(folder: &Path, error: &io::Error) -> io::Error {
    let folder = folder.display();
    let kind = error.kind();
    let why = match kind {
        io::ErrorKind::NotFound => format!("there is no folder {folder}"),
        io::ErrorKind::NotADirectory => format!("{folder} is no folder"),
        io::ErrorKind::PermissionDenied => {
            format!("no permission to create a file in the folder {folder}")
        }
        io::ErrorKind::ReadOnlyFilesystem => format!("the folder {folder} is read-only"),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            format!("no space is left for a file in the folder {folder}")
        }
        _ => return kind.into(),
    };
    io::Error::new(kind, why)
}

/// Writes a draft, which then takes the place of `path`, and its permissions.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut draft = draft(path)?;
    draft.write_all(bytes)?;
    if let Ok(there) = fs::metadata(path) {
        draft.as_file().set_permissions(there.permissions())?;
    }
    draft.persist(path).map_err(|error| error.error)?;
    Ok(())
}
