//! What `link` and `inbound` have in common: how much passes, in which portions, and then what.

use std::num::NonZeroUsize;

use super::encoding::{Op, bit, some};
use super::number;
use crate::scenario::text::{InlineTable, quoted};
use crate::toml_reader::{Fault, Fields, Node};
use crate::transport::{Budget, Errno, Refusal};

/// The largest budget of the transport, in bytes (1 GiB): more than a scenario would send.
const MAX_BUDGET: usize = 1 << 30;

/// How much passes, in which portions, and then what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Flow {
    pub(super) budget: Budget,
    pub(super) at_most: Option<NonZeroUsize>,
    pub(super) then: Refusal,
}

impl Flow {
    pub(super) const OPEN: Self = Self {
        budget: Budget::All,
        at_most: None,
        then: Refusal::WouldBlock,
    };

    pub(super) const BLOCKED: Self = Self {
        budget: Budget::Bytes(0),
        ..Self::OPEN
    };

    pub(super) const END_OF_FILE: Self = Self {
        then: Refusal::Zero,
        ..Self::OPEN
    };
}

/// The words of one of the two steps in scenario files.
pub(super) struct FlowWords {
    /// Words that stand for a whole flow.
    pub(super) named: &'static [(&'static str, Flow)],
    /// The key of a budget.
    pub(super) budget: &'static str,
    /// The key of a budget for each call.
    pub(super) budget_each: &'static str,
    /// The word for a return of 0.
    pub(super) zero: &'static str,
    /// Whether the transport can refuse something although its budget is not limited.
    pub(super) refuses_without_budget: bool,
    /// The possible values, for a message.
    pub(super) wanted: &'static str,
}

impl FlowWords {
    pub(super) fn parse(&self, node: Node<'_>) -> Result<Flow, Fault> {
        if node.as_text().is_some() {
            return node.choice(self.named.iter().copied());
        }
        if node.is_empty_table() {
            return Err(node.refused(self.wanted));
        }
        let keys = [self.budget, self.budget_each, "fail", "at_most", "then"];
        let fields = node.fields(self.wanted)?.only(&keys)?;
        let flow = self.read(&fields)?;
        match fields.find("then") {
            Some(then) if flow.budget == Budget::All && !self.refuses_without_budget => {
                Err(Fault::new(
                    then.at(),
                    "\"then\" without a budget has no effect",
                    format!("add {} = N or {} = N", self.budget, self.budget_each),
                ))
            }
            _ => Ok(flow),
        }
    }

    fn read(&self, fields: &Fields<'_>) -> Result<Flow, Fault> {
        let errnos = || {
            Errno::names().filter_map(|name| Some((name, Refusal::Fail(Errno::from_name(name)?))))
        };
        if let Some(node) = fields.find("fail") {
            for other in [self.budget, self.budget_each, "at_most", "then"] {
                fields.at_most_one(&["fail", other])?;
            }
            return Ok(Flow {
                then: node.choice(errnos())?,
                ..Flow::BLOCKED
            });
        }
        let refusals = [
            ("would-block", Refusal::WouldBlock),
            (self.zero, Refusal::Zero),
            ("zero-retry", Refusal::ZeroRetry),
        ];
        Ok(Flow {
            budget: match fields.at_most_one(&[self.budget, self.budget_each])? {
                Some((key, node)) if key == self.budget => {
                    Budget::Bytes(node.number(0..=MAX_BUDGET)?)
                }
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

    /// The flow as the text of a scenario file.
    pub(super) fn write(&self, flow: Flow) -> String {
        if let Some((word, _)) = self.named.iter().find(|(_, named)| *named == flow) {
            return quoted(word);
        }
        let table = InlineTable::default();
        let table = match (flow.budget, flow.at_most, flow.then) {
            (Budget::Bytes(0), None, Refusal::Fail(errno)) => {
                return table.entry("fail", quoted(&errno.to_string())).to_string();
            }
            (Budget::All, ..) => table,
            (Budget::Bytes(bytes), ..) => table.entry(self.budget, bytes),
            (Budget::EachCall(bytes), ..) => table.entry(self.budget_each, bytes),
        };
        table
            .some("at_most", flow.at_most)
            .some("then", self.then(flow.then))
            .to_string()
    }

    /// The word for a refusal that does not go without saying.
    fn then(&self, refusal: Refusal) -> Option<String> {
        match refusal {
            Refusal::WouldBlock => None,
            Refusal::Zero => Some(quoted(self.zero)),
            Refusal::ZeroRetry => Some(quoted("zero-retry")),
            Refusal::Fail(errno) => Some(quoted(&errno.to_string())),
        }
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

/// The encoding. `flags`: bits 0 and 1 the kind of budget, bit 2 whether there is a limit for each
/// transport call, bits 3 to 7 the refusal; `a` the budget, `b` the limit.
impl Flow {
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

    pub(super) fn op(self) -> Option<Op> {
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
