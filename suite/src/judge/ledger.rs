//! What is already known of differences: the ledger has an entry for each way in which a library differs from the reference
//! where no clause is broken, and that somebody has looked into. A difference without an entry is unexpected, and so is an
//! entry whose difference does not come. What breaks the contract is known by its cause ([`known`](super::known)).
//!
//! ```toml
//! # fixtures/ledger/openssl-4.0.toml
//! [[known]]
//! differs = "write 100: returns 0"          # in words
//! scenarios = ["closing/transport-returns-zero*"]   # patterns, as for `run --scenario`
//! variants = ["tls1.3/client"]              # all if left out
//! versions = ["4.0."]                       # what the library's version begins with; all if left out
//! class = "by-design"                       # documented, by-design, bug or manual-unclear
//! reason = "…"                              # where it comes from, checked in the source or its documentation
//! link = "https://…"                        # or source = "ssl/record/rec_layer_s3.c:532"
//! ```
//!
//! What the suite's own files say of a difference is for the reader: it is recorded call by call below `snapshots/`. In flow
//! these files; out flows a [`Ledger`] that is asked about findings.

mod old;
mod read;
mod stale;

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

pub use self::old::{OldEntry, OldLedger, Part};
pub use self::stale::{Compared, Stale};
use super::finding::{Finding, Kind, Known};
use crate::scenario::{Id, ParseError, Pattern, Scenario, Variant};

/// All entries, by the name under which a library's traces are recorded.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    entries: BTreeMap<String, Vec<Entry>>,
}

/// Something that is known of a library, of findings as `F` says.
#[derive(Debug, Clone)]
pub struct Entry<F = Expected> {
    /// The finding that it expects.
    pub finding: F,
    /// Where it is expected.
    pub scenarios: Vec<Pattern>,
    /// In which variants; in all if there is none.
    pub variants: Vec<Variant>,
    /// What the library's version begins with; any if there is none.
    pub versions: Vec<String>,
    /// How it is to be taken.
    pub class: Class,
    /// Where it comes from.
    pub reason: String,
    /// Where that can be read: an address, or a place in the library's source.
    pub link: String,
    /// Where it stands.
    pub location: Location,
    /// Who keeps it.
    pub keeper: Keeper,
}

/// Who keeps an entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Keeper {
    /// The suite: a difference is recorded call by call below `snapshots/`, and one that changes is a changed trace.
    #[default]
    Suite,
    /// A user: nothing is recorded, so that an entry has to name the very difference, as `ledger --propose` writes it.
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

/// The finding that an entry expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// The trace differs from the reference's, in these words.
    Differs(String),
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
    pub fn word(self) -> &'static str {
        match self {
            Self::Documented => "documented",
            Self::ByDesign => "by-design",
            Self::Bug => "bug",
            Self::ManualUnclear => "manual-unclear",
        }
    }
}

/// The files that are built into the program: (name without ending, path, text).
static FILES: &[(&str, &str, &str)] = include!(concat!(env!("OUT_DIR"), "/ledger.rs"));

impl Ledger {
    /// The ledger that is built into this program.
    ///
    /// # Errors
    /// As [`Ledger::from_files`].
    pub fn built_in() -> Result<Self, ParseError> {
        Self::from_files(FILES)
    }

    /// Takes the entries of these files: of each the library's name, its path (for messages), and its text.
    ///
    /// # Errors
    /// The first file that is not a right ledger.
    pub fn from_files(files: &[(&str, &str, &str)]) -> Result<Self, ParseError> {
        let mut ledger = Self::default();
        for &(library, path, text) in files {
            ledger.add(library, path, text)?;
        }
        Ok(ledger)
    }

    /// Adds the entries of a file, of the library that goes by this name.
    ///
    /// # Errors
    /// The file is not a right ledger.
    pub fn add(&mut self, library: &str, path: &str, text: &str) -> Result<(), ParseError> {
        self.add_from(Keeper::Suite, library, path, text)
    }

    /// Adds the entries of a file of the user's own.
    ///
    /// # Errors
    /// As [`Ledger::add`].
    pub fn add_own(&mut self, library: &str, path: &str, text: &str) -> Result<(), ParseError> {
        self.add_from(Keeper::User, library, path, text)
    }

