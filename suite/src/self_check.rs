//! Checks that the suite can drive a library, before anything is reported about the library: the
//! handshake completes, data arrives, the wire view decodes it, and repeating a case gives the same
//! trace. A failed check is a fault of the adapter, unless the wire or another transport shows that
//! the library did it.
//!
//! The input is a [`Target`], the output a [`SelfCheck`].

use std::fmt;
use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use crate::limits;
use crate::runner::RunnerError;
use crate::scenario::{
    Function, Id, ParseError, Scenario, Step, TransportKind, Variant, Write, WriteSource, parse,
};
use crate::target::Target;
use crate::trace::{Body, Call, Entry, ErrorClass, Outcome, Protection, Segment, Trace};

/// The result of the self-check of a library.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SelfCheck {
    /// The checks, variant by variant.
    pub checks: Vec<Check>,
    /// Where the handshake failed in each variant, if it completed in none; else empty. Nothing can
    /// be tested then.
    pub(crate) no_handshake: Vec<Obstacle>,
}

/// What kept a handshake from completing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Obstacle {
    /// The C function that failed, and what it returned.
    pub(crate) call: String,
    /// The variants in which it failed, such as `tls1.3/client`.
    pub(crate) variants: Vec<String>,
}

/// One check in one variant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What is checked.
    pub claim: Claim,
    /// The variant, such as `tls1.3/client`.
    pub(crate) variant: String,
    /// The outcome.
    pub outcome: CheckOutcome,
}

/// What is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Claim {
    /// A plain handshake completes, and a write of 10 bytes arrives.
    Arrives,
    /// The records on the wire, decrypted by the suite, hold what the peer read.
    WireIsRead,
    /// Repeating a case gives the same trace.
    SameTwice,
    /// An impossible operation is reported as unsupported.
    UnsupportedIsSaid,
}

/// The outcome of a check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CheckOutcome {
    /// It holds.
    Holds,
    /// It does not hold; what was seen instead.
    Fails(String),
    /// It does not hold because of the library: the wire and the peer agree. What was seen.
    Library(String),
    /// It cannot be checked, and why.
    NotApplicable(String),
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Arrives => "a handshake completes and 10 bytes arrive",
            Self::WireIsRead => "the records on the wire hold what the peer read",
            Self::SameTwice => "repeating a case gives the same trace",
            Self::UnsupportedIsSaid => "an impossible operation is reported as unsupported",
        })
    }
}

/// The bytes that are written.
const ALL: [Segment; 1] = [Segment::Stream { from: 0, to: 10 }];

const PLAIN: &str = r#"
title = "A handshake, and a small write that the peer reads"
steps = ["handshake", { write = { len = 10 } }, { peer = "read" }]
"#;

/// Transports of the library or of the system. If these fail as well, no BIO of the suite is to
/// blame.
const FOREIGN_TRANSPORTS: [TransportKind; 3] = [
    TransportKind::MemoryBio,
    TransportKind::BioPair,
    TransportKind::Socket,
];

/// Checks a library in both roles and both versions.
///
/// # Errors
/// [`RunnerError`], if the suite itself failed.
pub fn run(target: &dyn Target) -> Result<SelfCheck, RunnerError> {
    let plain = plain().map_err(|error| RunnerError::Worker(error.to_string()))?;
    let impossible = impossible(&plain);
    let mut checks = Vec::new();
    let mut obstacles = Vec::new();
    for variant in plain.variants() {
        let first = target.run(&plain, variant)?.trace;
        obstacles.push((obstacle(target, &first), variant));
        let mut record = |claim, outcome| {
            checks.push(Check {
                claim,
                variant: variant.to_string(),
                outcome,
            });
        };
        if let Some(why) = first.unsupported() {
            record(Claim::Arrives, CheckOutcome::NotApplicable(why.to_owned()));
            continue;
        }
        let wire = wire_is_read(&first);
        let arrives = match arrives(&first, &wire) {
            CheckOutcome::Fails(seen) if fails_elsewhere(target, &plain, variant)? => {
                CheckOutcome::Library(seen)
            }
            arrives => arrives,
        };
        record(Claim::Arrives, arrives);
        record(Claim::WireIsRead, wire);
        let second = target.run(&plain, variant)?.trace;
        record(Claim::SameTwice, same(&first, &second));
        let impossible = target.run(&impossible, variant)?.trace;
        record(Claim::UnsupportedIsSaid, unsupported(&impossible));
    }
    Ok(SelfCheck {
        checks,
        no_handshake: in_all_variants(obstacles),
    })
}

