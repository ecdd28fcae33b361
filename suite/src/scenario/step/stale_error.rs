//! `stale_error`: unrelated errors are put into the library's error queue.

use serde::{Deserialize, Serialize};

use super::argument::StepArgument;
use super::encoding::{Encoding, Op, OpCodec};
use super::{Declaration, Effect, Objection, Part, Step, StepContext};
use crate::scenario::text::quoted;
use crate::toml_reader::Fault;

/// What an earlier call of the caller's has left in the error queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StaleError {
    /// An entry of the library's TLS functions: a cipher that does not exist was asked for.
    #[default]
    Ssl,
    /// An entry of the system library, `ENOENT`: a file was not found. `SSL_get_error` of OpenSSL
    /// up to 3.6 takes it for an error of the transport.
    SystemLibrary,
    /// An entry of another library: a PEM file ended where another certificate could begin.
    AnotherLibrary,
    /// All three: first that of the system library, then that of another one, then that of TLS.
    Several,
}

impl StaleError {
    /// All kinds.
    pub(crate) const ALL: [Self; 4] = [
        Self::Ssl,
        Self::SystemLibrary,
        Self::AnotherLibrary,
        Self::Several,
    ];

    /// The word in files.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Ssl => "ssl",
            Self::SystemLibrary => "system-library",
            Self::AnotherLibrary => "another-library",
            Self::Several => "several",
        }
    }
}

impl Declaration for StaleError {
    type Value = Self;

    const NAME: &'static str = "stale_error";
    const PART: Part = Part::Setting;
    const ENCODING: Encoding = Encoding::Tables;

    fn parse(argument: &StepArgument<'_>) -> Result<Self, Fault> {
        if argument.is_bare() {
            return Ok(Self::default());
        }
        let choices = Self::ALL.map(|kind| (kind.as_str(), kind));
        argument.node()?.choice(choices)
    }

    fn write(kind: &Self) -> Option<String> {
        (*kind != Self::default()).then(|| quoted(kind.as_str()))
    }

    fn describe(kind: &Self) -> String {
        match kind {
            Self::Ssl => "stale error",
            Self::SystemLibrary => "stale error of the system library",
            Self::AnotherLibrary => "stale error of another library",
            Self::Several => "stale errors of several libraries",
        }
        .to_owned()
    }

    fn objection(_: &Self, context: &StepContext<'_>) -> Option<Objection> {
        // At the very end another message is clearer: nothing would see its effect.
        let next = context.next()?;
        (next.part() != Part::Call).then(|| {
            Objection::new(
                "a stale error that is not followed by a call",
                "put a write, retry, finish, read, shutdown or handshake right after it",
            )
        })
    }

    fn effect(_: &Self) -> Effect<'_> {
        Effect::StaleError
    }
}

/// `flags`: which kind.
pub(crate) const STALE_ERROR: OpCodec = OpCodec {
    step: |op| {
        let kinds = StaleError::ALL;
        Step::StaleError(kinds[usize::from(op.flags) % kinds.len()])
    },
    op: |step| {
        let Step::StaleError(kind) = step else {
            return None;
        };
        let place = StaleError::ALL.iter().position(|known| known == kind)?;
        Some(Op {
            flags: u8::try_from(place).ok()?,
            ..Op::default()
        })
    },
};
