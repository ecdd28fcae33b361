//! The actions of the runner, as a trace describes them.

use crate::scenario::{Buffer, Function, Retry, RetryContent, Step};
use crate::trace::{Argument, Asked, Attempt};

/// The actions before the first step and after the last one.
pub(super) const OPEN: &str = "open";
pub(crate) const FREE: &str = "free";

/// An action: its text in the trace, and its typed form for the judge.
#[derive(Debug)]
pub(super) struct Action {
    pub(super) words: String,
    pub(super) asked: Asked,
}

impl Action {
    /// A step that is not a write.
    pub(super) fn step(step: Step) -> Self {
        Self {
            words: step.describe(),
            asked: Asked::Step(step),
        }
    }

    /// A call of the write function, made as `retry` says.
    pub(super) fn attempt(attempt: Attempt, retry: &Retry) -> Self {
        Self {
            words: describe_attempt(&attempt, retry),
            asked: Asked::Write(attempt),
        }
    }

    /// The library sends the data that it has buffered.
    pub(super) fn flush() -> Self {
        Self {
            words: "flush".to_owned(),
            asked: Asked::Flush,
        }
    }

    /// Something that no judge asks about.
    pub(super) fn other(words: impl Into<String>) -> Self {
        Self {
            words: words.into(),
            asked: Asked::Nothing,
        }
    }
}

/// A call of the write function, as in `retry 20000 moved`.
fn describe_attempt(attempt: &Attempt, retry: &Retry) -> String {
    let mut words = attempt.verb.as_str().to_owned();
    if attempt.function == Function::WriteEx {
        words.push_str(" with SSL_write_ex");
    }
    match attempt.argument {
        Argument::Bytes(len) => words.push_str(&format!(" {len}")),
        Argument::Null => words.push_str(" null"),
        Argument::Negative(len) => words.push_str(&format!(" {len}")),
    }
    if retry.buffer == Buffer::Moved {
        words.push_str(" moved");
    }
    if retry.content == RetryContent::Changed {
        words.push_str(" changed");
    }
    words
}
