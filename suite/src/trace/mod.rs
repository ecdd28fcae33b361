//! The trace of a case: an entry for each action, with what the call returned, the error state that
//! it left (error class, error queue, errno) and the records that it sent.
//!
//! A trace is plain data, independent of any library. It holds no key material, address, time or
//! random length, so the same case always gives the same trace.

mod content;
mod digest;
mod evidence;
mod message;
mod queue;
mod record;
mod stream;
mod text;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use content::BytePattern;
pub(crate) use content::{Content, Segment, VACATED};
pub(crate) use evidence::{Argument, Attempt, Setting, Verb};
pub use evidence::{Asked, Interface};
pub(crate) use message::{AlertSeen, MessageKind, MessageSeen};
pub use queue::QueueEntry;
pub use record::Body;
pub(crate) use record::{Flaw, Portion, Protection, RecordSeen, assign};
pub(crate) use stream::Stream;

use crate::limits::Limit;
use crate::transport::{Errno, Mark, Traffic};

/// Everything that happened in one case.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Trace {
    /// The setting of the case; `None` for a trace that was built by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setting: Option<Setting>,
    /// What was done, in order.
    pub entries: Vec<Entry>,
    /// Side effects of the library on its process that were not requested, as in
    /// `wrote to standard output`. They are seen only if the library runs in a process of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) side_effects: Vec<String>,
    /// What was left out after the trace was judged; `None` if it is complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) left_out: Option<LeftOut>,
}

/// The size of a trace before it was shortened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LeftOut {
    /// The number of entries left out.
    pub(crate) entries: usize,
    /// The number of records left out, including those of the entries left out.
    pub(crate) records: usize,
    /// [`Trace::digest`] of the complete trace.
    digest: String,
}

/// One action and its result.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    /// The step of the scenario to which this belongs, counted from 1. A step can have several
    /// entries.
    pub step: usize,
    /// What was done, as in `write 20000`.
    pub action: String,
    /// The result.
    pub result: Outcome,
    /// Records, or parts of them, that the library under test sent during the action.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<RecordSeen>,
    /// Records that the peer sent during the action.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peer_sent: Vec<RecordSeen>,
    /// Records of the peer whose last byte the library under test read from the transport during
    /// the action. It may not have processed them yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taken: Vec<RecordSeen>,
    /// What was asked of the library, in the form that a judge needs.
    #[serde(default, skip_serializing_if = "Asked::is_nothing")]
    pub asked: Asked,
    /// How the transport treated the call, if known; for a handshake step, which makes many calls,
    /// the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<Traffic>,
    /// Whether the call changed the caller's bytes that it was given to write.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub caller_buffer_modified: bool,
    /// The start of the stretch of the wire that belongs to this entry. It is not compared, because
    /// lengths of handshake messages differ from run to run.
    #[serde(skip)]
    pub from: Mark,
    /// The end of that stretch.
    #[serde(skip)]
    pub to: Mark,
    /// The number of the peer's bytes that the library had read from the transport at the end of
    /// the action.
    #[serde(skip)]
    pub taken_to: usize,
    /// Whether the records of this entry are shown. The records of a complete handshake are not.
    #[serde(skip)]
    pub wire: Shown,
}

impl Entry {
    /// An entry at the start of the wire without any traffic.
    pub fn new(step: usize, action: String, result: Outcome) -> Self {
        Self {
            step,
            action,
            result,
            sent: Vec::new(),
            peer_sent: Vec::new(),
            taken: Vec::new(),
            asked: Asked::Nothing,
            traffic: None,
            caller_buffer_modified: false,
            from: Mark::default(),
            to: Mark::default(),
            taken_to: 0,
            wire: Shown::Records,
        }
    }

    /// The size of the entry for the limit of a trace: one for itself, and one for each of its
    /// records.
    fn weight(&self) -> usize {
        1 + self.records()
    }

