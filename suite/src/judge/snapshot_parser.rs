//! Reads the text of a trace back: its lines, each with the action, its typed result, and the records that were sent. The
//! behaviour table and the recordings use it, so that only this module knows the columns.
//!
//! ```text
//!   retry 50                          -1    SSL  ssl:bad length
//! ```

use crate::trace::{Call, Entry, ErrorClass, Outcome, QueueEntry, Stored, Trace};
use crate::transport::Errno;

/// One line of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line<'t> {
    /// The action, as in `retry 1000 moved`.
    pub(super) action: &'t str,
    /// Its result.
    pub(super) result: LineResult<'t>,
    /// The records that the library sent during the action.
    pub(super) sent: Vec<&'t str>,
}

/// The result of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LineResult<'t> {
    /// The library was called.
    Call(ReturnedValues),
    /// It was not called, because the write had succeeded.
    NotNeeded,
    /// It has no such operation: the case ended here.
    Unsupported,
    /// It panicked: the case ended here.
    Panicked,
    /// It ended its process: the case ended here.
    Crashed,
    /// Anything else, such as the data that the peer read; empty if there is nothing to show.
    Other(&'t str),
}

/// The values that a call returned and left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ReturnedValues {
    pub(super) ret: i64,
    /// `SSL_get_error`.
    pub(super) error: ErrorClass,
    /// The number that it stored, if the function stores one.
    pub(super) written: Option<Stored>,
    /// The error queue, oldest first.
    pub(super) queue: Vec<QueueEntry>,
    /// errno, where it is shown and not 0.
    pub(super) errno: Option<Errno>,
}

/// Whether the text of this trace reads back as the values that its calls returned.
pub fn is_read_back(trace: &Trace) -> bool {
    let text = trace.to_string();
    let lines = lines(&text);
    let mut entries = trace.folds().filter_map(<[Entry]>::last).zip(&lines);
    entries.all(|(entry, line)| line.action == entry.action && line.result.is_of(&entry.result))
}

/// The lines of a recorded trace, in order.
pub(super) fn lines(trace: &str) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = Vec::new();
    for text in trace.lines() {
        // Records stand deeper than what was done.
        if let Some(record) = text.strip_prefix("      ") {
            if let (Some(line), Some(record)) = (lines.last_mut(), record.strip_prefix("wire  ")) {
                line.sent.push(record);
            }
            continue;
        }
        // Two spaces end an action, and none has two within it.
        let text = text.trim_start();
        let (action, result) = text.split_once("  ").unwrap_or((text, ""));
        lines.push(Line {
            action,
            result: LineResult::read(without_count(result.trim_start())),
            sent: Vec::new(),
        });
    }
    lines
}

/// The result without the `x 12` of lines that repeat.
fn without_count(result: &str) -> &str {
    match result.rsplit_once("  x ") {
        Some((once, count)) if count.parse::<usize>().is_ok() => once,
        _ => result,
    }
}

impl<'t> LineResult<'t> {
    fn read(result: &'t str) -> Self {
        match result {
            "not done: the write has succeeded" => Self::NotNeeded,
            text if text.starts_with("not supported: ") => Self::Unsupported,
            text if text.starts_with("panicked: ") => Self::Panicked,
            text if text.starts_with("crashed: ") => Self::Crashed,
            text => ReturnedValues::read(text).map_or(Self::Other(text), Self::Call),
        }
    }

    /// Whether it is how this outcome is shown.
    fn is_of(&self, outcome: &Outcome) -> bool {
        match outcome {
            Outcome::Call(call) => *self == Self::Call(ReturnedValues::of(call)),
            Outcome::Unsupported(_) => *self == Self::Unsupported,
            Outcome::Panicked(_) => *self == Self::Panicked,
            Outcome::Crashed(_) => *self == Self::Crashed,
            Outcome::Nothing(_) => matches!(self, Self::NotNeeded | Self::Other(_)),
            Outcome::Done
            | Outcome::Observed(_)
            | Outcome::Hung(_)
            | Outcome::Stopped(_)
            | Outcome::Peer(_) => {
                matches!(self, Self::Other(_))
            }
        }
    }
}

impl ReturnedValues {
    /// The values of a call that its text shows.
    fn of(call: &Call) -> Self {
        Self {
            ret: call.ret,
            error: call.error,
            written: call.written,
            queue: call.queue.clone(),
            errno: call.shown_errno().filter(|errno| *errno != Errno::NONE),
        }
    }

    /// Nothing for the text of something else than a call.
    fn read(result: &str) -> Option<Self> {
        let (ret, rest) = result.split_once(' ')?;
        let mut parts = rest.trim_start().split("  ");
        let mut returned = Self {
            ret: ret.parse().ok()?,
            error: parts.next().and_then(error_class)?,
            written: None,
            queue: Vec::new(),
            errno: None,
        };
        for part in parts {
            returned.take(part);
        }
        Some(returned)
    }

