//! A step in six bytes, as an input of the fuzzer has it.
//!
//! A step has one or more [`OpCodec`]s, each of which goes both ways: from any bytes to a step, and
//! from a step to the bytes that stand for it, if there are any.

use std::num::NonZeroUsize;

use arbitrary::Arbitrary;

use super::{Step, number};

/// The format of fuzz inputs whose steps are all in the tables of the fuzz targets. Each step that
/// was added later made one more.
pub(crate) const FIRST_FORMAT: u8 = 3;

/// What stands for one step, or for how the case is set up.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Arbitrary)]
pub struct Op {
    /// Which step: its place in the target's vocabulary, counted round and round.
    pub(crate) kind: u8,
    /// What else is said of the step, bit by bit.
    pub(crate) flags: u8,
    /// Its first number.
    pub(crate) a: u16,
    /// Its second one.
    pub(crate) b: u16,
}

impl Op {
    /// How many bytes it takes.
    pub(crate) const LEN: usize = 6;

    /// Its bytes, from which [`Arbitrary`] makes it again.
    pub(crate) fn bytes(self) -> [u8; Self::LEN] {
        let ([a0, a1], [b0, b1]) = (self.a.to_le_bytes(), self.b.to_le_bytes());
        [self.kind, self.flags, a0, a1, b0, b1]
    }
}

/// One kind of step, both ways.
#[derive(Clone, Copy)]
pub(crate) struct OpCodec {
    /// The step that the bytes stand for; their kind is this one.
    pub(crate) step: fn(Op) -> Step,
    /// The bytes that stand for the step, without their kind.
    pub(crate) op: fn(&Step) -> Option<Op>,
}

/// How fuzz inputs encode a step.
pub(super) enum Encoding {
    /// In the first operation, as a part of the setup.
    Setting,
    /// In the tables of the fuzz targets.
    Tables,
    /// By this codec, since this format; after the tables of all targets.
    Appended {
        /// One more than the newest one before.
        format: u8,
        /// Both ways.
        codec: OpCodec,
    },
}

/// One of two things, by a bit of the flags.
pub(super) fn bit<T>(op: Op, bit: u32, set: T, clear: T) -> T {
    match op.flags >> bit & 1 {
        1 => set,
        _ => clear,
    }
}

/// A number of bytes that is not nothing.
pub(super) fn some(code: u16) -> NonZeroUsize {
    NonZeroUsize::new(number::decoded(code)).unwrap_or(NonZeroUsize::MIN)
}

/// The step is this one, and there is nothing more to say.
pub(super) fn only(step: &Step, known: &Step) -> Option<Op> {
    (step == known).then(Op::default)
}
