//! The run over all scenario files and built-in backends: cases per second, the share of the
//! handshakes, and the memory.

use std::hint::black_box;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

use writeproof::internal::backend::{About, Backend, Backends, REFERENCE};
use writeproof::internal::contract::Contract;
use writeproof::internal::isolation::InProcess;
use writeproof::internal::judge::Judge;
use writeproof::internal::judge::known::Library;
use writeproof::internal::run::{CaseResult, NoProgress, Plan};
use writeproof::internal::runner;
use writeproof::internal::scenario::{
    Corpus, Id, Role, Scenario, Step, TransportKind, Variant, Version, parse,
};
use writeproof::internal::target::Target;

use crate::memory::{self, Resident};
use crate::sample::median;

/// The run is repeated this often in one process to check that memory stays flat.
const REPEATS: usize = 6;

/// Peak memory of the default run, in KiB.
const MEMORY_LIMIT_KIB: u64 = 200 << 10;

/// The growth in KiB that counts as flat: what an allocator may keep for itself.
const FLAT_KIB: u64 = 1 << 10;

/// The shortest time for which runs with one thread are repeated.
const LONG_ENOUGH: Duration = Duration::from_secs(2);

/// The highest share of judging in the whole run with one thread.
const JUDGING_LIMIT: f64 = 0.10;

/// Repetitions of a case with only a handshake, after each run.
const HANDSHAKES: usize = 5;

/// All scenarios and backends.
pub(crate) struct Suite {
    corpus: Corpus,
    backends: Vec<Arc<dyn Backend>>,
    judge: Judge,
}

impl Suite {
    pub(crate) fn new() -> Self {
        let backends = Backends::here()
            .into_iter()
            .filter_map(|id| match Backends::open(id)? {
                Ok(backend) => Some(backend),
                Err(unusable) => {
                    println!("note      {unusable}");
                    None
                }
            });
        Self {
            corpus: Corpus::built_in().expect("the built-in fixtures are valid"),
            backends: backends.collect(),
            judge: Judge::built_in().expect("the built-in fixtures are valid"),
        }
    }

    /// The scenarios that can run in this process: no library is recorded to crash in them.
    pub(crate) fn survivable(&self) -> impl Iterator<Item = &Scenario> {
        let crashes = |scenario: &Scenario| {
            let names = self.backends.iter().map(|b| b.about().recorded_as());
            let recordings = &self.judge.recordings;
            names
                .into_iter()
                .any(|name| recordings.crashes(scenario, &name))
        };
        self.corpus
            .scenarios()
            .iter()
            .filter(move |scenario| !crashes(scenario))
    }

    pub(crate) fn reference(&self) -> &Arc<dyn Backend> {
        let reference = self.backends.iter().find(|b| b.about().id == REFERENCE);
        reference.expect("the reference is linked in")
    }

    /// The backends.
    pub(crate) fn abouts(&self) -> impl Iterator<Item = &About> {
        self.backends.iter().map(|backend| backend.about())
    }

    pub(crate) fn contract(&self) -> &Contract {
        &self.judge.contract
    }

    /// The results of a run.
    pub(crate) fn results(&self) -> Vec<CaseResult> {
        self.run(1)
    }

    fn run(&self, jobs: usize) -> Vec<CaseResult> {
        let here = |backend: &Arc<dyn Backend>| {
            Arc::new(InProcess::new(Arc::clone(backend))) as Arc<dyn Target>
        };
        let ids: Vec<String> = self.survivable().map(|s| s.id.to_string()).collect();
        let plan = Plan {
            scenarios: self.corpus.select(&ids).expect("ids of the library"),
            backends: self.backends.iter().map(here).collect(),
            reference: here(self.reference()),
            jobs,
            variants: Vec::new(),
        };
        plan.run(&self.judge, &NoProgress, &AtomicBool::new(false))
            .expect("a run")
    }

    /// Memory first, before anything else raises the peak of the process.
    pub(crate) fn measure(&self, handshake: &Scenario) {
        let crash = self.corpus.scenarios().len() - self.survivable().count();
        println!(
            "note      {crash} scenarios crash a library and are left out: all cases run in this process"
        );
        let all = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let mut with_all = Vec::new();
        let mut memory = Vec::new();
        let mut in_use = Vec::new();
        // This thread now has a context for each kind of connection.
        drop(self.run(1));
        for _ in 0..REPEATS {
            with_all.push(self.timed(all).0);
            memory.push(memory::resident());
            in_use.push(memory::in_use());
        }
        report_memory(ends(&memory), ends(&in_use));

        let (mut with_one, mut handshakes, mut shares) = (Vec::new(), Vec::new(), Vec::new());
        let mut judging = Vec::new();
        let begun = Instant::now();
        let cases = loop {
            let (time, results) = self.timed(1);
            let (number, sum) = self.handshakes(handshake, &results);
            with_one.push(time);
            handshakes.push(sum / number as f64);
            shares.push(sum / time);
            judging.push(self.judging(&results) / time);
            if begun.elapsed() >= LONG_ENOUGH && with_one.len() >= 3 {
                break results.len();
            }
        };
        for (jobs, times) in [(1, &mut with_one), (all, &mut with_all)] {
            let time = median(times);
            println!(
                "run       {cases} cases, {} backends, jobs {jobs}: {:.0} cases/s (median of {} runs, {:.1} ms each)",
                self.backends.len(),
                cases as f64 / time,
                times.len(),
                time * 1e3,
            );
        }
        println!(
            "handshake {:.0} % of the run with jobs 1: a case of nothing else takes {:.0} us",
            median(&mut shares) * 100.0,
            median(&mut handshakes) * 1e6,
        );
        let judging = median(&mut judging);
        println!(
            "judging   ratio {judging:.3} of the run with jobs 1 (limit {JUDGING_LIMIT:.2}, {})",
            crate::verdict(judging <= JUDGING_LIMIT),
        );
    }

