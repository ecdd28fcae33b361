//! Everything that can end the command early, with its exit code.

use std::io;
use std::path::PathBuf;
use std::process::{ExitCode, Termination};

use crate::backend::{Backends, Unusable};
use crate::fuzz::{ArtifactError, SameName};
use crate::isolation::OpenError;
use crate::judge::Unanswered;
use crate::run::RunError;
use crate::runner::RunnerError;
use crate::scenario::{ParseError, SelectionError, nearest, shortened};

/// The exit codes of the command, as `--help` tells them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Nothing unexpected.
    Expected = 0,
    /// Something unexpected.
    Unexpected = 1,
    /// Bad usage, a bad input file, or a report that cannot be written.
    Usage = 2,
    /// A backend could not be used.
    Backend = 3,
    /// The suite itself failed.
    Suite = 4,
    /// Interrupted.
    Interrupted = 130,
}

impl Termination for Exit {
    fn report(self) -> ExitCode {
        ExitCode::from(self as u8)
    }
}

/// Why the command ended early.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("there is no backend {name:?}: {hint}")]
    UnknownBackend { name: String, hint: String },
    #[error("there is no clause {name:?}: {hint}")]
    UnknownClause { name: String, hint: String },
    #[error("no scenario that was named has this variant")]
    NoSuchVariant,
    #[error("{0}")]
    Open(#[from] OpenError),
    #[error("required by WRITEPROOF_REQUIRE, but missing:{}", list(.0))]
    Required(Vec<Unusable>),
    #[error("nothing to check: name a shared object with --libssl PATH")]
    NothingToCheck,
    #[error(
        "{0} is not compared with itself: name another library with --against, or with --libssl"
    )]
    AgainstItself(String),
    #[error(
        "{0} is given {1} times and --libssl {2} times: give it once for each library, or once for all"
    )]
    Uneven(&'static str, usize, usize),
    #[error("{0} is the name of a backend, or is given twice: choose another --name")]
    NameTaken(String),
    #[error(
        "two libraries are compared: name two backends, or one and --libssl PATH, or --libssl twice"
    )]
    NotTwo,
    #[error(
        "{} is converted by running the library that it is of: name that one, with --libssl PATH or --backend NAME",
        .0.display()
    )]
    NotOneToConvert(PathBuf),
    #[error("the program cannot find itself, to start workers: {0}")]
    Program(io::Error),
    #[error("{0}")]
    Scenario(#[from] ParseError),
    #[error("{0}")]
    Selection(#[from] SelectionError),
    #[error("{0}")]
    Run(#[from] RunError),
    #[error("the ledger {} cannot be read: {source}", path.display())]
    Ledger { path: PathBuf, source: io::Error },
    #[error("{0}")]
    Artifact(#[from] ArtifactError),
    #[error("{} {what}", path.display())]
    NoInput { path: PathBuf, what: &'static str },
    #[error("{} tells no scenario: {why}", path.display())]
    NoScenario { path: PathBuf, why: String },
    #[error(
        "{} is the text of a scenario file, of which the steps can be taken away by hand: only cells are shrunk",
        .0.display()
    )]
    NoCells(PathBuf),
    #[error(
        "nothing unexpected comes of {}, and so there is nothing to keep; with --known the most serious finding that the ledger knows is kept, if there is one",
        .0.display()
    )]
    NothingToKeep(PathBuf),
    #[error(
        "{text:?} is no id of a scenario, which is FAMILY/NAME, both of a-z, 0-9 and -, such as {better}"
    )]
    WrongId { text: String, better: String },
    #[error("{} is there already: nothing was written; choose another name, or remove it", .0.display())]
    Taken(PathBuf),
    #[error(
        "{} is in no checkout of the repository, which has the folders fixtures/scenarios and snapshots: go into one first",
        .0.display()
    )]
    NoCheckout(PathBuf),
    #[error(
        "two runs on {0} give two traces, which cannot be recorded; a link that blocks within a handshake does that, as the lengths of its messages differ from run to run"
    )]
    Unsteady(String),
    #[error("{} cannot be read: {source}", path.display())]
    Unreadable { path: PathBuf, source: io::Error },
    #[error("{} cannot be written: {source}", path.display())]
    Unwritable { path: PathBuf, source: io::Error },
    #[error("{0}")]
    Seeds(#[from] SameName),
    #[error("the report cannot be written to {}: {source}", path.display())]
    Output { path: PathBuf, source: io::Error },
    #[error("the report cannot be written: {0}")]
    StandardOutput(io::Error),
    #[error("the report cannot be said in JSON: {0}")]
    Json(serde_json::Error),
    #[error("{0}")]
    Unanswered(#[from] Unanswered),
    #[error("interrupts cannot be caught: {0}")]
    Interrupt(#[from] ctrlc::Error),
}

impl Failure {
    /// An unknown backend, with the nearest names.
    pub(super) fn unknown_backend(name: &str) -> Self {
        Self::unknown_among(name, &Backends::all())
    }

    /// A name that is none of these, with the nearest of them.
    pub(super) fn unknown_among(name: &str, all: &[&str]) -> Self {
        let nearest = nearest(name, all.iter().map(|id| (*id, *id)), 1);
        let all = all.join(", ");
        let hint = match nearest.first() {
            Some(id) => format!("did you mean {id:?}? (backends: {all})"),
            None => format!("the backends are {all}"),
        };
        Self::UnknownBackend {
            name: shortened(name),
            hint,
        }
    }

    /// A clause that there is not, with the nearest one.
    pub(super) fn unknown_clause(name: &str, all: &[&str]) -> Self {
        let nearest = nearest(name, all.iter().map(|id| (*id, *id)), 1);
        let hint = match nearest.first() {
            Some(id) => format!("did you mean {id:?}? (`writeproof manual` tells all)"),
            None => "`writeproof manual` tells all".to_owned(),
        };
        Self::UnknownClause {
            name: shortened(name),
            hint,
        }
    }

    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::UnknownBackend { .. }
            | Self::UnknownClause { .. }
            | Self::NothingToCheck
            | Self::AgainstItself(_)
            | Self::Uneven(..)
            | Self::NameTaken(_)
            | Self::NotTwo
            | Self::NotOneToConvert(_)
            | Self::NoSuchVariant
            | Self::Scenario(_)
            | Self::Selection(_)
            | Self::Ledger { .. }
            | Self::Artifact(_)
            | Self::NoInput { .. }
            | Self::NoScenario { .. }
            | Self::NoCells(_)
            | Self::NothingToKeep(_)
            | Self::WrongId { .. }
            | Self::Taken(_)
            | Self::NoCheckout(_)
            | Self::Unsteady(_)
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
                | RunError::Doctor(RunnerError::Changed(_)),
            ) => Exit::Backend,
            Self::Run(_)
            | Self::Program(_)
            | Self::Json(_)
            | Self::Unanswered(_)
            | Self::Seeds(_)
            | Self::Interrupt(_) => Exit::Suite,
        }
    }
}

fn list(missing: &[Unusable]) -> String {
    let lines = missing
        .iter()
        .map(|one| format!("\n  {}: {}", one.id, one.reason));
    lines.collect()
}
