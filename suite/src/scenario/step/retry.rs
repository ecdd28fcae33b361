//! `retry`: the last write is repeated, rightly or wrongly.

use serde::{Deserialize, Serialize};

use super::argument::StepArgument;
use super::encoding::{Encoding, Op, OpCodec, bit};
use super::write::{function, function_bit, parse_function};
use super::{Declaration, Effect, Function, MAX_WRITE, Objection, Part, Step, StepContext, number};
use crate::scenario::text::{InlineTable, quoted, word};
use crate::toml_reader::Fault;

/// How a write is repeated; everything that is not named stays as it was in the write itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// Another length, shorter or longer, in bytes.
    pub len: Option<usize>,
    /// Which memory the bytes come from.
    pub buffer: Buffer,
    /// Whether the bytes are the same.
    pub content: RetryContent,
    /// The other function.
    pub function: Option<Function>,
}

/// Which memory the bytes of a retry come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Buffer {
    /// The same address.
    #[default]
    Same,
    /// Another address; what stands at the old one is overwritten first.
    Moved,
}

/// Whether a retry offers the bytes that the write offered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RetryContent {
    /// The same bytes.
    #[default]
    Same,
    /// Other bytes at the same address.
    Changed,
}

/// The words for the memory of a retry, the usual one first.
const BUFFERS: [(&str, Buffer); 2] = [("same", Buffer::Same), ("moved", Buffer::Moved)];

/// The words for the bytes of a retry, the usual ones first.
const CONTENTS: [(&str, RetryContent); 2] = [
    ("same", RetryContent::Same),
    ("changed", RetryContent::Changed),
];

impl Declaration for Retry {
    type Value = Self;

    const NAME: &'static str = "retry";
    const PART: Part = Part::Call;
    const ENCODING: Encoding = Encoding::Tables;

    fn parse(argument: &StepArgument<'_>) -> Result<Self, Fault> {
        const KEYS: [&str; 4] = ["len", "buffer", "content", "function"];
        let fields = argument.fields(&KEYS, "{} or a table such as { len = 50 }")?;
        Ok(Self {
            len: fields.read("len", |node| node.number(0..=MAX_WRITE))?,
            buffer: fields.word_or_first("buffer", BUFFERS)?,
            content: fields.word_or_first("content", CONTENTS)?,
            function: parse_function(&fields)?,
        })
    }

    fn write(retry: &Self) -> Option<String> {
        Some(text(retry))
    }

    fn describe(_: &Self) -> String {
        "retry".to_owned()
    }

    fn objection(_: &Self, context: &StepContext<'_>) -> Option<Objection> {
        (!context.is_after_a_write()).then(|| {
            Objection::new(
                "a retry before any write",
                "put the write that it repeats before it",
            )
        })
    }

    fn effect(_: &Self) -> Effect<'_> {
        Effect::None
    }
}

fn text(retry: &Retry) -> String {
    let usual = Retry::default();
    let buffer = (retry.buffer != usual.buffer).then(|| word(&BUFFERS, &retry.buffer));
    let content = (retry.content != usual.content).then(|| word(&CONTENTS, &retry.content));
    InlineTable::default()
        .some("len", retry.len)
        .some("buffer", buffer)
        .some("content", content)
        .some("function", retry.function.map(|f| quoted(f.as_str())))
        .to_string()
}

/// `flags`: bit 0 another length, bit 1 another buffer, bit 2 other content, bit 3 another function
/// is named, bit 4 which; `a` the length.
pub(crate) const RETRY: OpCodec = OpCodec {
    step: |op| {
        Step::Retry(Retry {
            len: bit(op, 0, Some(number::decoded(op.a)), None),
            buffer: bit(op, 1, Buffer::Moved, Buffer::Same),
            content: bit(op, 2, RetryContent::Changed, RetryContent::Same),
            function: bit(op, 3, Some(function(op, 4)), None),
        })
    },
    op: |step| {
        let Step::Retry(retry) = step else {
            return None;
        };
        let function = retry
            .function
            .map_or(0, |named| 1 << 3 | function_bit(named, 4));
        let flags = u8::from(retry.len.is_some())
            | u8::from(retry.buffer == Buffer::Moved) << 1
            | u8::from(retry.content == RetryContent::Changed) << 2
            | function;
        Some(Op {
            flags,
            a: number::encoded(retry.len.unwrap_or_default())?,
            ..Op::default()
        })
    },
};
