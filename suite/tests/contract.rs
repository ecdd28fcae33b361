//! The contract in the command: `writeproof clauses`, `writeproof ledger`, `--ledger`, and the
//! order of the report on a library that breaks a clause.

#![cfg(target_os = "linux")]

mod everything;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use rstest::rstest;
use serde_json::Value;
use tempfile::TempDir;
use writeproof::internal::contract::Contract;
use writeproof::internal::judge::known::{KnownIssues, Library};
use writeproof::internal::report::json::SCHEMA;
use writeproof_faulty::VARIABLE as FAULT;
use writeproof_openssl_1_1_1::LIBSSL;

use self::everything::with_everything;

/// OpenSSL 1.1.1 differs from the reference here in all variants and breaks no clause.
const DIFFERS: &str = "retry/zero-with-retry-flag";

/// The number of lines that fit on the first screen.
const FIRST_SCREEN: usize = 24;

/// The output of the command.
#[derive(Debug)]
struct Answer {
    exit: Option<i32>,
    out: String,
    err: String,
}

impl Answer {
    #[track_caller]
    fn with(self, exit: i32) -> Self {
        assert_eq!(self.exit, Some(exit), "{}\n{}", self.out, self.err);
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self
    }
}

fn answer(command: &mut Command) -> Answer {
    let output = command.stdin(Stdio::null()).output();
    let output = output.expect("the command starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Answer {
        exit: output.status.code(),
        out: text(&output.stdout),
        err: text(&output.stderr),
    }
}

fn writeproof(arguments: &[&str]) -> Answer {
    let arguments = with_everything(arguments);
    answer(Command::new(env!("CARGO_BIN_EXE_writeproof")).args(arguments))
}

/// `writeproof check` on the library with this seeded bug.
fn check_with(fault: &str, arguments: &[&str]) -> Answer {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writeproof"));
    command.env(FAULT, fault);
    command.args([
        "check",
        "--verbose",
        "--libssl",
        writeproof_faulty::LIBSSL,
        "--as",
        "unknown",
    ]);
    answer(command.args(arguments))
}