    fn records(&self) -> usize {
        self.sent.len() + self.peer_sent.len() + self.taken.len()
    }

    /// Keeps at most `most` records, counted over all three kinds.
    fn shorten(&mut self, most: usize) {
        let mut left = most;
        for records in [&mut self.sent, &mut self.peer_sent, &mut self.taken] {
            records.truncate(left);
            left -= records.len();
        }
    }
}

/// Whether the records of an entry belong to the trace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shown {
    /// They do.
    #[default]
    Records,
    /// They do not: they are the flights of a handshake that an explicit step completed, whose
    /// layout says nothing about writing.
    Nothing,
}

/// The result of one action.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Done, without a result to show.
    Done,
    /// The library under test was called and returned.
    Call(Call),
    /// Functions of the library under test returned these numbers, in this order.
    Observed(Vec<Observed>),
    /// The library under test has no such operation; the case ends here.
    Unsupported(String),
    /// The library under test is written in Rust and panicked with this message; the case ends
    /// here.
    Panicked(String),
    /// The library under test ended its process, by this signal or in this way; the case ends here.
    Crashed(String),
    /// The library under test did not return, and was stopped for this reason; the case ends here.
    Hung(String),
    /// The suite stopped the case here, because the library did more than any case needs. The
    /// result of the call, if one was made, is not the library's own.
    Stopped(Limit),
    /// The peer did something.
    Peer(PeerReport),
    /// There was nothing to do, for this reason.
    Nothing(String),
}

/// The suffix of [`Outcome::Crashed`] if the library touched the inaccessible page after the bytes
/// of a write, and that ended its process. It is only known for a library in a process of its own.
pub(crate) const TOUCHED_GUARD: &str = "touched the page behind the bytes of a write";

impl Outcome {
    /// Whether the library ended the case here: it did not return from the call, or had to be
    /// stopped.
    pub(crate) fn is_end(&self) -> bool {
        matches!(
            self,
            Self::Crashed(_) | Self::Hung(_) | Self::Panicked(_) | Self::Stopped(_)
        )
    }
}

/// The number that a function of the library returned: one that makes no transport call and changes nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// The C name of the function.
    pub(crate) function: String,
    /// The number.
    pub(crate) number: i64,
}

/// What one call of the library under test returned, and the error state that it left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The return value; for a library with another interface, what `SSL_write` would return.
    pub ret: i64,
    /// The number of bytes that the call stored: `None` for a function without such an argument
    /// (`SSL_write`), `Untouched` if it stored nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub written: Option<Stored>,
    /// `SSL_get_error`.
    pub error: ErrorClass,
    /// `SSL_want`, where the library has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub want: Option<Want>,
    /// The whole error queue, oldest first.
    pub queue: Vec<QueueEntry>,
    /// errno after a call that failed (it is 0 before the call), where the library uses it. After a
    /// success errno has no meaning (errno(3)).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errno: Option<Errno>,
    /// The data that a read delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Content>,
}

impl Call {
    /// A successful call with this return value and an empty error state.
    pub fn success(ret: i64) -> Self {
        Self {
            ret,
            written: None,
            error: ErrorClass::None,
            want: None,
            queue: Vec::new(),
            errno: None,
            data: None,
        }
    }

    /// A call that failed with -1 and this class.
    pub fn failure(error: ErrorClass) -> Self {
        Self {
            error,
            ..Self::success(-1)
        }
    }

    /// A call that failed with -1, from the values of a binding: the number from `SSL_get_error`,
    /// the entries of the error queue, oldest first ([`QueueEntry::of`]), and the transport's
    /// error, if known.
    pub fn failed(number: i32, queue: Vec<QueueEntry>, errno: Option<Errno>) -> Self {
        Self {
            queue,
            errno,
            ..Self::failure(ErrorClass::from_number(number))
        }
    }

