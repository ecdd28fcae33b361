//! The error reports of a write: `SSL_get_error`, `SSL_want`, the error queue and errno.

use super::{Contradiction, Event, History, Monitor, Notes, Observation, Returned, has_succeeded};
use crate::trace::{Attempt, Call, ErrorClass, QueueEntry, Want};
use crate::transport::{Errno, Refusal};

pub(super) static MONITORS: &[Monitor] = &[
    Monitor::libssl("error.get-error-after-failure", get_error_after_failure),
    Monitor::libssl("error.none-on-success", none_on_success),
    Monitor::libssl("error.zero-return-means-peer-closed", zero_return),
    Monitor::libssl("error.syscall-means-io-failed", syscall_means_io_failed),
    Monitor::libssl(
        "error.failed-transport-is-syscall",
        failed_transport_is_syscall,
    ),
    Monitor::libssl("error.syscall-keeps-errno", syscall_keeps_errno),
    Monitor::libssl("error.ssl-fills-the-queue", ssl_fills_the_queue),
    Monitor::libssl(
        "error.failed-connection-reports-failure",
        failed_connection_reports_failure,
    ),
    Monitor::libssl("error.want-agrees", want_agrees),
    Monitor::libssl("error.success-leaves-no-error", success_leaves_no_error),
];

/// The writes of a caller that follows SSL_get_error(3): the error queue was empty before, and no
/// call had failed permanently.
fn writes<'c, 't>(
    history: &'c History<'t>,
) -> impl Iterator<Item = (&'c Event<'t>, &'t Attempt, &'t Call)> {
    history
        .writes()
        .filter(|(event, ..)| !event.before.stale_error && !event.before.failed_permanently)
}

fn get_error_after_failure(history: &History<'_>, notes: &mut Notes) {
    for (event, attempt, call) in history.writes() {
        if !has_succeeded(attempt.function, call) {
            let kept = !matches!(call.error, ErrorClass::None | ErrorClass::Other(_));
            notes.check(
                kept,
                event,
                "a reason that SSL_get_error(3) has",
                Returned(call),
            );
        }
    }
}

fn none_on_success(history: &History<'_>, notes: &mut Notes) {
    for (event, attempt, call) in history.writes() {
        if has_succeeded(attempt.function, call) {
            let kept = call.error == ErrorClass::None;
            notes.check(kept, event, "NONE", Returned(call));
        }
    }
}

/// Covers every call that can report it; a read does so by contract.
fn zero_return(history: &History<'_>, notes: &mut Notes) {
    for (index, event) in history.events.iter().enumerate() {
        let Some(call) = event.call() else { continue };
        let before = &event.before;
        let relied_on = !before.stale_error && !before.failed_permanently;
        if call.error == ErrorClass::ZeroReturn && relied_on {
            notes.check(
                history.after(index).may_have_read_close(),
                event,
                "ZERO_RETURN only when the peer has sent close_notify",
                Returned(call).contradicted_by(Contradiction::PeerHasNotClosed),
            );
        }
    }
}

/// Whether the transport failed in this call or before, or the error queue gives another reason.
pub(super) fn is_explained(event: &Event<'_>, call: &Call) -> bool {
    let before = &event.before;
    before.transport_fails(event.entry) || before.transport_failed || !call.queue.is_empty()
}

fn syscall_means_io_failed(history: &History<'_>, notes: &mut Notes) {
    for (event, _, call) in writes(history) {
        if call.error == ErrorClass::Syscall {
            notes.check(
                is_explained(event, call),
                event,
                "SYSCALL only when the transport failed, or with the cause in the queue",
                Returned(call).contradicted_by(Contradiction::TransportInOrder),
            );
        }
    }
}