#[track_caller]
fn parsed(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn clauses() -> Contract {
    Contract::built_in().expect("fixtures/contract is right")
}

/// A ledger in a folder of its own.
fn ledger_file(folder: &TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("known.toml");
    fs::write(&path, text).expect("the folder is ours");
    path
}

// The clauses.

#[test]
fn clause_list_has_every_clause_and_each_is_exercised() {
    let text = writeproof(&["clauses"]).with(0).out;
    let (lines, _) = text
        .split_once("\nClauses that no trace can show:\n")
        .expect("clauses that nothing shows");
    let listed: Vec<&str> = lines
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let manual = clauses();
    let wanted: Vec<&str> = manual
        .observable()
        .map(|clause| clause.id.as_str())
        .collect();
    assert_eq!(listed, wanted, "in the order of the contract");
    for clause in manual.clauses() {
        let named = text.lines().any(|line| {
            let line = line.trim_start();
            line.starts_with(&format!("{} ", clause.id))
        });
        assert!(named, "{} in\n{text}", clause.id);
    }
    let last = format!(
        "{} clauses, {} of them observable in a trace; each of these was exercised\n",
        manual.clauses().len(),
        wanted.len()
    );
    assert!(text.ends_with(&last), "{last} ends\n{text}");
}

/// The descriptions of two clauses, with the results of a library that breaks one of them.
static DESCRIBED: LazyLock<String> = LazyLock::new(|| {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writeproof"));
    command.env(FAULT, BREAKS);
    command.args(["clauses", KEPT, BROKEN, "--backend", "openssl-3.6"]);
    command.args(["--name", "faulty", "--libssl", writeproof_faulty::LIBSSL]);
    answer(&mut command).out
});

#[test]
fn named_clause_is_described_in_full_and_no_other() {
    let manual = clauses();
    for clause in manual.clauses() {
        let named = [KEPT, BROKEN].contains(&clause.id.as_str());
        assert_eq!(
            DESCRIBED.contains(&format!("{}\n", clause.id)),
            named,
            "{}",
            *DESCRIBED
        );
        assert_eq!(
            DESCRIBED.contains(&clause.statement),
            named,
            "{}",
            *DESCRIBED
        );
    }
    let clause = manual.get(KEPT).expect("the clause");
    for wanted in [
        clause.source.to_string(),
        clause.source.address.clone(),
        format!(
            "{}; binds {}",
            clause.strength.as_str(),
            clause.binds.as_str()
        ),
        "; by transport: ".to_owned(),
    ] {
        assert!(DESCRIBED.contains(&wanted), "{wanted} in\n{}", *DESCRIBED);
    }
}

#[test]
fn backends_that_break_a_clause_are_listed_with_the_command_that_shows_it() {
    assert!(
        DESCRIBED.contains("  broken by faulty in "),
        "{}",
        *DESCRIBED
    );
    assert!(
        DESCRIBED.contains("(UNEXPECTED), e.g. in step "),
        "{}",
        *DESCRIBED
    );
    let shows = |line: &&str| line.trim_start().starts_with("writeproof show ");
    let line = DESCRIBED.lines().find(shows).expect("a command");
    let wanted = format!("--libssl {} --name faulty", writeproof_faulty::LIBSSL);
    assert!(line.ends_with(&wanted), "{line}");
}

#[test]
fn clauses_as_json_have_all_fields_and_violation_counts() {
    let arguments = ["clauses", "--format", "json", "--backend", "openssl-3.6"];
    let document = parsed(&writeproof(&arguments).out);
    assert_eq!(document["schema"], SCHEMA);
    let rows = document["clauses"].as_array().expect("clauses");
    let manual = clauses();
    assert_eq!(rows.len(), manual.clauses().len());
    for (row, clause) in rows.iter().zip(manual.clauses()) {
        assert_eq!(row["id"], clause.id.as_str());
        assert_eq!(row["statement"], clause.statement.as_str());
        assert_eq!(row["strength"], clause.strength.as_str());
        assert_eq!(row["binds"], clause.binds.as_str());
        assert_eq!(row["severity"], clause.severity.as_str());
        assert_eq!(row["unobservable"].as_str(), clause.unobservable.as_deref());
        let cases = row["cases"].as_u64().expect("a number");
        for broken in row["violated"].as_object().expect("libraries").values() {
            let violated = broken["cases"].as_u64().expect("a number");
            assert!((1..=cases).contains(&violated), "{row}");
        }
    }
}

/// A clause that OpenSSL 1.1.1 and the reference break, as the known issues say.
const KNOWN_TO_BREAK: &str = "error.syscall-means-io-failed";

#[rstest]
#[case::as_its_object_shows(&[], &["manual-unclear", "by-design", "bug"])]
#[case::unknown(&["--as", "unknown"], &["UNEXPECTED"])]
fn clauses_command_judges_a_recognised_library_with_its_known_issues(
    #[case] judged_as: &[&str],
    #[case] classes: &[&str],
) {
    let arguments = ["clauses", KNOWN_TO_BREAK, "--backend", "openssl-3.6"];
    let library = ["--libssl", LIBSSL, "--name", "mine"];
    let text = writeproof(&[&arguments, &library[..], judged_as].concat()).out;
    let broken = text
        .lines()
        .find(|line| line.starts_with("  broken by mine in "));
    let broken = broken.unwrap_or_else(|| panic!("{text}"));
    let is_class = |class: &&str| broken.contains(&format!(" ({class}), e.g. in step "));
    assert!(classes.iter().any(is_class), "{broken}");
}

#[rstest]
#[case(
    "retry.same-argument",
    "did you mean \"retry.same-arguments\"? (`writeproof clauses` lists all)"
)]
#[case("no-such-topic.at-all-anywhere", "`writeproof clauses` lists all")]
fn unknown_clause_gets_a_suggestion(#[case] clause: &str, #[case] hint: &str) {
    let answer = writeproof(&["clauses", clause]).with(2);
    let wanted = format!("writeproof: unknown clause {clause:?}: ");
    assert!(answer.err.starts_with(&wanted), "{}", answer.err);
    assert!(answer.err.contains(hint), "{}", answer.err);
    assert_eq!(answer.out, "", "nothing was run");
}

