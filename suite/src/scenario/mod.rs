//! What is to be done: a scenario is a list of steps, read from a TOML file or made by a
//! generator, and run once for each of its variants (protocol version, role and transport).
//!
//! In flows the text of a file ([`parse`]); out flows a [`Scenario`] that cannot be wrong: every
//! number is in range and every step stands where it can be done. What a generator made goes back into the
//! text of a file ([`write()`]). Knows no library.

mod corpus;
pub(crate) mod form;
mod order;
pub(crate) mod parse;
mod pattern;
mod steps;
mod transport;
mod write;

use std::fmt;
use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

pub(crate) use form::{nearest, shortened};
pub(crate) use order::leave_out_what_cannot_stand;
#[cfg(test)]
pub(crate) use order::stands;

pub use corpus::{Corpus, Origin, Selection, SelectionError};
pub use parse::{ParseError, parse};
pub use pattern::{Pattern, PatternError};
pub use transport::TransportKind;
pub use write::write;

use crate::transport::{Inbound, Outbound, WireFault};

/// The largest write that a scenario may ask for, in bytes (4 MiB): far past every record
/// boundary, and small enough that a case stays fast and its memory bounded.
pub const MAX_WRITE: usize = 4 << 20;

/// One scenario: what a caller, the transport and the far end do, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scenario {
    /// `family/name`: the path of the file without its ending.
    pub id: Id,
    /// One sentence that says what is done and what a right library does.
    pub title: String,
    /// Clauses of the contract that the scenario is about, such as `retry.same-arguments`.
    pub clauses: Vec<String>,
    /// Where the behaviour, or the bug that the scenario repeats, is told.
    pub links: Vec<String>,
    /// Protocol versions to run with; never empty.
    pub versions: Vec<Version>,
    /// Roles of the library under test to run with; never empty.
    pub roles: Vec<Role>,
    /// Kinds of transport to run over; never empty.
    pub transports: Vec<TransportKind>,
    /// The kind of cipher that protects the records.
    pub cipher: Cipher,
    /// How the keys of the connection are agreed on.
    pub key_exchange: KeyExchange,
    /// Whether the library under test is told its role before the first step.
    pub role_state: RoleState,
    /// What the peer does when it is asked to renegotiate.
    pub peer_renegotiation: PeerRenegotiation,
    /// Whether the library under test sends session tickets as a server (TLS 1.3).
    pub session_tickets: SessionTickets,
    /// What is done, in order; never empty.
    pub steps: Vec<Step>,
}

impl Scenario {
    /// Every combination of transport, version and role, in the order of the file.
    pub fn variants(&self) -> impl Iterator<Item = Variant> + '_ {
        self.transports.iter().flat_map(move |&transport| {
            self.versions.iter().flat_map(move |&version| {
                self.roles.iter().map(move |&role| Variant {
                    version,
                    role,
                    transport,
                })
            })
        })
    }
}

/// The one id of a scenario: `family/name`, each of lower-case letters, digits and hyphens.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Id(String);

impl Id {
    /// Takes `family/name`; answers nothing if it is not of that form.
    pub fn new(text: &str) -> Option<Self> {
        let (family, name) = text.split_once('/')?;
        (is_name(family) && is_name(name)).then(|| Self(text.to_owned()))
    }

    /// The folder: what the scenario is about.
    pub fn family(&self) -> &str {
        self.0.split_once('/').map_or("", |(family, _)| family)
    }

    /// The file's name without its ending.
    pub fn name(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, name)| name)
    }

    /// `family/name`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A protocol version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Version {
    /// TLS 1.2 (RFC 5246).
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

impl Version {
    /// All versions, oldest first.
    pub const ALL: [Self; 2] = [Self::Tls12, Self::Tls13];

    /// The word in files, arguments and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tls12 => "tls1.2",
            Self::Tls13 => "tls1.3",
        }
    }

    /// The number in record headers and in `SSL_CTX_set_min_proto_version`.
    pub fn number(self) -> u16 {
        match self {
            Self::Tls12 => 0x0303,
            Self::Tls13 => 0x0304,
        }
    }
}

