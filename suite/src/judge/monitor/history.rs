//! The history of a case: the state of the connection before each entry of a trace. It is computed
//! once for each trace and used by all monitors.

mod ending;
mod handshake;
mod state;

pub(crate) use state::{ConnectionState, MAX_PLAINTEXT, Pending};

use crate::scenario::{Function, Step, Version};
use crate::trace::{
    Attempt, Body, Call, Content, Entry, Interface, Outcome, Portion, RecordSeen, Setting, Trace,
};
use crate::transport::Refusal;

/// A trace with the state before each of its entries.
#[derive(Debug)]
pub struct History<'t> {
    /// The setting of the case.
    pub(crate) setting: &'t Setting,
    /// The entries, in order.
    pub(crate) events: Vec<Event<'t>>,
    /// The state at the end.
    pub(crate) end: ConnectionState,
}

/// An entry of a trace.
#[derive(Debug)]
pub(crate) struct Event<'t> {
    /// Its index, from 0.
    pub(crate) index: usize,
    /// The entry.
    pub(crate) entry: &'t Entry,
    /// The state before the entry.
    pub(crate) before: ConnectionState,
    /// A handshake within the connection is in progress, and the library has taken data or an alert
    /// of the peer since it began: only `renegotiation.transparent` specifies whether it can
    /// continue then.
    is_disturbed: bool,
}

impl<'t> History<'t> {
    /// The history of this trace; `None` for a trace without its setting.
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

    /// Whether the library has `SSL_write`, so that its manual applies.
    pub(crate) fn is_libssl(&self) -> bool {
        self.setting.interface == Interface::Libssl
    }

    /// The calls of the write function that returned.
    pub(crate) fn writes(&self) -> impl Iterator<Item = (&Event<'t>, &'t Attempt, &'t Call)> {
        self.events
            .iter()
            .filter_map(|event| Some((event, event.attempt()?, event.call()?)))
    }

    /// All calls of the library that returned.
    pub(crate) fn calls(&self) -> impl Iterator<Item = (&Event<'t>, &'t Call)> {
        self.events
            .iter()
            .filter_map(|event| Some((event, event.call()?)))
    }

    /// The state after this entry.
    pub(crate) fn after(&self, index: usize) -> &ConnectionState {
        self.events
            .get(index + 1)
            .map_or(&self.end, |next| &next.before)
    }

    /// The records whose first byte was sent in this entry, each in its later, complete form if
    /// only that shows its content; `None` in place of one that was never complete, whose content
    /// is unknown.
    pub(crate) fn begun(&self, index: usize) -> impl Iterator<Item = Option<&'t RecordSeen>> {
        let version = self.setting.variant.version;
        let later = self.events[index + 1..].iter();
        let mut later = later.flat_map(|event| &event.entry.sent);
        let rest = later.find(|record| record.portion == Portion::Last);
        let begun = self.events[index].begun();
        // A transport that buffers records may send those of the handshake later.
        let keeps = self.setting.variant.transport.keeps() && version == Version::Tls13;
        let before = &self.events[index].before;
        let may_be_message = keeps || before.may_send_messages(self.setting);
        let is_open = move |record: &RecordSeen| match &record.body {
            Body::Header => true,
            Body::Incomplete { .. } => may_be_message || record.may_be_control(version),
            _ => false,
        };
        begun.map(move |record| {
            if is_open(record) {
                // Only the last one can be continued later.
                rest
            } else {
                Some(record)
            }
        })
    }
}

impl<'t> Event<'t> {
    /// The result of the library, if the entry is a call that returned.
    pub(crate) fn call(&self) -> Option<&'t Call> {
        match &self.entry.result {
            Outcome::Call(call) => Some(call),
            _ => None,
        }
    }

    /// The call of the write function, if the entry is one.
    pub(crate) fn attempt(&self) -> Option<&'t Attempt> {
        self.entry.asked.attempt()
    }

    /// The step, if the entry is one other than a write.
    pub(crate) fn step(&self) -> Option<&'t Step> {
        self.entry.asked.step()
    }

    /// Whether the contract permits this call of the write function, for at least one byte: a new
    /// write if none is pending, or the retry of the pending one with the same arguments.
    pub(crate) fn is_permitted_call(&self) -> bool {
        self.attempt()
            .is_some_and(|attempt| self.before.permits(attempt))
    }

    /// Whether nothing has happened, before or during the entry, that a library might take for the
    /// end of writing, and its error class is reliable.
    pub(crate) fn connection_is_healthy(&self) -> bool {
        !self.is_disturbed && self.connection_is_healthy_but_for_renegotiation()
    }

    /// The same, regardless of what the peer has sent in a handshake within the connection.
    pub(crate) fn connection_is_healthy_but_for_renegotiation(&self) -> bool {
        self.before.stays_healthy(self.entry)
    }

    /// Whether the transport refused in this way to accept bytes; if its calls are not visible, whether it was set to.
    pub(crate) fn refuses_out(&self, is: fn(Refusal) -> bool) -> bool {
        match &self.entry.traffic {
            Some(traffic) => traffic.outbound.refusal.is_some_and(is),
            None => self.before.is_set_to_refuse_out(is),
        }
    }

    /// The same for delivering bytes.
    pub(crate) fn refuses_in(&self, is: fn(Refusal) -> bool) -> bool {
        match &self.entry.traffic {
            Some(traffic) => traffic.inbound.refusal.is_some_and(is),
            None => self.before.is_set_to_refuse_in(is),
        }
    }

    /// Whether the library has taken data or an alert of the peer in a handshake within the
    /// connection: only `renegotiation.transparent` specifies whether it can continue then.
    pub(crate) fn is_disturbed(&self) -> bool {
        self.is_disturbed
    }

    /// Whether handshake messages were sent during the entry.
    pub(crate) fn sends_handshake(&self) -> bool {
        state::sends_handshake(self.entry)
    }

    /// The records whose first byte was sent during the entry.
    pub(crate) fn begun(&self) -> impl Iterator<Item = &'t RecordSeen> {
        let begins = |record: &&RecordSeen| record.begins();
        self.entry.sent.iter().filter(begins)
    }

    /// The records whose last byte was sent during the entry.
    pub(crate) fn completed(&self) -> impl Iterator<Item = &'t RecordSeen> {
        let is_complete = |record: &&RecordSeen| record.is_complete();
        self.entry.sent.iter().filter(is_complete)
    }

    /// The bytes that the peer read, if it was asked to read.
    pub(crate) fn delivered(&self) -> Option<&'t Content> {
        match &self.entry.result {
            Outcome::Peer(report) => report.read.as_ref(),
            _ => None,
        }
    }
}

/// Whether a call of this function succeeded, by its return value (SSL_write(3), RETURN VALUES).
pub(crate) fn has_succeeded(function: Function, call: &Call) -> bool {
    match function {
        Function::Write => call.ret > 0,
        Function::WriteEx => call.ret == 1,
    }
}
