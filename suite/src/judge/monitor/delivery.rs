//! Which bytes were sent, and which of them the peer received.

use std::cmp::Ordering;

use super::{ConnectionState, Delivered, Event, Gap, History, Monitor, Notes, Observation};
use crate::trace::{Asked, Body, Call, ErrorClass, RecordSeen, Segment};
use crate::transport::{Refusal, Traffic};

pub(super) static MONITORS: &[Monitor] = &[
    Monitor::all("delivery.once-and-in-order", once_and_in_order),
    Monitor::all("delivery.only-what-was-offered", only_what_was_offered),
    Monitor::all("delivery.no-more-than-offered", no_more_than_offered),
    Monitor::libssl("success.bytes-are-on-the-wire", bytes_are_on_the_wire),
];

impl RecordSeen {
    /// The bytes in it that do not simply follow the previous ones.
    pub(super) fn unexpected(&self) -> &[Segment] {
        match &self.body {
            Body::ApplicationData {
                unexpected: Some(content),
                ..
            } => &content.segments,
            _ => &[],
        }
    }
}

/// The end of the bytes that continue from `position`. Bytes changed by a retry are distinct, and
/// also continue it.
fn follow(segments: &[Segment], position: usize) -> Result<usize, Gap> {
    segments
        .iter()
        .try_fold(position, |position, segment| match segment {
            Segment::Stream { from, to } | Segment::Changed { from, to } => {
                match from.cmp(&position) {
                    Ordering::Equal => Ok(*to),
                    Ordering::Greater => Err(Gap::Missing(from - position)),
                    Ordering::Less => Err(Gap::Repeated(position - from)),
                }
            }
            // Out of order, but another clause covers it.
            Segment::Left { .. } | Segment::Foreign { .. } => Ok(position),
        })
}

/// The position of the end of these bytes in the offered stream.
fn end_of(segments: &[Segment]) -> Option<usize> {
    segments.iter().rev().find_map(|segment| match segment {
        Segment::Stream { to, .. } | Segment::Changed { to, .. } => Some(*to),
        Segment::Left { .. } | Segment::Foreign { .. } => None,
    })
}

fn once_and_in_order(history: &History<'_>, notes: &mut Notes) {
    let (mut sent_to, mut read_to) = (0, 0);
    let mut readable = true;
    for (index, event) in history.events.iter().enumerate() {
        for record in event.completed() {
            let Body::ApplicationData { plaintext, .. } = record.body else {
                continue;
            };
            let unexpected = record.unexpected();
            let end = match unexpected {
                [] => Ok(sent_to + plaintext),
                segments => follow(segments, sent_to),
            };
            let expected = format_args!("the bytes from {sent_to} on");
            match end {
                Ok(_) => notes.satisfied(),
                Err(gap) => {
                    let place = Delivered::Record(record.clone());
                    notes.violated(event, expected, Observation::OutOfOrder { place, gap });
                }
            }
            sent_to = end.ok().or(end_of(unexpected)).unwrap_or(sent_to);
        }
        if let Some(content) = event.delivered().filter(|content| content.len > 0) {
            let end = follow(&content.segments, read_to);
            let expected = format_args!("the bytes from {read_to} on");
            match end {
                Ok(_) => notes.satisfied(),
                Err(gap) => {
                    let place = Delivered::Peer(content.clone());
                    notes.violated(event, expected, Observation::OutOfOrder { place, gap });
                }
            }
            read_to = end.ok().or(end_of(&content.segments)).unwrap_or(read_to);
        }
        readable &= !event.entry.sent.iter().any(RecordSeen::is_closed);
        if readable {
            check_flush(event, history.after(index), notes);
        }
    }
}

/// A library that buffers accepted bytes has sent them when it reports a successful flush.
fn check_flush(event: &Event<'_>, after: &ConnectionState, notes: &mut Notes) {
    let done = matches!(event.call(), Some(call) if call.error == ErrorClass::None);
    if event.entry.asked == Asked::Flush && done && after.connection_is_healthy() {
        notes.check(
            after.sealed >= after.accepted,
            event,
            format_args!("all {} bytes are sent", after.accepted),
            Observation::Sealed {
                bytes: after.sealed,
                off: after.accepted.abs_diff(after.sealed),
                flush: true,
                transport_said_zero: false,
            },
        );
    }
}

fn only_what_was_offered(history: &History<'_>, notes: &mut Notes) {
    let is_foreign = |segment: &&Segment| matches!(segment, Segment::Foreign { .. });
    for event in &history.events {
        for record in event
            .completed()
            .filter(|record| record.is_application_data())
        {
            match record.unexpected().iter().find(is_foreign) {
                Some(foreign) => {
                    let foreign = Observation::Foreign(foreign.clone());
                    notes.violated(event, "bytes of a write", foreign);
                }
                None => notes.satisfied(),
            }
        }
    }
}

