//! Runs a generated case on all libraries, in this process or in workers, and returns the traces
//! and findings of each, known and unexpected. A [`FuzzSession`](super::FuzzSession) is the fast
//! counterpart for the fuzz targets.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::judge::{Finding, Judge, Kind};
use crate::run::RunError;
use crate::scenario::{Scenario, Variant};
use crate::target::{RunOutcome, Target};

/// What one library did in a case, and the findings.
#[derive(Debug, Clone)]
pub(crate) struct Examined {
    /// The library's name.
    pub(crate) backend: String,
    /// What happened.
    pub(crate) ran: RunOutcome,
    /// The findings, the most serious first.
    pub(crate) findings: Vec<Finding>,
}

impl Examined {
    /// The findings without a known issue.
    pub(crate) fn unexpected(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|found| found.known.is_none())
    }
}

/// The libraries that a case is run on.
pub(crate) struct Examiner {
    /// The library that the others are compared with. It is run even if it is not among the
    /// targets.
    pub(crate) reference: Arc<dyn Target>,
    /// The libraries to report on.
    pub(crate) targets: Vec<Arc<dyn Target>>,
    /// The judge, with the known issues.
    pub(crate) judge: Judge,
}

impl Examiner {
    /// Runs the case on all libraries.
    ///
    /// If a library without snapshots has the same finding as the reference, the known issue of the
    /// reference explains it.
    ///
    /// # Errors
    /// [`RunError`], if the suite itself failed.
    pub(crate) fn examine(
        &self,
        scenario: &Scenario,
        variant: Variant,
    ) -> Result<Vec<Examined>, RunError> {
        let reference = ran(&self.reference, scenario, variant)?;
        let of_reference = self.found(&self.reference, &reference, &reference);
        let mut examined = Vec::with_capacity(self.targets.len());
        for target in &self.targets {
            let about = target.about();
            let ran = if about.id == self.reference.about().id {
                reference.clone()
            } else {
                ran(target, scenario, variant)?
            };
            let mut findings = self.found(target, &reference, &ran);
            if !self.judge.recordings.knows(&about.recorded_as()) {
                for finding in findings.iter_mut().filter(|found| found.known.is_none()) {
                    let like = of_reference.iter().find(|known| is_like(known, finding));
                    finding.known = like.and_then(|known| known.known.clone());
                }
                findings.sort_by_key(Finding::rank);
            }
            examined.push(Examined {
                backend: about.id.clone(),
                ran,
                findings,
            });
        }
        Ok(examined)
    }

    fn found(
        &self,
        target: &Arc<dyn Target>,
        reference: &RunOutcome,
        ran: &RunOutcome,
    ) -> Vec<Finding> {
        let about = target.about();
        let named = (&*about.recorded_as(), &*about.version);
        self.judge.generated(&reference.trace, &ran.trace, named)
    }
}

/// Whether both are the same apart from their known issues.
fn is_like(a: &Finding, b: &Finding) -> bool {
    let without_issue = |found: &Finding| Finding {
        known: None,
        ..found.clone()
    };
    without_issue(a) == without_issue(b)
}

fn ran(
    target: &Arc<dyn Target>,
    scenario: &Scenario,
    variant: Variant,
) -> Result<RunOutcome, RunError> {
    let attempt = || target.run(scenario, variant);
    match catch_unwind(AssertUnwindSafe(attempt)) {
        Ok(ran) => ran.map_err(|source| RunError::Runner {
            scenario: scenario.id.clone(),
            backend: target.about().id.clone(),
            source,
        }),
        Err(_) => Err(RunError::Panic {
            scenario: scenario.id.clone(),
        }),
    }
}

/// Identifies a finding while its case is made smaller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FindingKey {
    /// The library.
    pub(crate) backend: String,
    /// The kind of finding.
    pub(crate) kind: Kind,
    /// The clause that is broken, if one is.
    pub(crate) clause: Option<String>,
    /// Whether a known issue explains it.
    pub(crate) is_known: bool,
}

impl FindingKey {
    /// The most serious finding; an unexpected one, if there is any.
    pub(crate) fn most_serious(examined: &[Examined]) -> Option<Self> {
        let all = examined
            .iter()
            .flat_map(|one| one.findings.iter().map(move |found| (one, found)));
        // Of equal ones the first, in the order of the libraries.
        let (of, finding) = all.min_by_key(|(_, finding)| finding.rank())?;
        Some(Self {
            backend: of.backend.clone(),
            kind: finding.kind,
            clause: finding.clause.clone(),
            is_known: finding.known.is_some(),
        })
    }

    /// The finding, if it is among these.
    pub(crate) fn among<'e>(&self, examined: &'e [Examined]) -> Option<&'e Finding> {
        let of_backend = examined.iter().filter(|one| one.backend == self.backend);
        let is_it = |found: &&Finding| {
            (found.kind, &found.clause, found.known.is_some())
                == (self.kind, &self.clause, self.is_known)
        };
        of_backend.flat_map(|one| &one.findings).find(is_it)
    }
}
