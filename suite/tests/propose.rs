//! `writeproof ledger --propose` and `--convert`: the ledger that they write explains the findings
//! and no other fault. A ledger in the old format, or an incomplete one, is refused.

#![cfg(target_os = "linux")]

mod outcome;
mod wrappers;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rstest::rstest;
use serde_json::Value;
use tempfile::TempDir;
use writeproof::internal::judge::known::{KnownIssues, Scope};
use writeproof::internal::judge::{FilePart, OldLedger};

use self::outcome::{assert_exit, stderr, stdout};
use self::wrappers::{Real, Wrapper};

const ONE_MORE: &str = "one-byte-more";
const ONE_LESS: &str = "one-byte-less";
const HALF: &str = "half-writes";
const CRASHES: &str = "crashes-at-100";
const CRASHES_IN_A_RETRY: &str = "crashes-in-a-retry";
const HONEST: &str = "honest";

/// A user's scenario.
const OWN: &str = r#"
title = "Two small writes arrive, and a blocked one is repeated"
steps = [
  "handshake",
  { write = { len = 100 } },
  { write = { len = 200 } },
  { peer = "read" },
  { link = { accept = 0 } },
  { write = { len = 300 } },
  { link = "open" },
  { retry = {} },
  { peer = "read" },
]
"#;

/// The id of the user's scenario.
const OWN_ID: &str = "local/mine";

/// Scenarios of the suite in which OpenSSL 1.1.1 breaks no clause and behaves like the reference.
const SUITES: &str = "whole/exactly-one-record";

/// A folder with a library and its ledger.
struct TestFolder(TempDir);

impl TestFolder {
    fn new() -> Self {
        Self(TempDir::new().expect("a folder"))
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.path().join(name);
        fs::write(&path, text).expect("the folder is ours");
        path
    }

    fn own_scenario(&self) -> PathBuf {
        self.write("mine.toml", OWN)
    }
}

/// OpenSSL 1.1.1 in the wrapper of this name.
fn library(wrapper: &str) -> Wrapper {
    Wrapper::of(Real::OpenSsl111, wrapper)
}

/// A command on this library, without known issues, in the scenarios of these tests.
fn on(library: &Path, own: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writeproof"));
    command.args(arguments);
    command.args(["--name", "mine", "--as", "unknown", "--libssl"]);
    command.arg(library);
    command.args(["--scenario", SUITES]).arg(own);
    let output = command.stdin(Stdio::null()).output();
    output.expect("the command starts")
}

/// A proposed ledger with the fields that a person fills in.
fn completed(proposed: &str) -> String {
    proposed
        .replace("class = \"\"", "class = \"bug\"")
        .replace("reason = \"\"", "reason = \"looked up\"")
        .replace("link = \"\"", "source = \"wrapper.c:1\"")
}

/// The ledger proposed for a library with these functions.
fn proposed(place: &TestFolder, functions: &str) -> String {
    let wrapper = library(functions);
    let library = wrapper.path();
    let output = on(library, &place.own_scenario(), &["ledger", "--propose"]);
    assert_exit(&output, 1);
    stdout(&output)
}

/// The report of `check` on a library with these functions and this ledger.
fn checked(place: &TestFolder, functions: &str, ledger: &Path) -> Value {
    let wrapper = library(functions);
    let library = wrapper.path();
    let ledger = ledger.to_str().expect("a path");
    let arguments = ["check", "--format", "json", "--ledger", ledger];
    let output = on(library, &place.own_scenario(), &arguments);
    serde_json::from_str(&stdout(&output)).unwrap_or_else(|_| panic!("{}", stderr(&output)))
}

/// All findings of a report except differences, each with whether it is known.
fn broken(report: &Value) -> Vec<(&Value, bool)> {
    let cases = report["cases"].as_array().expect("cases");
    let findings = cases
        .iter()
        .filter_map(|case| case["findings"].as_array())
        .flatten();
    findings
        .filter(|finding| finding["kind"] != "difference")
        .map(|finding| (finding, !finding["known"].is_null()))
        .collect()
}

