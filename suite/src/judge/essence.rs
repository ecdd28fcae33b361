//! What of the ways in which a call differs tells it from another call that differs: the differences go in, and come out
//! without what only follows from the others, for a [`shape`](super::shape()).
//!
//! - How many bytes `SSL_write_ex` stored goes with what it returned; alone, it is what `SSL_write` would have returned.
//! - What a call returned, `SSL_want`, the error queue and errno go with the error class, where that differs.
//! - An error queue is its reasons: entries that the library puts behind the reason to say where it was are none, entries that
//!   both have say nothing, and a reason that has only got another name is the same one. Stale entries that the suite has
//!   left are one, whatever their kind.

use super::difference::{Aspect, Difference};

/// What an empty queue is called.
const EMPTY: &str = "empty";

/// What libssl adds since 3.2 where its record layer has failed, whatever the reason (3.6 `ssl/record/rec_layer_s3.c:528`).
const BEHIND_THE_REASON: &str = "ssl:record layer failure";

/// What the part of libcrypto says that libssl asked; 1.1.1 has no providers.
const OF_PROVIDERS: &str = "provider:";

/// What the reasons of received alerts are called in the reference (3.6 `crypto/ssl_err.c:435`), and in libraries that have them
/// by the name of SSL 3.0 (1.1.1w `ssl/ssl_err.c:1099`): the numbers are the same.
const ALERT: &str = "ssl:ssl/tls alert ";
const ALERT_BEFORE: &str = "ssl:sslv3 alert ";

/// The entries that the suite leaves in the error queue for a call to find (`stale_error`), of each kind.
const LEFT_BY_THE_SUITE: [&str; 3] = [
    "ssl:no cipher match",
    "system library:ENOENT",
    "pem:no start line",
];

/// What they are called: of which kind they were, and how many, makes no difference of its own.
const STALE: &str = "stale";

/// What stands in both queues' places where one says in other words what the other says.
const OTHER_WORDS: (&str, &str) = ("other words for one reason", "the reference's");

/// The differences without what follows from the others of their call. A call of which nothing but the words differ is left
/// out if another differs more: it does not lead to that.
pub(super) fn essence(differences: &[Difference]) -> Vec<Difference> {
    let of_call = differences.chunk_by(|a, b| (a.step, a.call) == (b.step, b.call));
    let mut kept: Vec<Difference> = Vec::with_capacity(differences.len());
    for differences in of_call {
        let own = differences
            .iter()
            .filter(|difference| !follows(difference, differences));
        kept.extend(own.map(reduced));
    }
    let same = |difference: &Difference| difference.seen == difference.reference;
    if kept.iter().all(same) {
        let (seen, reference) = OTHER_WORDS;
        for difference in &mut kept {
            difference.seen = seen.to_owned();
            difference.reference = reference.to_owned();
        }
    } else {
        kept.retain(|difference| !same(difference));
    }
    kept
}

/// Whether a difference follows from another one of the same call.
fn follows(difference: &Difference, of_call: &[Difference]) -> bool {
    let differs = |aspect| of_call.iter().any(|other| other.aspect == aspect);
    match difference.aspect {
        Aspect::Written => differs(Aspect::Return) || differs(Aspect::ErrorClass),
        Aspect::Return | Aspect::Want | Aspect::Queue | Aspect::Errno => {
            differs(Aspect::ErrorClass)
        }
        _ => false,
    }
}

/// A difference in the words in which another library, or another function, would tell the same.
fn reduced(difference: &Difference) -> Difference {
    let mut difference = difference.clone();
    match difference.aspect {
        Aspect::Written => difference.aspect = Aspect::Return,
        Aspect::Queue => {
            let (seen, reference) = (reasons(&difference.seen), reasons(&difference.reference));
            let both = seen.iter().zip(&reference).take_while(|(a, b)| a == b);
            let shared = both.count();
            difference.seen = listed(&seen[shared..]);
            difference.reference = listed(&reference[shared..]);
        }
        _ => {}
    }
    difference
}

