//! What `link` and `inbound` have in common: how much passes, in which portions, and then what.

use std::num::NonZeroUsize;

use super::encoding::{Op, bit, some};
use super::number;
use crate::scenario::text::quoted;
use crate::toml_reader::{Fault, Fields, Node};
use crate::transport::{Budget, Errno, Refusal};

/// The largest budget of the transport, in bytes (1 GiB): more than a scenario would send.
const MAX_BUDGET: usize = 1 << 30;

/// A table that has to say something.
pub(super) fn some_fields<'t>(node: Node<'t>, wanted: &str) -> Result<Fields<'t>, Fault> {
    if node.is_empty_table() {
        return Err(node.refused(wanted));
    }
    node.fields(wanted)
}

/// What `link` and `inbound` have in common: how much passes, in which portions, and then what.
pub(super) struct FlowFields {
    pub(super) budget: Budget,
    pub(super) at_most: Option<NonZeroUsize>,
    pub(super) then: Refusal,
}

impl FlowFields {
    /// `keys` are those of a budget, of a budget for each call, and of a failure at once; `zero`
    /// is the word for a return of 0.
    pub(super) fn read(
        fields: &Fields<'_>,
        &[budget, budget_each, fail, ..]: &[&str; 5],
        zero: &'static str,
    ) -> Result<Self, Fault> {
        let errnos = || {
            Errno::names().filter_map(|name| Some((name, Refusal::Fail(Errno::from_name(name)?))))
        };
        if let Some(node) = fields.find(fail) {
            for other in [budget, budget_each, "at_most", "then"] {
                fields.at_most_one(&[fail, other])?;
            }
            return Ok(Self {
                budget: Budget::Bytes(0),
                at_most: None,
                then: node.choice(errnos())?,
            });
        }
        let refusals = [
            ("would-block", Refusal::WouldBlock),
            (zero, Refusal::Zero),
            ("zero-retry", Refusal::ZeroRetry),
        ];
        Ok(Self {
            budget: match fields.at_most_one(&[budget, budget_each])? {
                Some((key, node)) if key == budget => Budget::Bytes(node.number(0..=MAX_BUDGET)?),
                Some((_, node)) => Budget::EachCall(node.number(0..=MAX_BUDGET)?),
                None => Budget::All,
            },
            at_most: fields.read("at_most", |node| node.count(MAX_BUDGET))?,
            then: fields
                .read("then", |node| {
                    node.choice(refusals.into_iter().chain(errnos()))
                })?
                .unwrap_or(Refusal::WouldBlock),
        })
    }
}

/// The word for a refusal that does not go without saying; `zero` is the one for a return of 0.
pub(super) fn then(refusal: Refusal, zero: &str) -> Option<String> {
    match refusal {
        Refusal::WouldBlock => None,
        Refusal::Zero => Some(quoted(zero)),
        Refusal::ZeroRetry => Some(quoted("zero-retry")),
        Refusal::Fail(errno) => Some(quoted(&errno.to_string())),
    }
}

/// How the transport refuses, by number; those beyond the last would block.
fn refusals() -> impl Iterator<Item = Refusal> {
    let errnos = Errno::names()
        .filter_map(Errno::from_name)
        .map(Refusal::Fail);
    [Refusal::WouldBlock, Refusal::Zero, Refusal::ZeroRetry]
        .into_iter()
        .chain(errnos)
}

/// A transport that hands over less than this in each call is so slow that it eats the fuzzer's
/// time.
const LEAST_EACH: usize = 32;

/// How much passes, in which portions, and then what. `flags`: bits 0 and 1 the kind of budget, bit 2
/// whether there is a limit for each transport call, bits 3 to 7 the refusal; `a` the budget, `b`
/// the limit.
pub(super) struct FlowCodec {
    pub(super) budget: Budget,
    pub(super) at_most: Option<NonZeroUsize>,
    pub(super) then: Refusal,
}

impl FlowCodec {
    pub(super) fn of(op: Op) -> Self {
        let bytes = number::decoded(op.a);
        let budget = match op.flags & 3 {
            0 | 1 => Budget::Bytes(bytes),
            2 => Budget::EachCall(match bytes {
                0 => 0,
                some => some.max(LEAST_EACH),
            }),
            _ => Budget::All,
        };
        Self {
            budget,
            at_most: bit(op, 2, Some(some(op.b)), None),
            then: refusals()
                .nth(usize::from(op.flags >> 3))
                .unwrap_or(Refusal::WouldBlock),
        }
    }

    pub(super) fn op(&self) -> Option<Op> {
        let (kind, bytes) = match self.budget {
            Budget::Bytes(bytes) => (0, bytes),
            Budget::EachCall(bytes) => (2, bytes),
            Budget::All => (3, 0),
        };
        let then = u8::try_from(refusals().position(|refusal| refusal == self.then)?).ok()?;
        Some(Op {
            flags: kind | u8::from(self.at_most.is_some()) << 2 | then << 3,
            a: number::encoded(bytes)?,
            b: number::encoded(self.at_most.map_or(0, NonZeroUsize::get))?,
            ..Op::default()
        })
    }
}
