//! Records in the form in which a trace shows them. Takes the records of a connection and the
//! stretches of the wire that belong to the entries of a trace, and yields for each entry the
//! records that were sent during it, in full or in part.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::content::Content;
use super::message::{AlertSeen, MessageSeen};
use super::stream::Stream;
use crate::scenario::Version;
use crate::wire::{self, ContentType};

/// The version in the header of a protected record, in TLS 1.2 and 1.3.
const PROTECTED: u16 = 0x0303;

/// The longest content of a record, in bytes.
const MAX_CONTENT: usize = 1 << 14;

/// A record, or a part of one, that was sent during an action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordSeen {
    /// The content of the record. For application data that are not complete yet, only the header
    /// is shown. A handshake message that is completed later is already shown as such, because the
    /// length in its header differs from run to run.
    pub body: Body,
    /// Which part of it was sent during the action.
    pub(crate) portion: Portion,
    /// The number of its bytes sent during the action, header included; `None` if that was all of
    /// it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) now: Option<usize>,
    /// The number of its bytes sent so far, if it is not complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) so_far: Option<usize>,
    /// Defects that no record may have, regardless of its content.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) flaws: Vec<Flaw>,
}

/// A defect that no record may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Flaw {
    /// It is encrypted with a nonce or an initialisation vector of an earlier record.
    NonceRepeated,
    /// It is protected, but its header has another version than 0x0303 (RFC 8446, section 5.2; RFC
    /// 5246, section 6.2.1).
    Version(u16),
    /// It contains at least this many bytes of the offered plaintext unencrypted.
    InClear(usize),
    /// It is not protected, although an earlier record of the same sender was.
    Unprotected,
    /// Its content, including the type and padding that TLS 1.3 has inside, is longer than 2^14
    /// bytes (and, in TLS 1.3, the byte of the type: RFC 8446, section 5.4; RFC 5246, section
    /// 6.2.1).
    ContentTooLong,
    /// The length in its header is greater than 2^14 + 256 bytes (TLS 1.3: RFC 8446, section 5.2)
    /// or 2^14 + 2048 (TLS 1.2: RFC 5246, section 6.2.3).
    TooLong,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NonceRepeated => f.write_str("under a nonce that an earlier record had"),
            Self::Version(version) => write!(f, "version 0x{version:04x}"),
            Self::InClear(bytes) => write!(f, "{bytes} bytes of what was to be written in clear"),
            Self::Unprotected => f.write_str("in clear behind a record under protection"),
            Self::ContentTooLong => f.write_str("with more than 2^14 bytes of content"),
            Self::TooLong => f.write_str("longer than the version allows"),
        }
    }
}

/// The content of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Body {
    /// A part of a header; the rest was never sent.
    Header,
    /// A record that is not complete yet, so that its content is unknown.
    Incomplete {
        /// The type in its header.
        content_type: ContentType,
        /// Its length on the wire, header included, in bytes.
        wire: usize,
    },
    /// Application data.
    ApplicationData {
        /// The length of the content, in bytes.
        plaintext: usize,
        /// Its length on the wire, header included, in bytes.
        wire: usize,
        /// Which bytes they are, if they do not simply follow those of the previous record.
        #[serde(skip_serializing_if = "Option::is_none")]
        unexpected: Option<Content>,
        /// Whether it was protected.
        protection: Protection,
    },
    /// Handshake messages. Their lengths differ from run to run, and are not shown.
    Handshake {
        /// The messages that begin or continue in this record.
        messages: Vec<MessageSeen>,
    },
    /// An alert.
    Alert {
        /// Its level and description.
        alert: AlertSeen,
        /// Whether it was protected.
        protection: Protection,
    },
    /// Any other readable content, by its content type.
    Other {
        /// The type.
        content_type: ContentType,
    },
    /// A protected record that cannot be decrypted.
    Sealed {
        /// The type in its header.
        content_type: ContentType,
        /// Its length on the wire, header included, in bytes.
        wire: usize,
        /// Why it cannot be decrypted.
        reason: String,
    },
    /// A protected record whose key was not logged, because it belongs to a handshake that did not
    /// complete. Its length differs from run to run, and is not shown.
    NoKey {
        /// The type in its header.
        content_type: ContentType,
    },
    /// Bytes that are not a record.
    Garbage,
    /// Everything after a record that cannot be decrypted: where records begin is no longer known.
    After,
}

