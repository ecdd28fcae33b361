//! What is known to end a library's process, and with it the fuzzer's, in which the library runs: such a case is not run
//! on that library, or no run would ever get past it. A process of its own, as of `run` and of `replay`, survives it; that
//! it is known stands in the library's ledger like everything else.

use super::multi_block::is_on_it;
use crate::link::Refusal;
use crate::scenario::{Scenario, Step};

/// The libraries that have all of the bugs below, by the names under which their traces are recorded.
const MORTAL: [&str; 2] = ["openssl-1.1.1", "openssl-system-3.0"];

/// The shortest write, in bytes, of which those libraries seal several records at once: four, of as few bytes as
/// `SSL_set_max_send_fragment` takes (1.1.1w `ssl/record/rec_layer_s3.c:433`).
const SEALED_AT_ONCE: usize = 4 * 512;

/// Whether the library may end the process in this case. More is passed over than what really does, as it depends on how
/// much the transport takes.
pub(super) fn is_deadly(library: &str, scenario: &Scenario) -> bool {
    MORTAL.contains(&library)
        && (frees_what_is_pending(scenario) || asks_for_a_missing_cipher(scenario))
}

/// Several records are sealed at once, and the buffer with them is freed when the transport fails, but not taken back that
/// something is left in it: the next write reads from a null pointer (1.1.1w `ssl/record/rec_layer_s3.c:542` and `:415`).
fn frees_what_is_pending(scenario: &Scenario) -> bool {
    is_on_it(scenario) && scenario.steps.iter().any(fails_for_good)
}

/// Whether the transport, from this step on, can fail in a way that is no invitation to come again.
fn fails_for_good(step: &Step) -> bool {
    matches!(step, Step::Link(link) if matches!(link.then, Refusal::Fail(_)))
}

/// A renegotiation before the first handshake makes a later write go on without one, and a long one asks what its cipher can,
/// where there is none yet (1.1.1w `ssl/record/rec_layer_s3.c:436`).
fn asks_for_a_missing_cipher(scenario: &Scenario) -> bool {
    let begins = |step: &&Step| !matches!(step, Step::Handshake);
    let is_long = |step: &Step| match step {
        Step::Write(write) => write.bytes() / write.times >= SEALED_AT_ONCE,
        Step::Retry(retry) => retry.len.is_some_and(|len| len >= SEALED_AT_ONCE),
        _ => false,
    };
    let early = scenario.steps.iter().take_while(begins);
    early.into_iter().any(|step| *step == Step::Renegotiate) && scenario.steps.iter().any(is_long)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Corpus;

    /// A scenario of the library.
    fn scenario(id: &str) -> Scenario {
        let corpus = Corpus::built_in().expect("the library");
        corpus.get(id).expect("a scenario").clone()
    }

    #[test]
    fn what_crashes_in_its_own_process_is_not_run_in_the_fuzzer_s() {
        for id in [
            "closing/records-sealed-at-once-interrupted-then-open",
            "handshake/renegotiation-before-the-first-one-long-write",
        ] {
            let deadly = scenario(id);
            assert!(is_deadly("openssl-1.1.1", &deadly), "{id}");
            assert!(!is_deadly("openssl-3.6", &deadly), "{id}");
        }
    }

    #[test]
    fn what_comes_close_to_it_is_run() {
        for id in [
            "handshake/renegotiation-before-the-first-one",
            "renegotiation/own-in-mid-write",
            "closing/interrupted-then-open",
            "combined/mac-then-encrypt-fatal-alert-in-mid-write",
        ] {
            assert!(!is_deadly("openssl-1.1.1", &scenario(id)), "{id}");
        }
    }
}
