//! Drafts of known issues for the unexpected findings of a run, in the format of the files, for a
//! person to complete.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use crate::backend::{About, Backends};
use crate::judge::known::{Library, Proposals, Stated, Witness};
use crate::judge::monitor::History;
use crate::judge::{Broken, Finding, Judge, Kind};
use crate::run::{CaseResult, Plan, RunError};
use crate::trace::Trace;

/// Drafts of known issues.
#[derive(Debug, Default)]
pub(crate) struct Proposed {
    /// The drafts, in the format of the files.
    pub(crate) text: String,
    /// How many there are, with the findings that no issue can express.
    pub(crate) entries: usize,
}

impl Proposed {
    /// A draft for every finding that no known issue explains.
    ///
    /// # Errors
    /// [`RunError`], if a case had to be run again and the suite could not do its part.
    pub(crate) fn of(
        plan: &Plan<'_>,
        judge: &Judge,
        results: &[CaseResult],
    ) -> Result<Self, RunError> {
        let mut proposed = Self::default();
        let issues = judge.known.issues().iter();
        let mut taken: BTreeSet<String> = issues.map(|issue| issue.id.clone()).collect();
        for backend in &plan.backends {
            let about = backend.about();
            let of_backend = |result: &&CaseResult| result.backend == about.id;
            let results: Vec<&CaseResult> = results.iter().filter(of_backend).collect();
            let mut proposals = Proposals::default();
            for result in &results {
                add_unexplained(&mut proposals, plan, judge, about, result)?;
            }
            proposed.add_issues(about, proposals, &mut taken);
        }
        Ok(proposed)
    }

    fn add_issues(&mut self, about: &About, proposals: Proposals, taken: &mut BTreeSet<String>) {
        let stated = Stated {
            reviewed: None,
            affects: affects(about),
        };
        let inexpressible = proposals.inexpressible().to_vec();
        let issues = proposals.issues();
        if issues.is_empty() && inexpressible.is_empty() {
            return;
        }
        let _ = writeln!(
            self.text,
            "# {}: {}",
            named(about),
            if is_of_suite(about) {
                "complete these drafts, and add them to the file of the library in fixtures/ledger"
            } else {
                "complete these drafts with class, reason and link"
            }
        );
        for what in &inexpressible {
            let _ = writeln!(self.text, "# No known issue can express this: {what}");
        }
        for issue in &issues {
            let id = issue.id(taken);
            let _ = write!(self.text, "\n{}", issue.text(&id, &stated));
            taken.insert(id);
        }
        self.text.push('\n');
        self.entries += issues.len() + inexpressible.len();
    }
}

/// Adds what a case breaks and no known issue explains.
fn add_unexplained(
    proposals: &mut Proposals,
    plan: &Plan<'_>,
    judge: &Judge,
    about: &About,
    result: &CaseResult,
) -> Result<(), RunError> {
    let unknown: Vec<&Finding> = result
        .findings
        .iter()
        .filter(|finding| finding.known.is_none())
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    let witness = witness(result);
    let trace = plan.whole_trace(result)?;
    let Some(history) = History::of(&trace) else {
        proposals.add_without_history(&witness, unknown);
        return Ok(());
    };
    // A case that its scenario makes too large is stopped without a finding.
    let is_found = |broken: &&Broken| {
        let kind = broken.finding.kind;
        kind != Kind::Stop || unknown.iter().any(|finding| finding.kind == kind)
    };
    let broken = broken(judge, about, &trace, &history);
    let unexplained = broken
        .iter()
        .filter(|broken| broken.finding.known.is_none());
    proposals.add(&witness, &history, unexplained.filter(is_found));
    for finding in unknown {
        proposals.add_difference(&witness, &history, finding);
    }
    Ok(())
}

/// The case of a result.
pub(crate) fn witness(result: &CaseResult) -> Witness {
    Witness {
        backend: result.backend.clone(),
        scenario: result.scenario.clone(),
        variant: result.variant,
    }
}

/// The clauses that a trace of this library breaks, known or not.
pub(crate) fn broken(
    judge: &Judge,
    about: &About,
    trace: &Trace,
    history: &History<'_>,
) -> Vec<Broken> {
    let name = about.recorded_as();
    judge.violations(trace, history, judge.library(&name, &about.version))
}

/// The versions that an issue of this library affects. An issue in a file of the user has none: it
/// applies to every library given with --libssl.
pub(crate) fn affects(about: &About) -> Option<(String, String)> {
    let name = about.recorded_as();
    let library = Library {
        name: &name,
        version: &about.version,
    };
    is_of_suite(about).then(|| library.alone())
}

fn is_of_suite(about: &About) -> bool {
    Backends::all().contains(&about.id.as_str())
}

fn named(about: &About) -> String {
    format!("{}, {} {}", about.id, about.library, about.version)
}
