//! Clusters, first screens, baselines and the formats for CI systems, by the command.

#![cfg(target_os = "linux")]

mod outcome;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Command, Output, Stdio};

use rstest::rstest;
use serde_json::Value;
use tempfile::TempDir;
use writeproof::internal::report::screen::LINES;

use self::outcome::{assert_exit, stderr, stdout};

const LIBSSL: &str = writeproof_openssl_1_1_1::LIBSSL;

/// The variable that selects a seeded bug.
const FAULT: &str = writeproof_faulty::VARIABLE;

/// A bug that loses bytes.
const LOSES_BYTES: &str = "pending-length-is-the-whole-write";

/// A check of an unknown library with findings in these scenarios.
const UNKNOWN: [&str; 8] = [
    "check",
    "--libssl",
    LIBSSL,
    "--as",
    "unknown",
    "--scenario",
    "zero",
    "closing",
];

fn writeproof(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writeproof"));
    command.args(arguments).stdin(Stdio::null());
    command.output().expect("the command starts")
}

/// `check` of the library with this seeded bug, or with none.
fn seeded(fault: Option<&str>, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writeproof"));
    command.env_remove(FAULT).stdin(Stdio::null());
    command.envs(fault.map(|fault| (FAULT, fault)));
    command.args([
        "check",
        "--as",
        "unknown",
        "--libssl",
        writeproof_faulty::LIBSSL,
    ]);
    command
        .args(arguments)
        .output()
        .expect("the command starts")
}

#[track_caller]
fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", stderr(output)))
}

/// The digest of each cluster of a report, by its id.
fn clusters(report: &Value) -> BTreeMap<String, String> {
    let clusters = report["clusters"].as_array().map_or(&[][..], Vec::as_slice);
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let pair = |cluster: &Value| (text(&cluster["id"]), text(&cluster["digest"]));
    clusters.iter().map(pair).collect()
}

fn path(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).to_str().expect("UTF-8").to_owned()
}

// The first screen.

#[rstest]
#[case::run(&["run"], 0)]
#[case::known(&["check", "--libssl", LIBSSL], 0)]
#[case::unknown(&["check", "--libssl", LIBSSL, "--as", "unknown"], 1)]
#[case::none_applicable(&["run", "--scenario", "renegotiation", "--backend", "rustls"], 0)]
fn report_fits_on_a_screen(#[case] arguments: &[&str], #[case] code: i32) {
    let output = writeproof(arguments);
    assert_exit(&output, code);
    let text = stdout(&output);
    assert!(text.lines().count() <= LINES, "{text}");
    assert!(!text.contains('\u{1b}'), "no colour in a pipe: {text}");
}

#[test]
fn report_on_a_seeded_bug_fits_on_a_screen_and_names_the_broken_clause_first() {
    let output = seeded(
        Some(LOSES_BYTES),
        &["--scenario", "retry", "partial", "whole"],
    );
    assert_exit(&output, 1);
    let text = stdout(&output);
    assert!(text.lines().count() <= LINES, "{text}");
    let first = text.lines().find(|line| line.starts_with("  1. "));
    let first = first.unwrap_or_else(|| panic!("no cluster in\n{text}"));
    assert!(first.contains("success.bytes-are-on-the-wire"), "{text}");
    assert!(first.starts_with("  1. data  "), "{text}");
}

// Ids.

#[test]
fn ids_are_equal_in_two_runs_and_with_ten_more_scenarios() {
    let json_of = |more: &[&str]| {
        let arguments = [&UNKNOWN[..], more, &["--format", "json"]].concat();
        json(&writeproof(&arguments))
    };
    let once = clusters(&json_of(&[]));
    assert!(once.len() > 10, "{once:?}");
    assert_eq!(once, clusters(&json_of(&[])));
    let folder = TempDir::new().expect("a folder");
    for number in 0..10 {
        let text = format!(
            "title = \"Added {number}\"\nsteps = [\"handshake\", {{ write = {{ len = {} }} }}, \
             {{ write = {{ len = 0 }} }}, \"shutdown\"]\n",
            number + 1
        );
        fs::write(folder.path().join(format!("added-{number}.toml")), text).expect("a file");
    }
    let folder = folder.path().to_str().expect("UTF-8");
    let more = clusters(&json_of(&[folder]));
    let ids = |of: &BTreeMap<String, String>| of.keys().cloned().collect::<BTreeSet<_>>();
    let lost: Vec<_> = ids(&once).difference(&ids(&more)).cloned().collect();
    assert_eq!(lost, [""; 0]);
}

