//! Every byte that went over the wire, both ways.

use std::cell::Cell;

use serde::{Deserialize, Serialize};

/// The direction of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Direction {
    /// From the library under test to the peer.
    Out,
    /// From the peer to the library under test.
    In,
}

/// The positions of both directions, in bytes since the connection began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// Bytes that the transport accepted from the library under test.
    pub(crate) outbound: usize,
    /// Bytes that the peer sent.
    pub(crate) inbound: usize,
}

/// Every byte of both directions, and the order in which the directions alternated.
#[derive(Debug, Default)]
pub(crate) struct Tap {
    /// Bytes from the library under test.
    pub(crate) outbound: Vec<u8>,
    /// Bytes from the peer.
    pub(crate) inbound: Vec<u8>,
    /// Runs of bytes, in the order of the wire: direction and number of bytes.
    pub(crate) runs: Vec<(Direction, usize)>,
}

/// Taps up to this size, in bytes of one direction, are reused by the thread's next case, so that
/// their memory is not returned to the system and allocated again each time.
const KEEP: usize = 64 << 10;

thread_local! {
    static POOLED: Cell<Tap> = const { Cell::new(Tap::NEW) };
}

impl Tap {
    const NEW: Self = Self {
        outbound: Vec::new(),
        inbound: Vec::new(),
        runs: Vec::new(),
    };

    /// An empty tap, which reuses the memory of an earlier one if possible.
    pub(super) fn pooled() -> Self {
        POOLED.take()
    }

    /// Leaves the memory to the next tap of this thread.
    pub(super) fn give_back(mut self) {
        if self.outbound.capacity().max(self.inbound.capacity()) > KEEP {
            return;
        }
        self.outbound.clear();
        self.inbound.clear();
        self.runs.clear();
        // If the thread is ending, its pool may be gone already: then the memory goes to the
        // system.
        let _ = POOLED.try_with(|pool| pool.set(self));
    }

    pub(super) fn record(&mut self, direction: Direction, bytes: &[u8]) {
        match direction {
            Direction::Out => self.outbound.extend_from_slice(bytes),
            Direction::In => self.inbound.extend_from_slice(bytes),
        }
        match self.runs.last_mut() {
            Some((last, length)) if *last == direction => *length += bytes.len(),
            _ => self.runs.push((direction, bytes.len())),
        }
    }

    /// Removes the last `bytes` bytes from the library under test: they were not sent after all.
    pub(super) fn retract(&mut self, bytes: usize) {
        self.outbound.truncate(self.outbound.len() - bytes);
        let mut left = bytes;
        let sent = |run: &&mut (Direction, usize)| run.0 == Direction::Out;
        for (_, length) in self.runs.iter_mut().rev().filter(sent) {
            let part = left.min(*length);
            *length -= part;
            left -= part;
        }
    }

    /// The current positions of both directions.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            outbound: self.outbound.len(),
            inbound: self.inbound.len(),
        }
    }
}
