//! The limits of the encoding of scenarios as fuzz inputs.

use super::FuzzTarget;

/// Why a target cannot encode a scenario.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotEncodable {
    /// The target does not read operations.
    #[error("{} does not read operations", .0.name())]
    NoOperations(FuzzTarget),
    /// It has no operation for this step, or for so large a number.
    #[error("the target has no operation for step {0}")]
    Step(usize),
    /// It has no operation for this setup of the case.
    #[error("the target has no operation for {0}")]
    Setting(String),
    /// There are more steps than a case of the fuzzer has.
    #[error("{steps} steps, more than {most}")]
    TooLong {
        /// How many it has.
        steps: usize,
        /// How many it may have.
        most: usize,
    },
    /// The operations decode to something else: values that are too large for the fuzzer are reduced.
    #[error("it writes more than a fuzz case may")]
    TooMuch,
}
