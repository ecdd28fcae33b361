//! The table of exit codes: what is found decides, whether the scenario is the library's or a file of one's own, in `run`, `check`,
//! `show` and `diff`.

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

/// It does in these scenarios what the reference does.
const HONEST: &str = "honest";

const DIFFERS: &str = "two-records";

const BREAKS_SHOULD: &str = "failure-stores-a-number";

const BREAKS_MUST: &str = "one-byte-more";

const CRASHES: &str = "crashes";

/// No case is applicable to it.
const NOT_APPLICABLE: &str = "no-connection";

/// The scenarios of the library: a whole write, and an SSL_write_ex that blocks.
const LIBRARYS: [&str; 2] = ["whole/exactly-one-record", "retry/write-ex"];

/// Files with the same.
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
                    fs::write(&path, text).expect("the folder is ours");
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
fn what_is_found_decides_whoever_wrote_the_scenario(
    #[case] wrapper: &str,
    #[case] code: i32,
    #[values(Scenarios::Librarys, Scenarios::Own)] scenarios: Scenarios,
    #[values("run", "check", "show", "diff")] command: &str,
) {
    let folder = TempDir::new().expect("a folder");
    let library = Wrapper::of(Real::OpenSsl111, wrapper);
    let arguments = arguments(command, scenarios.arguments(&folder), library.path());
    let code = match (command, wrapper) {
        ("check", BREAKS_SHOULD) => 0,
        _ => code,
    };
    assert_exit(&writeproof(command, &arguments), code);
}

#[test]
fn a_broken_should_alone_is_counted_and_fails_a_strict_check() {
    let folder = TempDir::new().expect("a folder");
    let library = Wrapper::of(Real::OpenSsl111, BREAKS_SHOULD);
    let mut arguments = arguments("check", Scenarios::Own.arguments(&folder), library.path());
    let output = writeproof("check", &arguments);
    assert_exit(&output, 0);
    let text = stdout(&output);
    assert!(text.contains("\n4 cases unexpected, in "), "{text}");
    assert!(
        text.contains("; 4 of these break only \"should\" clauses, which count with --strict"),
        "{text}"
    );
    arguments.push("--strict".to_owned());
    assert_exit(&writeproof("check", &arguments), 1);
}

/// What is known of a backend is known in a file of one's own too.
#[rstest]
#[case::run("run", &["--backend", "rustls"])]
#[case::show("show", &["--backend", "rustls"])]
#[case::diff("diff", &["openssl-3.6", "rustls"])]
#[case::diff_without_the_reference("diff", &["openssl-1.1.1", "rustls"])]
fn backend_that_differs_by_a_known_cause_in_a_file_of_ones_own_exits_with_0(
    #[case] command: &str,
    #[case] backends: &[&str],
) {
    let folder = TempDir::new().expect("a folder");
    let file = folder.path().join("refused.toml");
    // rustls takes what the transport refuses.
    let text = r#"
title = "A write meets a transport that takes nothing"
steps = ["handshake", { link = { accept = 0 } }, { write = { len = 100 } }]
"#;
    fs::write(&file, text).expect("the folder is ours");
    let mut arguments: Vec<String> = backends.iter().map(|&word| word.to_owned()).collect();
    if command != "show" {
        arguments.push("--scenario".to_owned());
    }
    arguments.push(file.display().to_string());
    assert_exit(&writeproof(command, &arguments), 0);
}
