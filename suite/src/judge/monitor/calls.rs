//! The error reports (`SSL_get_error`, `SSL_want`, the error queue and errno) of the other calls
//! that use the transport: `SSL_do_handshake`, `SSL_read` and `SSL_shutdown`. For writes see
//! `errors` and `would_block`.

use super::errors::{check_errno, failure, is_explained, may_have_another_reason};
use super::{Contradiction, Event, History, Monitor, Notes, Observation, Returned};
use crate::scenario::{RoleState, Step};
use crate::trace::{Call, ErrorClass, Want};

pub(super) static MONITORS: &[Monitor] = &[
    Monitor::libssl("calls.failure-has-a-reason", failure_has_a_reason),
    Monitor::libssl("calls.would-block", would_block),
    Monitor::libssl("calls.syscall-means-io-failed", syscall_means_io_failed),
    Monitor::libssl(
        "calls.failed-transport-is-syscall",
        failed_transport_is_syscall,
    ),
    Monitor::libssl("calls.syscall-keeps-errno", syscall_keeps_errno),
    Monitor::libssl("calls.ssl-fills-the-queue", ssl_fills_the_queue),
    Monitor::libssl("calls.want-agrees", want_agrees),
];

/// The function of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    Handshake,
    Read,
    Shutdown,
}

impl Which {
    fn of(event: &Event<'_>) -> Option<Self> {
        match event.step()? {
            Step::Handshake => Some(Self::Handshake),
            Step::Read(_) => Some(Self::Read),
            Step::Shutdown => Some(Self::Shutdown),
            _ => None,
        }
    }

    /// Whether the call is complete, by its return value. A shutdown that returns 0 has sent its
    /// close_notify, and SSL_get_error must not be called for it (SSL_shutdown(3), RETURN VALUES).
    fn is_done(self, call: &Call) -> bool {
        call.ret > 0 || (self == Self::Shutdown && call.ret == 0)
    }
}

/// The calls of a caller that follows SSL_get_error(3): the error queue was empty before, and no
/// call had failed permanently.
fn calls<'c, 't>(
    history: &'c History<'t>,
) -> impl Iterator<Item = (&'c Event<'t>, Which, &'t Call)> {
    history
        .calls()
        .filter_map(|(event, call)| Some((event, Which::of(event)?, call)))
        .filter(|(event, ..)| !event.before.stale_error && !event.before.failed_permanently)
}

/// Those of them that are not complete.
fn failures<'c, 't>(
    history: &'c History<'t>,
) -> impl Iterator<Item = (&'c Event<'t>, Which, &'t Call)> {
    calls(history).filter(|(_, which, call)| !which.is_done(call))
}

fn failure_has_a_reason(history: &History<'_>, notes: &mut Notes) {
    for (event, which, call) in calls(history) {
        let (kept, expected) = match (which.is_done(call), call.ret) {
            // SSL_get_error must not be called.
            (true, 0) => continue,
            (true, _) => (call.error == ErrorClass::None, "NONE"),
            (false, _) => (
                !matches!(call.error, ErrorClass::None | ErrorClass::Other(_)),
                "a reason that SSL_get_error(3) has",
            ),
        };
        notes.check(kept, event, expected, Returned(call));
    }
}

/// Whether a full or empty transport is the only possible reason why the call is incomplete: the
/// connection is healthy, and the call is permitted.
fn may_only_wait(history: &History<'_>, event: &Event<'_>, which: Which) -> bool {
    let before = &event.before;
    let is_over = before.is_over() && !(which != Which::Handshake && before.is_closed_only());
    let in_order = !is_over
        && !before.peer_gave_up()
        && !before.transport_failed
        && !before.peer_bytes_injected
        && !before.transport_fails(event.entry)
        && !event.is_disturbed();
    // A shutdown during a handshake, or in place of a write's retry, may be refused: the pages do
    // not specify either.
    let in_place = match which {
        Which::Read => true,
        Which::Handshake => !before.shut_down,
        Which::Shutdown => {
            before.established() && !before.has_later_handshake() && !before.has_more_to_send()
        }
    };
    in_order && in_place && history.setting.role_state == RoleState::Set
}

