//! The predicates that the trigger of a known issue can use about an event of a connection's
//! history. Each has a name, states what it reads, and is defined only here;
//! `suite/docs/src/known-issues.md` lists them.
//!
//! A predicate reads inputs if possible: the actions of the caller, the peer and the transport, and
//! the settings. Outputs of the library count only until something unexpected has happened, because
//! an unexpected event must explain nothing.

use std::cmp::Ordering;

use super::measured::MeasuredHistory;
use crate::judge::monitor::{ConnectionState, Event, Pending};
use crate::scenario::{
    Buffer, Function, KeyUpdate, Mode, PeerAction, RetryContent, Role, SessionTickets, Step,
    TransportKind, Version,
};
use crate::toml_reader::{Fault, Quoted};
use crate::trace::{
    AlertSeen, Argument, Attempt, Body, ErrorClass, Outcome, PeerEnd, RecordSeen, Verb,
};
use crate::transport::{Budget, Errno, Outbound, Refusal};
use crate::wire::HandshakeType;

/// A named predicate on events.
#[derive(Debug)]
pub struct Predicate {
    /// Its name in files.
    pub(crate) name: &'static str,
    /// What it reads.
    pub(crate) reads: Reads,
    holds: fn(&At<'_, '_, '_>) -> bool,
}

/// What a predicate reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reads {
    /// The actions of the caller, the peer and the transport, and the settings.
    Inputs,
    /// Also outputs of the library before this event.
    State,
    /// Results or records of the library at this event.
    Answer,
}

/// An event of a history.
pub(super) struct At<'h, 'c, 't> {
    measured: &'h MeasuredHistory<'c, 't>,
    index: usize,
}

