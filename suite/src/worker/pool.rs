//! All workers of one library: as many as there are threads that run cases on it.

use std::borrow::Cow;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use super::WorkerLimits;
use super::pace::Pace;
use super::process::{Answer, End, Process, WorkerExit};
use super::protocol::{Cases, Done, LoadReport, Reply, Wanted};
use crate::backend::About;
use crate::backend::libssl::LibrarySource;
use crate::limits::Limit;
use crate::runner::RunnerError;
use crate::scenario::{Scenario, Variant};
use crate::target::{Printed, RunOutcome, Target};
use crate::trace::{Entry, Interface, Outcome, Setting, Trace};

/// A library in worker processes: a foreign one, or one that is a part of this program.
pub struct Workers {
    program: PathBuf,
    wanted: Wanted,
    /// The file that it is in, as it was when the first worker began.
    version: Option<FileVersion>,
    limits: WorkerLimits,
    /// How long its cases took.
    pace: Pace,
    about: About,
    interface: Interface,
    /// What was loaded; nothing of a part of this program.
    load_report: Option<LoadReport>,
    /// Workers that nobody uses at the moment.
    idle: Mutex<Vec<Process>>,
}

/// Why a library does not stand ready in a worker.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// The system started no process.
    #[error("cannot start a worker process ({}): {source}", program.display())]
    Start {
        /// What was to be started.
        program: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A worker is told of a file in JSON.
    #[error("the path {} is not UTF-8: use a symbolic link with a UTF-8 name", .0.display())]
    Path(PathBuf),
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
    pub fn start(
        program: &Path,
        source: &LibrarySource,
        limits: &WorkerLimits,
    ) -> Result<Self, StartError> {
        // A worker stands in another folder.
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
        Self::begin(program, Wanted::File(source), limits)
    }

    /// Gets the backend of this name, which is a part of this program, ready in a first worker: what it does to a
    /// process of its own ends no run.
    ///
    /// # Errors
    /// [`StartError`], if it cannot be used.
    pub fn of_own_part(
        program: &Path,
        id: &str,
        limits: &WorkerLimits,
    ) -> Result<Self, StartError> {
        Self::begin(program, Wanted::OwnPart(id.to_owned()), limits)
    }

    fn begin(program: &Path, wanted: Wanted, limits: &WorkerLimits) -> Result<Self, StartError> {
        let version = FileVersion::of(wanted.file(program));
        let (process, ready) = load(program, &wanted, *limits)?;
        let (about, interface, load_report) = match ready {
            Ready::Loaded(load_report) => (
                load_report.about.clone(),
                Interface::Libssl,
                Some(*load_report),
            ),
            Ready::OwnPart(about, interface) => (*about, interface, None),
        };
        Ok(Self {
            program: program.to_owned(),
            wanted,
            version,
            limits: *limits,
            pace: Pace::new(*limits),
            about,
            interface,
            load_report,
            idle: Mutex::new(vec![process]),
        })
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Process>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs cases in a worker; answers as many results as there are before it dies or must not go on.
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
                        exit: Some((exit, Company::Alone)),
                    });
                }
            },
        };
        let used = process.is_used();
        let (answers, exit) = process.run(cases, &self.pace);
        if exit.as_ref().is_some_and(WorkerExit::is_hang) {
            self.pace.hung();
        }
        let company = match used || !answers.is_empty() {
            true => Company::Others,
            false => Company::Alone,
        };
        let mut stays = exit.is_none() && worker == Worker::Any;
        let mut ran = Vec::with_capacity(answers.len());
        for answer in answers {
            // What others have left behind, or used up, is not for this case to answer for.
            if (used || !ran.is_empty())
                && let Some(why) = useless(&answer.reply)
            {
                let exit = Some((WorkerExit::useless(why), Company::Others));
                return Ok(WorkerAttempt { ran, exit });
            }
            let (one, retire) = told(answer)?;
            stays &= !retire;
            ran.push(one);
        }
        // One that was started for this alone stays alone.
        if stays {
            self.idle().push(process);
        }
        Ok(WorkerAttempt {
            ran,
            exit: exit.map(|exit| (exit, company)),
        })
    }

    /// What a case comes to in a worker that has run others, and died of it.
    fn alone(
        &self,
        scenario: &Scenario,
        variant: Variant,
        among_others: &WorkerExit,
    ) -> Result<RunOutcome, RunnerError> {
        // What an earlier case left behind is not this one's: what it does alone counts. That it died is
        // told all the same; in which case that happens may differ with how cases meet in workers.
        let attempt = self.attempt(cases(scenario, &[variant]), Worker::New)?;
        match (attempt.exit, attempt.ran.into_iter().next()) {
            (Some((exit, _)), _) => self.obituary(scenario, variant, exit),
            (None, Some(mut ran)) => {
                ran.trace.side_effects.push(format!(
                    "{among_others} in a process that had run other cases, not in one of its own"
                ));
                Ok(ran)
            }
            (None, None) => Err(RunnerError::Worker("no reply and no death".to_owned())),
        }
    }

    /// The trace of a case that a worker died of: what came before, as far as it happens again without
    /// the deadly step, and how it ended.
    fn obituary(
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
        let before = match freed {
            true => scenario.steps.len(),
            false => place.step.saturating_sub(1),
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
            // If it dies of less the next time, the end is all that can be told.
            let again = self.attempt(cases, Worker::New)?;
            if let Some(ran) = again.ran.into_iter().next() {
                trace.entries = ran.trace.entries;
            }
        }
        let outcome = match end {
            End::Crashed(how) => Outcome::Crashed(how),
            End::Hung(why) => Outcome::Hung(why),
            End::Failed(why) => return Err(RunnerError::Worker(why)),
        };
        trace.entries.push(Entry {
            asked: place.asked,
            ..Entry::new(place.step, place.action, outcome)
        });
        tell_printed(&mut trace, &printed);
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
        // Each round does one case at least.
        while let left @ [_, ..] = &variants[done.len()..] {
            let attempt = self.attempt(cases(scenario, left), Worker::Any)?;
            let died_of = left.get(attempt.ran.len());
            done.extend(attempt.ran);
            if let (Some((exit, company)), Some(&variant)) = (attempt.exit, died_of) {
                done.push(match company {
                    Company::Alone => self.obituary(scenario, variant, exit)?,
                    Company::Others => self.alone(scenario, variant, &exit)?,
                });
            }
        }
        Ok(done)
    }
}

