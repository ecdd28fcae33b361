//! How two traces of one case differ, aspect by aspect; never a comparison of texts, so that the
//! same difference is the same value in every scenario.
//!
//! A library that has no errno or no `SSL_want` is taken to have what goes with the error class.

use std::fmt;

use serde::Serialize;

use crate::limits::{LINE, shortened};
use crate::trace::{Call, Entry, ErrorClass, Outcome, PeerReport, RecordSeen, Trace};

/// One way in which a trace differs from the reference's.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Difference {
    /// The step of the scenario, counted from 1.
    pub step: usize,
    /// The call of the step, counted from 0.
    #[serde(skip)]
    pub call: usize,
    /// What was done, as the reference's trace tells it.
    pub action: String,
    /// What differs.
    pub aspect: Aspect,
    /// How it is with the reference.
    pub reference: String,
    /// How it was seen.
    pub seen: String,
    /// Of courses: how the first calls of theirs differ that do. What comes later mostly follows from it.
    #[serde(skip)]
    pub within: Vec<Difference>,
}

/// What of a trace can differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aspect {
    /// Which calls a step came to.
    Course,
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
    /// The records that went onto the wire.
    Records,
    /// The bytes that reached the peer.
    Delivered,
    /// How something that the peer did ended, or what it sent.
    Peer,
    /// What the library did to its process beside what it was asked for.
    Aside,
}

/// Compares a trace with the reference's, step by step.
pub fn differences(reference: &Trace, trace: &Trace) -> Vec<Difference> {
    if std::ptr::eq(reference, trace) {
        return Vec::new();
    }
    let (theirs, ours) = (reference.steps(), trace.steps());
    let mut found = Vec::new();
    let numbers: std::collections::BTreeSet<_> = theirs.keys().chain(ours.keys()).collect();
    for &step in numbers {
        let nothing = Vec::new();
        let theirs = theirs.get(&step).unwrap_or(&nothing);
        let ours = ours.get(&step).unwrap_or(&nothing);
        compare_step(step, theirs, ours, &mut found);
    }
    if reference.aside != trace.aside {
        let told = |trace: &Trace| match trace.aside.is_empty() {
            true => "nothing".to_owned(),
            false => trace.aside.join("; "),
        };
        found.push(Difference {
            step: trace.entries.last().map_or(0, |entry| entry.step),
            call: 0,
            action: "beside the calls".to_owned(),
            aspect: Aspect::Aside,
            reference: told(reference),
            seen: told(trace),
            within: Vec::new(),
        });
    }
    found
}

fn compare_step(step: usize, theirs: &[&Entry], ours: &[&Entry], found: &mut Vec<Difference>) {
    let pairs = || theirs.iter().zip(ours).enumerate();
    if course(theirs) == course(ours) {
        for (call, (theirs, ours)) in pairs() {
            compare_entries((step, call), theirs, ours, found);
        }
        return;
    }
    let action = theirs.first().or(ours.first());
    let of_course = |call, reference, seen, within| Difference {
        step,
        call,
        action: action.map_or("nothing", |entry| &entry.action).to_owned(),
        aspect: Aspect::Course,
        reference,
        seen,
        within,
    };
    let mut within = Vec::new();
    let mut parted = pairs().map_while(|(call, (theirs, ours))| {
        (course(&[*theirs]) == course(&[*ours])).then(|| {
            compare_entries((step, call), theirs, ours, &mut within);
            within.is_empty()
        })
    });
    let alike = parted.by_ref().take_while(|alike| *alike).count();
    if within.is_empty() {
        let (theirs, ours) = (next(theirs, alike), next(ours, alike));
        within.push(of_course(alike, theirs, ours, Vec::new()));
    }
    found.push(of_course(0, told(theirs), told(ours), within));
}

/// What comes after so many calls, in a word or with its result.
fn next(entries: &[&Entry], calls: usize) -> String {
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
    theirs: &Entry,
    ours: &Entry,
    found: &mut Vec<Difference>,
) {
    let mut note = |aspect, reference: String, seen: String| {
        if reference != seen {
            found.push(Difference {
                step,
                call,
                action: theirs.action.clone(),
                aspect,
                reference: line(&reference),
                seen: line(&seen),
                within: Vec::new(),
            });
        }
    };
    match (&theirs.result, &ours.result) {
        (theirs, ours) if theirs == ours => {}
        (Outcome::Call(theirs), Outcome::Call(ours)) => compare_calls(theirs, ours, &mut note),
        (Outcome::Peer(theirs), Outcome::Peer(ours)) => compare_reports(theirs, ours, &mut note),
        (theirs, ours) => note(Aspect::Course, theirs.to_string(), ours.to_string()),
    }
    // What is equal is not put into words: nearly all of it is.
    if theirs.sent != ours.sent {
        note(Aspect::Records, records(&theirs.sent), records(&ours.sent));
    }
    if theirs.peer_sent != ours.peer_sent {
        note(
            Aspect::Peer,
            records(&theirs.peer_sent),
            records(&ours.peer_sent),
        );
    }
}

