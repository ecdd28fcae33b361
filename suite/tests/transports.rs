//! The transports: traces do not depend on who runs the cases, and a library that waits forever on
//! a transport neither ends nor holds up the run.

#![cfg(target_os = "linux")]

#[path = "misbehaving/library.rs"]
#[expect(dead_code, reason = "the rest is for the tests in that folder")]
mod library;

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use writeproof::internal::isolation::Isolation;
use writeproof::internal::scenario::{Corpus, Id, Scenario, TransportKind, Variant, parse};
use writeproof::internal::target::Target;
use writeproof::internal::trace::{Entry, Outcome, Trace};
use writeproof::internal::transport::Errno;
use writeproof::internal::worker::WorkerLimits;
use writeproof_openssl_1_1_1::LIBSSL;

/// A read of data that never arrives.
const NOTHING_COMES: &str = r#"
title = "A read to which nothing ever comes"
versions = ["tls1.3"]
roles = ["client"]
transports = ["blocking-socket", "blocking"]
steps = ["handshake", { write = { len = 100 } }, "read"]
"#;

/// The write that triggers a misbehaving library, over the blocking transports.
const PROBE: &str = r#"
title = "A write that triggers a misbehaving library"
versions = ["tls1.3"]
roles = ["client"]
transports = ["blocking-socket", "blocking", "memory-bio"]
steps = ["handshake", { write = { len = 1234 } }]
"#;

/// The library's write is shorter than the damage that its peer finds on the wire.
const DAMAGE: &str = r#"
title = "A short write after damage on the wire"
versions = ["tls1.3"]
roles = ["client"]
transports = ["blocking"]
steps = ["handshake", { peer = "fatal_alert" }, { write = { len = 1 } }]
"#;

/// A peer that has disconnected, over a transport that would take only some of the bytes.
const GONE: &str = r#"
title = "Writes to a peer that is gone"
versions = ["tls1.2"]
roles = ["client"]
transports = ["blocking"]
steps = ["handshake", { link = { accept = 700, then = "zero" } }, "shutdown", "renegotiate", { read = { max = 1 } }, { write = { len = 0, times = 12 } }]
"#;

fn scenario(text: &str) -> Scenario {
    let id = Id::new("local/case").expect("an id");
    parse(id, "case.toml", text).expect("a scenario")
}

fn open(isolation: &Isolation, id: &str) -> std::sync::Arc<dyn Target> {
    let target = isolation
        .open(id)
        .expect("a backend")
        .map_err(|e| e.to_string());
    target.expect("the backend is usable")
}

fn variant(text: &str) -> Variant {
    Variant::parse(text).expect("a variant")
}

fn ran(target: &dyn Target, scenario: &Scenario, name: &str) -> Trace {
    let ran = target.run(scenario, variant(name));
    ran.expect("the suite works").trace
}

#[test]
fn worker_produces_the_same_traces_as_this_process() {
    let workers = Isolation::Workers {
        program: env!("CARGO_BIN_EXE_writeproof").into(),
        limits: WorkerLimits::DEFAULT,
    };
    let worker = open(&workers, "openssl-1.1.1");
    let here = open(&Isolation::None, "openssl-1.1.1");
    let corpus = Corpus::built_in().expect("the built-in fixtures are valid");
    let mut cases = 0;
    for scenario in corpus.scenarios() {
        let others = |v: &Variant| v.transport != TransportKind::Scripted;
        for variant in scenario.variants().filter(others) {
            let run = |target: &dyn Target| {
                let ran = target.run(scenario, variant);
                ran.expect("the suite works").trace
            };
            let (in_worker, here) = (run(&*worker), run(&*here));
            assert_eq!(
                in_worker.digest(),
                here.digest(),
                "{} {variant}\n{in_worker}\n{here}",
                scenario.id
            );
            cases += 1;
        }
    }
    assert!(cases > 200, "{cases} cases over other transports");
}

/// The exit code and the cases of a run, from its JSON report.
fn cases(arguments: &[&str]) -> (Option<i32>, Vec<Value>) {
    let output = Command::new(env!("CARGO_BIN_EXE_writeproof"))
        .args(arguments)
        .args(["--format", "json"])
        .stdin(Stdio::null())
        .output()
        .expect("the command starts");
    let report: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr)));
    let cases = report["cases"].as_array().expect("cases").clone();
    (output.status.code(), cases)
}

