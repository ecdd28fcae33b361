//! One worker, from the side of its parent.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::{MemfdFlags, OFlags};
use rustix::io::FdFlags;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::WorkerLimits;
use super::child::status;
use super::crash_context::{CrashContext, LastCall};
use super::pace::Pace;
use super::protocol::{Cases, LoadRequest, Received, Reply, Request, receive, send};
use crate::target::Printed;
use crate::trace::TOUCHED_GUARD;

/// How much of a library's output is kept, in bytes.
const KEPT: u64 = 4 << 10;

/// A running worker. Dropping it kills the process, whose state is not needed.
pub(super) struct Process {
    child: Child,
    socket: BufReader<UnixStream>,
    crash_context: CrashContext,
    stdout: File,
    stderr: File,
    limits: WorkerLimits,
    /// Whether it has been asked to run a case.
    used: bool,
}

/// A reply, with observations about the worker.
#[derive(Debug)]
pub(super) struct ObservedReply {
    pub(super) reply: Reply,
    /// The output of the library since the last reply.
    pub(super) printed: Printed,
    /// Whether it wrote into the socket, which belongs to the suite.
    pub(super) stray: bool,
}

/// How a worker ended instead of replying.
#[derive(Debug)]
pub(super) struct WorkerExit {
    /// The last call of the library.
    pub(super) place: Box<LastCall>,
    /// What happened.
    pub(super) end: WorkerEnd,
    /// Its output since the last reply.
    pub(super) printed: Printed,
}

impl WorkerExit {
    /// The library was loaded before, but could not be loaded again.
    pub(super) fn at_loading(again: &super::StartError) -> Self {
        Self {
            place: Box::new(LastCall {
                step: 0,
                action: "load again".to_owned(),
                ..LastCall::default()
            }),
            end: WorkerEnd::Crashed(again.to_string()),
            printed: Printed::default(),
        }
    }

    /// Whether it had to be stopped.
    pub(super) fn is_hang(&self) -> bool {
        matches!(self.end, WorkerEnd::Hung(_))
    }

    /// A worker that is alive but can no longer be used.
    pub(super) fn unusable(why: String) -> Self {
        Self {
            place: Box::default(),
            end: WorkerEnd::Failed(why),
            printed: Printed::default(),
        }
    }
}

impl fmt::Display for WorkerExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LastCall { step, action, .. } = &*self.place;
        match &self.end {
            WorkerEnd::Crashed(how) => write!(f, "crashed ({how}, in step {step}, {action})"),
            WorkerEnd::Hung(why) => write!(f, "hung ({why}, in step {step}, {action})"),
            WorkerEnd::Failed(why) => write!(f, "could not go on ({why})"),
        }
    }
}

/// What happened to a worker, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum WorkerEnd {
    /// The process ended.
    Crashed(String),
    /// It had to be stopped.
    Hung(String),
    /// It could not continue with a case for this reason, for instance because it had no memory
    /// left.
    Failed(String),
}

/// Serialises starts: a descriptor can only be passed by making it inheritable for every process
/// that is started at the same time.
static STARTING: Mutex<()> = Mutex::new(());

/// The running workers by process id, each with a pidfd, which stays valid when the id is reused.
static ALIVE: Mutex<BTreeMap<u32, OwnedFd>> = Mutex::new(BTreeMap::new());

/// Kills all workers and prevents further ones, for a program that exits at once: a library in a
/// loop would not notice. Every later start blocks for ever.
pub(crate) fn kill_all() {
    let starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    for process in alive().values() {
        // An error means that it has already ended.
        let _ = rustix::process::pidfd_send_signal(process, rustix::process::Signal::KILL);
    }
    std::mem::forget(starting);
}

