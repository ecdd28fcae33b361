//! The contract as data: each rule for a TLS writer, from the manual pages and the RFCs, is a
//! [`Clause`] with an id, a statement, its source and the consequence for a user when it is broken.
//!
//! The clauses come from `fixtures/contract/*.toml` ([`Contract::built_in`]). A monitor of the
//! [`judge`](crate::judge) checks them against a trace; a clause that no trace can show gives the
//! reason.

mod parse;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::data::CONTRACT;

pub(crate) use crate::scenario::ParseError;

/// The clauses of the contract, in the order of the files and of the clauses within each file.
#[derive(Debug, Clone)]
pub struct Contract {
    clauses: Vec<Clause>,
}

impl Contract {
    /// The contract embedded in this program.
    ///
    /// # Errors
    ///
    /// As [`Contract::from_files`].
    pub fn built_in() -> Result<Self, ParseError> {
        Self::from_files(CONTRACT.files()?)
    }

    /// Reads the clauses of `files`: for each its name, its path from the top of the repository
    /// (for messages) and its text.
    ///
    /// # Errors
    ///
    /// The first file that is not valid, or the first clause whose id is already taken.
    pub(crate) fn from_files(files: &[(&str, &str, &str)]) -> Result<Self, ParseError> {
        let mut clauses: Vec<Clause> = Vec::new();
        for &(_, path, text) in files {
            parse::page(path, text, &mut clauses)?;
        }
        Ok(Self { clauses })
    }

    /// All clauses.
    pub fn clauses(&self) -> &[Clause] {
        &self.clauses
    }

    /// The clause with this id.
    pub fn get(&self, id: &str) -> Option<&Clause> {
        self.clauses.iter().find(|clause| clause.id == id)
    }

    /// The ids of all clauses.
    pub(crate) fn ids(&self) -> impl Iterator<Item = &str> {
        self.clauses.iter().map(|clause| clause.id.as_str())
    }

    /// The clauses whose violation a trace can show.
    pub fn observable(&self) -> impl Iterator<Item = &Clause> {
        self.clauses
            .iter()
            .filter(|clause| clause.unobservable.is_none())
    }
}

/// One rule for a TLS writer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    /// `topic.rule`, each of lower-case letters, digits and hyphens, as in `retry.same-arguments`.
    pub id: String,
    /// The rule, in one or two sentences of our own.
    pub statement: String,
    /// Where the rule is stated.
    pub source: Citation,
    /// How strongly it is stated.
    pub strength: Strength,
    /// Which libraries it applies to.
    pub binds: Binds,
    /// The consequence for a user when it is broken.
    pub severity: Severity,
    /// The first release whose manual states it; `None` if 1.1.1 and all earlier releases do.
    pub since: Option<Release>,
    /// The first release whose manual no longer states it.
    pub until: Option<Release>,
    /// Why no trace can show whether the rule is kept, if that is so.
    pub unobservable: Option<String>,
}

impl Clause {
    /// The part of the id before the dot, as in `retry`.
    pub fn topic(&self) -> &str {
        self.id.split_once('.').map_or("", |(topic, _)| topic)
    }
}

/// Where a clause is stated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Citation {
    /// The page or RFC, as in `SSL_write(3)`.
    pub(crate) page: String,
    /// The section of the page; for an invariant, the reason.
    pub(crate) section: String,
    /// The URL of the page.
    pub address: String,
}

/// As in `SSL_write(3), WARNINGS`.
impl fmt::Display for Citation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.page, self.section)
    }
}

/// How strongly a rule is stated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Strength {
    /// A library must keep it.
    Must,
    /// A library should keep it unless it has a reason not to.
    Should,
    /// A library may do it.
    May,
    /// The behaviour is left open.
    Undefined,
}

impl Strength {
    /// All strengths, the strongest first.
    pub(crate) const ALL: [Self; 4] = [Self::Must, Self::Should, Self::May, Self::Undefined];

    /// The word used in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Must => "must",
            Self::Should => "should",
            Self::May => "may",
            Self::Undefined => "undefined",
        }
    }
}

/// Which libraries a clause applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Binds {
    /// Libraries with `SSL_write` and its variants.
    Libssl,
    /// Every TLS library.
    All,
}

impl Binds {
    /// All values.
    pub const ALL: [Self; 2] = [Self::Libssl, Self::All];

    /// The word used in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Libssl => "libssl",
            Self::All => "all",
        }
    }
}

/// The consequence of a broken clause for a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Data are lost, duplicated or leaked.
    Data,
    /// The connection fails although it should go on, or goes on although it should have failed.
    Connection,
    /// The caller gets a wrong report.
    Report,
    /// Anything else.
    Other,
}

impl Severity {
    /// All severities, the worst first.
    pub(crate) const ALL: [Self; 4] = [Self::Data, Self::Connection, Self::Report, Self::Other];

    /// The word used in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Connection => "connection",
            Self::Report => "report",
            Self::Other => "other",
        }
    }
}

/// A release of the manual, as in `1.1.1` or `3.2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Release {
    /// The first number.
    pub(crate) major: u8,
    /// The second.
    pub(crate) minor: u8,
    /// The third, 0 if there is none.
    pub(crate) patch: u8,
}

impl Release {
    /// Parses two or three numbers separated by dots; `None` for anything else.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let numbers: Vec<u8> = text
            .split('.')
            .map(|part| part.parse().ok())
            .collect::<Option<_>>()?;
        match numbers[..] {
            [major, minor] => Some(Self {
                major,
                minor,
                patch: 0,
            }),
            [major, minor, patch] => Some(Self {
                major,
                minor,
                patch,
            }),
            _ => None,
        }
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        match self.patch {
            0 => Ok(()),
            patch => write!(f, ".{patch}"),
        }
    }
}
