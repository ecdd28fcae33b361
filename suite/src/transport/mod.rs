//! The transport between the library under test and the peer: in memory, without sockets, threads
//! or clocks. It carries the bytes of both ends, within the limits that the script sets
//! ([`Outbound`], [`Inbound`]), and records every byte in a [`Tap`], from which the wire view reads
//! records. It is independent of any library.
//!
//! A blocking transport ([`Transport::wait_for`]) lets the peer act within a call, on the same
//! thread. If the peer has nothing to do, the call would block for ever, so it ends instead.
//!
//! [`Transport::inject_fault`] alters bytes that wait for the library under test; the tap keeps
//! what the peer sent.

mod behaviour;
mod errno;
mod fault;
mod tap;
mod traffic;

use std::cell::{RefCell, RefMut};
use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::rc::{Rc, Weak};
use std::sync::OnceLock;

use self::fault::Altered;

pub use behaviour::{Budget, Inbound, Outbound, Refusal};
pub use errno::Errno;
pub(crate) use fault::TooLittle;
pub use fault::WireFault;
pub(crate) use tap::{Direction, Mark, Tap};
pub(crate) use traffic::{FlowStats, Traffic};

/// How many transport calls one call of the library may make before the transport gives up on it
/// and fails each further one with `EIO`: nearly four times as many as the largest write of a
/// scenario needs when the transport accepts one byte at a time.
pub(crate) const CALL_LIMIT: u64 = 1 << 24;

/// How many consecutive transport calls without progress one call of the library may make before
/// the transport gives up on it in the same way. A library that gets a retry has to return to its
/// caller, and needs only a handful of calls for that.
pub(crate) const STILL_LIMIT: u64 = 1 << 16;

/// How the transport refuses once it has given up on a library: with a fatal error, so that the
/// library returns.
const GIVEN_UP: Refusal = Refusal::Fail(Errno::IO);

/// Stops a library that still calls the transport, [`STILL_LIMIT`] times more, after the transport
/// has given up on it. In a worker process, it ends the process. Elsewhere such a library cannot be
/// stopped.
static LAST_RESORT: OnceLock<fn()> = OnceLock::new();

/// Sets the function that stops a library as a last resort; it does not return. Only the first call
/// has an effect.
pub fn set_last_resort(last_resort: fn()) {
    let _ = LAST_RESORT.set(last_resort);
}

/// The result of one transport call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// This many bytes were moved; more than 0 unless 0 were requested.
    Done(usize),
    /// No bytes were moved.
    Refused(Refusal),
}

/// The bytes that both ends have sent and read so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TransferProgress {
    sent: Mark,
    read: Mark,
}

impl TransferProgress {
    /// Whether neither end sent anything between the two.
    pub(crate) fn sends_as(self, other: Self) -> bool {
        self.sent == other.sent
    }
}

/// The peer's side of a blocking transport.
pub(crate) trait Responder: fmt::Debug {
    /// Does what the peer can do at present: reads what has arrived, and answers where it must.
    fn act(&self);
}

/// A handle on the transport of one case; clones share it.
#[derive(Debug, Clone)]
pub struct Transport(Rc<RefCell<TransportState>>);

#[derive(Debug)]
struct TransportState {
    tap: Tap,
    outbound: Outbound,
    inbound: Inbound,
    /// What is left of the budgets; for `EachCall`, of the current call's.
    out_left: usize,
    in_left: usize,
    /// How many bytes the peer has read, of `tap.outbound`; and the library under test, of
    /// `tap.inbound`, up to the first altered byte.
    peer_read: usize,
    library_read: usize,
    /// The bytes waiting for the library where they differ from what the peer sent; `None` while
    /// nothing is altered.
    altered: Option<Box<Altered>>,
    /// How many of the bytes that were read for the library it has not taken yet.
    waiting: usize,
    /// Bytes that the peer reads before all others: damage on the wire.
    noise: Vec<u8>,
    noise_read: usize,
    /// Transport calls since the current call of the library began, and since then or since a byte
    /// last moved.
    calls: u64,
    still: u64,
    /// How the transport treated the current call of the library, and whether all of it is visible
    /// here.
    traffic: Traffic,
    seen: bool,
    /// The library under test has read end of file.
    ended: bool,
    /// The peer that a blocking call waits for; `None` if calls do not block.
    responder: Option<Weak<dyn Responder>>,
    /// Descriptions of blocking calls that ended without what they waited for.
    notes: Vec<String>,
    /// Why another component gave up on the library.
    abandoned: Option<String>,
    /// How many bytes the library may send, and whether it tried to send more.
    out_most: usize,
    sends_too_much: bool,
}