impl<'c, 't> At<'_, 'c, 't> {
    fn event(&self) -> &'c Event<'t> {
        self.measured.event(self.index)
    }

    fn before(&self) -> &'c ConnectionState {
        &self.event().before
    }

    fn after(&self) -> &ConnectionState {
        self.measured.after(self.index)
    }

    fn version(&self) -> Version {
        self.measured.history.setting.variant.version
    }

    fn role(&self) -> Role {
        self.measured.history.setting.variant.role
    }

    fn transport(&self) -> TransportKind {
        self.measured.history.setting.variant.transport
    }

    fn write(&self, is: impl Fn(&Attempt) -> bool) -> bool {
        self.event().attempt().is_some_and(is)
    }

    fn step(&self, is: impl Fn(&Step) -> bool) -> bool {
        self.event().step().is_some_and(is)
    }

    /// Whether the library took such a record from the transport.
    fn takes(&self, is: impl Fn(&RecordSeen) -> bool) -> bool {
        self.event().entry.taken.iter().any(is)
    }

    /// Whether the library takes such a record, or may take it: after damage it is unknown which
    /// records it takes, and a call may take everything that the peer has sent by then.
    fn may_take(&self, is: impl Fn(&RecordSeen) -> bool, sends: fn(&PeerAction) -> bool) -> bool {
        self.takes(is) || self.sent_unattributed(sends) > 0
    }

    fn may_take_message(&self, kind: HandshakeType, sends: fn(&PeerAction) -> bool) -> bool {
        self.may_take(|record| record.has_message(kind), sends)
    }

    /// How often the peer did this before this call, if it is unknown which of its records the call
    /// takes.
    fn sent_unattributed(&self, sends: fn(&PeerAction) -> bool) -> usize {
        let sends = |event: &&Event<'t>| {
            let step = event.entry.asked.step();
            matches!(step, Some(Step::Peer(action)) if sends(action))
        };
        self.unattributed().filter(sends).count()
    }

    /// Whether the call may take a fatal alert that the peer sent because it was asked to, or
    /// because it failed.
    fn may_take_alert_of_a_failure(&self) -> bool {
        self.unattributed().any(|event| {
            let has_failed = match &event.entry.result {
                Outcome::Peer(report) => matches!(report.end, Some(PeerEnd::Failed(_))),
                _ => false,
            };
            let was_asked = event.step() == Some(&Step::Peer(PeerAction::FatalAlert));
            let mut sent = event.entry.peer_sent.iter();
            has_failed || was_asked || sent.any(is_fatal_alert)
        })
    }

    /// Whether the library takes a handshake message after a key update that requests an answer,
    /// which it took in this call or earlier.
    fn takes_message_after_key_update_request(&self) -> bool {
        let asks = |record: &RecordSeen| is_key_update(record, KeyUpdate::Requested);
        let has_message = |record: &RecordSeen| !record.messages().is_empty();
        let taken = &self.event().entry.taken;
        let request = taken.iter().position(asks);
        let follows = request.is_some_and(|at| taken[at + 1..].iter().any(has_message));
        let asked_earlier = || {
            let earlier = &self.measured.history.events[..self.index];
            let mut earlier = earlier.iter().flat_map(|event| &event.entry.taken);
            earlier.any(asks)
        };
        let is_request =
            |action: &PeerAction| *action == PeerAction::KeyUpdate(KeyUpdate::Requested);
        follows
            || (taken.iter().any(has_message) && asked_earlier())
            || (self.sent_unattributed(is_request) > 0 && self.sent_unattributed(sends_message) > 1)
    }

    /// The events before this call in which the peer has sent something, if it is unknown which of
    /// its records the call takes.
    fn unattributed(&self) -> impl Iterator<Item = &'c Event<'t>> {
        let is_unattributed = self.before().peer_bytes_injected && self.event().call().is_some();
        let earlier = if is_unattributed { self.index } else { 0 };
        let earlier = self.measured.history.events[..earlier].iter();
        earlier.filter(|event| !event.entry.peer_sent.is_empty())
    }

    fn takes_message(&self, kind: HandshakeType) -> bool {
        self.takes(|record| record.has_message(kind))
    }

    /// How many records with such a message the library took.
    fn takes_messages(&self, kind: HandshakeType) -> usize {
        let taken = self.event().entry.taken.iter();
        taken.filter(|record| record.has_message(kind)).count()
    }

    fn sends_message(&self, kind: HandshakeType) -> bool {
        self.event()
            .entry
            .sent
            .iter()
            .any(|record| record.has_message(kind))
    }

    fn refused_out(&self, is: fn(Refusal) -> bool) -> bool {
        self.may_use_transport() && self.event().refuses_out(is)
    }

    fn refused_in(&self, is: fn(Refusal) -> bool) -> bool {
        self.may_use_transport() && self.event().refuses_in(is)
    }

    /// Whether the library called the transport, or may have if its transport calls are not visible.
    fn may_use_transport(&self) -> bool {
        self.event().entry.traffic.is_some() || self.event().call().is_some()
    }

    fn error(&self) -> Option<ErrorClass> {
        self.event().call().map(|call| call.error)
    }

    /// The length of the write compared with that of the pending write.
    fn against_pending(&self) -> Option<Ordering> {
        let asked = self.event().attempt()?.argument.len()?;
        let pending = self.before().pending.as_ref()?.attempt.argument.len()?;
        Some(asked.cmp(&pending))
    }

    fn pending(&self, is: impl Fn(&Pending) -> bool) -> bool {
        self.before().pending.as_ref().is_some_and(is)
    }
}

/// Pairs of which exactly one holds at every event: two triggers that differ only in such a pair
/// combine to one without it.
pub(super) const OPPOSITES: [[&str; 2]; 2] = [["tls1.2", "tls1.3"], ["client", "server"]];

impl Predicate {
    /// All predicates.
    pub(super) fn all() -> &'static [Self] {
        PREDICATES
    }

    pub(super) fn holds(&self, measured: &MeasuredHistory<'_, '_>, index: usize) -> bool {
        (self.holds)(&At { measured, index })
    }
}

/// The predicate with this name, if there is one.
pub(super) fn named(name: &str) -> Option<&'static Predicate> {
    PREDICATES.iter().find(|predicate| predicate.name == name)
}

/// The predicate with this name.
pub(super) fn find(name: &str, at: usize) -> Result<&'static Predicate, Fault> {
    named(name).ok_or_else(|| {
        let names: Vec<&str> = PREDICATES.iter().map(|predicate| predicate.name).collect();
        let message = format!("unknown predicate {}", Quoted(name));
        Fault::unknown(at, message, name, "predicates", &names)
    })
}

const fn input(name: &'static str, holds: fn(&At<'_, '_, '_>) -> bool) -> Predicate {
    Predicate {
        name,
        reads: Reads::Inputs,
        holds,
    }
}

const fn state(name: &'static str, holds: fn(&At<'_, '_, '_>) -> bool) -> Predicate {
    Predicate {
        name,
        reads: Reads::State,
        holds,
    }
}

const fn answer(name: &'static str, holds: fn(&At<'_, '_, '_>) -> bool) -> Predicate {
    Predicate {
        name,
        reads: Reads::Answer,
        holds,
    }
}

