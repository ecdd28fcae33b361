//! A run of the suite: every selected scenario, in all of its variants, on every selected backend,
//! judged against the contract, the reference and the snapshots.
//!
//! A [`Plan`] holds the scenarios and backends. Its results are always in the same order: by
//! scenario, variant and backend, for any number of threads.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::backend::REFERENCE;
use crate::contract::{Contract, Strength};
use crate::judge::cluster::Root;
use crate::judge::known::Library;
use crate::judge::{
    Compared, Difference, Finding, Judge, Judgement, Keeper, Kind, More, Recorded, Stale, Verdict,
};
use crate::limits;
use crate::runner::RunnerError;
use crate::scenario::{Id, Origin, Scenario, Selection, Variant};
use crate::target::{Printed, RunOutcome, Target};
use crate::trace::Trace;

/// What to run.
pub struct Plan<'c> {
    /// The scenarios.
    pub scenarios: Vec<Selection<'c>>,
    /// The backends to report on.
    pub backends: Vec<Arc<dyn Target>>,
    /// The backend that the others are compared with. It is run even if it is not reported on.
    pub reference: Arc<dyn Target>,
    /// How many threads run cases; 0 counts as 1.
    pub jobs: usize,
    /// Which variants to run; all if empty.
    pub variants: Vec<Variant>,
}

/// The result of one case on one backend.
#[derive(Debug, Clone)]
pub struct CaseResult {
    /// The scenario.
    pub scenario: Id,
    /// Its variant.
    pub variant: Variant,
    /// The backend's name.
    pub backend: String,
    /// The trace, shortened to what is kept.
    pub trace: Trace,
    /// What the library printed during the case.
    pub(crate) printed: Printed,
    /// The verdict.
    pub(crate) verdict: Verdict,
    /// The findings, the most serious first.
    pub findings: Vec<Finding>,
    /// The first unexpected event, if there is one.
    pub(crate) root: Option<Root>,
    /// How many steps the scenario has.
    pub(crate) steps: usize,
    /// How many more findings there are of the kinds that have very many.
    pub(crate) more: Vec<More>,
    /// How the trace differs from the reference's.
    pub differences: Vec<Difference>,
    /// How many differences are ignored: in wording only, or in calls that are not compared.
    pub(crate) normalised: usize,
    /// The clauses that the trace exercises.
    pub(crate) exercised: Vec<&'static str>,
    /// How the trace compares with its snapshot.
    pub(crate) recorded: Recorded,
    /// Where the scenario comes from.
    pub(crate) origin: Origin,
}

/// How unexpected a case is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Surprise {
    /// Nothing is unexpected.
    None,
    /// The only unexpected findings are broken clauses that say *should*, and differences of the
    /// same calls from the reference.
    ShouldAlone,
    /// There is another unexpected finding, or the trace does not match its snapshot.
    Other,
}

impl CaseResult {
    /// The result of a case of the suite on a library without snapshots, which printed nothing.
    pub fn of(
        scenario: &Scenario,
        (variant, backend): (Variant, &str),
        judgement: Judgement,
        trace: Trace,
    ) -> Self {
        let Judgement {
            verdict,
            findings,
            more,
            root,
            differences,
            normalised,
            exercised,
        } = judgement;
        Self {
            scenario: scenario.id.clone(),
            variant,
            backend: backend.to_owned(),
            verdict,
            findings,
            more,
            root,
            steps: scenario.steps.len(),
            differences,
            normalised,
            exercised,
            recorded: Recorded::Untracked,
            origin: Origin::Library,
            trace,
            printed: Printed::default(),
        }
    }

    /// Whether the trace matches its snapshot, or there need not be one.
    pub(crate) fn is_as_recorded(&self) -> bool {
        match self.recorded {
            Recorded::Unchanged | Recorded::Untracked => true,
            Recorded::Changed => false,
            Recorded::Never => self.origin != Origin::Library,
        }
    }

    /// The id of the cluster of its first unexpected event, if there is one.
    pub fn cluster(&self) -> Option<&str> {
        self.root.as_ref().map(|root| root.id.as_str())
    }

    /// How unexpected the case is. It is unexpected if a finding has no known issue, if the trace
    /// does not match its snapshot, or if a scenario of the suite has no snapshot. Findings count
    /// the same for all scenarios and libraries, those of the user included.
    pub(crate) fn surprise(&self, contract: &Contract) -> Surprise {
        if !self.is_as_recorded() {
            return Surprise::Other;
        }
        let unknown = self
            .findings
            .iter()
            .filter(|finding| finding.known.is_none());
        let surprises = unknown.map(|finding| {
            if self.is_a_should(finding, contract) {
                Surprise::ShouldAlone
            } else {
                Surprise::Other
            }
        });
        surprises.max().unwrap_or(Surprise::None)
    }

