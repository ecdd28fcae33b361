//! Predicts which cases are known to crash a library. The fuzz targets run libraries in their own
//! process, so such a case is skipped for that library; otherwise it would end every fuzz run.
//! `run` and `replay` use separate processes and need not skip it.
//!
//! The known issues say which cases these are: those that break `call.returns` with a crash. Their
//! triggers are evaluated before the case runs, on its worst-case history: every call succeeds and
//! sends nothing, and a transport that can fail fails in every call.

use crate::judge::known::{KnownIssues, Library};
use crate::judge::monitor::History;
use crate::scenario::{PeerAction, Retry, Scenario, Step, Variant, Write, WriteSource};
use crate::trace::{
    Argument, Asked, Attempt, Call, Entry, Interface, Outcome, Setting, Trace, Verb,
};
use crate::transport::{Errno, FlowStats, Refusal, Traffic};

/// Whether this case may crash the library. It is true for some cases that do not, as that depends
/// on how much the transport accepts.
pub(super) fn may_crash(
    known: &KnownIssues,
    library: Library<'_>,
    scenario: &Scenario,
    variant: Variant,
) -> bool {
    if !known.may_crash(library) {
        return false;
    }
    let trace = at_worst(scenario, variant);
    let history = History::of(&trace);
    history.is_some_and(|history| known.crashes(library, &history))
}

/// The worst-case trace.
fn at_worst(scenario: &Scenario, variant: Variant) -> Trace {
    let mut out = None;
    let mut last = None;
    let mut entries = Vec::new();
    for (number, step) in (1..).zip(&scenario.steps) {
        match step {
            Step::Link(link) => {
                let fails = matches!(link.then, Refusal::Fail(_));
                out = fails.then_some(link.then);
            }
            Step::Peer(PeerAction::Disconnect) => out = Some(Refusal::Fail(Errno::PIPE)),
            _ => {}
        }
        let asked = match step {
            Step::Write(write) => {
                let attempt = begun(write);
                last = Some(attempt);
                Asked::Write(attempt)
            }
            Step::Retry(retry) => match last {
                Some(attempt) => Asked::Write(repeated(attempt, retry)),
                None => continue,
            },
            step => Asked::Step(step.clone()),
        };
        entries.push(Entry {
            asked,
            traffic: Some(Traffic {
                outbound: FlowStats {
                    refusal: out,
                    ..FlowStats::default()
                },
                ..Traffic::default()
            }),
            ..Entry::new(number, String::new(), Outcome::Call(Call::success(1)))
        });
    }
    Trace {
        setting: Some(Setting::of(scenario, variant, Interface::Libssl)),
        entries,
        ..Trace::default()
    }
}

fn begun(write: &Write) -> Attempt {
    let argument = match &write.source {
        WriteSource::Pattern(len) => Argument::Bytes(*len),
        WriteSource::Literal(bytes) => Argument::Bytes(bytes.len()),
        WriteSource::Negative(len) => Argument::Negative(*len),
        WriteSource::Rest | WriteSource::Null => Argument::Null,
    };
    Attempt::first(write.function, argument)
}

fn repeated(attempt: Attempt, retry: &Retry) -> Attempt {
    Attempt {
        verb: Verb::Retry,
        function: retry.function.unwrap_or(attempt.function),
        argument: retry.len.map_or(attempt.argument, Argument::Bytes),
        buffer: retry.buffer,
        content: retry.content,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Judge;
    use crate::scenario::Corpus;

    /// Whether this library may crash in any variant of a scenario of the suite.
    fn crashes(library: &str, id: &str) -> bool {
        let corpus = Corpus::built_in().expect("the library");
        let scenario = corpus.get(id).expect("a scenario");
        let known = Judge::built_in().expect("the ledger").known;
        let library = Library {
            name: library,
            version: if library == "openssl-3.6" {
                "3.6.3"
            } else {
                "1.1.1w"
            },
        };
        let mut variants = scenario.variants();
        variants.any(|variant| may_crash(&known, library, scenario, variant))
    }

    #[test]
    fn known_crash_is_predicted() {
        for id in [
            "closing/records-sealed-at-once-interrupted-then-open",
            "handshake/renegotiation-before-the-first-one-long-write",
        ] {
            assert!(crashes("openssl-1.1.1", id), "{id}");
            assert!(!crashes("openssl-3.6", id), "{id}");
        }
    }

    #[test]
    fn similar_case_is_not_predicted_to_crash() {
        for id in [
            "handshake/renegotiation-before-the-first-one",
            "renegotiation/own-in-mid-write",
            "closing/interrupted-then-open",
            "combined/mac-then-encrypt-fatal-alert-in-mid-write",
        ] {
            assert!(!crashes("openssl-1.1.1", id), "{id}");
        }
    }
}
