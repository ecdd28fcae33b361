//! The committed fuzz corpora and saved artifacts, run again without a fuzzer. Each input of a
//! corpus (`fuzz/corpus/TARGET`) goes through the fuzzer's oracle in this process. Each saved
//! artifact (`fuzz/artifacts/TARGET`) may crash a library and goes through `writeproof replay`. The
//! corpora must also be what `writeproof corpus` writes now.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};
use std::sync::OnceLock;

use rstest::rstest;
use tempfile::TempDir;
use writeproof::internal::fuzz::{
    Artifact, ArtifactBody, FuzzSession, FuzzTarget, Program, Reading, seeds,
};
use writeproof::internal::scenario::{Corpus, Id, parse};

/// The folder of the fuzz targets.
fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

/// The available libraries, opened once.
fn session() -> &'static FuzzSession {
    static SESSION: OnceLock<FuzzSession> = OnceLock::new();
    SESSION.get_or_init(|| FuzzSession::of_environment().expect("the libraries"))
}

/// The entries of a folder, sorted by name; none if the folder does not exist.
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

/// What is wrong with an input of `target`: it does not decode, or it has an unexpected finding.
fn wrong(target: FuzzTarget, path: &Path) -> Option<String> {
    let message = |what: &dyn std::fmt::Display| Some(format!("{}: {what}", path.display()));
    let artifact = match Artifact::read(path) {
        Ok(artifact) if artifact.target == target => artifact,
        Ok(other) => return message(&format!("an input of {}", other.target.name())),
        Err(error) => return Some(error.to_string()),
    };
    if let ArtifactBody::Text(text) = &artifact.content {
        let id = Id::new("fuzz/input").expect("an id");
        return Reading::of(id, "input.toml", text)
            .err()
            .and_then(|mismatch| message(&mismatch));
    }
    // An input without a scenario runs nothing: the fuzzer skips it too.
    let (scenario, variant) = artifact.case()?;
    match session().examine(&scenario, variant) {
        Ok(findings) if findings.is_empty() => None,
        Ok(findings) => {
            let findings: Vec<String> = findings.iter().map(ToString::to_string).collect();
            message(&format!(
                "unexpected finding (`writeproof replay` shows it):\n{}",
                findings.join("\n")
            ))
        }
        Err(error) => message(&error),
    }
}

/// OpenSSL 1.1.1 crashes here, as in `handshake/renegotiation-before-the-first-one-long-write`.
const CRASHING: &str = r#"
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

