//! `max_send_fragment`: the longest plaintext of a record from now on.

use std::ops::RangeInclusive;

use super::argument::StepArgument;
use super::encoding::{Encoding, Op, OpCodec};
use super::{Declaration, Effect, Needs, Operation, Part, Step};
use crate::toml_reader::Fault;

/// The range that SSL_set_max_send_fragment(3) takes, in bytes.
const FRAGMENTS: RangeInclusive<u16> = 512..=16384;

pub(super) struct MaxSendFragment;

impl Declaration for MaxSendFragment {
    type Value = u16;

    const NAME: &'static str = "max_send_fragment";
    const PART: Part = Part::Setting;
    const ENCODING: Encoding = Encoding::Tables;

    fn parse(argument: &StepArgument<'_>) -> Result<u16, Fault> {
        argument.node()?.number(FRAGMENTS)
    }

    fn write(bytes: &u16) -> Option<String> {
        Some(bytes.to_string())
    }

    fn describe(bytes: &u16) -> String {
        format!("max send fragment {bytes}")
    }

    fn needs(bytes: &u16) -> Needs {
        Needs::Call(Operation::MaxSendFragment(*bytes))
    }

    fn effect(bytes: &u16) -> Effect<'_> {
        Effect::MaxSendFragment(*bytes)
    }
}

/// `a`: how much more than the least.
pub(crate) const FRAGMENT: OpCodec = OpCodec {
    step: |op| {
        let number = FRAGMENTS.end() - FRAGMENTS.start() + 1;
        Step::MaxSendFragment(FRAGMENTS.start() + op.a % number)
    },
    op: |step| match step {
        Step::MaxSendFragment(bytes) => Some(Op {
            a: bytes.checked_sub(*FRAGMENTS.start())?,
            ..Op::default()
        }),
        _ => None,
    },
};
