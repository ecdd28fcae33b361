//! A case while it runs, and one call of the library under test: its limits, what ends the case in place of a result, and
//! its entry in the trace.

use std::any::Any;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::action::Action;
use super::peer_driver::{Heard, PeerDriver, report};
use super::pending_write::PendingWrite;
use super::phase::Phase;
use super::watch::Watch;
use crate::backend::{Endpoint, Memory, Unsupported};
use crate::limits::{self, Allowance, Limit};
use crate::peer::{End, PeerSetup};
use crate::trace::{Call, Entry, ErrorClass, Outcome, QueueEntry, Setting, Shown, Stream};
use crate::transport::{GivenUp, Mark, Transport};

/// The action of the peer during a call, as shown in a trace.
const DURING_CALL: &str = "peer, meanwhile";

/// A case while it runs: the connection, and the entries of its trace so far.
pub(super) struct Runner<'w> {
    pub(super) watch: &'w dyn Watch,
    pub(super) endpoint: Box<dyn Endpoint>,
    pub(super) peer_driver: Rc<PeerDriver>,
    pub(super) transport: Transport,
    pub(super) entries: Vec<Entry>,
    /// The current step, counted from 1.
    pub(super) step: usize,
    /// What the library under test was asked to write, and what the peer was asked to write.
    pub(super) stream: Stream,
    pub(super) peer_stream: Stream,
    pub(super) pending_write: Option<PendingWrite>,
    pub(super) kept: Kept,
    /// The limits of the case, and the number of calls of the library so far.
    pub(super) allowance: Allowance,
    pub(super) calls: usize,
    pub(super) last: Option<Last>,
    /// Whether the peer's bytes were altered on the wire.
    pub(super) peer_bytes_altered: bool,
    pub(super) setting: Setting,
    /// The configuration of the peer.
    pub(super) peer_setup: PeerSetup,
}