fn failed_connection_reports_failure(history: &History<'_>, notes: &mut Notes) {
    for (index, event) in history.events.iter().enumerate() {
        let (Some(attempt), Some(call)) = (event.attempt(), event.call()) else {
            continue;
        };
        let has_failed = event.before.failed_permanently && !event.before.stale_error;
        // An empty write fails by contract, on any connection.
        if !has_failed || attempt.argument.is_empty() {
            continue;
        }
        let kept = match call.error {
            ErrorClass::Ssl => !call.queue.is_empty(),
            ErrorClass::Syscall => is_explained(event, call),
            // A write that carries out a handshake reads too.
            ErrorClass::ZeroReturn => history.after(index).may_have_read_close(),
            _ => continue,
        };
        let expected = "an error that is so: SSL with a reason, SYSCALL for the transport";
        notes.check(kept, event, expected, Returned(call));
    }
}

/// The error numbers with which the transport refused the call permanently, for sending and for
/// receiving.
fn failures(event: &Event<'_>) -> impl Iterator<Item = Errno> {
    let traffic = event.entry.traffic;
    let refusals = traffic.map(|traffic| [traffic.outbound.refusal, traffic.inbound.refusal]);
    let refusals = refusals.into_iter().flatten();
    refusals.filter_map(|refusal| match refusal {
        Some(Refusal::Fail(errno)) => Some(errno),
        _ => None,
    })
}

/// The first of these error numbers.
pub(super) fn failure(event: &Event<'_>) -> Option<Errno> {
    failures(event).next()
}

/// Whether the call has read bytes or end of file and reports a reason of its own: then the
/// transport refused the alert in response.
pub(super) fn may_have_another_reason(event: &Event<'_>, call: &Call) -> bool {
    let traffic = event.entry.traffic.as_ref();
    let has_ended = traffic.is_some_and(|traffic| traffic.inbound.refusal == Some(Refusal::Zero))
        || event.before.inbound.then == Refusal::Zero;
    let has_read = !event.entry.taken.is_empty() || has_ended;
    has_read && !call.queue.is_empty()
}

fn failed_transport_is_syscall(history: &History<'_>, notes: &mut Notes) {
    for (event, attempt, call) in writes(history) {
        // After damage, or an alert, the transport refused the alert in response.
        let has_reason = may_have_another_reason(event, call);
        if has_succeeded(attempt.function, call)
            || !event.before.connection_is_healthy()
            || has_reason
        {
            continue;
        }
        if let Some(errno) = failure(event) {
            let kept = call.error == ErrorClass::Syscall;
            let expected = format_args!("SYSCALL, as the transport failed with {errno}");
            notes.check(kept, event, expected, Returned(call));
        }
    }
}

/// Checks that a call with SYSCALL, whose transport failed, reports the error number: in errno or
/// in the queue.
pub(super) fn check_errno(event: &Event<'_>, call: &Call, notes: &mut Notes) {
    let (Some(errno), Some(seen)) = (failure(event), call.errno) else {
        return;
    };
    if call.error != ErrorClass::Syscall {
        return;
    }
    // If both directions failed, either is a reason.
    let is_reported =
        |errno: Errno| seen == errno || call.queue.contains(&QueueEntry::of_system(errno));
    let kept = failures(event).any(is_reported);
    notes.check(
        kept,
        event,
        format_args!("errno {errno}, or an entry in the queue that names it"),
        Returned(call).contradicted_by(Contradiction::Errno(seen)),
    );
}

fn syscall_keeps_errno(history: &History<'_>, notes: &mut Notes) {
    for (event, _, call) in writes(history) {
        check_errno(event, call, notes);
    }
}

fn ssl_fills_the_queue(history: &History<'_>, notes: &mut Notes) {
    for (event, _, call) in writes(history) {
        if call.error == ErrorClass::Ssl {
            let kept = !call.queue.is_empty();
            notes.check(
                kept,
                event,
                "an entry in the queue",
                Observation::QueueEmpty,
            );
        }
    }
}

fn want_agrees(history: &History<'_>, notes: &mut Notes) {
    for (event, _, call) in writes(history) {
        let expected = match call.error {
            ErrorClass::WantWrite => Want::Writing,
            ErrorClass::WantRead => Want::Reading,
            _ => continue,
        };
        if let Some(want) = call.want {
            let seen = Returned(call).contradicted_by(Contradiction::Want(want));
            notes.check(
                want == expected,
                event,
                format_args!("SSL_want says {expected}"),
                seen,
            );
        }
    }
}

