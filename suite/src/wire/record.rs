//! Records: the division of a byte stream into records (RFC 8446, section 5.1), and the result of
//! reading one. Framing needs no keys, and every byte belongs to exactly one [`Record`], however
//! malformed the stream is.

use super::alert::Alert;
use super::handshake::Message;
use super::registry::registry;
use super::top_up;

/// The length of a record header in bytes.
pub(crate) const HEADER_LEN: usize = 5;

/// The longest fragment that any version allows, in bytes: 2^14 and the 2048 of TLS 1.2 (RFC 5246,
/// section 6.2.3). TLS 1.3 allows 256 instead of 2048 (RFC 8446, section 5.2); a monitor checks
/// that limit.
pub(crate) const MAX_FRAGMENT_LEN: u16 = (1 << 14) + 2048;

registry! {
    /// The content type of a record (RFC 8446, section 5.1; RFC 6520 for heartbeat).
    ContentType {
        ChangeCipherSpec = 20 "change_cipher_spec",
        Alert = 21 "alert",
        Handshake = 22 "handshake",
        ApplicationData = 23 "application_data",
        Heartbeat = 24 "heartbeat",
    }
}

/// The five bytes that every record starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Header {
    /// The outer type: under TLS 1.3 protection always `application_data`.
    pub(crate) content_type: ContentType,
    /// The version field on the wire; TLS 1.3 writes 0x0303 there.
    pub version: u16,
    /// Bytes after the header.
    pub(crate) length: u16,
}

impl Header {
    fn parse(bytes: &[u8]) -> Option<Self> {
        let (_, header) = tls_parser::parse_tls_record_header(bytes).ok()?;
        Some(Self {
            content_type: header.record_type.0.into(),
            version: header.version.0,
            length: header.len,
        })
    }

    /// Whether some version of TLS could have sent this header.
    fn is_possible(self) -> bool {
        self.length <= MAX_FRAGMENT_LEN && !matches!(self.content_type, ContentType::Unknown(_))
    }

    /// The record's total length in bytes, header included.
    #[must_use]
    pub(crate) fn record_len(self) -> usize {
        HEADER_LEN + usize::from(self.length)
    }
}

/// A record, or the received part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The offset of the record's first byte in its direction's stream.
    pub start: u64,
    /// `None` if fewer than five bytes were received.
    pub header: Option<Header>,
    /// The number of received bytes of this record, header included.
    pub received: usize,
    /// Its content.
    pub content: RecordContent,
    /// Whether an earlier record under the same keys had the same nonce or initialisation vector.
    /// For a record that cannot be decrypted this is known only if the number of an earlier one
    /// decrypts it.
    pub nonce: NonceUse,
}

/// Whether a nonce is new to its keys (RFC 5116, section 2.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NonceUse {
    /// New, as far as visible.
    #[default]
    New,
    /// An earlier record had the same.
    Repeated,
}

/// The content of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordContent {
    /// The stream ended inside the record; only the last one of a direction can be like this.
    Incomplete,
    /// The header is not a TLS record header: an unknown type, or a length above
    /// [`MAX_FRAGMENT_LEN`]. Reading stops there; this last item holds all further bytes of that
    /// direction.
    Garbage,
    /// Sent without protection.
    Plain(Fragment),
    /// Sent under protection, authenticated and opened.
    Opened(Fragment),
    /// Sent under protection, and the key log lacks the secret (or the hello that identifies it was
    /// not sent).
    NoKey,
    /// Sent under protection with an unsupported version or cipher suite (CCM, ARIA, SSL 3.0, …).
    Unsupported,
    /// Sent under protection, and authentication failed: altered bytes, a wrong key or a wrong
    /// sequence number.
    Unopened,
}

/// The plaintext of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// The content type: under TLS 1.3 protection the inner one, else the header's.
    pub content_type: ContentType,
    /// The content, without padding.
    pub plaintext: Vec<u8>,
    /// The number of padding bytes in TLS 1.3, after the content (RFC 8446, section 5.4); 0 in
    /// other versions, where block padding is not counted.
    pub padding: usize,
    /// The handshake messages that have bytes in this record, in order; empty for other content.
    pub messages: Vec<Message>,
}

impl Record {
    /// The offset after the last received byte of this record.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.start + self.received as u64
    }

    /// Whether all bytes that the header announces were received.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        !matches!(
            self.content,
            RecordContent::Incomplete | RecordContent::Garbage
        )
    }

    /// The plaintext, if the record was sent without protection or could be decrypted.
    #[must_use]
    pub fn fragment(&self) -> Option<&Fragment> {
        match &self.content {
            RecordContent::Plain(fragment) | RecordContent::Opened(fragment) => Some(fragment),
            _ => None,
        }
    }

    /// Whether the record was sent under protection; `None` if unknown.
    #[must_use]
    pub fn is_protected(&self) -> Option<bool> {
        match self.content {
            RecordContent::Incomplete | RecordContent::Garbage => None,
            RecordContent::Plain(_) => Some(false),
            RecordContent::Opened(_)
            | RecordContent::NoKey
            | RecordContent::Unsupported
            | RecordContent::Unopened => Some(true),
        }
    }
}

