//! The documents: their code blocks are executed, and their links and paths exist.
//!
//! A block of commands and output is fenced with `console`. `$ ` begins a command, `? N` below it
//! is its exit code (0 if left out), the rest its output. A line `...` stands for any lines, `...`
//! within a line for any text. A comment before the block can say that `numbers vary`, or why it is
//! `not executed`.

#![cfg(target_os = "linux")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;

use tempfile::TempDir;
use writeproof::internal::scenario::{Id, parse};
use writeproof_openssl_1_1_1::LIBSSL;

const EXAMPLE: &str = include_str!("../examples/own_backend.rs");

/// How a page calls the example of a backend, and what the test calls instead: cargo has built it.
const RUN_EXAMPLE: &str = "cargo run --release -p writeproof --example own_backend --";

/// The reader's home folder in the pages.
const HOME: &str = "/home/me";

const BOOK: &str = "suite/docs/src";

/// Any lines, or any text within a line.
const ELISION: &str = "...";

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A Markdown file of the repository.
struct Document {
    /// Relative to the repository.
    path: PathBuf,
    text: String,
}

/// All that a reader is meant to read.
fn documents() -> Vec<Document> {
    let root = repository();
    let mut paths: Vec<PathBuf> = [
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "CHANGELOG.md",
        "fixtures/contract/README.md",
        "fixtures/ledger/README.md",
        "fixtures/scenarios/README.md",
        "fixtures/tls/README.md",
        "fuzz/README.md",
        "snapshots/README.md",
    ]
    .map(PathBuf::from)
    .to_vec();
    let pages = fs::read_dir(root.join(BOOK)).expect("the book");
    paths.extend(pages.map(|page| Path::new(BOOK).join(page.expect("a page").file_name())));
    paths.sort();
    paths
        .into_iter()
        .map(|path| Document {
            text: fs::read_to_string(root.join(&path)).unwrap_or_else(|error| {
                panic!("{}: {error}", path.display());
            }),
            path,
        })
        .collect()
}

/// A fenced block of a document.
struct Block<'d> {
    document: &'d Document,
    /// The line of its opening fence, from 1.
    line: usize,
    language: &'d str,
    text: String,
    /// The comment before it.
    note: &'d str,
}

impl Block<'_> {
    fn place(&self) -> String {
        format!("{}:{}", self.document.path.display(), self.line)
    }

    fn reason_not_to_execute(&self) -> Option<&str> {
        self.note.strip_prefix("not executed: ")
    }

    fn numbers_vary(&self) -> bool {
        self.note.starts_with("numbers vary")
    }
}

fn blocks(document: &Document) -> Vec<Block<'_>> {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    let mut open = false;
    let mut above = "";
    for (number, line) in document.text.lines().enumerate() {
        if open {
            let block = blocks.last_mut().expect("an open block");
            if line.trim_start().starts_with("```") {
                open = false;
            } else {
                block.text.push_str(line);
                block.text.push('\n');
            }
        } else if let Some(language) = line.trim_start().strip_prefix("```") {
            open = true;
            blocks.push(Block {
                document,
                line: number + 1,
                language,
                text: String::new(),
                note: comment(above).unwrap_or_default(),
            });
        }
        if !line.trim().is_empty() {
            above = line;
        }
    }
    blocks
}

fn comment(line: &str) -> Option<&str> {
    line.trim().strip_prefix("<!-- ")?.strip_suffix(" -->")
}

/// A command of a block, and what has to come of it.
struct Step {
    command: String,
    exit: i32,
    output: Vec<String>,
}

fn steps(block: &Block<'_>) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in block.text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step {
                command: command.to_owned(),
                exit: 0,
                output: Vec::new(),
            });
            continue;
        }
        let step = steps.last_mut();
        let step = step.unwrap_or_else(|| panic!("{}: no command first", block.place()));
        match line.strip_prefix("? ") {
            Some(exit) if step.output.is_empty() => step.exit = exit.parse().expect("an exit code"),
            _ => step.output.push(line.to_owned()),
        }
    }
    steps
}

