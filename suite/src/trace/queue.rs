//! Entries of an error queue.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::transport::Errno;

/// An entry of an error queue, by the names of its library and reason; displayed as
/// `ssl:bad length`. Names are lower case, with spaces. Numbers are not used because they differ
/// between libraries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
pub struct QueueEntry {
    /// The library that raised the error, as in `ssl`.
    pub(crate) library: String,
    /// The reason, as in `bad length`; for a system error the name of an [`Errno`], as in
    /// `ECONNRESET`.
    pub(crate) reason: String,
}

impl QueueEntry {
    /// The library name of libssl errors.
    pub(crate) const SSL: &str = "ssl";

    /// The library name of system errors, whose reasons are error numbers.
    pub(crate) const SYSTEM: &str = "system library";

    /// From the strings of a library of the `libssl` kind: `SSL routines` and `bad length` become
    /// `ssl:bad length`.
    pub fn of(library: Option<&str>, reason: Option<&str>) -> Self {
        let library = library.unwrap_or_default().trim_end_matches(" routines");
        Self {
            library: library.to_lowercase(),
            reason: reason.unwrap_or_default().to_lowercase(),
        }
    }

    /// A system error.
    pub(crate) fn of_system(errno: Errno) -> Self {
        Self {
            library: Self::SYSTEM.to_owned(),
            reason: errno.to_string(),
        }
    }

    /// Whether libssl raised it.
    pub(crate) fn is_of_ssl(&self) -> bool {
        self.library == Self::SSL
    }

    /// The length of its displayed form, in bytes.
    pub(crate) fn text_len(&self) -> usize {
        self.library.len() + 1 + self.reason.len()
    }

    /// The displayed entries, as a trace and the ledger show them.
    pub(crate) fn joined(queue: &[Self]) -> String {
        let entries: Vec<String> = queue.iter().map(Self::to_string).collect();
        entries.join(", ")
    }

    /// Parses displayed entries.
    pub(crate) fn split(text: &str) -> Vec<Self> {
        let entries = text.split(", ").filter(|entry| !entry.is_empty());
        entries.map(Self::from).collect()
    }
}

impl fmt::Display for QueueEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.library, self.reason)
    }
}

impl From<&str> for QueueEntry {
    fn from(text: &str) -> Self {
        let (library, reason) = text.split_once(':').unwrap_or((text, ""));
        Self {
            library: library.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

impl From<String> for QueueEntry {
    fn from(text: String) -> Self {
        Self::from(text.as_str())
    }
}

impl From<QueueEntry> for String {
    fn from(entry: QueueEntry) -> Self {
        entry.to_string()
    }
}
