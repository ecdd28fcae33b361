//! What is the case between two entries of a trace.

use super::ending::Ending;
use super::handshake::Handshake;
use crate::scenario::{Buffer, Effect, Mode, Role, SessionTickets, Step, TransportKind, Version};
use crate::trace::{Asked, Attempt, Body, Call, Entry, ErrorClass, Outcome, Setting, Verb};
use crate::transport::{Budget, Inbound, Outbound, Refusal};
use crate::wire::ContentType;

/// What is the case at some moment.
#[derive(Debug, Clone)]
pub struct ConnectionState {
    /// Modes that are switched on.
    pub modes: Vec<Mode>,
    /// The longest plaintext of a record, in bytes, as it was set last.
    pub max_send_fragment: usize,
    /// What the transport takes; a number of bytes is that of the step that set it.
    pub outbound: Outbound,
    /// What the transport hands over.
    pub inbound: Inbound,
    /// How far it has come with its handshakes.
    handshake: Handshake,
    /// The write that is not over: its caller is to repeat it.
    pub pending: Option<Pending>,
    /// The next call finds an entry of another call in the error queue.
    pub stale_error: bool,
    /// Bytes that writes have accepted.
    pub accepted: usize,
    /// Bytes of content in the complete records of application data so far.
    pub sealed: usize,
    /// The length on the wire, in bytes, of a record of application data that has not gone out to its end.
    pub incomplete: Option<usize>,
    /// What the library has sent of the end of the connection, to the last byte.
    pub own: Ending,
    /// What the library has taken of the peer's from the transport.
    pub peer: Ending,
    /// What the peer has sent of it, whatever became of that.
    pub peer_sent: Ending,
    /// Records that the peer has sent and the library has not taken to their end.
    pub unread: usize,
    /// A write of more than nothing failed for good: a transport that keeps what it takes may send records of it later.
    pub gave_up_a_write: bool,
    /// A call has failed for good. Calls that change a setting do not count, nor does a write of nothing,
    /// which fails by contract.
    pub dead: bool,
    /// A call met a transport that failed, or had come to its end, for good; or the peer is gone.
    pub transport_failed: bool,
    /// Something went onto the peer's wire that its library did not send, or happened to what it did: which of its records the
    /// library has taken since is not known.
    pub peer_bytes_injected: bool,
    /// The library was asked to shut down.
    pub shut_down: bool,
}

/// A write that its caller is to repeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pending {
    /// The call that began it, or its last repetition that is to be repeated.
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

impl Default for ConnectionState {
    fn default() -> Self {
        Self {
            // The one that is on from the start (SSL_CTX_set_mode(3)).
            modes: vec![Mode::AutoRetry],
            max_send_fragment: MAX_PLAINTEXT,
            outbound: Outbound::OPEN,
            inbound: Inbound::OPEN,
            handshake: Handshake::default(),
            pending: None,
            stale_error: false,
            accepted: 0,
            sealed: 0,
            incomplete: None,
            own: Ending::default(),
            peer: Ending::default(),
            peer_sent: Ending::default(),
            unread: 0,
            gave_up_a_write: false,
            dead: false,
            transport_failed: false,
            peer_bytes_injected: false,
            shut_down: false,
        }
    }
}

impl ConnectionState {
    /// Whether this mode is on.
    pub fn has(&self, mode: Mode) -> bool {
        self.modes.contains(&mode)
    }

    /// Whether the first handshake is done.
    pub fn established(&self) -> bool {
        self.handshake.is_established()
    }

    /// Whether the peer has given up the first handshake, by a fatal alert; a library may refuse it unread, at its header.
    pub fn peer_gave_up(&self) -> bool {
        self.peer_sent.is_failed() && !self.established()
    }

    /// Whether a call has failed for good, or either side has said that the connection is over.
    pub fn is_over(&self) -> bool {
        self.dead || self.own != Ending::Open || self.peer.is_failed()
    }

    /// Whether a call has failed for good, and the peer has sent a fatal alert that the library has to heed.
    pub fn failed_over_an_alert(&self) -> bool {
        self.dead && self.peer.is_failed_before_closed()
    }

    /// Whether the connection is over for no other reason than the library's own close_notify, which leaves reading alone.
    pub fn is_closed_only(&self) -> bool {
        self.own == Ending::Closed && !self.dead && !self.peer.is_failed()
    }

    /// Whether a handshake within the connection is under way, or wished for.
    pub fn shakes_hands(&self) -> bool {
        self.handshake.is_later_or_wished()
    }

