use std::sync::LazyLock;

use super::super::known::Library;
use super::super::monitor::script::{
    Script, alert, alert_begun, begun, data, failed, last_of, messages, refused, wants_read,
    wants_write,
};
use super::super::{Judge, Kind};
use crate::contract::Contract;
use crate::scenario::{PeerAction, Step, Version};
use crate::trace::{Call, ErrorClass, Interface, RecordSeen, Segment, Want};
use crate::transport::{Budget, Direction, Inbound, Refusal};

static MANUAL: LazyLock<Contract> = LazyLock::new(|| Contract::built_in().expect("right pages"));

/// The findings, each as its step and whether these issues explain it.
fn found(issues: &str, reference: &Script, seen: &Script) -> Vec<(usize, bool)> {
    let mut judge = Judge::of(MANUAL.clone());
    let added = judge.known.add("mine.toml", issues);
    added.unwrap_or_else(|error| panic!("{error}"));
    let findings = judge.generated(&reference.0, &seen.0, ("mine", "1.0"));
    let differences = findings
        .iter()
        .filter(|finding| finding.kind == Kind::Difference);
    let mut found: Vec<(usize, bool)> = differences
        .map(|finding| (finding.step, finding.known.is_some()))
        .collect();
    found.sort_unstable();
    found
}

/// The number of differences that do not count.
fn normalised(reference: &Script, seen: &Script) -> usize {
    let judge = Judge::of(MANUAL.clone());
    let library = judge.library("mine", "1.0");
    let found = judge.found((Library::REFERENCE, &reference.0), (library, &seen.0));
    found.normalised
}

/// The steps of the findings without known issues.
fn unknown(reference: &Script, seen: &Script) -> Vec<usize> {
    let found = found("", reference, seen);
    assert!(found.iter().all(|(_, is_known)| !is_known));
    found.into_iter().map(|(step, _)| step).collect()
}

/// An issue of this library with these lines.
fn issue(library: &str, lines: &str) -> String {
    format!(
        "[[issue]]\nid = \"one\"\ntitle = \"A title\"\nclass = \"by-design\"\nreason = \"A reason.\"\nsource = \"ssl/x.c:1\"\n\
         affects = {{ {library} = \"..\" }}\n{lines}\n"
    )
}

/// No step.
const NONE: [usize; 0] = [];

/// A write that the transport blocks on one side, and that succeeds on the other.
fn blocked_or_not() -> (Script, Script) {
    let blocked = Script::tls13().blocked_write();
    let whole = Script::tls13()
        .write(1000, Call::success(1000))
        .sent(data(1000));
    (blocked, whole)
}

#[test]
fn first_call_that_counts_is_the_finding() {
    let (reference, seen) = blocked_or_not();
    assert_eq!(unknown(&reference, &reference.clone()), NONE);
    let [reference, seen] = [reference, seen].map(|script| script.write(9, wants_write()));
    assert_eq!(unknown(&reference, &seen.write(9, wants_read())), [2]);
}

#[test]
fn different_names_of_one_reason_do_not_count() {
    let of = |entries: &[&str]| {
        let mut call = Call::failure(ErrorClass::Ssl);
        call.queue = entries.iter().map(|&entry| entry.into()).collect();
        Script::tls13().write(9, call)
    };
    let alert = of(&["ssl:ssl/tls alert bad record mac"]);
    assert_eq!(
        unknown(&alert, &of(&["ssl:sslv3 alert bad record mac"])),
        NONE
    );
    assert_eq!(
        unknown(&alert, &of(&["ssl:tls alert bad record mac"])),
        NONE
    );
    assert_eq!(unknown(&alert, &of(&["ssl:tls alert decode error"])), [2]);
    let error = of(&["ssl:internal error"]);
    let with_places = [
        "provider:invalid aad",
        "ssl:internal error",
        "ssl:record layer failure",
    ];
    assert_eq!(unknown(&error, &of(&with_places)), NONE);
    assert_eq!(unknown(&error, &of(&[])), [2]);
}