fn alive() -> MutexGuard<'static, BTreeMap<u32, OwnedFd>> {
    ALIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Process {
    /// Starts a worker; nothing is loaded yet.
    pub(super) fn start(program: &Path, limits: WorkerLimits) -> io::Result<Self> {
        let (ours, theirs) = UnixStream::pair()?;
        let [stdout, stderr] = [memory_file("stdout")?, memory_file("stderr")?];
        for file in [&stdout, &stderr] {
            rustix::fs::fcntl_setfl(file, OFlags::APPEND)?;
        }
        let crash_context = CrashContext::new()?;
        let place = crash_context.file();
        let mut command = Command::new(program);
        command
            .args(["worker", &place.as_raw_fd().to_string()])
            .stdin(OwnedFd::from(theirs))
            .stdout(Stdio::from(stdout.try_clone()?))
            .stderr(Stdio::from(stderr.try_clone()?))
            // Keyboard signals of the terminal are for the parent only.
            .process_group(0)
            // A library may write keys to the file that it names.
            .env_remove("SSLKEYLOGFILE")
            // A backtrace would make a case depend on the environment: its text differs, and making
            // one may hang when no memory is left.
            .env_remove("RUST_BACKTRACE")
            .env_remove("RUST_LIB_BACKTRACE")
            .current_dir("/");
        let child = {
            let _alone = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
            rustix::io::fcntl_setfd(place, FdFlags::empty())?;
            let child = command.spawn();
            rustix::io::fcntl_setfd(place, FdFlags::CLOEXEC)?;
            let child = child?;
            if let Ok(pidfd) = pidfd_open(Pid::from_child(&child), PidfdFlags::empty()) {
                alive().insert(child.id(), pidfd);
            }
            child
        };
        // The command owns our copies of the worker's descriptors.
        drop(command);
        Ok(Self {
            child,
            socket: BufReader::new(ours),
            crash_context,
            stdout,
            stderr,
            limits,
            used: false,
        })
    }

    /// Whether it has been asked to run a case.
    pub(super) fn is_used(&self) -> bool {
        self.used
    }

    /// Requests that the library be loaded, and waits for the reply.
    pub(super) fn load(&mut self, wanted: &LoadRequest) -> Result<ObservedReply, WorkerExit> {
        let deadline = &mut Deadline::new(&self.child, self.limits);
        self.send(&Request::Load(wanted.clone(), self.limits), deadline)
            .and_then(|()| self.answer(deadline))
            .inspect(|_| self.empty())
            .map_err(|error| self.exit(&error, deadline))
    }

    /// Requests that cases be run, and waits for the replies, until the worker dies or must not
    /// continue.
    pub(super) fn run(
        &mut self,
        cases: Cases<'_>,
        pace: &Pace,
    ) -> (Vec<ObservedReply>, Option<WorkerExit>) {
        self.used = true;
        let wanted = cases.variants.len();
        let mut deadline = Deadline::new(&self.child, pace.limits());
        let mut answers = Vec::with_capacity(wanted);
        let mut sent = self.send(&Request::Run(cases), &mut deadline);
        while answers.len() < wanted {
            let answer =
                std::mem::replace(&mut sent, Ok(())).and_then(|()| self.answer(&mut deadline));
            match answer {
                Ok(answer) => {
                    let goes_on = answer.reply.goes_on_from();
                    if let Reply::RunOutcome(done) = &answer.reply {
                        pace.finished(done.took);
                    }
                    answers.push(answer);
                    match goes_on {
                        Some(used) => deadline.restart(used, pace.limits()),
                        None => break,
                    }
                }
                Err(error) => {
                    let exit = self.exit(&error, &deadline);
                    return (answers, Some(exit));
                }
            }
        }
        self.empty();
        (answers, None)
    }

    /// Sends with a deadline: a request may exceed the socket's buffer, and a library may have
    /// stopped its process.
    fn send(&mut self, request: &Request<'_>, deadline: &mut Deadline) -> io::Result<()> {
        let socket = &mut self.socket;
        send(&mut DeadlineStream { socket, deadline }, request)
    }

    /// Waits for one reply.
    fn answer(&mut self, deadline: &mut Deadline) -> io::Result<ObservedReply> {
        let Received { message, stray } = receive::<Reply>(&mut DeadlineStream {
            socket: &mut self.socket,
            deadline,
        })?;
        let printed = if message.is_last() {
            self.printed()
        } else {
            // The worker may already be running the next case, and its output would be mixed in.
            Printed::default()
        };
        Ok(ObservedReply {
            reply: message,
            printed,
            stray: stray > 0,
        })
    }

    /// The output of the library since the files were last emptied.
    fn printed(&self) -> Printed {
        Printed {
            stdout: beginning(&self.stdout),
            stderr: beginning(&self.stderr),
        }
    }

    /// Empties the output files for the next case.
    fn empty(&self) {
        for file in [&self.stdout, &self.stderr] {
            let _ = file.set_len(0);
        }
    }

    /// Determines why no reply came.
    fn exit(&mut self, error: &io::Error, deadline: &Deadline) -> WorkerExit {
        let mut end = match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => self.stop(),
            io::ErrorKind::InvalidData => {
                // How it ends does not matter any more.
                self.stop();
                WorkerEnd::Crashed("replied without sense".to_owned())
            }
            // The socket is closed, by the end of the process or by the library.
            _ => match self.ended_by(deadline.next_check) {
                Some(status) => describe_exit(status, self.limits),
                None => match self.stop() {
                    WorkerEnd::Hung(how) => {
                        WorkerEnd::Hung(format!("closed its descriptors, then {how}"))
                    }
                    other => other,
                },
            },
        };
        // Read only after its end, because until then it may continue.
        let place = Box::new(self.crash_context.read().unwrap_or_default());
        let mut printed = self.printed();
        if let WorkerEnd::Crashed(how) = &mut end
            && let Some(said) = take_rust_message(&mut printed.stderr)
        {
            *how = format!("{how}: {said}");
        }
        if let WorkerEnd::Crashed(how) = &mut end
            && place.touched_guard
        {
            *how = format!("{how}: {TOUCHED_GUARD}");
        }
        WorkerExit {
            place,
            end,
            printed,
        }
    }

    /// Waits for the end of the process; `None` if it does not end in time.
    fn ended_by(&mut self, next_check: Instant) -> Option<ExitStatus> {
        if let Some(pidfd) = alive()
            .get(&self.child.id())
            .and_then(|fd| fd.try_clone().ok())
        {
            let left = next_check.saturating_duration_since(Instant::now());
            let timeout = left.try_into().ok()?;
            let mut polled = [PollFd::from_borrowed_fd(pidfd.as_fd(), PollFlags::IN)];
            poll(&mut polled, Some(&timeout)).ok()?;
        }
        self.child.try_wait().ok().flatten()
    }

    /// Stops a library that does not return, and describes what it was doing.
    fn stop(&mut self) -> WorkerEnd {
        let activity = match Activity::of(&self.child).map(|activity| activity.state) {
            Some('R') => ", busy",
            Some('S' | 'D') => ", waiting",
            Some('T') => ", stopped",
            _ => "",
        };
        if let Ok(Some(status)) = self.child.try_wait() {
            return describe_exit(status, self.limits);
        }
        let _ = self.child.kill();
        // A process that was already ending keeps its own status.
        if let Ok(status) = self.child.wait()
            && status.signal() != Some(libc::SIGKILL)
        {
            return describe_exit(status, self.limits);
        }
        // The time that this took is omitted, because it differs from run to run.
        WorkerEnd::Hung(format!("does not come back{activity}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        alive().remove(&self.child.id());
    }
}

/// The deadline of a worker. It is wall time, unless the machine is busy: a worker that is runnable
/// gets its time of a processor, and one that sleeps is checked again, up to a limit of wall time.
struct Deadline {
    pid: u32,
    limits: WorkerLimits,
    begun: Instant,
    /// Processor time that it had used before.
    used: Duration,
    next_check: Instant,
    /// Its activity when the deadline last expired.
    before: Option<Activity>,
}

/// A worker that sleeps and wakes repeatedly gets this many times the limit: it may wait for the
/// disk of a busy machine, or be prolonging its time.
const SLEEPY_FACTOR: u32 = 4;

impl Deadline {
    fn new(child: &Child, limits: WorkerLimits) -> Self {
        let begun = Instant::now();
        Self {
            pid: child.id(),
            limits,
            begun,
            used: Activity::time_of(child.id()),
            next_check: begun + limits.time,
            before: None,
        }
    }

    /// Begins another case; the processor time of earlier ones does not count for it.
    fn restart(&mut self, used: Duration, limits: WorkerLimits) {
        self.used = used;
        self.limits = limits;
        self.begun = Instant::now();
        self.next_check = self.begun + self.limits.time;
        self.before = None;
    }

    /// The remaining time to wait; `None` if it is over.
    fn left(&mut self) -> Option<Duration> {
        let now = Instant::now();
        if now >= self.next_check
            && let Some(activity) = Activity::of_process(self.pid)
        {
            self.next_check = now + self.more(&activity, now - self.begun);
            self.before = Some(activity);
        }
        let left = self.next_check.saturating_duration_since(now);
        (!left.is_zero()).then_some(left)
    }

    /// The additional time to wait after `waited`.
    fn more(&self, activity: &Activity, waited: Duration) -> Duration {
        let limit = self.limits.time;
        if activity.wants_to_run {
            let missing = limit.saturating_sub(activity.used.saturating_sub(self.used));
            return missing.min(self.limits.deadline().saturating_sub(waited));
        }
        let has_slept_since = self.before.as_ref() == Some(activity);
        if !has_slept_since && waited < limit * SLEEPY_FACTOR {
            limit / SLEEPY_FACTOR
        } else {
            Duration::ZERO
        }
    }
}

/// Reads from a socket, and writes to it, until a deadline.
struct DeadlineStream<'s> {
    socket: &'s mut BufReader<UnixStream>,
    deadline: &'s mut Deadline,
}

