//! Scenario files: what is read, what is refused and how the message says so, and how scenarios are
//! picked from the library.

use std::fs;
use std::path::PathBuf;

use writeproof::link::{Budget, Errno, Inbound, Outbound, Refusal};
use writeproof::scenario::{
    Buffer, Cipher, Content, Corpus, Function, Id, KeyUpdate, Mode, ParseError, Pattern,
    PeerAction, PeerRenegotiation, Retry, Role, RoleState, Scenario, Source, Step, Version, Write,
    parse,
};

/// The example of the design.
const SHORTER_BUFFER: &str = r#"
title = "A blocked write retried with fewer bytes is refused"
clauses = ["retry.same-arguments"]
versions = ["tls1.2", "tls1.3"]
roles = ["client", "server"]

steps = [
  { handshake = {} },
  { link = { accept = 100 } },      # takes 100 bytes more, then would block
  { write = { len = 20000 } },
  { link = "open" },
  { retry = { len = 50 } },
  { retry = {} },                   # can a caller who notices still recover?
  { peer = "read" },
]
"#;

/// Every key and every kind of step that TLS 1.3 has.
const ALL_OF_TLS13: &str = r#"
title = "Everything"
clauses = ["retry.same-arguments", "zero.write-is-an-error"]
links = ["https://github.com/openssl/openssl/issues/1", "http://example.org"]
versions = ["tls1.3"]
roles = ["client"]
cipher = "chacha20"
role_state = "set"
steps = [
  "handshake",
  { set_modes = ["partial-write", "moving-buffer", "auto-retry", "release-buffers"] },
  { clear_modes = ["auto-retry"] },
  { max_send_fragment = 512 },
  { link = "blocked" },
  { link = { accept = 0, at_most = 7, then = "zero" } },
  { link = { accept_each = 5, then = "zero-retry" } },
  { link = { at_most = 1 } },
  { link = { accept = 5, then = "ECONNRESET" } },
  { link = { fail = "EPIPE" } },
  { inbound = "open" },
  { inbound = "hold" },
  { inbound = "eof" },
  { inbound = { deliver = 3, at_most = 2, then = "eof" } },
  { inbound = { deliver_each = 3 } },
  { inbound = { at_most = 2 } },
  { inbound = { then = "ETIMEDOUT" } },
  { inbound = { fail = "ECONNRESET" } },
  { write = { len = 4194304, function = "SSL_write_ex", times = 10000 } },
  { write = { len = 0 } },
  { write = { len = -2147483648 } },
  { write = { text = "grüß" } },
  { write = { hex = "00fF" } },
  { write = { null = true } },
  { write = { null = true, len = 5 } },
  { write = "rest" },
  { retry = { len = 9, buffer = "moved", content = "changed", function = "SSL_write_ex" } },
  "retry",
  "stale_error",
  "finish",
  "read",
  { read = { max = 1048576 } },
  "key_update",
  { key_update = {} },
  { key_update = "requested" },
  { peer = "handshake" },
  { peer = { write = 1048576 } },
  { peer = { key_update = "not-requested" } },
  { peer = { raw = "1503" } },
  { peer = "session_ticket" },
  { peer = "fatal_alert" },
  { peer = "close_notify" },
  { shutdown = {} },
  { peer = "vanish" },
]
"#;

/// Steps as an array of tables, and everything that only TLS 1.2 has.
const RENEGOTIATION: &str = r#"
title = "A write amid a renegotiation"
versions = ["tls1.2"]
cipher = "aes128-cbc"
peer_renegotiation = "refuse"

[[steps]]
handshake = {}

[[steps]]
renegotiate = {}

[[steps]]
write.len = 100

[[steps]]
peer = "renegotiate"
"#;

const VALID: [&str; 3] = [SHORTER_BUFFER, ALL_OF_TLS13, RENEGOTIATION];

fn read(text: &str) -> Result<Scenario, ParseError> {
    let id = Id::new("retry/x").unwrap();
    parse(id, "fixtures/scenarios/retry/x.toml", text)
}

/// A file whose steps stand in line 3, from column 1.
fn with_steps(steps: &str) -> String {
    format!("title = \"t\"\nsteps = [\n{steps}\n]\n")
}

fn steps_of(steps: &str) -> Vec<Step> {
    read(&with_steps(steps)).unwrap().steps
}

