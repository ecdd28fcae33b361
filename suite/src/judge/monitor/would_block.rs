//! When a call asks for a retry, and in which direction.

use super::{Event, History, Monitor, Notes, Observation, Returned, Wanted};
use crate::scenario::Step;
use crate::trace::{Asked, Call, ErrorClass};
use crate::transport::{Errno, FlowStats, Refusal};

pub(super) static MONITORS: &[Monitor] = &[
    Monitor::libssl("would-block.want-write", want_write),
    Monitor::libssl("would-block.want-read", want_read),
    Monitor::libssl("bio.blocking-returns-when-done", blocking_returns_when_done),
    Monitor::all("would-block.want-write-only-when-refused", want_write_only),
    Monitor::all("would-block.want-read-only-when-empty", want_read_only),
];

fn want_write(history: &History<'_>, notes: &mut Notes) {
    for (event, _, call) in history.writes() {
        let Some(traffic) = &event.entry.traffic else {
            // For a BIO of the library, or a socket, only the call's own report is visible.
            let is_other = call.error == ErrorClass::WantRead || has_been_ended(event, call);
            if may_only_wait(history, event) && !is_other {
                let kept = call.error == ErrorClass::WantWrite;
                notes.check(kept, event, "WANT_WRITE", Returned(call));
            }
            continue;
        };
        // A call that was refused in both directions may report either. Received bytes, or the call
        // not being the required retry, may have ended the connection: then the transport refused
        // the alert. A write that carries out a handshake may find bytes received before.
        let ended = call.error == ErrorClass::Ssl && !call.queue.is_empty();
        let may_end =
            traffic.inbound.moved || event.sends_handshake() || !event.is_permitted_call();
        let ended = ended && may_end;
        let refused = traffic.outbound.is_to_be_retried() && !traffic.inbound.is_to_be_retried();
        if refused && !ended && event.connection_is_healthy() && call.error != ErrorClass::None {
            let kept = call.error == ErrorClass::WantWrite;
            notes.check(kept, event, "WANT_WRITE", Returned(call));
        }
    }
}

fn want_read(history: &History<'_>, notes: &mut Notes) {
    for (event, _, call) in history.writes() {
        let Some(traffic) = &event.entry.traffic else {
            if may_only_wait(history, event) && call.error == ErrorClass::WantRead {
                notes.satisfied();
            }
            continue;
        };
        let empty = traffic.inbound.is_to_be_retried() && !traffic.outbound.is_to_be_retried();
        if empty && event.connection_is_healthy() && call.error != ErrorClass::None {
            let kept = call.error == ErrorClass::WantRead;
            notes.check(kept, event, "WANT_READ", Returned(call));
        }
    }
}

/// Whether the call reports that received bytes have ended the connection, and bytes had been
/// received: those that a write reads in a handshake within the connection.
fn has_been_ended(event: &Event<'_>, call: &Call) -> bool {
    let says_so = match call.error {
        ErrorClass::Ssl => !call.queue.is_empty(),
        ErrorClass::ZeroReturn => true,
        _ => false,
    };
    // Bytes may have been read already, and not processed.
    says_so && (!event.entry.taken.is_empty() || event.sends_handshake())
}

/// Whether a full or empty transport, about which nothing more is known, is the only possible
/// reason why a write is incomplete: the call is permitted, the connection is healthy, and nothing
/// fails.
fn may_only_wait(history: &History<'_>, event: &Event<'_>) -> bool {
    let not_done = event
        .call()
        .is_some_and(|call| call.error != ErrorClass::None);
    let waits = history.setting.variant.transport.waits();
    not_done && !waits && event.is_permitted_call() && event.connection_is_healthy()
}

fn blocking_returns_when_done(history: &History<'_>, notes: &mut Notes) {
    if !history.setting.variant.transport.waits() {
        return;
    }
    for (event, _, call) in history.writes() {
        let kept = !call.error.is_retry();
        notes.check(kept, event, "done, or failed", Returned(call));
    }
}

/// Whether the call moves bytes to or from the wire: SSL_get_error(3) does not cover other calls.
fn moves_bytes(asked: &Asked) -> bool {
    match asked {
        Asked::Write(_) | Asked::Flush => true,
        Asked::Step(step) => matches!(step, Step::Handshake | Step::Read(_) | Step::Shutdown),
        Asked::Nothing => false,
    }
}

/// Whether the transport refused and asked for a retry. For std::io the error number alone says so
/// (io::ErrorKind::WouldBlock); a BIO has a flag.
fn is_to_be_retried(flow: &FlowStats, history: &History<'_>) -> bool {
    let said_again = flow.refusal == Some(Refusal::Fail(Errno::AGAIN));
    flow.is_to_be_retried() || (said_again && !history.is_libssl())
}

/// For a call other than a write, a pending write that was refused may be the reason: its record
/// has to be sent first.
fn want_write_only(history: &History<'_>, notes: &mut Notes) {
    for (event, call) in history.calls() {
        let Some(traffic) = &event.entry.traffic else {
            continue;
        };
        if call.error != ErrorClass::WantWrite || !moves_bytes(&event.entry.asked) {
            continue;
        }
        let refused = is_to_be_retried(&traffic.outbound, history);
        let pending = event.before.pending.filter(|_| event.attempt().is_none());
        let waits = pending.is_some_and(|pending| pending.error == ErrorClass::WantWrite);
        notes.check(
            refused || waits,
            event,
            "WANT_WRITE only when the transport would not take something",
            Observation::WantsWithoutCause(Wanted::Write),
        );
    }
}