// Known issues.

#[test]
fn ledger_prints_each_entry_with_its_class_reason_and_source() {
    let text = writeproof(&["ledger"]).with(0).out;
    let known = KnownIssues::built_in().expect("fixtures/ledger is right");
    for issue in known.issues() {
        let wanted = format!(
            "  {} ({})\n    title    {}\n    reason   {}\n    link     {}\n",
            issue.id,
            issue.class.as_str(),
            issue.title,
            issue.reason,
            issue.link
        );
        assert!(text.contains(&wanted), "{wanted} in\n{text}");
    }
}

#[test]
fn ledger_of_one_library_has_no_entry_of_another() {
    let text = writeproof(&["ledger", "--backend", "rustls"]).with(0).out;
    let is_heading = |line: &&str| !line.is_empty() && !line.starts_with(' ');
    let headings: Vec<&str> = text.lines().filter(is_heading).collect();
    let known = KnownIssues::built_in().expect("fixtures/ledger is right");
    let rustls = Library {
        name: "rustls",
        version: "",
    };
    let issues = known.affecting(rustls).count();
    assert!(issues < known.issues().len(), "some affect other libraries");
    let by_cause = format!("{issues} known issues");
    assert_eq!(headings, [by_cause]);
}

#[test]
fn library_without_a_ledger_gets_a_suggestion() {
    let answer = writeproof(&["ledger", "--backend", "rustsl"]).with(2);
    assert!(
        answer.err.contains("did you mean \"rustls\"?"),
        "{}",
        answer.err
    );
    assert_eq!(answer.out, "");
}

#[test]
fn ledger_explains_every_finding_and_has_no_unused_entry() {
    let answer = writeproof(&["ledger", "--check"]);
    assert_eq!(answer.out, "known issues: 0 out of date, 0 missing\n");
    answer.with(0);
}

/// The ledger proposed for OpenSSL 1.1.1 as an unknown library.
static PROPOSED: LazyLock<String> = LazyLock::new(|| {
    let unknown = ["--libssl", LIBSSL, "--name", "mine", "--as", "unknown"];
    let arguments = [&["ledger", "--propose"], &unknown[..]].concat();
    writeproof(&arguments).with(1).out
});

/// A proposal with the fields that a person fills in.
fn completed() -> String {
    PROPOSED
        .replace("class = \"\"", "class = \"by-design\"")
        .replace("reason = \"\"", "reason = \"looked up\"")
        .replace("link = \"\"", "source = \"ssl/ssl_lib.c:1\"")
}

#[test]
fn proposal_has_issues_for_clauses_and_for_differences() {
    let text = completed();
    let mut known = KnownIssues::default();
    known
        .add_own("mine.toml", &text)
        .unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert!(known.issues().iter().any(|issue| !issue.breaks.is_empty()));
    assert!(known.issues().iter().any(|issue| !issue.differs.is_empty()));
}

#[test]
fn proposed_ledger_explains_every_finding() {
    let folder = TempDir::new().expect("a folder");
    let path = ledger_file(&folder, &completed());
    let path = path.to_str().expect("a path");
    let text = writeproof(&[
        "check", "--libssl", LIBSSL, "--as", "unknown", "--ledger", path,
    ]);
    let text = text.with(0).out;
    assert!(text.contains("nothing unexpected, in "), "{text}");
}

// A user's ledger.

