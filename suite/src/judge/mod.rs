//! Judges traces, with pure functions: compares a trace with the reference's ([`differences`]) and
//! with the recorded one ([`Recordings`]), checks it against the contract, and looks up known
//! issues. Also evaluates recorded traces to describe how the libraries behave ([`answers()`]).

mod behavior_table;
pub(crate) mod cluster;
mod compare;
mod difference;
mod finding;
pub(crate) mod known;
mod ledger;
pub(crate) mod monitor;
mod muted;
mod old_ledger;
mod query;
mod recorded;
mod sides;
mod snapshot_parser;

pub use behavior_table::{Answer, answers};
pub(crate) use behavior_table::{Answers, Row, Unanswered};
pub use difference::differences;
pub(crate) use difference::{Difference, Differing};
#[cfg(test)]
pub(crate) use finding::Known;
pub(crate) use finding::More;
pub use finding::{Cause, Finding, Kind};
pub use ledger::Location;
pub(crate) use ledger::{Class, Compared, Keeper, Stale};
pub(crate) use muted::{Muted, MutedRow};
pub(crate) use old_ledger::OldEntry;
pub use old_ledger::{FilePart, OldLedger};
pub use query::{Query, Question, Section, questions};
pub(crate) use recorded::{Recorded, render};
pub use recorded::{Recording, Recordings};
pub use snapshot_parser::is_read_back;

use std::collections::BTreeMap;

use cluster::Root;

use crate::contract::Contract;
use crate::scenario::ParseError;
use crate::scenario::parse::unknown_clause;
use crate::trace::{Outcome, Trace};
use known::{Explanation, KnownIssues, Library};
use monitor::{History, Notes, Violation};
use sides::{ContractSide, Sides};

/// The verdict on one case of one backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// No clause is broken, and the trace equals the reference's.
    Conforms,
    /// A clause of the contract is broken.
    Violates,
    /// No clause is broken, and the trace differs from the reference's.
    Differs,
    /// The backend, or the reference, lacks this operation, which the scenario needs.
    NotApplicable(String),
    /// The library ended its process: how, and in which step.
    Crashed(String),
    /// The library did not return, and was stopped: why, and in which step.
    Hung(String),
    /// The library exceeded a limit, and the case was stopped: which limit, and in which step. It
    /// does not count as a pass.
    Stopped(String),
}

impl Verdict {
    /// The word used in reports.
    pub(crate) fn as_str(&self) -> &'static str {
        match self {
            Self::Conforms => "conforms",
            Self::Violates => "violates",
            Self::Differs => "differs",
            Self::NotApplicable(_) => "not-applicable",
            Self::Crashed(_) => "crashed",
            Self::Hung(_) => "hung",
            Self::Stopped(_) => "stopped",
        }
    }
}

/// The full judgement of one case on one backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The first unexpected event, if there is one.
    pub(crate) root: Option<Root>,
    /// The verdict.
    pub verdict: Verdict,
    /// The findings, the most serious first.
    pub findings: Vec<Finding>,
    /// The numbers of further findings, if there are very many.
    pub(crate) more: Vec<More>,
    /// The differences from the reference's trace.
    pub differences: Vec<Difference>,
    /// The number of differences that do not count, because they are in wording or come after the
    /// point up to which calls are compared.
    pub(crate) normalised: usize,
    /// The clauses that the trace exercises.
    pub(crate) exercised: Vec<&'static str>,
}

/// Everything that a trace is judged by.
#[derive(Debug)]
pub struct Judge {
    /// The contract.
    pub contract: Contract,
    /// The known issues.
    pub known: KnownIssues,
    /// The recordings.
    pub recordings: Recordings,
    /// The identities of libraries with names chosen by the user.
    identities: BTreeMap<String, LibraryIdentity>,
}

/// The identity of a library with another name, which determines its known issues.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LibraryIdentity {
    /// The product name in known issues: `openssl`.
    pub(crate) product: String,
    /// Its version, as in `3.0.19`; empty if unknown.
    pub(crate) version: String,
    /// The name under which this series was recorded, if it was: `openssl-system-3.0`.
    pub(crate) ledger: Option<String>,
}

impl Judge {
    /// A judge with the contract, ledger and recordings embedded in this program.
    ///
    /// # Errors
    ///
    /// One of the embedded files is not valid.
    pub fn built_in() -> Result<Self, ParseError> {
        Ok(Self {
            contract: Contract::built_in()?,
            known: KnownIssues::built_in()?,
            recordings: Recordings::built_in()?,
            identities: BTreeMap::new(),
        })
    }