fn known(text: &str) -> KnownIssues {
    let mut known = KnownIssues::default();
    known
        .add_own("proposed.toml", text)
        .unwrap_or_else(|error| panic!("{error}\n{text}"));
    known
}

#[rstest]
#[case::one_more(ONE_MORE, &[ONE_LESS, HALF, CRASHES])]
#[case::half(HALF, &[ONE_MORE, ONE_LESS, CRASHES])]
#[case::crash(CRASHES, &[ONE_MORE, HALF, CRASHES_IN_A_RETRY])]
fn proposed_ledger_makes_the_fault_known_and_no_other(
    #[case] fault: &str,
    #[case] others: &[&str],
) {
    let place = TestFolder::new();
    let ledger = place.write("known.toml", &completed(&proposed(&place, fault)));
    let report = checked(&place, fault, &ledger);
    let of_fault = broken(&report);
    assert!(!of_fault.is_empty());
    for (finding, is_known) in of_fault {
        assert!(is_known, "{finding}");
    }
    assert_eq!(report["summary"]["unexpected"], 0, "{report}");
    for other in others {
        let report = checked(&place, other, &ledger);
        let of_other = broken(&report);
        assert!(!of_other.is_empty(), "{other}");
        for (finding, is_known) in of_other {
            assert!(!is_known, "muted in {other}: {finding}");
        }
    }
}

#[test]
fn honest_library_needs_no_entry() {
    let place = TestFolder::new();
    let honest = library(HONEST);
    let output = on(
        honest.path(),
        &place.own_scenario(),
        &["ledger", "--propose"],
    );
    assert_exit(&output, 0);
    assert_eq!(stdout(&output), "");
}

#[test]
fn proposed_issues_use_history_numbers_and_user_scenarios_as_witnesses() {
    let place = TestFolder::new();
    let text = completed(&proposed(&place, HALF));
    let known = known(&text);
    assert!(!known.issues().is_empty(), "{text}");
    let mut witnesses = BTreeSet::new();
    for issue in known.issues() {
        assert!(!issue.when.is_always(), "{text}");
        let effects = issue.breaks.iter().map(|effect| &effect.scope);
        let scopes = effects.chain(issue.differs.iter().map(|differs| &differs.scope));
        assert_eq!(scopes.count(), 1, "{text}");
        let mut effects = issue.breaks.iter();
        assert!(
            effects.all(|effect| matches!(effect.scope, Scope::Call)),
            "{text}"
        );
        for witness in &issue.witnesses {
            assert_eq!(witness.backend, "mine");
            witnesses.insert(witness.scenario.as_str());
        }
    }
    assert_eq!(witnesses, BTreeSet::from([OWN_ID, SUITES]), "{text}");
    assert!(text.contains("missing = \""), "a sum of quantities: {text}");
}

#[test]
fn incomplete_proposal_is_refused_with_its_position() {
    let place = TestFolder::new();
    let text = proposed(&place, ONE_MORE);
    for (key, remedy) in [
        (
            "class",
            "the values are documented, by-design, bug, manual-unclear",
        ),
        ("reason", "must be one line of text"),
        ("link", "must be an address"),
    ] {
        let unfilled = format!("{key} = \"\"");
        let (before, after) = text.split_once(&unfilled).expect("to be filled in");
        let text = format!("{}{unfilled}{}", completed(before), completed(after));
        let ledger = place.write("known.toml", &text);
        let line = before.matches('\n').count() + 1;
        let output = on(
            library(ONE_MORE).path(),
            &place.own_scenario(),
            &["check", "--ledger", ledger.to_str().expect("a path")],
        );
        assert_exit(&output, 2);
        let said = stderr(&output);
        let wanted = format!("writeproof: {}:{line}:", ledger.display());
        assert!(said.starts_with(&wanted), "{wanted} in {said}");
        assert!(said.contains(remedy), "{said}");
    }
}

