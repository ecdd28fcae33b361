//! What the fuzz targets are made of: bytes become a [`Scenario`](crate::scenario::Scenario) (an [`Artifact`]), which runs in
//! this process on several libraries, is judged by the contract, and says what nobody knows yet (a [`Session`]).
//!
//! In flow bytes that a fuzzer made up; out flow scenarios of the same type that files make, and findings. The targets in
//! `fuzz/` are a few lines over this; so is their replay without a fuzzer.
//!
//! | target | what its inputs are |
//! |---|---|
//! | `write_retry` | cells: writes, blocks and retries of every kind, modes, fragments, shutdowns; TLS 1.2 |
//! | `write_sequence` | cells: every step that a scenario knows, both versions, all ciphers, several transports |
//! | `wire_inbound` | cells: the same few writes, and all that can become of the bytes that the peer sends |
//! | `scenario_file` | the text of a scenario file |

mod artifact;
mod codec;
mod encoding;
mod examiner;
mod known_crashes;
mod multi_block;
mod mutate;
mod reading;
mod seeds;
mod session;
mod shrink;

pub use artifact::{Artifact, ArtifactBody, ArtifactError, FIRST_FORMAT, FORMAT, Header};
pub use encoding::{NotEncodable, Op, Program};
pub use examiner::{Examined, Examiner, FindingKey};
pub use mutate::mutate;
pub use reading::{Reading, RoundTripMismatch};
pub use seeds::{SameName, Seeds, seeds};
pub use session::{Cause, LIBSSL, Session, SessionError, Stats, UnexpectedFinding};
pub use shrink::{MOST_TRIES, Question, ShrinkProgress, shrink};

/// The fuzz targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FuzzTarget {
    /// Writes, blocks and retries.
    WriteRetry,
    /// Every step.
    WriteSequence,
    /// What becomes of the peer's bytes.
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

    /// Its name: of the file in `fuzz/fuzz_targets`, of the folder of its corpus, and of that of its artifacts.
    pub fn name(self) -> &'static str {
        match self {
            Self::WriteRetry => "write_retry",
            Self::WriteSequence => "write_sequence",
            Self::WireInbound => "wire_inbound",
            Self::ScenarioFile => "scenario_file",
        }
    }

    /// The name as the family of the scenarios that it makes up: `write-retry`.
    pub fn family(self) -> String {
        self.name().replace('_', "-")
    }

    /// The target of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.name() == name)
    }
}
