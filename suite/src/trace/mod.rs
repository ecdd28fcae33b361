//! What happened: a trace has an entry for each thing that was done in a case, with what the call
//! returned, what it left behind (error class, error queue, errno) and which records it put onto
//! the wire.
//!
//! A trace is data and holds no key material, address, time or length that a random number decides,
//! so that the same case gives the same trace every time. Knows no library.

mod content;
mod evidence;
mod message;
mod queue;
mod record;
mod stream;
mod text;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

pub use content::{Content, Pattern, Segment, VACATED};
pub use evidence::{Argument, Asked, Attempt, Interface, Setting, Verb};
pub use message::{AlertSeen, MessageKind, MessageSeen};
pub use queue::QueueEntry;
pub use record::{Body, Flaw, Portion, Protection, RecordSeen, assign};
pub use stream::Stream;

use crate::limits::Limit;
use crate::transport::{Errno, Mark, Traffic};

/// Everything that happened in one case.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Trace {
    /// How the case was set up; nothing for a trace that was put together by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setting: Option<Setting>,
    /// What was done, in order.
    pub entries: Vec<Entry>,
    /// What the library did to its process beside what it was asked for, as in `wrote to standard
    /// output`. Only seen where it has a process of its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub side_effects: Vec<String>,
    /// What was left out once the trace had been judged; nothing if it is whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_out: Option<LeftOut>,
}

/// What a trace had before it was shortened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// How many entries were left out.
    pub entries: usize,
    /// How many records were left out, those of the entries that were among them.
    pub records: usize,
    /// [`Trace::digest`] of the whole.
    digest: String,
}

/// One thing that was done, and what came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    /// Which step of the scenario this belongs to, counted from 1. A step can have several entries.
    pub step: usize,
    /// What was done, as in `write 20000`.
    pub action: String,
    /// What came of it.
    pub result: Outcome,
    /// Records, or parts of them, that the library under test put onto the wire meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<RecordSeen>,
    /// Records that the peer put onto the wire meanwhile.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub peer_sent: Vec<RecordSeen>,
    /// Records of the peer whose last byte the library under test took from the transport meanwhile. That
    /// it has read them does not say that it has looked at them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taken: Vec<RecordSeen>,
    /// What was done, as a judge has to know it.
    #[serde(default, skip_serializing_if = "Asked::is_nothing")]
    pub asked: Asked,
    /// How the transport treated the call, where that is known; of the many calls of a handshake step,
    /// the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub traffic: Option<Traffic>,
    /// Whether the call changed the bytes that it was to write, which are the caller's.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub caller_buffer_modified: bool,
    /// Which stretch of the wire belongs to this entry; lengths of handshake messages differ from
    /// run to run, so this is no part of what is compared.
    #[serde(skip)]
    pub from: Mark,
    /// The end of that stretch.
    #[serde(skip)]
    pub to: Mark,
    /// How many bytes of the peer the library had taken from the transport in the end.
    #[serde(skip)]
    pub taken_to: usize,
    /// Whether the records of this entry are shown: a whole handshake is summed up by its result.
    #[serde(skip)]
    pub wire: Shown,
}

impl Entry {
    /// An entry during which nothing went over the wire, at its beginning.
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

    /// How much of a trace it is: itself, and its records.
    fn weight(&self) -> usize {
        1 + self.records()
    }

    fn records(&self) -> usize {
        self.sent.len() + self.peer_sent.len() + self.taken.len()
    }

    /// Leaves out what comes after so many records of each kind together.
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
    /// They do not: they are the flights of a handshake that an explicit step drove from end to
    /// end, whose layout says nothing about writing.
    Nothing,
}

/// What came of one thing that was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Done; there is nothing to tell.
    Done,
    /// The library under test was called and returned.
    Call(Call),
    /// Functions of the library under test returned these numbers, in this order.
    Observed(Vec<Observed>),
    /// The library under test has no such operation; the case ends here.
    Unsupported(String),
    /// The library under test is written in Rust and panicked, with this message; the case ends here.
    Panicked(String),
    /// The library under test ended its process, by this signal or in this way; the case ends here.
    Crashed(String),
    /// The library under test did not come back, and was stopped, for this reason; the case ends here.
    Hung(String),
    /// The suite stopped the case here, as the library did more than any case needs; what the call came to, if it was
    /// made, is not the library's own.
    Stopped(Limit),
    /// The peer did something.
    Peer(PeerReport),
    /// There was nothing to do, and why.
    Nothing(String),
}

/// Ends the words of [`Outcome::Crashed`] if the library touched the inaccessible page behind the bytes of a write
/// that the suite had given it, and that was its end. It is only known of a library in a process of its own.
pub const TOUCHED_GUARD: &str = "touched the page behind the bytes of a write";

impl Outcome {
    /// Whether the case ended here by the library's doing: it did not return from the call, or had to be stopped.
    pub fn is_end(&self) -> bool {
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
    pub function: String,
    /// The number.
    pub number: i64,
}

/// What one call of the library under test returned and left behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call {
    /// The return value; for a library with another interface, what `SSL_write` would return.
    pub ret: i64,
    /// What the call stored as number of bytes: nothing for a function without such an argument
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
    /// errno after a call that did not succeed (0 before it), where the library uses it; after a
    /// success it says nothing (errno(3)).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub errno: Option<Errno>,
    /// What a read delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<Content>,
}

