//! `pending`: how much of what the peer has sent the library has buffered.

use super::encoding::{Encoding, OpCodec, only};
use super::{Bare, Effect, Needs, Part, Step};

pub(super) struct PendingStep;

impl Bare for PendingStep {
    const NAME: &'static str = "pending";
    const PART: Part = Part::Other;
    const ENCODING: Encoding = Encoding::Appended {
        format: 4,
        codec: PENDING,
    };

    /// SSL_pending(3): the bytes that are processed and can be read at once, and whether any bytes
    /// are buffered, processed or not.
    fn needs() -> Needs {
        Needs::Numbers(&["SSL_pending", "SSL_has_pending"])
    }

    fn effect() -> Effect<'static> {
        Effect::None
    }
}

const PENDING: OpCodec = OpCodec {
    step: |_| Step::Pending,
    op: |step| only(step, &Step::Pending),
};
