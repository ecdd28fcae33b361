//! The course of a case: what each entry of a trace found when it began. It is worked out once for each
//! trace, and all monitors look at it.

mod ending;
mod handshake;
mod state;

pub use state::{ConnectionState, MAX_PLAINTEXT, Pending};

use crate::scenario::{Buffer, Function, Mode, RetryContent as Bytes, Step, Version};
use crate::trace::{
    Attempt, Body, Call, Content, Entry, Interface, Outcome, Portion, RecordSeen, Setting, Trace,
    Verb,
};

/// A trace, with what was the case before each of its entries.
#[derive(Debug)]
pub struct History<'t> {
    /// How the case was set up.
    pub setting: &'t Setting,
    /// The entries, in order.
    pub events: Vec<Event<'t>>,
    /// What was the case in the end.
    pub end: ConnectionState,
}

/// An entry of a trace.
#[derive(Debug)]
pub struct Event<'t> {
    /// Its number, counted from 0.
    pub index: usize,
    /// The entry.
    pub entry: &'t Entry,
    /// What was the case when it began.
    pub before: ConnectionState,
    /// A handshake within the connection is under way, and the library has taken data or an alert of the peer since it
    /// began: whether it can go on then is for `renegotiation.transparent` to say, and no other clause.
    is_disturbed: bool,
}

impl<'t> History<'t> {
    /// The course of this trace; nothing for one that does not tell how its case was set up.
    pub fn of(trace: &'t Trace) -> Option<Self> {
        let setting = trace.setting.as_ref()?;
        let mut state = ConnectionState::default();
        let mut events = Vec::with_capacity(trace.entries.len());
        for (index, entry) in trace.entries.iter().enumerate() {
            let before = state.clone();
            state.go_on(entry, setting);
            let is_disturbed = before.is_disturbed() || state.is_disturbed();
            events.push(Event {
                index,
                entry,
                before,
                is_disturbed,
            });
        }
        Some(Self {
            setting,
            events,
            end: state,
        })
    }

    /// Whether the library has `SSL_write`, and its manual binds it.
    pub fn is_libssl(&self) -> bool {
        self.setting.interface == Interface::Libssl
    }

    /// The calls of the write function that returned.
    pub fn writes(&self) -> impl Iterator<Item = (&Event<'t>, &'t Attempt, &'t Call)> {
        self.events
            .iter()
            .filter_map(|event| Some((event, event.attempt()?, event.call()?)))
    }

    /// All calls of the library that returned.
    pub fn calls(&self) -> impl Iterator<Item = (&Event<'t>, &'t Call)> {
        self.events
            .iter()
            .filter_map(|event| Some((event, event.call()?)))
    }

    /// What was the case when this entry was over.
    pub fn after(&self, index: usize) -> &ConnectionState {
        self.events
            .get(index + 1)
            .map_or(&self.end, |next| &next.before)
    }

    /// The records that began to go out at the moment of this number, each as it was seen in the end if only that tells
    /// what it is; nothing in place of one that never was seen to its end, so that nobody knows.
    pub fn begun(&self, index: usize) -> impl Iterator<Item = Option<&'t RecordSeen>> {
        let version = self.setting.variant.version;
        let later = self.events[index + 1..].iter();
        let mut later = later.flat_map(|event| &event.entry.sent);
        let rest = later.find(|record| record.portion == Portion::Last);
        let begun = self.events[index].begun();
        // A transport that keeps them may send those of the handshake later.
        let keeps = self.setting.variant.transport.keeps() && version == Version::Tls13;
        let before = &self.events[index].before;
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

impl<'t> Event<'t> {
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
    pub fn is_permitted_call(&self) -> bool {
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
    pub fn connection_is_healthy(&self) -> bool {
        !self.is_disturbed && self.connection_is_healthy_but_for_renegotiation()
    }

    /// The same, whatever the peer has sent in a handshake within the connection.
    pub fn connection_is_healthy_but_for_renegotiation(&self) -> bool {
        let failed = self.before.transport_fails(self.entry);
        let shakes_hands = self.shakes_hands();
        let alerted = self.entry.taken.iter().any(|record| match &record.body {
            // It ends a handshake, and else leaves writing alone.
            Body::Alert { alert, .. } if alert.is_close_notify() => shakes_hands,
            _ => record.is_disturbing(),
        });
        self.before.connection_is_healthy() && !self.before.stale_error && !failed && !alerted
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

/// Whether a call of this function succeeded, by its own return value (SSL_write(3), RETURN VALUES).
pub fn has_succeeded(function: Function, call: &Call) -> bool {
    match function {
        Function::Write => call.ret > 0,
        Function::WriteEx => call.ret == 1,
    }
}
