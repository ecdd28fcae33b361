//! How arguments select scenarios from the corpus and from files.

use std::fs;
use std::path::PathBuf;

use writeproof::internal::scenario::{Corpus, Id, Pattern};

use crate::{ALL_OF_TLS13, RENEGOTIATION, SHORTER_BUFFER};

const FILES: [(&str, &str, &str); 4] = [
    (
        "zero/empty",
        "fixtures/scenarios/zero/empty.toml",
        SHORTER_BUFFER,
    ),
    (
        "retry/shorter-buffer",
        "fixtures/scenarios/retry/shorter-buffer.toml",
        SHORTER_BUFFER,
    ),
    (
        "retry/moved-buffer",
        "fixtures/scenarios/retry/moved-buffer.toml",
        SHORTER_BUFFER,
    ),
    ("keys/all", "fixtures/scenarios/keys/all.toml", ALL_OF_TLS13),
];

/// The ids that the arguments select, or the error message.
fn picked(arguments: &[&str]) -> Result<Vec<String>, String> {
    let corpus = Corpus::from_files(&FILES).unwrap();
    let arguments: Vec<_> = arguments.iter().map(|&a| a.to_owned()).collect();
    match corpus.select(&arguments) {
        Ok(selections) => Ok(selections
            .iter()
            .map(|s| s.scenario.id.to_string())
            .collect()),
        Err(error) => Err(error.to_string()),
    }
}

/// Writes a file into a folder of this test.
fn written_file(test: &str, path: &str, bytes: &[u8]) -> String {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join(test)
        .join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, bytes).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn pattern_matches_an_id_a_family_or_a_glob() {
    let means = |text: &str| -> Vec<&str> {
        let pattern = Pattern::new(text).unwrap();
        let mut ids = FILES.map(|(id, _, _)| id).to_vec();
        ids.retain(|id| pattern.matches(&Id::new(id).unwrap()));
        ids
    };
    let both = ["retry/shorter-buffer", "retry/moved-buffer"];
    assert_eq!(means("retry"), both);
    assert_eq!(means("retry/"), both);
    assert_eq!(means("*/*-buffer"), both);
    assert_eq!(means("retry/sh*"), both[..1]);
    assert_eq!(means("{zero,keys}"), ["zero/empty", "keys/all"]);
    assert_eq!(means("*").len(), 4);
    assert_eq!(means("**").len(), 4);
    assert_eq!(means("retry*buffer/x").len(), 0, "* stays within a family");
}

#[test]
fn pattern_with_an_open_bracket_is_refused() {
    let error = Pattern::new("retry/[a").unwrap_err().to_string();
    assert!(
        error.starts_with("\"retry/[a\" is not a pattern: "),
        "{error}"
    );
}

#[test]
fn corpus_is_sorted_by_id() {
    let all = [
        "keys/all",
        "retry/moved-buffer",
        "retry/shorter-buffer",
        "zero/empty",
    ];
    assert_eq!(picked(&[]).unwrap(), all);
    let corpus = Corpus::from_files(&FILES).unwrap();
    let ids: Vec<_> = corpus.scenarios().iter().map(|s| s.id.as_str()).collect();
    assert_eq!(ids, all);
    assert_eq!(corpus.get("zero/empty").unwrap().id.name(), "empty");
    assert!(corpus.get("zero").is_none());
}

#[test]
fn corpus_error_names_the_file() {
    let message = |files: &[_]| Corpus::from_files(files).unwrap_err().to_string();
    assert!(message(&[("a/b", "f/a/b.toml", "title = 5")]).starts_with("f/a/b.toml:1:9: "));
    assert!(
        message(&[("A/b", "f/A/b.toml", SHORTER_BUFFER)])
            .starts_with("f/A/b.toml:1:1: \"A/b\" is not a scenario id")
    );
    let twice = [
        ("a/b", "f/a/b.toml", SHORTER_BUFFER),
        ("a/b", "g/a/b.toml", SHORTER_BUFFER),
    ];
    assert!(message(&twice).starts_with("g/a/b.toml:1:1: duplicate scenario id"));
}

#[test]
fn overlapping_arguments_pick_each_scenario_once() {
    let ids = picked(&["zero/empty", "retry", "retry/shorter-buffer", "retry/*"]).unwrap();
    assert_eq!(
        ids,
        ["retry/moved-buffer", "retry/shorter-buffer", "zero/empty"]
    );
}

#[test]
fn argument_that_matches_nothing_gets_a_suggestion() {
    let offered = |argument| picked(&[argument]).unwrap_err();
    assert_eq!(
        offered("retry/shorter-bufer"),
        "unknown scenario \"retry/shorter-bufer\": did you mean retry/shorter-buffer?"
    );
    assert!(offered("shorter-buffer").contains("did you mean retry/shorter-buffer"));
    assert!(offered("retyr").contains("did you mean retry"));
    assert!(offered("qqq").contains("give an id, a pattern"));
    assert!(offered("retry/[a").contains("is not a pattern"));
}

#[test]
fn file_takes_its_id_from_its_folder_and_name_or_is_local() {
    let test = "file_ids";
    let named = written_file(test, "probe/own-case.toml", SHORTER_BUFFER.as_bytes());
    let odd = written_file(
        test,
        "Odd Folder/My Case (2).toml",
        SHORTER_BUFFER.as_bytes(),
    );
    let no_ending = written_file(test, "probe/plain", SHORTER_BUFFER.as_bytes());
    let ids = picked(&[&named, &odd, &no_ending, "keys"]).unwrap();
    assert_eq!(
        ids,
        [
            "keys/all",
            "local/my-case-2",
            "probe/own-case",
            "probe/plain"
        ]
    );
}

#[test]
fn file_replaces_the_corpus_scenario_with_its_id() {
    let edited = written_file("stands_in", "zero/empty.toml", RENEGOTIATION.as_bytes());
    let corpus = Corpus::from_files(&FILES).unwrap();
    let picked = corpus
        .select(&["zero".to_owned(), edited, "zero/empty".to_owned()])
        .unwrap();
    let titles: Vec<_> = picked.iter().map(|s| s.scenario.title.as_str()).collect();
    assert_eq!(titles, ["A write during a renegotiation"]);
}

#[test]
fn file_named_twice_is_picked_once_but_two_files_with_one_id_are_refused() {
    let first = written_file("same_id", "one/probe/x.toml", SHORTER_BUFFER.as_bytes());
    let second = written_file("same_id", "two/probe/x.toml", SHORTER_BUFFER.as_bytes());
    let roundabout = first.replace("/one/", "/two/../one/");
    assert_eq!(picked(&[&first, &roundabout]).unwrap(), ["probe/x"]);
    let message = picked(&[&first, &second]).unwrap_err();
    assert!(
        message.contains("would both have the scenario id probe/x"),
        "{message}"
    );
}

#[test]
fn missing_or_wrong_file_is_named() {
    let message = |path: &str| picked(&[path]).unwrap_err();
    assert!(message("no/such.toml").starts_with("cannot read the scenario file no/such.toml: "));
    let binary = written_file("wrong_files", "probe/binary.toml", &[0xff, 0xfe]);
    assert!(message(&binary).contains("UTF-8"));
    let wrong = written_file("wrong_files", "probe/wrong.toml", b"title = 't'\nsteps = 5");
    assert!(message(&wrong).starts_with(&format!("{wrong}:2:9: ")));
}
