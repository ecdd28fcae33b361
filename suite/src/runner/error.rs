//! The errors of the suite itself while it runs a case.

use std::path::PathBuf;

use crate::wire;

/// Why a case could not be run at all; never the fault of the library under test.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunnerError {
    /// The peer could not be set up.
    #[error("cannot set up the peer: {0}")]
    Peer(#[from] openssl::error::ErrorStack),
    /// The file of a foreign library was changed or removed during the run: later results would
    /// belong to another library.
    #[error("{} was changed or removed during the run", .0.display())]
    Changed(PathBuf),
    /// A worker process failed.
    #[error("{0}")]
    Worker(String),
    /// The peer's key log could not be read.
    #[error("cannot read the peer's key log: {0}")]
    KeyLog(#[from] wire::KeyLogError),
}
