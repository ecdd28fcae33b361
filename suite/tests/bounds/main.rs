//! Libraries that would end a run, exhaust memory or fill a report. Each is a small C wrapper of
//! the system's libssl, checked with the command: every case gets a verdict, the report stays
//! small, and no result of another case is lost.

#![cfg(target_os = "linux")]

mod faults;
#[path = "../wrappers/mod.rs"]
mod wrappers;

use std::path::Path;
use std::process::{Command, Stdio};

use rstest::rstest;
use serde_json::Value;

use self::wrappers::{Real, Wrapper};

/// Scenarios with a blocked, retried, continued or refused write, and some with none of these.
const SOME: &[&str] = &[
    "retry",
    "partial",
    "whole",
    "zero",
    "closing/connection-reset",
];

/// The result of `check` on a library.
struct Checked {
    exit: Option<i32>,
    stderr: String,
    bytes: usize,
    report: Value,
}

impl Checked {
    fn cases(&self) -> &[Value] {
        self.report["cases"].as_array().map_or(&[], Vec::as_slice)
    }

    /// The reasons of all cases with this verdict.
    fn reasons(&self, verdict: &str) -> Vec<&str> {
        let cases = self
            .cases()
            .iter()
            .filter(|case| case["verdict"] == verdict);
        cases
            .map(|case| case["reason"].as_str().unwrap_or_default())
            .collect()
    }
}

fn check(library: &Path, scenarios: &[&str]) -> Checked {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writeproof"));
    command.args(["check", "--format", "json", "--name", "wrapped", "--libssl"]);
    command.arg(library);
    for scenario in scenarios {
        command.args(["--scenario", scenario]);
    }
    let output = command
        .stdin(Stdio::null())
        .output()
        .expect("the command starts");
    let checked = Checked {
        exit: output.status.code(),
        stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        bytes: output.stdout.len(),
        report: serde_json::from_slice(&output.stdout).unwrap_or_default(),
    };
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/report.schema.json");
    let schema = std::fs::read_to_string(schema).expect("the schema");
    let schema = serde_json::from_str(&schema).expect("JSON");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> = schema
        .iter_errors(&checked.report)
        .map(|error| error.to_string())
        .collect();
    assert!(errors.is_empty(), "{}: {errors:#?}", checked.stderr);
    checked
}

/// The wrapper of this name around the distribution's library.
fn wrapper(name: &str) -> Wrapper {
    Wrapper::of(Real::Distribution, name)
}

/// The scenario and variant of a case.
fn name(case: &Value) -> (&str, &str) {
    let text = |key: &str| case[key].as_str().unwrap_or_default();
    (text("scenario"), text("variant"))
}

#[rstest]
#[case::success_of_one_byte("one-byte-success", "after sending ")]
#[case::one_byte_written("one-byte-writes", "calls without coming to the end")]
#[case::a_record_in_each_retry("record-again", "calls without coming to the end")]
fn library_that_exceeds_a_limit_is_stopped_in_that_case(#[case] name_of: &str, #[case] how: &str) {
    let honest = check(&Real::Distribution.path(), SOME);
    let checked = check(wrapper(name_of).path(), SOME);
    assert_eq!((checked.exit, checked.stderr.as_str()), (Some(1), ""));
    let names = |of: &Checked| {
        of.cases()
            .iter()
            .map(|case| format!("{:?}", name(case)))
            .collect::<Vec<_>>()
    };
    assert_eq!(names(&checked), names(&honest), "every case has its result");
    let stopped = checked.reasons("stopped");
    assert!(
        stopped.iter().any(|reason| reason.contains(how)),
        "{stopped:#?}"
    );
    let in_cases = checked.report["summary"]["stopped"].as_u64();
    assert_eq!(in_cases, Some(stopped.len() as u64));
}

/// A library that spins is reported as hung. Every other case equals that of the honest library
/// byte for byte.
#[test]
fn hang_loses_no_result_of_another_case() {
    let honest = check(&Real::Distribution.path(), &["retry"]);
    let checked = check(wrapper("spins-after-refusal").path(), &["retry"]);
    assert_eq!((checked.exit, checked.stderr.as_str()), (Some(1), ""));
    assert_eq!(checked.cases().len(), honest.cases().len());
    let mut hung = 0;
    for (case, honest) in checked.cases().iter().zip(honest.cases()) {
        assert_eq!(name(case), name(honest));
        if case["verdict"] == "hung" {
            let reason = case["reason"].as_str().unwrap_or_default();
            assert!(
                reason.starts_with("does not come back, busy, in step "),
                "{reason}"
            );
            hung += 1;
        } else {
            assert_eq!(case["digest"], honest["digest"], "{:?}", name(case));
        }
    }
    assert!(hung > 0 && hung < checked.cases().len(), "{hung} hung");
}

/// A library that takes all memory of its process ends the case at that call. No other case is
/// affected, not even one in the same process.
#[test]
fn library_that_takes_all_memory_ends_only_its_own_cases() {
    let honest = check(&Real::Distribution.path(), SOME);
    let checked = check(wrapper("takes-all-memory").path(), SOME);
    assert_eq!((checked.exit, checked.stderr.as_str()), (Some(1), ""));
    assert_eq!(checked.cases().len(), honest.cases().len());
    let mut ended = 0;
    for (case, honest) in checked.cases().iter().zip(honest.cases()) {
        assert_eq!(name(case), name(honest));
        if takes_all_memory(honest) {
            let reason = case["reason"].as_str().unwrap_or_default();
            match case["verdict"].as_str() {
                // During the call, the library or its transport may fail to get memory.
                Some("crashed") => {}
                Some("stopped") => {
                    assert!(reason.contains("has no memory left, in step "), "{reason}");
                }
                verdict => panic!("{:?}: {verdict:?}", name(case)),
            }
            ended += 1;
        } else {
            assert_eq!(case["steps"], honest["steps"], "{:?}", name(case));
        }
    }
    assert!(ended > 50, "{ended} cases ended");
}

/// Whether a case calls `SSL_write` with the length for which the wrapper takes all memory.
fn takes_all_memory(case: &Value) -> bool {
    let entries = case["steps"].as_array().map_or(&[][..], Vec::as_slice);
    entries.iter().any(|entry| {
        let write = &entry["asked"]["write"];
        write["function"] == "Write" && write["argument"]["bytes"] == 50_000
    })
}
