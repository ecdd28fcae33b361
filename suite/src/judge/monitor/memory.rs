//! The caller's buffer.

use super::{Course, Monitor, Notes};
use crate::trace::{Argument, Outcome};

pub(super) static MONITORS: &[Monitor] = &[
    Monitor::all("memory.guard-page", guard_page),
    Monitor::all("memory.buffer-unchanged", buffer_unchanged),
];

/// The signals of one that touches memory that it must not touch.
const OUT_OF_BOUNDS: [&str; 2] = ["SIGSEGV", "SIGBUS"];

/// A buffer ends where an inaccessible page begins: who reads on ends the process.
fn guard_page(course: &Course<'_>, notes: &mut Notes) {
    for moment in &course.moments {
        let Some(attempt) = moment.attempt() else {
            continue;
        };
        if !matches!(attempt.argument, Argument::Bytes(len) if len > 0) {
            continue;
        }
        match &moment.entry.result {
            Outcome::Call(_) => notes.satisfied(),
            Outcome::Crashed(how) if OUT_OF_BOUNDS.iter().any(|signal| how.contains(signal)) => {
                notes.violated(moment, "no byte behind the buffer is read", how);
            }
            _ => {}
        }
    }
}

fn buffer_unchanged(course: &Course<'_>, notes: &mut Notes) {
    for (moment, attempt, _) in course.writes() {
        if attempt.argument.len().is_some_and(|len| len > 0) {
            let kept = !moment.entry.scribbled;
            notes.check(kept, moment, "the buffer as it was", "its bytes are others");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::script::*;
    use crate::trace::{Call, Outcome};

    #[test]
    fn no_byte_behind_the_buffer_is_read() {
        let clause = "memory.guard-page";
        let write = Script::tls13().write(9, Call::success(9));
        kept(clause, 1, &write);
        let crash = Outcome::Crashed("killed by SIGSEGV".to_owned());
        broken(clause, 2, &write.clone().ended(crash));
        let exits = Outcome::Crashed("ended its process with exit code 1".to_owned());
        not_exercised(clause, &write.ended(exits));
    }

    #[test]
    fn the_buffer_stays_as_it_was() {
        let clause = "memory.buffer-unchanged";
        let mut write = Script::tls13().write(9, Call::success(9));
        kept(clause, 1, &write);
        write.last().scribbled = true;
        broken(clause, 2, &write);
        not_exercised(clause, &Script::tls13());
    }
}
