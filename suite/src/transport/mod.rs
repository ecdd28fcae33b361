//! The transport between the library under test and the peer: in memory, without sockets, threads
//! or clocks. It accepts and delivers what the script says ([`Outbound`], [`Inbound`]), and it
//! taps every byte both ways.
//!
//! A transport that waits ([`Transport::wait_for`]) lets the far end act within a call, on the same thread: it
//! would wait for ever if the far end then had nothing to do, and so ends instead.
//!
//! What waits for the library under test can come to harm ([`Transport::inject_fault`]); the tap keeps what the peer
//! sent.
//!
//! In flow the bytes that either end sends; out flow the same bytes to the other end, and the
//! [`Tap`] from which the wire view reads records. Knows no library.

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
pub use fault::{TooLittle, WireFault};
pub use tap::{Direction, Mark, Tap};
pub use traffic::{FlowStats, Traffic};

/// How many transport calls one call of the library may cause before the transport gives up on it and
/// fails each further one with `EIO`: nearly four times what the largest write of a scenario needs
/// when the transport takes one byte at a time.
pub const CALL_LIMIT: u64 = 1 << 24;

/// How many transport calls in a row that move no byte one call of the library may cause before the transport
/// gives up on it in the same way: a library that is told to come back later has to let its caller know,
/// and needs a handful of calls for that.
pub const STILL_LIMIT: u64 = 1 << 16;

/// How the transport refuses once it has given up on a library: fatally, so that it comes back.
const GIVES_UP: Refusal = Refusal::Fail(Errno::IO);

/// What is done with a library that goes on calling the transport, [`STILL_LIMIT`] times more, after the
/// link has given up on it: in a process of its own, that process ends. Elsewhere it cannot be stopped.
static LAST_RESORT: OnceLock<fn()> = OnceLock::new();

/// Has `last_resort`, which does not return, called when a library can be stopped in no other way. The
/// first one that is set stays.
pub fn set_last_resort(last_resort: fn()) {
    let _ = LAST_RESORT.set(last_resort);
}

/// What one transport call came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transfer {
    /// So many bytes went through; more than 0 unless 0 were asked for.
    Done(usize),
    /// Nothing went through.
    Refused(Refusal),
}

/// How far both ends have come with sending and with reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransferProgress {
    sent: Mark,
    read: Mark,
}

impl TransferProgress {
    /// Whether nothing was taken from either end between the two.
    pub fn sends_as(self, other: Self) -> bool {
        self.sent == other.sent
    }
}

/// The far end of a transport that waits for it.
pub trait Responder: fmt::Debug {
    /// Does what it can do at present: reads what has arrived, and answers where it must.
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
    /// What is left of the budgets; for `EachCall`, of the call that runs.
    out_left: usize,
    in_left: usize,
    /// How many bytes the peer has read, all of `tap.outbound`, and the library under test: of `tap.inbound`, up to
    /// where something else waits for it.
    peer_read: usize,
    library_read: usize,
    /// What waits for the library where that is not what the peer sent; nothing as long as it is.
    altered: Option<Box<Altered>>,
    /// How many of those that were read for the library it has not taken yet.
    waiting: usize,
    /// Bytes that the peer reads before anything else: damage on the way.
    noise: Vec<u8>,
    noise_read: usize,
    /// Transport calls since the call of the library that runs began, and since a byte moved or that
    /// call began.
    calls: u64,
    still: u64,
    /// How the transport treated the call of the library that runs, and whether all of it is seen here.
    traffic: Traffic,
    seen: bool,
    /// The library under test has been told that nothing more will come.
    ended: bool,
    /// Whom a call waits for; nobody if it never waits.
    responder: Option<Weak<dyn Responder>>,
    /// What a call that waited came to, in words, if it was not what it waited for.
    notes: Vec<String>,
    /// Why somebody else gave up on the library.
    abandoned: Option<String>,
    /// How many bytes the library may send, and whether it tried to send more.
    out_most: usize,
    sends_too_much: bool,
}

