//! close_notify and fatal alerts, in both directions.

use super::{Contradiction, Event, History, Monitor, Notes, Observation, Returned, has_succeeded};
use crate::scenario::{Step, Version};
use crate::trace::{AlertSeen, Asked, Body, Call, ErrorClass, RecordSeen};
use crate::transport::Outbound;
use crate::wire::ContentType;

pub(super) static MONITORS: &[Monitor] = &[
    Monitor::libssl("closing.no-write-after-shutdown", no_write_after_shutdown),
    Monitor::all(
        "closing.nothing-after-close-notify",
        nothing_after_close_notify,
    ),
    Monitor::all(
        "closing.nothing-after-fatal-alert",
        nothing_after_fatal_alert,
    ),
    Monitor::all(
        "closing.write-fails-after-fatal-alert",
        write_fails_after_fatal_alert,
    ),
    Monitor::all(
        "closing.peer-close-leaves-writing",
        peer_close_leaves_writing,
    ),
    Monitor::all(
        "closing.close-notify-is-a-warning",
        close_notify_is_a_warning,
    ),
    Monitor::libssl("closing.shutdown-returns", shutdown_returns),
    Monitor::libssl("closing.shutdown-zero-means-sent", zero_means_sent),
    Monitor::libssl("closing.shutdown-one-means-closed", one_means_closed),
    Monitor::libssl("closing.shutdown-sent-is-a-success", sent_is_a_success),
    Monitor::all("alert.owed-goes-out", owed_goes_out),
];

fn no_write_after_shutdown(history: &History<'_>, notes: &mut Notes) {
    for (event, attempt, call) in history.writes() {
        if event.before.own.is_closed() && !attempt.argument.is_empty() {
            let kept = !has_succeeded(attempt.function, call);
            notes.check(kept, event, "a failure", Returned(call));
        }
    }
}

/// Whether it is an incomplete alert.
fn is_cut_alert(record: &RecordSeen) -> bool {
    matches!(&record.body, Body::Incomplete { content_type, .. } if *content_type == ContentType::Alert)
}

/// Checks that the library stops after an end was sent or received: each later entry, and what the
/// same entry sends after it.
fn nothing_after(history: &History<'_>, notes: &mut Notes, is_end: fn(AlertSeen) -> bool) {
    let mut ended = false;
    for event in &history.events {
        let was_ended = ended;
        let mut continued = None;
        for record in event.begun() {
            // Records after one that cannot be decrypted are unknown; a violation is reported once.
            let is_reported = ended && record.body != Body::After;
            continued = continued.or(is_reported.then_some(record));
            ended |= record.alert().is_some_and(is_end);
        }
        match continued {
            Some(record) => notes.violated(event, "nothing more", record),
            None if was_ended && event.call().is_some() => notes.satisfied(),
            None => {}
        }
    }
}

fn nothing_after_close_notify(history: &History<'_>, notes: &mut Notes) {
    nothing_after(history, notes, AlertSeen::is_close_notify);
}

/// A received alert counts only when the library has failed because of it: it may not have
/// processed bytes that it took. An alert in response is permitted, and so is a record that was
/// sealed before and is sent because the caller requests it.
fn nothing_after_fatal_alert(history: &History<'_>, notes: &mut Notes) {
    nothing_after(history, notes, AlertSeen::is_fatal);
    for (index, event) in history.events.iter().enumerate() {
        if !event.before.failed_over_an_alert()
            || event.call().is_none()
            || event.entry.asked == Asked::Flush
        {
            continue;
        }
        // The bytes in a transport that buffers, of which only a part is accepted, may precede the
        // alert.
        let keeps = history.setting.variant.transport.keeps();
        if keeps && event.before.outbound != Outbound::OPEN {
            continue;
        }
        // A record sealed with an unknown key may be an alert too.
        let no_key = |record: &RecordSeen| matches!(record.body, Body::NoKey { .. });
        let is_alert = |record: &RecordSeen| record.alert().is_some() || is_cut_alert(record);
        let begun = history.begun(index);
        let begun: Vec<_> = begun
            .map(|record| record.filter(|record| !no_key(record)))
            .collect();
        match begun.iter().flatten().find(|record| !is_alert(record)) {
            Some(record) => notes.violated(event, "nothing after the peer's fatal alert", *record),
            None if begun.contains(&None) => {}
            None => notes.satisfied(),
        }
    }
}

