//! Runs one case: connects an endpoint, the transport and the peer, and executes the steps of the
//! scenario. Takes a scenario, a variant and a backend, and yields the trace.
//!
//! Runs are deterministic: the same case always gives the same trace. The peer acts between calls
//! of the library under test or, if the transport blocks, during one, on the same thread.

mod action;
mod peer_driver;
mod pending_write;
mod phase;
mod reading;
mod session_setup;

use std::any::Any;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::rc::Rc;

use self::action::Action;
use self::peer_driver::{PeerDriver, report};
use self::pending_write::{PendingWrite, WriteState};
pub use self::phase::Phase;
use self::session_setup::establish_session;
use crate::backend::{Backend, Endpoint, Memory, ModeChange, Setup, Unsupported};
use crate::limits::{self, Allowance, Limit};
use crate::peer::{End, Keys, Peer, PeerSetup};
use crate::scenario::{
    Buffer, KeyExchange, Mode, Needs, Operation, Retry, RetryContent, Role, Scenario, Step,
    Variant, Write, WriteSource,
};
use crate::trace::{
    Argument, Asked, Attempt, Call, Entry, ErrorClass, Observed, Outcome, Pattern, QueueEntry,
    Setting, Shown, Stream, Trace, Verb,
};
use crate::transport::{GivenUp, Mark, Responder, Transport};
use crate::wire;

/// The actions before the first step and after the last one, as shown in a trace.
const OPEN: &str = "open";
pub(crate) const FREE: &str = "free";

