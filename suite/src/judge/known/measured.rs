//! The history of a connection for known issues: the [`History`] of a trace, with the quantities
//! that determine how many bytes are lost, reported or late.

use crate::judge::monitor::{ConnectionState, Event, History, MAX_PLAINTEXT, Pending};
use crate::scenario::{TransportKind, Version};
use crate::trace::{Call, ErrorClass, RecordSeen};
use crate::transport::{Budget, Refusal};

/// How many bytes a buffering BIO accepts before it passes them on (BIO_f_buffer(3)).
const BIO_BUFFER: usize = 4096;

/// The history of a connection.
#[derive(Debug)]
pub(crate) struct MeasuredHistory<'c, 't> {
    pub(super) history: &'c History<'t>,
    /// The losses up to and including each event, caused by transports that return 0.
    losses: Vec<Losses>,
}

/// The losses caused by transports that return 0 without the retry flag, if a library takes that
/// for a success.
#[derive(Debug, Default, Clone, Copy)]
struct Losses {
    /// Content bytes of the records for which the transport returned 0, or of those that were
    /// skipped for them.
    swallowed: usize,
    /// Content bytes of the record at which the last non-empty write that failed permanently had
    /// arrived: the rest of the write after the records that were sent or swallowed, up to the
    /// limit of a record.
    refused: usize,
    /// Content bytes of the record left by a write that failed permanently, while none has been
    /// sent: the next write offers it first.
    left_over: Option<usize>,
    /// The last swallowed record, until it is sent.
    stuck: Option<Stuck>,
    /// The number of bytes lost before the first record sent at this event.
    before_first: usize,
    /// The number of bytes lost before the later records.
    before_others: usize,
}

/// A record for which the transport returned 0, and which the library keeps.
#[derive(Debug, Clone, Copy)]
struct Stuck {
    /// Its content bytes.
    content: usize,
    /// The bytes swallowed before it.
    before: usize,
    /// Whether a write has failed after it: then it is offered in place of the refused record.
    is_offered_again: bool,
}

impl<'c, 't> MeasuredHistory<'c, 't> {
    /// Computes the quantities for this history.
    pub(crate) fn of(history: &'c History<'t>) -> Self {
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

    /// Content bytes of the records for which the transport returned 0, up to and including this
    /// event.
    pub(super) fn swallowed(&self, at: usize) -> usize {
        self.losses[at].swallowed
    }

    /// How many of these are missing before each application data record sent in this call, after
    /// the previous one sent, where bytes are missing. If the peer reads: in what was sent since
    /// its last read, and the first ones only. A single 0 if nothing is missing.
    pub(super) fn gaps(&self, at: usize) -> Vec<usize> {
        let has_read = |at: &usize| self.event(*at).delivered().is_some_and(|read| read.len > 0);
        let reads = self.event(at).delivered().is_some();
        let since = if reads {
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
        let mut gaps = Vec::new();
        for lost in (since..=at).flat_map(|at| self.lost_before(at)) {
            gaps.extend(lost.checked_sub(before).filter(|&gap| gap > 0));
            before = lost;
        }
        if reads {
            gaps.truncate(1);
        }
        if gaps.is_empty() {
            gaps.push(0);
        }
        gaps
    }

    /// The number of bytes lost before each application data record completed at this event. The
    /// bytes lost in a call come after the first record: the library offers again the record for
    /// which the transport returned 0, and skips the next one.
    fn lost_before(&self, at: usize) -> impl Iterator<Item = usize> {
        let losses = self.losses[at];
        let completed = self.event(at).completed();
        let records = completed.filter(|record| record.is_application_data());
        records.enumerate().map(move |(number, _)| match number {
            0 => losses.before_first,
            _ => losses.before_others,
        })
    }

    /// Content bytes of the pending record at this event: the rest of the write that sealed it, up
    /// to the limit of a record; 0 if none is pending.
    pub(super) fn pending_record(&self, at: usize) -> usize {
        pending_record(self.history, at).unwrap_or(0)
    }

    /// The lowest record limit set up to this event, in bytes.
    pub(super) fn lowest_block(&self, at: usize) -> usize {
        lowest_block(self.history, at)
    }

    /// Content bytes of the record at which the last non-empty write that failed permanently before
    /// this event had arrived; 0 if none failed.
    pub(super) fn refused(&self, at: usize) -> usize {
        at.checked_sub(1)
            .map_or(0, |before| self.losses[before].refused)
    }

    /// Content bytes of the records that were pending when a handshake message was taken, up to
    /// this event.
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
    // A write of nothing, or one that waits for the peer, has sealed nothing.
    let waits = |pending: &Pending| {
        pending.error == ErrorClass::WantWrite && !pending.attempt.argument.is_empty()
    };
    let before = &history.events[at].before;
    before.pending.filter(waits)?;
    let sealing = sealing(history, at);
    // Another write in its place leaves the record unchanged.
    let (state, pending) = [history.after(sealing), before]
        .into_iter()
        .find_map(|state| Some((state, state.pending.filter(waits)?)))?;
    let out = state.sealed.saturating_sub(state.accepted);
    let asked = pending.attempt.argument.len().unwrap_or(0);
    let limit = history.events[sealing].before.max_send_fragment;
    Some(asked.saturating_sub(out).min(limit))
}

/// The call that sealed the pending record at this event: the last one that completed a record and
/// sealed the next, or that began the write. A later change of the limit does not affect the
/// record.
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
        // No renegotiation begins while the library keeps a record.
        let reaches_data = self.stuck.is_some() || !sends_messages_only(event);
        let sends = sealed_in(history, at) > 0;
        self.before_first = self.swallowed;
        if let Some(stuck) = self.stuck.take_if(|_| sends)
            && stuck.is_offered_again
        {
            self.before_first = stuck.before;
            self.swallowed = self.swallowed.saturating_sub(stuck.content) + self.refused;
        }
        self.before_others = self.swallowed;
        self.left_over.take_if(|_| sends);
        let swallowed = if reaches_data {
            swallowed(history, at, self.swallowed)
        } else {
            0
        };
        let swallowed = self.left_over.map_or(swallowed, |left| swallowed.min(left));
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
                self.left_over = None;
            }
        }
        let asked = event.attempt().and_then(|attempt| attempt.argument.len());
        let has_failed = event
            .call()
            .is_some_and(|call| call.error != ErrorClass::None && !call.error.is_retry());
        if let (true, Some(asked @ 1..)) = (has_failed && reaches_data, asked) {
            let after = history.after(at);
            let written = (after.sealed + self.swallowed).saturating_sub(after.accepted);
            let left = asked.saturating_sub(written);
            self.refused = left.min(lowest_block(history, at));
            match &mut self.stuck {
                Some(stuck) => stuck.is_offered_again = true,
                None => self.left_over = self.left_over.or(Some(self.refused)),
            }
        }
    }
}

