//! What a monitor observes where a clause is broken, as data. Text, JSON and the known issues derive from it; nothing
//! looks at the text again.
//!
//! A monitor passes what it compared ([`Came`], a record, or an [`Observation`]), and only a broken clause makes an
//! observation of it, since most clauses are kept most of the time.

use std::fmt;

use crate::trace::{
    Call, Content, ErrorClass, Flaw, Outcome, QueueEntry, RecordSeen, Segment, Want,
};
use crate::transport::Errno;

/// What was observed where a clause is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// A call came back with this.
    Answered(Answer),
    /// A call came back with this, which something else contradicts.
    Contradicted(Answer, Contradiction),
    /// A write reported so many bytes as written.
    Accepted {
        /// How many.
        bytes: usize,
    },
    /// A call stored this number of bytes; nothing if it stored none.
    Stored {
        /// Which number.
        bytes: Option<usize>,
    },
    /// A call failed and left the error queue empty.
    QueueEmpty,
    /// The call wants to be repeated, and the transport gave it no cause.
    WantsWithoutCause(Wanted),
    /// So many bytes of writes are in records that went out.
    Sealed {
        /// How many are.
        bytes: usize,
        /// How many are fewer, or more, than were reported or offered.
        off: usize,
        /// Whether it was asked of a flush.
        flush: bool,
        /// Whether the transport answered this call with 0, without the retry flag.
        transport_said_zero: bool,
    },
    /// The bytes of a record, or those that the peer read, do not follow those before.
    OutOfOrder {
        /// Where they were seen.
        place: Delivered,
        /// How they do not follow.
        gap: Gap,
    },
    /// Bytes of another origin than the write in a record.
    Foreign(Segment),
    /// A record that may not be there.
    Record(RecordSeen),
    /// A record with a flaw.
    Flawed(RecordSeen, Flaw),
    /// A handshake record without a message.
    EmptyHandshakeRecord,
    /// What stands before the rest of a handshake message.
    Interleaved(Option<RecordSeen>),
    /// Application data went out in a call that may not send any.
    DataSent,
    /// Something went out in a call that may not send anything.
    SomethingSent,
    /// A write goes on and ignores the renegotiation that is due.
    RenegotiationIgnored,
    /// The call changed the caller's buffer.
    BufferModified,
    /// So many calls of the transport moved no byte.
    FruitlessTransportCalls(u32),
    /// So many calls of the transport were for no byte.
    EmptyTransportCalls(u32),
    /// A call that only schedules called the transport.
    TransportCalled,
    /// A fatal alert that is owed does not go out, though the transport takes everything.
    AlertOwed,
    /// The call did not return.
    Ended(Outcome),
}

/// What a call returned and reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The return value.
    pub ret: i64,
    /// `SSL_get_error`.
    pub error: ErrorClass,
    /// The error queue, oldest entry first.
    pub queue: Vec<QueueEntry>,
}

/// What contradicts the answer of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contradiction {
    /// The peer has not sent `close_notify`.
    PeerHasNotClosed,
    /// The peer's `close_notify` has been reported before.
    PeerHasClosed,
    /// No `close_notify` of the library's has gone out to its end.
    CloseNotifyNotSent,
    /// The queue is empty and the transport is in order.
    TransportInOrder,
    /// `SSL_want` says this.
    Want(Want),
    /// This record was completed.
    Completed(RecordSeen),
    /// So many bytes of the write have gone out.
    BytesOut(usize),
    /// errno is this.
    Errno(Errno),
}

/// What a call wants without a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// To write: the transport took all that it was offered.
    Write,
    /// To read: the transport was not found empty.
    Read,
}

/// Where bytes were seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivered {
    /// In this record.
    Record(RecordSeen),
    /// At the peer, which read this.
    Peer(Content),
}

/// How bytes do not follow those before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// So many bytes are missing.
    Missing(usize),
    /// Bytes come again, from so many before the expected position.
    Repeated(usize),
}

/// What a call came back with, as it follows a violation: `-1 SSL (ssl:bad length)`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Came<'c>(pub(super) &'c Call);

impl From<Came<'_>> for Observation {
    fn from(came: Came<'_>) -> Self {
        Self::Answered(came.into())
    }
}

impl From<Came<'_>> for Answer {
    fn from(Came(call): Came<'_>) -> Self {
        Self {
            ret: call.ret,
            error: call.error,
            queue: call.queue.clone(),
        }
    }
}

impl<'c> Came<'c> {
    /// The same, with what contradicts it.
    pub(super) fn but(self, contradiction: Contradiction) -> But<'c> {
        But(self, contradiction)
    }
}

/// What a call came back with, and what contradicts it.
pub(super) struct But<'c>(Came<'c>, Contradiction);

impl From<But<'_>> for Observation {
    fn from(But(came, contradiction): But<'_>) -> Self {
        Self::Contradicted(came.into(), contradiction)
    }
}

