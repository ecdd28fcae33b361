//! The course of a case: what each entry of a trace found when it began. It is worked out once for each
//! trace, and all monitors look at it.

use crate::link::{Budget, Inbound, Outbound, Refusal};
use crate::scenario::{
    Buffer, Content as Bytes, Function, Mode, PeerAction, Role, SessionTickets, Step, Transport,
    Version,
};
use crate::trace::{
    Asked, Attempt, Body, Call, Content, Entry, ErrorClass, Interface, Outcome, Portion,
    RecordSeen, Setting, Trace, Verb,
};
use crate::wire::ContentType;

/// A trace, with what was the case before each of its entries.
#[derive(Debug)]
pub struct Course<'t> {
    /// How the case was set up.
    pub setting: &'t Setting,
    /// The entries, in order.
    pub moments: Vec<Moment<'t>>,
    /// What was the case in the end.
    pub end: State,
}

/// An entry of a trace.
#[derive(Debug)]
pub struct Moment<'t> {
    /// Its number, counted from 0.
    pub index: usize,
    /// The entry.
    pub entry: &'t Entry,
    /// What was the case when it began.
    pub before: State,
    /// A handshake within the connection is under way, and the library has taken data or an alert of the peer since it
    /// began: whether it can go on then is for `renegotiation.transparent` to say, and no other clause.
    is_disturbed: bool,
}

/// What is the case at some moment.
#[derive(Debug, Clone)]
pub struct State {
    /// Modes that are switched on.
    pub modes: Vec<Mode>,
    /// The longest plaintext of a record, in bytes, as it was set last.
    pub max_send_fragment: usize,
    /// What the transport takes; a number of bytes is that of the step that set it.
    pub outbound: Outbound,
    /// What the transport hands over.
    pub inbound: Inbound,
    /// The handshake is done.
    pub established: bool,
    /// The write that is not over: it was told to be repeated.
    pub pending: Option<Pending>,
    /// The next call finds an entry of another call in the error queue.
    pub stale_error: bool,
    /// Bytes that writes have accepted.
    pub accepted: usize,
    /// Bytes of content in the complete records of application data so far.
    pub sealed: usize,
    /// The length on the wire, in bytes, of a record of application data that has not gone out to its end.
    pub incomplete: Option<usize>,
    /// The library has sent close_notify, all of it.
    pub closed: bool,
    /// The library has sent a fatal alert, all of it.
    pub failed: bool,
    /// The library has taken the peer's close_notify from the transport.
    pub peer_closed: bool,
    /// The peer has sent close_notify, whatever became of it.
    pub peer_sent_close: bool,
    /// Records that the peer has sent and the library has not taken to their end.
    pub unread: usize,
    /// The library has taken a fatal alert of the peer from the transport.
    pub peer_failed: bool,
    /// The peer has given up the first handshake, by a fatal alert; a library may refuse it unread, at its header.
    pub peer_gave_up: bool,
    /// A write of more than nothing failed for good: a transport that keeps what it takes may send records of it later.
    pub gave_up_a_write: bool,
    /// Which ends have sent their finished.
    finished: (bool, bool),
    /// A later handshake within the connection is wished for.
    wishes_handshake: bool,
    /// It is under way.
    renegotiation: Option<Renegotiation>,
    /// A call has failed for good. Calls that change a setting do not count, nor does a write of nothing,
    /// which fails by contract.
    pub dead: bool,
    /// A call met a transport that failed, or had come to its end, for good; or the peer is gone.
    pub transport_failed: bool,
    /// Something went onto the peer's wire that its library did not send, or happened to what it did: which of its records the
    /// library has taken since is not known.
    pub meddled: bool,
    /// The library was asked to shut down.
    pub shut_down: bool,
}

/// A handshake within a connection: it was wished for or has begun, and is not over.
#[derive(Debug, Clone, Copy, Default)]
struct Renegotiation {
    /// The library has taken data or an alert of the peer since.
    disturbed: bool,
    /// Which ends have sent their finished.
    finished: (bool, bool),
}