impl Read for DeadlineStream<'_> {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        if !self.socket.buffer().is_empty() {
            return self.socket.read(space);
        }
        loop {
            let Some(left) = self.deadline.left() else {
                return Err(io::ErrorKind::TimedOut.into());
            };
            self.socket.get_ref().set_read_timeout(Some(left))?;
            match self.socket.read(space) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
        }
    }
}

impl Write for DeadlineStream<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        loop {
            let Some(left) = self.deadline.left() else {
                return Err(io::ErrorKind::TimedOut.into());
            };
            let socket = self.socket.get_mut();
            socket.set_write_timeout(Some(left))?;
            match socket.write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Describes the exit status of a worker.
fn describe_exit(status: ExitStatus, limits: WorkerLimits) -> WorkerEnd {
    match (status.signal(), status.code()) {
        (Some(libc::SIGXCPU), _) => WorkerEnd::Hung(format!(
            "stopped after {} of processor time",
            seconds(limits.time)
        )),
        (Some(number), _) => WorkerEnd::Crashed(match Signal::try_from(number) {
            Ok(signal) => signal.as_str().to_owned(),
            Err(_) => format!("signal {number}"),
        }),
        (None, Some(status::SPINNING)) => WorkerEnd::Hung(
            "spins on the transport, and goes on although every call of it fails".to_owned(),
        ),
        (None, Some(status::SOCKET_GONE)) => {
            WorkerEnd::Crashed("closed the descriptors of its process".to_owned())
        }
        (None, Some(status::BAD_REQUEST)) => {
            WorkerEnd::Crashed("corrupted the requests to its process".to_owned())
        }
        (None, code) => WorkerEnd::Crashed(format!(
            "ended its process with exit code {}",
            code.unwrap_or_default()
        )),
    }
}

/// `10 s`, `0.5 s`.
fn seconds(time: Duration) -> String {
    format!("{} s", time.as_secs_f64())
}

/// The activity of a process, as the system reports it (proc_pid_stat(5), proc_pid_status(5)).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Activity {
    /// The letter of its state.
    state: char,
    /// Whether any of its threads is running or runnable.
    wants_to_run: bool,
    /// Processor time that it has used, in whole ticks.
    used: Duration,
    /// How often its first thread went to sleep; 0 if the system does not report it.
    sleeps: u64,
}