    /// The number of bytes that the call reports as written, if it succeeded.
    pub(crate) fn accepted(&self) -> Option<usize> {
        match (self.ret, self.written) {
            (1, Some(Stored::Bytes(bytes))) => Some(bytes),
            (_, Some(_)) => None,
            (ret, None) => usize::try_from(ret).ok().filter(|&bytes| bytes > 0),
        }
    }
}

/// What a call stored through its pointer to a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stored {
    /// This number.
    Bytes(usize),
    /// Nothing: the earlier value is unchanged.
    Untouched,
}

impl fmt::Display for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{bytes}"),
            Self::Untouched => f.write_str("nothing"),
        }
    }
}

/// The result of `SSL_get_error(3)` for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorClass {
    /// `SSL_ERROR_NONE`.
    None,
    /// `SSL_ERROR_SSL`: a protocol error, usually fatal.
    Ssl,
    /// `SSL_ERROR_WANT_READ`: retry once there is something to read.
    WantRead,
    /// `SSL_ERROR_WANT_WRITE`: retry once the transport accepts more.
    WantWrite,
    /// `SSL_ERROR_SYSCALL`: a fatal failure of the transport.
    Syscall,
    /// `SSL_ERROR_ZERO_RETURN`: the peer has closed for writing.
    ZeroReturn,
    /// Any other number.
    Other(i32),
}

impl ErrorClass {
    /// From the number in `openssl/ssl.h`. All libraries of the `libssl` kind agree on the numbers
    /// up to 8, and a write without callbacks gives no other; above 8, OpenSSL and BoringSSL
    /// differ.
    pub(crate) fn from_number(number: i32) -> Self {
        match number {
            0 => Self::None,
            1 => Self::Ssl,
            2 => Self::WantRead,
            3 => Self::WantWrite,
            5 => Self::Syscall,
            6 => Self::ZeroReturn,
            other => Self::Other(other),
        }
    }

    /// Whether the same call has to be retried later.
    pub(crate) fn is_retry(self) -> bool {
        matches!(self, Self::WantRead | Self::WantWrite)
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("NONE"),
            Self::Ssl => f.write_str("SSL"),
            Self::WantRead => f.write_str("WANT_READ"),
            Self::WantWrite => f.write_str("WANT_WRITE"),
            Self::Syscall => f.write_str("SYSCALL"),
            Self::ZeroReturn => f.write_str("ZERO_RETURN"),
            Self::Other(number) => write!(f, "error {number}"),
        }
    }
}

/// What the library waits for according to `SSL_want(3)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Want {
    /// `SSL_NOTHING`.
    Nothing,
    /// `SSL_WRITING`.
    Writing,
    /// `SSL_READING`.
    Reading,
    /// Any other number.
    Other(i32),
}

impl Want {
    /// From OpenSSL's number (`openssl/ssl.h`). BoringSSL has other numbers, which its backend
    /// translates.
    pub(crate) fn from_number(number: i32) -> Self {
        match number {
            1 => Self::Nothing,
            2 => Self::Writing,
            3 => Self::Reading,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for Want {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Writing => f.write_str("writing"),
            Self::Reading => f.write_str("reading"),
            Self::Other(number) => write!(f, "{number}"),
        }
    }
}

/// What the peer saw during an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerReport {
    /// The data that it read, if it was asked to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<Content>,
    /// How the operation ended, if not simply done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) end: Option<PeerEnd>,
}

/// How an operation of the peer ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum PeerEnd {
    /// The library under test has sent close_notify.
    CloseNotify,
    /// It failed; the peer's error queue, oldest entry first.
    Failed(Vec<String>),
}

impl Trace {
    /// Why the library under test could not run the complete case, if so.
    pub fn unsupported(&self) -> Option<&str> {
        self.entries.iter().find_map(|entry| match &entry.result {
            Outcome::Unsupported(reason) => Some(reason.as_str()),
            _ => None,
        })
    }

