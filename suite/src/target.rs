//! A library under test, on which cases can be run: in this process, or in worker processes.

use serde::{Deserialize, Serialize};

use crate::backend::About;
use crate::backend::libssl::Loaded;
use crate::runner::RunnerError;
use crate::scenario::{Scenario, Variant};
use crate::trace::Trace;

/// A library under test that cases can be run on.
pub trait Target: Send + Sync {
    /// Its name, version and linkage.
    fn about(&self) -> &About;

    /// What was loaded, for a shared object.
    fn load_report(&self) -> Option<&LoadReport> {
        None
    }

    /// What it is still able to do, as this system or `--in-process` does not forbid it, as text.
    /// Empty for a built-in backend in this process, which is the suite's own choice.
    fn unconfined(&self) -> &[String];

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
    pub(crate) stdout: String,
    /// On standard error.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) stderr: String,
}

impl Printed {
    /// Whether it printed nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.stdout.is_empty() && self.stderr.is_empty()
    }
}

/// A library that is loaded and ready to run cases.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LoadReport {
    /// Its name and version.
    pub(crate) about: About,
    /// The files and functions that were found.
    pub loaded: Loaded,
    /// Its output while it was loaded.
    #[serde(default)]
    pub(crate) printed: Printed,
}
