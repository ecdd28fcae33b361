//! Handshakes that a write carries out, the first and later ones.

use super::{Event, History, Monitor, Notes, Observation, Returned, has_succeeded};
use crate::scenario::{Function, Role, RoleState, SessionTickets, Step, Version};
use crate::trace::{AlertSeen, ErrorClass, RecordSeen, Setting, Verb};
use crate::transport::{Budget, Inbound, Refusal, Traffic};
use crate::wire::HandshakeType;

pub(super) static MONITORS: &[Monitor] = &[
    Monitor::libssl("handshake.transparent", transparent),
    Monitor::libssl("handshake.role-first", role_first),
    Monitor::all("handshake.failed-stays-failed", failed_stays_failed),
    Monitor::all("handshake.no-data-before-finished", no_data_before_finished),
    Monitor::libssl("renegotiation.transparent", renegotiation),
    Monitor::all(
        "inbound.data-despite-failed-tickets",
        data_despite_failed_tickets,
    ),
];

fn transparent(history: &History<'_>, notes: &mut Notes) {
    if history.setting.role_state == RoleState::Unset {
        return;
    }
    for (event, _, call) in history.writes() {
        if !event.before.established() && event.is_permitted_call() && event.connection_is_healthy()
        {
            let kept = call.error == ErrorClass::None || call.error.is_retry();
            notes.check(kept, event, "the handshake goes on", Returned(call));
        }
    }
}

fn role_first(history: &History<'_>, notes: &mut Notes) {
    if history.setting.role_state == RoleState::Set {
        return;
    }
    for (event, attempt, call) in history.writes() {
        // An empty write needs no handshake.
        if attempt.argument.is_empty() {
            continue;
        }
        let sends = !event.entry.sent.is_empty();
        let failed = !has_succeeded(attempt.function, call) && !call.error.is_retry();
        let expected = "an error, and nothing on the wire";
        if sends {
            notes.violated(event, expected, Observation::SomethingSent);
        } else {
            notes.check(failed, event, expected, Returned(call));
        }
    }
}

fn failed_stays_failed(history: &History<'_>, notes: &mut Notes) {
    for (index, event) in history.events.iter().enumerate() {
        let (Some(attempt), Some(call)) = (event.attempt(), event.call()) else {
            continue;
        };
        let before = &event.before;
        let alerted = before.own.is_failed() || before.peer.is_failed();
        if before.established()
            || !before.failed_permanently
            || !alerted
            || attempt.argument.is_empty()
        {
            continue;
        }
        let mut begun = history.begun(index).flatten();
        let expected = "a failure, and no application data";
        match begun.find(|record| record.is_application_data()) {
            Some(record) => notes.violated(event, expected, record),
            None => {
                let kept = !has_succeeded(attempt.function, call);
                notes.check(kept, event, expected, Returned(call));
            }
        }
    }
}

/// Only if the handshake is shown record by record, which is the case if a write carried it out.
fn no_data_before_finished(history: &History<'_>, notes: &mut Notes) {
    let (mut hellos, mut finished) = (false, false);
    for (index, event) in history.events.iter().enumerate() {
        if event.step() == Some(&Step::Handshake) {
            return;
        }
        for record in history.begun(index).flatten() {
            hellos |= record.has_message(HandshakeType::ClientHello)
                || record.has_message(HandshakeType::ServerHello);
            finished |= record.has_finished();
            if record.is_application_data() && hellos {
                notes.check(finished, event, "finished before application data", record);
                if finished {
                    // Records after the first one follow finished too.
                    return;
                }
            }
        }
    }
}

/// Whether the library was asked to renegotiate, by its caller or by the peer's records: a server
/// sends hello_request, a client begins the handshake.
fn is_asked(history: &History<'_>, event: &Event<'_>) -> bool {
    let is_own = event.step() == Some(&Step::Renegotiate);
    if is_own
        && event
            .call()
            .is_some_and(|call| call.error == ErrorClass::None)
    {
        let before = &event.before;
        return before.established() && !before.shut_down && !before.renegotiates();
    }
    let request = match history.setting.variant.role {
        Role::Client => HandshakeType::HelloRequest,
        Role::Server => HandshakeType::ClientHello,
    };
    event.before.established()
        && event
            .entry
            .taken
            .iter()
            .any(|record| record.has_message(request))
}

/// Whether a record politely refuses another handshake (RFC 5246, section 7.2.2).
fn refuses(record: &RecordSeen) -> bool {
    record.alert().is_some_and(AlertSeen::is_refusal)
}

