//! `key_update`: the library is asked for a key update (TLS 1.3).

use serde::{Deserialize, Serialize};

use super::argument::StepArgument;
use super::encoding::{Encoding, Op, OpCodec, bit};
use super::{Declaration, Effect, Needs, Objection, Operation, Part, Step, StepContext};
use crate::scenario::text::word;
use crate::toml_reader::Fault;

/// Whether a key update asks the other side for one too (RFC 8446, section 4.6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KeyUpdate {
    /// `update_not_requested`.
    NotRequested,
    /// `update_requested`.
    Requested,
}

impl KeyUpdate {
    /// What the words of a trace add where the other side is asked for one too.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::NotRequested => "",
            Self::Requested => ", requested",
        }
    }
}

/// The words for key updates.
pub(super) const KEY_UPDATES: [(&str, KeyUpdate); 2] = [
    ("not-requested", KeyUpdate::NotRequested),
    ("requested", KeyUpdate::Requested),
];

impl Declaration for KeyUpdate {
    type Value = Self;

    const NAME: &'static str = "key_update";
    const PART: Part = Part::Request;
    const ENCODING: Encoding = Encoding::Tables;

    fn parse(argument: &StepArgument<'_>) -> Result<Self, Fault> {
        if argument.is_bare() {
            return Ok(Self::NotRequested);
        }
        argument.node()?.choice(KEY_UPDATES)
    }

    fn write(request: &Self) -> Option<String> {
        Some(word(&KEY_UPDATES, request))
    }

    fn describe(request: &Self) -> String {
        format!("key update{}", request.suffix())
    }

    fn objection(_: &Self, context: &StepContext<'_>) -> Option<Objection> {
        context.key_update_needs_tls13()
    }

    fn needs(request: &Self) -> Needs {
        Needs::Call(Operation::KeyUpdate(*request))
    }

    fn effect(_: &Self) -> Effect<'_> {
        Effect::None
    }
}

pub(super) fn key_update(op: Op) -> KeyUpdate {
    bit(op, 0, KeyUpdate::Requested, KeyUpdate::NotRequested)
}

pub(super) fn of_key_update(request: KeyUpdate) -> Op {
    Op {
        flags: u8::from(request == KeyUpdate::Requested),
        ..Op::default()
    }
}

pub(crate) const KEY_UPDATE: OpCodec = OpCodec {
    step: |op| Step::KeyUpdate(key_update(op)),
    op: |step| match step {
        Step::KeyUpdate(request) => Some(of_key_update(*request)),
        _ => None,
    },
};