/// A folder with the files that the pages speak of.
struct Sandbox(TempDir);

impl Sandbox {
    fn new() -> Self {
        let folder = TempDir::new().expect("a folder");
        let sandbox = Self(folder);
        let root = repository();
        let shorter = root.join("fixtures/scenarios/retry/shorter-buffer.toml");
        let scenario = fs::read_to_string(shorter).expect("a scenario");
        for library in ["build", "old", "new", "released"] {
            sandbox.write(
                &format!("{library}/libssl.so"),
                &fs::read(LIBSSL).expect("a library"),
            );
        }
        sandbox.write("mine.toml", scenario.as_bytes());
        sandbox.write("mine/first.toml", scenario.as_bytes());
        let misspelt = scenario.replace("len = 50", "lenght = 50");
        sandbox.write("misspelt.toml", misspelt.as_bytes());
        let artifact = root.join("fuzz/corpus/write_retry/closing-transport-returns-zero");
        sandbox.write("artifact", &fs::read(artifact).expect("an input"));
        sandbox
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, content: &[u8]) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, content).expect("a file");
    }

    /// What the page on known issues asks a reader to do by hand.
    fn complete_the_ledger(&self) {
        let proposed = self.path().join("proposed.toml");
        if let Ok(proposed) = fs::read_to_string(proposed) {
            let known = proposed
                .replace("class = \"\"", "class = \"bug\"")
                .replace("reason = \"\"", "reason = \"A reason.\"")
                .replace("link = \"\"", "link = \"https://example.org/\"");
            self.write("known.toml", known.as_bytes());
        } else {
            self.write("known.toml", b"");
        }
    }

    /// The exit code of a command line, and all that it printed.
    fn run(&self, command: &str) -> (Option<i32>, String) {
        self.complete_the_ledger();
        let program = Path::new(env!("CARGO_BIN_EXE_writeproof"));
        let folder = program.parent().expect("a folder");
        let example = folder.join("examples/own_backend");
        if command.starts_with(RUN_EXAMPLE) {
            assert!(
                example.exists(),
                "build the example: cargo build --example own_backend"
            );
        }
        let command = command.replace(RUN_EXAMPLE, &example.display().to_string());
        let path = std::env::var("PATH").unwrap_or_default();
        let output = Command::new("sh")
            .args(["-c", &format!("{{ {command}\n}} 2>&1")])
            .current_dir(self.path())
            .env("PATH", format!("{}:{path}", folder.display()))
            .output()
            .expect("a shell");
        let text = String::from_utf8_lossy(&output.stdout);
        let real = fs::canonicalize(self.path()).expect("the folder");
        let text = text.replace(&real.display().to_string(), HOME);
        (output.status.code(), text)
    }
}

/// What is wrong with a block that is executed; nothing if it is right.
fn execute(block: &Block<'_>, sandbox: &Sandbox) -> Result<(), String> {
    match block.language {
        "console" => {
            for step in steps(block) {
                let (exit, printed) = sandbox.run(&step.command);
                let command = &step.command;
                if exit != Some(step.exit) {
                    return Err(format!("{command}\nexit {exit:?}:\n{printed}"));
                }
                let wanted: Vec<String> = step.output.iter().map(|l| shown(block, l)).collect();
                let seen: Vec<String> = printed.lines().map(|line| shown(block, line)).collect();
                if !is_like(&wanted, &seen) {
                    return Err(format!("{command}\nprints\n{printed}"));
                }
            }
            Ok(())
        }
        "yaml" => {
            let commands = block
                .text
                .lines()
                .filter_map(|line| line.trim().strip_prefix("run: "));
            for command in commands {
                let (exit, printed) = sandbox.run(command);
                if exit != Some(0) {
                    return Err(format!("{command}\nexit {exit:?}:\n{printed}"));
                }
            }
            Ok(())
        }
        "toml" if block.text.contains("steps = ") => {
            let id = Id::new("documents/example").expect("an id");
            let parsed = parse(id, "example.toml", &block.text);
            parsed.map(|_| ()).map_err(|error| error.to_string())
        }
        "rust" if EXAMPLE.contains(&block.text) => Ok(()),
        language => Err(format!(
            "a block of `{language}` cannot be executed: say why not"
        )),
    }
}

