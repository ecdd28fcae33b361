//! The payload that one end has offered to send, and how much of it a reader has seen. Every offer
//! is kept, because a refused write may have been sent in part.

use std::cell::LazyCell;
use std::collections::BTreeSet;

use super::content::{BytePattern, Content, Segment, VACATED, common_prefix};

/// The payload that one end has offered to send so far, and how much of it the reader has seen.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stream {
    /// Runs of offered bytes; other content at the same position is a run of its own.
    offers: Vec<Offer>,
    /// The offers that are too short to be recognised by position, kept a second time, also with
    /// changed content.
    short: Vec<(Offer, BytePattern)>,
    /// The offers of retries with changed content.
    changed: Vec<Offer>,
    /// Where offers end.
    ends: BTreeSet<usize>,
    accepted: usize,
    seen: usize,
}

#[derive(Debug, Clone)]
struct Offer {
    position: usize,
    bytes: Vec<u8>,
}

/// The number of bytes that identify their position, as many as a word has; fewer can match by
/// chance.
const RECOGNISABLE: usize = size_of::<u64>();

/// The length of a short window in bytes, for a first scan.
const SHORT: usize = size_of::<u32>();

/// The distance between short windows, such that every [`RECOGNISABLE`] consecutive bytes contain a
/// complete one.
const STRIDE: usize = RECOGNISABLE - SHORT + 1;

/// How far after a break bytes are searched for in everything that was offered, and not only at the
/// expected position; also the number of ends of offers that are tried. Further on the search would
/// take too long.
const SEARCH_RANGE: usize = 64;

impl Stream {
    /// The number of bytes accepted so far.
    pub(crate) fn accepted(&self) -> usize {
        self.accepted
    }

    /// The reader's position in the stream.
    pub(crate) fn seen(&self) -> usize {
        self.seen
    }

    /// The same stream, with a reader at its start.
    pub(crate) fn read_from_start(self) -> Self {
        Self { seen: 0, ..self }
    }

    /// A write offers `bytes`, which follow those that were accepted.
    pub(crate) fn offer(&mut self, bytes: &[u8]) {
        self.note_if_short(bytes, BytePattern::Library);
        self.ends.insert(self.accepted + bytes.len());
        for offer in &mut self.offers {
            let Some(known) = offer.from(self.accepted) else {
                continue;
            };
            if known.starts_with(bytes) {
                return;
            }
            if bytes.starts_with(known) {
                let more = known.len();
                offer.bytes.extend_from_slice(&bytes[more..]);
                return;
            }
        }
        self.offers.push(Offer {
            position: self.accepted,
            bytes: bytes.to_vec(),
        });
    }

    /// A retry offers `len` bytes with changed content, which follow those that were accepted.
    pub(crate) fn offer_changed(&mut self, len: usize) {
        let position = self.accepted;
        self.ends.insert(position + len);
        let mut known = self.changed.iter();
        if known.any(|offer| offer.position == position && offer.bytes.len() >= len) {
            return;
        }
        let bytes = BytePattern::Changed.bytes(position, len);
        self.note_if_short(&bytes, BytePattern::Changed);
        self.changed.push(Offer { position, bytes });
    }

    fn note_if_short(&mut self, bytes: &[u8], pattern: BytePattern) {
        if (1..RECOGNISABLE).contains(&bytes.len()) {
            let offer = Offer {
                position: self.accepted,
                bytes: bytes.to_vec(),
            };
            self.short.push((offer, pattern));
        }
    }

    /// The write accepted `bytes` of the bytes that it offered.
    pub(crate) fn accept(&mut self, bytes: usize) {
        // A library may claim more than it was offered; the excess is ignored.
        let ends = self.offers.iter().chain(&self.changed).map(Offer::end);
        let end = ends.max().unwrap_or(0);
        self.accepted = (self.accepted + bytes).min(end);
    }

