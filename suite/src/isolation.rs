//! Where a library runs. The reference and rustls, which are part of this program, run in this
//! process; a foreign shared object runs in workers, so that nothing it does ends the run. So does
//! an external backend: its workers are its own program, started again. To examine a case that may
//! crash, all libraries run in workers.

use std::path::PathBuf;
use std::sync::Arc;

use crate::backend::libssl::{LibrarySource, Libssl};
use crate::backend::{About, Backend, Backends, Home, Unusable};
use crate::runner::{self, RunnerError};
use crate::scenario::{Scenario, Variant};
use crate::target::{LoadReport, Printed, RunOutcome, Target};
use crate::worker::{StartError, WorkerLimits, Workers};

/// A backend that runs in this process.
pub struct InProcess {
    backend: Arc<dyn Backend>,
    load_report: Option<LoadReport>,
    unconfined: Vec<String>,
}

impl InProcess {
    /// Runs cases on this backend.
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self {
            backend,
            load_report: None,
            unconfined: Vec::new(),
        }
    }

    /// Runs cases on a library that was loaded into this process.
    fn loaded(libssl: Libssl) -> Self {
        let load_report = LoadReport {
            about: libssl.about().clone(),
            loaded: libssl.loaded().clone(),
            printed: Printed::default(),
        };
        Self {
            backend: Arc::new(libssl),
            load_report: Some(load_report),
            unconfined: vec!["anything: it runs in the suite's own process".to_owned()],
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

    fn unconfined(&self) -> &[String] {
        &self.unconfined
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
    /// This program, started again, does not serve as a worker that has its external backend.
    #[error(
        "cannot run {id} in a worker process, which is this program, started again: {why}. `main` \
         has to call `run_cli` with this backend, regardless of the program's arguments; with \
         --in-process, it runs in this process"
    )]
    External {
        /// The backend.
        id: String,
        /// Why there is no worker.
        why: StartError,
    },
}

impl From<Unusable> for OpenError {
    fn from(unusable: Unusable) -> Self {
        Self::Unusable(unusable)
    }
}

/// Where foreign libraries and external backends run.
#[derive(Debug, Clone)]
pub enum Isolation {
    /// In this process, as a debugger likes it: a library that crashes ends the run.
    None,
    /// In processes of their own.
    Workers {
        /// This program, which is started again for each worker: the command `writeproof`, or the
        /// program of an external backend.
        program: PathBuf,
        /// What a worker may use.
        limits: WorkerLimits,
    },
}

impl Isolation {
    /// Opens a built-in backend by name; returns `None` for an unknown name.
    pub fn open(&self, id: &str) -> Option<Result<Arc<dyn Target>, OpenError>> {
        if let Ok(Home::SharedObject(source)) = Backends::home(id)? {
            return Some(self.load(&source));
        }
        let here = |backend| Arc::new(InProcess::new(backend)) as Arc<dyn Target>;
        Some(Backends::open(id)?.map(here).map_err(OpenError::from))
    }

    /// Opens a built-in backend by name as [`Isolation::open`] does, but also runs a backend that is linked into this
    /// program in worker processes. Returns `None` for an unknown name.
    pub fn open_apart(&self, id: &str) -> Option<Result<Arc<dyn Target>, OpenError>> {
        match (self, Backends::home(id)?) {
            (Self::Workers { program, limits }, Ok(Home::Linked | Home::Rust)) => {
                let started = Workers::start_built_in(program, id, limits);
                Some(in_workers(id, started))
            }
            _ => self.open(id),
        }
    }

    /// Opens an external backend, with which this program serves as a worker too.
    ///
    /// # Errors
    /// [`OpenError`], if no worker has this backend.
    pub fn open_external(&self, backend: Arc<dyn Backend>) -> Result<Arc<dyn Target>, OpenError> {
        match self {
            Self::None => Ok(Arc::new(InProcess::new(backend))),
            Self::Workers { program, limits } => {
                let id = &backend.about().id;
                match Workers::start_external(program, id, limits) {
                    Err(why @ (StartError::Refused(_) | StartError::Died { .. })) => {
                        let id = id.clone();
                        Err(OpenError::External { id, why })
                    }
                    started => in_workers(id, started),
                }
            }
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