/// Why the transport gave up on the library. The results of the library after that are not its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum GivenUp {
    /// It would never return, with a description of what showed that.
    Hangs(String),
    /// It sent more than this many bytes.
    SendsTooMuch(usize),
}

impl TransportState {
    /// Counts a transport call of the library.
    fn count_call(&mut self) -> Result<(), Refusal> {
        self.calls += 1;
        self.still += 1;
        if self.still > 2 * STILL_LIMIT
            && let Some(last_resort) = LAST_RESORT.get()
        {
            last_resort();
        }
        if self.still > STILL_LIMIT || self.calls > CALL_LIMIT {
            Err(GIVEN_UP)
        } else {
            Ok(())
        }
    }

    /// Takes as many of `bytes` as the script allows.
    fn write(&mut self, bytes: &[u8]) -> Transfer {
        if let Err(refusal) = self.count_call() {
            return Transfer::Refused(refusal);
        }
        let fits = bytes
            .len()
            .min(self.out_left)
            .min(self.outbound.at_most.map_or(usize::MAX, NonZeroUsize::get));
        if fits == 0 && !bytes.is_empty() {
            return Transfer::Refused(self.outbound.then);
        }
        if fits > self.out_most.saturating_sub(self.tap.outbound.len()) {
            self.sends_too_much = true;
            return Transfer::Refused(GIVEN_UP);
        }
        self.out_left = self.outbound.accept.less(self.out_left, fits);
        self.tap.record(Direction::Out, &bytes[..fits]);
        if fits > 0 {
            self.still = 0;
        }
        Transfer::Done(fits)
    }

    /// Removes the last `bytes` bytes from the library: they were not sent after all.
    fn retract(&mut self, bytes: usize) {
        self.tap.retract(bytes);
        self.out_left = self.outbound.accept.more(self.out_left, bytes);
    }

    /// Whether a blocking read can return at once: bytes are available, or the script allows no
    /// more.
    fn needs_no_wait(&self) -> bool {
        self.in_left == 0 || self.unread() > 0
    }

    /// How many bytes are waiting for the library.
    fn unread(&self) -> usize {
        match &self.altered {
            None => self.tap.inbound.len() - self.library_read,
            Some(altered) => altered.len(&self.tap.inbound),
        }
    }

    /// Delivers as many bytes as fit and the script allows.
    fn read(&mut self, space: &mut [u8]) -> Transfer {
        if let Err(refusal) = self.count_call() {
            return Transfer::Refused(refusal);
        }
        let fits = space
            .len()
            .min(self.unread())
            .min(self.in_left)
            .min(self.inbound.at_most.map_or(usize::MAX, NonZeroUsize::get));
        if fits == 0 {
            self.ended |= self.inbound.then == Refusal::Zero;
            return Transfer::Refused(self.inbound.then);
        }
        let (from, space) = (self.library_read, &mut space[..fits]);
        match &mut self.altered {
            None => space.copy_from_slice(&self.tap.inbound[from..from + fits]),
            Some(altered) => altered.read(&self.tap.inbound, space),
        }
        self.library_read += fits;
        self.still = 0;
        self.in_left = self.inbound.deliver.less(self.in_left, fits);
        Transfer::Done(fits)
    }

    /// The peer to wait for, if there is one.
    fn responder(&self) -> Option<Rc<dyn Responder>> {
        self.responder.as_ref().and_then(Weak::upgrade)
    }

    /// Records how many consecutive transport calls have moved no byte.
    fn note_fruitless(&mut self) {
        let still = u32::try_from(self.still).unwrap_or(u32::MAX);
        self.traffic.fruitless = self.traffic.fruitless.max(still);
    }