/// A line as it is compared.
fn shown(block: &Block<'_>, line: &str) -> String {
    let line = line.trim_end();
    if !block.numbers_vary() {
        return line.to_owned();
    }
    let mut text = String::with_capacity(line.len());
    for c in line.chars() {
        if !c.is_ascii_digit() {
            text.push(c);
        } else if !text.ends_with('#') {
            text.push('#');
        }
    }
    text
}

fn is_like(wanted: &[String], seen: &[String]) -> bool {
    match (wanted.split_first(), seen.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if first == ELISION => {
            (0..=seen.len()).any(|skipped| is_like(rest, &seen[skipped..]))
        }
        (Some((first, rest)), Some((line, others))) => {
            is_line_like(first, line) && is_like(rest, others)
        }
        _ => false,
    }
}

fn is_line_like(wanted: &str, line: &str) -> bool {
    let mut pieces = wanted.split(ELISION);
    let Some(mut left) = line.strip_prefix(pieces.next().unwrap_or_default()) else {
        return false;
    };
    let mut is_open = false;
    for piece in pieces {
        let Some(at) = left.find(piece) else {
            return false;
        };
        left = &left[at + piece.len()..];
        is_open = piece.is_empty();
    }
    is_open || left.is_empty()
}

#[test]
fn every_code_block_is_executed_or_gives_a_reason() {
    let documents = documents();
    let failures: Vec<String> = thread::scope(|scope| {
        let threads: Vec<_> = documents
            .iter()
            .map(|document| scope.spawn(|| failures_of(document)))
            .collect();
        let joined = threads.into_iter().map(|one| one.join().expect("no panic"));
        joined.flatten().collect()
    });
    let all: Vec<Block<'_>> = documents.iter().flat_map(blocks).collect();
    let mut not_executed = String::new();
    for block in &all {
        if let Some(reason) = block.reason_not_to_execute() {
            let _ = writeln!(not_executed, "  {}: {reason}", block.place());
        }
    }
    let left_out = not_executed.lines().count();
    println!(
        "{} blocks executed, {left_out} not executed:",
        all.len() - left_out
    );
    print!("{not_executed}");
    assert!(failures.is_empty(), "{}", failures.join("\n\n"));
    assert!(all.len() - left_out > left_out, "most blocks are executed");
}

/// In the order of the page, in one sandbox: a block may need a file that one above it has written.
fn failures_of(document: &Document) -> Vec<String> {
    let blocks = blocks(document);
    let executed = blocks
        .iter()
        .filter(|block| block.reason_not_to_execute().is_none());
    let sandbox = Sandbox::new();
    executed
        .filter_map(|block| {
            let failure = execute(block, &sandbox).err()?;
            Some(format!("{}: {failure}", block.place()))
        })
        .collect()
}

#[test]
fn readme_shows_a_check_and_a_finding() {
    let documents = documents();
    let readme = documents
        .iter()
        .find(|one| one.path == Path::new("README.md"));
    let blocks = blocks(readme.expect("the README"));
    for command in ["$ writeproof check --libssl ", "$ writeproof show "] {
        let mut executed = blocks
            .iter()
            .filter(|block| block.reason_not_to_execute().is_none());
        assert!(
            executed.any(|block| block.text.starts_with(command)),
            "{command}"
        );
    }
}

#[test]
fn readme_fits_on_a_few_screens() {
    let readme = fs::read_to_string(repository().join("README.md")).expect("the README");
    assert!(readme.lines().count() <= 130, "too many lines");
    assert!(readme.split_whitespace().count() <= 1_300, "too many words");
}

