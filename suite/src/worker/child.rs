//! The worker's side: loads a library and runs cases on it until nobody asks for more.
//!
//! Standard input is the socket, and is put away at once; standard output and error are files in
//! memory that take what the library prints.

#![allow(unsafe_code)] // Descriptors by number, a mapping, and an end without exit handlers.

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::signal::{SigEvent, SigHandler, SigSet, SigevNotify, Signal, signal};
use nix::sys::time::TimeSpec;
use nix::sys::timer::{Expiration, Timer, TimerSetTimeFlags};
use nix::time::ClockId;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

use super::WorkerLimits;
use super::confine::{self, confine, limit_cpu};
use super::crash_context::Shared;
use super::protocol::{Done, LoadReport, Received, Reply, Request, Wanted, receive, send};
use crate::backend::libssl::Libssl;
use crate::backend::{Backend, Backends};
use crate::limits::{self, Limit};
use crate::runner::{self, Watch};
use crate::scenario::{Scenario, Variant};
use crate::target::Printed;
use crate::trace::Asked;
use crate::transport;

/// How a worker ends when it cannot say why: its socket is gone, or the library has to be stopped in
/// the middle of a call.
pub(super) mod status {
    pub(in crate::worker) const SOCKET_GONE: i32 = 0xc1;
    pub(in crate::worker) const SPINNING: i32 = 0xc2;
    pub(in crate::worker) const NO_SENSE: i32 = 0xc3;
}

/// Serves as a worker; `crash_context` is the number of the descriptor that was handed over for it.
pub fn serve(crash_context: RawFd) -> ! {
    let ended = work(crash_context);
    // Nobody asks for more, or nobody listens any more. Exit handlers of a foreign library, which may
    // have done anything, are not called.
    leave(match ended {
        Ok(()) => 0,
        Err(error) if error.kind() == io::ErrorKind::InvalidData => status::NO_SENSE,
        Err(_) => status::SOCKET_GONE,
    })
}

fn leave(status: i32) -> ! {
    // SAFETY: ends the process at once; nothing of it is needed any more.
    unsafe { libc::_exit(status) }
}

fn work(crash_context: RawFd) -> io::Result<()> {
    // Never closed by us: a library may have done so, and its number may be another's by then.
    let socket = ManuallyDrop::new(UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?));
    let lifeline = Lifeline::of(&socket)?;
    let mut replies = &*socket;
    let socket = &mut replies;
    let mut requests = BufReader::new(*socket);
    // A library that reads standard input finds nothing there.
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    // SAFETY: the descriptor was handed over for this, and nobody else uses it.
    let crash_context = Shared::new(unsafe { File::from_raw_fd(crash_context) })?;
    crash_context.note_touched_guards()?;
    transport::set_last_resort(|| leave(status::SPINNING));

    let Received {
        message: Request::Load(wanted, limits),
        ..
    } = receive(&mut requests)?
    else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    // SAFETY: nothing is run on this signal: a library that prints too much is refused, not ended.
    let _ = unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) };
    let unconfined = confine(&confine::ResourceLimits {
        memory: limits.memory,
        file_size: WorkerLimits::PRINTED,
    });
    let mut watchdog = Watchdog::new(limits);
    watchdog.begin();
    let before = Surroundings::now();
    let (backend, ready) = match open(&wanted, unconfined) {
        Ok(opened) => opened,
        Err(why) => return send(socket, &Reply::Refused(why)),
    };
    // Threads that it needs it has started by now.
    let before = Surroundings {
        threads: Surroundings::now().threads,
        ..before
    };
    print_what_is_held_back();
    watchdog.end();
    send(socket, &ready)?;
    loop {
        let cases = match receive(&mut requests).map(|received| received.message) {
            Ok(Request::Run(cases)) => cases,
            Ok(Request::Load(..)) => return Err(io::ErrorKind::InvalidData.into()),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(()),
            Err(error) => return Err(error),
        };
        for &variant in cases.variants.iter() {
            watchdog.begin();
            let watch = Looking {
                crash_context: &crash_context,
                lifeline: &lifeline,
                free: cases.free,
            };
            let reply = run(backend.as_ref(), &cases.scenario, variant, &watch, &before);
            watchdog.end();
            send(socket, &reply)?;
            if reply.is_last() {
                break;
            }
        }
    }
}

