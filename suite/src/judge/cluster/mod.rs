//! Clusters: cases that show the same fault. The first wrong event of a case is its root; what
//! follows on that connection is only listed with it. Roots with the same [`Signature`] are one
//! cluster.

mod caller;
mod symptom;
mod trigger;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub(crate) use caller::Misuse;

use super::finding::{Finding, Kind};
use super::known::MeasuredHistory;
use super::monitor::History;
use crate::contract::Severity;
use crate::trace::Trace;

/// What the cases of a cluster have in common. It holds no number and no text of a message, so that
/// it is the same in every run, with more scenarios, and after a message was reworded.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) struct Signature {
    /// Whether it is a violation, or a difference that breaks no clause.
    pub(crate) kind: Kind,
    /// The broken clause, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) clause: Option<String>,
    /// What was observed.
    pub(crate) symptom: String,
    /// In which call of which state: predicates of known issues.
    pub(crate) trigger: Vec<String>,
}

impl Signature {
    /// The hexadecimal digits of the hash in an id.
    const DIGITS: usize = 6;

    /// The id of its cluster: words to remember it by, and a part of the hash of the signature.
    pub(crate) fn id(&self) -> String {
        let mut hasher = Sha256::new();
        let clause = self.clause.as_deref().unwrap_or_default();
        let words = [self.kind.as_str(), clause, &self.symptom];
        for word in words
            .into_iter()
            .chain(self.trigger.iter().map(String::as_str))
        {
            hasher.update(word);
            // No word contains it, so that no two signatures give the same bytes.
            hasher.update([0]);
        }
        let hash = base16ct::lower::encode_string(&hasher.finalize());
        let call = self.trigger.first().map_or("call", String::as_str);
        format!("{}-in-{call}-{}", self.symptom, &hash[..Self::DIGITS])
    }
}

/// The first unexpected event of a case, and what follows from it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Root {
    /// The id of its cluster.
    pub(crate) id: String,
    /// What it has in common with the roots of other cases.
    pub(crate) signature: Signature,
    /// The consequence for a user; `None` for a difference.
    pub(crate) severity: Option<Severity>,
    /// What the caller did wrong by then, if it did.
    pub(crate) misuse: Option<Misuse>,
    /// The step of the scenario, counted from 1.
    pub(crate) step: usize,
    /// The action of that step.
    pub(crate) action: String,
    /// The correct behaviour, or the reference's.
    pub(crate) expected: String,
    /// The observed behaviour.
    pub(crate) seen: String,
    /// The other clauses that are broken in the same event or later, each once.
    pub(crate) also: Vec<String>,
}

impl Root {
    /// Whether no clause is broken.
    pub(crate) fn is_difference(&self) -> bool {
        self.signature.kind == Kind::Difference
    }
}

/// The root of the unexpected findings of a case: the first event that breaks a clause; if none
/// does, the first difference. Of several clauses that are broken in one event, the most severe one
/// counts, so that a crash at a guard page is one fact.
pub(super) fn root(trace: &Trace, findings: &[Finding]) -> Option<Root> {
    let unexpected = || findings.iter().filter(|finding| finding.known.is_none());
    let rank = |finding: &&Finding| {
        let is_difference = finding.kind == Kind::Difference;
        let severity = (finding.severity, finding.kind, finding.clause.clone());
        (is_difference, finding.event, severity)
    };
    let first = unexpected().min_by_key(rank)?;
    let (trigger, misuse) = History::of(trace)
        .and_then(|history| at_event(&history, first.event))
        .unwrap_or_default();
    let mut also: Vec<String> = unexpected()
        .filter_map(|finding| finding.clause.clone())
        .filter(|clause| Some(clause) != first.clause.as_ref())
        .collect();
    also.sort();
    also.dedup();
    let signature = Signature {
        kind: first.kind,
        clause: first.clause.clone(),
        symptom: symptom::symptom(first),
        trigger,
    };
    Some(Root {
        id: signature.id(),
        signature,
        severity: first.severity,
        misuse,
        step: first.step,
        action: first.action.clone(),
        expected: first.expected.clone(),
        seen: first.seen.clone(),
        also,
    })
}

/// The trigger of this event, and what the caller did wrong by then; `None` without events.
fn at_event(history: &History<'_>, event: usize) -> Option<(Vec<String>, Option<Misuse>)> {
    // What is missing at the end is missing after the last event.
    let event = event.min(history.events.len().checked_sub(1)?);
    let trigger = trigger::trigger(&MeasuredHistory::of(history), event);
    Some((trigger, caller::misuse(history, event)))
}
