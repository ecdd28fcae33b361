//! Known issues: deviations of libraries, by cause. An issue states its trigger ([`Condition`], a
//! predicate on the history of the connection), its effects ([`IssueEffect`]), the libraries that it
//! affects, and the cases that witness it.
//!
//! One rule applies to every trace, of the suite's scenarios, a user's or a fuzzer's, and of
//! unknown libraries of a family: a violation is known only if an issue of that library was
//! triggered at or before it, and explains exactly that observation. After a violation that no
//! issue explains, only triggers that read inputs count: an unexpected event must explain nothing,
//! or else a bug could excuse itself.
//!
//! Takes the files `fixtures/ledger/FAMILY.toml`, or a user's, and yields [`Explanation`]s.

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

pub use ablation::{Conjuncts, Variation};
pub(crate) use condition::Condition;
pub(crate) use divergence::{Divergence, Side};
pub(crate) use effect::IssueEffect;
pub use effect::Scope;
pub(crate) use measured::MeasuredHistory;
pub(crate) use propose::{Proposals, Stated};
pub(crate) use version::{LibraryVersion, Range};

use super::difference::Difference;
use super::finding::{Cause, Known};
use super::ledger::{Class, Keeper, Location};
use super::monitor::{History, Violation};
use crate::backend::{Backends, REFERENCE};
use crate::data::LEDGER;
use crate::scenario::{Id, ParseError, Variant};

/// Whether there is a predicate of this name.
#[cfg(test)]
pub(crate) fn is_predicate(name: &str) -> bool {
    predicate::named(name).is_some()
}

/// Whether the predicate of this name holds at this event; false if there is none of this name.
pub(crate) fn predicate_holds(
    name: &str,
    measured: &MeasuredHistory<'_, '_>,
    index: usize,
) -> bool {
    predicate::named(name).is_some_and(|predicate| predicate.holds(measured, index))
}

/// The known issues of all files: one for each family of libraries, and the user's.
#[derive(Debug, Clone, Default)]
pub struct KnownIssues {
    issues: Vec<Issue>,
    /// By library, the indices of the issues that affect some version of it. Judging a case must
    /// not take longer for issues of other libraries.
    by_product: BTreeMap<String, Vec<usize>>,
    /// The indices of the issues that affect every library.
    of_all: Vec<usize>,
}

/// A deviation of libraries, by cause.
#[derive(Debug, Clone)]
pub struct Issue {
    /// Its id.
    pub id: String,
    /// What happens, in one sentence.
    pub title: String,
    /// Its classification.
    pub class: Class,
    /// Its explanation, for a reader who has not seen the trace.
    pub reason: String,
    /// A link to more information: a URL, or a location in a library's source.
    pub link: String,
    /// The affected versions of each library; empty if every library is affected, as in a user's
    /// own file.
    pub(crate) affects: BTreeMap<String, Range>,
    /// The source location that was reviewed, by library and version.
    pub(crate) read: BTreeMap<String, String>,
    /// Its trigger.
    pub when: Condition,
    /// The clauses that it breaks.
    pub breaks: Vec<IssueEffect>,
    /// The differences from other libraries where no clause is broken.
    pub differs: Vec<Divergence>,
    /// The cases that show it.
    pub witnesses: Vec<Witness>,
    /// Why few of the cases that trigger it show it, if that is so.
    pub(crate) rare: Option<String>,
    /// The location of the entry.
    pub(crate) location: Location,
    /// Who maintains it.
    pub(crate) keeper: Keeper,
}

/// A case that shows a known issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// The library, by the id of its backend.
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
pub(crate) struct Explanation<'i> {
    /// The issue.
    pub(crate) issue: &'i Issue,
    /// The index of its effect, from 0.
    pub(crate) effect: usize,
}

impl Explanation<'_> {
    /// The issue and its effect.
    pub(crate) fn cause(&self) -> Cause {
        Cause {
            id: self.issue.id.clone(),
            effect: self.effect,
        }
    }

    /// The ledger's statement about the violation.
    pub(crate) fn known(&self) -> Known {
        Known {
            class: self.issue.class,
            reason: self.issue.reason.clone(),
            link: self.issue.link.clone(),
            entry: self.issue.location.clone(),
            causes: vec![self.cause()],
        }
    }
}

/// A library as issues name it: its product and version.
#[derive(Debug, Clone, Copy)]
pub struct Library<'l> {
    /// The id of its backend, such as `openssl-3.6`.
    pub name: &'l str,
    /// Its version, as in `3.6.3`.
    pub version: &'l str,
}