#[test]
fn an_elision_stands_for_any_lines_or_any_text() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let seen = lines("one\ntwo\nthree 3 s");
    assert!(is_like(&lines("one\n...\nthree ... s"), &seen));
    assert!(is_like(&lines("...\ntwo\n..."), &seen));
    assert!(is_like(&lines("one\ntwo\nthree ..."), &seen));
    assert!(!is_like(&lines("one\nthree ... s"), &seen));
    assert!(!is_like(&lines("...\ntwo"), &seen));
    assert!(!is_like(&lines("one\ntwo\nthree"), &seen));
    assert!(!is_like(&lines("one\ntwo\nthree ... ms"), &seen));
}

/// The text outside of fenced blocks.
fn prose(document: &Document) -> String {
    let mut open = false;
    let mut text = String::new();
    for line in document.text.lines() {
        if line.trim_start().starts_with("```") {
            open = !open;
        } else if !open {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

/// The anchors of the headings, as GitHub and mdbook make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings
        .map(|heading| {
            let heading = heading.trim_start_matches('#').trim().to_lowercase();
            let kept = heading
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

#[test]
fn every_link_leads_somewhere() {
    let root = repository();
    for document in documents() {
        let place = document.path.display();
        let folder = document.path.parent().expect("a folder");
        let text = prose(&document);
        let targets = text
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split(')').next());
        for target in
            targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
        {
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let (file, content) = if path.is_empty() {
                (root.join(&document.path), text.clone())
            } else {
                let file = root.join(folder).join(path);
                assert!(file.exists(), "{place}: no file {target}");
                let content = fs::read_to_string(&file).unwrap_or_default();
                (file, content)
            };
            let is_known = anchor.is_empty() || anchors(&content).contains(anchor);
            assert!(
                is_known,
                "{place}: no heading #{anchor} in {}",
                file.display()
            );
            let leaves_the_book = folder == Path::new(BOOK) && path.contains('/');
            assert!(
                !(leaves_the_book && path.ends_with(".md")),
                "{place}: mdbook would make {target} a page of the book"
            );
        }
    }
}

#[test]
fn the_summary_lists_every_page() {
    let documents = documents();
    let of_book = |name: &str| Path::new(BOOK).join(name);
    let summary = documents
        .iter()
        .find(|one| one.path == of_book("SUMMARY.md"));
    let summary = summary.expect("the summary");
    for page in documents.iter().filter(|one| one.path.starts_with(BOOK)) {
        let name = page.path.file_name().expect("a name").to_string_lossy();
        let is_listed = summary.text.contains(&format!("({name})"));
        assert!(is_listed || name == "SUMMARY.md", "{name} is not listed");
    }
}

/// Paths of the repository in backquotes; not those with a placeholder, or of what a fuzzer writes.
#[test]
fn every_path_that_is_named_exists() {
    const FOLDERS: [&str; 6] = ["suite/", "fixtures/", "fuzz/", "ci/", ".ci/", "snapshots/"];
    let root = repository();
    let mut missing = Vec::new();
    for document in documents() {
        // It speaks of past versions, too.
        if document.path == Path::new("CHANGELOG.md") {
            continue;
        }
        let text = prose(&document);
        let quoted = text
            .lines()
            .flat_map(|line| line.split('`').skip(1).step_by(2));
        for path in quoted.filter_map(|words| words.split(' ').next()) {
            let is_path = FOLDERS.iter().any(|folder| path.starts_with(folder));
            let stem = path.trim_end_matches("README.md");
            let is_pattern = stem.contains(|c: char| c.is_ascii_uppercase() || "…*@".contains(c));
            let is_written_later = path.starts_with("fuzz/artifacts");
            if !is_path || is_pattern || is_written_later {
                continue;
            }
            if !root.join(path).exists() {
                missing.push(format!("{}: {path}", document.path.display()));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}
