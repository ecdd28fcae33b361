//! The commands for inputs of fuzz targets: `replay`, `shrink`, `promote` and `corpus`. Unexpected
//! findings come from the library with seeded faults.

mod outcome;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rstest::rstest;
use tempfile::TempDir;
use writeproof::internal::fuzz::{
    Artifact, ArtifactBody, FIRST_FORMAT, FORMAT, FuzzTarget, Op, Program, seeds,
};
use writeproof::internal::judge::Recording;
use writeproof::internal::scenario::{Corpus, Id, Scenario, parse, write};
use writeproof_faulty::{LIBSSL, VARIABLE};

use self::outcome::{assert_exit, stderr, stdout};

/// A corpus scenario in which a correct library breaks only clauses that the ledger excuses.
const SCENARIO: &str = "retry/shorter-buffer";

/// A fault that ends the process on a wrong retry.
const CRASHES: &str = "wrong-retry-aborts";

fn writeproof(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writeproof"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .env_remove(VARIABLE);
    command
}

fn run(arguments: &[&str]) -> Output {
    writeproof(arguments).output().expect("the command starts")
}

/// A command that compares the reference with a fault-free library that is named `faulty`.
fn with_another(arguments: &[&str]) -> Command {
    let mut command = writeproof(arguments);
    command.args(["--libssl", LIBSSL, "--name", "faulty"]);
    command.args(["--backend", "openssl-3.6"]);
    command
}

/// The same comparison, with this fault active.
fn run_with(fault: &str, arguments: &[&str]) -> Output {
    let mut command = with_another(arguments);
    command.env(VARIABLE, fault);
    command.output().expect("the command starts")
}

fn scenario(id: &str) -> Scenario {
    let library = Corpus::built_in().expect("the library");
    library.get(id).expect("a scenario of the library").clone()
}

