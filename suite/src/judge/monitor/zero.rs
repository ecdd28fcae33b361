//! Empty writes.

use super::history::Pending;
use super::{Event, History, Monitor, Notes, Returned};
use crate::scenario::{Function, Version};
use crate::trace::{Call, ErrorClass};

pub(super) static MONITORS: &[Monitor] = &[
    Monitor::libssl("zero.write-is-an-error", write_is_an_error),
    Monitor::libssl("zero.write-ex-is-allowed", write_ex_is_allowed),
    Monitor::libssl("zero.write-ex-sends-nothing", write_ex_sends_nothing),
];

/// The empty writes by this function.
fn empty_writes<'c, 't>(
    history: &'c History<'t>,
    function: Function,
) -> impl Iterator<Item = (&'c Event<'t>, &'t Call)> {
    history
        .writes()
        .filter(move |(_, attempt, _)| attempt.function == function && attempt.argument.is_empty())
        .map(|(event, _, call)| (event, call))
}

fn write_is_an_error(history: &History<'_>, notes: &mut Notes) {
    for (event, call) in empty_writes(history, Function::Write) {
        let kept = call.ret <= 0 && call.error != ErrorClass::None;
        notes.check(kept, event, "an error", Returned(call));
    }
}

/// Whether another, non-empty write is pending.
fn is_during_another(event: &Event<'_>) -> bool {
    event.before.pending.as_ref().is_some_and(Pending::asks)
}

/// In TLS 1.2 the peer's close may end a handshake that the write continues, and closes both
/// directions (RFC 5246, section 7.2.1); `error.zero-return-means-peer-closed` covers the report of
/// that.
fn write_ex_is_allowed(history: &History<'_>, notes: &mut Notes) {
    let closes_in_turn = history.setting.variant.version == Version::Tls12;
    for (event, call) in empty_writes(history, Function::WriteEx) {
        let closed = closes_in_turn && call.error == ErrorClass::ZeroReturn;
        if event.connection_is_healthy() && !is_during_another(event) && !closed {
            let kept = call.error == ErrorClass::None || call.error.is_retry();
            notes.check(kept, event, "no failure for good", Returned(call));
        }
    }
}

/// Records sent while another write is pending may belong to it, and so may bytes that a transport
/// buffers of a write that was given up.
fn write_ex_sends_nothing(history: &History<'_>, notes: &mut Notes) {
    for (index, event) in history.events.iter().enumerate() {
        let is_empty_write = event.attempt().is_some_and(|attempt| {
            attempt.function == Function::WriteEx && attempt.argument.is_empty()
        });
        let transport = history.setting.variant.transport;
        let is_left = event.before.max_unsent(transport) > 0;
        if !is_empty_write || event.call().is_none() || is_during_another(event) || is_left {
            continue;
        }
        let begun: Vec<_> = history.begun(index).collect();
        let mut known = begun.iter().flatten();
        match known.find(|record| record.is_application_data()) {
            Some(record) => notes.violated(event, "no application data", *record),
            None if begun.contains(&None) => {}
            None => notes.satisfied(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::*;
    use crate::scenario::{Step, TransportKind, Version};
    use crate::trace::{Call, ErrorClass, Stored};

    #[test]
    fn empty_ssl_write_is_an_error() {
        let clause = "zero.write-is-an-error";
        let base = Script::tls13();
        kept(
            clause,
            1,
            &base.clone().write(0, failed(0, ErrorClass::Syscall)),
        );
        broken(
            clause,
            2,
            &base.clone().write(0, failed(0, ErrorClass::None)),
        );
        not_exercised(clause, &base.write(1, Call::success(1)));
    }

    #[test]
    fn empty_write_ex_is_allowed() {
        let clause = "zero.write-ex-is-allowed";
        let base = Script::tls13();
        let done = ex(1, ErrorClass::None, Stored::Bytes(0));
        let failed = ex(0, ErrorClass::Syscall, Stored::Untouched);
        kept(clause, 1, &base.clone().write_ex(0, done));
        broken(clause, 2, &base.clone().write_ex(0, failed.clone()));
        not_exercised(clause, &base.blocked_write().write_ex(0, failed));
        let closed = ex(0, ErrorClass::ZeroReturn, Stored::Untouched);
        not_exercised(clause, &Script::tls12().write_ex(0, closed.clone()));
        broken(clause, 2, &Script::tls13().write_ex(0, closed));
        // Data of the peer in a handshake that was requested before the first one.
        let refused = ex(0, ErrorClass::Ssl, Stored::Untouched);
        let with_peer_data = |script: Script| script.write_ex(0, refused.clone()).taken(data(1));
        let complete_handshake = |script: Script| script.called(Step::Handshake, Call::success(1));
        let first = Script::new(Version::Tls12);
        let requested = first.clone().called(Step::Renegotiate, Call::success(1));
        broken(clause, 2, &with_peer_data(complete_handshake(first)));
        not_exercised(
            clause,
            &with_peer_data(complete_handshake(requested.clone())),
        );
        // They may arrive with the end of the first one.
        let ended = requested
            .write(0, wants_read())
            .sent(messages(&["finished"]));
        let ended = ended.read(Call::success(1)).taken(messages(&["finished"]));
        let again = ended.clone().write_ex(0, refused.clone());
        broken(clause, 4, &again);
        not_exercised(clause, &ended.taken(data(1)).write_ex(0, refused));
    }

    #[test]
    fn empty_write_ex_sends_nothing() {
        let clause = "zero.write-ex-sends-nothing";
        let base = Script::tls13();
        let done = ex(1, ErrorClass::None, Stored::Bytes(0));
        let empty = base.clone().write_ex(0, done.clone());
        kept(clause, 1, &empty);
        broken(clause, 2, &empty.clone().sent(data(0)));
        // As long as an alert or a key update: its rest will show its content.
        let cut = empty.sent(begun_of(27));
        not_exercised(clause, &cut);
        let again = cut.write(9, Call::success(9));
        kept(
            clause,
            1,
            &again.clone().sent(last_of(messages(&["key_update"]))),
        );
        broken(clause, 2, &again.sent(rest(5)));
        // A server's record may be a ticket.
        let long = base.clone().write_ex(0, done.clone()).sent(begun_of(239));
        broken(clause, 2, &long);
        not_exercised(clause, &long.clone().server_with_tickets());
        // And buffered bytes of a transport may be the end of a handshake.
        not_exercised(clause, &long.over(TransportKind::MemoryBio));
        // Bytes that a transport has buffered are sent at any time.
        let buffered = base.clone().write(9, Call::success(9)).write_ex(0, done);
        not_exercised(clause, &buffered.sent(data(9)));
        let nothing = ex(0, ErrorClass::Ssl, Stored::Untouched);
        let given_up = base.clone().write(9, wants_write());
        let given_up = given_up.write(0, refused("ssl:bad length"));
        let given_up = given_up.write_ex(0, nothing).sent(begun_of(34));
        broken(clause, 4, &given_up);
        not_exercised(clause, &given_up.over(TransportKind::BufferingBio));
        not_exercised(clause, &base.write(1, Call::success(1)));
    }
}