fn is_own(attempt: &Attempt) -> bool {
    !attempt.argument.is_empty()
}

fn is_fatal_alert(record: &RecordSeen) -> bool {
    record.alert().is_some_and(AlertSeen::is_fatal)
}

fn is_data(record: &RecordSeen) -> bool {
    matches!(record.body, Body::ApplicationData { .. })
}

static PREDICATES: &[Predicate] = &[
    // The caller.
    input("write", |at| at.write(is_own)),
    input("write-function", |at| at.write(|_| true)),
    input("write-of-nothing", |at| {
        at.write(|attempt| attempt.argument.is_empty())
    }),
    input("ssl-write", |at| {
        at.write(|attempt| attempt.function == Function::Write)
    }),
    input("ssl-write-ex", |at| {
        at.write(|attempt| attempt.function == Function::WriteEx)
    }),
    input("negative-length", |at| {
        at.write(|attempt| matches!(attempt.argument, Argument::Negative(_)))
    }),
    input("retry", |at| {
        at.write(|attempt| attempt.verb == Verb::Retry)
    }),
    input("moved-buffer", |at| {
        at.write(|attempt| attempt.buffer == Buffer::Moved)
    }),
    input("changed-content", |at| {
        at.write(|attempt| attempt.content == RetryContent::Changed)
    }),
    input("read", |at| at.step(|step| matches!(step, Step::Read(_)))),
    input("handshake", |at| at.step(|step| *step == Step::Handshake)),
    input("shutdown", |at| at.step(|step| *step == Step::Shutdown)),
    input("renegotiate", |at| {
        at.step(|step| *step == Step::Renegotiate)
    }),
    input("key-update", |at| {
        at.step(|step| matches!(step, Step::KeyUpdate(_)))
    }),
    input("set-max-send-fragment", |at| {
        at.step(|step| matches!(step, Step::MaxSendFragment(_)))
    }),
    input("lower-max-send-fragment", |at| {
        at.step(|step| matches!(step, Step::MaxSendFragment(_)))
            && at.after().max_send_fragment < at.before().max_send_fragment
    }),
    input("raise-max-send-fragment", |at| {
        at.step(|step| matches!(step, Step::MaxSendFragment(_)))
            && at.after().max_send_fragment > at.before().max_send_fragment
    }),
    input("flush", |at| {
        at.event().entry.asked == crate::trace::Asked::Flush
    }),
    input("of-four-records", |at| {
        let block = at.before().max_send_fragment;
        at.write(|attempt| attempt.argument.len().is_some_and(|len| len >= 4 * block))
    }),
    input("stale-entry", |at| at.before().stale_error),
    input("asks-what-is-buffered", |at| {
        at.step(|step| *step == Step::Pending)
    }),
    // The settings.
    input("tls1.2", |at| at.version() == Version::Tls12),
    input("tls1.3", |at| at.version() == Version::Tls13),
    input("client", |at| at.role() == Role::Client),
    input("server", |at| at.role() == Role::Server),
    input("cbc", |at| !at.measured.history.setting.cipher.is_aead()),
    input("sends-tickets", |at| {
        at.measured.history.setting.session_tickets == SessionTickets::Send
    }),
    input("partial-mode", |at| at.before().has(Mode::PartialWrite)),
    input("moving-mode", |at| at.before().has(Mode::MovingBuffer)),
    input("release-buffers", |at| {
        at.before().has(Mode::ReleaseBuffers)
    }),
    input("auto-retry", |at| at.before().has(Mode::AutoRetry)),
    input("buffering-bio", |at| {
        at.transport() == TransportKind::BufferingBio
    }),
    input("memory-bio", |at| {
        at.transport() == TransportKind::MemoryBio
    }),
    input("bio-pair", |at| at.transport() == TransportKind::BioPair),
    input("socket", |at| at.transport() == TransportKind::Socket),
    input("blocking-transport", |at| at.transport().waits()),
    input("keeping-transport", |at| at.transport().keeps()),
    input("interrupts-reads", |at| {
        at.before().inbound.then == Refusal::Fail(Errno::INTERRUPTED)
    }),
    input("inbound-in-parts", |at| {
        at.before().inbound.deliver != Budget::All
    }),
    input("transport-open", |at| {
        at.before().outbound == Outbound::OPEN
    }),
    // The transport, in this call.
    input("transport-zero", |at| {
        at.refused_out(|refusal| refusal == Refusal::Zero)
    }),
    input("transport-zero-retry", |at| {
        at.refused_out(|refusal| refusal == Refusal::ZeroRetry)
    }),
    input("transport-fails", |at| {
        at.refused_out(|refusal| matches!(refusal, Refusal::Fail(_)))
    }),
    input("transport-blocks", |at| {
        at.refused_out(|refusal| matches!(refusal, Refusal::WouldBlock | Refusal::ZeroRetry))
    }),
    input("end-of-file", |at| {
        at.refused_in(|refusal| refusal == Refusal::Zero)
    }),
    input("read-zero-retry", |at| {
        at.refused_in(|refusal| refusal == Refusal::ZeroRetry)
    }),
    input("read-fails", |at| {
        at.refused_in(|refusal| matches!(refusal, Refusal::Fail(_)))
    }),
    input("nothing-to-read", |at| {
        at.refused_in(|refusal| matches!(refusal, Refusal::WouldBlock | Refusal::ZeroRetry))
    }),
    // The peer, and what the library takes of it in this call.
    input("peer-disconnects", |at| {
        at.step(|step| *step == Step::Peer(PeerAction::Disconnect))
    }),
    input("peer-bytes-injected", |at| {
        at.step(|step| matches!(step, Step::Peer(PeerAction::Raw(_))))
    }),
    input("peer-bytes-altered", |at| {
        at.step(|step| matches!(step, Step::Wire(_)))
            && at.event().entry.result == crate::trace::Outcome::Done
    }),
    input("peer-fatal-alert-sent", |at| {
        at.event().entry.peer_sent.iter().any(is_fatal_alert)
    }),
    input("takes-data", |at| at.may_take(is_data, is_write)),
    input("takes-close-notify", |at| {
        at.may_take(
            |record| record.alert().is_some_and(AlertSeen::is_close_notify),
            |action| *action == PeerAction::CloseNotify,
        )
    }),
    input("takes-fatal-alert", |at| {
        at.takes(is_fatal_alert) || at.may_take_alert_of_a_failure()
    }),
    input("takes-hello-request", |at| {
        at.may_take_message(HandshakeType::HelloRequest, asks_for_a_handshake)
    }),
    input("takes-several-hello-requests", |at| {
        at.takes_messages(HandshakeType::HelloRequest) + at.sent_unattributed(asks_for_a_handshake)
            > 1
    }),
    input("takes-client-hello", |at| {
        at.may_take_message(HandshakeType::ClientHello, may_send_a_hello)
    }),
    input("takes-server-hello", |at| {
        at.takes_message(HandshakeType::ServerHello)
    }),
    input("takes-finished", |at| {
        at.takes_message(HandshakeType::Finished)
    }),
    input("takes-ticket", |at| {
        at.may_take_message(HandshakeType::NewSessionTicket, is_ticket)
    }),
    input("takes-key-update", |at| {
        at.may_take_message(HandshakeType::KeyUpdate, updates_keys)
    }),
    input("takes-several-key-updates", |at| {
        at.takes_messages(HandshakeType::KeyUpdate) + at.sent_unattributed(updates_keys) > 1
    }),
    input("takes-key-update-request", |at| {
        at.may_take(
            |record| is_key_update(record, KeyUpdate::Requested),
            |action| *action == PeerAction::KeyUpdate(KeyUpdate::Requested),
        )
    }),
    input("takes-message-after-key-update-request", |at| {
        at.takes_message_after_key_update_request()
    }),
    input("takes-handshake-message", |at| {
        at.may_take(|record| !record.messages().is_empty(), sends_message)
    }),
    input("takes-unreadable", |at| at.takes(RecordSeen::is_unreadable)),
    // The state of the connection before this event.
    state("established", |at| at.before().established()),
    state("pending", |at| at.pending(Pending::asks)),
    state("pending-begun", |at| at.pending(|pending| pending.begun)),
    state("pending-wants-read", |at| {
        at.pending(|pending| pending.error == ErrorClass::WantRead)
    }),
    state("record-incomplete", |at| at.before().incomplete.is_some()),
    state("permitted", |at| at.event().is_permitted_call()),
    state("shorter", |at| at.against_pending() == Some(Ordering::Less)),
    state("longer", |at| {
        at.against_pending() == Some(Ordering::Greater)
    }),
    state("renegotiating", |at| at.before().renegotiates()),
    state("renegotiates", |at| {
        at.before().renegotiates() || at.after().renegotiates()
    }),
    state("closed", |at| at.before().own.is_closed()),
    input("shut-down", |at| at.before().shut_down),
    state("peer-closed", |at| at.before().may_have_read_close()),
    state("peer-failed", |at| {
        at.before().peer.is_failed() || at.may_take_alert_of_a_failure()
    }),
    state("alert-sent", |at| at.before().own.is_failed()),
    // A failure without a cause is an unexpected event, which excuses nothing.
    state("failed", |at| {
        at.before().failed_permanently && !at.before().failed_without_cause
    }),
    state("transport-has-failed", |at| at.before().transport_failed),
    state("gave-up-a-write", |at| at.before().gave_up_a_write),
    state("record-may-wait", |at| {
        let before = at.before();
        at.pending(Pending::asks) || before.incomplete.is_some() || before.gave_up_a_write
    }),
    state("has-more-to-send", |at| at.before().has_more_to_send()),
    state("unread", |at| at.before().unread > 0),
    // The behaviour of the library at this event.
    answer("succeeds", |at| at.error() == Some(ErrorClass::None)),
    answer("fails", |at| {
        matches!(
            at.error(),
            Some(ErrorClass::Ssl | ErrorClass::Syscall | ErrorClass::ZeroReturn)
        )
    }),
    answer("wants-repetition", |at| {
        at.error().is_some_and(ErrorClass::is_retry)
    }),
    answer("delivers", |at| {
        at.event().call().is_some_and(|call| call.data.is_some())
    }),
    answer("sends-hello-request", |at| {
        at.sends_message(HandshakeType::HelloRequest)
    }),
    answer("sends-client-hello", |at| {
        at.sends_message(HandshakeType::ClientHello)
    }),
    answer("sends-key-update", |at| {
        at.sends_message(HandshakeType::KeyUpdate)
    }),
    answer("sends-finished", |at| {
        at.sends_message(HandshakeType::Finished)
    }),
    answer("sends-ticket", |at| {
        at.sends_message(HandshakeType::NewSessionTicket)
    }),
    answer("sends-alert", |at| {
        at.event()
            .entry
            .sent
            .iter()
            .any(|record| record.alert().is_some())
    }),
    answer("sends-refusal", |at| {
        at.event()
            .entry
            .sent
            .iter()
            .any(|record| record.alert().is_some_and(AlertSeen::is_refusal))
    }),
    answer("record-cut", |at| {
        at.event()
            .entry
            .sent
            .last()
            .is_some_and(|record| !record.is_complete())
    }),
];