/// Whether the call reports that received bytes have ended the connection, or that more data have
/// arrived than the caller has read.
fn has_been_ended(event: &Event<'_>, which: Which, call: &Call) -> bool {
    let has_read = match &event.entry.traffic {
        Some(traffic) => traffic.inbound.moved,
        None => true,
    };
    // In a handshake, bytes may have been received in an earlier turn than the last.
    let has_read = has_read || !event.entry.taken.is_empty() || which == Which::Handshake;
    match call.error {
        ErrorClass::Ssl => !call.queue.is_empty() && (has_read || event.before.own.is_closed()),
        ErrorClass::ZeroReturn => true,
        _ => false,
    }
}

fn would_block(history: &History<'_>, notes: &mut Notes) {
    let waits = history.setting.variant.transport.waits();
    for (event, which, call) in failures(history) {
        if !may_only_wait(history, event, which) || has_been_ended(event, which, call) || waits {
            continue;
        }
        let refused = event.entry.traffic.map(|traffic| {
            (
                traffic.outbound.is_to_be_retried(),
                traffic.inbound.is_to_be_retried(),
            )
        });
        let (kept, expected) = match refused {
            Some((false, false)) => continue,
            Some((true, false)) => (call.error == ErrorClass::WantWrite, "WANT_WRITE"),
            Some((false, true)) => (call.error == ErrorClass::WantRead, "WANT_READ"),
            // For a BIO of the library, or a socket, only the call's own report is visible.
            Some((true, true)) | None => (call.error.is_retry(), "WANT_WRITE or WANT_READ"),
        };
        notes.check(kept, event, expected, Returned(call));
    }
}

