//! Faults on the wire from the peer to the library under test: waiting bytes are changed, lost,
//! duplicated or reordered.
//!
//! Takes the waiting bytes and a [`WireFault`], and yields the bytes that the library reads
//! instead. The tap keeps what the peer sent. Records are found by their headers; their content is
//! not parsed.

use std::collections::VecDeque;
use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A fault in the bytes that the peer has sent and the library under test has not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WireFault {
    /// Flips the lowest bit of one waiting byte; bytes are counted from 0.
    Flip(usize),
    /// Swaps the first two complete waiting records that follow each other.
    Swap,
    /// Drops the first complete waiting record.
    Drop,
    /// Duplicates the first complete waiting record.
    Duplicate,
    /// Drops all waiting bytes from this one on; bytes are counted from 0.
    Truncate(usize),
}

impl fmt::Display for WireFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flip(at) => write!(f, "flip {at}"),
            Self::Swap => f.write_str("swap"),
            Self::Drop => f.write_str("drop"),
            Self::Duplicate => f.write_str("duplicate"),
            Self::Truncate(at) => write!(f, "truncate {at}"),
        }
    }
}

/// Why a fault changes nothing. The number of waiting bytes is not shown, because the lengths of
/// handshake messages differ from run to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub(crate) enum TooLittle {
    /// The byte that it names is not waiting.
    #[error("no such byte waits")]
    Bytes,
    /// It needs a complete record.
    #[error("no whole record waits")]
    Record,
    /// It needs two complete records that follow each other.
    #[error("no two whole records wait")]
    Records,
}

/// The bytes waiting for the library under test where they differ from what the peer sent.
#[derive(Debug)]
pub(super) struct Altered {
    /// The pieces to be read first.
    pieces: VecDeque<Piece>,
    /// The position in the tap at which reading continues after them.
    next: usize,
    /// Up to this position, in bytes since the connection began, the library reads what the peer
    /// sent.
    true_to: usize,
}

/// Waiting bytes: a record, or a part of one.
#[derive(Debug, Clone)]
struct Piece {
    bytes: Vec<u8>,
    extent: Extent,
}

/// Whether a piece is a complete record. It depends on what the peer sent, so faults do not change
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// A complete record.
    Record,
    /// A part of a record, or bytes outside of any record.
    Part,
}

/// The mask of the bit that is flipped.
const FLIPPED: u8 = 1;

impl Altered {
    /// No change yet; the library has read the peer's bytes up to `read`.
    pub(super) fn nothing(read: usize) -> Self {
        Self {
            pieces: VecDeque::new(),
            next: read,
            true_to: usize::MAX,
        }
    }

    /// The position up to which the library reads what the peer sent, in bytes since the connection
    /// began.
    pub(super) fn true_to(&self) -> usize {
        self.true_to
    }

    /// The number of waiting bytes; `sent` is everything that the peer has sent.
    pub(super) fn len(&self, sent: &[u8]) -> usize {
        let pieces: usize = self.pieces.iter().map(|piece| piece.bytes.len()).sum();
        pieces + sent.len() - self.next
    }

    /// The waiting bytes, in order.
    pub(super) fn waiting<'w>(&'w self, sent: &'w [u8]) -> impl Iterator<Item = &'w [u8]> {
        let pieces = self.pieces.iter().map(|piece| &piece.bytes[..]);
        pieces.chain([&sent[self.next..]])
    }

    /// Fills `space` with waiting bytes, of which there must be enough.
    pub(super) fn read(&mut self, sent: &[u8], space: &mut [u8]) {
        let mut room = space;
        while let Some(piece) = self.pieces.front_mut()
            && !room.is_empty()
        {
            let fits = piece.bytes.len().min(room.len());
            room[..fits].copy_from_slice(&piece.bytes[..fits]);
            room = &mut room[fits..];
            if fits == piece.bytes.len() {
                self.pieces.pop_front();
            } else {
                piece.bytes.drain(..fits);
                piece.extent = Extent::Part;
            }
        }
        room.copy_from_slice(&sent[self.next..self.next + room.len()]);
        self.next += room.len();
    }

    /// Applies `fault` to the waiting bytes; `read` is the number of bytes that the library has
    /// read so far.
    ///
    /// # Errors
    ///
    /// [`TooLittle`]; then nothing has changed for the library.
    pub(super) fn inject_fault(
        &mut self,
        fault: WireFault,
        sent: &[u8],
        read: usize,
    ) -> Result<(), TooLittle> {
        self.pieces.extend(pieces(sent, self.next));
        self.next = sent.len();
        let changed = match fault {
            WireFault::Flip(at) => self.flip(at),
            WireFault::Swap => self.swap(),
            WireFault::Drop => self.drop_record(),
            WireFault::Duplicate => self.duplicate(),
            WireFault::Truncate(at) => self.truncate(at),
        }?;
        self.true_to = self.true_to.min(read + changed);
        Ok(())
    }