impl Runner<'_> {
    /// Makes one call of the library under test.
    pub(super) fn call(
        &mut self,
        action: Action,
        what: Repeatable,
        run: impl FnOnce(&mut dyn Endpoint) -> Result<Call, Unsupported>,
    ) -> Result<ErrorClass, Stop> {
        let from = self.transport.mark();
        self.announce(&action);
        self.watch.enters(Phase::Library);
        let result = self.guarded(run);
        self.watch.enters(Phase::Script);
        self.record_call(action, what, result, from, Shown::Records)
    }

    /// Adds the entry of a call, and ends the case if the call has no result.
    pub(super) fn record_call(
        &mut self,
        action: Action,
        what: Repeatable,
        result: Result<Call, Outcome>,
        from: Mark,
        wire: Shown,
    ) -> Result<ErrorClass, Stop> {
        let error = result
            .as_ref()
            .map(|call| call.error)
            .map_err(|_| Stop::Recorded);
        let outcome = result.map_or_else(|instead| instead, Outcome::Call);
        self.push(action, outcome, from, wire);
        if let Some(entry) = self.entries.last_mut() {
            entry.traffic = self.transport.traffic();
        }
        self.record_peer_activity();
        self.stop_if_given_up()?;
        let error = error?;
        self.last = Some(Last { what, error });
        Ok(error)
    }

    /// Adds entries for what the transport and the peer did during the last recorded call.
    fn record_peer_activity(&mut self) {
        for note in self.transport.take_notes() {
            self.note(Action::other("transport"), Outcome::Nothing(note));
        }
        let Heard { bytes, end } = self.peer_driver.take_heard();
        let read = (!bytes.is_empty()).then(|| self.stream.see(&bytes));
        if read.is_some() || end.is_some() {
            let report = report(read, end.unwrap_or(End::Done));
            self.note(Action::other(DURING_CALL), Outcome::Peer(report));
        }
    }

    /// Ends the case if the transport gave up on the library, which would have called it for ever:
    /// the result of the call is not the library's own.
    pub(super) fn stop_if_given_up(&mut self) -> Result<(), Stop> {
        match self.transport.has_given_up() {
            Some(GivenUp::Hangs(why)) => {
                self.note(Action::other("transport"), Outcome::Hung(why));
                Err(Stop::Recorded)
            }
            // The entry of the call says so.
            Some(GivenUp::SendsTooMuch(_)) => Err(Stop::Recorded),
            None => Ok(()),
        }
    }

    /// Makes one call of the library under test. If it has no result, returns what happened
    /// instead, which ends the case: after a panic the connection is not called again.
    pub(super) fn guarded(
        &mut self,
        run: impl FnOnce(&mut dyn Endpoint) -> Result<Call, Unsupported>,
    ) -> Result<Call, Outcome> {
        let call = self.caught(run)?;
        match (self.transport.has_given_up(), limit_of(&call.queue)) {
            (Some(GivenUp::SendsTooMuch(most)), _) => Err(Outcome::Stopped(Limit::WireBytes(most))),
            (_, Some(limit)) => Err(Outcome::Stopped(limit)),
            _ if !self.watch.has_memory() => Err(Outcome::Stopped(Limit::Memory)),
            _ => Ok(call),
        }
    }

    /// Calls the library under test, as often as the case may. What a panic leaves half done is not called again.
    pub(super) fn caught<T>(
        &mut self,
        run: impl FnOnce(&mut dyn Endpoint) -> Result<T, Unsupported>,
    ) -> Result<T, Outcome> {
        if self.calls == self.allowance.calls {
            return Err(Outcome::Stopped(Limit::Calls(self.calls)));
        }
        self.calls += 1;
        self.transport.begin_call();
        let endpoint = self.endpoint.as_mut();
        match catch_unwind(AssertUnwindSafe(|| run(endpoint))) {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(unsupported)) => Err(Outcome::Unsupported(unsupported.0)),
            Err(panic) => Err(Outcome::Panicked(panic_message(panic.as_ref()))),
        }
    }

    /// Informs the observer of a call of the library under test.
    pub(super) fn announce(&self, action: &Action) {
        self.watch.about_to(self.step, &action.words, &action.asked);
    }

    /// Adds an entry without wire traffic.
    pub(super) fn note(&mut self, action: Action, result: Outcome) {
        let here = self.transport.mark();
        self.push(action, result, here, Shown::Records);
    }

    pub(super) fn push(&mut self, action: Action, result: Outcome, from: Mark, wire: Shown) {
        self.entries.push(Entry {
            asked: action.asked,
            from,
            to: self.transport.mark(),
            taken_to: self.transport.taken(),
            wire,
            ..Entry::new(self.step, action.words, result)
        });
    }

    /// Ends the case with this entry in place of a call's result.
    pub(super) fn stop(&mut self, action: Action, limit: Limit) -> Stop {
        self.note(action, Outcome::Stopped(limit));
        Stop::Recorded
    }

    /// The call of the last entry.
    pub(super) fn last_call(&mut self) -> Option<&mut Call> {
        self.entries
            .iter_mut()
            .rev()
            .find_map(|entry| match &mut entry.result {
                Outcome::Call(call) => Some(call),
                _ => None,
            })
    }
}

/// Why the remaining steps are not executed.
pub(super) enum Stop {
    /// The library under test has no such operation.
    Unsupported(Unsupported),
    /// An entry of the trace gives the reason.
    Recorded,
}

impl From<Unsupported> for Stop {
    fn from(unsupported: Unsupported) -> Self {
        Self::Unsupported(unsupported)
    }
}

/// The last call of the library under test, for `finish` to repeat.
#[derive(Debug, Clone, Copy)]
pub(super) struct Last {
    pub(super) what: Repeatable,
    pub(super) error: ErrorClass,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Repeatable {
    Handshake,
    Write,
    Read(NonZeroUsize),
    Shutdown,
    Flush,
    Once,
}

/// Memory of earlier writes. It is kept until the case ends: a library may compare the address of a
/// write with that of an earlier one, so no address may be reused by chance.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) buffers: Vec<Memory>,
    pub(super) bytes: usize,
}

impl Kept {
    pub(super) fn keep(&mut self, memory: Option<Memory>) {
        let bytes = |memory: &Memory| memory.bytes().len();
        self.bytes += memory.as_ref().map_or(0, bytes);
        self.buffers.extend(memory);
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    limits::shortened(text.unwrap_or("no message"), limits::FOREIGN_TEXT).into_owned()
}

/// The limit that this error queue exceeds.
fn limit_of(queue: &[QueueEntry]) -> Option<Limit> {
    limits::of_queue(queue.len(), queue.iter().map(QueueEntry::text_len).sum())
}
