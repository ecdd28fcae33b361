//! Unexpected findings: the target ends with a short message, or saves the first input of each
//! cause and continues. Input: a fuzz input with its findings. Output: artifacts, and at the end
//! the list of causes.
#![allow(unsafe_code)] // Ends the process in the middle of an input.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fmt::{self, Write as _};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use sha1::{Digest as _, Sha1};
use writeproof::internal::fuzz::{FindingSignature, FuzzTarget, UnexpectedFinding};
use writeproof::internal::scenario::{self, Scenario};

/// The environment variable that makes a target continue after a finding, unless its value is `0`.
const KEEP_GOING: &str = "WRITEPROOF_FUZZ_KEEP_GOING";

/// The environment variable that names the folder for findings, and also makes a target continue.
const FOLDER: &str = "WRITEPROOF_FUZZ_FINDINGS";

/// The option of libFuzzer with the prefix of artifact paths.
const ARTIFACT_PREFIX: &str = "-artifact_prefix=";

/// The exit code with which libFuzzer reports a finding (its `-error_exitcode`).
const FOUND: i32 = 77;

/// The causes so far, while a target continues.
static CAUSES: Mutex<Causes> = Mutex::new(Causes(BTreeMap::new()));

/// The findings by cause.
#[derive(Debug, Default)]
pub(crate) struct Causes(BTreeMap<FindingSignature, Witness>);

/// The findings of one cause.
#[derive(Debug)]
struct Witness {
    /// The first input with it.
    artifact: PathBuf,
    /// The number of inputs with it.
    inputs: u64,
}

/// An input with findings that no known issue explains.
pub(crate) struct Unexpected<'f> {
    pub(crate) target: FuzzTarget,
    pub(crate) data: &'f [u8],
    pub(crate) scenario: &'f Scenario,
    pub(crate) findings: &'f [UnexpectedFinding],
}

/// Saves the input and ends the process with a message. A target that continues saves it only if
/// one of its causes is new, and returns.
///
/// # Panics
/// The input cannot be saved.
pub(crate) fn report(found: &Unexpected<'_>) {
    match folder(found.target) {
        None => {
            let path = format!("{}crash-{}", artifact_prefix(found.target), found.name());
            save(Path::new(&path), found.data);
            eprintln!("{}", found.message(found.findings, &path));
            // Not by a panic: a backtrace through the fuzzer says nothing about the library. Nor by `exit`, in which libFuzzer
            // would take the library for the one that ended the process.
            // SAFETY: the function may be called at any time.
            unsafe { libc::_exit(FOUND) }
        }
        Some(folder) => {
            let mut causes = CAUSES.lock().unwrap_or_else(PoisonError::into_inner);
            causes.add(found, &folder);
        }
    }
}

/// The list of causes; empty if there is none.
pub(crate) fn causes() -> String {
    let causes = CAUSES.lock().unwrap_or_else(PoisonError::into_inner);
    causes.to_string()
}

impl Causes {
    fn add(&mut self, found: &Unexpected<'_>, folder: &Path) {
        let path = folder.join(format!("finding-{}", found.name()));
        let mut new: Vec<UnexpectedFinding> = Vec::new();
        let mut counted: Vec<FindingSignature> = Vec::new();
        for finding in found.findings {
            let cause = finding.cause();
            if counted.contains(&cause) {
                continue;
            }
            let witness = self.0.entry(cause.clone()).or_insert_with(|| {
                new.push(finding.clone());
                Witness {
                    artifact: path.clone(),
                    inputs: 0,
                }
            });
            witness.inputs += 1;
            counted.push(cause);
        }
        if new.is_empty() {
            return;
        }
        save(&path, found.data);
        eprintln!("{}", found.message(&new, &path.display().to_string()));
    }
}

/// ```text
/// causes: 2
///   120 x violation of retry.same-arguments on libssl, first in fuzz/artifacts/…
/// ```
impl fmt::Display for Causes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return Ok(());
        }
        writeln!(f, "causes: {}", self.0.len())?;
        for (cause, Witness { artifact, inputs }) in &self.0 {
            writeln!(f, "  {inputs} x {cause}, first in {}", artifact.display())?;
        }
        Ok(())
    }
}

impl Unexpected<'_> {
    /// The file name that libFuzzer gives an input.
    fn name(&self) -> String {
        let digest = Sha1::digest(self.data);
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// What was found, in which scenario, and how to see it again.
    fn message(&self, findings: &[UnexpectedFinding], path: &str) -> String {
        let mut text = String::from("unexpected finding:\n");
        for finding in findings {
            // Writing to a `String` cannot fail.
            let _ = writeln!(text, "{finding}");
        }
        let scenario = scenario::write(self.scenario);
        let _ = write!(
            text,
            "in\n{scenario}\nto reproduce:\n  writeproof replay {path}"
        );
        if let Some(path) = env::var_os(writeproof::internal::fuzz::LIBSSL) {
            let _ = write!(text, " --libssl {}", Path::new(&path).display());
        }
        text
    }
}

/// Whether the target continues after a finding.
pub(crate) fn keeps_going() -> bool {
    let is_set = |value: OsString| !value.is_empty() && value != "0";
    env::var_os(FOLDER).is_some() || env::var_os(KEEP_GOING).is_some_and(is_set)
}

/// The folder for findings while the target continues; `None` if it ends at the first.
fn folder(target: FuzzTarget) -> Option<PathBuf> {
    keeps_going().then(|| match env::var_os(FOLDER) {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(artifact_prefix(target)),
    })
}

/// The prefix of the paths of libFuzzer's artifacts.
fn artifact_prefix(target: FuzzTarget) -> String {
    let named = env::args_os().find_map(|argument| {
        let prefix = argument.to_str()?.strip_prefix(ARTIFACT_PREFIX)?;
        Some(prefix.to_owned())
    });
    named.unwrap_or_else(|| format!("fuzz/artifacts/{}/", target.name()))
}

fn save(path: &Path, bytes: &[u8]) {
    let folder = path.parent().map_or(Ok(()), fs::create_dir_all);
    if let Err(error) = folder.and_then(|()| fs::write(path, bytes)) {
        panic!("cannot write {}: {error}", path.display());
    }
}
