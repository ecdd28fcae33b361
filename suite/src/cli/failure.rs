//! Everything that can end the command early, with its exit code.

use std::io;
use std::path::PathBuf;
use std::process::{ExitCode, Termination};

use crate::backend::{Backends, Unusable};
use crate::judge::Unanswered;
use crate::run::RunError;
use crate::scenario::{ParseError, SelectionError, nearest, shortened};
use crate::stage::StageError;
use crate::subject::OpenError;

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
    #[error("the report cannot be written to {}: {source}", path.display())]
    Output { path: PathBuf, source: io::Error },
    #[error("the report cannot be written: {0}")]
    StandardOutput(io::Error),
    #[error("the report cannot be said in JSON: {0}")]
    Json(serde_json::Error),
    #[error("fixtures/table.toml: {0}")]
    Questions(#[from] toml::de::Error),
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
            | Self::NoSuchVariant
            | Self::Scenario(_)
            | Self::Selection(_)
            | Self::Ledger { .. }
            | Self::Output { .. }
            | Self::StandardOutput(_) => Exit::Usage,
            Self::Open(OpenError::Worker(_)) => Exit::Suite,
            Self::Open(_) | Self::Required(_) => Exit::Backend,
            Self::Run(RunError::Interrupted { .. }) => Exit::Interrupted,
            Self::Run(
                RunError::Stage {
                    source: StageError::Changed(_),
                    ..
                }
                | RunError::Doctor(StageError::Changed(_)),
            ) => Exit::Backend,
            Self::Run(_)
            | Self::Program(_)
            | Self::Json(_)
            | Self::Questions(_)
            | Self::Unanswered(_)
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