impl Wanted {
    /// The file that the library is in.
    fn file<'w>(&'w self, program: &'w Path) -> &'w Path {
        match self {
            Self::File(source) => &source.path,
            Self::OwnPart(_) => program,
        }
    }
}

/// What a worker says of a library that stands ready.
enum Ready {
    Loaded(Box<LoadReport>),
    OwnPart(Box<About>, Interface),
}

/// Tells whether a file is still what it was: device, number, size, and when it was changed.
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
    /// One that is idle, else a new one.
    Any,
    /// A new one, which runs no other.
    New,
}

/// What came of running cases in a worker.
struct WorkerAttempt {
    ran: Vec<RunOutcome>,
    /// How the worker died of the next case, if it did, and whether others may have to do with it.
    exit: Option<(WorkerExit, Company)>,
}

/// What a worker had run before the case that it died of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Company {
    /// Nothing.
    Alone,
    /// Other cases.
    Others,
}

fn cases<'a>(scenario: &'a Scenario, variants: &'a [Variant]) -> Cases<'a> {
    Cases {
        scenario: Cow::Borrowed(scenario),
        variants: Cow::Borrowed(variants),
        free: true,
    }
}

/// Why a worker could not run a case, if the case may be able to do without what it lacks.
fn useless(reply: &Reply) -> Option<String> {
    match reply {
        Reply::Failed(reason) => Some(reason.clone()),
        Reply::RunOutcome(Done { trace, .. }) => {
            let limit = trace.stopped().filter(|limit| *limit == Limit::Memory)?;
            Some(limit.to_string())
        }
        _ => None,
    }
}

/// The result in a reply, and whether the worker must not be asked again.
fn told(answer: Answer) -> Result<(RunOutcome, bool), RunnerError> {
    let Answer {
        reply,
        printed,
        stray,
    } = answer;
    match reply {
        Reply::RunOutcome(Done {
            mut trace, retire, ..
        }) => {
            tell_printed(&mut trace, &printed);
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

/// Starts a worker and has it get the library ready.
fn load(
    program: &Path,
    wanted: &Wanted,
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
        Ok((Reply::Loaded(mut load_report), printed)) => {
            load_report.printed = printed;
            Ok((process, Ready::Loaded(load_report)))
        }
        Ok((Reply::Ready(about, interface), _)) => Ok((process, Ready::OwnPart(about, interface))),
        Ok((Reply::Refused(reason) | Reply::Failed(reason), _)) => Err(StartError::Refused(reason)),
        Ok((other, _)) => Err(StartError::Refused(format!(
            "a reply out of turn: {other:?}"
        ))),
        Err(exit) => Err(StartError::Died {
            path: wanted.file(program).to_owned(),
            how: match exit.end {
                End::Crashed(how) => format!("crashed ({how})"),
                End::Hung(why) => format!("hung ({why})"),
                End::Failed(why) => format!("could not go on ({why})"),
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

fn tell_printed(trace: &mut Trace, printed: &Printed) {
    let streams = [
        ("standard output", &printed.stdout),
        ("standard error", &printed.stderr),
    ];
    for (name, _) in streams.iter().filter(|(_, text)| !text.is_empty()) {
        trace.side_effects.push(format!("wrote to {name}"));
    }
}