/// Whether the bytes do not arrive over any foreign transport either. False if the library supports
/// none of them.
fn fails_elsewhere(
    target: &dyn Target,
    plain: &Scenario,
    variant: Variant,
) -> Result<bool, RunnerError> {
    let mut tried = false;
    for transport in FOREIGN_TRANSPORTS {
        let trace = target
            .run(
                plain,
                Variant {
                    transport,
                    ..variant
                },
            )?
            .trace;
        if trace.unsupported().is_some() {
            continue;
        }
        if arrives(&trace, &wire_is_read(&trace)) == CheckOutcome::Holds {
            return Ok(false);
        }
        tried = true;
    }
    Ok(tried)
}

/// What kept the handshake of the plain case from completing, if anything did.
fn obstacle(target: &dyn Target, trace: &Trace) -> Option<String> {
    if let Some(why) = trace.unsupported() {
        return Some(why.to_owned());
    }
    let handshake = handshake(trace)?;
    let seen = in_one_line(&handshake.result.to_string());
    let is_done = is_established(trace);
    (!is_done).then(|| format!("{} ({seen})", handshake_function(target)))
}

/// The entry of the handshake of the plain case.
fn handshake(trace: &Trace) -> Option<&Entry> {
    let is_handshake = |entry: &&Entry| entry.asked.step() == Some(&Step::Handshake);
    trace.entries.iter().find(is_handshake)
}

/// Whether both ends completed the handshake of the plain case.
fn is_established(trace: &Trace) -> bool {
    let Some(handshake) = handshake(trace) else {
        return false;
    };
    // If the peer did not complete it, a second entry of the same step says so.
    let entries = trace
        .entries
        .iter()
        .filter(|entry| entry.step == handshake.step);
    let is_done = |call: &Call| call.error == ErrorClass::None;
    matches!(&handshake.result, Outcome::Call(call) if is_done(call)) && entries.count() == 1
}

/// The function that the suite calls for a handshake with this library.
fn handshake_function(target: &dyn Target) -> &'static str {
    let Some(load_report) = target.load_report() else {
        return "the handshake";
    };
    let has = |name: &str| load_report.loaded.has.iter().any(|it| it == name);
    if has("SSL_do_handshake") {
        "SSL_do_handshake"
    } else {
        "SSL_connect or SSL_accept"
    }
}

/// The obstacles, grouped by call; none if a handshake completed in one of the variants.
fn in_all_variants(obstacles: Vec<(Option<String>, Variant)>) -> Vec<Obstacle> {
    let mut together: Vec<Obstacle> = Vec::new();
    for (call, variant) in obstacles {
        let Some(call) = call else {
            return Vec::new();
        };
        let variant = variant.to_string();
        match together.iter_mut().find(|one| one.call == call) {
            Some(one) => one.variants.push(variant),
            None => together.push(Obstacle {
                call,
                variants: vec![variant],
            }),
        }
    }
    together
}

fn plain() -> Result<Scenario, ParseError> {
    const ID: &str = "self-check/plain";
    match Id::new(ID) {
        Some(id) => parse(id, ID, PLAIN),
        None => unreachable!("a family and a name in lower case"),
    }
}

/// A case with an impossible operation: a write of a negative number of bytes through a `size_t`,
/// which no scenario file can ask for.
fn impossible(plain: &Scenario) -> Scenario {
    let write = Write {
        function: Function::WriteEx,
        source: WriteSource::Negative(-1),
        times: NonZeroUsize::MIN,
    };
    Scenario {
        steps: vec![Step::Handshake, Step::Write(write)],
        ..plain.clone()
    }
}

/// The bytes that the peer read, in order.
fn read_by_peer(trace: &Trace) -> Vec<Segment> {
    let mut read = Vec::new();
    for entry in &trace.entries {
        if let Outcome::Peer(report) = &entry.result
            && let Some(content) = &report.read
        {
            read.extend(content.segments.iter().cloned());
        }
    }
    joined(read)
}