/// An issue on a difference in this aspect.
fn issue(aspect: &str) -> String {
    format!(
        "[[issue]]\nid = \"mine\"\ntitle = \"A transport that takes nothing is 0\"\nwhen = \"transport-zero-retry\"\n\
         differs = [{{ in = \"call\", aspect = \"{aspect}\" }}]\n\
         class = \"by-design\"\nreason = \"the transport took nothing\"\nsource = \"ssl/ssl_lib.c:1\"\n"
    )
}

fn check_by(ledger: &Path, scenario: &str) -> Answer {
    let ledger = ledger.to_str().expect("a path");
    let arguments = [
        "check",
        "--libssl",
        LIBSSL,
        "--as",
        "unknown",
        "--scenario",
        scenario,
    ];
    writeproof(&[&arguments[..], &["--ledger", ledger]].concat())
}

#[test]
fn issue_on_another_difference_explains_nothing() {
    let folder = TempDir::new().expect("a folder");
    let other = ledger_file(&folder, &issue("records"));
    let text = check_by(&other, DIFFERS).with(1).out;
    assert!(text.contains("4 cases unexpected"), "{text}");
}

#[test]
fn users_ledger_explains_findings_that_its_trigger_reaches() {
    let folder = TempDir::new().expect("a folder");
    let scenario = "zero/first-call";
    let unknown = check_by(&ledger_file(&folder, ""), scenario).with(1).out;
    assert!(unknown.contains("4 cases unexpected"), "{unknown}");
    let by_cause = |when: &str| {
        format!(
            "[[issue]]\nid = \"mine\"\ntitle = \"A write of nothing is SYSCALL\"\nclass = \"by-design\"\nreason = \"looked up\"\n\
             source = \"ssl/ssl_lib.c:1\"\nwhen = \"{when}\"\n\
             breaks = [{{ clause = \"error.syscall-means-io-failed\", in = \"call\", error = \"SYSCALL\" }}]\n"
        )
    };
    let known = check_by(
        &ledger_file(&folder, &by_cause("write-of-nothing")),
        scenario,
    );
    assert!(known.with(0).out.contains("nothing unexpected"));
    let elsewhere = check_by(&ledger_file(&folder, &by_cause("read")), scenario);
    assert!(elsewhere.with(1).out.contains("4 cases unexpected"));
}

#[test]
fn finding_in_the_users_ledger_is_expected() {
    let folder = TempDir::new().expect("a folder");
    let unknown = check_by(&ledger_file(&folder, ""), DIFFERS).with(1).out;
    assert!(unknown.contains("4 cases unexpected"), "{unknown}");
    let text = check_by(&ledger_file(&folder, &issue("returns")), DIFFERS);
    let text = text.with(0).out;
    assert!(text.contains("0 conform, 4 differ"), "{text}");
    assert!(text.contains("nothing unexpected"), "{text}");
}

#[test]
fn unused_entry_of_the_users_ledger_is_reported_with_its_line() {
    const SAME: &str = "zero/write-between-two-others";
    let folder = TempDir::new().expect("a folder");
    let witness = format!("witness = [\"libssl.so {SAME} tls1.3/client\"]\n");
    let text = format!("# Mine.\n\n{}{witness}", issue("returns"));
    let path = ledger_file(&folder, &text);
    let text = check_by(&path, SAME).with(1).out;
    let wanted = format!(
        "Known issues that no longer occur:\n  {}:3: mine: libssl.so {SAME} tls1.3/client does not show it\n",
        path.display()
    );
    assert!(text.contains(&wanted), "{wanted} in\n{text}");
    // An issue whose case was not run is not reported.
    check_by(&path, "retry/same-arguments").with(0);
}

