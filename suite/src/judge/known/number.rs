//! The numbers of a known issue: expressions over the quantities that the history gives, so that "some bytes are missing"
//! is never enough.
//!
//! `522`, `"asked"`, `"pending + block"`, `"<= swallowed"` (1 up to that). The quantities:
//!
//! | name | bytes |
//! |---|---|
//! | `asked` | that the write was called for |
//! | `block` | that `max_send_fragment` lets a record have |
//! | `out` | of the write that is under way, in records that went out before this call |
//! | `unsent` | that were accepted before this call and have not gone out |
//! | `pending` | of content of the record that is pending |
//! | `lowest-block` | of the lowest `max_send_fragment` that was ever set |
//! | `dropped` | of content of the records that were pending when a handshake message was taken |
//! | `swallowed` | of content of the records that the transport has answered with 0 so far |

use super::history::History;
use crate::scenario::form::{Fault, Node};

/// A number that the history gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Number {
    /// The sum of these.
    Exactly(Vec<Term>),
    /// From 1 to the sum of these.
    AtMost(Vec<Term>),
}

/// A part of a sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Term {
    /// This number.
    Literal(usize),
    /// What the call asked for.
    Asked,
    /// The limit of a record.
    Block,
    /// What went out of the write that is under way.
    Out,
    /// What was accepted and has not gone out.
    Unsent,
    /// What the pending record holds.
    Pending,
    /// The lowest limit of a record that was ever set.
    LowestBlock,
    /// What was pending when handshake messages were taken.
    Dropped,
    /// What the transport has answered with 0.
    Swallowed,
}

const QUANTITIES: [(&str, Term); 8] = [
    ("asked", Term::Asked),
    ("block", Term::Block),
    ("out", Term::Out),
    ("unsent", Term::Unsent),
    ("pending", Term::Pending),
    ("lowest-block", Term::LowestBlock),
    ("dropped", Term::Dropped),
    ("swallowed", Term::Swallowed),
];

impl Number {
    pub(super) fn read(node: Node<'_>) -> Result<Self, Fault> {
        let Some(text) = node.as_text() else {
            let number = node.number(0..=usize::MAX >> 1)?;
            return Ok(Self::Exactly(vec![Term::Literal(number)]));
        };
        let (at_most, sum) = match text.strip_prefix("<=") {
            Some(sum) => (true, sum),
            None => (false, text),
        };
        let terms = sum.split('+').map(|term| term_of(term.trim()));
        let terms: Option<Vec<Term>> = terms.collect();
        let terms = terms.ok_or_else(|| {
            let names: Vec<&str> = QUANTITIES.iter().map(|(name, _)| *name).collect();
            node.refused(format_args!(
                "a number, or a sum of {}, with <= before it for any number up to that",
                names.join(", ")
            ))
        })?;
        if at_most {
            Ok(Self::AtMost(terms))
        } else {
            Ok(Self::Exactly(terms))
        }
    }

    /// Whether it is this number, at this moment.
    pub(super) fn is(&self, seen: usize, history: &History<'_, '_>, at: usize) -> bool {
        let sum = |terms: &[Term]| {
            terms
                .iter()
                .map(|term| term.value(history, at))
                .sum::<usize>()
        };
        match self {
            Self::Exactly(terms) => seen == sum(terms),
            Self::AtMost(terms) => (1..=sum(terms)).contains(&seen),
        }
    }
}

fn term_of(text: &str) -> Option<Term> {
    if let Some((_, term)) = QUANTITIES.iter().find(|(name, _)| *name == text) {
        return Some(*term);
    }
    text.parse().ok().map(Term::Literal)
}

impl Term {
    fn value(self, history: &History<'_, '_>, at: usize) -> usize {
        let moment = history.moment(at);
        match self {
            Self::Literal(number) => number,
            Self::Asked => moment
                .attempt()
                .and_then(|attempt| attempt.argument.len())
                .unwrap_or(0),
            Self::Block => moment.before.max_send_fragment,
            Self::Out => moment.before.sealed.saturating_sub(moment.before.accepted),
            Self::Unsent => moment.before.kept_back(),
            Self::Pending => history.pending_record(at),
            Self::LowestBlock => history.lowest_block(at),
            Self::Dropped => history.dropped(at),
            Self::Swallowed => history.swallowed(at),
        }
    }
}
