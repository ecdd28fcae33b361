//! Every scenario on every backend is a test of its own, named `family/name@backend`. The traces of all backends are recorded
//! in `snapshots/family/name.snap`: a section for each distinct behaviour, headed by the backends and variants that share it.
//! A test looks at its own backend and leaves the others as they are recorded.
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
use writeproof::internal::backend::{Backends, SYSTEM};
use writeproof::internal::isolation::Isolation;
use writeproof::internal::judge::known::Library;
use writeproof::internal::judge::{
    Judge, Recording, Recordings, Verdict, differences, is_read_back,
};
use writeproof::internal::run::{CaseResult, Plan, Unwatched};
use writeproof::internal::scenario::{Corpus, Id, Scenario, Variant};
use writeproof::internal::target::Target;
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
        Trial::test("every scenario file is right", || Ok(corpus().map(drop)?)),
        Trial::test("no snapshot is stale", no_stale_snapshots),
        Trial::test("every backend that is required is here", required),
        Trial::test("the same case twice gives the same trace", same_twice),
        Trial::test("a trace does not depend on earlier cases", earlier_cases),
        Trial::test(
            "every finding is in the ledger, and every ledger entry is found",
            known,
        ),
        Trial::test(
            "two backends compared either way lack the same operations",
            either_way,
        ),
        Trial::test(
            "equal texts mean no differences, and the other way round",
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

fn traces(scenario: &Scenario, backend: &dyn Target) -> Result<Vec<(Variant, Trace)>, Failed> {
    let run = |variant| Ok((variant, backend.run(scenario, variant)?.trace));
    scenario.variants().map(run).collect()
}

/// The traces are as recorded.
fn recorded(scenario: &Scenario, index: usize) -> Result<(), Failed> {
    let backend = backend(index)?;
    let about = backend.about();
    let name = RECORDINGS.of_release(&scenario.id, &about.recorded_as(), &about.version);
    let traces = traces(scenario, backend)?;
    let file = file(&scenario.id);
    if recording(&file)?.has(&name, &traces) {
        return Ok(());
    }
    // Tests of other backends change the same file.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _lock = ONE_AT_A_TIME.lock()?;
    let proposed = file.with_extension("snap.new");
    let mut changed = recording(if proposed.exists() { &proposed } else { &file })?;
    changed.set(&name, &traces);
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
    match lacking.is_empty() {
        true => Ok(()),
        false => Err(lacking.join("\n").into()),
    }
}

/// Whether there are recordings to compare with; only the machine's own library can be without.
fn is_recorded(backend: &dyn Target) -> bool {
    let name = backend.about().recorded_as();
    RECORDINGS.knows(&name)
}

fn same_twice() -> Result<(), Failed> {
    for scenario in corpus()?.scenarios() {
        for index in 0..IDS.len() {
            let backend = backend(index)?;
            let (first, second) = (traces(scenario, backend)?, traces(scenario, backend)?);
            for ((variant, first), (_, second)) in first.iter().zip(&second) {
                if first.digest() != second.digest() {
                    let id = &backend.about().id;
                    let scenario = &scenario.id;
                    return Err(format!("{scenario} {variant} on {id}:\n{first}\n{second}").into());
                }
            }
        }
    }
    Ok(())
}

/// What is recorded is text, what is compared is not: neither may see what the other does not, but
/// for what one of the libraries does not have at all.
fn texts_and_differences() -> Result<(), Failed> {
    for scenario in corpus()?.scenarios() {
        let reference = traces(scenario, backend(0)?)?;
        for index in 1..IDS.len() {
            let backend = backend(index)?;
            for ((variant, trace), (_, reference)) in
                traces(scenario, backend)?.iter().zip(&reference)
            {
                if !is_read_back(trace) {
                    let scenario = &scenario.id;
                    return Err(format!("{scenario} {variant} is not read back:\n{trace}").into());
                }
                let same_text = trace.to_string() == reference.to_string();
                let found = differences(reference, trace);
                let blind = trace.unsupported().is_none() && found.is_empty() && !same_text;
                if blind || (same_text && !found.is_empty()) {
                    let id = &backend.about().id;
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
    let (plan, results) = everything()?;
    let judge = Judge::built_in().map_err(|error| error.to_string())?;
    let unknown = results.iter().flat_map(|result| {
        let unknown = result.findings.iter().filter(|found| found.known.is_none());
        unknown.map(move |found| {
            let (id, variant, backend) = (&result.scenario, result.variant, &result.backend);
            format!("{id} {variant} on {backend}: {found:?}")
        })
    });
    let stale = plan.stale(&judge, results);
    let wrong: Vec<String> = unknown
        .chain(stale.iter().map(ToString::to_string))
        .collect();
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(wrong.join("\n").into())
    }
}

/// Every scenario on every backend whose traces are recorded: how it is run, and what came of it.
fn everything() -> Result<&'static (Plan<'static>, Vec<CaseResult>), String> {
    static EVERYTHING: LazyLock<Result<(Plan<'static>, Vec<CaseResult>), String>> =
        LazyLock::new(|| {
            run_everything().map_err(|error| error.message().unwrap_or_default().to_owned())
        });
    EVERYTHING.as_ref().map_err(Clone::clone)
}

fn run_everything() -> Result<(Plan<'static>, Vec<CaseResult>), Failed> {
    let corpus = corpus()?;
    let judge = Judge::built_in().map_err(|error| error.to_string())?;
    let opened =
        (0..IDS.len()).map(
            |index| match BACKENDS[index].get_or_init(|| open(IDS[index])) {
                Ok(backend) => Ok(Arc::clone(backend)),
                Err(reason) => Err(reason.clone()),
            },
        );
    let mut backends = opened.collect::<Result<Vec<_>, String>>()?;
    let reference = Arc::clone(backends.first().ok_or("no reference")?);
    backends.retain(|backend| is_recorded(backend.as_ref()));
    let plan = Plan {
        scenarios: corpus.select(&[])?,
        backends,
        reference,
        jobs: available_parallelism().map_or(1, usize::from),
        variants: Vec::new(),
    };
    let results = plan.run(&judge, &Unwatched, &AtomicBool::new(false))?;
    Ok((plan, results))
}

/// Every case, in the order of the library and in the other, on one thread each.
fn earlier_cases() -> Result<(), Failed> {
    let scenarios = corpus()?.scenarios();
    let digests = |order: &mut dyn Iterator<Item = &'static Scenario>| {
        let mut digests = BTreeMap::new();
        for scenario in order {
            for index in 0..IDS.len() {
                for (variant, trace) in traces(scenario, backend(index)?)? {
                    digests.insert((scenario.id.clone(), variant, index), trace.digest());
                }
            }
        }
        Ok::<_, Failed>(digests)
    };
    let forwards = digests(&mut scenarios.iter())?;
    let backwards = digests(&mut scenarios.iter().rev())?;
    let differ: Vec<String> = forwards
        .iter()
        .filter(|(case, digest)| backwards.get(*case) != Some(*digest))
        .map(|((id, variant, index), _)| format!("{id} {variant} on {}", IDS[*index]))
        .collect();
    match differ.is_empty() {
        true => Ok(()),
        false => Err(differ.join("\n").into()),
    }
}

/// What one of two backends lacks makes a case not applicable, whichever of them is the reference.
fn either_way() -> Result<(), Failed> {
    let rustls = IDS
        .iter()
        .position(|id| *id == "rustls")
        .unwrap_or_default();
    let (a, b) = (backend(0)?, backend(rustls)?);
    let judge = Judge::built_in().map_err(|error| error.to_string())?;
    for scenario in corpus()?.scenarios() {
        for ((variant, a), (_, b)) in traces(scenario, a)?.iter().zip(&traces(scenario, b)?) {
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
