//! The trigger of a known issue: a condition on the history of a connection, as written in a file.
//!
//! | in a file | holds at an event when |
//! |---|---|
//! | `"read"` | the [`predicate`] does |
//! | `[a, b]` | both do: the same call |
//! | `{ any = [a, b], why = "…" }` | one of them does |
//! | `{ not = a }` | it does not |
//! | `{ earlier = a }` | it held at an earlier event |
//! | `{ then = [a, b, c] }` | `c` holds, `b` held earlier, and `a` before that |
//! | `{ since = [a, b] }` | `a` held at an earlier event, and `b` at none since, this one included |
//! | `{ at_least = 2, of = a }` | it has held at so many events, this one included |
//! | `{ always = "…" }` | always, for this reason |
//!
//! Takes the node of a file, and evaluates the condition at each event of a [`MeasuredHistory`].

use std::fmt;

use super::measured::MeasuredHistory;
use super::predicate::{self, Predicate, Reads};
use crate::toml_reader::{Fault, Node};

/// The trigger of a known issue.
#[derive(Debug, Clone)]
pub enum Condition {
    /// A predicate holds.
    Is(&'static Predicate),
    /// All of them hold at the same event.
    All(Vec<Condition>),
    /// One of them holds.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
    /// It held at an earlier event.
    Earlier(Box<Condition>),
    /// Each held at a later event than the one before it, and the last one holds.
    Then(Vec<Condition>),
    /// The first held at an earlier event, and the second at none since.
    Since(Box<Condition>, Box<Condition>),
    /// It has held at this many events.
    AtLeast(usize, Box<Condition>),
    /// Always.
    Always,
}

impl Condition {
    /// Parses the condition at this node.
    pub(super) fn read(node: Node<'_>) -> Result<Self, Fault> {
        if let Some(name) = node.as_text() {
            return predicate::find(name, node.at()).map(Self::Is);
        }
        if let Ok(elements) = node.elements("conditions") {
            return elements
                .into_iter()
                .map(Self::read)
                .collect::<Result<_, _>>()
                .map(Self::All);
        }
        Self::of_operator(node)
    }

    fn of_operator(node: Node<'_>) -> Result<Self, Fault> {
        const OPERATORS: [&str; 7] = [
            "any", "not", "earlier", "then", "since", "at_least", "always",
        ];
        const KEYS: [&str; 9] = [
            "any", "not", "earlier", "then", "since", "at_least", "always", "why", "of",
        ];
        let wanted =
            "a predicate, an array of conditions, or a table such as { not = \"pending\" }";
        let fields = node.fields(wanted)?.only(&KEYS)?;
        let Some((operator, value)) = fields.at_most_one(&OPERATORS)? else {
            return Err(node.refused(wanted));
        };
        let list = || {
            value.elements("conditions").and_then(|elements| {
                elements
                    .into_iter()
                    .map(Self::read)
                    .collect::<Result<Vec<_>, _>>()
            })
        };
        let needs = |key: &str, why: &str| match fields.find(key) {
            Some(node) => Ok(node),
            None => Err(Fault::new(node.at(), format!("missing \"{key}\""), why)),
        };
        Ok(match operator {
            "any" => {
                needs(
                    "why",
                    "add why = \"…\", which says what the alternatives have in common",
                )?
                .line()?;
                Self::Any(list()?)
            }
            "not" => Self::Not(Box::new(Self::read(value)?)),
            "earlier" => Self::Earlier(Box::new(Self::read(value)?)),
            "then" => Self::Then(list()?),
            "since" => match <[Self; 2]>::try_from(list()?) {
                Ok([begun, ended]) => Self::Since(Box::new(begun), Box::new(ended)),
                Err(_) => {
                    return Err(
                        value.refused("an array of two conditions: what began, and what ends it")
                    );
                }
            },
            "at_least" => {
                let of = needs("of", "add of = …: the condition that is counted")?;
                Self::AtLeast(value.count(1000)?.get(), Box::new(Self::read(of)?))
            }
            _ => {
                value.line()?;
                Self::Always
            }
        })
    }

