//! `link`: what the transport takes from the library from now on.

use super::argument::Argument;
use super::encoding::{Encoding, OpCodec, only};
use super::flow::{FlowCodec, FlowFields, some_fields, then};
use super::{Declaration, Effect, Objection, Part, Step, StepContext};
use crate::scenario::text::{Table, quoted};
use crate::toml_reader::Fault;
use crate::transport::{Budget, Outbound, Refusal};

pub(super) struct Link;

impl Declaration for Link {
    type Value = Outbound;

    const NAME: &'static str = "link";
    const PART: Part = Part::Setting;
    const ENCODING: Encoding = Encoding::Tables;

    fn parse(argument: &Argument<'_>) -> Result<Outbound, Fault> {
        const KEYS: [&str; 5] = ["accept", "accept_each", "fail", "at_most", "then"];
        const WANTED: &str = "\"open\", \"blocked\", or a table such as { accept = 100 }";
        let node = argument.node()?;
        if node.as_text().is_some() {
            let blocked = Outbound {
                accept: Budget::Bytes(0),
                ..Outbound::OPEN
            };
            return node.choice([("open", Outbound::OPEN), ("blocked", blocked)]);
        }
        let fields = some_fields(node, WANTED)?.only(&KEYS)?;
        let flow = FlowFields::read(&fields, &KEYS, "zero")?;
        if let (Budget::All, Some(then)) = (flow.budget, fields.find("then")) {
            return Err(Fault::new(
                then.at(),
                "\"then\" without a budget has no effect",
                "add accept = N or accept_each = N",
            ));
        }
        Ok(Outbound {
            accept: flow.budget,
            at_most: flow.at_most,
            then: flow.then,
        })
    }

    fn write(link: &Outbound) -> Option<String> {
        Some(text(link))
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

fn text(link: &Outbound) -> String {
    if *link == Outbound::OPEN {
        return quoted("open");
    }
    let table = Table::default();
    let table = match (link.accept, link.at_most, link.then) {
        (Budget::Bytes(0), None, Refusal::WouldBlock) => return quoted("blocked"),
        (Budget::Bytes(0), None, Refusal::Fail(errno)) => {
            return table.entry("fail", quoted(&errno.to_string())).to_string();
        }
        (Budget::All, ..) => table,
        (Budget::Bytes(bytes), ..) => table.entry("accept", bytes),
        (Budget::EachCall(bytes), ..) => table.entry("accept_each", bytes),
    };
    table
        .some("at_most", link.at_most)
        .some("then", then(link.then, "zero"))
        .to_string()
}

pub(crate) const LINK: OpCodec = OpCodec {
    step: |op| {
        let flow = FlowCodec::of(op);
        Step::Link(Outbound {
            accept: flow.budget,
            at_most: flow.at_most,
            // It never refuses.
            then: match flow.budget {
                Budget::All => Refusal::WouldBlock,
                _ => flow.then,
            },
        })
    },
    op: |step| match step {
        Step::Link(outbound) => FlowCodec {
            budget: outbound.accept,
            at_most: outbound.at_most,
            then: outbound.then,
        }
        .op(),
        _ => None,
    },
};

pub(crate) const LINK_OPEN: OpCodec = OpCodec {
    step: |_| Step::Link(Outbound::OPEN),
    op: |step| only(step, &Step::Link(Outbound::OPEN)),
};
