//! The command: its exit codes, messages and reports.

mod everything;
mod outcome;

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rstest::rstest;
use serde_json::Value;
use tempfile::TempDir;
use writeproof::internal::backend::Backends;
use writeproof::internal::report::json::SCHEMA;

use self::everything::with_everything;
use self::outcome::{assert_exit, stderr, stdout};

/// A corpus scenario that runs on all backends.
const SCENARIO: &str = "retry/shorter-buffer";

/// Two versions, two roles.
const VARIANTS: usize = 4;

/// The number of cases of a scenario on all available backends, as reports print it.
fn cases_on_all() -> String {
    format!("{} cases", VARIANTS * Backends::here().len())
}

fn writeproof(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writeproof"));
    command
        .args(with_everything(arguments))
        .stdin(Stdio::null());
    command
}

fn run(arguments: &[&str]) -> Output {
    writeproof(arguments).output().expect("the command starts")
}

/// Writes a scenario file `FAMILY/NAME.toml` into a folder of its own.
fn scenario_file(folder: &TempDir, id: &str, text: &str) -> PathBuf {
    let path = folder.path().join(id).with_extension("toml");
    fs::create_dir_all(path.parent().expect("a family")).expect("the folder is ours");
    fs::write(&path, text).expect("the folder is ours");
    path
}

const RIGHT: &str = r#"
title = "Ten bytes are written"
steps = ["handshake", { write = { len = 10 } }, { peer = "read" }]
"#;

// Exit code 0.

#[test]
fn run_that_matches_its_recordings_exits_with_0() {
    let output = run(&["run", "--scenario", SCENARIO]);
    assert_exit(&output, 0);
    let text = stdout(&output);
    assert!(text.contains("nothing unexpected\n"), "{text}");
    let (cases, backends) = (cases_on_all(), Backends::here().len());
    let wanted = format!("1 scenario, {cases}, {backends} backends");
    assert!(text.contains(&wanted), "{wanted} in\n{text}");
}

#[test]
fn user_scenario_runs_by_its_path() {
    let folder = TempDir::new().expect("a folder");
    let path = scenario_file(&folder, "mine/ten-bytes", RIGHT);
    let output = run(&["run", "--scenario", path.to_str().expect("a path")]);
    assert_exit(&output, 0);
    let text = stdout(&output);
    let wanted = format!(
        "{} of your own scenarios, which have no snapshots to compare with",
        cases_on_all()
    );
    assert!(text.contains(&wanted), "{wanted} in\n{text}");
}

#[rstest]
#[case(&["--help"])]
#[case(&["run", "--help"])]
#[case(&["--version"])]
#[case(&["list"])]
#[case(&["list", "--format", "json"])]
#[case(&["table"])]
#[case(&["table", "--format", "markdown"])]
#[case(&["clauses", "--help"])]
#[case::alias(&["manual", "--help"])]
#[case(&["ledger"])]
fn help_and_version_exit_with_0(#[case] arguments: &[&str]) {
    assert_exit(&run(arguments), 0);
}

#[test]
fn help_shows_examples_and_documents_the_exit_codes() {
    let text = stdout(&run(&["--help"]));
    for wanted in [
        "Examples:",
        "writeproof diff openssl-3.6 openssl-1.1.1",
        "writeproof table",
        "Exit codes:\n",
        "130",
    ] {
        assert!(text.contains(wanted), "{wanted} in\n{text}");
    }
}

#[test]
fn list_names_every_backend_with_its_version() {
    let text = stdout(&run(&["list"]));
    for wanted in [
        "openssl-3.6 ",
        "OpenSSL 3.6.",
        "OpenSSL 1.1.1w",
        "rustls 0.23.",
        SCENARIO,
    ] {
        assert!(text.contains(wanted), "{wanted} in\n{text}");
    }
}

