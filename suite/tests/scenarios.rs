//! Every scenario on every backend is a test of its own, named `family/name@backend`. The traces of all backends are recorded
//! in `snapshots/family/name.snap`: a section for each distinct behaviour, headed by the backends and variants that share it.
//! A test looks at its own backend and leaves the others as they are recorded.
//!
//! The corpus is run once, and its traces are remembered for all tests; one test runs it a second
//! time, in reverse order.
//!
//! The tests are made from the scenario files, so that a new file is enough. To review and accept changes:
//! `cargo insta review`, or read the `.snap.new` files and rename them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock, Mutex, OnceLock};
use std::thread::available_parallelism;

use libtest_mimic::{Arguments, Failed, Trial};
use writeproof::internal::backend::{About, Backends, SYSTEM};
use writeproof::internal::isolation::Isolation;
use writeproof::internal::judge::known::Library;
use writeproof::internal::judge::{
    Judge, Recording, Recordings, Verdict, differences, is_read_back,
};
use writeproof::internal::run::{CaseResult, NoProgress, Plan};
use writeproof::internal::runner::RunnerError;
use writeproof::internal::scenario::{Corpus, Id, Scenario, Variant};
use writeproof::internal::target::{LoadReport, Printed, RunOutcome, Target};
use writeproof::internal::trace::Trace;
use writeproof::internal::worker::WorkerLimits;

type Opened = Result<Arc<dyn Target>, String>;

/// The names of the backends that are here, the reference first.
static IDS: LazyLock<Vec<&str>> = LazyLock::new(Backends::here);

/// Each backend when a test first asks for it: of a process for each test, most need one or two.
static BACKENDS: LazyLock<Vec<OnceLock<Opened>>> =
    LazyLock::new(|| IDS.iter().map(|_| OnceLock::new()).collect());

/// As the command opens it: what is foreign runs in workers.
fn open(id: &str) -> Opened {
    let isolation = Isolation::Workers {
        program: env!("CARGO_BIN_EXE_writeproof").into(),
        limits: WorkerLimits::DEFAULT,
    };
    match isolation.open(id) {
        Some(opened) => opened.map_err(|error| error.to_string()),
        None => Err(format!("{id} is no backend")),
    }
}

static CORPUS: LazyLock<Result<Corpus, String>> =
    LazyLock::new(|| Corpus::built_in().map_err(|error| error.to_string()));

fn main() {
    let arguments = Arguments::from_args();
    let mut trials = vec![
        Trial::test("every scenario file is valid", || Ok(corpus().map(drop)?)),
        Trial::test("no snapshot is stale", no_stale_snapshots),
        Trial::test("every required backend is present and recorded", required),
        Trial::test(
            "second run in reverse order gives the same traces",
            second_run,
        ),
        Trial::test(
            "every finding is in the ledger, and every ledger entry is found",
            known,
        ),
        Trial::test(
            "two backends compared either way lack the same operations",
            either_way,
        ),
        Trial::test("every trace is read back from its text", read_back),
        Trial::test(
            "traces differ if and only if their texts differ",
            texts_and_differences,
        ),
    ];
    for scenario in CORPUS.iter().flat_map(Corpus::scenarios) {
        for (index, id) in IDS.iter().enumerate() {
            let name = format!("{}@{id}", scenario.id);
            let trial = Trial::test(name, move || recorded(scenario, index));
            trials.push(trial.with_ignored_flag(is_without_recordings(index)));
        }
    }
    libtest_mimic::run(&arguments, trials).exit();
}

/// Whether this is the machine's own library, in a series of which nothing is recorded. Where it is required, the test of
/// the required backends fails.
fn is_without_recordings(index: usize) -> bool {
    IDS[index] == SYSTEM && backend(index).is_ok_and(|backend| !is_recorded(backend))
}

static RECORDINGS: LazyLock<Recordings> =
    LazyLock::new(|| Recordings::built_in().expect("the snapshots have their form"));

fn corpus() -> Result<&'static Corpus, String> {
    CORPUS.as_ref().map_err(Clone::clone)
}

