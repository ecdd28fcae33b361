//! Valid files and what they mean.

use writeproof::internal::scenario::{
    Buffer, Cipher, Function, Id, KeyExchange, KeyUpdate, Mode, PeerAction, PeerRenegotiation,
    Retry, RetryContent, Role, RoleState, Scenario, SessionTickets, StaleError, Step,
    TransportKind, Version, Write, WriteSource,
};
use writeproof::internal::transport::{Budget, Errno, Inbound, Outbound, Refusal, WireFault};

use crate::{ALL_OF_TLS13, RENEGOTIATION, SHORTER_BUFFER, read, with_steps};

fn steps_of(steps: &str) -> Vec<Step> {
    read(&with_steps(steps)).unwrap().steps
}

fn written(source: WriteSource) -> Step {
    Step::Write(Write {
        function: Function::Write,
        source,
        times: 1.try_into().unwrap(),
    })
}

#[test]
fn example_of_the_design_is_read() {
    let scenario = read(SHORTER_BUFFER).unwrap();
    let blocked = Outbound {
        accept: Budget::Bytes(100),
        ..Outbound::OPEN
    };
    let expected = Scenario {
        id: Id::new("retry/x").unwrap(),
        title: "A blocked write retried with fewer bytes is refused".into(),
        clauses: vec!["retry.same-arguments".into()],
        links: vec![],
        versions: vec![Version::Tls12, Version::Tls13],
        roles: vec![Role::Client, Role::Server],
        transports: vec![TransportKind::Scripted],
        cipher: Cipher::Aes128Gcm,
        key_exchange: KeyExchange::Ephemeral,
        role_state: RoleState::Set,
        peer_renegotiation: PeerRenegotiation::Allow,
        session_tickets: SessionTickets::None,
        steps: vec![
            Step::Handshake,
            Step::Link(blocked),
            written(WriteSource::Pattern(20000)),
            Step::Link(Outbound::OPEN),
            Step::Retry(Retry {
                len: Some(50),
                ..Retry::default()
            }),
            Step::Retry(Retry::default()),
            Step::Peer(PeerAction::Read),
        ],
    };
    assert_eq!(scenario, expected);
}

#[test]
fn both_key_exchanges_are_read() {
    for key_exchange in KeyExchange::ALL {
        let word = key_exchange.as_str();
        let text = format!("key_exchange = '{word}'\n{SHORTER_BUFFER}");
        assert_eq!(read(&text).unwrap().key_exchange, key_exchange);
    }
}

#[test]
fn every_kind_of_write_is_read() {
    let steps = &read(ALL_OF_TLS13).unwrap().steps[23..30];
    let times = |function, source, times: usize| {
        Step::Write(Write {
            function,
            source,
            times: times.try_into().unwrap(),
        })
    };
    let expected = [
        times(Function::WriteEx, WriteSource::Pattern(4 << 20), 16),
        written(WriteSource::Pattern(0)),
        written(WriteSource::Negative(i32::MIN)),
        times(Function::Write, WriteSource::Literal("grüß".into()), 10_000),
        written(WriteSource::Literal(vec![0, 255])),
        written(WriteSource::Null),
        written(WriteSource::Rest),
    ];
    assert_eq!(steps, expected);
}

#[test]
fn every_link_setting_is_read() {
    let steps = &read(ALL_OF_TLS13).unwrap().steps[4..10];
    let link = |accept, at_most: usize, then| {
        Step::Link(Outbound {
            accept,
            at_most: at_most.try_into().ok(),
            then,
        })
    };
    let errno = |name| Refusal::Fail(Errno::from_name(name).unwrap());
    let expected = [
        link(Budget::Bytes(0), 0, Refusal::WouldBlock),
        link(Budget::Bytes(0), 7, Refusal::Zero),
        link(Budget::EachCall(5), 0, Refusal::ZeroRetry),
        link(Budget::All, 1, Refusal::WouldBlock),
        link(Budget::Bytes(5), 0, errno("ECONNRESET")),
        link(Budget::Bytes(0), 0, errno("EPIPE")),
    ];
    assert_eq!(steps, expected);
}

#[test]
fn every_kind_of_inbound_is_read() {
    let steps = &read(ALL_OF_TLS13).unwrap().steps[10..18];
    let inbound = |deliver, at_most: usize, then| {
        Step::Inbound(Inbound {
            deliver,
            at_most: at_most.try_into().ok(),
            then,
        })
    };
    let errno = |name| Refusal::Fail(Errno::from_name(name).unwrap());
    let expected = [
        Step::Inbound(Inbound::OPEN),
        inbound(Budget::Bytes(0), 0, Refusal::WouldBlock),
        inbound(Budget::All, 0, Refusal::Zero),
        inbound(Budget::Bytes(3), 2, Refusal::Zero),
        inbound(Budget::EachCall(3), 0, Refusal::WouldBlock),
        inbound(Budget::All, 2, Refusal::WouldBlock),
        inbound(Budget::All, 0, errno("ETIMEDOUT")),
        inbound(Budget::Bytes(0), 0, errno("ECONNRESET")),
    ];
    assert_eq!(steps, expected);
}