impl Call {
    /// A call that succeeded with this return value and left nothing behind.
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

    /// A call that failed with -1, as a binding tells it: what `SSL_get_error` said, the entries of the
    /// error queue, oldest first ([`QueueEntry::of`]), and the transport's error, where it is known.
    pub fn failed(number: i32, queue: Vec<QueueEntry>, errno: Option<Errno>) -> Self {
        Self {
            queue,
            errno,
            ..Self::failure(ErrorClass::from_number(number))
        }
    }

    /// How many bytes the call says were written, if it succeeded.
    pub fn accepted(&self) -> Option<usize> {
        match (self.ret, self.written) {
            (1, Some(Stored::Bytes(bytes))) => Some(bytes),
            (_, Some(_)) => None,
            (ret, None) => usize::try_from(ret).ok().filter(|&bytes| bytes > 0),
        }
    }
}

/// What a call stored through a pointer to a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stored {
    /// This number.
    Bytes(usize),
    /// Nothing: what stood there before still stands.
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

/// What `SSL_get_error(3)` says of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ErrorClass {
    /// `SSL_ERROR_NONE`.
    None,
    /// `SSL_ERROR_SSL`: a protocol error, mostly fatal.
    Ssl,
    /// `SSL_ERROR_WANT_READ`: again, once there is something to read.
    WantRead,
    /// `SSL_ERROR_WANT_WRITE`: again, once the transport takes more.
    WantWrite,
    /// `SSL_ERROR_SYSCALL`: the transport failed, fatally.
    Syscall,
    /// `SSL_ERROR_ZERO_RETURN`: the peer has closed for writing.
    ZeroReturn,
    /// Any other number.
    Other(i32),
}

impl ErrorClass {
    /// From the number of `openssl/ssl.h`: the same in all libraries of the `libssl` kind up to 8, which is
    /// all that a write can answer without callbacks; above, OpenSSL and BoringSSL mean other things.
    pub fn from_number(number: i32) -> Self {
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

    /// Whether the same call is to be repeated later.
    pub fn is_retry(self) -> bool {
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

/// What `SSL_want(3)` says that the library waits for.
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
    /// From the number of OpenSSL (`openssl/ssl.h`); BoringSSL has others, which its backend translates.
    pub fn from_number(number: i32) -> Self {
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

/// What the peer saw when it did something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerReport {
    /// What it read, when it was to read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub read: Option<Content>,
    /// How it ended, if there is more to say than that it is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end: Option<PeerEnd>,
}

/// How something that the peer did ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PeerEnd {
    /// The library under test has sent close_notify.
    CloseNotify,
    /// It failed; the peer's error queue, oldest entry first.
    Failed(Vec<String>),
}

impl Trace {
    /// Why the library under test could not go through the whole case, if so.
    pub fn unsupported(&self) -> Option<&str> {
        self.entries.iter().find_map(|entry| match &entry.result {
            Outcome::Unsupported(reason) => Some(reason.as_str()),
            _ => None,
        })
    }

    /// The entry that tells that the library under test crashed, panicked, hung or was stopped, if it did.
    pub fn end(&self) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.result.is_end())
    }

    /// The limit at which the case was stopped, if it was.
    pub fn stopped(&self) -> Option<Limit> {
        match self.end()?.result {
            Outcome::Stopped(limit) => Some(limit),
            _ => None,
        }
    }

    /// The entries of each step.
    pub fn steps(&self) -> BTreeMap<usize, Vec<&Entry>> {
        let mut steps: BTreeMap<usize, Vec<&Entry>> = BTreeMap::new();
        for entry in &self.entries {
            steps.entry(entry.step).or_default().push(entry);
        }
        steps
    }

    /// Leaves out what comes after so many entries and records, but for the entry with which the case ended by the library's
    /// doing.
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

    /// SHA-256 over the trace, in hexadecimal, so that two runs can be compared. How the transport treated
    /// each call is left out: where it is not known, what came of it can be the same.
    pub fn digest(&self) -> String {
        if let Some(left_out) = &self.left_out {
            return left_out.digest.clone();
        }
        let mut compared = self.clone();
        for entry in &mut compared.entries {
            entry.traffic = None;
        }
        let mut hash = Sha256::new();
        // Writing JSON into a hash can only fail if serialising does, and nothing here can.
        serde_json::to_writer(HashWriter(&mut hash), &compared).unwrap_or_default();
        base16ct::lower::encode_string(&hash.finalize())
    }
}

struct HashWriter<'a>(&'a mut Sha256);

impl std::io::Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
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
    fn a_trace_that_is_short_enough_stays_as_it_is() {
        let mut short = trace(2, 4);
        short.shorten(10);
        assert_eq!(short.left_out, None);
    }

    #[test]
    fn a_shortened_trace_says_what_is_missing_and_has_the_digest_of_the_whole() {
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
