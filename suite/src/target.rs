//! A library under test as a run sees it: something that runs cases, in this process or in another one.

use serde::{Deserialize, Serialize};

use crate::backend::About;
use crate::backend::libssl::Loaded;
use crate::runner::RunnerError;
use crate::scenario::{Scenario, Variant};
use crate::trace::Trace;

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

/// A library that is loaded and ready to run cases.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoadReport {
    /// Its name and version.
    pub about: About,
    /// The files and functions that were found.
    pub loaded: Loaded,
    /// The privileges that the worker could not drop on this system, as text.
    pub unconfined: Vec<String>,
    /// Its output while it was loaded.
    #[serde(default)]
    pub printed: Printed,
}