/// A read, including that of a shutdown, may report it after any record without application data
/// (SSL_get_error(3), and SSL_CTX_set_mode(3), SSL_MODE_AUTO_RETRY).
fn want_read_only(history: &History<'_>, notes: &mut Notes) {
    for (event, call) in history.calls() {
        let Some(traffic) = &event.entry.traffic else {
            continue;
        };
        let reads = matches!(event.step(), Some(Step::Read(_) | Step::Shutdown));
        if call.error == ErrorClass::WantRead && moves_bytes(&event.entry.asked) && !reads {
            notes.check(
                is_to_be_retried(&traffic.inbound, history),
                event,
                "WANT_READ only when the transport had nothing",
                Observation::WantsWithoutCause(Wanted::Read),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::*;
    use crate::scenario::TransportKind;
    use crate::trace::{Call, ErrorClass};
    use crate::transport::Direction::{In, Out};
    use crate::transport::Errno;
    use crate::transport::Refusal::{Fail, WouldBlock, ZeroRetry};

    #[test]
    fn full_transport_is_reported_as_want_write() {
        let clause = "would-block.want-write";
        let base = Script::tls13();
        kept(clause, 1, &base.clone().blocked_write());
        let failed_connection = base.clone().write(9, failed(-1, ErrorClass::Syscall));
        broken(clause, 2, &failed_connection.refused(Out, ZeroRetry));
        // Received bytes have ended the connection, and the alert about them could not be sent.
        let ended = base.clone().write(9, refused("ssl:unexpected record"));
        let mut ended = ended.refused(Out, WouldBlock);
        broken(clause, 2, &ended);
        not_exercised(clause, &ended.clone().sent(messages(&["client_hello"])));
        ended.traffic().inbound.moved = true;
        not_exercised(clause, &ended);
        // Nor could the one about a call that is not the retry.
        let wrong = base.clone().blocked_write();
        let wrong = wrong.write(9, refused("ssl:bad length"));
        kept(clause, 1, &wrong.refused(Out, WouldBlock));
        not_exercised(clause, &base.clone().write(9, Call::success(9)));
        // For a BIO of the library only the result is known.
        let unseen = |call| base.clone().write(9, call).over(TransportKind::BioPair);
        kept(clause, 1, &unseen(failed(-1, ErrorClass::WantWrite)));
        broken(clause, 2, &unseen(failed(-1, ErrorClass::Syscall)));
        not_exercised(clause, &unseen(wants_read()));
        // Bytes received during the call may have ended the connection.
        for (call, received) in [
            (refused("ssl:unexpected record"), data(9)),
            (
                failed(-1, ErrorClass::ZeroReturn),
                alert("warning close_notify"),
            ),
        ] {
            broken(clause, 2, &unseen(call.clone()));
            not_exercised(clause, &unseen(call).taken(received));
        }
    }

    #[test]
    fn empty_transport_is_reported_as_want_read() {
        let clause = "would-block.want-read";
        let base = Script::tls13();
        let write = |call| base.clone().write(9, call).refused(In, WouldBlock);
        kept(clause, 1, &write(wants_read()));
        broken(clause, 2, &write(refused("ssl:bad length")));
        not_exercised(clause, &base.clone().blocked_write());
    }

    #[test]
    fn call_over_a_blocking_transport_completes() {
        let clause = "bio.blocking-returns-when-done";
        let done = Script::tls13().write(9, Call::success(9));
        kept(clause, 1, &done.clone().over(TransportKind::Blocking));
        let again = Script::tls13().blocked_write();
        broken(
            clause,
            2,
            &again.clone().over(TransportKind::BlockingSocket),
        );
        not_exercised(clause, &again);
        not_exercised(clause, &done.over(TransportKind::Socket));
    }

    #[test]
    fn want_write_needs_a_refusal() {
        let clause = "would-block.want-write-only-when-refused";
        let base = Script::tls13();
        kept(clause, 1, &base.clone().blocked_write());
        broken(clause, 2, &base.clone().write(9, wants_write()));
        broken(clause, 2, &base.clone().read(wants_write()));
        kept(clause, 2, &base.clone().blocked_write().read(wants_write()));
        not_exercised(clause, &base.clone().write(9, Call::success(9)));
        // An error number without a flag is enough for an interface without flags.
        let number = base.write(9, wants_write());
        let number = number.refused(Out, Fail(Errno::AGAIN));
        broken(clause, 2, &number);
        kept(clause, 1, &number.other_interface());
    }

    #[test]
    fn want_read_needs_an_empty_transport() {
        let clause = "would-block.want-read-only-when-empty";
        let base = Script::tls13();
        let write = base.clone().write(9, wants_read());
        kept(clause, 1, &write.clone().refused(In, WouldBlock));
        broken(clause, 2, &write);
        not_exercised(clause, &base.clone().read(wants_read()));
        not_exercised(clause, &base.blocked_write());
        // For std::io the number alone says so.
        let again = write.refused(In, Fail(Errno::AGAIN));
        broken(clause, 2, &again);
        kept(clause, 1, &again.other_interface());
    }
}
