//! The common properties of ledger entries: classification, location, keeper and staleness.
//! [`known`](super::known) holds what an entry explains; `old` reads the former format.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who maintains an entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Keeper {
    /// The suite.
    #[default]
    Suite,
    /// A user.
    User,
}

/// A line of a ledger file, which identifies an entry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Location {
    /// The file, as messages name it.
    pub(crate) file: String,
    /// The line, counted from 1.
    pub(crate) line: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// The classification of a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// The library's documentation states it.
    Documented,
    /// The source shows that it is intended.
    ByDesign,
    /// It is a bug.
    Bug,
    /// The manual is ambiguous.
    ManualUnclear,
}

impl Class {
    /// All classes.
    pub(crate) const ALL: [Self; 4] = [
        Self::Documented,
        Self::ByDesign,
        Self::Bug,
        Self::ManualUnclear,
    ];

    /// The word used in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Documented => "documented",
            Self::ByDesign => "by-design",
            Self::Bug => "bug",
            Self::ManualUnclear => "manual-unclear",
        }
    }
}

/// An entry that does not reproduce: it is out of date, or was never right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stale {
    /// Its library.
    pub(crate) library: String,
    /// The file and line of the entry.
    pub(crate) place: String,
    /// The finding that it expects.
    pub(crate) expected: String,
    /// The cases in which the finding does not occur.
    pub(crate) scenarios: String,
    /// Why it is out of date.
    pub(crate) why: String,
}

impl fmt::Display for Stale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            place,
            expected,
            scenarios,
            why,
            ..
        } = self;
        write!(f, "{place}: {expected}: {scenarios} {why}")
    }
}

/// What a library was compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compared {
    /// The suite's reference, for which the witnesses of differences were recorded.
    Reference,
    /// Another library.
    Another,
}