/// The library, and what is replied of it; else why there is none.
fn open(wanted: &Wanted, unconfined: Vec<String>) -> Result<(Arc<dyn Backend>, Reply), String> {
    match wanted {
        Wanted::File(source) => {
            let libssl = Libssl::open(source).map_err(|error| error.to_string())?;
            let load_report = LoadReport {
                about: libssl.about().clone(),
                loaded: libssl.loaded().clone(),
                unconfined,
                printed: Printed::default(),
            };
            Ok((Arc::new(libssl), Reply::Loaded(Box::new(load_report))))
        }
        Wanted::OwnPart(id) => {
            let opened = Backends::open(id).ok_or_else(|| format!("{id} is no backend"))?;
            let backend = opened.map_err(|unusable| unusable.to_string())?;
            let about = Box::new(backend.about().clone());
            let ready = Reply::Ready(about, backend.interface());
            Ok((backend, ready))
        }
    }
}

/// Ends this process if the library uses too much processor time, or if it does not come back and the
/// program that would stop it is gone. Both come after what that program does itself.
struct Watchdog {
    /// By SIGKILL: any other signal can be blocked.
    timer: Option<Timer>,
    limits: WorkerLimits,
}

impl Watchdog {
    /// Where the system gives no timer, processor time alone is limited.
    fn new(limits: WorkerLimits) -> Self {
        let event = SigEvent::new(SigevNotify::SigevSignal {
            signal: Signal::SIGKILL,
            si_value: 0,
        });
        Self {
            timer: Timer::new(ClockId::CLOCK_MONOTONIC, event).ok(),
            limits,
        }
    }

    /// The library is called from now on.
    fn begin(&mut self) {
        // Where this process was born with a lower limit, that one holds.
        let _ = limit_cpu(self.limits.time.as_secs() + 1);
        self.set(self.limits.deadline() + Duration::from_secs(1));
    }

    /// It has come back.
    fn end(&mut self) {
        self.set(Duration::ZERO);
    }

    fn set(&mut self, time: Duration) {
        if let Some(timer) = &mut self.timer {
            let once = Expiration::OneShot(TimeSpec::from_duration(time));
            let _ = timer.set(once, TimerSetTimeFlags::empty());
        }
    }
}

fn run(
    backend: &dyn Backend,
    scenario: &Scenario,
    variant: Variant,
    watch: &dyn Watch,
    before: &Surroundings,
) -> Reply {
    let begun = confine::used_processor_time();
    let ran = runner::run_watched(backend, scenario, variant, watch);
    print_what_is_held_back();
    match ran {
        Ok(mut trace) => {
            let now = Surroundings::now();
            trace.side_effects = before.changes(&now);
            // A thread that is left behind is nobody's fault, but what it does must not happen to other
            // cases. Not told: one that is about to end may still be there or not.
            let is_full = trace.stopped() == Some(Limit::Memory);
            let retire = is_full || !trace.side_effects.is_empty() || now.threads > before.threads;
            let used = confine::used_processor_time();
            Reply::RunOutcome(Done {
                trace,
                retire,
                printed: now.streams.iter().flatten().any(|stream| stream.length > 0),
                used,
                took: used.saturating_sub(begun),
            })
        }
        Err(error) => Reply::Failed(error.to_string()),
    }
}

/// What the C library holds back is printed with the case, or the loading, that it belongs to.
fn print_what_is_held_back() {
    // SAFETY: no precondition; a null pointer means all streams (fflush(3)).
    unsafe { libc::fflush(std::ptr::null_mut()) };
}

