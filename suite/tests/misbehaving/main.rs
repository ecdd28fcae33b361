//! Hostile libraries, each in the real command: `writeproof check` tells what it did, with the right exit
//! code, and every case that it did nothing in is exactly what the unmodified library gives.
//!
//! `cargo test --test misbehaving -- table` prints what each does and what comes of it, as Markdown.

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
use self::table::{Case, Comes, Expected, Others, TABLE, Time};

/// Scenarios of the library that run beside those of the bait. Where nothing is hostile, OpenSSL 1.1.1 does
/// in all of them what the reference does.
const OTHERS: &[&str] = &[
    "key-update/own-in-mid-write",
    "renegotiation/own-in-mid-write",
    "retry/shorter-buffer",
    "zero/write-between-two-others",
];

/// Crashes in whichever case its third call of that kind comes, in whichever process.
const DEPENDS_ON_OTHER_CASES: &str = "crash/third-time";

/// Stops its process between two cases, or a little later.
const STOPS_BETWEEN_CASES: &str = "hang/stopped-later";

/// What `check` makes of the library that all shims stand before.
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
        Trial::test("every hostile library is tried", all_tried),
        Trial::test(
            "a crash that depends on other cases is told and is nobody's result",
            depends_on_other_cases,
        ),
        Trial::test(
            "a request that nobody takes is given up like a reply that does not come",
            stops_between_cases,
        ),
        Trial::test("the report for a person tells of all of it", for_a_person),
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
    match not_tried.is_empty() {
        true => Ok(()),
        false => Err(not_tried.join(", ").into()),
    }
}

/// What the command did.
struct Report {
    exit: i32,
    stderr: String,
    /// The JSON report; null if there was none.
    json: Value,
}

impl Report {
    fn cases(&self) -> &[Value] {
        self.json["cases"].as_array().map_or(&[], Vec::as_slice)
    }
}

/// A command with the scenarios that all are checked with.
fn check(library: &Path, more: &[&str]) -> Result<Output, Failed> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writeproof"));
    command.args(["check", "--name", "hostile", "--libssl"]);
    command.arg(library).args(more);
    // The libraries are wrappers of it.
    command.args(["--as", "openssl@1.1.1w"]);
    let probe = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/misbehaving/bait");
    for name in ["absent", "blocked", "whole"] {
        let file = probe.join(name).with_extension("toml");
        command.arg("--scenario").arg(file);
    }
    for scenario in OTHERS {
        command.args(["--scenario", scenario]);
    }
    Ok(command.stdin(Stdio::null()).output()?)
}

/// A report in JSON, which is as the schema says and adds up.
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
        let told = &summary[verdict.replace('-', "_")];
        ensure(*told == cases, || format!("{cases} {verdict}: {summary}"))?;
        all += cases;
    }
    ensure(
        all == report.cases().len() && summary["cases"] == all,
        || format!("{all} in all: {summary}"),
    )
}

fn tried(expected: &Expected) -> Result<(), Failed> {
    let more: &[&str] = match expected.time {
        // Many at a time: those that sleep need no processor.
        Time::Hangs => &["--limit", "0.25", "--jobs", "4"],
        Time::Plenty => &["--limit", "60"],
    };
    let report = checked(&library(expected.name), more)?;
    let (blocked, whole) = match expected.comes {
        Comes::Refused(words) => {
            ensure(report.exit == 3, || format!("exit code {}", report.exit))?;
            ensure(report.json.is_null(), || "there is a report".to_owned())?;
            return words.iter().try_for_each(|words| {
                ensure(report.stderr.contains(words), || {
                    format!("{words:?} in {}", report.stderr)
                })
            });
        }
        Comes::To { blocked, whole } => (blocked, whole),
    };
    ensure(report.stderr.is_empty(), || report.stderr.clone())?;
    let exit = i32::from(blocked != Case::Same || whole != Case::Same);
    ensure(report.exit == exit, || format!("exit code {}", report.exit))?;
    let same_cases = report.cases().len() == HONEST.cases().len();
    ensure(same_cases, || "there are other cases".to_owned())?;
    for (case, honest) in report.cases().iter().zip(HONEST.cases()) {
        let done = match case["scenario"].as_str() {
            Some("bait/blocked") => as_told(case, honest, blocked, expected),
            Some("bait/whole") => as_told(case, honest, whole, expected),
            _ => untouched(case, honest, expected.others),
        };
        done.map_err(|error| format!("{error}\n{case:#}\nhonest: {honest:#}"))?;
    }
    let checked = &report.json["checked"][0];
    let checks = checked["checks"].as_array().ok_or("no proofs")?;
    let held = checks.iter().all(|check| check["outcome"] == "holds");
    ensure(held && !checks.is_empty(), || format!("{checks:#?}"))?;
    let printed = checked["printed"]["stdout"].as_str().unwrap_or_default();
    ensure(printed == expected.greeting, || {
        format!("when loaded: {printed:?}")
    })
}

