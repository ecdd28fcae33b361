//! The write under way: its bytes in their memory, and how a retry changes them.

use crate::backend::{Bytes, Memory};
use crate::scenario::{Function, Retry, RetryContent};
use crate::trace::{Argument, Attempt, Pattern, VACATED, Verb};

/// A write and how it stands.
#[derive(Debug)]
pub(super) struct PendingWrite {
    pub(super) function: Function,
    pub(super) argument: Argument,
    pub(super) state: WriteState,
    /// Whether its memory holds the bytes that it was made with.
    pub(super) content: RetryContent,
    /// How many of its bytes were accepted.
    pub(super) accepted: usize,
    /// The first byte's position in the stream of all that is written.
    position: usize,
    memory: Memory,
}

/// How a write stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WriteState {
    /// It wants to be repeated, or was refused.
    Pending,
    /// It succeeded, for all or, in partial mode, for a part.
    Succeeded,
}

/// A retry on its way: what it offers, and how the memory was before.
#[derive(Debug)]
pub(super) struct PreparedRetry {
    asked: Attempt,
    /// The memory that was left, with what stood in it.
    vacated: Option<(Memory, Vec<u8>)>,
    /// What stood in the memory, if it was changed in place.
    before: Option<Vec<u8>>,
}

impl PendingWrite {
    /// A write of the first bytes in `memory`; the rest is what a longer retry would offer.
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

    /// All bytes in its memory, those too that only a longer retry offers.
    pub(super) fn all(&self) -> &[u8] {
        self.memory.bytes()
    }

    /// What the library is called with.
    pub(super) fn bytes(&self, argument: Argument) -> Bytes<'_> {
        match argument {
            Argument::Bytes(len) => Bytes::Slice(self.memory.lend(len)),
            Argument::Null => Bytes::Null,
            Argument::Negative(len) => Bytes::Negative(self.memory.lend(usize::MAX), len),
        }
    }

    /// The bytes that the write offers, none for a null pointer or a negative length.
    pub(super) fn offered(&self, argument: Argument) -> &[u8] {
        match self.bytes(argument) {
            Bytes::Slice(lent) => lent.as_slice(),
            Bytes::Null | Bytes::Negative(..) => &[],
        }
    }

    /// What a short success left over.
    pub(super) fn rest(&self) -> &[u8] {
        let offered = self.offered(self.argument);
        &offered[self.accepted.min(offered.len())..]
    }

    /// The call that a retry comes to.
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

    /// Makes ready for a retry: changes the bytes if `content` says so, and moves them to other memory if there is any, which
    /// is as long.
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
                Pattern::Changed.fill(self.position, self.memory.bytes_mut());
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

    /// The library took the attempt, at least for later: it is the write from now on. Answers the
    /// memory that it left.
    pub(super) fn commit(&mut self, attempt: PreparedRetry) -> Option<Memory> {
        self.function = attempt.asked.function;
        self.argument = attempt.asked.argument;
        self.content = attempt.asked.content;
        attempt.vacated.map(|(memory, _)| memory)
    }

    /// The library refused the attempt: the memory is again as the write had it, so that the right
    /// retry can still be made. Answers the memory that the attempt used instead.
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

    /// The memory, when the write is over.
    pub(super) fn into_memory(self) -> Memory {
        self.memory
    }
}
