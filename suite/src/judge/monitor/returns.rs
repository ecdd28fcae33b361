//! The return values of the write functions, and the numbers that they store.

use super::{Contradiction, History, Monitor, Notes, Observation, Returned, has_succeeded};
use crate::scenario::{Function, Mode};
use crate::trace::{Argument, Attempt, Outcome, Stored};

pub(super) static MONITORS: &[Monitor] = &[
    Monitor::all("return.at-most-asked", at_most_asked),
    Monitor::libssl("return.ex-one-or-zero", ex_one_or_zero),
    Monitor::libssl("return.negative-length-is-refused", negative_length),
    Monitor::libssl("written.stored-on-success", stored_on_success),
    Monitor::libssl("written.untouched-on-failure", untouched_on_failure),
    Monitor::libssl("success.means-all-bytes", success_means_all_bytes),
    Monitor::libssl("failure.means-not-all-bytes", failure_means_not_all_bytes),
];

fn at_most_asked(history: &History<'_>, notes: &mut Notes) {
    for (event, attempt, call) in history.writes() {
        if !has_succeeded(attempt.function, call) {
            continue;
        }
        let asked = attempt.argument.len().unwrap_or(0);
        let accepted = call.accepted().unwrap_or(0);
        // An empty SSL_write_ex succeeds with 0.
        let empty_success = asked == 0 && attempt.function == Function::WriteEx;
        let kept = accepted <= asked && (accepted > 0 || empty_success);
        notes.check(
            kept,
            event,
            format_args!("1 to {asked} bytes"),
            Observation::Accepted { bytes: accepted },
        );
    }
}

fn ex_one_or_zero(history: &History<'_>, notes: &mut Notes) {
    for (event, attempt, call) in history.writes() {
        if attempt.function == Function::WriteEx {
            let kept = matches!(call.ret, 0 | 1);
            notes.check(kept, event, "1 or 0", Returned(call));
        }
    }
}

fn negative_length(history: &History<'_>, notes: &mut Notes) {
    for event in &history.events {
        let is_negative = |attempt: &Attempt| matches!(attempt.argument, Argument::Negative(_));
        if !event.attempt().is_some_and(is_negative) {
            continue;
        }
        let expected = "an error with a reason";
        let result = &event.entry.result;
        let Some(call) = event.call() else {
            // The result of a call that was stopped is unknown.
            if result.is_end() && !matches!(result, Outcome::Stopped(_)) {
                notes.violated(event, expected, result);
            }
            continue;
        };
        // A transport that buffers may send data of earlier writes now.
        let transport = history.setting.variant.transport;
        let sends = event.before.max_unsent(transport) == 0
            && event.begun().any(|record| record.is_application_data());
        // Without a reason it is the result of an empty write.
        let says_why = !call.queue.is_empty() || call.error.is_retry();
        if sends {
            notes.violated(event, expected, Observation::DataSent);
        } else {
            let kept = call.ret <= 0 && says_why;
            notes.check(kept, event, expected, Returned(call));
        }
    }
}

fn stored_on_success(history: &History<'_>, notes: &mut Notes) {
    for (event, attempt, call) in history.writes() {
        if attempt.function == Function::WriteEx && call.ret == 1 {
            let kept = matches!(call.written, Some(Stored::Bytes(_)));
            notes.check(
                kept,
                event,
                "a number of bytes is stored",
                Observation::Stored { bytes: None },
            );
        }
    }
}

fn untouched_on_failure(history: &History<'_>, notes: &mut Notes) {
    for (event, attempt, call) in history.writes() {
        if attempt.function != Function::WriteEx || call.ret == 1 {
            continue;
        }
        match call.written {
            Some(Stored::Bytes(bytes)) if bytes > 0 => notes.violated(
                event,
                "a failure stores nothing, or 0",
                Observation::Stored { bytes: Some(bytes) },
            ),
            _ => notes.satisfied(),
        }
    }
}

fn success_means_all_bytes(history: &History<'_>, notes: &mut Notes) {
    for (event, attempt, call) in history.writes() {
        let Some(asked) = attempt.argument.len().filter(|&asked| asked > 0) else {
            continue;
        };
        if !has_succeeded(attempt.function, call) || event.before.has(Mode::PartialWrite) {
            continue;
        }
        let accepted = call.accepted().unwrap_or(0);
        notes.check(
            accepted == asked,
            event,
            format_args!("all {asked} bytes"),
            Observation::Accepted { bytes: accepted },
        );
    }
}