    /// The entry in which the library under test crashed, panicked, hung or was stopped, if it did.
    pub fn end(&self) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.result.is_end())
    }

    /// The limit at which the case was stopped, if it was.
    pub(crate) fn stopped(&self) -> Option<Limit> {
        match self.end()?.result {
            Outcome::Stopped(limit) => Some(limit),
            _ => None,
        }
    }

    /// Keeps the first `most` entries and records, and the entry with which the library ended the
    /// case.
    pub fn shorten(&mut self, most: usize) {
        if self.entries.iter().map(Entry::weight).sum::<usize>() <= most {
            return;
        }
        let digest = self.digest();
        let records = |entries: &[Entry]| entries.iter().map(Entry::records).sum::<usize>();
        let (entries_before, records_before) = (self.entries.len(), records(&self.entries));
        let end = self.entries.pop_if(|entry| entry.result.is_end());
        let mut left = most.saturating_sub(usize::from(end.is_some()));
        let mut kept = 0;
        while let (Some(entry), 1..) = (self.entries.get_mut(kept), left) {
            entry.shorten(left - 1);
            left -= entry.weight();
            kept += 1;
        }
        self.entries.truncate(kept);
        self.entries.extend(end.map(|mut end| {
            end.shorten(0);
            end
        }));
        let before = self.left_out.take();
        let (entries, records_of_before, digest) = match before {
            Some(before) => (before.entries, before.records, before.digest),
            None => (0, 0, digest),
        };
        self.left_out = Some(LeftOut {
            entries: entries + entries_before - self.entries.len(),
            records: records_of_before + records_before - records(&self.entries),
            digest,
        });
    }

    /// SHA-256 over the values of the trace, in hexadecimal, so that two runs can be compared. Names of fields and variants
    /// do not count. How the transport treated each call is left out: where it is not known, the result can be the same.
    pub fn digest(&self) -> String {
        if let Some(left_out) = &self.left_out {
            return left_out.digest.clone();
        }
        let mut compared = self.clone();
        for entry in &mut compared.entries {
            entry.traffic = None;
        }
        digest::of(&compared)
    }
}

/// SHA-256 over the values of `value`, in hexadecimal; the names of its fields do not count.
pub(crate) fn digest_of(value: &impl Serialize) -> String {
    digest::of(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> RecordSeen {
        RecordSeen {
            body: Body::Garbage,
            portion: Portion::Whole,
            now: None,
            so_far: None,
            flaws: Vec::new(),
        }
    }

    fn trace(entries: usize, records: usize) -> Trace {
        let entry = Entry {
            sent: vec![record(); records],
            ..Entry::new(1, "write 1".to_owned(), Outcome::Done)
        };
        Trace {
            entries: vec![entry; entries],
            ..Trace::default()
        }
    }

    #[test]
    fn short_trace_is_not_shortened() {
        let mut short = trace(2, 4);
        short.shorten(10);
        assert_eq!(short.left_out, None);
    }

    #[test]
    fn shortened_trace_reports_what_is_missing_and_keeps_the_full_digest() {
        let mut long = trace(10, 4);
        let end = Entry::new(2, "write 1".to_owned(), Outcome::Stopped(Limit::Calls(9)));
        long.entries.push(end);
        let whole = long.digest();
        for most in [9, 1] {
            long.shorten(most);
            let left_out = long.left_out.clone().expect("much is missing");
            let records: usize = long.entries.iter().map(|entry| entry.sent.len()).sum();
            assert_eq!(left_out.entries + long.entries.len(), 11);
            assert_eq!(left_out.records + records, 40);
            assert!(long.entries.len() + records <= most);
            assert_eq!(long.digest(), whole);
            let last = long.entries.last().expect("entries");
            assert!(last.result.is_end(), "how it ended stays");
        }
        let text = long.to_string();
        assert!(
            text.ends_with("  … 10 entries and 40 records more\n"),
            "{text}"
        );
    }
}
