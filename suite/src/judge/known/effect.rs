//! The effects of a known issue: the observations of a clause that it explains, in the call that
//! triggers it or in later ones. A number must equal the one computed from the history.
//!
//! The keys of a table, and what each explains:
//!
//! - `clause`: the broken clause; required.
//! - `in`: `"call"`: at an event at which `when` holds; `"later"`: at one after that.
//! - `until`: with `in = "later"`: the condition that ends it.
//! - `error`, `queue`: a result with this class, or one of these, and this queue (entries joined by
//!   `, `), or one of these; an empty queue if left out.
//! - `returns`: a result with this return value.
//! - `record`, `message`, `alert`: a record of this content type, or one of these; with a handshake
//!   message of this name; with this alert.
//! - `flaw`: a record with this flaw.
//! - `bytes`, `missing`, `repeated`: this many bytes reported or sent, missing, or sent again.
//! - `what`: an observation without further data, by its name.
//! - `ends`: `"crash"`, `"hang"` or `"stop"`.

mod exact;

use std::fmt;

pub(crate) use exact::quoted;

use super::condition::Condition;
use super::measured::MeasuredHistory;
use super::number::Sum;
use crate::judge::monitor::{Contradiction, Gap, Observation, Wanted};
use crate::scenario::parse::clause as clause_id;
use crate::toml_reader::{Fault, Fields, Node};
use crate::trace::{
    AlertSeen, Body, ErrorClass, Flaw, MessageKind, Outcome, QueueEntry, RecordSeen,
};
use crate::wire::ContentType;

/// An effect of a known issue.
#[derive(Debug, Clone)]
pub struct IssueEffect {
    /// The broken clause.
    pub clause: String,
    /// The events to which it applies.
    pub scope: Scope,
    pattern: ObservationPattern,
    /// Its position in the file, in bytes.
    pub(super) at: usize,
}

impl fmt::Display for IssueEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = match self.scope {
            Scope::Call => "in the call",
            Scope::Later(None) => "in later calls",
            Scope::Later(Some(_)) => "in later calls, up to an event",
        };
        write!(f, "{} {place}", self.clause)
    }
}

/// The events at which a known issue breaks a clause.
#[derive(Debug, Clone)]
pub enum Scope {
    /// An event at which the trigger holds.
    Call,
    /// An event after one at which the trigger held, until this condition holds.
    Later(Option<Condition>),
}

/// The observation that it explains.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ObservationPattern {
    errors: Vec<ErrorClass>,
    queues: Option<Vec<Vec<QueueEntry>>>,
    returns: Option<i64>,
    records: Vec<RecordKind>,
    message: Option<MessageKind>,
    alert: Option<AlertSeen>,
    flaw: Option<FlawKind>,
    bytes: Option<Sum>,
    missing: Option<Sum>,
    repeated: Option<Sum>,
    what: Option<What>,
    ends: Option<Ends>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FlawKind {
    NonceRepeated,
    Version,
    InClear,
    Unprotected,
    ContentTooLong,
    TooLong,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    QueueEmpty,
    NothingStored,
    EmptyHandshakeRecord,
    Interleaved,
    WantsToWrite,
    WantsToRead,
    Foreign,
    DataSent,
    SomethingSent,
    RenegotiationIgnored,
    BufferModified,
    FruitlessTransportCalls,
    EmptyTransportCalls,
    TransportCalled,
    AlertOwed,
    CloseNotifyNotSent,
    PeerHasNotClosed,
    PeerHasClosed,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    Crash,
    Hang,
    Stop,
}

const ENDS: [(&str, Ends); 3] = [
    ("crash", Ends::Crash),
    ("hang", Ends::Hang),
    ("stop", Ends::Stop),
];

const FLAWS: [(&str, FlawKind); 6] = [
    ("nonce-repeated", FlawKind::NonceRepeated),
    ("version", FlawKind::Version),
    ("in-clear", FlawKind::InClear),
    ("unprotected", FlawKind::Unprotected),
    ("content-too-long", FlawKind::ContentTooLong),
    ("too-long", FlawKind::TooLong),
];