    fn add_from(
        &mut self,
        keeper: Keeper,
        library: &str,
        path: &str,
        text: &str,
    ) -> Result<(), ParseError> {
        let entries = read::page(path, text, keeper)
            .map_err(|fault| ParseError::locate(path, text, fault))?;
        self.entries
            .entry(library.to_owned())
            .or_default()
            .extend(entries);
        Ok(())
    }

    /// The libraries that something is known of, and what.
    pub fn libraries(&self) -> impl Iterator<Item = (&str, &[Entry])> {
        self.entries
            .iter()
            .map(|(library, entries)| (library.as_str(), entries.as_slice()))
    }

    /// What is known of this library.
    pub fn of(&self, library: &str) -> &[Entry] {
        self.entries.get(library).map_or(&[], Vec::as_slice)
    }

    /// The name under which something is known of this series of a family: `openssl-1.1.1` has that of OpenSSL 1.1.1w, and
    /// `aws-lc`, which has no series, that of every AWS-LC.
    pub fn library_of(&self, family: &str, version: Option<&str>) -> Option<&str> {
        let is_of_series = |series: &str| {
            let after = version.and_then(|version| version.strip_prefix(series));
            after.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
        };
        let fits = |name: &&str| match name.strip_prefix(family) {
            Some("") => true,
            Some(rest) => rest.strip_prefix('-').is_some_and(|series| {
                is_of_series(series.strip_prefix("system-").unwrap_or(series))
            }),
            None => false,
        };
        self.entries.keys().map(String::as_str).find(fits)
    }

    /// The entry that knows this finding, if one does.
    pub fn find(&self, at: &Place<'_>, finding: &Finding) -> Option<&Entry> {
        self.of(at.library)
            .iter()
            .find(|entry| entry.applies(at) && entry.expects(finding))
    }
}

/// Where something was found.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The name under which the library's traces are recorded.
    pub library: &'a str,
    /// Its version.
    pub version: &'a str,
    /// The scenario.
    pub scenario: &'a Id,
    /// Its variant.
    pub variant: Variant,
}

impl Entry {
    /// Whether this is the finding.
    fn expects(&self, finding: &Finding) -> bool {
        self.finding.is(finding, self.keeper)
    }
}

impl<F> Entry<F> {
    /// Whether the entry speaks of this place.
    pub fn applies(&self, at: &Place<'_>) -> bool {
        self.is_of_version(at.version)
            && self.is_of_variant(at.variant)
            && self
                .scenarios
                .iter()
                .any(|pattern| pattern.matches(at.scenario))
    }

    /// Whether the entry speaks of this version of its library.
    pub fn is_of_version(&self, version: &str) -> bool {
        self.versions.is_empty() || self.versions.iter().any(|start| version.starts_with(start))
    }

    fn is_of_variant(&self, variant: Variant) -> bool {
        self.variants.is_empty() || self.variants.contains(&variant)
    }

    /// The cases of this scenario that the entry speaks of.
    pub fn variants_of(&self, scenario: &Scenario) -> Vec<Variant> {
        scenario
            .variants()
            .filter(|&variant| self.is_of_variant(variant))
            .collect()
    }

    /// What is said of a finding that it knows.
    pub fn known(&self) -> Known {
        Known {
            class: self.class,
            reason: self.reason.clone(),
            link: self.link.clone(),
            entry: self.location.clone(),
            issue: None,
        }
    }
}

impl Expected {
    /// Whether this is the finding.
    pub fn is(&self, finding: &Finding, keeper: Keeper) -> bool {
        let Self::Differs(how) = self;
        finding.kind == Kind::Difference
            && match keeper {
                Keeper::Suite => true,
                Keeper::User => fits(how, &difference_in_words(finding)),
            }
    }

    /// In words.
    pub fn words(&self) -> String {
        let Self::Differs(how) = self;
        format!("differs: {how}")
    }
}

/// A difference as an entry names it.
pub fn difference_in_words(finding: &Finding) -> String {
    format!("{}: {}", finding.action, finding.seen)
}

/// Whether `text` is what `pattern` says, in which `*` stands for any text.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests;