impl Activity {
    /// `None` if the system does not report it.
    fn of(child: &Child) -> Option<Self> {
        Self::of_process(child.id())
    }

    /// Processor time that it has used; zero if the system does not report it.
    fn time_of(pid: u32) -> Duration {
        Self::of_process(pid).map_or(Duration::ZERO, |activity| activity.used)
    }

    fn of_process(pid: u32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let state = state(&stat)?;
        let fields = stat.rsplit_once(") ")?.1.split(' ').skip(1);
        // utime and stime are ten fields after the state, the third field.
        let mut ticks = fields.skip(10).map_while(|field| field.parse::<u64>().ok());
        let used = ticks.next()? + ticks.next()?;
        let a_second = rustix::param::clock_ticks_per_second();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
        let sleeps = status
            .lines()
            .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))
            .and_then(|number| number.trim().parse().ok());
        Some(Self {
            state,
            wants_to_run: is_running(state) || any_thread_runs(pid),
            sleeps: sleeps.unwrap_or(0),
            used: Duration::from_millis(used * 1000 / a_second.max(1)),
        })
    }
}

/// The letter of the state of a process or thread. It follows the name in parentheses, which can
/// contain any characters.
fn state(stat: &str) -> Option<char> {
    stat.rsplit_once(") ")?.1.chars().next()
}

/// Whether it is running or runnable; `D` is waiting for a disk.
fn is_running(state: char) -> bool {
    matches!(state, 'R' | 'D')
}

/// A call can run in another thread than the first, which waits for it.
fn any_thread_runs(pid: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter();
    let mut states = threads.flatten().flatten().filter_map(|thread| {
        let stat = std::fs::read_to_string(thread.path().join("stat")).ok()?;
        state(&stat)
    });
    states.any(is_running)
}

