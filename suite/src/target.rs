//! A library under test, on which cases can be run. A library that is linked into this program runs
//! in this process. A shared object runs in worker processes, so that a crash does not end the run.
//! The commands for fuzz inputs run every library in workers, since an input may have crashed one.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::backend::libssl::{LibrarySource, Libssl};
use crate::backend::{About, Backend, Backends, Home, Unusable};
use crate::runner::{self, RunnerError};
use crate::scenario::{Scenario, Variant};
use crate::trace::Trace;
use crate::worker::{LoadReport, StartError, WorkerLimits, Workers};

/// A library under test that cases can be run on.
pub trait Target: Send + Sync {
    /// Its name, version and linkage.
    fn about(&self) -> &About;

    /// What was loaded, for a shared object.
    fn load_report(&self) -> Option<&LoadReport> {
        None
    }

    /// Runs one case. A crash or a hang of the library is a result, not an error.
    ///
    /// # Errors
    /// [`RunnerError`], if the suite itself failed.
    fn run(&self, scenario: &Scenario, variant: Variant) -> Result<RunOutcome, RunnerError>;

    /// Runs one scenario in several variants, in this order, and returns one outcome for each.
    ///
    /// # Errors
    /// [`RunnerError`], as for one.
    fn run_all(
        &self,
        scenario: &Scenario,
        variants: &[Variant],
    ) -> Result<Vec<RunOutcome>, RunnerError> {
        let run = |variant: &Variant| self.run(scenario, *variant);
        variants.iter().map(run).collect()
    }
}

/// The outcome of a case.
#[derive(Debug, Clone, Default)]
pub struct RunOutcome {
    /// What happened.
    pub trace: Trace,
    /// What the library printed during the case.
    pub printed: Printed,
}

/// What a library printed; only the beginning if it was much.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Printed {
    /// On standard output.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stdout: String,
    /// On standard error.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub stderr: String,
}

impl Printed {
    /// Whether it printed nothing.
    pub fn is_empty(&self) -> bool {
        self.stdout.is_empty() && self.stderr.is_empty()
    }
}

/// A backend that runs in this process.
pub struct InProcess {
    backend: Arc<dyn Backend>,
    load_report: Option<LoadReport>,
}

impl InProcess {
    /// Runs cases on this backend.
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self {
            backend,
            load_report: None,
        }
    }

    /// Runs cases on a library that was loaded into this process.
    fn loaded(libssl: Libssl) -> Self {
        let load_report = LoadReport {
            about: libssl.about().clone(),
            loaded: libssl.loaded().clone(),
            unconfined: vec!["at all: it runs in the process of the suite".to_owned()],
            printed: Printed::default(),
        };
        Self {
            backend: Arc::new(libssl),
            load_report: Some(load_report),
        }
    }
}

impl Target for InProcess {
    fn about(&self) -> &About {
        self.backend.about()
    }

    fn load_report(&self) -> Option<&LoadReport> {
        self.load_report.as_ref()
    }

    fn run(&self, scenario: &Scenario, variant: Variant) -> Result<RunOutcome, RunnerError> {
        let trace = runner::run(self.backend.as_ref(), scenario, variant)?;
        Ok(RunOutcome {
            trace,
            printed: Printed::default(),
        })
    }
}

/// Why a library cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The library cannot be loaded.
    #[error("{0}")]
    Unusable(Unusable),
    /// The suite could not start a worker process, so the library was not loaded.
    #[error("{0}")]
    Worker(StartError),
}

impl From<Unusable> for OpenError {
    fn from(unusable: Unusable) -> Self {
        Self::Unusable(unusable)
    }
}

/// Where shared objects run.
#[derive(Debug, Clone)]
pub enum Isolation {
    /// In this process, for use with a debugger; a crash of the library ends the run.
    None,
    /// In worker processes.
    Workers {
        /// The program `writeproof`, which each worker runs.
        program: PathBuf,
        /// What a worker may use.
        limits: WorkerLimits,
    },
}

impl Isolation {
    /// Opens a backend by name; none if there is no such backend.
    pub fn open(&self, id: &str) -> Option<Result<Arc<dyn Target>, OpenError>> {
        if let Ok(Home::SharedObject(source)) = Backends::home(id)? {
            return Some(self.load(&source));
        }
        let here = |backend| Arc::new(InProcess::new(backend)) as Arc<dyn Target>;
        Some(Backends::open(id)?.map(here).map_err(OpenError::from))
    }

    /// Opens a backend by name as [`Isolation::open`] does, but runs a linked one in workers too;
    /// none if there is no such backend.
    pub fn open_apart(&self, id: &str) -> Option<Result<Arc<dyn Target>, OpenError>> {
        match (self, Backends::home(id)?) {
            (Self::Workers { program, limits }, Ok(Home::Linked | Home::Rust)) => {
                let started = Workers::of_own_part(program, id, limits);
                Some(in_workers(id, started))
            }
            _ => self.open(id),
        }
    }

    /// Loads a shared object.
    ///
    /// # Errors
    /// [`OpenError`], with what went wrong and what would be right.
    pub fn load(&self, source: &LibrarySource) -> Result<Arc<dyn Target>, OpenError> {
        let id = source.id.as_str();
        match self {
            Self::None => {
                let libssl = Libssl::open(source).map_err(|error| Unusable::new(id, error))?;
                Ok(Arc::new(InProcess::loaded(libssl)))
            }
            Self::Workers { program, limits } => {
                in_workers(id, Workers::start(program, source, limits))
            }
        }
    }
}

fn in_workers(
    id: &str,
    started: Result<Workers, StartError>,
) -> Result<Arc<dyn Target>, OpenError> {
    match started {
        Ok(workers) => Ok(Arc::new(workers)),
        Err(error @ StartError::Start { .. }) => Err(OpenError::Worker(error)),
        Err(error) => Err(Unusable::new(id, error).into()),
    }
}
