//! The limits of a case and of a report, so that no library can block a run, use up the memory of
//! the machine, or flood a report.
//!
//! [`Allowance::of`] computes the limits for the cases of a scenario. Each is many times what a
//! correct library needs, and is counted rather than timed, so that a case is stopped at the same
//! place on every machine. A case that exceeds one ends there with the [`Limit`] as its outcome,
//! and what it did not do is not judged. A report states how much its limits leave out.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::scenario::{PeerAction, Scenario, Step, WriteSource};
use crate::transport::{Budget, Inbound, Outbound};

/// Calls of the library that every case may make, with any steps: the recorded cases make some 100
/// at most.
const CALLS: usize = 1_000;

/// The fewest bytes of a long write that a correct library sends in one call over an open
/// transport: the smallest record that `SSL_CTX_set_max_send_fragment(3)` lets a caller ask for.
const SMALLEST_RECORD: usize = 512;

/// What a record adds to its content on the wire, at most, in bytes: header, initialisation vector,
/// MAC and padding of a CBC cipher (RFC 5246, section 6.2.3.2), or another record before it.
const RECORD_HEAD: usize = 128;

/// Calls that a write of the smallest size needs: itself, and one that flushes what the library
/// buffers.
const CALLS_OF_A_WRITE: usize = 2;

/// How often the bytes of a scenario may be sent: a library may seal a retry once more, and each
/// record adds its header.
const TIMES_SENT: usize = 4;

/// Bytes that every case may send, with any steps: key updates, alerts, and a handshake that a
/// write performs.
const WIRE_BYTES: usize = 256 << 10;

/// Bytes that both ends send in one handshake, at most: with the suite's certificate some 5,000.
const HANDSHAKE_BYTES: usize = 16 << 10;

/// Bytes that both ends send in other records than handshakes and data, at most: tickets, key
/// updates, alerts.
const OTHER_BYTES: usize = 4 << 10;

/// Calls of `handshake`, at most, that establish the session to resume before the first case: over
/// an open transport five are enough, over a socket some more.
pub(crate) const SESSION_CALLS: usize = 1_000;

/// Buffers of earlier writes that a case keeps, at most. They stay until it ends, so that no later
/// buffer has the address of an earlier one by chance. Each takes two of the 65,530 mappings that a
/// Linux process may have (`vm.max_map_count`).
const BUFFERS: usize = 4_096;

/// Bytes of such buffers that a case keeps, at most: a write of a mebibyte that is accepted record
/// by record needs half as many.
const BUFFERED_BYTES: usize = 64 << 20;

/// Address space that a process must have left after each call, in bytes: more than the suite and a
/// library allocate between two calls. With less the case ends, so that a failed allocation is not
/// mistaken for the library's behaviour.
pub(crate) const MEMORY_LEFT: usize = 16 << 20;

/// Entries of the error queue after one call, at most: in all known libraries it holds 16.
pub(crate) const QUEUE_ENTRIES: usize = 32;

/// Bytes of all entries of the error queue after one call, at most: a reason has some 30.
const QUEUE_BYTES: usize = 4 << 10;

/// Characters of a text from a library, such as its version or the message of a panic, at most.
pub(crate) const FOREIGN_TEXT: usize = 1_000;

/// Characters of a line of a trace, at most: the longest recorded one has some 300.
pub(crate) const LINE: usize = 2_000;

/// Parts of a list that are shown in a line, such as the messages of a record, at most.
pub(crate) const LISTED: usize = 40;

/// Findings of one clause in one case that are kept for each known issue, and as many unexpected
/// ones, at most.
pub(crate) const FINDINGS: usize = 16;

/// Entries and records of the trace of one case that are kept once it is judged, at most: the
/// recorded cases have some 200. Two thousand cases of this size take some 300 MiB.
pub(crate) const KEPT: usize = 1_000;

/// The size of a JSON report per case, in bytes; small cases leave room for larger ones. With 2,000
/// cases a report stays below 64 MiB.
pub(crate) const CASE_IN_JSON: usize = 30 << 10;

/// A report of fewer cases than this may be as large as one of this number.
pub(crate) const CASES_IN_JSON: usize = 2_000;

/// The limit at which a case was stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Limit {
    /// The steps were not done after this number of calls.
    Calls(usize),
    /// The library sent more bytes than this.
    WireBytes(usize),
    /// This number of buffers of earlier writes is kept already.
    Buffers(usize),
    /// This number of bytes in buffers of earlier writes is kept already.
    BufferedBytes(usize),
    /// A call left more entries than this in the error queue.
    QueueEntries(usize),
    /// The entries that a call left in the error queue have more bytes than this.
    QueueBytes(usize),
    /// The process has no memory left.
    Memory,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Calls(most) => write!(f, "after {most} calls without coming to the end"),
            Self::WireBytes(most) => {
                write!(f, "after sending {most} bytes, more than the case needs")
            }
            Self::Buffers(most) => write!(f, "after {most} buffers of writes"),
            Self::BufferedBytes(most) => write!(f, "after {most} bytes in buffers of writes"),
            Self::QueueEntries(most) => write!(f, "at an error queue of more than {most} entries"),
            Self::QueueBytes(most) => write!(f, "at an error queue of more than {most} bytes"),
            Self::Memory => f.write_str("as its process has no memory left"),
        }
    }
}

