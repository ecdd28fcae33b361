//! The differences between two traces of one case, aspect by aspect, as data. The same difference
//! is the same value in every scenario, and its text derives from it.
//!
//! A library without errno or `SSL_want` is assumed to have the usual value for the error class.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::limits::{LINE, shortened};
use crate::trace::{
    AlertSeen, Call, Content, Entry, ErrorClass, Outcome, PeerEnd, PeerReport, QueueEntry,
    RecordSeen, Stored, Trace, Want,
};
use crate::transport::Errno;

/// A difference between a trace and the reference's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The step of the scenario, counted from 1.
    pub(crate) step: usize,
    /// The call of the step, counted from 0.
    #[serde(skip)]
    pub(crate) call: usize,
    /// The action, as in the reference's trace.
    pub(crate) action: String,
    /// What differs.
    pub(crate) aspect: Aspect,
    /// The value of the reference.
    pub(crate) reference: Value,
    /// The value of the other trace.
    pub(crate) seen: Value,
    /// The entries, in the reference's trace and in this one.
    #[serde(skip)]
    pub(crate) at: Entries,
    /// For a difference of whole steps, the differences of their first different calls. Later ones
    /// mostly follow from these.
    #[serde(skip)]
    pub(crate) within: Vec<Difference>,
}

/// An entry of each of two traces, counted from 0; if a trace has no such entry, the next one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Entries {
    /// In the reference's trace.
    pub(crate) reference: usize,
    /// In the other one.
    pub(crate) seen: usize,
}

/// The value of an aspect in a trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// A return value.
    Returned(i64),
    /// A number that was stored.
    Stored(Stored),
    /// An error class.
    Class(ErrorClass),
    /// The result of `SSL_want`; `None` if the library does not have it.
    Want(Option<Want>),
    /// An error queue, oldest entry first.
    Queue(Vec<QueueEntry>),
    /// errno; `None` if the library does not have it.
    Errno(Option<Errno>),
    /// Bytes that were read; `None` if there was no read.
    Bytes(Option<Content>),
    /// Records, or parts of them.
    Records(Vec<RecordSeen>),
    /// How an operation of the peer ended.
    End(Option<PeerEnd>),
    /// Side effects of the library on its process, as text.
    SideEffects(Vec<String>),
    /// The result of an action that is not a call.
    Outcome(Box<Outcome>),
    /// Calls with their results, as text.
    Calls(String),
    /// Alerts that were sent completely.
    Alerts(Vec<AlertSeen>),
    /// The content lengths, in bytes, of complete application data records.
    Lengths(Vec<usize>),
}

/// The aspects in which traces can differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Aspect {
    /// The calls of a step.
    History,
    /// The return value.
    Return,
    /// The number that `SSL_write_ex` stored.
    Written,
    /// `SSL_get_error`.
    ErrorClass,
    /// `SSL_want`.
    Want,
    /// The error queue.
    Queue,
    /// errno.
    Errno,
    /// The bytes that a read delivered.
    Data,
    /// The records that were sent.
    Records,
    /// The bytes that the peer received.
    Delivered,
    /// How an operation of the peer ended, or what it sent.
    Peer,
    /// Unrequested side effects of the library on its process.
    SideEffects,
    /// The alerts that the library sent in the whole case.
    Alerts,
    /// Whether the library sent `close_notify` in the whole case.
    Closing,
}

/// The kind of a difference, without its numbers: the aspect, or the two error classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Differing {
    /// The error class of the library under test, and that of the reference.
    Class(ErrorClass, ErrorClass),
    /// Another aspect.
    Other(Aspect),
}

impl Difference {
    /// The kind of this difference.
    pub(crate) fn differing(&self) -> Differing {
        match (&self.seen, &self.reference) {
            (Value::Class(seen), Value::Class(reference)) => Differing::Class(*seen, *reference),
            _ => Differing::Other(self.aspect),
        }
    }
}