    /// Whether this unexpected finding is a broken clause that says *should*, or a difference of
    /// the call that broke it.
    fn is_a_should(&self, finding: &Finding, contract: &Contract) -> bool {
        let breaks_should = |finding: &Finding| {
            let clause = finding.clause.as_deref().and_then(|id| contract.get(id));
            finding.kind == Kind::Violation
                && clause.is_some_and(|clause| clause.strength == Strength::Should)
        };
        let is_same_call = |other: &&Finding| {
            (other.step, other.action.as_str()) == (finding.step, finding.action.as_str())
        };
        match finding.kind {
            Kind::Crash | Kind::Hang | Kind::Stop => false,
            Kind::Violation => breaks_should(finding),
            Kind::Difference => {
                let mut others = self.findings.iter().filter(|other| other.known.is_none());
                others.any(|other| is_same_call(&other) && breaks_should(other))
            }
        }
    }
}

/// Why a run ended without results.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunError {
    /// The suite itself failed to run a case.
    #[error("cannot run {scenario} on {backend}: {source}")]
    Runner {
        /// The scenario.
        scenario: Id,
        /// The backend.
        backend: String,
        /// What went wrong.
        source: RunnerError,
    },
    /// The suite itself failed during the self-check of a library.
    #[error("cannot run the self-check: {0}")]
    SelfCheck(RunnerError),
    /// The suite has a bug: a case panicked.
    #[error("the suite panicked while running {scenario}, which is a bug in it: please report it")]
    Panic {
        /// The scenario.
        scenario: Id,
    },
    /// The run was interrupted.
    #[error("interrupted after {done} of {cases} cases; no report was written")]
    Interrupted {
        /// How many cases were run.
        done: usize,
        /// How many cases there are.
        cases: usize,
    },
}

/// Is notified of the progress of a run.
pub trait Progress: Sync {
    /// So many more cases are done.
    fn advance(&self, cases: usize);
}

/// Ignores the progress.
pub struct NoProgress;

impl Progress for NoProgress {
    fn advance(&self, _cases: usize) {}
}

impl<'c> Plan<'c> {
    /// How many cases there are.
    pub fn cases(&self) -> usize {
        let work = self.work();
        let variants: usize = work.iter().map(|(_, variants)| variants.len()).sum();
        variants * self.backends.len()
    }

    /// The scenarios with their variants. One thread runs a scenario in all variants on all
    /// backends: a worker needs less time for several variants in one request than in several.
    fn work(&self) -> Vec<(&Selection<'c>, Vec<Variant>)> {
        let wanted =
            |variant: &Variant| self.variants.is_empty() || self.variants.contains(variant);
        self.scenarios
            .iter()
            .map(|selection| {
                (
                    selection,
                    selection.scenario.variants().filter(wanted).collect(),
                )
            })
            .filter(|(_, variants): &(_, Vec<_>)| !variants.is_empty())
            .collect()
    }

    /// Runs everything.
    ///
    /// # Errors
    /// [`RunError`], if the suite itself failed, or `stop` was set during the run.
    pub fn run(
        &self,
        judge: &Judge,
        progress: &dyn Progress,
        stop: &AtomicBool,
    ) -> Result<Vec<CaseResult>, RunError> {
        let work = self.work();
        let next = AtomicUsize::new(0);
        let done = Mutex::new(Vec::with_capacity(work.len()));
        let take_turns = || {
            while !stop.load(Ordering::Relaxed) {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some((selection, variants)) = work.get(index) else {
                    break;
                };
                let result = self.cases_of(selection, variants, judge);
                let failed = result.is_err();
                done.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push((index, result));
                if failed {
                    next.store(work.len(), Ordering::Relaxed);
                }
                progress.advance(variants.len() * self.backends.len());
            }
        };
        thread::scope(|scope| {
            for _ in 1..self.jobs.min(work.len()).max(1) {
                // If the system gives no more threads, the existing ones do the work.
                if thread::Builder::new()
                    .spawn_scoped(scope, take_turns)
                    .is_err()
                {
                    break;
                }
            }
            take_turns();
        });
        let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_by_key(|(index, _)| *index);
        let mut results = Vec::with_capacity(self.cases());
        for (_, result) in done {
            results.extend(result?);
        }
        if results.len() == self.cases() {
            Ok(results)
        } else {
            Err(RunError::Interrupted {
                done: results.len(),
                cases: self.cases(),
            })
        }
    }