/// Removes the message of Rust's runtime before it ended the process, which the library did not
/// print, and returns the cause that it names.
fn take_rust_message(stderr: &mut String) -> Option<&'static str> {
    const SAYS: [(&str, &str); 2] = [
        ("stack overflow", "overflowed its stack"),
        ("foreign exception", "threw an exception at its caller"),
    ];
    let last = stderr.lines().next_back()?;
    let words = last.strip_prefix("fatal runtime error: ")?;
    let (_, said) = SAYS.iter().find(|(part, _)| words.contains(part))?;
    let is_rusts = |line: &str| {
        line.starts_with("fatal runtime error: ")
            || line.starts_with("thread ") && line.ends_with(" has overflowed its stack")
    };
    let lines: Vec<&str> = stderr.lines().collect();
    let kept = lines
        .iter()
        .rposition(|line| !line.is_empty() && !is_rusts(line));
    let kept = lines[..kept.map_or(0, |at| at + 1)].iter();
    *stderr = kept.flat_map(|line| [line, "\n"]).collect();
    Some(said)
}

fn memory_file(name: &str) -> io::Result<File> {
    Ok(rustix::fs::memfd_create(name, MemfdFlags::CLOEXEC)?.into())
}

/// The beginning of a file, and how much that is if the file has more.
fn beginning(file: &File) -> String {
    let length = file.metadata().map_or(0, |metadata| metadata.len());
    let mut bytes = vec![0; usize::try_from(length.min(KEPT)).unwrap_or(0)];
    // A file in memory can always be read.
    let read = file.read_at(&mut bytes, 0).unwrap_or(0);
    bytes.truncate(read);
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    if length > KEPT {
        text.push_str(&format!("… ({length} bytes in all)"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_stack_overflow_message_is_removed_from_the_output() {
        let mut stderr = "going down\n\nthread 'main' (17) has overflowed its stack\n\
                          fatal runtime error: stack overflow, aborting\n"
            .to_owned();
        assert_eq!(take_rust_message(&mut stderr), Some("overflowed its stack"));
        assert_eq!(stderr, "going down\n");
    }

    #[test]
    fn other_output_is_kept() {
        for text in [
            "",
            "FATAL: exception not rethrown\n",
            "fatal runtime error: new\n",
        ] {
            let mut stderr = text.to_owned();
            assert_eq!(take_rust_message(&mut stderr), None);
            assert_eq!(stderr, text);
        }
    }

    fn deadline(before: Option<Activity>) -> Deadline {
        let limits = WorkerLimits {
            time: Duration::from_secs(8),
            memory: None,
        };
        let begun = Instant::now();
        Deadline {
            pid: 0,
            limits,
            begun,
            used: Duration::from_secs(1),
            next_check: begun + limits.time,
            before,
        }
    }

    fn activity(state: char, used: u64) -> Activity {
        Activity {
            state,
            wants_to_run: is_running(state),
            used: Duration::from_secs(used),
            sleeps: 17,
        }
    }

    #[test]
    fn runnable_worker_gets_its_processor_time() {
        let more = |used, waited| {
            let more = deadline(None).more(&activity('R', used), Duration::from_secs(waited));
            more.as_secs()
        };
        assert_eq!(more(1, 8), 8, "it has not run at all");
        assert_eq!(more(6, 8), 3);
        assert_eq!(more(9, 8), 0, "it has had its time");
        assert_eq!(more(1, 79), 1);
        assert_eq!(more(1, 80), 0, "there is an end of patience");
    }

    #[test]
    fn sleeping_worker_is_checked_twice() {
        let asleep = activity('S', 2);
        let woken = Activity {
            sleeps: 16,
            ..asleep.clone()
        };
        let more = |before, waited| {
            let more = deadline(before).more(&asleep, Duration::from_secs(waited));
            more.as_secs()
        };
        assert_eq!(more(None, 8), 2);
        assert_eq!(more(Some(asleep.clone()), 10), 0);
        assert_eq!(more(Some(woken.clone()), 10), 2);
        assert_eq!(more(Some(woken), 32), 0);
    }

    #[test]
    fn processor_time_of_earlier_cases_does_not_count() {
        let mut deadline = deadline(None);
        let limits = deadline.limits;
        deadline.restart(Duration::from_secs(6), limits);
        let more = deadline.more(&activity('R', 7), Duration::from_secs(8));
        assert_eq!(more.as_secs(), 7, "it has used 1 of 8 seconds");
    }

    #[test]
    fn activity_of_this_process_is_readable() {
        let activity = Activity::of_process(std::process::id()).expect("the system reports it");
        assert!(
            matches!(activity.state, 'R' | 'S' | 'D'),
            "{}",
            activity.state
        );
    }
}