    /// Identifies the bytes that the reader saw next.
    pub(crate) fn see(&mut self, bytes: &[u8]) -> Content {
        let mut segments: Vec<Segment> = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let segment = self.next_segment(rest);
            if let Segment::Stream { to, .. } | Segment::Changed { to, .. } = segment {
                self.seen = to;
            }
            rest = &rest[segment.len()..];
            segments.push(segment);
        }
        Content {
            len: bytes.len(),
            segments,
        }
    }

    /// The longest run at the start of `bytes` that has one origin.
    fn next_segment(&self, bytes: &[u8]) -> Segment {
        let here = self.expected(self.seen, bytes);
        if let Some(segment) = here.or_else(|| self.short_run(bytes)) {
            return segment;
        }
        let left = bytes.iter().take_while(|&&byte| byte == VACATED).count();
        if left >= RECOGNISABLE {
            return Segment::Left { len: left };
        }
        let elsewhere = self.elsewhere(bytes);
        if let Some(segment) = elsewhere
            .or_else(|| self.short_offer(bytes))
            .or_else(|| self.end_of_an_offer(bytes))
            .or_else(|| self.beginning_of_an_offer(bytes))
        {
            return segment;
        }
        let known = |at: &usize| {
            let rest = &bytes[*at..];
            self.expected(self.seen, rest).is_some()
                || (*at <= SEARCH_RANGE && self.elsewhere(rest).is_some())
        };
        let len = (1..bytes.len()).find(known).unwrap_or(bytes.len());
        Segment::Foreign { len }
    }

    /// The run at this position of the stream, as offered or with changed content.
    fn expected(&self, from: usize, bytes: &[u8]) -> Option<Segment> {
        let enough = bytes.len().min(RECOGNISABLE);
        let offered = longest_prefix(&self.offers, from, bytes);
        if offered >= enough {
            let to = from + offered;
            return Some(Segment::Stream { from, to });
        }
        let changed = BytePattern::Changed.common_prefix(from, bytes);
        let to = from + changed;
        (changed >= enough).then_some(Segment::Changed { from, to })
    }

    /// A run at the reader's position that is too short to recognise by itself, but was offered
    /// there, and is followed by the expected bytes.
    fn short_run(&self, bytes: &[u8]) -> Option<Segment> {
        let from = self.seen;
        let follow = |len: usize| len > 0 && self.expected(from + len, &bytes[len..]).is_some();
        let offered = longest_prefix(&self.offers, from, bytes);
        if follow(offered) {
            let to = from + offered;
            return Some(Segment::Stream { from, to });
        }
        let changed = longest_prefix(&self.changed, from, bytes);
        let to = from + changed;
        follow(changed).then_some(Segment::Changed { from, to })
    }

    /// How many of these bytes from the wire are part of the offered payload; runs that are too
    /// short to recognise do not count.
    pub(super) fn in_clear(&self, raw: &[u8]) -> usize {
        if raw.len() < RECOGNISABLE {
            return 0;
        }
        let mut offered = self.offered_in(raw);
        if offered.is_empty() {
            return 0;
        }
        offered.sort_unstable();
        offered.dedup();
        let filter = WindowFilter::of(offered.iter().copied());
        let mut bytes = 0;
        let mut counted = 0;
        for (at, window) in windows(raw).enumerate() {
            if filter.lets_through(window) && offered.binary_search(&window).is_ok() {
                let end = at + RECOGNISABLE;
                bytes += end - at.max(counted);
                counted = end;
            }
        }
        bytes
    }

    /// The windows of the offered payload that also occur in `raw`, and a few others. An encrypted
    /// record, which is the usual case, contains almost none of them. So only one in [`STRIDE`]
    /// short windows is checked at first; each window contains one of these.
    fn offered_in(&self, raw: &[u8]) -> Vec<u64> {
        let short = WindowFilter::of(short_windows(raw));
        let long = LazyCell::new(|| WindowFilter::of(windows(raw)));
        let mut found = Vec::new();
        for Offer { bytes, .. } in &self.offers {
            for (number, window) in short_windows(bytes).step_by(STRIDE).enumerate() {
                if !short.lets_through(window) {
                    continue;
                }
                // All windows around it, from the one that ends with it to the one that begins with
                // it.
                let at = number * STRIDE;
                let from = (at + SHORT).saturating_sub(RECOGNISABLE);
                let to = (at + RECOGNISABLE).min(bytes.len());
                let around = windows(&bytes[from..to]);
                found.extend(around.filter(|&window| long.lets_through(window)));
            }
        }
        found
    }

    /// Another position of the offered payload at which `bytes` begin, if they are enough to
    /// recognise.
    fn elsewhere(&self, bytes: &[u8]) -> Option<Segment> {
        let window = bytes.get(..RECOGNISABLE)?;
        let place = |offers: &[Offer]| {
            offers.iter().find_map(|offer| {
                let mut windows = offer.bytes.windows(RECOGNISABLE);
                let at = windows.position(|other| other == window)?;
                let from = offer.position + at;
                Some((from, from + common_prefix(bytes, &offer.bytes[at..])))
            })
        };
        let as_offered = place(&self.offers).map(|(from, to)| Segment::Stream { from, to });
        let changed = || place(&self.changed).map(|(from, to)| Segment::Changed { from, to });
        as_offered.or_else(changed)
    }

    /// The first short offer after the reader's position, or else the first of all, that `bytes`
    /// begin with as a whole.
    fn short_offer(&self, bytes: &[u8]) -> Option<Segment> {
        let begins = |(offer, _): &&(Offer, BytePattern)| bytes.starts_with(&offer.bytes);
        let ahead = |short: &&(Offer, BytePattern)| short.0.position >= self.seen && begins(short);
        let found = self.short.iter().find(ahead);
        let (offer, pattern) = found.or_else(|| self.short.iter().find(begins))?;
        let (from, to) = (offer.position, offer.end());
        Some(match pattern {
            BytePattern::Changed => Segment::Changed { from, to },
            _ => Segment::Stream { from, to },
        })
    }

    /// The end of one of the next offers, if it equals all of `bytes`. A sender that skips the
    /// beginning of an offer may send a rest that is too short to recognise by itself. A match by
    /// chance is out of order too.
    fn end_of_an_offer(&self, bytes: &[u8]) -> Option<Segment> {
        let ends = self
            .ends
            .range(self.seen + bytes.len()..)
            .take(SEARCH_RANGE);
        let mut beginnings = ends.map(|to| to - bytes.len());
        beginnings.find_map(|from| self.all_from(from, bytes))
    }

    /// The beginning of one of the next offers, if it equals all of `bytes`, and these are too few
    /// to recognise. A sender that has lost earlier data may begin with a short record.
    fn beginning_of_an_offer(&self, bytes: &[u8]) -> Option<Segment> {
        if bytes.len() >= RECOGNISABLE {
            return None;
        }
        let mut beginnings = self.ends.range(self.seen + 1..).take(SEARCH_RANGE);
        beginnings.find_map(|from| self.all_from(*from, bytes))
    }

    /// All of `bytes` as one run, if they were offered at this position of the stream, originally
    /// or by a retry with changed content.
    fn all_from(&self, from: usize, bytes: &[u8]) -> Option<Segment> {
        let stands_in = |offers: &[Offer]| longest_prefix(offers, from, bytes) == bytes.len();
        let to = from + bytes.len();
        if stands_in(&self.offers) {
            Some(Segment::Stream { from, to })
        } else {
            stands_in(&self.changed).then_some(Segment::Changed { from, to })
        }
    }
}

