//! `write`: the library is asked to write.

use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use super::argument::StepArgument;
use super::encoding::{Encoding, Op, OpCodec, bit};
use super::{Declaration, Effect, Objection, Part, Step, StepContext, number};
use crate::scenario::text::{InlineTable, hex, quoted};
use crate::toml_reader::{Fault, Fields, Node};

/// The largest write that a scenario may ask for, in bytes (4 MiB): far past every record
/// boundary, and small enough that a case stays fast and its memory bounded.
pub(crate) const MAX_WRITE: usize = 4 << 20;

/// How often a write can be repeated by one step.
pub(in crate::scenario) const MAX_TIMES: usize = 10_000;

/// How many bytes the writes of one step can have in all (64 MiB): a case keeps in memory what it
/// offered and what went over the wire until it ends.
pub(in crate::scenario) const MAX_WRITTEN: usize = 64 << 20;

/// Which function of the library is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Function {
    /// `int SSL_write(SSL *, const void *, int)`.
    Write,
    /// `int SSL_write_ex(SSL *, const void *, size_t, size_t *)`.
    WriteEx,
}

impl Function {
    /// Both functions.
    pub(crate) const ALL: [Self; 2] = [Self::Write, Self::WriteEx];

    /// The C name.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Write => "SSL_write",
            Self::WriteEx => "SSL_write_ex",
        }
    }
}

/// A write, done once or several times in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Write {
    /// Which function is called.
    pub function: Function,
    /// What it is asked to write.
    pub source: WriteSource,
    /// How many such writes follow each other; from a file, at most 64 MiB in all.
    pub times: NonZeroUsize,
}

impl Write {
    /// How many bytes it offers in all; what a short success left over is not counted again.
    pub fn bytes(&self) -> usize {
        let len = match &self.source {
            WriteSource::Pattern(len) => *len,
            WriteSource::Literal(bytes) => bytes.len(),
            WriteSource::Rest | WriteSource::Null | WriteSource::Negative(_) => 0,
        };
        len * self.times.get()
    }
}

/// What a write is asked to write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum WriteSource {
    /// So many bytes of the pattern, from where the accepted bytes end; at most [`MAX_WRITE`].
    Pattern(usize),
    /// These bytes.
    Literal(Vec<u8>),
    /// What the last write left over after a short success.
    Rest,
    /// A null pointer with length 0.
    Null,
    /// A negative length with a valid pointer.
    Negative(i32),
}

impl Declaration for Write {
    type Value = Self;

    const NAME: &'static str = "write";
    const PART: Part = Part::Call;
    const ENCODING: Encoding = Encoding::Tables;

    fn parse(argument: &StepArgument<'_>) -> Result<Self, Fault> {
        const KEYS: [&str; 6] = ["len", "text", "hex", "null", "function", "times"];
        let node = argument.node()?;
        if node.as_text() == Some("rest") {
            return Ok(Self {
                function: Function::Write,
                source: WriteSource::Rest,
                times: NonZeroUsize::MIN,
            });
        }
        let fields = node
            .fields("\"rest\", or a table such as { len = 100 }")?
            .only(&KEYS)?;
        let function = parse_function(&fields)?.unwrap_or(Function::Write);
        let source = source(&fields, function)?;
        Ok(Self {
            times: times(&fields, &source)?,
            function,
            source,
        })
    }

    fn write(write: &Self) -> Option<String> {
        Some(text(write))
    }

    fn describe(_: &Self) -> String {
        "write".to_owned()
    }

    fn objection(write: &Self, context: &StepContext<'_>) -> Option<Objection> {
        (write.source == WriteSource::Rest && !context.is_after_a_write()).then(|| {
            Objection::new(
                "the rest of a write before any write",
                "put a write before it that can be accepted in part",
            )
        })
    }

    fn effect(_: &Self) -> Effect<'_> {
        Effect::None
    }
}

fn text(write: &Write) -> String {
    let once = write.times.get() == 1;
    let table = InlineTable::default();
    let table = match &write.source {
        WriteSource::Rest if once && write.function == Function::Write => return quoted("rest"),
        // The rest is written by the function of the write that left it over, and once: the parser
        // says so.
        WriteSource::Rest => table.entry("rest", true),
        WriteSource::Null => table.entry("null", true),
        WriteSource::Pattern(len) => table.entry("len", len),
        WriteSource::Negative(len) => table.entry("len", len),
        WriteSource::Literal(bytes) => match readable(bytes) {
            Some(text) => table.entry("text", quoted(text)),
            None => table.entry("hex", hex(bytes)),
        },
    };
    let function = (write.function != Function::Write).then_some(write.function);
    table
        .some("function", function.map(|f| quoted(f.as_str())))
        .some("times", (!once).then_some(write.times))
        .to_string()
}