fn success_leaves_no_error(history: &History<'_>, notes: &mut Notes) {
    for (event, attempt, call) in writes(history) {
        if has_succeeded(attempt.function, call) {
            let kept = call.queue.is_empty();
            notes.check(kept, event, "an empty queue", Returned(call));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::*;
    use crate::scenario::{PeerAction, StaleError, Step};
    use crate::trace::{Call, ErrorClass, Want};
    use crate::transport::{Direction, Errno, Inbound, Refusal, WireFault};

    #[test]
    fn failure_has_a_reason() {
        let clause = "error.get-error-after-failure";
        let base = Script::tls13();
        kept(clause, 1, &base.clone().blocked_write());
        broken(
            clause,
            2,
            &base.clone().write(9, failed(-1, ErrorClass::None)),
        );
        not_exercised(clause, &base.write(9, Call::success(9)));
    }

    #[test]
    fn success_has_no_reason() {
        let clause = "error.none-on-success";
        let base = Script::tls13();
        kept(clause, 1, &base.clone().write(9, Call::success(9)));
        broken(
            clause,
            2,
            &base.clone().write(9, failed(9, ErrorClass::WantWrite)),
        );
        not_exercised(clause, &base.blocked_write());
    }

    #[test]
    fn zero_return_means_that_the_peer_has_closed() {
        let clause = "error.zero-return-means-peer-closed";
        let base = Script::tls13();
        let close = || alert("warning close_notify");
        let read = failed(0, ErrorClass::ZeroReturn);
        kept(clause, 1, &base.clone().read(read.clone()).taken(close()));
        broken(clause, 2, &base.clone().write(9, read.clone()));
        // After damage it is unknown which records were read; but a record that the peer never sent
        // was not.
        let peer_bytes_altered = base.clone().step(Step::Wire(WireFault::Flip(0)));
        broken(clause, 3, &peer_bytes_altered.read(read.clone()));
        let closed = base
            .clone()
            .peer(PeerAction::CloseNotify)
            .peer_sent(close());
        let peer_bytes_altered = closed.clone().step(Step::Wire(WireFault::Flip(0)));
        kept(clause, 1, &peer_bytes_altered.read(read.clone()));
        broken(clause, 3, &closed.read(read));
        not_exercised(
            clause,
            &base.peer(PeerAction::CloseNotify).read(wants_read()),
        );
    }

    #[test]
    fn syscall_means_that_the_transport_failed() {
        let clause = "error.syscall-means-io-failed";
        let base = Script::tls13();
        let write = base.clone().write(9, failed(-1, ErrorClass::Syscall));
        let reset = Refusal::Fail(Errno::PIPE);
        kept(clause, 1, &write.clone().refused(Direction::Out, reset));
        broken(clause, 2, &write);
        not_exercised(clause, &base.clone().blocked_write());
        let stale = base.step(Step::StaleError(StaleError::Ssl));
        not_exercised(clause, &stale.write(9, failed(-1, ErrorClass::Syscall)));
    }

    #[test]
    fn failed_transport_is_reported_as_syscall() {
        let clause = "error.failed-transport-is-syscall";
        let base = Script::tls13();
        let fails = |call| {
            let script = base.clone().write(9, call);
            script.refused(Direction::Out, Refusal::Fail(Errno::PIPE))
        };
        kept(clause, 1, &fails(failed(-1, ErrorClass::Syscall)));
        broken(clause, 2, &fails(wants_write()));
        not_exercised(clause, &base.clone().blocked_write());
        // The bytes that it read may have ended the connection: then the transport refused the
        // alert in response.
        let ended = fails(refused("ssl:unexpected record"));
        broken(clause, 2, &ended);
        not_exercised(clause, &ended.clone().taken(data(9)));
        not_exercised(clause, &ended.refused(Direction::In, Refusal::Zero));
        let end_of_file = Step::Inbound(Inbound {
            then: Refusal::Zero,
            ..Inbound::OPEN
        });
        let base = base.called(end_of_file, Call::success(1));
        let ended = base.write(9, refused("ssl:unexpected eof while reading"));
        not_exercised(
            clause,
            &ended.refused(Direction::Out, Refusal::Fail(Errno::PIPE)),
        );
    }

    #[test]
    fn syscall_keeps_errno() {
        let clause = "error.syscall-keeps-errno";
        let fails = |errno, queue: &[&str]| {
            let call = Call {
                errno: Some(errno),
                queue: queue.iter().map(|&entry| entry.into()).collect(),
                ..failed(-1, ErrorClass::Syscall)
            };
            let script = Script::tls13().write(9, call);
            script.refused(Direction::Out, Refusal::Fail(Errno::PIPE))
        };
        kept(clause, 1, &fails(Errno::PIPE, &[]));
        kept(clause, 1, &fails(Errno::NONE, &["system library:EPIPE"]));
        broken(clause, 2, &fails(Errno::NONE, &[]));
        not_exercised(clause, &Script::tls13().blocked_write());
    }

    #[test]
    fn ssl_fills_the_queue() {
        let clause = "error.ssl-fills-the-queue";
        let base = Script::tls13();
        kept(clause, 1, &base.clone().write(9, refused("ssl:bad length")));
        broken(
            clause,
            2,
            &base.clone().write(9, failed(-1, ErrorClass::Ssl)),
        );
        not_exercised(clause, &base.blocked_write());
    }

    #[test]
    fn failed_connection_reports_its_failure() {
        let clause = "error.failed-connection-reports-failure";
        let failed_connection = Script::tls13().write(9, refused("ssl:bad length"));
        kept(
            clause,
            1,
            &failed_connection
                .clone()
                .write(9, refused("ssl:bad length")),
        );
        broken(
            clause,
            3,
            &failed_connection
                .clone()
                .write(9, failed(-1, ErrorClass::Ssl)),
        );
        broken(
            clause,
            3,
            &failed_connection
                .clone()
                .write(9, failed(-1, ErrorClass::Syscall)),
        );
        broken(
            clause,
            3,
            &failed_connection
                .clone()
                .write(9, failed(-1, ErrorClass::ZeroReturn)),
        );
        let closed = failed_connection
            .clone()
            .write(9, failed(-1, ErrorClass::ZeroReturn));
        kept(clause, 1, &closed.taken(alert("warning close_notify")));
        not_exercised(
            clause,
            &Script::tls13().write(9, failed(-1, ErrorClass::Ssl)),
        );
        // A connection that has not failed is judged by other clauses, and vice versa.
        not_exercised(
            "error.ssl-fills-the-queue",
            &Script::tls13().blocked_write(),
        );
        let again = failed_connection.write(9, failed(-1, ErrorClass::Ssl));
        kept("error.ssl-fills-the-queue", 1, &again);
    }

    #[test]
    fn want_agrees_with_get_error() {
        let clause = "error.want-agrees";
        let says = |want| {
            let call = Call {
                want,
                ..wants_write()
            };
            Script::tls13().write(9, call)
        };
        kept(clause, 1, &says(Some(Want::Writing)));
        broken(clause, 2, &says(Some(Want::Nothing)));
        not_exercised(clause, &says(None));
    }

    #[test]
    fn success_leaves_an_empty_queue() {
        let clause = "error.success-leaves-no-error";
        let left = Call {
            queue: vec!["ssl:bad length".into()],
            ..Call::success(9)
        };
        let base = Script::tls13();
        kept(clause, 1, &base.clone().write(9, Call::success(9)));
        broken(clause, 2, &base.clone().write(9, left.clone()));
        not_exercised(
            clause,
            &base.step(Step::StaleError(StaleError::Ssl)).write(9, left),
        );
    }
}