    fn given_up(&self) -> Option<GivenUp> {
        if self.sends_too_much {
            return Some(GivenUp::SendsTooMuch(self.out_most));
        }
        self.hangs().map(GivenUp::Hangs)
    }

    fn hangs(&self) -> Option<String> {
        if self.abandoned.is_some() {
            return self.abandoned.clone();
        }
        if self.still > STILL_LIMIT {
            return Some(format!(
                "spins on the transport: {STILL_LIMIT} calls of it in a row moved no byte"
            ));
        }
        (self.calls > CALL_LIMIT)
            .then(|| format!("goes on calling the transport: {CALL_LIMIT} times in one call"))
    }
}

impl Drop for TransportState {
    fn drop(&mut self) {
        std::mem::take(&mut self.tap).give_back();
    }
}

impl Default for Transport {
    fn default() -> Self {
        Self::new()
    }
}

impl Transport {
    /// A transport without limits.
    pub(crate) fn new() -> Self {
        Self(Rc::new(RefCell::new(TransportState {
            tap: Tap::pooled(),
            outbound: Outbound::OPEN,
            inbound: Inbound::OPEN,
            out_left: usize::MAX,
            in_left: usize::MAX,
            peer_read: 0,
            library_read: 0,
            altered: None,
            waiting: 0,
            noise: Vec::new(),
            noise_read: 0,
            calls: 0,
            still: 0,
            traffic: Traffic::default(),
            seen: true,
            ended: false,
            responder: None,
            notes: Vec::new(),
            abandoned: None,
            out_most: usize::MAX,
            sends_too_much: false,
        })))
    }

    /// Limits the total number of bytes that the library may send. Each call for more fails with
    /// `EIO`, and the transport gives up on the library.
    pub(crate) fn limit_outbound(&self, bytes: usize) {
        self.state().out_most = bytes;
    }

