//! Which bytes are these? Payload comes from a position-dependent pattern, so that a lost, doubled,
//! reordered or foreign byte is told apart from the right one, and a description such as
//! `0..16384` stands for the bytes themselves.

use std::fmt;

use serde::Serialize;

/// A stream of bytes that is told by position alone: the eight bytes of each word are the
/// `splitmix64` hash of its number, so that eight bytes anywhere tell where they belong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// What the library under test is asked to write.
    Library,
    /// What a retry with changed content offers instead: every byte differs from [`Pattern::Library`].
    Changed,
    /// What the peer writes.
    Peer,
}

impl Pattern {
    /// Fills `space` with the bytes from position `from` on.
    pub fn fill(self, from: usize, space: &mut [u8]) {
        let (head, rest) = space.split_at_mut((from.next_multiple_of(8) - from).min(space.len()));
        let first = self.word(from / 8).to_le_bytes();
        head.copy_from_slice(&first[from % 8..][..head.len()]);
        let mut number = from.div_ceil(8);
        // Whole words at once: every write of every case passes through here.
        let (words, tail) = rest.as_chunks_mut::<8>();
        for word in words {
            *word = self.word(number).to_le_bytes();
            number += 1;
        }
        let last = self.word(number).to_le_bytes();
        tail.copy_from_slice(&last[..tail.len()]);
    }

    /// So many bytes from position `from` on.
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

/// What one end has offered to send so far, and how much of it the reader has seen.
#[derive(Debug, Clone, Default)]
pub struct Stream {
    /// Bytes that were accepted, followed by those of a write that is still under way.
    offered: Vec<u8>,
    accepted: usize,
    seen: usize,
}

impl Stream {
    /// Bytes that were accepted so far.
    pub fn accepted(&self) -> usize {
        self.accepted
    }

    /// How far the reader has come.
    pub fn seen(&self) -> usize {
        self.seen
    }

    /// The same stream, of which nobody has seen anything yet.
    pub fn from_start(self) -> Self {
        Self { seen: 0, ..self }
    }

    /// A write offers these bytes, to follow those that were accepted. The longest offer of the
    /// same bytes counts: a retry may offer fewer, while the longer first one is still under way.
    pub fn offer(&mut self, bytes: &[u8]) {
        let pending = &self.offered[self.accepted..];
        if !pending.starts_with(bytes) {
            self.offered.truncate(self.accepted);
            self.offered.extend_from_slice(bytes);
        }
    }

    /// The write accepted so many of the bytes that it offered.
    pub fn accept(&mut self, bytes: usize) {
        // A library may claim more than it was offered; what it claims beyond is nothing.
        self.accepted = (self.accepted + bytes).min(self.offered.len());
    }

    /// The reader saw these bytes next: which are they?
    pub fn see(&mut self, bytes: &[u8]) -> Content {
        let mut segments: Vec<Segment> = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let (segment, length) = self.next_segment(rest);
            if let Segment::Stream { to, .. } | Segment::Changed { to, .. } = segment {
                self.seen = to;
            }
            segments.push(segment);
            rest = &rest[length..];
        }
        Content {
            len: bytes.len(),
            segments,
        }
    }

    /// The longest run at the start of `bytes` that has one explanation.
    fn next_segment(&self, bytes: &[u8]) -> (Segment, usize) {
        let stream = |from: usize, length| Segment::Stream {
            from,
            to: from + length,
        };
        let expected = common_prefix(bytes, self.offered.get(self.seen..).unwrap_or_default());
        if expected > 0 {
            return (stream(self.seen, expected), expected);
        }
        let changed = common_prefix(bytes, &Pattern::Changed.bytes(self.seen, bytes.len()));
        if changed >= bytes.len().min(RECOGNISABLE) {
            let to = self.seen + changed;
            return (
                Segment::Changed {
                    from: self.seen,
                    to,
                },
                changed,
            );
        }
        let window = &bytes[..bytes.len().min(RECOGNISABLE)];
        if let Some(from) = find(&self.offered, window) {
            let length = common_prefix(bytes, &self.offered[from..]);
            return (stream(from, length), length);
        }
        (Segment::Foreign { len: bytes.len() }, bytes.len())
    }
}

/// How many bytes tell their place in the pattern.
const RECOGNISABLE: usize = 8;