fn words(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

fn file(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    fs::create_dir_all(path.parent().expect("a folder")).expect("the folder is ours");
    fs::write(&path, bytes).expect("the folder is ours");
    path
}

/// The bytes that encode the first variant of a scenario for `write_sequence`.
fn bytes_of(scenario: &Scenario) -> Vec<u8> {
    let target = FuzzTarget::WriteSequence;
    let variant = scenario.variants().next().expect("a variant");
    let program = Program::of(target, scenario, variant).expect("cells");
    let content = ArtifactBody::Program(program);
    Artifact { target, content }.bytes()
}

fn artifact(folder: &TempDir) -> PathBuf {
    file(folder, "crash-1", &bytes_of(&scenario(SCENARIO)))
}

// Replay.

#[test]
fn replay_prints_the_scenario_the_traces_and_each_finding_at_its_step() {
    let folder = TempDir::new().expect("a folder");
    let path = artifact(&folder);
    let output = run(&["replay", words(&path)]);
    assert_exit(&output, 0);
    let text = stdout(&output);
    for wanted in [
        "crash-1, an input of write_sequence\n",
        "  { write = { len = 20000 } },\n",
        "fuzz/write-sequence  openssl-3.6  tls1.2/client\n",
        "  retry 20000                       -1    SYSCALL  (queue empty, errno 0)\n\
         >>> violation of error.failed-connection-reports-failure: known, by-design: ",
        "fuzz/write-sequence  rustls  tls1.2/client\n",
        ">>> difference: known, documented: ",
    ] {
        assert!(text.contains(wanted), "{wanted} in\n{text}");
    }
    let mut last = text.lines().rev();
    let (muted, summary) = (last.next(), last.next());
    let muted = muted.expect("what is muted, and by which entries");
    assert!(muted.contains(" findings explained by "), "{muted}");
    let summary = summary.expect("a summary");
    assert!(
        summary.contains("crash-1: ") && summary.contains(" libraries, nothing unexpected; "),
        "{summary}"
    );
}

#[test]
fn replay_runs_on_the_named_backends() {
    let folder = TempDir::new().expect("a folder");
    let path = artifact(&folder);
    let output = run(&["replay", words(&path), "--backend", "rustls"]);
    assert_exit(&output, 0);
    let text = stdout(&output);
    assert!(
        text.contains("  rustls  ") && !text.contains("  openssl-3.6  "),
        "{text}"
    );
    assert!(
        text.contains("1 library, nothing unexpected; 1 known"),
        "{text}"
    );
}

#[test]
fn unexpected_finding_exits_with_1_and_a_crash_names_its_step() {
    let folder = TempDir::new().expect("a folder");
    let path = artifact(&folder);
    let output = run_with(CRASHES, &["replay", words(&path)]);
    assert_exit(&output, 1);
    let text = stdout(&output);
    for wanted in [
        "  retry 50                          crashed: ",
        "\n>>> crash: UNEXPECTED\n",
        "UNEXPECTED: crash on faulty in step 5; ",
    ] {
        assert!(text.contains(wanted), "{wanted} in\n{text}");
    }
}

#[test]
fn hang_names_its_step() {
    let folder = TempDir::new().expect("a folder");
    let text = "title = \"t\"\nversions = [\"tls1.2\"]\nroles = [\"client\"]\nsteps = [\n  \"handshake\",\n  \
                { write = { len = 0 } },\n  { peer = \"read\" },\n]\n";
    let path = file(&folder, "hangs", text.as_bytes());
    let limit = ["replay", words(&path), "--limit", "1"];
    let output = run_with("write-of-nothing-hangs", &limit);
    assert_exit(&output, 1);
    let text = stdout(&output);
    assert!(
        text.contains("\n  transport                         hung: "),
        "{text}"
    );
    assert!(
        text.contains("UNEXPECTED: hang on faulty in step 2"),
        "{text}"
    );
}

#[test]
fn known_finding_of_the_reference_is_expected_of_another_library() {
    let folder = TempDir::new().expect("a folder");
    let path = artifact(&folder);
    let output = with_another(&["replay", words(&path)]).output();
    let output = output.expect("the command starts");
    assert_exit(&output, 0);
    let text = stdout(&output);
    assert!(text.contains("fuzz/write-sequence  faulty  "), "{text}");
    assert!(
        text.contains("2 libraries, nothing unexpected; 2 known"),
        "{text}"
    );
}

#[test]
fn scenario_file_artifact_runs_in_all_its_variants() {
    let folder = TempDir::new().expect("a folder");
    let path = file(
        &folder,
        "scenario_file/crash-2",
        write(&scenario(SCENARIO)).as_bytes(),
    );
    let output = run(&["replay", words(&path), "--backend", "openssl-3.6"]);
    assert_exit(&output, 0);
    let text = stdout(&output);
    for wanted in [
        "tls1.2/client",
        "tls1.2/server",
        "tls1.3/client",
        "tls1.3/server",
    ] {
        assert!(
            text.contains(&format!("  openssl-3.6  {wanted}\n")),
            "{wanted} in\n{text}"
        );
    }
    assert!(text.contains("an input of scenario_file\n"), "{text}");
}

#[rstest]
#[case(
    "plain",
    b"title = \"t\"\nsteps = [\"handshak\"]\n",
    "plain:2:10: unknown step \"handshak\": did you mean"
)]
#[case("scenario_file/odd", b"\xff\xfe", "it is not UTF-8 text")]
#[case("scenario_file/empty", b"", "empty:1:1: missing \"title\"")]
fn refused_scenario_file_is_a_valid_result(
    #[case] name: &str,
    #[case] bytes: &[u8],
    #[case] reason: &str,
) {
    let folder = TempDir::new().expect("a folder");
    let path = file(&folder, name, bytes);
    let output = run(&["replay", words(&path), "--backend", "rustls"]);
    assert_exit(&output, 0);
    let text = stdout(&output);
    assert!(
        text.contains("contains no valid scenario, nothing was run: "),
        "{text}"
    );
    assert!(text.contains(reason), "{reason} in\n{text}");
}