#[rstest]
#[case("[[issue]\n", ":1:")]
#[case("[[isseu]]\n", ":1:3: unknown key \"isseu\"")]
#[case(
    "[[known]]\ndiffers = \"x\"\n",
    ":1:1: [[known]] is the old format of known issues, without causes"
)]
#[case(
    "[[issue]]\nid = \"x\"\ntitle = \"x\"\nwhen = \"read\"\ndiffers = [{ in = \"call\" }]\n",
    ":5:12: a difference that matches any other"
)]
fn wrong_ledger_is_refused_with_its_position(#[case] text: &str, #[case] fault: &str) {
    let folder = TempDir::new().expect("a folder");
    let path = ledger_file(&folder, text);
    let answer = check_by(&path, DIFFERS).with(2);
    let wanted = format!("writeproof: {}{fault}", path.display());
    assert!(
        answer.err.starts_with(&wanted),
        "{wanted} in {}",
        answer.err
    );
    assert_eq!(answer.out, "");
}

#[test]
fn unreadable_ledger_is_bad_usage() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("missing.toml");
    let answer = check_by(&path, DIFFERS).with(2);
    let wanted = format!(
        "writeproof: cannot read the known issues in {}: ",
        path.display()
    );
    assert!(answer.err.starts_with(&wanted), "{}", answer.err);
}

#[rstest]
#[case(
    "retry.same-argument",
    "did you mean \"retry.same-arguments\"? (`writeproof clauses` lists all)"
)]
#[case(
    "connection.recovers-or-stays-dead",
    "it was renamed to \"connection.recovers-or-stays-failed\""
)]
#[case("no.such-thing", "`writeproof clauses` lists all")]
fn unknown_clause_in_a_ledger_is_refused(#[case] clause: &str, #[case] help: &str) {
    let folder = TempDir::new().expect("a folder");
    let effect = format!("breaks = [{{ clause = \"{clause}\", in = \"call\", error = \"SSL\" }}]");
    let path = ledger_file(&folder, &format!("{}{effect}\n", issue("returns")));
    let answer = check_by(&path, DIFFERS).with(2);
    let path = path.display();
    let wanted = format!("writeproof: {path}:9:11: unknown clause \"{clause}\": {help}\n");
    assert_eq!(answer.err, wanted);
}

#[test]
fn unknown_clause_in_a_scenario_file_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("mine.toml");
    let text = "title = \"A write\"\nclauses = [\"retry.same-argument\"]\n\
                steps = [\"handshake\", { write = { len = 1 } }]\n";
    fs::write(&path, text).expect("a file");
    let path = path.to_str().expect("UTF-8");
    let answer = writeproof(&["show", path]).with(2);
    let wanted = format!(
        "writeproof: {path}:2:12: unknown clause \"retry.same-argument\": \
         did you mean \"retry.same-arguments\"? (`writeproof clauses` lists all)\n"
    );
    assert_eq!(answer.err, wanted);
}

#[test]
fn ledger_requires_a_named_library() {
    let answer = writeproof(&["run", "--ledger", "known.toml"]).with(2);
    assert!(answer.err.contains("--libssl"), "{}", answer.err);
}

// A library that breaks the contract.

/// A clause that neither the reference nor the bug breaks.
const KEPT: &str = "retry.same-arguments";

/// A bug that loses bytes, and the clause that it breaks.
const BREAKS: &str = "pending-length-is-the-whole-write";
const BROKEN: &str = "delivery.once-and-in-order";

#[test]
fn worst_finding_comes_first_with_its_step_and_the_command_that_shows_it() {
    let text = check_with(BREAKS, &["--scenario", "retry"]).with(1).out;
    let screen: Vec<&str> = text.lines().take(FIRST_SCREEN).collect();
    let headline = screen
        .iter()
        .position(|line| line.starts_with("Violations and crashes, the most serious first:"))
        .unwrap_or_else(|| panic!("on the first screen:\n{text}"));
    let worst = &screen[headline + 1..];
    let clause = worst[0]
        .strip_prefix("  1. DATA lost, duplicated or leaked: breaks ")
        .unwrap_or_else(|| panic!("the worst first:\n{text}"));
    let manual = clauses();
    let clause = manual.get(clause).expect("a clause of the manual");
    assert!(worst[1].contains(&clause.statement), "{text}");
    assert!(worst[2].contains(", step "), "{text}");
    assert!(worst[3].trim_start().starts_with("expected: "), "{text}");
    assert!(worst[4].trim_start().starts_with("seen: "), "{text}");
    let command = worst[5].trim_start().strip_prefix("writeproof ");
    let command = command.unwrap_or_else(|| panic!("a command:\n{text}"));
    let mut show = Command::new(env!("CARGO_BIN_EXE_writeproof"));
    show.env(FAULT, BREAKS).args(command.split(' '));
    let shown = answer(&mut show).with(1).out;
    assert!(shown.contains("  openssl-3.6  "), "{shown}");
}

