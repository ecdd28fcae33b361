//! `finish`: the last call is repeated as a right caller does.

use super::argument::Argument;
use super::encoding::{Encoding, OpCodec, only};
use super::{Declaration, Effect, Objection, Part, Step, StepContext};
use crate::toml_reader::Fault;

pub(super) struct Finish;

impl Declaration for Finish {
    type Value = ();

    const NAME: &'static str = "finish";
    const PART: Part = Part::Call;
    const ENCODING: Encoding = Encoding::Tables;

    fn parse(argument: &Argument<'_>) -> Result<(), Fault> {
        argument.bare()
    }

    fn write((): &()) -> Option<String> {
        None
    }

    fn describe((): &()) -> String {
        "finish".to_owned()
    }

    fn objection((): &(), context: &StepContext<'_>) -> Option<Objection> {
        (!context.is_after_a_call()).then(|| {
            Objection::new(
                "finish before any call",
                "it repeats the last call until that is done: put a handshake, write, read or shutdown before it",
            )
        })
    }

    fn effect((): &()) -> Effect<'_> {
        Effect::None
    }
}

pub(crate) const FINISH: OpCodec = OpCodec {
    step: |_| Step::Finish,
    op: |step| only(step, &Step::Finish),
};
