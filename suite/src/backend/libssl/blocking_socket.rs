//! A pair of connected sockets that wait, as a transport: the library has one end by its number, and its
//! calls return when they are done. Each call is made by a thread of its own, which ends with it;
//! meanwhile the thread of the case is at the other end, reads, and lets the far end answer.
//!
//! A library that waits for what never comes is freed from that by an end of file, and the transport gives up
//! on it: the case has hung.

use std::fs;
use std::io::{self, PipeReader};
use std::net::Shutdown;
use std::os::fd::{AsFd, RawFd};
use std::os::unix::net::UnixStream;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::thread::gettid;

use super::adapter::{TransportAdapter, no_sockets};
use super::socket::{Ends, Reading, collect, deliver, has_vanished, vanish, waiting};
use crate::backend::Unsupported;
use crate::transport::Transport;

/// How often a library is looked at while nothing goes to and fro, in nanoseconds, and how often it must
/// have been asleep all the time before it counts as one that waits for ever. What comes to an end is
/// never judged by a clock.
const LOOK: i64 = 20_000_000;
const LOOKS: u32 = 10;

/// The number of a thread that has not told it yet.
const NOT_TOLD: i32 = 0;

/// The transport of one connection.
pub(super) struct BlockingSocket(Ends);

/// A call on its way to another thread.
struct Errand<'c>(&'c mut dyn FnMut());

// SAFETY: the thread that hands the call over waits until it is done, so that what the call uses, a
// connection and memory of the case, is used by one thread at a time; a connection is bound to none
// (openssl-threads(7)).
unsafe impl Send for Errand<'_> {}

impl Errand<'_> {
    fn run(self) {
        (self.0)();
    }
}

impl BlockingSocket {
    pub(super) fn new(transport: &Transport) -> io::Result<Self> {
        Ends::new(transport).map(Self)
    }

    /// The number by which the library knows its end.
    pub(super) fn number(&self) -> RawFd {
        self.0.number()
    }

    /// Runs the call in a thread, and is the far end of it until it is done.
    fn call(&self, call: &mut dyn FnMut(), ours: &UnixStream) -> io::Result<()> {
        let (done, running) = io::pipe()?;
        let number = AtomicI32::new(NOT_TOLD);
        let errand = Errand(call);
        thread::scope(|scope| {
            let caller = thread::Builder::new().spawn_scoped(scope, || {
                // Closed when the call is done, even by a panic.
                let _running = running;
                number.store(gettid().as_raw_nonzero().get(), Ordering::Release);
                errand.run();
            })?;
            let served = self.serve(ours, &done, &number);
            if served.is_err() {
                // Nobody would end its waiting.
                let _ = ours.shutdown(Shutdown::Both);
            }
            match caller.join() {
                Ok(()) => served,
                Err(panic) => resume_unwind(panic),
            }
        })
    }

    /// Carries bytes to and fro until the call is done.
    fn serve(&self, ours: &UnixStream, done: &PipeReader, caller: &AtomicI32) -> io::Result<()> {
        let mut asleep = Asleep::default();
        loop {
            let before = self.0.transport.progress();
            let reading = collect(&self.0.transport, ours)?;
            deliver(&self.0.transport, ours)?;
            if self.0.transport.progress() != before {
                asleep = Asleep::default();
            }
            match self.wait(ours, reading, done)? {
                Wakeup::Done => {
                    collect(&self.0.transport, ours)?;
                    return deliver(&self.0.transport, ours);
                }
                Wakeup::Bytes => {}
                Wakeup::Nothing if asleep.has_been(caller.load(Ordering::Acquire)) => {
                    self.0
                        .transport
                        .give_up("waits on a blocking socket for what never comes");
                    ours.shutdown(Shutdown::Both)?;
                    asleep = Asleep::default();
                }
                Wakeup::Nothing => {}
            }
        }
    }

    /// Waits until something comes from the library, there is room again for what goes to it, or the call
    /// is done; at most for a look.
    fn wait(&self, ours: &UnixStream, reading: Reading, done: &PipeReader) -> io::Result<Wakeup> {
        let room = match self.0.transport.readable().is_empty() {
            true => PollFlags::empty(),
            false => PollFlags::OUT,
        };
        let mut polled = [
            PollFd::from_borrowed_fd(done.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(ours.as_fd(), PollFlags::IN | room),
        ];
        // What is over is ready for ever.
        let polled = match reading {
            Reading::GoesOn => &mut polled[..],
            Reading::Over => &mut polled[..1],
        };
        let look = Timespec {
            tv_sec: 0,
            tv_nsec: LOOK,
        };
        match poll(polled, Some(&look)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(Wakeup::Nothing),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        match polled[0].revents().is_empty() {
            true => Ok(Wakeup::Bytes),
            false => Ok(Wakeup::Done),
        }
    }
}

/// What is to be seen at the far end.
enum Wakeup {
    /// The call is done.
    Done,
    /// Bytes can go on.
    Bytes,
    /// Nothing for the time of a look.
    Nothing,
}

/// How often in a row a thread was seen asleep, without having run meanwhile.
#[derive(Default)]
struct Asleep {
    /// What the system tells of it: its state, and what it has used and done so far.
    state: Option<String>,
    looks: u32,
}

impl Asleep {
    /// Looks at the thread; answers whether it has slept often enough. Where the system tells nothing of
    /// threads, nobody can know.
    fn has_been(&mut self, thread: i32) -> bool {
        let state = fs::read_to_string(format!("/proc/self/task/{thread}/stat")).ok();
        let sleeps = state.as_deref().is_some_and(is_asleep);
        self.looks = match sleeps && state == self.state {
            true => self.looks + 1,
            false => 0,
        };
        self.state = state;
        self.looks >= LOOKS
    }
}

/// Whether the state of a thread (proc_pid_stat(5)) is that of one that waits. Its name, which can hold
/// anything, stands in parentheses before.
fn is_asleep(stat: &str) -> bool {
    let after_name = stat.rsplit(") ").next();
    after_name.is_some_and(|state| state.starts_with('S'))
}

impl TransportAdapter for BlockingSocket {
    fn before(&mut self) -> Result<(), Unsupported> {
        if let Some(ours) = &self.0.ours
            && has_vanished(&self.0.transport.outbound())
        {
            deliver(&self.0.transport, ours).map_err(|error| no_sockets(&error))?;
            vanish(self.0.ours.take()).map_err(|error| no_sockets(&error))?;
        }
        Ok(())
    }

    fn during(&self, call: &mut dyn FnMut()) -> Result<(), Unsupported> {
        let Some(ours) = &self.0.ours else {
            // Nobody is there to be waited for: every call returns at once.
            call();
            return Ok(());
        };
        self.0.transport.let_far_end_act();
        self.call(call, ours).map_err(|error| no_sockets(&error))
    }

    fn sync_transport(&mut self) -> Result<(), Unsupported> {
        let waiting = waiting(&self.0.library).map_err(|error| no_sockets(&error))?;
        self.0.transport.are_waiting(waiting);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_waits_is_told_from_one_that_runs_whatever_its_name() {
        assert!(is_asleep("7 (case) S 1 7 7 0"));
        assert!(is_asleep("7 (a) R b) S 1 7 7 0"));
        assert!(!is_asleep("7 (case) R 1 7 7 0"));
        assert!(!is_asleep("7 (case) D 1 7 7 0"));
    }
}
