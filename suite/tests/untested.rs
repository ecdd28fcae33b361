//! A library that the suite could not test never passes. Each library is a wrapper of the
//! distribution's libssl in which a function that the suite needs returns an error, run with the
//! command.

#![cfg(target_os = "linux")]

mod outcome;
mod wrappers;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use rstest::rstest;
use serde_json::Value;

use self::outcome::{assert_exit, stderr, stdout};
use self::wrappers::{Real, Wrapper};

/// The wrapper of this name around the distribution's library.
fn wrapper(name: &str) -> Wrapper {
    Wrapper::of(Real::Distribution, name)
}

/// `writeproof check` of this library with these arguments.
fn check(library: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writeproof"));
    command.args(["check", "--verbose", "--name", "mine", "--libssl"]);
    command.arg(library).args(arguments).stdin(Stdio::null());
    command.output().expect("the command starts")
}

/// The JSON report of a check.
fn report(library: &Path, arguments: &[&str]) -> (Value, Option<i32>) {
    let output = check(library, &[arguments, &["--format", "json"]].concat());
    let report = serde_json::from_slice(&output.stdout);
    let report = report.unwrap_or_else(|error| panic!("{error}: {}", stderr(&output)));
    (report, output.status.code())
}

fn cases(report: &Value) -> &[Value] {
    report["cases"].as_array().map_or(&[], Vec::as_slice)
}

/// Scenarios of each cipher, version, role and transport. Handshakes and renegotiations are left
/// out: they count the bytes of a hello, which is longer when more is offered.
const SCENARIOS: [&str; 5] = ["--scenario", "retry", "transport", "combined", "whole"];

#[test]
fn setters_that_return_errors_change_no_result() {
    // The library itself would be recognised and judged with its known issues.
    let arguments = [&SCENARIOS[..], &["--as", "unknown"]].concat();
    let (honest, expected) = report(&Real::Distribution.path(), &arguments);
    let (wrapped, code) = report(wrapper("setters-fail").path(), &arguments);
    assert_eq!(code, expected);
    assert!(cases(&honest).len() > 100, "{}", honest["summary"]);
    assert_eq!(cases(&wrapped).len(), cases(&honest).len());
    for (wrapped, honest) in cases(&wrapped).iter().zip(cases(&honest)) {
        assert_eq!(wrapped, honest);
    }
}

#[test]
fn unavailable_cipher_is_not_applicable() {
    let arguments = ["--scenario", "combined", "--scenario", "whole"];
    let (report, _) = report(wrapper("no-chacha20").path(), &arguments);
    let reasons = cases(&report)
        .iter()
        .filter_map(|case| case["reason"].as_str());
    let wanted = "tls1.2 with chacha20: SSL_CTX_set_cipher_list returned an error, and the handshake \
                  with a peer that has nothing else did not negotiate it";
    let (missing, others): (Vec<_>, Vec<_>) = reasons.partition(|reason| *reason == wanted);
    assert!(!missing.is_empty(), "{others:?}");
    assert_eq!(others, Vec::<&str>::new());
}

#[rstest]
#[case("no-connection", "SSL_new (it returned an error)")]
#[case(
    "handshake-syscall",
    "SSL_do_handshake (-1 SYSCALL (queue empty, errno EAGAIN)"
)]
fn library_without_a_completed_handshake_exits_with_3_and_names_the_call(
    #[case] name: &str,
    #[case] call: &str,
) {
    let wrapper = wrapper(name);
    let library = wrapper.path();
    let output = check(library, &["--scenario", "zero"]);
    assert_exit(&output, 3);
    let text = stdout(&output);
    let conclusion = text
        .lines()
        .find(|line| line.starts_with("mine could not be tested: "));
    let conclusion = conclusion.unwrap_or_else(|| panic!("{text}"));
    assert!(
        conclusion.contains("no handshake completed in any variant"),
        "{conclusion}"
    );
    assert!(conclusion.contains(call), "{conclusion}");
    assert!(!text.contains("a fault of the suite's adapter"), "{text}");
    assert!(!text.contains("nothing unexpected"), "{text}");

    let (report, code) = report(library, &["--scenario", "zero"]);
    assert_eq!(code, Some(3));
    let obstacles = report["checked"][0]["no_handshake"].as_array();
    let named = |one: &Value| one["call"].as_str().is_some_and(|it| it.starts_with(call));
    assert!(
        obstacles.is_some_and(|all| all.iter().all(named)),
        "{report:#}"
    );
}