    fn flip(&mut self, at: usize) -> Result<usize, TooLittle> {
        let (index, within) = self.find(at)?;
        self.pieces[index].bytes[within] ^= FLIPPED;
        Ok(at)
    }

    fn swap(&mut self) -> Result<usize, TooLittle> {
        let is_record = |index: usize| {
            let piece = self.pieces.get(index);
            piece.is_some_and(|piece| piece.extent == Extent::Record)
        };
        let first = (0..self.pieces.len())
            .find(|&index| is_record(index) && is_record(index + 1))
            .ok_or(TooLittle::Records)?;
        self.pieces.swap(first, first + 1);
        Ok(self.begin(first))
    }

    fn drop_record(&mut self) -> Result<usize, TooLittle> {
        let first = self.first_record()?;
        let begin = self.begin(first);
        self.pieces.remove(first);
        Ok(begin)
    }

    /// The first of the two copies is the one that the peer sent.
    fn duplicate(&mut self) -> Result<usize, TooLittle> {
        let first = self.first_record()?;
        let end = self.begin(first + 1);
        self.pieces.insert(first + 1, self.pieces[first].clone());
        Ok(end)
    }

    fn truncate(&mut self, at: usize) -> Result<usize, TooLittle> {
        let (index, within) = self.find(at)?;
        self.pieces.truncate(index + 1);
        let piece = &mut self.pieces[index];
        piece.bytes.truncate(within);
        piece.extent = Extent::Part;
        Ok(at)
    }

    /// The piece that holds a waiting byte, and the offset within it.
    fn find(&self, at: usize) -> Result<(usize, usize), TooLittle> {
        let mut within = at;
        for (index, piece) in self.pieces.iter().enumerate() {
            match within.checked_sub(piece.bytes.len()) {
                None => return Ok((index, within)),
                Some(further) => within = further,
            }
        }
        Err(TooLittle::Bytes)
    }

    fn first_record(&self) -> Result<usize, TooLittle> {
        let is_record = |piece: &Piece| piece.extent == Extent::Record;
        let first = self.pieces.iter().position(is_record);
        first.ok_or(TooLittle::Record)
    }

    /// The number of bytes that wait before this piece.
    fn begin(&self, index: usize) -> usize {
        let before = self.pieces.iter().take(index);
        before.map(|piece| piece.bytes.len()).sum()
    }
}

/// The peer's bytes from `from` on, divided into records. A record that began before `from` counts
/// as a part.
fn pieces(sent: &[u8], from: usize) -> impl Iterator<Item = Piece> {
    let mut at = 0;
    let records = std::iter::from_fn(move || {
        let (begin, rest) = (at, &sent[at..]);
        if rest.is_empty() {
            return None;
        }
        let len = record_len(rest).filter(|&len| len <= rest.len());
        at += len.unwrap_or(rest.len());
        Some((begin, at, len.is_some()))
    });
    records
        .skip_while(move |&(_, end, _)| end <= from)
        .map(move |(begin, end, whole)| Piece {
            bytes: sent[begin.max(from)..end].to_vec(),
            extent: if whole && begin >= from {
                Extent::Record
            } else {
                Extent::Part
            },
        })
}

/// The length of the record that begins here, header included, if one does (RFC 8446, section 5.1).
pub(super) fn record_len(bytes: &[u8]) -> Option<usize> {
    const HEADER: usize = 5;
    const CHANGE_CIPHER_SPEC: u8 = 20;
    const HEARTBEAT: u8 = 24;
    const MAJOR_VERSION: u8 = 3;
    let &[content_type, major, _, high, low] = bytes.first_chunk::<HEADER>()?;
    let is_record =
        (CHANGE_CIPHER_SPEC..=HEARTBEAT).contains(&content_type) && major == MAJOR_VERSION;
    is_record.then(|| HEADER + usize::from(u16::from_be_bytes([high, low])))
}

#[cfg(test)]
mod tests {
    use crate::transport::{Mark, TooLittle, Transfer, Transport, WireFault};

    /// A record with this content.
    fn record(content: &[u8]) -> Vec<u8> {
        let len = u8::try_from(content.len()).unwrap();
        [&[23, 3, 3, 0, len], content].concat()
    }

    /// A transport on which the peer has sent these records.
    fn sent(records: &[&[u8]]) -> Transport {
        let transport = Transport::new();
        for content in records {
            transport.peer_write(&record(content));
        }
        transport
    }

    /// The next bytes that the library reads, at most `most`.
    fn read(transport: &Transport, most: usize) -> Vec<u8> {
        let mut space = vec![0; most];
        match transport.read(&mut space) {
            Transfer::Done(bytes) => space.truncate(bytes),
            Transfer::Refused(_) => space.clear(),
        }
        space
    }

