//! Built-in backends run in worker processes, as `writeproof replay` runs them.

#![cfg(target_os = "linux")]

use std::fs;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use rstest::rstest;
use writeproof::internal::isolation::Isolation;
use writeproof::internal::scenario::{Corpus, Scenario, Variant};
use writeproof::internal::target::Target;
use writeproof::internal::trace::{Outcome, Trace};
use writeproof::internal::worker::WorkerLimits;

/// Blocked writes, retries of every kind, a pre-shared key, damage from the peer, and a call that
/// some libraries lack.
const SCENARIOS: [&str; 4] = [
    "retry/shorter-buffer",
    "combined/pre-shared-blocked-and-retried",
    "inbound/damaged-record-in-mid-write",
    "key-update/own-and-peer-crossing",
];

/// One test lists the workers of this process: no other test may start one during it.
static ALONE: Mutex<()> = Mutex::new(());

fn apart(id: &str) -> Arc<dyn Target> {
    let workers = Isolation::Workers {
        program: env!("CARGO_BIN_EXE_writeproof").into(),
        limits: WorkerLimits::DEFAULT,
    };
    opened(workers.open_apart(id))
}

fn opened<E: std::fmt::Display>(opened: Option<Result<Arc<dyn Target>, E>>) -> Arc<dyn Target> {
    let target = opened.expect("a backend").map_err(|e| e.to_string());
    target.expect("the backend is usable")
}

fn ran(target: &dyn Target, scenario: &Scenario, variant: Variant) -> Trace {
    let ran = target.run(scenario, variant);
    ran.expect("the suite works").trace
}

#[rstest]
fn built_in_backend_gives_the_same_traces_in_a_worker(#[values("openssl-3.6", "rustls")] id: &str) {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (worker, here) = (apart(id), opened(Isolation::None.open(id)));
    assert_eq!(worker.about(), here.about());
    assert!(worker.load_report().is_none(), "nothing was loaded");
    let corpus = Corpus::built_in().expect("the built-in fixtures are valid");
    for name in SCENARIOS {
        let scenario = corpus.get(name).expect(name);
        for variant in scenario.variants() {
            let worker = ran(&*worker, scenario, variant);
            let here = ran(&*here, scenario, variant);
            assert_eq!(worker.setting, here.setting);
            assert_eq!(
                worker.digest(),
                here.digest(),
                "{name} {variant}\n{worker}\n{here}"
            );
        }
    }
}

/// The process ids of the workers of this process.
fn workers() -> Vec<String> {
    let this = std::process::id().to_string();
    let mut workers = Vec::new();
    for entry in fs::read_dir("/proc").expect("proc(5)") {
        let process = entry.expect("proc(5)").file_name();
        let process = process.to_string_lossy();
        // A worker that has exited since the folder was read is skipped.
        let read = |file: &str| fs::read_to_string(format!("/proc/{process}/{file}"));
        let (Ok(status), Ok(words)) = (read("status"), read("cmdline")) else {
            continue;
        };
        let parent = status.lines().find_map(|line| line.strip_prefix("PPid:"));
        if parent.map(str::trim) == Some(&*this) && words.split('\0').nth(1) == Some("worker") {
            workers.push(process.into_owned());
        }
    }
    workers
}

#[test]
fn worker_exit_is_the_result_of_its_case() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let rustls = apart("rustls");
    let mine = workers();
    let [worker] = &mine[..] else {
        panic!("one worker, not {mine:?}");
    };
    let killed = Command::new("kill").args(["-ABRT", worker]).status();
    assert!(killed.expect("kill").success());
    let corpus = Corpus::built_in().expect("the built-in fixtures are valid");
    let scenario = corpus.get(SCENARIOS[0]).expect("a scenario");
    let variant = scenario.variants().next().expect("a variant");
    let trace = ran(&*rustls, scenario, variant);
    let last = trace.entries.last().expect("an entry for the end");
    let Outcome::Crashed(how) = &last.result else {
        panic!("no crash:\n{trace}");
    };
    assert!(how.contains("SIGABRT"), "{how}");
    // rustls does not have libssl's interface, so fewer clauses bind it.
    let here = opened(Isolation::None.open("rustls"));
    assert_eq!(trace.setting, ran(&*here, scenario, variant).setting);
}
