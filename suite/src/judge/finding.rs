//! The findings of a case: the clauses that it breaks, its differences from the reference, and a
//! crash, hang or stop of the library. A finding is known or unexpected.

use serde::{Deserialize, Serialize};

use super::difference::{Difference, Differing};
use super::ledger::{Class, Location};
use super::monitor::{Observation, Violation};
use crate::contract::{Clause, Severity};
use crate::limits::{FINDINGS, LINE, shortened};
use crate::trace::{Outcome, Trace};

/// The clause that a crash and a hang break.
pub(super) const RETURNS: &str = "call.returns";

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Its kind.
    pub kind: Kind,
    /// The broken clause, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clause: Option<String>,
    /// The consequence for a user; `None` for a difference, whose consequence is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<Severity>,
    /// The index of the entry in the trace, from 0.
    #[serde(skip)]
    pub event: usize,
    /// The step of the scenario, counted from 1; 0 before the first.
    pub step: usize,
    /// The action of that step.
    pub action: String,
    /// The correct behaviour, or the reference's.
    pub expected: String,
    /// The observed behaviour.
    pub seen: String,
    /// The same as data; `None` for a difference.
    #[serde(skip)]
    pub observed: Option<Observation>,
    /// The differences as data, if it is a difference.
    #[serde(skip)]
    pub differences: Vec<Difference>,
    /// For the first call that differs, the resulting differences of the case as a whole, unless
    /// they are known.
    #[serde(skip)]
    pub case_differences: Vec<Difference>,
    /// The ledger's entry for it, if it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub known: Option<Known>,
}

/// The kinds of findings, the most serious first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// The library ended its process.
    Crash,
    /// The library did not return.
    Hang,
    /// The library exceeded a limit of the suite, which stopped the case.
    Stop,
    /// A clause of the contract is broken.
    Violation,
    /// The library behaves differently from the reference, but breaks no clause.
    Difference,
}

impl Kind {
    /// The word used in reports.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Hang => "hang",
            Self::Stop => "stop",
            Self::Violation => "violation",
            Self::Difference => "difference",
        }
    }
}

/// The ledger's statement about a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// Its classification.
    pub(crate) class: Class,
    /// Its explanation.
    pub(crate) reason: String,
    /// A link to more information.
    pub(crate) link: String,
    /// The location of the entry.
    pub entry: Location,
    /// The known issue and its effect; several if each explains a part of a difference.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<Cause>,
}

/// The known issue that explains a finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// Its id.
    pub id: String,
    /// The index of the observed effect, from 0.
    pub effect: usize,
}

/// Findings of one kind that were counted and not kept, because a case had too many of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct More {
    /// Their kind.
    pub(crate) kind: Kind,
    /// The broken clause, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) clause: Option<String>,
    /// The ledger's statement about all of them; `None` if they are unexpected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) known: Option<Known>,
    /// Their number, without those that were kept.
    pub(crate) count: usize,
}

/// The first findings for each clause and each known issue, in their order, and the number of the
/// others. Known findings never displace unexpected ones, nor one clause another.
pub(super) fn bounded(findings: Vec<Finding>) -> (Vec<Finding>, Vec<More>) {
    let mut kept = Vec::with_capacity(findings.len());
    // With the number of kept findings of each.
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
    /// A broken clause.
    pub(crate) fn violation(clause: &Clause, violation: Violation) -> Self {
        Self {
            kind: Kind::Violation,
            clause: Some(clause.id.clone()),
            severity: Some(clause.severity),
            event: violation.event,
            step: violation.step,
            action: violation.action,
            expected: line(&violation.expected),
            seen: line(&violation.observed.to_string()),
            observed: Some(violation.observed),
            differences: Vec::new(),
            case_differences: Vec::new(),
            known: None,
        }
    }

    /// The first call in which a trace differs from the reference's; later differences mostly
    /// follow from it. `None` if there is none.
    pub(crate) fn difference(differences: &[Difference]) -> Option<Self> {
        let first = differences.first()?;
        let of_first = |d: &&Difference| d.step == first.step && d.action == first.action;
        let aspects: Vec<&Difference> = differences.iter().take_while(of_first).collect();
        let join = |texts: Vec<String>| texts.join("; ");
        Some(Self {
            kind: Kind::Difference,
            clause: None,
            severity: None,
            event: first.at.seen,
            step: first.step,
            action: first.action.clone(),
            expected: line(&join(
                aspects.iter().map(|d| d.reference.to_string()).collect(),
            )),
            seen: line(&join(aspects.iter().map(ToString::to_string).collect())),
            observed: None,
            differences: aspects.into_iter().cloned().collect(),
            case_differences: Vec::new(),
            known: None,
        })
    }

    /// A crash, hang or stop, if the trace shows one.
    pub(crate) fn end(trace: &Trace) -> Option<Self> {
        let mut entries = trace.entries.iter().enumerate();
        let (event, entry) = entries.find(|(_, entry)| entry.result.is_end())?;
        let returns = Some(RETURNS);
        let (kind, clause, how) = match &entry.result {
            Outcome::Crashed(how) => (Kind::Crash, returns, how.clone()),
            Outcome::Hung(why) => (Kind::Hang, returns, why.clone()),
            Outcome::Panicked(message) => (Kind::Crash, returns, format!("panicked: {message}")),
            Outcome::Stopped(limit) => (Kind::Stop, None, limit.to_string()),
            _ => return None,
        };
        let expected = match kind {
            Kind::Stop => "the case ends",
            _ => "the call returns",
        };
        Some(Self {
            kind,
            clause: clause.map(str::to_owned),
            severity: Some(Severity::Connection),
            event,
            step: entry.step,
            action: entry.action.clone(),
            expected: expected.to_owned(),
            seen: how,
            observed: Some(Observation::Ended(entry.result.clone())),
            differences: Vec::new(),
            case_differences: Vec::new(),
            known: None,
        })
    }

    /// The kinds of its differences.
    pub(crate) fn differing(&self) -> Vec<Differing> {
        self.differences.iter().map(Difference::differing).collect()
    }

    /// A key that orders findings by severity, the most serious first.
    pub(crate) fn rank(&self) -> (bool, Kind, Option<Severity>) {
        (self.known.is_some(), self.kind, self.severity)
    }
}

/// Truncates the text to the maximum length of a line.
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
            event: 0,
            step: 1,
            action: "write 9".to_owned(),
            expected: String::new(),
            seen: String::new(),
            observed: None,
            differences: Vec::new(),
            case_differences: Vec::new(),
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
    fn repeated_findings_hide_no_other_clause_and_no_unexpected_finding() {
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