const WHATS: [(&str, What); 18] = [
    ("queue-empty", What::QueueEmpty),
    ("nothing-stored", What::NothingStored),
    ("empty-handshake-record", What::EmptyHandshakeRecord),
    ("interleaved", What::Interleaved),
    ("wants-to-write", What::WantsToWrite),
    ("wants-to-read", What::WantsToRead),
    ("foreign-bytes", What::Foreign),
    ("data-sent", What::DataSent),
    ("something-sent", What::SomethingSent),
    ("renegotiation-ignored", What::RenegotiationIgnored),
    ("buffer-modified", What::BufferModified),
    ("fruitless-transport-calls", What::FruitlessTransportCalls),
    ("empty-transport-calls", What::EmptyTransportCalls),
    ("transport-called", What::TransportCalled),
    ("alert-owed", What::AlertOwed),
    ("close-notify-not-sent", What::CloseNotifyNotSent),
    ("peer-has-not-closed", What::PeerHasNotClosed),
    ("peer-has-closed", What::PeerHasClosed),
];

pub(super) const ERRORS: [(&str, ErrorClass); 6] = [
    ("NONE", ErrorClass::None),
    ("SSL", ErrorClass::Ssl),
    ("WANT_READ", ErrorClass::WantRead),
    ("WANT_WRITE", ErrorClass::WantWrite),
    ("SYSCALL", ErrorClass::Syscall),
    ("ZERO_RETURN", ErrorClass::ZeroReturn),
];

/// The clauses by which a correct call succeeds or asks for a retry. A wrong result of a call is
/// one fact, even if it breaks several of them: an issue that explains it for one explains it for
/// all.
const GOES_ON: [&str; 10] = [
    "calls.would-block",
    "closing.peer-close-leaves-writing",
    "handshake.transparent",
    "partial.rest-in-a-new-write",
    "renegotiation.transparent",
    "retry.moving-buffer",
    "retry.read-in-between",
    "retry.same-arguments",
    "would-block.want-write",
    "zero.write-ex-is-allowed",
];

/// The clause by which every record can be decrypted.
const OPENS: &str = "record.opens";

/// The clauses that bytes other than a record also break: by their header, and by standing in the
/// place of a record.
const OF_ITS_RECORD: [&str; 2] = ["keyupdate.pending-record-first", "record.version-field"];

impl IssueEffect {
    /// Whether it explains a violation of this clause at this event, if its scope includes the
    /// event.
    pub(super) fn explains(
        &self,
        clause: &str,
        observed: &Observation,
        measured: &MeasuredHistory<'_, '_>,
        at: usize,
    ) -> bool {
        let is_about = self.clause == clause || self.is_one_fact_with(clause, observed);
        is_about && self.pattern.matches(observed, measured, at)
    }

    /// Whether a violation of this clause is the same fact that it explains, reported by another
    /// clause.
    fn is_one_fact_with(&self, clause: &str, observed: &Observation) -> bool {
        match observed {
            Observation::Answered(_) => {
                let says_so = |clause: &str| GOES_ON.contains(&clause);
                says_so(&self.clause) && says_so(clause)
            }
            Observation::Flawed(record, Flaw::Version(_)) | Observation::Record(record) => {
                record.is_unreadable() && self.clause == OPENS && OF_ITS_RECORD.contains(&clause)
            }
            _ => false,
        }
    }

    /// Whether it explains a crash.
    pub(super) fn is_a_crash(&self) -> bool {
        self.pattern.ends == Some(Ends::Crash)
    }