impl From<&RecordSeen> for Observation {
    fn from(record: &RecordSeen) -> Self {
        Self::Record(record.clone())
    }
}

impl From<&Outcome> for Observation {
    fn from(outcome: &Outcome) -> Self {
        Self::Ended(outcome.clone())
    }
}

impl Observation {
    /// The answer of the call, if that was observed.
    pub fn answer(&self) -> Option<&Answer> {
        match self {
            Self::Answered(answer) | Self::Contradicted(answer, _) => Some(answer),
            _ => None,
        }
    }

    /// The record that was observed, if one was.
    pub fn record(&self) -> Option<&RecordSeen> {
        match self {
            Self::Record(record)
            | Self::Flawed(record, _)
            | Self::Contradicted(_, Contradiction::Completed(record))
            | Self::OutOfOrder {
                place: Delivered::Record(record),
                ..
            } => Some(record),
            Self::Interleaved(record) => record.as_ref(),
            _ => None,
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.ret, self.error)?;
        if self.queue.is_empty() {
            return Ok(());
        }
        write!(f, " ({})", QueueEntry::joined(&self.queue))
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing(_) => "bytes are missing",
            Self::Repeated(_) => "bytes come again",
        })
    }
}

impl fmt::Display for Observation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answered(answer) => answer.fmt(f),
            Self::Contradicted(answer, contradiction) => contradicted(f, answer, contradiction),
            Self::Accepted { bytes } => write!(f, "{bytes} bytes"),
            Self::Stored { bytes: Some(bytes) } => write!(f, "{bytes} bytes are stored"),
            Self::Stored { bytes: None } => f.write_str("nothing is stored"),
            Self::QueueEmpty => f.write_str("the queue is empty"),
            Self::WantsWithoutCause(Wanted::Write) => {
                f.write_str("WANT_WRITE, and the transport took all that it was offered")
            }
            Self::WantsWithoutCause(Wanted::Read) => {
                f.write_str("WANT_READ, and the transport was not found empty")
            }
            Self::Sealed {
                bytes, flush: true, ..
            } => write!(f, "{bytes} bytes are"),
            Self::Sealed {
                bytes,
                transport_said_zero: true,
                ..
            } => write!(f, "{bytes} bytes, and the transport said 0"),
            Self::Sealed { bytes, .. } => write!(f, "{bytes} bytes"),
            Self::OutOfOrder {
                place: Delivered::Record(record),
                gap,
            } => write!(f, "{record}; {gap}"),
            Self::OutOfOrder {
                place: Delivered::Peer(content),
                gap,
            } => write!(f, "{content} at the peer; {gap}"),
            Self::Foreign(segment) => segment.fmt(f),
            Self::Record(record) => record.fmt(f),
            Self::Flawed(record, flaw) => write!(f, "{record} {flaw}"),
            Self::EmptyHandshakeRecord => f.write_str("an empty record"),
            Self::Interleaved(before) => before.as_ref().map_or(Ok(()), |before| before.fmt(f)),
            Self::DataSent => f.write_str("application data went out"),
            Self::SomethingSent => f.write_str("something went out"),
            Self::RenegotiationIgnored => f.write_str("the write goes on without it"),
            Self::BufferModified => f.write_str("its bytes are others"),
            Self::FruitlessTransportCalls(calls) => write!(f, "{calls} calls"),
            Self::TransportCalled => f.write_str("it was called"),
            Self::AlertOwed => {
                f.write_str("the transport takes everything, and it does not go out")
            }
            Self::EmptyTransportCalls(calls) => write!(f, "{calls} calls for no byte"),
            Self::Ended(Outcome::Crashed(how) | Outcome::Hung(how) | Outcome::Panicked(how)) => {
                f.write_str(how)
            }
            Self::Ended(outcome) => outcome.fmt(f),
        }
    }
}

fn contradicted(
    f: &mut fmt::Formatter<'_>,
    answer: &Answer,
    contradiction: &Contradiction,
) -> fmt::Result {
    match contradiction {
        Contradiction::PeerHasNotClosed => write!(f, "{answer}, and the peer has not"),
        Contradiction::PeerHasClosed => {
            write!(f, "{answer}, and the peer's has been reported before")
        }
        Contradiction::CloseNotifyNotSent => {
            write!(f, "{answer}, and no close_notify has gone out to its end")
        }
        Contradiction::TransportInOrder => {
            write!(
                f,
                "{answer}, the queue is empty and the transport is in order"
            )
        }
        Contradiction::Want(want) => write!(f, "{answer}, and SSL_want says {want}"),
        Contradiction::Completed(record) => write!(f, "{answer}, and {record} went out"),
        Contradiction::BytesOut(bytes) => write!(f, "{bytes} bytes have gone out, {answer}"),
        Contradiction::Errno(errno) => write!(f, "errno {errno}, {answer}"),
    }
}