/// The length of the longest prefix of `bytes` that one of the offers has at this position of the
/// stream.
fn longest_prefix(offers: &[Offer], from: usize, bytes: &[u8]) -> usize {
    let offered = offers.iter().filter_map(|offer| offer.from(from));
    let alike = offered.map(|offered| common_prefix(bytes, offered));
    alike.max().unwrap_or(0)
}

/// All windows of [`SHORT`] bytes, each as a number.
fn short_windows(bytes: &[u8]) -> impl ExactSizeIterator<Item = u64> {
    let number = |window: &[u8]| {
        let window = window.first_chunk().copied();
        u64::from(u32::from_be_bytes(window.unwrap_or_default()))
    };
    bytes.windows(SHORT).map(number)
}

/// All windows of [`RECOGNISABLE`] bytes, each as a number.
fn windows(bytes: &[u8]) -> impl ExactSizeIterator<Item = u64> {
    let number = |window: &[u8]| {
        let window = window.first_chunk().copied();
        u64::from_be_bytes(window.unwrap_or_default())
    };
    bytes.windows(RECOGNISABLE).map(number)
}

/// A filter that passes all windows of some bytes, and few others.
struct WindowFilter {
    words: Vec<u64>,
    /// How far a hash is shifted right to become the index of a bit.
    shift: u32,
}

impl WindowFilter {
    /// Allocates at least 32 bits for each window.
    fn of(windows: impl ExactSizeIterator<Item = u64>) -> Self {
        let words = windows.len().div_ceil(2).next_power_of_two();
        let mut filter = Self {
            words: vec![0; words],
            shift: u64::BITS - words.ilog2() - u64::BITS.ilog2(),
        };
        for window in windows {
            let (word, bit) = filter.place(window);
            filter.words[word] |= bit;
        }
        filter
    }

    fn lets_through(&self, window: u64) -> bool {
        let (word, bit) = self.place(window);
        self.words[word] & bit != 0
    }

