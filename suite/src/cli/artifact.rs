//! Reads fuzz inputs from files, and decodes them into cases.

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use super::args::{As, LibsslArguments};
use super::failure::Failure;
use super::libraries::{Libraries, add};
use super::{Chosen, STOP, judge_with};
use crate::backend::REFERENCE;
use crate::fuzz::{Artifact, ArtifactBody, Examined, Examiner, FuzzTarget, Reading};
use crate::run::RunError;
use crate::scenario::{Id, Scenario, Variant};

/// A fuzz input and its file.
pub(super) struct Input {
    pub(super) path: PathBuf,
    pub(super) artifact: Artifact,
}

/// The result of decoding a fuzz input.
pub(super) enum InputReading {
    /// A scenario, to be run in these variants.
    Scenario(Scenario, Vec<Variant>),
    /// No scenario, and why not.
    Nothing(String),
    /// It does not survive a round trip, which is a bug in the suite.
    RoundTripMismatch(String),
}

impl Input {
    /// Reads the file at `path`, which has to be a regular file.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let wrong = |what| Failure::NoInput {
            path: path.to_owned(),
            what,
        };
        if let Ok(there) = fs::metadata(path) {
            let of_parser = path
                .parent()
                .is_some_and(|folder| folder.ends_with(FuzzTarget::ScenarioFile.name()));
            if there.is_dir() {
                return Err(wrong("is a folder: give the files in it"));
            }
            if !there.is_file() {
                return Err(wrong(
                    "is not a regular file: give a file that a fuzz target wrote",
                ));
            }
            if there.len() == 0 && !of_parser {
                return Err(wrong(
                    "is empty: a fuzz input is a header and operations, or the text of a scenario file",
                ));
            }
        }
        Ok(Self {
            path: path.to_owned(),
            artifact: Artifact::read(path)?,
        })
    }

    /// Decodes it.
    pub(super) fn reading(&self) -> InputReading {
        let bytes = match &self.artifact.content {
            ArtifactBody::Program(_) => {
                return match self.artifact.case() {
                    Some((scenario, variant)) => InputReading::Scenario(scenario, vec![variant]),
                    None => InputReading::Nothing("none of its operations writes".to_owned()),
                };
            }
            ArtifactBody::Text(bytes) => bytes,
        };
        let path = self.path.display().to_string();
        match catch_unwind(|| Reading::of(Id::of_file(&self.path), &path, bytes)) {
            Ok(Ok(Reading::NoText)) => InputReading::Nothing("it is not UTF-8 text".to_owned()),
            Ok(Ok(Reading::Refused(error))) => InputReading::Nothing(error.to_string()),
            Ok(Ok(Reading::Scenario(scenario))) => {
                let variants = scenario.variants().collect();
                InputReading::Scenario(*scenario, variants)
            }
            Ok(Err(mismatch)) => InputReading::RoundTripMismatch(mismatch.to_string()),
            Err(_) => InputReading::RoundTripMismatch("the parser panics on it".to_owned()),
        }
    }

    /// The scenario that it encodes, for a command that needs one.
    pub(super) fn scenario(&self) -> Result<(Scenario, Vec<Variant>), Failure> {
        let nothing = |why: String| Failure::NoScenario {
            path: self.path.clone(),
            why,
        };
        match self.reading() {
            InputReading::Scenario(scenario, variants) => Ok((scenario, variants)),
            InputReading::Nothing(why) => Err(nothing(why)),
            InputReading::RoundTripMismatch(how) => {
                Err(nothing(format!("a bug in the suite: {how}")))
            }
        }
    }
}

/// An examiner for the backends of these names, or for all that are present, and for the shared
/// objects of the user, which are judged as `judged_as` says and with the known issues in
/// `ledgers`.
pub(super) fn examiner(
    libraries: &LibsslArguments,
    judged_as: &[As],
    ledgers: &[PathBuf],
    backends: &[String],
) -> Result<Examiner, Failure> {
    let libraries = Libraries::open(libraries)?.all_apart();
    let libraries = libraries.judged_as(judged_as)?;
    let (judge, _) = judge_with(ledgers, &libraries)?;
    let Chosen {
        backends: mut targets,
        ..
    } = Chosen::of(&libraries, backends)?;
    add(&mut targets, libraries.named());
    Ok(Examiner {
        reference: libraries.among(&targets, REFERENCE)?,
        targets,
        judge,
    })
}

/// Runs the variants one after the other, until the user interrupts.
pub(super) fn examine_all(
    examiner: &Examiner,
    scenario: &Scenario,
    variants: &[Variant],
) -> Result<Vec<(Variant, Vec<Examined>)>, RunError> {
    let mut all = Vec::with_capacity(variants.len());
    for &variant in variants {
        if STOP.load(Ordering::Relaxed) {
            return Err(RunError::Interrupted {
                done: all.len(),
                cases: variants.len(),
            });
        }
        all.push((variant, examiner.examine(scenario, variant)?));
    }
    Ok(all)
}
