//! What is already known: the ledger has an entry for each thing that a library does and that somebody has
//! looked into. A finding without an entry is unexpected, and so is an entry whose finding does not come.
//!
//! ```toml
//! # fixtures/ledger/openssl-3.6.toml
//! [[known]]
//! violates = "success.means-all-bytes"      # or differs = "…", crashes, hangs or stops = "…": the finding
//! seen = "returns 100, * bytes delivered"   # of a violation, exactly what was seen; * stands for any text
//! scenarios = ["closing/transport-returns-zero*"]   # patterns, as for `run --scenario`
//! variants = ["tls1.3/client"]              # all if left out
//! versions = ["3.6."]                       # what the library's version begins with; all if left out
//! class = "bug"                             # documented, by-design, bug or manual-unclear
//! reason = "…"                              # where it comes from, checked in the source or its documentation
//! link = "https://…"                        # or source = "ssl/record/rec_layer_s3.c:532"
//! ```
//!
//! A difference from the reference has no `seen`: what `differs` says in words is recorded call by call
//! below `snapshots/`. In flow these files; out flows a [`Ledger`] that is asked about findings.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use toml::de::DeTable;

use super::finding::{Finding, Kind, Known};
use crate::scenario::form::{Fault, Fields, Node};
use crate::scenario::parse::{clause as clause_id, link_address, syntax};
use crate::scenario::{Corpus, Id, ParseError, Pattern, Scenario, Variant};

/// All entries, by the name under which a library's traces are recorded.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    entries: BTreeMap<String, Vec<Entry>>,
}

/// Something that is known of a library.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The finding that it expects.
    pub finding: Expected,
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
    /// This clause is broken, and this is seen; `*` stands for any text.
    Violates {
        /// The clause.
        clause: String,
        /// What is seen.
        seen: String,
    },
    /// The trace differs from the reference's, in these words.
    Differs(String),
    /// The library crashes, in this way; `*` stands for any text.
    Crashes(String),
    /// The library hangs, in this way; `*` stands for any text.
    Hangs(String),
    /// The case is stopped, at this; `*` stands for any text.
    Stops(String),
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
        let mut entries =
            page(path, text).map_err(|fault| ParseError::locate(path, text, fault))?;
        for entry in &mut entries {
            entry.keeper = keeper;
        }
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

/// An entry whose finding does not come: it is out of date, or was never right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Stale {
    /// The library that it speaks of.
    pub library: String,
    /// The file and the line of the entry.
    pub place: String,
    /// What it expects.
    pub expected: String,
    /// The pattern of scenarios in which that does not come.
    pub scenarios: String,
    /// Why it is out of date.
    pub why: String,
}

/// What a library was compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// The suite's reference, of which the ledger speaks.
    Reference,
    /// Another library.
    Another,
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

impl Ledger {
    /// The entries on this library, in this version, whose finding does not come, by what was found in the
    /// cases that were run. Of an entry some of whose cases were not run nothing can be said, nor of a
    /// difference from the reference if the library was compared `with` another one.
    pub fn stale(
        &self,
        with: Compared,
        corpus: &Corpus,
        library: &str,
        version: &str,
        ran: &BTreeMap<(&Id, Variant), &[Finding]>,
    ) -> Vec<Stale> {
        let mut stale = Vec::new();
        let says = |entry: &&Entry| {
            let differs = matches!(entry.finding, Expected::Differs(_));
            entry.is_of_version(version) && (with == Compared::Reference || !differs)
        };
        for entry in self.of(library).iter().filter(says) {
            for pattern in &entry.scenarios {
                let why = entry.why_stale(pattern, corpus, ran);
                stale.extend(why.map(|why| Stale {
                    library: library.to_owned(),
                    place: entry.location.to_string(),
                    expected: entry.finding.words(),
                    scenarios: pattern.as_str().to_owned(),
                    why: why.to_owned(),
                }));
            }
        }
        stale
    }
}

