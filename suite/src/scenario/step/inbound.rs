//! `inbound`: what the transport hands to the library from now on.

use super::argument::StepArgument;
use super::encoding::{Encoding, OpCodec};
use super::flow::{Flow, FlowWords};
use super::{Declaration, Effect, Objection, Part, Step, StepContext};
use crate::scenario::TransportKind;
use crate::toml_reader::Fault;
use crate::transport::{Inbound, Refusal};

pub(super) struct InboundStep;

impl Declaration for InboundStep {
    type Value = Inbound;

    const NAME: &'static str = "inbound";
    const PART: Part = Part::Setting;
    const ENCODING: Encoding = Encoding::Tables;

    fn parse(argument: &StepArgument<'_>) -> Result<Inbound, Fault> {
        Ok(inbound(WORDS.parse(argument.node()?)?))
    }

    fn write(inbound: &Inbound) -> Option<String> {
        Some(WORDS.write(flow(inbound)))
    }

    fn describe(inbound: &Inbound) -> String {
        format!("inbound {inbound}")
    }

    fn objection(inbound: &Inbound, context: &StepContext<'_>) -> Option<Objection> {
        let is_end =
            |step: &Step| matches!(step, Step::Inbound(before) if before.then == Refusal::Zero);
        let transports = &context.scenario.transports;
        if transports.contains(&TransportKind::BioPair) && context.before(is_end) {
            return Some(Objection::new(
                "\"inbound\" after an end of file, which a BIO pair cannot undo",
                "leave it out, or leave \"bio-pair\" out of transports",
            ));
        }
        context.transport_objects(|transport| transport.refuses_inbound(inbound))
    }

    fn effect(inbound: &Inbound) -> Effect<'_> {
        Effect::Inbound(*inbound)
    }
}

const WORDS: FlowWords = FlowWords {
    named: &[
        ("open", Flow::OPEN),
        ("hold", Flow::BLOCKED),
        ("eof", Flow::END_OF_FILE),
    ],
    budget: "deliver",
    budget_each: "deliver_each",
    zero: "eof",
    // When nothing has arrived.
    refuses_without_budget: true,
    wanted: "\"open\", \"hold\", \"eof\", or a table such as { deliver = 100 }",
};

fn inbound(flow: Flow) -> Inbound {
    Inbound {
        deliver: flow.budget,
        at_most: flow.at_most,
        then: flow.then,
    }
}

fn flow(inbound: &Inbound) -> Flow {
    Flow {
        budget: inbound.deliver,
        at_most: inbound.at_most,
        then: inbound.then,
    }
}

pub(crate) const INBOUND: OpCodec = OpCodec {
    step: |op| Step::Inbound(inbound(Flow::of(op))),
    op: |step| match step {
        Step::Inbound(inbound) => flow(inbound).op(),
        _ => None,
    },
};