/// `error SSL instead of WANT_WRITE`, `records`
impl fmt::Display for Differing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Class(seen, reference) => write!(f, "error {seen} instead of {reference}"),
            Self::Other(aspect) => aspect.fmt(f),
        }
    }
}

/// Compares a trace with the reference's, step by step.
pub fn differences(reference: &Trace, trace: &Trace) -> Vec<Difference> {
    if std::ptr::eq(reference, trace) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut at = Entries::default();
    while let Some(step) = next_step(reference, trace, at) {
        let theirs = of_step(reference, at.reference, step);
        let ours = of_step(trace, at.seen, step);
        compare_step(step, at, theirs, ours, &mut found);
        at.reference += theirs.len();
        at.seen += ours.len();
    }
    if reference.side_effects != trace.side_effects {
        found.push(Difference {
            step: trace.entries.last().map_or(0, |entry| entry.step),
            call: 0,
            action: "outside of the calls".to_owned(),
            aspect: Aspect::SideEffects,
            reference: Value::SideEffects(reference.side_effects.clone()),
            seen: Value::SideEffects(trace.side_effects.clone()),
            at,
            within: Vec::new(),
        });
    }
    found
}

/// The step of the next entries in either trace.
fn next_step(reference: &Trace, trace: &Trace, at: Entries) -> Option<usize> {
    let step = |trace: &Trace, at: usize| trace.entries.get(at).map(|entry| entry.step);
    let steps = [step(reference, at.reference), step(trace, at.seen)];
    steps.into_iter().flatten().min()
}

/// The entries of this step, which begin at `from` if there are any.
fn of_step(trace: &Trace, from: usize, step: usize) -> &[Entry] {
    let rest = trace.entries.get(from..).unwrap_or_default();
    let other = |entry: &Entry| entry.step != step;
    &rest[..rest.iter().position(other).unwrap_or(rest.len())]
}

fn compare_step(
    step: usize,
    at: Entries,
    theirs: &[Entry],
    ours: &[Entry],
    found: &mut Vec<Difference>,
) {
    let pairs = || theirs.iter().zip(ours).enumerate();
    let nth = |call: usize| Entries {
        reference: at.reference + call,
        seen: at.seen + call,
    };
    if history(theirs) == history(ours) {
        for (call, (theirs, ours)) in pairs() {
            compare_entries((step, call), nth(call), theirs, ours, found);
        }
        return;
    }
    let action = theirs.first().or(ours.first());
    let difference = |call, reference, seen, within| Difference {
        step,
        call,
        action: action.map_or("nothing", |entry| &entry.action).to_owned(),
        aspect: Aspect::History,
        reference: Value::Calls(reference),
        seen: Value::Calls(seen),
        at: nth(call),
        within,
    };
    let mut within = Vec::new();
    let mut equal = pairs().map_while(|(call, (theirs, ours))| {
        let are_alike =
            history(std::slice::from_ref(theirs)) == history(std::slice::from_ref(ours));
        are_alike.then(|| {
            compare_entries((step, call), nth(call), theirs, ours, &mut within);
            within.is_empty()
        })
    });
    let alike = equal.by_ref().take_while(|alike| *alike).count();
    if within.is_empty() {
        let (theirs, ours) = (next(theirs, alike), next(ours, alike));
        within.push(difference(alike, theirs, ours, Vec::new()));
    }
    found.push(difference(
        0,
        describe_step(theirs),
        describe_step(ours),
        within,
    ));
}

/// The entry after so many calls, with its result; or a word if there is none.
fn next(entries: &[Entry], calls: usize) -> String {
    match entries.get(calls) {
        None => "nothing more".to_owned(),
        Some(entry) => {
            let verb = entry.action.split_whitespace().next().unwrap_or_default();
            match entry.result {
                Outcome::Call(_) | Outcome::Peer(_) => verb.to_owned(),
                _ => format!("{verb} {}", entry.result).trim_end().to_owned(),
            }
        }
    }
}

