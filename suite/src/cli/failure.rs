//! The errors of the command, and its exit codes.

use std::io;
use std::path::PathBuf;
use std::process::{ExitCode, Termination};

use crate::backend::{Backends, Unusable};
use crate::fuzz::{ArtifactError, SameName};
use crate::isolation::OpenError;
use crate::judge::Unanswered;
use crate::report::baseline::BaselineError;
use crate::report::saved::SavedError;
use crate::run::RunError;
use crate::runner::RunnerError;
use crate::scenario::parse::clause_hint;
use crate::scenario::{ParseError, SelectionError, Variant};
use crate::toml_reader::{nearest, shortened};

/// The exit codes of the command, as `--help` lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Nothing unexpected was found.
    Expected = 0,
    /// Something unexpected was found.
    Unexpected = 1,
    /// Bad usage, a bad input file, or a report that cannot be written.
    Usage = 2,
    /// A library could not be loaded or tested.
    Backend = 3,
    /// The suite itself failed.
    Suite = 4,
    /// With `diff --bisect`: a library could not be loaded or tested.
    Untestable = 125,
    /// Interrupted.
    Interrupted = 130,
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}

/// Why the command failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("unknown {kind} {name:?}: {hint}")]
    UnknownLibrary {
        kind: &'static str,
        name: String,
        hint: String,
    },
    #[error("unknown clause {name:?}: {hint}")]
    UnknownClause { name: String, hint: String },
    #[error(
        "no selected scenario has the variant {}: select others, or leave out --variant",
        either(.0)
    )]
    NoSuchVariant(Vec<Variant>),
    #[error("{0}")]
    Open(#[from] OpenError),
    #[error("WRITEPROOF_REQUIRE asks for backends that are missing:{}", list(.0))]
    Required(Vec<Unusable>),
    #[error("no library to check: give a shared object with --libssl PATH")]
    NothingToCheck,
    #[error(
        "cannot compare {0} with itself: choose another library with --against, or check another with --libssl"
    )]
    AgainstItself(String),
    #[error("{1} values for {0} and {2} for --libssl: give {0} once, or once for each --libssl")]
    CountMismatch(&'static str, usize, usize),
    #[error("the name {0} is taken, by a backend or another --libssl: choose another --name")]
    NameTaken(String),
    #[error(
        "{0} is the id of a backend of the suite: choose another one for the backend of this program"
    )]
    IdTaken(String),
    #[error(
        "diff needs exactly two different libraries: two backends, a backend and --libssl PATH, or --libssl twice"
    )]
    NotTwo,
    #[error(
        "to convert {}, give the one library that it is about, with --libssl PATH or --backend NAME",
        .0.display()
    )]
    NotOneToConvert(PathBuf),
    #[error("cannot find the path of this program, which is needed to start worker processes: {0}")]
    Program(io::Error),
    #[error("{0}")]
    Scenario(#[from] ParseError),
    #[error("{0}")]
    Selection(#[from] SelectionError),
    #[error("{0}")]
    Run(#[from] RunError),
    #[error("cannot read the known issues in {}: {source}", path.display())]
    Ledger { path: PathBuf, source: io::Error },
    #[error("{0}")]
    Artifact(#[from] ArtifactError),
    #[error("{} {what}", path.display())]
    NoInput { path: PathBuf, what: &'static str },
    #[error("{} contains no valid scenario: {why}", path.display())]
    NoScenario { path: PathBuf, why: String },
    #[error(
        "{} is a scenario file, which cannot be shrunk: remove its steps by hand",
        .0.display()
    )]
    NotEncoded(PathBuf),
    #[error(
        "{}: no unexpected finding to minimise; use --known to minimise a known one",
        .0.display()
    )]
    NothingToKeep(PathBuf),
    #[error(
        "{text:?} is not a scenario id: write FAMILY/NAME, both of a-z, 0-9 and -, such as {better}"
    )]
    WrongId { text: String, better: String },
    #[error("{} already exists; nothing was written: choose another name, or remove the file", .0.display())]
    Taken(PathBuf),
    #[error(
        "{} is not in a checkout of the repository, which has the folders fixtures/scenarios and snapshots: run this command in one",
        .0.display()
    )]
    NoCheckout(PathBuf),
    #[error(
        "two runs on {0} give different traces, so no snapshot can be written; one cause is a link that blocks within a handshake, as the lengths of its messages vary"
    )]
    NotDeterministic(String),
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("cannot write {}: {source}", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
    #[error("{0}")]
    Seeds(#[from] SameName),
    #[error("cannot write {}: {source}", path.display())]
    Output { path: PathBuf, source: io::Error },
    #[error("cannot write the report to standard output: {0}")]
    StandardOutput(io::Error),
    #[error("{}: {source}", path.display())]
    Saved { path: PathBuf, source: SavedError },
    #[error("cannot read the baseline {}: {source}", path.display())]
    Baseline { path: PathBuf, source: io::Error },
    #[error("{0}")]
    BaselineLine(#[from] BaselineError),
    #[error("--baseline needs exactly one library, and {0} are given")]
    BaselineOfSeveral(usize),
    #[error("cannot serialise the report as JUnit XML: {0}")]
    Junit(quick_junit::SerializeError),
    #[error("cannot serialise the report as JSON: {0}")]
    Json(serde_json::Error),
    #[error("{0}")]
    Unanswered(#[from] Unanswered),
    #[error("cannot install the handler for Ctrl-C: {0}")]
    Interrupt(#[from] ctrlc::Error),
}

impl Failure {
    /// An unknown backend, with the most similar name.
    pub(super) fn unknown_backend(name: &str) -> Self {
        Self::unknown_among(("backend", "backends"), name, &Backends::all())
    }

    /// A name that is none of these, with the most similar one. `kind` says what they are, in the
    /// singular and the plural.
    pub(super) fn unknown_among(
        (kind, kinds): (&'static str, &str),
        name: &str,
        all: &[&str],
    ) -> Self {
        let nearest = nearest(name, all.iter().map(|id| (*id, *id)), 1);
        let all = all.join(", ");
        let hint = match nearest.first() {
            Some(id) => format!("did you mean {id:?}? ({kinds}: {all})"),
            None => format!("the {kinds} are {all}"),
        };
        Self::UnknownLibrary {
            kind,
            name: shortened(name),
            hint,
        }
    }

    /// An unknown clause, with the most similar one.
    pub(super) fn unknown_clause<'c>(name: &str, known: impl Iterator<Item = &'c str>) -> Self {
        Self::UnknownClause {
            name: shortened(name),
            hint: clause_hint(name, known),
        }
    }

    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::UnknownLibrary { .. }
            | Self::UnknownClause { .. }
            | Self::NothingToCheck
            | Self::AgainstItself(_)
            | Self::CountMismatch(..)
            | Self::NameTaken(_)
            | Self::IdTaken(_)
            | Self::NotTwo
            | Self::NotOneToConvert(_)
            | Self::NoSuchVariant(_)
            | Self::Scenario(_)
            | Self::Selection(_)
            | Self::Ledger { .. }
            | Self::Saved { .. }
            | Self::Baseline { .. }
            | Self::BaselineLine(_)
            | Self::BaselineOfSeveral(_)
            | Self::Artifact(_)
            | Self::NoInput { .. }
            | Self::NoScenario { .. }
            | Self::NotEncoded(_)
            | Self::NothingToKeep(_)
            | Self::WrongId { .. }
            | Self::Taken(_)
            | Self::NoCheckout(_)
            | Self::NotDeterministic(_)
            | Self::Unreadable { .. }
            | Self::Unwritable { .. }
            | Self::Output { .. }
            | Self::StandardOutput(_) => Exit::Usage,
            Self::Open(OpenError::Worker(_)) => Exit::Suite,
            Self::Open(_) | Self::Required(_) => Exit::Backend,
            Self::Run(RunError::Interrupted { .. }) => Exit::Interrupted,
            Self::Run(
                RunError::Runner {
                    source: RunnerError::Changed(_),
                    ..
                }
                | RunError::SelfCheck(RunnerError::Changed(_)),
            ) => Exit::Backend,
            Self::Run(_)
            | Self::Program(_)
            | Self::Json(_)
            | Self::Junit(_)
            | Self::Unanswered(_)
            | Self::Seeds(_)
            | Self::Interrupt(_) => Exit::Suite,
        }
    }
}

fn either(variants: &[Variant]) -> String {
    let variants: Vec<String> = variants.iter().map(Variant::to_string).collect();
    variants.join(" or ")
}

fn list(missing: &[Unusable]) -> String {
    let lines = missing
        .iter()
        .map(|one| format!("\n  {}: {}", one.id, one.reason));
    lines.collect()
}
