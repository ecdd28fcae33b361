//! Identifies payload bytes. Payload comes from a position-dependent pattern, so that a lost,
//! duplicated, reordered or foreign byte differs from the expected one, and a description such as
//! `0..16384` stands for the bytes themselves.

use std::fmt;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use crate::limits::LISTED;

/// A stream of bytes that depends on position alone: each word of eight bytes is the `splitmix64`
/// hash of its index, so that any eight bytes identify their position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BytePattern {
    /// The bytes that the library under test is asked to write.
    Library,
    /// The bytes that a retry with changed content offers instead: each differs from
    /// [`BytePattern::Library`].
    Changed,
    /// The bytes that the peer writes.
    Peer,
}

impl BytePattern {
    /// Fills `space` with the bytes from position `from` on.
    pub(crate) fn fill(self, from: usize, space: &mut [u8]) {
        match self.beginning().get(from..from + space.len()) {
            Some(bytes) => space.copy_from_slice(bytes),
            None => self.compute(from, space),
        }
    }

    /// The first [`BEGINNING`] bytes. They cover all but the longest writes, and each library asks
    /// for them once per write, so they are computed only once.
    fn beginning(self) -> &'static [u8] {
        static BEGINNINGS: [LazyLock<Vec<u8>>; 3] = [
            LazyLock::new(|| BytePattern::Library.computed(BEGINNING)),
            LazyLock::new(|| BytePattern::Changed.computed(BEGINNING)),
            LazyLock::new(|| BytePattern::Peer.computed(BEGINNING)),
        ];
        &BEGINNINGS[self as usize]
    }

    fn computed(self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.compute(0, &mut bytes);
        bytes
    }

    fn compute(self, from: usize, space: &mut [u8]) {
        let (head, rest) = space.split_at_mut((from.next_multiple_of(8) - from).min(space.len()));
        let first = self.word(from / 8).to_le_bytes();
        head.copy_from_slice(&first[from % 8..][..head.len()]);
        let mut number = from.div_ceil(8);
        let (words, tail) = rest.as_chunks_mut::<8>();
        for word in words {
            *word = self.word(number).to_le_bytes();
            number += 1;
        }
        let last = self.word(number).to_le_bytes();
        tail.copy_from_slice(&last[..tail.len()]);
    }

    /// The length of the common prefix of `bytes` and the pattern from position `from` on.
    pub(super) fn common_prefix(self, from: usize, bytes: &[u8]) -> usize {
        const PIECE: usize = 64;
        let mut expected = [0; PIECE];
        let mut same = 0;
        for piece in bytes.chunks(PIECE) {
            self.fill(from + same, &mut expected);
            let alike = common_prefix(piece, &expected);
            same += alike;
            if alike < piece.len() {
                break;
            }
        }
        same
    }

    /// `length` bytes from position `from` on.
    pub fn bytes(self, from: usize, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.fill(from, &mut bytes);
        bytes
    }

    fn word(self, number: usize) -> u64 {
        let (seed, flip) = match self {
            Self::Library => (0x5752_4954_4550_524f, 0),
            Self::Changed => (0x5752_4954_4550_524f, u64::MAX),
            Self::Peer => (0x7065_6572_7065_6572, 0),
        };
        let mut z = (number as u64)
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .wrapping_add(seed);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) ^ flip
    }
}

/// The number of precomputed bytes of each pattern: twice what the writes of a fuzz target offer.
const BEGINNING: usize = 128 << 10;

/// The value with which a moved retry fills the buffer that it leaves.
pub(crate) const VACATED: u8 = 0xa5;

/// Bytes that a reader saw, identified by their origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// The number of bytes.
    pub len: usize,
    /// Their origins, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) segments: Vec<Segment>,
}

impl Content {
    /// Whether these bytes are consecutive in the sender's stream, from position `from` on.
    pub fn continues(&self, from: usize) -> bool {
        match self.segments.as_slice() {
            [] => true,
            [Segment::Stream { from: start, .. }] => *start == from,
            _ => false,
        }
    }

