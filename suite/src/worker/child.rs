//! The worker's side: loads a library and runs cases on it until there are no more requests.
//!
//! Standard input is the socket, which is moved to another descriptor at once; standard output and
//! error are files in memory that collect the output of the library.

#![allow(unsafe_code)] // Descriptors by number, a mapping, and an end without exit handlers.

use std::cell::RefCell;
use std::fs::{self, File};
use std::io::{self, BufReader, Write as _};
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, RawFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::panic::{self, AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use nix::sys::signal::{SigEvent, SigHandler, SigSet, SigevNotify, Signal, signal};
use nix::sys::time::TimeSpec;
use nix::sys::timer::{Expiration, Timer, TimerSetTimeFlags};
use nix::time::ClockId;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};

use super::WorkerLimits;
use super::confine::{self, confine, limit_cpu};
use super::crash_context::Shared;
use super::protocol::{Done, LoadRequest, Ready, Received, Reply, Request, receive, send};
use crate::backend::libssl::Libssl;
use crate::backend::{Backend, Backends};
use crate::limits::{self, Limit};
use crate::runner::{self, Watch};
use crate::scenario::{Scenario, Variant};
use crate::target::{LoadReport, Printed};
use crate::trace::Asked;
use crate::transport;

/// The exit status of a worker that cannot report the reason: its socket is gone, or the library
/// has to be stopped during a call.
pub(super) mod status {
    pub(in crate::worker) const SOCKET_GONE: i32 = 0xc1;
    pub(in crate::worker) const SPINNING: i32 = 0xc2;
    pub(in crate::worker) const BAD_REQUEST: i32 = 0xc3;
    /// That of Rust's runtime.
    pub(in crate::worker) const PANICKED: i32 = 101;
}

/// Serves as a worker; `crash_context` is the file descriptor that it inherited for that purpose,
/// and `external` the backend of a program outside of the suite.
pub(crate) fn serve(crash_context: RawFd, external: Option<Arc<dyn Backend>>) -> ! {
    record_panics();
    let ended = catch_unwind(AssertUnwindSafe(|| work(crash_context, external)));
    // There are no more requests, or the parent is gone. The exit handlers of a foreign library are
    // not called, because they could do anything.
    leave(match ended {
        Ok(Ok(())) => 0,
        Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => status::BAD_REQUEST,
        Ok(Err(_)) => status::SOCKET_GONE,
        // A panic in a call of the library is caught there: this one is elsewhere.
        Err(_) => {
            let _ = writeln!(io::stderr(), "{}", LAST_PANIC.take());
            status::PANICKED
        }
    })
}

