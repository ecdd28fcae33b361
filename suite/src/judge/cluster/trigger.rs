//! The trigger of a wrong event: in which call of which state it happened, and what the transport
//! and the peer did in it. The same function for every library, known or not.

use crate::judge::known::{MeasuredHistory, predicate_holds};

/// For each group the first predicate that holds is a word of the trigger. The predicates are those
/// of known issues, which `suite/docs/src/known-issues.md` describes; `not-` negates one.
const GROUPS: &[&[&str]] = &[
    // The call.
    &[
        "negative-length",
        "write-of-nothing",
        "write",
        "read",
        "handshake",
        "shutdown",
        "renegotiate",
        "key-update",
        "flush",
        "asks-what-is-buffered",
        "set-max-send-fragment",
    ],
    // What is pending, and how the arguments compare with it.
    &["shorter", "longer", "moved-buffer", "changed-content"],
    // The state of the connection.
    &[
        "not-established",
        "failed",
        "shut-down",
        "peer-closed",
        "renegotiating",
        "pending",
        "record-incomplete",
    ],
    // The transport in this call.
    &[
        "transport-zero",
        "transport-zero-retry",
        "transport-fails",
        "transport-blocks",
        "end-of-file",
        "read-fails",
    ],
    // What is taken from the peer in this call.
    &[
        "takes-fatal-alert",
        "takes-close-notify",
        "takes-hello-request",
        "takes-client-hello",
        "takes-key-update",
        "takes-unreadable",
    ],
];

/// The words of the trigger at this event.
pub(super) fn trigger(measured: &MeasuredHistory<'_, '_>, index: usize) -> Vec<String> {
    let word = |group: &&[&'static str]| {
        let mut predicates = group.iter();
        predicates
            .find(|name| holds(name, measured, index))
            .map(|name| (*name).to_owned())
    };
    GROUPS.iter().filter_map(word).collect()
}

fn holds(name: &str, measured: &MeasuredHistory<'_, '_>, index: usize) -> bool {
    match name.strip_prefix("not-") {
        Some(name) => !predicate_holds(name, measured, index),
        None => predicate_holds(name, measured, index),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::known::is_predicate;

    #[test]
    fn every_word_of_a_trigger_is_a_predicate() {
        for word in GROUPS.concat() {
            let name = word.strip_prefix("not-").unwrap_or(word);
            assert!(is_predicate(name), "{word}");
        }
    }
}