impl Body {
    /// The content of a record of which only a part has been sent.
    fn before_completion(&self, record: &wire::Record) -> Self {
        match (self, record.header) {
            (Self::ApplicationData { .. } | Self::Sealed { .. }, Some(header)) => {
                Self::Incomplete {
                    content_type: header.content_type,
                    wire: header.record_len(),
                }
            }
            _ => self.clone(),
        }
    }
}

/// Whether a record was encrypted and authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protection {
    /// It was, and its authentication succeeded.
    Sealed,
    /// It was sent unencrypted.
    Clear,
}

/// Which part of a record was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Portion {
    /// All of it.
    Whole,
    /// The beginning.
    First,
    /// A part in the middle.
    Middle,
    /// The rest, which completed it.
    Last,
}

/// Assigns to each stretch of one direction's wire (from, to; in order) the records that were sent
/// in it. `stream` is the payload that the sender offered, for checking that application data are
/// in order; `raw` is that direction's wire.
pub(crate) fn assign(
    records: &[wire::Record],
    version: Version,
    mut stream: Stream,
    raw: &[u8],
    stretches: &[(usize, usize)],
) -> Vec<Vec<RecordSeen>> {
    let mut seen: Vec<Vec<RecordSeen>> = stretches.iter().map(|_| Vec::new()).collect();
    let mut first = 0;
    let mut inspector = Inspector {
        version,
        protected: false,
    };
    for (record, reach) in readable(records) {
        let start = usize::try_from(record.start).unwrap_or(usize::MAX);
        let (end, body) = match reach {
            Reach::Record => (start + record.received, body(record, &mut stream)),
            Reach::ToTheEnd => (usize::MAX, Body::After),
        };
        let bytes = raw.get(start..end.min(raw.len())).unwrap_or(&[]);
        let flaws = match reach {
            Reach::Record => inspector.flaws(record, &stream, bytes),
            Reach::ToTheEnd => in_clear(&stream, bytes),
        };
        while first < stretches.len() && stretches[first].1 <= start {
            first += 1;
        }
        let touched = stretches.iter().enumerate().skip(first);
        for (index, &(from, to)) in touched.take_while(|(_, (from, _))| *from < end) {
            if to <= start || to == from {
                continue;
            }
            let part = (from.max(start), to.min(end));
            let complete = record.is_complete() && part.1 == end;
            let body = if complete {
                body.clone()
            } else {
                body.before_completion(record)
            };
            let mut shown = RecordSeen::part(body, part, (start, end), complete);
            if part.1 == end.min(raw.len()) {
                shown.flaws.clone_from(&flaws);
            }
            seen[index].push(shown);
        }
    }
    seen
}

/// How much of the wire is shown as one record.
#[derive(Clone, Copy)]
enum Reach {
    /// One record.
    Record,
    /// Everything that follows: whether it begins with a header is unknown.
    ToTheEnd,
}

/// The records up to the first that cannot be decrypted, and everything after it as one.
fn readable(records: &[wire::Record]) -> impl Iterator<Item = (&wire::Record, Reach)> {
    let sealed = |record: &wire::Record| record.content == wire::RecordContent::Unopened;
    let count = records
        .iter()
        .position(sealed)
        .map_or(records.len(), |index| index + 1);
    let rest = records.get(count).map(|record| (record, Reach::ToTheEnd));
    records[..count]
        .iter()
        .map(|record| (record, Reach::Record))
        .chain(rest)
}

