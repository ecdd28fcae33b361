//! The workers of one library: as many as there are threads that run cases on it.

use std::borrow::Cow;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use super::WorkerLimits;
use super::pace::Pace;
use super::process::{ObservedReply, Process, WorkerEnd, WorkerExit};
use super::protocol::{Cases, Done, LoadRequest, Ready, Reply};
use crate::backend::About;
use crate::backend::libssl::LibrarySource;
use crate::limits::Limit;
use crate::runner::RunnerError;
use crate::scenario::{Scenario, Variant};
use crate::target::{LoadReport, Printed, RunOutcome, Target};
use crate::trace::{Entry, Interface, Outcome, Setting, Trace};

/// A library in worker processes: a foreign one, or a backend that is part of this program.
pub(crate) struct Workers {
    program: PathBuf,
    wanted: LoadRequest,
    /// Its file, as it was when the first worker started.
    version: Option<FileVersion>,
    limits: WorkerLimits,
    /// The durations of its cases.
    pace: Pace,
    about: About,
    interface: Interface,
    /// The result of loading it; `None` for a part of this program.
    load_report: Option<LoadReport>,
    /// The privileges that a worker could not drop on this system, as text.
    unconfined: Vec<String>,
    /// Workers that are not in use.
    idle: Mutex<Vec<Process>>,
}