/// A write that was told to be repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    /// The call that began it, or the last that was told to be repeated.
    pub attempt: Attempt,
    /// How many bytes it asked for, at first.
    pub len: usize,
    /// `WANT_READ` or `WANT_WRITE`.
    pub error: ErrorClass,
    /// Whether any of its bytes is in a record that began to go out.
    pub begun: bool,
    /// Whether its bytes have ever been moved.
    pub moved: bool,
}

impl Pending {
    /// Whether it is a write of more than nothing.
    pub fn asks(&self) -> bool {
        !self.attempt.argument.is_empty()
    }
}

/// The longest plaintext of a record, in bytes (RFC 8446, section 5.1; RFC 5246, section 6.2.1).
pub const MAX_PLAINTEXT: usize = 1 << 14;

impl Default for State {
    fn default() -> Self {
        Self {
            modes: Vec::new(),
            max_send_fragment: MAX_PLAINTEXT,
            outbound: Outbound::OPEN,
            inbound: Inbound::OPEN,
            established: false,
            pending: None,
            stale_error: false,
            accepted: 0,
            sealed: 0,
            incomplete: None,
            closed: false,
            failed: false,
            peer_closed: false,
            peer_sent_close: false,
            unread: 0,
            peer_failed: false,
            peer_gave_up: false,
            gave_up_a_write: false,
            finished: (false, false),
            wishes_handshake: false,
            renegotiation: None,
            dead: false,
            transport_failed: false,
            meddled: false,
            shut_down: false,
        }
    }
}

impl<'t> Course<'t> {
    /// The course of this trace; nothing for one that does not tell how its case was set up.
    pub fn of(trace: &'t Trace) -> Option<Self> {
        let setting = trace.setting.as_ref()?;
        let mut state = State::default();
        let mut moments = Vec::with_capacity(trace.entries.len());
        for (index, entry) in trace.entries.iter().enumerate() {
            let before = state.clone();
            state.go_on(entry, setting);
            let is_disturbed = before.is_disturbed() || state.is_disturbed();
            moments.push(Moment {
                index,
                entry,
                before,
                is_disturbed,
            });
        }
        Some(Self {
            setting,
            moments,
            end: state,
        })
    }

    /// Whether the library has `SSL_write`, and its manual binds it.
    pub fn is_libssl(&self) -> bool {
        self.setting.interface == Interface::Libssl
    }

    /// The calls of the write function that returned.
    pub fn writes(&self) -> impl Iterator<Item = (&Moment<'t>, &'t Attempt, &'t Call)> {
        self.moments
            .iter()
            .filter_map(|moment| Some((moment, moment.attempt()?, moment.call()?)))
    }

    /// All calls of the library that returned.
    pub fn calls(&self) -> impl Iterator<Item = (&Moment<'t>, &'t Call)> {
        self.moments
            .iter()
            .filter_map(|moment| Some((moment, moment.call()?)))
    }

    /// What was the case when this entry was over.
    pub fn after(&self, index: usize) -> &State {
        self.moments
            .get(index + 1)
            .map_or(&self.end, |next| &next.before)
    }

    /// The records that began to go out at the moment of this number, each as it was seen in the end if only that tells
    /// what it is; nothing in place of one that never was seen to its end, so that nobody knows.
    pub fn begun(&self, index: usize) -> impl Iterator<Item = Option<&'t RecordSeen>> {
        let version = self.setting.variant.version;
        let later = self.moments[index + 1..].iter();
        let mut later = later.flat_map(|moment| &moment.entry.sent);
        let rest = later.find(|record| record.portion == Portion::Last);
        let begun = self.moments[index].begun();
        // A transport that keeps them may send those of the handshake later.
        let keeps = self.setting.variant.transport.keeps() && version == Version::Tls13;
        let before = &self.moments[index].before;
        let may_be_message = keeps || before.may_send_messages(self.setting);
        let is_open = move |record: &RecordSeen| match &record.body {
            Body::Header => true,
            Body::Incomplete { .. } => may_be_message || record.may_be_control(version),
            _ => false,
        };
        begun.map(move |record| match is_open(record) {
            // Only the last one can have gone on later.
            true => rest,
            false => Some(record),
        })
    }
}

