//! What the target `scenario_file` asks of the reader of scenario files: whatever the bytes, an error with words or a
//! scenario that can be run, and that is the same when it is written and read again.

use crate::scenario::{Id, ParseError, Scenario, parse, write};

/// What reading an input came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// The bytes are no text in UTF-8; the reader is never given such.
    NoText,
    /// They are no right scenario file.
    Refused(ParseError),
    /// They are one.
    Scenario(Box<Scenario>),
}

/// What is wrong with the reader, or with what writes scenarios.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RoundTripMismatch {
    /// A refusal does not say what is wrong.
    #[error("an error without words")]
    Speechless,
    /// There is nothing to run.
    #[error("a scenario without a variant to run it in")]
    NoVariant,
    /// What was read and written is refused.
    #[error("the scenario is refused once it is written: {error}\n{text}")]
    Refused {
        /// Why.
        error: ParseError,
        /// What was written.
        text: String,
    },
    /// What was read and written says something else.
    #[error("the scenario is another once it is written and read again:\n{text}")]
    Another {
        /// What was written.
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
