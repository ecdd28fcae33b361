//! Known issues with one part removed or changed, to determine whether that part is needed. Takes
//! the issues, and yields their variations and the conjuncts of triggers that keep the issues from
//! explaining more.

use std::collections::BTreeSet;

use super::condition::Condition;
use super::measured::MeasuredHistory;
use super::{Issue, KnownIssues, Library, counted, holds};
use crate::judge::monitor::{History, Violation};

/// Known issues with a change to one of them.
#[derive(Debug, Clone)]
pub struct Variation {
    /// The id of the issue.
    pub issue: String,
    /// A description of the change.
    pub what: String,
    /// All issues, with the change.
    pub known: KnownIssues,
}

impl KnownIssues {
    /// Variations without each issue in turn.
    pub fn without_each_issue(&self) -> Vec<Variation> {
        let ids = self.issues.iter().map(|issue| issue.id.clone());
        ids.map(|id| Variation {
            known: self.without(&id),
            what: "the issue".to_owned(),
            issue: id,
        })
        .collect()
    }

    /// Variations without each element of `breaks` in turn.
    pub fn without_each_effect(&self) -> Vec<Variation> {
        self.varied(|known, at, found| {
            for (index, effect) in known.issues[at].breaks.iter().enumerate() {
                let mut other = known.clone();
                other.issues[at].breaks.remove(index);
                found.push((format!("element {}, {}", index + 1, effect.clause), other));
            }
        })
    }

    /// Variations without each element of `differs` in turn.
    pub fn without_each_divergence(&self) -> Vec<Variation> {
        self.varied(|known, at, found| {
            for (index, differs) in known.issues[at].differs.iter().enumerate() {
                let mut other = known.clone();
                other.issues[at].differs.remove(index);
                found.push((
                    format!("element {} of differs, {differs}", index + 1),
                    other,
                ));
            }
        })
    }

    /// Variations without each aspect, error class and queue of `differs` in turn.
    pub fn without_each_value(&self) -> Vec<Variation> {
        self.varied(|known, at, found| {
            for (index, differs) in known.issues[at].differs.iter().enumerate() {
                for (value, without) in differs.without_each_value() {
                    let mut other = known.clone();
                    other.issues[at].differs[index] = without;
                    found.push((
                        format!("{value} of element {} of differs", index + 1),
                        other,
                    ));
                }
            }
        })
    }

    /// Variations with each number in turn increased by one.
    pub fn with_each_number_changed(&self) -> Vec<Variation> {
        self.varied(|known, at, found| {
            for (index, effect) in known.issues[at].breaks.iter().enumerate() {
                if let Some(changed) = effect.with_another_number() {
                    let mut other = known.clone();
                    other.issues[at].breaks[index] = changed;
                    found.push((
                        format!("the number of element {}, {}", index + 1, effect.clause),
                        other,
                    ));
                }
            }
        })
    }

    fn varied(&self, vary: impl Fn(&Self, usize, &mut Vec<(String, Self)>)) -> Vec<Variation> {
        let mut variations = Vec::new();
        for (at, issue) in self.issues.iter().enumerate() {
            let mut found = Vec::new();
            vary(self, at, &mut found);
            variations.extend(found.into_iter().map(|(what, known)| Variation {
                issue: issue.id.clone(),
                what,
                known,
            }));
        }
        variations
    }

    /// Only this issue, as one that affects every library.
    pub fn alone(&self, id: &str) -> Self {
        let mut issues: Vec<_> = self
            .issues
            .iter()
            .filter(|issue| issue.id == id)
            .cloned()
            .collect();
        for issue in &mut issues {
            issue.affects.clear();
        }
        Self::of(issues)
    }
}

/// The conjuncts of the triggers of known issues: removing a conjunct makes its trigger hold more
/// often.
#[derive(Debug)]
pub struct Conjuncts<'k> {
    known: &'k KnownIssues,
    each: Vec<Conjunct<'k>>,
}