#[test]
fn ops_that_write_nothing_are_valid() {
    let folder = TempDir::new().expect("a folder");
    let content = ArtifactBody::Program(Program {
        setting: Op::default(),
        steps: Vec::new(),
    });
    let target = FuzzTarget::WriteRetry;
    let path = file(&folder, "idle", &Artifact { target, content }.bytes());
    let output = run(&["replay", words(&path), "--backend", "rustls"]);
    assert_exit(&output, 0);
    assert!(
        stdout(&output).contains("none of its operations writes"),
        "{}",
        stdout(&output)
    );
}

/// An invalid file or folder, and a part of the message about it.
fn no_artifact(folder: &TempDir, kind: &str) -> (PathBuf, &'static str) {
    let header = |version, letter| [b'W', b'P', version, letter, 1, 2, 3, 4, 5, 6, 7, 8];
    let write = |bytes: &[u8]| file(folder, kind, bytes);
    match kind {
        "missing" => (folder.path().join(kind), "No such file"),
        "folder" => (
            folder.path().to_owned(),
            "is a folder: give the files in it",
        ),
        "device" => (PathBuf::from("/dev/zero"), "is not a regular file"),
        "empty" => (write(b""), "is empty: a fuzz input is a header"),
        "cut-off" => (write(b"WP"), "is truncated: it has 2 bytes"),
        "cut-off-cell" => (
            write(&header(FORMAT, b'r')[..7]),
            "is truncated: it has 7 bytes",
        ),
        "older" => (write(&header(FIRST_FORMAT - 1, b'r')), "reads format"),
        "newer" => (write(&header(FORMAT + 1, b'r')), "reads format"),
        "of-no-target" => (write(&header(FORMAT, b'?')), "which is no target"),
        "foreign" => (
            write(b"\x7fELF\x02\x01\x01\xff"),
            "is not a fuzz input: it ",
        ),
        _ => (
            write(&vec![0xff; (1 << 20) + 1]),
            "and an input has at most ",
        ),
    }
}

#[rstest]
fn invalid_artifact_exits_with_2_and_is_named_by_its_path(
    #[values(
        "missing",
        "folder",
        "device",
        "empty",
        "cut-off",
        "cut-off-cell",
        "older",
        "newer",
        "of-no-target",
        "foreign",
        "too-large"
    )]
    kind: &str,
    #[values("replay", "shrink", "promote")] command: &str,
) {
    let folder = TempDir::new().expect("a folder");
    let (path, reason) = no_artifact(&folder, kind);
    let mut arguments = vec![command, words(&path)];
    arguments.extend((command == "promote").then_some("retry/new"));
    let output = run(&arguments);
    assert_exit(&output, 2);
    let text = stderr(&output);
    assert!(
        text.starts_with("writeproof: ") && text.contains(words(&path)),
        "{text}"
    );
    assert!(text.contains(reason), "{reason} in\n{text}");
    assert_eq!(stdout(&output), "", "nothing was run");
}

#[test]
fn bad_artifact_among_good_ones_is_reported_before_anything_runs() {
    let folder = TempDir::new().expect("a folder");
    let (good, bad) = (artifact(&folder), file(&folder, "bad", b"WP"));
    let output = run(&["replay", words(&good), words(&bad)]);
    assert_exit(&output, 2);
    assert_eq!(stdout(&output), "");
    assert!(stderr(&output).contains(words(&bad)), "{}", stderr(&output));
}

