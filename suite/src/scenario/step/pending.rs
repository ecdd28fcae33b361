//! `pending`: how much of what the peer has sent the library has buffered.

use super::argument::Argument;
use super::encoding::{Encoding, OpCodec, only};
use super::{Declaration, Effect, Needs, Part, Step};
use crate::toml_reader::Fault;

pub(super) struct Pending;

impl Declaration for Pending {
    type Value = ();

    const NAME: &'static str = "pending";
    const PART: Part = Part::Other;
    const ENCODING: Encoding = Encoding::Appended {
        format: 4,
        codec: PENDING,
    };

    fn parse(argument: &Argument<'_>) -> Result<(), Fault> {
        argument.bare()
    }

    fn write((): &()) -> Option<String> {
        None
    }

    fn describe((): &()) -> String {
        "pending".to_owned()
    }

    /// SSL_pending(3): the bytes that are processed and can be read at once, and whether any bytes
    /// are buffered, processed or not.
    fn needs((): &()) -> Needs {
        Needs::Numbers(&["SSL_pending", "SSL_has_pending"])
    }

    fn effect((): &()) -> Effect<'_> {
        Effect::None
    }
}

const PENDING: OpCodec = OpCodec {
    step: |_| Step::Pending,
    op: |step| only(step, &Step::Pending),
};
