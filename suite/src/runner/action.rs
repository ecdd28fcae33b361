//! What is done on the stage, in the words of a trace.

use crate::scenario::{
    Buffer, Function, KeyUpdate, Mode, PeerAction, Retry, RetryContent, StaleError, Step,
};
use crate::trace::{Argument, Asked, Attempt};

/// Something that is done, in the words of a trace and as a judge has to know it.
#[derive(Debug)]
pub(super) struct Action {
    pub(super) words: String,
    pub(super) asked: Asked,
}

impl Action {
    /// A step that is no write.
    pub(super) fn step(step: Step) -> Self {
        Self {
            words: describe(&step),
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

    /// The library sends what it holds back.
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

/// A step in the words of a trace; writes and retries are told by what they are called with.
fn describe(step: &Step) -> String {
    let modes = |modes: &[Mode]| {
        modes
            .iter()
            .map(|m| m.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let request = |request: &KeyUpdate| match request {
        KeyUpdate::NotRequested => "",
        KeyUpdate::Requested => ", requested",
    };
    match step {
        Step::Handshake => "handshake".to_owned(),
        Step::Write(_) => "write".to_owned(),
        Step::Retry(_) => "retry".to_owned(),
        Step::Finish => "finish".to_owned(),
        Step::Read(max) => format!("read {max}"),
        Step::Shutdown => "shutdown".to_owned(),
        Step::KeyUpdate(which) => format!("key update{}", request(which)),
        Step::Renegotiate => "renegotiate".to_owned(),
        Step::SetModes(which) => format!("set {}", modes(which)),
        Step::ClearModes(which) => format!("clear {}", modes(which)),
        Step::MaxSendFragment(bytes) => format!("max send fragment {bytes}"),
        Step::Link(outbound) => format!("link {outbound}"),
        Step::Inbound(inbound) => format!("inbound {inbound}"),
        Step::Wire(fault) => format!("wire {fault}"),
        Step::StaleError(kind) => match kind {
            StaleError::Ssl => "stale error".to_owned(),
            StaleError::SystemLibrary => "stale error of the system library".to_owned(),
            StaleError::AnotherLibrary => "stale error of another library".to_owned(),
            StaleError::Several => "stale errors of several libraries".to_owned(),
        },
        Step::Peer(action) => match action {
            PeerAction::Read => "peer read".to_owned(),
            PeerAction::Write(len) => format!("peer write {len}"),
            PeerAction::Handshake => "peer handshake".to_owned(),
            PeerAction::KeyUpdate(which) => format!("peer key update{}", request(which)),
            PeerAction::Renegotiate => "peer renegotiate".to_owned(),
            PeerAction::CloseNotify => "peer close_notify".to_owned(),
            PeerAction::FatalAlert => "peer fatal alert".to_owned(),
            PeerAction::SessionTicket => "peer session ticket".to_owned(),
            PeerAction::Raw(bytes) => format!("peer raw {} bytes", bytes.len()),
            PeerAction::Disconnect => "peer disconnect".to_owned(),
        },
    }
}