thread_local! {
    /// The message of the last panic, with its place.
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Keeps Rust from printing a panic of this thread: the trace has its message, and what Rust prints
/// differs from run to run, because it has the number of the thread. A panic of another thread is
/// in no trace, so it is printed, without that number.
fn record_panics() {
    let this = thread::current().id();
    panic::set_hook(Box::new(move |panic| {
        if thread::current().id() == this {
            LAST_PANIC.set(panic.to_string());
        } else {
            let _ = writeln!(io::stderr(), "{panic}");
        }
    }));
}

fn leave(status: i32) -> ! {
    // SAFETY: ends the process at once; nothing in it is needed any more.
    unsafe { libc::_exit(status) }
}

fn work(crash_context: RawFd, external: Option<Arc<dyn Backend>>) -> io::Result<()> {
    // Never closed here: the library may have closed it, and its number may belong to another file
    // by then.
    let socket = ManuallyDrop::new(UnixStream::from(io::stdin().as_fd().try_clone_to_owned()?));
    let lifeline = Lifeline::of(&socket)?;
    let mut replies = &*socket;
    let socket = &mut replies;
    let mut requests = BufReader::new(*socket);
    // A library that reads standard input finds end of file.
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    // SAFETY: the descriptor was inherited for this purpose, and has no other owner.
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
    // SAFETY: ignoring the signal runs no handler. A library that prints too much gets an error,
    // and is not killed.
    let _ = unsafe { signal(Signal::SIGXFSZ, SigHandler::SigIgn) };
    let unconfined = confine(&confine::ResourceLimits {
        memory: limits.memory,
        file_size: WorkerLimits::PRINTED,
    });
    let mut watchdog = Watchdog::new(limits);
    watchdog.begin();
    let before = ProcessState::now();
    let (backend, ready) = match open(&wanted, external, unconfined) {
        Ok(opened) => opened,
        Err(why) => return send(socket, &Reply::Refused(why)),
    };
    // By now it has started the threads that it needs.
    let before = ProcessState {
        threads: ProcessState::now().threads,
        ..before
    };
    flush_stdio();
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
            let watch = CallRecorder {
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

/// Opens the library and makes the reply about it, or the reason why that failed.
fn open(
    wanted: &LoadRequest,
    external: Option<Arc<dyn Backend>>,
    unconfined: Vec<String>,
) -> Result<(Arc<dyn Backend>, Reply), String> {
    let (backend, load_report) = match wanted {
        LoadRequest::File(source) => {
            let libssl = Libssl::open(source).map_err(|error| error.to_string())?;
            let load_report = LoadReport {
                about: libssl.about().clone(),
                loaded: libssl.loaded().clone(),
                printed: Printed::default(),
            };
            let opened: Arc<dyn Backend> = Arc::new(libssl);
            (opened, Some(load_report))
        }
        LoadRequest::BuiltIn(id) => {
            let opened = Backends::open(id).ok_or_else(|| format!("{id} is no backend"))?;
            let opened = opened.map_err(|unusable| unusable.to_string())?;
            (opened, None)
        }
        LoadRequest::External(id) => match external {
            Some(backend) if backend.about().id == *id => (backend, None),
            Some(backend) => {
                let other = &backend.about().id;
                return Err(format!("as a worker, it has the backend {other} instead"));
            }
            None => return Err("as a worker, it has no external backend".to_owned()),
        },
    };
    let ready = Ready {
        about: backend.about().clone(),
        interface: backend.interface(),
        load_report,
        unconfined,
    };
    Ok((backend, Reply::Ready(Box::new(ready))))
}

/// Ends this process if the library uses too much processor time, or if it does not return and the
/// parent, which would stop it, is gone. Both happen later than the parent's own measures.
struct Watchdog {
    /// Its signal is SIGKILL, because any other can be blocked.
    timer: Option<Timer>,
    limits: WorkerLimits,
}

impl Watchdog {
    /// If the system provides no timer, only processor time is limited.
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

    /// Starts the watchdog before calls of the library.
    fn begin(&mut self) {
        // If this process inherited a lower limit, that one applies.
        let _ = limit_cpu(self.limits.time.as_secs() + 1);
        self.set(self.limits.deadline() + Duration::from_secs(1));
    }

    /// Stops the watchdog after the library has returned.
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
    before: &ProcessState,
) -> Reply {
    let begun = confine::used_processor_time();
    let ran = runner::run_watched(backend, scenario, variant, watch);
    flush_stdio();
    match ran {
        Ok(mut trace) => {
            let now = ProcessState::now();
            trace.side_effects = before.changes(&now);
            // A thread that is left running is not an error, but must not affect other cases. It is
            // not shown in the trace, because a thread that is about to end may or may not still be
            // there.
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

/// Flushes the buffers of the C library, so that output belongs to the case, or the loading, that
/// caused it.
fn flush_stdio() {
    // SAFETY: no precondition; a null pointer means all streams (fflush(3)).
    unsafe { libc::fflush(std::ptr::null_mut()) };
}

/// Records each call of the library.
struct CallRecorder<'a> {
    crash_context: &'a Shared,
    lifeline: &'a Lifeline,
    free: bool,
}

impl Watch for CallRecorder<'_> {
    fn about_to(&self, step: usize, action: &str, asked: &Asked) {
        // Checked before anything else is recorded: the end of the process is attributed to the
        // last recorded call.
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

/// Whether this many bytes could still be mapped, within the limit and the address space of this
/// process.
fn can_map(bytes: usize) -> bool {
    // SAFETY: a new mapping at an address that the system chooses, which is not accessed and is
    // removed at once.
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

/// The socket, while the library has not closed or replaced it.
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
        // SAFETY: the descriptor of the socket; whether it is still valid is what this call finds
        // out.
        let there = rustix::fs::fstat(unsafe { BorrowedFd::borrow_raw(self.number) });
        there.is_ok_and(|file| (file.st_dev, file.st_ino) == self.file)
    }
}

/// The state of the process that a library must not change.
struct ProcessState {
    blocked: Option<SigSet>,
    folder: Option<PathBuf>,
    /// Standard output and error; `None` if closed.
    streams: [Option<OutputStream>; 2],
    /// The number of threads of this process, from the hard links of a folder with a subfolder for
    /// each, which is greater by two (proc_pid_task(5)); 0 if the system does not report it.
    threads: u64,
}

/// An output file.
#[derive(Clone, Copy)]
struct OutputStream {
    /// Its identity: device and number.
    file: (u64, u64),
    /// Its length in bytes.
    length: u64,
}

impl ProcessState {
    fn now() -> Self {
        let which = |fd: BorrowedFd<'_>| {
            let file = rustix::fs::fstat(fd).ok()?;
            Some(OutputStream {
                file: (file.st_dev, file.st_ino),
                length: u64::try_from(file.st_size).unwrap_or(0),
            })
        };
        Self {
            blocked: SigSet::thread_get_mask().ok(),
            folder: std::env::current_dir().ok(),
            // SAFETY: the descriptors of standard output and error; whether they are closed is what
            // this call finds out.
            streams: [1, 2].map(|number| which(unsafe { BorrowedFd::borrow_raw(number) })),
            threads: fs::metadata("/proc/self/task").map_or(0, |folder| folder.nlink()),
        }
    }

    /// The changes since then, as phrases that follow "the library".
    fn changes(&self, now: &Self) -> Vec<String> {
        let mut changes = Vec::new();
        if now.blocked != self.blocked {
            changes.push("changed the signal mask".to_owned());
        }
        if now.folder != self.folder {
            changes.push("changed the working directory".to_owned());
        }
        for (index, name) in ["standard output", "standard error"].iter().enumerate() {
            let file = |stream: Option<OutputStream>| stream.map(|stream| stream.file);
            match file(now.streams[index]) {
                now if now == file(self.streams[index]) => {}
                None => changes.push(format!("closed {name}")),
                Some(_) => changes.push(format!("put something else in the place of {name}")),
            }
        }
        changes
    }
}