impl Entry {
    fn why_stale(
        &self,
        pattern: &Pattern,
        corpus: &Corpus,
        ran: &BTreeMap<(&Id, Variant), &[Finding]>,
    ) -> Option<&'static str> {
        let meant = corpus.scenarios().iter();
        let meant: Vec<_> = meant
            .filter(|scenario| pattern.matches(&scenario.id))
            .flat_map(|scenario| {
                let variants = self.variants_of(scenario).into_iter();
                variants.map(|variant| (&scenario.id, variant))
            })
            .collect();
        if meant.is_empty() {
            // A user's entry may speak of a scenario file.
            return (self.keeper == Keeper::Suite).then_some("is no case of the library");
        }
        let findings: Option<Vec<_>> = meant.iter().map(|case| ran.get(case)).collect();
        let comes = findings?
            .into_iter()
            .any(|findings| findings.iter().any(|found| self.expects(found)));
        (!comes).then_some("does not show it")
    }
}

impl Expected {
    /// Whether this is the finding.
    pub fn is(&self, finding: &Finding, keeper: Keeper) -> bool {
        match (self, finding.kind) {
            (Self::Violates { clause, seen }, Kind::Violation) => {
                finding.clause.as_ref() == Some(clause) && fits(seen, &finding.seen)
            }
            (Self::Differs(how), Kind::Difference) => match keeper {
                Keeper::Suite => true,
                Keeper::User => fits(how, &difference_in_words(finding)),
            },
            (Self::Crashes(how), Kind::Crash)
            | (Self::Hangs(how), Kind::Hang)
            | (Self::Stops(how), Kind::Stop) => fits(how, &finding.seen),
            _ => false,
        }
    }

