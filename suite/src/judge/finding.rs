//! What is to be said of a case: the clauses that it breaks, how it differs from the reference, and that
//! the library crashed or hung. Each of these is a finding, known or not.

use serde::Serialize;

use super::difference::Difference;
use super::ledger::{Class, Location};
use super::monitor::{Observation, Violation};
use crate::manual::{Clause, Severity};
use crate::trace::{Outcome, Trace};

/// The clause that a crash and a hang break.
pub(super) const RETURNS: &str = "call.returns";

/// One thing to be said of a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Of which kind it is.
    pub kind: Kind,
    /// The clause that is broken, if one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clause: Option<String>,
    /// What it does to a user; nothing for a difference, of which nobody can say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// The step of the scenario, counted from 1; 0 before the first.
    pub step: usize,
    /// What was done there.
    pub action: String,
    /// What would be right there, or what the reference does.
    pub expected: String,
    /// What was seen.
    pub seen: String,
    /// The same as data; nothing for a difference.
    #[serde(skip)]
    pub observed: Option<Observation>,
    /// What the ledger says of it, if it knows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known: Option<Known>,
}

/// The kinds of findings, the most serious first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The library ended its process.
    Crash,
    /// The library did not come back.
    Hang,
    /// A clause of the contract is broken.
    Violation,
    /// The library does something else than the reference, where no clause is broken.
    Difference,
}

impl Kind {
    /// The word in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Hang => "hang",
            Self::Violation => "violation",
            Self::Difference => "difference",
        }
    }
}

/// What the ledger says of a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Known {
    /// How it is to be taken.
    pub class: Class,
    /// Where it comes from.
    pub reason: String,
    /// Where that can be read.
    pub link: String,
    /// The entry that says so.
    pub entry: Location,
    /// Which known issue it is, and what of it; nothing where an entry by scenario says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issue: Option<Cause>,
}

/// The known issue that explains a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// Its id.
    pub id: String,
    /// Which of its effects is observed, counted from 0.
    pub effect: usize,
}

impl Finding {
    /// A clause that was broken here.
    pub fn violation(clause: &Clause, violation: Violation) -> Self {
        Self {
            kind: Kind::Violation,
            clause: Some(clause.id.clone()),
            severity: Some(clause.severity),
            step: violation.step,
            action: violation.action,
            expected: violation.expected,
            seen: violation.observed.to_string(),
            observed: Some(violation.observed),
            known: None,
        }
    }

    /// How a trace differs from the reference's: the first call that does, since what comes later mostly
    /// follows from it. Nothing if there is no difference.
    pub fn difference(differences: &[Difference]) -> Option<Self> {
        let first = differences.first()?;
        let of_first = |d: &&Difference| d.step == first.step && d.action == first.action;
        let aspects: Vec<&Difference> = differences.iter().take_while(of_first).collect();
        let join = |texts: Vec<String>| texts.join("; ");
        Some(Self {
            kind: Kind::Difference,
            clause: None,
            severity: None,
            step: first.step,
            action: first.action.clone(),
            expected: join(aspects.iter().map(|d| d.reference.clone()).collect()),
            seen: join(aspects.iter().map(ToString::to_string).collect()),
            observed: None,
            known: None,
        })
    }

    /// That the library crashed or hung, if the trace tells that.
    pub fn end(trace: &Trace) -> Option<Self> {
        let entry = trace.end()?;
        let (kind, how) = match &entry.result {
            Outcome::Crashed(how) => (Kind::Crash, how.clone()),
            Outcome::Hung(why) => (Kind::Hang, why.clone()),
            Outcome::Panicked(message) => (Kind::Crash, format!("panicked: {message}")),
            _ => return None,
        };
        Some(Self {
            kind,
            clause: Some(RETURNS.to_owned()),
            severity: Some(Severity::Connection),
            step: entry.step,
            action: entry.action.clone(),
            expected: "the call returns".to_owned(),
            seen: how,
            observed: Some(Observation::Ended(entry.result.clone())),
            known: None,
        })
    }

    /// By how serious they are: the most serious are the least.
    pub fn rank(&self) -> (bool, Kind, Option<Severity>) {
        (self.known.is_some(), self.kind, self.severity)
    }
}