    /// The word and bit for a window: the highest bits of a multiplicative hash.
    fn place(&self, window: u64) -> (usize, u64) {
        /// 2^64 divided by the golden ratio.
        const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
        let place = window.wrapping_mul(FACTOR) >> self.shift;
        let word = usize::try_from(place / u64::from(u64::BITS)).unwrap_or(0);
        (word, 1 << (place % u64::from(u64::BITS)))
    }
}

impl Offer {
    fn end(&self) -> usize {
        self.position + self.bytes.len()
    }

    /// The bytes of the offer from this position of the stream on; `None` if the position is
    /// outside of the offer.
    fn from(&self, position: usize) -> Option<&[u8]> {
        self.bytes.get(position.checked_sub(self.position)?..)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(from: usize, len: usize) -> Vec<u8> {
        BytePattern::Library.bytes(from, len)
    }

    fn stream(len: usize) -> Stream {
        let mut stream = Stream::default();
        stream.offer(&pattern(0, len));
        stream.accept(len);
        stream
    }

    #[test]
    fn bytes_in_order_are_one_segment() {
        let mut stream = stream(100);
        assert_eq!(stream.see(&pattern(0, 60)).to_string(), "60 bytes  0..60");
        assert_eq!(
            stream.see(&pattern(60, 40)).to_string(),
            "40 bytes  60..100"
        );
    }

    #[test]
    fn duplicated_lost_changed_and_foreign_bytes_are_distinguished() {
        let seen = |parts: &[Vec<u8>]| stream(100).see(&parts.concat()).to_string();
        assert_eq!(
            seen(&[pattern(0, 50), pattern(10, 50)]),
            "100 bytes  0..50, 10..60"
        );
        assert_eq!(
            seen(&[pattern(0, 50), pattern(51, 20)]),
            "70 bytes  0..50, 51..71"
        );
        let changed = BytePattern::Changed.bytes(50, 20);
        assert_eq!(
            seen(&[pattern(0, 50), changed]),
            "70 bytes  0..50, changed 50..70"
        );
        let foreign = "70 bytes  0..50, 20 bytes that nobody offered";
        assert_eq!(seen(&[pattern(0, 50), vec![0; 20]]), foreign);
    }

    #[test]
    fn expected_bytes_after_foreign_ones_are_recognised() {
        let seen = |parts: &[Vec<u8>]| stream(100).see(&parts.concat()).to_string();
        let stray = "101 bytes  1 byte that nobody offered, 0..100";
        assert_eq!(seen(&[vec![0], pattern(0, 100)]), stray);
        let three = "103 bytes  0..50, 3 bytes that nobody offered, 50..100";
        assert_eq!(
            seen(&[pattern(0, 50), vec![1, 2, 3], pattern(50, 50)]),
            three
        );
    }

    #[test]
    fn short_beginning_of_an_offer_is_recognised_after_a_gap() {
        let mut stream = Stream::default();
        for from in [0, 36, 72] {
            stream.offer(&pattern(from, 36));
            stream.accept(36);
        }
        assert_eq!(stream.see(&pattern(72, 1)).to_string(), "1 byte  72..73");
        assert_eq!(
            stream.see(&pattern(73, 35)).to_string(),
            "35 bytes  73..108"
        );
        let inside = stream.read_from_start().see(&pattern(40, 3)).to_string();
        assert_eq!(inside, "3 bytes  3 bytes that nobody offered");
    }

    #[test]
    fn short_rest_of_an_offer_is_recognised() {
        let mut stream = Stream::default();
        stream.offer(&pattern(0, 1));
        stream.accept(1);
        stream.offer(&pattern(1, 3));
        stream.accept(3);
        stream.offer(&pattern(4, 1));
        assert_eq!(stream.see(&pattern(0, 1)).to_string(), "1 byte  0..1");
        assert_eq!(stream.see(&pattern(2, 2)).to_string(), "2 bytes  2..4");
        // Bytes before the reader's position do not match again, at an end or before it.
        for from in [2, 1] {
            let text = stream.see(&pattern(from, 2)).to_string();
            assert_eq!(text, "2 bytes  2 bytes that nobody offered");
        }
    }

    #[test]
    fn few_bytes_in_the_wrong_place_stay_foreign() {
        let mut stream = stream(100);
        let text = stream.see(&pattern(20, 3)).to_string();
        assert_eq!(text, "3 bytes  3 bytes that nobody offered");
        assert_eq!(stream.seen(), 0);
    }

    #[test]
    fn overtaken_short_write_is_recognised_as_a_whole() {
        let mut stream = Stream::default();
        for position in 0..4 {
            stream.offer(&pattern(position, 1));
            stream.accept(1);
        }
        stream.offer(&pattern(4, 20));
        stream.accept(20);
        let seen = |bytes: &[u8]| stream.clone().see(bytes).to_string();
        assert_eq!(seen(&pattern(2, 1)), "1 byte  2..3");
        let gap = [pattern(1, 1), pattern(4, 20)].concat();
        assert_eq!(seen(&gap), "21 bytes  1..2, 4..24");
        assert_eq!(seen(&pattern(4, 3)), "3 bytes  4..7");
        assert_eq!(seen(&pattern(5, 3)), "3 bytes  3 bytes that nobody offered");
    }

    #[test]
    fn changed_content_is_recognised_anywhere() {
        let mut stream = stream(100);
        stream.offer_changed(4);
        stream.accept(4);
        stream.offer(&pattern(104, 50));
        stream.accept(50);
        let changed = |from, len| BytePattern::Changed.bytes(from, len);
        let parts = [pattern(0, 100), changed(100, 4), pattern(104, 50)].concat();
        let text = stream.clone().see(&parts).to_string();
        assert_eq!(text, "154 bytes  0..100, changed 100..104, 104..154");
        stream.offer_changed(1000);
        let text = stream.see(&changed(600, 80)).to_string();
        assert_eq!(text, "80 bytes  changed 600..680");
    }

    #[test]
    fn few_bytes_are_recognised_by_those_after_them() {
        let mut stream = stream(100);
        stream.offer(&pattern(100, 50));
        stream.offer_changed(50);
        stream.accept(50);
        let seen = |parts: &[Vec<u8>]| {
            let mut stream = stream.clone();
            stream.see(&pattern(0, 100));
            stream.see(&parts.concat()).to_string()
        };
        let changed = |from, len| BytePattern::Changed.bytes(from, len);
        assert_eq!(
            seen(&[changed(100, 1), pattern(101, 49)]),
            "50 bytes  changed 100..101, 101..150"
        );
        assert_eq!(
            seen(&[pattern(100, 3), changed(103, 47)]),
            "50 bytes  100..103, changed 103..150"
        );
        // By the bytes that follow, and not by themselves.
        assert_eq!(
            seen(&[changed(100, 1), pattern(110, 20)]),
            "21 bytes  1 byte that nobody offered, 110..130"
        );
    }

    /// The reference for [`Stream::in_clear`]: compares every window of both.
    fn in_clear_byte_by_byte(offered: &[u8], raw: &[u8]) -> usize {
        let mut is_clear = vec![false; raw.len()];
        for (at, window) in raw.windows(RECOGNISABLE).enumerate() {
            if offered.windows(RECOGNISABLE).any(|other| other == window) {
                is_clear[at..at + RECOGNISABLE].fill(true);
            }
        }
        is_clear.iter().filter(|is_clear| **is_clear).count()
    }

    #[test]
    fn plaintext_on_the_wire_is_counted_at_any_offset_and_length() {
        let offered = pattern(0, 61);
        let mut stream = Stream::default();
        stream.offer(&offered);
        for from in 0..=40 {
            for len in 0..=offered.len() - from {
                let raw = [&[0; 3], &offered[from..from + len], &[0; 5]].concat();
                let counted = in_clear_byte_by_byte(&offered, &raw);
                assert_eq!(stream.in_clear(&raw), counted, "{len} from {from}");
                assert_eq!(counted, if len < RECOGNISABLE { 0 } else { len });
            }
        }
        assert_eq!(stream.in_clear(&BytePattern::Peer.bytes(0, 1000)), 0);
    }

    #[test]
    fn shorter_offer_keeps_the_longer_one() {
        let mut stream = Stream::default();
        stream.offer(&pattern(0, 100));
        stream.offer(&pattern(0, 10));
        assert_eq!(
            stream.see(&pattern(0, 100)).to_string(),
            "100 bytes  0..100"
        );
    }

    #[test]
    fn another_offer_at_the_same_position_keeps_the_first() {
        let mut stream = Stream::default();
        stream.offer(&pattern(0, 100));
        stream.offer(b"other words");
        assert_eq!(
            stream.clone().see(&pattern(0, 100)).to_string(),
            "100 bytes  0..100"
        );
        assert_eq!(stream.see(b"other words").to_string(), "11 bytes  0..11");
    }

    #[test]
    fn bytes_claimed_beyond_the_offer_are_ignored() {
        let mut stream = Stream::default();
        stream.offer(&pattern(0, 10));
        stream.accept(11);
        assert_eq!(stream.accepted(), 10);
    }
}
