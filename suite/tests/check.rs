//! `writeproof check`, and `--libssl` in the other commands, on a correct library: the shared
//! object of OpenSSL 1.1.1, judged as an unknown library.

mod everything;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rstest::rstest;
use serde_json::Value;
use writeproof::internal::judge::Recordings;
use writeproof::internal::scenario::{Corpus, Scenario};
use writeproof_openssl_1_1_1::LIBSSL;

use self::everything::with_everything;

/// OpenSSL 1.1.1 as an unknown library.
const AS_UNKNOWN: [&str; 4] = ["--libssl", LIBSSL, "--as", "unknown"];

fn run(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writeproof"));
    command
        .args(with_everything(arguments))
        .stdin(Stdio::null());
    command.output().expect("the command starts")
}

#[track_caller]
fn exits_with(code: i32, arguments: &[&str]) -> (String, String) {
    let output = run(arguments);
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}\n{err}");
    assert!(!err.contains("panicked"), "{err}");
    (out, err)
}

#[test]
fn loaded_library_is_described_before_the_differences() {
    let (text, _) = exits_with(
        1,
        &[&["check"], &AS_UNKNOWN[..], &["--scenario", "closing"]].concat(),
    );
    let real = Path::new(LIBSSL).canonicalize().expect("it was built");
    let wanted = [
        "libssl.so: OpenSSL 1.1.1w  11 Sep 2023".to_owned(),
        format!("file        {}", real.display()),
        format!("libcrypto   {} (inside the libssl)", real.display()),
        "transport   a BIO of the suite".to_owned(),
        "lacks       nothing".to_owned(),
        "self-check  all 16 checks passed: the adapter works".to_owned(),
        "Differences from openssl-3.6, grouped by the first call that differs:".to_owned(),
    ];
    let mut from = 0;
    for wanted in &wanted {
        let at = text[from..].find(wanted.as_str());
        from += at.unwrap_or_else(|| panic!("{wanted}, in this order, in\n{text}"));
    }
}

#[test]
fn group_names_a_command_that_shows_its_trace() {
    let (text, _) = exits_with(
        1,
        &[&["check"], &AS_UNKNOWN[..], &["--scenario", "closing"]].concat(),
    );
    let commands: Vec<&str> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("writeproof "))
        .collect();
    assert!(commands.len() > 3, "{text}");
    let words: Vec<&str> = commands[0].split(' ').collect();
    let (trace, _) = exits_with(1, &words);
    let id = words[1];
    assert!(trace.contains(&format!("{id}  libssl.so")), "{trace}");
    assert!(trace.contains(&format!("{id}  openssl-3.6")), "{trace}");
}

#[rstest]
#[case(&["--limit", "2.5", "--memory", "0", "--name", "mine"], "--name mine --as unknown --backend openssl-3.6 --limit 2.5 --memory 0")]
#[case(&["--in-process"], "--as unknown --backend openssl-3.6 --in-process")]
fn suggested_show_command_loads_the_library_with_the_same_options(
    #[case] given: &[&str],
    #[case] wanted: &str,
) {
    // A family without a crash: the cases also run in this process.
    let arguments = [&["check"], &AS_UNKNOWN[..], &["--scenario", "retry"]].concat();
    let (text, _) = exits_with(1, &[&arguments[..], given].concat());
    let commands = text.lines().map(str::trim);
    let commands: Vec<_> = commands
        .filter(|line| line.starts_with("writeproof show "))
        .collect();
    assert!(!commands.is_empty(), "{text}");
    for command in commands {
        assert!(
            command.ends_with(&format!("--libssl {LIBSSL} {wanted}")),
            "{command}"
        );
    }
}