    pub(super) fn read(node: Node<'_>) -> Result<Self, Fault> {
        const KEYS: [&str; 15] = [
            "clause", "in", "until", "error", "queue", "returns", "record", "message", "alert",
            "flaw", "bytes", "missing", "repeated", "what", "ends",
        ];
        let fields = node
            .fields("a table such as { clause = \"…\", in = \"call\", error = \"SSL\" }")?
            .only(&KEYS)?;
        let missing = |key: &str| {
            Fault::new(
                node.at(),
                format!("missing \"{key}\""),
                format!("add {key} = \"…\""),
            )
        };
        let clause = clause_id(fields.find("clause").ok_or_else(|| missing("clause"))?)?;
        let scope = scope(&fields, fields.find("in").ok_or_else(|| missing("in"))?)?;
        let pattern = ObservationPattern::read(&fields)?;
        if pattern.is_empty() {
            let help = "say what is observed: error, returns, record, alert, flaw, bytes, missing, repeated, what or ends";
            return Err(Fault::new(
                node.at(),
                "an effect that matches any finding",
                help,
            ));
        }
        Ok(Self {
            clause,
            scope,
            pattern,
            at: node.at(),
        })
    }

    /// The effect with its number increased by one, if it has one.
    pub(super) fn with_another_number(&self) -> Option<Self> {
        let mut other = self.clone();
        let ObservationPattern {
            bytes,
            missing,
            repeated,
            ..
        } = &mut other.pattern;
        let number = [bytes, missing, repeated].into_iter().flatten().next()?;
        *number = number.plus_one();
        Some(other)
    }
}

pub(super) fn scope(fields: &Fields<'_>, node: Node<'_>) -> Result<Scope, Fault> {
    let later = node.choice([("call", false), ("later", true)])?;
    let until = fields.read("until", Condition::read)?;
    match (later, until) {
        (true, until) => Ok(Scope::Later(until)),
        (false, None) => Ok(Scope::Call),
        (false, Some(_)) => Err(Fault::new(
            node.at(),
            "\"until\" with in = \"call\"",
            "\"until\" needs in = \"later\"",
        )),
    }
}

/// A class by its name, or by its number if it has no name here.
fn error_class(node: Node<'_>) -> Result<ErrorClass, Fault> {
    match node.as_text() {
        Some(_) => node.choice(ERRORS),
        None => node
            .number(i32::MIN..=i32::MAX)
            .map(ErrorClass::from_number),
    }
}

/// A value, or an array of values.
pub(super) fn one_or_more<'t, T>(
    node: Node<'t>,
    read: impl Fn(Node<'t>) -> Result<T, Fault>,
) -> Result<Vec<T>, Fault> {
    match node.elements("values") {
        Ok(elements) => elements.into_iter().map(read).collect(),
        Err(_) => read(node).map(|value| vec![value]),
    }
}

impl ObservationPattern {
    fn read(fields: &Fields<'_>) -> Result<Self, Fault> {
        let queue = |node: Node<'_>| node.text("text", |_| true).map(QueueEntry::split);
        Ok(Self {
            errors: fields
                .read("error", |node| one_or_more(node, error_class))?
                .unwrap_or_default(),
            queues: fields.read("queue", |node| one_or_more(node, queue))?,
            returns: fields.read("returns", |node| {
                node.number(i64::from(i32::MIN)..=i64::from(i32::MAX))
            })?,
            records: fields
                .read("record", |node| one_or_more(node, RecordKind::read))?
                .unwrap_or_default(),
            message: fields.read("message", |node: Node<'_>| {
                let message = MessageKind::displayed(&node.line()?);
                message.ok_or_else(|| node.refused("a handshake message, as in \"key_update\""))
            })?,
            alert: fields.read("alert", |node: Node<'_>| {
                let alert = AlertSeen::displayed(&node.line()?);
                alert.ok_or_else(|| node.refused("an alert, as in \"fatal bad_record_mac\""))
            })?,
            flaw: fields.read("flaw", |node| node.choice(FLAWS))?,
            bytes: fields.read("bytes", Sum::read)?,
            missing: fields.read("missing", Sum::read)?,
            repeated: fields.read("repeated", Sum::read)?,
            what: fields.read("what", |node| node.choice(WHATS))?,
            ends: fields.read("ends", |node| node.choice(ENDS))?,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.errors.is_empty()
            && self.returns.is_none()
            && self.alert.is_none()
            && self.records.is_empty()
            && self.message.is_none()
            && self.flaw.is_none()
            && self.bytes.is_none()
            && self.missing.is_none()
            && self.repeated.is_none()
            && self.what.is_none()
            && self.ends.is_none()
    }