    /// Whether nothing has happened that a library might take for the end of writing.
    pub fn connection_is_healthy(&self) -> bool {
        !self.is_over()
            && !self.peer_gave_up()
            && !self.transport_failed
            && !self.peer_bytes_injected
            && !self.shut_down
    }

    /// Whether the transport failed, or came to its end, for good in this call; where it is not known what
    /// the call met, whether it was set to.
    pub fn transport_fails(&self, entry: &Entry) -> bool {
        let ends = |refusal| matches!(refusal, Refusal::Fail(_) | Refusal::Zero);
        match &entry.traffic {
            Some(traffic) => traffic.outbound.has_failed() || traffic.inbound.has_failed(),
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
    pub fn may_be_kept_back(&self, transport: TransportKind) -> usize {
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
        self.peer.is_closed() || (self.peer_bytes_injected && self.peer_sent.is_closed())
    }

    /// Whether a later handshake within the connection is under way.
    pub fn renegotiates(&self) -> bool {
        self.handshake.is_later()
    }

    /// Whether a handshake is under way, the first or a later one.
    pub fn is_in_handshake(&self) -> bool {
        !self.established() || self.renegotiates()
    }

    /// Whether messages may go out that look like data from outside, as all do in TLS 1.3: those of the handshake, and the
    /// tickets of a server, which come before its data.
    pub(super) fn may_send_messages(&self, setting: &Setting) -> bool {
        let is_tls13 = setting.variant.version == Version::Tls13;
        let sends_tickets = setting.variant.role == Role::Server
            && setting.session_tickets == SessionTickets::Send
            && self.sealed == 0;
        is_tls13 && (!self.established() || sends_tickets)
    }

    /// Whether a handshake within the connection is under way, and the library has taken data or an alert of the peer since it
    /// began.
    pub(super) fn is_disturbed(&self) -> bool {
        self.handshake.is_disturbed()
    }

    pub(super) fn go_on(&mut self, entry: &Entry, setting: &Setting) {
        let of_write = self.sends_data(entry, setting);
        self.see_records(entry);
        self.handshake.see(entry, setting.variant.version);
        if let Some(step) = entry.asked.step() {
            self.follow(step.effect(), entry);
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
        if call.error == ErrorClass::None && is_handshake {
            self.handshake.establish();
        }
        let transport_fails = self.transport_fails(entry);
        self.transport_failed |= transport_fails;
        self.dead |= is_deadly(&entry.asked, call, transport_fails);
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
                Body::Alert { alert, .. } => self.own.see(*alert),
                _ => {}
            }
        }
        for record in entry.peer_sent.iter().filter(|record| record.is_complete()) {
            self.unread += 1;
            if let Body::Alert { alert, .. } = &record.body {
                self.peer_sent.see(*alert);
            }
        }
        for record in entry.taken.iter().filter(|record| record.is_complete()) {
            self.unread = self.unread.saturating_sub(1);
            if let Body::Alert { alert, .. } = &record.body {
                self.peer.see(*alert);
            }
        }
    }

    fn follow(&mut self, effect: Effect<'_>, entry: &Entry) {
        match effect {
            Effect::None => {}
            Effect::SetModes(modes) => {
                self.modes.extend(modes);
                self.modes.dedup();
            }
            Effect::ClearModes(modes) => self.modes.retain(|mode| !modes.contains(mode)),
            Effect::MaxSendFragment(bytes) => self.max_send_fragment = usize::from(bytes),
            Effect::Outbound(outbound) => self.outbound = outbound,
            Effect::Inbound(inbound) => self.inbound = inbound,
            Effect::StaleError => self.stale_error = true,
            Effect::PeerBytesInjected => self.peer_bytes_injected = true,
            // One that found too little waiting did nothing.
            Effect::PeerBytesAltered => self.peer_bytes_injected |= entry.result == Outcome::Done,
            // After bytes that are no record, the records that were sent do not show it.
            Effect::PeerCloses => {
                if !entry.peer_sent.is_empty() {
                    self.peer_sent.close();
                }
            }
            Effect::PeerGone => {
                self.transport_failed = true;
                self.outbound = Outbound::CUT_OFF;
                self.inbound = Inbound::CUT_OFF;
            }
            Effect::Shutdown => self.shut_down = true,
        }
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
        if call.accepted().is_some_and(|bytes| bytes > 0) {
            self.handshake.see_write();
        }
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