/// The reasons in an error queue.
fn reasons(queue: &str) -> Vec<String> {
    let entries: Vec<&str> = queue
        .split(", ")
        .filter(|entry| *entry != EMPTY && *entry != BEHIND_THE_REASON)
        .collect();
    let of_libssl = entries.iter().any(|entry| entry.starts_with("ssl:"));
    let mut reasons: Vec<String> = entries
        .into_iter()
        .filter(|entry| !(of_libssl && entry.starts_with(OF_PROVIDERS)))
        .map(|entry| match LEFT_BY_THE_SUITE.contains(&entry) {
            true => STALE.to_owned(),
            false => entry.replacen(ALERT_BEFORE, ALERT, 1),
        })
        .collect();
    reasons.dedup_by(|later, earlier| later == STALE && earlier == STALE);
    reasons
}

fn listed(reasons: &[String]) -> String {
    match reasons {
        [] => EMPTY.to_owned(),
        reasons => reasons.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::super::shape;
    use super::*;

    fn shape_of(action: &str, aspects: &[(Aspect, &str, &str)]) -> String {
        let difference = |&(aspect, seen, reference): &(Aspect, &str, &str)| Difference {
            step: 2,
            call: 0,
            within: Vec::new(),
            action: action.to_owned(),
            aspect,
            reference: reference.to_owned(),
            seen: seen.to_owned(),
        };
        let differences: Vec<Difference> = aspects.iter().map(difference).collect();
        shape(&differences).join(" | ")
    }

    #[test]
    fn what_goes_with_the_error_class_is_no_shape_of_its_own() {
        let class = (Aspect::ErrorClass, "SYSCALL", "SSL");
        let queue = (Aspect::Queue, EMPTY, "ssl:unexpected eof while reading");
        let errno = (Aspect::Errno, "0", "EPIPE");
        let want = (Aspect::Want, "reading", "nothing");
        let records = (Aspect::Records, "none", "alert fatal decode_error");
        assert_eq!(
            shape_of("read 100", &[class, want, queue, errno, records]),
            "read; error SYSCALL instead of SSL | read; records"
        );
        assert_eq!(
            shape_of("write 100", &[class, want, queue, errno]),
            "write; error SYSCALL instead of SSL"
        );
        assert_eq!(
            shape_of("read 100", &[want, queue, errno]),
            "read; SSL_want | read; error queue | read; errno"
        );
    }

    #[test]
    fn both_functions_have_one_shape() {
        let plain = [(Aspect::Return, "7594", "544")];
        let ex = [(Aspect::Written, "7594", "544")];
        assert_eq!(shape_of("write 9000", &plain), shape_of("write 9000", &ex));
        let failed = [
            (Aspect::Return, "0", "1"),
            (Aspect::Written, "nothing", "544"),
        ];
        assert_eq!(
            shape_of("write with SSL_write_ex 9000", &failed),
            "write; returns 0 instead of n"
        );
    }

    #[test]
    fn a_queue_is_its_reasons() {
        let of = |seen, reference| shape_of("write 100", &[(Aspect::Queue, seen, reference)]);
        let stale = of(
            "ssl:no cipher match",
            "ssl:no cipher match, system library:EPIPE",
        );
        assert_eq!(stale, of(EMPTY, "system library:EPIPE"));
        let other = of(
            "ssl:bad write retry",
            "provider:invalid aad, ssl:internal error, ssl:record layer failure",
        );
        let other_reasons = "write; error queue ssl:bad write retry instead of ssl:internal error";
        assert_eq!(other, other_reasons);
        let alerts = [
            (
                Aspect::Queue,
                "ssl:sslv3 alert bad record mac",
                "ssl:ssl/tls alert bad record mac",
            ),
            (Aspect::Records, "one", "none"),
        ];
        assert_eq!(shape_of("write 100", &alerts), "write; records");
    }

    #[test]
    fn where_only_words_differ_that_is_the_shape() {
        let of = |seen, reference| shape_of("write 100", &[(Aspect::Queue, seen, reference)]);
        let renamed = of(
            "ssl:sslv3 alert handshake failure",
            "ssl:ssl/tls alert handshake failure",
        );
        let behind = of(
            "ssl:internal error",
            "provider:invalid aad, ssl:internal error, ssl:record layer failure",
        );
        let in_other_words =
            "write; error queue other words for one reason instead of the reference's".to_owned();
        assert_eq!(renamed, in_other_words);
        assert_eq!(behind, in_other_words);
    }
}
