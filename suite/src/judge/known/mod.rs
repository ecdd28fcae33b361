//! Known issues: what is known of a library, by its cause. An issue says when it shows ([`Condition`], a predicate on the
//! history of the connection), what it breaks then ([`Effect`]), which libraries it affects, and which cases witness it.
//!
//! One rule for every trace, of the library's own scenarios, of a user's, of a fuzzer, and of a strange library of the family:
//! a violation is known only if an issue of that library was triggered at or before it, and explains that very observation.
//! After a violation that none explains, only triggers that read nothing but inputs count: an unexpected event explains
//! nothing, or a bug would excuse itself.
//!
//! In flow the files `fixtures/ledger/causes/FAMILY.toml`, or a user's; out flow [`Explanation`]s.

mod ablation;
mod condition;
mod effect;
mod file;
mod history;
mod number;
mod predicate;
mod stale;
mod version;

use std::collections::BTreeMap;
use std::fmt;

pub use ablation::{Conjunct, Conjuncts, Variation};
pub use condition::Condition;
pub use effect::{Effect, Scope};
pub use history::History;
pub use version::{Range, Version};

use super::finding::{Cause, Known};
use super::ledger::{Class, Location};
use super::monitor::{Course, Violation};
use crate::backend::Backends;
use crate::scenario::{Id, ParseError, Variant};

/// What is known, by the names of files: of a family of libraries, or a user's.
#[derive(Debug, Clone, Default)]
pub struct KnownIssues {
    issues: Vec<Issue>,
}

/// Something that is known of libraries, by its cause.
#[derive(Debug, Clone)]
pub struct Issue {
    /// Its name, in words.
    pub id: String,
    /// What happens, in one sentence.
    pub title: String,
    /// How it is to be taken.
    pub class: Class,
    /// Where it comes from, for somebody who has not seen the trace.
    pub reason: String,
    /// Where that can be read: an address, or a place in a library's source.
    pub link: String,
    /// Which versions of which libraries it affects; every library if there is none, as in a user's own file.
    pub affects: BTreeMap<String, Range>,
    /// The source line that was read, by library and version.
    pub read: BTreeMap<String, String>,
    /// When it shows.
    pub when: Condition,
    /// What it breaks then.
    pub breaks: Vec<Effect>,
    /// The cases that show it.
    pub witnesses: Vec<Witness>,
    /// Why few of the cases in which it is triggered show it, if so.
    pub rare: Option<String>,
    /// Where it stands.
    pub location: Location,
}

/// A case that shows a known issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// The library, by the name of its backend.
    pub backend: String,
    /// The scenario.
    pub scenario: Id,
    /// Its variant.
    pub variant: Variant,
}

impl fmt::Display for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            backend,
            scenario,
            variant,
        } = self;
        write!(f, "{backend} {scenario} {variant}")
    }
}

/// Why a violation is known.
#[derive(Debug, Clone, Copy)]
pub struct Explanation<'i> {
    /// The issue that explains it.
    pub issue: &'i Issue,
    /// Which of its effects it is, counted from 0.
    pub effect: usize,
}

impl Explanation<'_> {
    /// What is said of the violation.
    pub fn known(&self) -> Known {
        Known {
            class: self.issue.class,
            reason: self.issue.reason.clone(),
            link: self.issue.link.clone(),
            entry: self.issue.location.clone(),
            issue: Some(Cause {
                id: self.issue.id.clone(),
                effect: self.effect,
            }),
        }
    }
}

/// A library, as the issues name it: what it is, and its version.
#[derive(Debug, Clone, Copy)]
pub struct Library<'l> {
    /// The name of its backend, such as `openssl-3.6`.
    pub name: &'l str,
    /// Its version, as in `3.6.3`.
    pub version: &'l str,
}

impl Library<'_> {
    /// The name under which issues speak of it: that of its backend without the series.
    pub fn product(&self) -> &str {
        let is_series = |series: &str| {
            series.starts_with("system") || series.starts_with(|c: char| c.is_ascii_digit())
        };
        match self.name.split_once('-') {
            Some(("openssl", series)) if is_series(series) => "openssl",
            _ => self.name,
        }
    }

    /// Its version; where that is not given, the series in its name.
    fn version(&self) -> Option<Version> {
        let series = self.name.rsplit_once('-').map(|(_, series)| series);
        Version::find(self.version).or_else(|| Version::parse(series?))
    }
}

/// The files that are built into the program: (name without ending, path, text).
static FILES: &[(&str, &str, &str)] = include!(concat!(env!("OUT_DIR"), "/causes.rs"));

impl KnownIssues {
    /// Those that are built into this program.
    ///
    /// # Errors
    /// A file is not right; which, and where.
    pub fn built_in() -> Result<Self, ParseError> {
        let mut known = Self::default();
        for &(_, path, text) in FILES {
            known.add(path, text)?;
        }
        Ok(known)
    }

    /// Adds the issues of a file.
    ///
    /// # Errors
    /// The file is not right; where.
    pub fn add(&mut self, path: &str, text: &str) -> Result<(), ParseError> {
        let issues = file::issues(path, text, &self.issues)?;
        self.issues.extend(issues);
        Ok(())
    }

    /// Whether a file holds issues by cause, and not entries by scenario.
    pub fn is_by_cause(text: &str) -> bool {
        let document = text.parse::<toml::Table>();
        document.is_ok_and(|document| !document.contains_key("known"))
    }

    /// All of them.
    pub fn issues(&self) -> &[Issue] {
        &self.issues
    }

