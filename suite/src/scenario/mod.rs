//! Scenarios. A scenario is a list of steps, read from a TOML file or made by a generator, and run
//! once for each of its variants (protocol version, role and transport).
//!
//! Takes the text of a file ([`parse()`]), and yields a [`Scenario`] in which every number is in range
//! and every step stands where it can be done. [`write()`] turns the scenario of a generator back
//! into the text of a file. Knows no library.

mod corpus;
mod order;
pub mod parse;
mod pattern;
mod step;
mod text;
mod transport;
mod write;

use std::fmt;

use serde::{Deserialize, Serialize};

pub(crate) use order::leave_out_what_cannot_stand;
#[cfg(test)]
pub(crate) use order::stands;
pub(crate) use step::{Effect, FIRST_FORMAT, FORMAT, OpCodec, Part, appended_codecs, codec};

pub use crate::toml_reader::ParseError;
pub use corpus::Corpus;
pub(crate) use corpus::{Origin, Selection, SelectionError};
pub use parse::parse;
pub use pattern::Pattern;
pub(crate) use step::Needs;
pub use step::{
    Buffer, Function, KeyUpdate, Mode, Op, Operation, PeerAction, Retry, RetryContent, StaleError,
    Step, Write, WriteSource,
};
pub use transport::TransportKind;
pub use write::write;

/// One scenario: the actions of the caller, the transport and the peer, in order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scenario {
    /// `family/name`: the path of the file without its ending.
    pub id: Id,
    /// One sentence: what is done, and what a correct library does.
    pub title: String,
    /// Clauses of the contract that the scenario is about, such as `retry.same-arguments`.
    pub clauses: Vec<String>,
    /// Links to descriptions of the behaviour, or of the bug that the scenario reproduces.
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
    /// Whether the role of the library under test is set before the first step.
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
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Tls12 => "tls1.2",
            Self::Tls13 => "tls1.3",
        }
    }

    /// The number in record headers and in `SSL_CTX_set_min_proto_version`.
    pub(crate) fn number(self) -> u16 {
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
    pub(crate) fn as_str(self) -> &'static str {
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
    /// The same with MAC-then-encrypt (RFC 5246, section 6.2.3.2): the peer does not negotiate
    /// encrypt-then-MAC, even if the library under test offers it; TLS 1.2 only.
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
    pub(crate) fn as_str(self) -> &'static str {
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
    /// It sends its default number.
    Send,
}

/// Whether `text` can be a part of an id or of a clause: lower-case letters, digits and hyphens.
fn is_name(text: &str) -> bool {
    let is_of_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    !text.is_empty() && text.bytes().all(is_of_name)
}