/// The role of the library under test; the peer has the other one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Role {
    /// The library under test connects.
    Client,
    /// The library under test accepts.
    Server,
}

impl Role {
    /// Both roles.
    pub const ALL: [Self; 2] = [Self::Client, Self::Server];

    /// The word in files, arguments and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

/// One way to run a scenario, written `tls1.3/client`, or `tls1.3/client/bio-pair` where the transport is
/// not the scripted one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Variant {
    /// The only protocol version that both ends offer.
    pub version: Version,
    /// The role of the library under test.
    pub role: Role,
    /// What the library under test sends through and reads from.
    pub transport: TransportKind,
}

impl Variant {
    /// Reads `tls1.3/client` or `tls1.3/client/bio-pair`; answers nothing for anything else, nor for
    /// the scripted transport by name, which is not written.
    pub fn parse(text: &str) -> Option<Self> {
        let mut words = text.split('/');
        let (version, role) = (words.next()?, words.next()?);
        let transport = match words.next() {
            None => TransportKind::Scripted,
            Some(word) => TransportKind::ALL
                .into_iter()
                .find(|t| t.as_str() == word && *t != TransportKind::Scripted)?,
        };
        words.next().is_none().then_some(Self {
            version: Version::ALL.into_iter().find(|v| v.as_str() == version)?,
            role: Role::ALL.into_iter().find(|r| r.as_str() == role)?,
            transport,
        })
    }
}

impl fmt::Display for Variant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (version, role) = (self.version.as_str(), self.role.as_str());
        match self.transport {
            TransportKind::Scripted => f.pad(&format!("{version}/{role}")),
            transport => f.pad(&format!("{version}/{role}/{}", transport.as_str())),
        }
    }
}

/// The kind of cipher that protects the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Cipher {
    /// AES-128 in Galois/counter mode: an AEAD, in both versions.
    Aes128Gcm,
    /// ChaCha20 with Poly1305: an AEAD, in both versions.
    ChaCha20,
    /// AES-128 in CBC mode with HMAC-SHA1, with encrypt-then-MAC if the library under test knows it
    /// (RFC 7366), as the peer does; TLS 1.2 only.
    Aes128Cbc,
    /// The same with MAC-then-encrypt (RFC 5246, section 6.2.3.2), whatever the library under test
    /// knows: the peer does not agree to anything else; TLS 1.2 only.
    Aes128CbcMacThenEncrypt,
}

impl Cipher {
    /// All kinds.
    pub const ALL: [Self; 4] = [
        Self::Aes128Gcm,
        Self::ChaCha20,
        Self::Aes128Cbc,
        Self::Aes128CbcMacThenEncrypt,
    ];

    /// The word in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aes128Gcm => "aes128-gcm",
            Self::ChaCha20 => "chacha20",
            Self::Aes128Cbc => "aes128-cbc",
            Self::Aes128CbcMacThenEncrypt => "aes128-cbc-mac-then-encrypt",
        }
    }

    /// Whether TLS 1.3 has it, which has AEADs alone (RFC 8446, section 5.2).
    pub fn is_aead(self) -> bool {
        match self {
            Self::Aes128Gcm | Self::ChaCha20 => true,
            Self::Aes128Cbc | Self::Aes128CbcMacThenEncrypt => false,
        }
    }
}

/// How the keys of the connection are agreed on. What is written afterwards does not depend on it, but what a
/// case costs does: the public-key operations of a whole handshake take longer than most scenarios do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KeyExchange {
    /// An ephemeral key of each end, and the server's certificate: a whole handshake.
    Ephemeral,
    /// From what both ends know before: the shortest handshake that the library under test has.
    PreShared,
}

impl KeyExchange {
    /// Both ways.
    pub const ALL: [Self; 2] = [Self::Ephemeral, Self::PreShared];