/// The exit status of `writeproof replay` and its output.
fn replayed(path: &Path) -> (ExitStatus, String) {
    let mut replay = Command::new(env!("CARGO_BIN_EXE_writeproof"));
    let replay = replay.arg("replay").arg(path).output();
    let Output {
        status,
        stdout,
        stderr,
    } = replay.expect("the command starts");
    let output = [stdout, stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    (status, output.join("\n"))
}

/// What is wrong with an artifact that the fuzzer of `target` has saved: it may crash a library.
fn wrong_apart(target: FuzzTarget, path: &Path) -> Option<String> {
    let runs = |artifact: Artifact| {
        artifact.target == target && matches!(artifact.content, ArtifactBody::Program(_))
    };
    if !Artifact::read(path).is_ok_and(runs) {
        return wrong(target, path);
    }
    let (status, output) = replayed(path);
    (!status.success()).then(|| format!("{status}\n{output}"))
}

/// What is wrong with the corpora below `root`, compared with those of the scenarios.
fn complaints(root: &Path) -> Vec<String> {
    let library = Corpus::built_in().expect("the library");
    let mut complaints = Vec::new();
    for folder in entries(root) {
        if FuzzTarget::of_name(&name(&folder)).is_none() {
            let all = FuzzTarget::ALL.map(FuzzTarget::name).join(", ");
            complaints.push(format!(
                "{}: no target has this name; the targets are {all}: rename or remove it",
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
                    "{}: differs from its scenario: `writeproof corpus` writes it again",
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
fn committed_corpus_has_no_unexpected_finding(#[case] target: FuzzTarget) {
    let inputs = entries(&fuzz().join("corpus").join(target.name()));
    assert!(inputs.len() > 100, "only {} inputs", inputs.len());
    let wrong: Vec<String> = inputs
        .iter()
        .filter_map(|path| wrong(target, path))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn saved_fuzz_artifacts_have_no_unexpected_finding() {
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
fn input_that_crashes_the_library_is_reported_at_its_step() {
    let id = Id::new("fuzz/write-sequence").expect("an id");
    let crashing = parse(id, "crashing.toml", CRASHING).expect("a scenario");
    let variant = crashing.variants().next().expect("a variant");
    let seed = Program::of(FuzzTarget::WriteSequence, &crashing, variant)
        .expect("the scenario is encodable");
    let artifact = Artifact {
        target: FuzzTarget::WriteSequence,
        content: ArtifactBody::Program(seed),
    };
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("crash-0123");
    fs::write(&path, artifact.bytes()).expect("the test folder is writable");
    // The ledger of 1.1.1 has it.
    assert_eq!(wrong_apart(FuzzTarget::WriteSequence, &path), None);
    let (_, output) = replayed(&path);
    let crash = "crashed: SIGSEGV\n>>> crash: known, bug: ";
    assert!(output.contains(crash), "{output}");
    fs::write(&path, b"WP\x63r123456").expect("the test folder is writable");
    let message =
        wrong_apart(FuzzTarget::WriteRetry, &path).expect("an input of another format is refused");
    assert!(message.contains("format 99"), "{message}");
}

#[test]
fn committed_corpora_are_current() {
    let complaints = complaints(&fuzz().join("corpus"));
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}

/// Corpora as the command writes them.
fn written() -> TempDir {
    let folder = TempDir::new().expect("a temporary folder");
    let library = Corpus::built_in().expect("the library");
    for target in FuzzTarget::ALL {
        let of_target = folder.path().join(target.name());
        fs::create_dir(&of_target).expect("the test folder is writable");
        for (name, bytes) in seeds(target, &library).expect("seeds").inputs {
            fs::write(of_target.join(name), bytes).expect("the test folder is writable");
        }
    }
    folder
}

#[test]
fn missing_changed_and_surplus_corpus_files_are_reported() {
    let written = written();
    let at = |path: &str| written.path().join(path);
    assert_eq!(complaints(written.path()), Vec::<String>::new());
    fs::create_dir(at("write_rerty")).expect("the test folder is writable");
    fs::remove_dir_all(at("wire_inbound")).expect("the test folder is writable");
    fs::write(at("write_retry/retry-shorter-buffer"), "old").expect("the test folder is writable");
    fs::remove_file(at("write_sequence/retry-shorter-buffer"))
        .expect("the test folder is writable");
    fs::write(at("scenario_file/retry-removed"), "title = 1").expect("the test folder is writable");
    fs::write(at("scenario_file").join("0123456789".repeat(4)), "x")
        .expect("the test folder is writable");
    let complaints = complaints(written.path());
    let wanted = [
        (
            "write_rerty",
            "no target has this name; the targets are write_retry",
        ),
        (
            "write_retry/retry-shorter-buffer",
            "differs from its scenario",
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
fn input_that_does_not_decode_for_its_target_is_reported() {
    let written = written();
    let path = written.path().join("write_retry/retry-shorter-buffer");
    assert_eq!(wrong(FuzzTarget::WriteRetry, &path), None);
    let message =
        wrong(FuzzTarget::WriteSequence, &path).expect("an input of another target is refused");
    assert!(message.ends_with(": an input of write_retry"), "{message}");
    fs::write(&path, b"WP\x63r123456").expect("the test folder is writable");
    let message =
        wrong(FuzzTarget::WriteRetry, &path).expect("an input of another format is refused");
    assert!(message.contains("format 99"), "{message}");
}