impl RecordSeen {
    /// The part from `part.0` to `part.1` of a record that extends from `record.0` to `record.1`.
    fn part(body: Body, part: (usize, usize), record: (usize, usize), complete: bool) -> Self {
        let portion = match (part.0 == record.0, complete) {
            (true, true) => Portion::Whole,
            (true, false) => Portion::First,
            (false, true) => Portion::Last,
            (false, false) => Portion::Middle,
        };
        // The lengths of handshake messages differ from run to run.
        let has_stable_length = !matches!(body, Body::Handshake { .. } | Body::NoKey { .. });
        let no_record = matches!(body, Body::Garbage | Body::After);
        let more = matches!(portion, Portion::Middle | Portion::Last);
        let unfinished = matches!(portion, Portion::First | Portion::Middle);
        let now = (no_record || more).then_some(part.1 - part.0);
        let so_far = (unfinished && !no_record).then_some(part.1 - record.0);
        Self {
            body,
            portion,
            now: now.filter(|_| has_stable_length),
            so_far: so_far.filter(|_| has_stable_length),
            flaws: Vec::new(),
        }
    }
}

/// Inspects the records of one direction, in order.
struct Inspector {
    version: Version,
    /// Whether a record was protected.
    protected: bool,
}

impl Inspector {
    /// Defects of the record itself. Its bytes are searched for plaintext where they should be
    /// encrypted but no cipher has authenticated them.
    fn flaws(&mut self, record: &wire::Record, stream: &Stream, raw: &[u8]) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        let protection = record.is_protected();
        if record.nonce == wire::NonceUse::Repeated {
            flaws.push(Flaw::NonceRepeated);
        }
        if let Some(header) = record.header
            && protection == Some(true)
        {
            if header.version != PROTECTED {
                flaws.push(Flaw::Version(header.version));
            }
            let limit = match self.version {
                Version::Tls12 => MAX_CONTENT + 2048,
                Version::Tls13 => MAX_CONTENT + 256,
            };
            if usize::from(header.length) > limit {
                flaws.push(Flaw::TooLong);
            }
        }
        if let Some(fragment) = record.fragment()
            && fragment.plaintext.len() + fragment.padding > MAX_CONTENT
        {
            flaws.push(Flaw::ContentTooLong);
        }
        let mut is_authenticated = matches!(record.content, wire::RecordContent::Opened(_));
        if let wire::RecordContent::Plain(fragment) = &record.content {
            is_authenticated = fragment.content_type != ContentType::ApplicationData;
            // TLS 1.3 sends these unprotected at any point (RFC 8446, section 5).
            let is_filler = fragment.content_type == ContentType::ChangeCipherSpec
                && self.version == Version::Tls13;
            if self.protected && !is_filler {
                flaws.push(Flaw::Unprotected);
            }
        }
        if !is_authenticated {
            flaws.extend(in_clear(stream, raw));
        }
        self.protected |= protection == Some(true);
        flaws
    }
}

/// Whether the raw bytes contain bytes of the payload unencrypted.
fn in_clear(stream: &Stream, raw: &[u8]) -> Vec<Flaw> {
    match stream.in_clear(raw) {
        0 => Vec::new(),
        bytes => vec![Flaw::InClear(bytes)],
    }
}

fn body(record: &wire::Record, stream: &mut Stream) -> Body {
    let Some(header) = record.header else {
        return Body::Header;
    };
    let content_type = header.content_type;
    let wire = header.record_len();
    let sealed = |reason: &str| Body::Sealed {
        content_type: header.content_type,
        wire,
        reason: reason.to_owned(),
    };
    match &record.content {
        wire::RecordContent::Incomplete => Body::Incomplete { content_type, wire },
        wire::RecordContent::Garbage => Body::Garbage,
        wire::RecordContent::NoKey => Body::NoKey { content_type },
        wire::RecordContent::Unsupported => sealed("its cipher is not known here"),
        wire::RecordContent::Unopened => sealed("it does not open"),
        wire::RecordContent::Plain(fragment) => {
            read_body(fragment, wire, Protection::Clear, stream)
        }
        wire::RecordContent::Opened(fragment) => {
            read_body(fragment, wire, Protection::Sealed, stream)
        }
    }
}

