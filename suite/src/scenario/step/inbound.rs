//! `inbound`: what the transport hands to the library from now on.

use super::argument::Argument;
use super::encoding::{Encoding, OpCodec};
use super::flow::{FlowCodec, FlowFields, some_fields, then};
use super::{Declaration, Effect, Objection, Part, Step, StepContext};
use crate::scenario::TransportKind;
use crate::scenario::text::{Table, quoted};
use crate::toml_reader::Fault;
use crate::transport::{Budget, Inbound, Refusal};

pub(super) struct InboundStep;

impl Declaration for InboundStep {
    type Value = Inbound;

    const NAME: &'static str = "inbound";
    const PART: Part = Part::Setting;
    const ENCODING: Encoding = Encoding::Tables;

    fn parse(argument: &Argument<'_>) -> Result<Inbound, Fault> {
        const KEYS: [&str; 5] = ["deliver", "deliver_each", "fail", "at_most", "then"];
        const WANTED: &str = "\"open\", \"hold\", \"eof\", or a table such as { deliver = 100 }";
        let node = argument.node()?;
        if node.as_text().is_some() {
            let hold = Inbound {
                deliver: Budget::Bytes(0),
                ..Inbound::OPEN
            };
            let eof = Inbound {
                then: Refusal::Zero,
                ..Inbound::OPEN
            };
            return node.choice([("open", Inbound::OPEN), ("hold", hold), ("eof", eof)]);
        }
        let fields = some_fields(node, WANTED)?.only(&KEYS)?;
        let flow = FlowFields::read(&fields, &KEYS, "eof")?;
        Ok(Inbound {
            deliver: flow.budget,
            at_most: flow.at_most,
            then: flow.then,
        })
    }

    fn write(inbound: &Inbound) -> Option<String> {
        Some(text(inbound))
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

fn text(inbound: &Inbound) -> String {
    if *inbound == Inbound::OPEN {
        return quoted("open");
    }
    let table = Table::default();
    let table = match (inbound.deliver, inbound.at_most, inbound.then) {
        (Budget::Bytes(0), None, Refusal::WouldBlock) => return quoted("hold"),
        (Budget::All, None, Refusal::Zero) => return quoted("eof"),
        (Budget::Bytes(0), None, Refusal::Fail(errno)) => {
            return table.entry("fail", quoted(&errno.to_string())).to_string();
        }
        (Budget::All, ..) => table,
        (Budget::Bytes(bytes), ..) => table.entry("deliver", bytes),
        (Budget::EachCall(bytes), ..) => table.entry("deliver_each", bytes),
    };
    table
        .some("at_most", inbound.at_most)
        .some("then", then(inbound.then, "eof"))
        .to_string()
}

pub(crate) const INBOUND: OpCodec = OpCodec {
    step: |op| {
        let flow = FlowCodec::of(op);
        Step::Inbound(Inbound {
            deliver: flow.budget,
            at_most: flow.at_most,
            then: flow.then,
        })
    },
    op: |step| match step {
        Step::Inbound(inbound) => FlowCodec {
            budget: inbound.deliver,
            at_most: inbound.at_most,
            then: inbound.then,
        }
        .op(),
        _ => None,
    },
};
