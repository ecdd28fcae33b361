//! The numbers of a known issue: sums of quantities computed from the history, so that an issue
//! states exactly how many bytes are missing. `522`, `"asked"`, `"out + pending + block"`. The
//! quantities, in bytes:
//!
//! - `asked`: the length of the write.
//! - `block`: the limit of a record, as set by `max_send_fragment`.
//! - `lowest-block`: the lowest `max_send_fragment` that was ever set.
//! - `out`: content of the pending write in records that were sent before this call.
//! - `unsent`: accepted before this call and not sent yet.
//! - `pending`: content of the pending record.
//! - `dropped`: content of the records that were pending when a handshake message was taken, so
//!   far.
//! - `swallowed`: content of the records for which the transport returned 0, so far, or of those
//!   that were skipped for them.
//! - `gap`: of these, the bytes lost between the application data record that is sent and the
//!   previous one.
//! - `refused`: content of the record at which the last write that failed permanently had arrived.

use std::fmt;

use super::measured::MeasuredHistory;
use crate::toml_reader::{Fault, Node};

/// A sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sum(Vec<Term>);

/// A term of a sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Term {
    Literal(usize),
    Asked,
    Block,
    LowestBlock,
    Out,
    Unsent,
    Pending,
    Dropped,
    Swallowed,
    Gap,
    Refused,
}

/// The most terms of a proposed sum.
const MOST_TERMS: usize = 3;

const QUANTITIES: [(&str, Term); 10] = [
    ("asked", Term::Asked),
    ("block", Term::Block),
    ("lowest-block", Term::LowestBlock),
    ("out", Term::Out),
    ("unsent", Term::Unsent),
    ("pending", Term::Pending),
    ("dropped", Term::Dropped),
    ("swallowed", Term::Swallowed),
    ("gap", Term::Gap),
    ("refused", Term::Refused),
];

impl Sum {
    pub(super) fn read(node: Node<'_>) -> Result<Self, Fault> {
        let Some(text) = node.as_text() else {
            let number = node.number(0..=usize::MAX >> 1)?;
            return Ok(Self(vec![Term::Literal(number)]));
        };
        let terms: Option<Vec<Term>> = text.split('+').map(|term| term_of(term.trim())).collect();
        terms.map(Self).ok_or_else(|| {
            let names: Vec<&str> = QUANTITIES.iter().map(|(name, _)| *name).collect();
            node.refused(format_args!("a number, or a sum of {}", names.join(", ")))
        })
    }

    /// Whether it equals `seen` at this event.
    pub(super) fn is(&self, seen: usize, measured: &MeasuredHistory<'_, '_>, at: usize) -> bool {
        let is_with = |gap| {
            let mut values = self.0.iter().map(|term| term.value(measured, at, gap));
            values.try_fold(0_usize, usize::checked_add) == Some(seen)
        };
        if self.0.contains(&Term::Gap) {
            measured.gaps(at).into_iter().any(is_with)
        } else {
            is_with(0)
        }
    }

    /// The sums that equal this number at this event: of one, two or three different quantities,
    /// unless the number is 0, and finally the number itself.
    pub(super) fn all_that_are(
        number: usize,
        measured: &MeasuredHistory<'_, '_>,
        at: usize,
    ) -> Vec<Self> {
        let mut sums = Vec::new();
        if number > 0 {
            for gap in measured.gaps(at) {
                let counted = QUANTITIES.map(|(_, term)| (term, term.value(measured, at, gap)));
                for terms in 1..=MOST_TERMS {
                    add_sums(&mut sums, number, terms, &counted, &mut Vec::new());
                }
            }
        }
        sums.push(Self(vec![Term::Literal(number)]));
        sums
    }

    /// The number increased by one.
    pub(super) fn plus_one(&self) -> Self {
        let mut terms = self.0.clone();
        terms.push(Term::Literal(1));
        Self(terms)
    }
}

/// Adds each sum of `begun` and this many of these terms that equals the number.
fn add_sums(
    sums: &mut Vec<Sum>,
    number: usize,
    terms: usize,
    counted: &[(Term, usize)],
    begun: &mut Vec<Term>,
) {
    if terms == 0 {
        if number == 0 {
            sums.push(Sum(begun.clone()));
        }
        return;
    }
    for (place, &(term, value)) in counted.iter().enumerate() {
        if let Some(rest) = number.checked_sub(value) {
            begun.push(term);
            add_sums(sums, rest, terms - 1, &counted[place + 1..], begun);
            begun.pop();
        }
    }
}

/// The form in a file.
impl fmt::Display for Sum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [Term::Literal(number)] = self.0[..] {
            return write!(f, "{number}");
        }
        let terms: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        write!(f, "\"{}\"", terms.join(" + "))
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Self::Literal(number) = self {
            return write!(f, "{number}");
        }
        let name = QUANTITIES.iter().find(|(_, term)| term == self);
        f.write_str(name.map_or("", |(name, _)| name))
    }
}

fn term_of(text: &str) -> Option<Term> {
    let quantity = QUANTITIES.iter().find(|(name, _)| *name == text);
    let literal = || text.parse().ok().map(Term::Literal);
    quantity.map(|(_, term)| *term).or_else(literal)
}

impl Term {
    /// Its value at this event, if this is the gap.
    fn value(self, measured: &MeasuredHistory<'_, '_>, at: usize, gap: usize) -> usize {
        let event = measured.event(at);
        match self {
            Self::Literal(number) => number,
            Self::Asked => event
                .attempt()
                .and_then(|attempt| attempt.argument.len())
                .unwrap_or(0),
            Self::Block => event.before.max_send_fragment,
            Self::LowestBlock => measured.lowest_block(at),
            Self::Out => event.before.sealed.saturating_sub(event.before.accepted),
            Self::Unsent => event.before.unsent(),
            Self::Pending => measured.pending_record(at),
            Self::Dropped => measured.dropped(at),
            Self::Swallowed => measured.swallowed(at),
            Self::Gap => gap,
            Self::Refused => measured.refused(at),
        }
    }
}
