//! Writes in partial mode.

use super::{Contradiction, History, Monitor, Notes, Observation, Returned, has_succeeded};
use crate::scenario::Mode;
use crate::trace::{ErrorClass, Verb};

pub(super) static MONITORS: &[Monitor] = &[
    Monitor::libssl("partial.at-least-one-byte", at_least_one_byte),
    Monitor::libssl("partial.failure-means-no-bytes", failure_means_no_bytes),
    Monitor::libssl("partial.rest-in-a-new-write", rest_in_a_new_write),
    Monitor::libssl("partial.block-of-16-kb", block_of_16_kb),
];

fn at_least_one_byte(history: &History<'_>, notes: &mut Notes) {
    for (event, attempt, call) in history.writes() {
        let asked = attempt.argument.len().filter(|&asked| asked > 0);
        let partial = event.before.has(Mode::PartialWrite);
        let (Some(asked), true) = (asked, partial && has_succeeded(attempt.function, call)) else {
            continue;
        };
        let accepted = call.accepted().unwrap_or(0);
        notes.check(
            (1..=asked).contains(&accepted),
            event,
            format_args!("1 to {asked} bytes"),
            Observation::Accepted { bytes: accepted },
        );
    }
}

fn failure_means_no_bytes(history: &History<'_>, notes: &mut Notes) {
    for (event, _, call) in history.writes() {
        if !event.before.has(Mode::PartialWrite) || !call.error.is_retry() {
            continue;
        }
        // Bytes that an earlier write reported as sent are sent first, and do not belong to this
        // one.
        if event.before.unsent() > 0 {
            continue;
        }
        let is_data = |record: &&crate::trace::RecordSeen| record.is_application_data();
        match event.completed().find(is_data) {
            None => notes.satisfied(),
            Some(record) => notes.violated(
                event,
                "success, as a record was completed",
                Returned(call).contradicted_by(Contradiction::Completed(record.clone())),
            ),
        }
    }
}

fn rest_in_a_new_write(history: &History<'_>, notes: &mut Notes) {
    let mut was_short = false;
    for (event, attempt, call) in history.writes() {
        // An empty write does not continue with the rest, and a negative length is refused by
        // contract.
        if attempt.argument.len().is_none_or(|asked| asked == 0) {
            continue;
        }
        if was_short && attempt.verb == Verb::Write && event.connection_is_healthy() {
            let kept = call.error == ErrorClass::None || call.error.is_retry();
            notes.check(kept, event, "a new write", Returned(call));
        }
        let accepted = call.accepted().unwrap_or(0);
        was_short =
            has_succeeded(attempt.function, call) && Some(accepted) < attempt.argument.len();
    }
}

/// Only for writes in partial mode from their beginning: bytes sent before the mode was switched on
/// are reported with the next block. After a write that failed permanently, its sealed record may
/// be the block; so may a record sealed before max_send_fragment was changed, or before a longer
/// write replaced the retry.
fn block_of_16_kb(history: &History<'_>, notes: &mut Notes) {
    let mut began_partial = false;
    let mut block_at_first = 0;
    for (event, attempt, call) in history.writes() {
        let partial = event.before.has(Mode::PartialWrite);
        let asked = attempt.argument.len();
        if event.before.pending.is_none() {
            began_partial = partial;
            block_at_first = event.before.max_send_fragment.min(asked.unwrap_or(0));
        }
        let (Some(accepted), Some(asked)) = (call.accepted(), asked) else {
            continue;
        };
        let is_own = began_partial && partial && !event.before.gave_up_a_write;
        if is_own && accepted < asked && event.is_permitted_call() {
            let block = event.before.max_send_fragment;
            notes.check(
                accepted == block || accepted == block_at_first,
                event,
                format_args!("one block of {block} bytes"),
                Observation::Accepted { bytes: accepted },
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::*;
    use crate::scenario::{Mode, Step};
    use crate::trace::{Call, ErrorClass, Stored};

    fn partial() -> Script {
        Script::tls13().modes(&[Mode::PartialWrite])
    }

    #[test]
    fn partial_success_has_written_a_byte() {
        let clause = "partial.at-least-one-byte";
        kept(clause, 1, &partial().write(20000, Call::success(16384)));
        let nothing = ex(1, ErrorClass::None, Stored::Bytes(0));
        broken(clause, 3, &partial().write_ex(20000, nothing));
        not_exercised(clause, &Script::tls13().write(9, Call::success(9)));
    }

    #[test]
    fn partial_failure_has_completed_no_record() {
        let clause = "partial.failure-means-no-bytes";
        let blocked = partial().blocked_write();
        kept(clause, 1, &blocked);
        broken(clause, 3, &blocked.sent(data(16384)));
        not_exercised(clause, &Script::tls13().blocked_write().sent(data(16384)));
        let of_earlier = partial().write(9, Call::success(9)).blocked_write();
        not_exercised(clause, &of_earlier.sent(data(9)));
    }

    #[test]
    fn rest_is_a_new_write() {
        let clause = "partial.rest-in-a-new-write";
        let short = partial().write(20000, Call::success(16384));
        kept(clause, 1, &short.clone().write(3616, Call::success(3616)));
        broken(
            clause,
            4,
            &short.clone().write(3616, refused("ssl:bad write retry")),
        );
        let nothing = short.clone().write(0, Call::failure(ErrorClass::Syscall));
        not_exercised(clause, &nothing);
        kept(clause, 1, &nothing.write(3616, Call::success(3616)));
        let whole = partial().write(100, Call::success(100));
        not_exercised(clause, &whole.write(100, Call::success(100)));
    }

    #[test]
    fn partial_success_is_one_block() {
        let clause = "partial.block-of-16-kb";
        kept(clause, 1, &partial().write(20000, Call::success(16384)));
        broken(clause, 3, &partial().write(20000, Call::success(16383)));
        let small = partial().called(Step::MaxSendFragment(512), Call::success(1));
        kept(clause, 1, &small.clone().write(20000, Call::success(512)));
        let lowered = small.write(20000, wants_write());
        let raised = lowered.called(Step::MaxSendFragment(1000), Call::success(1));
        kept(clause, 1, &raised.clone().retry(20000, Call::success(512)));
        kept(clause, 1, &raised.clone().retry(20000, Call::success(1000)));
        broken(clause, 6, &raised.retry(20000, Call::success(999)));
        let moving = Script::tls13().modes(&[Mode::PartialWrite, Mode::MovingBuffer]);
        let longer = moving.write(1, wants_write()).write(2, wants_write());
        kept(clause, 1, &longer.retry(2, Call::success(1)));
        not_exercised(clause, &partial().write(100, Call::success(100)));
        let failed = partial().write(100, Call::failure(ErrorClass::Syscall));
        not_exercised(clause, &failed.write(101, Call::success(100)));
    }
}
