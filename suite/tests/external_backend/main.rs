//! The command line of a program that tests a library from outside of the suite. This test is that
//! program, too: with an environment variable it calls `run_cli` instead of running tests.

#![cfg(target_os = "linux")]

mod library;
#[path = "../outcome/mod.rs"]
mod outcome;

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio, Termination};
use std::sync::LazyLock;

use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::Value;
use tempfile::TempDir;

use self::library::{Fault, ID, PROGRAM, Program};
use self::outcome::{assert_exit, stderr, stdout};

/// Scenarios of the suite in which the library has no fault. It is like the reference in them.
const OTHERS: [&str; 3] = [
    "whole",
    "retry/same-arguments",
    "zero/write-between-two-others",
];

static SCHEMA: LazyLock<jsonschema::Validator> = LazyLock::new(|| {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/report.schema.json");
    let text = fs::read_to_string(path).expect("the schema");
    let schema = serde_json::from_str(&text).expect("JSON");
    jsonschema::validator_for(&schema).expect("a schema")
});

fn main() -> ExitCode {
    if let Some(program) = Program::here() {
        return program.main().report();
    }
    let tests: [(&str, fn()); 18] = [
        ("crash is the result of its cases alone", crash),
        ("exit is the result of its cases alone", exit),
        ("hang is the result of its cases alone", hang),
        ("end of memory is the result of its cases alone", memory),
        ("panic is the result of its cases alone", panics),
        ("text report names the command that repeats a case", repeats),
        ("known issues of the user mute a finding", ledger_mutes),
        (
            "proposed issue mutes its finding once it is complete",
            propose,
        ),
        (
            "wrong file of known issues is refused with its line",
            wrong_ledger,
        ),
        ("missing file of known issues is refused", missing_ledger),
        ("number of jobs does not change the report", jobs),
        (
            "scenarios and variants are selected as in run and show",
            selection,
        ),
        ("help describes every option and hides the worker", help),
        ("program that cannot be a worker is refused", not_a_worker),
        (
            "system that starts no process is a failure of the suite",
            no_process,
        ),
        (
            "restrictions that the system cannot apply are reported",
            not_confined,
        ),
        ("library with the id of a backend is refused", taken_id),
        (
            "report is written to the file that is asked for",
            output_file,
        ),
    ];
    let trial = |(name, test): (&str, fn())| {
        Trial::test(name, move || {
            test();
            Ok::<(), Failed>(())
        })
    };
    let trials = tests.into_iter().map(trial).collect();
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn this_program() -> PathBuf {
    env::current_exe().expect("the system reports it")
}

fn run_program(path: &Path, program: Program, arguments: &[&str]) -> Output {
    command(path, program, arguments)
        .output()
        .expect("the program starts")
}

fn command(path: &Path, program: Program, arguments: &[&str]) -> Command {
    let mut command = Command::new(path);
    command.args(arguments).env(PROGRAM, program.as_str());
    command.stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    run_program(&this_program(), Program::Documented, arguments)
}

/// The report in JSON, which conforms to its schema.
#[track_caller]
fn report(code: i32, arguments: &[&str]) -> Value {
    parsed(code, &run(&[arguments, &["--format", "json"]].concat()))
}

/// The report in JSON that a program printed, which conforms to its schema.
#[track_caller]
fn parsed(code: i32, output: &Output) -> Value {
    assert_eq!(
        output.status.code(),
        Some(code),
        "{}{}",
        stdout(output),
        stderr(output)
    );
    let report = serde_json::from_slice(&output.stdout).expect("JSON");
    let errors: Vec<String> = SCHEMA.iter_errors(&report).map(|e| e.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    report
}

/// The cases by scenario and variant.
fn cases(report: &Value) -> BTreeMap<(String, String), Value> {
    let cases = report["cases"].as_array().expect("cases").iter();
    let text = |case: &Value, key: &str| case[key].as_str().expect("text").to_owned();
    let keyed = |case: &Value| {
        (
            (text(case, "scenario"), text(case, "variant")),
            case.clone(),
        )
    };
    cases.map(keyed).collect()
}

/// A folder with the scenario of a fault.
struct Folder(TempDir);

impl Folder {
    fn with(fault: Fault) -> Self {
        let folder = Self(TempDir::new().expect("a temporary folder"));
        folder.write("fault.toml", &fault.scenario());
        folder
    }

    fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        fs::write(&path, text).expect("the test folder is writable");
        path.display().to_string()
    }

    fn scenario(&self) -> String {
        self.0.path().join("fault.toml").display().to_string()
    }
}

/// Runs the fault together with other scenarios. The fault has this verdict, and the step before it
/// is in its trace; each other case is as without the fault.
#[track_caller]
fn spares_others(fault: Fault, verdict: &str, how: &str, options: &[&str]) {
    let folder = Folder::with(fault);
    let scenario = folder.scenario();
    let others = cases(&report(0, &OTHERS));
    let among_others = [&[scenario.as_str()], &OTHERS[..], options].concat();
    let (faulty, rest): (BTreeMap<_, _>, BTreeMap<_, _>) = cases(&report(1, &among_others))
        .into_iter()
        .partition(|((scenario, _), _)| scenario.ends_with("/fault"));
    assert_eq!(rest, others);
    assert_eq!(faulty.len(), 4, "{faulty:#?}");
    for case in faulty.values() {
        assert_eq!(case["verdict"], verdict, "{case:#}");
        let steps = case["steps"].as_array().expect("steps");
        assert!(steps.len() >= 3, "{case:#}");
        assert!(case.to_string().contains(how), "{how} in {case:#}");
    }
}

fn crash() {
    spares_others(Fault::Crashes, "crashed", "SIGABRT", &[]);
}

fn exit() {
    let how = "ended its process with exit code 0";
    spares_others(Fault::Exits, "crashed", how, &[]);
}

fn hang() {
    let how = "does not come back, busy";
    spares_others(Fault::Hangs, "hung", how, &["--limit", "0.5"]);
}

fn memory() {
    let options = ["--memory", "128"];
    spares_others(Fault::UsesUpMemory, "crashed", "SIGABRT", &options);
}

fn panics() {
    let how = "panicked: 1005 bytes are too many";
    spares_others(Fault::Panics, "crashed", how, &[]);
    let folder = Folder::with(Fault::Panics);
    let with_backtrace = |style: &str| {
        let arguments = [&folder.scenario(), "--format", "json"];
        let mut command = command(&this_program(), Program::Documented, &arguments);
        command.env("RUST_BACKTRACE", style);
        let output = command.output().expect("the program starts");
        without_duration(parsed(1, &output))
    };
    let (with, without) = (with_backtrace("full"), with_backtrace("0"));
    assert_eq!(with, without);
    for case in cases(&with).values() {
        assert_eq!(case.get("printed"), None, "{case:#}");
        assert_eq!(case.get("side_effects"), None, "{case:#}");
    }
}

/// A report that a second run repeats.
fn without_duration(mut report: Value) -> Value {
    let summary = report["summary"].as_object_mut().expect("a summary");
    let duration = summary.remove("duration_ms");
    assert!(duration.is_some_and(|duration| duration.is_u64()));
    report
}

fn repeats() {
    let folder = Folder::with(Fault::Crashes);
    let scenario = folder.scenario();
    let output = run(&[&scenario, "--limit", "2"]);
    assert_exit(&output, 1);
    let text = stdout(&output);
    let wanted = format!(
        "{} {scenario} --variant tls1.2/client --show --limit 2",
        this_program().display()
    );
    let repeated = text.lines().any(|line| line.trim() == wanted);
    assert!(repeated, "{wanted}\n{text}");
    let words: Vec<&str> = wanted.split(' ').skip(1).collect();
    let shown = run(&words);
    assert_exit(&shown, 1);
    let shown = stdout(&shown);
    assert!(shown.contains("crashed: SIGABRT"), "{shown}");
    let traces = shown
        .lines()
        .filter(|line| line.trim_start().starts_with("write 10 "));
    assert_eq!(
        traces.count(),
        2,
        "of the library and of the reference:\n{shown}"
    );
}

/// What is known of the library.
const LEDGER: &str = r#"
[[issue]]
id = "reports-one-less"
title = "A write of 1006 bytes reports one byte less"
class = "bug"
reason = "The test library subtracts one."
source = "suite/tests/external_backend/library.rs"
when = "ssl-write"
breaks = [{ clause = "delivery.no-more-than-offered", in = "call", missing = 1 }]
differs = [{ in = "call", aspect = "returns" }]
"#;

fn ledger_mutes() {
    let folder = Folder::with(Fault::ReportsOneLess);
    let scenario = folder.scenario();
    let unexpected = report(1, &[&scenario]);
    for case in cases(&unexpected).values() {
        assert_eq!(case["verdict"], "violates");
    }
    let ledger = folder.write("known.toml", LEDGER);
    let known = report(0, &[&scenario, "--ledger", &ledger]);
    for case in cases(&known).values() {
        assert_eq!(case["verdict"], "violates");
        for finding in case["findings"].as_array().expect("findings") {
            assert_eq!(
                finding["known"]["causes"][0]["id"], "reports-one-less",
                "{case:#}"
            );
        }
    }
}

fn propose() {
    let folder = Folder::with(Fault::ReportsOneLess);
    let scenario = folder.scenario();
    let proposed = run(&[&scenario, "--propose"]);
    assert_exit(&proposed, 1);
    let completed = stdout(&proposed)
        .replace("class = \"\"", "class = \"bug\"")
        .replace("reason = \"\"", "reason = \"A reason.\"")
        .replace("link = \"\"", "link = \"https://example.org/\"");
    let ledger = folder.write("known.toml", &completed);
    report(0, &[&scenario, "--ledger", &ledger]);
    let nothing = run(&[&scenario, "--ledger", &ledger, "--propose"]);
    assert_exit(&nothing, 0);
    assert_eq!(stdout(&nothing), "");
}

fn wrong_ledger() {
    let folder = Folder::with(Fault::ReportsOneLess);
    let wrong = LEDGER.replace("class = \"bug\"", "class = \"bugs\"");
    let ledger = folder.write("known.toml", &wrong);
    let output = run(&[&folder.scenario(), "--ledger", &ledger]);
    assert_exit(&output, 2);
    let wanted = format!("writeproof: {ledger}:5:9: ");
    assert!(
        stderr(&output).starts_with(&wanted),
        "{wanted}\n{}",
        stderr(&output)
    );
}

fn missing_ledger() {
    let output = run(&["whole", "--ledger", "no-such-file.toml"]);
    assert_exit(&output, 2);
    let wanted = "writeproof: cannot read the known issues in no-such-file.toml: ";
    assert!(stderr(&output).starts_with(wanted), "{}", stderr(&output));
}

fn jobs() {
    let with = |jobs| without_duration(report(1, &["whole", "closing", "zero", "--jobs", jobs]));
    let (one, two) = (with("1"), with("2"));
    assert!(cases(&one).len() > 100, "{}", cases(&one).len());
    assert_eq!(one, two);
}

fn selection() {
    let selected = |arguments: &[&str]| -> Vec<(String, String)> {
        cases(&report(0, arguments)).into_keys().collect()
    };
    let whole = selected(&["whole"]);
    assert_eq!(whole, selected(&["--scenario", "whole"]));
    let both = selected(&["whole", "--scenario", "retry/same-arguments"]);
    assert_eq!(both, selected(&["whole", "retry/same-arguments"]));
    assert!(both.len() > whole.len());
    let variant = "tls1.3/client";
    let wanted = whole.iter().filter(|(_, other)| other == variant);
    let wanted: Vec<_> = wanted.cloned().collect();
    assert!(!wanted.is_empty());
    assert_eq!(selected(&["whole", "--variant", variant]), wanted);

    for (arguments, said) in [
        (
            &["whole", "--variant", "tls1.1/client"][..],
            "tls1.2 or tls1.3",
        ),
        (
            &["retry/same-argument"],
            "did you mean retry/same-arguments",
        ),
        (&["--libssl", "libssl.so"], "unexpected argument '--libssl'"),
        (&["--show", "--format", "json"], "cannot be used with"),
        (
            &[
                "whole/exactly-one-record",
                "--variant",
                "tls1.3/client/bio-pair",
            ],
            "no selected scenario has the variant tls1.3/client/bio-pair: ",
        ),
    ] {
        let output = run(arguments);
        assert_exit(&output, 2);
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
    }
}

fn help() {
    let output = run(&["--help"]);
    assert_exit(&output, 0);
    let text = stdout(&output);
    for wanted in [
        "[PATTERN]...",
        "--scenario <PATTERN>",
        "--variant <",
        "--ledger <FILE>",
        "--format <FORMAT>",
        "--show",
        "--propose",
        "--jobs <N>",
        "--limit <SECONDS>",
        "--memory <MIB>",
        "--in-process",
        "Exit codes:",
        "Examples",
    ] {
        assert!(text.contains(wanted), "{wanted} in\n{text}");
    }
    for hidden in ["libssl", "crash_context", "crash-context", "Commands:"] {
        assert!(!text.to_lowercase().contains(hidden), "{hidden} in\n{text}");
    }
    assert!(
        text.lines().all(|line| line.chars().count() <= 100),
        "{text}"
    );
}

fn not_a_worker() {
    let this = this_program();
    for (program, why) in [
        (Program::RefusesArguments, "exit code 7"),
        (Program::RefusesArguments, "unknown argument"),
        (Program::ChoosesByArguments, "the backend another"),
    ] {
        let output = run_program(&this, program, &["whole"]);
        assert_exit(&output, 3);
        let said = stderr(&output);
        let wanted = format!("writeproof: cannot run {ID} in a worker process");
        assert!(said.starts_with(&wanted), "{said}");
        assert!(said.contains(why), "{why} in {said}");
        assert!(said.contains("--in-process"), "{said}");
    }
    let here = ["whole", "--in-process"];
    assert_exit(&run_program(&this, Program::RefusesArguments, &here), 0);
}

fn no_process() {
    // A link: a process that another test starts would keep a copy open for writing.
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("a temporary folder");
    let link = folder.path().join("program");
    fs::hard_link(this_program(), &link).expect("the test folder is writable");
    let output = run_program(&link, Program::RemovesItself, &["whole"]);
    assert_exit(&output, 4);
    let said = stderr(&output);
    let wanted = "writeproof: cannot start a worker process";
    assert!(said.starts_with(wanted), "{said}");
    assert!(!said.contains("run_cli"), "{said}");
}

fn not_confined() {
    let output = run_program(&this_program(), Program::DeniesFilters, &["whole"]);
    assert_exit(&output, 0);
    let said = stderr(&output);
    let wanted = "writeproof: not confined: processes, signals and the network: ";
    assert!(said.starts_with(wanted), "{said}");
    assert_eq!(stderr(&run(&["whole"])), "");
}

fn taken_id() {
    let output = run_program(&this_program(), Program::TakesAnId, &["whole"]);
    assert_exit(&output, 2);
    let said = stderr(&output);
    assert!(said.starts_with("writeproof: rustls is the id"), "{said}");
}

fn output_file() {
    let folder = Folder::with(Fault::Crashes);
    let path = folder.write("report.json", "");
    let output = run(&["whole", "--format", "json", "--output", &path]);
    assert_exit(&output, 0);
    assert_eq!(stdout(&output), "");
    let text = fs::read_to_string(&path).expect("it was written");
    let report: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(report["backends"][0]["id"], ID, "{:#}", report["backends"]);
}
