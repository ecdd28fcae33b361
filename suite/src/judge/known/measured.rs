//! The history of a connection as the known issues ask for it: the [`History`] of a trace, with the quantities that explain
//! how many bytes are lost, reported or late.

use crate::judge::monitor::{ConnectionState, Event, History, MAX_PLAINTEXT, Pending};
use crate::scenario::{TransportKind, Version};
use crate::trace::{Call, ErrorClass, RecordSeen};
use crate::transport::{Budget, Refusal};

/// How many bytes a buffering BIO takes before it hands them on (BIO_f_buffer(3)).
const BIO_BUFFER: usize = 4096;

/// The history of a connection.
#[derive(Debug)]
pub struct MeasuredHistory<'c, 't> {
    pub(super) history: &'c History<'t>,
    /// What transports that return 0 have cost up to each moment, it included.
    losses: Vec<Losses>,
}

/// What transports that return 0 without the retry flag have cost, where a library takes that for a success.
#[derive(Debug, Default, Clone, Copy)]
struct Losses {
    /// Bytes of content of the records that the transport answered with 0, or of those that were passed over for them.
    swallowed: usize,
    /// Bytes of content of the record that the last write of more than nothing had come to that failed for good: what it had
    /// left behind those that went out or were swallowed, up to the limit of a record.
    refused: usize,
    /// Bytes of content of the record that a write has left which failed for good, as long as none has gone out: the next write
    /// offers it first.
    left_behind: Option<usize>,
    /// The record that was swallowed last, as long as it has not gone out.
    stuck: Option<Stuck>,
    /// How many bytes are lost before the first record that goes out at this moment.
    before_first: usize,
    /// How many are before those that follow it.
    before_others: usize,
}

/// A record that the transport answered with 0, and that the library keeps.
#[derive(Debug, Clone, Copy)]
struct Stuck {
    /// Bytes of content.
    content: usize,
    /// Bytes that were swallowed before it.
    before: usize,
    /// Whether a write has failed behind it: then it is offered in the place of the record that was refused.
    is_offered_again: bool,
}

impl<'c, 't> MeasuredHistory<'c, 't> {
    /// The history that this course tells.
    pub fn of(history: &'c History<'t>) -> Self {
        let mut losses = Losses::default();
        let losses = (0..history.events.len())
            .map(|at| {
                losses.go_on(history, at);
                losses
            })
            .collect();
        Self { history, losses }
    }

    pub(super) fn len(&self) -> usize {
        self.history.events.len()
    }

    pub(super) fn event(&self, at: usize) -> &'c Event<'t> {
        &self.history.events[at]
    }

    pub(super) fn after(&self, at: usize) -> &ConnectionState {
        self.history.after(at)
    }

    /// Bytes of content of the records that the transport answered with 0 up to this moment, it included.
    pub(super) fn swallowed(&self, at: usize) -> usize {
        self.losses[at].swallowed
    }

    /// How many of these are missing before a record of data that goes out in this call, since the one that went out before it;
    /// where the peer reads, in what has gone out since it read last, and if several are, the first ones.
    pub(super) fn gap(&self, at: usize) -> usize {
        let has_read = |at: &usize| self.event(*at).delivered().is_some_and(|read| read.len > 0);
        let since = if self.event(at).delivered().is_some() {
            (0..at).rev().find(has_read).unwrap_or(0)
        } else {
            at
        };
        let completes = |at: &usize| {
            self.event(*at)
                .completed()
                .any(RecordSeen::is_application_data)
        };
        let earlier = (0..since).rev().find(completes);
        let earlier = earlier.and_then(|at| self.lost_before(at).last());
        let mut before = earlier.unwrap_or(0);
        for lost in (since..=at).flat_map(|at| self.lost_before(at)) {
            if lost > before {
                return lost - before;
            }
            before = lost;
        }
        0
    }

