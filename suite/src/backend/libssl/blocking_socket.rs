//! A pair of connected blocking sockets as a transport: the library uses one end as a file
//! descriptor, and its calls return only when they are complete. Each call runs on a thread of its
//! own, while the thread of the case reads at the other end and lets the peer respond.
//!
//! If the library waits for something that never comes, end of file releases it, and the transport
//! gives up on it: the case has hung.

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
use super::socket::{
    PeerReading, SocketEnds, collect, deliver, disconnect, has_disconnected, waiting,
};
use crate::backend::Unsupported;
use crate::transport::Transport;

/// The interval, in nanoseconds, between looks at a library while no bytes move, and how many
/// consecutive looks must find it asleep before it counts as blocked for ever. A call that returns
/// is never judged by a clock.
const INTERVAL: i64 = 20_000_000;
const LOOKS: u32 = 10;

/// The id of a thread that has not reported it yet.
const UNREPORTED: i32 = 0;

/// The transport of one connection.
pub(super) struct BlockingSocket(SocketEnds);

/// A call to be made by another thread.
struct RemoteCall<'c>(&'c mut dyn FnMut());

// SAFETY: the thread that hands the call over waits until it is done, so only one thread at a time
// uses its connection and memory. A connection is not bound to a thread (openssl-threads(7)).
unsafe impl Send for RemoteCall<'_> {}

impl RemoteCall<'_> {
    fn run(self) {
        (self.0)();
    }
}

impl BlockingSocket {
    pub(super) fn new(transport: &Transport) -> io::Result<Self> {
        SocketEnds::new(transport).map(Self)
    }

    /// The file descriptor of the library's end.
    pub(super) fn number(&self) -> RawFd {
        self.0.number()
    }

    /// Runs the call on a thread, and serves as the peer's end until it is done.
    fn call(&self, call: &mut dyn FnMut(), ours: &UnixStream) -> io::Result<()> {
        let (done, running) = io::pipe()?;
        let number = AtomicI32::new(UNREPORTED);
        let call = RemoteCall(call);
        thread::scope(|scope| {
            let caller = thread::Builder::new().spawn_scoped(scope, || {
                // Closed when the call is done, even by a panic.
                let _running = running;
                number.store(gettid().as_raw_nonzero().get(), Ordering::Release);
                call.run();
            })?;
            let served = self.serve(ours, &done, &number);
            if served.is_err() {
                // Otherwise the call would block for ever.
                let _ = ours.shutdown(Shutdown::Both);
            }
            match caller.join() {
                Ok(()) => served,
                Err(panic) => resume_unwind(panic),
            }
        })
    }

    /// Moves bytes in both directions until the call is done.
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

    /// Waits until bytes arrive from the library, there is room for bytes to it, or the call is
    /// done, but no longer than one interval.
    fn wait(
        &self,
        ours: &UnixStream,
        reading: PeerReading,
        done: &PipeReader,
    ) -> io::Result<Wakeup> {
        let room = if self.0.transport.readable().is_empty() {
            PollFlags::empty()
        } else {
            PollFlags::OUT
        };
        let mut polled = [
            PollFd::from_borrowed_fd(done.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(ours.as_fd(), PollFlags::IN | room),
        ];
        // A closed direction is always ready.
        let polled = match reading {
            PeerReading::GoesOn => &mut polled[..],
            PeerReading::Over => &mut polled[..1],
        };
        let look = Timespec {
            tv_sec: 0,
            tv_nsec: INTERVAL,
        };
        match poll(polled, Some(&look)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(Wakeup::Nothing),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        if polled[0].revents().is_empty() {
            Ok(Wakeup::Bytes)
        } else {
            Ok(Wakeup::Done)
        }
    }
}

/// Why a wait ended.
enum Wakeup {
    /// The call is done.
    Done,
    /// Bytes can be moved.
    Bytes,
    /// Nothing happened within the interval.
    Nothing,
}

/// How many consecutive looks found a thread asleep, without any progress in between.
#[derive(Default)]
struct Asleep {
    /// The system's description of the thread: its state, and its use of resources so far.
    state: Option<String>,
    looks: u32,
}

impl Asleep {
    /// Looks at the thread; returns whether it has been asleep often enough. Never, where the
    /// system does not report on threads.
    fn has_been(&mut self, thread: i32) -> bool {
        let state = fs::read_to_string(format!("/proc/self/task/{thread}/stat")).ok();
        let sleeps = state.as_deref().is_some_and(is_asleep);
        self.looks = if sleeps && state == self.state {
            self.looks + 1
        } else {
            0
        };
        self.state = state;
        self.looks >= LOOKS
    }
}

/// Whether the state of a thread (proc_pid_stat(5)) is that of a waiting one. The state follows the
/// name in parentheses, which can contain any characters.
fn is_asleep(stat: &str) -> bool {
    let after_name = stat.rsplit(") ").next();
    after_name.is_some_and(|state| state.starts_with('S'))
}

impl TransportAdapter for BlockingSocket {
    fn before(&mut self) -> Result<(), Unsupported> {
        if let Some(ours) = &self.0.ours
            && has_disconnected(&self.0.transport.outbound())
        {
            deliver(&self.0.transport, ours).map_err(|error| no_sockets(&error))?;
            disconnect(self.0.ours.take()).map_err(|error| no_sockets(&error))?;
        }
        Ok(())
    }

    fn during(&self, call: &mut dyn FnMut()) -> Result<(), Unsupported> {
        let Some(ours) = &self.0.ours else {
            // Without a peer there is nothing to wait for: every call returns at once.
            call();
            return Ok(());
        };
        self.0.transport.let_peer_act();
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
    fn waiting_thread_is_detected_with_any_name() {
        assert!(is_asleep("7 (case) S 1 7 7 0"));
        assert!(is_asleep("7 (a) R b) S 1 7 7 0"));
        assert!(!is_asleep("7 (case) R 1 7 7 0"));
        assert!(!is_asleep("7 (case) D 1 7 7 0"));
    }
}
