//! Where a report goes: to standard output, or into a file that is there whole or not at all.

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
    File { path: PathBuf, draft: NamedTempFile },
    /// A device or a pipe, which is written to as it is.
    Special { path: PathBuf },
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
            Ok(there) if there.is_dir() => return Err(failed(io::ErrorKind::IsADirectory.into())),
            Ok(there) if !there.is_file() => {
                return Ok(Self::Special {
                    path: path.to_owned(),
                });
            }
            Ok(there) if there.permissions().readonly() => {
                return Err(failed(io::ErrorKind::PermissionDenied.into()));
            }
            _ => {}
        }
        let folder = match path.parent() {
            Some(folder) if folder != Path::new("") => folder,
            _ => Path::new("."),
        };
        /// As any new file, less what the user's mask takes away.
        const READABLE: u32 = 0o666;
        let draft = tempfile::Builder::new()
            .prefix(".writeproof-")
            .permissions(Permissions::from_mode(READABLE))
            .tempfile_in(folder)
            .map_err(failed)?;
        Ok(Self::File {
            path: path.to_owned(),
            draft,
        })
    }

    /// Writes the whole report. A reader that has gone away (`| head`) has seen what it wanted.
    pub(super) fn write(self, text: &str) -> Result<(), Failure> {
        match self {
            Self::Standard => {
                let mut out = io::stdout().lock();
                match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
                    Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
                    other => other.map_err(Failure::StandardOutput),
                }
            }
            Self::File { path, mut draft } => {
                let written = draft
                    .write_all(text.as_bytes())
                    .and_then(|()| draft.persist(&path).map(drop).map_err(|e| e.error));
                written.map_err(|source| Failure::Output { path, source })
            }
            Self::Special { path } => {
                fs::write(&path, text).map_err(|source| Failure::Output { path, source })
            }
        }
    }
}