/// Why the transport gave up on the library: what the library then answered is not its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GivenUp {
    /// It would never come back, and how that showed.
    Hangs(String),
    /// It sent more bytes than these.
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
        match self.still > STILL_LIMIT || self.calls > CALL_LIMIT {
            true => Err(GIVES_UP),
            false => Ok(()),
        }
    }

    /// Takes as many of `bytes` as the script says.
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
            return Transfer::Refused(GIVES_UP);
        }
        self.out_left = self.outbound.accept.less(self.out_left, fits);
        self.tap.record(Direction::Out, &bytes[..fits]);
        if fits > 0 {
            self.still = 0;
        }
        Transfer::Done(fits)
    }

    /// The last so many bytes from the library were not sent after all.
    fn retract(&mut self, bytes: usize) {
        self.tap.retract(bytes);
        self.out_left = self.outbound.accept.more(self.out_left, bytes);
    }

    /// Whether there is nothing to wait for: something is there, or no more may be handed over.
    fn needs_no_wait(&self) -> bool {
        self.in_left == 0 || self.unread() > 0
    }

    /// How many bytes wait for the library.
    fn unread(&self) -> usize {
        match &self.altered {
            None => self.tap.inbound.len() - self.library_read,
            Some(altered) => altered.len(&self.tap.inbound),
        }
    }

    /// Hands over as much as fits and the script says.
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

    /// Whom to wait for, if anybody is there.
    fn responder(&self) -> Option<Rc<dyn Responder>> {
        self.responder.as_ref().and_then(Weak::upgrade)
    }

    /// Notes how many transport calls in a row have moved no byte by now.
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
    /// A transport that is open both ways.
    pub fn new() -> Self {
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

    /// The library may send so many bytes in all; each call for more fails with `EIO`, and the transport gives up on it.
    pub fn limit_outbound(&self, bytes: usize) {
        self.state().out_most = bytes;
    }

    fn state(&self) -> RefMut<'_, TransportState> {
        self.0.borrow_mut()
    }

    /// From now on the transport takes what `outbound` says.
    pub fn set_outbound(&self, outbound: Outbound) {
        let mut state = self.state();
        state.out_left = outbound.accept.start();
        state.outbound = outbound;
    }

    /// From now on the transport hands over what `inbound` says.
    pub fn set_inbound(&self, inbound: Inbound) {
        let mut state = self.state();
        state.in_left = inbound.deliver.start();
        state.ended = false;
        state.inbound = inbound;
    }

    /// A call of the library begins: budgets of each call are filled up, and its transport calls are counted from 0.
    pub fn begin_call(&self) {
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

    /// What the transport takes at present: a number of bytes stands for those that are left of it.
    pub fn outbound(&self) -> Outbound {
        let state = self.state();
        Outbound {
            accept: state.outbound.accept.rest(state.out_left),
            ..state.outbound
        }
    }

    /// What the transport hands over at present: a number of bytes stands for those that are left of it.
    pub fn inbound(&self) -> Inbound {
        let state = self.state();
        Inbound {
            deliver: state.inbound.deliver.rest(state.in_left),
            ..state.inbound
        }
    }

    /// The bytes that the library under test can read at present, however small the portions.
    pub fn readable(&self) -> Vec<u8> {
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

    /// Whether the transport has given up on the library since [`Transport::begin_call`], and why; that it sends too much holds for good.
    pub fn has_given_up(&self) -> Option<GivenUp> {
        self.state().given_up()
    }

    /// How far both directions have come.
    pub fn mark(&self) -> Mark {
        self.state().tap.mark()
    }

    /// How the transport treated the library since [`Transport::begin_call`]; nothing if that is not known.
    pub fn traffic(&self) -> Option<Traffic> {
        let state = self.state();
        state.seen.then_some(state.traffic)
    }

    /// Something of the library's own, or of the system's, stands between the library and the transport: what
    /// each call met there is not known.
    pub fn stand_behind_another(&self) {
        self.state().seen = false;
    }

    /// How many bytes of the peer the library under test has taken from the transport, as the peer sent
    /// them: what comes behind the first damage is not known to be anything of the peer's.
    pub fn taken(&self) -> usize {
        let state = self.state();
        let taken = state.library_read.saturating_sub(state.waiting);
        match &state.altered {
            None => taken,
            Some(altered) => taken.min(altered.true_to()),
        }
    }

    /// `fault` befalls the bytes which the peer has sent and the library under test has not read, those
    /// too that are held back. What stands in a buffer between the library and the transport is out of reach.
    ///
    /// # Errors
    /// [`TooLittle`], if too little waits for it; then nothing has happened.
    pub fn inject_fault(&self, fault: WireFault) -> Result<(), TooLittle> {
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

    /// So many of the bytes that were handed over are still in what stands between the library and the transport.
    pub fn are_waiting(&self, bytes: usize) {
        self.state().waiting = bytes;
    }

    /// Changes whenever a byte moves: taken from either end, or read by it.
    pub fn progress(&self) -> TransferProgress {
        let state = self.state();
        TransferProgress {
            sent: state.tap.mark(),
            read: Mark {
                outbound: state.peer_read + state.noise_read,
                inbound: state.library_read,
            },
        }
    }

    /// The library under test writes `bytes`. A transport that waits returns when the far end has taken
    /// them, or as many as it takes; it fails with `EPIPE` if that is none.
    pub fn write(&self, bytes: &[u8]) -> Transfer {
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

    /// So many bytes are on their way: waits until the far end has them. What it does not take was not sent.
    fn wait_until_taken(&self, sent: usize, responder: &dyn Responder) -> Transfer {
        loop {
            let before = self.progress().read.outbound;
            // Damage on the way is read too, but nobody sent it.
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

    /// How many bytes the far end has not read of those that the library under test has sent.
    fn unread(&self) -> usize {
        let state = self.state();
        state.tap.outbound.len() - state.peer_read
    }

    /// The library under test reads into `space`. A transport that waits returns when something has come,
    /// or tells of an end of file if nothing can.
    pub fn read(&self, space: &mut [u8]) -> Transfer {
        let responder = {
            let state = self.state();
            match state.needs_no_wait() {
                true => None,
                false => state.responder(),
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

    /// From now on each call waits for `responder`.
    pub fn wait_for(&self, responder: Weak<dyn Responder>) {
        self.state().responder = Some(responder);
    }

    /// Whoever calls wait for does what it can do at present.
    pub fn let_far_end_act(&self) {
        let responder = self.state().responder();
        if let Some(responder) = responder {
            responder.act();
        }
    }

    /// Something is worth telling of a call that waits; once, however often it comes.
    fn note(&self, what: &str) {
        let notes = &mut self.state().notes;
        if notes.last().is_none_or(|last| last != what) {
            notes.push(what.to_owned());
        }
    }

    /// What is worth telling of the calls since this was last asked.
    pub fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut self.state().notes)
    }

    /// Somebody who sees more than the transport gives up on the library: it waits for what never comes.
    pub fn give_up(&self, why: &str) {
        self.state().abandoned = Some(why.to_owned());
    }

    /// Whether the library under test has read up to the end of file.
    pub fn has_ended(&self) -> bool {
        self.state().ended
    }

    /// The peer writes `bytes`; the wire from the peer always takes everything.
    pub fn peer_write(&self, bytes: &[u8]) {
        self.state().tap.record(Direction::In, bytes);
    }

    /// The peer reads into `space`; answers how many bytes were there, 0 if none.
    pub fn peer_read(&self, space: &mut [u8]) -> usize {
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

    /// The type in the header of the record which the byte belongs to that the peer reads next; nothing if
    /// none waits, or it is of no record.
    pub fn waits_for_peer(&self) -> Option<u8> {
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

    /// The peer finds `bytes` before anything else that is on the way to it: damage on the wire,
    /// which the tap does not show because the library under test never sent it.
    pub fn damage(&self, bytes: &[u8]) {
        self.state().noise.extend_from_slice(bytes);
    }

    /// Looks at everything that went over the wire.
    pub fn with_tap<T>(&self, look: impl FnOnce(&Tap) -> T) -> T {
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