impl<'t> Moment<'t> {
    /// What the library returned, if the entry is a call that returned.
    pub fn call(&self) -> Option<&'t Call> {
        match &self.entry.result {
            Outcome::Call(call) => Some(call),
            _ => None,
        }
    }

    /// The call of the write function, if the entry is one.
    pub fn attempt(&self) -> Option<&'t Attempt> {
        self.entry.asked.attempt()
    }

    /// The step, if the entry is one that is no write.
    pub fn step(&self) -> Option<&'t Step> {
        self.entry.asked.step()
    }

    /// Whether a caller who keeps to the contract may make this call of the write function, for one byte or
    /// more: a new write if none is under way, or the repetition of the one that is, with the same arguments.
    pub fn is_rightful(&self) -> bool {
        let Some(attempt) = self.attempt() else {
            return false;
        };
        let asks = attempt.argument.len().is_some_and(|len| len > 0);
        let Some(pending) = &self.before.pending else {
            return asks && attempt.content == Bytes::Same;
        };
        // Which of the places a library holds a call against, when the bytes have been moved and may not be any more, the
        // manual does not say.
        let moved = pending.moved || attempt.buffer == Buffer::Moved;
        let moved = moved && !self.before.has(Mode::MovingBuffer);
        asks && attempt.verb == Verb::Retry
            && attempt.argument == pending.attempt.argument
            && attempt.content == Bytes::Same
            && !moved
    }

    /// Whether nothing happened before or meanwhile that a library might take for the end of writing, and
    /// its error class can be relied on.
    pub fn is_sound(&self) -> bool {
        !self.is_disturbed && self.is_sound_but_for_renegotiation()
    }

    /// The same, whatever the peer has sent in a handshake within the connection.
    pub fn is_sound_but_for_renegotiation(&self) -> bool {
        let failed = self.before.transport_fails(self.entry);
        let shakes_hands = self.shakes_hands();
        let alerted = self.entry.taken.iter().any(|record| match &record.body {
            // It ends a handshake, and else leaves writing alone.
            Body::Alert { alert, .. } if alert.is_close_notify() => shakes_hands,
            _ => record.is_disturbing(),
        });
        self.before.is_sound() && !self.before.stale_error && !failed && !alerted
    }

    /// Whether the library has taken data or an alert of the peer in a handshake within the connection: whether it can
    /// go on then is for `renegotiation.transparent` to say.
    pub fn is_disturbed(&self) -> bool {
        self.is_disturbed
    }

    /// Whether messages of a handshake went out meanwhile.
    pub fn shakes_hands(&self) -> bool {
        let mut sent = self.entry.sent.iter();
        sent.any(|record| !record.messages().is_empty())
    }

    /// The records that began to go out meanwhile.
    pub fn begun(&self) -> impl Iterator<Item = &'t RecordSeen> {
        let begins = |record: &&RecordSeen| record.begins();
        self.entry.sent.iter().filter(begins)
    }

    /// The records that went out to their last byte meanwhile.
    pub fn completed(&self) -> impl Iterator<Item = &'t RecordSeen> {
        let is_complete = |record: &&RecordSeen| record.is_complete();
        self.entry.sent.iter().filter(is_complete)
    }

    /// What the peer read, if it was to read.
    pub fn delivered(&self) -> Option<&'t Content> {
        match &self.entry.result {
            Outcome::Peer(report) => report.read.as_ref(),
            _ => None,
        }
    }
}

impl State {
    /// Whether this mode is on.
    pub fn has(&self, mode: Mode) -> bool {
        self.modes.contains(&mode)
    }

    /// Whether a call has failed for good, or either side has said that the connection is over.
    pub fn is_over(&self) -> bool {
        self.dead || self.closed || self.failed || self.peer_failed
    }

