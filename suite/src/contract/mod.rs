//! The contract as data: every sentence of the manual, and every rule of TLS, that binds one who writes, as a clause with
//! an id in words, a statement, its source, and what it does to a user when it is broken.
//!
//! In flow the texts of `fixtures/contract/*.toml` ([`Contract::built_in`]); out flow [`Clause`]s. What holds a clause
//! against a trace is a monitor of the [`judge`](crate::judge); a clause that no trace can show says why.

mod parse;

use std::fmt;

use serde::Serialize;

use crate::data::CONTRACT;

pub use crate::scenario::ParseError;

/// The clauses of the contract, in the order of their files, and in each file in its own.
#[derive(Debug, Clone)]
pub struct Contract {
    clauses: Vec<Clause>,
}

impl Contract {
    /// The manual that is built into this program.
    ///
    /// # Errors
    ///
    /// As [`Contract::from_files`].
    pub fn built_in() -> Result<Self, ParseError> {
        Self::from_files(CONTRACT.files()?)
    }

    /// Takes the clauses of these files: of each its name, its path from the top of the repository (for messages), and
    /// its text.
    ///
    /// # Errors
    ///
    /// The first file that is not a right page, or a clause whose id another one has already.
    pub fn from_files(files: &[(&str, &str, &str)]) -> Result<Self, ParseError> {
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

    /// The clauses that a trace can show.
    pub fn observable(&self) -> impl Iterator<Item = &Clause> {
        self.clauses
            .iter()
            .filter(|clause| clause.unobservable.is_none())
    }
}

/// One rule for whoever writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Clause {
    /// `topic.rule`, each of lower-case letters, digits and hyphens, as in `retry.same-arguments`.
    pub id: String,
    /// What has to be so, in one or two sentences of our own.
    pub statement: String,
    /// Where it is said.
    pub source: Citation,
    /// How strongly it is said.
    pub strength: Strength,
    /// Which libraries it binds.
    pub binds: Binds,
    /// What it does to a user when it is broken.
    pub severity: Severity,
    /// The first version of the manual that says it; nothing if 1.1.1 and all before it do.
    pub since: Option<Release>,
    /// The first version of the manual that does not say it any more.
    pub until: Option<Release>,
    /// Why no trace can show whether it is kept, if so.
    pub unobservable: Option<String>,
}

impl Clause {
    /// What it is about, as in `retry`.
    pub fn topic(&self) -> &str {
        self.id.split_once('.').map_or("", |(topic, _)| topic)
    }
}

/// Where a clause is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Citation {
    /// The page or RFC, as in `SSL_write(3)`.
    pub page: String,
    /// The section of it; for an invariant, the reason.
    pub section: String,
    /// Where the page can be read.
    pub address: String,
}

/// As in `SSL_write(3), WARNINGS`.
impl fmt::Display for Citation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.page, self.section)
    }
}

/// How strongly something is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Strength {
    /// A library has to keep it.
    Must,
    /// A library has to keep it unless it has a reason not to.
    Should,
    /// A library is free to do it.
    May,
    /// What a library does is left open.
    Undefined,
}

impl Strength {
    /// All of them, the strongest first.
    pub const ALL: [Self; 4] = [Self::Must, Self::Should, Self::May, Self::Undefined];

    /// The word in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Must => "must",
            Self::Should => "should",
            Self::May => "may",
            Self::Undefined => "undefined",
        }
    }
}

/// Which libraries a clause binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Binds {
    /// Those that have `SSL_write` and its kin.
    Libssl,
    /// Every one that writes TLS.
    All,
}

impl Binds {
    /// Both kinds.
    pub const ALL: [Self; 2] = [Self::Libssl, Self::All];

    /// The word in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Libssl => "libssl",
            Self::All => "all",
        }
    }
}

/// What a broken clause does to a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Data are lost, doubled or leaked.
    Data,
    /// The connection is dead though it should live, or lives though it should be dead.
    Connection,
    /// The caller is told something that is not so.
    Report,
    /// Anything else.
    Other,
}

impl Severity {
    /// All of them, the worst first.
    pub const ALL: [Self; 4] = [Self::Data, Self::Connection, Self::Report, Self::Other];

    /// The word in files and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Connection => "connection",
            Self::Report => "report",
            Self::Other => "other",
        }
    }
}

/// A version of the manual, as in `1.1.1` or `3.2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Release {
    /// The first number.
    pub major: u8,
    /// The second.
    pub minor: u8,
    /// The third, 0 if there is none.
    pub patch: u8,
}

impl Release {
    /// Reads two or three numbers with dots between; answers nothing for anything else.
    pub fn parse(text: &str) -> Option<Self> {
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
