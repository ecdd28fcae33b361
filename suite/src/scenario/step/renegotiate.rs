//! `renegotiate`: the library is asked to renegotiate (TLS 1.2).

use super::argument::Argument;
use super::encoding::{Encoding, OpCodec, only};
use super::{Declaration, Effect, Needs, Objection, Operation, Part, Step, StepContext};
use crate::toml_reader::Fault;

pub(super) struct Renegotiate;

impl Declaration for Renegotiate {
    type Value = ();

    const NAME: &'static str = "renegotiate";
    const PART: Part = Part::Request;
    const ENCODING: Encoding = Encoding::Tables;

    fn parse(argument: &Argument<'_>) -> Result<(), Fault> {
        argument.bare()
    }

    fn write((): &()) -> Option<String> {
        None
    }

    fn describe((): &()) -> String {
        "renegotiate".to_owned()
    }

    fn objection((): &(), context: &StepContext<'_>) -> Option<Objection> {
        context.renegotiation_needs_tls12()
    }

    fn needs((): &()) -> Needs {
        Needs::Call(Operation::Renegotiate)
    }

    fn effect((): &()) -> Effect<'_> {
        Effect::None
    }
}

pub(crate) const RENEGOTIATE: OpCodec = OpCodec {
    step: |_| Step::Renegotiate,
    op: |step| only(step, &Step::Renegotiate),
};
