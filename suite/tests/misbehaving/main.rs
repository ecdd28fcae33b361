//! Misbehaving libraries, each run with `writeproof check`: the report shows what the library did,
//! the exit code is right, and every case in which it did nothing unusual equals that of the
//! unmodified library.
//!
//! `cargo test --test misbehaving -- table` prints what each library does and the result, as
//! Markdown.

#![cfg(target_os = "linux")]

mod library;
mod table;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};
use std::sync::LazyLock;

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;
use writeproof_openssl_1_1_1::LIBSSL;

use self::library::library;
use self::table::{Case, Expected, LibraryResult, Others, TABLE, Time};

/// Corpus scenarios that run together with the probes. OpenSSL 1.1.1 behaves like the reference in
/// all of them.
const OTHERS: &[&str] = &[
    "key-update/own-in-mid-write",
    "renegotiation/own-in-mid-write",
    "retry/shorter-buffer",
    "zero/write-between-two-others",
];

/// Crashes at its third call of this kind in a process, so the case varies.
const DEPENDS_ON_OTHER_CASES: &str = "crash/third-time";

/// Stops its process between two cases, or shortly after.
const STOPS_BETWEEN_CASES: &str = "hang/stopped-later";

/// The result of `check` on the library that all shims wrap.
static HONEST: LazyLock<Report> = LazyLock::new(|| {
    let report = checked(Path::new(LIBSSL), &[]).expect("the honest library is checked");
    assert_eq!(report.exit, 0, "{}", report.stderr);
    report
});

static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/report.schema.json");
    let text = std::fs::read_to_string(path).expect("the schema");
    let schema = serde_json::from_str(&text).expect("JSON");
    jsonschema::validator_for(&schema).expect("a schema")
});

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments == ["table"] {
        print_table();
        return ExitCode::SUCCESS;
    }
    let mut trials = vec![
        Trial::test(
            "every misbehaving library has an expected result",
            all_tried,
        ),
        Trial::test(
            "crash that depends on other cases is reported and is no case's result",
            depends_on_other_cases,
        ),
        Trial::test(
            "request that the worker does not read times out like a missing reply",
            stops_between_cases,
        ),
        Trial::test(
            "text report describes each kind of misbehaviour",
            for_a_person,
        ),
    ];
    trials.extend(TABLE.iter().map(|expected| {
        let rule = format!("{} {}", expected.name, expected.verdict());
        Trial::test(rule, move || tried(expected))
    }));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn all_tried() -> Result<(), Failed> {
    let mut tried: BTreeSet<&str> = TABLE.iter().map(|expected| expected.name).collect();
    tried.extend([DEPENDS_ON_OTHER_CASES, STOPS_BETWEEN_CASES]);
    let not_tried: Vec<String> = library::shims()
        .into_iter()
        .filter(|name| !tried.contains(name.as_str()))
        .collect();
    ensure(not_tried.is_empty(), || {
        format!("no expected result for {}", not_tried.join(", "))
    })
}

/// The result of the command.
struct Report {
    exit: i32,
    stderr: String,
    /// The JSON report; null if there is none.
    json: Value,
}

impl Report {
    fn cases(&self) -> &[Value] {
        self.json["cases"].as_array().map_or(&[], Vec::as_slice)
    }
}

/// A command with the scenarios that all libraries are checked with.
fn check(library: &Path, more: &[&str]) -> Result<Output, Failed> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writeproof"));
    command.args(["check", "--verbose", "--name", "misbehaving", "--libssl"]);
    command.arg(library).args(more);
    // All shims wrap this version.
    command.args(["--as", "openssl@1.1.1w"]);
    let probe = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/misbehaving/probe");
    for name in ["absent", "blocked", "whole"] {
        let file = probe.join(name).with_extension("toml");
        command.arg("--scenario").arg(file);
    }
    for scenario in OTHERS {
        command.args(["--scenario", scenario]);
    }
    Ok(command.stdin(Stdio::null()).output()?)
}

