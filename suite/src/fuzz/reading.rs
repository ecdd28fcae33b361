//! The property that the target `scenario_file` checks: any bytes give either an error with a
//! message, or a scenario that can be run and that stays the same when it is written and read
//! again.

use crate::scenario::{Id, ParseError, Scenario, parse, write};

/// The result of reading an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// The bytes are not UTF-8 text; the parser is not called.
    NoText,
    /// They are not a valid scenario file.
    Refused(ParseError),
    /// They are a valid scenario file.
    Scenario(Box<Scenario>),
}

/// A bug in the parser or the writer of scenario files.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RoundTripMismatch {
    /// An error has no message.
    #[error("an error without a message")]
    Speechless,
    /// The scenario has no variant.
    #[error("a scenario without a variant to run it in")]
    NoVariant,
    /// The written scenario is refused.
    #[error("the scenario is refused after it was written: {error}\n{text}")]
    Refused {
        /// Why.
        error: ParseError,
        /// The written text.
        text: String,
    },
    /// The written scenario is a different one.
    #[error("the scenario is different after it was written and read again:\n{text}")]
    Another {
        /// The written text.
        text: String,
    },
}

impl Reading {
    /// Reads the bytes as the text of a scenario file that messages call `path`.
    ///
    /// # Errors
    /// [`RoundTripMismatch`], a bug in the suite.
    pub fn of(id: Id, path: &str, bytes: &[u8]) -> Result<Self, RoundTripMismatch> {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return Ok(Self::NoText);
        };
        let scenario = match parse(id, path, text) {
            Ok(scenario) => scenario,
            Err(error) if error.message.is_empty() || error.help.is_empty() => {
                return Err(RoundTripMismatch::Speechless);
            }
            Err(error) => return Ok(Self::Refused(error)),
        };
        if scenario.variants().next().is_none() {
            return Err(RoundTripMismatch::NoVariant);
        }
        let text = write(&scenario);
        match parse(scenario.id.clone(), path, &text) {
            Ok(again) if again == scenario => Ok(Self::Scenario(Box::new(scenario))),
            Ok(_) => Err(RoundTripMismatch::Another { text }),
            Err(error) => Err(RoundTripMismatch::Refused { error, text }),
        }
    }
}