    /// Whether it holds, for each event.
    pub(super) fn holds(&self, measured: &MeasuredHistory<'_, '_>) -> Vec<bool> {
        let events = measured.len();
        match self {
            Self::Is(predicate) => (0..events)
                .map(|at| predicate.holds(measured, at))
                .collect(),
            Self::All(conditions) => fold(conditions, measured, true, |a, b| a && b),
            Self::Any(conditions) => fold(conditions, measured, false, |a, b| a || b),
            Self::Not(condition) => condition
                .holds(measured)
                .into_iter()
                .map(|held| !held)
                .collect(),
            Self::Earlier(condition) => earlier(&condition.holds(measured)),
            Self::Then(conditions) => {
                let mut conditions = conditions.iter();
                let first = conditions.next().map(|first| first.holds(measured));
                conditions.fold(first.unwrap_or_default(), |before, condition| {
                    let held = earlier(&before);
                    let now = condition.holds(measured);
                    now.into_iter()
                        .zip(held)
                        .map(|(now, held)| now && held)
                        .collect()
                })
            }
            Self::Since(begun, ended) => since(&begun.holds(measured), &ended.holds(measured)),
            Self::AtLeast(times, condition) => {
                let mut count = 0;
                let held = condition.holds(measured).into_iter();
                held.map(|held| {
                    count += usize::from(held);
                    count >= *times
                })
                .collect()
            }
            Self::Always => vec![true; events],
        }
    }

    /// The condition without each of its conjuncts in turn, at any depth, with a description of
    /// what is left out. Each result holds wherever this condition does.
    pub(super) fn without_each_conjunct(&self) -> Vec<(String, Self)> {
        let whole = match self {
            // These have conjuncts; a condition that always holds has none.
            Self::All(_) | Self::Then(_) | Self::Always => None,
            _ => Some((self.to_string(), Self::Always)),
        };
        whole.into_iter().chain(self.without_each_part()).collect()
    }

    /// The condition without each of its inner conjuncts in turn, but not without itself as a
    /// whole.
    fn without_each_part(&self) -> Vec<(String, Self)> {
        match self {
            Self::Is(_) | Self::Always => Vec::new(),
            Self::All(conditions) => without_each(conditions, Self::All),
            Self::Then(conditions) => without_each(conditions, Self::Then),
            Self::Any(conditions) => in_each(conditions, Self::Any),
            Self::Not(condition) => match condition.as_ref() {
                // Not-any means that none of them holds, so they act as conjuncts.
                Self::Any(conditions) => (0..conditions.len())
                    .map(|index| {
                        let mut others = conditions.clone();
                        let left_out = others.remove(index);
                        let not = Self::Not(Box::new(Self::Any(others)));
                        (format!("{{ not = {left_out} }}"), not)
                    })
                    .collect(),
                _ => Vec::new(),
            },
            Self::Earlier(condition) => {
                within(condition, |other| Self::Earlier(Box::new(other))).collect()
            }
            Self::Since(begun, ended) => {
                let endless = Self::Earlier(begun.clone());
                let inner = within(begun, |other| Self::Since(Box::new(other), ended.clone()));
                std::iter::once((format!("no {ended} since"), endless))
                    .chain(inner)
                    .collect()
            }
            Self::AtLeast(times, condition) => {
                let once = condition.as_ref().clone();
                let inner = within(condition, |other| Self::AtLeast(*times, Box::new(other)));
                std::iter::once((format!("at_least = {times}"), once))
                    .chain(inner)
                    .collect()
            }
        }
    }

    /// Whether it reads outputs of the library, including earlier ones.
    pub(super) fn reads_outputs(&self) -> bool {
        self.any_predicate(&|predicate| predicate.reads != Reads::Inputs)
    }

    /// Whether its form shows that it always holds.
    pub fn is_always(&self) -> bool {
        match self {
            Self::Always => true,
            Self::All(conditions) => conditions.iter().all(Self::is_always),
            Self::Any(conditions) => conditions.iter().any(Self::is_always),
            _ => false,
        }
    }