    fn take(&mut self, part: &str) {
        let part = part.trim_start_matches('(').trim_end_matches(')');
        let errno = part.strip_prefix("queue empty, ").unwrap_or(part);
        if let Some(errno) = errno.strip_prefix("errno ") {
            self.errno = Errno::parse(errno).filter(|errno| *errno != Errno::NONE);
        } else if let Some(written) = part.strip_prefix("written ") {
            self.written = match written.parse() {
                Ok(bytes) => Some(Stored::Bytes(bytes)),
                Err(_) => Some(Stored::Untouched),
            };
        } else if part.contains(':') {
            self.queue = QueueEntry::split(part);
        }
    }
}

fn error_class(text: &str) -> Option<ErrorClass> {
    /// Past the largest number of `SSL_ERROR_…` that any library has.
    const NUMBERS: std::ops::Range<i32> = 0..100;
    let mut classes = NUMBERS.map(ErrorClass::from_number);
    classes.find(|class| class.to_string() == text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{PeerEnd, PeerReport, Want};

    /// How an entry that was written is read.
    fn read(action: &str, result: Outcome) -> String {
        let trace = Trace {
            entries: vec![Entry::new(1, action.to_owned(), result)],
            ..Trace::default()
        };
        let text = trace.to_string();
        let lines = lines(&text);
        assert_eq!(lines.len(), 1, "{text}");
        assert_eq!(lines[0].action, action);
        format!("{:?}", lines[0].result)
    }

    fn returned(returned: ReturnedValues) -> String {
        format!("{:?}", LineResult::Call(returned))
    }

    #[test]
    fn a_call_is_read_as_it_was_written() {
        let success = Outcome::Call(Call::success(20000));
        let wanted = ReturnedValues::of(&Call::success(20000));
        assert_eq!(read("write 20000", success), returned(wanted));
    }

    #[test]
    fn failed_call_is_read_with_its_queue_and_errno() {
        let call = Call {
            ret: 0,
            written: Some(Stored::Untouched),
            queue: QueueEntry::split("system library:EPIPE, ssl:x y"),
            errno: Errno::from_name("EPIPE"),
            want: Some(Want::Writing),
            ..Call::failure(ErrorClass::Syscall)
        };
        let wanted = ReturnedValues {
            ret: 0,
            error: ErrorClass::Syscall,
            written: Some(Stored::Untouched),
            queue: vec!["system library:EPIPE".into(), "ssl:x y".into()],
            errno: Errno::from_name("EPIPE"),
        };
        let action = "write with SSL_write_ex 100";
        assert_eq!(read(action, Outcome::Call(call)), returned(wanted));
    }

    #[test]
    fn an_empty_queue_and_no_errno_are_nothing() {
        let call = Call {
            errno: Some(Errno::NONE),
            ..Call::failure(ErrorClass::Syscall)
        };
        let wanted = ReturnedValues {
            ret: -1,
            error: ErrorClass::Syscall,
            written: None,
            queue: Vec::new(),
            errno: None,
        };
        assert_eq!(read("write 0", Outcome::Call(call)), returned(wanted));
    }

    #[test]
    fn the_number_that_was_stored_is_read() {
        let call = Call {
            written: Some(Stored::Bytes(0)),
            ..Call::success(1)
        };
        let wanted = ReturnedValues {
            ret: 1,
            error: ErrorClass::None,
            written: Some(Stored::Bytes(0)),
            queue: Vec::new(),
            errno: None,
        };
        assert_eq!(read("retry 0", Outcome::Call(call)), returned(wanted));
    }

    #[test]
    fn an_unknown_error_class_is_one_all_the_same() {
        let call = Outcome::Call(Call::failure(ErrorClass::Other(42)));
        let wanted = ReturnedValues::of(&Call::failure(ErrorClass::Other(42)));
        assert_eq!(read("write 1", call), returned(wanted));
    }

    #[test]
    fn what_ends_a_case_or_was_not_done_is_no_call() {
        let unsupported = Outcome::Unsupported("renegotiation".to_owned());
        assert_eq!(read("renegotiate", unsupported), "Unsupported");
        assert_eq!(
            read("write 1", Outcome::Panicked("1 NONE".to_owned())),
            "Panicked"
        );
        let not_done = Outcome::Nothing("not done: the write has succeeded".to_owned());
        assert_eq!(read("retry 1", not_done), "NotNeeded");
        let peer = Outcome::Peer(PeerReport {
            read: None,
            end: Some(PeerEnd::CloseNotify),
        });
        assert_eq!(read("peer read", peer), "Other(\"close_notify\")");
        for setting in [
            "link accept 100, then zero with retry",
            "inbound deliver 0, then zero with retry",
        ] {
            assert_eq!(read(setting, Outcome::Done), "Other(\"\")");
        }
    }

    #[test]
    fn records_belong_to_the_line_above_them() {
        let text = "  write 1                           1     NONE
      wire  alert warning close_notify
      wire  application_data 1 plaintext (23 on the wire)
      from peer  alert fatal bad_record_mac
  link open";
        let lines = lines(text);
        let wanted = [
            "alert warning close_notify",
            "application_data 1 plaintext (23 on the wire)",
        ];
        assert_eq!(lines[0].sent, wanted);
        assert_eq!(lines[1].sent, [""; 0]);
    }
}