fn common_prefix(a: &[u8], b: &[u8]) -> usize {
    let length = a.len().min(b.len());
    if a[..length] == b[..length] {
        return length;
    }
    a.iter().zip(b).take_while(|(x, y)| x == y).count()
}

fn find(hay: &[u8], needle: &[u8]) -> Option<usize> {
    hay.windows(needle.len())
        .position(|window| window == needle)
}

/// Bytes that a reader saw, told by where they come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Content {
    /// How many bytes.
    pub len: usize,
    /// Where they come from, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<Segment>,
}

impl Content {
    /// Whether these bytes follow one another in the sender's stream from position `from` on.
    pub fn continues(&self, from: usize) -> bool {
        match self.segments.as_slice() {
            [] => true,
            [Segment::Stream { from: start, .. }] => *start == from,
            _ => false,
        }
    }
}

/// A run of bytes with one origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Segment {
    /// The sender's stream from this position to that one, the latter excluded.
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
    /// Bytes that the sender never offered.
    Foreign {
        /// How many.
        len: usize,
    },
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stream { from, to } => write!(f, "{from}..{to}"),
            Self::Changed { from, to } => write!(f, "changed {from}..{to}"),
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
        for (index, segment) in self.segments.iter().enumerate() {
            write!(f, "{}{segment}", if index == 0 { "  " } else { ", " })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pattern_is_fixed_to_the_byte() {
        // A changed pattern would leave every trace as it is, and every recorded byte another.
        assert_eq!(
            Pattern::Library.bytes(0, 16),
            [
                0x71, 0xe7, 0x2c, 0x92, 0x72, 0x5b, 0x03, 0x06, 0xb7, 0x93, 0xdc, 0x39, 0xb2, 0x12,
                0xc4, 0x45
            ]
        );
    }

    #[test]
    fn any_stretch_is_the_same_however_it_is_cut_out() {
        let whole = Pattern::Library.bytes(0, 64);
        for from in 0..=24 {
            for length in 0..=40 {
                let part = Pattern::Library.bytes(from, length);
                assert_eq!(part, whole[from..from + length], "{length} from {from}");
            }
        }
    }

    #[test]
    fn changed_content_differs_in_every_byte() {
        let right = Pattern::Library.bytes(5, 1000);
        let changed = Pattern::Changed.bytes(5, 1000);
        assert!(right.iter().zip(&changed).all(|(a, b)| a != b));
    }

    fn stream(len: usize) -> Stream {
        let mut stream = Stream::default();
        stream.offer(&Pattern::Library.bytes(0, len));
        stream.accept(len);
        stream
    }

    #[test]
    fn bytes_in_order_are_one_segment() {
        let mut stream = stream(100);
        assert_eq!(
            stream.see(&Pattern::Library.bytes(0, 60)).to_string(),
            "60 bytes  0..60"
        );
        assert_eq!(
            stream.see(&Pattern::Library.bytes(60, 40)).to_string(),
            "40 bytes  60..100"
        );
    }

    #[test]
    fn doubled_lost_changed_and_foreign_bytes_are_told_apart() {
        let pattern = |from, len| Pattern::Library.bytes(from, len);
        let doubled = [pattern(0, 50), pattern(10, 50)].concat();
        assert_eq!(
            stream(100).see(&doubled).to_string(),
            "100 bytes  0..50, 10..60"
        );
        let lost = [pattern(0, 50), pattern(51, 20)].concat();
        assert_eq!(
            stream(100).see(&lost).to_string(),
            "70 bytes  0..50, 51..71"
        );
        let changed = [pattern(0, 50), Pattern::Changed.bytes(50, 20)].concat();
        assert_eq!(
            stream(100).see(&changed).to_string(),
            "70 bytes  0..50, changed 50..70"
        );
        let foreign = [pattern(0, 50), vec![0; 20]].concat();
        assert_eq!(
            stream(100).see(&foreign).to_string(),
            "70 bytes  0..50, 20 bytes that nobody offered"
        );
    }

    #[test]
    fn a_shorter_offer_leaves_the_longer_one_under_way() {
        let mut stream = Stream::default();
        stream.offer(&Pattern::Library.bytes(0, 100));
        stream.offer(&Pattern::Library.bytes(0, 10));
        assert_eq!(
            stream.see(&Pattern::Library.bytes(0, 100)).to_string(),
            "100 bytes  0..100"
        );
    }
}