/// A JSON report that matches the schema and whose totals add up.
fn checked(library: &Path, more: &[&str]) -> Result<Report, Failed> {
    let output = check(library, &[&["--format", "json"], more].concat())?;
    let report = Report {
        exit: output.status.code().ok_or("ended by a signal")?,
        stderr: String::from_utf8(output.stderr)?,
        json: match output.stdout.as_slice() {
            [] => Value::Null,
            bytes => serde_json::from_slice(bytes)?,
        },
    };
    ensure(!report.stderr.contains("panicked"), || {
        report.stderr.clone()
    })?;
    if !report.json.is_null() {
        let errors: Vec<String> = SCHEMA
            .iter_errors(&report.json)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        ensure(errors.is_empty(), || errors.join("\n"))?;
        totals(&report)?;
    }
    Ok(report)
}

/// Every case has one verdict, and the summary counts it.
fn totals(report: &Report) -> Result<(), Failed> {
    let summary = &report.json["summary"];
    let verdicts = [
        "conforms",
        "violates",
        "differs",
        "not-applicable",
        "crashed",
        "hung",
        "stopped",
    ];
    let mut all = 0;
    for verdict in verdicts {
        let cases = report.cases().iter().filter(|c| c["verdict"] == verdict);
        let cases = cases.count();
        let counted = &summary[verdict.replace('-', "_")];
        ensure(*counted == cases, || {
            format!("{cases} cases are {verdict}, but the summary is {summary}")
        })?;
        all += cases;
    }
    ensure(
        all == report.cases().len() && summary["cases"] == all,
        || format!("{all} cases have a verdict, but the summary is {summary}"),
    )
}

fn tried(expected: &Expected) -> Result<(), Failed> {
    let more: &[&str] = match expected.time {
        // Many at a time: libraries that sleep need no processor.
        Time::Hangs => &["--limit", "0.25", "--jobs", "4"],
        Time::Plenty => &["--limit", "60"],
    };
    let report = checked(&library(expected.name), more)?;
    let (blocked, whole) = match expected.result {
        LibraryResult::Refused(words) => {
            ensure(report.exit == 3, || format!("exit code {}", report.exit))?;
            ensure(report.json.is_null(), || {
                "the library was checked instead of refused".to_owned()
            })?;
            return words.iter().try_for_each(|words| {
                ensure(report.stderr.contains(words), || {
                    format!("{words:?} in {}", report.stderr)
                })
            });
        }
        LibraryResult::Checked { blocked, whole } => (blocked, whole),
    };
    ensure(report.stderr.is_empty(), || report.stderr.clone())?;
    let exit = i32::from(blocked != Case::Same || whole != Case::Same);
    ensure(report.exit == exit, || format!("exit code {}", report.exit))?;
    let same_cases = report.cases().len() == HONEST.cases().len();
    ensure(same_cases, || {
        "the cases differ from those of the honest library".to_owned()
    })?;
    for (case, honest) in report.cases().iter().zip(HONEST.cases()) {
        let done = match case["scenario"].as_str() {
            Some("probe/blocked") => matches_expected(case, honest, blocked, expected),
            Some("probe/whole") => matches_expected(case, honest, whole, expected),
            _ => untouched(case, honest, expected.others),
        };
        done.map_err(|error| format!("{error}\n{case:#}\nhonest: {honest:#}"))?;
    }
    let checked = &report.json["checked"][0];
    let checks = checked["checks"]
        .as_array()
        .ok_or("no self-checks in the report")?;
    let held = checks.iter().all(|check| check["outcome"] == "holds");
    ensure(held && !checks.is_empty(), || format!("{checks:#?}"))?;
    let printed = checked["printed"]["stdout"].as_str().unwrap_or_default();
    ensure(printed == expected.greeting, || {
        format!("when loaded: {printed:?}")
    })
}