fn compare_entries(
    (step, call): (usize, usize),
    at: Entries,
    theirs: &Entry,
    ours: &Entry,
    found: &mut Vec<Difference>,
) {
    let mut note = |aspect, reference: Value, seen: Value| {
        if reference != seen {
            found.push(Difference {
                step,
                call,
                action: theirs.action.clone(),
                aspect,
                reference,
                seen,
                at,
                within: Vec::new(),
            });
        }
    };
    match (&theirs.result, &ours.result) {
        (theirs, ours) if theirs == ours => {}
        (Outcome::Call(theirs), Outcome::Call(ours)) => compare_calls(theirs, ours, &mut note),
        (Outcome::Peer(theirs), Outcome::Peer(ours)) => compare_reports(theirs, ours, &mut note),
        (theirs, ours) => {
            let outcome = |outcome: &Outcome| Value::Outcome(Box::new(outcome.clone()));
            note(Aspect::History, outcome(theirs), outcome(ours));
        }
    }
    // Equal values, which are the rule, are not copied.
    let records = |records: &[RecordSeen]| Value::Records(records.to_vec());
    if theirs.sent != ours.sent {
        note(Aspect::Records, records(&theirs.sent), records(&ours.sent));
    }
    if theirs.peer_sent != ours.peer_sent {
        let (theirs, ours) = (records(&theirs.peer_sent), records(&ours.peer_sent));
        note(Aspect::Peer, theirs, ours);
    }
}

/// The actions of a step, without their results.
fn history(entries: &[Entry]) -> Vec<(&str, std::mem::Discriminant<Outcome>)> {
    entries
        .iter()
        .map(|entry| (entry.action.as_str(), std::mem::discriminant(&entry.result)))
        .collect()
}

/// A step with its results in one line; a long one is shortened in the middle.
fn describe_step(entries: &[Entry]) -> String {
    /// If there are more calls than this, the others are only counted.
    const SHOWN: usize = 4;
    let describe = |entry: &Entry| {
        let result = entry.result.to_string();
        let words: Vec<&str> = result.split_whitespace().collect();
        format!("{} {}", entry.action, words.join(" "))
            .trim_end()
            .to_owned()
    };
    let lines: Vec<String> = entries.iter().map(describe).collect();
    let text = match lines.as_slice() {
        [] => "nothing".to_owned(),
        lines if lines.len() <= SHOWN => lines.join("; "),
        [first, .., last] => format!("{first}; … {} calls …; {last}", lines.len()),
        [only] => only.clone(),
    };
    format!("“{}”", line(&text))
}

/// Truncates the text to the maximum length of a line.
fn line(text: &str) -> String {
    shortened(text, LINE).into_owned()
}

fn compare_calls(theirs: &Call, ours: &Call, note: &mut impl FnMut(Aspect, Value, Value)) {
    let returned = |call: &Call| Value::Returned(call.ret);
    note(Aspect::Return, returned(theirs), returned(ours));
    if let (Some(theirs), Some(ours)) = (theirs.written, ours.written) {
        note(Aspect::Written, Value::Stored(theirs), Value::Stored(ours));
    }
    let class = |call: &Call| Value::Class(call.error);
    note(Aspect::ErrorClass, class(theirs), class(ours));
    // If both have the usual value for their error class, the class says it already.
    let usual = |call: &Call| call.want_or_usual() == call.error.usual_want();
    if theirs.want_or_usual() != ours.want_or_usual() && !(usual(theirs) && usual(ours)) {
        note(
            Aspect::Want,
            Value::Want(theirs.want),
            Value::Want(ours.want),
        );
    }
    let queue = |call: &Call| Value::Queue(call.queue.clone());
    note(Aspect::Queue, queue(theirs), queue(ours));
    let usual = |call: &Call| call.errno_or_usual() == call.error.usual_errno();
    if theirs.errno_or_usual() != ours.errno_or_usual() && !(usual(theirs) && usual(ours)) {
        let errno = |call: &Call| Value::Errno(call.errno);
        note(Aspect::Errno, errno(theirs), errno(ours));
    }
    let data = |call: &Call| Value::Bytes(call.data.clone());
    note(Aspect::Data, data(theirs), data(ours));
}

