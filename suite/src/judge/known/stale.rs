//! Finds known issues that no longer reproduce. Takes the findings of a run, and yields the
//! witnesses that do not show their issue, and the effects that no witness shows. Cases that were
//! not run are not reported.

use std::collections::BTreeMap;

use super::{Issue, KnownIssues, Library, Witness};
use crate::judge::finding::Finding;
use crate::judge::ledger::{Compared, Keeper, Stale};
use crate::scenario::{Id, Variant};

/// The findings of the cases of one library that were run.
type FindingsByCase<'r> = BTreeMap<(&'r Id, Variant), &'r [Finding]>;

impl KnownIssues {
    /// The stale issues of this library, judged by the cases that were run and that count for an
    /// issue of this keeper: a user's issue may have the user's own scenarios as witnesses.
    /// Differences from the reference are not checked if the library was compared `with` another
    /// one.
    pub(crate) fn stale<'r>(
        &self,
        library: Library<'_>,
        with: Compared,
        ran: impl Fn(Keeper) -> &'r FindingsByCase<'r>,
    ) -> Vec<Stale> {
        let mut stale = Vec::new();
        // An issue with differences may not show against another library than the reference.
        let says = |issue: &&Issue| with == Compared::Reference || issue.differs.is_empty();
        for issue in self.issues.iter().filter(says) {
            let ran = ran(issue.keeper);
            let own: Vec<&Witness> = issue.witnesses_on(library).collect();
            for witness in &own {
                if issue.shows(witness, ran, None) == Some(false) {
                    stale.push(issue.stale(library, format!("{witness}"), "does not show it"));
                }
            }
            if !own.is_empty() && own.len() == issue.witnesses.len() {
                stale.extend(issue.stale_effects(library, &own, ran));
            }
        }
        stale
    }
}

impl Issue {
    fn witnesses_on(&self, library: Library<'_>) -> impl Iterator<Item = &Witness> {
        let is_own = move |witness: &&Witness| witness.backend == library.name;
        self.witnesses.iter().filter(is_own)
    }

    /// Whether the case shows the issue, or one effect of it; `None` if it was not run.
    fn shows(
        &self,
        witness: &Witness,
        ran: &FindingsByCase<'_>,
        effect: Option<usize>,
    ) -> Option<bool> {
        let findings = ran.get(&(&witness.scenario, witness.variant))?;
        let causes = findings
            .iter()
            .filter_map(|found| found.known.as_ref())
            .flat_map(|known| &known.causes);
        let mut of_issue = causes.filter(|cause| cause.id == self.id);
        Some(of_issue.any(|cause| effect.is_none_or(|effect| effect == cause.effect)))
    }

    fn stale_effects(
        &self,
        library: Library<'_>,
        witnesses: &[&Witness],
        ran: &FindingsByCase<'_>,
    ) -> Vec<Stale> {
        let mut stale = Vec::new();
        let breaks = self.breaks.iter().enumerate();
        let breaks =
            breaks.map(|(at, effect)| format!("element {} of breaks, {}", at + 1, effect.clause));
        let differs = self.differs.iter().enumerate();
        let differs =
            differs.map(|(at, differs)| format!("element {} of differs, {differs}", at + 1));
        for (index, what) in breaks.chain(differs).enumerate() {
            let shown: Option<Vec<bool>> = witnesses
                .iter()
                .map(|witness| self.shows(witness, ran, Some(index)))
                .collect();
            if shown.is_some_and(|shown| !shown.is_empty() && !shown.contains(&true)) {
                stale.push(self.stale(library, what, "is shown by no witness"));
            }
        }
        stale
    }

    fn stale(&self, library: Library<'_>, what: String, why: &str) -> Stale {
        Stale {
            library: library.name.to_owned(),
            place: self.location.to_string(),
            expected: self.id.clone(),
            scenarios: what,
            why: why.to_owned(),
        }
    }
}
