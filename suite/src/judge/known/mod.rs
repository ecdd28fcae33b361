//! Known issues: what is known of a library, by its cause. An issue says when it shows ([`Condition`], a predicate on the
//! history of the connection), what it breaks then ([`Effect`]), which libraries it affects, and which cases witness it.
//!
//! One rule for every trace, of the library's own scenarios, of a user's, of a fuzzer, and of a strange library of the family:
//! a violation is known only if an issue of that library was triggered at or before it, and explains that very observation.
//! After a violation that none explains, only triggers that read nothing but inputs count: an unexpected event explains
//! nothing, or a bug would excuse itself.
//!
//! In flow the files `fixtures/ledger/FAMILY.toml`, or a user's; out flow [`Explanation`]s.

mod ablation;
mod condition;
mod divergence;
mod effect;
mod file;
mod measured;
mod number;
mod predicate;
mod propose;
mod stale;
mod version;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

pub use ablation::{Conjunct, Conjuncts, Variation};
pub use condition::Condition;
pub use divergence::{Divergence, Side};
pub use effect::{Effect, Scope};
pub use measured::MeasuredHistory;
pub use propose::{Proposal, Proposals, Stated};
pub use version::{Range, Version};

use super::difference::Difference;
use super::finding::{Cause, Known};
use super::ledger::{Class, Keeper, Location};
use super::monitor::{History, Violation};
use crate::backend::{Backends, REFERENCE};
use crate::data::LEDGER;
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
    /// In what the library differs from others then, where no clause is broken.
    pub differs: Vec<Divergence>,
    /// The cases that show it.
    pub witnesses: Vec<Witness>,
    /// Why few of the cases in which it is triggered show it, if so.
    pub rare: Option<String>,
    /// Where it stands.
    pub location: Location,
    /// Who keeps it.
    pub keeper: Keeper,
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
    /// The issue, and what of it.
    pub fn cause(&self) -> Cause {
        Cause {
            id: self.issue.id.clone(),
            effect: self.effect,
        }
    }

    /// What is said of the violation.
    pub fn known(&self) -> Known {
        Known {
            class: self.issue.class,
            reason: self.issue.reason.clone(),
            link: self.issue.link.clone(),
            entry: self.issue.location.clone(),
            causes: vec![self.cause()],
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
    /// The suite's reference.
    pub const REFERENCE: Library<'static> = Library {
        name: REFERENCE,
        version: "",
    };

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

    /// Its product with the range of versions that its own alone is in, as `affects` has them.
    pub fn alone(&self) -> (String, String) {
        let range = match self.version() {
            Some(version) => Range::of_release(&version).in_file(),
            None => "..".to_owned(),
        };
        (self.product().to_owned(), range)
    }

    /// Its version; where that is not given, the series in its name.
    fn version(&self) -> Option<Version> {
        let series = self.name.rsplit_once('-').map(|(_, series)| series);
        Version::find(self.version).or_else(|| Version::parse(series?))
    }
}

impl KnownIssues {
    /// Those that are built into this program.
    ///
    /// # Errors
    /// A file is not right; which, and where.
    pub fn built_in() -> Result<Self, ParseError> {
        let mut known = Self::default();
        for &(_, path, text) in LEDGER.files()? {
            known.add(path, text)?;
        }
        Ok(known)
    }

    /// Adds the issues of a file.
    ///
    /// # Errors
    /// The file is not right; where.
    pub fn add(&mut self, path: &str, text: &str) -> Result<(), ParseError> {
        let issues = file::issues(path, text, &self.issues, Keeper::Suite)?;
        self.issues.extend(issues);
        Ok(())
    }

    /// Adds the issues of a file of the user's own.
    ///
    /// # Errors
    /// As [`KnownIssues::add`].
    pub fn add_own(&mut self, path: &str, text: &str) -> Result<(), ParseError> {
        let issues = file::issues(path, text, &self.issues, Keeper::User)?;
        self.issues.extend(issues);
        Ok(())
    }

    /// All of them.
    pub fn issues(&self) -> &[Issue] {
        &self.issues
    }