#[test]
fn known_issue_is_not_proposed_again() {
    let place = TestFolder::new();
    let ledger = place.write("known.toml", &completed(&proposed(&place, ONE_MORE)));
    let wrapper = library(ONE_MORE);
    let library = wrapper.path();
    let ledger = ledger.to_str().expect("a path");
    let arguments = ["ledger", "--propose", "--ledger", ledger];
    let output = on(library, &place.own_scenario(), &arguments);
    assert_exit(&output, 0);
    assert_eq!(stdout(&output), "");
}

#[test]
fn user_issue_that_its_scenario_no_longer_shows_is_out_of_date() {
    let place = TestFolder::new();
    let ledger = place.write("known.toml", &completed(&proposed(&place, ONE_MORE)));
    let report = checked(&place, HONEST, &ledger);
    let stale = report["stale"].as_array().expect("entries");
    let is_own = |entry: &&Value| {
        let scenarios = entry["scenarios"].as_str().unwrap_or_default();
        scenarios.contains(OWN_ID) && entry["why"] == "does not show it"
    };
    assert!(stale.iter().any(|entry| is_own(&entry)), "{stale:#?}");
}

// The old format.

/// A ledger in the old format, for the clauses that the fault `ONE_MORE` breaks.
fn old() -> String {
    let clauses = [
        ("return.at-most-asked", "* bytes"),
        ("success.means-all-bytes", "*"),
        ("success.bytes-are-on-the-wire", "* bytes"),
    ];
    let entry = |(clause, seen): (&str, &str)| {
        format!(
            "[[known]]\nviolates = \"{clause}\"\nseen = \"{seen}\"\nscenarios = [\"whole/*\", \"local/mine\"]\n\
             class = \"bug\"\nreason = \"It counts from one.\"\nsource = \"wrapper.c:3\"\n"
        )
    };
    format!("# Mine.\n\n{}", clauses.map(entry).join("\n"))
}

/// An entry for a finding that never occurs.
const NEVER: &str = r#"
[[known]]
hangs = "*"
scenarios = ["whole/*"]
class = "bug"
reason = "It does not."
link = "https://example.org"
"#;

/// An entry for a difference, which stays as it is.
const DIFFERENCE: &str = r#"
# How it differs.
[[known]]
differs = "write *"
scenarios = ["whole/*", "local/mine"]
class = "by-design"
reason = "It counts from one."
source = "wrapper.c:3"
"#;

fn convert(place: &TestFolder, functions: &str, old: &Path) -> Output {
    let wrapper = library(functions);
    let library = wrapper.path();
    let old = old.to_str().expect("a path");
    let arguments = ["ledger", "--convert", old];
    on(library, &place.own_scenario(), &arguments)
}

#[rstest]
#[case::violates(&old(), 3)]
#[case::hangs(NEVER, 2)]
#[case::differs(DIFFERENCE, 3)]
fn old_format_is_refused_with_its_position_and_the_convert_command(
    #[case] text: &str,
    #[case] line: usize,
) {
    let place = TestFolder::new();
    let ledger = place.write("known.toml", text);
    let path = ledger.to_str().expect("a path");
    let output = on(
        library(ONE_MORE).path(),
        &place.own_scenario(),
        &["check", "--ledger", path],
    );
    assert_exit(&output, 2);
    let wanted = format!(
        "writeproof: {path}:{line}:1: [[known]] is the old format of known issues, without causes: convert the file: writeproof ledger --convert {path}"
    );
    let said = stderr(&output);
    assert!(said.starts_with(&wanted), "{wanted} in {said}");
}

