//! The traces of the right library in every case, and the faults that each case would reach.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;

use writeproof::internal::backend::{Backends, REFERENCE};
use writeproof::internal::isolation::InProcess;
use writeproof::internal::judge::differences;
use writeproof::internal::judge::monitor::{self, Violation};
use writeproof::internal::scenario::{Corpus, Scenario, Variant};
use writeproof::internal::target::Target;
use writeproof::internal::trace::Trace;

use crate::object::Object;

/// All cases, by scenario and variant.
pub(crate) struct Right {
    /// The version of the reference.
    pub(crate) version: String,
    pub(crate) cases: Vec<Case>,
}

/// One case with the right library.
pub(crate) struct Case {
    pub(crate) scenario: &'static Scenario,
    pub(crate) variant: Variant,
    /// The trace of the reference.
    pub(crate) trace: Trace,
    /// The clauses that the reference itself breaks, each with the step.
    broken: BTreeSet<(&'static str, usize)>,
    /// The trace of the object without a fault.
    pub(crate) unharmed: Trace,
    /// The violations of the object without a fault, with their clauses.
    pub(crate) violations: Vec<(&'static str, Violation)>,
    /// The faults that it reaches, by their places in the table.
    reached: Vec<usize>,
}

static RIGHT: LazyLock<Result<Right, String>> = LazyLock::new(Right::run);

impl Right {
    /// The results, computed once.
    pub(crate) fn get() -> Result<&'static Self, String> {
        RIGHT.as_ref().map_err(Clone::clone)
    }

    fn run() -> Result<Self, String> {
        let corpus = Corpus::built_in().map_err(|error| error.to_string())?;
        let corpus: &'static Corpus = Box::leak(Box::new(corpus));
        let cases: Vec<_> = corpus
            .scenarios()
            .iter()
            .flat_map(|scenario| scenario.variants().map(move |variant| (scenario, variant)))
            .collect();
        let reference = Backends::open(REFERENCE).ok_or("there is no reference")?;
        let reference = InProcess::new(reference.map_err(|error| error.to_string())?);
        let object = Object::load()?;
        let run = |&(scenario, variant): &(&'static Scenario, Variant)| {
            let trace = |target: &dyn Target| {
                let ran = target.run(scenario, variant);
                ran.map(|ran| ran.trace).map_err(|error| error.to_string())
            };
            object.reached();
            let unharmed = trace(object.target.as_ref())?;
            let reached = object.reached();
            let trace = trace(&reference)?;
            Ok(Case {
                scenario,
                variant,
                broken: broken(&trace),
                trace,
                violations: violations(&unharmed),
                unharmed,
                reached,
            })
        };
        Ok(Self {
            version: reference.about().version.clone(),
            cases: in_parallel(&cases, run)
                .into_iter()
                .collect::<Result<_, String>>()?,
        })
    }

    /// Checks that the object without a fault behaves like the reference.
    pub(crate) fn equals_reference(&self) -> Result<(), String> {
        let other = self.cases.iter().find(|case| {
            case.unharmed.to_string() != case.trace.to_string()
                || !differences(&case.trace, &case.unharmed).is_empty()
        });
        match other {
            None => Ok(()),
            Some(case) => Err(format!(
                "{} {}: {}instead of {}",
                case.scenario.id, case.variant, case.unharmed, case.trace
            )),
        }
    }
}

impl Case {
    /// Whether the reference itself breaks this clause.
    pub(crate) fn reference_breaks(&self, clause: &str) -> bool {
        self.broken.iter().any(|(broken, _)| *broken == clause)
    }

    /// The clauses that a trace of this case breaks, except those that the reference breaks in the
    /// same step.
    pub(crate) fn broken_by(&self, trace: &Trace) -> BTreeSet<&'static str> {
        let new = broken(trace).into_iter();
        let new = new.filter(|broken| !self.broken.contains(broken));
        new.map(|(clause, _)| clause).collect()
    }

    /// Whether the fault could change this case, as far as the right library shows.
    pub(crate) fn reaches(&self, fault: usize) -> bool {
        self.reached.contains(&fault)
    }
}

/// The violations of a trace, with their clauses.
fn violations(trace: &Trace) -> Vec<(&'static str, Violation)> {
    let watched = monitor::watch(trace).into_iter();
    let violations = watched.flat_map(|(clause, notes)| {
        let of_clause = notes.violations.into_iter();
        of_clause.map(move |violation| (clause, violation))
    });
    violations.collect()
}

fn broken(trace: &Trace) -> BTreeSet<(&'static str, usize)> {
    let broken = violations(trace).into_iter();
    broken
        .map(|(clause, violation)| (clause, violation.step))
        .collect()
}

/// Runs all items on all processors; the results keep the order of the items.
pub(crate) fn in_parallel<W: Sync, R: Send>(work: &[W], run: impl Fn(&W) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(work.len()));
    let take_turns = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(one) = work.get(index) else { break };
            let result = run(one);
            done.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((index, result));
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(take_turns);
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}