/// A call that asks for a retry has not yet sent all its bytes in complete records. One that gives
/// fewer bytes than are pending is not permitted.
fn failure_means_not_all_bytes(history: &History<'_>, notes: &mut Notes) {
    for (index, event) in history.events.iter().enumerate() {
        let (Some(attempt), Some(call)) = (event.attempt(), event.call()) else {
            continue;
        };
        let partial = event.before.has(Mode::PartialWrite);
        let Some(asked) = attempt.argument.len().filter(|&asked| asked > 0) else {
            continue;
        };
        if !call.error.is_retry() || partial || !event.is_permitted_call() {
            continue;
        }
        let after = history.after(index);
        let out = after.sealed.saturating_sub(after.accepted);
        notes.check(
            out < asked,
            event,
            format_args!("fewer than {asked} bytes have gone out"),
            Returned(call).contradicted_by(Contradiction::BytesOut(out)),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::*;
    use crate::scenario::Mode;
    use crate::trace::{Argument, Attempt, Call, ErrorClass, Outcome, Stored, Verb};

    #[test]
    fn success_reports_at_most_the_requested_bytes() {
        let clause = "return.at-most-asked";
        let base = Script::tls13();
        kept(clause, 1, &base.clone().write(100, Call::success(100)));
        broken(clause, 2, &base.clone().write(100, Call::success(101)));
        let nothing = ex(1, ErrorClass::None, Stored::Bytes(0));
        broken(clause, 2, &base.clone().write_ex(100, nothing.clone()));
        kept(clause, 1, &base.clone().write_ex(0, nothing));
        not_exercised(clause, &base.blocked_write());
    }

    #[test]
    fn write_ex_returns_one_or_zero() {
        let clause = "return.ex-one-or-zero";
        let base = Script::tls13();
        let success = ex(1, ErrorClass::None, Stored::Bytes(9));
        let failure = ex(-1, ErrorClass::WantWrite, Stored::Untouched);
        kept(clause, 1, &base.clone().write_ex(9, success));
        broken(clause, 2, &base.clone().write_ex(9, failure));
        not_exercised(clause, &base.write(9, Call::success(9)));
    }

    #[test]
    fn negative_length_is_refused_and_sends_nothing() {
        let clause = "return.negative-length-is-refused";
        let negative = Attempt {
            argument: Argument::Negative(-1),
            ..attempt(Verb::Write, 0)
        };
        let base = Script::tls13();
        let refused = base.clone().attempt(negative, refused("ssl:bad length"));
        kept(clause, 1, &refused);
        broken(clause, 2, &refused.sent(data(1)));
        broken(clause, 2, &base.clone().attempt(negative, Call::success(1)));
        let nothing = failed(0, ErrorClass::Syscall);
        broken(clause, 2, &base.clone().attempt(negative, nothing));
        let crash = Outcome::Crashed("SIGSEGV".to_owned());
        let mut crashes = base.clone().attempt(negative, Call::success(1));
        crashes.last().result = crash;
        broken(clause, 2, &crashes);
        not_exercised(clause, &base.write(1, Call::success(1)));
    }

    #[test]
    fn successful_write_ex_stores_a_number() {
        let clause = "written.stored-on-success";
        let base = Script::tls13();
        let stored = |written| ex(1, ErrorClass::None, written);
        kept(
            clause,
            1,
            &base.clone().write_ex(9, stored(Stored::Bytes(9))),
        );
        broken(
            clause,
            2,
            &base.clone().write_ex(9, stored(Stored::Untouched)),
        );
        not_exercised(clause, &base.write(9, Call::success(9)));
    }

    #[test]
    fn failed_write_ex_stores_no_number() {
        let clause = "written.untouched-on-failure";
        let base = Script::tls13();
        let stored = |written| ex(0, ErrorClass::WantWrite, written);
        kept(
            clause,
            1,
            &base.clone().write_ex(9, stored(Stored::Untouched)),
        );
        kept(
            clause,
            1,
            &base.clone().write_ex(9, stored(Stored::Bytes(0))),
        );
        broken(
            clause,
            2,
            &base.clone().write_ex(9, stored(Stored::Bytes(5))),
        );
        not_exercised(clause, &base.write(9, Call::success(9)));
    }

    #[test]
    fn success_means_all_bytes_unless_writes_are_partial() {
        let clause = "success.means-all-bytes";
        let base = Script::tls13();
        kept(clause, 1, &base.clone().write(100, Call::success(100)));
        broken(clause, 2, &base.clone().write(100, Call::success(99)));
        let partial = base.modes(&[Mode::PartialWrite]);
        not_exercised(clause, &partial.write(100, Call::success(99)));
    }

    #[test]
    fn call_that_asks_for_a_retry_has_not_sent_all_its_bytes() {
        let clause = "failure.means-not-all-bytes";
        let base = Script::tls13();
        kept(clause, 1, &base.clone().blocked_write());
        let sent = base.clone().write(1000, wants_write()).sent(data(1000));
        broken(clause, 2, &sent);
        let of_many = base.clone().write(20000, wants_write()).sent(data(16384));
        kept(clause, 1, &of_many.retry(9, wants_write()));
        not_exercised(clause, &base.write(1000, Call::success(1000)));
    }
}
