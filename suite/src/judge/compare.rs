//! Decides which differences between two traces count as findings, by one rule for every case: of
//! the suite, of a user and of a fuzzer. Takes the differences of two traces, call by call, and
//! yields those of the first call that counts and those of the case as a whole. Differences that do
//! not count are only counted.
//!
//! Of a call this does not count ([`Normalised::Words`]):
//! - values that a library cannot express: `SSL_want`, errno;
//! - values that follow from another difference of the same call: the return value, `SSL_want`, the
//!   error queue and errno follow from the error class, and the number that `SSL_write_ex` stored
//!   follows from the return value;
//! - wording: entries that a library adds after the reason in the error queue to name the location,
//!   and different names of one reason;
//! - the division of handshake messages into records, and their lengths;
//! - the total length of a record of which only a part has been sent;
//! - the text with which the peer reports a failure, and why it had nothing to do.
//!
//! From some calls on, traces are not compared call by call, but only by the result of the case
//! ([`Normalised::Diverged`]):
//! - a call other than a write counts only if it succeeds on one side alone or delivers other
//!   bytes: its other failures do not concern writing, but the connections may be in different
//!   states afterwards;
//! - the same applies to every call after damage on the wire, because each library processes
//!   damaged bytes at its own time;
//! - neither calls nor the result of the case count if only one library's bytes were damaged,
//!   because the other had already taken them;
//! - if the transport cuts a handshake message, or delivers it in parts, the cut depends on each
//!   library's messages, whose lengths differ; so does the end of a limited budget that has been
//!   used for such messages;
//! - a library that buffers writes returns before the transport does: its calls are not compared at
//!   all.
//!
//! The result of a case is the bytes that the peer received, the alerts, and whether `close_notify`
//! was sent; if calls are not compared at all, also the lengths of application data records. It is
//! not a difference if the peer has merely not read yet what was sent, or if an alert after a cut
//! handshake message was sent only in part.

use super::difference::{Aspect, Difference, Entries, Value};
use super::monitor::{Event, History};
use crate::scenario::{PeerAction, Step};
use crate::trace::{
    AlertSeen, Body, Content, Entry, ErrorClass, Interface, MessageKind, Outcome, Portion,
    QueueEntry, RecordSeen, Segment,
};
use crate::transport::Budget;

/// The entry that libssl adds since 3.2 if its record layer has failed, for any reason (3.6
/// `ssl/record/rec_layer_s3.c:528`).
const RECORD_LAYER_FAILURE: &str = "record layer failure";

/// Reported by the part of libcrypto that libssl called; 1.1.1 has no providers.
const OF_PROVIDERS: &str = "provider";

/// The prefix of the reasons of received alerts in the reference (3.6 `crypto/ssl_err.c:435`);
/// other libraries use the name of SSL 3.0 (1.1.1w `ssl/ssl_err.c:1099`) or of TLS alone (4.0). The
/// numbers are the same.
const ALERT: &str = "ssl/tls alert ";
const OTHER_ALERTS: [&str; 2] = ["sslv3 alert ", "tls alert "];

/// Two traces of one case.
pub(super) struct TracePair<'p, 't> {
    pub(super) reference: &'p History<'t>,
    pub(super) seen: &'p History<'t>,
}

/// Whether the differences of a call count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CountedDifferences {
    /// These differences count.
    These(Vec<Difference>),
    /// None does.
    Not(Normalised),
}

/// The differences in the result of a case.
#[derive(Debug, Default)]
pub(super) struct CaseDifferences {
    /// The differences that count.
    pub(super) counted: Vec<Difference>,
    /// The number of other differences: one library had already taken the bytes that were damaged
    /// for the other, or has not finished.
    pub(super) normalised: usize,
}

/// Why the differences of a call do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Normalised {
    /// The two sides express the same in different ways.
    Words,
    /// Calls are not compared from this one on.
    Diverged,
}