impl Fragment {
    /// A fragment without padding, its messages not parsed yet.
    pub(super) fn new(content_type: ContentType, plaintext: Vec<u8>) -> Self {
        Self {
            content_type,
            plaintext,
            padding: 0,
            messages: Vec::new(),
        }
    }

    /// The alert; `None` for other content, and for an alert record that is not exactly two bytes.
    #[must_use]
    pub fn alert(&self) -> Option<Alert> {
        match self.content_type {
            ContentType::Alert => Alert::parse(&self.plaintext),
            _ => None,
        }
    }
}

/// A complete record as it was on the wire.
#[derive(Clone, Copy)]
pub(super) struct Frame<'a> {
    pub(super) start: u64,
    pub(super) header: Header,
    /// The header's bytes, which TLS 1.3 authenticates.
    pub(super) raw_header: &'a [u8],
    pub(super) body: &'a [u8],
}

/// Splits one direction's stream into records. A record that is complete in the given bytes is
/// borrowed from them; only one that arrives in pieces is copied.
#[derive(Default)]
pub(super) struct Framer {
    /// The stream offset of the current record.
    start: u64,
    /// Its bytes so far.
    partial: Vec<u8>,
    /// Whether `partial` is a record that was returned, to be cleared before the next.
    given: bool,
    /// The first invalid header, if there was one; the bytes after it are only counted.
    garbage: Option<Header>,
    /// The number of bytes from the invalid header on.
    garbage_len: usize,
}

impl Framer {
    /// The next complete record, if `bytes`, which continue the stream, complete one. Removes the
    /// bytes that were read from `bytes`, which is all of them if there is no further record.
    pub(super) fn next_frame<'r, 'b: 'r>(&'r mut self, bytes: &mut &'b [u8]) -> Option<Frame<'r>> {
        if std::mem::take(&mut self.given) {
            self.partial.clear();
        }
        if self.garbage.is_some() {
            self.garbage_len += std::mem::take(bytes).len();
            return None;
        }
        if self.partial.is_empty()
            && let Some(header) = Header::parse(bytes).filter(|header| header.is_possible())
            && let Some((record, rest)) = bytes.split_at_checked(header.record_len())
        {
            *bytes = rest;
            return Some(Frame::new(&mut self.start, header, record));
        }
        top_up(&mut self.partial, HEADER_LEN, bytes);
        let header = Header::parse(&self.partial)?;
        if !header.is_possible() {
            self.give_up(header, std::mem::take(bytes).len());
            return None;
        }
        top_up(&mut self.partial, header.record_len(), bytes);
        self.given = self.partial.len() == header.record_len();
        self.given
            .then(|| Frame::new(&mut self.start, header, &self.partial))
    }

    /// Stops framing: record boundaries are unknown from here on.
    fn give_up(&mut self, header: Header, following: usize) {
        self.garbage = Some(header);
        self.garbage_len = self.partial.len() + following;
        self.partial.clear();
    }

    /// The rest at the end of the stream: a part of a record, garbage, or nothing.
    pub(super) fn finish(self) -> Option<Record> {
        let (header, received, content) = match self.garbage {
            Some(header) => (Some(header), self.garbage_len, RecordContent::Garbage),
            None if self.given || self.partial.is_empty() => return None,
            None => (
                Header::parse(&self.partial),
                self.partial.len(),
                RecordContent::Incomplete,
            ),
        };
        Some(Record {
            start: self.start,
            header,
            received,
            content,
            nonce: NonceUse::New,
        })
    }
}

impl<'a> Frame<'a> {
    /// The record at offset `start` of its stream; advances `start` to its end.
    fn new(start: &mut u64, header: Header, record: &'a [u8]) -> Self {
        let (raw_header, body) = record.split_at(HEADER_LEN);
        let frame = Self {
            start: *start,
            header,
            raw_header,
            body,
        };
        *start += record.len() as u64;
        frame
    }

    /// What a MAC or an AEAD of TLS 1.2 and older covers before the content (RFC 5246, sections
    /// 6.2.3.1 and 6.2.3.3): sequence number, type, version and a length.
    pub(super) fn pseudo_header(&self, sequence: u64, length: usize) -> Option<[u8; 13]> {
        let mut header = [0; 13];
        header[..8].copy_from_slice(&sequence.to_be_bytes());
        header[8] = self.header.content_type.code();
        header[9..11].copy_from_slice(&self.header.version.to_be_bytes());
        header[11..].copy_from_slice(&u16::try_from(length).ok()?.to_be_bytes());
        Some(header)
    }
}