fn write_fails_after_fatal_alert(history: &History<'_>, notes: &mut Notes) {
    for (event, attempt, call) in history.writes() {
        let before = &event.before;
        let over = before.own.is_failed() || before.failed_over_an_alert();
        if over && !attempt.argument.is_empty() {
            let kept = !has_succeeded(attempt.function, call);
            notes.check(kept, event, "a failure", Returned(call));
        }
    }
}

/// In TLS 1.2 the receiver of close_notify closes in turn (RFC 5246, section 7.2.1).
fn peer_close_leaves_writing(history: &History<'_>, notes: &mut Notes) {
    if history.setting.variant.version != Version::Tls13 {
        return;
    }
    for (event, _, call) in history.writes() {
        if event.before.peer.is_closed()
            && event.is_permitted_call()
            && event.connection_is_healthy()
        {
            let kept = call.error == ErrorClass::None || call.error.is_retry();
            notes.check(kept, event, "the write goes on", Returned(call));
        }
    }
}

fn close_notify_is_a_warning(history: &History<'_>, notes: &mut Notes) {
    for event in &history.events {
        for record in event.completed() {
            if let Some(alert) = record.alert().filter(|alert| alert.is_close_notify()) {
                notes.check(!alert.is_fatal(), event, "a warning", record);
            }
        }
    }
}

/// The shutdowns of a connection that no call and no alert has ended: after that SSL_shutdown must
/// not be called (SSL_shutdown(3), NOTES).
fn shutdowns<'c, 't>(
    history: &'c History<'t>,
) -> impl Iterator<Item = (usize, &'c Event<'t>, &'t Call)> {
    let events = history.events.iter().enumerate();
    events.filter_map(|(index, event)| {
        let before = &event.before;
        let is_shutdown = event.step() == Some(&Step::Shutdown);
        let may = before.established()
            && !before.failed_permanently
            && !before.own.is_failed()
            && !before.peer.is_failed();
        (is_shutdown && may).then_some((index, event, event.call()?))
    })
}

/// Whether the wire shows everything that the library has sent. It does not show bytes in a
/// transport that buffers, nor the content of a record with an unknown key or that cannot be
/// decrypted, nor of records after the latter.
fn is_all_seen(history: &History<'_>, index: usize) -> bool {
    let transport = history.setting.variant.transport;
    let before = &history.events[index].before;
    let is_kept = transport.keeps() || transport.is_of_the_system();
    let passes = before.outbound == Outbound::OPEN && !before.transport_failed;
    let mut sent = history.events[..=index]
        .iter()
        .flat_map(|event| &event.entry.sent);
    (passes || !is_kept) && !sent.any(RecordSeen::is_closed)
}

fn shutdown_returns(history: &History<'_>, notes: &mut Notes) {
    for (_, event, call) in shutdowns(history) {
        let kept = call.ret <= 1;
        notes.check(kept, event, "1, 0 or a negative number", Returned(call));
    }
}

/// Whether an earlier call has reported the peer's close_notify.
fn has_reported_close(history: &History<'_>, index: usize) -> bool {
    history.events[..index].iter().any(|event| {
        let says_so = |call: &Call| call.error == ErrorClass::ZeroReturn && call.ret <= 0;
        event.call().is_some_and(says_so)
    })
}

fn zero_means_sent(history: &History<'_>, notes: &mut Notes) {
    for (index, event, call) in shutdowns(history).filter(|(.., call)| call.ret == 0) {
        if !is_all_seen(history, index) {
            continue;
        }
        let after = history.after(index);
        if !after.own.is_closed() {
            let seen = Returned(call).contradicted_by(Contradiction::CloseNotifyNotSent);
            notes.violated(event, "0 only when close_notify has been sent", seen);
        } else if after.peer.is_closed() && has_reported_close(history, index) {
            let seen = Returned(call).contradicted_by(Contradiction::PeerHasClosed);
            notes.violated(event, "1, as both have sent close_notify", seen);
        } else {
            notes.satisfied();
        }
    }
}

fn one_means_closed(history: &History<'_>, notes: &mut Notes) {
    for (index, event, call) in shutdowns(history).filter(|(.., call)| call.ret == 1) {
        // The injected bytes may have been a close_notify.
        if !is_all_seen(history, index) || event.before.peer_bytes_injected {
            continue;
        }
        let after = history.after(index);
        let but = if after.own.is_closed() {
            Contradiction::PeerHasNotClosed
        } else {
            Contradiction::CloseNotifyNotSent
        };
        let expected = "1 only when close_notify has been sent and the peer's has come";
        let kept = after.own.is_closed() && after.may_have_read_close();
        notes.check(kept, event, expected, Returned(call).contradicted_by(but));
    }
}