    /// The word in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ephemeral => "ephemeral",
            Self::PreShared => "pre-shared",
        }
    }
}

/// Whether `SSL_set_connect_state` or `SSL_set_accept_state` was called before the first step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum RoleState {
    /// It was, as the manual asks.
    Set,
    /// It was not: the first write cannot know which handshake to do.
    Unset,
}

/// What the peer does when the library under test asks for a renegotiation (TLS 1.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum PeerRenegotiation {
    /// It renegotiates.
    Allow,
    /// It answers with the warning alert `no_renegotiation`.
    Refuse,
}

/// Whether the library under test sends session tickets as a server of TLS 1.3. Some libraries send
/// them with the handshake, some with their first write, where they would take the place of what is
/// written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum SessionTickets {
    /// It sends none.
    None,
    /// It sends as many as it does when nobody says otherwise.
    Send,
}

/// One thing that the caller, the transport or the far end does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// Both ends handshake until done, or until neither can go on.
    Handshake,
    /// The library under test is asked to write.
    Write(Write),
    /// The last write is repeated, rightly or wrongly.
    Retry(Retry),
    /// The last call is repeated as a right caller does: the same again after would-block (the
    /// peer acts in between when reading is wanted), the rest after a short success, until all is
    /// done or the call fails for good.
    Finish,
    /// The library under test is asked to read at most so many bytes.
    Read(NonZeroUsize),
    /// The library under test is asked to send close_notify.
    Shutdown,
    /// The library under test is asked for a key update (TLS 1.3).
    KeyUpdate(KeyUpdate),
    /// The library under test is asked to renegotiate (TLS 1.2).
    Renegotiate,
    /// Modes of the library under test are switched on.
    SetModes(Vec<Mode>),
    /// Modes of the library under test are switched off.
    ClearModes(Vec<Mode>),
    /// The longest plaintext of a record from now on, 512 to 16384 bytes.
    MaxSendFragment(u16),
    /// What the transport takes from the library under test from now on.
    Link(Outbound),
    /// What the transport hands to the library under test from now on.
    Inbound(Inbound),
    /// Something happens on the wire to the bytes which the peer has sent and the library under test has
    /// not read.
    Wire(WireFault),
    /// The far end does something.
    Peer(PeerAction),
    /// An unrelated error is put into the library's error queue, as an earlier call of the caller's
    /// may have left it; the next step is a call.
    StaleError(StaleError),
}

/// What an earlier call of the caller's has left in the error queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StaleError {
    /// An entry of the library's TLS functions: a cipher that does not exist was asked for.
    #[default]
    Ssl,
    /// An entry of the system library, `ENOENT`: a file was not found. `SSL_get_error` of OpenSSL up to
    /// 3.6 takes it for an error of the transport.
    SystemLibrary,
    /// An entry of another library: a PEM file ended where another certificate could begin.
    AnotherLibrary,
    /// All three: first that of the system library, then that of another one, then that of TLS.
    Several,
}

impl StaleError {
    /// All kinds.
    pub const ALL: [Self; 4] = [
        Self::Ssl,
        Self::SystemLibrary,
        Self::AnotherLibrary,
        Self::Several,
    ];

    /// The word in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ssl => "ssl",
            Self::SystemLibrary => "system-library",
            Self::AnotherLibrary => "another-library",
            Self::Several => "several",
        }
    }
}

/// Which function of the library is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Function {
    /// `int SSL_write(SSL *, const void *, int)`.
    Write,
    /// `int SSL_write_ex(SSL *, const void *, size_t, size_t *)`.
    WriteEx,
}

impl Function {
    /// Both functions.
    pub const ALL: [Self; 2] = [Self::Write, Self::WriteEx];

    /// The C name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Write => "SSL_write",
            Self::WriteEx => "SSL_write_ex",
        }
    }
}