#[test]
fn explain_describes_a_cluster_of_the_report() {
    let report = json(&writeproof(&[&UNKNOWN[..], &["--format", "json"]].concat()));
    let cluster = &report["clusters"][0];
    let id = cluster["id"].as_str().expect("an id");
    let explained = writeproof(&[&["explain", id], &UNKNOWN[1..]].concat());
    assert_exit(&explained, 0);
    let text = stdout(&explained);
    assert!(text.starts_with(&format!("{id}\n  rule ")), "{text}");
    let rule = cluster["rule"].as_str().expect("a rule");
    for wanted in [rule, ">>> ", "openssl-3.6: "] {
        assert!(text.contains(wanted), "{wanted} in\n{text}");
    }
}

#[test]
fn explain_of_an_unknown_id_suggests_a_similar_one() {
    let output = writeproof(&["explain", "no-such-thing", "--scenario", "zero/first-call"]);
    assert_exit(&output, 2);
    let wanted = "unknown cluster \"no-such-thing\"";
    assert!(stderr(&output).contains(wanted), "{}", stderr(&output));
}

// The baseline.

#[test]
fn baseline_accepts_the_present_state_and_reports_a_new_bug() {
    let folder = TempDir::new().expect("a folder");
    let accepted = path(&folder, "accepted.txt");
    let scenarios = ["--scenario", "retry", "partial", "whole"];
    let baseline = ["--baseline", &accepted];
    let update = [&scenarios[..], &baseline, &["--update-baseline"]].concat();
    assert_exit(&seeded(None, &update), 0);
    let text = fs::read_to_string(&accepted).expect("it was written");
    let mut lines: Vec<&str> = text.lines().skip(1).collect();
    assert!(lines.len() > 3, "{text}");
    assert!(lines.is_sorted(), "{text}");

    let same = [&scenarios[..], &baseline].concat();
    let again = seeded(None, &same);
    assert_exit(&again, 0);
    assert!(
        stdout(&again).contains("Accepted by the baseline: "),
        "{}",
        stdout(&again)
    );

    let bug = seeded(
        Some(LOSES_BYTES),
        &[&same[..], &["--format", "json"]].concat(),
    );
    assert_exit(&bug, 1);
    let report = json(&bug);
    let clauses: Vec<_> = report["clusters"]
        .as_array()
        .expect("clusters")
        .iter()
        .collect();
    let loses = |cluster: &&&Value| cluster["clause"] == "success.bytes-are-on-the-wire";
    assert!(clauses.iter().any(|cluster| loses(&cluster)), "{clauses:?}");

    // One cluster is no longer in it, another has changed, and a third is gone.
    let removed = lines.remove(0).split(' ').next().expect("an id").to_owned();
    let changed = lines[0].split(' ').next().expect("an id").to_owned();
    let other = format!("{changed} 0123456789abcdef a note");
    lines[0] = &other;
    let edited = [&lines[..], &["gone-in-write-000000 0123456789abcdef"]].concat();
    fs::write(&accepted, edited.join("\n")).expect("a file");
    let output = seeded(None, &[&same[..], &["--format", "json"]].concat());
    assert_exit(&output, 1);
    let report = json(&output);
    let left: BTreeSet<String> = clusters(&report).into_keys().collect();
    assert_eq!(left, BTreeSet::from([removed, changed.clone()]));
    assert_eq!(report["baseline"]["changed"], serde_json::json!([changed]));
    assert_eq!(
        report["baseline"]["gone"],
        serde_json::json!(["gone-in-write-000000"])
    );
}

