//! `finish`: the last call is repeated as a right caller does.

use super::encoding::{Encoding, OpCodec, only};
use super::{Bare, Effect, Objection, Part, Step, StepContext};

pub(super) struct Finish;

impl Bare for Finish {
    const NAME: &'static str = "finish";
    const PART: Part = Part::Call;
    const ENCODING: Encoding = Encoding::Tables;

    fn objection(context: &StepContext<'_>) -> Option<Objection> {
        (!context.is_after_a_call()).then(|| {
            Objection::new(
                "finish before any call",
                "put the call that it repeats before it, such as a handshake, write, read or shutdown",
            )
        })
    }

    fn effect() -> Effect<'static> {
        Effect::None
    }
}

pub(crate) const FINISH: OpCodec = OpCodec {
    step: |_| Step::Finish,
    op: |step| only(step, &Step::Finish),
};
