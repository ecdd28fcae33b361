//! `read`: the library is asked to read at most so many bytes.

use std::num::NonZeroUsize;

use super::argument::StepArgument;
use super::encoding::{Encoding, Op, OpCodec, some};
use super::{Declaration, Effect, Part, Step, number};
use crate::scenario::text::InlineTable;
use crate::toml_reader::Fault;

/// The largest read, in bytes (1 MiB).
const MAX_READ: usize = 1 << 20;

/// How many bytes a read asks for if the file does not say: the plaintext of the longest record
/// (RFC 8446, section 5.1).
const DEFAULT_READ: NonZeroUsize = NonZeroUsize::new(16384).unwrap();

pub(super) struct Read;

impl Declaration for Read {
    type Value = NonZeroUsize;

    const NAME: &'static str = "read";
    const PART: Part = Part::Call;
    const ENCODING: Encoding = Encoding::Tables;

    fn parse(argument: &StepArgument<'_>) -> Result<NonZeroUsize, Fault> {
        let fields = argument.fields(&["max"], "{} or a table such as { max = 100 }")?;
        let max = fields.read("max", |node| node.count(MAX_READ))?;
        Ok(max.unwrap_or(DEFAULT_READ))
    }

    fn write(max: &NonZeroUsize) -> Option<String> {
        let named = (*max != DEFAULT_READ).then_some(*max);
        Some(InlineTable::default().some("max", named).to_string())
    }

    fn describe(max: &NonZeroUsize) -> String {
        format!("read {max}")
    }

    fn effect(_: &NonZeroUsize) -> Effect<'_> {
        Effect::None
    }
}

/// `a`: how much is asked for.
pub(crate) const READ: OpCodec = OpCodec {
    step: |op| Step::Read(some(op.a)),
    op: |step| {
        let Step::Read(max) = step else {
            return None;
        };
        Some(Op {
            a: number::encoded(max.get())?,
            ..Op::default()
        })
    },
};
