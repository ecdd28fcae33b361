//! The steps that write: a new write, a retry of the pending one, and the flush of a library that buffers.

use super::action::Action;
use super::calls::{Repeatable, Runner, Stop};
use super::pending_write::{PendingWrite, WriteState};
use crate::backend::Memory;
use crate::limits::{Allowance, Limit};
use crate::scenario::{Buffer, Retry, RetryContent, Step, Write, WriteSource};
use crate::trace::{Argument, Attempt, BytePattern, Entry, ErrorClass, Outcome, Verb};

impl Runner<'_> {
    pub(super) fn write(&mut self, write: &Write, longest_retry: usize) -> Result<(), Stop> {
        for _ in 0..write.times.get() {
            // The rest of a write uses the same function as the write.
            let function = match (&write.source, &self.pending_write) {
                (WriteSource::Rest, Some(writing)) => writing.function,
                _ => write.function,
            };
            let position = self.stream.accepted();
            let (argument, mut bytes) = match &write.source {
                WriteSource::Pattern(len) => (
                    Argument::Bytes(*len),
                    BytePattern::Library.bytes(position, *len),
                ),
                WriteSource::Literal(bytes) => (Argument::Bytes(bytes.len()), bytes.clone()),
                WriteSource::Rest => {
                    let rest = self
                        .pending_write
                        .as_ref()
                        .map_or(&[][..], PendingWrite::rest);
                    if rest.is_empty() {
                        let why = "nothing is left to write".to_owned();
                        self.note(Action::other("write rest"), Outcome::Nothing(why));
                        return self.flush().map(|_| ());
                    }
                    (Argument::Bytes(rest.len()), rest.to_vec())
                }
                WriteSource::Null => (Argument::Null, Vec::new()),
                WriteSource::Negative(len) => (Argument::Negative(*len), vec![0]),
            };
            // The bytes of a longer retry follow those of the write, at the same address.
            if longest_retry > bytes.len() {
                let more = bytes.len();
                bytes.resize(longest_retry, 0);
                BytePattern::Library.fill(position + more, &mut bytes[more..]);
            }
            let writing = match self.memory(&bytes) {
                Ok(memory) => PendingWrite::new(function, argument, position, memory),
                Err(limit) => {
                    let action =
                        Action::attempt(Attempt::first(function, argument), &Retry::default());
                    return Err(self.stop(action, limit));
                }
            };
            let before = self.pending_write.replace(writing);
            self.kept.keep(before.map(PendingWrite::into_memory));
            drop(bytes);
            self.attempt(Verb::Write, &Retry::default())?;
        }
        Ok(())
    }

    pub(super) fn retry(&mut self, retry: &Retry) -> Result<(), Stop> {
        match &self.pending_write {
            Some(writing) if writing.state == WriteState::Succeeded => {
                let attempt = Attempt {
                    content: retry.content,
                    ..writing.asked(Verb::Retry, retry)
                };
                let why = "not done: the write has succeeded".to_owned();
                self.note(
                    Action::other(Action::attempt(attempt, retry).words),
                    Outcome::Nothing(why),
                );
                self.flush().map(|_| ())
            }
            _ => self.attempt(Verb::Retry, retry),
        }
    }

    /// Calls the write function for the pending write, as changed by `retry`.
    pub(super) fn attempt(&mut self, verb: Verb, retry: &Retry) -> Result<(), Stop> {
        let Some(mut writing) = self.pending_write.take() else {
            return Ok(());
        };
        let asked = writing.asked(verb, retry);
        let action = Action::attempt(asked, retry);
        let moved = match retry.buffer {
            Buffer::Same => None,
            Buffer::Moved => match self.memory(writing.all()) {
                Ok(memory) => Some(memory),
                Err(limit) => return Err(self.stop(action, limit)),
            },
        };
        let attempt = writing.prepare(&asked, retry.content, moved);
        let Attempt {
            function, argument, ..
        } = asked;
        let offered = writing.offered(argument);
        match asked.content {
            RetryContent::Same => self.stream.offer(offered),
            RetryContent::Changed => self.stream.offer_changed(offered.len()),
        }
        let stood = writing.offered(argument).to_vec();
        let result = self.call(action, Repeatable::Write, |end| {
            end.write(function, writing.bytes(argument))
        });
        // Entries of the transport and the peer may follow that of the call.
        let is_call = |entry: &&mut Entry| matches!(entry.result, Outcome::Call(_));
        if *writing.offered(argument) != *stood
            && let Some(entry) = self.entries.iter_mut().rev().find(is_call)
        {
            entry.caller_buffer_modified = true;
        }
        let error = match result {
            Ok(error) => error,
            Err(stop) => {
                self.pending_write = Some(writing);
                return Err(stop);
            }
        };
        let accepted = self.last_call().and_then(|call| call.accepted());
        let left = if error == ErrorClass::None || error.is_retry() {
            writing.commit(attempt)
        } else {
            writing.roll_back(attempt)
        };
        self.kept.keep(left);
        if error == ErrorClass::None {
            writing.state = WriteState::Succeeded;
        }
        if let Some(bytes) = accepted {
            writing.accepted += bytes;
            self.stream.accept(bytes);
        }
        self.pending_write = Some(writing);
        Ok(())
    }

    /// Sends what the library has accepted and still buffers, if it buffers writes; returns whether
    /// it does.
    pub(super) fn flush(&mut self) -> Result<bool, Stop> {
        if !self.endpoint.buffers_writes() {
            return Ok(false);
        }
        self.call(Action::flush(), Repeatable::Flush, |end| end.flush())?;
        Ok(true)
    }

    /// Memory for the bytes of a write.
    ///
    /// # Errors
    ///
    /// The limit, if the case keeps too much memory already or none is left.
    fn memory(&self, bytes: &[u8]) -> Result<Memory, Limit> {
        let Allowance {
            buffers,
            buffered_bytes,
            ..
        } = self.allowance;
        if self.kept.buffers.len() >= buffers {
            return Err(Limit::Buffers(buffers));
        }
        if self.kept.bytes >= buffered_bytes {
            return Err(Limit::BufferedBytes(buffered_bytes));
        }
        Memory::holding(bytes).map_err(|_| Limit::Memory)
    }
}

/// The longest retry, in bytes, of the write before these steps; 0 if none names a length. Steps
/// after a write of the rest count too: if nothing is left, that write is not made, and the retry
/// still applies to the earlier one.
pub(super) fn longest_retry(after: &[Step]) -> usize {
    let is_another =
        |step: &Step| matches!(step, Step::Write(write) if write.source != WriteSource::Rest);
    after
        .iter()
        .take_while(|step| !is_another(step))
        .filter_map(|step| match step {
            Step::Retry(retry) => retry.len,
            _ => None,
        })
        .max()
        .unwrap_or(0)
}
