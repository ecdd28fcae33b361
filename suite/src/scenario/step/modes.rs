//! `set_modes` and `clear_modes`: modes of the library are switched on or off.

use serde::{Deserialize, Serialize};

use super::argument::StepArgument;
use super::encoding::{Encoding, Op, OpCodec, bit};
use super::{Declaration, Effect, Part, Step};
use crate::scenario::text::quoted;
use crate::toml_reader::Fault;

/// Modes of `SSL_CTX_set_mode(3)` that have a bearing on writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Mode {
    /// `SSL_MODE_ENABLE_PARTIAL_WRITE`.
    PartialWrite,
    /// `SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER`.
    MovingBuffer,
    /// `SSL_MODE_AUTO_RETRY`.
    AutoRetry,
    /// `SSL_MODE_RELEASE_BUFFERS`.
    ReleaseBuffers,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 4] = [
        Self::PartialWrite,
        Self::MovingBuffer,
        Self::AutoRetry,
        Self::ReleaseBuffers,
    ];

    /// The word in files and traces.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::PartialWrite => "partial-write",
            Self::MovingBuffer => "moving-buffer",
            Self::AutoRetry => "auto-retry",
            Self::ReleaseBuffers => "release-buffers",
        }
    }
}

/// The two steps have all but a verb and the effect in common.
pub(super) struct ChangeModes<const ON: bool>;

pub(super) type SetModes = ChangeModes<true>;
pub(super) type ClearModes = ChangeModes<false>;

impl<const ON: bool> Declaration for ChangeModes<ON> {
    type Value = Vec<Mode>;

    const NAME: &'static str = if ON { "set_modes" } else { "clear_modes" };
    const PART: Part = Part::Setting;
    const ENCODING: Encoding = Encoding::Tables;

    fn parse(argument: &StepArgument<'_>) -> Result<Vec<Mode>, Fault> {
        argument.node()?.some_of("modes", |element| {
            element.choice(Mode::ALL.map(|mode| (mode.as_str(), mode)))
        })
    }

    fn write(modes: &Vec<Mode>) -> Option<String> {
        let words: Vec<String> = modes.iter().map(|mode| quoted(mode.as_str())).collect();
        Some(format!("[{}]", words.join(", ")))
    }

    fn describe(modes: &Vec<Mode>) -> String {
        let verb = if ON { "set" } else { "clear" };
        let words: Vec<&str> = modes.iter().map(|mode| mode.as_str()).collect();
        format!("{verb} {}", words.join(", "))
    }

    fn effect(modes: &Vec<Mode>) -> Effect<'_> {
        if ON {
            Effect::SetModes(modes)
        } else {
            Effect::ClearModes(modes)
        }
    }
}

/// `flags`: bits 0 to 3 the modes, bit 4 whether they are switched off.
pub(crate) const MODES: OpCodec = OpCodec {
    step: |op| {
        let named = |(place, mode): (u32, Mode)| bit(op, place, Some(mode), None);
        let mut modes: Vec<Mode> = (0..).zip(Mode::ALL).filter_map(named).collect();
        if modes.is_empty() {
            modes.push(Mode::PartialWrite);
        }
        bit(op, 4, Step::ClearModes as fn(_) -> _, Step::SetModes)(modes)
    },
    op: |step| {
        let (modes, off) = match step {
            Step::SetModes(modes) => (modes, 0),
            Step::ClearModes(modes) => (modes, 1 << 4),
            _ => return None,
        };
        let bits = (0..)
            .zip(Mode::ALL)
            .filter(|(_, mode)| modes.contains(mode));
        Some(Op {
            flags: bits.fold(off, |flags, (place, _)| flags | 1 << place),
            ..Op::default()
        })
    },
};