    fn read_all(transport: &Transport) -> Vec<u8> {
        read(transport, 1000)
    }

    #[test]
    fn each_fault_changes_what_is_read_and_not_what_was_sent() {
        let (one, two, three) = (record(b"one"), record(b"two"), record(b"three"));
        let flipped = record(b"nne");
        for (fault, expected, true_to) in [
            (WireFault::Flip(5), [&flipped[..], &two, &three].concat(), 5),
            (WireFault::Swap, [&two[..], &one, &three].concat(), 0),
            (WireFault::Drop, [&two[..], &three].concat(), 0),
            (
                WireFault::Duplicate,
                [&one[..], &one, &two, &three].concat(),
                8,
            ),
            (WireFault::Truncate(9), [&one[..], &two[..1]].concat(), 9),
        ] {
            let transport = sent(&[b"one", b"two", b"three"]);
            assert_eq!(transport.inject_fault(fault), Ok(()), "{fault}");
            assert_eq!(transport.readable(), expected, "{fault}");
            assert_eq!(read_all(&transport), expected, "{fault}");
            assert_eq!(transport.taken(), true_to, "{fault}");
            let tapped = transport.with_tap(|tap| tap.inbound.clone());
            assert_eq!(tapped, [&one[..], &two, &three].concat(), "{fault}");
        }
    }

    #[test]
    fn fault_without_enough_bytes_has_no_effect() {
        let transport = sent(&[b"one"]);
        assert_eq!(
            transport.inject_fault(WireFault::Swap),
            Err(TooLittle::Records)
        );
        assert_eq!(
            transport.inject_fault(WireFault::Flip(8)),
            Err(TooLittle::Bytes)
        );
        assert_eq!(
            transport.inject_fault(WireFault::Truncate(8)),
            Err(TooLittle::Bytes)
        );
        assert_eq!(read(&transport, 1), [23]);
        assert_eq!(
            transport.inject_fault(WireFault::Drop),
            Err(TooLittle::Record)
        );
        assert_eq!(
            transport.inject_fault(WireFault::Duplicate),
            Err(TooLittle::Record)
        );
        assert_eq!(read_all(&transport), record(b"one")[1..]);
        assert_eq!(transport.taken(), 8);
    }

    #[test]
    fn partly_read_record_is_not_altered() {
        let transport = sent(&[b"one", b"two", b"three"]);
        assert_eq!(read(&transport, 5).len(), 5);
        assert_eq!(transport.inject_fault(WireFault::Swap), Ok(()));
        let expected = [&b"one"[..], &record(b"three"), &record(b"two")].concat();
        assert_eq!(read_all(&transport), expected);
        assert_eq!(transport.taken(), 8);
    }

    #[test]
    fn bytes_sent_after_a_fault_are_appended() {
        let transport = sent(&[b"one", b"two"]);
        assert_eq!(transport.inject_fault(WireFault::Duplicate), Ok(()));
        assert_eq!(read(&transport, 10).len(), 10);
        transport.peer_write(&record(b"three"));
        // A part of the second copy and two complete records are waiting.
        assert_eq!(transport.inject_fault(WireFault::Swap), Ok(()));
        transport.peer_write(&record(b"four"));
        let expected = [
            &record(b"one")[2..],
            &record(b"three"),
            &record(b"two"),
            &record(b"four"),
        ]
        .concat();
        assert_eq!(transport.readable(), expected);
        assert_eq!(read(&transport, 20), expected[..20]);
        assert_eq!(read_all(&transport), expected[20..]);
        let here = transport.mark();
        assert_eq!(
            here,
            Mark {
                outbound: 0,
                inbound: 35
            }
        );
    }

    #[test]
    fn bytes_outside_of_records_can_be_flipped_and_truncated() {
        let transport = Transport::new();
        transport.peer_write(b"no record at all");
        assert_eq!(
            transport.inject_fault(WireFault::Duplicate),
            Err(TooLittle::Record)
        );
        assert_eq!(transport.inject_fault(WireFault::Flip(1)), Ok(()));
        assert_eq!(transport.inject_fault(WireFault::Truncate(4)), Ok(()));
        assert_eq!(read_all(&transport), b"nn r");
    }

    #[test]
    fn earlier_fault_shortens_the_unaltered_part() {
        let transport = sent(&[b"one", b"two"]);
        assert_eq!(transport.inject_fault(WireFault::Flip(12)), Ok(()));
        assert_eq!(transport.inject_fault(WireFault::Flip(3)), Ok(()));
        assert_eq!(read_all(&transport).len(), 16);
        assert_eq!(transport.taken(), 3);
    }
}