fn renegotiation(history: &History<'_>, notes: &mut Notes) {
    if history.setting.variant.version != Version::Tls12 {
        return;
    }
    let (mut asked, mut begun, mut looked) = (false, false, false);
    // The last write began before the library had processed the request.
    let mut began_unaware = true;
    for (index, event) in history.events.iter().enumerate() {
        if is_asked(history, event) {
            (asked, begun, looked) = (true, false, false);
            began_unaware = true;
        }
        if asked && event.completed().any(refuses) {
            notes.satisfied();
            asked = false;
        }
        // Including the bytes that a transport delivers later.
        begun |= event.begun().any(RecordSeen::has_hello);
        let Some(call) = event.call().filter(|_| asked) else {
            continue;
        };
        // A pending write is completed first: OpenSSL waits until nothing is pending (1.1.1w
        // ssl/s3_lib.c:4531, 3.6 :5111).
        let retries = event
            .attempt()
            .is_some_and(|attempt| attempt.verb == Verb::Retry || event.before.pending.is_some());
        if event.attempt().is_some() && !retries {
            began_unaware = !looked;
        }
        let goes_on = retries && began_unaware;
        if event.completed().any(RecordSeen::has_finished) {
            notes.satisfied();
            asked = false;
        } else if event.step() == Some(&Step::Shutdown) {
            // A write that is refused until the handshake is complete does not affect it.
        } else if matches!(call.error, ErrorClass::Ssl | ErrorClass::Syscall) {
            // A write with invalid arguments is refused for these; and the result of an empty write
            // is unspecified (SSL_write(3)).
            let is_wrong = event.attempt().is_some_and(|attempt| {
                let asks = !attempt.argument.is_empty() || event.before.pending.is_some();
                asks && !event.is_permitted_call()
            });
            let is_of_nothing = event.attempt().is_some_and(|attempt| {
                let says_no_more = call.ret == 0 || call.queue.is_empty();
                attempt.argument.is_empty() && attempt.function == Function::Write && says_no_more
            });
            if event.connection_is_healthy_but_for_renegotiation() && !is_wrong && !is_of_nothing {
                notes.violated(event, "the renegotiation is carried out", Returned(call));
            }
            asked = false;
        } else if looked && !begun && !goes_on && event.begun().any(RecordSeen::is_application_data)
        {
            let ignored = Observation::RenegotiationIgnored;
            notes.violated(event, "the renegotiation is carried out first", ignored);
            asked = false;
        }
        // A transport that delivers a part, or cuts, or is too small for a record, may leave the
        // beginning of another record in the library, and then OpenSSL does not begin either (3.6
        // ssl/s3_lib.c:5111).
        if call.error == ErrorClass::WantRead {
            let is_whole =
                event.before.inbound == Inbound::OPEN && history.after(index).unread == 0;
            looked = is_whole && event.connection_is_healthy_but_for_renegotiation();
        }
    }
}