    /// Whether the connection is over for no other reason than the library's own close_notify, which leaves reading alone.
    pub fn is_closed_only(&self) -> bool {
        self.closed && !self.dead && !self.failed && !self.peer_failed
    }

    /// Whether a handshake within the connection is under way, or wished for.
    pub fn shakes_hands(&self) -> bool {
        self.wishes_handshake || self.renegotiates()
    }

    /// Whether nothing has happened that a library might take for the end of writing.
    pub fn is_sound(&self) -> bool {
        !self.is_over()
            && !self.peer_gave_up
            && !self.transport_failed
            && !self.meddled
            && !self.shut_down
    }

    /// Whether the transport failed, or came to its end, for good in this call; where it is not known what
    /// the call met, whether it was set to.
    pub fn transport_fails(&self, entry: &Entry) -> bool {
        let ends = |refusal| matches!(refusal, Refusal::Fail(_) | Refusal::Zero);
        match &entry.traffic {
            Some(traffic) => traffic.out.has_failed() || traffic.inn.has_failed(),
            None => {
                let takes_all = self.outbound.accept == Budget::All;
                (ends(self.outbound.then) && !takes_all) || ends(self.inbound.then)
            }
        }
    }

    /// How many bytes were accepted and have not gone out in whole records: a transport that keeps what it takes sends them
    /// later.
    pub fn kept_back(&self) -> usize {
        self.accepted.saturating_sub(self.sealed)
    }

    /// How many bytes of writes that are over may still wait in this transport. Of one that was given up it is not known how
    /// much a transport has taken that keeps what it takes: then there is no limit.
    pub fn may_be_kept_back(&self, transport: Transport) -> usize {
        match transport.keeps() && self.gave_up_a_write {
            true => usize::MAX,
            false => self.kept_back(),
        }
    }

    /// Whether bytes that were offered may still have to go out.
    pub fn has_more_to_send(&self) -> bool {
        self.pending.is_some() || self.incomplete.is_some() || self.kept_back() > 0
    }

    /// Whether the library can have read the peer's close_notify. Behind damage it is not known whether it
    /// has: then, whether the peer has sent one.
    pub fn may_have_read_close(&self) -> bool {
        self.peer_closed || (self.meddled && self.peer_sent_close)
    }

    /// Whether a later handshake within the connection is under way.
    pub fn renegotiates(&self) -> bool {
        self.renegotiation.is_some()
    }

    /// Whether a handshake is under way, the first or a later one.
    pub fn is_in_handshake(&self) -> bool {
        !self.established || self.renegotiates()
    }

    /// Whether messages may go out that look like data from outside, as all do in TLS 1.3: those of the handshake, and the
    /// tickets of a server, which come before its data.
    fn may_send_messages(&self, setting: &Setting) -> bool {
        let is_tls13 = setting.variant.version == Version::Tls13;
        let sends_tickets = setting.variant.role == Role::Server
            && setting.session_tickets == SessionTickets::Send
            && self.sealed == 0;
        is_tls13 && (!self.established || sends_tickets)
    }

    fn is_disturbed(&self) -> bool {
        let renegotiation = self.renegotiation;
        renegotiation.is_some_and(|renegotiation| renegotiation.disturbed)
    }

    fn go_on(&mut self, entry: &Entry, setting: &Setting) {
        let was_established = self.established;
        let of_write = self.sends_data(entry, setting);
        self.see_records(entry);
        self.renegotiate(entry, setting.variant.version, was_established);
        if let Some(step) = entry.asked.step() {
            self.follow(step);
            // After bytes that are no record, the records that were sent do not show it.
            let closes = *step == Step::Peer(PeerAction::CloseNotify);
            self.peer_sent_close |= closes && !entry.peer_sent.is_empty();
            // One that found too little waiting did nothing.
            if matches!(step, Step::Wire(_)) && entry.result == Outcome::Done {
                self.meddled = true;
            }
        }
        let Outcome::Call(call) = &entry.result else {
            return;
        };
        // A call that failed may have left its own entries, but the queue is emptied after each.
        self.stale_error = false;
        if let Some(attempt) = entry.asked.attempt() {
            self.written(attempt, call, of_write);
        }
        let is_handshake = matches!(entry.asked.step(), Some(Step::Handshake));
        self.established |= call.error == ErrorClass::None && is_handshake;
        self.transport_failed |= self.transport_fails(entry);
        self.dead |= is_deadly(&entry.asked, call, self.transport_fails(entry));
    }

