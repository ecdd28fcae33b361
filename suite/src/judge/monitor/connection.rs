//! Whether a connection recovers or stays failed, and whether the library's results are consistent.

use super::{Event, History, Monitor, Notes, Returned};
use crate::scenario::{Buffer, RetryContent};
use crate::trace::{Argument, ErrorClass, Verb};

pub(super) static MONITORS: &[Monitor] = &[
    Monitor::all(
        "connection.recovers-or-stays-failed",
        recovers_or_stays_failed,
    ),
    Monitor::all(
        "connection.refused-call-sends-nothing",
        refused_call_sends_nothing,
    ),
];

/// Whether the transport works during this call, so that its error class is reliable.
fn is_clear(event: &Event<'_>) -> bool {
    !event.before.transport_fails(event.entry) && !event.before.stale_error
}

/// The arguments of a permitted call: a refusal leaves the pending write unchanged.
#[derive(Default)]
struct UnderWay(Option<Argument>);

impl UnderWay {
    fn allows(&self, event: &Event<'_>) -> bool {
        let Some(attempt) = event.attempt() else {
            return false;
        };
        let asks = attempt.argument.len().is_some_and(|len| len > 0);
        let same = attempt.buffer == Buffer::Same && attempt.content == RetryContent::Same;
        let right = match (attempt.verb, self.0) {
            (Verb::Write, under_way) => under_way.is_none(),
            (Verb::Retry, None) => true,
            (Verb::Retry, Some(argument)) => argument == attempt.argument,
        };
        asks && same && right
    }

    fn go_on(&mut self, event: &Event<'_>) {
        let (Some(attempt), Some(call)) = (event.attempt(), event.call()) else {
            return;
        };
        match call.error {
            ErrorClass::None => self.0 = None,
            error if error.is_retry() => self.0 = Some(attempt.argument),
            _ => {}
        }
    }
}

fn recovers_or_stays_failed(history: &History<'_>, notes: &mut Notes) {
    let mut under_way = UnderWay::default();
    let mut refused_a_permitted_call = false;
    for (event, _, call) in history.writes() {
        let right = under_way.allows(event) && is_clear(event);
        under_way.go_on(event);
        if !event.before.failed_permanently || !right {
            continue;
        }
        let continues = call.error == ErrorClass::None || call.error.is_retry();
        let expected = "a connection that refused a permitted call stays failed";
        notes.check(
            !(continues && refused_a_permitted_call),
            event,
            expected,
            Returned(call),
        );
        refused_a_permitted_call |= !continues;
    }
}

/// Whether a buffer between the library and the transport may hold records of an earlier write,
/// including one that was given up.
fn may_be_sent_later(history: &History<'_>, event: &Event<'_>) -> bool {
    let before = &event.before;
    history.setting.variant.transport.keeps()
        && (before.has_more_to_send() || before.gave_up_a_write)
}

fn refused_call_sends_nothing(history: &History<'_>, notes: &mut Notes) {
    for (index, event) in history.events.iter().enumerate() {
        let (Some(_), Some(call)) = (event.attempt(), event.call()) else {
            continue;
        };
        if call.error != ErrorClass::Ssl || !is_clear(event) || may_be_sent_later(history, event) {
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
    use crate::scenario::TransportKind;
    use crate::trace::{Call, ErrorClass};
    use crate::transport::{Direction, Errno, Refusal};

    #[test]
    fn connection_recovers_or_stays_failed() {
        let clause = "connection.recovers-or-stays-failed";
        let base = Script::tls13()
            .blocked_write()
            .retry(9, refused("ssl:bad length"));
        let fails = || failed(-1, ErrorClass::Ssl);
        kept(clause, 1, &base.clone().retry(1000, Call::success(1000)));
        let stays = base.clone().retry(1000, fails());
        kept(clause, 2, &stays.clone().retry(1000, fails()));
        broken(clause, 5, &stays.retry(1000, Call::success(1000)));
        not_exercised(clause, &Script::tls13().write(9, Call::success(9)));
        // While the transport fails, no call is judged.
        let reset = Script::tls13().write(9, failed(-1, ErrorClass::Syscall));
        let reset = reset.refused(Direction::Out, Refusal::Fail(Errno::PIPE));
        kept(clause, 1, &reset.retry(9, Call::success(9)));
    }

    #[test]
    fn refused_call_sends_nothing_new() {
        let clause = "connection.refused-call-sends-nothing";
        let base = Script::tls13().write(9, refused("ssl:bad length"));
        kept(clause, 1, &base);
        broken(clause, 2, &base.clone().sent(data(9)));
        broken(clause, 2, &base.clone().sent(begun()));
        // It may be an alert.
        let short = base.sent(begun_of(24));
        not_exercised(clause, &short);
        let goes_on = |record| {
            short
                .clone()
                .retry(9, Call::success(9))
                .sent(last_of(record))
        };
        kept(clause, 1, &goes_on(alert("fatal internal_error")));
        broken(clause, 2, &goes_on(data(2)));
        // A buffer of the library may hold records of the pending write.
        let with_refusal =
            |script: Script| script.blocked_write().write(9, refused("ssl:bad length"));
        broken(clause, 3, &with_refusal(Script::tls13()).sent(begun()));
        let buffered = Script::tls13().over(TransportKind::BufferingBio);
        not_exercised(clause, &with_refusal(buffered).sent(begun()));
        // It may still do so after that write has been given up.
        let given_up = |script: Script| with_refusal(script).write(9, refused("ssl:bad length"));
        let buffered = Script::tls13().over(TransportKind::BufferingBio);
        not_exercised(clause, &given_up(buffered).sent(begun()));
        broken(clause, 4, &given_up(Script::tls13()).sent(begun()));
        not_exercised(
            clause,
            &Script::tls13().write(9, Call::success(9)).sent(data(9)),
        );
    }
}