/// Writes down what the library is called for.
struct Looking<'a> {
    crash_context: &'a Shared,
    lifeline: &'a Lifeline,
    free: bool,
}

impl Watch for Looking<'_> {
    fn about_to(&self, step: usize, action: &str, asked: &Asked) {
        // Before anything else is written down: it is the last call that the end is told of.
        if !self.lifeline.holds() {
            leave(status::SOCKET_GONE);
        }
        self.crash_context.write(step, action, asked);
    }

    fn frees(&self) -> bool {
        self.free
    }

    fn has_memory(&self) -> bool {
        can_map(limits::MEMORY_LEFT)
    }
}

/// Whether so many bytes could still be mapped: neither the limit of this process nor its addresses are used up.
fn can_map(bytes: usize) -> bool {
    // SAFETY: a new mapping at no address in particular, which nobody touches and which is removed at once.
    unsafe {
        let mapped = mmap_anonymous(
            std::ptr::null_mut(),
            bytes,
            ProtFlags::READ | ProtFlags::WRITE,
            MapFlags::PRIVATE | MapFlags::NORESERVE,
        );
        mapped.is_ok_and(|mapped| munmap(mapped, bytes).is_ok())
    }
}

/// The socket, as long as no library closes it or puts another file in its place.
struct Lifeline {
    number: RawFd,
    file: (u64, u64),
}

impl Lifeline {
    fn of(socket: &UnixStream) -> io::Result<Self> {
        let file = rustix::fs::fstat(socket)?;
        Ok(Self {
            number: socket.as_raw_fd(),
            file: (file.st_dev, file.st_ino),
        })
    }

    fn holds(&self) -> bool {
        // SAFETY: the number of the socket; whether it still is that is what is looked for.
        let there = rustix::fs::fstat(unsafe { BorrowedFd::borrow_raw(self.number) });
        there.is_ok_and(|file| (file.st_dev, file.st_ino) == self.file)
    }
}

/// What a library has no business to change.
struct Surroundings {
    blocked: Option<SigSet>,
    folder: Option<PathBuf>,
    /// Standard output and error; nothing if closed.
    streams: [Option<Stream>; 2],
    /// How many threads this process has, as links of a folder with a folder for each, which has two more
    /// (proc_pid_task(5)); 0 where the system does not tell.
    threads: u64,
}

/// A file that is written to.
#[derive(Clone, Copy)]
struct Stream {
    /// Which file it is: device and number.
    file: (u64, u64),
    /// How many bytes it has.
    length: u64,
}

impl Surroundings {
    fn now() -> Self {
        let which = |fd: BorrowedFd<'_>| {
            let file = rustix::fs::fstat(fd).ok()?;
            Some(Stream {
                file: (file.st_dev, file.st_ino),
                length: u64::try_from(file.st_size).unwrap_or(0),
            })
        };
        Self {
            blocked: SigSet::thread_get_mask().ok(),
            folder: std::env::current_dir().ok(),
            // SAFETY: the numbers of standard output and error; a closed one is what is looked for.
            streams: [1, 2].map(|number| which(unsafe { BorrowedFd::borrow_raw(number) })),
            threads: fs::metadata("/proc/self/task").map_or(0, |folder| folder.nlink()),
        }
    }

    /// What has changed since, in words that follow "the library".
    fn changes(&self, now: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        if now.blocked != self.blocked {
            changes.push("changed the signal mask".to_owned());
        }
        if now.folder != self.folder {
            changes.push("changed the working directory".to_owned());
        }
        for (index, name) in ["standard output", "standard error"].iter().enumerate() {
            let file = |stream: Option<Stream>| stream.map(|stream| stream.file);
            match file(now.streams[index]) {
                now if now == file(self.streams[index]) => {}
                None => changes.push(format!("closed {name}")),
                Some(_) => changes.push(format!("put something else in the place of {name}")),
            }
        }
        changes
    }
}