#[test]
fn write_that_never_sends_is_blamed_on_the_library() {
    let output = check(wrapper("silent").path(), &["--scenario", "whole"]);
    assert_exit(&output, 1);
    let text = stdout(&output);
    assert!(!text.contains("a fault of the suite's adapter"), "{text}");
    assert!(text.contains("no, because of the library: "), "{text}");
}

#[test]
fn server_without_a_certificate_is_not_applicable_and_client_runs() {
    let (report, _) = report(wrapper("no-certificate").path(), &["--scenario", "zero"]);
    for case in cases(&report) {
        let variant = case["variant"].as_str().unwrap_or_default();
        let is_server = variant.split('/').nth(1) == Some("server");
        assert_eq!(case["verdict"] == "not-applicable", is_server, "{case:#}");
        if is_server {
            assert_eq!(
                case["reason"],
                "SSL_CTX_use_certificate_ASN1 (it returned an error)"
            );
        }
    }
}

#[test]
fn coverage_is_reported_with_the_most_frequent_reasons_first() {
    let output = check(wrapper("no-certificate").path(), &["--scenario", "whole"]);
    let text = stdout(&output);
    let (_, after) = text
        .split_once(" were applicable (")
        .unwrap_or_else(|| panic!("{text}"));
    let (_, reasons) = after
        .split_once("Not applicable, by reason:\n")
        .expect("the reasons");
    let first = reasons.lines().next().unwrap_or_default();
    assert!(
        first.ends_with("SSL_CTX_use_certificate_ASN1 (it returned an error)"),
        "{text}"
    );
}

#[rstest]
#[case("51", 3, "but 51 % are required")]
#[case("101", 2, "expected a percentage from 0 to 100")]
fn library_with_too_few_applicable_cases_is_not_tested(
    #[case] percent: &str,
    #[case] code: i32,
    #[case] wanted: &str,
) {
    let arguments = [
        "--scenario",
        "retry/same-arguments",
        "--require-applicable",
        percent,
    ];
    let output = check(wrapper("no-certificate").path(), &arguments);
    assert_exit(&output, code);
    let text = format!("{}{}", stdout(&output), stderr(&output));
    assert!(text.contains(wanted), "{text}");
}

#[test]
fn required_share_of_cases_is_met_at_the_boundary() {
    let arguments = ["--scenario", "retry/same-arguments", "--require-applicable"];
    let code = |percent| {
        let arguments = [&arguments[..], &[percent]].concat();
        check(wrapper("no-certificate").path(), &arguments)
            .status
            .code()
    };
    assert_eq!(code("50"), code("0"));
    assert_ne!(code("50"), Some(3));
}

#[test]
fn run_requires_a_share_of_cases_of_each_backend() {
    let run = |percent: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_writeproof"));
        command.args(["run", "--scenario", "renegotiation", "--backend", "rustls"]);
        command
            .args(["--require-applicable", percent])
            .stdin(Stdio::null());
        command.output().expect("the command starts")
    };
    assert_exit(&run("0"), 0);
    let output = run("50");
    assert_exit(&output, 3);
    let text = stdout(&output);
    assert!(text.contains("rustls was not tested enough: "), "{text}");
}

#[rstest]
#[case(&["run", "--scenario", "zero", "--backend", "rustls"])]
#[case(&["show", "zero/write-between-two-others"])]
#[case(&["diff", "openssl-3.6", "--scenario", "zero"])]
fn library_without_an_applicable_case_exits_with_3_in_every_command(#[case] arguments: &[&str]) {
    let library = wrapper("no-connection");
    let mut command = Command::new(env!("CARGO_BIN_EXE_writeproof"));
    command.args(arguments).arg("--libssl").arg(library.path());
    let output = command
        .stdin(Stdio::null())
        .output()
        .expect("the command starts");
    assert_exit(&output, 3);
    let text = format!("{}{}", stdout(&output), stderr(&output));
    let wanted = "wrapper.so could not be tested: none of";
    assert!(text.contains(wanted), "{text}");
    assert!(
        text.contains("reason: SSL_new (it returned an error)"),
        "{text}"
    );
}
