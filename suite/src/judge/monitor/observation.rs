//! The observations of broken clauses, as data. Text, JSON and known issues derive from them; the
//! text is never parsed.
//!
//! A monitor passes the values that it compared ([`Returned`], a record, or an [`Observation`]). They
//! become an observation only if the clause is broken, which is rare.

use std::fmt;

use crate::trace::{
    Call, Content, ErrorClass, Flaw, Outcome, QueueEntry, RecordSeen, Segment, Want,
};
use crate::transport::Errno;

/// What was observed where a clause is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// A call returned this.
    Answered(CallResult),
    /// A call returned this, which another fact contradicts.
    Contradicted(CallResult, Contradiction),
    /// A write reported this many bytes as written.
    Accepted {
        /// The number of bytes.
        bytes: usize,
    },
    /// A call stored this number of bytes; `None` if it stored none.
    Stored {
        /// The stored number.
        bytes: Option<usize>,
    },
    /// A call failed and left the error queue empty.
    QueueEmpty,
    /// The call asks for a retry without a cause in the transport.
    WantsWithoutCause(Wanted),
    /// The number of content bytes in sent records is wrong.
    Sealed {
        /// The number of bytes in sent records.
        bytes: usize,
        /// The difference to the number that was reported or offered.
        off: usize,
        /// Whether this was observed at a flush.
        flush: bool,
        /// Whether the transport returned 0 without the retry flag in this call.
        transport_said_zero: bool,
    },
    /// The bytes of a record, or those that the peer read, do not follow the previous ones.
    OutOfOrder {
        /// Where they were seen.
        place: Delivered,
        /// How they deviate.
        gap: Gap,
    },
    /// A record contains bytes from another origin than the write.
    Foreign(Segment),
    /// A record that is not permitted here.
    Record(RecordSeen),
    /// A record with a flaw.
    Flawed(RecordSeen, Flaw),
    /// A handshake record without a message.
    EmptyHandshakeRecord,
    /// The record before the rest of a handshake message.
    Interleaved(Option<RecordSeen>),
    /// A call that must not send application data sent some.
    DataSent,
    /// A call that must not send anything sent something.
    SomethingSent,
    /// A write continues and ignores the due renegotiation.
    RenegotiationIgnored,
    /// The call changed the caller's buffer.
    BufferModified,
    /// This many calls of the transport moved no byte.
    FruitlessTransportCalls(u32),
    /// This many calls of the transport requested no bytes.
    EmptyTransportCalls(u32),
    /// A call that only schedules an action called the transport.
    TransportCalled,
    /// A required fatal alert is not sent, although the transport accepts everything.
    AlertOwed,
    /// The call did not return.
    Ended(Outcome),
}

/// The result of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallResult {
    /// The return value.
    pub(crate) ret: i64,
    /// `SSL_get_error`.
    pub(crate) error: ErrorClass,
    /// The error queue, oldest entry first.
    pub(crate) queue: Vec<QueueEntry>,
}

/// A fact that contradicts the result of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contradiction {
    /// The peer has not sent `close_notify`.
    PeerHasNotClosed,
    /// The peer's `close_notify` was reported before.
    PeerHasClosed,
    /// The library has sent no complete `close_notify`.
    CloseNotifyNotSent,
    /// The queue is empty and the transport works.
    TransportInOrder,
    /// `SSL_want` returned this.
    Want(Want),
    /// This record was completed.
    Completed(RecordSeen),
    /// This many bytes of the write have been sent.
    BytesOut(usize),
    /// errno is this.
    Errno(Errno),
}

/// A retry that a call requests without a cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// For writing, although the transport accepted everything offered.
    Write,
    /// For reading, although the transport was not found empty.
    Read,
}

/// Where bytes were seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Delivered {
    /// In this record.
    Record(RecordSeen),
    /// At the peer, which read these bytes.
    Peer(Content),
}

/// How bytes deviate from the expected position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gap {
    /// This many bytes are missing.
    Missing(usize),
    /// Bytes are repeated, from this many before the expected position.
    Repeated(usize),
}

/// The result of a call, in the form in which it follows a violation: `-1 SSL (ssl:bad length)`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Returned<'c>(pub(super) &'c Call);

impl From<Returned<'_>> for Observation {
    fn from(returned: Returned<'_>) -> Self {
        Self::Answered(returned.into())
    }
}

impl From<Returned<'_>> for CallResult {
    fn from(Returned(call): Returned<'_>) -> Self {
        Self {
            ret: call.ret,
            error: call.error,
            queue: call.queue.clone(),
        }
    }
}

impl<'c> Returned<'c> {
    /// The same with a contradicting fact.
    pub(super) fn contradicted_by(self, contradiction: Contradiction) -> ReturnedAgainst<'c> {
        ReturnedAgainst(self, contradiction)
    }
}

/// The result of a call, and a fact that contradicts it.
pub(super) struct ReturnedAgainst<'c>(Returned<'c>, Contradiction);

impl From<ReturnedAgainst<'_>> for Observation {
    fn from(ReturnedAgainst(returned, contradiction): ReturnedAgainst<'_>) -> Self {
        Self::Contradicted(returned.into(), contradiction)
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
    /// The result of the call, if it was observed.
    pub fn answer(&self) -> Option<&CallResult> {
        match self {
            Self::Answered(answer) | Self::Contradicted(answer, _) => Some(answer),
            _ => None,
        }
    }

    /// The observed record, if there is one.
    pub(crate) fn record(&self) -> Option<&RecordSeen> {
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

impl fmt::Display for CallResult {
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
    answer: &CallResult,
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