/// A write, done once or several times in a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Write {
    /// Which function is called.
    pub function: Function,
    /// What it is asked to write.
    pub source: WriteSource,
    /// How many such writes follow each other; from a file, at most 64 MiB in all.
    pub times: NonZeroUsize,
}

impl Write {
    /// How many bytes it offers in all; what a short success left over is not counted again.
    pub fn bytes(&self) -> usize {
        let len = match &self.source {
            WriteSource::Pattern(len) => *len,
            WriteSource::Literal(bytes) => bytes.len(),
            WriteSource::Rest | WriteSource::Null | WriteSource::Negative(_) => 0,
        };
        len * self.times.get()
    }
}

/// What a write is asked to write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum WriteSource {
    /// So many bytes of the pattern, from where the accepted bytes end; at most [`MAX_WRITE`].
    Pattern(usize),
    /// These bytes.
    Literal(Vec<u8>),
    /// What the last write left over after a short success.
    Rest,
    /// A null pointer with length 0.
    Null,
    /// A negative length with a valid pointer.
    Negative(i32),
}

/// How a write is repeated; everything that is not named stays as it was in the write itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retry {
    /// Another length, shorter or longer, in bytes.
    pub len: Option<usize>,
    /// Which memory the bytes come from.
    pub buffer: Buffer,
    /// Whether the bytes are the same.
    pub content: RetryContent,
    /// The other function.
    pub function: Option<Function>,
}

/// Which memory the bytes of a retry come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Buffer {
    /// The same address.
    #[default]
    Same,
    /// Another address; what stands at the old one is overwritten first.
    Moved,
}

/// Whether a retry offers the bytes that the write offered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RetryContent {
    /// The same bytes.
    #[default]
    Same,
    /// Other bytes at the same address.
    Changed,
}

/// Whether a key update asks the other side for one too (RFC 8446, section 4.6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum KeyUpdate {
    /// `update_not_requested`.
    NotRequested,
    /// `update_requested`.
    Requested,
}

/// Modes of `SSL_CTX_set_mode(3)` that have a bearing on writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Mode {
    /// `SSL_MODE_ENABLE_PARTIAL_WRITE`.
    PartialWrite,
    /// `SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER`.
    MovingBuffer,
    /// `SSL_MODE_AUTO_RETRY`.
    AutoRetry,
    /// `SSL_MODE_RELEASE_BUFFERS`.
    ReleaseBuffers,
}

impl Mode {
    /// All modes.
    pub const ALL: [Self; 4] = [
        Self::PartialWrite,
        Self::MovingBuffer,
        Self::AutoRetry,
        Self::ReleaseBuffers,
    ];

    /// The word in files and traces.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::PartialWrite => "partial-write",
            Self::MovingBuffer => "moving-buffer",
            Self::AutoRetry => "auto-retry",
            Self::ReleaseBuffers => "release-buffers",
        }
    }
}

/// What the far end does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PeerAction {
    /// It reads whatever has arrived.
    Read,
    /// It writes so many bytes of its own pattern.
    Write(NonZeroUsize),
    /// It goes on with its handshake as far as it can.
    Handshake,
    /// It sends a key update (TLS 1.3).
    KeyUpdate(KeyUpdate),
    /// It asks for a renegotiation (TLS 1.2): HelloRequest or ClientHello.
    Renegotiate,
    /// It sends close_notify.
    CloseNotify,
    /// It sends a fatal alert (`bad_record_mac`, as if a record had been damaged on the way).
    FatalAlert,
    /// It sends a session ticket (TLS 1.3 server).
    SessionTicket,
    /// These bytes arrive as they are, past the peer's library.
    Raw(Vec<u8>),
    /// It is gone: reads find end of file, writes fail with `EPIPE`.
    Disconnect,
}

/// Whether `text` can be a part of an id or of a clause: lower-case letters, digits and hyphens.
fn is_name(text: &str) -> bool {
    let is_of_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !text.is_empty() && text.bytes().all(is_of_name)
}