#[test]
fn damaged_artifact_is_refused_or_decodes_to_a_scenario_that_round_trips() {
    let right = bytes_of(&scenario(SCENARIO));
    let mut decoded = 0;
    for round in 0..4000_usize {
        let mut bytes = right.clone();
        let at = round * 7919 % bytes.len();
        bytes[at] ^= 1 << (round % 8);
        bytes[round * 31 % right.len()] = u8::try_from(round % 256).unwrap_or_default();
        if round % 5 == 0 {
            bytes.truncate(at);
        }
        let Ok(artifact) = Artifact::parse(Path::new("x"), &bytes) else {
            continue;
        };
        let Some((scenario, variant)) = artifact.case() else {
            continue;
        };
        decoded += 1;
        assert!(scenario.variants().eq([variant]));
        let text = write(&scenario);
        let again = parse(scenario.id.clone(), "x.toml", &text);
        assert_eq!(again.as_ref(), Ok(&scenario), "round {round}:\n{text}");
    }
    assert!(decoded > 2000, "only {decoded} decoded to a scenario");
}

// Shrink.

/// Steps of which most have nothing to do with the wrong retry.
const LONG: &str = r#"
title = "t"
versions = ["tls1.3"]
roles = ["server"]
cipher = "chacha20"
key_exchange = "pre-shared"
steps = [
  "handshake",
  { set_modes = ["moving-buffer"] },
  { write = { len = 100, times = 3 } },
  { peer = "read" },
  { peer = { write = 50 } },
  { read = {} },
  { link = { accept = 100 } },
  { max_send_fragment = 1024 },
  { write = { len = 20000 } },
  { link = "open" },
  { peer = "read" },
  { retry = { len = 50 } },
  { retry = {} },
  { peer = "read" },
]
"#;

fn long_artifact(folder: &TempDir) -> PathBuf {
    let id = Id::new("fuzz/long").expect("an id");
    let scenario = parse(id, "long.toml", LONG).expect("a right file");
    file(folder, "crash-long", &bytes_of(&scenario))
}