    /// How many bytes are lost before each record of data that goes out to its last byte at this moment. What a call loses
    /// stands behind the first of them: it offers again what the transport answered with 0, and passes over the next one.
    fn lost_before(&self, at: usize) -> impl Iterator<Item = usize> {
        let losses = self.losses[at];
        let completed = self.event(at).completed();
        let records = completed.filter(|record| record.is_application_data());
        records.enumerate().map(move |(number, _)| match number {
            0 => losses.before_first,
            _ => losses.before_others,
        })
    }

    /// Bytes of content of the record that is pending at this moment: what the write that sealed it had left, up to the limit of
    /// a record; 0 if none is.
    pub(super) fn pending_record(&self, at: usize) -> usize {
        pending_record(self.history, at).unwrap_or(0)
    }

    /// Bytes of the lowest limit of a record that was set up to this moment.
    pub(super) fn lowest_block(&self, at: usize) -> usize {
        lowest_block(self.history, at)
    }

    /// Bytes of content of the record that the last write of more than nothing had come to that failed for good before this
    /// moment; 0 if none failed.
    pub(super) fn refused(&self, at: usize) -> usize {
        at.checked_sub(1)
            .map_or(0, |before| self.losses[before].refused)
    }

    /// Bytes of content of the records that were pending when a handshake message was taken, up to this moment.
    pub(super) fn dropped(&self, at: usize) -> usize {
        let takes = |at: &usize| {
            let mut taken = self.event(*at).entry.taken.iter();
            taken.any(|record| !record.messages().is_empty())
        };
        (0..=at)
            .filter(takes)
            .map(|at| self.pending_record(at))
            .sum()
    }
}

fn pending_record(history: &History<'_>, at: usize) -> Option<usize> {
    // One that waits for the peer has sealed nothing yet.
    let waits = |pending: &Pending| pending.error == ErrorClass::WantWrite;
    let before = &history.events[at].before;
    before.pending.filter(waits)?;
    let sealing = sealing(history, at);
    // Another write in its place leaves the record as it is.
    let (state, pending) = [history.after(sealing), before]
        .into_iter()
        .find_map(|state| Some((state, state.pending.filter(waits)?)))?;
    let out = state.sealed.saturating_sub(state.accepted);
    let asked = pending.attempt.argument.len().unwrap_or(0);
    let limit = history.events[sealing].before.max_send_fragment;
    Some(asked.saturating_sub(out).min(limit))
}

/// The call that sealed the record which is pending at this moment: the last one that completed a record and sealed the next, or
/// that began the write. A limit that is changed later does not reach it.
fn sealing(history: &History<'_>, at: usize) -> usize {
    let is_open = |index: &usize| history.events[*index].before.pending.is_some();
    let begun = (0..at).rev().take_while(is_open).last().unwrap_or(at);
    let sealing = begun.saturating_sub(1);
    let completes = |index: &usize| history.events[*index].completed().next().is_some();
    (sealing..at).rev().find(completes).unwrap_or(sealing)
}

impl Losses {
    fn go_on(&mut self, history: &History<'_>, at: usize) {
        let event = &history.events[at];
        // A renegotiation does not begin while the library keeps a record.
        let comes_to_data = self.stuck.is_some() || !comes_to_messages_only(event);
        let sends = sealed_in(history, at) > 0;
        self.before_first = self.swallowed;
        if let Some(stuck) = self.stuck.take_if(|_| sends)
            && stuck.is_offered_again
        {
            self.before_first = stuck.before;
            self.swallowed = self.swallowed.saturating_sub(stuck.content) + self.refused;
        }
        self.before_others = self.swallowed;
        self.left_behind.take_if(|_| sends);
        let swallowed = match comes_to_data {
            true => swallowed(history, at, self.swallowed),
            false => 0,
        };
        let swallowed = self
            .left_behind
            .map_or(swallowed, |left| swallowed.min(left));
        match self.stuck {
            _ if swallowed == 0 => {}
            Some(stuck) if stuck.is_offered_again => self.swallowed += self.refused,
            _ => {
                self.stuck = Some(Stuck {
                    content: swallowed,
                    before: self.swallowed,
                    is_offered_again: false,
                });
                self.swallowed += swallowed;
                self.left_behind = None;
            }
        }
        let asked = event.attempt().and_then(|attempt| attempt.argument.len());
        let has_failed = event
            .call()
            .is_some_and(|call| call.error != ErrorClass::None && !call.error.is_retry());
        if let (true, Some(asked @ 1..)) = (has_failed && comes_to_data, asked) {
            let after = history.after(at);
            let behind = (after.sealed + self.swallowed).saturating_sub(after.accepted);
            let left = asked.saturating_sub(behind);
            self.refused = left.min(lowest_block(history, at));
            match &mut self.stuck {
                Some(stuck) => stuck.is_offered_again = true,
                None => self.left_behind = self.left_behind.or(Some(self.refused)),
            }
        }
    }
}

