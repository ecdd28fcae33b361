//! Scenario files: which are accepted, which are refused and with what message, how they are
//! written, how the documentation describes them, and how scenarios are selected from the corpus.
//! Files that several topics use stand here.

mod accepted;
mod damage;
mod documentation;
mod pairwise;
mod refused;
mod selection;
mod written;

use writeproof::internal::scenario::{Id, ParseError, Scenario, parse};

/// The example of the design.
pub(crate) const SHORTER_BUFFER: &str = r#"
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

/// Every key and every kind of step of TLS 1.3.
pub(crate) const ALL_OF_TLS13: &str = r#"
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
  { wire = "swap" },
  { wire = "drop" },
  { wire = "duplicate" },
  { wire = { flip = 0 } },
  { wire = { truncate = 1048576 } },
  { write = { len = 4194304, function = "SSL_write_ex", times = 16 } },
  { write = { len = 0 } },
  { write = { len = -2147483648 } },
  { write = { text = "grüß", times = 10000 } },
  { write = { hex = "00fF" } },
  { write = { null = true } },
  { write = "rest" },
  { retry = { len = 9, buffer = "moved", content = "changed", function = "SSL_write_ex" } },
  "retry",
  "stale_error",
  "finish",
  { stale_error = {} },
  { read = {} },
  { stale_error = "system-library" },
  { read = {} },
  { stale_error = "another-library" },
  { read = {} },
  { stale_error = "several" },
  "read",
  { read = { max = 1048576 } },
  "pending",
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
  { peer = "disconnect" },
]
"#;

/// Steps as an array of tables, and everything that only TLS 1.2 has.
pub(crate) const RENEGOTIATION: &str = r#"
title = "A write during a renegotiation"
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

pub(crate) const VALID: [&str; 3] = [SHORTER_BUFFER, ALL_OF_TLS13, RENEGOTIATION];

pub(crate) fn read(text: &str) -> Result<Scenario, ParseError> {
    let id = Id::new("retry/x").unwrap();
    parse(id, "fixtures/scenarios/retry/x.toml", text)
}

/// A file whose steps start at line 3, column 1.
pub(crate) fn with_steps(steps: &str) -> String {
    format!("title = \"t\"\nsteps = [\n{steps}\n]\n")
}
