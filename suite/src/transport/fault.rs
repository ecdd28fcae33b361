//! Damage on the way from the peer to the library under test: bytes that wait to be read are changed, lost,
//! doubled, or change places.
//!
//! In flow the bytes that wait and a [`WireFault`]; out flow the bytes that the library reads instead. What
//! the peer sent stays in the tap as it was. Of records only the header is known here: where they begin.

use std::collections::VecDeque;
use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// What happens on the wire to the bytes which the peer has sent and the library under test has not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum WireFault {
    /// The lowest bit of one waiting byte is flipped; bytes are counted from 0.
    Flip(usize),
    /// The first two whole waiting records that follow each other change places.
    Swap,
    /// The first whole waiting record is lost.
    Drop,
    /// The first whole waiting record comes twice.
    Duplicate,
    /// All waiting bytes from this one on are lost; bytes are counted from 0.
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

/// Why a fault on the wire changes nothing. How many bytes wait is not told: the lengths of handshake
/// messages differ from run to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TooLittle {
    /// The byte that it names is none of those that wait.
    #[error("no such byte waits")]
    Bytes,
    /// It needs a whole record.
    #[error("no whole record waits")]
    Record,
    /// It needs two whole records that follow each other.
    #[error("no two whole records wait")]
    Records,
}

/// What waits for the library under test where that is not what the peer sent.
#[derive(Debug)]
pub(super) struct Altered {
    /// What is read first.
    pieces: VecDeque<Piece>,
    /// Where in the tap reading goes on then.
    next: usize,
    /// Up to here, in bytes since the connection began, the library reads what the peer sent.
    true_to: usize,
}

/// Bytes that wait: a record, or what is not all of one.
#[derive(Debug, Clone)]
struct Piece {
    bytes: Vec<u8>,
    extent: Extent,
}

/// How much of a record a piece is. Damage does not change that: what the peer sent counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// All of it.
    Record,
    /// A part, or bytes that are no record.
    Part,
}

/// The mask of the bit that is flipped.
const FLIPPED: u8 = 1;

impl Altered {
    /// Nothing is altered of what the peer has sent; the library has read it up to `read`.
    pub(super) fn nothing(read: usize) -> Self {
        Self {
            pieces: VecDeque::new(),
            next: read,
            true_to: usize::MAX,
        }
    }

    /// Up to where the library reads what the peer sent, in bytes since the connection began.
    pub(super) fn true_to(&self) -> usize {
        self.true_to
    }

    /// How many bytes wait; `sent` is all that the peer has sent.
    pub(super) fn len(&self, sent: &[u8]) -> usize {
        let pieces: usize = self.pieces.iter().map(|piece| piece.bytes.len()).sum();
        pieces + sent.len() - self.next
    }

    /// The bytes that wait, in order.
    pub(super) fn waiting<'w>(&'w self, sent: &'w [u8]) -> impl Iterator<Item = &'w [u8]> {
        let pieces = self.pieces.iter().map(|piece| &piece.bytes[..]);
        pieces.chain([&sent[self.next..]])
    }

    /// Hands over as many of them as `space` has room for, which wait.
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

    /// `fault` befalls what waits; the library has read so many bytes until now.
    ///
    /// # Errors
    /// [`TooLittle`], and nothing has changed for the library.
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

    /// The first of the two is the one that the peer sent.
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

    /// In which piece a waiting byte is, and where in it.
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

    /// How many bytes wait before this piece.
    fn begin(&self, index: usize) -> usize {
        let before = self.pieces.iter().take(index);
        before.map(|piece| piece.bytes.len()).sum()
    }
}

/// What the peer has sent from `from` on, each record by itself. A record of which a part came before is
/// none.
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
            extent: match whole && begin >= from {
                true => Extent::Record,
                false => Extent::Part,
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

    /// A transport on which the peer has sent these.
    fn sent(records: &[&[u8]]) -> Transport {
        let transport = Transport::new();
        for content in records {
            transport.peer_write(&record(content));
        }
        transport
    }

    /// The next so many bytes that the library reads, or fewer.
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
    fn a_fault_that_finds_too_little_does_nothing() {
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
    fn a_record_of_which_a_part_was_read_is_left_alone() {
        let transport = sent(&[b"one", b"two", b"three"]);
        assert_eq!(read(&transport, 5).len(), 5);
        assert_eq!(transport.inject_fault(WireFault::Swap), Ok(()));
        let expected = [&b"one"[..], &record(b"three"), &record(b"two")].concat();
        assert_eq!(read_all(&transport), expected);
        assert_eq!(transport.taken(), 8);
    }

    #[test]
    fn what_the_peer_sends_later_comes_behind() {
        let transport = sent(&[b"one", b"two"]);
        assert_eq!(transport.inject_fault(WireFault::Duplicate), Ok(()));
        assert_eq!(read(&transport, 10).len(), 10);
        transport.peer_write(&record(b"three"));
        // What waits is a part of the second copy, and two whole records.
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
    fn bytes_that_are_no_record_can_be_damaged_and_cut() {
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
    fn a_second_fault_before_the_first_one_shortens_what_is_known() {
        let transport = sent(&[b"one", b"two"]);
        assert_eq!(transport.inject_fault(WireFault::Flip(12)), Ok(()));
        assert_eq!(transport.inject_fault(WireFault::Flip(3)), Ok(()));
        assert_eq!(read_all(&transport).len(), 16);
        assert_eq!(transport.taken(), 3);
    }
}