/// A case in which the library misbehaves.
fn as_told(case: &Value, honest: &Value, to: Case, expected: &Expected) -> Result<(), String> {
    let verdict = &case["verdict"];
    let reason = case["reason"].as_str().unwrap_or_default();
    match to {
        Case::Same => return untouched(case, honest, expected.others),
        Case::Violates(clause) => {
            let first = &case["findings"][0];
            let right = verdict == "violates" && case["differences"].is_null();
            told(right && first["clause"] == clause, clause)?;
        }
        Case::Crashed(words) => told(verdict == "crashed" && reason.contains(words), words)?,
        Case::Hung(words) => told(verdict == "hung" && reason.contains(words), words)?,
        Case::Differs(action, aspect, words) => {
            let first = &case["differences"][0];
            let seen = first["seen"].as_str().unwrap_or_default();
            let differs = verdict == "differs" || verdict == "violates";
            let right = differs && first["action"] == action;
            told(
                right && first["aspect"] == aspect && seen.contains(words),
                words,
            )?;
        }
        Case::Beside => told(
            verdict == "differs"
                && case["steps"] == honest["steps"]
                && case["differences"].as_array().map(Vec::len) == Some(1),
            "as ever, but for what it did beside the calls",
        )?,
    }
    let side_effects = case["side_effects"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    told(
        side_effects == expected.side_effects,
        &format!("{:?}", expected.side_effects),
    )?;
    for (stream, words) in expected.printed {
        let printed = case["printed"][stream].as_str().unwrap_or_default();
        told(printed.contains(words), words)?;
        told(printed.len() < 5000, "cut")?;
    }
    match expected.printed {
        [] => told(case["printed"].is_null(), "nothing printed"),
        _ => Ok(()),
    }
}

fn told(it_is: bool, words: &str) -> Result<(), String> {
    match it_is {
        true => Ok(()),
        false => Err(format!("not told: {words}")),
    }
}

/// A case in which the library does nothing that others do not.
fn untouched(case: &Value, honest: &Value, others: Others) -> Result<(), String> {
    match others {
        Others::MayNotApply if case["verdict"] == "not-applicable" => Ok(()),
        _ if without_traffic(case) == without_traffic(honest) => Ok(()),
        _ => Err("not what the honest library gives".to_owned()),
    }
}

/// A case without how the transport treated each call, which is not known of a socket.
fn without_traffic(case: &Value) -> Value {
    let mut case = case.clone();
    let steps = case["steps"].as_array_mut();
    for step in steps.into_iter().flatten().filter_map(Value::as_object_mut) {
        step.remove("traffic");
    }
    case
}

fn depends_on_other_cases() -> Result<(), Failed> {
    const TOLD: &str = "crashed (SIGSEGV, in step 3, write 1234) in a process that had run other \
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
            ensure(case["side_effects"] == serde_json::json!([TOLD]), || {
                format!("{case:#}")
            })?;
            ensure(case["verdict"] == "differs", || format!("{case:#}"))?;
        }
    }
    ensure(crashes > 0, || "no crash was told".to_owned())?;
    ensure(run()?.cases() == report.cases(), || {
        "another time it was otherwise".to_owned()
    })
}

fn stops_between_cases() -> Result<(), Failed> {
    // More than a socket holds.
    let text = "x".repeat(1 << 20);
    let folder = tempfile::tempdir()?;
    let large = folder.path().join("large.toml");
    let steps = format!(r#"["handshake", {{ write = {{ text = "{text}" }} }}]"#);
    std::fs::write(&large, format!("title = \"Large\"\nsteps = {steps}\n"))?;
    let scenario = large.to_str().ok_or("a path in UTF-8")?;
    let more = ["--limit", "0.25", "--jobs", "1", "--scenario", scenario];
    let report = checked(&library(STOPS_BETWEEN_CASES), &more)?;
    // Which case it meets is a matter of time.
    ensure(report.exit == 1, || format!("exit code {}", report.exit))?;
    let told = report.json["cases"].to_string();
    ensure(told.contains("does not come back, stopped"), || told)
}

fn for_a_person() -> Result<(), Failed> {
    for (name, words) in [
        ("crash/null", "CRASHED: SIGSEGV, in step 3, write 1234"),
        ("crash/stack", "CRASHED: SIGABRT: overflowed its stack"),
        ("process/print", "beside the calls: "),
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

fn ensure(it_is: bool, otherwise: impl FnOnce() -> String) -> Result<(), Failed> {
    match it_is {
        true => Ok(()),
        false => Err(otherwise().into()),
    }
}

/// What each does, in its own words, and what comes of it, in those of the command.
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
        let said = match said.is_empty() {
            true => "same".to_owned(),
            false => said.join("<br>"),
        };
        let does = library::does(expected.name);
        println!(
            "| {} | {does} | {said} (exit {}) |",
            expected.name, report.exit
        );
    }
}

/// A refusal without the path.
fn said_of(stderr: &str) -> String {
    let words = stderr.trim_end().split(' ');
    let words: Vec<&str> = words
        .map(|word| if word.contains('/') { "…" } else { word })
        .collect();
    words.join(" ")
}

/// What is said of a case of TLS 1.3 and a client, if it is not the same.
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
