//! The state of a connection between two entries of a trace.

use super::ending::Ending;
use super::handshake::Handshake;
use crate::scenario::{
    Buffer, Effect, Mode, RetryContent, Role, SessionTickets, Step, TransportKind, Version,
};
use crate::trace::{
    Asked, Attempt, Body, Call, Entry, ErrorClass, Outcome, RecordSeen, Setting, Verb,
};
use crate::transport::{Budget, Inbound, Outbound, Refusal};
use crate::wire::ContentType;

/// The state of a connection.
#[derive(Debug, Clone)]
pub(crate) struct ConnectionState {
    /// The modes that are on.
    pub(crate) modes: Vec<Mode>,
    /// The last limit set for the plaintext of a record, in bytes.
    pub(crate) max_send_fragment: usize,
    /// What the transport accepts; a budget in bytes is as the step set it.
    pub(crate) outbound: Outbound,
    /// What the transport delivers.
    pub(crate) inbound: Inbound,
    /// The progress of its handshakes.
    handshake: Handshake,
    /// The incomplete write, which its caller has to retry.
    pub(crate) pending: Option<Pending>,
    /// The next call finds an entry of another call in the error queue.
    pub(crate) stale_error: bool,
    /// The number of bytes that writes have accepted.
    pub(crate) accepted: usize,
    /// Content bytes of the complete application data records so far.
    pub(crate) sealed: usize,
    /// The length on the wire, in bytes, of an incomplete application data record.
    pub(crate) incomplete: Option<usize>,
    /// The end of the connection as sent by the library, completely.
    pub(crate) own: Ending,
    /// The end of the connection as sent by the peer and taken from the transport.
    pub(crate) peer: Ending,
    /// The end of the connection as sent by the peer, received or not.
    pub(crate) peer_sent: Ending,
    /// The number of records that the peer has sent and the library has not taken completely.
    pub(crate) unread: usize,
    /// A non-empty write failed permanently: a transport that buffers may send its records later.
    pub(crate) gave_up_a_write: bool,
    /// A call has failed permanently. Changes of settings do not count, nor do empty writes, which
    /// fail by contract.
    pub(crate) failed_permanently: bool,
    /// Whether the call that failed was a new write to which nothing had happened that can make a write fail.
    pub(crate) failed_without_cause: bool,
    /// The transport failed, or reached its end, permanently during a call; or the peer is gone.
    pub(crate) transport_failed: bool,
    /// Bytes were injected into the peer's wire, or its bytes were altered: it is unknown which of
    /// its records the library has taken since.
    pub(crate) peer_bytes_injected: bool,
    /// SSL_shutdown was called.
    pub(crate) shut_down: bool,
}

/// A write that its caller has to retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pending {
    /// The call that began it, or its last retry that has to be retried itself.
    pub(crate) attempt: Attempt,
    /// The number of bytes of its first call.
    pub(crate) len: usize,
    /// `WANT_READ` or `WANT_WRITE`.
    pub(crate) error: ErrorClass,
    /// Whether any of its bytes are in a record that has begun.
    pub(crate) begun: bool,
    /// Whether its bytes have ever been moved.
    pub(crate) moved: bool,
}

impl Pending {
    /// Whether it is not empty.
    pub(crate) fn asks(&self) -> bool {
        !self.attempt.argument.is_empty()
    }
}

/// The longest plaintext of a record, in bytes (RFC 8446, section 5.1; RFC 5246, section 6.2.1).
pub(crate) const MAX_PLAINTEXT: usize = 1 << 14;

impl Default for ConnectionState {
    fn default() -> Self {
        Self {
            // The mode that is on by default (SSL_CTX_set_mode(3)).
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
            failed_permanently: false,
            failed_without_cause: false,
            transport_failed: false,
            peer_bytes_injected: false,
            shut_down: false,
        }
    }
}

impl ConnectionState {
    /// Whether this mode is on.
    pub(crate) fn has(&self, mode: Mode) -> bool {
        self.modes.contains(&mode)
    }

    /// Whether the first handshake is complete.
    pub(crate) fn established(&self) -> bool {
        self.handshake.is_established()
    }

    /// Whether the peer has aborted the first handshake with a fatal alert; a library may refuse
    /// that unread, at its header.
    pub(crate) fn peer_gave_up(&self) -> bool {
        self.peer_sent.is_failed() && !self.established()
    }

    /// Whether a call has failed permanently, or either side has ended the connection.
    pub(crate) fn is_over(&self) -> bool {
        self.failed_permanently || self.own != Ending::Open || self.peer.is_failed()
    }