/// Checks a case in which the library misbehaves.
fn matches_expected(
    case: &Value,
    honest: &Value,
    to: Case,
    expected: &Expected,
) -> Result<(), String> {
    let verdict = &case["verdict"];
    let reason = case["reason"].as_str().unwrap_or_default();
    match to {
        Case::Same => return untouched(case, honest, expected.others),
        Case::Violates(clause) => {
            let first = &case["findings"][0];
            let right = verdict == "violates" && case["differences"].is_null();
            require(right && first["clause"] == clause, clause)?;
        }
        Case::Crashed(words) => require(verdict == "crashed" && reason.contains(words), words)?,
        Case::Hung(words) => require(verdict == "hung" && reason.contains(words), words)?,
        Case::Differs(action, aspect, words) => {
            let first = &case["differences"][0];
            let seen = first["seen"].as_str().unwrap_or_default();
            let differs = verdict == "differs" || verdict == "violates";
            let right = differs && first["action"] == action;
            require(
                right && first["aspect"] == aspect && seen.contains(words),
                words,
            )?;
        }
        Case::SideEffects => require(
            verdict == "differs"
                && case["steps"] == honest["steps"]
                && case["differences"].as_array().map(Vec::len) == Some(1),
            "the honest library's steps, with side effects",
        )?,
    }
    let side_effects = case["side_effects"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    require(
        side_effects == expected.side_effects,
        &format!("{:?}", expected.side_effects),
    )?;
    for (stream, words) in expected.printed {
        let printed = case["printed"][stream].as_str().unwrap_or_default();
        require(printed.contains(words), words)?;
        require(printed.len() < 5000, "cut")?;
    }
    match expected.printed {
        [] => require(case["printed"].is_null(), "nothing printed"),
        _ => Ok(()),
    }
}

fn require(holds: bool, words: &str) -> Result<(), String> {
    if holds {
        Ok(())
    } else {
        Err(format!("not reported: {words}"))
    }
}

/// Checks a case in which the library does not misbehave.
fn untouched(case: &Value, honest: &Value, others: Others) -> Result<(), String> {
    match others {
        Others::MayNotApply if case["verdict"] == "not-applicable" => Ok(()),
        _ if without_traffic(case) == without_traffic(honest) => Ok(()),
        _ => Err("differs from the honest library".to_owned()),
    }
}

/// A case without the transport's treatment of each call, which is unknown for a socket.
fn without_traffic(case: &Value) -> Value {
    let mut case = case.clone();
    let steps = case["steps"].as_array_mut();
    for step in steps.into_iter().flatten().filter_map(Value::as_object_mut) {
        step.remove("traffic");
    }
    case
}

fn depends_on_other_cases() -> Result<(), Failed> {
    const REPORTED: &str = "crashed (SIGSEGV, in step 3, write 1234) in a process that had run other \
                        cases, not in one of its own";
    let run = || checked(&library(DEPENDS_ON_OTHER_CASES), &["--jobs", "1"]);
    let report = run()?;
    ensure(report.exit == 1, || format!("exit code {}", report.exit))?;
    let mut crashes = 0;
    for (case, honest) in report.cases().iter().zip(HONEST.cases()) {
        let same_steps = case["digest"] == honest["digest"] || case["steps"] == honest["steps"];
        ensure(same_steps, || format!("{case:#}"))?;
        if case["side_effects"].is_null() {
            untouched(case, honest, Others::Apply)?;
        } else {
            crashes += 1;
            ensure(
                case["side_effects"] == serde_json::json!([REPORTED]),
                || format!("{case:#}"),
            )?;
            ensure(case["verdict"] == "differs", || format!("{case:#}"))?;
        }
    }
    ensure(crashes > 0, || "no crash was reported".to_owned())?;
    ensure(run()?.cases() == report.cases(), || {
        "a second run gave other cases".to_owned()
    })
}

fn stops_between_cases() -> Result<(), Failed> {
    // More than a socket buffer holds.
    let text = "x".repeat(1 << 20);
    let folder = tempfile::tempdir()?;
    let steps = format!(r#"["handshake", {{ write = {{ text = "{text}" }} }}]"#);
    // On a busy machine, the library's thread may get to stop its process only many cases later.
    for number in 0..16 {
        let large = folder.path().join(format!("large-{number}.toml"));
        std::fs::write(&large, format!("title = \"Large\"\nsteps = {steps}\n"))?;
    }
    let scenarios = folder.path().to_str().ok_or("a path in UTF-8")?;
    let more = ["--limit", "0.25", "--jobs", "1", "--scenario", scenarios];
    let report = checked(&library(STOPS_BETWEEN_CASES), &more)?;
    // The affected case depends on timing.
    ensure(report.exit == 1, || format!("exit code {}", report.exit))?;
    let cases = report.json["cases"].to_string();
    ensure(cases.contains("does not come back, stopped"), || cases)
}

fn for_a_person() -> Result<(), Failed> {
    for (name, words) in [
        ("crash/null", "CRASHED: SIGSEGV, in step 3, write 1234"),
        ("crash/stack", "CRASHED: SIGABRT: overflowed its stack"),
        ("process/print", "outside of the calls: "),
        ("process/print", "The library printed something in 8 cases"),
        (
            "process/print",
            "write 1234                        1234  NONE",
        ),
        ("load/print", "The finest of all libraries welcomes you!"),
        ("end/crash", "nothing unexpected"),
    ] {
        let output = check(&library(name), &[])?;
        let text = String::from_utf8(output.stdout)?;
        ensure(text.contains(words), || {
            format!("{name}: {words:?} in\n{text}")
        })?;
    }
    Ok(())
}

fn ensure(holds: bool, message: impl FnOnce() -> String) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(message().into()) }
}

