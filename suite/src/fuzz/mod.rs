//! The core of the fuzz targets. An [`Artifact`] decodes bytes to a
//! [`Scenario`](crate::scenario::Scenario); a [`FuzzSession`] runs it in this process on several
//! libraries, judges the traces, and returns the unexpected findings. The targets in `fuzz/` and
//! the tests that replay their inputs are thin layers over this module.
//!
//! The inputs of most targets are programs: a list of operations of six bytes each, one for the
//! setup of the case and one for each step.
//!
//! | target | its inputs |
//! |---|---|
//! | `write_retry` | programs: writes, blocks and retries of every kind, modes, fragments, shutdowns; TLS 1.2 |
//! | `write_sequence` | programs: every step of a scenario, both versions, all ciphers, several transports |
//! | `wire_inbound` | programs: a few fixed writes, and all faults of the bytes that the peer sends |
//! | `scenario_file` | the text of a scenario file |

mod artifact;
mod codec;
mod encoding;
mod examiner;
mod known_crashes;
mod multi_block;
mod mutate;
mod not_encodable;
mod reading;
mod seeds;
mod session;
mod shrink;

pub use crate::scenario::Op;
pub use artifact::{Artifact, ArtifactBody, FIRST_FORMAT, FORMAT};
pub(crate) use artifact::{ArtifactError, InputHeader};
pub use encoding::Program;
pub(crate) use examiner::{Examined, Examiner, FindingKey};
pub use mutate::mutate;
pub(crate) use not_encodable::NotEncodable;
pub use reading::Reading;
pub use seeds::seeds;
pub(crate) use seeds::{SameName, Seeds};
pub use session::{FindingSignature, FuzzSession, LIBSSL, UnexpectedFinding};
pub(crate) use shrink::shrink;

/// The fuzz targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FuzzTarget {
    /// Writes, blocks and retries.
    WriteRetry,
    /// Every step of a scenario.
    WriteSequence,
    /// Faults of the bytes that the peer sends.
    WireInbound,
    /// The parser of scenario files.
    ScenarioFile,
}

impl FuzzTarget {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::WriteRetry,
        Self::WriteSequence,
        Self::WireInbound,
        Self::ScenarioFile,
    ];

    /// Its name, which is that of its file in `fuzz/fuzz_targets` and of its folders of corpus and
    /// artifacts.
    pub fn name(self) -> &'static str {
        match self {
            Self::WriteRetry => "write_retry",
            Self::WriteSequence => "write_sequence",
            Self::WireInbound => "wire_inbound",
            Self::ScenarioFile => "scenario_file",
        }
    }

    /// The family of the scenarios that it generates: `write-retry`.
    pub(crate) fn family(self) -> String {
        self.name().replace('_', "-")
    }

    /// The target of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.name() == name)
    }
}
