//! Recorded sessions of OpenSSL with their key logs, for features that no Rust library has (CBC,
//! NULL, TLS 1.0, renegotiation).

use crate::session::{BOTH, Session, describe};

#[test]
fn recorded_sessions_read_as_they_were_sent() {
    for session in Session::all() {
        let view = session.read();

        for sender in BOTH {
            assert_eq!(
                describe(&view[sender]),
                session.expected[sender],
                "{} {sender:?}",
                session.name
            );
        }
    }
}

#[test]
fn chunk_boundaries_do_not_change_the_records() {
    for session in Session::all() {
        let mut bytewise = session.clone();
        bytewise.events = session
            .events
            .iter()
            .flat_map(|(sender, bytes)| bytes.iter().map(|byte| (*sender, vec![*byte])))
            .collect();

        assert_eq!(bytewise.read(), session.read(), "{}", session.name);
    }
}