/// The lowest record limit set up to this event, in bytes: a library that takes 0 for a success
/// (3.2 or later) does not fill records up to a limit that is raised again.
fn lowest_block(history: &History<'_>, at: usize) -> usize {
    let limits = history.events[..=at].iter();
    let limits = limits.map(|event| event.before.max_send_fragment);
    limits.min().unwrap_or(MAX_PLAINTEXT)
}

/// Content bytes of the application data records completed in this call.
fn sealed_in(history: &History<'_>, at: usize) -> usize {
    history.after(at).sealed - history.events[at].before.sealed
}

/// Whether the call begins a write in a renegotiation and fails before its data: the transport
/// refuses a handshake message.
fn sends_messages_only(event: &Event<'_>) -> bool {
    let fails = |call: &Call| call.error != ErrorClass::None;
    let goes_on = event.before.pending.is_some() || event.before.incomplete.is_some();
    event.before.renegotiates()
        && !goes_on
        && event.call().is_some_and(fails)
        && !event.entry.sent.iter().any(RecordSeen::is_application_data)
}

/// Content bytes of the record for which the transport returned 0 in this call, if `lost` bytes
/// were lost before.
fn swallowed(history: &History<'_>, at: usize, lost: usize) -> usize {
    let event = &history.events[at];
    let returned_zero = returned_zero(history, event);
    let asked = event.attempt().and_then(|attempt| attempt.argument.len());
    let (true, Some(asked)) = (returned_zero, asked) else {
        return 0;
    };
    let before = &event.before;
    let written = before.sealed + sealed_in(history, at) + lost;
    let written = written.saturating_sub(before.accepted);
    let left = asked.saturating_sub(written).min(lowest_block(history, at));
    // The pending record comes first. A write whose key update had to wait has sealed none.
    let seals_new_data = sealed_in(history, at) > 0
        || event
            .completed()
            .any(|record| !record.messages().is_empty());
    let pending = pending_record(history, at).filter(|_| !seals_new_data);
    pending.map_or(left, |pending| left.min(pending))
}

/// Whether the transport returned 0 to the call. If its transport calls are not visible: whether it
/// was set to, and the record reaches it.
fn returned_zero(history: &History<'_>, event: &Event<'_>) -> bool {
    let is_visible = event.entry.traffic.is_some();
    event.refuses_out(|refusal| refusal == Refusal::Zero)
        && (is_visible || passes_buffer(history, event))
}

/// Whether the record passes through an empty buffer of 4096 bytes (BIO_f_buffer(3)) to a transport that accepts nothing.
fn passes_buffer(history: &History<'_>, event: &Event<'_>) -> bool {
    let before = &event.before;
    let asked = event.attempt().and_then(|attempt| attempt.argument.len());
    let content = asked.unwrap_or(0).min(before.max_send_fragment);
    // The content is surrounded by header, explicit nonce and tag, or by header, type and tag
    // (AES-GCM).
    let around = match history.setting.variant.version {
        Version::Tls12 => 5 + 8 + 16,
        Version::Tls13 => 5 + 1 + 16,
    };
    history.setting.variant.transport == TransportKind::BufferingBio
        && before.outbound.accept == Budget::Bytes(0)
        && before.unsent() == 0
        && content + around >= BIO_BUFFER
}
