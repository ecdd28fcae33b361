//! What people ask about `SSL_write`, each question with the scenario whose recorded traces answer it:
//! `fixtures/table.toml`, built into the program.
//!
//! ```toml
//! [[section]]
//! title = "Retries"
//!
//! [[section.question]]
//! text = "a retry from another buffer"
//! scenario = "retry/moved-buffer"
//! asks = { first = "retry 1000 moved" }
//! ```

use serde::Deserialize;

use crate::data::TABLE;
use crate::scenario::ParseError;

/// Questions about one matter.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Section {
    /// The matter, as a heading.
    pub title: String,
    /// The questions, in the order of the table.
    #[serde(rename = "question")]
    pub questions: Vec<Question>,
}

/// One question, and where its answer stands.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The question, on one line.
    pub text: String,
    /// The id of the scenario that shows it.
    pub scenario: String,
    /// The part of its traces that is the answer.
    pub asks: Query,
}

/// The part of a trace that is the answer. Actions are named as in a trace, such as `retry 1000 moved`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Query {
    /// The result of this action when it is done for the first time.
    First(String),
    /// The result of this action when it is done for the second time.
    Second(String),
    /// The last result of this `write …`: of its last retry, or of the write itself if it has none.
    End(String),
    /// The error queue after this action when it is done for the first time.
    Queue(String),
    /// The first action during which a record that begins like this is sent.
    Sends(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "section")]
    sections: Vec<Section>,
}

/// The questions that are built into this program.
///
/// # Errors
/// `fixtures/table.toml` is not of this form: where, and how.
pub fn questions() -> Result<Vec<Section>, ParseError> {
    let mut sections = Vec::new();
    for (_, path, text) in TABLE.files()? {
        let file: File = toml::from_str(text).map_err(|error| {
            ParseError::at_start(
                path,
                error.to_string(),
                "the module of the queries has its form",
            )
        })?;
        sections.extend(file.sections);
    }
    Ok(sections)
}