#[test]
fn groups_cover_every_failure_and_difference() {
    let arguments = [&["check"], &AS_UNKNOWN[..], &["--scenario", "closing"]].concat();
    let (text, _) = exits_with(1, &arguments);
    let (report, _) = exits_with(1, &[&arguments[..], &["--format", "json"]].concat());
    let report: Value = serde_json::from_str(&report).expect("JSON");
    let cases = report["cases"].as_array().expect("cases");
    let findings = |case: &Value| case["findings"].as_array().cloned().unwrap_or_default();
    let is = |finding: &Value, kind: &str| finding["kind"] == kind;

    let is_unexpected = |found: &Value| is(found, "difference") && found["known"].is_null();
    let differ = cases
        .iter()
        .filter(|case| findings(case).iter().any(is_unexpected));
    let grouped: usize = text.lines().filter_map(cases_of_group).sum();
    assert_eq!(grouped, differ.count(), "{text}");

    let broken: BTreeSet<String> = cases
        .iter()
        .flat_map(findings)
        .filter(|finding| is(finding, "violation"))
        .map(|finding| finding["clause"].as_str().expect("a clause").to_owned())
        .collect();
    let listed = text.lines().filter_map(|line| line.split_once(": breaks "));
    let listed: BTreeSet<String> = listed.map(|(_, clause)| clause.to_owned()).collect();
    assert!(!broken.is_empty() && grouped > 0, "{text}");
    assert_eq!(listed, broken, "{text}");

    let is_news = |case: &&Value| findings(case).iter().any(|found| found["known"].is_null());
    let unexpected = cases.iter().filter(is_news);
    let last = format!("\n{} cases unexpected, in ", unexpected.count());
    assert!(text.contains(&last), "{last} in\n{text}");
}

/// The count in `12 cases, e.g. …`, which starts a group of equal differences.
fn cases_of_group(line: &str) -> Option<usize> {
    let (number, rest) = line.trim().split_once(' ')?;
    match rest.starts_with("case, e.g. ") || rest.starts_with("cases, e.g. ") {
        true => number.parse().ok(),
        false => None,
    }
}

#[test]
fn library_against_itself_has_no_difference_but_keeps_its_violations() {
    let arguments = [&["check"], &AS_UNKNOWN[..], &["--against", "openssl-1.1.1"]].concat();
    let (text, _) = exits_with(1, &arguments);
    assert!(!text.contains("differ"), "{text}");
    assert!(
        text.contains("\nViolations and crashes, the most serious first:\n"),
        "{text}"
    );
}

#[test]
fn json_report_describes_the_library_and_the_self_checks() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/report.schema.json");
    let schema = std::fs::read_to_string(path).expect("the schema");
    let schema: Value = serde_json::from_str(&schema).expect("JSON");
    let schema = jsonschema::validator_for(&schema).expect("a schema");
    let arguments = [
        "check",
        "--libssl",
        LIBSSL,
        "--as",
        "unknown",
        "--scenario",
        "zero",
        "--format",
        "json",
    ];
    let (text, _) = exits_with(1, &arguments);
    let report: Value = serde_json::from_str(&text).expect("JSON");
    let errors: Vec<String> = schema.iter_errors(&report).map(|e| e.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    let checked = &report["checked"][0];
    assert_eq!(checked["id"], "libssl.so");
    assert_eq!(checked["loaded"]["libcrypto"]["found"], "inside");
    assert_eq!(checked["checks"].as_array().map(Vec::len), Some(16));
    assert!(
        checked["checks"]
            .as_array()
            .is_some_and(|checks| { checks.iter().all(|check| check["outcome"] == "holds") })
    );
    assert!(
        report["cases"]
            .as_array()
            .is_some_and(|cases| { cases.iter().all(|case| case["recorded"] == "stranger") })
    );
}

#[test]
fn worker_and_this_process_give_the_same_cases() {
    // A scenario that crashes the library would end this process too.
    let (corpus, recordings) = (Corpus::built_in().unwrap(), Recordings::built_in().unwrap());
    let crashes = |scenario: &&Scenario| recordings.crashes(scenario, "openssl-1.1.1");
    let (crashing, survivable): (Vec<_>, Vec<_>) = corpus.scenarios().iter().partition(crashes);
    assert!(!crashing.is_empty() && survivable.len() > crashing.len());
    let of_each = survivable
        .iter()
        .flat_map(|s| ["--scenario", s.id.as_str()]);
    let selected: Vec<&str> = of_each.collect();
    let cases = |more: &[&str]| {
        let arguments = [&["check"], &AS_UNKNOWN[..], &["--format", "json"]].concat();
        let (text, _) = exits_with(1, &[&arguments[..], &selected, more].concat());
        let report: Value = serde_json::from_str(&text).expect("JSON");
        report["cases"].clone()
    };
    assert_eq!(cases(&[]), cases(&["--in-process"]));
}