    /// The libraries that they affect, by the names under which they speak of them.
    pub fn products(&self) -> BTreeSet<&str> {
        let affected = self.issues.iter().flat_map(|issue| issue.affects.keys());
        affected.map(String::as_str).collect()
    }

    /// The file that has those that affect this library, if there are any.
    pub fn file_of(&self, library: Library<'_>) -> Option<&str> {
        let mut issues = self.affecting(library);
        issues.next().map(|issue| issue.location.file.as_str())
    }

    /// Those that affect this library.
    pub fn affecting(&self, library: Library<'_>) -> impl Iterator<Item = &Issue> {
        self.issues
            .iter()
            .filter(move |issue| issue.affects(library))
    }

    /// Whether this library is known to end its process in some case.
    pub fn may_crash(&self, library: Library<'_>) -> bool {
        self.affecting(library).any(Issue::is_a_crash)
    }

    /// Whether the trigger of a crash of this library holds somewhere in this course.
    pub fn crashes(&self, library: Library<'_>, history: &History<'_>) -> bool {
        let measured = MeasuredHistory::of(history);
        self.affecting(library)
            .filter(|issue| issue.is_a_crash())
            .any(|issue| issue.when.holds(&measured).contains(&true))
    }

    /// Without this issue, for asking what it alone explains.
    pub fn without(&self, id: &str) -> Self {
        let issues = self.issues.iter().filter(|issue| issue.id != id);
        Self {
            issues: issues.cloned().collect(),
        }
    }

    /// For asking what is known of what this library did in one case.
    pub fn explainer<'k, 'c, 't>(
        &'k self,
        library: Library<'_>,
        history: &'c History<'t>,
    ) -> Explainer<'k, 'c, 't> {
        let triggered = self.affecting(library);
        Explainer {
            history,
            measured: OnceCell::new(),
            triggered: triggered
                .map(|issue| Triggered { issue, at: None })
                .collect(),
            unexpected: None,
        }
    }

    /// What is known of these violations of one trace of this library, one by one: of each the clause, and where and how it
    /// is broken.
    pub fn explain(
        &self,
        library: Library<'_>,
        history: &History<'_>,
        violations: &[(&str, &Violation)],
    ) -> Vec<Option<Explanation<'_>>> {
        if violations.is_empty() {
            return Vec::new();
        }
        self.explainer(library, history).violations(violations)
    }

    /// Whether the trigger of each issue that affects this library held somewhere in this course.
    pub fn triggered<'i>(&'i self, library: Library<'_>, history: &History<'_>) -> Vec<&'i Issue> {
        let measured = MeasuredHistory::of(history);
        let held = |issue: &&Issue| issue.when.holds(&measured).contains(&true);
        self.affecting(library).filter(held).collect()
    }
}

/// What is known of what a library did in one case.
pub struct Explainer<'k, 'c, 't> {
    history: &'c History<'t>,
    /// Worked out when something has to be explained: nothing has in most cases.
    measured: OnceCell<MeasuredHistory<'c, 't>>,
    triggered: Vec<Triggered<'k>>,
    /// The first moment at which something unexpected happened.
    unexpected: Option<usize>,
}

