//! All workers of one library: as many as there are threads that run cases on it.

use std::borrow::Cow;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::Limits;
use super::process::{Answer, Death, End, Process};
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
    #[error("{} {how} while it was loaded{}", path.display(), printed(.said))]
    Died {
        /// The file.
        path: PathBuf,
        /// How, as in `crashed (SIGSEGV)`.
        how: String,
        /// The last line that it printed, if any.
        said: String,
    },
}

fn printed(said: &str) -> String {
    match said {
        "" => String::new(),
        said => format!("; it printed {said:?}"),
    }
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

    /// Runs a case in a worker.
    fn attempt(&self, case: &Case<'_>, worker: Worker) -> Result<Attempt, StageError> {
        let idle = match worker {
            Worker::Any => self.idle().pop(),
            Worker::New => None,
        };
        let mut process = match idle {
            Some(process) => process,
            None => match load(&self.program, &self.source, self.limits) {
                Ok((process, _)) => process,
                Err(error @ StartError::Start { .. }) => {
                    return Err(StageError::Worker(error.to_string()));
                }
                Err(again) => return Ok(Attempt::DiedAlone(Death::at_loading(&again))),
            },
        };
        let used = process.is_used();
        let Answer {
            reply,
            printed,
            stray,
        } = match process.ask(&Request::Run(case.clone())) {
            Ok(answer) => answer,
            Err(death) if used => return Ok(Attempt::DiedAmongOthers(death)),
            Err(death) => return Ok(Attempt::DiedAlone(death)),
        };
        match reply {
            Reply::Ran { mut trace, retire } => {
                tell_printed(&mut trace, &printed);
                if stray {
                    trace
                        .aside
                        .push("wrote into a descriptor that is not its own".to_owned());
                }
                // One that was started for this case alone stays alone.
                if !retire && !stray && worker == Worker::Any {
                    self.idle().push(process);
                }
                Ok(Attempt::Ran(Ran { trace, printed }))
            }
            Reply::Failed(reason) => Err(StageError::Worker(reason)),
            other => Err(StageError::Worker(format!(
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
            if let Attempt::Ran(ran) = self.attempt(&case, Worker::New)? {
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
        let among_others = match self.attempt(&case, Worker::Any)? {
            Attempt::Ran(ran) => return Ok(ran),
            Attempt::DiedAlone(death) => return self.obituary(scenario, variant, death),
            Attempt::DiedAmongOthers(death) => death,
        };
        // What an earlier case left behind is not this one's: what it does alone counts. That it died is
        // told all the same; in which case that happens may differ with how cases meet in workers.
        match self.attempt(&case, Worker::New)? {
            Attempt::Ran(mut ran) => {
                ran.trace.aside.push(format!(
                    "{among_others} in a process that had run other cases, not in one of its own"
                ));
                Ok(ran)
            }
            Attempt::DiedAlone(death) | Attempt::DiedAmongOthers(death) => {
                self.obituary(scenario, variant, death)
            }
        }
    }
}

/// Which worker runs a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Worker {
    /// One that is idle, else a new one.
    Any,
    /// A new one, which runs no other.
    New,
}

/// What came of running a case in a worker.
enum Attempt {
    Ran(Ran),
    /// The worker died, and had run no other case.
    DiedAlone(Death),
    /// The worker died, and had run other cases, which may have to do with it.
    DiedAmongOthers(Death),
}

/// Starts a worker and has it load the library.
fn load(program: &Path, source: &Source, limits: Limits) -> Result<(Process, Arrived), StartError> {
    let mut process = Process::start(program, limits).map_err(|error| StartError::Start {
        program: program.to_owned(),
        source: error,
    })?;
    let answer = process.ask(&Request::Load(source.clone(), limits));
    match answer.map(|answer| (answer.reply, answer.printed)) {
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
            said: last_line(&death.printed),
        }),
    }
}

fn last_line(printed: &Printed) -> String {
    let lines = printed
        .stderr
        .lines()
        .rev()
        .chain(printed.stdout.lines().rev());
    let mut said = lines.map(str::trim).filter(|line| !line.is_empty());
    said.next().unwrap_or_default().to_owned()
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