/// Why a library could not be made ready in a worker.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The system started no process.
    #[error("cannot start a worker process ({}): {source}", program.display())]
    Start {
        /// The program to be started.
        program: PathBuf,
        /// The error of the system.
        source: io::Error,
    },
    /// A worker gets the path of a file in JSON, which is UTF-8.
    #[error("the path {} is not UTF-8: use a symbolic link with a UTF-8 name", .0.display())]
    Path(PathBuf),
    /// The worker could not load the library, for this reason.
    #[error("{0}")]
    Refused(String),
    /// The library crashed or hung while it was loaded.
    #[error("{} {how} while it was loaded{}", path.display(), printed(.said))]
    Died {
        /// The file.
        path: PathBuf,
        /// The way in which it ended, as in `crashed (SIGSEGV)`.
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
    pub(crate) fn start(
        program: &Path,
        source: &LibrarySource,
        limits: &WorkerLimits,
    ) -> Result<Self, StartError> {
        // A worker has another working directory.
        let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let source = LibrarySource {
            path: absolute(&source.path),
            libcrypto: source.libcrypto.as_deref().map(absolute),
            ..source.clone()
        };
        let paths = [Some(&source.path), source.libcrypto.as_ref()];
        if let Some(path) = paths.into_iter().flatten().find(|p| p.to_str().is_none()) {
            return Err(StartError::Path(path.clone()));
        }
        Self::begin(program, LoadRequest::File(source), limits)
    }

    /// Starts a first worker with a backend that is part of this program, whose crash in a process
    /// of its own does not end a run.
    ///
    /// # Errors
    ///
    /// [`StartError`], if it cannot be used.
    pub(crate) fn start_built_in(
        program: &Path,
        id: &str,
        limits: &WorkerLimits,
    ) -> Result<Self, StartError> {
        Self::begin(program, LoadRequest::BuiltIn(id.to_owned()), limits)
    }

    /// Starts a first worker with the external backend of this program.
    ///
    /// # Errors
    ///
    /// [`StartError`], if this program, started again, does not serve with that backend.
    pub(crate) fn start_external(
        program: &Path,
        id: &str,
        limits: &WorkerLimits,
    ) -> Result<Self, StartError> {
        Self::begin(program, LoadRequest::External(id.to_owned()), limits)
    }

    fn begin(
        program: &Path,
        wanted: LoadRequest,
        limits: &WorkerLimits,
    ) -> Result<Self, StartError> {
        let version = FileVersion::of(wanted.file(program));
        let (process, ready) = load(program, &wanted, *limits)?;
        let Ready {
            about,
            interface,
            load_report,
            unconfined,
        } = ready;
        Ok(Self {
            program: program.to_owned(),
            wanted,
            version,
            limits: *limits,
            pace: Pace::new(*limits),
            about,
            interface,
            load_report,
            unconfined,
            idle: Mutex::new(vec![process]),
        })
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Process>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs cases in a worker; returns the results up to the point where the worker dies or must
    /// not continue.
    fn attempt(&self, cases: Cases<'_>, worker: Worker) -> Result<WorkerAttempt, RunnerError> {
        let idle = match worker {
            Worker::Any => self.idle().pop(),
            Worker::New => None,
        };
        let mut process = match idle {
            Some(process) => process,
            None if FileVersion::of(self.wanted.file(&self.program)) != self.version => {
                let file = self.wanted.file(&self.program);
                return Err(RunnerError::Changed(file.to_owned()));
            }
            None => match load(&self.program, &self.wanted, self.limits) {
                Ok((process, _)) => process,
                Err(error @ StartError::Start { .. }) => {
                    return Err(RunnerError::Worker(error.to_string()));
                }
                Err(again) => {
                    let exit = WorkerExit::at_loading(&again);
                    return Ok(WorkerAttempt {
                        ran: Vec::new(),
                        exit: Some((exit, WorkerUse::Fresh)),
                    });
                }
            },
        };
        let used = process.is_used();
        let (answers, exit) = process.run(cases, &self.pace);
        if exit.as_ref().is_some_and(WorkerExit::is_hang) {
            self.pace.hung();
        }
        let worker_use = if used || !answers.is_empty() {
            WorkerUse::Reused
        } else {
            WorkerUse::Fresh
        };
        let mut stays = exit.is_none() && worker == Worker::Any;
        let mut ran = Vec::with_capacity(answers.len());
        for answer in answers {
            // A case is not responsible for state or resources that earlier cases left or used up.
            if (used || !ran.is_empty())
                && let Some(why) = unusable(&answer.reply)
            {
                let exit = Some((WorkerExit::unusable(why), WorkerUse::Reused));
                return Ok(WorkerAttempt { ran, exit });
            }
            let (one, retire) = into_outcome(answer)?;
            stays &= !retire;
            ran.push(one);
        }
        // A worker that was started for a single case is not reused.
        if stays {
            self.idle().push(process);
        }
        Ok(WorkerAttempt {
            ran,
            exit: exit.map(|exit| (exit, worker_use)),
        })
    }

    /// Runs a case alone after a worker that had run others died in it.
    fn alone(
        &self,
        scenario: &Scenario,
        variant: Variant,
        among_others: &WorkerExit,
    ) -> Result<RunOutcome, RunnerError> {
        // A case is judged by what it does alone, because an earlier case may have caused the death
        // of the worker. The death is reported anyway; the case in which it happens may depend on
        // the distribution of cases over workers.
        let attempt = self.attempt(cases(scenario, &[variant]), Worker::New)?;
        match (attempt.exit, attempt.ran.into_iter().next()) {
            (Some((exit, _)), _) => self.crash_trace(scenario, variant, exit),
            (None, Some(mut ran)) => {
                ran.trace.side_effects.push(format!(
                    "{among_others} in a process that had run other cases, not in one of its own"
                ));
                Ok(ran)
            }
            (None, None) => Err(RunnerError::Worker("no reply and no death".to_owned())),
        }
    }

    /// The trace of a case in which a worker died: the entries before that, as far as they are
    /// reproduced without the step that killed it, and how it ended.
    fn crash_trace(
        &self,
        scenario: &Scenario,
        variant: Variant,
        exit: WorkerExit,
    ) -> Result<RunOutcome, RunnerError> {
        let WorkerExit {
            place,
            end,
            printed,
        } = exit;
        let place = *place;
        let freed = place.action == crate::runner::FREE;
        let before = if freed {
            scenario.steps.len()
        } else {
            place.step.saturating_sub(1)
        };
        let setting = Setting::of(scenario, variant, self.interface);
        let mut trace = Trace {
            setting: Some(setting),
            ..Trace::default()
        };
        if before > 0 {
            let shortened = Scenario {
                steps: scenario.steps[..before.min(scenario.steps.len())].to_vec(),
                ..scenario.clone()
            };
            let only = [variant];
            let cases = Cases {
                free: false,
                ..cases(&shortened, &only)
            };
            // If the worker dies earlier the second time, the trace consists only of the end.
            let again = self.attempt(cases, Worker::New)?;
            if let Some(ran) = again.ran.into_iter().next() {
                trace.entries = ran.trace.entries;
            }
        }
        let outcome = match end {
            WorkerEnd::Crashed(how) => Outcome::Crashed(how),
            WorkerEnd::Hung(why) => Outcome::Hung(why),
            WorkerEnd::Failed(why) => return Err(RunnerError::Worker(why)),
        };
        trace.entries.push(Entry {
            asked: place.asked,
            ..Entry::new(place.step, place.action, outcome)
        });
        report_printed(&mut trace, &printed);
        Ok(RunOutcome { trace, printed })
    }
}

impl Target for Workers {
    fn about(&self) -> &About {
        &self.about
    }

    fn load_report(&self) -> Option<&LoadReport> {
        self.load_report.as_ref()
    }

    fn unconfined(&self) -> &[String] {
        &self.unconfined
    }

    fn run(&self, scenario: &Scenario, variant: Variant) -> Result<RunOutcome, RunnerError> {
        let ran = self.run_all(scenario, &[variant])?;
        let one = ran.into_iter().next();
        one.ok_or_else(|| RunnerError::Worker("no reply".to_owned()))
    }

    fn run_all(
        &self,
        scenario: &Scenario,
        variants: &[Variant],
    ) -> Result<Vec<RunOutcome>, RunnerError> {
        let mut done: Vec<RunOutcome> = Vec::with_capacity(variants.len());
        // Each round finishes at least one case.
        while let left @ [_, ..] = &variants[done.len()..] {
            let attempt = self.attempt(cases(scenario, left), Worker::Any)?;
            let died_of = left.get(attempt.ran.len());
            done.extend(attempt.ran);
            if let (Some((exit, worker_use)), Some(&variant)) = (attempt.exit, died_of) {
                done.push(match worker_use {
                    WorkerUse::Fresh => self.crash_trace(scenario, variant, exit)?,
                    WorkerUse::Reused => self.alone(scenario, variant, &exit)?,
                });
            }
        }
        Ok(done)
    }
}

impl LoadRequest {
    /// The file of the library.
    fn file<'w>(&'w self, program: &'w Path) -> &'w Path {
        match self {
            Self::File(source) => &source.path,
            Self::BuiltIn(_) | Self::External(_) => program,
        }
    }
}

/// Identifies a version of a file: device, number, size and modification time.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FileVersion(u64, u64, u64, Option<SystemTime>);

impl FileVersion {
    fn of(path: &Path) -> Option<Self> {
        let file = std::fs::metadata(path).ok()?;
        let changed = file.modified().ok();
        Some(Self(file.dev(), file.ino(), file.len(), changed))
    }
}

/// Which worker runs a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Worker {
    /// An idle one, or a new one if there is none.
    Any,
    /// A new one, which runs no other case.
    New,
}

