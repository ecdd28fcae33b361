//! What is to be said of a case: the clauses that it breaks, how it differs from the reference, and that
//! the library crashed, hung or was stopped. Each of these is a finding, known or not.

use serde::Serialize;

use super::difference::{Difference, Differing};
use super::ledger::{Class, Location};
use super::monitor::{Observation, Violation};
use crate::contract::{Clause, Severity};
use crate::limits::{FINDINGS, LINE, shortened};
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
    /// How it differs, as data, if it is a difference.
    #[serde(skip)]
    pub differences: Vec<Difference>,
    /// Of the first call that differs, how what came of the case differs then, as far as that is not known either.
    #[serde(skip)]
    pub upshot: Vec<Difference>,
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
    /// The library did more than any case needs, and the case was stopped.
    Stop,
    /// A clause of the contract is broken.
    Violation,
    /// The library does something else than the reference, where no clause is broken.
    Difference,
}

impl Kind {
    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Hang => "hang",
            Self::Stop => "stop",
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
    /// Which known issue it is, and what of it; several where each explains a part of a difference.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
}

/// The known issue that explains a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// Its id.
    pub id: String,
    /// Which of its effects is observed, counted from 0.
    pub effect: usize,
}

/// Findings of one kind that were counted and not kept: there were too many of them in a case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct More {
    /// Of which kind they are.
    pub kind: Kind,
    /// The clause that is broken, if one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clause: Option<String>,
    /// What is known of them all; nothing if they are unexpected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known: Option<Known>,
    /// How many there are beyond those that were kept.
    pub count: usize,
}

/// The first of these findings for each clause and each thing that is known of one, in their order, and how many more there
/// were: what is unexpected is never left out for what is known, nor one clause for another.
pub(super) fn bounded(findings: Vec<Finding>) -> (Vec<Finding>, Vec<More>) {
    let mut kept = Vec::with_capacity(findings.len());
    // With how many of each are kept.
    let mut counts: Vec<(usize, More)> = Vec::new();
    for finding in findings {
        let is_alike = |(_, more): &&mut (usize, More)| {
            (more.kind, &more.clause, &more.known)
                == (finding.kind, &finding.clause, &finding.known)
        };
        match counts.iter_mut().find(is_alike) {
            Some((FINDINGS, more)) => {
                more.count += 1;
                continue;
            }
            Some((kept, _)) => *kept += 1,
            None => counts.push((1, More::none_like(&finding))),
        }
        kept.push(finding);
    }
    let more = counts.into_iter().map(|(_, more)| more);
    (kept, more.filter(|more| more.count > 0).collect())
}

impl More {
    fn none_like(finding: &Finding) -> Self {
        Self {
            kind: finding.kind,
            clause: finding.clause.clone(),
            known: finding.known.clone(),
            count: 0,
        }
    }
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
            expected: line(&violation.expected),
            seen: line(&violation.observed.to_string()),
            observed: Some(violation.observed),
            differences: Vec::new(),
            upshot: Vec::new(),
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
            expected: line(&join(
                aspects.iter().map(|d| d.reference.to_string()).collect(),
            )),
            seen: line(&join(aspects.iter().map(ToString::to_string).collect())),
            observed: None,
            differences: aspects.into_iter().cloned().collect(),
            upshot: Vec::new(),
            known: None,
        })
    }

    /// That the library crashed, hung or was stopped, if the trace shows that.
    pub fn end(trace: &Trace) -> Option<Self> {
        let entry = trace.end()?;
        let returns = Some(RETURNS);
        let (kind, clause, how) = match &entry.result {
            Outcome::Crashed(how) => (Kind::Crash, returns, how.clone()),
            Outcome::Hung(why) => (Kind::Hang, returns, why.clone()),
            Outcome::Panicked(message) => (Kind::Crash, returns, format!("panicked: {message}")),
            Outcome::Stopped(limit) => (Kind::Stop, None, limit.to_string()),
            _ => return None,
        };
        let expected = match kind {
            Kind::Stop => "the case comes to its end",
            _ => "the call returns",
        };
        Some(Self {
            kind,
            clause: clause.map(str::to_owned),
            severity: Some(Severity::Connection),
            step: entry.step,
            action: entry.action.clone(),
            expected: expected.to_owned(),
            seen: how,
            observed: Some(Observation::Ended(entry.result.clone())),
            differences: Vec::new(),
            upshot: Vec::new(),
            known: None,
        })
    }

    /// In what it differs, if it is a difference, without the numbers.
    pub fn differing(&self) -> Vec<Differing> {
        self.differences.iter().map(Difference::differing).collect()
    }

    /// By how serious they are: the most serious are the least.
    pub fn rank(&self) -> (bool, Kind, Option<Severity>) {
        (self.known.is_some(), self.kind, self.severity)
    }
}

/// No longer than a line may be.
fn line(text: &str) -> String {
    shortened(text, LINE).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(clause: &str, known: Option<&str>) -> Finding {
        Finding {
            kind: Kind::Violation,
            clause: Some(clause.to_owned()),
            severity: Some(Severity::Data),
            step: 1,
            action: "write 9".to_owned(),
            expected: String::new(),
            seen: String::new(),
            observed: None,
            differences: Vec::new(),
            upshot: Vec::new(),
            known: known.map(|reason| Known {
                class: Class::Bug,
                reason: reason.to_owned(),
                link: String::new(),
                entry: Location {
                    file: "x.toml".to_owned(),
                    line: 1,
                },
                causes: Vec::new(),
            }),
        }
    }

    #[test]
    fn many_findings_of_one_clause_hide_no_other_and_nothing_unexpected() {
        let one = finding("a.b", Some("as everybody knows"));
        let mut findings = vec![one.clone(); FINDINGS + 3];
        let others = [
            finding("a.b", Some("otherwise")),
            finding("a.b", None),
            finding("c.d", None),
        ];
        findings.extend(others.clone());
        let (kept, more) = bounded(findings);
        assert_eq!(kept.len(), FINDINGS + others.len());
        assert_eq!(kept[FINDINGS..], others);
        let expected = More {
            count: 3,
            ..More::none_like(&one)
        };
        assert_eq!(more, [expected]);
    }
}
