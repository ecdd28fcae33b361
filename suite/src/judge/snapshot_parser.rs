//! Reads a recorded trace back: in flows the text that a [`Trace`](crate::trace::Trace) is shown as,
//! out flow its lines, each with what was done, what came of it, and the records under it.
//!
//! ```text
//!   retry 50                          -1    SSL  ssl:bad length
//! ```

use crate::trace::ErrorClass;

/// Columns before what came of it, the indent left out: as a trace is written.
const ACTION_WIDTH: usize = 34;

/// One line of a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line<'t> {
    /// What was done, as in `retry 1000 moved`.
    pub(super) action: &'t str,
    /// What came of it.
    pub(super) told: LineResult<'t>,
    /// The records that the library put onto the wire meanwhile.
    pub(super) sent: Vec<&'t str>,
}

/// What came of something that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LineResult<'t> {
    /// The library was called.
    Call(Returned<'t>),
    /// It was not called, because the write had succeeded.
    NotNeeded,
    /// It has no such operation: the case ended here.
    Unsupported,
    /// It panicked: the case ended here.
    Panicked,
    /// Anything else, such as what the peer read; empty if there is nothing to tell.
    Other(&'t str),
}

/// What a call returned and left behind.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Returned<'t> {
    pub(super) ret: &'t str,
    /// `SSL_get_error`.
    pub(super) error: &'t str,
    /// The number that it stored.
    pub(super) written: Option<&'t str>,
    /// The error queue, oldest first.
    pub(super) queue: Vec<&'t str>,
    /// errno, where it is told and not 0.
    pub(super) errno: Option<&'t str>,
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
        let (action, result) = columns(text.trim_start());
        lines.push(Line {
            action,
            told: LineResult::read(result),
            sent: Vec::new(),
        });
    }
    lines
}

/// What was done and what came of it. A longer action than the column holds has nothing to tell: so
/// far only what is done to the link is that long.
fn columns(line: &str) -> (&str, &str) {
    match line.split_at_checked(ACTION_WIDTH) {
        Some((action, result)) if action.ends_with(' ') => (action.trim_end(), result),
        _ => (line, ""),
    }
}

impl<'t> LineResult<'t> {
    fn read(result: &'t str) -> Self {
        match result {
            "not done: the write has succeeded" => Self::NotNeeded,
            text if text.starts_with("not supported: ") => Self::Unsupported,
            text if text.starts_with("panicked: ") => Self::Panicked,
            text => Returned::read(text).map_or(Self::Other(text), Self::Call),
        }
    }
}

impl<'t> Returned<'t> {
    /// Answers nothing for what is not told of a call.
    fn read(result: &'t str) -> Option<Self> {
        let (ret, rest) = result.split_once(' ')?;
        ret.parse::<i64>().ok()?;
        let mut parts = rest.trim_start().split("  ");
        let error = parts.next().filter(|word| is_error_class(word))?;
        let mut returned = Self {
            ret,
            error,
            ..Self::default()
        };
        for part in parts {
            returned.take(part);
        }
        Some(returned)
    }

    fn take(&mut self, part: &'t str) {
        let part = part.trim_start_matches('(').trim_end_matches(')');
        let errno = part.strip_prefix("queue empty, ").unwrap_or(part);
        if let Some(errno) = errno.strip_prefix("errno ") {
            self.errno = Some(errno).filter(|&errno| errno != "0");
        } else if let Some(written) = part.strip_prefix("written ") {
            self.written = Some(written).filter(|&written| written != "untouched");
        } else if part.contains(':') {
            self.queue = part.split(", ").collect();
        }
    }
}

fn is_error_class(word: &str) -> bool {
    /// Past the largest number of `SSL_ERROR_…` that any library has.
    const NUMBERS: std::ops::Range<i32> = 0..100;
    NUMBERS
        .map(ErrorClass::from_number)
        .any(|class| class.to_string() == word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{
        Call, Entry, Outcome, PeerEnd, PeerReport, QueueEntry, Stored, Trace, Want,
    };
    use crate::transport::Errno;

    /// What is read of an entry that was written.
    fn told(action: &str, result: Outcome) -> String {
        let trace = Trace {
            entries: vec![Entry::new(1, action.to_owned(), result)],
            ..Trace::default()
        };
        let text = trace.to_string();
        let lines = lines(&text);
        assert_eq!(lines.len(), 1, "{text}");
        assert_eq!(lines[0].action, action);
        format!("{:?}", lines[0].told)
    }

    fn returned(returned: Returned<'_>) -> String {
        format!("{:?}", LineResult::Call(returned))
    }

    #[test]
    fn a_call_is_read_as_it_was_written() {
        let success = Outcome::Call(Call::success(20000));
        let wanted = Returned {
            ret: "20000",
            error: "NONE",
            ..Returned::default()
        };
        assert_eq!(told("write 20000", success), returned(wanted));
    }

    #[test]
    fn what_a_failed_call_left_behind_is_read() {
        let call = Call {
            ret: 0,
            written: Some(Stored::Untouched),
            queue: QueueEntry::split("system library:EPIPE, ssl:x y"),
            errno: Errno::from_name("EPIPE"),
            want: Some(Want::Writing),
            ..Call::failure(ErrorClass::Syscall)
        };
        let wanted = Returned {
            ret: "0",
            error: "SYSCALL",
            written: None,
            queue: vec!["system library:EPIPE", "ssl:x y"],
            errno: Some("EPIPE"),
        };
        let action = "write with SSL_write_ex 100";
        assert_eq!(told(action, Outcome::Call(call)), returned(wanted));
    }

    #[test]
    fn an_empty_queue_and_no_errno_are_nothing() {
        let call = Call {
            errno: Some(Errno::NONE),
            ..Call::failure(ErrorClass::Syscall)
        };
        let wanted = Returned {
            ret: "-1",
            error: "SYSCALL",
            ..Returned::default()
        };
        assert_eq!(told("write 0", Outcome::Call(call)), returned(wanted));
    }

    #[test]
    fn the_number_that_was_stored_is_read() {
        let call = Call {
            written: Some(Stored::Bytes(0)),
            ..Call::success(1)
        };
        let wanted = Returned {
            ret: "1",
            error: "NONE",
            written: Some("0"),
            ..Returned::default()
        };
        assert_eq!(told("retry 0", Outcome::Call(call)), returned(wanted));
    }

    #[test]
    fn an_unknown_error_class_is_one_all_the_same() {
        let call = Outcome::Call(Call::failure(ErrorClass::Other(42)));
        let wanted = Returned {
            ret: "-1",
            error: "error 42",
            ..Returned::default()
        };
        assert_eq!(told("write 1", call), returned(wanted));
    }

    #[test]
    fn what_ends_a_case_or_was_not_done_is_no_call() {
        let unsupported = Outcome::Unsupported("renegotiation".to_owned());
        assert_eq!(told("renegotiate", unsupported), "Unsupported");
        assert_eq!(
            told("write 1", Outcome::Panicked("1 NONE".to_owned())),
            "Panicked"
        );
        let not_done = Outcome::Nothing("not done: the write has succeeded".to_owned());
        assert_eq!(told("retry 1", not_done), "NotNeeded");
        let peer = Outcome::Peer(PeerReport {
            read: None,
            end: Some(PeerEnd::CloseNotify),
        });
        assert_eq!(told("peer read", peer), "Other(\"close_notify\")");
        assert_eq!(
            told("link accept 100, then zero with retry", Outcome::Done),
            "Other(\"\")"
        );
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