    /// The time to judge all these results again, in seconds: clauses, differences, known issues
    /// and recordings.
    fn judging(&self, results: &[CaseResult]) -> f64 {
        let begun = Instant::now();
        let same_case =
            |a: &CaseResult, b: &CaseResult| a.scenario == b.scenario && a.variant == b.variant;
        for case in results.chunk_by(same_case) {
            let reference = case.iter().find(|result| result.backend == REFERENCE);
            let reference = reference.expect("the reference is in the run");
            for result in case {
                let library = Library {
                    name: &result.backend,
                    version: "",
                };
                black_box(self.judge.judge(&reference.trace, &result.trace, library));
                let mut backends = self.backends.iter().map(|backend| backend.about());
                let about = backends.find(|about| about.id == result.backend);
                black_box(self.judge.recordings.compare(
                    &result.scenario,
                    about.expect("a library of the run"),
                    result.variant,
                    &result.trace,
                ));
            }
        }
        begun.elapsed().as_secs_f64()
    }

    fn timed(&self, jobs: usize) -> (f64, Vec<CaseResult>) {
        let begun = Instant::now();
        let results = self.run(jobs);
        (begun.elapsed().as_secs_f64(), results)
    }

    /// The number of cases with a handshake, and the time that these handshakes alone would take,
    /// in seconds. For each backend, version and role a case with only a handshake is timed,
    /// directly after the run that it is compared with: both ends are opened and freed, and the
    /// wire is read.
    fn handshakes(&self, scenario: &Scenario, results: &[CaseResult]) -> (usize, f64) {
        let (mut number, mut sum) = (0, 0.0);
        for backend in &self.backends {
            for variant in variants() {
                let id = &backend.about().id;
                let cases = results
                    .iter()
                    .filter(|r| {
                        r.backend == *id && r.variant == variant && self.reaches_handshake(r)
                    })
                    .count();
                let mut times: Vec<f64> = (0..HANDSHAKES)
                    .map(|_| {
                        let begun = Instant::now();
                        runner::run(backend.as_ref(), scenario, variant).expect("a handshake");
                        begun.elapsed().as_secs_f64()
                    })
                    .collect();
                number += cases;
                sum += cases as f64 * median(&mut times);
            }
        }
        (number, sum)
    }

    /// Whether the case reached its handshake.
    fn reaches_handshake(&self, result: &CaseResult) -> bool {
        let scenario = self.corpus.get(result.scenario.as_str());
        let opened = result.trace.entries.first().is_some_and(|e| e.step > 0);
        opened && scenario.is_some_and(|s| s.steps.contains(&Step::Handshake))
    }
}

/// The first and the last, if both are known.
fn ends<T: Copy>(all: &[Option<T>]) -> Option<(T, T)> {
    Some((all.first().copied()??, all.last().copied()??))
}

fn report_memory(resident: Option<(Resident, Resident)>, in_use: Option<(u64, u64)>) {
    let mib = |kib: u64| kib as f64 / 1024.0;
    match resident {
        Some((first, last)) => println!(
            "memory    peak {:.1} MiB after one run, {:.1} MiB after {REPEATS} (limit {} MiB, {}); resident {:.1} MiB, {:.1} MiB",
            mib(first.peak),
            mib(last.peak),
            MEMORY_LIMIT_KIB >> 10,
            crate::verdict(last.peak < MEMORY_LIMIT_KIB),
            mib(first.now),
            mib(last.now),
        ),
        None => println!("memory    peak not measured on this system"),
    }
    match in_use {
        Some((first, last)) => {
            let growth = last.saturating_sub(first);
            println!(
                "memory    in use {:.1} MiB after one run, {growth} KiB more after {REPEATS} in one process (flat is {FLAT_KIB} KiB, {})",
                mib(first),
                crate::verdict(growth <= FLAT_KIB),
            );
        }
        None => println!("memory    in use not measured on this system"),
    }
}

pub(crate) fn variants() -> impl Iterator<Item = Variant> {
    Version::ALL.into_iter().flat_map(|version| {
        Role::ALL.map(|role| Variant {
            version,
            role,
            transport: TransportKind::Scripted,
        })
    })
}

pub(crate) fn scenario(id: &str, text: &str) -> Scenario {
    parse(Id::new(id).expect("an id"), id, text).unwrap_or_else(|error| panic!("{error}"))
}
