//! The end of a case: the wire is read, and each entry is told which records went over it meanwhile.

use super::{FREE, Stage, StageError};
use crate::link::{Direction, Mark, Tap};
use crate::scenario::{Role, Scenario, Step};
use crate::trace::{self, Entry, ErrorClass, Outcome, Portion, Shown, Trace};
use crate::wire;

impl Stage<'_> {
    /// Reads the wire, and makes the trace of the case.
    pub(super) fn into_trace(self, scenario: &Scenario) -> Result<Trace, StageError> {
        let key_log = wire::KeyLog::parse(&self.far.peer().key_log())?;
        let (library, peer) = match self.setting.variant.role {
            Role::Client => (wire::Sender::Client, wire::Sender::Server),
            Role::Server => (wire::Sender::Server, wire::Sender::Client),
        };
        let mut view = self.link.with_tap(|tap| {
            let runs = runs(tap).map(|(direction, bytes)| match direction {
                Direction::Out => (library, bytes),
                Direction::In => (peer, bytes),
            });
            wire::read(runs, &key_log)
        });
        let view = (
            std::mem::take(&mut view[library]),
            std::mem::take(&mut view[peer]),
        );
        let mut entries = match self.setting.variant.transport.is_of_the_system() {
            true => without_what_the_system_decides(self.entries, &scenario.steps),
            false => self.entries,
        };
        let out: Vec<_> = entries.iter().map(|e| (e.from.out, e.to.out)).collect();
        let inn: Vec<_> = entries.iter().map(|e| (e.from.inn, e.to.inn)).collect();
        let version = self.setting.variant.version;
        let mut from = 0;
        let taken = entries.iter().map(|entry| {
            let to = entry.taken_to.max(from);
            (std::mem::replace(&mut from, to), to)
        });
        let taken: Vec<_> = taken.collect();
        let (sent, peer_sent, taken) = self.link.with_tap(|tap| {
            let (mine, theirs) = (self.stream.from_start(), self.peer_stream.from_start());
            (
                trace::assign(&view.0, version, mine, &tap.out, &out),
                trace::assign(&view.1, version, theirs.clone(), &tap.inn, &inn),
                trace::assign(&view.1, version, theirs, &tap.inn, &taken),
            )
        });
        let records = sent.into_iter().zip(peer_sent).zip(taken);
        for (entry, ((sent, peer_sent), mut taken)) in entries.iter_mut().zip(records) {
            if entry.wire == Shown::Records {
                taken.retain(|record| matches!(record.portion, Portion::Whole | Portion::Last));
                entry.sent = sent;
                entry.peer_sent = peer_sent;
                entry.taken = taken;
            }
        }
        self.watch.about_to(self.step, FREE);
        match self.watch.frees() {
            true => drop(self.endpoint),
            false => std::mem::forget(self.endpoint),
        }
        Ok(Trace {
            setting: Some(self.setting),
            entries,
            ..Trace::default()
        })
    }
}

/// How many bytes a socket takes, and hence how often a write is repeated, differs between systems. So the
/// repetitions of a step `finish` that block are not told, and what a call that blocks has sent is told
/// with the next one that gets further; never, if none does.
fn without_what_the_system_decides(entries: Vec<Entry>, steps: &[Step]) -> Vec<Entry> {
    let finishes = |step: usize| step.checked_sub(1).and_then(|index| steps.get(index));
    let mut told = Vec::with_capacity(entries.len());
    // Where what has not been told yet begins.
    let mut untold: Option<usize> = None;
    for mut entry in entries {
        let begin = untold.unwrap_or(entry.from.out);
        match &entry.result {
            Outcome::Call(call) if call.error == ErrorClass::WantWrite => {
                untold = Some(begin);
                if finishes(entry.step) == Some(&Step::Finish) {
                    continue;
                }
            }
            // A call that fails for good may have sent anything, or nothing.
            Outcome::Call(call) if untold.is_none() || is_done_or_waits(call.error) => {
                untold = None
            }
            _ => {}
        }
        if untold.is_some() {
            entry.to.out = begin;
        }
        entry.from.out = begin;
        told.push(entry);
    }
    told
}

/// Whether a call with this class has sent all that it had to send.
fn is_done_or_waits(error: ErrorClass) -> bool {
    matches!(error, ErrorClass::None | ErrorClass::WantRead)
}

/// The bytes of each run, in the order of the wire.
fn runs(tap: &Tap) -> impl Iterator<Item = (Direction, &[u8])> {
    let mut at = Mark::default();
    tap.runs.iter().map(move |&(direction, length)| {
        let (all, position) = match direction {
            Direction::Out => (&tap.out, &mut at.out),
            Direction::In => (&tap.inn, &mut at.inn),
        };
        let bytes = &all[*position..*position + length];
        *position += length;
        (direction, bytes)
    })
}