    fn see_records(&mut self, entry: &Entry) {
        if let Some(last) = entry.sent.last() {
            self.incomplete = match &last.body {
                Body::Incomplete { content_type, wire }
                    if *content_type == ContentType::ApplicationData =>
                {
                    Some(*wire)
                }
                _ => None,
            };
        }
        for record in entry.sent.iter().filter(|record| record.is_complete()) {
            match &record.body {
                Body::ApplicationData { plaintext, .. } => self.sealed += plaintext,
                Body::Alert { alert, .. } => {
                    self.closed |= alert.is_close_notify();
                    self.failed |= alert.is_fatal();
                }
                _ => self.finished.0 |= record.has_finished(),
            }
        }
        for record in entry.peer_sent.iter().filter(|record| record.is_complete()) {
            self.unread += 1;
            if let Body::Alert { alert, .. } = &record.body {
                self.peer_sent_close |= alert.is_close_notify();
                self.peer_gave_up |= alert.is_fatal() && !self.established;
            }
        }
        for record in entry.taken.iter().filter(|record| record.is_complete()) {
            self.unread = self.unread.saturating_sub(1);
            if let Body::Alert { alert, .. } = &record.body {
                self.peer_closed |= alert.is_close_notify();
                self.peer_failed |= alert.is_fatal();
            }
            self.finished.1 |= record.has_finished();
        }
        // A write of nothing shakes hands too, and says nothing of it.
        self.established |= self.finished == (true, true);
    }

    fn follow(&mut self, step: &Step) {
        match step {
            Step::SetModes(modes) => {
                self.modes.extend(modes);
                self.modes.dedup();
            }
            Step::ClearModes(modes) => self.modes.retain(|mode| !modes.contains(mode)),
            Step::MaxSendFragment(bytes) => self.max_send_fragment = usize::from(*bytes),
            Step::Link(outbound) => self.outbound = *outbound,
            Step::Inbound(inbound) => self.inbound = *inbound,
            Step::StaleError(_) => self.stale_error = true,
            Step::Peer(PeerAction::Raw(_)) => self.meddled = true,
            Step::Peer(PeerAction::Vanish) => {
                self.transport_failed = true;
                self.outbound = Outbound::CUT_OFF;
                self.inbound = Inbound::CUT_OFF;
            }
            Step::Shutdown => self.shut_down = true,
            _ => {}
        }
    }

    /// Follows a handshake within the connection (RFC 5246, section 7.4.1.1: hello_request).
    fn renegotiate(&mut self, entry: &Entry, version: Version, was_established: bool) {
        if version != Version::Tls12 {
            return;
        }
        // A wish from before the first handshake comes up behind it.
        self.wishes_handshake |= matches!(entry.asked.step(), Some(Step::Renegotiate));
        if !self.established {
            return;
        }
        let asks = std::mem::take(&mut self.wishes_handshake);
        // What ends the first handshake is of that one.
        let of_this = |record: &&RecordSeen| was_established && record.is_complete();
        let mut records = entry.sent.iter().chain(&entry.taken);
        let begins = asks || (was_established && records.any(RecordSeen::has_hello));
        let Some(under_way) = self
            .renegotiation
            .or_else(|| begins.then(Renegotiation::default))
        else {
            return;
        };
        let disturbs = |record: &RecordSeen| {
            matches!(
                record.body,
                Body::Alert { .. } | Body::ApplicationData { .. }
            )
        };
        let ends = |records: &[RecordSeen]| {
            let mut complete = records.iter().filter(of_this);
            complete.any(|record| record.has_finished())
        };
        let finished = (
            under_way.finished.0 || ends(&entry.sent),
            under_way.finished.1 || ends(&entry.taken),
        );
        let disturbed = under_way.disturbed || entry.taken.iter().any(disturbs);
        self.renegotiation = if finished == (true, true) {
            // The call that ends one may go on and take what begins the next.
            let ended = |record: &RecordSeen| record.has_finished();
            let last = entry.taken.iter().rposition(ended);
            let behind = last.map_or(&[][..], |last| &entry.taken[last + 1..]);
            behind
                .iter()
                .any(RecordSeen::has_hello)
                .then(|| Renegotiation {
                    disturbed: behind.iter().any(disturbs),
                    finished: (false, false),
                })
        } else {
            Some(Renegotiation {
                disturbed,
                finished,
            })
        };
    }

