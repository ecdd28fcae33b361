//! `shutdown`: the library is asked to send close_notify.

use super::argument::Argument;
use super::encoding::{Encoding, OpCodec, only};
use super::{Declaration, Effect, Needs, Operation, Part, Step};
use crate::toml_reader::Fault;

pub(super) struct Shutdown;

impl Declaration for Shutdown {
    type Value = ();

    const NAME: &'static str = "shutdown";
    const PART: Part = Part::Call;
    const ENCODING: Encoding = Encoding::Tables;

    fn parse(argument: &Argument<'_>) -> Result<(), Fault> {
        argument.bare()
    }

    fn write((): &()) -> Option<String> {
        None
    }

    fn describe((): &()) -> String {
        "shutdown".to_owned()
    }

    fn needs((): &()) -> Needs {
        Needs::Call(Operation::Shutdown)
    }

    fn effect((): &()) -> Effect<'_> {
        Effect::Shutdown
    }
}

pub(crate) const SHUTDOWN: OpCodec = OpCodec {
    step: |_| Step::Shutdown,
    op: |step| only(step, &Step::Shutdown),
};
