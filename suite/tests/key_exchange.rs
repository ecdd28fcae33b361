//! `key_exchange = "pre-shared"`: the handshake has no signature, and the trace of a case depends
//! neither on earlier cases nor on the thread.

use std::sync::Arc;
use std::thread;

use rstest::rstest;
use writeproof::internal::backend::{Backend, Backends};
use writeproof::internal::runner;
use writeproof::internal::scenario::{
    Cipher, Id, KeyExchange, Role, Scenario, Variant, Version, parse,
};
use writeproof::internal::trace::{Body, Outcome, Trace};
use writeproof::internal::wire::HandshakeType;

/// The write does the handshake: the trace of a `handshake` step that succeeds shows no messages.
const WRITES: &str = r#"
title = "A write that goes through"
steps = [{ write = { len = 100 } }, "finish", { peer = "read" }, { peer = { write = 10 } }, "read"]
"#;

/// Both ends drop their session here.
const FAILS: &str = r#"
title = "A fatal alert"
steps = ["handshake", { peer = "fatal_alert" }, "read", { write = { len = 100 } }]
"#;

/// The lengths of the handshake messages show here.
const CUT_UP: &str = r#"
title = "A handshake that goes on 50 bytes at a time"
steps = [{ link = { accept_each = 50 } }, { inbound = { deliver_each = 50 } }, "handshake", "finish", { write = { len = 100 } }, "finish"]
"#;

const RENEGOTIATES: &str = r#"
title = "Renegotiations of both ends"
versions = ["tls1.2"]
steps = [
  { write = { len = 100 } }, "finish", "renegotiate", { write = { len = 100 } }, "finish", { peer = "read" }, "read", { peer = "handshake" }, "read",
  { write = { len = 100 } }, "finish", { peer = "read" },
]
"#;

const UPDATES_KEYS: &str = r#"
title = "Key updates of both ends"
versions = ["tls1.3"]
steps = [
  { write = { len = 100 } }, "finish", { key_update = "requested" }, { write = { len = 100 } }, { peer = "read" },
  { peer = { key_update = "requested" } }, "read", { write = { len = 100 } }, { peer = "read" },
]
"#;

fn scenario(text: &str, key_exchange: KeyExchange) -> Scenario {
    let id = Id::new("local/case").unwrap();
    Scenario {
        key_exchange,
        ..parse(id, "case.toml", text).unwrap()
    }
}

fn open(id: &str) -> Arc<dyn Backend> {
    Backends::open(id).unwrap().unwrap()
}

fn ran(backend: &dyn Backend, scenario: &Scenario, variant: Variant) -> Trace {
    runner::run(backend, scenario, variant).unwrap()
}

/// The handshake messages of both ends, in all records.
fn messages(trace: &Trace) -> Vec<HandshakeType> {
    let records = trace
        .entries
        .iter()
        .flat_map(|entry| entry.sent.iter().chain(&entry.peer_sent));
    records
        .flat_map(|record| match &record.body {
            Body::Handshake { messages } => messages.as_slice(),
            _ => &[],
        })
        .map(|message| message.kind.handshake_type)
        .collect()
}

/// Whether the server has authenticated itself with a certificate and a signature.
fn signs(trace: &Trace) -> bool {
    let messages = messages(trace);
    assert!(
        messages.contains(&HandshakeType::ServerHello),
        "{trace}\n{messages:?}"
    );
    messages.contains(&HandshakeType::Certificate)
}

fn delivered(trace: &Trace) -> bool {
    let read = trace.entries.iter().rfind(|e| e.action == "peer read");
    matches!(&read.unwrap().result, Outcome::Peer(report) if report.read.as_ref().is_some_and(|r| r.len == 100))
}

/// The documentation of the format states this of the library.
fn knows_a_key_before(id: &str, variant: Variant, cipher: Cipher) -> bool {
    match (id, variant.version, variant.role, cipher) {
        ("rustls", Version::Tls13, Role::Client, _) => false,
        ("boringssl" | "aws-lc", Version::Tls13, ..) => false,
        ("boringssl" | "aws-lc", .., cipher) => !cipher.is_aead(),
        _ => true,
    }
}

#[test]
fn pre_shared_key_handshake_has_no_signature() {
    for id in Backends::here() {
        let backend = open(id);
        for cipher in Cipher::ALL {
            for key_exchange in KeyExchange::ALL {
                let scenario = Scenario {
                    cipher,
                    ..scenario(WRITES, key_exchange)
                };
                let possible = |variant: &Variant| {
                    (cipher.is_aead() || variant.version == Version::Tls12)
                        && (cipher.is_aead() || id != "rustls")
                };
                for variant in scenario.variants().filter(possible) {
                    let trace = ran(&*backend, &scenario, variant);
                    let whole = key_exchange == KeyExchange::Ephemeral
                        || !knows_a_key_before(id, variant, cipher);
                    let case = format!("{id} {variant} {cipher:?} {key_exchange:?}\n{trace}");
                    assert!(delivered(&trace), "{case}");
                    assert_eq!(signs(&trace), whole, "{case}{:?}", messages(&trace));
                }
            }
        }
    }
}

#[rstest]
#[case::writes(WRITES)]
#[case::fails(FAILS)]
#[case::cut_up(CUT_UP)]
fn trace_does_not_depend_on_earlier_cases_or_threads(#[case] text: &str) {
    for id in Backends::here() {
        let (backend, scenario) = (open(id), scenario(text, KeyExchange::PreShared));
        for variant in scenario.variants() {
            let recorded = || {
                let trace = ran(&*backend, &scenario, variant);
                serde_json::to_string(&trace).unwrap()
            };
            let first = recorded();
            // A backend instance of its own has no session of this one.
            let other = serde_json::to_string(&ran(&*open(id), &scenario, variant)).unwrap();
            assert_eq!(other, first, "{id} {variant}: another backend");
            for _ in 0..20 {
                assert_eq!(recorded(), first, "{id} {variant}: later");
            }
            let elsewhere = thread::scope(|scope| scope.spawn(recorded).join().unwrap());
            assert_eq!(elsewhere, first, "{id} {variant}: another thread");
        }
    }
}

#[test]
fn failed_connection_does_not_affect_the_next() {
    for id in ["openssl-3.6", "openssl-1.1.1", "rustls"] {
        let backend = open(id);
        let [fails, writes] = [FAILS, WRITES].map(|text| scenario(text, KeyExchange::PreShared));
        for variant in writes.variants() {
            ran(&*backend, &fails, variant);
            let trace = ran(&*backend, &writes, variant);
            let whole = !knows_a_key_before(id, variant, writes.cipher);
            assert_eq!(signs(&trace), whole, "{id} {variant}\n{trace}");
        }
    }
}

#[rstest]
#[case::renegotiates(RENEGOTIATES)]
#[case::updates_keys(UPDATES_KEYS)]
fn key_changes_work_after_a_pre_shared_key_handshake(#[case] text: &str) {
    for id in ["openssl-3.6", "openssl-1.1.1"] {
        let backend = open(id);
        let scenario = scenario(text, KeyExchange::PreShared);
        for variant in scenario.variants() {
            let trace = ran(&*backend, &scenario, variant);
            assert!(delivered(&trace), "{id} {variant}\n{trace}");
            assert!(!signs(&trace), "{id} {variant}\n{trace}");
        }
    }
}
