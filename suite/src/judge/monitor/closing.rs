//! close_notify and fatal alerts, both ways.

use super::{Came, Course, Monitor, Notes, has_succeeded, is_close_notify, is_fatal};
use crate::link::Outbound;
use crate::scenario::Version;
use crate::trace::{Asked, Body, ErrorClass, RecordSeen};

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
];

fn no_write_after_shutdown(course: &Course<'_>, notes: &mut Notes) {
    for (moment, attempt, call) in course.writes() {
        if moment.before.closed && !attempt.argument.is_empty() {
            let kept = !has_succeeded(attempt.function, call);
            notes.check(kept, moment, "a failure", Came(call));
        }
    }
}

/// The alert in a record.
fn alert(record: &RecordSeen) -> Option<&str> {
    match &record.body {
        Body::Alert { alert, .. } => Some(alert),
        _ => None,
    }
}

/// Whether it is an alert that has not wholly come.
fn is_cut_alert(record: &RecordSeen) -> bool {
    matches!(&record.body, Body::Incomplete { content_type, .. } if content_type == "alert")
}

/// Whether the library goes on where an end was sent or received: each entry behind it is looked at, as is
/// what the entry itself sends behind it.
fn nothing_after(course: &Course<'_>, notes: &mut Notes, is_end: fn(&str) -> bool) {
    let mut ended = false;
    for moment in &course.moments {
        let was_ended = ended;
        let mut goes_on = None;
        for record in moment.begun() {
            // What follows a record that does not open is not told apart; it is broken once.
            let is_told = ended && record.body != Body::After;
            goes_on = goes_on.or(is_told.then_some(record));
            ended |= alert(record).is_some_and(is_end);
        }
        match goes_on {
            Some(record) => notes.violated(moment, "nothing more", record),
            None if was_ended && moment.call().is_some() => notes.satisfied(),
            None => {}
        }
    }
}

fn nothing_after_close_notify(course: &Course<'_>, notes: &mut Notes) {
    nothing_after(course, notes, is_close_notify);
}

/// Of one that was received, only when the library has failed over it: bytes that it took it may not have
/// looked at yet. An alert in answer is not told, nor what was sealed before and is sent because the caller
/// asks for it.
fn nothing_after_fatal_alert(course: &Course<'_>, notes: &mut Notes) {
    nothing_after(course, notes, is_fatal);
    for (index, moment) in course.moments.iter().enumerate() {
        let over = moment.before.peer_failed && moment.before.dead;
        if !over || moment.call().is_none() || moment.entry.asked == Asked::Flush {
            continue;
        }
        // What a transport keeps that takes only a part of it may have been there before the alert.
        let keeps = course.setting.variant.transport.keeps();
        if keeps && moment.before.outbound != Outbound::OPEN {
            continue;
        }
        let is_alert = |record: &RecordSeen| alert(record).is_some() || is_cut_alert(record);
        let begun: Vec<_> = course.begun(index).collect();
        match begun.iter().flatten().find(|record| !is_alert(record)) {
            Some(record) => {
                notes.violated(moment, "nothing behind the peer's fatal alert", *record)
            }
            None if begun.contains(&None) => {}
            None => notes.satisfied(),
        }
    }
}

fn write_fails_after_fatal_alert(course: &Course<'_>, notes: &mut Notes) {
    for (moment, attempt, call) in course.writes() {
        let received = moment.before.peer_failed && moment.before.dead;
        if (moment.before.failed || received) && !attempt.argument.is_empty() {
            let kept = !has_succeeded(attempt.function, call);
            notes.check(kept, moment, "a failure", Came(call));
        }
    }
}

/// TLS 1.2 says that who receives close_notify closes in turn (RFC 5246, section 7.2.1).
fn peer_close_leaves_writing(course: &Course<'_>, notes: &mut Notes) {
    if course.setting.variant.version != Version::Tls13 {
        return;
    }
    for (moment, _, call) in course.writes() {
        if moment.before.peer_closed && moment.is_rightful() && moment.is_sound() {
            let kept = call.error == ErrorClass::None || call.error.is_retry();
            notes.check(kept, moment, "the write goes on", Came(call));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::*;
    use crate::link::{Budget, Outbound};
    use crate::scenario::{Step, Transport};
    use crate::trace::{Call, ErrorClass};

    #[test]
    fn no_write_succeeds_after_shutdown() {
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
        // What stands behind a record that does not open nobody can tell.
        kept(clause, 1, &write.sent(behind()));
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
        // What a slow transport hands on of what it keeps may have been there before the alert.
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
        let kept_back = slow(Budget::EachCall(32)).over(Transport::MemoryBio);
        not_exercised(clause, &kept_back);
        broken(clause, 4, &slow(Budget::All).over(Transport::MemoryBio));
        // What was cut off may be the alert in answer.
        let cut = received.write(9, failed(-1, ErrorClass::Ssl));
        let short = cut.clone().sent(begun_of(24));
        not_exercised(clause, &short);
        let again = |script: Script| script.retry(9, failed(-1, ErrorClass::Ssl));
        let goes_on = |record| again(short.clone()).sent(last_of(record));
        kept(clause, 2, &goes_on(alert("fatal unexpected_message")));
        broken(clause, 3, &goes_on(data(2)));
        broken(clause, 3, &cut.sent(begun()));
        not_exercised(
            clause,
            &Script::tls13().write(9, Call::success(9)).sent(data(9)),
        );
    }

    #[test]
    fn no_write_succeeds_after_a_fatal_alert() {
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
    }

    #[test]
    fn the_peers_close_leaves_writing() {
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
}