/// Bytes of the lowest limit of a record that was set up to this moment: a library that takes 0 for a success (3.2 or later) does
/// not fill records up to one that is raised again.
fn lowest_block(history: &History<'_>, at: usize) -> usize {
    let limits = history.events[..=at].iter();
    let limits = limits.map(|event| event.before.max_send_fragment);
    limits.min().unwrap_or(MAX_PLAINTEXT)
}

/// Bytes of content of the records of data that went out to their last byte in this call.
fn sealed_in(history: &History<'_>, at: usize) -> usize {
    history.after(at).sealed - history.events[at].before.sealed
}

/// Whether the call begins a write in a renegotiation and fails before it gets to its data: what the transport refuses is a
/// message of the handshake.
fn comes_to_messages_only(event: &Event<'_>) -> bool {
    let fails = |call: &Call| call.error != ErrorClass::None;
    let goes_on = event.before.pending.is_some() || event.before.incomplete.is_some();
    event.before.renegotiates()
        && !goes_on
        && event.call().is_some_and(fails)
        && !event.entry.sent.iter().any(RecordSeen::is_application_data)
}

/// Bytes of content of the record that the transport answered with 0 in this call, if so many were lost before.
fn swallowed(history: &History<'_>, at: usize, lost: usize) -> usize {
    let event = &history.events[at];
    let said_zero = said_zero(history, event);
    let asked = event.attempt().and_then(|attempt| attempt.argument.len());
    let (true, Some(asked)) = (said_zero, asked) else {
        return 0;
    };
    let before = &event.before;
    let behind = before.sealed + sealed_in(history, at) + lost;
    let behind = behind.saturating_sub(before.accepted);
    let left = asked.saturating_sub(behind).min(lowest_block(history, at));
    // The one that was pending comes first.
    let pending = pending_record(history, at).filter(|_| sealed_in(history, at) == 0);
    pending.map_or(left, |pending| left.min(pending))
}

/// Whether the transport answered the call with 0; of one whose calls are not seen, whether it was set to, and the record goes
/// through a buffer of 4096 bytes that is empty (BIO_f_buffer(3)).
fn said_zero(history: &History<'_>, event: &Event<'_>) -> bool {
    if let Some(traffic) = event.entry.traffic {
        return traffic.outbound.refusal == Some(Refusal::Zero);
    }
    let before = &event.before;
    let asked = event.attempt().and_then(|attempt| attempt.argument.len());
    let content = asked.unwrap_or(0).min(before.max_send_fragment);
    // Around the content stand header, explicit nonce and tag, or header, type and tag (AES-GCM).
    let around = match history.setting.variant.version {
        Version::Tls12 => 5 + 8 + 16,
        Version::Tls13 => 5 + 1 + 16,
    };
    history.setting.variant.transport == TransportKind::BufferingBio
        && before.outbound.then == Refusal::Zero
        && before.outbound.accept == Budget::Bytes(0)
        && before.kept_back() == 0
        && content + around >= BIO_BUFFER
}
