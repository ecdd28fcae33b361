//! The text of a trace, for people and for snapshots.
//!
//! ```text
//!   write 20000                       -1  WANT_WRITE
//!       wire  application_data 16384 plaintext (16413 on the wire, 100 sent so far)
//! ```
//!
//! Each entry is a line: the action, the return value, the error class, and then the number stored
//! by `SSL_write_ex`, the error queue, errno and `SSL_want` where they are not the usual ones for
//! that class. The records follow, one line each. Repeated lines are folded (`x 12`), and text
//! longer than any correct library produces is truncated.

use std::fmt::{self, Write as _};

use super::{
    Call, Entry, ErrorClass, LeftOut, Observed, Outcome, PeerEnd, PeerReport, Portion, QueueEntry,
    RecordSeen, Stored, Trace, Want,
};
use crate::limits::{LINE, shortened};
use crate::transport::Errno;

/// Columns before the return value.
const ACTION_WIDTH: usize = 34;

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for fold in self.folds() {
            write_fold(f, fold)?;
        }
        if let Some(LeftOut {
            entries, records, ..
        }) = self.left_out
        {
            writeln!(f, "  … {entries} entries and {records} records more")?;
        }
        for what in &self.side_effects {
            writeln!(f, "  the library {what}")?;
        }
        Ok(())
    }
}

impl Trace {
    /// The entries, those that look alike together: each of these is one line.
    pub(crate) fn folds(&self) -> impl Iterator<Item = &[Entry]> {
        self.entries.chunk_by(Entry::folds_into)
    }
}

impl Entry {
    /// Whether two entries look the same except for how much of a record has been sent.
    fn folds_into(&self, first: &Self) -> bool {
        self.step == first.step
            && self.action == first.action
            && self.result == first.result
            && alike(&self.sent, &first.sent)
            && alike(&self.peer_sent, &first.peer_sent)
    }
}

fn alike(a: &[RecordSeen], b: &[RecordSeen]) -> bool {
    let like = |(a, b): (&RecordSeen, &RecordSeen)| {
        let goes_on = a.portion == Portion::Middle && b.portion == Portion::Middle;
        a == b || (goes_on && a.body == b.body && a.now == b.now)
    };
    a.len() == b.len() && a.iter().zip(b).all(like)
}

/// Writes entries that look the same as one; the records are those of the last, which has the most
/// of them sent.
fn write_fold(f: &mut fmt::Formatter<'_>, fold: &[Entry]) -> fmt::Result {
    let Some(entry) = fold.last() else {
        return Ok(());
    };
    // A longer action moves its result: two spaces end an action.
    let width = ACTION_WIDTH.max(entry.action.chars().count() + 2);
    let mut line = format!("  {:width$}{}", entry.action, entry.result);
    if fold.len() > 1 {
        // Writing to a string cannot fail.
        let _ = write!(line, "  x {}", fold.len());
    }
    writeln!(f, "{}", shortened(line.trim_end(), LINE))?;
    write_records(f, "wire", &entry.sent)?;
    write_records(f, "from peer", &entry.peer_sent)
}

fn write_records(f: &mut fmt::Formatter<'_>, whose: &str, records: &[RecordSeen]) -> fmt::Result {
    for run in records.chunk_by(PartialEq::eq) {
        let record = run[0].to_string();
        write!(f, "      {whose}  {}", shortened(&record, LINE))?;
        if run.len() > 1 {
            write!(f, "  x {}", run.len())?;
        }
        writeln!(f)?;
    }
    Ok(())
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Done => Ok(()),
            Self::Call(call) => call.fmt(f),
            Self::Observed(numbers) => {
                let numbers: Vec<String> = numbers.iter().map(Observed::to_string).collect();
                f.write_str(&numbers.join(", "))
            }
            Self::Unsupported(what) => write!(f, "not supported: {what}"),
            Self::Panicked(message) => write!(f, "panicked: {message}"),
            Self::Crashed(how) => write!(f, "crashed: {how}"),
            Self::Hung(why) => write!(f, "hung: {why}"),
            Self::Stopped(limit) => write!(f, "stopped {limit}"),
            Self::Peer(report) => report.fmt(f),
            Self::Nothing(why) => f.write_str(why),
        }
    }
}

impl fmt::Display for Observed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.function, self.number)
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<5} {}", self.ret, self.error)?;
        match self.written {
            Some(Stored::Bytes(bytes)) => write!(f, "  written {bytes}")?,
            Some(Stored::Untouched) => f.write_str("  written untouched")?,
            None => {}
        }
        if !self.queue.is_empty() {
            write!(f, "  {}", QueueEntry::joined(&self.queue))?;
        }
        let empty = self.queue.is_empty();
        match (self.error, self.shown_errno()) {
            (ErrorClass::Syscall, Some(errno)) if empty => {
                write!(f, "  (queue empty, errno {errno})")?;
            }
            (ErrorClass::Ssl | ErrorClass::Syscall, None) if empty => {
                f.write_str("  (queue empty)")?
            }
            (_, Some(errno)) => write!(f, "  errno {errno}")?,
            _ => {}
        }
        match self.want {
            Some(want) if want != self.error.usual_want() => write!(f, "  want {want}")?,
            _ => {}
        }
        match &self.data {
            Some(data) => write!(f, "  {data}"),
            None => Ok(()),
        }
    }
}

impl Call {
    /// errno, if the text of the call shows it: where it is not the usual one of the class, and where nothing else says
    /// why the call failed.
    pub(crate) fn shown_errno(&self) -> Option<Errno> {
        let is_all = self.error == ErrorClass::Syscall && self.queue.is_empty();
        self.errno
            .filter(|errno| is_all || *errno != self.error.usual_errno())
    }

    /// errno, or its usual value for the class if the library has none.
    pub(crate) fn errno_or_usual(&self) -> Errno {
        self.errno.unwrap_or(self.error.usual_errno())
    }

    /// `SSL_want`, or its usual value for the class if the library has none.
    pub(crate) fn want_or_usual(&self) -> Want {
        self.want.unwrap_or(self.error.usual_want())
    }
}

impl ErrorClass {
    /// The usual errno of the class: a transport that would block leaves `EAGAIN`.
    pub(crate) fn usual_errno(self) -> Errno {
        match self {
            Self::WantRead | Self::WantWrite => Errno::AGAIN,
            _ => Errno::NONE,
        }
    }

    /// The usual `SSL_want` of the class.
    pub(crate) fn usual_want(self) -> Want {
        match self {
            Self::WantRead => Want::Reading,
            Self::WantWrite => Want::Writing,
            _ => Want::Nothing,
        }
    }
}

impl fmt::Display for PeerReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let read = self.read.as_ref().map(ToString::to_string);
        let end = self.end.as_ref().map(ToString::to_string);
        let parts: Vec<String> = read.into_iter().chain(end).collect();
        f.write_str(&parts.join(", then "))
    }
}

impl fmt::Display for PeerEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CloseNotify => f.write_str("close_notify"),
            Self::Failed(reasons) if reasons.is_empty() => f.write_str("an error without a reason"),
            Self::Failed(reasons) => write!(f, "an error: {}", reasons.join(", ")),
        }
    }
}
