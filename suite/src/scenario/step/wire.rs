//! `wire`: something happens to the bytes which the peer has sent and the library has not read.

use super::argument::StepArgument;
use super::encoding::{Encoding, Op, OpCodec};
use super::{Declaration, Effect, Objection, Part, Step, StepContext, number};
use crate::scenario::text::{InlineTable, word};
use crate::toml_reader::Fault;
use crate::transport::WireFault;

/// The last waiting byte that can be named, in bytes (1 MiB).
const MAX_PLACE: usize = 1 << 20;

/// What becomes of bytes on their way of which no more is to be said than its word.
const WIRE_FAULTS: [(&str, WireFault); 3] = [
    ("swap", WireFault::Swap),
    ("drop", WireFault::Drop),
    ("duplicate", WireFault::Duplicate),
];

pub(super) struct Wire;

impl Declaration for Wire {
    type Value = WireFault;

    const NAME: &'static str = "wire";
    const PART: Part = Part::Setting;
    const ENCODING: Encoding = Encoding::Tables;

    fn parse(argument: &StepArgument<'_>) -> Result<WireFault, Fault> {
        const KEYS: [&str; 2] = ["flip", "truncate"];
        const WANTED: &str = "\"swap\", \"drop\", \"duplicate\", { flip = N } or { truncate = N }";
        let node = argument.node()?;
        if node.as_text().is_some() {
            return node.choice(WIRE_FAULTS);
        }
        match node.fields(WANTED)?.only(&KEYS)?.at_most_one(&KEYS)? {
            Some(("flip", at)) => at.number(0..=MAX_PLACE).map(WireFault::Flip),
            Some((_, at)) => at.number(0..=MAX_PLACE).map(WireFault::Truncate),
            None => Err(node.refused(WANTED)),
        }
    }

    fn write(fault: &WireFault) -> Option<String> {
        Some(text(fault))
    }

    fn describe(fault: &WireFault) -> String {
        format!("wire {fault}")
    }

    fn objection(fault: &WireFault, context: &StepContext<'_>) -> Option<Objection> {
        context.transport_objects(|transport| transport.refuses_fault(*fault))
    }

    fn effect(_: &WireFault) -> Effect<'_> {
        Effect::PeerBytesAltered
    }
}

fn text(fault: &WireFault) -> String {
    let table = InlineTable::default();
    match fault {
        WireFault::Flip(at) => table.entry("flip", at).to_string(),
        WireFault::Truncate(at) => table.entry("truncate", at).to_string(),
        WireFault::Swap | WireFault::Drop | WireFault::Duplicate => word(&WIRE_FAULTS, fault),
    }
}

/// What happens to the bytes that wait, by `flags`; `a`: where.
pub(crate) const WIRE: OpCodec = OpCodec {
    step: |op| {
        let at = number::decoded(op.a);
        Step::Wire(match op.flags % 5 {
            0 => WireFault::Flip(at),
            1 => WireFault::Swap,
            2 => WireFault::Drop,
            3 => WireFault::Duplicate,
            _ => WireFault::Truncate(at),
        })
    },
    op: |step| {
        let Step::Wire(fault) = step else {
            return None;
        };
        let (flags, at) = match *fault {
            WireFault::Flip(at) => (0, at),
            WireFault::Swap => (1, 0),
            WireFault::Drop => (2, 0),
            WireFault::Duplicate => (3, 0),
            WireFault::Truncate(at) => (4, at),
        };
        Some(Op {
            flags,
            a: number::encoded(at)?,
            ..Op::default()
        })
    },
};
