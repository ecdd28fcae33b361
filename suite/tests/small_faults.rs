//! Regression tests for arguments and outputs that were once refused without a good reason,
//! accepted although wrong, or answered with a useless error.

#![cfg(target_os = "linux")]

mod everything;
mod outcome;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rstest::rstest;
use tempfile::TempDir;
use writeproof::internal::contract::Contract;
use writeproof_openssl_1_1_1::LIBSSL;

use self::everything::with_everything;
use self::outcome::{assert_exit, stderr, stdout};

fn writeproof(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writeproof"));
    command
        .args(with_everything(arguments))
        .stdin(Stdio::null());
    command.output().expect("the command starts")
}

/// A scenario file in this folder.
fn scenario(folder: &Path, name: &str) -> String {
    let text = r#"
title = "Ten bytes are written"
steps = ["handshake", { write = { len = 10 } }, { peer = "read" }]
"#;
    fs::create_dir_all(folder).expect("the test folder is writable");
    let path = folder.join(name);
    fs::write(&path, text).expect("the test folder is writable");
    path.display().to_string()
}

#[test]
fn unknown_symbol_prefix_is_refused() {
    let output = writeproof(&["check", "--libssl", LIBSSL, "--symbol-prefix", "wolfSSL_"]);
    assert_exit(&output, 3);
    let text = stderr(&output);
    assert!(
        text.contains("has no function with the prefix wolfSSL_"),
        "{text}"
    );
    assert!(
        text.contains("leave --symbol-prefix out, as its functions have no prefix"),
        "{text}"
    );
}

#[test]
fn clauses_command_describes_all_clauses_of_a_family() {
    let family = "retry";
    let output = writeproof(&["clauses", family, "--backend", "openssl-3.6"]);
    let text = stdout(&output);
    let contract = Contract::built_in().expect("the contract");
    let (named, others): (Vec<_>, Vec<_>) = contract
        .clauses()
        .iter()
        .partition(|clause| clause.topic() == family);
    assert!(named.len() > 3 && !others.is_empty());
    let is_headline = |id: &str| text.lines().any(|line| line == id);
    for clause in named {
        assert!(is_headline(&clause.id), "{} in\n{text}", clause.id);
    }
    for clause in others {
        assert!(!is_headline(&clause.id), "{} in\n{text}", clause.id);
    }
}

#[test]
fn unknown_family_gets_a_suggestion() {
    let output = writeproof(&["clauses", "retri"]);
    assert_exit(&output, 2);
    assert!(
        stderr(&output).contains("did you mean \"retry\"?"),
        "{}",
        stderr(&output)
    );
}

#[rstest]
#[case("no/such/folder/report.txt", "there is no folder ")]
#[case("file/report.txt", "is not a folder")]
fn unwritable_output_is_reported_with_its_reason(#[case] path: &str, #[case] wanted: &str) {
    let folder = TempDir::new().expect("a folder");
    fs::write(folder.path().join("file"), "").expect("the folder is ours");
    let path = folder.path().join(path);
    let path = path.to_str().expect("UTF-8");
    let output = writeproof(&["run", "--scenario", "zero", "--output", path]);
    assert_exit(&output, 2);
    let text = stderr(&output);
    assert!(text.contains(&format!("cannot write {path}: ")), "{text}");
    assert!(text.contains(wanted), "{text}");
    assert!(!text.contains("entity"), "{text}");
}

#[test]
fn read_only_folder_is_named() {
    let folder = TempDir::new().expect("a temporary folder");
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).expect("the test folder is writable");
    fs::set_permissions(&closed, Permissions::from_mode(0o555))
        .expect("the test folder is writable");
    if fs::write(closed.join("probe"), "").is_ok() {
        // Root can write everywhere, so for root a read-only file system takes the place of the
        // folder.
        let output = writeproof(&["run", "--scenario", "zero", "--output", "/proc/report.txt"]);
        assert_exit(&output, 2);
        assert!(stderr(&output).contains("/proc"), "{}", stderr(&output));
        return;
    }
    let path = closed.join("report.txt");
    let path = path.to_str().expect("UTF-8");
    let output = writeproof(&["run", "--scenario", "zero", "--output", path]);
    assert_exit(&output, 2);
    let wanted = format!("no permission to create a file in {}", closed.display());
    assert!(stderr(&output).contains(&wanted), "{}", stderr(&output));
}

#[rstest]
#[case("run")]
#[case("show")]
fn folder_selects_all_scenario_files_in_it(#[case] command: &str) {
    let folder = TempDir::new().expect("a temporary folder");
    let (mine, deeper) = (
        folder.path().join("mine"),
        folder.path().join("mine/deeper"),
    );
    scenario(&mine, "first.toml");
    scenario(&deeper, "second.toml");
    fs::write(mine.join("notes.txt"), "no scenario").expect("the test folder is writable");
    let path = mine.to_str().expect("UTF-8");
    let option: &[&str] = match command {
        "run" => &["run", "--format", "json", "--scenario"],
        _ => &["show"],
    };
    let output = writeproof(&[option, &[path, "--backend", "openssl-3.6"]].concat());
    assert_exit(&output, 0);
    let text = stdout(&output);
    for id in ["mine/first", "deeper/second"] {
        assert!(text.contains(id), "{id} in\n{text}");
    }
}

#[test]
fn folder_without_scenario_files_is_refused() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().to_str().expect("UTF-8");
    let output = writeproof(&["run", "--scenario", path]);
    assert_exit(&output, 2);
    let text = stderr(&output);
    assert!(
        text.contains("no scenario file (*.toml) in the folder"),
        "{text}"
    );
}

/// As a shell expands `mine/*.toml`.
#[rstest]
#[case::run(&["run", "--backend", "openssl-3.6", "--scenario"], &[])]
#[case::option_after(&["run", "--scenario"], &["--backend", "openssl-3.6"])]
#[case::check(&["check", "--libssl", LIBSSL, "--scenario"], &[])]
#[case::show(&["show", "--backend", "openssl-3.6"], &[])]
#[case::diff(&["diff", "openssl-3.6", "openssl-1.1.1", "--scenario"], &[])]
fn one_option_takes_several_files(#[case] before: &[&str], #[case] after: &[&str]) {
    let folder = TempDir::new().expect("a temporary folder");
    let mine = folder.path().join("mine");
    let files = ["a.toml", "b.toml", "c.toml"].map(|name| scenario(&mine, name));
    let files = files.each_ref().map(String::as_str);
    let output = writeproof(&[before, &files, after].concat());
    assert_exit(&output, 0);
    let text = stdout(&output);
    let wanted = ["3 scenarios", "12 cases", "mine/c"];
    assert!(wanted.iter().any(|wanted| text.contains(wanted)), "{text}");
}