fn written(source: Source) -> Step {
    Step::Write(Write {
        function: Function::Write,
        source,
        times: 1.try_into().unwrap(),
    })
}

#[test]
fn the_example_of_the_design_is_read() {
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
        cipher: Cipher::Aes128Gcm,
        role_state: RoleState::Set,
        peer_renegotiation: PeerRenegotiation::Allow,
        steps: vec![
            Step::Handshake,
            Step::Link(blocked),
            written(Source::Pattern(20000)),
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
fn every_kind_of_write_is_read() {
    let steps = &read(ALL_OF_TLS13).unwrap().steps[18..26];
    let large = Step::Write(Write {
        function: Function::WriteEx,
        source: Source::Pattern(4 << 20),
        times: 10_000.try_into().unwrap(),
    });
    let expected = [
        large,
        written(Source::Pattern(0)),
        written(Source::Negative(i32::MIN)),
        written(Source::Literal("grüß".into())),
        written(Source::Literal(vec![0, 255])),
        written(Source::Null(0)),
        written(Source::Null(5)),
        written(Source::Rest),
    ];
    assert_eq!(steps, expected);
}

#[test]
fn every_kind_of_link_is_read() {
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
fn calls_and_steps_of_the_peer_are_read() {
    let steps = &read(ALL_OF_TLS13).unwrap().steps[26..];
    let count = |bytes: usize| bytes.try_into().unwrap();
    let expected = [
        Step::Retry(Retry {
            len: Some(9),
            buffer: Buffer::Moved,
            content: Content::Changed,
            function: Some(Function::WriteEx),
        }),
        Step::Retry(Retry::default()),
        Step::StaleError,
        Step::Finish,
        Step::Read(count(16384)),
        Step::Read(count(1 << 20)),
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
        Step::Peer(PeerAction::Vanish),
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
        written(Source::Pattern(100)),
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
fn an_unset_role_state_is_for_writes_without_a_handshake() {
    let text = format!(
        "role_state = 'unset'\n{}",
        with_steps("{ write = { len = 1 } }")
    );
    assert_eq!(read(&text).unwrap().role_state, RoleState::Unset);
}

#[test]
fn a_bare_name_and_an_empty_table_say_the_same() {
    let bare =
        steps_of("{ write = { len = 1 } }, 'handshake', 'retry', 'finish', 'read', 'shutdown'");
    let tables = steps_of(
        "{ write = { len = 1 } }, { handshake = {} }, { retry = {} }, { finish = {} }, \
         { read = {} }, { shutdown = {} }",
    );
    assert_eq!(bare, tables);
}

/// Checks a table of files that are refused; `file` makes one from its input. Each line is `INPUT => LINE:COLUMN MESSAGE`, the
/// message in parts with `~` between them; `\n` in the input is the end of a line.
fn check_refused(file: fn(&str) -> String, table: &str) {
    let mut unexpected = String::new();
    for line in table.lines().filter(|line| !line.is_empty()) {
        let (input, expected) = line.split_once("=>").unwrap();
        let (place, says) = expected.trim().split_once(' ').unwrap();
        let message = match read(&file(&input.trim_end().replace("\\n", "\n"))) {
            Ok(_) => "accepted".to_owned(),
            Err(error) => error.to_string(),
        };
        let start = format!("fixtures/scenarios/retry/x.toml:{place}: ");
        let right = message.starts_with(&start)
            && says.split('~').all(|part| message.contains(part.trim()));
        if !right {
            unexpected += &format!("\n{line}\n    but: {message}\n");
        }
    }
    assert!(unexpected.is_empty(), "{unexpected}");
}

/// The keys of the line, and then steps that are right.
fn with_head(head: &str) -> String {
    format!("{head}\ntitle = 't'\nsteps = [{{ write = {{ len = 1 }} }}]")
}

#[test]
fn text_that_is_no_toml_is_refused_where_it_stops_being_toml() {
    check_refused(
        str::to_owned,
        r#"
title = "t"\nsteps = [\n  { write = }\n] => 3:13 not TOML
title = "t => 1:11 not TOML
title = 't'\ntitle = 'u'                 => 2:1 not TOML: duplicate key
title = 't'\nsteps = [                   => 2:10 not TOML
# größer\ntitle = 'ü' x                  => 2:13 not TOML
"#,
    );
}

#[test]
fn a_wrong_head_is_refused() {
    check_refused(
        str::to_owned,
        r#"
                             => 1:1 no "title" ~ add title =
title = 't'                  => 1:1 no "steps" ~ add steps =
title = ' '\nsteps = []      => 1:9 "title" is " " ~ must be one sentence
title = 5\nsteps = []        => 1:9 "title" is 5
title = 't'\nsteps = []      => 2:9 "steps" is an empty array ~ one or more steps
title = 't'\nsteps = 'write' => 2:9 "steps" is "write" ~ an array of steps
"#,
    );
    check_refused(
        with_head,
        r#"
titel = 'x'                     => 1:1 unknown key "titel" in the scenario ~ did you mean "title"? ~ (keys: title, clauses,
zzz = 1                         => 1:1 unknown key "zzz" ~ the keys are title, clauses
clauses = 'a.b'                 => 1:11 must be an array of clauses
clauses = ['a.b', 'retry']      => 1:19 an element of "clauses" is "retry" ~ retry.same-arguments
clauses = ['a.B']               => 1:12 such as
clauses = ['a.b.c']             => 1:12 such as
clauses = ['a.b', 'a.b']        => 1:19 "a.b" stands twice in "clauses"
links = ['ftp://x']             => 1:10 starts with https://
links = ['https://']            => 1:10 starts with https://
links = [7]                     => 1:10 an element of "links" is 7
versions = ['tls1.4']           => 1:13 unknown value "tls1.4" for an element of "versions" ~ did you mean "tls1. ~ (values: tls1.2, tls1.3)
versions = []                   => 1:12 "versions" is an empty array ~ one or more
versions = ['tls1.2', 'tls1.2'] => 1:23 "tls1.2" stands twice in "versions"
roles = ['clent']               => 1:10 did you mean "client"?
roles = []                      => 1:9 "roles" is an empty array
roles = ['server', 'server']    => 1:20 stands twice
cipher = 'aes'                  => 1:10 unknown value "aes" for "cipher" ~ aes128-gcm
cipher = true                   => 1:10 "cipher" is true ~ must be one of aes128-gcm, chacha20
cipher = 'aes128-cbc'           => 1:10 does not exist in TLS 1.3 ~ versions = ["tls1.2"]
role_state = 'unsett'           => 1:14 did you mean "unset"?
peer_renegotiation = 'deny'     => 1:22 the values are allow, refuse
peer_renegotiation = 'refuse'   => 1:22 has no effect ~ add such a step
"#,
    );
}

#[test]
fn a_step_of_the_wrong_form_is_refused() {
    check_refused(
        with_steps,
        r#"
5                          => 3:1 an element of "steps" is 5 ~ must be a step: a name
{}                         => 3:1 an empty table ~ a table of its own
{ retry = {}, write = {} } => 3:15 "write" stands in one table with "retry"
'hanshake'                 => 3:1 unknown step "hanshake" ~ did you mean "handshake"? ~ (steps: handshake, write,
  { writ = {} }            => 3:5 unknown step "writ" ~ did you mean "write"?
'write'                    => 3:1 the step "write" stands alone ~ { write = … }
'link'                     => 3:1 stands alone
{ handshake = 1 }          => 3:15 "handshake" is 1 ~ must be {} ~ "handshake" alone
{ finish = { a = 1 } }     => 3:12 "finish" is a table ~ must be {}
"#,
    );
}

#[test]
fn a_wrong_write_is_refused() {
    check_refused(
        with_steps,
        r#"
{ write = { lenght = 4 } }                           => 3:13 unknown key "lenght" in write: did you mean "len"? (keys: len, text, hex, null, function, times)
{ write = 5 }                                        => 3:11 "write" is 5 ~ must be "rest", or a table
{ write = 'all' }                                    => 3:11 "write" is "all" ~ "rest"
{ write = {} }                                       => 3:11 a write of nothing ~ len, text, hex
{ write = { times = 2 } }                            => 3:11 a write of nothing
{ write = { len = 4194305 } }                        => 3:19 "len" in write is 4194305 ~ from -2147483648 to 4194304
{ write = { len = -2147483649 } }                    => 3:19 a whole number
{ write = { len = 99999999999999999999999999999999999999999 } } => 3:19 a whole number
{ write = { len = 1.5 } }                            => 3:19 "len" in write is 1.5
{ write = { len = '4' } }                            => 3:19 "len" in write is "4"
{ write = { len = 1979-05-27 } }                     => 3:19 is a date or time
{ write = { len = [] } }                             => 3:19 is an empty array
{ write = { len = {} } }                             => 3:19 is an empty table
{ write = { len = -1, function = 'SSL_write_ex' } }  => 3:19 "len" in write is -1 ~ SSL_write_ex takes no negative length
{ write = { len = 1, text = 'a' } }                  => 3:22 "text" in write excludes "len" ~ only one of len, text, hex
{ write = { hex = '00', len = 1 } }                  => 3:25 "len" in write excludes "hex"
{ write = { null = true, text = 'a' } }              => 3:26 "text" in write excludes "null"
{ write = { null = false } }                         => 3:20 "null" in write is false ~ must be true, or left out
{ write = { null = true, len = -1 } }                => 3:32 from 0 to 4194304
{ write = { text = '' } }                            => 3:20 "text" in write is ""
{ write = { hex = '' } }                             => 3:19 two hexadecimal digits
{ write = { hex = '0ff' } }                          => 3:19 two hexadecimal digits
{ write = { hex = '0g' } }                           => 3:19 two hexadecimal digits
{ write = { hex = 'ü' } }                            => 3:19 two hexadecimal digits
{ write = { len = 1, times = 0 } }                   => 3:30 "times" in write is 0 ~ from 1 to 10000
{ write = { len = 1, times = 10001 } }               => 3:30 from 1 to 10000
{ write = { len = 1, function = 'SSL_wirte' } }      => 3:33 did you mean "SSL_write"?
{ write = { text = 'ü', function = 1 } }             => 3:36 one of SSL_write, SSL_write_ex
"#,
    );
}

#[test]
fn other_wrong_calls_are_refused() {
    check_refused(
        with_steps,
        r#"
{ write = { len = 1 } },\n{ retry = { length = 5 } } => 4:13 unknown key "length" in retry ~ did you mean "len"?
{ retry = { len = -5 } }                             => 3:19 from 0 to 4194304
{ retry = 50 }                                       => 3:11 "retry" is 50 ~ { len = 50 }
{ retry = { buffer = 'move' } }                      => 3:22 did you mean "moved"?
{ retry = { content = 'other' } }                    => 3:23 the values are same, changed
{ retry = { function = 'write' } }                   => 3:24 SSL_write, SSL_write_ex
{ read = 5 }                                         => 3:10 { max = 100 }
{ read = { max = 0 } }                               => 3:18 from 1 to 1048576
{ read = { max = 1048577 } }                         => 3:18 from 1 to 1048576
{ read = { len = 5 } }                               => 3:12 unknown key "len" in read ~ the keys are max
{ key_update = 'request' }                           => 3:16 did you mean "requested"?
{ key_update = { request = true } }                  => 3:16 "key_update" is a table ~ one of not-requested, requested
{ set_modes = [] }                                   => 3:15 "set_modes" is an empty array ~ one or more modes
{ set_modes = 'auto-retry' }                         => 3:15 an array of modes
{ clear_modes = ['partial'] }                        => 3:18 did you mean "partial-write"?
{ clear_modes = ['auto-retry', 'auto-retry'] }       => 3:32 "auto-retry" stands twice in "clear_modes"
{ max_send_fragment = 511 }                          => 3:23 from 512 to 16384
{ max_send_fragment = 16385 }                        => 3:23 from 512 to 16384
"#,
    );
}

#[test]
fn a_wrong_link_or_peer_is_refused() {
    check_refused(
        with_steps,
        r#"
{ link = 'block' }                              => 3:10 unknown value "block" for "link" ~ did you mean "blocked"?
{ link = 5 }                                    => 3:10 "open", "blocked", or a table
{ link = {} }                                   => 3:10 "link" is an empty table
{ link = { acept = 5 } }                        => 3:12 did you mean "accept"?
{ link = { accept = -1 } }                      => 3:21 from 0 to 1073741824
{ link = { accept = 1, at_most = 0 } }          => 3:34 from 1 to
{ link = { accept = 1, accept_each = 1 } }      => 3:24 "accept_each" in link excludes "accept"
{ link = { accept = 1, then = 'ECONRESET' } }   => 3:31 did you mean "ECONNRESET"?
{ link = { accept = 1, then = 'eof' } }         => 3:31 would-block, zero, zero-retry, EAGAIN
{ link = { then = 'zero' } }                    => 3:19 without a budget ~ accept = N
{ link = { at_most = 1, then = 'zero' } }       => 3:32 without a budget
{ link = { fail = 'zero' } }                    => 3:19 unknown value "zero" for "fail" in link
{ link = { fail = 'EPIPE', accept = 1 } }       => 3:28 "accept" in link excludes "fail"
{ link = { at_most = 1, fail = 'EPIPE' } }      => 3:25 "fail" in link excludes "at_most"
{ link = { fail = 'EPIPE', then = 'zero' } }    => 3:28 excludes
{ inbound = 'blocked' }                         => 3:13 the values are open, hold, eof
{ inbound = true }                              => 3:13 "open", "hold", "eof"
{ inbound = { accept = 5 } }                    => 3:15 the keys are deliver, deliver_each, fail, at_most, then
{ inbound = { deliver = 1, then = 'zero' } }    => 3:35 would-block, eof, zero-retry
{ inbound = { deliver = 1, deliver_each = 1 } } => 3:28 excludes
{ peer = 'reed' }                               => 3:10 did you mean "read"? ~ close_notify
{ peer = 5 }                                    => 3:10 a word such as "read"
{ peer = {} }                                   => 3:10 "peer" is an empty table
{ peer = { read = 5 } }                         => 3:12 the keys are write, key_update, raw
{ peer = { write = 0 } }                        => 3:20 from 1 to 1048576
{ peer = { write = 1, raw = '00' } }            => 3:23 "raw" in peer excludes "write"
{ peer = { raw = 'x' } }                        => 3:18 two hexadecimal digits
{ peer = { key_update = {} } }                  => 3:25 one of not-requested, requested
"#,
    );
}

#[test]
fn a_step_out_of_place_is_refused() {
    check_refused(
        with_steps,
        r#"
  { retry = {} }                                     => 3:5 a retry before any write: a retry repeats a write: put a write before it
{ write = 'rest' }                                   => 3:3 the rest of a write before any write
{ peer = 'read' }, 'finish'                          => 3:20 finish before any call
'handshake',\n { write = { len = 1 } },\n 'handshake' => 5:2 a second handshake ~ renegotiate
'key_update'                                         => 3:1 TLS 1.2 does not have ~ versions = ["tls1.3"]
'renegotiate'                                        => 3:1 TLS 1.3 does not have ~ versions = ["tls1.2"]
'stale_error', { peer = 'read' }                     => 3:1 no call follows ~ right after it
{ peer = 'vanish' }, 'read', { peer = 'read' }       => 3:32 a peer that has vanished ~ before peer = "vanish"
{ write = { len = 1 } }, { link = 'open' }           => 3:28 would see its effect
{ write = { len = 1 } }, { inbound = 'open' }        => 3:28 would see its effect
{ write = { len = 1 } }, { set_modes = ['auto-retry'] } => 3:28 would see its effect
{ write = { len = 1 } }, { clear_modes = ['auto-retry'] } => 3:28 would see its effect
{ write = { len = 1 } }, { max_send_fragment = 600 } => 3:28 would see its effect
{ write = { len = 1 } }, 'stale_error'               => 3:26 would see its effect
'handshake', 'read'                                  => 2:9 no step writes ~ { write = { len = 100 } }
"#,
    );
    check_refused(
        str::to_owned,
        r#"
title = 't'\nsteps = [\n'handshake', { write = { len = 1 } }\n]\nrole_state = 'unset'\n => 3:1 role_state = "unset" ~ leave the step out
title = 't'\nsteps = [\n{ peer = { key_update = 'requested' } }\n]\nversions = ['tls1.2']\n => 3:3 versions = ["tls1.3"]
title = 't'\nsteps = [\n{ peer = 'renegotiate' }\n]\nversions = ['tls1.3']\n => 3:3 versions = ["tls1.2"]
title = 't'\nsteps = [\n{ peer = 'session_ticket' }\n]\nversions = ['tls1.3']\n => 3:3 roles = ["client"]
title = 't'\nsteps = [\n{ peer = 'session_ticket' }\n]\nroles = ['client']\n => 3:3 versions = ["tls1.3"]
title = 't'\n[[steps]]\nretry = {}                   => 3:1 a retry before any write
"#,
    );
}

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }
}

/// Flips bytes, cuts the end off, or puts a piece of the text elsewhere.
fn damaged(text: &str, random: &mut Random) -> String {
    let mut bytes = text.as_bytes().to_vec();
    match random.below(3) {
        0 => {
            for _ in 0..=random.below(4) {
                let at = random.below(bytes.len());
                bytes[at] ^= 1 << random.below(8);
            }
        }
        1 => bytes.truncate(random.below(bytes.len())),
        _ => {
            let from = random.below(bytes.len());
            let piece = bytes[from..]
                .iter()
                .copied()
                .take(random.below(40))
                .collect::<Vec<_>>();
            let at = random.below(bytes.len());
            bytes.splice(at..at, piece);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn damaged_files_are_read_or_refused_with_a_place_in_the_text_and_never_panic() {
    let mut random = Random(1);
    let mut refused = 0;
    for round in 0..6000 {
        let text = damaged(VALID[round % VALID.len()], &mut random);
        let Err(error) = read(&text) else { continue };
        refused += 1;
        let line = text.split('\n').nth(error.line - 1);
        let columns = line.map(|line| line.chars().count() + 1);
        assert!(
            columns.is_some_and(|c| error.column <= c),
            "{error}\n{text}"
        );
    }
    assert!(refused > 1000, "only {refused} of 6000 were refused");
}

#[test]
fn deep_nesting_is_refused_and_does_not_exhaust_the_stack() {
    let text = format!("title = {}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(read(&text).is_err());
}

const FILES: [(&str, &str, &str); 4] = [
    (
        "zero/empty",
        "fixtures/scenarios/zero/empty.toml",
        SHORTER_BUFFER,
    ),
    (
        "retry/shorter-buffer",
        "fixtures/scenarios/retry/shorter-buffer.toml",
        SHORTER_BUFFER,
    ),
    (
        "retry/moved-buffer",
        "fixtures/scenarios/retry/moved-buffer.toml",
        SHORTER_BUFFER,
    ),
    ("keys/all", "fixtures/scenarios/keys/all.toml", ALL_OF_TLS13),
];

/// The ids that the arguments pick, or the message.
fn picked(arguments: &[&str]) -> Result<Vec<String>, String> {
    let corpus = Corpus::from_files(&FILES).unwrap();
    let arguments: Vec<_> = arguments.iter().map(|&a| a.to_owned()).collect();
    match corpus.select(&arguments) {
        Ok(selections) => Ok(selections
            .iter()
            .map(|s| s.scenario.id.to_string())
            .collect()),
        Err(error) => Err(error.to_string()),
    }
}

/// Writes a file into a folder of this test's own.
fn written_file(test: &str, path: &str, bytes: &[u8]) -> String {
    let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
        .join(test)
        .join(path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(&file, bytes).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn a_pattern_means_an_id_a_family_or_a_glob() {
    let means = |text: &str| -> Vec<&str> {
        let pattern = Pattern::new(text).unwrap();
        let mut ids = FILES.map(|(id, _, _)| id).to_vec();
        ids.retain(|id| pattern.matches(&Id::new(id).unwrap()));
        ids
    };
    let both = ["retry/shorter-buffer", "retry/moved-buffer"];
    assert_eq!(means("retry"), both);
    assert_eq!(means("retry/"), both);
    assert_eq!(means("*/*-buffer"), both);
    assert_eq!(means("retry/sh*"), both[..1]);
    assert_eq!(means("{zero,keys}"), ["zero/empty", "keys/all"]);
    assert_eq!(means("*").len(), 4);
    assert_eq!(means("**").len(), 4);
    assert_eq!(means("retry*buffer/x").len(), 0, "* stays within a family");
}

#[test]
fn a_pattern_with_an_open_bracket_is_refused() {
    let error = Pattern::new("retry/[a").unwrap_err().to_string();
    assert!(
        error.starts_with("\"retry/[a\" is not a pattern: "),
        "{error}"
    );
}

#[test]
fn the_library_is_in_the_order_of_the_ids() {
    let all = [
        "keys/all",
        "retry/moved-buffer",
        "retry/shorter-buffer",
        "zero/empty",
    ];
    assert_eq!(picked(&[]).unwrap(), all);
    let corpus = Corpus::from_files(&FILES).unwrap();
    let ids: Vec<_> = corpus.scenarios().iter().map(|s| s.id.as_str()).collect();
    assert_eq!(ids, all);
    assert_eq!(corpus.get("zero/empty").unwrap().id.name(), "empty");
    assert!(corpus.get("zero").is_none());
}

#[test]
fn a_wrong_library_names_the_file() {
    let message = |files: &[_]| Corpus::from_files(files).unwrap_err().to_string();
    assert!(message(&[("a/b", "f/a/b.toml", "title = 5")]).starts_with("f/a/b.toml:1:9: "));
    assert!(
        message(&[("A/b", "f/A/b.toml", SHORTER_BUFFER)])
            .starts_with("f/A/b.toml:1:1: \"A/b\" is not an id")
    );
    let twice = [
        ("a/b", "f/a/b.toml", SHORTER_BUFFER),
        ("a/b", "g/a/b.toml", SHORTER_BUFFER),
    ];
    assert!(message(&twice).starts_with("g/a/b.toml:1:1: another scenario has the id"));
}

#[test]
fn arguments_that_overlap_pick_each_scenario_once() {
    let ids = picked(&["zero/empty", "retry", "retry/shorter-buffer", "retry/*"]).unwrap();
    assert_eq!(
        ids,
        ["retry/moved-buffer", "retry/shorter-buffer", "zero/empty"]
    );
}

#[test]
fn an_argument_that_matches_nothing_is_answered_with_what_is_near() {
    let offered = |argument| picked(&[argument]).unwrap_err();
    assert_eq!(
        offered("retry/shorter-bufer"),
        "no scenario is called \"retry/shorter-bufer\": did you mean retry/shorter-buffer?"
    );
    assert!(offered("shorter-buffer").contains("did you mean retry/shorter-buffer"));
    assert!(offered("retyr").contains("did you mean retry"));
    assert!(offered("qqq").contains("it must be an id, a pattern"));
    assert!(offered("retry/[a").contains("is not a pattern"));
}

#[test]
fn a_file_takes_its_id_from_its_folder_and_name_or_is_local() {
    let test = "file_ids";
    let named = written_file(test, "probe/own-case.toml", SHORTER_BUFFER.as_bytes());
    let odd = written_file(
        test,
        "Odd Folder/My Case (2).toml",
        SHORTER_BUFFER.as_bytes(),
    );
    let no_ending = written_file(test, "probe/plain", SHORTER_BUFFER.as_bytes());
    let ids = picked(&[&named, &odd, &no_ending, "keys"]).unwrap();
    assert_eq!(
        ids,
        [
            "keys/all",
            "local/my-case-2",
            "probe/own-case",
            "probe/plain"
        ]
    );
}

#[test]
fn a_file_stands_in_for_the_scenario_of_the_library_with_its_id() {
    let edited = written_file("stands_in", "zero/empty.toml", RENEGOTIATION.as_bytes());
    let corpus = Corpus::from_files(&FILES).unwrap();
    let picked = corpus
        .select(&["zero".to_owned(), edited, "zero/empty".to_owned()])
        .unwrap();
    let titles: Vec<_> = picked.iter().map(|s| s.scenario.title.as_str()).collect();
    assert_eq!(titles, ["A write amid a renegotiation"]);
}

#[test]
fn a_file_named_twice_is_picked_once_but_two_files_with_one_id_are_refused() {
    let first = written_file("same_id", "one/probe/x.toml", SHORTER_BUFFER.as_bytes());
    let second = written_file("same_id", "two/probe/x.toml", SHORTER_BUFFER.as_bytes());
    let roundabout = first.replace("/one/", "/two/../one/");
    assert_eq!(picked(&[&first, &roundabout]).unwrap(), ["probe/x"]);
    let message = picked(&[&first, &second]).unwrap_err();
    assert!(
        message.contains("would both be the scenario probe/x"),
        "{message}"
    );
}

#[test]
fn a_file_that_is_missing_or_wrong_is_named() {
    let message = |path: &str| picked(&[path]).unwrap_err();
    assert!(message("no/such.toml").starts_with("cannot read the scenario file no/such.toml: "));
    let binary = written_file("wrong_files", "probe/binary.toml", &[0xff, 0xfe]);
    assert!(message(&binary).contains("UTF-8"));
    let wrong = written_file("wrong_files", "probe/wrong.toml", b"title = 't'\nsteps = 5");
    assert!(message(&wrong).starts_with(&format!("{wrong}:2:9: ")));
}