#[test]
fn converted_ledger_explains_the_findings_of_the_old_one() {
    let place = TestFolder::new();
    let path = place.write("old.toml", &format!("{}{DIFFERENCE}", old()));
    let output = convert(&place, ONE_MORE, &path);
    assert_exit(&output, 0);
    let text = stdout(&output);
    assert!(text.starts_with("# Mine.\n\n[[issue]]\n"), "{text}");
    assert!(
        text.contains("\ndiffers = [{ in = \"call\", aspect = [\"returns\"] }]\n"),
        "{text}"
    );
    for issue in known(&text).issues() {
        assert_eq!(issue.reason, "It counts from one.");
        assert_eq!(issue.link, "wrapper.c:3");
    }
    let ledger = place.write("new.toml", &text);
    let of_fault = checked(&place, ONE_MORE, &ledger);
    assert!(broken(&of_fault).len() > 4, "{of_fault}");
    for (finding, is_known) in broken(&of_fault) {
        assert!(is_known, "{finding}");
    }
    for (finding, is_known) in broken(&checked(&place, HALF, &ledger)) {
        assert!(!is_known, "{finding}");
    }
}

#[test]
fn entry_that_cannot_be_converted_is_listed_and_kept_in_comments() {
    let place = TestFolder::new();
    let path = place.write("old.toml", &format!("{}{NEVER}", old()));
    let output = convert(&place, ONE_MORE, &path);
    assert_exit(&output, 1);
    let line = old().matches('\n').count() + 2;
    let wanted = format!(
        "writeproof: {}:{line}: not converted: hang: *: none of its scenarios shows the finding (on mine)\n",
        path.display()
    );
    assert_eq!(stderr(&output), wanted);
    let text = stdout(&output);
    assert!(text.contains("\n# [[known]]\n# hangs = \"*\"\n"), "{text}");
    assert_eq!(
        known(&text).issues().len(),
        text.matches("\n[[issue]]\n").count()
    );
    let rest = OldLedger::read("new.toml", &text).expect("a ledger");
    let is_old = |part: &FilePart| part.old.is_some();
    assert!(!rest.parts.iter().any(is_old), "{text}");
}

#[test]
fn converted_file_replaces_the_old_one() {
    let place = TestFolder::new();
    let file = place.write("old.toml", &old());
    let printed = stdout(&convert(&place, ONE_MORE, &file));
    let path = file.to_str().expect("a path");
    let arguments = ["ledger", "--convert", path, "--output", path];
    let output = on(library(ONE_MORE).path(), &place.own_scenario(), &arguments);
    assert_exit(&output, 0);
    assert_eq!(fs::read_to_string(&file).expect("it is there"), printed);
}

#[test]
fn converted_file_keeps_its_issues_and_converts_nothing_that_they_explain() {
    let place = TestFolder::new();
    let issues = completed(&proposed(&place, ONE_MORE));
    let of_same_scenarios = old().replace("whole/*", SUITES);
    let path = place.write("mixed.toml", &format!("{of_same_scenarios}\n{issues}"));
    let output = convert(&place, ONE_MORE, &path);
    assert_exit(&output, 0);
    let text = stdout(&output);
    assert!(text.ends_with(&issues), "{text}");
    let known = known(&text);
    assert_eq!(known.issues().len(), issues.matches("[[issue]]").count());
    assert!(
        text.contains(": already explained by return-at-most-asked-1"),
        "{text}"
    );
}

#[test]
fn scenarios_without_a_run_are_bad_usage() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writeproof"));
    command.args(["ledger", "--scenario", "retry"]);
    let output = command.stdin(Stdio::null()).output();
    let output = output.expect("the command starts");
    assert_exit(&output, 2);
    assert!(stderr(&output).contains("--propose"), "{}", stderr(&output));
}

#[rstest]
#[case::none(&[])]
#[case::two(&["--backend", "openssl-3.6", "--backend", "rustls"])]
fn ledger_is_converted_with_its_own_library_only(#[case] backends: &[&str]) {
    let place = TestFolder::new();
    let path = place.write("old.toml", &old());
    let mut command = Command::new(env!("CARGO_BIN_EXE_writeproof"));
    command
        .args(["ledger", "--convert"])
        .arg(&path)
        .args(backends);
    let output = command.stdin(Stdio::null()).output();
    let output = output.expect("the command starts");
    assert_exit(&output, 2);
    assert!(
        stderr(&output).contains("give the one library that it is about"),
        "{}",
        stderr(&output)
    );
}