#[rstest]
#[case("only-an-id\n", ":1: no digest follows \"only-an-id\"")]
#[case(
    "a 0123456789abcdef\na 0123456789abcdef\n",
    ":2: a stands in the file twice"
)]
fn wrong_baseline_is_refused_with_its_line(#[case] text: &str, #[case] fault: &str) {
    let folder = TempDir::new().expect("a folder");
    let accepted = path(&folder, "accepted.txt");
    fs::write(&accepted, text).expect("a file");
    let output = writeproof(&[&UNKNOWN[..], &["--baseline", &accepted]].concat());
    assert_exit(&output, 2);
    let wanted = format!("writeproof: {accepted}{fault}");
    assert!(stderr(&output).starts_with(&wanted), "{}", stderr(&output));
}

// Formats.

#[test]
fn prove_reads_the_tap_report() {
    let folder = TempDir::new().expect("a folder");
    let of = |arguments: &[&str], name: &str| {
        let file = path(&folder, name);
        let arguments = [arguments, &["--format", "tap", "--output", &file]].concat();
        let code = writeproof(&arguments).status.code();
        let proved = Command::new("prove")
            .args(["--exec", "cat", &file])
            .output();
        (
            code,
            proved.expect("prove, a part of perl").status.success(),
        )
    };
    let known = ["run", "--scenario", "zero", "closing", "renegotiation"];
    assert_eq!(of(&known, "known.tap"), (Some(0), true));
    assert_eq!(of(&UNKNOWN, "unknown.tap"), (Some(1), false));
}

#[test]
fn junit_report_has_a_test_for_each_case_and_a_failure_for_each_unexpected_one() {
    let report = json(&writeproof(&[&UNKNOWN[..], &["--format", "json"]].concat()));
    let output = writeproof(&[&UNKNOWN[..], &["--format", "junit"]].concat());
    assert_exit(&output, 1);
    let text = stdout(&output);
    let xml = roxmltree::Document::parse(&text).expect("XML");
    let number = |name: &str| {
        xml.descendants()
            .filter(|node| node.has_tag_name(name))
            .count()
    };
    let summary = |key: &str| {
        let number = report["summary"][key].as_u64().expect("a number");
        usize::try_from(number).expect("few cases")
    };
    assert_eq!(number("testcase"), summary("cases"));
    assert_eq!(number("failure"), summary("unexpected"));
    let suites = xml
        .descendants()
        .filter(|node| node.has_tag_name("testsuite"));
    let stated = suites.filter_map(|suite| suite.attribute("failures")?.parse::<usize>().ok());
    assert_eq!(stated.sum::<usize>(), summary("unexpected"));
}

#[test]
fn markdown_report_has_a_row_for_each_cluster() {
    let report = json(&writeproof(&[&UNKNOWN[..], &["--format", "json"]].concat()));
    let output = writeproof(&[&UNKNOWN[..], &["--format", "markdown"]].concat());
    assert_exit(&output, 1);
    let text = stdout(&output);
    let clusters = report["clusters"].as_array().expect("clusters");
    assert!(clusters.len() > 10, "{clusters:?}");
    // The table has room for so many.
    for cluster in clusters.iter().take(50) {
        let id = cluster["id"].as_str().expect("an id");
        assert!(text.contains(&format!("| `{id}` |")), "{id} in\n{text}");
    }
}

// What changes between two libraries.

#[test]
fn changes_fit_on_a_screen_and_can_be_accepted() {
    let folder = TempDir::new().expect("a folder");
    let accepted = path(&folder, "changes.txt");
    let two = [
        "diff",
        "--libssl",
        LIBSSL,
        "--as",
        "unknown",
        "--libssl",
        writeproof_faulty::LIBSSL,
        "--as",
        "unknown",
        "--scenario",
        "zero",
        "closing",
    ];
    let changes = writeproof(&two);
    assert_exit(&changes, 1);
    let text = stdout(&changes);
    assert!(text.lines().count() <= LINES, "{text}");
    let update = [&two[..], &["--accept", &accepted, "--update-accepted"]].concat();
    assert_exit(&writeproof(&update), 0);
    assert_exit(
        &writeproof(&[&two[..], &["--accept", &accepted]].concat()),
        0,
    );
}