/// What a case may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Calls of the library.
    pub calls: usize,
    /// Bytes that the library sends.
    pub wire_bytes: usize,
    /// Buffers of earlier writes that are kept.
    pub buffers: usize,
    /// Bytes of such buffers.
    pub buffered_bytes: usize,
}

impl Allowance {
    /// The limits for the cases of this scenario.
    pub fn of(scenario: &Scenario) -> Self {
        let steps = &scenario.steps;
        let all = |of: fn(&Step) -> usize| steps.iter().map(of).fold(0, usize::saturating_add);
        let writes = all(writes);
        let written = all(offered).saturating_add(writes.saturating_mul(RECORD_HEAD));
        let read = all(sent_by_peer);
        let sent = written.saturating_mul(TIMES_SENT);
        let moved = sent.saturating_add(read.saturating_mul(TIMES_SENT));
        let slow = slow_calls(steps, moved);
        Self {
            calls: CALLS
                .saturating_add(writes.saturating_mul(CALLS_OF_A_WRITE))
                .saturating_add(sent / SMALLEST_RECORD)
                .saturating_add(slow),
            wire_bytes: WIRE_BYTES
                .saturating_add(sent)
                .saturating_add(all(handshakes).saturating_mul(HANDSHAKE_BYTES)),
            buffers: BUFFERS.saturating_add(writes),
            buffered_bytes: BUFFERED_BYTES,
        }
    }
}

/// How many more calls a case may need because its transport moves only a few bytes in each, if its
/// writes and reads move this number of bytes.
fn slow_calls(steps: &[Step], moved: usize) -> usize {
    let Some(first) = steps
        .iter()
        .position(|step| moved_each_call(step).is_some())
    else {
        return 0;
    };
    let (before, slow) = steps.split_at(first);
    // Without a step for it, a write performs the handshake.
    let first_handshake = usize::from(!before.contains(&Step::Handshake));
    let handshakes = slow.iter().map(handshakes).sum::<usize>() + first_handshake;
    let moved = moved
        .saturating_add(handshakes.saturating_mul(HANDSHAKE_BYTES))
        .saturating_add(OTHER_BYTES);
    let least = slow.iter().filter_map(moved_each_call).min();
    least.map_or(0, |least| moved / least)
}

/// How many writes a step makes.
fn writes(step: &Step) -> usize {
    match step {
        Step::Write(write) => write.times.get(),
        _ => 0,
    }
}

/// How many handshakes a step performs, at most.
fn handshakes(step: &Step) -> usize {
    match step {
        Step::Handshake | Step::Renegotiate | Step::Peer(PeerAction::Renegotiate) => 1,
        _ => 0,
    }
}

/// How many bytes a step offers to the library.
fn offered(step: &Step) -> usize {
    match step {
        Step::Write(write) => {
            let len = match &write.source {
                WriteSource::Pattern(len) => *len,
                WriteSource::Literal(bytes) => bytes.len(),
                WriteSource::Rest | WriteSource::Null | WriteSource::Negative(_) => 0,
            };
            len.saturating_mul(write.times.get())
        }
        Step::Retry(retry) => retry.len.unwrap_or(0),
        _ => 0,
    }
}

fn sent_by_peer(step: &Step) -> usize {
    match step {
        Step::Peer(PeerAction::Write(len)) => len.get(),
        _ => 0,
    }
}

/// How many bytes the transport moves in each call from this step on, if that is set and not 0.
fn moved_each_call(step: &Step) -> Option<usize> {
    match step {
        Step::Link(Outbound {
            accept: Budget::EachCall(bytes),
            ..
        })
        | Step::Inbound(Inbound {
            deliver: Budget::EachCall(bytes),
            ..
        }) => Some(*bytes).filter(|&bytes| bytes > 0),
        _ => None,
    }
}

/// The limit that an error queue with so many entries, and so many bytes of text in all, exceeds.
pub(crate) fn of_queue(entries: usize, bytes: usize) -> Option<Limit> {
    if entries > QUEUE_ENTRIES {
        return Some(Limit::QueueEntries(QUEUE_ENTRIES));
    }
    (bytes > QUEUE_BYTES).then_some(Limit::QueueBytes(QUEUE_BYTES))
}

/// The text, or its beginning and its number of characters if it has more than `most`.
pub(crate) fn shortened(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => Cow::Borrowed(text),
        Some((end, _)) => {
            let all = most + text[end..].chars().count();
            Cow::Owned(format!("{}… ({all} characters in all)", &text[..end]))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortened_text_ends_between_characters_and_states_its_length() {
        assert_eq!(shortened("grün", 4), "grün");
        assert_eq!(shortened("grüne", 3), "grü… (5 characters in all)");
        assert_eq!(shortened("", 0), "");
    }

    #[test]
    fn error_queue_is_limited_in_entries_and_in_bytes() {
        assert_eq!(of_queue(32, 4096), None);
        assert_eq!(of_queue(33, 33), Some(Limit::QueueEntries(32)));
        assert_eq!(of_queue(1, 4097), Some(Limit::QueueBytes(4096)));
    }
}
