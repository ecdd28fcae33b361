//! Retries of a write, permitted and not permitted.

use super::{ConnectionState, Event, History, Monitor, Notes, Observation, Pending, Returned};
use crate::scenario::{Buffer, Mode, RetryContent, Step};
use crate::trace::{Attempt, Body, Call, ErrorClass, RecordSeen, Segment, Verb};

pub(super) static MONITORS: &[Monitor] = &[
    Monitor::libssl("retry.same-arguments", same_arguments),
    Monitor::libssl("retry.moving-buffer", moving_buffer),
    Monitor::libssl("retry.moved-without-the-mode", moved_without_the_mode),
    Monitor::libssl("retry.shorter-is-refused", shorter_is_refused),
    Monitor::libssl("retry.read-in-between", read_in_between),
    Monitor::all("retry.moved-bytes-are-sent", moved_bytes_are_sent),
];

/// Whether a call can be continued, or has succeeded.
fn goes_on(call: &Call) -> bool {
    call.error == ErrorClass::None || call.error.is_retry()
}

/// The permitted retries of pending writes, on healthy connections.
fn permitted_retries<'c, 't>(
    history: &'c History<'t>,
) -> impl Iterator<Item = (&'c Event<'t>, &'t Attempt, &'t Call)> {
    history.writes().filter(|(event, ..)| {
        let is_under_way = event.before.pending.is_some();
        is_under_way
            && event.is_permitted_call()
            && event.connection_is_healthy()
            && !waits_for_closed_peer(event)
    })
}

/// Whether the write waits for the peer in a handshake within the connection, and the peer has
/// closed.
fn waits_for_closed_peer(event: &Event<'_>) -> bool {
    let waits = |pending: &Pending| pending.error == ErrorClass::WantRead;
    let closes = |record: &RecordSeen| match &record.body {
        Body::Alert { alert, .. } => alert.is_close_notify(),
        _ => false,
    };
    let has_closed = event.before.peer.is_closed() || event.entry.taken.iter().any(closes);
    // Or it only reaches that state now, when the transport accepts its messages.
    let speaks = |record: &RecordSeen| !record.messages().is_empty();
    let waits = event.before.pending.as_ref().is_some_and(waits);
    has_closed && (waits || event.entry.sent.iter().any(speaks))
}

fn same_arguments(history: &History<'_>, notes: &mut Notes) {
    for (event, attempt, call) in permitted_retries(history) {
        if attempt.buffer == Buffer::Same {
            notes.check(goes_on(call), event, "the write goes on", Returned(call));
        }
    }
}

fn moving_buffer(history: &History<'_>, notes: &mut Notes) {
    for (event, attempt, call) in permitted_retries(history) {
        if attempt.buffer == Buffer::Moved {
            notes.check(goes_on(call), event, "the write goes on", Returned(call));
        }
    }
}

fn moved_without_the_mode(history: &History<'_>, notes: &mut Notes) {
    for (event, attempt, call) in history.writes() {
        let Some(pending) = &event.before.pending else {
            continue;
        };
        let moved = attempt.verb == Verb::Retry
            && attempt.buffer == Buffer::Moved
            && attempt.argument == pending.attempt.argument
            && attempt.content == RetryContent::Same;
        // Before a record of the write has begun, a library has no pointer to compare with.
        if moved
            && pending.begun
            && !event.before.has(Mode::MovingBuffer)
            && event.connection_is_healthy()
        {
            notes.check(
                !goes_on(call),
                event,
                "the repetition is refused",
                Returned(call),
            );
        }
    }
}

/// The most by which a record on the wire exceeds its content, in bytes: the header, and an
/// initialisation vector, a MAC and padding of CBC. TLS 1.3 could pad it further.
const OVERHEAD: usize = 5 + 16 + 48 + 256;

/// The minimum number of bytes of the pending write in records that have begun.
fn under_way(before: &ConnectionState, len: usize) -> usize {
    let out = before.sealed.saturating_sub(before.accepted);
    let next = before
        .incomplete
        .map_or(0, |wire| wire.saturating_sub(OVERHEAD));
    out + next.min(len.saturating_sub(out))
}

fn shorter_is_refused(history: &History<'_>, notes: &mut Notes) {
    for (event, attempt, call) in history.writes() {
        let (Some(pending), Some(len)) = (&event.before.pending, attempt.argument.len()) else {
            continue;
        };
        let bytes = under_way(&event.before, pending.len);
        let shorter = attempt.verb == Verb::Retry && (1..bytes).contains(&len);
        if shorter && pending.begun && event.connection_is_healthy() {
            notes.check(
                !goes_on(call),
                event,
                format_args!("{len} of {bytes} bytes that are under way are refused"),
                Returned(call),
            );
        }
    }
}