#[test]
fn show_prints_one_variant_call_by_call() {
    let output = run(&["show", SCENARIO, "--variant", "tls1.2/client"]);
    assert_exit(&output, 0);
    let text = stdout(&output);
    let wanted = "write 20000                       -1    WANT_WRITE\n      \
                  wire  application_data (16413 on the wire, 100 sent so far)\n";
    assert!(text.contains(wanted), "{text}");
    assert!(!text.contains("tls1.3"), "{text}");
}

#[test]
fn diff_prints_typed_differences() {
    let output = run(&["diff", "openssl-3.6", "rustls", "--scenario", SCENARIO]);
    assert_exit(&output, 0);
    let text = stdout(&output);
    let wanted =
        "step 3, write 20000: returns 20000 instead of -1; error NONE instead of WANT_WRITE";
    assert!(text.contains(wanted), "{text}");
    assert!(
        text.contains("openssl-3.6 and rustls, 4 cases: 0 same, 4 differ"),
        "{text}"
    );
}

#[test]
fn closed_output_pipe_is_not_a_failure() {
    let mut child = writeproof(&["run", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("the command ends");
    assert_exit(&output, 0);
    assert_eq!(stderr(&output), "");
}

// Exit code 1.

#[test]
fn trace_that_differs_from_its_recording_exits_with_1() {
    let folder = TempDir::new().expect("a folder");
    // The corpus scenario by name, with another length.
    let path = scenario_file(&folder, SCENARIO, RIGHT);
    let output = run(&["run", "--scenario", path.to_str().expect("a path")]);
    assert_exit(&output, 1);
    let text = stdout(&output);
    let wanted = "retry/shorter-buffer on openssl-3.6 does not match its snapshot: tls1.2/client";
    assert!(text.contains(wanted), "{text}");
    let wanted = format!(
        "{} unexpected: not as in their snapshots, or with findings that no known issue explains",
        cases_on_all()
    );
    assert!(text.contains(&wanted), "{wanted} in\n{text}");
}

// Exit code 2.

#[rstest]
#[case(&["run", "--scenario", "retry/shorter-bufer"], "retry/shorter-buffer")]
#[case(&["show", "no-such-family/at-all"], "no-such-family/at-all")]
#[case(&["run", "--backend", "opensll-3.6"], "did you mean \"openssl-3.6\"?")]
#[case(&["diff", "openssl-3.6", "zzz"], "the backends are openssl-3.6, openssl-1.1.1, rustls")]
#[case(&["show", SCENARIO, "--variant", "tls1.4/client"], "expected VERSION/ROLE")]
#[case(&["run", "--format", "xml"], "possible values: text, json, markdown, junit, tap, tap14")]
#[case(&["run", "--jobs", "0"], "'--jobs <N>': expected a number from 1 to 65535")]
#[case(&["run", "--scenario", "/nowhere/at-all.toml"], "/nowhere/at-all.toml")]
#[case(&["run", "--output", "/nowhere/report.txt"], "/nowhere/report.txt")]
#[case(&["run", "--output", "/"], "cannot write /: ")]
#[case(&["frobnicate"], "unrecognized subcommand")]
#[case(&[], "Usage:")]
fn wrong_usage_exits_with_2_and_a_hint(#[case] arguments: &[&str], #[case] message: &str) {
    let output = run(arguments);
    assert_exit(&output, 2);
    let text = stderr(&output);
    assert!(text.contains(message), "{message:?} in\n{text}");
    assert_eq!(stdout(&output), "", "nothing was run");
}

#[test]
fn show_prints_a_variant_over_another_transport() {
    let variant = "tls1.3/client/bio-pair";
    let output = run(&["show", "transport/whole", "--variant", variant]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(
        text.contains(&format!("transport/whole  openssl-3.6  {variant}\n")),
        "{text}"
    );
    assert!(text.contains("WANT_WRITE"), "{text}");
}

#[test]
fn missing_variant_exits_with_2() {
    let folder = TempDir::new().expect("a folder");
    let text = format!("versions = [\"tls1.2\"]\n{RIGHT}");
    let path = scenario_file(&folder, "mine/ten-bytes", &text);
    let path = path.to_str().expect("a path");
    let output = run(&["show", path, "--variant", "tls1.3/client"]);
    assert_exit(&output, 2);
    assert!(stderr(&output).contains("variant"), "{}", stderr(&output));
}

#[test]
fn bad_scenario_file_exits_with_2_and_names_line_and_column() {
    let folder = TempDir::new().expect("a folder");
    let text = "title = \"x\"\nsteps = [\n  \"handshake\",\n  { write = { lenght = 10 } },\n]\n";
    let path = scenario_file(&folder, "mine/wrong", text);
    let path = path.to_str().expect("a path");
    let output = run(&["run", "--scenario", path]);
    assert_exit(&output, 2);
    let wanted =
        format!("writeproof: {path}:4:15: unknown key \"lenght\" in write: did you mean \"len\"?");
    assert!(stderr(&output).contains(&wanted), "{}", stderr(&output));
}

// Exit code 3.

#[rstest]
#[case(&["run", "--scenario", SCENARIO])]
#[case(&["list"])]
#[case(&["show", SCENARIO, "--backend", "openssl-1.1.1"])]
fn unusable_backend_exits_with_3(#[case] arguments: &[&str]) {
    let output = writeproof(arguments)
        .env("WRITEPROOF_OPENSSL_1_1_1", "/nowhere/libssl.so")
        .output()
        .expect("the command starts");
    assert_exit(&output, 3);
    let wanted = "openssl-1.1.1 cannot be used: /nowhere/libssl.so: no such file";
    assert!(stderr(&output).contains(wanted), "{}", stderr(&output));
}

// Exit code 130.

/// A run that waits for its scenario: the scenario file is a pipe whose other end the test holds.
fn waiting_run(folder: &TempDir, output: &Path) -> (Child, File) {
    let pipe = folder.path().join("pipe.toml");
    let made = Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    let child = writeproof(&["run", "--scenario"])
        .arg(&pipe)
        .arg("--output")
        .arg(output)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    // Opening blocks until the command reads, and by then it has installed its interrupt handler.
    let other_end = File::options().write(true).open(&pipe).expect("the pipe");
    (child, other_end)
}

#[test]
fn interrupt_exits_with_130_and_leaves_no_partial_report() {
    let folder = TempDir::new().expect("a folder");
    let report = folder.path().join("report.txt");
    let (child, pipe) = waiting_run(&folder, &report);
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.expect("kill").success());
    let output = child.wait_with_output().expect("the command ends");
    drop(pipe);
    assert_eq!(output.status.signal(), None);
    assert_exit(&output, 130);
    assert_eq!(
        stderr(&output),
        "writeproof: interrupted; no report was written\n"
    );
    let left: Vec<_> = fs::read_dir(folder.path())
        .expect("the folder is ours")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(left, ["pipe.toml"], "no report, and no draft of one");
}

// Unwritable output.

#[rstest]
#[case(&["run", "--scenario", "nope"], 2)]
#[case(&["frobnicate"], 2)]
#[case(&["run", "--scenario", SCENARIO], 0)]
fn unwritable_standard_error_changes_no_exit_code(#[case] arguments: &[&str], #[case] code: i32) {
    let full = File::options()
        .write(true)
        .open("/dev/full")
        .expect("/dev/full");
    let output = writeproof(arguments)
        .stderr(full)
        .output()
        .expect("the command starts");
    assert_exit(&output, code);
}

#[test]
fn unwritable_standard_output_exits_with_2() {
    let full = File::options()
        .write(true)
        .open("/dev/full")
        .expect("/dev/full");
    let output = writeproof(&["list"])
        .stdout(full)
        .output()
        .expect("the command starts");
    assert_exit(&output, 2);
    let wanted = "writeproof: cannot write the report to standard output: ";
    assert!(stderr(&output).starts_with(wanted), "{}", stderr(&output));
}

// Reports.

fn json(arguments: &[&str]) -> Value {
    let output = run(arguments);
    assert_exit(&output, 0);
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn json_report_matches_its_schema() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/report.schema.json");
    let schema: Value =
        serde_json::from_str(&fs::read_to_string(path).expect("the schema")).expect("JSON");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    let report = json(&["run", "--format", "json"]);
    let errors: Vec<String> = schema
        .iter_errors(&report)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(errors, Vec::<String>::new());
    // The schema also rejects a wrong report.
    let mut wrong = report;
    wrong["cases"][0]["verdict"] = "perhaps".into();
    assert!(!schema.is_valid(&wrong));
}

#[test]
fn repeated_run_gives_the_same_json_for_any_number_of_threads() {
    let one = |jobs| {
        let mut report = json(&["run", "--format", "json", "--jobs", jobs]);
        let duration = report["summary"]
            .as_object_mut()
            .expect("a summary")
            .remove("duration_ms");
        assert!(duration.is_some_and(|duration| duration.is_u64()));
        report
    };
    assert_eq!(one("1"), one("3"));
}

#[test]
fn report_holds_at_least_60_scenarios_and_500_cases() {
    let report = json(&["run", "--format", "json"]);
    let number = |key: &str| report["summary"][key].as_u64().expect("a number");
    assert!(number("scenarios") >= 60, "{}", report["summary"]);
    assert!(number("cases") >= 500, "{}", report["summary"]);
    assert_eq!(number("unexpected"), 0);
    let backends = report["backends"].as_array().expect("backends").len();
    assert_eq!(backends, Backends::here().len());
    let verdicts = [
        "conforms",
        "violates",
        "differs",
        "not_applicable",
        "crashed",
        "hung",
        "stopped",
    ];
    let parts: u64 = verdicts.iter().map(|verdict| number(verdict)).sum();
    assert_eq!(number("cases"), parts, "the totals add up");
}

#[test]
fn report_file_is_complete_and_no_temporary_file_remains() {
    let folder = TempDir::new().expect("a folder");
    let report = folder.path().join("report.json");
    fs::write(&report, "an older report").expect("the folder is ours");
    let path = report.to_str().expect("a path");
    let arguments = [
        "run",
        "--scenario",
        SCENARIO,
        "--format",
        "json",
        "--output",
        path,
    ];
    let output = run(&arguments);
    assert_exit(&output, 0);
    assert_eq!(stdout(&output), "");
    let text = fs::read_to_string(&report).expect("the report");
    let value: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(value["schema"], SCHEMA);
    assert_eq!(
        fs::read_dir(folder.path())
            .expect("the folder is ours")
            .count(),
        1
    );
}

#[test]
fn report_written_through_a_symlink_keeps_the_file_permissions() {
    let folder = TempDir::new().expect("a folder");
    let (file, link) = (
        folder.path().join("real.txt"),
        folder.path().join("link.txt"),
    );
    fs::write(&file, "an older report").expect("the folder is ours");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("the file is ours");
    std::os::unix::fs::symlink("real.txt", &link).expect("the folder is ours");
    let path = link.to_str().expect("a path");
    assert_exit(&run(&["run", "--scenario", SCENARIO, "--output", path]), 0);
    assert!(fs::symlink_metadata(&link).expect("the link").is_symlink());
    let text = fs::read_to_string(&file).expect("the report");
    assert!(text.contains("nothing unexpected\n"), "{text}");
    let mode = fs::metadata(&file)
        .expect("the report")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn piped_output_has_no_progress_bar() {
    let output = run(&["run", "--scenario", "whole"]);
    assert_exit(&output, 0);
    assert_eq!(stderr(&output), "");
}