    /// Whether a call has failed permanently, and the peer has sent a fatal alert that the library
    /// must not ignore.
    pub(crate) fn failed_over_an_alert(&self) -> bool {
        self.failed_permanently && self.peer.is_failed_before_closed()
    }

    /// Whether the library's own close_notify is the only end of the connection; it does not affect
    /// reading.
    pub(crate) fn is_closed_only(&self) -> bool {
        self.own == Ending::Closed && !self.failed_permanently && !self.peer.is_failed()
    }

    /// Whether a handshake within the connection is in progress or requested.
    pub(crate) fn has_later_handshake(&self) -> bool {
        self.handshake.is_later_or_requested()
    }

    /// Whether nothing has happened that a library might take for the end of writing.
    pub(crate) fn connection_is_healthy(&self) -> bool {
        !self.is_over()
            && !self.peer_gave_up()
            && !self.transport_failed
            && !self.peer_bytes_injected
            && !self.shut_down
    }

    /// Whether the transport failed, or reached its end, permanently in this call; if its calls are
    /// not visible, whether it was set to.
    pub(crate) fn transport_fails(&self, entry: &Entry) -> bool {
        let ends = |refusal| matches!(refusal, Refusal::Fail(_) | Refusal::Zero);
        match &entry.traffic {
            Some(traffic) => traffic.outbound.has_failed() || traffic.inbound.has_failed(),
            None => self.is_set_to_refuse_out(ends) || self.is_set_to_refuse_in(ends),
        }
    }

    /// Whether the transport is set to refuse in this way to accept bytes.
    pub(super) fn is_set_to_refuse_out(&self, is: fn(Refusal) -> bool) -> bool {
        self.outbound.accept != Budget::All && is(self.outbound.then)
    }

    /// Whether the transport is set to refuse in this way to deliver bytes.
    pub(super) fn is_set_to_refuse_in(&self, is: fn(Refusal) -> bool) -> bool {
        is(self.inbound.then)
    }

    /// Whether the contract permits this call now: see [`Event::is_permitted_call`](super::Event::is_permitted_call).
    pub(super) fn permits(&self, attempt: &Attempt) -> bool {
        let asks = attempt.argument.len().is_some_and(|len| len > 0);
        let Some(pending) = &self.pending else {
            return asks && attempt.content == RetryContent::Same;
        };
        // If the bytes were moved, and moving is no longer permitted, the manual does not specify
        // with which of the addresses a library compares the call.
        let moved = pending.moved || attempt.buffer == Buffer::Moved;
        let moved = moved && !self.has(Mode::MovingBuffer);
        asks && attempt.verb == Verb::Retry
            && attempt.argument == pending.attempt.argument
            && attempt.content == RetryContent::Same
            && !moved
    }

    /// Whether nothing has happened, before or during this entry, that a library might take for the end of writing, and
    /// its error class is reliable; regardless of what the peer has sent in a handshake within the connection.
    pub(super) fn stays_healthy(&self, entry: &Entry) -> bool {
        let failed = self.transport_fails(entry);
        let sends_handshake = sends_handshake(entry);
        let alerted = entry.taken.iter().any(|record| match &record.body {
            // It ends a handshake; otherwise it does not affect writing.
            Body::Alert { alert, .. } if alert.is_close_notify() => sends_handshake,
            _ => record.is_disturbing(),
        });
        self.connection_is_healthy() && !self.stale_error && !failed && !alerted
    }

    /// How many bytes were accepted and are not in complete sent records: a transport that buffers
    /// sends them later.
    pub(crate) fn unsent(&self) -> usize {
        self.accepted.saturating_sub(self.sealed)
    }

    /// How many bytes of completed writes may still be in this transport. Unlimited after a write
    /// that was given up, if the transport buffers, because it is unknown how much it has accepted.
    pub(crate) fn max_unsent(&self, transport: TransportKind) -> usize {
        if transport.keeps() && self.gave_up_a_write {
            usize::MAX
        } else {
            self.unsent()
        }
    }

    /// Whether offered bytes may still have to be sent.
    pub(crate) fn has_more_to_send(&self) -> bool {
        self.pending.is_some() || self.incomplete.is_some() || self.unsent() > 0
    }

    /// Whether the library can have read the peer's close_notify. After damage this is unknown;
    /// then, whether the peer has sent one.
    pub(crate) fn may_have_read_close(&self) -> bool {
        self.peer.is_closed() || (self.peer_bytes_injected && self.peer_sent.is_closed())
    }

