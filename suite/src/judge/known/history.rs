//! The history of a connection as the known issues ask for it: the [`Course`] of a trace, with the quantities that explain
//! how many bytes are lost, reported or late.

use crate::judge::monitor::{Course, MAX_PLAINTEXT, Moment, State};
use crate::link::Refusal;
use crate::trace::{Body, ErrorClass};

/// The history of a connection.
#[derive(Debug)]
pub struct History<'c, 't> {
    pub(super) course: &'c Course<'t>,
    /// Bytes of content of the records that the transport answered with 0, without the retry flag, up to each moment.
    swallowed: Vec<usize>,
}

impl<'c, 't> History<'c, 't> {
    /// The history that this course tells.
    pub fn of(course: &'c Course<'t>) -> Self {
        let mut total = 0;
        let swallowed = (0..course.moments.len())
            .map(|at| {
                total += swallowed(course, at);
                total
            })
            .collect();
        Self { course, swallowed }
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
            return self.swallowed[at];
        }
        let completes = |at: &usize| {
            let mut completed = self.moment(*at).completed();
            completed.any(|record| matches!(record.body, Body::ApplicationData { .. }))
        };
        let last = (0..=at).rev().find(completes);
        last.map_or(self.swallowed[at], |last| self.swallowed[last])
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

    /// Bytes that the last write of more than nothing was called for that failed for good before this moment; 0 if none did.
    pub(super) fn refused(&self, at: usize) -> usize {
        let failed = |moment: &&Moment<'_>| {
            let call = moment.call();
            call.is_some_and(|call| call.error != ErrorClass::None && !call.error.is_retry())
        };
        let writes = self.course.moments[..at].iter().rev();
        writes
            .filter(failed)
            .filter_map(|moment| moment.attempt()?.argument.len())
            .find(|&len| len > 0)
            .unwrap_or(0)
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
    let completed: usize = moment
        .completed()
        .map(|record| match &record.body {
            Body::ApplicationData { plaintext, .. } => *plaintext,
            _ => 0,
        })
        .sum();
    let out = before.sealed.saturating_sub(before.accepted) + completed;
    asked.saturating_sub(out).min(before.max_send_fragment)
}
