//! Checks traces against the contract, with a monitor for each observable clause.
//!
//! Takes a trace, from a run, a file or a fuzzer, and yields for each clause how often it was kept,
//! where it was broken, or that the trace does not exercise it. Monitors are pure functions without
//! access to a library.

mod calls;
mod closing;
mod connection;
mod delivery;
mod errors;
mod handshake;
mod history;
mod key_update;
mod memory;
mod observation;
mod partial;
mod records;
mod retry;
mod returns;
#[cfg(test)]
pub(super) mod script;
mod seen;
mod transport;
mod would_block;
mod zero;

use std::fmt;

pub use history::History;
pub(crate) use history::{ConnectionState, Event, MAX_PLAINTEXT, Pending, has_succeeded};
pub(crate) use observation::{CallResult, Contradiction, Delivered, Gap, Observation, Wanted};

use observation::Returned;

use crate::contract::Binds;
use crate::trace::{Outcome, Trace};

/// The monitor of one clause.
pub struct Monitor {
    /// Its clause.
    pub clause: &'static str,
    /// The libraries to which it applies.
    pub binds: Binds,
    watch: fn(&History<'_>, &mut Notes),
}

/// All monitors, in the order of the topics.
static TOPICS: &[&[Monitor]] = &[
    returns::MONITORS,
    errors::MONITORS,
    calls::MONITORS,
    would_block::MONITORS,
    retry::MONITORS,
    partial::MONITORS,
    zero::MONITORS,
    delivery::MONITORS,
    records::MONITORS,
    key_update::MONITORS,
    handshake::MONITORS,
    closing::MONITORS,
    connection::MONITORS,
    memory::MONITORS,
    transport::MONITORS,
];

/// The notes of a monitor.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// How often the clause was kept.
    pub(crate) satisfied: usize,
    /// Where it was broken.
    pub violations: Vec<Violation>,
}

/// A violation of a clause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The index of the entry in the trace, from 0.
    pub(crate) event: usize,
    /// The step of the scenario, counted from 1.
    pub step: usize,
    /// The action.
    pub(crate) action: String,
    /// The behaviour that the clause requires.
    pub(crate) expected: String,
    /// What was observed instead.
    pub(crate) observed: Observation,
}

impl Notes {
    /// Records that the clause was kept once.
    pub(crate) fn satisfied(&mut self) {
        self.satisfied += 1;
    }

    /// Records that the clause was broken in this entry.
    pub(crate) fn violated(
        &mut self,
        event: &Event<'_>,
        expected: impl fmt::Display,
        observed: impl Into<Observation>,
    ) {
        self.violations.push(Violation {
            event: event.index,
            step: event.entry.step,
            action: event.entry.action.clone(),
            expected: expected.to_string(),
            observed: observed.into(),
        });
    }

    /// Records that the clause was kept in this entry if `kept`, and broken otherwise.
    pub(crate) fn check(
        &mut self,
        kept: bool,
        event: &Event<'_>,
        expected: impl fmt::Display,
        observed: impl Into<Observation>,
    ) {
        if kept {
            self.satisfied();
        } else {
            self.violated(event, expected, observed);
        }
    }

    /// Whether the trace exercises the clause.
    pub(crate) fn is_exercised(&self) -> bool {
        self.satisfied > 0 || !self.violations.is_empty()
    }
}

impl Monitor {
    /// A monitor of a clause for every library.
    const fn all(clause: &'static str, watch: fn(&History<'_>, &mut Notes)) -> Self {
        Self {
            clause,
            binds: Binds::All,
            watch,
        }
    }

    /// A monitor of a clause for libraries with `SSL_write` and its variants.
    const fn libssl(clause: &'static str, watch: fn(&History<'_>, &mut Notes)) -> Self {
        Self {
            clause,
            binds: Binds::Libssl,
            watch,
        }
    }

    /// The monitor's notes on this history; empty if the clause does not apply to the library.
    pub fn watch(&self, history: &History<'_>) -> Notes {
        let mut notes = Notes::default();
        if self.binds == Binds::All || history.is_libssl() {
            (self.watch)(history, &mut notes);
        }
        notes
    }
}

/// All monitors.
pub fn monitors() -> impl Iterator<Item = &'static Monitor> {
    TOPICS.iter().copied().flatten()
}

/// The notes of all monitors on a trace, without those of clauses that it does not exercise.
pub fn watch(trace: &Trace) -> Vec<(&'static str, Notes)> {
    History::of(trace).map_or_else(Vec::new, |history| watch_history(&history))
}

/// The same, for the history of a trace.
pub fn watch_history(history: &History<'_>) -> Vec<(&'static str, Notes)> {
    monitors()
        .map(|monitor| (monitor.clause, monitor.watch(history)))
        .filter(|(_, notes)| notes.is_exercised())
        .collect()
}

/// The observation that the case was stopped, if it was, which an issue can explain; no clause
/// requires that a case ends.
pub(crate) fn stopped(history: &History<'_>) -> Option<Violation> {
    let is_stop = |event: &&Event<'_>| matches!(event.entry.result, Outcome::Stopped(_));
    let event = history.events.iter().find(is_stop)?;
    Some(Violation {
        event: event.index,
        step: event.entry.step,
        action: event.entry.action.clone(),
        expected: "the case ends".to_owned(),
        observed: Observation::from(&event.entry.result),
    })
}

/// The violations in the notes, each with its clause.
pub fn violations<'w>(watched: &'w [(&'static str, Notes)]) -> Vec<(&'static str, &'w Violation)> {
    let of_clause = |(clause, notes): &'w (&'static str, Notes)| {
        let violations = notes.violations.iter();
        violations.map(|violation| (*clause, violation))
    };
    watched.iter().flat_map(of_clause).collect()
}