/// A server of TLS 1.3 sends its tickets when it has taken the client's finished, which may happen
/// in a read.
fn data_despite_failed_tickets(history: &History<'_>, notes: &mut Notes) {
    let Setting {
        variant,
        session_tickets,
        ..
    } = history.setting;
    let sends_tickets = variant.version == Version::Tls13
        && variant.role == Role::Server
        && *session_tickets == SessionTickets::Send;
    if !sends_tickets {
        return;
    }
    // Records of the peer's data that the library has not taken.
    let mut waiting = 0_usize;
    let is_data = |record: &&RecordSeen| record.is_complete() && record.is_application_data();
    // A blocked record may be a key update instead: the library's own, or the response to the
    // peer's.
    let mut updates_keys = false;
    for event in &history.events {
        updates_keys |= matches!(event.step(), Some(Step::KeyUpdate(_)))
            || event
                .entry
                .taken
                .iter()
                .any(|record| record.has_message(HandshakeType::KeyUpdate));
        let is_read = matches!(event.step(), Some(Step::Read(_)));
        let failed = |traffic: &Traffic| matches!(traffic.outbound.refusal, Some(Refusal::Fail(_)));
        let fails = event.entry.traffic.as_ref().is_some_and(failed);
        let before = &event.before;
        let is_first = before.sealed == 0
            && !before.failed_permanently
            && !before.peer_bytes_injected
            && !updates_keys;
        let have_come = waiting > 0 && before.inbound.deliver == Budget::All;
        if let Some(call) = event.call().filter(|_| is_read && fails && is_first)
            && have_come
        {
            notes.check(
                call.ret > 0,
                event,
                "the data that have come",
                Returned(call),
            );
        }
        waiting += event.entry.peer_sent.iter().filter(is_data).count();
        let taken = event.entry.taken.iter().filter(is_data).count();
        waiting = waiting.saturating_sub(taken);
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::*;
    use crate::scenario::{KeyUpdate, PeerAction, Step, Version};
    use crate::trace::{Call, ErrorClass};
    use crate::transport::{Budget, Direction, Errno, Inbound, Outbound, Refusal};

    #[test]
    fn first_write_completes_the_handshake() {
        let clause = "handshake.transparent";
        let base = Script::new(Version::Tls13);
        let driven = base.clone().write(9, wants_read());
        kept(clause, 2, &driven.retry(9, Call::success(9)));
        broken(
            clause,
            1,
            &base.clone().write(9, refused("ssl:uninitialized")),
        );
        not_exercised(clause, &Script::tls13().write(9, Call::success(9)));
        not_exercised(
            clause,
            &base.without_role().write(9, refused("ssl:uninitialized")),
        );
    }

    #[test]
    fn write_without_a_role_fails() {
        let clause = "handshake.role-first";
        let base = Script::new(Version::Tls13).without_role();
        kept(
            clause,
            1,
            &base.clone().write(9, refused("ssl:uninitialized")),
        );
        broken(clause, 1, &base.clone().write(9, wants_read()));
        let sends = base.write(9, refused("ssl:uninitialized"));
        broken(clause, 1, &sends.sent(messages(&["client_hello"])));
        not_exercised(clause, &Script::tls13().write(9, Call::success(9)));
    }

    #[test]
    fn failed_handshake_stays_failed() {
        let clause = "handshake.failed-stays-failed";
        let base = Script::new(Version::Tls13).write(9, refused("ssl:alert"));
        let base = base.taken(alert("fatal handshake_failure"));
        kept(
            clause,
            1,
            &base.clone().write(9, failed(-1, ErrorClass::Ssl)),
        );
        broken(clause, 2, &base.clone().write(9, Call::success(9)));
        broken(
            clause,
            2,
            &base
                .clone()
                .write(9, failed(-1, ErrorClass::Ssl))
                .sent(data(9)),
        );
        // While it is incomplete, a finished looks like data from outside.
        let cut = base
            .write(9, failed(-1, ErrorClass::Ssl))
            .sent(begun_of(58));
        kept(clause, 1, &cut);
        not_exercised(clause, &Script::tls13().write(9, Call::success(9)));
    }

    #[test]
    fn data_follow_finished() {
        let clause = "handshake.no-data-before-finished";
        let hello = Script::new(Version::Tls13).write(9, wants_read());
        let hello = hello.sent(messages(&["client_hello"]));
        let write = hello.clone().retry(9, Call::success(9));
        kept(
            clause,
            1,
            &write.clone().sent(messages(&["finished"])).sent(data(9)),
        );
        broken(
            clause,
            2,
            &write.sent(data(9)).sent(messages(&["finished"])),
        );
        not_exercised(
            clause,
            &Script::tls13().write(9, Call::success(9)).sent(data(9)),
        );
        // While they are incomplete, handshake messages look like data from outside.
        let cut = Script::new(Version::Tls13).write(9, wants_read());
        let cut = cut
            .sent(messages(&["client_hello"]))
            .retry(9, wants_write());
        let cut = cut.sent(begun_of(58));
        not_exercised(clause, &cut);
        let again = cut.retry(9, Call::success(9));
        let finished = again.clone().sent(last_of(messages(&["finished"])));
        kept(clause, 1, &finished.sent(data(9)));
        broken(clause, 2, &again.sent(rest(36)));
        // A library may accept the bytes, and buffer them until the handshake is complete.
        let buffered = hello.retry(9, Call::success(9)).write(9, wants_write());
        not_exercised(clause, &buffered.sent(begun_of(58)));
    }

    #[test]
    fn connection_fails_after_the_peer_aborts_the_handshake() {
        let clause = "handshake.transparent";
        let base = Script::new(Version::Tls12).write(9, wants_read());
        let over = |script: Script| script.retry(9, refused("ssl:wrong version number"));
        broken(clause, 2, &over(base.clone()));
        let gave_up = base.peer(PeerAction::FatalAlert);
        let gave_up = gave_up.peer_sent(alert("fatal unexpected_message"));
        kept(clause, 1, &over(gave_up));
    }

    #[test]
    fn empty_write_completes_the_handshake() {
        let clause = "handshake.transparent";
        let nothing = Script::new(Version::Tls12).write(0, failed(0, ErrorClass::Syscall));
        let write = |script: Script| script.write(9, refused("ssl:unexpected record"));
        let half = nothing.sent(messages(&["finished"]));
        broken(clause, 2, &write(half.clone()));
        not_exercised(clause, &write(half.taken(messages(&["finished"]))));
    }

    #[test]
    fn data_are_delivered_although_tickets_cannot_be_sent() {
        let clause = "inbound.data-despite-failed-tickets";
        let peer_writes = PeerAction::Write(std::num::NonZeroUsize::MIN);
        let base = Script::tls13().server_with_tickets();
        let base = base.peer(peer_writes).peer_sent(data(1));
        let read = |script: &Script, call| {
            let script = script.clone().read(call);
            script.refused(Direction::Out, Refusal::Fail(Errno::PIPE))
        };
        let fails = || failed(-1, ErrorClass::Syscall);
        kept(clause, 1, &read(&base, Call::success(1)));
        broken(clause, 3, &read(&base, fails()));
        // No bytes have arrived, or all have been delivered.
        let nothing = Script::tls13().server_with_tickets();
        not_exercised(clause, &read(&nothing, fails()));
        let handed_over = base.clone().read(Call::success(1)).taken(data(1));
        not_exercised(clause, &read(&handed_over, fails()));
        not_exercised(clause, &base.clone().read(fails()));
        // The transport withholds them.
        let held = base.clone().step(Step::Inbound(Inbound {
            deliver: Budget::Bytes(0),
            ..Inbound::OPEN
        }));
        not_exercised(clause, &read(&held, fails()));
        // The key update cannot be sent.
        let update = messages(&["key_update (update_requested)"]);
        let owes_update = base.clone().read(wants_read()).taken(update);
        for base in [base.key_update(KeyUpdate::NotRequested), owes_update] {
            not_exercised(clause, &read(&base, fails()));
        }
    }

    #[test]
    fn requested_renegotiation_is_carried_out() {
        let clause = "renegotiation.transparent";
        let asked = Script::tls12()
            .read(wants_read())
            .taken(messages(&["hello_request"]));
        let begun = asked
            .clone()
            .write(9, wants_read())
            .sent(messages(&["client_hello"]));
        kept(
            clause,
            1,
            &begun
                .retry(9, Call::success(9))
                .sent(messages(&["finished"])),
        );
        broken(
            clause,
            3,
            &asked.clone().write(9, refused("ssl:no renegotiation")),
        );
        let own = Script::tls12().called(Step::Renegotiate, Call::success(1));
        broken(
            clause,
            3,
            &own.clone().write(9, refused("ssl:internal error")),
        );
        for answer in [0, -1] {
            let nothing = own.clone().write(0, failed(answer, ErrorClass::Syscall));
            not_exercised(clause, &nothing);
        }
        broken(
            clause,
            3,
            &own.clone().write(0, refused("ssl:internal error")),
        );
        // The request to the peer is sent when the transport is opened.
        let late = own.clone().step(Step::Link(Outbound::OPEN));
        let on = |script: Script| {
            script
                .read(wants_read())
                .write(9, Call::success(9))
                .sent(data(9))
        };
        broken(clause, 5, &on(late.clone()));
        not_exercised(clause, &on(late.sent(messages(&["hello_request"]))));
        let shut_down = asked
            .clone()
            .called(Step::Shutdown, refused("ssl:shutdown while in init"));
        not_exercised(clause, &shut_down);
        // It is refused because of the caller's error.
        let during_write = Script::tls12().blocked_write().read(wants_read());
        let during_write = during_write.taken(messages(&["hello_request"]));
        not_exercised(
            clause,
            &during_write.clone().write(9, refused("ssl:bad length")),
        );
        broken(
            clause,
            4,
            &during_write
                .clone()
                .retry(1000, refused("ssl:no renegotiation")),
        );
        // The beginning of the next record may have been delivered too.
        let step = |delivered| {
            Step::Inbound(Inbound {
                deliver: Budget::Bytes(delivered),
                ..Inbound::OPEN
            })
        };
        let half = Script::tls12().step(step(34)).read(wants_read());
        let half = half
            .taken(messages(&["hello_request"]))
            .step(Step::Inbound(Inbound::OPEN));
        not_exercised(clause, &half.write(9, Call::success(9)).sent(data(9)));
        let larger = own.peer_sent(data(9)).read(wants_read());
        let on = |script: Script| script.write(9, Call::success(9)).sent(data(9));
        not_exercised(clause, &on(larger.clone()));
        broken(clause, 4, &on(larger.taken(data(9))));
        // The pending write is completed first.
        let goes_on = during_write
            .retry(1000, Call::success(1000))
            .sent(rest(1000))
            .sent(data(9));
        not_exercised(clause, &goes_on);
        broken(clause, 5, &goes_on.write(9, Call::success(9)).sent(data(9)));
        // A transport that accepts more may complete a refusal.
        let politely = asked.clone().step(Step::Link(Outbound::OPEN));
        kept(clause, 1, &politely.sent(alert("warning no_renegotiation")));
        broken(clause, 3, &asked.write(9, Call::success(9)).sent(data(9)));
        not_exercised(
            clause,
            &Script::tls12().write(9, Call::success(9)).sent(data(9)),
        );
    }
}