fn backend(index: usize) -> Result<&'static dyn Target, String> {
    match BACKENDS[index].get_or_init(|| open(IDS[index])) {
        Ok(backend) => Ok(backend.as_ref()),
        Err(reason) => Err(reason.clone()),
    }
}

/// The traces of one scenario in all of its variants, on one backend.
type Traces = Vec<(Variant, Trace)>;

/// The same once they are there.
type Remembered = OnceLock<Result<Traces, String>>;

/// The first run of the corpus: by the id of the scenario and the index of the backend, the traces
/// from when a test first asked for them. With a process for each test, only what that test needs
/// is run.
static FIRST_RUN: LazyLock<BTreeMap<&str, Vec<Remembered>>> = LazyLock::new(|| {
    let scenarios = CORPUS.iter().flat_map(Corpus::scenarios);
    let cells = || IDS.iter().map(|_| OnceLock::new()).collect();
    let cells = scenarios.map(|scenario| (scenario.id.as_str(), cells()));
    cells.collect()
});

/// The traces of the first run.
fn traces(scenario: &Scenario, index: usize) -> Result<&'static Traces, String> {
    let Some(backends) = FIRST_RUN.get(scenario.id.as_str()) else {
        return Err(format!("{} is not in the corpus", scenario.id));
    };
    let run = || run(scenario, index, &scenario.variants().collect::<Vec<_>>());
    let traces = backends[index].get_or_init(run);
    traces.as_ref().map_err(Clone::clone)
}

/// Runs a scenario in these variants.
fn run(scenario: &Scenario, index: usize, variants: &[Variant]) -> Result<Traces, String> {
    let outcomes = backend(index)?.run_all(scenario, variants);
    let outcomes = outcomes.map_err(|error| error.to_string())?.into_iter();
    let traces = outcomes.map(|outcome| outcome.trace);
    Ok(variants.iter().copied().zip(traces).collect())
}

/// A backend that answers with the traces of the first run.
struct FromFirstRun {
    backend: &'static dyn Target,
    index: usize,
}

impl Target for FromFirstRun {
    fn about(&self) -> &About {
        self.backend.about()
    }

    fn load_report(&self) -> Option<&LoadReport> {
        self.backend.load_report()
    }

    fn unconfined(&self) -> &[String] {
        self.backend.unconfined()
    }

    fn run(&self, scenario: &Scenario, variant: Variant) -> Result<RunOutcome, RunnerError> {
        let traces = traces(scenario, self.index).map_err(RunnerError::Worker)?;
        let trace = traces.iter().find(|(of, _)| *of == variant);
        let (_, trace) = trace.expect("the first run has all variants");
        Ok(RunOutcome {
            trace: trace.clone(),
            // No test looks at it.
            printed: Printed::default(),
        })
    }
}

/// The traces are as recorded.
fn recorded(scenario: &Scenario, index: usize) -> Result<(), Failed> {
    let backend = backend(index)?;
    let about = backend.about();
    let name = RECORDINGS.of_release(&scenario.id, &about.recorded_as(), &about.version);
    let traces = traces(scenario, index)?;
    let file = file(&scenario.id);
    if recording(&file)?.has(&name, traces) {
        return Ok(());
    }
    // Tests of other backends change the same file.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _lock = ONE_AT_A_TIME.lock()?;
    let proposed = file.with_extension("snap.new");
    let mut changed = recording(if proposed.exists() { &proposed } else { &file })?;
    changed.set(&name, traces);
    let mut settings = insta::Settings::new();
    settings.set_snapshot_path(snapshots().join(scenario.id.family()));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(scenario.id.name(), changed.body()));
    Ok(())
}

/// What a file has recorded; nothing if there is no such file.
fn recording(file: &Path) -> Result<Recording, Failed> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Recording::parse(&file.display().to_string(), &text)?),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Recording::default()),
        Err(error) => Err(error.into()),
    }
}

fn snapshots() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../snapshots")
}

fn file(id: &Id) -> PathBuf {
    snapshots().join(format!("{id}.snap"))
}