fn no_more_than_offered(history: &History<'_>, notes: &mut Notes) {
    // The end of the offered bytes that may still be in transit.
    let mut offered_to = 0;
    for (index, event) in history.events.iter().enumerate() {
        let after = history.after(index);
        if let Some(attempt) = event.attempt() {
            let len = attempt.argument.len().unwrap_or(0);
            let succeeded = event.call().is_some_and(|call| call.accepted().is_some());
            // A successful empty write leaves the pending write unchanged.
            offered_to = if succeeded && len > 0 {
                after.accepted
            } else {
                offered_to.max(event.before.accepted + len)
            };
        }
        if event.completed().any(RecordSeen::is_application_data) {
            notes.check(
                after.sealed <= offered_to.max(after.accepted),
                event,
                format_args!(
                    "at most {} bytes on the wire",
                    offered_to.max(after.accepted)
                ),
                Observation::Sealed {
                    bytes: after.sealed,
                    off: after.sealed.abs_diff(offered_to.max(after.accepted)),
                    flush: false,
                    transport_said_zero: false,
                },
            );
        }
    }
}

/// If another BIO, or the system, stands between the library and the wire, it may still hold the
/// bytes.
fn bytes_are_on_the_wire(history: &History<'_>, notes: &mut Notes) {
    let mut readable = true;
    for (index, event) in history.events.iter().enumerate() {
        readable &= !event.entry.sent.iter().any(RecordSeen::is_closed);
        let accepted = event.call().and_then(Call::accepted).unwrap_or(0);
        let seen = readable && event.entry.traffic.is_some();
        if event.attempt().is_none() || accepted == 0 || !seen {
            continue;
        }
        let after = history.after(index);
        let zero = |traffic: Traffic| traffic.outbound.refusal == Some(Refusal::Zero);
        notes.check(
            after.sealed >= after.accepted,
            event,
            format_args!("{} bytes in records that went out", after.accepted),
            Observation::Sealed {
                bytes: after.sealed,
                off: after.accepted.abs_diff(after.sealed),
                flush: false,
                transport_said_zero: event.entry.traffic.is_some_and(zero),
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::*;
    use crate::scenario::TransportKind;
    use crate::trace::{Body, Call, RecordSeen, Segment};
    use crate::wire::ContentType;

    fn stream(from: usize, to: usize) -> Segment {
        Segment::Stream { from, to }
    }

    fn written() -> Script {
        Script::tls13()
            .write(100, Call::success(100))
            .sent(data(100))
    }

    #[test]
    fn bytes_arrive_once_and_in_order() {
        let clause = "delivery.once-and-in-order";
        kept(clause, 2, &written().peer_read(vec![stream(0, 100)]));
        broken(clause, 3, &written().peer_read(vec![stream(10, 100)]));
        let again = written().write(50, Call::success(50));
        broken(clause, 3, &again.sent(data_of(vec![stream(0, 50)])));
        let changed = Segment::Changed { from: 60, to: 100 };
        kept(
            clause,
            2,
            &written().peer_read(vec![stream(0, 60), changed]),
        );
        not_exercised(clause, &Script::tls13().blocked_write());
    }

    #[test]
    fn sent_bytes_were_offered() {
        let clause = "delivery.only-what-was-offered";
        kept(clause, 1, &written());
        let foreign = data_of(vec![Segment::Foreign { len: 9 }]);
        broken(
            clause,
            2,
            &Script::tls13().write(9, Call::success(9)).sent(foreign),
        );
        not_exercised(clause, &Script::tls13().blocked_write());
    }

    #[test]
    fn sent_bytes_do_not_exceed_the_offer() {
        let clause = "delivery.no-more-than-offered";
        let base = Script::tls13();
        kept(clause, 1, &written());
        kept(
            clause,
            1,
            &base.clone().write(20000, wants_write()).sent(data(16384)),
        );
        broken(
            clause,
            2,
            &base.clone().write(50, Call::success(50)).sent(data(100)),
        );
        not_exercised(clause, &base.blocked_write());
    }

    #[test]
    fn reported_bytes_are_on_the_wire() {
        let clause = "success.bytes-are-on-the-wire";
        kept(clause, 1, &written());
        broken(clause, 2, &Script::tls13().write(9, Call::success(9)));
        not_exercised(clause, &Script::tls13().blocked_write());
        let closed = RecordSeen {
            body: Body::NoKey {
                content_type: ContentType::ApplicationData,
            },
            ..data(9)
        };
        let closed = Script::tls13().write(9, Call::success(9)).sent(closed);
        not_exercised(clause, &closed);
        // Nor can a flush after it be judged by the visible bytes.
        let flushed = closed.flushed(Call::success(1));
        not_exercised("delivery.once-and-in-order", &flushed);
        let lost = Script::tls13().write(9, Call::success(9));
        broken(
            "delivery.once-and-in-order",
            3,
            &lost.flushed(Call::success(1)),
        );
        let other = Script::tls13().other_interface();
        not_exercised(clause, &other.write(9, Call::success(9)));
        let memory = Script::tls13().write(9, Call::success(9));
        not_exercised(clause, &memory.over(TransportKind::MemoryBio));
    }
}