fn is_write(action: &PeerAction) -> bool {
    matches!(action, PeerAction::Write(_))
}

fn is_ticket(action: &PeerAction) -> bool {
    *action == PeerAction::SessionTicket
}

fn updates_keys(action: &PeerAction) -> bool {
    matches!(action, PeerAction::KeyUpdate(_))
}

fn sends_message(action: &PeerAction) -> bool {
    is_ticket(action) || updates_keys(action) || may_send_a_hello(action)
}

fn asks_for_a_handshake(action: &PeerAction) -> bool {
    *action == PeerAction::Renegotiate
}

/// A client also answers the hello_request that it reads (RFC 5246, section 7.4.1.1).
fn may_send_a_hello(action: &PeerAction) -> bool {
    asks_for_a_handshake(action) || matches!(action, PeerAction::Read | PeerAction::Handshake)
}

fn is_key_update(record: &RecordSeen, request: KeyUpdate) -> bool {
    record.has_message(request)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The words in backquotes in the part of the page between these headings.
    fn documented(from: &str, to: &str) -> BTreeSet<&'static str> {
        let page = include_str!("../../../docs/src/known-issues.md");
        let section = page.split_once(from).expect("the heading").1;
        let section = section.split_once(to).expect("the next heading").0;
        section.split('`').skip(1).step_by(2).collect()
    }

    #[test]
    fn book_lists_every_predicate() {
        let names: BTreeSet<&str> = PREDICATES.iter().map(|predicate| predicate.name).collect();
        assert_eq!(names.len(), PREDICATES.len(), "a name stands twice");
        let documented = documented("### Predicates", "## Breaks");
        let missing: Vec<_> = names.difference(&documented).collect();
        assert_eq!(missing, [&""; 0], "not documented");
        let extra: Vec<_> = documented
            .difference(&names)
            .filter(|word| **word != "close_notify")
            .collect();
        assert_eq!(extra, [&""; 0], "documented, and no predicate");
    }
}
