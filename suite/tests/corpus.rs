//! What the fuzzer begins with and what it has found, run again without a fuzzer: each input of a committed corpus
//! (`fuzz/corpus/TARGET`) goes through the same oracle as in the fuzzer, in this process; each saved artifact
//! (`fuzz/artifacts/TARGET`), which may have been saved because it ended one, through `writeproof replay`. And the corpora are
//! what `writeproof corpus` would write now.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};
use std::sync::OnceLock;

use rstest::rstest;
use tempfile::TempDir;
use writeproof::fuzz::{Artifact, ArtifactBody, FuzzTarget, Program, Reading, Session, seeds};
use writeproof::scenario::{Corpus, Id, parse};

/// The folder of the fuzz targets.
fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

/// The libraries that are here, opened once.
fn session() -> &'static Session {
    static SESSION: OnceLock<Session> = OnceLock::new();
    SESSION.get_or_init(|| Session::of_environment().expect("the libraries"))
}

/// The entries of a folder, in the order of their names; none if it is not there.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let listed = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
        other => other.unwrap_or_else(|error| panic!("{}: {error}", folder.display())),
    };
    let mut entries: Vec<PathBuf> = listed
        .map(|entry| entry.expect("an entry").path())
        .collect();
    entries.sort();
    entries
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// What is wrong with an input of `target`: that it is none, or what nobody knows of it.
fn wrong(target: FuzzTarget, path: &Path) -> Option<String> {
    let told = |what: &dyn std::fmt::Display| Some(format!("{}: {what}", path.display()));
    let artifact = match Artifact::read(path) {
        Ok(artifact) if artifact.target == target => artifact,
        Ok(other) => return told(&format!("an input of {}", other.target.name())),
        Err(error) => return Some(error.to_string()),
    };
    if let ArtifactBody::Text(text) = &artifact.content {
        let id = Id::new("fuzz/input").expect("an id");
        return Reading::of(id, "input.toml", text)
            .err()
            .and_then(|misread| told(&misread));
    }
    // Of an input that tells no scenario there is nothing to run: the fuzzer passes it over too.
    let (scenario, variant) = artifact.case()?;
    match session().examine(&scenario, variant) {
        Ok(news) if news.is_empty() => None,
        Ok(news) => {
            let news: Vec<String> = news.iter().map(ToString::to_string).collect();
            told(&format!(
                "unexpected finding (`writeproof replay` shows it):\n{}",
                news.join("\n")
            ))
        }
        Err(error) => told(&error),
    }
}

/// OpenSSL 1.1.1 ends its process here, as in `handshake/renegotiation-before-the-first-one-long-write`.
const DEADLY: &str = r#"
title = "A renegotiation asked for before the first handshake, and two long writes"
versions = ["tls1.2"]
roles = ["client"]
key_exchange = "pre-shared"
steps = [
  { max_send_fragment = 512 },
  "renegotiate",
  { write = { len = 4096 } },
  { write = { len = 4096 } },
]
"#;

/// How `writeproof replay` ends, and what it tells.
fn replayed(path: &Path) -> (ExitStatus, String) {
    let mut replay = Command::new(env!("CARGO_BIN_EXE_writeproof"));
    let replay = replay.arg("replay").arg(path).output();
    let Output {
        status,
        stdout,
        stderr,
    } = replay.expect("the command starts");
    let told = [stdout, stderr].map(|told| String::from_utf8_lossy(&told).into_owned());
    (status, told.join("\n"))
}

/// What is wrong with an input that the fuzzer of `target` has saved: it may end the process of a library.
fn wrong_apart(target: FuzzTarget, path: &Path) -> Option<String> {
    let runs = |artifact: Artifact| {
        artifact.target == target && matches!(artifact.content, ArtifactBody::Program(_))
    };
    if !Artifact::read(path).is_ok_and(runs) {
        return wrong(target, path);
    }
    let (status, told) = replayed(path);
    (!status.success()).then(|| format!("{status}\n{told}"))
}

/// What is wrong with the corpora below `root`, if they have to be those of the library.
fn complaints(root: &Path) -> Vec<String> {
    let library = Corpus::built_in().expect("the library");
    let mut complaints = Vec::new();
    for folder in entries(root) {
        if FuzzTarget::of_name(&name(&folder)).is_none() {
            let all = FuzzTarget::ALL.map(FuzzTarget::name).join(", ");
            complaints.push(format!(
                "{}: no target is called so; the targets are {all}: rename or remove it",
                folder.display()
            ));
        }
    }
    for target in FuzzTarget::ALL {
        let seeds = seeds(target, &library).expect("seeds");
        let folder = root.join(target.name());
        let there: BTreeSet<String> = entries(&folder).iter().map(|path| name(path)).collect();
        if there.is_empty() {
            complaints.push(format!(
                "{}: the target has no corpus: `writeproof corpus` writes one",
                folder.display()
            ));
            continue;
        }
        for (name, bytes) in &seeds.inputs {
            let path = folder.join(name);
            match fs::read(&path) {
                Ok(there) if there == *bytes => {}
                Ok(_) => complaints.push(format!(
                    "{}: not what its scenario says now: `writeproof corpus` writes it anew",
                    path.display()
                )),
                Err(error) => complaints.push(format!(
                    "{}: {error}: `writeproof corpus` writes it",
                    path.display()
                )),
            }
        }
        for name in there
            .iter()
            .filter(|name| !seeds.inputs.contains_key(*name))
        {
            if !is_of_the_fuzzer(name) {
                complaints.push(format!(
                    "{}: neither the seed of a scenario nor found by the fuzzer: remove it",
                    folder.join(name).display()
                ));
            }
        }
    }
    complaints
}

