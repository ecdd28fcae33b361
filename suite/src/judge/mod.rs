//! From traces to verdicts, by pure functions: how a trace differs from the reference's
//! ([`differences`]), and whether it is the one that was recorded ([`Recordings`]); and from what
//! was recorded to what the libraries do ([`answers()`]).

mod answers;
mod difference;
mod essence;
mod finding;
mod ledger;
mod lines;
pub mod monitor;
mod muted;
mod questions;
mod recorded;
mod shape;
mod unwritten;

pub use answers::{Answer, Answers, Row, Unanswered, answers};
pub use difference::{Aspect, Difference, differences};
pub use finding::{Finding, Kind, Known};
pub use ledger::{Class, Compared, Entry, Expected, Ledger, Location, Place, Stale};
pub use muted::{Count, Muted, Row as MutedRow};
pub use questions::{Asks, Question, Section, questions};
pub use recorded::{Recorded, Recordings, file_stem, recording, render, to_record};
pub use shape::{Shapes, shape};

use crate::manual::Manual;
use crate::scenario::ParseError;
use crate::trace::{Outcome, Trace};

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
}

impl Verdict {
    /// The word in reports.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Conforms => "conforms",
            Self::Violates => "violates",
            Self::Differs => "differs",
            Self::NotApplicable(_) => "not-applicable",
            Self::Crashed(_) => "crashed",
            Self::Hung(_) => "hung",
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
    /// How the trace differs from the reference's.
    pub differences: Vec<Difference>,
    /// The clauses that something in the trace has to do with.
    pub exercised: Vec<&'static str>,
}

/// All that a trace is held against.
#[derive(Debug)]
pub struct Judge {
    /// The contract.
    pub manual: Manual,
    /// What is known already.
    pub ledger: Ledger,
    /// What was recorded.
    pub recordings: Recordings,
    /// What the differences look like that were recorded.
    pub shapes: Shapes,
}

impl Judge {
    /// With the manual, the ledger and the recordings that are built into this program.
    ///
    /// # Errors
    /// One of the files that it was built from is wrong.
    pub fn built_in() -> Result<Self, ParseError> {
        Ok(Self {
            manual: Manual::built_in()?,
            ledger: Ledger::built_in()?,
            recordings: Recordings::built_in(),
            shapes: Shapes::built_in(),
        })
    }

    /// Judges a trace by the contract, and against the reference's of the same case.
    pub fn judge(&self, reference: &Trace, trace: &Trace, at: &Place<'_>) -> Judgement {
        let watched = monitor::watch(trace);
        let exercised = watched.iter().map(|(clause, _)| *clause).collect();
        let Found {
            mut findings,
            differences,
            lack,
        } = self.found(reference, trace, watched);
        for finding in &mut findings {
            finding.known = self.ledger.find(at, finding).map(Entry::known);
        }
        findings.sort_by_key(Finding::rank);
        let violates = findings.iter().any(|found| found.kind == Kind::Violation);
        let verdict = match (end(trace), lack) {
            (Some(end), _) => end,
            (None, _) if violates => Verdict::Violates,
            (None, Some(lack)) => Verdict::NotApplicable(lack),
            (None, None) if differences.is_empty() => Verdict::Conforms,
            (None, None) => Verdict::Differs,
        };
        Judgement {
            verdict,
            findings,
            differences,
            exercised,
        }
    }

    /// All that is to be said of a trace, known or not.
    fn found(
        &self,
        reference: &Trace,
        trace: &Trace,
        watched: Vec<(&'static str, monitor::Notes)>,
    ) -> Found {
        let mut findings = self.violations(watched);
        // A crash and a hang are findings of their own.
        findings.retain(|found| found.clause.as_deref() != Some(finding::RETURNS));
        findings.extend(Finding::end(trace));
        let lack = lack(reference, trace);
        let differences = match (trace.end(), &lack) {
            (None, None) => differences(reference, trace),
            _ => Vec::new(),
        };
        findings.extend(Finding::difference(&differences));
        Found {
            findings,
            differences,
            lack,
        }
    }

    /// The clauses that the trace breaks.
    fn violations(&self, watched: Vec<(&'static str, monitor::Notes)>) -> Vec<Finding> {
        let mut findings = Vec::new();
        let broken = |(_, notes): &(_, monitor::Notes)| !notes.violations.is_empty();
        for (id, notes) in watched.into_iter().filter(broken) {
            let Some(clause) = self.manual.get(id) else {
                continue;
            };
            let violations = notes.violations.into_iter();
            findings.extend(violations.map(|violation| Finding::violation(clause, violation)));
        }
        findings
    }
}

/// What [`Judge::found`] finds.
struct Found {
    findings: Vec<Finding>,
    differences: Vec<Difference>,
    /// What one of the two lacks, so that there was nothing to compare.
    lack: Option<String>,
}

/// How the library ended the case, if it crashed or hung.
fn end(trace: &Trace) -> Option<Verdict> {
    let end = trace.end()?;
    let told = |what: &str| format!("{what}, in step {}, {}", end.step, end.action);
    Some(match &end.result {
        Outcome::Hung(why) => Verdict::Hung(told(why)),
        Outcome::Crashed(how) => Verdict::Crashed(told(how)),
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