    /// A judge with only this contract, without known issues and recordings.
    pub fn of(contract: Contract) -> Self {
        Self {
            contract,
            known: KnownIssues::default(),
            recordings: Recordings::default(),
            identities: BTreeMap::new(),
        }
    }

    /// Makes the known issues of `identity` apply to the library named `id`.
    pub fn identify(&mut self, id: &str, identity: LibraryIdentity) {
        self.identities.insert(id.to_owned(), identity);
    }

    /// Adds a user's ledger.
    ///
    /// # Errors
    ///
    /// The file is not valid, or names a clause that does not exist, with the location of the error.
    pub(crate) fn add_own(&mut self, path: &str, text: &str) -> Result<(), ParseError> {
        self.known.add_own(path, text)?;
        let exists = |clause: &str| self.contract.get(clause).is_some();
        let Some((clause, at)) = self.known.unknown_clause(path, exists) else {
            return Ok(());
        };
        let fault = unknown_clause(at, clause, self.contract.ids());
        Err(ParseError::locate(path, text, fault))
    }

    /// The library of this name and version, resolved to its identity and the name of its
    /// recordings.
    pub(crate) fn library<'l>(&'l self, name: &'l str, version: &'l str) -> Library<'l> {
        match self.identities.get(name) {
            Some(identity) => Library {
                name: identity.ledger.as_ref().unwrap_or(&identity.product),
                version: &identity.version,
            },
            None => Library { name, version },
        }
    }

    /// Judges a trace of this library by the contract, and compares it with the reference's of the
    /// same case.
    pub fn judge(&self, reference: &Trace, trace: &Trace, library: Library<'_>) -> Judgement {
        self.judge_against((Library::REFERENCE, reference), (library, trace))
    }

    /// Judges a trace of a library by the contract, and compares it with another library's of the
    /// same case.
    pub(crate) fn judge_against(
        &self,
        (other, reference): (Library<'_>, &Trace),
        (library, trace): (Library<'_>, &Trace),
    ) -> Judgement {
        let library = self.library(library.name, library.version);
        let other = self.library(other.name, other.version);
        let found = self.found((other, reference), (library, trace));
        let Found {
            mut findings,
            differences,
            normalised,
            lack,
            exercised,
        } = found;
        let root = cluster::root(trace, &findings);
        findings.sort_by_key(Finding::rank);
        let violates = findings.iter().any(|found| found.kind == Kind::Violation);
        let verdict = match (end(trace), lack) {
            // The scenario exceeds the limit, on both.
            (Some(Verdict::Stopped(how)), _) if is_stopped_alike(reference, trace) => {
                Verdict::NotApplicable(format!("stopped {how} (the other backend too)"))
            }
            (Some(end), _) => end,
            (None, _) if violates => Verdict::Violates,
            (None, Some(lack)) => Verdict::NotApplicable(lack),
            (None, None) if differences.is_empty() => Verdict::Conforms,
            (None, None) => Verdict::Differs,
        };
        let (findings, more) = finding::bounded(findings);
        Judgement {
            verdict,
            findings,
            more,
            root,
            differences,
            normalised,
            exercised,
        }
    }

    /// The findings of a generated case, such as a fuzzer's, for a library given by name and
    /// version; unexpected ones first.
    pub fn generated(
        &self,
        reference: &Trace,
        trace: &Trace,
        (name, version): (&str, &str),
    ) -> Vec<Finding> {
        let library = self.library(name, version);
        let reference = (Library::REFERENCE, reference);
        let mut findings = self.found(reference, (library, trace)).findings;
        findings.sort_by_key(Finding::rank);
        findings
    }

    /// All findings of a trace, with their known causes.
    fn found(
        &self,
        (other, reference): (Library<'_>, &Trace),
        (library, trace): (Library<'_>, &Trace),
    ) -> Found {
        // Declared first so that it is dropped last.
        let of_reference;
        let history = History::of(trace);
        let mut judged = history
            .as_ref()
            .map(|history| self.contract(history, trace, library));
        let mut findings: Vec<Finding> = match &judged {
            Some(judged) => judged.findings().collect(),
            None => Finding::end(trace).into_iter().collect(),
        };
        if is_stopped_alike(reference, trace) {
            findings.retain(|finding| finding.kind != Kind::Stop);
        }
        let lack = lack(reference, trace);
        let differences = match (trace.end(), &lack) {
            (None, None) => differences(reference, trace),
            _ => Vec::new(),
        };
        let mut normalised = 0;
        if !differences.is_empty() {
            of_reference = History::of(reference);
            let theirs = of_reference.as_ref();
            let theirs = theirs.map(|history| self.contract(history, reference, other));
            match (theirs, judged.as_mut()) {
                (Some(mut theirs), Some(judged)) => {
                    let compared = Sides::of(judged, &mut theirs).compare(&differences);
                    findings.extend(compared.findings);
                    normalised = compared.normalised;
                }
                // A trace that was built by hand.
                _ => findings.extend(Finding::difference(&differences)),
            }
        }
        let exercised = judged.map_or_else(Vec::new, |judged| judged.exercised);
        Found {
            findings,
            differences,
            normalised,
            lack,
            exercised,
        }
    }

    /// Checks a trace of this library against the contract.
    fn contract<'j, 'c, 't>(
        &'j self,
        history: &'c History<'t>,
        trace: &Trace,
        library: Library<'_>,
    ) -> ContractSide<'j, 'c, 't> {
        let watched = monitor::watch_history(history);
        let exercised = watched.iter().map(|(clause, _)| *clause).collect();
        let mut explainer = self.known.explainer(library, history);
        let explain = |found: &[(&str, &Violation)]| explainer.violations(found);
        let broken = self.broken(trace, history, &watched, explain);
        ContractSide {
            history,
            explainer,
            broken,
            exercised,
        }
    }

    /// The violations in a trace of this library, explained on the assumption that the others are
    /// known too.
    pub(crate) fn violations(
        &self,
        trace: &Trace,
        history: &History<'_>,
        library: Library<'_>,
    ) -> Vec<Broken> {
        let mut explainer = self.known.explainer(library, history);
        let explain =
            |found: &[(&str, &Violation)]| explainer.violations_with_the_rest_known(found);
        self.broken(trace, history, &monitor::watch_history(history), explain)
    }

    /// The same, from the notes of the monitors.
    fn broken<'k>(
        &self,
        trace: &Trace,
        history: &History<'_>,
        watched: &[(&'static str, Notes)],
        explain: impl FnOnce(&[(&str, &Violation)]) -> Vec<Option<Explanation<'k>>>,
    ) -> Vec<Broken> {
        let stopped = monitor::stopped(history);
        let mut violations = monitor::violations(watched);
        violations.extend(stopped.as_ref().map(|stopped| (finding::RETURNS, stopped)));
        let explained = explain(&violations);
        let mut broken = Vec::with_capacity(violations.len());
        for ((clause, violation), explanation) in violations.into_iter().zip(explained) {
            // A crash, a hang and a stop are findings of their own kinds.
            let finding = if clause == finding::RETURNS {
                Finding::end(trace)
            } else {
                let of = self.contract.get(clause);
                of.map(|clause| Finding::violation(clause, violation.clone()))
            };
            broken.extend(finding.map(|finding| Broken {
                clause,
                event: violation.event,
                finding: Finding {
                    known: explanation.map(|explanation| explanation.known()),
                    ..finding
                },
            }));
        }
        broken
    }
}

/// A violation in a trace.
#[derive(Debug, Clone)]
pub(crate) struct Broken {
    /// The clause; `call.returns` if the case was stopped.
    pub(crate) clause: &'static str,
    /// The number of the entry in the trace, counted from 0.
    pub(crate) event: usize,
    /// The finding that is reported.
    pub(crate) finding: Finding,
}

/// The result of [`Judge::found`].
struct Found {
    findings: Vec<Finding>,
    differences: Vec<Difference>,
    /// The number of differences that do not count.
    normalised: usize,
    /// What one of the two lacks, if that prevented a comparison.
    lack: Option<String>,
    /// The clauses that the trace exercises.
    exercised: Vec<&'static str>,
}

/// Whether both were stopped at the same limit: then the scenario is the cause, not the library.
fn is_stopped_alike(reference: &Trace, trace: &Trace) -> bool {
    trace.stopped().is_some() && trace.stopped() == reference.stopped()
}

/// How the library ended the case, if it crashed, hung or was stopped.
fn end(trace: &Trace) -> Option<Verdict> {
    let end = trace.end()?;
    let located = |what: &str| format!("{what}, in step {}, {}", end.step, end.action);
    Some(match &end.result {
        Outcome::Hung(why) => Verdict::Hung(located(why)),
        Outcome::Crashed(how) => Verdict::Crashed(located(how)),
        Outcome::Stopped(limit) => Verdict::Stopped(located(&limit.to_string())),
        other => Verdict::Crashed(located(&other.to_string())),
    })
}

/// What one of the two lacks, if that prevents a comparison.
fn lack(reference: &Trace, trace: &Trace) -> Option<String> {
    if let Some(lack) = trace.unsupported() {
        return Some(lack.to_owned());
    }
    if let Some(lack) = reference.unsupported() {
        return Some(format!("{lack} (the other backend lacks it)"));
    }
    let end = reference.end()?;
    Some(format!("{} (the other backend)", end.result))
}
