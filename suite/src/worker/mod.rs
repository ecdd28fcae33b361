//! Processes of their own for foreign libraries: this program, started again, loads the library (or takes a
//! backend that is a part of it) and runs cases on it, so that a crash, an exit or a hang is the result of one case and nothing more.
//!
//! In flow the file of a library and cases; out flow traces. Over a socket go requests and replies
//! (`protocol`); beside it stands a small file in memory that says what the library was last called
//! for (`crash_context`), and two that take what it prints. A worker gives up what it does not need
//! before it loads the library ([`confine`]).

pub mod confine;

mod child;
mod crash_context;
mod pace;
mod pool;
mod process;
mod protocol;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use child::serve;
pub use pool::{StartError, Workers};
pub use process::kill_all;
pub use protocol::LoadReport;

/// What a worker may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkerLimits {
    /// The most time for loading the library and for each case; a library that has finished cases gets less for the next
    /// one, as they show how long a case takes. A worker that sleeps has so much of wall time; one that is busy so much of
    /// processor time, so that a loaded machine makes no case hang.
    pub time: Duration,
    /// Memory in bytes; no limit if not named.
    pub memory: Option<u64>,
}

impl WorkerLimits {
    /// Far more than any case needs: a case takes a few milliseconds, and a worker some 50 MiB.
    pub const DEFAULT: Self = Self {
        time: Duration::from_secs(5),
        memory: Some(2 << 30),
    };

    /// How long a worker is waited for in any case, whatever the machine has given it: ten times as long.
    pub(crate) fn deadline(&self) -> Duration {
        self.time.saturating_mul(10)
    }

    /// How much a library may print in one case, in bytes; further output is refused with `EFBIG`.
    pub const PRINTED: u64 = 1 << 20;
}

impl Default for WorkerLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