#[test]
fn missing_errno_and_want_do_not_count() {
    let wanting = |want| {
        let call = Call {
            want,
            ..failed(0, ErrorClass::Syscall)
        };
        Script::tls13().write(9, call)
    };
    let writing = wanting(Some(Want::Writing));
    assert_eq!(unknown(&writing, &wanting(None)), NONE);
    assert_eq!(unknown(&writing, &wanting(Some(Want::Reading))), [2]);
}

#[test]
fn case_result_counts_after_reads_that_fail_differently() {
    let read = |error| {
        Script::tls13()
            .read(failed(-1, error))
            .write(9, refused("ssl:x"))
    };
    let (reference, seen) = (read(ErrorClass::Ssl), read(ErrorClass::Syscall));
    assert_eq!(
        unknown(&reference, &seen.clone().write(9, wants_read())),
        NONE
    );
    let peer_reads = |script: &Script, to| {
        let segment = Segment::Stream { from: 0, to };
        script.clone().peer_read(vec![segment])
    };
    assert_eq!(
        unknown(&peer_reads(&reference, 9), &peer_reads(&seen, 9)),
        NONE
    );
    assert_eq!(
        unknown(&peer_reads(&reference, 9), &peer_reads(&seen, 8)),
        [4]
    );
    // A read that succeeds on one side only is a finding of its own.
    assert_eq!(
        unknown(&read(ErrorClass::Ssl), &read(ErrorClass::None)),
        [2]
    );
}

#[test]
fn sent_bytes_that_the_peer_has_not_read_do_not_count() {
    let sent = |error, bytes| {
        Script::tls13()
            .read(failed(-1, error))
            .write(bytes, Call::success(bytes as i64))
            .sent(data(bytes))
    };
    let (reference, seen) = (sent(ErrorClass::Ssl, 9), sent(ErrorClass::Syscall, 9));
    let read = |script: Script, to| script.peer_read(vec![Segment::Stream { from: 0, to }]);
    assert_eq!(unknown(&read(reference.clone(), 9), &seen), NONE);
    assert_eq!(unknown(&reference, &read(seen, 9)), NONE);
    // So is one if the bytes sent are not those written first.
    let changed = |script: Script, to| script.peer_read(vec![Segment::Changed { from: 0, to }]);
    let (reference, seen) = (sent(ErrorClass::Ssl, 9), sent(ErrorClass::Syscall, 9));
    assert_eq!(unknown(&changed(reference.clone(), 9), &seen), NONE);
    assert_eq!(unknown(&changed(reference.clone(), 9), &read(seen, 3)), [4]);
    // Bytes that were not sent are missing.
    let shorter = sent(ErrorClass::Syscall, 8);
    assert_eq!(unknown(&read(reference, 9), &shorter), [3]);
}

#[test]
fn number_of_empty_peer_reads_does_not_count() {
    let once = Script::tls13().read(wants_read());
    let mut twice = once.clone().peer_read(Vec::new());
    let step = once.0.entries.last().expect("the read").step;
    twice.0.entries.last_mut().expect("the look").step = step;
    assert_eq!(unknown(&once, &twice), NONE);
    assert_eq!(unknown(&twice, &once), NONE);
}

#[test]
fn only_success_and_bytes_count_after_damage() {
    let damaged = |call| {
        let raw = PeerAction::Raw(vec![0]);
        Script::tls13().peer(raw).write(9, call)
    };
    let reference = damaged(refused("ssl:bad mac"));
    assert_eq!(unknown(&reference, &damaged(wants_read())), NONE);
    assert_eq!(unknown(&reference, &damaged(Call::success(9))), [3]);
}

#[test]
fn calls_after_a_cut_handshake_message_are_not_compared() {
    let cut = |call| {
        Script::new(Version::Tls13)
            .write(9, wants_write())
            .sent(begun())
            .write(9, call)
    };
    assert_eq!(unknown(&cut(wants_write()), &cut(wants_read())), NONE);
    let in_parts = |deliver, call| {
        let step = Step::Inbound(Inbound {
            deliver,
            ..Inbound::OPEN
        });
        Script::new(Version::Tls13).step(step).write(9, call)
    };
    for (deliver, counts) in [
        (Budget::All, true),
        (Budget::Bytes(0), true),
        (Budget::Bytes(138), false),
        (Budget::EachCall(32), false),
    ] {
        let reference = in_parts(deliver, wants_read());
        let found = unknown(&reference, &in_parts(deliver, wants_write()));
        assert_eq!(found.is_empty(), !counts, "{deliver:?}");
    }
}