#[test]
fn library_is_no_change_to_itself() {
    let same = [
        "diff",
        "--libssl",
        LIBSSL,
        "--name",
        "old",
        "--as",
        "unknown",
        "--libssl",
        LIBSSL,
        "--name",
        "new",
        "--as",
        "unknown",
        "--scenario",
        "zero",
        "closing",
    ];
    let output = writeproof(&same);
    assert_exit(&output, 0);
    let text = stdout(&output);
    assert!(text.contains("\nnothing unexpected, in "), "{text}");
}

#[test]
fn library_that_cannot_be_tested_is_skipped_in_a_bisection() {
    let folder = TempDir::new().expect("a folder");
    let broken = path(&folder, "libssl.so");
    fs::write(&broken, "no shared object").expect("a file");
    let arguments = [
        "diff",
        "openssl-3.6",
        "--libssl",
        &broken,
        "--scenario",
        "zero",
    ];
    assert_exit(&writeproof(&arguments), 3);
    assert_exit(&writeproof(&[&arguments[..], &["--bisect"]].concat()), 125);
}

// Traces.

#[test]
fn show_marks_what_is_unexpected_and_explains_its_exit_code() {
    let arguments = [
        "show",
        "zero/write-between-two-others",
        "--libssl",
        LIBSSL,
        "--as",
        "unknown",
    ];
    let output = writeproof(&arguments);
    assert_exit(&output, 1);
    let text = stdout(&output);
    let wanted = ">>> violation of error.syscall-means-io-failed: UNEXPECTED\n";
    assert!(text.contains(wanted), "{text}");
    let err = stderr(&output);
    assert!(
        err.starts_with("writeproof: exit code 1: 4 cases with findings"),
        "{err}"
    );
}

// A saved report.

/// The text without how long the run took.
fn without_the_time(text: &str) -> String {
    let is_timed =
        |line: &&str| line.ends_with(" s") || line.ends_with(" s.") || line.contains("time=");
    let lines: Vec<&str> = text.lines().filter(|line| !is_timed(line)).collect();
    lines.join("\n")
}

#[rstest]
#[case("text")]
#[case("markdown")]
#[case("junit")]
#[case("tap")]
#[case("tap14")]
fn saved_report_is_rendered_like_the_run(#[case] format: &str) {
    let folder = TempDir::new().expect("a folder");
    let saved = path(&folder, "report.json");
    let baseline = path(&folder, "accepted.txt");
    fs::write(&baseline, "gone-in-write-000000 0123456789abcdef\n").expect("a file");
    let arguments = [&UNKNOWN[..], &["--baseline", &baseline]].concat();
    let json = ["--format", "json", "--output", &saved];
    assert_exit(&writeproof(&[&arguments[..], &json].concat()), 1);
    let direct = writeproof(&[&arguments[..], &["--format", format]].concat());
    let rendered = writeproof(&["render", &saved, "--format", format]);
    assert_exit(&rendered, 0);
    let (direct, rendered) = (stdout(&direct), stdout(&rendered));
    assert!(rendered.len() > 1000, "{rendered}");
    assert_eq!(without_the_time(&rendered), without_the_time(&direct));
}

#[rstest]
#[case("{}", "not a report in JSON: missing field `schema`")]
#[case("{\"schema\": 5}", "schema 5, and this program reads schema 6")]
fn file_that_is_no_saved_report_is_refused(#[case] text: &str, #[case] fault: &str) {
    let folder = TempDir::new().expect("a folder");
    let saved = path(&folder, "report.json");
    fs::write(&saved, text).expect("a file");
    let output = writeproof(&["render", &saved]);
    assert_exit(&output, 2);
    let wanted = format!("writeproof: {saved}: {fault}");
    assert!(stderr(&output).starts_with(&wanted), "{}", stderr(&output));
}