/// The differences of each call, in order; for a step that made different calls, those of the first
/// different one.
pub(super) fn by_call(differences: &[Difference]) -> Vec<Vec<&Difference>> {
    let mut calls: Vec<Vec<&Difference>> = Vec::new();
    for difference in differences {
        let of_call = match difference.within.as_slice() {
            [] => std::slice::from_ref(difference),
            within => within,
        };
        let place = |difference: &Difference| (difference.step, difference.call);
        match calls.last_mut() {
            Some(last) if place(last[0]) == place(&of_call[0]) => last.extend(of_call),
            _ => calls.push(of_call.iter().collect()),
        }
    }
    calls
}

impl TracePair<'_, '_> {
    /// Whether calls are compared at all.
    pub(super) fn has_calls(&self) -> bool {
        let buffers = |history: &History<'_>| history.setting.interface == Interface::Buffering;
        !buffers(self.reference) && !buffers(self.seen)
    }

    /// Whether the differences of one call count.
    pub(super) fn counts(&self, call: &[&Difference]) -> CountedDifferences {
        let kept = normal(call);
        let Some(first) = kept.first() else {
            return CountedDifferences::Not(Normalised::Words);
        };
        let diverges = self.is_alert_of_peer(first.at) || self.cuts_handshake(first.at);
        if diverges || self.is_damaged_on_one_side(first.at) {
            return CountedDifferences::Not(Normalised::Diverged);
        }
        if !self.is_damaged(first.at) && self.is_write(first.at) {
            return CountedDifferences::These(kept);
        }
        let kept: Vec<Difference> = kept.into_iter().filter(is_of_outcome).collect();
        if kept.is_empty() {
            CountedDifferences::Not(Normalised::Diverged)
        } else {
            CountedDifferences::These(kept)
        }
    }

    /// The differences in the result of the case.
    pub(super) fn case_result(&self) -> CaseDifferences {
        let entries = Entries {
            reference: self.reference.events.len(),
            seen: self.seen.events.len(),
        };
        let step = self.seen.events.last().map_or(0, |last| last.entry.step);
        let [theirs, ours] = [self.reference, self.seen].map(CaseSummary::of);
        let either = |is: &dyn Fn(&CaseSummary, &CaseSummary) -> bool| {
            is(&theirs, &ours) || is(&ours, &theirs)
        };
        let reads_later = either(&CaseSummary::waits_for_its_peer);
        let is_cut = self.cuts_handshake(entries);
        let sends_later = |of: fn(&CaseSummary) -> &[AlertSeen]| {
            is_cut && either(&|one, other| one.may_send_alert && is_one_more(of(one), of(other)))
        };
        let alerts_later = sends_later(|result| &result.alerts);
        let closes_later = sends_later(|result| &result.closing);
        // Each with whether the only difference is that one library has not finished.
        let pairs = [
            (
                Aspect::Delivered,
                reads_later,
                Value::Bytes(theirs.delivered),
                Value::Bytes(ours.delivered),
            ),
            (
                Aspect::Records,
                false,
                Value::Lengths(theirs.lengths),
                Value::Lengths(ours.lengths),
            ),
            (
                Aspect::Alerts,
                alerts_later,
                Value::Alerts(theirs.alerts),
                Value::Alerts(ours.alerts),
            ),
            (
                Aspect::Closing,
                closes_later,
                Value::Alerts(theirs.closing),
                Value::Alerts(ours.closing),
            ),
        ];
        let is_damaged = self.is_damaged_on_one_side(entries);
        let mut end = CaseDifferences::default();
        for (aspect, is_not_done, reference, seen) in pairs {
            // The records of a call are compared with the call.
            let is_compared = aspect != Aspect::Records || !self.has_calls();
            if !is_compared || reference == seen {
                continue;
            }
            if is_not_done || is_damaged {
                end.normalised += 1;
                continue;
            }
            end.counted.push(Difference {
                step,
                call: 0,
                action: "the case".to_owned(),
                aspect,
                reference,
                seen,
                at: entries,
                within: Vec::new(),
            });
        }
        end
    }