    /// In words.
    pub fn words(&self) -> String {
        match self {
            Self::Violates { clause, seen } => format!("violates {clause}: {seen}"),
            Self::Differs(how) => format!("differs: {how}"),
            Self::Crashes(how) => format!("crashes: {how}"),
            Self::Hangs(how) => format!("hangs: {how}"),
            Self::Stops(how) => format!("stops: {how}"),
        }
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

fn page(path: &str, text: &str) -> Result<Vec<Entry>, Fault> {
    let document = DeTable::parse(text).map_err(|error| syntax(text, &error))?;
    let fields = Fields::of_file(&document, "the ledger").only(&["known"])?;
    let Some(node) = fields.find("known") else {
        return Ok(Vec::new());
    };
    let elements = node.elements("tables, each [[known]]")?;
    let location = |node: Node<'_>| Location {
        file: path.to_owned(),
        line: text[..node.at().min(text.len())].matches('\n').count() + 1,
    };
    elements
        .into_iter()
        .map(|element| entry(element, location(element)))
        .collect()
}

fn entry(element: Node<'_>, location: Location) -> Result<Entry, Fault> {
    const FINDINGS: [&str; 5] = ["violates", "differs", "crashes", "hangs", "stops"];
    const LINKS: [&str; 2] = ["link", "source"];
    const KEYS: [&str; 13] = [
        "violates",
        "differs",
        "crashes",
        "hangs",
        "stops",
        "seen",
        "scenarios",
        "variants",
        "versions",
        "class",
        "reason",
        "link",
        "source",
    ];
    let fields = element.fields("a table [[known]]")?.only(&KEYS)?;
    let missing = |what: &str| {
        Fault::new(
            element.at(),
            "an entry is incomplete",
            format!("add {what}"),
        )
    };
    let finding = match fields.at_most_one(&FINDINGS)? {
        Some(("violates", node)) => Expected::Violates {
            clause: clause_id(node)?,
            seen: fields
                .find("seen")
                .ok_or_else(|| missing("seen = \"…\""))?
                .line()?,
        },
        Some(("differs", node)) => Expected::Differs(node.line()?),
        Some(("crashes", node)) => Expected::Crashes(node.line()?),
        Some(("hangs", node)) => Expected::Hangs(node.line()?),
        Some((_, node)) => Expected::Stops(node.line()?),
        None => {
            return Err(missing(
                "violates = \"CLAUSE\", differs = \"…\", crashes = \"…\", hangs = \"…\" or stops = \"…\"",
            ));
        }
    };
    let link = match fields.at_most_one(&LINKS)? {
        Some(("link", node)) => link_address(node)?,
        Some((_, node)) => node.line()?,
        None => return Err(missing("link = \"https://…\" or source = \"FILE:LINE\"")),
    };
    let required = |key: &str| {
        fields
            .find(key)
            .ok_or_else(|| missing(&format!("{key} = …")))
    };
    Ok(Entry {
        finding,
        scenarios: patterns(required("scenarios")?)?,
        variants: fields.set_or_none("variants", "variants", variant)?,
        versions: fields.set_or_none("versions", "versions", Node::line)?,
        class: required("class")?.choice(Class::ALL.map(|class| (class.word(), class)))?,
        reason: required("reason")?.line()?,
        link,
        location,
        keeper: Keeper::default(),
    })
}

fn patterns(node: Node<'_>) -> Result<Vec<Pattern>, Fault> {
    let texts = node.some_of("patterns of scenarios", |node| {
        Ok((node.line()?, node.at()))
    })?;
    texts
        .into_iter()
        .map(|(text, at)| {
            Pattern::new(&text).map_err(|error| {
                Fault::new(
                    at,
                    error.to_string(),
                    "a pattern such as \"retry/*-buffer\"",
                )
            })
        })
        .collect()
}

fn variant(node: Node<'_>) -> Result<Variant, Fault> {
    node.as_text()
        .and_then(Variant::parse)
        .ok_or_else(|| node.refused("a variant such as \"tls1.3/client\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        assert!(fits("returns 5", "returns 5"));
        assert!(fits("returns *", "returns 5"));
        assert!(fits("* bytes of * lost", "100 bytes of 20000 lost"));
        assert!(!fits("returns", "returns 5"));
        assert!(!fits("returns *s", "returns 5"));
        assert!(!fits("* bytes of * lost", "100 bytes lost"));
    }

    const RIGHT: &str = r#"
[[known]]
violates = "zero.write-is-an-error"
seen = "returns *"
scenarios = ["zero/*"]
class = "manual-unclear"
reason = "the manual does not say which error"
link = "https://example.org"
"#;

    fn refusal(from: &str, to: &str) -> String {
        assert!(RIGHT.contains(from), "{from}");
        let text = RIGHT.replace(from, to);
        let error = Ledger::from_files(&[("x", "fixtures/ledger/x.toml", &text)]).unwrap_err();
        error.to_string()
    }

    #[test]
    fn an_entry_is_read_as_it_stands() {
        let ledger = Ledger::from_files(&[("x", "fixtures/ledger/x.toml", RIGHT)]).unwrap();
        let [entry] = ledger.of("x") else { panic!() };
        assert_eq!(entry.class, Class::ManualUnclear);
        assert_eq!(entry.location.to_string(), "fixtures/ledger/x.toml:2");
        assert_eq!(
            entry.finding.words(),
            "violates zero.write-is-an-error: returns *"
        );
    }

    #[test]
    fn a_wrong_entry_is_refused_with_its_place_and_what_would_be_right() {
        for (from, to, told) in [
            (
                "seen",
                "sen",
                "fixtures/ledger/x.toml:4:1: unknown key \"sen\" in known",
            ),
            ("class = \"manual-unclear\"\n", "", "add class = …"),
            (
                "manual-unclear",
                "unclear",
                "unknown value \"unclear\" for \"class\"",
            ),
            ("zero/*", "zero/[", "fixtures/ledger/x.toml:5:14: "),
            ("link = \"https://example.org\"\n", "", "add link = "),
            ("seen = \"returns *\"\n", "", "add seen = "),
        ] {
            let refusal = refusal(from, to);
            assert!(refusal.contains(told), "{refusal}");
        }
    }
}
