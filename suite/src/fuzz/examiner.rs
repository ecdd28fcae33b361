//! Runs a case that nobody wrote on libraries wherever they live, and says of each what was found, known or not: the long
//! way of a [`Session`](super::Session), for a person who looks at one case.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::judge::{Finding, Judge, Kind};
use crate::run::RunError;
use crate::scenario::{Scenario, Variant};
use crate::target::{RunOutcome, Target};

/// What one library did in a case, and what is to be said of it.
#[derive(Debug, Clone)]
pub struct Examined {
    /// The library's name.
    pub backend: String,
    /// What happened.
    pub ran: RunOutcome,
    /// What is to be said of it, the most serious first.
    pub findings: Vec<Finding>,
}

impl Examined {
    /// What nobody knows.
    pub fn unexpected(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|found| found.known.is_none())
    }
}

/// What a case is run on.
pub struct Examiner {
    /// What all are compared with; it is run whether or not it is among the subjects.
    pub reference: Arc<dyn Target>,
    /// The libraries to tell of.
    pub targets: Vec<Arc<dyn Target>>,
    /// What is known already.
    pub judge: Judge,
}

impl Examiner {
    /// Runs the case on all libraries.
    ///
    /// Of a library that nothing was ever recorded of it is no news that it breaks a clause as the reference does: what is
    /// known of the reference there counts.
    ///
    /// # Errors
    /// [`RunError`], if the suite itself could not do its part.
    pub fn examine(
        &self,
        scenario: &Scenario,
        variant: Variant,
    ) -> Result<Vec<Examined>, RunError> {
        let reference = ran(&self.reference, scenario, variant)?;
        let of_reference = self.found(&self.reference, &reference, &reference);
        let mut examined = Vec::with_capacity(self.targets.len());
        for target in &self.targets {
            let about = target.about();
            let ran = match about.id == self.reference.about().id {
                true => reference.clone(),
                false => ran(target, scenario, variant)?,
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

/// Whether both tell the same, whatever is known of them.
fn is_like(a: &Finding, b: &Finding) -> bool {
    let told = |found: &Finding| Finding {
        known: None,
        ..found.clone()
    };
    told(a) == told(b)
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

/// By what a finding is known again in a case that has become smaller.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FindingKey {
    /// The library.
    pub backend: String,
    /// The kind of finding.
    pub kind: Kind,
    /// The clause that is broken, if one is.
    pub clause: Option<String>,
    /// Whether the ledger knows it.
    pub is_known: bool,
}

impl FindingKey {
    /// The most serious of all findings: of those that nobody knows, if there is one.
    pub fn most_serious(examined: &[Examined]) -> Option<Self> {
        let all = examined
            .iter()
            .flat_map(|one| one.findings.iter().map(move |found| (one, found)));
        // Of equals the first: the order of the libraries decides.
        let (of, finding) = all.min_by_key(|(_, finding)| finding.rank())?;
        Some(Self {
            backend: of.backend.clone(),
            kind: finding.kind,
            clause: finding.clause.clone(),
            is_known: finding.known.is_some(),
        })
    }

    /// The finding, if it is among these.
    pub fn among<'e>(&self, examined: &'e [Examined]) -> Option<&'e Finding> {
        let of_backend = examined.iter().filter(|one| one.backend == self.backend);
        let is_it = |found: &&Finding| {
            (found.kind, &found.clause, found.known.is_some())
                == (self.kind, &self.clause, self.is_known)
        };
        of_backend.flat_map(|one| &one.findings).find(is_it)
    }
}