    fn entries(&self, at: Entries) -> impl Iterator<Item = &Entry> {
        let theirs = self.reference.events.get(at.reference);
        let ours = self.seen.events.get(at.seen);
        [theirs, ours]
            .into_iter()
            .flatten()
            .map(|event| event.entry)
    }

    /// The peer's reaction to half a message is not the library's doing.
    fn is_alert_of_peer(&self, at: Entries) -> bool {
        let mut entries = self.entries(at);
        entries.any(|entry| entry.asked.step() == Some(&Step::Peer(PeerAction::FatalAlert)))
    }

    /// Whether the call is of the write function, or the entry calls no library.
    fn is_write(&self, at: Entries) -> bool {
        !is_of_other_step(self.reference, at.reference) && !is_of_other_step(self.seen, at.seen)
    }

    /// Whether a handshake message may be cut: by this call, or by the last one before it that sent
    /// something; because it may arrive in parts; or because it has used a part of the transport's
    /// budget. Even one library's messages vary in length, as signatures do.
    fn cuts_handshake(&self, at: Entries) -> bool {
        let cuts = |history, at| cuts_handshake(history, at) || shares_with_handshake(history, at);
        cuts(self.reference, at.reference) || cuts(self.seen, at.seen)
    }

    /// Whether the library may by then have read bytes that its peer did not send.
    fn is_damaged(&self, at: Entries) -> bool {
        self.reference.after(at.reference).peer_bytes_injected
            || self.seen.after(at.seen).peer_bytes_injected
    }

    /// Whether the bytes waiting for one library were damaged, and none were waiting for the other.
    fn is_damaged_on_one_side(&self, at: Entries) -> bool {
        let damages = |history: &History<'_>, at: usize| {
            let events = history.events.iter().take(at.saturating_add(1));
            let damages = events.filter(|event| {
                let is_damage = matches!(event.step(), Some(Step::Wire(_)));
                is_damage && event.entry.result == Outcome::Done
            });
            damages.count()
        };
        damages(self.reference, at.reference) != damages(self.seen, at.seen)
    }
}

/// Whether an entry belongs to a step that calls another function than the write function: that
/// call, or an action of the peer while it was repeated.
fn is_of_other_step(history: &History<'_>, at: usize) -> bool {
    let Some(event) = history.events.get(at) else {
        return false;
    };
    let is_other = |entry: &Entry| {
        matches!(
            entry.asked.step(),
            Some(
                Step::Read(_)
                    | Step::Shutdown
                    | Step::KeyUpdate(_)
                    | Step::Renegotiate
                    | Step::Handshake
            )
        )
    };
    let before = history.events[..=at].iter().rev();
    let mut of_step = before.take_while(|other| other.entry.step == event.entry.step);
    of_step.any(|event| is_other(event.entry))
}

fn cuts_handshake(history: &History<'_>, at: usize) -> bool {
    let events = &history.events[..history.events.len().min(at + 1)];
    let mut sent = events.iter().rev();
    let last = sent.find(|event| !event.entry.sent.is_empty());
    let handed_in_parts = events.last().is_some_and(|event| {
        let is_whole = matches!(event.before.inbound.deliver, Budget::All | Budget::Bytes(0));
        event.before.is_in_handshake() && !is_whole
    });
    handed_in_parts
        || last.is_some_and(|event| {
            let is_message = |record: &RecordSeen| {
                event.before.is_in_handshake() || !record.messages().is_empty()
            };
            let is_cut = |record: &RecordSeen| record.portion != Portion::Whole;
            let mut sent = event.entry.sent.iter();
            sent.any(|record| is_message(record) && is_cut(record))
        })
}

