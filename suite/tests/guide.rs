//! The pages for the author of a library: the example of a backend is short, its quotations are
//! exact, and it does what its page says; the options of `check` and the lines that it prints are
//! explained.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const README: &str = include_str!("../../README.md");
const CHECK: &str = include_str!("../docs/src/check-your-library.md");
const BACKEND: &str = include_str!("../docs/src/add-a-backend.md");
const EXAMPLE: &str = include_str!("../examples/own_backend.rs");

/// The page says how long the example is.
const LINES_OF_CODE: usize = 60;

/// The blocks of the page on backends that are fenced with this word.
fn blocks(word: &str) -> Vec<&'static str> {
    let opening = format!("```{word}\n");
    let opened = BACKEND.split(opening.as_str()).skip(1);
    opened
        .map(|block| block.split_once("```").expect("its end").0)
        .collect()
}

/// Words in backticks, as in the text and the tables.
fn quoted_on_the_page() -> BTreeSet<&'static str> {
    let lines = CHECK.lines();
    lines
        .flat_map(|line| line.split('`').skip(1).step_by(2))
        .collect()
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn writeproof(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_writeproof"))
        .args(arguments)
        .output()
        .expect("the command starts")
}

/// The example, which cargo builds with the tests.
fn example(arguments: &[&str]) -> Output {
    let program =
        Path::new(env!("CARGO_BIN_EXE_writeproof")).with_file_name("examples/own_backend");
    Command::new(&program)
        .args(arguments)
        .output()
        .unwrap_or_else(|error| {
            panic!(
                "{}: {error}; `cargo test` without `--test` builds it",
                program.display()
            )
        })
}

#[test]
fn the_example_of_a_backend_is_short() {
    let code = EXAMPLE.lines().map(str::trim_start);
    let code = code.filter(|line| !line.is_empty() && !line.starts_with("//"));
    let lines = code.count();
    assert!(lines <= LINES_OF_CODE, "{lines} lines of code");
    let said = format!("in {LINES_OF_CODE} lines of code");
    assert!(BACKEND.contains(&said), "{said}");
}

#[test]
fn page_quotes_the_example_as_it_is() {
    let quoted = blocks("rust");
    assert!(!quoted.is_empty(), "nothing is quoted");
    for block in quoted {
        assert!(EXAMPLE.contains(block), "{block}");
    }
}

/// `documents.rs` compares the output.
#[test]
fn page_runs_the_example() {
    let command = "--example own_backend -- zero/write-between-two-others";
    assert!(
        blocks("console")
            .iter()
            .any(|block| block.contains(command))
    );
}

#[test]
fn the_example_does_every_variant_of_a_write_and_its_retry() {
    let output = example(&["retry/same-arguments", "whole"]);
    let text = printed(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(!text.contains("differ"), "{text}");
}

#[test]
fn the_example_says_what_would_be_right() {
    let output = example(&["retry/same-argument"]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("did you mean retry/same-arguments"), "{said}");
}

/// The options that a help text describes.
fn options(help: &str) -> BTreeSet<&str> {
    // Descriptions are indented further.
    let options = help.lines().filter_map(|line| {
        let option = line.strip_prefix("      ")?.split(' ').next()?;
        option.starts_with("--").then_some(option)
    });
    options.filter(|option| *option != "--help").collect()
}

#[test]
fn every_option_of_check_is_explained() {
    let help = printed(&writeproof(&["check", "--help"]));
    let options = options(&help);
    assert!(options.contains("--libssl"), "{options:?}");
    let unexplained: Vec<_> = options.iter().filter(|o| !CHECK.contains(**o)).collect();
    assert!(unexplained.is_empty(), "{unexplained:?}");
}

#[test]
fn every_option_of_an_external_backend_is_explained() {
    let help = printed(&example(&["--help"]));
    let options = options(&help);
    assert!(options.contains("--ledger"), "{options:?}");
    let unexplained: Vec<_> = options.iter().filter(|o| !BACKEND.contains(**o)).collect();
    assert!(unexplained.is_empty(), "{unexplained:?}");
}

#[test]
fn every_line_about_a_library_is_explained() {
    let libssl = writeproof_openssl_1_1_1::LIBSSL;
    let output = writeproof(&[
        "check",
        "--verbose",
        "--libssl",
        libssl,
        "--scenario",
        "zero/first-call",
    ]);
    let text = printed(&output);
    let loaded = text.split("\n\n").next().expect("what was loaded");
    let labels = loaded.lines().skip(1).map(|line| {
        let label = line.trim_start().split("  ").next();
        label.unwrap_or_default()
    });
    let labels: BTreeSet<&str> = labels.collect();
    assert!(labels.contains("self-check"), "{text}");
    let explained = quoted_on_the_page();
    let unexplained: Vec<_> = labels.difference(&explained).collect();
    assert!(unexplained.is_empty(), "{unexplained:?}");
}

#[test]
fn every_backend_is_named_in_the_readme() {
    for id in writeproof::internal::backend::Backends::all() {
        assert!(README.contains(id), "{id}");
    }
}

#[test]
fn every_feature_of_a_library_is_in_the_table_of_libraries() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
    let manifest = fs::read_to_string(manifest).expect("the manifest");
    let manifest: toml::Table = manifest.parse().expect("TOML");
    let (_, libraries) = BACKEND
        .split_once("\n## More libraries in the suite\n")
        .expect("the section");
    for feature in manifest["features"].as_table().expect("features").keys() {
        let named = match feature.as_str() {
            "all-backends" => "writeproof/all-backends".to_owned(),
            feature => format!("| `{feature}` |"),
        };
        assert!(libraries.contains(&named), "{feature}");
    }
}