/// Prints the library's own description of what it does, and the command's report.
fn print_table() {
    println!("| library | what it does | what `check` says |\n|---|---|---|");
    for expected in TABLE {
        let report = match expected.time {
            Time::Hangs => checked(&library(expected.name), &["--limit", "0.25", "--jobs", "4"]),
            Time::Plenty => checked(&library(expected.name), &[]),
        };
        let report = report.unwrap_or_else(|error| panic!("{}: {error:?}", expected.name));
        let mut said: Vec<String> = report.cases().iter().filter_map(words).collect();
        said.extend((!report.stderr.is_empty()).then(|| said_of(&report.stderr)));
        let printed = report.json["checked"][0]["printed"]["stdout"].as_str();
        said.extend(printed.map(|text| format!("same; printed when loaded: {}", text.trim_end())));
        said.sort();
        said.dedup();
        let said = if said.is_empty() {
            "same".to_owned()
        } else {
            said.join("<br>")
        };
        let does = library::does(expected.name);
        println!(
            "| {} | {does} | {said} (exit {}) |",
            expected.name, report.exit
        );
    }
}

/// The message of a refusal, without the path.
fn said_of(stderr: &str) -> String {
    let words = stderr.trim_end().split(' ');
    let words: Vec<&str> = words
        .map(|word| if word.contains('/') { "…" } else { word })
        .collect();
    words.join(" ")
}

/// The text for a case of TLS 1.3 and a client, if it differs from the honest library's.
fn words(case: &Value) -> Option<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    if case["variant"] != "tls1.3/client" {
        return None;
    }
    let scenario = text(&case["scenario"]);
    let said = match case["verdict"].as_str()? {
        "conforms" => return None,
        "differs" => {
            let first = &case["differences"][0];
            format!(
                "differs: {}: {} instead of {}",
                text(&first["action"]),
                text(&first["seen"]),
                text(&first["reference"])
            )
        }
        verdict => format!("{verdict}: {}", text(&case["reason"])),
    };
    Some(format!("{scenario} {said}"))
}
