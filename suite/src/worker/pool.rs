//! All workers of one library: as many as there are threads that run cases on it.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::Limits;
use super::process::{Death, End, Process};
use super::protocol::{Arrived, Case, Reply, Request};
use crate::backend::About;
use crate::backend::libssl::Source;
use crate::scenario::{Scenario, Variant};
use crate::stage::StageError;
use crate::subject::{Printed, Ran, Subject};
use crate::trace::{Entry, Outcome, Trace};

/// A foreign library in worker processes.
pub struct Workers {
    program: PathBuf,
    source: Source,
    limits: Limits,
    arrived: Arrived,
    /// Workers that nobody uses at the moment.
    idle: Mutex<Vec<Process>>,
}

/// Why a library does not stand ready in a worker.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The system started no process.
    #[error("no worker could be started ({}): {source}", program.display())]
    Start {
        /// What was to be started.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The library was not loaded, and why.
    #[error("{0}")]
    Refused(String),
    /// The library crashed or hung while it was loaded.
    #[error("{} {how} while it was loaded", path.display())]
    Died {
        /// The file.
        path: PathBuf,
        /// How, as in `crashed (SIGSEGV)`.
        how: String,
    },
}

impl Workers {
    /// Loads the library into a first worker.
    ///
    /// # Errors
    /// [`StartError`], if it cannot be used.
    pub fn start(program: &Path, source: &Source, limits: &Limits) -> Result<Self, StartError> {
        // A worker stands in another folder.
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let source = Source {
            path: absolute(&source.path),
            libcrypto: source.libcrypto.as_deref().map(absolute),
            ..source.clone()
        };
        let (process, arrived) = load(program, &source, *limits)?;
        Ok(Self {
            program: program.to_owned(),
            source,
            limits: *limits,
            arrived,
            idle: Mutex::new(vec![process]),
        })
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Process>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a case in a worker; the inner error tells how the worker died of it.
    fn attempt(&self, case: Case<'_>) -> Result<Result<Ran, Death>, StageError> {
        let idle = self.idle().pop();
        let mut process = match idle {
            Some(process) => process,
            None => match load(&self.program, &self.source, self.limits) {
                Ok((process, _)) => process,
                Err(error @ StartError::Start { .. }) => {
                    return Err(StageError::Worker(error.to_string()));
                }
                Err(again) => return Ok(Err(Death::at_loading(&again))),
            },
        };
        match process.ask(&Request::Run(case)) {
            Err(death) => Ok(Err(death)),
            Ok((Reply::Ran { mut trace, retire }, printed)) => {
                if !retire {
                    self.idle().push(process);
                }
                tell_printed(&mut trace, &printed);
                Ok(Ok(Ran { trace, printed }))
            }
            Ok((Reply::Failed(reason), _)) => Err(StageError::Worker(reason)),
            Ok((other, _)) => Err(StageError::Worker(format!(
                "a reply out of turn: {other:?}"
            ))),
        }
    }

    /// The trace of a case that a worker died of: what came before, as far as it happens again without
    /// the deadly step, and how it ended.
    fn obituary(
        &self,
        scenario: &Scenario,
        variant: Variant,
        death: Death,
    ) -> Result<Ran, StageError> {
        let Death {
            place,
            end,
            printed,
        } = death;
        let freed = place.action == crate::stage::FREE;
        let before = match freed {
            true => scenario.steps.len(),
            false => place.step.saturating_sub(1),
        };
        let mut trace = Trace::default();
        if before > 0 {
            let shortened = Scenario {
                steps: scenario.steps[..before.min(scenario.steps.len())].to_vec(),
                ..scenario.clone()
            };
            let case = Case {
                scenario: Cow::Borrowed(&shortened),
                variant,
                free: false,
            };
            // If it dies of less the next time, the end is all that can be told.
            if let Ok(ran) = self.attempt(case)? {
                trace.entries = ran.trace.entries;
            }
        }
        let outcome = match end {
            End::Crashed(how) => Outcome::Crashed(how),
            End::Hung(why) => Outcome::Hung(why),
        };
        trace
            .entries
            .push(Entry::new(place.step, place.action, outcome));
        tell_printed(&mut trace, &printed);
        Ok(Ran { trace, printed })
    }
}

impl Subject for Workers {
    fn about(&self) -> &About {
        &self.arrived.about
    }

    fn arrived(&self) -> Option<&Arrived> {
        Some(&self.arrived)
    }

    fn run(&self, scenario: &Scenario, variant: Variant) -> Result<Ran, StageError> {
        let case = Case {
            scenario: Cow::Borrowed(scenario),
            variant,
            free: true,
        };
        match self.attempt(case)? {
            Ok(ran) => Ok(ran),
            Err(death) => self.obituary(scenario, variant, death),
        }
    }
}

/// Starts a worker and has it load the library.
fn load(program: &Path, source: &Source, limits: Limits) -> Result<(Process, Arrived), StartError> {
    let mut process = Process::start(program, limits).map_err(|error| StartError::Start {
        program: program.to_owned(),
        source: error,
    })?;
    match process.ask(&Request::Load(source.clone(), limits)) {
        Ok((Reply::Loaded(mut arrived), printed)) => {
            arrived.printed = printed;
            Ok((process, *arrived))
        }
        Ok((Reply::Refused(reason) | Reply::Failed(reason), _)) => Err(StartError::Refused(reason)),
        Ok((other, _)) => Err(StartError::Refused(format!(
            "a reply out of turn: {other:?}"
        ))),
        Err(death) => Err(StartError::Died {
            path: source.path.clone(),
            how: match death.end {
                End::Crashed(how) => format!("crashed ({how})"),
                End::Hung(why) => format!("hung ({why})"),
            },
        }),
    }
}

fn tell_printed(trace: &mut Trace, printed: &Printed) {
    let streams = [
        ("standard output", &printed.stdout),
        ("standard error", &printed.stderr),
    ];
    for (name, _) in streams.iter().filter(|(_, text)| !text.is_empty()) {
        trace.aside.push(format!("wrote to {name}"));
    }
}
