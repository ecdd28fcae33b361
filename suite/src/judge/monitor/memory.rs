//! The caller's buffer.

use super::{History, Monitor, Notes, Observation};
use crate::trace::{Outcome, TOUCHED_GUARD};

pub(super) static MONITORS: &[Monitor] = &[
    Monitor::all("memory.guard-page", guard_page),
    Monitor::all("memory.buffer-unchanged", buffer_unchanged),
];

/// A buffer ends directly before an inaccessible page: reading past it ends the process, in a write
/// or, with the bytes of a pending one, in any other call.
fn guard_page(history: &History<'_>, notes: &mut Notes) {
    for event in &history.events {
        match &event.entry.result {
            end @ Outcome::Crashed(how) if how.ends_with(TOUCHED_GUARD) => {
                notes.violated(event, "no byte after the buffer is read", end);
            }
            Outcome::Call(_) if event.attempt().is_some() => notes.satisfied(),
            _ => {}
        }
    }
}

fn buffer_unchanged(history: &History<'_>, notes: &mut Notes) {
    for (event, attempt, _) in history.writes() {
        if attempt.argument.len().is_some_and(|len| len > 0) {
            let kept = !event.entry.caller_buffer_modified;
            notes.check(
                kept,
                event,
                "the buffer as it was",
                Observation::BufferModified,
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::*;
    use crate::trace::{Call, Outcome, TOUCHED_GUARD};

    #[test]
    fn bytes_after_the_buffer_are_not_read() {
        let clause = "memory.guard-page";
        let write = Script::tls13().write(9, Call::success(9));
        kept(clause, 1, &write);
        let crash = |how: &str| write.clone().ended(Outcome::Crashed(how.to_owned()));
        let touched = format!("SIGSEGV: {TOUCHED_GUARD}");
        broken(clause, 2, &crash(&touched));
        not_exercised(clause, &crash("SIGSEGV"));
        not_exercised(clause, &crash("ended its process with exit code 1"));
        let mut later = Script::tls13().blocked_write().shutdown();
        later.last().result = Outcome::Crashed(touched);
        broken(clause, 3, &later);
    }

    #[test]
    fn buffer_is_not_modified() {
        let clause = "memory.buffer-unchanged";
        let mut write = Script::tls13().write(9, Call::success(9));
        kept(clause, 1, &write);
        write.last().caller_buffer_modified = true;
        broken(clause, 2, &write);
        not_exercised(clause, &Script::tls13());
    }
}
