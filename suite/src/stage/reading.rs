//! The end of a case: the wire is read, and each entry is told which records went over it meanwhile.

use super::{FREE, Stage, StageError};
use crate::link::{Direction, Mark, Tap};
use crate::scenario::Role;
use crate::trace::{self, Shown, Trace};
use crate::wire;

impl Stage<'_> {
    /// Reads the wire, and makes the trace of the case.
    pub(super) fn into_trace(self) -> Result<Trace, StageError> {
        let key_log = wire::KeyLog::parse(&self.peer.key_log())?;
        let (library, peer) = match self.role {
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
        let mut entries = self.entries;
        let out: Vec<_> = entries.iter().map(|e| (e.from.out, e.to.out)).collect();
        let inn: Vec<_> = entries.iter().map(|e| (e.from.inn, e.to.inn)).collect();
        let sent = trace::assign(
            &std::mem::take(&mut view[library]),
            self.stream.from_start(),
            &out,
        );
        let peer_sent = trace::assign(
            &std::mem::take(&mut view[peer]),
            self.peer_stream.from_start(),
            &inn,
        );
        for ((entry, sent), peer_sent) in entries.iter_mut().zip(sent).zip(peer_sent) {
            if entry.wire == Shown::Records {
                entry.sent = sent;
                entry.peer_sent = peer_sent;
            }
        }
        self.watch.about_to(self.step, FREE);
        match self.watch.frees() {
            true => drop(self.endpoint),
            false => std::mem::forget(self.endpoint),
        }
        Ok(Trace {
            entries,
            ..Trace::default()
        })
    }
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
