//! From traces to verdicts, by pure functions: how a trace differs from the reference's
//! ([`differences`]), and whether it is the one that was recorded ([`Recordings`]); and from what
//! was recorded to what the libraries do ([`answers()`]).

mod behavior_table;
mod compare;
mod difference;
mod finding;
pub mod known;
mod ledger;
pub mod monitor;
mod muted;
mod query;
mod recorded;
mod sides;
mod snapshot_parser;

pub use behavior_table::{Answer, Answers, Row, Unanswered, answers};
pub use difference::{Aspect, Difference, Differing, Value, differences};
pub use finding::{Cause, Finding, Kind, Known, More};
pub use ledger::{Class, Compared, Keeper, Location, OldEntry, OldLedger, Part, Stale};
pub use muted::{Count, Muted, Row as MutedRow};
pub use query::{Query, Question, Section, questions};
pub use recorded::{Recorded, Recording, Recordings, render};
pub use snapshot_parser::is_read_back;

use std::collections::BTreeMap;

use crate::contract::Contract;
use crate::scenario::ParseError;
use crate::trace::{Outcome, Trace};
use known::{Explanation, KnownIssues, Library};
use monitor::{History, Notes, Violation};
use sides::{ContractSide, Sides};

/// What is said of one case on one backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The contract is kept, and the trace is the reference's.
    Conforms,
    /// A clause of the contract is broken.
    Violates,
    /// The contract is kept, and the trace is not the reference's.
    Differs,
    /// The backend, or the reference, lacks an operation that the scenario needs: which one.
    NotApplicable(String),
    /// The library ended its process: how, and in which step.
    Crashed(String),
    /// The library did not come back, and was stopped: why, and in which step.
    Hung(String),
    /// The library did more than any case needs, and the case was stopped: at what, and in which step. It is no pass.
    Stopped(String),
}

impl Verdict {
    /// The word in reports.
    pub fn as_str(&self) -> &'static str {
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

/// All that is said of one case on one backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// In a word.
    pub verdict: Verdict,
    /// What is to be said of it, the most serious first.
    pub findings: Vec<Finding>,
    /// How many more there are of those of which there are very many.
    pub more: Vec<More>,
    /// How the trace differs from the reference's.
    pub differences: Vec<Difference>,
    /// How many of the differences do not count, as they are words, or come where calls are not compared.
    pub normalised: usize,
    /// The clauses that something in the trace has to do with.
    pub exercised: Vec<&'static str>,
}

/// All that a trace is held against.
#[derive(Debug)]
pub struct Judge {
    /// The contract.
    pub contract: Contract,
    /// What is known already.
    pub known: KnownIssues,
    /// What was recorded.
    pub recordings: Recordings,
    /// What libraries are that go by names of their user's.
    identities: BTreeMap<String, Identity>,
}

/// What a library is that goes by another name, and so what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The name by which known issues speak of it: `openssl`.
    pub product: String,
    /// Its version, as in `3.0.19`; empty if it is not known.
    pub version: String,
    /// The name under which this series was recorded, if it was: `openssl-system-3.0`.
    pub ledger: Option<String>,
}

impl Judge {
    /// With the contract, the ledger and the recordings that are built into this program.
    ///
    /// # Errors
    /// One of the files that it was built from is wrong.
    pub fn built_in() -> Result<Self, ParseError> {
        Ok(Self {
            contract: Contract::built_in()?,
            known: KnownIssues::built_in()?,
            recordings: Recordings::built_in()?,
            identities: BTreeMap::new(),
        })
    }

    /// With this contract alone: nothing is known, and nothing is recorded.
    pub fn of(contract: Contract) -> Self {
        Self {
            contract,
            known: KnownIssues::default(),
            recordings: Recordings::default(),
            identities: BTreeMap::new(),
        }
    }

    /// Lets what is known of `identity` apply to the library that goes by the name `id` too.
    pub fn identify(&mut self, id: &str, identity: Identity) {
        self.identities.insert(id.to_owned(), identity);
    }

    /// Adds a ledger of the user's own.
    ///
    /// # Errors
    /// The file is not right; where.
    pub fn add_own(&mut self, path: &str, text: &str) -> Result<(), ParseError> {
        self.known.add_own(path, text)
    }

    /// What the library of this name is, as the known issues speak of it, and under which name it was recorded if it was.
    pub fn library<'l>(&'l self, name: &'l str, version: &'l str) -> Library<'l> {
        match self.identities.get(name) {
            Some(identity) => Library {
                name: identity.ledger.as_ref().unwrap_or(&identity.product),
                version: &identity.version,
            },
            None => Library { name, version },
        }
    }

    /// Judges a trace of this library by the contract, and against the reference's of the same case.
    pub fn judge(&self, reference: &Trace, trace: &Trace, library: Library<'_>) -> Judgement {
        self.judge_against((Library::REFERENCE, reference), (library, trace))
    }

    /// Judges a trace of a library by the contract, and against that of another library of the same case.
    pub fn judge_against(
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
        findings.sort_by_key(Finding::rank);
        let violates = findings.iter().any(|found| found.kind == Kind::Violation);
        let verdict = match (end(trace), lack) {
            // Too much for the suite, by what the scenario asks for.
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
            differences,
            normalised,
            exercised,
        }
    }

    /// What is to be said of the trace of a case that no file holds, as a fuzzer generated it, by the name of a library and its
    /// version; what is unexpected first.
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

    /// All that is to be said of a trace, with what is known of its cause.
    fn found(
        &self,
        (other, reference): (Library<'_>, &Trace),
        (library, trace): (Library<'_>, &Trace),
    ) -> Found {
        // Dropped last.
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
                // Put together by hand.
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

    /// What a trace of this library says of the contract.
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

    /// What a trace of this library breaks, with what is known of its cause once the rest is known too.
    pub fn violations(
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

    /// The same, by what the monitors have seen.
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
            // A crash and a hang are findings of their own, and so is the end of a case, which no clause asks for.
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

/// Something that a trace breaks.
#[derive(Debug, Clone)]
pub struct Broken {
    /// The clause; that calls return, where the case was stopped.
    pub clause: &'static str,
    /// The number of the entry in the trace, counted from 0.
    pub event: usize,
    /// As what it is reported.
    pub finding: Finding,
}

/// What [`Judge::found`] finds.
struct Found {
    findings: Vec<Finding>,
    differences: Vec<Difference>,
    /// How many of the differences do not count.
    normalised: usize,
    /// What one of the two lacks, so that there was nothing to compare.
    lack: Option<String>,
    /// The clauses that something in the trace has to do with.
    exercised: Vec<&'static str>,
}

/// Whether both were stopped at the same limit: that is the scenario's doing, not the library's.
fn is_stopped_alike(reference: &Trace, trace: &Trace) -> bool {
    trace.stopped().is_some() && trace.stopped() == reference.stopped()
}

/// How the library ended the case, if it crashed, hung or was stopped.
fn end(trace: &Trace) -> Option<Verdict> {
    let end = trace.end()?;
    let told = |what: &str| format!("{what}, in step {}, {}", end.step, end.action);
    Some(match &end.result {
        Outcome::Hung(why) => Verdict::Hung(told(why)),
        Outcome::Crashed(how) => Verdict::Crashed(told(how)),
        Outcome::Stopped(limit) => Verdict::Stopped(told(&limit.to_string())),
        other => Verdict::Crashed(told(&other.to_string())),
    })
}

/// What one of the two lacks, so that there is nothing to compare.
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