    /// Whether it reads the result of the call at the event itself: a call must not explain itself.
    pub(super) fn reads_present_answer(&self) -> bool {
        match self {
            Self::Is(predicate) => predicate.reads == Reads::Answer,
            Self::All(conditions) | Self::Any(conditions) => {
                conditions.iter().any(Self::reads_present_answer)
            }
            Self::Not(condition) | Self::AtLeast(_, condition) => condition.reads_present_answer(),
            Self::Then(conditions) => conditions.last().is_some_and(Self::reads_present_answer),
            Self::Since(..) | Self::Earlier(_) | Self::Always => false,
        }
    }

    fn any_predicate(&self, is: &dyn Fn(&Predicate) -> bool) -> bool {
        match self {
            Self::Is(predicate) => is(predicate),
            Self::All(conditions) | Self::Any(conditions) | Self::Then(conditions) => conditions
                .iter()
                .any(|condition| condition.any_predicate(is)),
            Self::Not(condition) | Self::Earlier(condition) | Self::AtLeast(_, condition) => {
                condition.any_predicate(is)
            }
            Self::Since(begun, ended) => begun.any_predicate(is) || ended.any_predicate(is),
            Self::Always => false,
        }
    }
}

/// The form in a file.
impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |conditions: &[Self]| {
            let texts: Vec<String> = conditions.iter().map(ToString::to_string).collect();
            format!("[{}]", texts.join(", "))
        };
        match self {
            Self::Is(predicate) => write!(f, "{:?}", predicate.name),
            Self::All(conditions) => f.write_str(&list(conditions)),
            Self::Any(conditions) => write!(f, "{{ any = {} }}", list(conditions)),
            Self::Not(condition) => write!(f, "{{ not = {condition} }}"),
            Self::Earlier(condition) => write!(f, "{{ earlier = {condition} }}"),
            Self::Then(conditions) => write!(f, "{{ then = {} }}", list(conditions)),
            Self::Since(begun, ended) => write!(f, "{{ since = [{begun}, {ended}] }}"),
            Self::AtLeast(times, condition) => {
                write!(f, "{{ at_least = {times}, of = {condition} }}")
            }
            Self::Always => f.write_str("{ always = … }"),
        }
    }
}

/// Conditions that combine all of these but one, or a weaker form of one.
fn without_each(
    conditions: &[Condition],
    all: fn(Vec<Condition>) -> Condition,
) -> Vec<(String, Condition)> {
    let without = |index: usize| {
        let mut others = conditions.to_vec();
        others[index] = Condition::Always;
        (conditions[index].to_string(), all(others))
    };
    let mut each: Vec<_> = (0..conditions.len()).map(without).collect();
    each.extend(in_each(conditions, all));
    each
}

/// Conditions that combine these with one conjunct removed inside one of them.
fn in_each(
    conditions: &[Condition],
    of: fn(Vec<Condition>) -> Condition,
) -> Vec<(String, Condition)> {
    let each = conditions
        .iter()
        .enumerate()
        .flat_map(|(index, condition)| {
            within(condition, move |other| {
                let mut others = conditions.to_vec();
                others[index] = other;
                of(others)
            })
        });
    each.collect()
}

/// The conditions that result from removing each conjunct inside this one.
fn within(
    condition: &Condition,
    outer: impl Fn(Condition) -> Condition,
) -> impl Iterator<Item = (String, Condition)> {
    let parts = condition.without_each_part().into_iter();
    parts.map(move |(what, other)| (what, outer(other)))
}

fn fold(
    conditions: &[Condition],
    measured: &MeasuredHistory<'_, '_>,
    start: bool,
    join: fn(bool, bool) -> bool,
) -> Vec<bool> {
    let all = conditions.iter().map(|condition| condition.holds(measured));
    all.fold(vec![start; measured.len()], |held, more| {
        held.into_iter()
            .zip(more)
            .map(|(a, b)| join(a, b))
            .collect()
    })
}

/// Whether it held at an earlier event, for each event.
fn earlier(held: &[bool]) -> Vec<bool> {
    let mut before = false;
    held.iter()
        .map(|&now| {
            let was = before;
            before |= now;
            was
        })
        .collect()
}

fn since(begun: &[bool], ended: &[bool]) -> Vec<bool> {
    let mut open = false;
    begun
        .iter()
        .zip(ended)
        .map(|(&begins, &ends)| {
            let holds = open && !ends;
            open = holds || begins;
            holds
        })
        .collect()
}