    /// Whether a later handshake within the connection is in progress.
    pub(crate) fn renegotiates(&self) -> bool {
        self.handshake.is_later()
    }

    /// Whether a handshake is in progress, the first or a later one.
    pub(crate) fn is_in_handshake(&self) -> bool {
        !self.established() || self.renegotiates()
    }

    /// Whether messages may be sent that look like data from outside, as all do in TLS 1.3: those
    /// of the handshake, and the tickets of a server, which precede its data.
    pub(super) fn may_send_messages(&self, setting: &Setting) -> bool {
        let is_tls13 = setting.variant.version == Version::Tls13;
        let sends_tickets = setting.variant.role == Role::Server
            && setting.session_tickets == SessionTickets::Send
            && self.sealed == 0;
        is_tls13 && (!self.established() || sends_tickets)
    }

    /// Whether a handshake within the connection is in progress, and the library has taken data or
    /// an alert of the peer since it began.
    pub(super) fn is_disturbed(&self) -> bool {
        self.handshake.is_disturbed()
    }

    pub(super) fn go_on(&mut self, entry: &Entry, setting: &Setting) {
        let was_undisturbed = self.is_undisturbed_at(entry, setting);
        let of_write = self.sends_data(entry, setting);
        self.see_records(entry);
        self.handshake.see(entry, setting.variant.version);
        if let Some(step) = entry.asked.step() {
            self.follow(step.effect(), entry);
        }
        let Outcome::Call(call) = &entry.result else {
            return;
        };
        // A failed call may have left its own entries, but the queue is emptied after each.
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
        if is_permanent_failure(&entry.asked, call, transport_fails) {
            self.failed_without_cause |= !self.failed_permanently && was_undisturbed;
            self.failed_permanently = true;
        }
    }

    /// Whether the entry is a new write, and nothing before it or during it can make a write fail: nothing is pending, no
    /// limit was changed, no handshake is in progress or requested, and neither the peer nor the transport interfered.
    fn is_undisturbed_at(&self, entry: &Entry, setting: &Setting) -> bool {
        let is_new = |attempt: &Attempt| attempt.verb == Verb::Write && self.permits(attempt);
        let takes_data_only = entry.taken.iter().all(RecordSeen::is_application_data);
        entry.asked.attempt().is_some_and(is_new)
            && takes_data_only
            // What a transport that keeps the bytes has met is not known.
            && !setting.variant.transport.keeps()
            && self.established()
            && !self.has_later_handshake()
            && !self.has_more_to_send()
            && !self.gave_up_a_write
            && self.max_send_fragment == MAX_PLAINTEXT
            && self.stays_healthy(entry)
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

    /// Whether application data records of this write were sent. The content of an incomplete
    /// record is unknown, if it can be another.
    fn sends_data(&self, entry: &Entry, setting: &Setting) -> bool {
        let may_be_message = self.may_send_messages(setting);
        let mut sent = entry.sent.iter();
        sent.any(|record| match &record.body {
            Body::ApplicationData { .. } => true,
            _ if may_be_message || record.may_be_control(setting.variant.version) => false,
            _ => record.is_application_data(),
        })
    }

    /// Updates the state after a call of the write function; `begun` states whether records of its
    /// bytes have begun.
    fn written(&mut self, attempt: &Attempt, call: &Call, begun: bool) {
        self.accepted += call.accepted().unwrap_or(0);
        if call.accepted().is_some_and(|bytes| bytes > 0) {
            self.handshake.see_write();
        }
        // A successful empty write leaves the pending write unchanged.
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
        // Another write in place of the retry also offers other memory.
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

/// Whether handshake messages were sent during the entry.
pub(super) fn sends_handshake(entry: &Entry) -> bool {
    let mut sent = entry.sent.iter();
    sent.any(|record| !record.messages().is_empty())
}

/// Whether this result of a call can mean the end of the connection, given whether the transport
/// failed.
fn is_permanent_failure(asked: &Asked, call: &Call, transport_fails: bool) -> bool {
    if !matches!(call.error, ErrorClass::Ssl | ErrorClass::Syscall) {
        return false;
    }
    match asked {
        // An empty write that has sent nothing has no class of its own.
        Asked::Write(attempt) => {
            !attempt.argument.is_empty() || !call.queue.is_empty() || transport_fails
        }
        Asked::Flush | Asked::Step(Step::Handshake | Step::Read(_)) => true,
        // A shutdown that has sent close_notify and waits for the peer's returns 0
        // (SSL_shutdown(3)).
        Asked::Step(Step::Shutdown) => call.ret < 0,
        Asked::Nothing | Asked::Step(_) => false,
    }
}