/// What was done in a step, without what came of it.
fn course<'a>(entries: &[&'a Entry]) -> Vec<(&'a str, std::mem::Discriminant<Outcome>)> {
    entries
        .iter()
        .map(|entry| (entry.action.as_str(), std::mem::discriminant(&entry.result)))
        .collect()
}

/// A step with its results in one line; a long one is cut in the middle.
fn told(entries: &[&Entry]) -> String {
    /// More calls than this are counted, not told.
    const TOLD: usize = 4;
    let tell = |entry: &&Entry| {
        let result = entry.result.to_string();
        let words: Vec<&str> = result.split_whitespace().collect();
        format!("{} {}", entry.action, words.join(" "))
            .trim_end()
            .to_owned()
    };
    let lines: Vec<String> = entries.iter().map(tell).collect();
    let told = match lines.as_slice() {
        [] => "nothing".to_owned(),
        lines if lines.len() <= TOLD => lines.join("; "),
        [first, .., last] => format!("{first}; … {} calls …; {last}", lines.len()),
        [only] => only.clone(),
    };
    format!("“{}”", line(&told))
}

/// No longer than a line may be.
fn line(text: &str) -> String {
    shortened(text, LINE).into_owned()
}

fn compare_calls(theirs: &Call, ours: &Call, note: &mut impl FnMut(Aspect, String, String)) {
    note(Aspect::Return, theirs.ret.to_string(), ours.ret.to_string());
    if let (Some(theirs), Some(ours)) = (theirs.written, ours.written) {
        note(Aspect::Written, theirs.to_string(), ours.to_string());
    }
    note(Aspect::ErrorClass, class(theirs.error), class(ours.error));
    // What goes without saying with either error class is told by that.
    let usual = |call: &Call| call.told_want() == call.error.usual_want();
    if theirs.told_want() != ours.told_want() && !(usual(theirs) && usual(ours)) {
        note(
            Aspect::Want,
            told_or_not(theirs.want),
            told_or_not(ours.want),
        );
    }
    note(Aspect::Queue, queue(theirs), queue(ours));
    let usual = |call: &Call| call.told_errno() == call.error.usual_errno();
    if theirs.told_errno() != ours.told_errno() && !(usual(theirs) && usual(ours)) {
        note(
            Aspect::Errno,
            told_or_not(theirs.errno),
            told_or_not(ours.errno),
        );
    }
    let data = |call: &Call| {
        call.data
            .as_ref()
            .map_or("nothing".to_owned(), ToString::to_string)
    };
    note(Aspect::Data, data(theirs), data(ours));
}

/// An error class as it follows the word "error".
fn class(error: ErrorClass) -> String {
    match error {
        ErrorClass::Other(number) => number.to_string(),
        known => known.to_string(),
    }
}

/// How it is told that a library has no such value.
pub(super) const NOT_TOLD: &str = "not told";

/// A value, or that the library has none to tell.
fn told_or_not(value: Option<impl ToString>) -> String {
    value.map_or_else(|| NOT_TOLD.to_owned(), |value| value.to_string())
}

fn compare_reports(
    theirs: &PeerReport,
    ours: &PeerReport,
    note: &mut impl FnMut(Aspect, String, String),
) {
    let read = |report: &PeerReport| {
        report
            .read
            .as_ref()
            .map_or("nothing".to_owned(), ToString::to_string)
    };
    note(Aspect::Delivered, read(theirs), read(ours));
    let end = |report: &PeerReport| report.end.clone().unwrap_or_else(|| "no end".to_owned());
    note(Aspect::Peer, end(theirs), end(ours));
}

fn queue(call: &Call) -> String {
    match call.queue.is_empty() {
        true => "empty".to_owned(),
        false => call.queue.join(", "),
    }
}

fn records(records: &[RecordSeen]) -> String {
    let runs = records.chunk_by(PartialEq::eq);
    let told: Vec<String> = runs
        .map(|run| match run.len() {
            1 => run[0].to_string(),
            same => format!("{same} x {}", run[0]),
        })
        .collect();
    match told.is_empty() {
        true => "none".to_owned(),
        false => told.join("; "),
    }
}

impl fmt::Display for Aspect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Course => "comes to",
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
            Self::Aside => "the library",
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
        write!(f, "{aspect} {seen} instead of {reference}")
    }
}