    pub(super) fn matches(
        &self,
        observed: &Observation,
        measured: &MeasuredHistory<'_, '_>,
        at: usize,
    ) -> bool {
        let number = |wanted: &Option<Sum>, seen: Option<usize>| match (wanted, seen) {
            (None, _) => true,
            (Some(wanted), Some(seen)) => wanted.is(seen, measured, at),
            (Some(_), None) => false,
        };
        self.matches_answer(observed, measured, at)
            && self.matches_record(observed)
            && self.flaw.is_none_or(|flaw| Some(flaw) == flaw_of(observed))
            && number(&self.bytes, bytes_of(observed))
            && number(&self.missing, missing_of(observed))
            && number(&self.repeated, repeated_of(observed))
            && self.what.is_none_or(|what| Some(what) == what_of(observed))
            && self.ends.is_none_or(|ends| Some(ends) == ends_of(observed))
    }

    fn matches_answer(
        &self,
        observed: &Observation,
        measured: &MeasuredHistory<'_, '_>,
        at: usize,
    ) -> bool {
        if self.errors.is_empty() && self.queues.is_none() && self.returns.is_none() {
            return true;
        }
        let Some(answer) = observed.answer() else {
            return false;
        };
        if self.returns.is_some_and(|returns| returns != answer.ret) {
            return false;
        }
        let stale = measured.event(at).before.stale_error;
        // Entries of another call may precede those of this one.
        let is_queue = |wanted: &[QueueEntry]| {
            answer.queue == wanted || (stale && answer.queue.ends_with(wanted))
        };
        let queue = match &self.queues {
            Some(queues) => queues.iter().any(|queue| is_queue(queue)),
            None => is_queue(&[]),
        };
        queue && (self.errors.is_empty() || self.errors.contains(&answer.error))
    }

    fn matches_record(&self, observed: &Observation) -> bool {
        if self.records.is_empty() && self.message.is_none() && self.alert.is_none() {
            return true;
        }
        let Some(record) = observed.record() else {
            return false;
        };
        let kind = self.records.is_empty() || self.records.contains(&RecordKind::of(record));
        kind && self
            .message
            .is_none_or(|message| record.has_message(message))
            && self.alert.is_none_or(|alert| record.alert() == Some(alert))
    }
}

/// The kind of a record, as its header or content shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum RecordKind {
    /// A part of a header.
    Header,
    /// Bytes that are not a record.
    Garbage,
    /// A record of this type.
    Of(ContentType),
}

impl RecordKind {
    const HEADER: &str = "header";
    const GARBAGE: &str = "garbage";

    fn read(node: Node<'_>) -> Result<Self, Fault> {
        let name = node.line()?;
        match name.as_str() {
            Self::HEADER => Ok(Self::Header),
            Self::GARBAGE => Ok(Self::Garbage),
            _ => ContentType::displayed(&name).map(Self::Of).ok_or_else(|| {
                node.refused("the content type of a record, \"header\" or \"garbage\"")
            }),
        }
    }

    fn of(record: &RecordSeen) -> Self {
        match record.body {
            Body::Header => Self::Header,
            Body::Incomplete { content_type, .. }
            | Body::Sealed { content_type, .. }
            | Body::NoKey { content_type }
            | Body::Other { content_type } => Self::Of(content_type),
            Body::ApplicationData { .. } => Self::Of(ContentType::ApplicationData),
            Body::Handshake { .. } => Self::Of(ContentType::Handshake),
            Body::Alert { .. } => Self::Of(ContentType::Alert),
            Body::Garbage | Body::After => Self::Garbage,
        }
    }
}

