//! Whether the caller kept its own part of the contract up to an event: a fault that a correct
//! caller meets is worse than one that only a wrong caller can provoke.

use serde::{Deserialize, Serialize};

use crate::judge::monitor::{Event, History};
use crate::scenario::{Function, Step};
use crate::trace::Argument;

/// What a caller did that its own part of the contract forbids, the first such call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Misuse {
    /// It left an entry of another call in the error queue (SSL_get_error(3)).
    StaleError,
    /// It gave a negative length.
    NegativeLength,
    /// It gave SSL_write a length of 0 (SSL_write(3), 1.1.1: behaviour is undefined).
    WriteOfNothing,
    /// It gave other arguments while a write was pending (SSL_write(3), WARNINGS).
    OtherArguments,
    /// It wrote after SSL_shutdown (SSL_shutdown(3)).
    WriteAfterShutdown,
    /// It went on after SSL_ERROR_SSL or SSL_ERROR_SYSCALL (SSL_get_error(3)).
    CallAfterFailure,
}

impl Misuse {
    /// What the caller did, as the end of a sentence that begins with "the caller".
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::StaleError => "leaves an entry in the error queue before a call",
            Self::NegativeLength => "gives a negative length",
            Self::WriteOfNothing => "gives SSL_write a length of 0",
            Self::OtherArguments => "gives other arguments while a write is pending",
            Self::WriteAfterShutdown => "writes after SSL_shutdown",
            Self::CallAfterFailure => "goes on after a fatal error",
        }
    }
}

/// The first misuse up to and including this event.
pub(super) fn misuse(history: &History<'_>, index: usize) -> Option<Misuse> {
    let up_to = history.events.iter().take(index + 1);
    up_to.filter(|event| is_call(event)).find_map(of_call)
}

/// Whether the caller calls the library in this event.
fn is_call(event: &Event<'_>) -> bool {
    match event.step() {
        None => event.attempt().is_some(),
        Some(step) => matches!(
            step,
            Step::Handshake
                | Step::Read(_)
                | Step::Shutdown
                | Step::KeyUpdate(_)
                | Step::Renegotiate
        ),
    }
}

fn of_call(event: &Event<'_>) -> Option<Misuse> {
    let before = &event.before;
    if before.stale_error {
        return Some(Misuse::StaleError);
    }
    if before.failed_permanently {
        return Some(Misuse::CallAfterFailure);
    }
    let attempt = event.attempt()?;
    if matches!(attempt.argument, Argument::Negative(_)) {
        Some(Misuse::NegativeLength)
    } else if before.shut_down {
        Some(Misuse::WriteAfterShutdown)
    } else if attempt.argument.is_empty() && attempt.function == Function::Write {
        Some(Misuse::WriteOfNothing)
    } else if before.pending.is_some() && !event.is_permitted_call() {
        Some(Misuse::OtherArguments)
    } else {
        None
    }
}
