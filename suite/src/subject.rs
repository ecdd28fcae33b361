//! A library under test as a run sees it: something that a case can be run on, wherever the library
//! lives. What is linked into this program or written in Rust runs in this process; a foreign shared
//! object runs in workers, so that nothing that it does ends the run. Where a case is looked at because it
//! may do just that, all of them do.

use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::backend::libssl::{Libssl, Source};
use crate::backend::{About, Backend, Backends, Home, Unusable};
use crate::scenario::{Scenario, Variant};
use crate::stage::{self, StageError};
use crate::trace::Trace;
use crate::worker::{Arrived, Limits, StartError, Workers};

/// A library under test that cases can be run on.
pub trait Subject: Send + Sync {
    /// Its name, version, and how it is reached.
    fn about(&self) -> &About;

    /// What was loaded, if it is a shared object.
    fn arrived(&self) -> Option<&Arrived> {
        None
    }

    /// Runs one case. Whatever the library does, crashes and hangs included, is the result.
    ///
    /// # Errors
    /// [`StageError`], if the suite itself could not do its part.
    fn run(&self, scenario: &Scenario, variant: Variant) -> Result<Ran, StageError>;

    /// Runs one scenario in several variants, in this order; answers as many results.
    ///
    /// # Errors
    /// [`StageError`], as for one.
    fn run_all(&self, scenario: &Scenario, variants: &[Variant]) -> Result<Vec<Ran>, StageError> {
        let run = |variant: &Variant| self.run(scenario, *variant);
        variants.iter().map(run).collect()
    }
}

/// What came of a case.
#[derive(Debug, Clone, Default)]
pub struct Ran {
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
    arrived: Option<Arrived>,
}

impl InProcess {
    /// Runs cases on this backend.
    pub fn new(backend: Arc<dyn Backend>) -> Self {
        Self {
            backend,
            arrived: None,
        }
    }

    /// Runs cases on a library that was loaded into this process.
    fn loaded(libssl: Libssl) -> Self {
        let arrived = Arrived {
            about: libssl.about().clone(),
            loaded: libssl.loaded().clone(),
            unconfined: vec!["anything: it runs in the suite's own process".to_owned()],
            printed: Printed::default(),
        };
        Self {
            backend: Arc::new(libssl),
            arrived: Some(arrived),
        }
    }
}

impl Subject for InProcess {
    fn about(&self) -> &About {
        self.backend.about()
    }

    fn arrived(&self) -> Option<&Arrived> {
        self.arrived.as_ref()
    }

    fn run(&self, scenario: &Scenario, variant: Variant) -> Result<Ran, StageError> {
        let trace = stage::run(self.backend.as_ref(), scenario, variant)?;
        Ok(Ran {
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
        limits: Limits,
    },
}

impl Isolation {
    /// Opens a built-in backend by name; answers nothing for a name that nobody knows.
    pub fn open(&self, id: &str) -> Option<Result<Arc<dyn Subject>, OpenError>> {
        if let Ok(Home::SharedObject(source)) = Backends::home(id)? {
            return Some(self.load(&source));
        }
        let here = |backend| Arc::new(InProcess::new(backend)) as Arc<dyn Subject>;
        Some(Backends::open(id)?.map(here).map_err(OpenError::from))
    }

    /// Opens a built-in backend by name as [`Isolation::open`] does, but for one that is a part of this program, which
    /// gets processes of its own too; answers nothing for a name that nobody knows.
    pub fn open_apart(&self, id: &str) -> Option<Result<Arc<dyn Subject>, OpenError>> {
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
    pub fn load(&self, source: &Source) -> Result<Arc<dyn Subject>, OpenError> {
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
) -> Result<Arc<dyn Subject>, OpenError> {
    match started {
        Ok(workers) => Ok(Arc::new(workers)),
        Err(error @ StartError::Start { .. }) => Err(OpenError::Worker(error)),
        Err(error) => Err(Unusable::new(id, error).into()),
    }
}
