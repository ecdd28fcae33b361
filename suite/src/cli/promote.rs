//! `writeproof promote`: turns a fuzz input into a scenario of the suite, with snapshots of its
//! traces, in a checkout of the repository.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::args::PromoteArguments;
use super::artifact::{Input, examine_all, examiner};
use super::failure::{Exit, Failure};
use super::output::{Output, create_whole};
use super::progress::interruptible;
use crate::fuzz::{ArtifactBody, Examined, Examiner};
use crate::judge::known::Library;
use crate::judge::{Finding, Kind, Recording};
use crate::scenario::{Id, Scenario, Variant, parse, write};
use crate::trace::Trace;

/// The folders of scenario files and snapshots, relative to the top of the repository.
const SCENARIOS: &str = "fixtures/scenarios";
const SNAPSHOTS: &str = "snapshots";

/// The placeholder for the title; a test fails if one is left.
const TO_BE_FILLED_IN: &str = "… what is done here, and what a correct library does";

/// The results of a case on all libraries, by variant.
type Results = Vec<(Variant, Vec<Examined>)>;

pub(super) fn promote(arguments: &PromoteArguments) -> Result<Exit, Failure> {
    let input = Input::read(&arguments.artifact)?;
    let (scenario, variants) = input.scenario()?;
    let id = id(&arguments.id)?;
    let root = checkout()?;
    let file = root.join(SCENARIOS).join(format!("{id}.toml"));
    if let Some(taken) = taken(&root, &id) {
        return Err(Failure::Taken(taken));
    }
    let examiner = examiner(&arguments.libraries, &[], &[], &[])?;
    let results = interruptible(|| run_twice(&examiner, &scenario, &variants))?;
    let mut scenario = Scenario { id, ..scenario };
    if let ArtifactBody::Program(_) = input.artifact.content {
        scenario.title = TO_BE_FILLED_IN.to_owned();
        scenario.clauses = clauses(&results);
    }
    let text = write(&scenario);
    // A scenario that cannot be written as a file is a bug; nothing is written then.
    parse(scenario.id.clone(), &file.display().to_string(), &text)?;
    let recording = recording(&root, &examiner, &scenario.id, &results);
    let files: Vec<_> = recording.into_iter().chain([(file, text)]).collect();
    create_all(&files)?;
    Output::Standard.write(&next(&root, &files, &scenario, &examiner, &results))?;
    Ok(Exit::Expected)
}

/// The id, or an error that suggests a valid one.
fn id(text: &str) -> Result<Id, Failure> {
    if let Some(id) = Id::new(text) {
        return Ok(id);
    }
    let part = |part: &str| {
        let lower = part.to_lowercase();
        let words = lower.split(|c: char| !c.is_ascii_alphanumeric());
        let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
        words.join("-")
    };
    let bare = text.strip_suffix(".toml").unwrap_or(text);
    let bare = bare.strip_prefix(SCENARIOS).unwrap_or(bare);
    let (family, name) = bare
        .trim_matches('/')
        .split_once('/')
        .unwrap_or(("retry", bare));
    let better = format!("{}/{}", part(family), part(name));
    Err(Failure::WrongId {
        text: crate::toml_reader::shortened(text),
        better: match Id::new(&better) {
            Some(better) => better.to_string(),
            None => "retry/shorter-buffer".to_owned(),
        },
    })
}