fn read_body(
    fragment: &wire::Fragment,
    wire: usize,
    protection: Protection,
    stream: &mut Stream,
) -> Body {
    match fragment.content_type {
        ContentType::ApplicationData => {
            let expected = stream.seen();
            let content = stream.see(&fragment.plaintext);
            let unexpected = (!content.continues(expected)).then_some(content);
            Body::ApplicationData {
                plaintext: fragment.plaintext.len(),
                wire,
                unexpected,
                protection,
            }
        }
        ContentType::Handshake => Body::Handshake {
            messages: fragment.messages.iter().map(MessageSeen::from).collect(),
        },
        ContentType::Alert => Body::Alert {
            alert: fragment
                .alert()
                .map_or(AlertSeen::Malformed, AlertSeen::Whole),
            protection,
        },
        other => Body::Other {
            content_type: other,
        },
    }
}

impl fmt::Display for RecordSeen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clear = |protection: &Protection| match protection {
            Protection::Sealed => "",
            Protection::Clear => " in clear",
        };
        match &self.body {
            Body::Header => f.write_str("a part of a record header")?,
            Body::Incomplete { content_type, wire }
            | Body::Sealed {
                content_type, wire, ..
            } => {
                write!(f, "{content_type} ({wire} on the wire{})", Rest(self))?;
            }
            Body::ApplicationData {
                plaintext,
                wire,
                protection,
                ..
            } => write!(
                f,
                "application_data {plaintext} plaintext{} ({wire} on the wire{})",
                clear(protection),
                Rest(self)
            )?,
            Body::Handshake { messages } => {
                let names: Vec<String> = messages.iter().map(MessageSeen::to_string).collect();
                write!(f, "handshake {}", names.join(", "))?;
            }
            Body::Alert { alert, protection } => write!(f, "alert {alert}{}", clear(protection))?,
            Body::Other { content_type } => content_type.fmt(f)?,
            Body::NoKey { content_type } => write!(f, "{content_type} without a known key")?,
            Body::Garbage => write!(f, "{}bytes that are no record", Number(self.now))?,
            Body::After => {
                let bytes = Number(self.now);
                write!(f, "{bytes}bytes behind a record that does not open")?;
            }
        }
        match &self.body {
            Body::Sealed { reason, .. } => write!(f, ": {reason}"),
            Body::ApplicationData {
                unexpected: Some(content),
                ..
            } => write!(f, ": {content}"),
            Body::Header => write!(f, "{}", Rest(self)),
            Body::NoKey { .. }
            | Body::Handshake { .. }
            | Body::Alert { .. }
            | Body::Other { .. } => match self.portion {
                Portion::Whole => Ok(()),
                Portion::First => f.write_str(" (begun)"),
                Portion::Middle => f.write_str(" (more of it)"),
                Portion::Last => f.write_str(" (the rest)"),
            },
            _ => Ok(()),
        }
    }
}

/// A number and the text after it; displays nothing if there is no number.
struct Number(Option<usize>);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |number| write!(f, "{number} "))
    }
}

/// How much of a record was sent, displayed after its length.
struct Rest<'a>(&'a RecordSeen);

impl fmt::Display for Rest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.now, self.0.so_far) {
            (None, None) => Ok(()),
            (None, Some(so_far)) => write!(f, ", {so_far} sent so far"),
            (Some(now), Some(so_far)) => write!(f, ", {now} more, {so_far} sent so far"),
            (Some(now), None) => write!(f, ", the last {now} now"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_after_an_undecryptable_record_have_no_header() {
        let record = |start, version| wire::Record {
            start,
            header: Some(wire::Header {
                content_type: ContentType::ApplicationData,
                version,
                length: 23,
            }),
            received: 28,
            content: wire::RecordContent::Unopened,
            nonce: wire::NonceUse::default(),
        };
        let records = [record(0, 0x0300), record(28, 0xc392)];
        let raw = [0; 56];
        let seen = assign(
            &records,
            Version::Tls13,
            Stream::default(),
            &raw,
            &[(0, 56)],
        );
        let flaws: Vec<_> = seen[0].iter().map(|record| &record.flaws[..]).collect();
        assert_eq!(flaws, [&[Flaw::Version(0x0300)][..], &[]]);
    }
}