/// A file is stale if its scenario is gone, and so is a section of a backend that is gone. Each file is as the suite
/// writes it.
fn no_stale_snapshots() -> Result<(), Failed> {
    let corpus = corpus()?;
    let known: BTreeSet<PathBuf> = corpus.scenarios().iter().map(|one| file(&one.id)).collect();
    let mut wrong = Vec::new();
    for family in fs::read_dir(snapshots())? {
        let family = family?.path();
        if !family.is_dir() {
            continue;
        }
        for file in fs::read_dir(family)? {
            let file = file?.path();
            if file.extension().is_none_or(|ending| ending != "snap") {
                continue;
            }
            let text = fs::read_to_string(&file)?;
            let recording = Recording::parse(&file.display().to_string(), &text)?;
            if !known.contains(&file) {
                wrong.push(format!("no such scenario: {}", file.display()));
            }
            let backends = recording.backends().into_iter();
            for backend in backends.filter(|name| !is_known(name)) {
                wrong.push(format!("no such backend: {backend} in {}", file.display()));
            }
            if recording.file() != text {
                wrong.push(format!("not as the suite writes it: {}", file.display()));
            }
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n").into())
    }
}

/// Whether recordings of this name belong to a backend; the machine's own library is recorded by the
/// series of its version.
fn is_known(name: &str) -> bool {
    let of_system = || {
        let series = name.strip_prefix("openssl-system-")?;
        let mut numbers = series.split('.');
        let all_numbers = numbers.clone().all(|number| number.parse::<u8>().is_ok());
        Some(all_numbers && (2..=3).contains(&numbers.by_ref().count()))
    };
    of_system().unwrap_or_else(|| Backends::all().contains(&name))
}

/// What `WRITEPROOF_REQUIRE` asks for is built in, can be used, and has been recorded.
fn required() -> Result<(), Failed> {
    let wanted = std::env::var("WRITEPROOF_REQUIRE").unwrap_or_default();
    let is_wanted = |id: &str| wanted.split(',').any(|name| name == "all" || name == id);
    let mut lacking: Vec<String> = Backends::missing()
        .iter()
        .filter(|missing| is_wanted(&missing.id))
        .map(ToString::to_string)
        .collect();
    for index in 0..IDS.len() {
        match backend(index) {
            Err(reason) => lacking.push(reason),
            Ok(backend) if !is_recorded(backend) && is_wanted(&backend.about().id) => {
                let name = backend.about().recorded_as();
                lacking.push(format!("nothing was recorded of {name}"));
            }
            Ok(_) => {}
        }
    }
    if lacking.is_empty() {
        Ok(())
    } else {
        Err(lacking.join("\n").into())
    }
}

/// Whether there are recordings to compare with; only the machine's own library can be without.
fn is_recorded(backend: &dyn Target) -> bool {
    let name = backend.about().recorded_as();
    RECORDINGS.knows(&name)
}

/// Runs the corpus a second time, from the last case to the first, on one thread. The same case
/// twice gives the same trace, and no trace depends on the cases before it.
fn second_run() -> Result<(), Failed> {
    let scenarios = corpus()?.scenarios();
    // All of the first run comes before the second.
    for scenario in scenarios {
        for index in 0..IDS.len() {
            traces(scenario, index)?;
        }
    }
    let mut wrong = Vec::new();
    for scenario in scenarios.iter().rev() {
        for index in (0..IDS.len()).rev() {
            let first = traces(scenario, index)?;
            let variants: Vec<Variant> = first.iter().map(|(variant, _)| *variant).rev().collect();
            let second = run(scenario, index, &variants)?;
            for ((variant, first), (_, second)) in first.iter().rev().zip(&second) {
                if first.digest() != second.digest() {
                    let (scenario, id) = (&scenario.id, IDS[index]);
                    wrong.push(format!(
                        "{scenario} {variant} on {id}: first\n{first}\nthen\n{second}"
                    ));
                }
            }
        }
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n").into())
    }
}

/// What is recorded is text: nothing in it may be lost when it is read.
fn read_back() -> Result<(), Failed> {
    for scenario in corpus()?.scenarios() {
        for (index, id) in IDS.iter().enumerate() {
            let mut traces = traces(scenario, index)?.iter();
            if let Some((variant, trace)) = traces.find(|(_, trace)| !is_read_back(trace)) {
                let scenario = &scenario.id;
                return Err(format!("{scenario} {variant} on {id}:\n{trace}").into());
            }
        }
    }
    Ok(())
}

/// What is recorded is text, what is compared is not: neither may see what the other does not, but
/// for what one of the libraries does not have at all.
fn texts_and_differences() -> Result<(), Failed> {
    for scenario in corpus()?.scenarios() {
        let reference = traces(scenario, 0)?;
        for (index, id) in IDS.iter().enumerate().skip(1) {
            for ((variant, trace), (_, reference)) in traces(scenario, index)?.iter().zip(reference)
            {
                let same_text = trace.to_string() == reference.to_string();
                let found = differences(reference, trace);
                let blind = trace.unsupported().is_none() && found.is_empty() && !same_text;
                if blind || (same_text && !found.is_empty()) {
                    let scenario = &scenario.id;
                    return Err(format!(
                        "{scenario} {variant} on {id}: {found:?}\n{reference}\n{trace}"
                    )
                    .into());
                }
            }
        }
    }
    Ok(())
}

fn known() -> Result<(), Failed> {
    let judge = Judge::built_in().map_err(|error| error.to_string())?;
    let (plan, results) = judged(&judge)?;
    let unknown = results.iter().flat_map(|result| {
        let unknown = result.findings.iter().filter(|found| found.known.is_none());
        unknown.map(move |found| {
            let (id, variant, backend) = (&result.scenario, result.variant, &result.backend);
            format!("{id} {variant} on {backend}: {found:?}")
        })
    });
    let stale = plan.stale(&judge, &results);
    let wrong: Vec<String> = unknown
        .chain(stale.iter().map(ToString::to_string))
        .collect();
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n").into())
    }
}