/// Whether handshake messages have been sent since the transport was limited to a number of bytes.
fn shares_with_handshake(history: &History<'_>, at: usize) -> bool {
    let events = &history.events[..history.events.len().min(at + 1)];
    let is_limited = events
        .last()
        .is_some_and(|event| matches!(event.before.outbound.accept, Budget::Bytes(1..)));
    let mut since = events
        .iter()
        .rev()
        .take_while(|event| !matches!(event.step(), Some(Step::Link(_))));
    is_limited && since.any(Event::sends_handshake)
}

/// Whether a difference shows that a call succeeds on one side only, or delivers other bytes.
fn is_of_outcome(difference: &Difference) -> bool {
    match (&difference.reference, &difference.seen) {
        (Value::Class(reference), Value::Class(seen)) => {
            (*reference == ErrorClass::None) != (*seen == ErrorClass::None)
        }
        (Value::Bytes(_), Value::Bytes(_)) | (Value::SideEffects(_), Value::SideEffects(_)) => true,
        _ => false,
    }
}

/// The differences of one call that are not only in wording.
fn normal(call: &[&Difference]) -> Vec<Difference> {
    let differs = |aspect| call.iter().any(|other| other.aspect == aspect);
    let kept = call.iter().filter(|difference| {
        let follows = match difference.aspect {
            Aspect::Written => differs(Aspect::Return) || differs(Aspect::ErrorClass),
            Aspect::Return | Aspect::Want | Aspect::Queue | Aspect::Errno => {
                differs(Aspect::ErrorClass)
            }
            _ => false,
        };
        !follows && !is_words(difference)
    });
    kept.map(|&difference| difference.clone()).collect()
}

fn is_words(difference: &Difference) -> bool {
    match (&difference.reference, &difference.seen) {
        (Value::Want(None), _) | (_, Value::Want(None)) => true,
        (Value::Errno(None), _) | (_, Value::Errno(None)) => true,
        // The suite could not do something, for a reason.
        (Value::Outcome(reference), Value::Outcome(seen)) => {
            let is_nothing = |outcome: &Outcome| matches!(outcome, Outcome::Nothing(_));
            is_nothing(reference) && is_nothing(seen)
        }
        (Value::Queue(reference), Value::Queue(seen)) => reasons(reference) == reasons(seen),
        (Value::Records(reference), Value::Records(seen)) => {
            // The messages in a record whose key was not logged are unknown.
            let has_closed = |records: &[RecordSeen]| {
                let mut records = records.iter();
                records.any(|record| matches!(record.body, Body::NoKey { .. }))
            };
            let messages_count = !has_closed(reference) && !has_closed(seen);
            let counts =
                |part: &Contents<'_>| messages_count || !matches!(part, Contents::Message(_));
            contents(reference)
                .filter(counts)
                .eq(contents(seen).filter(counts))
        }
        (Value::End(Some(reference)), Value::End(Some(seen))) => {
            std::mem::discriminant(reference) == std::mem::discriminant(seen)
        }
        _ => false,
    }
}

/// The reasons in an error queue, each by one name.
pub(super) fn reasons(queue: &[QueueEntry]) -> Vec<QueueEntry> {
    let of_libssl = queue.iter().any(QueueEntry::is_of_ssl);
    let is_place = |entry: &QueueEntry| {
        if entry.is_of_ssl() {
            entry.reason == RECORD_LAYER_FAILURE
        } else {
            of_libssl && entry.library == OF_PROVIDERS
        }
    };
    let entries = queue.iter().filter(|entry| !is_place(entry));
    let by_one_name = |entry: &QueueEntry| {
        let alert = OTHER_ALERTS
            .iter()
            .find_map(|before| entry.reason.strip_prefix(before))
            .filter(|_| entry.is_of_ssl());
        let reason = alert.map(|alert| format!("{ALERT}{alert}"));
        QueueEntry {
            reason: reason.unwrap_or_else(|| entry.reason.clone()),
            ..entry.clone()
        }
    };
    entries.map(by_one_name).collect()
}