/// A conjunct of a trigger.
#[derive(Debug)]
pub struct Conjunct<'k> {
    /// The issue.
    pub issue: &'k Issue,
    /// The conjunct, as written in a file.
    pub what: String,
    /// The trigger without it.
    pub(super) weaker: Condition,
}

impl Conjunct<'_> {
    /// Whether the issue would explain this violation without the conjunct, after something
    /// unexpected at that event.
    fn lets_through(
        &self,
        clause: &str,
        violation: &Violation,
        measured: &MeasuredHistory<'_, '_>,
        unexpected: Option<usize>,
        held: &mut Option<Vec<bool>>,
    ) -> bool {
        let event = violation.event;
        let mut effects = self
            .issue
            .breaks
            .iter()
            .filter(|effect| effect.explains(clause, &violation.observed, measured, event));
        let Some(first) = effects.next() else {
            return false;
        };
        let counted = counted(&self.weaker, unexpected);
        let held = held.get_or_insert_with(|| self.weaker.holds(measured));
        std::iter::once(first)
            .chain(effects)
            .any(|effect| holds(&effect.scope, held, event, counted, measured))
    }
}

impl<'k> Conjuncts<'k> {
    /// The conjuncts of all these issues, in their order.
    pub fn of(known: &'k KnownIssues) -> Self {
        let of_issue = |issue: &'k Issue| {
            let parts = issue.when.without_each_conjunct().into_iter();
            parts.map(move |(what, weaker)| Conjunct {
                issue,
                what,
                weaker,
            })
        };
        Self {
            known,
            each: known.issues.iter().flat_map(of_issue).collect(),
        }
    }

    /// All of them.
    pub fn all(&self) -> &[Conjunct<'k>] {
        &self.each
    }

    /// The conjuncts, by their index in [`Self::all`], whose removal would make known one of these
    /// violations of a trace of this library that is not known now and that `counts`.
    pub fn needed(
        &self,
        library: Library<'_>,
        history: &History<'_>,
        violations: &[(&str, &Violation)],
        counts: impl Fn(&str, &Violation) -> bool,
    ) -> BTreeSet<usize> {
        let explained = self.known.explain(library, history, violations);
        let unknown: Vec<_> = violations
            .iter()
            .zip(explained)
            .filter(|(_, explanation)| explanation.is_none())
            .map(|(&violation, _)| violation)
            .collect();
        let measured = MeasuredHistory::of(history);
        // The events at which each weaker trigger holds, computed on demand.
        let mut held = vec![None; self.each.len()];
        let mut needed = BTreeSet::new();
        for &(clause, violation) in unknown.iter().filter(|(clause, one)| counts(clause, one)) {
            let events = unknown.iter().map(|(_, other)| other.event);
            let unexpected = events.filter(|&other| other < violation.event).min();
            for (index, conjunct) in self.each.iter().enumerate() {
                if !needed.contains(&index)
                    && conjunct.issue.affects(library)
                    && conjunct.lets_through(
                        clause,
                        violation,
                        &measured,
                        unexpected,
                        &mut held[index],
                    )
                {
                    needed.insert(index);
                }
            }
        }
        needed
    }

    /// The conjuncts, by their index in [`Self::all`], whose removal would make a trigger hold at
    /// more events of this history.
    pub fn wider(&self, history: &History<'_>) -> BTreeSet<usize> {
        let measured = MeasuredHistory::of(history);
        let mut of_issue: Option<(&Issue, Vec<bool>)> = None;
        let mut wider = BTreeSet::new();
        for (index, Conjunct { issue, weaker, .. }) in self.each.iter().enumerate() {
            let held = match of_issue.take() {
                Some((of, held)) if std::ptr::eq(of, *issue) => held,
                _ => issue.when.holds(&measured),
            };
            if weaker.holds(&measured) != held {
                wider.insert(index);
            }
            of_issue = Some((issue, held));
        }
        wider
    }
}