/// A read that finds the peer's renegotiation may fail for other reasons.
fn is_plain_read(event: &Event<'_>) -> bool {
    let renegotiates = event.entry.taken.iter().any(RecordSeen::has_hello);
    matches!(event.step(), Some(Step::Read(_))) && event.connection_is_healthy() && !renegotiates
}

fn read_in_between(history: &History<'_>, notes: &mut Notes) {
    let mut was_read = false;
    for event in &history.events {
        let Some(call) = event.call() else { continue };
        if event.before.pending.is_none() {
            was_read = false;
            continue;
        }
        if is_plain_read(event) {
            was_read = true;
            if matches!(call.error, ErrorClass::Ssl | ErrorClass::Syscall) {
                notes.violated(event, "a read does the write no harm", Returned(call));
            }
        } else if was_read && event.is_permitted_call() && event.connection_is_healthy() {
            notes.check(goes_on(call), event, "the write goes on", Returned(call));
        }
    }
}

fn moved_bytes_are_sent(history: &History<'_>, notes: &mut Notes) {
    let mut moved = false;
    for event in &history.events {
        if let (Some(attempt), Some(call)) = (event.attempt(), event.call()) {
            moved |= attempt.buffer == Buffer::Moved && goes_on(call);
        }
        if !moved {
            continue;
        }
        for record in event
            .completed()
            .filter(|record| record.is_application_data())
        {
            let is_left = |segment: &&Segment| matches!(segment, Segment::Left { .. });
            match record.unexpected().iter().find(is_left) {
                Some(left) => {
                    let left = Observation::Foreign(left.clone());
                    notes.violated(event, "bytes of the new buffer", left);
                }
                None => notes.satisfied(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::*;
    use crate::scenario::{Mode, PeerAction, Step};
    use crate::trace::{Call, ErrorClass, Segment};

    #[test]
    fn permitted_retry_is_not_refused() {
        let clause = "retry.same-arguments";
        let base = Script::tls13().blocked_write();
        let on = base.clone().retry(1000, wants_write());
        kept(clause, 2, &on.retry(1000, Call::success(1000)));
        broken(
            clause,
            3,
            &base.clone().retry(1000, refused("ssl:bad write retry")),
        );
        not_exercised(clause, &base.clone().retry(999, refused("ssl:bad length")));
        let failed_connection = base.peer(PeerAction::FatalAlert).read(refused("ssl:alert"));
        let failed_connection = failed_connection.taken(alert("fatal bad_record_mac"));
        not_exercised(
            clause,
            &failed_connection.retry(1000, failed(-1, ErrorClass::Ssl)),
        );
        // A write that begins a handshake within the connection cannot continue if the peer has
        // closed.
        let closed = Script::tls12()
            .blocked_write()
            .retry(1000, failed(-1, ErrorClass::ZeroReturn))
            .taken(alert("warning close_notify"));
        broken(clause, 3, &closed);
        not_exercised(clause, &closed.sent(messages(&["client_hello"])));
        // Nor one in such a handshake if the peer sends data instead, which another clause covers.
        let shakes = Script::tls12()
            .write(1000, wants_read())
            .sent(messages(&["client_hello"]));
        let refused_for_it = |script: Script| script.retry(1000, refused("ssl:unexpected record"));
        broken(clause, 3, &refused_for_it(shakes.clone()));
        not_exercised(clause, &refused_for_it(shakes.clone()).taken(data(1)));
        let read = shakes.clone().read(Call::success(1)).taken(data(1));
        not_exercised(clause, &refused_for_it(read.clone()));
        let over = |script: Script| {
            script
                .sent(messages(&["finished"]))
                .taken(messages(&["finished"]))
        };
        broken(
            clause,
            5,
            &refused_for_it(over(read.retry(1000, wants_write()))),
        );
        // The manual does not specify whether a call that does not move the bytes back may be
        // refused when moving is no longer permitted.
        let modes = vec![Mode::MovingBuffer];
        let moving = Script::tls13().modes(&modes).blocked_write();
        let moved = moving.attempt(moved(1000), wants_write());
        let still = moved.clone().retry(1000, refused("ssl:bad write retry"));
        broken(clause, 5, &still);
        let ended = moved
            .clone()
            .called(Step::ClearModes(modes.clone()), Call::success(1));
        not_exercised(clause, &ended.retry(1000, refused("ssl:bad write retry")));
        let again = moved.retry(1000, wants_write());
        let ended = again.called(Step::ClearModes(modes.clone()), Call::success(1));
        kept(
            clause,
            1,
            &ended.retry(1000, refused("ssl:bad write retry")),
        );
        // Another write in place of the retry also uses another address.
        let again = Script::tls13().modes(&modes).blocked_write();
        let again = again.write(1000, wants_write());
        let ended = again.called(Step::ClearModes(modes), Call::success(1));
        not_exercised(clause, &ended.retry(1000, refused("ssl:bad write retry")));
    }

    #[test]
    fn moved_retry_continues_with_the_mode() {
        let clause = "retry.moving-buffer";
        let base = Script::tls13();
        let moving = base.clone().modes(&[Mode::MovingBuffer]).blocked_write();
        kept(
            clause,
            1,
            &moving.clone().attempt(moved(1000), Call::success(1000)),
        );
        broken(
            clause,
            4,
            &moving.attempt(moved(1000), refused("ssl:bad write retry")),
        );
        let plain = base.blocked_write();
        not_exercised(
            clause,
            &plain.attempt(moved(1000), refused("ssl:bad write retry")),
        );
    }

    #[test]
    fn moved_retry_is_refused_without_the_mode() {
        let clause = "retry.moved-without-the-mode";
        let base = Script::tls13();
        let plain = base.clone().blocked_write();
        kept(
            clause,
            1,
            &plain
                .clone()
                .attempt(moved(1000), refused("ssl:bad write retry")),
        );
        broken(clause, 3, &plain.attempt(moved(1000), Call::success(1000)));
        let moving = base.clone().modes(&[Mode::MovingBuffer]).blocked_write();
        not_exercised(clause, &moving.attempt(moved(1000), Call::success(1000)));
        // A key update may be pending.
        let update = base.write(1000, wants_write()).sent(begun_of(27));
        not_exercised(clause, &update.attempt(moved(1000), wants_write()));
        // Before its first data, any of a server's records may be a ticket.
        let server = Script::tls13().server_with_tickets();
        let after_data = |has_written: bool| {
            if has_written {
                server.clone().write(9, Call::success(9)).sent(data(9))
            } else {
                server.clone()
            }
        };
        let cut = |has_written| {
            after_data(has_written)
                .write(1000, wants_write())
                .sent(begun())
        };
        not_exercised(clause, &cut(false).attempt(moved(1000), wants_write()));
        broken(clause, 4, &cut(true).attempt(moved(1000), wants_write()));
    }

    #[test]
    fn shorter_retry_is_refused() {
        let clause = "retry.shorter-is-refused";
        let base = Script::tls13().blocked_write();
        kept(
            clause,
            1,
            &base.clone().retry(500, refused("ssl:bad length")),
        );
        broken(clause, 3, &base.clone().retry(500, Call::success(500)));
        // The difference is too small to decide from the length on the wire whether it is less than
        // the pending bytes.
        not_exercised(clause, &base.clone().retry(999, Call::success(999)));
        not_exercised(clause, &base.retry(1000, Call::success(1000)));
    }

    #[test]
    fn interleaved_read_does_not_affect_the_write() {
        let clause = "retry.read-in-between";
        let base = Script::tls13().blocked_write();
        let read = base.clone().read(wants_read());
        kept(clause, 1, &read.clone().retry(1000, Call::success(1000)));
        broken(clause, 4, &read.retry(1000, refused("ssl:bad write retry")));
        broken(clause, 3, &base.clone().read(refused("ssl:bad length")));
        not_exercised(clause, &base.retry(1000, Call::success(1000)));
        // Nor does the read cause a refusal that compares the call with the earlier address of the
        // bytes.
        let modes = vec![Mode::MovingBuffer];
        let moving = Script::tls13().modes(&modes).blocked_write();
        let moved = moving
            .read(wants_read())
            .attempt(moved(1000), wants_write());
        let ended = moved.called(Step::ClearModes(modes), Call::success(1));
        kept(
            clause,
            1,
            &ended.retry(1000, refused("ssl:bad write retry")),
        );
    }

    #[test]
    fn sent_bytes_come_from_the_new_buffer() {
        let clause = "retry.moved-bytes-are-sent";
        let moving = Script::tls13().modes(&[Mode::MovingBuffer]).blocked_write();
        let again = moving.clone().attempt(moved(1000), Call::success(1000));
        kept(clause, 1, &again.clone().sent(rest(1000)));
        let left = data_of(vec![Segment::Left { len: 1000 }]);
        broken(clause, 4, &again.sent(left));
        not_exercised(
            clause,
            &moving.retry(1000, Call::success(1000)).sent(rest(1000)),
        );
    }
}