/// The top of the checkout that the current directory is in.
fn checkout() -> Result<PathBuf, Failure> {
    let here = env::current_dir().map_err(unreadable(Path::new(".")))?;
    let is_top =
        |folder: &&Path| folder.join(SCENARIOS).is_dir() && folder.join(SNAPSHOTS).is_dir();
    match here.ancestors().find(is_top) {
        Some(top) => Ok(top.to_owned()),
        None => Err(Failure::NoCheckout(here)),
    }
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> Failure {
    let path = path.to_owned();
    |source| Failure::Unreadable { path, source }
}

/// An existing file of this scenario, if there is one.
fn taken(root: &Path, id: &Id) -> Option<PathBuf> {
    let files = [
        root.join(SCENARIOS).join(format!("{id}.toml")),
        root.join(SNAPSHOTS).join(format!("{id}.snap")),
    ];
    files
        .into_iter()
        .find(|file| file.symlink_metadata().is_ok())
}

/// Runs the scenario twice. The traces have to be the same, as all later runs are compared with
/// them.
fn run_twice(
    examiner: &Examiner,
    scenario: &Scenario,
    variants: &[Variant],
) -> Result<Results, Failure> {
    let first = examine_all(examiner, scenario, variants)?;
    let second = examine_all(examiner, scenario, variants)?;
    let twice = first
        .iter()
        .zip(&second)
        .flat_map(|((_, a), (_, b))| a.iter().zip(b));
    for (a, b) in twice {
        if a.ran.trace.digest() != b.ran.trace.digest() {
            return Err(Failure::NotDeterministic(a.backend.clone()));
        }
    }
    Ok(first)
}

/// The clauses that are broken: the unexpected ones, or all if none is unexpected.
fn clauses(results: &Results) -> Vec<String> {
    let all = || {
        let examined = results.iter().flat_map(|(_, examined)| examined);
        examined.flat_map(|one| &one.findings)
    };
    let of = |wanted: &dyn Fn(&Finding) -> bool| {
        let mut clauses: Vec<String> = Vec::new();
        for finding in all().filter(|finding| wanted(finding)) {
            if let Some(clause) = finding.clause.as_ref().filter(|c| !clauses.contains(c)) {
                clauses.push(clause.clone());
            }
        }
        clauses
    };
    let unexpected = of(&|finding| finding.known.is_none());
    if unexpected.is_empty() {
        of(&|_| true)
    } else {
        unexpected
    }
}

/// The snapshot, as the tests would write it; none if none of the libraries is a backend of the suite.
fn recording(
    root: &Path,
    examiner: &Examiner,
    id: &Id,
    results: &Results,
) -> Option<(PathBuf, String)> {
    let traces = |place: usize| -> Vec<(Variant, Trace)> {
        let of = |(variant, examined): &(Variant, Vec<Examined>)| {
            (*variant, examined[place].ran.trace.clone())
        };
        results.iter().map(of).collect()
    };
    let mut recording = Recording::default();
    for (place, target) in examiner.targets.iter().enumerate() {
        let name = target.about().recorded_as();
        // A library that is not a backend of the suite has no snapshots.
        if examiner.judge.recordings.knows(&name) {
            recording.set(&name, &traces(place));
        }
    }
    let file = root.join(SNAPSHOTS).join(format!("{id}.snap"));
    (!recording.backends().is_empty()).then(|| (file, recording.file()))
}

/// Writes all of the files, or none.
fn create_all(files: &[(PathBuf, String)]) -> Result<(), Failure> {
    for (place, (path, text)) in files.iter().enumerate() {
        let folder = path.parent().unwrap_or(Path::new("."));
        let created = fs::create_dir_all(folder).and_then(|()| create_whole(path, text));
        if let Err(source) = created {
            for (path, _) in &files[..place] {
                // If this fails too, the first failure is still the one to report.
                let _ = fs::remove_file(path);
            }
            return Err(Failure::Unwritable {
                path: path.clone(),
                source,
            });
        }
    }
    Ok(())
}

/// The files that were written, and what is left to do.
fn next(
    root: &Path,
    files: &[(PathBuf, String)],
    scenario: &Scenario,
    examiner: &Examiner,
    results: &Results,
) -> String {
    let id = &scenario.id;
    let mut text = String::from("Written:\n");
    for (path, _) in files {
        let path = path.strip_prefix(root).unwrap_or(path);
        let _ = writeln!(text, "  {}", path.display());
    }
    let mut steps = Vec::new();
    if scenario.title == TO_BE_FILLED_IN {
        steps.push(format!(
            "Write the title in {SCENARIOS}/{id}.toml: one sentence that says what is done and what a correct library does."
        ));
    }
    if scenario.clauses.is_empty() {
        steps.push(
            "Add the clauses that the scenario is about: `writeproof clauses` lists them."
                .to_owned(),
        );
    }
    steps.push(
        "Review the snapshots as you would review code: does every step show something?".to_owned(),
    );
    steps.extend(entries(results).into_iter().map(|(backend, found)| {
        let library = Library {
            name: &backend,
            version: "",
        };
        let file = examiner.judge.known.file_of(library);
        let file = file.unwrap_or("a new file in fixtures/ledger");
        format!(
            "Find the cause in {backend} of: {}. `cargo run --release -- ledger --propose --backend {backend} --scenario {id}` drafts a known issue: add it to {file} and complete it.",
            found.join(", ")
        )
    }));
    steps.push(format!("Run `cargo test {id}`, then `cargo test`."));
    steps.push(
        "Run `cargo run --release -- corpus`, so that the fuzz targets start from the new scenario too.".to_owned(),
    );
    text.push_str("\nWhat is left to do:\n");
    for (number, step) in steps.iter().enumerate() {
        let _ = writeln!(text, "  {}. {step}", number + 1);
    }
    text
}

/// The unexpected findings of each library, for which known issues have to be added.
fn entries(results: &Results) -> BTreeMap<String, Vec<String>> {
    let mut entries: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let examined = results.iter().flat_map(|(_, examined)| examined);
    for one in examined {
        let entered = one
            .findings
            .iter()
            .filter(|finding| finding.known.is_none());
        for finding in entered {
            let what = match (&finding.clause, finding.kind) {
                (Some(clause), Kind::Violation) => format!("breaks {clause}"),
                (_, kind) => kind.as_str().to_owned(),
            };
            let of_backend = entries.entry(one.backend.clone()).or_default();
            if !of_backend.contains(&what) {
                of_backend.push(what);
            }
        }
    }
    entries
}