#[test]
fn partial_alert_after_a_cut_message_does_not_count() {
    let hello = |record: RecordSeen| {
        Script::tls12()
            .called(Step::Renegotiate, Call::success(1))
            .write(0, refused("ssl:unexpected record"))
            .sent(last_of(messages(&["client_hello"])))
            .sent(record)
    };
    let whole = hello(alert("fatal unexpected_message"));
    let cut = hello(alert_begun());
    assert_eq!(unknown(&whole, &cut), NONE);
    assert_eq!(unknown(&cut, &whole), NONE);
    // The record of the call, and the alert of the case.
    assert_eq!(normalised(&whole, &cut), 2);
    // An alert that has not begun is missing.
    let without = hello(begun());
    assert_eq!(unknown(&whole, &without), [3]);
}

#[test]
fn calls_of_a_library_that_buffers_are_not_compared() {
    let (reference, mut seen) = blocked_or_not();
    let reference = reference.peer_read(Vec::new());
    if let Some(setting) = &mut seen.0.setting {
        setting.interface = Interface::Buffering;
    }
    let late = |script: Script, to| script.peer_read(vec![Segment::Stream { from: 0, to }]);
    assert_eq!(unknown(&reference, &late(seen, 1000)), [3]);
}

const BLOCKED: &str = r#"
when = "transport-blocks"
differs = [{ in = "call", aspect = "records", error = "WANT_WRITE", other = "NONE" }]
"#;

#[test]
fn issue_of_either_library_explains_what_it_names() {
    let (blocked, whole) = blocked_or_not();
    // The reference is an OpenSSL, and the other library is not.
    assert_eq!(
        found(&issue("openssl", BLOCKED), &blocked, &whole),
        [(2, true)]
    );
    assert_eq!(
        found(&issue("mine", BLOCKED), &whole, &blocked),
        [(2, true)]
    );
    assert_eq!(
        found(&issue("mine", BLOCKED), &blocked, &whole),
        [(2, false)]
    );
    for (from, to) in [
        ("aspect = \"records\", ", ""),
        ("WANT_WRITE", "WANT_READ"),
        ("NONE", "SSL"),
        ("transport-blocks", "read"),
        ("\"call\"", "\"later\""),
    ] {
        assert!(BLOCKED.contains(from), "{from}");
        let other = issue("mine", &BLOCKED.replace(from, to));
        assert_eq!(found(&other, &whole, &blocked), [(2, false)], "{to}");
    }
}

#[test]
fn case_result_counts_after_a_known_difference() {
    let (blocked, whole) = blocked_or_not();
    let reads = |script: Script, to| script.peer_read(vec![Segment::Stream { from: 0, to }]);
    let (reference, seen) = (reads(whole, 1000), reads(blocked, 9));
    let known = issue("mine", BLOCKED);
    assert_eq!(found(&known, &reference, &seen), [(2, true), (3, false)]);
    let delivered = "differs = [{ in = \"later\", aspect = \"delivered\" }, ";
    let both = known.replace("differs = [", delivered);
    assert_eq!(found(&both, &reference, &seen), [(2, true), (3, true)]);
}

#[test]
fn known_violation_explains_the_difference_of_its_call() {
    let lost = |script: Script| {
        script
            .write(9, Call::success(9))
            .refused(Direction::Out, Refusal::Zero)
            .write(9, refused("ssl:x"))
    };
    let right = Script::tls13()
        .write(9, failed(-1, ErrorClass::Syscall))
        .refused(Direction::Out, Refusal::Zero)
        .write(9, failed(-1, ErrorClass::Syscall));
    let breaks = "when = \"transport-zero\"\n\
                  breaks = [{ clause = \"success.bytes-are-on-the-wire\", in = \"call\", missing = \"swallowed\" }]";
    let seen = lost(Script::tls13());
    assert_eq!(found("", &right, &seen), [(2, false)]);
    assert_eq!(found(&issue("mine", breaks), &right, &seen), [(2, true)]);
    assert_eq!(found(&issue("openssl", breaks), &seen, &right), [(2, true)]);
}