/// Every scenario on every backend whose traces are recorded, judged by the code of `writeproof
/// run` from the traces of the first run.
fn judged(judge: &Judge) -> Result<(Plan<'static>, Vec<CaseResult>), Failed> {
    let remembered = |index| {
        let backend = backend(index)?;
        Ok(Arc::new(FromFirstRun { backend, index }) as Arc<dyn Target>)
    };
    let remembered = (0..IDS.len()).map(remembered);
    let mut backends = remembered.collect::<Result<Vec<_>, String>>()?;
    let reference = Arc::clone(backends.first().ok_or("no reference")?);
    backends.retain(|backend| is_recorded(backend.as_ref()));
    let plan = Plan {
        scenarios: corpus()?.select(&[])?,
        backends,
        reference,
        jobs: available_parallelism().map_or(1, usize::from),
        variants: Vec::new(),
    };
    let results = plan.run(judge, &NoProgress, &AtomicBool::new(false))?;
    Ok((plan, results))
}

/// What one of two backends lacks makes a case not applicable, whichever of them is the reference.
fn either_way() -> Result<(), Failed> {
    let rustls = IDS
        .iter()
        .position(|id| *id == "rustls")
        .unwrap_or_default();
    let judge = Judge::built_in().map_err(|error| error.to_string())?;
    for scenario in corpus()?.scenarios() {
        for ((variant, a), (_, b)) in traces(scenario, 0)?.iter().zip(traces(scenario, rustls)?) {
            let library = |name| Library { name, version: "" };
            let one = judge.judge(a, b, library("rustls")).verdict;
            let other = judge.judge(b, a, library(IDS[0])).verdict;
            let lacks = |verdict: &Verdict| matches!(verdict, Verdict::NotApplicable(_));
            // The contract can be broken before the call that is lacking, and a case that hangs or crashes lacks nothing.
            let is_failure = |verdict: &Verdict| {
                matches!(
                    verdict,
                    Verdict::Violates | Verdict::Hung(_) | Verdict::Crashed(_)
                )
            };
            let failed = is_failure(&one) || is_failure(&other);
            if lacks(&one) != lacks(&other) && !failed {
                let scenario = &scenario.id;
                return Err(format!("{scenario} {variant}: {one:?}, but {other:?}").into());
            }
        }
    }
    Ok(())
}