/// Records as compared: handshake messages by their kind, regardless of their division into
/// records.
fn contents(records: &[RecordSeen]) -> impl Iterator<Item = Contents<'_>> {
    records.iter().flat_map(|record| {
        let begun = record
            .messages()
            .iter()
            .filter(|message| !message.continued);
        let messages = begun.map(|message| Contents::Message(message.kind));
        let other = match record.body {
            Body::Handshake { .. } | Body::NoKey { .. } => None,
            Body::Header | Body::Incomplete { .. } => Some(Contents::Part {
                now: record.now,
                so_far: record.so_far,
            }),
            _ => Some(Contents::Record(record)),
        };
        messages.chain(other)
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Contents<'r> {
    Message(MessageKind),
    /// For an incomplete record, the number of bytes sent: its length is compared when it is
    /// complete, if it ever is.
    Part {
        now: Option<usize>,
        so_far: Option<usize>,
    },
    Record(&'r RecordSeen),
}

/// The result of a case.
struct CaseSummary {
    delivered: Option<Content>,
    /// The content length, in bytes, of each complete application data record.
    lengths: Vec<usize>,
    alerts: Vec<AlertSeen>,
    closing: Vec<AlertSeen>,
    /// The last bytes sent are the beginning of a record that may be an alert.
    may_send_alert: bool,
}

impl CaseSummary {
    fn of(history: &History<'_>) -> Self {
        let mut delivered: Option<Content> = None;
        let mut alerts: Vec<AlertSeen> = Vec::new();
        let mut lengths = Vec::new();
        for event in &history.events {
            // How often the peer looked and found nothing is not compared.
            if let Some(read) = event.delivered().filter(|read| read.len > 0) {
                append(delivered.get_or_insert_with(nothing), read);
            }
            for record in event.completed() {
                match &record.body {
                    Body::Alert { alert, .. } => alerts.push(*alert),
                    Body::ApplicationData { plaintext, .. } => lengths.push(*plaintext),
                    _ => {}
                }
            }
        }
        let (closing, alerts) = alerts
            .into_iter()
            .partition(|alert| alert.is_close_notify());
        Self {
            delivered,
            lengths,
            alerts,
            closing,
            may_send_alert: begins_alert(history),
        }
    }

    /// Whether the peer has merely not read yet what it has read of the other library, all of which
    /// has been sent in records.
    fn waits_for_its_peer(&self, other: &Self) -> bool {
        let nothing = nothing();
        let [read, there] =
            [self, other].map(|result| result.delivered.as_ref().unwrap_or(&nothing));
        let out = self.lengths.iter().sum();
        read.len < there.len && there.len <= out && there.begins_with(read)
    }
}

/// Whether the last record is incomplete and may be an alert.
fn begins_alert(history: &History<'_>) -> bool {
    let mut events = history.events.iter().rev();
    let last = events.find_map(|event| event.entry.sent.last());
    last.is_some_and(|record| record.may_be_alert(history.setting.variant.version))
}

/// Whether the other side has one more of them, and no other difference.
fn is_one_more(alerts: &[AlertSeen], others: &[AlertSeen]) -> bool {
    others.len() == alerts.len() + 1 && others.starts_with(alerts)
}

fn nothing() -> Content {
    Content {
        len: 0,
        segments: Vec::new(),
    }
}

/// Appends the bytes that were read next.
fn append(all: &mut Content, next: &Content) {
    all.len += next.len;
    for segment in &next.segments {
        match (all.segments.last_mut(), segment) {
            (Some(Segment::Stream { to: end, .. }), Segment::Stream { from, to })
            | (Some(Segment::Changed { to: end, .. }), Segment::Changed { from, to })
                if end == from =>
            {
                *end = *to;
            }
            _ => all.segments.push(segment.clone()),
        }
    }
}
