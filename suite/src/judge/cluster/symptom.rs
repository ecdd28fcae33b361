//! What is wrong, in words and without numbers: the words name the typed observation, so that the
//! same fault has the same words in every case, and no message is read.

use crate::judge::difference::{Aspect, Differing};
use crate::judge::finding::Finding;
use crate::judge::monitor::{CallResult, Contradiction, Gap, Observation, Wanted};
use crate::trace::{Body, ErrorClass, Flaw, Outcome, RecordSeen};

/// The words for what is wrong in this finding.
pub(super) fn symptom(finding: &Finding) -> String {
    match &finding.observed {
        Some(observation) => observed(observation),
        None => differs(&finding.differing()),
    }
}

fn observed(observation: &Observation) -> String {
    let word = match observation {
        Observation::Answered(result) => return answered(result),
        Observation::Contradicted(result, contradiction) => {
            return format!("{}-but-{}", answered(result), contradicted(contradiction));
        }
        Observation::Accepted { .. } => "wrong-count",
        Observation::Stored { bytes: Some(_) } => "wrong-count-stored",
        Observation::Stored { bytes: None } => "no-count-stored",
        Observation::QueueEmpty => "queue-empty",
        Observation::WantsWithoutCause(Wanted::Write) => "wants-write-without-cause",
        Observation::WantsWithoutCause(Wanted::Read) => "wants-read-without-cause",
        Observation::Sealed { .. } => "wrong-amount-sent",
        Observation::OutOfOrder {
            gap: Gap::Missing(_),
            ..
        } => "bytes-missing",
        Observation::OutOfOrder {
            gap: Gap::Repeated(_),
            ..
        } => "bytes-repeated",
        Observation::Foreign(_) => "foreign-bytes",
        Observation::Record(record) => return format!("sends-{}", content(record)),
        Observation::Flawed(_, flaw) => flawed(flaw),
        Observation::EmptyHandshakeRecord => "empty-handshake-record",
        Observation::Interleaved(_) => "message-interleaved",
        Observation::DataSent => "sends-data",
        Observation::SomethingSent => "sends-something",
        Observation::RenegotiationIgnored => "renegotiation-ignored",
        Observation::BufferModified => "buffer-modified",
        Observation::FruitlessTransportCalls(_) => "fruitless-transport-calls",
        Observation::EmptyTransportCalls(_) => "empty-transport-calls",
        Observation::TransportCalled => "transport-called",
        Observation::AlertOwed => "alert-not-sent",
        Observation::Ended(Outcome::Crashed(_)) => "crashes",
        Observation::Ended(Outcome::Hung(_)) => "hangs",
        Observation::Ended(Outcome::Panicked(_)) => "panics",
        Observation::Ended(_) => "does-not-end",
    };
    word.to_owned()
}

/// The sign of the return value, the error class, and the reason of the first entry in the queue.
fn answered(result: &CallResult) -> String {
    let sign = match result.ret {
        ..0 => "negative",
        0 => "zero",
        1.. => "positive",
    };
    let answer = format!("returns-{sign}-{}", class(result.error));
    match result.queue.first() {
        Some(entry) => format!("{answer}-{}", words(&entry.reason)),
        None => answer,
    }
}

/// A name that the library or an RFC gave, as words of an id.
fn words(name: &str) -> String {
    let is_letter = |c: char| c.is_ascii_alphanumeric();
    let words: Vec<String> = name
        .split(|c| !is_letter(c))
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    words.join("-")
}

fn class(class: ErrorClass) -> &'static str {
    match class {
        ErrorClass::None => "none",
        ErrorClass::Ssl => "ssl",
        ErrorClass::WantRead => "want-read",
        ErrorClass::WantWrite => "want-write",
        ErrorClass::Syscall => "syscall",
        ErrorClass::ZeroReturn => "zero-return",
        ErrorClass::Other(_) => "other",
    }
}

fn contradicted(contradiction: &Contradiction) -> &'static str {
    match contradiction {
        Contradiction::PeerHasNotClosed => "peer-has-not-closed",
        Contradiction::PeerHasClosed => "peer-has-closed",
        Contradiction::CloseNotifyNotSent => "close-notify-not-sent",
        Contradiction::TransportInOrder => "transport-in-order",
        Contradiction::Want(_) => "want-differs",
        Contradiction::Completed(_) => "record-completed",
        Contradiction::BytesOut(_) => "bytes-sent",
        Contradiction::Errno(_) => "errno-differs",
    }
}

fn flawed(flaw: &Flaw) -> &'static str {
    match flaw {
        Flaw::NonceRepeated => "nonce-repeated",
        Flaw::Version(_) => "wrong-version",
        Flaw::InClear(_) => "plaintext-sent",
        Flaw::Unprotected => "unprotected",
        Flaw::ContentTooLong => "content-too-long",
        Flaw::TooLong => "record-too-long",
    }
}

/// What is in the record: for a handshake record, the first message.
fn content(record: &RecordSeen) -> String {
    if let Some(message) = record.messages().first() {
        return words(&message.kind.handshake_type.to_string());
    }
    let word = match &record.body {
        Body::Header | Body::Incomplete { .. } => "a-part-of-a-record",
        Body::ApplicationData { .. } => "application-data",
        Body::Alert { .. } => "an-alert",
        Body::NoKey { .. } => "a-record-without-a-key",
        Body::Sealed { .. } | Body::After => "a-record-that-does-not-open",
        Body::Garbage => "no-record",
        Body::Other { .. } | Body::Handshake { .. } => "another-record",
    };
    word.to_owned()
}

/// The two error classes if they differ, or else the first aspect that does.
fn differs(differing: &[Differing]) -> String {
    let class_of = |differing: &Differing| match differing {
        Differing::Class(seen, reference) => {
            Some(format!("{}-not-{}", class(*seen), class(*reference)))
        }
        Differing::Other(_) => None,
    };
    let aspect_of = |differing: &Differing| match differing {
        Differing::Class(..) => None,
        Differing::Other(aspect) => Some(format!("other-{}", aspect_word(*aspect))),
    };
    let words = differing.iter().find_map(class_of);
    let words = words.or_else(|| differing.iter().find_map(aspect_of));
    words.unwrap_or_else(|| "differs".to_owned())
}

fn aspect_word(aspect: Aspect) -> &'static str {
    match aspect {
        Aspect::History => "calls",
        Aspect::Return => "return-value",
        Aspect::Written => "count",
        Aspect::ErrorClass => "error",
        Aspect::Want => "want",
        Aspect::Queue => "queue",
        Aspect::Errno => "errno",
        Aspect::Data => "data",
        Aspect::Records => "records",
        Aspect::Delivered => "delivered",
        Aspect::Peer => "peer",
        Aspect::SideEffects => "side-effects",
        Aspect::Alerts => "alerts",
        Aspect::Closing => "closing",
    }
}