impl<'l> Library<'l> {
    /// The suite's reference.
    pub(crate) const REFERENCE: Library<'static> = Library {
        name: REFERENCE,
        version: "",
    };

    /// The name used by issues: the id of its backend without the series.
    pub(crate) fn product(&self) -> &'l str {
        let is_series = |series: &str| {
            series.starts_with("system") || series.starts_with(|c: char| c.is_ascii_digit())
        };
        match self.name.split_once('-') {
            Some(("openssl", series)) if is_series(series) => "openssl",
            _ => self.name,
        }
    }

    /// Its product, with a range that contains only its version, in the form of `affects`.
    pub(crate) fn alone(&self) -> (String, String) {
        let range = match self.version() {
            Some(version) => Range::of_release(&version).in_file(),
            None => "..".to_owned(),
        };
        (self.product().to_owned(), range)
    }

    /// Its version; if unknown, the series in its name.
    fn version(&self) -> Option<LibraryVersion> {
        let series = self.name.rsplit_once('-').map(|(_, series)| series);
        LibraryVersion::find(self.version).or_else(|| LibraryVersion::parse(series?))
    }
}

impl KnownIssues {
    /// The known issues embedded in this program.
    ///
    /// # Errors
    ///
    /// The first file that is not valid, with the location of the error.
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
    ///
    /// The file is not valid, with the location of the error.
    pub(crate) fn add(&mut self, path: &str, text: &str) -> Result<(), ParseError> {
        let issues = file::issues(path, text, &self.issues, Keeper::Suite)?;
        self.extend(issues);
        Ok(())
    }

    /// Adds the issues of a user's file.
    ///
    /// # Errors
    ///
    /// As [`KnownIssues::add`].
    pub fn add_own(&mut self, path: &str, text: &str) -> Result<(), ParseError> {
        let issues = file::issues(path, text, &self.issues, Keeper::User)?;
        self.extend(issues);
        Ok(())
    }

    /// The first clause in this file that does not exist, and the byte offset of its effect.
    pub(super) fn unknown_clause(
        &self,
        path: &str,
        exists: impl Fn(&str) -> bool,
    ) -> Option<(&str, usize)> {
        let issues = self.issues.iter();
        let effects = issues
            .filter(|issue| issue.location.file == path)
            .flat_map(|issue| &issue.breaks);
        let mut clauses = effects.map(|effect| (effect.clause.as_str(), effect.at));
        clauses.find(|(clause, _)| !exists(clause))
    }

    /// These issues.
    fn of(issues: Vec<Issue>) -> Self {
        let mut known = Self::default();
        known.extend(issues);
        known
    }

    fn extend(&mut self, issues: Vec<Issue>) {
        self.issues.extend(issues);
        let all = |(at, issue): (usize, &Issue)| issue.affects.is_empty().then_some(at);
        self.of_all = self.issues.iter().enumerate().filter_map(all).collect();
        let affected = |product: &str| {
            let affects =
                |issue: &Issue| issue.affects.is_empty() || issue.affects.contains_key(product);
            let issues = self.issues.iter().enumerate();
            let affecting = issues.filter(|(_, issue)| affects(issue));
            let affecting = affecting.map(|(at, _)| at).collect();
            (product.to_owned(), affecting)
        };
        self.by_product = self.products().into_iter().map(affected).collect();
    }

    /// All issues.
    pub fn issues(&self) -> &[Issue] {
        &self.issues
    }

    /// The affected libraries, by the names that issues use.
    pub(crate) fn products(&self) -> BTreeSet<&str> {
        let affected = self.issues.iter().flat_map(|issue| issue.affects.keys());
        affected.map(String::as_str).collect()
    }

    /// The file with the issues of this library, if there are any.
    pub(crate) fn file_of(&self, library: Library<'_>) -> Option<&str> {
        let mut issues = self.affecting(library);
        issues.next().map(|issue| issue.location.file.as_str())
    }

    /// The issues that affect this library.
    pub fn affecting(&self, library: Library<'_>) -> impl Iterator<Item = &Issue> {
        let of_product = self.by_product.get(library.product());
        let issues = of_product.unwrap_or(&self.of_all).iter();
        let version = library.version();
        issues
            .map(|&at| &self.issues[at])
            .filter(move |issue| issue.affects_version(library.product(), version.as_ref()))
    }

    /// Whether this library has a known crash.
    pub(crate) fn may_crash(&self, library: Library<'_>) -> bool {
        self.affecting(library).any(Issue::is_a_crash)
    }

    /// Whether the trigger of a known crash of this library holds somewhere in this history.
    pub(crate) fn crashes(&self, library: Library<'_>, history: &History<'_>) -> bool {
        let measured = MeasuredHistory::of(history);
        self.affecting(library)
            .filter(|issue| issue.is_a_crash())
            .any(|issue| issue.when.holds(&measured).contains(&true))
    }

    /// The issues without this one, to determine what it alone explains.
    pub(crate) fn without(&self, id: &str) -> Self {
        let issues = self.issues.iter().filter(|issue| issue.id != id);
        Self::of(issues.cloned().collect())
    }

    /// An explainer for the behaviour of this library in one case.
    pub(crate) fn explainer<'k, 'c, 't>(
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