    /// Whether these bytes begin with all of `others`.
    pub(crate) fn begins_with(&self, others: &Self) -> bool {
        let Some((last, before)) = others.segments.split_last() else {
            return true;
        };
        let (same, rest) = self
            .segments
            .split_at(before.len().min(self.segments.len()));
        same == before && rest.first().is_some_and(|next| next.begins_with(last))
    }
}

/// A run of bytes with one origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Segment {
    /// Positions `from` to `to` (exclusive) of the sender's stream.
    Stream {
        /// First position.
        from: usize,
        /// Position after the last.
        to: usize,
    },
    /// Changed content, offered by a retry, at these positions.
    Changed {
        /// First position.
        from: usize,
        /// Position after the last.
        to: usize,
    },
    /// [`VACATED`] bytes of a buffer that a moved retry has left.
    Left {
        /// The number of bytes.
        len: usize,
    },
    /// Bytes that the sender never offered.
    Foreign {
        /// The number of bytes.
        len: usize,
    },
}

impl Segment {
    /// The number of bytes.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Stream { from, to } | Self::Changed { from, to } => to - from,
            Self::Left { len } | Self::Foreign { len } => *len,
        }
    }

    /// Whether these bytes begin with all of `others`. Always false for foreign bytes, whose values
    /// are not kept.
    fn begins_with(&self, others: &Self) -> bool {
        let is_same = match (self, others) {
            (Self::Stream { from, .. }, Self::Stream { from: other, .. })
            | (Self::Changed { from, .. }, Self::Changed { from: other, .. }) => from == other,
            (Self::Left { .. }, Self::Left { .. }) => true,
            _ => false,
        };
        is_same && others.len() <= self.len()
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stream { from, to } => write!(f, "{from}..{to}"),
            Self::Changed { from, to } => write!(f, "changed {from}..{to}"),
            Self::Left { len } => write!(f, "{len} bytes of memory that was left"),
            Self::Foreign { len: 1 } => f.write_str("1 byte that nobody offered"),
            Self::Foreign { len } => write!(f, "{len} bytes that nobody offered"),
        }
    }
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.len {
            1 => f.write_str("1 byte")?,
            len => write!(f, "{len} bytes")?,
        }
        for (index, segment) in self.segments.iter().take(LISTED).enumerate() {
            write!(f, "{}{segment}", if index == 0 { "  " } else { ", " })?;
        }
        match self.segments.len().saturating_sub(LISTED) {
            0 => Ok(()),
            more => write!(f, ", … {more} more"),
        }
    }
}

pub(super) fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    let length = a.len().min(b.len());
    if a[..length] == b[..length] {
        return length;
    }
    a.iter().zip(b).take_while(|(x, y)| x == y).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pattern_is_fixed_to_the_byte() {
        // A changed pattern would leave every trace unchanged, but change every recorded byte.
        assert_eq!(
            BytePattern::Library.bytes(0, 16),
            [
                0x71, 0xe7, 0x2c, 0x92, 0x72, 0x5b, 0x03, 0x06, 0xb7, 0x93, 0xdc, 0x39, 0xb2, 0x12,
                0xc4, 0x45
            ]
        );
    }

    #[test]
    fn bytes_of_a_position_do_not_depend_on_the_requested_range() {
        let whole = BytePattern::Library.bytes(0, 64);
        for from in 0..=24 {
            for length in 0..=40 {
                let part = BytePattern::Library.bytes(from, length);
                assert_eq!(part, whole[from..from + length], "{length} from {from}");
            }
        }
    }

    #[test]
    fn computed_bytes_continue_the_precomputed_ones() {
        for pattern in [
            BytePattern::Library,
            BytePattern::Changed,
            BytePattern::Peer,
        ] {
            for from in [0, 3, BEGINNING - 17, BEGINNING - 16, BEGINNING] {
                let mut computed = [0; 16];
                pattern.compute(from, &mut computed);
                assert_eq!(pattern.bytes(from, 16), computed, "{pattern:?} from {from}");
            }
        }
    }

    #[test]
    fn changed_content_differs_in_every_byte() {
        let right = BytePattern::Library.bytes(5, 1000);
        let changed = BytePattern::Changed.bytes(5, 1000);
        assert!(right.iter().zip(&changed).all(|(a, b)| a != b));
    }
}
