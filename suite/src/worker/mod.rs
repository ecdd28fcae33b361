//! Worker processes for foreign libraries and external backends: another process of this program
//! loads the library (or uses a backend that is part of the program) and runs cases on it, so that
//! a crash, an exit or a hang affects only one case. This program is the command `writeproof` or,
//! for an external backend, the program that has it.
//!
//! The pool takes the file of a library and cases, and yields traces. Requests and replies go over
//! a socket (`protocol`); a small file in memory holds the last call of the library
//! (`crash_context`), and two more collect its output. A worker drops its privileges before it
//! loads the library ([`confine`]).

pub(crate) mod confine;

mod child;
mod crash_context;
mod pace;
mod pool;
mod process;
mod protocol;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use child::serve;
pub(crate) use pool::{StartError, Workers};
pub(crate) use process::kill_all;

/// The resources that a worker may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerLimits {
    /// The time limit for loading the library and for each case; once a library has finished cases,
    /// their duration lowers the limit for the next one. The limit is wall time for a worker that
    /// sleeps, and processor time for one that is busy, so that a loaded machine does not turn a
    /// case into a hang.
    pub time: Duration,
    /// Memory in bytes; unlimited if `None`.
    pub memory: Option<u64>,
}

impl WorkerLimits {
    /// Far more than any case needs: a case takes a few milliseconds, and a worker about 50 MiB.
    pub const DEFAULT: Self = Self {
        time: Duration::from_secs(5),
        memory: Some(2 << 30),
    };

    /// The limit of wall time for any worker, regardless of the processor time that it got: ten
    /// times the time limit.
    pub(crate) fn deadline(&self) -> Duration {
        self.time.saturating_mul(10)
    }

    /// How much a library may print in one case, in bytes; further output fails with `EFBIG`.
    pub(crate) const PRINTED: u64 = 1 << 20;
}

impl Default for WorkerLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
