//! `shutdown`: the library is asked to send close_notify.

use super::encoding::{Encoding, OpCodec, only};
use super::{Bare, Effect, Needs, Operation, Part, Step};

pub(super) struct Shutdown;

impl Bare for Shutdown {
    const NAME: &'static str = "shutdown";
    const PART: Part = Part::Call;
    const ENCODING: Encoding = Encoding::Tables;

    fn needs() -> Needs {
        Needs::Call(Operation::Shutdown)
    }

    fn effect() -> Effect<'static> {
        Effect::Shutdown
    }
}

pub(crate) const SHUTDOWN: OpCodec = OpCodec {
    step: |_| Step::Shutdown,
    op: |step| only(step, &Step::Shutdown),
};