    /// One scenario in some variants on all backends: by variant, then by backend.
    fn cases_of(
        &self,
        selection: &Selection<'_>,
        variants: &[Variant],
        judge: &Judge,
    ) -> Result<Vec<CaseResult>, RunError> {
        let scenario = &selection.scenario;
        let compared_with = self.reference.about();
        let named = compared_with.recorded_as();
        let of_reference = Library {
            name: &named,
            version: &compared_with.version,
        };
        let attempt = || {
            let reference = self.ran(&self.reference, scenario, variants)?;
            let mut results = Vec::with_capacity(variants.len() * self.backends.len());
            for backend in &self.backends {
                let about = backend.about();
                let ran = if about.id == self.reference.about().id {
                    reference.clone()
                } else {
                    self.ran(backend, scenario, variants)?
                };
                let recorded_as = about.recorded_as();
                for ((place, &variant), ran) in variants.iter().enumerate().zip(ran) {
                    let RunOutcome { mut trace, printed } = ran;
                    let library = Library {
                        name: &recorded_as,
                        version: &about.version,
                    };
                    let mut judgement = judge
                        .judge_against((of_reference, &reference[place].trace), (library, &trace));
                    let recorded = judge
                        .recordings
                        .compare(&scenario.id, about, variant, &trace);
                    // If backends are compared with another one than the reference, their
                    // differences follow from those between each of them and the reference, for
                    // which there are snapshots.
                    let is_on_record = recorded == Recorded::Untracked
                        || self.reference.about().id == REFERENCE
                        || selection.origin != Origin::Library;
                    judgement
                        .findings
                        .retain(|found| found.kind != Kind::Difference || is_on_record);
                    judgement
                        .more
                        .retain(|more| more.kind != Kind::Difference || is_on_record);
                    judgement
                        .root
                        .take_if(|root| root.is_difference() && !is_on_record);
                    trace.shorten(limits::KEPT);
                    let result = CaseResult {
                        recorded,
                        origin: selection.origin.clone(),
                        printed,
                        ..CaseResult::of(scenario, (variant, &about.id), judgement, trace)
                    };
                    results.push((place, result));
                }
            }
            // A stable sort keeps the order of the backends.
            results.sort_by_key(|(place, _)| *place);
            Ok(results.into_iter().map(|(_, result)| result).collect())
        };
        catch_unwind(AssertUnwindSafe(attempt)).unwrap_or_else(|_| {
            Err(RunError::Panic {
                scenario: scenario.id.clone(),
            })
        })
    }

    /// The known issues that do not occur in these results, as far as the results can show.
    pub fn stale(&self, judge: &Judge, results: &[CaseResult]) -> Vec<Stale> {
        let with = match self.reference.about().id.as_str() {
            REFERENCE => Compared::Reference,
            _ => Compared::Another,
        };
        let mut stale = Vec::new();
        for about in self.backends.iter().map(|backend| backend.about()) {
            // A library without snapshots cannot show an issue in an operation that it lacks.
            let shows = |result: &CaseResult| {
                let is_applicable = !matches!(result.verdict, Verdict::NotApplicable(_));
                is_applicable || result.recorded != Recorded::Untracked
            };
            let of_backend = results
                .iter()
                .filter(|result| result.backend == about.id && shows(result));
            let all: BTreeMap<(&Id, Variant), &[Finding]> = of_backend
                .clone()
                .map(|result| ((&result.scenario, result.variant), &result.findings[..]))
                .collect();
            // A file may be an edited copy of a scenario of the suite, for which the known issues
            // of the suite need not hold.
            let ran = of_backend
                .filter(|result| result.origin == Origin::Library)
                .map(|result| ((&result.scenario, result.variant), &result.findings[..]))
                .collect();
            let (library, version) = (about.recorded_as(), &about.version);
            let library = Library {
                name: &library,
                version,
            };
            let of_keeper = |keeper| match keeper {
                Keeper::Suite => &ran,
                Keeper::User => &all,
            };
            stale.extend(judge.known.stale(library, with, of_keeper));
        }
        stale
    }

    /// The whole trace of a result; if only a part of it was kept, the case is run again.
    ///
    /// # Errors
    /// [`RunError`], if the suite itself failed.
    pub(crate) fn whole_trace<'r>(
        &self,
        result: &'r CaseResult,
    ) -> Result<Cow<'r, Trace>, RunError> {
        let is_whole = result.trace.left_out.is_none();
        let mut backends = self.backends.iter();
        let backend = backends.find(|backend| backend.about().id == result.backend);
        let mut scenarios = self.scenarios.iter();
        let selection = scenarios.find(|selection| selection.scenario.id == result.scenario);
        let (false, Some(backend), Some(selection)) = (is_whole, backend, selection) else {
            return Ok(Cow::Borrowed(&result.trace));
        };
        let ran = self.ran(backend, &selection.scenario, &[result.variant])?;
        let trace = ran.into_iter().next().map(|ran| Cow::Owned(ran.trace));
        Ok(trace.unwrap_or(Cow::Borrowed(&result.trace)))
    }

    fn ran(
        &self,
        backend: &Arc<dyn Target>,
        scenario: &Scenario,
        variants: &[Variant],
    ) -> Result<Vec<RunOutcome>, RunError> {
        let ran = backend.run_all(scenario, variants);
        ran.map_err(|source| RunError::Runner {
            scenario: scenario.id.clone(),
            backend: backend.about().id.clone(),
            source,
        })
    }
}