    /// The explanations for these violations of one trace of this library, in order: each given as
    /// its clause, and where and how it was broken.
    pub(crate) fn explain(
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

    /// The issues that affect this library and whose trigger holds somewhere in this history.
    pub(crate) fn triggered<'i>(
        &'i self,
        library: Library<'_>,
        history: &History<'_>,
    ) -> Vec<&'i Issue> {
        let measured = MeasuredHistory::of(history);
        let held = |issue: &&Issue| issue.when.holds(&measured).contains(&true);
        self.affecting(library).filter(held).collect()
    }
}

/// Explains the behaviour of a library in one case.
pub(crate) struct Explainer<'k, 'c, 't> {
    history: &'c History<'t>,
    /// Computed on demand, because most cases have nothing to explain.
    measured: OnceCell<MeasuredHistory<'c, 't>>,
    triggered: Vec<Triggered<'k>>,
    /// The first event with an unexpected violation.
    unexpected: Option<usize>,
}

impl<'k> Explainer<'k, '_, '_> {
    /// The explanations for these violations, which are all of the case, in order.
    pub(crate) fn violations(
        &mut self,
        violations: &[(&str, &Violation)],
    ) -> Vec<Option<Explanation<'k>>> {
        self.explain(Unexplained::TriggersNothing, violations)
    }

    /// The same on the assumption that everything unexplained will be known too.
    pub(crate) fn violations_with_the_rest_known(
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
            let explains = |(_, effect): &(usize, &IssueEffect)| {
                effect.explains(clause, &violation.observed, measured, event)
            };
            let effects = effects.filter(explains);
            let scopes = effects.map(|(index, effect)| (index, &effect.scope));
            triggered.explain(scopes, event, measured, unexpected)
        })
    }

    /// The explanation for this difference from another library's trace, if this library is on that
    /// side.
    pub(crate) fn difference(
        &mut self,
        difference: &Difference,
        side: Side,
    ) -> Option<Explanation<'k>> {
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

/// The effect of an unexplained violation on those after it.
#[derive(Debug, Clone, Copy)]
enum Unexplained {
    /// It is unexpected, and later triggers must not read outputs.
    TriggersNothing,
    /// It is assumed to be known.
    WillBeKnown,
}

/// An issue and the events at which its trigger holds, computed on demand.
struct Triggered<'i> {
    issue: &'i Issue,
    at: Option<Vec<bool>>,
}

impl<'i> Triggered<'i> {
    /// The first of these effects of the issue whose scope includes the event.
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

/// The last event at which a trigger counts after something unexpected at `unexpected`: later
/// events only count for triggers that read inputs.
fn counted(when: &Condition, unexpected: Option<usize>) -> usize {
    match unexpected {
        Some(unexpected) if when.reads_outputs() => unexpected,
        _ => usize::MAX,
    }
}

/// Whether a trigger that held at these events covers this one, disregarding events after
/// `counted`. The event after the last one is the end of the case.
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
    /// Whether it is a crash.
    fn is_a_crash(&self) -> bool {
        self.breaks.iter().any(IssueEffect::is_a_crash)
    }

    /// The ends of its ranges that were neither run nor reviewed, as in `openssl 3.2`: no backend
    /// of the suite is of that series, and the source of none of its versions was reviewed.
    pub(crate) fn untested_ends(&self) -> Vec<String> {
        let mut untested = Vec::new();
        for (product, range) in &self.affects {
            let tested = self.tested(product);
            let ends = [&range.from, &range.before].into_iter().flatten();
            let is_tested =
                |end: &LibraryVersion| tested.iter().any(|version| end.is_series_of(version));
            let ends = ends.filter(|end| !is_tested(end));
            untested.extend(ends.map(|end| format!("{product} {end}")));
        }
        untested
    }

    /// The versions of this library for which the suite has a backend, or whose source was reviewed
    /// for this issue.
    fn tested(&self, product: &str) -> Vec<LibraryVersion> {
        let read = self.read.keys().filter_map(|read| {
            let (library, version) = read.split_once(' ')?;
            (library == product).then(|| LibraryVersion::find(version))?
        });
        let run = Backends::all().into_iter().filter_map(|name| {
            let library = Library { name, version: "" };
            (library.product() == product).then(|| library.version())?
        });
        read.chain(run).collect()
    }

    /// Whether it affects this library.
    pub(crate) fn affects(&self, library: Library<'_>) -> bool {
        self.affects_version(library.product(), library.version().as_ref())
    }

    /// Whether it affects this version of the library; `None` if it is unknown.
    fn affects_version(&self, product: &str, version: Option<&LibraryVersion>) -> bool {
        if self.affects.is_empty() {
            return true;
        }
        let range = self.affects.get(product);
        range.is_some_and(|range| range.contains(version))
    }
}

#[cfg(test)]
mod tests;
