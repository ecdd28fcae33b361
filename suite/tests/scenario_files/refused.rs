//! Invalid files: the position in the message, and the correction that it suggests.

use crate::{read, with_steps};

/// Checks a table of invalid files; `file` makes one from its input. Each line is `INPUT =>
/// LINE:COLUMN MESSAGE`, with `~` between parts of the message; `\n` in the input is a line break.
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

/// A file with these header keys and valid steps.
fn with_head(head: &str) -> String {
    format!("{head}\ntitle = 't'\nsteps = [{{ write = {{ len = 1 }} }}]")
}

#[test]
fn invalid_toml_is_refused_at_the_place_of_the_error() {
    check_refused(
        str::to_owned,
        r#"
title = "t"\nsteps = [\n  { write = }\n] => 3:13 invalid TOML
title = "t => 1:11 invalid TOML
title = 't'\ntitle = 'u'                 => 2:1 invalid TOML: duplicate key
title = 't'\nsteps = [                   => 2:10 invalid TOML
# größer\ntitle = 'ü' x                  => 2:13 invalid TOML
"#,
    );
}

#[test]
fn wrong_header_is_refused() {
    check_refused(
        str::to_owned,
        r#"
                             => 1:1 missing "title" ~ add title =
title = 't'                  => 1:1 missing "steps" ~ add steps =
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
clauses = ['a.b', 'a.b']        => 1:19 "a.b" is listed twice in "clauses"
links = ['ftp://x']             => 1:10 starts with https://
links = ['https://']            => 1:10 starts with https://
links = [7]                     => 1:10 an element of "links" is 7
versions = ['tls1.4']           => 1:13 unknown value "tls1.4" for an element of "versions" ~ did you mean "tls1. ~ (values: tls1.2, tls1.3)
versions = []                   => 1:12 "versions" is an empty array ~ one or more
versions = ['tls1.2', 'tls1.2'] => 1:23 "tls1.2" is listed twice in "versions"
roles = ['clent']               => 1:10 did you mean "client"?
roles = []                      => 1:9 "roles" is an empty array
roles = ['server', 'server']    => 1:20 is listed twice
cipher = 'aes'                  => 1:10 unknown value "aes" for "cipher" ~ aes128-gcm
cipher = true                   => 1:10 "cipher" is true ~ must be one of aes128-gcm, chacha20
cipher = 'aes128-cbc'           => 1:10 "aes128-cbc" does not exist in TLS 1.3 ~ versions = ["tls1.2"]
cipher = 'aes128-cbc-mac-then-encrypt' => 1:10 "aes128-cbc-mac-then-encrypt" does not exist in TLS 1.3 ~ versions = ["tls1.2"]
cipher = 'aes128-cbc-mac-then-encript' => 1:10 did you mean "aes128-cbc-mac-then-encrypt"?
key_exchange = 'pre-shaved'     => 1:16 did you mean "pre-shared"?
key_exchange = true             => 1:16 must be one of ephemeral, pre-shared
role_state = 'unsett'           => 1:14 did you mean "unset"?
peer_renegotiation = 'deny'     => 1:22 the values are allow, refuse
peer_renegotiation = 'refuse'   => 1:22 has no effect ~ add such a step
session_tickets = 'some'        => 1:19 the values are none, send
versions = ['tls1.2']\nsession_tickets = 'send' => 2:19 has no effect ~ add that version and role
roles = ['client']\nsession_tickets = 'send' => 2:19 without the variant tls1.3/server
"#,
    );
}

#[test]
fn malformed_step_is_refused() {
    check_refused(
        with_steps,
        r#"
5                          => 3:1 an element of "steps" is 5 ~ must be a step: a name
{}                         => 3:1 an empty table ~ a table of its own
{ retry = {}, write = {} } => 3:15 "write" is in the same table as "retry"
'hanshake'                 => 3:1 unknown step "hanshake" ~ did you mean "handshake"? ~ (steps: handshake, write,
  { writ = {} }            => 3:5 unknown step "writ" ~ did you mean "write"?
'write'                    => 3:1 the step "write" has no value ~ { write = … }
'link'                     => 3:1 has no value
{ handshake = 1 }          => 3:15 "handshake" is 1 ~ must be {} ~ or write just "handshake"
{ finish = { a = 1 } }     => 3:12 "finish" is a table ~ must be {}
"#,
    );
}

#[test]
fn wrong_write_is_refused() {
    check_refused(
        with_steps,
        r#"
{ write = { lenght = 4 } }                           => 3:13 unknown key "lenght" in write: did you mean "len"? (keys: len, text, hex, null, function, times)
{ write = 5 }                                        => 3:11 "write" is 5 ~ must be "rest", or a table
{ write = 'all' }                                    => 3:11 "write" is "all" ~ "rest"
{ write = {} }                                       => 3:11 a write without data ~ len, text, hex
{ write = { times = 2 } }                            => 3:11 a write without data
{ write = { len = 4194305 } }                        => 3:19 "len" in write is 4194305 ~ from -2147483648 to 4194304
{ write = { len = -2147483649 } }                    => 3:19 a whole number
{ write = { len = 99999999999999999999999999999999999999999 } } => 3:19 a whole number
{ write = { len = 1.5 } }                            => 3:19 "len" in write is 1.5
{ write = { len = '4' } }                            => 3:19 "len" in write is "4"
{ write = { len = 1979-05-27 } }                     => 3:19 is a date or time
{ write = { len = [] } }                             => 3:19 is an empty array
{ write = { len = {} } }                             => 3:19 is an empty table
{ write = { len = -1, function = 'SSL_write_ex' } }  => 3:19 "len" in write is -1 ~ SSL_write_ex takes no negative length
{ write = { len = 1, text = 'a' } }                  => 3:22 "text" in write cannot be combined with "len" ~ only one of len, text, hex
{ write = { hex = '00', len = 1 } }                  => 3:25 "len" in write cannot be combined with "hex"
{ write = { null = true, text = 'a' } }              => 3:26 "text" in write cannot be combined with "null"
{ write = { null = false } }                         => 3:20 "null" in write is false ~ must be true, or left out
{ write = { null = true, len = 5 } }                 => 3:26 "len" in write cannot be combined with "null"
{ write = { text = '' } }                            => 3:20 "text" in write is ""
{ write = { hex = '' } }                             => 3:19 two hexadecimal digits
{ write = { hex = '0ff' } }                          => 3:19 two hexadecimal digits
{ write = { hex = '0g' } }                           => 3:19 two hexadecimal digits
{ write = { hex = 'ü' } }                            => 3:19 two hexadecimal digits
{ write = { len = 1, times = 0 } }                   => 3:30 "times" in write is 0 ~ from 1 to 10000
{ write = { len = 1, times = 10001 } }               => 3:30 from 1 to 10000
{ write = { len = 4194304, times = 17 } }            => 3:36 "times" in write is 17: must be at most 16 with 4194304 bytes each: a step writes at most 67108864 bytes in total
{ write = { len = 6711, times = 10000 } }            => 3:33 at most 9999 with 6711 bytes each
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
{ clear_modes = ['auto-retry', 'auto-retry'] }       => 3:32 "auto-retry" is listed twice in "clear_modes"
{ max_send_fragment = 511 }                          => 3:23 from 512 to 16384
{ max_send_fragment = 16385 }                        => 3:23 from 512 to 16384
"#,
    );
}

#[test]
fn wrong_link_or_peer_is_refused() {
    check_refused(
        with_steps,
        r#"
{ link = 'block' }                              => 3:10 unknown value "block" for "link" ~ did you mean "blocked"?
{ link = 5 }                                    => 3:10 "open", "blocked", or a table
{ link = {} }                                   => 3:10 "link" is an empty table
{ link = { acept = 5 } }                        => 3:12 did you mean "accept"?
{ link = { accept = -1 } }                      => 3:21 from 0 to 1073741824
{ link = { accept = 1, at_most = 0 } }          => 3:34 from 1 to
{ link = { accept = 1, accept_each = 1 } }      => 3:24 "accept_each" in link cannot be combined with "accept"
{ link = { accept = 1, then = 'ECONRESET' } }   => 3:31 did you mean "ECONNRESET"?
{ link = { accept = 1, then = 'eof' } }         => 3:31 would-block, zero, zero-retry, EACCES, EAGAIN
{ link = { then = 'zero' } }                    => 3:19 without a budget ~ accept = N
{ link = { at_most = 1, then = 'zero' } }       => 3:32 without a budget
{ link = { fail = 'zero' } }                    => 3:19 unknown value "zero" for "fail" in link
{ link = { fail = 'EPIPE', accept = 1 } }       => 3:28 "accept" in link cannot be combined with "fail"
{ link = { at_most = 1, fail = 'EPIPE' } }      => 3:25 "fail" in link cannot be combined with "at_most"
{ link = { fail = 'EPIPE', then = 'zero' } }    => 3:28 cannot be combined with
{ inbound = 'blocked' }                         => 3:13 the values are open, hold, eof
{ inbound = true }                              => 3:13 "open", "hold", "eof"
{ inbound = { accept = 5 } }                    => 3:15 the keys are deliver, deliver_each, fail, at_most, then
{ inbound = { deliver = 1, then = 'zero' } }    => 3:35 would-block, eof, zero-retry
{ inbound = { deliver = 1, deliver_each = 1 } } => 3:28 cannot be combined with
{ wire = 'swop' }                               => 3:10 did you mean "swap"? ~ drop, duplicate
{ stale_error = 'sytem-library' }               => 3:17 did you mean "system-library"? ~ another-library
{ wire = {} }                                   => 3:10 "swap", "drop", "duplicate", { flip = N } or { truncate = N }
{ wire = { flip = 1, truncate = 1 } }                => 3:22 "truncate" in wire cannot be combined with "flip"
{ wire = { flip = -1 } }                        => 3:19 from 0 to 1048576
{ wire = { truncate = 1048577 } }               => 3:23 from 0 to 1048576
{ wire = { drop = 1 } }                         => 3:12 the keys are flip, truncate
{ peer = 'reed' }                               => 3:10 did you mean "read"? ~ close_notify
{ peer = 5 }                                    => 3:10 a word such as "read"
{ peer = {} }                                   => 3:10 "peer" is an empty table
{ peer = { read = 5 } }                         => 3:12 the keys are write, key_update, raw
{ peer = { write = 0 } }                        => 3:20 from 1 to 1048576
{ peer = { write = 1, raw = '00' } }            => 3:23 "raw" in peer cannot be combined with "write"
{ peer = { raw = 'x' } }                        => 3:18 two hexadecimal digits
{ peer = { key_update = {} } }                  => 3:25 one of not-requested, requested
"#,
    );
}

#[test]
fn misplaced_step_is_refused() {
    check_refused(
        with_steps,
        r#"
  { retry = {} }                                     => 3:5 a retry before any write: put the write that it repeats before it
{ write = 'rest' }                                   => 3:3 the rest of a write before any write
{ peer = 'read' }, 'finish'                          => 3:20 finish before any call
'handshake',\n { write = { len = 1 } },\n 'handshake' => 5:2 a second handshake ~ renegotiate
'key_update'                                         => 3:1 TLS 1.2 does not have ~ versions = ["tls1.3"]
'renegotiate'                                        => 3:1 TLS 1.3 does not have ~ versions = ["tls1.2"]
'stale_error', { peer = 'read' }                     => 3:1 not followed by a call ~ right after it
{ peer = 'disconnect' }, 'read', { peer = 'read' }   => 3:36 a step of the peer after it disconnected ~ before peer = "disconnect"
{ write = { len = 1 } }, { link = 'open' }           => 3:28 this step has no effect, as nothing comes after it
{ write = { len = 1 } }, { inbound = 'open' }        => 3:28 this step has no effect, as nothing comes after it
{ write = { len = 1 } }, { wire = 'drop' }           => 3:28 this step has no effect, as nothing comes after it
{ write = { len = 1 } }, { set_modes = ['auto-retry'] } => 3:28 this step has no effect, as nothing comes after it
{ write = { len = 1 } }, { clear_modes = ['auto-retry'] } => 3:28 this step has no effect, as nothing comes after it
{ write = { len = 1 } }, { max_send_fragment = 600 } => 3:28 this step has no effect, as nothing comes after it
{ write = { len = 1 } }, 'stale_error'               => 3:26 this step has no effect, as nothing comes after it
'handshake', 'read'                                  => 2:9 no step writes ~ { write = { len = 100 } }
{ write = { len = 1, times = 10000 } }, { write = { len = 1, times = 10000 } }, { write = { len = 1 } } => 2:9 the steps write too much for one case ~ 20000 times in total
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

#[test]
fn wrong_transport_is_refused() {
    check_refused(
        |keys| format!("title = 't'\n{keys}\nsteps = ['handshake', {{ write = {{ len = 1 }} }}]\n"),
        r#"
transports = 'socket'             => 2:14 "transports" is "socket" ~ an array of strings
transports = []                   => 2:14 "transports" is an empty array ~ one or more strings
transports = ['biopair']          => 2:15 unknown value "biopair" for an element of "transports" ~ did you mean "bio-pair"?
transports = ['socket', 'pigeon'] => 2:25 the values are scripted, blocking, memory-bio, bio-pair, buffering-bio, socket, blocking-socket
transports = ['socket', 'socket'] => 2:25 "socket" is listed twice in "transports"
transport = ['socket']            => 2:1 did you mean "transports"?
"#,
    );
}

/// A file with these transports and third step; the step is on line 4.
fn over(transports_and_step: &str) -> String {
    let (transports, step) = transports_and_step.split_once(": ").unwrap();
    format!(
        "title = 't'\ntransports = [{transports}]\nsteps = ['handshake',\n{step},\n{{ write = {{ len = 1 }} }}]\n"
    )
}

#[test]
fn step_that_its_transport_cannot_do_is_refused() {
    check_refused(
        over,
        r#"
'blocking': { link = 'blocked' }                                => 4:3 the transport "blocking" does not support "link accept 0": it never reports would-block ~ leave "blocking" out of transports
'blocking': { link = { accept = 5, then = 'zero-retry' } }      => 4:3 the transport "blocking" does not support
'blocking': { inbound = 'hold' }                                => 4:3 the transport "blocking" does not support "inbound deliver 0"
'blocking': { inbound = { deliver = 5 } }                       => 4:3 the transport "blocking" does not support
'memory-bio': { link = { fail = 'EPIPE' } }                     => 4:3 the transport "memory-bio" does not support ~ without at_most
'memory-bio': { link = { accept = 5, at_most = 1 } }            => 4:3 the transport "memory-bio" does not support
'memory-bio': { inbound = { fail = 'EPIPE' } }                  => 4:3 the transport "memory-bio" does not support
'bio-pair': { link = { accept = 5, then = 'zero' } }            => 4:3 the transport "bio-pair" does not support
'bio-pair': { inbound = 'eof' },\n{ inbound = 'open' }          => 5:3 a BIO pair cannot undo
'scripted', 'socket': { link = { accept = 5 } }                 => 4:3 the transport "socket" does not support ~ leave "socket" out of transports
'socket': { link = { at_most = 5 } }                            => 4:3 the transport "socket" does not support
'socket': { wire = 'swap' }                                     => 4:3 the transport "socket" does not support "wire swap": the suite cannot change bytes in a socket ~ leave "socket" out
'blocking-socket': { wire = { flip = 3 } }                      => 4:3 the transport "blocking-socket" does not support "wire flip 3"
'socket': { inbound = 'eof' }                                   => 4:3 the transport "socket" does not support
'blocking-socket': { link = 'blocked' }                         => 4:3 the transport "blocking-socket" does not support
'blocking-socket': { inbound = 'hold' }                         => 4:3 the transport "blocking-socket" does not support
"#,
    );
}
