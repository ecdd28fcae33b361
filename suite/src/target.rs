//! A library under test as a run sees it: something that a case can be run on, wherever the library
//! lives. What is linked into this program or written in Rust runs in this process; a foreign shared
//! object runs in workers, so that nothing that it does ends the run. Where a case is looked at because it
//! may do just that, all of them do.

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
    /// Its name, version, and how it is reached.
    fn about(&self) -> &About;

    /// What was loaded, if it is a shared object.
    fn load_report(&self) -> Option<&LoadReport> {
        None
    }

    /// Runs one case. Whatever the library does, crashes and hangs included, is the result.
    ///
    /// # Errors
    /// [`RunnerError`], if the suite itself could not do its part.
    fn run(&self, scenario: &Scenario, variant: Variant) -> Result<RunOutcome, RunnerError>;

    /// Runs one scenario in several variants, in this order; answers as many results.
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

/// What came of a case.
#[derive(Debug, Clone, Default)]
pub struct RunOutcome {
    /// What happened.
    pub trace: Trace,
    /// What the library printed meanwhile.
    pub printed: Printed,
}

/// What a library printed; the beginning of it, if it was much.
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
            unconfined: vec!["anything: it runs in the suite's own process".to_owned()],
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

/// Why a library cannot be run on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The library is not usable.
    #[error("{0}")]
    Unusable(Unusable),
    /// The suite could not start a worker; the library was not even looked at.
    #[error("{0}")]
    Worker(StartError),
}

impl From<Unusable> for OpenError {
    fn from(unusable: Unusable) -> Self {
        Self::Unusable(unusable)
    }
}

/// Where foreign libraries run.
#[derive(Debug, Clone)]
pub enum Isolation {
    /// In this process, as a debugger likes it: a library that crashes ends the run.
    None,
    /// In processes of their own.
    Workers {
        /// The command `writeproof`, which is started again for each worker.
        program: PathBuf,
        /// What a worker may use.
        limits: WorkerLimits,
    },
}

impl Isolation {
    /// Opens a built-in backend by name; answers nothing for a name that nobody knows.
    pub fn open(&self, id: &str) -> Option<Result<Arc<dyn Target>, OpenError>> {
        if let Ok(Home::SharedObject(source)) = Backends::home(id)? {
            return Some(self.load(&source));
        }
        let here = |backend| Arc::new(InProcess::new(backend)) as Arc<dyn Target>;
        Some(Backends::open(id)?.map(here).map_err(OpenError::from))
    }

    /// Opens a built-in backend by name as [`Isolation::open`] does, but for one that is a part of this program, which
    /// gets processes of its own too; answers nothing for a name that nobody knows.
    pub fn open_apart(&self, id: &str) -> Option<Result<Arc<dyn Target>, OpenError>> {
        match (self, Backends::home(id)?) {
            (Self::Workers { program, limits }, Ok(Home::Linked | Home::Rust)) => {
                let started = Workers::start_built_in(program, id, limits);
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