impl fmt::Display for RecordKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => f.write_str(Self::HEADER),
            Self::Garbage => f.write_str(Self::GARBAGE),
            Self::Of(content_type) => content_type.fmt(f),
        }
    }
}

fn flaw_of(observed: &Observation) -> Option<FlawKind> {
    let Observation::Flawed(_, flaw) = observed else {
        return None;
    };
    Some(match flaw {
        Flaw::NonceRepeated => FlawKind::NonceRepeated,
        Flaw::Version(_) => FlawKind::Version,
        Flaw::InClear(_) => FlawKind::InClear,
        Flaw::Unprotected => FlawKind::Unprotected,
        Flaw::ContentTooLong => FlawKind::ContentTooLong,
        Flaw::TooLong => FlawKind::TooLong,
    })
}

fn bytes_of(observed: &Observation) -> Option<usize> {
    match observed {
        Observation::Accepted { bytes } => Some(*bytes),
        Observation::Stored { bytes } => *bytes,
        Observation::Flawed(_, Flaw::InClear(bytes)) => Some(*bytes),
        Observation::Contradicted(_, Contradiction::BytesOut(bytes)) => Some(*bytes),
        Observation::Foreign(segment) => Some(segment.len()),
        _ => None,
    }
}

fn missing_of(observed: &Observation) -> Option<usize> {
    match observed {
        Observation::Sealed { off, .. } => Some(*off),
        Observation::OutOfOrder {
            gap: Gap::Missing(bytes),
            ..
        } => Some(*bytes),
        _ => None,
    }
}

fn repeated_of(observed: &Observation) -> Option<usize> {
    match observed {
        Observation::OutOfOrder {
            gap: Gap::Repeated(bytes),
            ..
        } => Some(*bytes),
        _ => None,
    }
}

fn what_of(observed: &Observation) -> Option<What> {
    Some(match observed {
        Observation::QueueEmpty => What::QueueEmpty,
        Observation::Stored { bytes: None } => What::NothingStored,
        Observation::EmptyHandshakeRecord => What::EmptyHandshakeRecord,
        Observation::Interleaved(_) => What::Interleaved,
        Observation::WantsWithoutCause(Wanted::Write) => What::WantsToWrite,
        Observation::WantsWithoutCause(Wanted::Read) => What::WantsToRead,
        Observation::Foreign(_) => What::Foreign,
        Observation::DataSent => What::DataSent,
        Observation::SomethingSent => What::SomethingSent,
        Observation::RenegotiationIgnored => What::RenegotiationIgnored,
        Observation::BufferModified => What::BufferModified,
        Observation::FruitlessTransportCalls(_) => What::FruitlessTransportCalls,
        Observation::EmptyTransportCalls(_) => What::EmptyTransportCalls,
        Observation::TransportCalled => What::TransportCalled,
        Observation::AlertOwed => What::AlertOwed,
        Observation::Contradicted(_, Contradiction::CloseNotifyNotSent) => What::CloseNotifyNotSent,
        Observation::Contradicted(_, Contradiction::PeerHasNotClosed) => What::PeerHasNotClosed,
        Observation::Contradicted(_, Contradiction::PeerHasClosed) => What::PeerHasClosed,
        _ => return None,
    })
}

fn ends_of(observed: &Observation) -> Option<Ends> {
    match observed {
        Observation::Ended(Outcome::Crashed(_) | Outcome::Panicked(_)) => Some(Ends::Crash),
        Observation::Ended(Outcome::Hung(_)) => Some(Ends::Hang),
        Observation::Ended(Outcome::Stopped(_)) => Some(Ends::Stop),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::Contract;

    #[test]
    fn clauses_that_share_a_fact_exist_and_are_documented() {
        let manual = Contract::built_in().expect("the manual is right");
        let page = include_str!("../../../docs/src/known-issues.md");
        for clause in GOES_ON.iter().chain(&OF_ITS_RECORD).chain([&OPENS]) {
            assert!(manual.get(clause).is_some(), "no clause {clause}");
            assert!(page.contains(&format!("`{clause}`")), "{clause}");
        }
    }
}