#[test]
fn groups_are_sorted_by_severity() {
    let families = [
        "--scenario",
        "retry",
        "--scenario",
        "partial",
        "--scenario",
        "handshake",
    ];
    let text = check_with(BREAKS, &families).with(1).out;
    let severities = ["DATA ", "CONNECTION ", "WRONG RESULT ", "OTHER"];
    let ranks: Vec<usize> = text
        .lines()
        .filter(|line| line.contains(": breaks "))
        .map(|line| {
            let rank = severities.iter().position(|words| line.contains(words));
            rank.unwrap_or_else(|| panic!("{line}"))
        })
        .collect();
    assert!(ranks.len() > 1, "{text}");
    assert!(ranks.is_sorted(), "{ranks:?}\n{text}");
}

#[test]
fn json_report_has_every_finding_with_clause_step_and_observation() {
    let text = check_with(BREAKS, &["--scenario", "retry", "--format", "json"]);
    let report = parsed(&text.with(1).out);
    assert_valid(&report);
    let manual = clauses();
    let mut broken = BTreeSet::new();
    for case in report["cases"].as_array().expect("cases") {
        let findings = case["findings"].as_array().map_or(&[][..], Vec::as_slice);
        let mut violates = false;
        for finding in findings {
            assert!(finding["expected"].is_string() && finding["seen"].is_string());
            assert!(finding["step"].is_u64() && finding["known"].is_null());
            if finding["kind"] == "violation" {
                violates = true;
                let id = finding["clause"].as_str().expect("a clause");
                let clause = manual.get(id).expect("a clause of the manual");
                assert_eq!(finding["severity"], clause.severity.as_str());
                broken.insert(id.to_owned());
            }
        }
        assert_eq!(case["verdict"] == "violates", violates, "{case}");
    }
    assert!(broken.contains(BROKEN), "{broken:?}");
}

#[test]
fn json_report_names_the_known_issues() {
    let folder = TempDir::new().expect("a folder");
    let path = ledger_file(&folder, &issue("returns"));
    let path = path.to_str().expect("a path");
    let arguments = [
        "check",
        "--libssl",
        LIBSSL,
        "--as",
        "unknown",
        "--scenario",
        DIFFERS,
        "--ledger",
        path,
    ];
    let report = writeproof(&[&arguments[..], &["--format", "json"]].concat());
    let report = parsed(&report.with(0).out);
    assert_valid(&report);
    for case in report["cases"].as_array().expect("cases") {
        let [finding] = case["findings"].as_array().expect("findings").as_slice() else {
            panic!("{case}");
        };
        assert_eq!(finding["kind"], "difference");
        assert_eq!(finding["known"]["class"], "by-design");
        assert_eq!(finding["known"]["reason"], "the transport took nothing");
        assert_eq!(finding["known"]["link"], "ssl/ssl_lib.c:1");
    }
}

#[track_caller]
fn assert_valid(report: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/report.schema.json");
    let schema = parsed(&fs::read_to_string(path).expect("the schema"));
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    let errors: Vec<String> = schema
        .iter_errors(report)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    assert_eq!(errors, Vec::<String>::new());
    assert_eq!(report["schema"], SCHEMA);
}
