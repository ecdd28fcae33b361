//! The steps of a scenario file: `{ NAME = VALUE }`, or `"NAME"` alone where `{}` is a value.
//!
//! In: the table of the file. Out: the steps, every number of them in range, and where in the text
//! each stands. Whether a step can stand there is checked by [`order`](crate::scenario::order).

use super::{KINDS, Step};
use crate::toml_reader::{Fault, Fields, Node, Quoted};

/// The steps, and where in the text each of them stands, in bytes.
pub(in crate::scenario) fn of_file(fields: &Fields<'_>) -> Result<(Vec<Step>, Vec<usize>), Fault> {
    let Some(node) = fields.find("steps") else {
        return Err(Fault::new(
            fields.at(),
            "missing \"steps\"",
            "add steps = [ … ], such as [\"handshake\", { write = { len = 100 } }]",
        ));
    };
    let elements = node.elements("steps")?;
    if elements.is_empty() {
        return Err(node.refused("an array of one or more steps"));
    }
    let mut steps = Vec::with_capacity(elements.len());
    let mut places = Vec::with_capacity(elements.len());
    for element in elements {
        let argument = StepArgument::of(element)?;
        places.push(argument.at);
        steps.push(argument.step()?);
    }
    Ok((steps, places))
}

/// The name of a step and what is said about it.
pub(super) struct StepArgument<'t> {
    name: &'t str,
    at: usize,
    /// Nothing if the name stands alone.
    value: Option<Node<'t>>,
}

impl<'t> StepArgument<'t> {
    fn of(element: Node<'t>) -> Result<Self, Fault> {
        if let Some(name) = element.as_text() {
            return Ok(Self {
                name,
                at: element.at(),
                value: None,
            });
        }
        let entry = element
            .fields("a step: a name such as \"handshake\", or a table such as { write = { len = 100 } }")?
            .single("write each step as a table of its own: { write = { len = 100 } }, { retry = {} }")?;
        Ok(Self {
            name: entry.key,
            at: entry.at,
            value: Some(entry.node()),
        })
    }

    fn step(&self) -> Result<Step, Fault> {
        match KINDS.iter().find(|kind| kind.name == self.name) {
            Some(kind) => (kind.parse)(self),
            None => Err(Fault::unknown(
                self.at,
                format!("unknown step {}", Quoted(self.name)),
                self.name,
                "steps",
                &Step::names().collect::<Vec<_>>(),
            )),
        }
    }

    /// Whether nothing is said: the name stands alone, or with `{}`.
    pub(super) fn is_bare(&self) -> bool {
        self.value.is_none_or(Node::is_empty_table)
    }

    /// Refuses a value of a step about which nothing can be said.
    pub(super) fn bare(&self) -> Result<(), Fault> {
        match self.value {
            Some(node) if !self.is_bare() => Err(node.refused(format_args!(
                "{{}}, as this step has no arguments; or write just \"{}\"",
                self.name
            ))),
            _ => Ok(()),
        }
    }

    /// The value of a step that has to have one.
    pub(super) fn node(&self) -> Result<Node<'t>, Fault> {
        self.value.ok_or_else(|| {
            Fault::new(
                self.at,
                format!("the step \"{}\" has no value", self.name),
                format!("write {{ {} = … }}", self.name),
            )
        })
    }

    /// The table of a step of which nothing needs to be said.
    pub(super) fn fields(&self, keys: &[&str], wanted: &str) -> Result<Fields<'t>, Fault> {
        match self.value {
            Some(node) => node.fields(wanted)?.only(keys),
            None => Ok(Fields::empty(self.name, self.at)),
        }
    }
}
