//! The table of exit codes: the findings decide, whether the scenario is the suite's or a user's
//! file, in `run`, `check`, `show` and `diff`.

#![cfg(target_os = "linux")]

mod outcome;
mod wrappers;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rstest::rstest;
use tempfile::TempDir;

use self::outcome::{assert_exit, stdout};
use self::wrappers::{Real, Wrapper};

/// A wrapper that behaves like the reference in these scenarios.
const HONEST: &str = "honest";

const DIFFERS: &str = "two-records";

const BREAKS_SHOULD: &str = "failure-stores-a-number";

const BREAKS_MUST: &str = "one-byte-more";

const CRASHES: &str = "crashes";

/// A wrapper to which no case is applicable.
const NOT_APPLICABLE: &str = "no-connection";

/// Scenarios of the suite: a whole write, and an SSL_write_ex that blocks.
const LIBRARYS: [&str; 2] = ["whole/exactly-one-record", "retry/write-ex"];

/// Files with the same steps.
const OWN: [&str; 2] = [
    r#"
title = "A small write arrives"
steps = ["handshake", { write = { len = 100 } }, { peer = "read" }]
"#,
    r#"
title = "A blocked SSL_write_ex is repeated"
steps = [
  "handshake",
  { link = { accept = 0 } },
  { write = { len = 100, function = "SSL_write_ex" } },
  { link = "open" },
  { retry = {} },
  { peer = "read" },
]
"#,
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Scenarios {
    Librarys,
    Own,
}

impl Scenarios {
    fn arguments(self, folder: &TempDir) -> Vec<String> {
        match self {
            Self::Librarys => LIBRARYS.map(str::to_owned).to_vec(),
            Self::Own => {
                let file = |(number, text): (usize, &&str)| {
                    let path = folder.path().join(format!("mine-{number}.toml"));
                    fs::write(&path, text).expect("the test folder is writable");
                    path.display().to_string()
                };
                OWN.iter().enumerate().map(file).collect()
            }
        }
    }
}

fn writeproof(command: &str, arguments: &[String]) -> Output {
    let mut writeproof = Command::new(env!("CARGO_BIN_EXE_writeproof"));
    writeproof.arg(command).args(arguments).stdin(Stdio::null());
    writeproof.output().expect("the command starts")
}

/// The arguments of a command for these scenarios on the library that is named with `--libssl`.
fn arguments(command: &str, scenarios: Vec<String>, library: &Path) -> Vec<String> {
    let libssl = ["--libssl".to_owned(), library.display().to_string()];
    let mut words = Vec::new();
    match command {
        "show" => words.extend(scenarios),
        _ => {
            for scenario in scenarios {
                words.extend(["--scenario".to_owned(), scenario]);
            }
        }
    }
    match command {
        "run" => words.extend(["--backend".to_owned(), "openssl-3.6".to_owned()]),
        "diff" => words.insert(0, "openssl-3.6".to_owned()),
        _ => {}
    }
    words.extend(libssl);
    words
}

#[rstest]
#[case::nothing(HONEST, 0)]
#[case::difference(DIFFERS, 1)]
#[case::broken_must(BREAKS_MUST, 1)]
#[case::broken_should(BREAKS_SHOULD, 1)]
#[case::crash(CRASHES, 1)]
#[case::not_applicable(NOT_APPLICABLE, 3)]
fn exit_code_depends_on_the_findings_and_not_on_the_scenario_source(
    #[case] wrapper: &str,
    #[case] code: i32,
    #[values(Scenarios::Librarys, Scenarios::Own)] scenarios: Scenarios,
    #[values("run", "check", "show", "diff")] command: &str,
) {
    let folder = TempDir::new().expect("a temporary folder");
    let library = Wrapper::of(Real::OpenSsl111, wrapper);
    let arguments = arguments(command, scenarios.arguments(&folder), library.path());
    let code = match (command, wrapper) {
        ("check", BREAKS_SHOULD) => 0,
        _ => code,
    };
    assert_exit(&writeproof(command, &arguments), code);
}

#[test]
fn broken_recommendation_is_counted_and_fails_a_strict_check() {
    let folder = TempDir::new().expect("a temporary folder");
    let library = Wrapper::of(Real::OpenSsl111, BREAKS_SHOULD);
    let mut arguments = arguments("check", Scenarios::Own.arguments(&folder), library.path());
    let output = writeproof("check", &arguments);
    assert_exit(&output, 0);
    let text = stdout(&output);
    let wanted = "\n4 cases unexpected, 4 of them by \"should\" clauses alone, in ";
    assert!(text.contains(wanted), "{text}");
    arguments.push("--strict".to_owned());
    assert_exit(&writeproof("check", &arguments), 1);
}

/// Known issues of a backend also apply to a user's file.
#[rstest]
#[case::run("run", &["--backend", "rustls"])]
#[case::show("show", &["--backend", "rustls"])]
#[case::diff("diff", &["openssl-3.6", "rustls"])]
#[case::diff_without_the_reference("diff", &["openssl-1.1.1", "rustls"])]
fn known_difference_in_a_user_scenario_exits_with_0(
    #[case] command: &str,
    #[case] backends: &[&str],
) {
    let folder = TempDir::new().expect("a temporary folder");
    let file = folder.path().join("refused.toml");
    // rustls accepts data that the transport refuses.
    let text = r#"
title = "A write meets a transport that takes nothing"
steps = ["handshake", { link = { accept = 0 } }, { write = { len = 100 } }]
"#;
    fs::write(&file, text).expect("the test folder is writable");
    let mut arguments: Vec<String> = backends.iter().map(|&word| word.to_owned()).collect();
    if command != "show" {
        arguments.push("--scenario".to_owned());
    }
    arguments.push(file.display().to_string());
    assert_exit(&writeproof(command, &arguments), 0);
}