/// Whether libFuzzer has named the file: by the SHA-1 of its bytes.
fn is_of_the_fuzzer(name: &str) -> bool {
    name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[rstest]
#[case(FuzzTarget::WriteRetry)]
#[case(FuzzTarget::WriteSequence)]
#[case(FuzzTarget::WireInbound)]
#[case(FuzzTarget::ScenarioFile)]
fn nothing_comes_of_a_committed_corpus_that_nobody_knows(#[case] target: FuzzTarget) {
    let inputs = entries(&fuzz().join("corpus").join(target.name()));
    assert!(inputs.len() > 100, "only {} inputs", inputs.len());
    let wrong: Vec<String> = inputs
        .iter()
        .filter_map(|path| wrong(target, path))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_comes_any_more_of_what_the_fuzzer_has_saved() {
    let mut found = Vec::new();
    for folder in entries(&fuzz().join("artifacts")) {
        let Some(target) = FuzzTarget::of_name(&name(&folder)) else {
            found.push(format!("{}: no target is called so", folder.display()));
            continue;
        };
        let wrong = |path: &PathBuf| wrong_apart(target, path);
        found.extend(entries(&folder).iter().filter_map(wrong));
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn what_ended_the_process_of_a_library_is_told_at_its_step() {
    let id = Id::new("fuzz/write-sequence").expect("an id");
    let deadly = parse(id, "deadly.toml", DEADLY).expect("a scenario");
    let variant = deadly.variants().next().expect("a variant");
    let seed = Program::of(FuzzTarget::WriteSequence, &deadly, variant).expect("cells");
    let artifact = Artifact {
        target: FuzzTarget::WriteSequence,
        content: ArtifactBody::Program(seed),
    };
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("crash-0123");
    fs::write(&path, artifact.bytes()).expect("the folder is ours");
    // Of 1.1.1 the ledger knows it.
    assert_eq!(wrong_apart(FuzzTarget::WriteSequence, &path), None);
    let (_, told) = replayed(&path);
    let crash = "crashed: SIGSEGV\n>>> crash: known, bug: ";
    assert!(told.contains(crash), "{told}");
    fs::write(&path, b"WP\x63r123456").expect("the folder is ours");
    let told = wrong_apart(FuzzTarget::WriteRetry, &path).expect("it is of another format");
    assert!(told.contains("format 99"), "{told}");
}

#[test]
fn the_corpora_are_what_the_command_would_write_now() {
    let complaints = complaints(&fuzz().join("corpus"));
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Corpora as the command writes them.
fn written() -> TempDir {
    let folder = TempDir::new().expect("a folder");
    let library = Corpus::built_in().expect("the library");
    for target in FuzzTarget::ALL {
        let of_target = folder.path().join(target.name());
        fs::create_dir(&of_target).expect("the folder is ours");
        for (name, bytes) in seeds(target, &library).expect("seeds").inputs {
            fs::write(of_target.join(name), bytes).expect("the folder is ours");
        }
    }
    folder
}

#[test]
fn what_is_not_as_it_has_to_be_is_told() {
    let written = written();
    let at = |path: &str| written.path().join(path);
    assert_eq!(complaints(written.path()), Vec::<String>::new());
    fs::create_dir(at("write_rerty")).expect("the folder is ours");
    fs::remove_dir_all(at("wire_inbound")).expect("the folder is ours");
    fs::write(at("write_retry/retry-shorter-buffer"), "old").expect("the folder is ours");
    fs::remove_file(at("write_sequence/retry-shorter-buffer")).expect("the folder is ours");
    fs::write(at("scenario_file/retry-removed"), "title = 1").expect("the folder is ours");
    fs::write(at("scenario_file").join("0123456789".repeat(4)), "x").expect("the folder is ours");
    let complaints = complaints(written.path());
    let wanted = [
        (
            "write_rerty",
            "no target is called so; the targets are write_retry",
        ),
        (
            "write_retry/retry-shorter-buffer",
            "not what its scenario says now",
        ),
        (
            "write_sequence/retry-shorter-buffer",
            "`writeproof corpus` writes it",
        ),
        ("wire_inbound", "the target has no corpus"),
        (
            "scenario_file/retry-removed",
            "neither the seed of a scenario nor found by the fuzzer",
        ),
    ];
    assert_eq!(complaints.len(), wanted.len(), "{}", complaints.join("\n"));
    for ((path, what), complaint) in wanted.into_iter().zip(&complaints) {
        let path = at(path).display().to_string();
        assert!(
            complaint.starts_with(&path) && complaint.contains(what),
            "{complaint}"
        );
    }
}

#[test]
fn an_input_of_another_target_or_of_none_is_told() {
    let written = written();
    let path = written.path().join("write_retry/retry-shorter-buffer");
    assert_eq!(wrong(FuzzTarget::WriteRetry, &path), None);
    let told = wrong(FuzzTarget::WriteSequence, &path).expect("it is of another target");
    assert!(told.ends_with(": an input of write_retry"), "{told}");
    fs::write(&path, b"WP\x63r123456").expect("the folder is ours");
    let told = wrong(FuzzTarget::WriteRetry, &path).expect("it is of another format");
    assert!(told.contains("format 99"), "{told}");
}