fn sent_is_a_success(history: &History<'_>, notes: &mut Notes) {
    for (_, event, call) in shutdowns(history) {
        let sends = event
            .completed()
            .any(|record| record.alert().is_some_and(AlertSeen::is_close_notify));
        // A transport that buffers sends at any time.
        let is_own = event.entry.traffic.is_some();
        if sends && is_own && !event.before.stale_error {
            notes.check(call.ret >= 0, event, "0 or 1", Returned(call));
        }
    }
}

/// Whether the library, in this call, attempted to send an alert about the end of the connection,
/// and the transport did not accept it: the call has failed permanently because of received bytes,
/// and no other bytes were waiting to be sent.
fn owes_an_alert(event: &Event<'_>, call: &Call) -> bool {
    let Some(traffic) = &event.entry.traffic else {
        return false;
    };
    let before = &event.before;
    // An alert of the peer is not answered by another.
    let is_alerted = before.peer_gave_up() || {
        let mut taken = event.entry.taken.iter();
        taken.any(|record| record.alert().is_some_and(AlertSeen::is_fatal))
    };
    call.error == ErrorClass::Ssl
        && !call.queue.is_empty()
        && !is_alerted
        && traffic.inbound.moved
        && traffic.outbound.is_to_be_retried()
        && !before.is_over()
        && !before.has_more_to_send()
        && !event.sends_handshake()
        && !event.completed().any(|record| record.alert().is_some())
}

/// Whether the transport accepts everything from now on; one that accepts only a part, or refuses
/// permanently, creates no obligation.
fn takes_all(event: &Event<'_>) -> bool {
    event.before.outbound == Outbound::OPEN && !event.before.transport_failed
}

/// Whether the library uses the transport in this call: not if it only changes a setting, or
/// returns data that it has already read.
fn meets_the_transport(event: &Event<'_>, call: &Call) -> bool {
    match event.step() {
        Some(Step::KeyUpdate(_) | Step::Renegotiate | Step::MaxSendFragment(_)) => false,
        Some(Step::Read(_)) => call.error != ErrorClass::None,
        _ => true,
    }
}

