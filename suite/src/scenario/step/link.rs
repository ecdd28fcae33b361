//! `link`: what the transport takes from the library from now on.

use super::argument::StepArgument;
use super::encoding::{Encoding, OpCodec, only};
use super::flow::{Flow, FlowWords};
use super::{Declaration, Effect, Objection, Part, Step, StepContext};
use crate::toml_reader::Fault;
use crate::transport::{Budget, Outbound, Refusal};

pub(super) struct Link;

impl Declaration for Link {
    type Value = Outbound;

    const NAME: &'static str = "link";
    const PART: Part = Part::Setting;
    const ENCODING: Encoding = Encoding::Tables;

    fn parse(argument: &StepArgument<'_>) -> Result<Outbound, Fault> {
        Ok(outbound(WORDS.parse(argument.node()?)?))
    }

    fn write(link: &Outbound) -> Option<String> {
        Some(WORDS.write(flow(link)))
    }

    fn describe(link: &Outbound) -> String {
        format!("link {link}")
    }

    fn objection(link: &Outbound, context: &StepContext<'_>) -> Option<Objection> {
        context.transport_objects(|transport| transport.refuses_outbound(link))
    }

    fn effect(link: &Outbound) -> Effect<'_> {
        Effect::Outbound(*link)
    }
}

const WORDS: FlowWords = FlowWords {
    named: &[("open", Flow::OPEN), ("blocked", Flow::BLOCKED)],
    budget: "accept",
    budget_each: "accept_each",
    zero: "zero",
    refuses_without_budget: false,
    wanted: "\"open\", \"blocked\", or a table such as { accept = 100 }",
};

fn outbound(flow: Flow) -> Outbound {
    Outbound {
        accept: flow.budget,
        at_most: flow.at_most,
        then: flow.then,
    }
}

fn flow(link: &Outbound) -> Flow {
    Flow {
        budget: link.accept,
        at_most: link.at_most,
        then: link.then,
    }
}

pub(crate) const LINK: OpCodec = OpCodec {
    step: |op| {
        let flow = Flow::of(op);
        // Without a budget it never refuses.
        let then = match flow.budget {
            Budget::All => Refusal::WouldBlock,
            _ => flow.then,
        };
        Step::Link(outbound(Flow { then, ..flow }))
    },
    op: |step| match step {
        Step::Link(link) => flow(link).op(),
        _ => None,
    },
};

pub(crate) const LINK_OPEN: OpCodec = OpCodec {
    step: |_| Step::Link(Outbound::OPEN),
    op: |step| only(step, &Step::Link(Outbound::OPEN)),
};