fn compare_reports(
    theirs: &PeerReport,
    ours: &PeerReport,
    note: &mut impl FnMut(Aspect, Value, Value),
) {
    let read = |report: &PeerReport| Value::Bytes(report.read.clone());
    note(Aspect::Delivered, read(theirs), read(ours));
    let end = |report: &PeerReport| Value::End(report.end.clone());
    note(Aspect::Peer, end(theirs), end(ours));
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&line(&self.words()))
    }
}

impl Value {
    fn words(&self) -> String {
        let or = |text: Option<String>, none: &str| text.unwrap_or_else(|| none.to_owned());
        match self {
            Self::Returned(ret) => ret.to_string(),
            Self::Stored(stored) => stored.to_string(),
            // It follows the word "error".
            Self::Class(ErrorClass::Other(number)) => number.to_string(),
            Self::Class(class) => class.to_string(),
            Self::Want(want) => or(want.map(|want| want.to_string()), "not reported"),
            Self::Errno(errno) => or(errno.map(|errno| errno.to_string()), "not reported"),
            Self::Queue(queue) if queue.is_empty() => "empty".to_owned(),
            Self::Queue(queue) => QueueEntry::joined(queue),
            Self::Bytes(bytes) => or(bytes.as_ref().map(Content::to_string), "nothing"),
            Self::Records(records) => describe_records(records),
            Self::End(end) => or(end.as_ref().map(PeerEnd::to_string), "no end"),
            Self::SideEffects(side_effects) if side_effects.is_empty() => "nothing".to_owned(),
            Self::SideEffects(side_effects) => side_effects.join("; "),
            Self::Outcome(outcome) => outcome.to_string(),
            Self::Calls(words) => words.clone(),
            Self::Alerts(alerts) if alerts.is_empty() => "no alert".to_owned(),
            Self::Alerts(alerts) => {
                let alerts: Vec<String> = alerts.iter().map(AlertSeen::to_string).collect();
                alerts.join(", ")
            }
            Self::Lengths(lengths) => describe_lengths(lengths),
        }
    }
}

/// `2 x 16384, 100 bytes`.
fn describe_lengths(lengths: &[usize]) -> String {
    match runs(lengths).join(", ").as_str() {
        "" => "none".to_owned(),
        runs => format!("{runs} bytes"),
    }
}

fn describe_records(records: &[RecordSeen]) -> String {
    match runs(records).join("; ") {
        runs if runs.is_empty() => "none".to_owned(),
        runs => runs,
    }
}

/// Each value, with the number of equal consecutive ones: `2 x 16384`.
fn runs<T: PartialEq + fmt::Display>(values: &[T]) -> Vec<String> {
    let runs = values.chunk_by(PartialEq::eq);
    let words = runs.map(|run| match run.len() {
        1 => run[0].to_string(),
        same => format!("{same} x {}", run[0]),
    });
    words.collect()
}

impl fmt::Display for Aspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::History => "makes",
            Self::Return => "returns",
            Self::Written => "stores",
            Self::ErrorClass => "error",
            Self::Want => "SSL_want",
            Self::Queue => "error queue",
            Self::Errno => "errno",
            Self::Data => "delivers",
            Self::Records => "records",
            Self::Delivered => "peer gets",
            Self::Peer => "peer",
            Self::SideEffects => "the library",
            Self::Alerts => "alerts in all",
            Self::Closing => "closing",
        })
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            aspect,
            reference,
            seen,
            ..
        } = self;
        let sees = if matches!(seen, Value::End(_)) {
            " sees"
        } else {
            ""
        };
        write!(f, "{aspect}{sees} {seen} instead of {reference}")
    }
}