fn times(fields: &Fields<'_>, source: &WriteSource) -> Result<NonZeroUsize, Fault> {
    let Some(node) = fields.find("times") else {
        return Ok(NonZeroUsize::MIN);
    };
    let times = node.count(MAX_TIMES)?;
    let len = match source {
        WriteSource::Pattern(len) => *len,
        WriteSource::Literal(bytes) => bytes.len(),
        WriteSource::Rest | WriteSource::Null | WriteSource::Negative(_) => 0,
    };
    match MAX_WRITTEN.checked_div(len) {
        Some(most) if times.get() > most => Err(node.refused(format_args!(
            "at most {most} with {len} bytes each: a step writes at most {MAX_WRITTEN} bytes in total"
        ))),
        _ => Ok(times),
    }
}

fn source(fields: &Fields<'_>, function: Function) -> Result<WriteSource, Fault> {
    if let Some(null) = fields.find("null") {
        fields.at_most_one(&["null", "len", "text", "hex"])?;
        return null.yes().map(|_| WriteSource::Null);
    }
    match fields.at_most_one(&["len", "text", "hex"])? {
        Some(("len", node)) => length(node, function),
        Some(("text", node)) => node
            .text(format_args!("a string of 1 to {MAX_WRITE} bytes"), |text| {
                (1..=MAX_WRITE).contains(&text.len())
            })
            .map(|text| WriteSource::Literal(text.as_bytes().to_vec())),
        Some((_, node)) => node.hex(MAX_WRITE).map(WriteSource::Literal),
        None => Err(Fault::new(
            fields.at(),
            "a write without data",
            "give one of len, text, hex and null = true; { len = 0 } writes 0 bytes",
        )),
    }
}

fn length(node: Node<'_>, function: Function) -> Result<WriteSource, Fault> {
    // SSL_write takes the length as an `int`, SSL_write_ex as a `size_t` (SSL_write(3)).
    const LARGEST: i32 = MAX_WRITE as i32;
    let len = node.number(i32::MIN..=LARGEST)?;
    match usize::try_from(len) {
        Ok(len) => Ok(WriteSource::Pattern(len)),
        Err(_) if function == Function::Write => Ok(WriteSource::Negative(len)),
        Err(_) => Err(node.refused("0 or more, as SSL_write_ex takes no negative length")),
    }
}

pub(super) fn parse_function(fields: &Fields<'_>) -> Result<Option<Function>, Fault> {
    let choices = Function::ALL.map(|f| (f.as_str(), f));
    fields.read("function", |node| node.choice(choices))
}

/// The bytes as a text that a person can read.
fn readable(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    let is_readable = |c: char| !c.is_control() || "\t\n\r".contains(c);
    (!text.is_empty() && text.chars().all(is_readable)).then_some(text)
}

pub(super) fn function(op: Op, at: u32) -> Function {
    bit(op, at, Function::WriteEx, Function::Write)
}

pub(super) fn function_bit(function: Function, at: u32) -> u8 {
    u8::from(function == Function::WriteEx) << at
}

/// So many writes follow each other at most in one step.
const MOST_TIMES: u16 = 64;

/// What is written, in bits 1 to 4 of the flags: mostly bytes of the pattern.
const REST: u8 = 13;
const NULL: u8 = 14;
const NEGATIVE: u8 = 15;

/// `flags`: bit 0 the function, bits 1 to 4 the source; `a` the length, `b` how often.
pub(crate) const WRITE: OpCodec = OpCodec {
    step: |op| {
        let source = match op.flags >> 1 & 0xf {
            REST => WriteSource::Rest,
            NULL => WriteSource::Null,
            // A negative length is SSL_write's alone.
            NEGATIVE if function(op, 0) == Function::Write => {
                WriteSource::Negative(-1 - i32::from(op.a))
            }
            _ => WriteSource::Pattern(number::decoded(op.a)),
        };
        let times = match source {
            WriteSource::Pattern(_) => usize::from(op.b % MOST_TIMES) + 1,
            _ => 1,
        };
        Step::Write(Write {
            // "rest" is SSL_write's alone too.
            function: match source {
                WriteSource::Rest => Function::Write,
                _ => function(op, 0),
            },
            source,
            times: NonZeroUsize::new(times).unwrap_or(NonZeroUsize::MIN),
        })
    },
    op: |step| {
        let Step::Write(write) = step else {
            return None;
        };
        let (source, a) = match &write.source {
            WriteSource::Pattern(len) => (0, number::encoded(*len)?),
            WriteSource::Literal(bytes) => (0, number::encoded(bytes.len())?),
            WriteSource::Rest => (REST, 0),
            WriteSource::Null => (NULL, 0),
            WriteSource::Negative(len) => (
                NEGATIVE,
                u16::try_from(len.checked_add(1)?.checked_neg()?).ok()?,
            ),
        };
        let times = u16::try_from(write.times.get() - 1).ok()?;
        (times < MOST_TIMES).then_some(Op {
            flags: function_bit(write.function, 0) | source << 1,
            a,
            b: times,
            ..Op::default()
        })
    },
};
