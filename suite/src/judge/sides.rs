//! Two libraries in one case, each with its violations and their explanations. Takes the
//! differences of their traces, and yields findings with the known causes on either side.

use super::Broken;
use super::compare::{CountedDifferences, Normalised, TracePair, by_call};
use super::difference::Difference;
use super::finding::{Finding, Known};
use super::known::{Explainer, Side};
use super::ledger::Class;
use super::monitor::History;

/// The result of checking a trace against the contract.
pub(super) struct ContractSide<'j, 'c, 't> {
    pub(super) history: &'c History<'t>,
    pub(super) explainer: Explainer<'j, 'c, 't>,
    /// The violations with their explanations.
    pub(super) broken: Vec<Broken>,
    /// The clauses that the trace exercises.
    pub(super) exercised: Vec<&'static str>,
}

impl ContractSide<'_, '_, '_> {
    pub(super) fn findings(&self) -> impl Iterator<Item = Finding> {
        self.broken.iter().map(|broken| broken.finding.clone())
    }
}

/// Two libraries in one case.
pub(super) struct Sides<'s, 'j, 'c, 't> {
    sides: [(Side, &'s mut ContractSide<'j, 'c, 't>); 2],
}

/// The findings from the differences of two traces.
pub(super) struct DifferenceFindings {
    pub(super) findings: Vec<Finding>,
    /// The number of differences that do not count.
    pub(super) normalised: usize,
}

impl<'s, 'j, 'c, 't> Sides<'s, 'j, 'c, 't> {
    pub(super) fn of(
        seen: &'s mut ContractSide<'j, 'c, 't>,
        reference: &'s mut ContractSide<'j, 'c, 't>,
    ) -> Self {
        Self {
            sides: [(Side::Seen, seen), (Side::Reference, reference)],
        }
    }

    /// The findings from these differences: the first call that counts; and the result of the case,
    /// if calls are not compared to the end, because that call is known or need not agree between
    /// libraries.
    pub(super) fn compare(mut self, differences: &[Difference]) -> DifferenceFindings {
        let [(_, seen), (_, reference)] = &self.sides;
        let pair = TracePair {
            reference: reference.history,
            seen: seen.history,
        };
        let mut findings = Vec::new();
        let mut normalised = 0;
        let mut has_diverged = !pair.has_calls();
        for call in by_call(differences) {
            if has_diverged {
                normalised += call.len();
                continue;
            }
            match pair.counts(&call) {
                CountedDifferences::Not(why) => {
                    normalised += call.len();
                    has_diverged = why == Normalised::Diverged;
                }
                CountedDifferences::These(kept) => {
                    let Some(mut finding) = self.finding(&kept) else {
                        continue;
                    };
                    if finding.known.is_none() {
                        // Later differences may follow from it.
                        let result = pair.case_result().counted;
                        finding.case_differences = match self.known(&result) {
                            Some(_) => Vec::new(),
                            None => result,
                        };
                        findings.push(finding);
                        return DifferenceFindings {
                            findings,
                            normalised,
                        };
                    }
                    findings.push(finding);
                    has_diverged = true;
                }
            }
        }
        if has_diverged {
            let end = pair.case_result();
            normalised += end.normalised;
            findings.extend(self.finding(&end.counted));
        }
        DifferenceFindings {
            findings,
            normalised,
        }
    }

    fn finding(&mut self, differences: &[Difference]) -> Option<Finding> {
        let known = self.known(differences);
        let finding = Finding::difference(differences)?;
        Some(Finding { known, ..finding })
    }

    /// The explanation for these differences of one call, or of the case: a cause on either side
    /// for each of them; or a known violation of a clause in the same call on either side, because
    /// one call is one fact; or a bug that broke a clause before it.
    fn known(&mut self, differences: &[Difference]) -> Option<Known> {
        let first = differences.first()?;
        self.known_by_cause(differences)
            .or_else(|| self.known_by_clause(first))
    }

    fn known_by_cause(&mut self, differences: &[Difference]) -> Option<Known> {
        let explained = differences.iter().map(|difference| {
            let mut sides = self.sides.iter_mut();
            sides.find_map(|(side, library)| library.explainer.difference(difference, *side))
        });
        let explained: Vec<_> = explained.collect::<Option<_>>()?;
        let mut known = explained.first()?.known();
        for explanation in &explained[1..] {
            let cause = explanation.cause();
            if !known.causes.contains(&cause) {
                known.causes.push(cause);
            }
        }
        Some(known)
    }

    fn known_by_clause(&self, difference: &Difference) -> Option<Known> {
        self.sides.iter().find_map(|(side, library)| {
            let at = side.event(difference);
            let is_fact = |(event, known): &(usize, &Known)| {
                *event == at || *event < at && known.class == Class::Bug
            };
            let known = library.broken.iter();
            let mut known =
                known.filter_map(|broken| Some((broken.event, broken.finding.known.as_ref()?)));
            known.find(is_fact).map(|(_, known)| known.clone())
        })
    }
}

#[cfg(test)]
mod tests;