impl<'k> Explainer<'k, '_, '_> {
    /// What is known of these violations, which are all that there are, one by one.
    pub fn violations(
        &mut self,
        violations: &[(&str, &Violation)],
    ) -> Vec<Option<Explanation<'k>>> {
        self.explain(Unexplained::TriggersNothing, violations)
    }

    /// The same as it will be once everything that is not explained is known too.
    pub fn violations_with_the_rest_known(
        &mut self,
        violations: &[(&str, &Violation)],
    ) -> Vec<Option<Explanation<'k>>> {
        self.explain(Unexplained::WillBeKnown, violations)
    }

    fn explain(
        &mut self,
        unexplained: Unexplained,
        violations: &[(&str, &Violation)],
    ) -> Vec<Option<Explanation<'k>>> {
        let mut explained = vec![None; violations.len()];
        let mut order: Vec<usize> = (0..violations.len()).collect();
        order.sort_by_key(|&index| violations[index].1.event);
        for of_moment in order.chunk_by(|&a, &b| violations[a].1.event == violations[b].1.event) {
            for &index in of_moment {
                let (clause, violation) = violations[index];
                explained[index] = self.violation(clause, violation);
            }
            let first = of_moment.iter().find(|&&index| explained[index].is_none());
            if let (Some(&index), Unexplained::TriggersNothing) = (first, unexplained) {
                self.unexpected.get_or_insert(violations[index].1.event);
            }
        }
        explained
    }

    fn violation(&mut self, clause: &str, violation: &Violation) -> Option<Explanation<'k>> {
        let event = violation.event;
        let measured = self
            .measured
            .get_or_init(|| MeasuredHistory::of(self.history));
        let unexpected = self.unexpected;
        self.triggered.iter_mut().find_map(|triggered| {
            let effects = triggered.issue.breaks.iter().enumerate();
            let explains = |(_, effect): &(usize, &Effect)| {
                effect.explains(clause, &violation.observed, measured, event)
            };
            let effects = effects.filter(explains);
            let scopes = effects.map(|(index, effect)| (index, &effect.scope));
            triggered.explain(scopes, event, measured, unexpected)
        })
    }

    /// What is known of this difference from another library's trace, where this one is on that side.
    pub fn difference(&mut self, difference: &Difference, side: Side) -> Option<Explanation<'k>> {
        let event = side.event(difference);
        let measured = self
            .measured
            .get_or_init(|| MeasuredHistory::of(self.history));
        let unexpected = self.unexpected;
        self.triggered.iter_mut().find_map(|triggered| {
            let before = triggered.issue.breaks.len();
            let differs = triggered.issue.differs.iter().enumerate();
            let differs = differs.filter(|(_, differs)| differs.explains(difference, side));
            let scopes = differs.map(|(index, differs)| (before + index, &differs.scope));
            triggered.explain(scopes, event, measured, unexpected)
        })
    }
}

/// What a violation that no issue explains means for those after it.
#[derive(Debug, Clone, Copy)]
enum Unexplained {
    /// It is unexpected, and triggers nothing that reads outputs.
    TriggersNothing,
    /// It will be known.
    WillBeKnown,
}

/// An issue, and the moments at which its trigger holds, once that was asked.
struct Triggered<'i> {
    issue: &'i Issue,
    at: Option<Vec<bool>>,
}

impl<'i> Triggered<'i> {
    /// The first of these parts of the issue whose scope reaches the moment.
    fn explain(
        &mut self,
        parts: impl Iterator<Item = (usize, &'i Scope)>,
        event: usize,
        measured: &MeasuredHistory<'_, '_>,
        unexpected: Option<usize>,
    ) -> Option<Explanation<'i>> {
        let issue = self.issue;
        let mut parts = parts.peekable();
        parts.peek()?;
        let held = self.at.get_or_insert_with(|| issue.when.holds(measured));
        let counted = counted(&issue.when, unexpected);
        let (effect, _) = parts.find(|(_, scope)| holds(scope, held, event, counted, measured))?;
        Some(Explanation { issue, effect })
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

/// Whether a trigger that held at these moments reaches this one, where moments after `counted` do not count. The moment
/// after the last one is the end of the case.
fn holds(
    scope: &Scope,
    held: &[bool],
    event: usize,
    counted: usize,
    measured: &MeasuredHistory<'_, '_>,
) -> bool {
    match scope {
        Scope::Call => event <= counted && held.get(event).is_some_and(|&held| held),
        Scope::Later(until) => {
            let event = event.min(held.len());
            let ended = until.as_ref().map(|until| until.holds(measured));
            let from = ended.and_then(|ended| {
                let so_far = &ended[..ended.len().min(event + 1)];
                so_far.iter().rposition(|&ends| ends)
            });
            (from.unwrap_or(0)..event).any(|at| held[at] && at <= counted)
        }
    }
}

impl Issue {
    /// Whether the library ends its process.
    fn is_a_crash(&self) -> bool {
        self.breaks.iter().any(Effect::is_a_crash)
    }

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