/// Why a case could not be run at all; never the fault of the library under test.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunnerError {
    /// The peer could not be set up.
    #[error("cannot set up the peer: {0}")]
    Peer(#[from] openssl::error::ErrorStack),
    /// The file of a foreign library was changed or removed during the run: later results would
    /// belong to another library.
    #[error("{} was changed or removed during the run", .0.display())]
    Changed(PathBuf),
    /// A worker process failed.
    #[error("{0}")]
    Worker(String),
    /// The peer's key log could not be read.
    #[error("cannot read the peer's key log: {0}")]
    KeyLog(#[from] wire::KeyLogError),
}

/// Observes a case while it runs, so that the last call is known if the library does not return.
pub trait Watch {
    /// Called before each call of the library under test, with the step, the action as text, and
    /// what is asked of the library.
    fn about_to(&self, step: usize, action: &str, asked: &Asked);

    /// Whether the connection is freed at the end; if not, it is leaked.
    fn frees(&self) -> bool {
        true
    }

    /// Whether the process has memory left to continue.
    fn has_memory(&self) -> bool {
        true
    }

    /// Called when the case enters a phase.
    fn enters(&self, _phase: Phase) {}
}

/// Observes nothing.
pub(crate) struct Unwatched;

impl Watch for Unwatched {
    fn about_to(&self, _step: usize, _action: &str, _asked: &Asked) {}
}

/// Runs one case.
///
/// # Errors
///
/// [`RunnerError`], if the suite itself failed.
pub fn run(
    backend: &dyn Backend,
    scenario: &Scenario,
    variant: Variant,
) -> Result<Trace, RunnerError> {
    run_watched(backend, scenario, variant, &Unwatched)
}

/// Runs one case with an observer.
///
/// # Errors
///
/// [`RunnerError`], if the suite itself failed.
pub(crate) fn run_watched(
    backend: &dyn Backend,
    scenario: &Scenario,
    variant: Variant,
    watch: &dyn Watch,
) -> Result<Trace, RunnerError> {
    watch.enters(Phase::Setup);
    let transport = Transport::new();
    let allowance = Allowance::of(scenario);
    transport.limit_outbound(allowance.wire_bytes);
    watch.about_to(0, OPEN, &Asked::Nothing);
    let setup = Setup {
        role: variant.role,
        version: variant.version,
        cipher: scenario.cipher,
        key_exchange: scenario.key_exchange,
        role_state: scenario.role_state,
        transport: variant.transport,
        session_tickets: scenario.session_tickets,
    };
    let setting = Setting::of(scenario, variant, backend.interface());
    if !backend.transports().contains(&variant.transport) {
        let word = variant.transport.as_str();
        let why = format!("the transport {word}, which this backend has no BIO for");
        return Ok(never_opened(setting, Unsupported(why)));
    }
    let peer_setup = PeerSetup {
        role: match variant.role {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        },
        version: variant.version,
        cipher: scenario.cipher,
        keys: match scenario.key_exchange {
            KeyExchange::Ephemeral => Keys::Ephemeral,
            KeyExchange::PreShared => Keys::PreShared,
        },
        renegotiation: scenario.peer_renegotiation,
    };
    let session = match scenario.key_exchange {
        KeyExchange::Ephemeral => None,
        KeyExchange::PreShared => backend.session(&setup, &|transport, endpoint| {
            establish_session(&peer_setup, transport, endpoint)
        }),
    };
    let endpoint = match backend.open(&setup, &transport) {
        Ok(endpoint) => endpoint,
        Err(unsupported) => return Ok(never_opened(setting, unsupported)),
    };
    let peer = match session {
        None => Peer::new(&peer_setup, &transport)?,
        Some(session) => Peer::resuming(&peer_setup, &transport, &session)?,
    };
    let peer_driver = Rc::new(PeerDriver::new(peer));
    if variant.transport.waits() {
        let peer_driver: Rc<dyn Responder> = Rc::clone(&peer_driver) as _;
        transport.wait_for(Rc::downgrade(&peer_driver));
    }
    let mut runner = Runner {
        watch,
        peer_driver,
        transport,
        endpoint,
        entries: Vec::new(),
        step: 0,
        stream: Stream::default(),
        peer_stream: Stream::default(),
        pending_write: None,
        kept: Kept::default(),
        allowance,
        calls: 0,
        last: None,
        peer_bytes_altered: false,
        setting,
        peer_setup,
    };
    watch.enters(Phase::Script);
    for (index, step) in scenario.steps.iter().enumerate() {
        runner.step = index + 1;
        let after = &scenario.steps[index + 1..];
        let done = runner.act(step, after);
        if !matches!(step, Step::StaleError(_)) {
            // If the step made no call, its stale entry is not left for a later one.
            runner.endpoint.forget_stale_error();
        }
        match done {
            Ok(()) => {}
            Err(Stop::Recorded) => break,
            Err(Stop::Unsupported(unsupported)) => {
                runner.note(
                    Action::step(step.clone()),
                    Outcome::Unsupported(unsupported.0),
                );
                break;
            }
        }
    }
    runner.into_trace(scenario)
}

fn never_opened(setting: Setting, unsupported: Unsupported) -> Trace {
    Trace {
        setting: Some(setting),
        entries: vec![Entry::new(
            0,
            OPEN.to_owned(),
            Outcome::Unsupported(unsupported.0),
        )],
        ..Trace::default()
    }
}

/// Why the remaining steps are not executed.
enum Stop {
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
struct Last {
    what: Repeatable,
    error: ErrorClass,
}

#[derive(Debug, Clone, Copy)]
enum Repeatable {
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
struct Kept {
    buffers: Vec<Memory>,
    bytes: usize,
}

impl Kept {
    fn keep(&mut self, memory: Option<Memory>) {
        let bytes = |memory: &Memory| memory.bytes().len();
        self.bytes += memory.as_ref().map_or(0, bytes);
        self.buffers.extend(memory);
    }
}

struct Runner<'w> {
    watch: &'w dyn Watch,
    endpoint: Box<dyn Endpoint>,
    peer_driver: Rc<PeerDriver>,
    transport: Transport,
    entries: Vec<Entry>,
    /// The current step, counted from 1.
    step: usize,
    /// What the library under test was asked to write, and what the peer was asked to write.
    stream: Stream,
    peer_stream: Stream,
    pending_write: Option<PendingWrite>,
    kept: Kept,
    /// The limits of the case, and the number of calls of the library so far.
    allowance: Allowance,
    calls: usize,
    last: Option<Last>,
    /// Whether the peer's bytes were altered on the wire.
    peer_bytes_altered: bool,
    setting: Setting,
    /// The configuration of the peer.
    peer_setup: PeerSetup,
}

impl Runner<'_> {
    fn act(&mut self, step: &Step, after: &[Step]) -> Result<(), Stop> {
        match step {
            Step::Handshake => self.handshake()?,
            Step::Write(write) => self.write(write, longest_retry(after))?,
            Step::Retry(retry) => self.retry(retry)?,
            Step::Finish => self.finish()?,
            Step::Read(max) => self.read(*max)?,
            Step::SetModes(modes) => self.set_modes(step, modes, ModeChange::Set)?,
            Step::ClearModes(modes) => self.set_modes(step, modes, ModeChange::Clear)?,
            Step::Link(outbound) => {
                let from = self.transport.mark();
                self.transport.set_outbound(*outbound);
                self.endpoint.sync_transport()?;
                let action = Action::step(step.clone());
                self.push(action, Outcome::Done, from, Shown::Records);
            }
            Step::Inbound(inbound) => {
                self.transport.set_inbound(*inbound);
                self.note(Action::step(step.clone()), Outcome::Done);
            }
            Step::Wire(fault) => {
                let outcome = match self.transport.inject_fault(*fault) {
                    Ok(()) => {
                        self.peer_bytes_altered = true;
                        Outcome::Done
                    }
                    Err(too_little) => Outcome::Nothing(too_little.to_string()),
                };
                self.note(Action::step(step.clone()), outcome);
            }
            Step::Peer(action) => self.peer_acts(action),
            Step::StaleError(kind) => {
                let action = Action::step(step.clone());
                self.announce(&action);
                self.endpoint.stale_error(*kind)?;
                self.note(action, Outcome::Done);
            }
            // All others are a matter of the library alone.
            step => match step.needs() {
                Needs::Call(operation) => self.operate(step, operation)?,
                Needs::Numbers(functions) => self.observe(step, functions)?,
                Needs::Nothing => {
                    let what = format!("the step {}", step.name());
                    return Err(Unsupported::new(what).into());
                }
            },
        }
        Ok(())
    }

    fn operate(&mut self, step: &Step, operation: Operation) -> Result<(), Stop> {
        let what = match operation {
            Operation::Shutdown => Repeatable::Shutdown,
            _ => Repeatable::Once,
        };
        self.call(Action::step(step.clone()), what, |end| {
            end.operate(operation)
        })?;
        Ok(())
    }

    /// Asks functions of the library for numbers. The call that `finish` repeats stays the one before.
    fn observe(&mut self, step: &Step, functions: &[&str]) -> Result<(), Stop> {
        let from = self.transport.mark();
        let action = Action::step(step.clone());
        self.announce(&action);
        self.watch.enters(Phase::Library);
        let result = self.caught(|end| {
            let observed = |&function: &&str| {
                let number = end.number(function)?;
                let function = function.to_owned();
                Ok(Observed { function, number })
            };
            functions.iter().map(observed).collect()
        });
        self.watch.enters(Phase::Script);
        let ends = result.is_err();
        self.push(
            action,
            result.map_or_else(|instead| instead, Outcome::Observed),
            from,
            Shown::Records,
        );
        self.stop_if_given_up()?;
        if ends { Err(Stop::Recorded) } else { Ok(()) }
    }

    /// Adds an entry without wire traffic.
    fn note(&mut self, action: Action, result: Outcome) {
        let here = self.transport.mark();
        self.push(action, result, here, Shown::Records);
    }

    fn push(&mut self, action: Action, result: Outcome, from: Mark, wire: Shown) {
        self.entries.push(Entry {
            asked: action.asked,
            from,
            to: self.transport.mark(),
            taken_to: self.transport.taken(),
            wire,
            ..Entry::new(self.step, action.words, result)
        });
    }

    /// Informs the observer of a call of the library under test.
    fn announce(&self, action: &Action) {
        self.watch.about_to(self.step, &action.words, &action.asked);
    }

    /// Makes one call of the library under test.
    fn call(
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

    /// Ends the case with this entry in place of a call's result.
    fn stop(&mut self, action: Action, limit: Limit) -> Stop {
        self.note(action, Outcome::Stopped(limit));
        Stop::Recorded
    }

    /// Adds the entry of a call, and ends the case if the call has no result.
    fn record_call(
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

    /// Ends the case if the transport gave up on the library, which would have called it for ever:
    /// the result of the call is not the library's own.
    fn stop_if_given_up(&mut self) -> Result<(), Stop> {
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
    fn guarded(
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
    fn caught<T>(
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

    /// The call of the last entry.
    fn last_call(&mut self) -> Option<&mut Call> {
        self.entries
            .iter_mut()
            .rev()
            .find_map(|entry| match &mut entry.result {
                Outcome::Call(call) => Some(call),
                _ => None,
            })
    }

    fn set_modes(&mut self, step: &Step, modes: &[Mode], to: ModeChange) -> Result<(), Stop> {
        let action = Action::step(step.clone());
        self.announce(&action);
        self.endpoint.set_modes(modes, to)?;
        self.note(action, Outcome::Done);
        Ok(())
    }

    /// Both ends take turns until both are done, one fails, or neither can make progress.
    fn handshake(&mut self) -> Result<(), Stop> {
        let from = self.transport.mark();
        let action = Action::step(Step::Handshake);
        self.announce(&action);
        self.watch.enters(Phase::Handshake);
        let mut peer_end;
        let mut turn = self.transport.progress();
        let result = loop {
            let result = self.guarded(|end| end.handshake());
            peer_end = if self.peer_driver.is_established() {
                End::Done
            } else {
                self.peer_driver.peer().handshake()
            };
            let stuck = self.transport.progress() == turn;
            let goes_on = match &result {
                Ok(call) if call.error == ErrorClass::None => !self.peer_driver.is_established(),
                Ok(call) => call.error.is_retry(),
                Err(_) => false,
            };
            if stuck || !goes_on {
                break result;
            }
            turn = self.transport.progress();
        };
        self.watch.enters(Phase::Script);
        let established = matches!(&result, Ok(call) if call.error == ErrorClass::None)
            && self.peer_driver.is_established();
        let wire = if established {
            Shown::Nothing
        } else {
            Shown::Records
        };
        self.record_call(action, Repeatable::Handshake, result, from, wire)?;
        if peer_end != End::Done {
            let outcome = Outcome::Peer(report(None, peer_end));
            self.note(Action::other("peer handshake"), outcome);
        }
        Ok(())
    }

    fn write(&mut self, write: &Write, longest_retry: usize) -> Result<(), Stop> {
        for _ in 0..write.times.get() {
            // The rest of a write uses the same function as the write.
            let function = match (&write.source, &self.pending_write) {
                (WriteSource::Rest, Some(writing)) => writing.function,
                _ => write.function,
            };
            let position = self.stream.accepted();
            let (argument, mut bytes) = match &write.source {
                WriteSource::Pattern(len) => (
                    Argument::Bytes(*len),
                    Pattern::Library.bytes(position, *len),
                ),
                WriteSource::Literal(bytes) => (Argument::Bytes(bytes.len()), bytes.clone()),
                WriteSource::Rest => {
                    let rest = self
                        .pending_write
                        .as_ref()
                        .map_or(&[][..], PendingWrite::rest);
                    if rest.is_empty() {
                        let why = "nothing is left to write".to_owned();
                        self.note(Action::other("write rest"), Outcome::Nothing(why));
                        return self.flush().map(|_| ());
                    }
                    (Argument::Bytes(rest.len()), rest.to_vec())
                }
                WriteSource::Null => (Argument::Null, Vec::new()),
                WriteSource::Negative(len) => (Argument::Negative(*len), vec![0]),
            };
            // The bytes of a longer retry follow those of the write, at the same address.
            if longest_retry > bytes.len() {
                let more = bytes.len();
                bytes.resize(longest_retry, 0);
                Pattern::Library.fill(position + more, &mut bytes[more..]);
            }
            let writing = match self.memory(&bytes) {
                Ok(memory) => PendingWrite::new(function, argument, position, memory),
                Err(limit) => {
                    let action =
                        Action::attempt(Attempt::first(function, argument), &Retry::default());
                    return Err(self.stop(action, limit));
                }
            };
            let before = self.pending_write.replace(writing);
            self.kept.keep(before.map(PendingWrite::into_memory));
            drop(bytes);
            self.attempt(Verb::Write, &Retry::default())?;
        }
        Ok(())
    }

    /// Memory for the bytes of a write.
    ///
    /// # Errors
    ///
    /// The limit, if the case keeps too much memory already or none is left.
    fn memory(&self, bytes: &[u8]) -> Result<Memory, Limit> {
        let Allowance {
            buffers,
            buffered_bytes,
            ..
        } = self.allowance;
        if self.kept.buffers.len() >= buffers {
            return Err(Limit::Buffers(buffers));
        }
        if self.kept.bytes >= buffered_bytes {
            return Err(Limit::BufferedBytes(buffered_bytes));
        }
        Memory::holding(bytes).map_err(|_| Limit::Memory)
    }

    fn retry(&mut self, retry: &Retry) -> Result<(), Stop> {
        match &self.pending_write {
            Some(writing) if writing.state == WriteState::Succeeded => {
                let attempt = Attempt {
                    content: retry.content,
                    ..writing.asked(Verb::Retry, retry)
                };
                let why = "not done: the write has succeeded".to_owned();
                self.note(
                    Action::other(Action::attempt(attempt, retry).words),
                    Outcome::Nothing(why),
                );
                self.flush().map(|_| ())
            }
            _ => self.attempt(Verb::Retry, retry),
        }
    }

    /// Calls the write function for the pending write, as changed by `retry`.
    fn attempt(&mut self, verb: Verb, retry: &Retry) -> Result<(), Stop> {
        let Some(mut writing) = self.pending_write.take() else {
            return Ok(());
        };
        let asked = writing.asked(verb, retry);
        let action = Action::attempt(asked, retry);
        let moved = match retry.buffer {
            Buffer::Same => None,
            Buffer::Moved => match self.memory(writing.all()) {
                Ok(memory) => Some(memory),
                Err(limit) => return Err(self.stop(action, limit)),
            },
        };
        let attempt = writing.prepare(&asked, retry.content, moved);
        let Attempt {
            function, argument, ..
        } = asked;
        let offered = writing.offered(argument);
        match asked.content {
            RetryContent::Same => self.stream.offer(offered),
            RetryContent::Changed => self.stream.offer_changed(offered.len()),
        }
        let stood = writing.offered(argument).to_vec();
        let result = self.call(action, Repeatable::Write, |end| {
            end.write(function, writing.bytes(argument))
        });
        if *writing.offered(argument) != *stood
            && let Some(entry) = self.entries.last_mut()
        {
            entry.caller_buffer_modified = true;
        }
        let error = match result {
            Ok(error) => error,
            Err(stop) => {
                self.pending_write = Some(writing);
                return Err(stop);
            }
        };
        let accepted = self.last_call().and_then(|call| call.accepted());
        let left = if error == ErrorClass::None || error.is_retry() {
            writing.commit(attempt)
        } else {
            writing.roll_back(attempt)
        };
        self.kept.keep(left);
        if error == ErrorClass::None {
            writing.state = WriteState::Succeeded;
        }
        if let Some(bytes) = accepted {
            writing.accepted += bytes;
            self.stream.accept(bytes);
        }
        self.pending_write = Some(writing);
        Ok(())
    }

    /// Sends what the library has accepted and still buffers, if it buffers writes; returns whether
    /// it does.
    fn flush(&mut self) -> Result<bool, Stop> {
        if !self.endpoint.buffers_writes() {
            return Ok(false);
        }
        self.call(Action::flush(), Repeatable::Flush, |end| end.flush())?;
        Ok(true)
    }

    /// Repeats the last call as a correct caller does.
    fn finish(&mut self) -> Result<(), Stop> {
        loop {
            let before = self.transport.progress();
            let Some(last) = self.last else { return Ok(()) };
            match last.error {
                ErrorClass::None if !matches!(last.what, Repeatable::Write) => return Ok(()),
                ErrorClass::None => {
                    let accepted = self.stream.accepted();
                    if self.write_rest()? {
                        if self.stream.accepted() > accepted || self.must_retry() {
                            continue;
                        }
                        let why = "given up: a success, but of no bytes".to_owned();
                        self.note(Action::other("finish"), Outcome::Nothing(why));
                        return Ok(());
                    }
                    if self.flush()? {
                        continue;
                    }
                    return Ok(());
                }
                ErrorClass::WantRead => self.drive_peer(),
                ErrorClass::WantWrite => {}
                _ => return Ok(()),
            }
            self.repeat(last.what)?;
            let again = self.last.is_some_and(|now| now.error == last.error);
            let now = self.transport.progress();
            // Delivering more to read does not help a call that waits for the transport to accept
            // bytes.
            let waits = last.error == ErrorClass::WantWrite;
            let stands = now == before || waits && now.sends_as(before);
            if again && stands {
                let why = "given up: nothing moves any more".to_owned();
                self.note(Action::other("finish"), Outcome::Nothing(why));
                return Ok(());
            }
        }
    }

    /// Whether the last call has to be repeated.
    fn must_retry(&self) -> bool {
        self.last.is_some_and(|last| last.error != ErrorClass::None)
    }

    fn repeat(&mut self, what: Repeatable) -> Result<(), Stop> {
        match what {
            Repeatable::Handshake => self
                .call(Action::step(Step::Handshake), what, |end| end.handshake())
                .map(|_| ()),
            Repeatable::Write => self.attempt(Verb::Retry, &Retry::default()),
            Repeatable::Read(max) => self.read(max),
            Repeatable::Shutdown => self
                .call(Action::step(Step::Shutdown), what, |end| {
                    end.operate(Operation::Shutdown)
                })
                .map(|_| ()),
            Repeatable::Flush => self.flush().map(|_| ()),
            Repeatable::Once => Ok(()),
        }
    }

    /// Writes the rest after a partial success; returns whether there was any.
    fn write_rest(&mut self) -> Result<bool, Stop> {
        let Some(writing) = &self.pending_write else {
            return Ok(false);
        };
        if writing.rest().is_empty() {
            return Ok(false);
        }
        let write = Write {
            function: writing.function,
            source: WriteSource::Rest,
            times: NonZeroUsize::MIN,
        };
        self.write(&write, 0)?;
        Ok(true)
    }

    fn read(&mut self, max: NonZeroUsize) -> Result<(), Stop> {
        let mut space = vec![0; max.get()];
        self.call(
            Action::step(Step::Read(max)),
            Repeatable::Read(max),
            |end| end.read(&mut space),
        )?;
        let Some(ret) = self.last_call().map(|call| call.ret) else {
            return Ok(());
        };
        // A library may claim more than the size of the buffer.
        let read = usize::try_from(ret).unwrap_or(0).min(space.len());
        let data = (read > 0).then(|| self.peer_stream.see(&space[..read]));
        if let Some(call) = self.last_call() {
            call.data = data;
        }
        Ok(())
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    limits::shortened(text.unwrap_or("no message"), limits::FOREIGN_TEXT).into_owned()
}

/// The longest retry, in bytes, of the write before these steps; 0 if none names a length. Steps
/// after a write of the rest count too: if nothing is left, that write is not made, and the retry
/// still applies to the earlier one.
fn longest_retry(after: &[Step]) -> usize {
    let is_another =
        |step: &Step| matches!(step, Step::Write(write) if write.source != WriteSource::Rest);
    after
        .iter()
        .take_while(|step| !is_another(step))
        .filter_map(|step| match step {
            Step::Retry(retry) => retry.len,
            _ => None,
        })
        .max()
        .unwrap_or(0)
}

/// The limit that this error queue exceeds.
fn limit_of(queue: &[QueueEntry]) -> Option<Limit> {
    limits::of_queue(queue.len(), queue.iter().map(QueueEntry::text_len).sum())
}
