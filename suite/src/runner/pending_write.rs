//! The pending write: its bytes in their memory, and the changes that a retry makes to them.

use crate::backend::{Bytes, Memory};
use crate::scenario::{Function, Retry, RetryContent};
use crate::trace::{Argument, Attempt, BytePattern, VACATED, Verb};

/// A write and its state.
#[derive(Debug)]
pub(super) struct PendingWrite {
    pub(super) function: Function,
    pub(super) argument: Argument,
    pub(super) state: WriteState,
    /// Whether its memory holds the original bytes.
    pub(super) content: RetryContent,
    /// The number of its bytes that were accepted.
    pub(super) accepted: usize,
    /// The position of its first byte in the stream of everything written.
    position: usize,
    memory: Memory,
}

/// The state of a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WriteState {
    /// It has to be retried, or was refused.
    Pending,
    /// It succeeded, completely or, in partial mode, in part.
    Succeeded,
}

/// A retry in progress: what it offers, and the earlier state of the memory.
#[derive(Debug)]
pub(super) struct PreparedRetry {
    asked: Attempt,
    /// The memory that the retry left, with its earlier content.
    vacated: Option<(Memory, Vec<u8>)>,
    /// The earlier content of the memory, if it was changed in place.
    before: Option<Vec<u8>>,
}

impl PendingWrite {
    /// A write of the first bytes in `memory`; the others are for a longer retry.
    pub(super) fn new(
        function: Function,
        argument: Argument,
        position: usize,
        memory: Memory,
    ) -> Self {
        Self {
            function,
            argument,
            state: WriteState::Pending,
            content: RetryContent::Same,
            accepted: 0,
            position,
            memory,
        }
    }

    /// All bytes in its memory, including those for a longer retry.
    pub(super) fn all(&self) -> &[u8] {
        self.memory.bytes()
    }

    /// The arguments of the call.
    pub(super) fn bytes(&self, argument: Argument) -> Bytes<'_> {
        match argument {
            Argument::Bytes(len) => Bytes::Slice(self.memory.lend(len)),
            Argument::Null => Bytes::Null,
            Argument::Negative(len) => Bytes::Negative(self.memory.lend(usize::MAX), len),
        }
    }

    /// The bytes that the write offers; none for a null pointer or a negative length.
    pub(super) fn offered(&self, argument: Argument) -> &[u8] {
        match self.bytes(argument) {
            Bytes::Slice(lent) => lent.as_slice(),
            Bytes::Null | Bytes::Negative(..) => &[],
        }
    }

    /// The rest after a partial success.
    pub(super) fn rest(&self) -> &[u8] {
        let offered = self.offered(self.argument);
        &offered[self.accepted.min(offered.len())..]
    }

    /// The call that a retry makes.
    pub(super) fn asked(&self, verb: Verb, retry: &Retry) -> Attempt {
        Attempt {
            verb,
            function: retry.function.unwrap_or(self.function),
            argument: retry.len.map_or(self.argument, Argument::Bytes),
            buffer: retry.buffer,
            content: match self.content {
                RetryContent::Same => retry.content,
                RetryContent::Changed => RetryContent::Changed,
            },
        }
    }

    /// Prepares a retry: changes the bytes if `content` requires it, and moves them to `memory`, of
    /// the same length, if there is any.
    pub(super) fn prepare(
        &mut self,
        asked: &Attempt,
        content: RetryContent,
        moved: Option<Memory>,
    ) -> PreparedRetry {
        let before = match content {
            RetryContent::Same => None,
            RetryContent::Changed => {
                let before = self.memory.bytes().to_vec();
                BytePattern::Changed.fill(self.position, self.memory.bytes_mut());
                Some(before)
            }
        };
        let vacated = moved.map(|mut moved| {
            moved.bytes_mut().copy_from_slice(self.memory.bytes());
            let mut vacated = std::mem::replace(&mut self.memory, moved);
            let stood = vacated.bytes().to_vec();
            vacated.bytes_mut().fill(VACATED);
            (vacated, stood)
        });
        PreparedRetry {
            asked: *asked,
            vacated,
            before,
        }
    }

    /// The library accepted the attempt or will: it becomes the pending write. Returns the memory
    /// that it left.
    pub(super) fn commit(&mut self, attempt: PreparedRetry) -> Option<Memory> {
        self.function = attempt.asked.function;
        self.argument = attempt.asked.argument;
        self.content = attempt.asked.content;
        attempt.vacated.map(|(memory, _)| memory)
    }

    /// The library refused the attempt: restores the memory of the write, so that the correct retry
    /// can still be made. Returns the memory that the attempt used instead.
    pub(super) fn roll_back(&mut self, attempt: PreparedRetry) -> Option<Memory> {
        let unused = attempt.vacated.map(|(mut vacated, stood)| {
            vacated.bytes_mut().copy_from_slice(&stood);
            std::mem::replace(&mut self.memory, vacated)
        });
        if let Some(before) = attempt.before {
            self.memory.bytes_mut().copy_from_slice(&before);
        }
        unused
    }

    /// The memory, after the end of the write.
    pub(super) fn into_memory(self) -> Memory {
        self.memory
    }
}