fn owed_goes_out(history: &History<'_>, notes: &mut Notes) {
    let owing = history.events.iter().position(|event| {
        let owes = |call: &Call| owes_an_alert(event, call);
        event.call().is_some_and(owes)
    });
    let Some(owing) = owing else { return };
    let later = &history.events[owing + 1..];
    let is_alert = |record: &RecordSeen| record.alert().is_some_and(AlertSeen::is_fatal);
    let goes_out = later.iter().flat_map(Event::completed).any(is_alert);
    let mut chances = later.iter().filter(|event| {
        let meets = |call: &Call| meets_the_transport(event, call);
        event.call().is_some_and(meets) && takes_all(event)
    });
    match chances.next() {
        _ if goes_out => notes.satisfied(),
        Some(event) => {
            let expected = "the fatal alert that is owed";
            notes.violated(event, expected, Observation::AlertOwed);
        }
        None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::*;
    use crate::scenario::{PeerAction, Step, TransportKind};
    use crate::trace::{Body, Call, ErrorClass, RecordSeen};
    use crate::transport::{Budget, Direction, Outbound, Refusal};
    use crate::wire::ContentType;

    #[test]
    fn write_fails_after_shutdown() {
        let clause = "closing.no-write-after-shutdown";
        let base = Script::tls13().shutdown();
        kept(
            clause,
            1,
            &base.clone().write(9, refused("ssl:protocol is shutdown")),
        );
        broken(clause, 3, &base.clone().write(9, Call::success(9)));
        not_exercised(clause, &Script::tls13().write(9, Call::success(9)));
    }

    #[test]
    fn nothing_follows_close_notify() {
        let clause = "closing.nothing-after-close-notify";
        let base = Script::tls13().shutdown();
        let write = base.clone().write(9, refused("ssl:protocol is shutdown"));
        kept(clause, 1, &write);
        broken(clause, 3, &write.clone().sent(data(9)));
        // Records after one that cannot be decrypted are unknown.
        kept(clause, 1, &write.sent(after_unreadable()));
        broken(clause, 2, &base.clone().sent(alert("fatal decode_error")));
        not_exercised(clause, &base);
    }

    #[test]
    fn nothing_follows_a_fatal_alert() {
        let clause = "closing.nothing-after-fatal-alert";
        let sent = Script::tls13().read(refused("ssl:decode error"));
        let sent = sent.sent(alert("fatal decode_error"));
        kept(
            clause,
            1,
            &sent.clone().write(9, failed(-1, ErrorClass::Ssl)),
        );
        broken(clause, 3, &sent.write(9, Call::success(9)).sent(data(9)));
        let received = Script::tls13().read(refused("ssl:alert"));
        let received = received.taken(alert("fatal bad_record_mac"));
        kept(
            clause,
            1,
            &received.clone().write(9, failed(-1, ErrorClass::Ssl)),
        );
        broken(
            clause,
            3,
            &received.clone().write(9, Call::success(9)).sent(data(9)),
        );
        // Buffered bytes that a slow transport passes on may precede the alert.
        let slow = |budget| {
            let link = Step::Link(Outbound {
                accept: budget,
                ..Outbound::OPEN
            });
            let script = Script::tls13().called(link, Call::success(1));
            let script = script.read(refused("ssl:alert"));
            let script = script.taken(alert("fatal bad_record_mac"));
            script.write(9, failed(-1, ErrorClass::Ssl)).sent(data(9))
        };
        broken(clause, 4, &slow(Budget::EachCall(32)));
        let buffered = slow(Budget::EachCall(32)).over(TransportKind::MemoryBio);
        not_exercised(clause, &buffered);
        broken(clause, 4, &slow(Budget::All).over(TransportKind::MemoryBio));
        // The incomplete record may be the alert in response.
        let cut = received.write(9, failed(-1, ErrorClass::Ssl));
        let short = cut.clone().sent(begun_of(24));
        not_exercised(clause, &short);
        // So may a record with an unknown key.
        let no_key = RecordSeen {
            body: Body::NoKey {
                content_type: ContentType::ApplicationData,
            },
            ..data(9)
        };
        not_exercised(clause, &cut.clone().sent(no_key));
        let again = |script: Script| script.retry(9, failed(-1, ErrorClass::Ssl));
        let continued = |record| again(short.clone()).sent(last_of(record));
        kept(clause, 2, &continued(alert("fatal unexpected_message")));
        broken(clause, 3, &continued(data(2)));
        broken(clause, 3, &cut.sent(begun()));
        not_exercised(
            clause,
            &Script::tls13().write(9, Call::success(9)).sent(data(9)),
        );
    }

    #[test]
    fn write_fails_after_a_fatal_alert() {
        let clause = "closing.write-fails-after-fatal-alert";
        let received = Script::tls13().read(refused("ssl:alert"));
        let received = received.taken(alert("fatal bad_record_mac"));
        kept(
            clause,
            1,
            &received.clone().write(9, failed(-1, ErrorClass::Ssl)),
        );
        broken(clause, 3, &received.write(9, Call::success(9)));
        not_exercised(clause, &Script::tls13().write(9, Call::success(9)));
        // An alert after close_notify is ignored.
        let closed = Script::tls13().read(failed(0, ErrorClass::ZeroReturn));
        let closed = closed.taken(alert("warning close_notify"));
        let ignored = closed.read(failed(-1, ErrorClass::Syscall));
        let ignored = ignored.taken(alert("fatal bad_record_mac"));
        not_exercised(clause, &ignored.write(9, Call::success(9)));
    }

    #[test]
    fn peer_close_does_not_affect_writing() {
        let clause = "closing.peer-close-leaves-writing";
        let read = |script: Script| {
            let script = script.read(failed(0, ErrorClass::ZeroReturn));
            script.taken(alert("warning close_notify"))
        };
        let base = read(Script::tls13());
        kept(clause, 1, &base.clone().write(9, Call::success(9)));
        broken(
            clause,
            3,
            &base.write(9, refused("ssl:protocol is shutdown")),
        );
        not_exercised(clause, &read(Script::tls12()).write(9, Call::success(9)));
    }

    #[test]
    fn close_notify_is_a_warning() {
        let clause = "closing.close-notify-is-a-warning";
        kept(clause, 1, &Script::tls13().shutdown());
        let fatal = shuts_down(0).sent(alert("fatal close_notify"));
        broken(clause, 2, &fatal);
        not_exercised(clause, &shuts_down(0).sent(alert("fatal decode_error")));
    }

    fn shuts_down(ret: i64) -> Script {
        let call = match ret {
            1 => Call::success(1),
            ret => failed(ret, ErrorClass::Syscall),
        };
        Script::tls13().called(Step::Shutdown, call)
    }

    fn close_notify() -> crate::trace::RecordSeen {
        alert("warning close_notify")
    }

    /// The library has read the peer's close_notify.
    fn peer_has_closed() -> Script {
        let script = Script::tls13().read(failed(0, ErrorClass::ZeroReturn));
        script.taken(close_notify())
    }

    #[test]
    fn shutdown_returns_one_zero_or_a_negative_number() {
        let clause = "closing.shutdown-returns";
        kept(clause, 1, &shuts_down(0));
        kept(clause, 1, &shuts_down(-1));
        broken(clause, 2, &shuts_down(2));
        let failed_connection = Script::tls13().read(refused("ssl:bad record"));
        not_exercised(
            clause,
            &failed_connection.called(Step::Shutdown, Call::success(2)),
        );
    }

    #[test]
    fn zero_means_that_close_notify_has_been_sent() {
        let clause = "closing.shutdown-zero-means-sent";
        broken(clause, 2, &shuts_down(0));
        kept(clause, 1, &shuts_down(0).sent(close_notify()));
        // The second one finds the alert sent.
        let again = failed(0, ErrorClass::Syscall);
        let twice = shuts_down(0).sent(close_notify());
        kept(clause, 2, &twice.called(Step::Shutdown, again.clone()));
        // An incomplete alert is not enough.
        broken(clause, 2, &shuts_down(0).sent(begun_of(24)));
        // An unflushed transport that buffers may hold all of it.
        let full = Script::tls13().step(Step::Link(Outbound {
            accept: Budget::Bytes(0),
            ..Outbound::OPEN
        }));
        let full = full.called(Step::Shutdown, again.clone());
        broken(clause, 3, &full);
        not_exercised(clause, &full.over(TransportKind::MemoryBio));
        broken(clause, 2, &shuts_down(0).over(TransportKind::MemoryBio));
        // So may the bytes after a record that cannot be decrypted.
        not_exercised(clause, &shuts_down(0).sent(after_unreadable()));
        let peer_first = peer_has_closed().called(Step::Shutdown, again);
        broken(clause, 3, &peer_first.sent(close_notify()));
        not_exercised(clause, &shuts_down(-1));
    }

    #[test]
    fn one_means_that_both_have_sent_close_notify() {
        let clause = "closing.shutdown-one-means-closed";
        let both = peer_has_closed().called(Step::Shutdown, Call::success(1));
        broken(clause, 3, &both);
        kept(clause, 1, &both.sent(close_notify()));
        broken(clause, 2, &shuts_down(1));
        broken(clause, 2, &shuts_down(1).sent(close_notify()));
        not_exercised(clause, &shuts_down(0));
        let injected = Script::tls13().peer(PeerAction::Raw(vec![21]));
        not_exercised(clause, &injected.called(Step::Shutdown, Call::success(1)));
    }

    #[test]
    fn shutdown_that_has_sent_close_notify_reports_it() {
        let clause = "closing.shutdown-sent-is-a-success";
        kept(clause, 1, &shuts_down(0).sent(close_notify()));
        let failed = shuts_down(-1).sent(close_notify());
        broken(clause, 2, &failed);
        not_exercised(clause, &failed.over(TransportKind::MemoryBio));
        not_exercised(clause, &shuts_down(-1));
    }

    #[test]
    fn owed_alert_is_sent() {
        let clause = "alert.owed-goes-out";
        let link = |script: Script, accept| {
            script.step(Step::Link(Outbound {
                accept,
                ..Outbound::OPEN
            }))
        };
        let full = link(Script::tls13(), Budget::Bytes(0));
        let mut owes = full.read(refused("ssl:bad record"));
        owes.traffic().inbound.moved = true;
        let owes = owes.refused(Direction::Out, Refusal::WouldBlock);
        let open = link(owes.clone(), Budget::All);
        let again = |script: &Script| script.clone().read(failed(-1, ErrorClass::Ssl));
        broken(clause, 5, &again(&open));
        kept(clause, 1, &again(&open).sent(alert("fatal bad_record_mac")));
        // The library has not been called since, or the transport still accepts nothing.
        not_exercised(clause, &open);
        not_exercised(clause, &again(&owes));
        // A read of buffered data needs no transport, nor does a setting.
        not_exercised(clause, &open.clone().read(Call::success(1)));
        let limit = Step::MaxSendFragment(512);
        not_exercised(clause, &open.clone().called(limit, Call::success(1)));
        // The peer has ended the connection, and expects no alert.
        let answered = owes.clone().taken(alert("fatal unexpected_message"));
        not_exercised(clause, &again(&link(answered, Budget::All)));
        // It was sent at once.
        let sent = owes.sent(alert("fatal bad_record_mac"));
        not_exercised(clause, &again(&link(sent, Budget::All)));
    }
}
