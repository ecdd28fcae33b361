//! The documentation of the format: its examples are valid, and its tables name every key and step.

use std::fs;
use std::path::Path;

use writeproof::internal::scenario::Corpus;

use crate::{read, with_steps};

const FORMAT: &str = "suite/docs/src/scenario-format.md";

/// A file of the repository.
fn document(path: &str) -> String {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::read_to_string(repository.join(path)).unwrap()
}

/// The contents of the blocks fenced with "```toml".
fn toml_blocks(document: &str) -> Vec<&str> {
    let opened = document.split("\n```toml\n").skip(1);
    opened
        .map(|block| block.split_once("\n```").unwrap().0)
        .collect()
}

/// The words in backticks in the first column of the table that follows `heading`.
fn first_column<'d>(document: &'d str, heading: &str) -> Vec<&'d str> {
    let (_, section) = document.split_once(&format!("\n{heading}\n")).unwrap();
    let (section, _) = section.split_once("\n#").unwrap_or((section, ""));
    let first_cells = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split(" |").next());
    first_cells
        .flat_map(|cell| cell.split('`').step_by(2))
        .collect()
}

/// The words that the parser lists when a file has a word that resembles none of them.
fn known_words(wrong_file: &str) -> Vec<String> {
    let help = read(wrong_file).unwrap_err().help;
    let (_, list) = help.split_once(" are ").unwrap();
    list.split(", ").map(str::to_owned).collect()
}

#[test]
fn documented_scenario_examples_are_valid() {
    let document = document(FORMAT);
    let mut examples = toml_blocks(&document);
    examples.retain(|block| block.contains("steps"));
    assert!(!examples.is_empty(), "{FORMAT} shows no scenario");
    for example in examples {
        let scenario = read(example);
        assert!(scenario.is_ok(), "{scenario:?}\n{example}");
    }
}

#[test]
fn documented_keys_and_steps_match_the_parser() {
    let document = document(FORMAT);
    for (heading, wrong_file) in [
        ("## Keys of the file", "0 = 1"),
        ("## Steps", &with_steps("'0'")),
        ("### `write`", &with_steps("{ write = { 0 = 1 } }")),
    ] {
        let mut described = first_column(&document, heading);
        let mut known = known_words(wrong_file);
        described.sort_unstable();
        known.sort_unstable();
        assert_eq!(described, known, "{heading}");
    }
}

#[test]
fn no_promoted_scenario_keeps_its_placeholder_title() {
    let library = Corpus::built_in().expect("the library");
    for scenario in library.scenarios() {
        let title = &scenario.title;
        assert!(!title.starts_with('…'), "{}: {title}", scenario.id);
    }
}
