//! What every entry of the ledger has, whatever it is of: how it is to be taken, where it stands, who keeps it, and when it is
//! out of date. What an entry explains stands in [`known`](super::known); `old` reads the format before that.

mod old;

use std::fmt;

use serde::Serialize;

pub use self::old::{OldEntry, OldLedger, Part};

/// Who keeps an entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Keeper {
    /// The suite.
    #[default]
    Suite,
    /// A user.
    User,
}

/// A line of a ledger file, by which an entry is named.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Location {
    /// The file, as messages name it.
    pub file: String,
    /// The line, counted from 1.
    pub line: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// How a finding is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// The library's own documentation says so.
    Documented,
    /// The source shows that it is meant.
    ByDesign,
    /// It is a bug.
    Bug,
    /// The manual can be read either way.
    ManualUnclear,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Documented,
        Self::ByDesign,
        Self::Bug,
        Self::ManualUnclear,
    ];

    /// The word in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Documented => "documented",
            Self::ByDesign => "by-design",
            Self::Bug => "bug",
            Self::ManualUnclear => "manual-unclear",
        }
    }
}

/// An entry whose finding does not come: it is out of date, or was never right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stale {
    /// The library that it speaks of.
    pub library: String,
    /// The file and the line of the entry.
    pub place: String,
    /// What it expects.
    pub expected: String,
    /// The cases in which that does not come.
    pub scenarios: String,
    /// Why it is out of date.
    pub why: String,
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
pub enum Compared {
    /// The suite's reference, which the witnesses of differences were compared with.
    Reference,
    /// Another library.
    Another,
}