#[test]
fn thread_count_changes_no_result() {
    let run = |jobs| {
        let backend = ["--backend", "openssl-1.1.1"];
        cases(
            &[
                &["run", "--scenario", "transport", "--jobs", jobs][..],
                &backend,
            ]
            .concat(),
        )
    };
    let (_, one) = run("1");
    let over_sockets = |case: &&Value| case["variant"] == "tls1.3/client/socket";
    assert!(one.iter().filter(over_sockets).count() > 10);
    let (_, two) = run("2");
    assert_eq!(one, two);
}

#[test]
fn read_that_waits_on_a_socket_forever_is_reported_as_hung() {
    let scenario = scenario(NOTHING_COMES);
    let reference = open(&Isolation::None, "openssl-3.6");
    let trace = ran(&*reference, &scenario, "tls1.3/client/blocking-socket");
    let end = trace.end().expect("the case hung");
    assert_eq!((end.step, end.action.as_str()), (3, "transport"), "{trace}");
    let never = "waits on a blocking socket for what never comes";
    assert_eq!(end.result, Outcome::Hung(never.to_owned()));
}

#[test]
fn endless_wait_on_a_scripted_transport_is_ended_and_reported() {
    let scenario = scenario(NOTHING_COMES);
    let reference = open(&Isolation::None, "openssl-3.6");
    let trace = ran(&*reference, &scenario, "tls1.3/client/blocking");
    assert!(trace.end().is_none(), "{trace}");
    let reported = trace.entries.iter().any(|entry| {
        let end = "nothing can come any more: end of file";
        entry.result == Outcome::Nothing(end.to_owned())
    });
    assert!(reported, "{trace}");
}

#[test]
fn injected_damage_is_not_attributed_to_the_library() {
    let reference = open(&Isolation::None, "openssl-3.6");
    let trace = ran(&*reference, &scenario(DAMAGE), "tls1.3/client/blocking");
    let reported = trace.entries.iter().any(|entry| {
        let refused = "the far end takes nothing more: EPIPE";
        entry.result == Outcome::Nothing(refused.to_owned())
    });
    assert!(reported, "{trace}");
}

#[test]
fn bytes_that_the_peer_does_not_take_leave_the_transport_budget_unchanged() {
    let reference = open(&Isolation::None, "openssl-3.6");
    let trace = ran(&*reference, &scenario(GONE), "tls1.2/client/blocking");
    let refused = |entry: &&Entry| {
        matches!(&entry.result, Outcome::Call(call) if call.errno == Some(Errno::PIPE))
            && entry.action.starts_with("write")
    };
    assert_eq!(trace.entries.iter().filter(refused).count(), 12, "{trace}");
}

/// The verdict and reason of `check` for this library and scenario, by variant, with a short time
/// limit.
fn verdicts(library: &Path, scenario: &str) -> Vec<(String, String, String)> {
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("case.toml");
    fs::write(&file, scenario).expect("the test folder is writable");
    let path = |path: &Path| path.to_str().expect("a path in UTF-8").to_owned();
    let (library, file) = (path(library), path(&file));
    let arguments = [
        "check",
        "--limit",
        "0.5",
        "--libssl",
        &library,
        "--scenario",
        &file,
    ];
    let (exit, cases) = cases(&arguments);
    assert_eq!(exit, Some(1), "what hangs is unexpected");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let verdicts = cases.iter().map(|case| {
        let end = case["steps"].as_array().and_then(|steps| steps.last());
        let end = end.map(|entry| entry["result"].to_string());
        (
            text(&case["variant"]),
            text(&case["verdict"]),
            end.unwrap_or_default(),
        )
    });
    verdicts.collect()
}

#[test]
fn foreign_library_that_waits_forever_is_reported_as_hung_and_the_run_continues() {
    let found = verdicts(Path::new(LIBSSL), NOTHING_COMES);
    let [(_, first, end), (_, second, _)] = &found[..] else {
        panic!("{found:?}");
    };
    assert_eq!((first.as_str(), second.as_str()), ("hung", "differs"));
    assert!(end.contains("never comes"), "{found:?}");
}

#[test]
fn library_that_sleeps_over_a_blocking_transport_is_stopped_with_its_worker() {
    let found = verdicts(&library::library("hang/asleep"), PROBE);
    assert_eq!(found.len(), 3, "{found:?}");
    for (variant, verdict, end) in &found {
        assert_eq!(verdict, "hung", "{variant}");
        assert!(end.contains("does not come back"), "{variant}: {end}");
    }
}