#[test]
fn shrink_keeps_only_what_the_finding_needs() {
    let folder = TempDir::new().expect("a folder");
    let path = long_artifact(&folder);
    let output = run_with(CRASHES, &["shrink", words(&path)]);
    assert_exit(&output, 0);
    assert_eq!(stderr(&output), "", "no progress bar in a pipe");
    let text = stdout(&output);
    assert!(
        text.starts_with("crash on faulty of call.returns: kept\n\nBefore, 14 steps:\n"),
        "{text}"
    );
    let small = folder.path().join("crash-long.min");
    let shrunk = Artifact::read(&small)
        .expect("an artifact")
        .case()
        .expect("a scenario")
        .0;
    let minimised = write(&shrunk);
    assert!(
        text.ends_with(&minimised),
        "{minimised}\nat the end of\n{text}"
    );
    let steps = "steps = [\n  \"handshake\",\n  { link = \"blocked\" },\n  { write = { len = 1 } },\n  \
                 { retry = { len = 0 } },\n]\n";
    assert!(minimised.ends_with(steps), "{minimised}");
    assert!(
        !minimised.contains("cipher") && minimised.contains("client"),
        "{minimised}"
    );
    // The smaller artifact still reproduces the finding.
    let output = run_with(CRASHES, &["replay", words(&small)]);
    assert_exit(&output, 1);
    assert!(
        stdout(&output).contains("UNEXPECTED: crash on faulty in step 4"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn shrink_is_deterministic() {
    let folder = TempDir::new().expect("a folder");
    let path = long_artifact(&folder);
    let shrunk = |name: &str| {
        let output = folder.path().join(name);
        let arguments = [
            "shrink",
            words(&path),
            "--known",
            "--backend",
            "openssl-3.6",
            "--output",
            words(&output),
        ];
        assert_exit(&run(&arguments), 0);
        fs::read(output).expect("the small one")
    };
    assert_eq!(shrunk("a"), shrunk("b"));
}

#[test]
fn artifact_without_an_unexpected_finding_is_not_shrunk() {
    let folder = TempDir::new().expect("a folder");
    let path = long_artifact(&folder);
    let output = run(&["shrink", words(&path), "--backend", "openssl-3.6"]);
    assert_exit(&output, 2);
    assert!(
        stderr(&output).contains("no unexpected finding to minimise"),
        "{}",
        stderr(&output)
    );
    assert!(stderr(&output).contains("--known"), "{}", stderr(&output));
    assert!(!folder.path().join("crash-long.min").exists());
}

#[test]
fn scenario_file_artifact_is_not_shrunk() {
    let folder = TempDir::new().expect("a folder");
    let path = file(&folder, "text", LONG.as_bytes());
    let output = run(&["shrink", words(&path)]);
    assert_exit(&output, 2);
    assert!(
        stderr(&output).contains("is a scenario file, which cannot be shrunk"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn unwritable_shrink_output_is_reported_before_anything_runs() {
    let folder = TempDir::new().expect("a folder");
    let path = long_artifact(&folder);
    for output in ["/nowhere/small", words(folder.path())] {
        let refused = run(&["shrink", words(&path), "--output", output]);
        assert_exit(&refused, 2);
        assert!(
            stderr(&refused).contains(&format!("cannot write {output}")),
            "{}",
            stderr(&refused)
        );
    }
}

// Promote.

/// The parts of a checkout that the command needs, and a folder within it.
fn checkout() -> (TempDir, PathBuf) {
    let root = TempDir::new().expect("a folder");
    for folder in ["fixtures/scenarios", "snapshots", "suite/src"] {
        fs::create_dir_all(root.path().join(folder)).expect("the folder is ours");
    }
    let within = root.path().join("suite/src");
    (root, within)
}

fn promote(within: &Path, artifact: &Path, id: &str) -> Output {
    let mut command = writeproof(&["promote", words(artifact), id]);
    command
        .current_dir(within)
        .output()
        .expect("the command starts")
}

/// The text of every file below a folder, by its relative path.
fn files(root: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let below = words(path.strip_prefix(root).expect("below")).to_owned();
            files.insert(below, fs::read_to_string(path).expect("a text"));
        }
    }
    files
}

#[test]
fn promote_writes_the_snapshots_that_the_tests_expect() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = TempDir::new().expect("a folder");
    let (root, within) = checkout();
    let scenario = scenario(SCENARIO);
    let text = write(&scenario);
    let path = file(&folder, "scenario_file/crash-3", text.as_bytes());
    assert_exit(&promote(&within, &path, "retry/promoted"), 0);
    let mut promoted = files(root.path());
    assert_eq!(
        promoted.remove("fixtures/scenarios/retry/promoted.toml"),
        Some(text)
    );
    let text = promoted
        .remove("snapshots/retry/promoted.snap")
        .expect("a recording");
    assert!(promoted.is_empty(), "{promoted:?}");
    let recorded = repository.join(format!("snapshots/{SCENARIO}.snap"));
    let recorded = fs::read_to_string(recorded).expect("a recording");
    let [promoted, recorded] = [&text, &recorded]
        .map(|text| Recording::parse("x.snap", text).expect("it has the form of a recording"));
    assert_eq!(promoted.file(), text, "as the suite writes it");
    let backends = promoted.backends();
    assert!(backends.len() > 1, "{text}");
    for backend in backends {
        for variant in scenario.variants() {
            let texts = [&promoted, &recorded].map(|one| one.text(backend, variant));
            assert_eq!(texts[0], texts[1], "{backend} {variant}");
        }
    }
}

#[test]
fn promoted_scenario_has_a_placeholder_title_and_the_clause_of_its_finding() {
    let folder = TempDir::new().expect("a folder");
    let (root, within) = checkout();
    let output = promote(&within, &artifact(&folder), "new-family/new-name");
    assert_exit(&output, 0);
    let report = stdout(&output);
    for wanted in [
        "  fixtures/scenarios/new-family/new-name.toml\n",
        "  snapshots/new-family/new-name.snap\n",
        "Write the title in fixtures/scenarios/new-family/new-name.toml",
        "`cargo test new-family/new-name`",
    ] {
        assert!(report.contains(wanted), "{wanted} in\n{report}");
    }
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for ledger in report.split("fixtures/ledger/").skip(1) {
        let (file, _) = ledger.split_once(' ').expect("the name of a file");
        let file = repository.join("fixtures/ledger").join(file);
        assert!(file.is_file(), "{} in\n{report}", file.display());
    }
    let text = &files(root.path())["fixtures/scenarios/new-family/new-name.toml"];
    let begins = "title = \"… what is done here, and what a correct library does\"\n\
                  clauses = [\"error.failed-connection-reports-failure\"]\n\
                  versions = [\"tls1.2\"]\nroles = [\"client\"]\n";
    assert!(text.starts_with(begins), "{text}");
    let id = Id::new("new-family/new-name").expect("an id");
    assert!(parse(id, "x.toml", text).is_ok(), "{text}");
}

#[rstest]
#[case("fixtures/scenarios/retry/new.toml")]
#[case("snapshots/retry/new.snap")]
fn promote_overwrites_no_file(#[case] taken: &str) {
    let folder = TempDir::new().expect("a folder");
    let (root, within) = checkout();
    file(&root, taken, b"mine");
    let output = promote(&within, &artifact(&folder), "retry/new");
    assert_exit(&output, 2);
    let wanted = format!("{taken} already exists; nothing was written");
    assert!(stderr(&output).contains(&wanted), "{}", stderr(&output));
    let files = files(root.path());
    assert_eq!(
        files,
        BTreeMap::from([(taken.to_owned(), "mine".to_owned())])
    );
}

#[test]
fn failed_promotion_leaves_no_file() {
    let folder = TempDir::new().expect("a folder");
    let (root, within) = checkout();
    // The snapshots can be written but the scenario cannot: a file takes the place of its family's
    // folder.
    file(&root, "fixtures/scenarios/retry", b"");
    let output = promote(&within, &artifact(&folder), "retry/new");
    assert_exit(&output, 2);
    assert!(
        stderr(&output).contains("cannot write "),
        "{}",
        stderr(&output)
    );
    assert_eq!(files(root.path()).len(), 1, "{:?}", files(root.path()));
}

#[rstest]
#[case("Retry/New_one", "such as retry/new-one")]
#[case("retry", "such as retry/retry")]
#[case("fixtures/scenarios/retry/new.toml", "such as retry/new")]
#[case("a/b/c", "such as a/b-c")]
#[case("../x/y", "such as ")]
#[case("", "such as retry/shorter-buffer")]
fn wrong_name_is_refused_with_a_hint(#[case] name: &str, #[case] better: &str) {
    let folder = TempDir::new().expect("a folder");
    let (root, within) = checkout();
    let output = promote(&within, &artifact(&folder), name);
    assert_exit(&output, 2);
    let text = stderr(&output);
    assert!(
        text.contains("is not a scenario id") && text.contains(better),
        "{text}"
    );
    assert_eq!(files(root.path()).len(), 0);
}

#[test]
fn promote_outside_a_checkout_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let output = promote(folder.path(), &artifact(&folder), "retry/new");
    assert_exit(&output, 2);
    assert!(
        stderr(&output).contains("is not in a checkout of the repository"),
        "{}",
        stderr(&output)
    );
}

#[test]
fn artifact_without_a_scenario_is_not_promoted() {
    let folder = TempDir::new().expect("a folder");
    let (root, within) = checkout();
    let path = file(&folder, "text", b"title = 1");
    let output = promote(&within, &path, "retry/new");
    assert_exit(&output, 2);
    assert!(
        stderr(&output).contains("text:1:9: \"title\" is 1"),
        "{}",
        stderr(&output)
    );
    assert_eq!(files(root.path()).len(), 0);
}

// Corpus.

#[test]
fn corpus_writes_a_seed_for_each_encodable_scenario() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("new/corpus");
    let output = run(&["corpus", "--output", words(&path)]);
    assert_exit(&output, 0);
    let summary = stdout(&output);
    let library = Corpus::built_in().expect("the library");
    for target in FuzzTarget::ALL {
        let seeds = seeds(target, &library).expect("seeds");
        let of_target = path.join(target.name());
        let mut there = BTreeMap::new();
        for entry in fs::read_dir(of_target).expect("a folder of the target") {
            let entry = entry.expect("an entry");
            let name = entry.file_name().into_string().expect("a name");
            there.insert(name, fs::read(entry.path()).expect("a seed"));
        }
        assert_eq!(there, seeds.inputs);
        let all = library.scenarios().len();
        assert_eq!(seeds.inputs.len() + seeds.not_encodable.len(), all);
        assert!(
            summary.contains(&format!("{}  ", target.name())),
            "{summary}"
        );
        assert!(
            summary.contains(&format!("{} seeds", seeds.inputs.len())),
            "{summary}"
        );
    }
    assert!(path.join("scenario_file/retry-shorter-buffer").is_file());
    // Run again in the same folder, with all reasons.
    let output = run(&["corpus", "--output", words(&path), "--verbose"]);
    assert_exit(&output, 0);
    let wanted = "write_sequence: handshake/no-role-set: the target has no operation for a role that is not set";
    assert!(stdout(&output).contains(wanted), "{}", stdout(&output));
}

#[test]
fn seed_decodes_to_its_scenario() {
    let library = Corpus::built_in().expect("the library");
    for target in FuzzTarget::ALL {
        for (name, bytes) in seeds(target, &library).expect("seeds").inputs {
            let artifact = Artifact::parse(Path::new(&name), &bytes).expect("an artifact");
            assert_eq!(artifact.target, target, "{name}");
            let of_name = |s: &&Scenario| s.id.as_str().replace('/', "-") == name;
            let scenario = library
                .scenarios()
                .iter()
                .find(of_name)
                .expect("its scenario");
            if let Some((decoded, variant)) = artifact.case() {
                assert_eq!(decoded.steps.len(), scenario.steps.len(), "{name}");
                assert!(scenario.variants().any(|known| known == variant), "{name}");
            }
        }
    }
}

#[test]
fn unwritable_corpus_folder_is_reported() {
    let folder = TempDir::new().expect("a folder");
    let path = file(&folder, "in-the-way", b"");
    let output = run(&["corpus", "--output", words(&path)]);
    assert_exit(&output, 2);
    let wanted = format!("cannot write {}/write_retry: ", words(&path));
    assert!(stderr(&output).contains(&wanted), "{}", stderr(&output));
}

#[rstest]
#[case(&["replay"], "<ARTIFACT>")]
#[case(&["promote", "x"], "<FAMILY/NAME>")]
#[case(&["shrink"], "<ARTIFACT>")]
fn missing_argument_is_named(#[case] arguments: &[&str], #[case] named: &str) {
    let output = run(arguments);
    assert_exit(&output, 2);
    assert!(stderr(&output).contains(named), "{}", stderr(&output));
}

#[rstest]
#[case("replay", "fuzz/artifacts/write_retry/*")]
#[case("shrink", "130 interrupted (the smallest input so far was written)")]
#[case("promote", "retry/shorter-after-a-read")]
#[case("corpus", "--verbose")]
fn help_shows_examples_and_documents_the_exit_codes(#[case] command: &str, #[case] example: &str) {
    let text = stdout(&run(&[command, "--help"]));
    for wanted in ["Examples:", "Exit codes: 0 ", example] {
        assert!(text.contains(wanted), "{wanted} in\n{text}");
    }
}