    /// Whether records of the bytes to be written went out. Of a record that has not come to its end nobody knows what it
    /// is, if it can be another.
    fn sends_data(&self, entry: &Entry, setting: &Setting) -> bool {
        let may_be_message = self.may_send_messages(setting);
        let mut sent = entry.sent.iter();
        sent.any(|record| match &record.body {
            Body::ApplicationData { .. } => true,
            _ if may_be_message || record.may_be_control(setting.variant.version) => false,
            _ => record.is_application_data(),
        })
    }

    /// A call of the write function is over; `begun` says whether records of its bytes went out.
    fn written(&mut self, attempt: &Attempt, call: &Call, begun: bool) {
        self.accepted += call.accepted().unwrap_or(0);
        // A write that gets through has shaken hands, if that was still to be done; but a library may keep the bytes until then,
        // and have none to keep.
        let gets_through = call.accepted().is_some_and(|bytes| bytes > 0);
        self.established |= gets_through && self.finished.0;
        // A write of nothing that succeeds leaves alone the write that waits.
        let waits = self.pending.as_ref().is_some_and(Pending::asks);
        if waits && attempt.argument.is_empty() && call.error == ErrorClass::None {
            return;
        }
        if !call.error.is_retry() {
            let given_up = waits || !attempt.argument.is_empty();
            self.gave_up_a_write |= given_up && call.error != ErrorClass::None;
            self.pending = None;
            return;
        }
        let before = self.pending.filter(|_| attempt.verb == Verb::Retry);
        // Another write in place of the repetition offers other memory too.
        let was_moved = |pending: Pending| pending.moved || before.is_none();
        let moved = attempt.buffer == Buffer::Moved || self.pending.is_some_and(was_moved);
        self.pending = Some(Pending {
            attempt: *attempt,
            len: before.map_or_else(|| attempt.argument.len().unwrap_or(0), |before| before.len),
            error: call.error,
            begun: begun || before.is_some_and(|before| before.begun),
            moved,
        });
    }
}

/// Whether this end of a call can mean the end of the connection, in which the transport failed or did not.
fn is_deadly(asked: &Asked, call: &Call, transport_fails: bool) -> bool {
    if !matches!(call.error, ErrorClass::Ssl | ErrorClass::Syscall) {
        return false;
    }
    match asked {
        // A write of nothing has no class of its own where it has sent nothing.
        Asked::Write(attempt) => {
            !attempt.argument.is_empty() || !call.queue.is_empty() || transport_fails
        }
        Asked::Flush | Asked::Step(Step::Handshake | Step::Read(_)) => true,
        // One that has sent close_notify and waits for the peer's returns 0 (SSL_shutdown(3)).
        Asked::Step(Step::Shutdown) => call.ret < 0,
        Asked::Nothing | Asked::Step(_) => false,
    }
}

/// Whether a call of this function succeeded, by its own return value (SSL_write(3), RETURN VALUES).
pub fn has_succeeded(function: Function, call: &Call) -> bool {
    match function {
        Function::Write => call.ret > 0,
        Function::WriteEx => call.ret == 1,
    }
}