    /// Those that affect this library.
    pub fn affecting(&self, library: Library<'_>) -> impl Iterator<Item = &Issue> {
        self.issues
            .iter()
            .filter(move |issue| issue.affects(library))
    }

    /// Without this issue, for asking what it alone explains.
    pub fn without(&self, id: &str) -> Self {
        let issues = self.issues.iter().filter(|issue| issue.id != id);
        Self {
            issues: issues.cloned().collect(),
        }
    }

    /// What is known of these violations of one trace of this library, one by one: of each the clause, and where and how it
    /// is broken.
    pub fn explain(
        &self,
        library: Library<'_>,
        course: &Course<'_>,
        violations: &[(&str, &Violation)],
    ) -> Vec<Option<Explanation<'_>>> {
        let mut explained = vec![None; violations.len()];
        if violations.is_empty() {
            return explained;
        }
        let history = History::of(course);
        let mut triggered: Vec<Triggered<'_>> = self
            .affecting(library)
            .map(|issue| Triggered { issue, at: None })
            .collect();
        let mut order: Vec<usize> = (0..violations.len()).collect();
        order.sort_by_key(|&index| violations[index].1.moment);
        // The first moment at which something unexpected happened.
        let mut unexpected: Option<usize> = None;
        for of_moment in order.chunk_by(|&a, &b| violations[a].1.moment == violations[b].1.moment) {
            for &index in of_moment {
                let (clause, violation) = violations[index];
                explained[index] = triggered.iter_mut().find_map(|triggered| {
                    triggered.explain(clause, violation, &history, unexpected)
                });
            }
            if let Some(&index) = of_moment.iter().find(|&&index| explained[index].is_none()) {
                unexpected.get_or_insert(violations[index].1.moment);
            }
        }
        explained
    }

    /// Whether the trigger of each issue that affects this library held somewhere in this course.
    pub fn triggered<'i>(&'i self, library: Library<'_>, course: &Course<'_>) -> Vec<&'i Issue> {
        let history = History::of(course);
        let held = |issue: &&Issue| issue.when.holds(&history).contains(&true);
        self.affecting(library).filter(held).collect()
    }
}

/// An issue, and the moments at which its trigger holds, once that was asked.
struct Triggered<'i> {
    issue: &'i Issue,
    at: Option<Vec<bool>>,
}

impl<'i> Triggered<'i> {
    fn explain(
        &mut self,
        clause: &str,
        violation: &Violation,
        history: &History<'_, '_>,
        unexpected: Option<usize>,
    ) -> Option<Explanation<'i>> {
        let issue = self.issue;
        let moment = violation.moment;
        let mut effects = issue.breaks.iter().enumerate().filter(|(_, effect)| {
            effect.clause == clause && effect.explains(&violation.observed, history, moment)
        });
        let first = effects.next()?;
        let held = self.at.get_or_insert_with(|| issue.when.holds(history));
        let counted = counted(&issue.when, unexpected);
        let effect = std::iter::once(first)
            .chain(effects)
            .find(|(_, effect)| holds(&effect.scope, held, moment, counted, history))?;
        Some(Explanation {
            issue,
            effect: effect.0,
        })
    }
}

/// The last moment at which a trigger counts, after something unexpected at this one: what happened after that triggers nothing,
/// unless it was an input.
fn counted(when: &Condition, unexpected: Option<usize>) -> usize {
    match unexpected {
        Some(unexpected) if when.reads_outputs() => unexpected,
        _ => usize::MAX,
    }
}

/// Whether a trigger that held at these moments reaches this one, where moments after `counted` do not count.
fn holds(
    scope: &Scope,
    held: &[bool],
    moment: usize,
    counted: usize,
    history: &History<'_, '_>,
) -> bool {
    match scope {
        Scope::Call => moment <= counted && held[moment],
        Scope::Later(until) => {
            let ended = until.as_ref().map(|until| until.holds(history));
            let from = match &ended {
                None => 0,
                Some(ended) => ended[..=moment].iter().rposition(|&ends| ends).unwrap_or(0),
            };
            (from..moment).any(|at| held[at] && at <= counted)
        }
    }
}

impl Issue {
    /// The ends of its ranges that were neither run nor read, as in `openssl 3.2`: no backend of the suite is of that series,
    /// and nobody has read the source of a version of it.
    pub fn untested_ends(&self) -> Vec<String> {
        let mut untested = Vec::new();
        for (product, range) in &self.affects {
            let tested = self.tested(product);
            let ends = [&range.from, &range.before].into_iter().flatten();
            let is_tested = |end: &Version| tested.iter().any(|version| end.is_series_of(version));
            let ends = ends.filter(|end| !is_tested(end));
            untested.extend(ends.map(|end| format!("{product} {end}")));
        }
        untested
    }

    /// The versions of this library that a backend of the suite has, or whose source was read for this issue.
    fn tested(&self, product: &str) -> Vec<Version> {
        let read = self.read.keys().filter_map(|read| {
            let (library, version) = read.split_once(' ')?;
            (library == product).then(|| Version::find(version))?
        });
        let run = Backends::all().into_iter().filter_map(|name| {
            let library = Library { name, version: "" };
            (library.product() == product).then(|| library.version())?
        });
        read.chain(run).collect()
    }

    /// Whether it affects this library.
    pub fn affects(&self, library: Library<'_>) -> bool {
        if self.affects.is_empty() {
            return true;
        }
        let range = self.affects.get(library.product());
        range.is_some_and(|range| range.contains(library.version().as_ref()))
    }
}

#[cfg(test)]
mod tests;
