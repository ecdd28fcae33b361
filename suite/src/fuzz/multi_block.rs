//! Keeps a case off OpenSSL's multi-block path, whose behaviour depends on the processor, so that a
//! finding there could not be recorded for all machines.
//!
//! With a MAC-then-encrypt CBC cipher, a write of four fragments or more seals four or eight
//! records at once if the processor has AES-NI: 1.1.1w `ssl/record/rec_layer_s3.c:436` to 440 and
//! `crypto/evp/e_aes_cbc_hmac_sha1.c:945`, 3.6 `ssl/record/methods/tls_multib.c:20`.
//! `suite/docs/src/findings.md` describes the known bugs of this path.

use crate::scenario::{Cipher, Scenario, Step, WriteSource};

/// A write of this number of full fragments seals several records at once.
const FRAGMENTS: usize = 4;

/// The default size limit of a fragment, in bytes (RFC 5246, 6.2.1).
const LARGEST_FRAGMENT: usize = 1 << 14;

/// Shortens the writes and retries that would take this path.
pub(super) fn keep_clear(scenario: &mut Scenario) {
    if scenario.cipher != Cipher::Aes128CbcMacThenEncrypt {
        return;
    }
    // A retry uses a fragment size that was set after the write, so the smallest one of the case
    // counts for every step.
    let set = scenario.steps.iter().filter_map(|step| match step {
        Step::MaxSendFragment(bytes) => Some(usize::from(*bytes)),
        _ => None,
    });
    let most = FRAGMENTS * set.min().unwrap_or(LARGEST_FRAGMENT) - 1;
    for step in &mut scenario.steps {
        match step {
            Step::Write(write) => {
                if let WriteSource::Pattern(len) = &mut write.source {
                    *len = (*len).min(most);
                }
            }
            Step::Retry(retry) => {
                if let Some(len) = &mut retry.len {
                    *len = (*len).min(most);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Corpus, Id, parse};

    /// Whether a write or a retry takes the path.
    fn is_on_it(scenario: &Scenario) -> bool {
        let mut clear = scenario.clone();
        keep_clear(&mut clear);
        clear.steps != scenario.steps
    }

    /// A scenario with these steps.
    fn scenario(cipher: &str, steps: &str) -> Scenario {
        let text = format!(
            "title = \"Of four fragments\"\nversions = [\"tls1.2\"]\ncipher = \"{cipher}\"\nsteps = [\"handshake\", {steps}]\n"
        );
        let id = Id::new("partial/four-fragments").expect("an id");
        parse(id, "four-fragments.toml", &text).expect("a scenario")
    }

    fn lengths(scenario: &Scenario) -> Vec<usize> {
        let length = |step: &Step| match step {
            Step::Write(write) => Some(write.bytes() / write.times.get()),
            Step::Retry(retry) => retry.len,
            _ => None,
        };
        scenario.steps.iter().filter_map(length).collect()
    }

    const STEPS: &str = "{ write = { len = 65536 } }, { retry = { len = 70000 } }, { retry = {} }";
    const SMALLER: &str = "{ write = { len = 4096 } }, { max_send_fragment = 1000 }, { retry = {} }, \
        { max_send_fragment = 2000 }, { write = { len = 3999, times = 2 } }";

    #[test]
    fn multi_block_writes_are_shortened() {
        let kept = |cipher, steps| {
            let mut scenario = scenario(cipher, steps);
            keep_clear(&mut scenario);
            lengths(&scenario)
        };
        let mac_then_encrypt = "aes128-cbc-mac-then-encrypt";
        assert_eq!(kept(mac_then_encrypt, STEPS), [65535, 65535]);
        assert_eq!(kept(mac_then_encrypt, SMALLER), [3999, 3999]);
        assert_eq!(kept("aes128-cbc", STEPS), [65536, 70000]);
    }

    /// The traces of a scenario on the path depend on the processor. Only scenarios about the path
    /// itself may take it.
    #[test]
    fn only_scenarios_about_the_multi_block_path_take_it() {
        let corpus = Corpus::built_in().expect("the library");
        let on_it = corpus
            .scenarios()
            .iter()
            .filter(|scenario| is_on_it(scenario));
        let ids: Vec<String> = on_it.map(|scenario| scenario.id.to_string()).collect();
        let about_the_path = [
            "closing/records-sealed-at-once-interrupted-then-open",
            "partial/records-sealed-at-once",
            "renegotiation/asked-while-records-that-were-sealed-at-once-wait",
        ];
        assert_eq!(ids, about_the_path);
    }
}