    fn state(&self) -> RefMut<'_, TransportState> {
        self.0.borrow_mut()
    }

    /// From now on the transport accepts bytes according to `outbound`.
    pub(crate) fn set_outbound(&self, outbound: Outbound) {
        let mut state = self.state();
        state.out_left = outbound.accept.start();
        state.outbound = outbound;
    }

    /// From now on the transport delivers bytes according to `inbound`.
    pub(crate) fn set_inbound(&self, inbound: Inbound) {
        let mut state = self.state();
        state.in_left = inbound.deliver.start();
        state.ended = false;
        state.inbound = inbound;
    }

    /// Begins a call of the library: refills per-call budgets and resets the count of transport
    /// calls.
    pub(crate) fn begin_call(&self) {
        let state = &mut *self.state();
        state.calls = 0;
        state.still = 0;
        state.abandoned = None;
        state.traffic = Traffic::default();
        if let Budget::EachCall(bytes) = state.outbound.accept {
            state.out_left = bytes;
        }
        if let Budget::EachCall(bytes) = state.inbound.deliver {
            state.in_left = bytes;
        }
    }

    /// The current outbound behaviour; a budget in bytes is what is left of it.
    pub(crate) fn outbound(&self) -> Outbound {
        let state = self.state();
        Outbound {
            accept: state.outbound.accept.rest(state.out_left),
            ..state.outbound
        }
    }

    /// The current inbound behaviour; a budget in bytes is what is left of it.
    pub(crate) fn inbound(&self) -> Inbound {
        let state = self.state();
        Inbound {
            deliver: state.inbound.deliver.rest(state.in_left),
            ..state.inbound
        }
    }

    /// The bytes that the library under test can read at present, disregarding limits per call.
    pub(crate) fn readable(&self) -> Vec<u8> {
        let state = self.state();
        let mut bytes = match &state.altered {
            None => state.tap.inbound[state.library_read..].to_vec(),
            Some(altered) => altered
                .waiting(&state.tap.inbound)
                .collect::<Vec<_>>()
                .concat(),
        };
        bytes.truncate(state.in_left);
        bytes
    }

    /// Whether and why the transport has given up on the library since [`Transport::begin_call`].
    /// Sending too much is never reset.
    pub(crate) fn has_given_up(&self) -> Option<GivenUp> {
        self.state().given_up()
    }

    /// The current positions of both directions.
    pub(crate) fn mark(&self) -> Mark {
        self.state().tap.mark()
    }

    /// How the transport treated the library since [`Transport::begin_call`]; `None` if unknown.
    pub(crate) fn traffic(&self) -> Option<Traffic> {
        let state = self.state();
        state.seen.then_some(state.traffic)
    }

    /// Records that another layer, of the library or the system, stands between the library and the
    /// transport, so that the treatment of each call is unknown.
    pub(crate) fn mark_as_indirect(&self) {
        self.state().seen = false;
    }

    /// How many of the peer's bytes the library under test has taken from the transport, unaltered.
    /// Bytes after the first fault are not counted.
    pub(crate) fn taken(&self) -> usize {
        let state = self.state();
        let taken = state.library_read.saturating_sub(state.waiting);
        match &state.altered {
            None => taken,
            Some(altered) => taken.min(altered.true_to()),
        }
    }

    /// Applies `fault` to the bytes that the peer has sent and the library under test has not read,
    /// including those that the script withholds. Bytes in a buffer between the library and the
    /// transport are not affected.
    ///
    /// # Errors
    ///
    /// [`TooLittle`], if too few bytes wait for the fault; then nothing has changed.
    pub(crate) fn inject_fault(&self, fault: WireFault) -> Result<(), TooLittle> {
        let state = &mut *self.state();
        let read = state.library_read;
        match &mut state.altered {
            Some(altered) => altered.inject_fault(fault, &state.tap.inbound, read),
            None => {
                let mut altered = Altered::nothing(read);
                altered.inject_fault(fault, &state.tap.inbound, read)?;
                state.altered = Some(Box::new(altered));
                Ok(())
            }
        }
    }

    /// Sets how many of the delivered bytes are still buffered between the library and the
    /// transport.
    pub(crate) fn are_waiting(&self, bytes: usize) {
        self.state().waiting = bytes;
    }

    /// Changes whenever a byte is sent or read by either end.
    pub(crate) fn progress(&self) -> TransferProgress {
        let state = self.state();
        TransferProgress {
            sent: state.tap.mark(),
            read: Mark {
                outbound: state.peer_read + state.noise_read,
                inbound: state.library_read,
            },
        }
    }

    /// The library under test writes `bytes`. A blocking transport returns when the peer has read
    /// them, or as many as it reads; it fails with `EPIPE` if that is none.
    pub(crate) fn write(&self, bytes: &[u8]) -> Transfer {
        let (transfer, responder) = {
            let mut state = self.state();
            (state.write(bytes), state.responder())
        };
        let transfer = match (transfer, responder) {
            (Transfer::Done(sent), Some(responder)) => self.wait_until_taken(sent, &*responder),
            _ => transfer,
        };
        let state = &mut *self.state();
        state.traffic.outbound.note(bytes.len(), transfer);
        state.note_fruitless();
        state.traffic.last = Some(Direction::Out);
        transfer
    }

    /// Waits until the peer has read the last `sent` bytes. Those that it does not read count as
    /// not sent.
    fn wait_until_taken(&self, sent: usize, responder: &dyn Responder) -> Transfer {
        loop {
            let before = self.progress().read.outbound;
            // Damage on the wire is read too, but it was never sent.
            let unread = self.unread();
            if unread == 0 {
                return Transfer::Done(sent);
            }
            responder.act();
            if self.progress().read.outbound == before {
                self.state().retract(unread);
                self.note("the far end takes nothing more: EPIPE");
                return match sent.saturating_sub(unread) {
                    0 => Transfer::Refused(Refusal::Fail(Errno::PIPE)),
                    taken => Transfer::Done(taken),
                };
            }
        }
    }

    /// How many bytes of the library under test the peer has not read.
    fn unread(&self) -> usize {
        let state = self.state();
        state.tap.outbound.len() - state.peer_read
    }

    /// The library under test reads into `space`. A blocking transport returns when bytes have
    /// arrived, or end of file if none can arrive.
    pub(crate) fn read(&self, space: &mut [u8]) -> Transfer {
        let responder = {
            let state = self.state();
            if state.needs_no_wait() {
                None
            } else {
                state.responder()
            }
        };
        if let Some(responder) = &responder {
            responder.act();
        }
        let mut transfer = self.state().read(space);
        if responder.is_some() && transfer == Transfer::Refused(Refusal::WouldBlock) {
            transfer = Transfer::Refused(Refusal::Zero);
            self.state().ended = true;
            self.note("nothing can come any more: end of file");
        }
        let state = &mut *self.state();
        state.traffic.inbound.note(space.len(), transfer);
        state.note_fruitless();
        state.traffic.last = Some(Direction::In);
        transfer
    }

    /// From now on each call blocks until `responder` has acted.
    pub(crate) fn wait_for(&self, responder: Weak<dyn Responder>) {
        self.state().responder = Some(responder);
    }

    /// Lets the peer of a blocking transport do what it can do at present.
    pub(crate) fn let_peer_act(&self) {
        let responder = self.state().responder();
        if let Some(responder) = responder {
            responder.act();
        }
    }

    /// Records a description of a blocking call; repeated descriptions are kept once.
    fn note(&self, what: &str) {
        let notes = &mut self.state().notes;
        if notes.last().is_none_or(|last| last != what) {
            notes.push(what.to_owned());
        }
    }

    /// Takes the descriptions of blocking calls since the last call of this function.
    pub(crate) fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut self.state().notes)
    }

    /// Gives up on the library because another component has seen that it waits for something that
    /// never comes.
    pub(crate) fn give_up(&self, why: &str) {
        self.state().abandoned = Some(why.to_owned());
    }

    /// Whether the library under test has read up to the end of file.
    pub(crate) fn has_ended(&self) -> bool {
        self.state().ended
    }

    /// The peer writes `bytes`; the wire from the peer always takes everything.
    pub(crate) fn peer_write(&self, bytes: &[u8]) {
        self.state().tap.record(Direction::In, bytes);
    }

    /// The peer reads into `space`; returns the number of bytes read, 0 if none were available.
    pub(crate) fn peer_read(&self, space: &mut [u8]) -> usize {
        let state = &mut *self.state();
        let noise = &state.noise[state.noise_read..];
        let (source, position) = if noise.is_empty() {
            (&state.tap.outbound[state.peer_read..], &mut state.peer_read)
        } else {
            (noise, &mut state.noise_read)
        };
        let fits = source.len().min(space.len());
        space[..fits].copy_from_slice(&source[..fits]);
        *position += fits;
        fits
    }

    /// The content type in the header of the record that the peer reads next; `None` if no byte
    /// waits, or the next byte belongs to no record.
    pub(crate) fn waits_for_peer(&self) -> Option<u8> {
        let state = self.state();
        let (sent, read) = (&state.tap.outbound, state.peer_read);
        if read == sent.len() || state.noise_read < state.noise.len() {
            return None;
        }
        let mut record = &sent[..];
        let mut end = 0;
        loop {
            let length = fault::record_len(record)?;
            end += length;
            if end > read {
                return record.first().copied();
            }
            record = record.get(length..)?;
        }
    }

    /// Inserts `bytes` before everything else on the way to the peer: damage on the wire. The tap
    /// does not show it, because the library under test never sent it.
    pub(crate) fn damage(&self, bytes: &[u8]) {
        self.state().noise.extend_from_slice(bytes);
    }

    /// Calls `look` with everything that went over the wire.
    pub(crate) fn with_tap<T>(&self, look: impl FnOnce(&Tap) -> T) -> T {
        look(&self.state().tap)
    }
}

impl From<Transfer> for io::Result<usize> {
    fn from(transfer: Transfer) -> Self {
        match transfer {
            Transfer::Done(bytes) => Ok(bytes),
            Transfer::Refused(refusal) => refusal.to_io(),
        }
    }
}

/// The end of the library under test, for libraries that use the traits of `std::io`.
impl io::Read for Transport {
    fn read(&mut self, space: &mut [u8]) -> io::Result<usize> {
        Self::read(self, space).into()
    }
}

impl io::Write for Transport {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Self::write(self, bytes).into()
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