/// The results of running cases in a worker.
struct WorkerAttempt {
    ran: Vec<RunOutcome>,
    /// How the worker died in the next case, if it did, and whether earlier cases may have
    /// contributed.
    exit: Option<(WorkerExit, WorkerUse)>,
}

/// What a worker had run before the case in which it died.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WorkerUse {
    /// Nothing.
    Fresh,
    /// Other cases.
    Reused,
}

fn cases<'a>(scenario: &'a Scenario, variants: &'a [Variant]) -> Cases<'a> {
    Cases {
        scenario: Cow::Borrowed(scenario),
        variants: Cow::Borrowed(variants),
        free: true,
    }
}

/// Why a worker could not run a case, if the case may still be able to run in another one.
fn unusable(reply: &Reply) -> Option<String> {
    match reply {
        Reply::Failed(reason) => Some(reason.clone()),
        Reply::RunOutcome(Done { trace, .. }) => {
            let limit = trace.stopped().filter(|limit| *limit == Limit::Memory)?;
            Some(limit.to_string())
        }
        _ => None,
    }
}

/// The result in a reply, and whether the worker must be retired.
fn into_outcome(answer: ObservedReply) -> Result<(RunOutcome, bool), RunnerError> {
    let ObservedReply {
        reply,
        printed,
        stray,
    } = answer;
    match reply {
        Reply::RunOutcome(Done {
            mut trace, retire, ..
        }) => {
            report_printed(&mut trace, &printed);
            if stray {
                let what = "wrote into a descriptor that is not its own";
                trace.side_effects.push(what.to_owned());
            }
            Ok((RunOutcome { trace, printed }, retire || stray))
        }
        Reply::Failed(reason) => Err(RunnerError::Worker(reason)),
        other => Err(RunnerError::Worker(format!(
            "a reply out of turn: {other:?}"
        ))),
    }
}

/// Starts a worker and makes it load the library.
fn load(
    program: &Path,
    wanted: &LoadRequest,
    limits: WorkerLimits,
) -> Result<(Process, Ready), StartError> {
    let mut process = Process::start(program, limits).map_err(|error| StartError::Start {
        program: program.to_owned(),
        source: error,
    })?;
    match process
        .load(wanted)
        .map(|answer| (answer.reply, answer.printed))
    {
        Ok((Reply::Ready(mut ready), printed)) => {
            if let Some(load_report) = &mut ready.load_report {
                load_report.printed = printed;
            }
            Ok((process, *ready))
        }
        Ok((Reply::Refused(reason) | Reply::Failed(reason), _)) => Err(StartError::Refused(reason)),
        Ok((other, _)) => Err(StartError::Refused(format!(
            "a reply out of turn: {other:?}"
        ))),
        Err(exit) => Err(StartError::Died {
            path: wanted.file(program).to_owned(),
            how: match exit.end {
                WorkerEnd::Crashed(how) => format!("crashed ({how})"),
                WorkerEnd::Hung(why) => format!("hung ({why})"),
                WorkerEnd::Failed(why) => format!("could not go on ({why})"),
            },
            said: last_line(&exit.printed),
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

fn report_printed(trace: &mut Trace, printed: &Printed) {
    let streams = [
        ("standard output", &printed.stdout),
        ("standard error", &printed.stderr),
    ];
    for (name, _) in streams.iter().filter(|(_, text)| !text.is_empty()) {
        trace.side_effects.push(format!("wrote to {name}"));
    }
}