fn syscall_means_io_failed(history: &History<'_>, notes: &mut Notes) {
    for (event, _, call) in failures(history) {
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

fn failed_transport_is_syscall(history: &History<'_>, notes: &mut Notes) {
    for (event, which, call) in failures(history) {
        let connection_is_healthy = event.before.connection_is_healthy() && !event.is_disturbed();
        if !connection_is_healthy
            || may_have_another_reason(event, call)
            || has_been_ended(event, which, call)
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

fn syscall_keeps_errno(history: &History<'_>, notes: &mut Notes) {
    for (event, _, call) in failures(history) {
        check_errno(event, call, notes);
    }
}

fn ssl_fills_the_queue(history: &History<'_>, notes: &mut Notes) {
    for (event, _, call) in failures(history) {
        if call.error == ErrorClass::Ssl {
            let kept = !call.queue.is_empty();
            let expected = "an entry in the queue";
            notes.check(kept, event, expected, Observation::QueueEmpty);
        }
    }
}

fn want_agrees(history: &History<'_>, notes: &mut Notes) {
    for (event, _, call) in failures(history) {
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

#[cfg(test)]
mod tests {
    use super::super::script::*;
    use crate::scenario::{StaleError, Step, TransportKind, Version};
    use crate::trace::{Call, ErrorClass, Want};
    use crate::transport::{Direction, Errno, Refusal};

    const RESET: Refusal = Refusal::Fail(Errno::PIPE);

    fn handshake(call: Call) -> Script {
        Script::new(Version::Tls13).called(Step::Handshake, call)
    }

    fn shuts_down(call: Call) -> Script {
        Script::tls13().called(Step::Shutdown, call)
    }

    #[test]
    fn only_failed_calls_have_a_reason() {
        let clause = "calls.failure-has-a-reason";
        kept(clause, 1, &handshake(wants_read()));
        kept(clause, 2, &Script::tls13().read(Call::success(9)));
        broken(clause, 1, &handshake(failed(-1, ErrorClass::None)));
        broken(clause, 1, &handshake(failed(1, ErrorClass::Ssl)));
        let read = Script::tls13().read(failed(0, ErrorClass::Other(9)));
        broken(clause, 2, &read);
        // SSL_get_error must not be called for a shutdown that returns 0.
        kept(clause, 1, &shuts_down(failed(0, ErrorClass::Syscall)));
        broken(clause, 2, &shuts_down(failed(-1, ErrorClass::None)));
        let stale = Script::new(Version::Tls13).step(Step::StaleError(StaleError::Ssl));
        not_exercised(clause, &stale.called(Step::Handshake, wants_read()));
    }

    #[test]
    fn blocked_call_asks_for_a_retry() {
        let clause = "calls.would-block";
        let refused_out = |script: Script| script.refused(Direction::Out, Refusal::WouldBlock);
        let refused_in = |script: Script| script.refused(Direction::In, Refusal::ZeroRetry);
        for call in [handshake, shuts_down] {
            kept(clause, 1, &refused_out(call(wants_write())));
            let syscall = refused_out(call(failed(-1, ErrorClass::Syscall)));
            not_exercised(clause, &syscall.clone().over(TransportKind::Blocking));
            let step = syscall.0.entries.len();
            broken(clause, step, &syscall);
            broken(clause, step, &refused_out(call(wants_read())));
            broken(clause, step, &syscall.over(TransportKind::BufferingBio));
        }
        kept(clause, 1, &refused_in(Script::tls13().read(wants_read())));
        let read = refused_in(Script::tls13().read(wants_write()));
        broken(clause, 2, &read);
        kept(clause, 1, &refused_out(read));
        // Received bytes have ended the connection, and the alert about them could not be sent.
        let mut ended = refused_out(Script::tls13().read(refused("ssl:bad record")));
        broken(clause, 2, &ended);
        ended.traffic().inbound.moved = true;
        not_exercised(clause, &ended);
        // The page does not specify which of the two comes first.
        let during_write = Script::tls13().blocked_write();
        let during_write = during_write.called(Step::Shutdown, refused("ssl:bad write retry"));
        not_exercised(clause, &refused_out(during_write));
        not_exercised(clause, &Script::tls13().read(Call::success(9)));
    }

    #[test]
    fn syscall_means_that_the_transport_failed() {
        let clause = "calls.syscall-means-io-failed";
        let syscall = || failed(-1, ErrorClass::Syscall);
        broken(clause, 1, &handshake(syscall()));
        kept(
            clause,
            1,
            &handshake(syscall()).refused(Direction::Out, RESET),
        );
        let read = Script::tls13().read(failed(0, ErrorClass::Syscall));
        broken(clause, 2, &read);
        kept(clause, 1, &read.refused(Direction::In, Refusal::Zero));
        broken(clause, 2, &shuts_down(syscall()));
        not_exercised(clause, &shuts_down(failed(0, ErrorClass::Syscall)));
        let failed_connection = Script::tls13().read(refused("ssl:bad record"));
        not_exercised(clause, &failed_connection.read(syscall()));
    }

    #[test]
    fn failed_transport_is_reported_as_syscall() {
        let clause = "calls.failed-transport-is-syscall";
        let read = |call| {
            let script = Script::tls13().read(call);
            script.refused(Direction::In, RESET)
        };
        kept(clause, 1, &read(failed(-1, ErrorClass::Syscall)));
        broken(clause, 2, &read(wants_read()));
        not_exercised(clause, &read(Call::success(9)));
        let ended = read(refused("ssl:unexpected record"));
        broken(clause, 2, &ended);
        not_exercised(clause, &ended.taken(data(9)));
        let shutdown = shuts_down(wants_write()).refused(Direction::Out, RESET);
        broken(clause, 2, &shutdown);
    }

    #[test]
    fn syscall_keeps_errno() {
        let clause = "calls.syscall-keeps-errno";
        let fails = |errno| {
            let call = Call {
                errno: Some(errno),
                ..failed(-1, ErrorClass::Syscall)
            };
            handshake(call).refused(Direction::Out, RESET)
        };
        kept(clause, 1, &fails(Errno::PIPE));
        broken(clause, 1, &fails(Errno::NONE));
        not_exercised(clause, &handshake(wants_write()));
    }

    #[test]
    fn ssl_fills_the_queue() {
        let clause = "calls.ssl-fills-the-queue";
        kept(clause, 1, &handshake(refused("ssl:wrong version number")));
        broken(clause, 1, &handshake(failed(-1, ErrorClass::Ssl)));
        not_exercised(clause, &shuts_down(failed(0, ErrorClass::Ssl)));
        not_exercised(clause, &Script::tls13().write(9, wants_write()));
    }

    #[test]
    fn want_agrees_with_get_error() {
        let clause = "calls.want-agrees";
        let says = |want| {
            handshake(Call {
                want,
                ..wants_read()
            })
        };
        kept(clause, 1, &says(Some(Want::Reading)));
        broken(clause, 1, &says(Some(Want::Writing)));
        not_exercised(clause, &says(None));
    }
}