#[test]
fn user_library_is_shown_run_and_compared_by_path() {
    let id = "retry/zero-with-retry-flag";
    let (trace, _) = exits_with(
        1,
        &[&["show", id, "--name", "mine"], &AS_UNKNOWN[..]].concat(),
    );
    assert!(
        trace.contains(&format!("{id}  mine  tls1.2/client")),
        "{trace}"
    );
    assert!(!trace.contains("openssl-3.6"), "{trace}");

    let arguments = [
        "run",
        "--scenario",
        id,
        "--backend",
        "rustls",
        "--libssl",
        LIBSSL,
        "--as",
        "unknown",
    ];
    let (text, _) = exits_with(1, &arguments);
    let heading: Vec<&str> = text
        .lines()
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    assert_eq!(heading, ["family", "rustls", "libssl.so"], "{text}");

    let arguments = [
        "diff",
        "openssl-1.1.1",
        "--libssl",
        LIBSSL,
        "--scenario",
        id,
    ];
    let (text, _) = exits_with(0, &arguments);
    assert_eq!(text, "openssl-1.1.1 and libssl.so, 4 cases: 4 same\n");

    let arguments = [
        "diff",
        "--libssl",
        LIBSSL,
        "--libssl",
        LIBSSL,
        "--scenario",
        id,
    ];
    let (text, _) = exits_with(0, &arguments);
    assert_eq!(text, "libssl.so and libssl.so-2, 4 cases: 4 same\n");
}

#[rstest]
#[case(&["check"], "no library to check")]
#[case(&["check", "--libssl", LIBSSL, "--name", "rustls"], "the name rustls is taken")]
#[case(&["check", "--libssl", LIBSSL, "--name", "a b"], "expected 1 to 64 letters, digits")]
#[case(&["check", "--libssl", LIBSSL, "--name", "a", "--name", "b"], "2 values for --name and 1 for --libssl")]
#[case(&["check", "--libssl", LIBSSL, "--limit", "0"], "from 0.001 to")]
#[case(&["check", "--libssl", LIBSSL, "--limit", "NaN"], "from 0.001 to")]
#[case(&["check", "--libssl", LIBSSL, "--against", "openssl-4"], "did you mean \"openssl-4.0\"?")]
#[case(&["check", "--name", "mine"], "--libssl")]
#[case(&["check", "--libssl", LIBSSL, "--name", "a", "--against", "a"], "cannot compare a with itself")]
#[case(&["diff", "openssl-3.6"], "diff needs exactly two different libraries")]
#[case(&["diff", "openssl-3.6", "openssl-3.6"], "diff needs exactly two different libraries")]
#[case(&["diff", "openssl-3.6", "rustls", "--libssl", LIBSSL], "diff needs exactly two different libraries")]
fn wrong_arguments_are_refused_with_a_hint(#[case] arguments: &[&str], #[case] wanted: &str) {
    let (_, err) = exits_with(2, arguments);
    assert!(err.contains(wanted), "{err}");
}

#[rstest]
#[case("all", "boringssl")]
#[case("rustls,boringssl", "boringssl")]
#[cfg(not(feature = "boringssl"))]
fn missing_required_backend_is_an_error(#[case] required: &str, #[case] named: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writeproof"));
    command.args(["run", "--scenario", "zero"]);
    command.env("WRITEPROOF_REQUIRE", required);
    let output = command.output().expect("the command starts");
    assert_eq!(output.status.code(), Some(3));
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(
        err.contains("WRITEPROOF_REQUIRE asks for backends that are missing"),
        "{err}"
    );
    assert!(
        err.contains(&format!(
            "{named}: not built in: build with --features {named}"
        )),
        "{err}"
    );
}

#[test]
#[cfg(not(feature = "boringssl"))]
fn missing_backends_are_listed_with_how_to_build_them() {
    let (text, _) = exits_with(0, &["run", "--scenario", "zero"]);
    let line = text
        .lines()
        .find(|line| line.trim().starts_with("boringssl"));
    let line = line.unwrap_or_else(|| panic!("boringssl in\n{text}"));
    assert!(line.contains("--features boringssl") && line.contains("WRITEPROOF_BORINGSSL"));
}
