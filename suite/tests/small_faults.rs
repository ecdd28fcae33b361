//! Arguments and outputs that once were refused without a good reason, taken although they were wrong, or answered with an error
//! that says nothing.

#![cfg(target_os = "linux")]

mod outcome;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use rstest::rstest;
use tempfile::TempDir;
use writeproof::contract::Contract;
use writeproof_openssl_1_1_1::LIBSSL;

use self::outcome::{assert_exit, stderr, stdout};

fn writeproof(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writeproof"));
    command.args(arguments).stdin(Stdio::null());
    command.output().expect("the command starts")
}

/// A scenario file in this folder.
fn scenario(folder: &Path, name: &str) -> String {
    let text = r#"
title = "Ten bytes are written"
steps = ["handshake", { write = { len = 10 } }, { peer = "read" }]
"#;
    fs::create_dir_all(folder).expect("the folder is ours");
    let path = folder.join(name);
    fs::write(&path, text).expect("the folder is ours");
    path.display().to_string()
}

#[test]
fn a_symbol_prefix_that_no_function_has_is_refused() {
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
fn manual_describes_all_clauses_of_a_family() {
    let family = "retry";
    let output = writeproof(&["clauses", family, "--backend", "openssl-3.6"]);
    let text = stdout(&output);
    let manual = Contract::built_in().expect("the manual");
    let (named, others): (Vec<_>, Vec<_>) = manual
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
fn a_family_that_there_is_not_is_answered_with_the_nearest() {
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
fn an_output_that_cannot_be_written_is_answered_with_the_reason(
    #[case] path: &str,
    #[case] wanted: &str,
) {
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
fn a_folder_that_may_not_be_written_to_is_named() {
    let folder = TempDir::new().expect("a folder");
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).expect("the folder is ours");
    fs::set_permissions(&closed, Permissions::from_mode(0o555)).expect("the folder is ours");
    if fs::write(closed.join("probe"), "").is_ok() {
        // The superuser may write everywhere; for it, a file system that takes nothing stands for the folder.
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
fn a_folder_stands_for_all_scenario_files_in_it(#[case] command: &str) {
    let folder = TempDir::new().expect("a folder");
    let (mine, deeper) = (
        folder.path().join("mine"),
        folder.path().join("mine/deeper"),
    );
    scenario(&mine, "first.toml");
    scenario(&deeper, "second.toml");
    fs::write(mine.join("notes.txt"), "no scenario").expect("the folder is ours");
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
fn a_folder_without_scenario_files_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().to_str().expect("UTF-8");
    let output = writeproof(&["run", "--scenario", path]);
    assert_exit(&output, 2);
    let text = stderr(&output);
    assert!(
        text.contains("no scenario file (*.toml) in the folder"),
        "{text}"
    );
}

/// As a shell hands them over that has found them for `mine/*.toml`.
#[rstest]
#[case::run(&["run", "--backend", "openssl-3.6", "--scenario"], &[])]
#[case::option_after(&["run", "--scenario"], &["--backend", "openssl-3.6"])]
#[case::check(&["check", "--libssl", LIBSSL, "--scenario"], &[])]
#[case::show(&["show", "--backend", "openssl-3.6"], &[])]
#[case::diff(&["diff", "openssl-3.6", "openssl-1.1.1", "--scenario"], &[])]
fn several_files_after_one_option_are_all_taken(#[case] before: &[&str], #[case] after: &[&str]) {
    let folder = TempDir::new().expect("a folder");
    let mine = folder.path().join("mine");
    let files = ["a.toml", "b.toml", "c.toml"].map(|name| scenario(&mine, name));
    let files = files.each_ref().map(String::as_str);
    let output = writeproof(&[before, &files, after].concat());
    assert_exit(&output, 0);
    let text = stdout(&output);
    let wanted = ["3 scenarios", "12 cases", "mine/c"];
    assert!(wanted.iter().any(|wanted| text.contains(wanted)), "{text}");
}