/// The bytes in the records on the wire, in order; none if a record is unprotected application data
/// or cannot be decrypted.
fn on_the_wire(trace: &Trace) -> Option<Vec<Segment>> {
    let mut sent = Vec::new();
    let mut position = 0;
    for record in trace.entries.iter().flat_map(|entry| &entry.sent) {
        match &record.body {
            Body::ApplicationData {
                plaintext,
                unexpected,
                protection: Protection::Sealed,
                ..
            } => {
                let following = Segment::Stream {
                    from: position,
                    to: position + plaintext,
                };
                match unexpected {
                    Some(content) => sent.extend(content.segments.iter().cloned()),
                    None => sent.push(following),
                }
                if let Some(Segment::Stream { to, .. }) = sent.last() {
                    position = *to;
                }
            }
            Body::ApplicationData { .. } | Body::Sealed { .. } | Body::Garbage | Body::After => {
                return None;
            }
            _ => {}
        }
    }
    Some(joined(sent))
}

/// Joins adjacent segments.
fn joined(segments: Vec<Segment>) -> Vec<Segment> {
    let mut joined: Vec<Segment> = Vec::new();
    for segment in segments {
        match (joined.last_mut(), &segment) {
            (Some(Segment::Stream { to: end, .. }), Segment::Stream { from, to })
                if end == from =>
            {
                *end = *to;
            }
            _ => joined.push(segment),
        }
    }
    joined
}

fn wire_is_read(trace: &Trace) -> CheckOutcome {
    if let Some(end) = trace.end() {
        return CheckOutcome::Library(end.result.to_string());
    }
    let read = read_by_peer(trace);
    match on_the_wire(trace) {
        Some(wire) if wire == read => CheckOutcome::Holds,
        // Neither the suite nor the peer could decrypt it.
        None if read != ALL => CheckOutcome::Library(in_quotes(trace)),
        _ => CheckOutcome::Fails(in_quotes(trace)),
    }
}

fn arrives(trace: &Trace, wire: &CheckOutcome) -> CheckOutcome {
    let read = read_by_peer(trace);
    if read == ALL && trace.end().is_none() && is_established(trace) {
        return CheckOutcome::Holds;
    }
    // If the wire shows what the library did, the suite's adapter is not the cause.
    match wire {
        CheckOutcome::Library(how) => CheckOutcome::Library(how.clone()),
        CheckOutcome::Holds if !read.is_empty() => CheckOutcome::Library(in_quotes(trace)),
        _ => CheckOutcome::Fails(in_quotes(trace)),
    }
}

fn same(first: &Trace, second: &Trace) -> CheckOutcome {
    if first.digest() == second.digest() {
        return CheckOutcome::Holds;
    }
    let seen = format!("first {}; then {}", in_quotes(first), in_quotes(second));
    let calls = |trace: &Trace| {
        let calls = Trace {
            side_effects: Vec::new(),
            ..trace.clone()
        };
        calls.digest()
    };
    // Side effects, such as a message printed at the first handshake, come from the library.
    if calls(first) == calls(second) {
        CheckOutcome::Library(seen)
    } else {
        CheckOutcome::Fails(seen)
    }
}

fn unsupported(trace: &Trace) -> CheckOutcome {
    match (trace.unsupported(), trace.end()) {
        (Some(_), _) => CheckOutcome::Holds,
        (None, Some(end)) => CheckOutcome::Library(end.result.to_string()),
        (None, None) => CheckOutcome::Fails(in_quotes(trace)),
    }
}

/// A trace in one line.
fn in_quotes(trace: &Trace) -> String {
    format!("“{}”", in_one_line(&trace.to_string()))
}

/// Text of several lines in one.
fn in_one_line(text: &str) -> String {
    let lines: Vec<String> = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let line = lines.join("; ");
    limits::shortened(&line, limits::LINE).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trace(action: &str, side_effects: &[&str]) -> Trace {
        Trace {
            setting: None,
            entries: vec![Entry::new(1, action.to_owned(), Outcome::Done)],
            side_effects: side_effects.iter().map(|&what| what.to_owned()).collect(),
            ..Trace::default()
        }
    }

    #[test]
    fn side_effect_is_attributed_to_the_library() {
        let (quiet, loud) = (trace("read", &[]), trace("read", &["printed"]));
        assert_eq!(same(&loud, &loud), CheckOutcome::Holds);
        assert!(matches!(same(&loud, &quiet), CheckOutcome::Library(_)));
        let other = trace("write 10", &["printed"]);
        assert!(matches!(same(&loud, &other), CheckOutcome::Fails(_)));
    }
}