#[test]
fn every_kind_of_fault_on_the_wire_is_read() {
    let steps = &read(ALL_OF_TLS13).unwrap().steps[18..23];
    let expected = [
        WireFault::Swap,
        WireFault::Drop,
        WireFault::Duplicate,
        WireFault::Flip(0),
        WireFault::Truncate(1 << 20),
    ];
    assert_eq!(steps, expected.map(Step::Wire));
}

#[test]
fn calls_and_steps_of_the_peer_are_read() {
    let steps = &read(ALL_OF_TLS13).unwrap().steps[30..];
    let count = |bytes: usize| bytes.try_into().unwrap();
    let expected = [
        Step::Retry(Retry {
            len: Some(9),
            buffer: Buffer::Moved,
            content: RetryContent::Changed,
            function: Some(Function::WriteEx),
        }),
        Step::Retry(Retry::default()),
        Step::StaleError(StaleError::Ssl),
        Step::Finish,
        Step::StaleError(StaleError::Ssl),
        Step::Read(count(16384)),
        Step::StaleError(StaleError::SystemLibrary),
        Step::Read(count(16384)),
        Step::StaleError(StaleError::AnotherLibrary),
        Step::Read(count(16384)),
        Step::StaleError(StaleError::Several),
        Step::Read(count(16384)),
        Step::Read(count(1 << 20)),
        Step::Pending,
        Step::KeyUpdate(KeyUpdate::NotRequested),
        Step::KeyUpdate(KeyUpdate::NotRequested),
        Step::KeyUpdate(KeyUpdate::Requested),
        Step::Peer(PeerAction::Handshake),
        Step::Peer(PeerAction::Write(count(1 << 20))),
        Step::Peer(PeerAction::KeyUpdate(KeyUpdate::NotRequested)),
        Step::Peer(PeerAction::Raw(vec![0x15, 3])),
        Step::Peer(PeerAction::SessionTicket),
        Step::Peer(PeerAction::FatalAlert),
        Step::Peer(PeerAction::CloseNotify),
        Step::Shutdown,
        Step::Peer(PeerAction::Disconnect),
    ];
    assert_eq!(steps, expected);
}

#[test]
fn modes_and_fragment_length_are_read() {
    let steps = &read(ALL_OF_TLS13).unwrap().steps[1..4];
    let expected = [
        Step::SetModes(Mode::ALL.to_vec()),
        Step::ClearModes(vec![Mode::AutoRetry]),
        Step::MaxSendFragment(512),
    ];
    assert_eq!(steps, expected);
}

#[test]
fn steps_can_be_an_array_of_tables() {
    let scenario = read(RENEGOTIATION).unwrap();
    let expected = [
        Step::Handshake,
        Step::Renegotiate,
        written(WriteSource::Pattern(100)),
        Step::Peer(PeerAction::Renegotiate),
    ];
    assert_eq!(scenario.steps, expected);
}

#[test]
fn both_versions_and_both_roles_are_the_default() {
    let scenario = read(&with_steps("{ write = { len = 1 } }")).unwrap();
    let variants: Vec<_> = scenario.variants().map(|v| v.to_string()).collect();
    assert_eq!(
        variants,
        [
            "tls1.2/client",
            "tls1.2/server",
            "tls1.3/client",
            "tls1.3/server"
        ]
    );
}

#[test]
fn unset_role_state_is_read_for_a_write_before_the_handshake() {
    let text = format!(
        "role_state = 'unset'\n{}",
        with_steps("{ write = { len = 1 } }")
    );
    assert_eq!(read(&text).unwrap().role_state, RoleState::Unset);
}

#[test]
fn bare_name_and_empty_table_are_equivalent() {
    let bare =
        steps_of("{ write = { len = 1 } }, 'handshake', 'retry', 'finish', 'read', 'shutdown'");
    let tables = steps_of(
        "{ write = { len = 1 } }, { handshake = {} }, { retry = {} }, { finish = {} }, \
         { read = {} }, { shutdown = {} }",
    );
    assert_eq!(bare, tables);
}

#[test]
fn each_transport_adds_variants_whose_names_parse_again() {
    use writeproof::internal::scenario::Variant;

    let words = TransportKind::ALL.map(|transport| format!("'{}'", transport.as_str()));
    let text = format!(
        "title = 't'\ntransports = [{}]\nsteps = ['handshake', {{ write = {{ len = 1 }} }}]\n",
        words.join(", ")
    );
    let variants: Vec<_> = read(&text).unwrap().variants().collect();
    assert_eq!(variants.len(), 4 * TransportKind::ALL.len());
    for variant in &variants {
        assert_eq!(Variant::parse(&variant.to_string()), Some(*variant));
    }
    let written: Vec<_> = variants.iter().map(ToString::to_string).collect();
    assert_eq!(written[0], "tls1.2/client");
    assert!(written.contains(&"tls1.3/server/blocking-socket".to_owned()));
    for wrong in [
        "tls1.3/client/scripted",
        "tls1.3/client/",
        "tls1.3/client/pigeon",
        "tls1.3/client/socket/socket",
    ] {
        assert_eq!(Variant::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn scripted_transport_is_the_default() {
    let scenario = read(SHORTER_BUFFER).unwrap();
    assert_eq!(scenario.transports, [TransportKind::Scripted]);
}
