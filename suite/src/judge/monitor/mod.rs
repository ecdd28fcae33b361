//! What the contract says of a trace: a monitor for each clause that a trace can show.
//!
//! In flows a trace, from a run, a file or a fuzzer; out flows, for each clause, whether it was kept and
//! how often, where it was broken, or that nothing in the trace has to do with it. Pure functions: no
//! monitor has access to a library.

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

pub use history::{ConnectionState, Event, History, MAX_PLAINTEXT, Pending, has_succeeded};
pub use observation::{Answer, Contradiction, Delivered, Gap, Observation, Wanted};

use observation::Came;

use crate::contract::Binds;
use crate::trace::{Outcome, Trace};

/// One clause's monitor.
pub struct Monitor {
    /// The clause that it watches.
    pub clause: &'static str,
    /// Which libraries it watches.
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

/// What a monitor has seen.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Notes {
    /// How often the clause was kept.
    pub satisfied: usize,
    /// Where it was broken.
    pub violations: Vec<Violation>,
}

/// A place where a clause is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The number of the entry in the trace, counted from 0.
    pub event: usize,
    /// The step of the scenario, counted from 1.
    pub step: usize,
    /// What was done.
    pub action: String,
    /// What the clause asks for there.
    pub expected: String,
    /// What was observed instead.
    pub observed: Observation,
}

impl Notes {
    /// The clause was kept once.
    pub fn satisfied(&mut self) {
        self.satisfied += 1;
    }

    /// The clause was broken in this entry.
    pub fn violated(
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

    /// The clause was kept in this entry if `kept`, and broken if not.
    pub fn check(
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

    /// Whether anything in the trace has to do with the clause.
    pub fn is_exercised(&self) -> bool {
        self.satisfied > 0 || !self.violations.is_empty()
    }
}

impl Monitor {
    /// A monitor of a clause that binds every library.
    const fn all(clause: &'static str, watch: fn(&History<'_>, &mut Notes)) -> Self {
        Self {
            clause,
            binds: Binds::All,
            watch,
        }
    }

    /// A monitor of a clause that binds a library with `SSL_write` and its kin.
    const fn libssl(clause: &'static str, watch: fn(&History<'_>, &mut Notes)) -> Self {
        Self {
            clause,
            binds: Binds::Libssl,
            watch,
        }
    }

    /// What it sees in this course; nothing if the clause does not bind the library.
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

/// What all monitors see in a trace, but for those that it has nothing to do with.
pub fn watch(trace: &Trace) -> Vec<(&'static str, Notes)> {
    History::of(trace).map_or_else(Vec::new, |history| watch_history(&history))
}

/// The same, of the course of a trace.
pub fn watch_history(history: &History<'_>) -> Vec<(&'static str, Notes)> {
    monitors()
        .map(|monitor| (monitor.clause, monitor.watch(history)))
        .filter(|(_, notes)| notes.is_exercised())
        .collect()
}

/// That the case was stopped, if it was, as an observation that can be known: no clause asks for the end of a case.
pub fn stopped(history: &History<'_>) -> Option<Violation> {
    let is_stop = |event: &&Event<'_>| matches!(event.entry.result, Outcome::Stopped(_));
    let event = history.events.iter().find(is_stop)?;
    Some(Violation {
        event: event.index,
        step: event.entry.step,
        action: event.entry.action.clone(),
        expected: "the case comes to its end".to_owned(),
        observed: Observation::from(&event.entry.result),
    })
}

/// The violations in what monitors have seen, each with its clause.
pub fn violations<'w>(watched: &'w [(&'static str, Notes)]) -> Vec<(&'static str, &'w Violation)> {
    let of_clause = |(clause, notes): &'w (&'static str, Notes)| {
        let violations = notes.violations.iter();
        violations.map(|violation| (*clause, violation))
    };
    watched.iter().flat_map(of_clause).collect()
}
