//! `renegotiate`: the library is asked to renegotiate (TLS 1.2).

use super::encoding::{Encoding, OpCodec, only};
use super::{Bare, Effect, Needs, Objection, Operation, Part, Step, StepContext};

pub(super) struct Renegotiate;

impl Bare for Renegotiate {
    const NAME: &'static str = "renegotiate";
    const PART: Part = Part::Request;
    const ENCODING: Encoding = Encoding::Tables;

    fn objection(context: &StepContext<'_>) -> Option<Objection> {
        context.renegotiation_needs_tls12()
    }

    fn needs() -> Needs {
        Needs::Call(Operation::Renegotiate)
    }

    fn effect() -> Effect<'static> {
        Effect::None
    }
}

pub(crate) const RENEGOTIATE: OpCodec = OpCodec {
    step: |_| Step::Renegotiate,
    op: |step| only(step, &Step::Renegotiate),
};
