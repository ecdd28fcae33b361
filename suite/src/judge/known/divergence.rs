//! The differences from another library that a known issue explains where no clause is broken:
//! aspects of the call at which the trigger holds, of later ones, or of the result of the case.
//!
//! The keys of a table, and what each explains:
//!
//! - `in`, `until`: as in `breaks`; the result of the case as a whole is `"later"`.
//! - `aspect`: these aspects, or this one: `returns`, `written`, `want`, `queue`, `errno`, `data`,
//!   `records`, `peer`, `calls`, `side_effects`; of the whole case `delivered`, `alerts`,
//!   `closing`.
//! - `error`, `other`: this error class, or one of these, if the other library has that one, or one
//!   of those; any if left out.
//! - `entries`: an error queue with these entries, joined by `, `, or one of these.

use std::fmt;

use super::effect::{ERRORS, Scope, one_or_more, quoted, scope};
use crate::judge::compare::reasons;
use crate::judge::difference::{Aspect, Difference, Value};
use crate::toml_reader::{Fault, Node};
use crate::trace::{ErrorClass, QueueEntry};

/// The differences that an issue explains.
#[derive(Debug, Clone)]
pub struct Divergence {
    /// The events to which it applies.
    pub scope: Scope,
    aspects: Vec<Aspect>,
    errors: Vec<ErrorClass>,
    others: Vec<ErrorClass>,
    queues: Vec<Vec<QueueEntry>>,
    /// Its position in the file, in bytes.
    pub(super) at: usize,
}

/// Which of the two traces belongs to the library of a known issue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    /// That of the library under test.
    Seen,
    /// That of the library with which it is compared.
    Reference,
}

impl Side {
    /// The entry and value of this library, and the value of the other one.
    fn of(self, difference: &Difference) -> (usize, &Value, &Value) {
        let Difference {
            at,
            seen,
            reference,
            ..
        } = difference;
        match self {
            Self::Seen => (at.seen, seen, reference),
            Self::Reference => (at.reference, reference, seen),
        }
    }

    /// The index of the entry in this library's trace.
    pub(in crate::judge) fn event(self, difference: &Difference) -> usize {
        self.of(difference).0
    }
}

const ASPECTS: [(&str, Aspect); 13] = [
    ("returns", Aspect::Return),
    ("written", Aspect::Written),
    ("want", Aspect::Want),
    ("queue", Aspect::Queue),
    ("errno", Aspect::Errno),
    ("data", Aspect::Data),
    ("records", Aspect::Records),
    ("peer", Aspect::Peer),
    ("calls", Aspect::History),
    ("side-effects", Aspect::SideEffects),
    ("delivered", Aspect::Delivered),
    ("alerts", Aspect::Alerts),
    ("closing", Aspect::Closing),
];

impl Divergence {
    pub(super) fn read(node: Node<'_>) -> Result<Self, Fault> {
        const KEYS: [&str; 6] = ["in", "until", "aspect", "error", "other", "entries"];
        let fields = node
            .fields("a table such as { in = \"call\", error = \"SSL\", other = \"SYSCALL\" }")?
            .only(&KEYS)?;
        let missing = || {
            Fault::new(
                node.at(),
                "missing \"in\"",
                "add in = \"call\" or in = \"later\"",
            )
        };
        let place = fields.find("in").ok_or_else(missing)?;
        let errors = |key| {
            let classes = |node| one_or_more(node, |node: Node<'_>| node.choice(ERRORS));
            Ok(fields.read(key, classes)?.unwrap_or_default())
        };
        let aspects = |node| one_or_more(node, |node: Node<'_>| node.choice(ASPECTS));
        let entries = |node: Node<'_>| node.text("text", |_| true).map(QueueEntry::split);
        let divergence = Self {
            scope: scope(&fields, place)?,
            aspects: fields.read("aspect", aspects)?.unwrap_or_default(),
            errors: errors("error")?,
            others: errors("other")?,
            queues: fields
                .read("entries", |node| one_or_more(node, entries))?
                .unwrap_or_default(),
            at: node.at(),
        };
        if divergence.is_empty() {
            let help = "say what differs: aspect, error or entries";
            return Err(Fault::new(
                node.at(),
                "a difference that matches any other",
                help,
            ));
        }
        Ok(divergence)
    }

    fn is_empty(&self) -> bool {
        self.aspects.is_empty() && self.errors.is_empty() && self.queues.is_empty()
    }

    /// The divergence that explains these differences of one call, or of the case as a whole, in
    /// the form of a file.
    pub(super) fn text_of(differences: &[Difference], place: &str) -> String {
        let mut text = format!("{{ in = {}", quoted(place));
        let aspects = differences.iter().filter_map(|difference| {
            let mut names = ASPECTS.iter();
            let name = names.find(|(_, aspect)| *aspect == difference.aspect);
            name.map(|(name, _)| quoted(name))
        });
        let aspects: Vec<String> = aspects.collect();
        if !aspects.is_empty() {
            text.push_str(&format!(", aspect = [{}]", aspects.join(", ")));
        }
        for difference in differences {
            if let (Value::Class(own), Value::Class(other)) =
                (&difference.seen, &difference.reference)
            {
                let (own, other) = (quoted(&own.to_string()), quoted(&other.to_string()));
                text.push_str(&format!(", error = {own}, other = {other}"));
            }
        }
        text.push_str(" }");
        text
    }

    /// Whether it explains this difference, if its library is on this side.
    pub(super) fn explains(&self, difference: &Difference, side: Side) -> bool {
        let (_, own, other) = side.of(difference);
        match (own, other) {
            (Value::Class(own), Value::Class(other)) => {
                self.errors.contains(own) && (self.others.is_empty() || self.others.contains(other))
            }
            (Value::Queue(own), _) if self.queues.contains(&reasons(own)) => true,
            _ => self.aspects.contains(&difference.aspect),
        }
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.scope {
            Scope::Call => "differs in the call",
            Scope::Later(None) => "differs in later calls",
            Scope::Later(Some(_)) => "differs in later calls, up to an event",
        })
    }
}
