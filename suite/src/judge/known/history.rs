//! The history of a connection as the known issues ask for it: the [`Course`] of a trace, with the quantities that explain
//! how many bytes are lost, reported or late.

use crate::judge::monitor::{Course, MAX_PLAINTEXT, Moment, State};
use crate::link::Refusal;
use crate::trace::{Body, ErrorClass};

/// The history of a connection.
#[derive(Debug)]
pub struct History<'c, 't> {
    pub(super) course: &'c Course<'t>,
    /// What transports that return 0 have cost up to each moment, it included.
    losses: Vec<Losses>,
}

/// What transports that return 0 without the retry flag have cost, where a library takes that for a success.
#[derive(Debug, Default, Clone, Copy)]
struct Losses {
    /// Bytes of content of the records that the transport answered with 0, or of those that were passed over for them.
    swallowed: usize,
    /// Bytes of content of the record that the last write of more than nothing had come to that failed for good: what it had
    /// left behind those that went out or were swallowed, up to the limit of a record.
    refused: usize,
    /// The record that was swallowed last, as long as it has not gone out.
    stuck: Option<Stuck>,
}

/// A record that the transport answered with 0, and that the library keeps.
#[derive(Debug, Clone, Copy)]
struct Stuck {
    /// Bytes of content.
    content: usize,
    /// Whether a write has failed behind it: then it is offered in the place of the record that was refused.
    is_offered_again: bool,
}

impl<'c, 't> History<'c, 't> {
    /// The history that this course tells.
    pub fn of(course: &'c Course<'t>) -> Self {
        let mut losses = Losses::default();
        let losses = (0..course.moments.len())
            .map(|at| {
                losses.go_on(course, at);
                losses
            })
            .collect();
        Self { course, losses }
    }

    pub(super) fn len(&self) -> usize {
        self.course.moments.len()
    }

    pub(super) fn moment(&self, at: usize) -> &'c Moment<'t> {
        &self.course.moments[at]
    }

    pub(super) fn after(&self, at: usize) -> &State {
        self.course.after(at)
    }

    /// Bytes of content of the records that the transport answered with 0 up to this moment, it included. Where the library is
    /// not called, as where the peer reads, only those before the last record of data that went out: what is lost after that
    /// leaves no gap yet.
    pub(super) fn swallowed(&self, at: usize) -> usize {
        if self.moment(at).call().is_some() {
            return self.losses[at].swallowed;
        }
        let completes = |at: &usize| {
            let mut completed = self.moment(*at).completed();
            completed.any(|record| matches!(record.body, Body::ApplicationData { .. }))
        };
        let last = (0..=at).rev().find(completes);
        self.losses[last.unwrap_or(at)].swallowed
    }

    /// Bytes of content of the record that is pending at this moment: what the write that is under way has left, up to the
    /// limit of a record; 0 if none is.
    pub(super) fn pending_record(&self, at: usize) -> usize {
        let before = &self.moment(at).before;
        // One that waits for the peer has sealed nothing yet.
        let sealed = before
            .pending
            .filter(|pending| pending.error == ErrorClass::WantWrite);
        sealed.map_or(0, |pending| {
            let out = before.sealed.saturating_sub(before.accepted);
            let left = pending.len.saturating_sub(out);
            left.min(self.limit_of_pending(at))
        })
    }

    /// Bytes of the limit under which the record was sealed that is pending at this moment: the one at the last call that
    /// completed a record and sealed the next, or that began the write. A limit that is changed later does not reach it.
    fn limit_of_pending(&self, at: usize) -> usize {
        let is_open = |index: &usize| self.moment(*index).before.pending.is_some();
        let begun = (0..at).rev().take_while(is_open).last().unwrap_or(at);
        let sealing = begun.saturating_sub(1);
        let completes = |index: &usize| self.moment(*index).completed().next().is_some();
        let last = (sealing..at).rev().find(completes).unwrap_or(sealing);
        self.moment(last).before.max_send_fragment
    }

    /// Bytes of the lowest limit of a record that was set up to this moment.
    pub(super) fn lowest_block(&self, at: usize) -> usize {
        let limits = self.course.moments[..=at].iter();
        let limits = limits.map(|moment| moment.before.max_send_fragment);
        limits.min().unwrap_or(MAX_PLAINTEXT)
    }

    /// Bytes of content of the record that the last write of more than nothing had come to that failed for good before this
    /// moment; 0 if none failed.
    pub(super) fn refused(&self, at: usize) -> usize {
        at.checked_sub(1)
            .map_or(0, |before| self.losses[before].refused)
    }

    /// Bytes of content of the records that were pending when a handshake message was taken, up to this moment.
    pub(super) fn dropped(&self, at: usize) -> usize {
        let takes = |at: &usize| {
            let mut taken = self.moment(*at).entry.taken.iter();
            taken.any(|record| !record.messages().is_empty())
        };
        (0..=at)
            .filter(takes)
            .map(|at| self.pending_record(at))
            .sum()
    }
}

impl Losses {
    fn go_on(&mut self, course: &Course<'_>, at: usize) {
        let moment = &course.moments[at];
        let sends = sealed_in(course, at) > 0;
        if let Some(stuck) = self.stuck.take_if(|_| sends)
            && stuck.is_offered_again
        {
            self.swallowed = self.swallowed.saturating_sub(stuck.content) + self.refused;
        }
        let swallowed = swallowed(course, at);
        match self.stuck {
            _ if swallowed == 0 => {}
            Some(stuck) if stuck.is_offered_again => self.swallowed += self.refused,
            _ => {
                self.swallowed += swallowed;
                self.stuck = Some(Stuck {
                    content: swallowed,
                    is_offered_again: false,
                });
            }
        }
        let asked = moment.attempt().and_then(|attempt| attempt.argument.len());
        let has_failed = moment
            .call()
            .is_some_and(|call| call.error != ErrorClass::None && !call.error.is_retry());
        if let (true, Some(asked @ 1..)) = (has_failed, asked) {
            let after = course.after(at);
            let behind = (after.sealed + self.swallowed).saturating_sub(after.accepted);
            let left = asked.saturating_sub(behind);
            self.refused = left.min(moment.before.max_send_fragment);
            if let Some(stuck) = &mut self.stuck {
                stuck.is_offered_again = true;
            }
        }
    }
}

/// Bytes of content of the records of data that went out to their last byte in this call.
fn sealed_in(course: &Course<'_>, at: usize) -> usize {
    course.after(at).sealed - course.moments[at].before.sealed
}

/// Bytes of content of the record that the transport answered with 0 in this call.
fn swallowed(course: &Course<'_>, at: usize) -> usize {
    let moment = &course.moments[at];
    let said_zero = moment
        .entry
        .traffic
        .is_some_and(|traffic| traffic.out.refusal == Some(Refusal::Zero));
    let asked = moment.attempt().and_then(|attempt| attempt.argument.len());
    let (true, Some(asked)) = (said_zero, asked) else {
        return 0;
    };
    let before = &moment.before;
    let out = before.sealed.saturating_sub(before.accepted) + sealed_in(course, at);
    asked.saturating_sub(out).min(before.max_send_fragment)
}
