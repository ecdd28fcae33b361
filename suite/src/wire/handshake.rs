//! Handshake messages: reassembled across records, named, and parsed if they affect the protection
//! of later records. Takes plaintext record by record, and yields the messages in each record and
//! the complete hellos.

use std::fmt;

use super::keylog::Random;
use super::registry::registry;
use super::top_up;

registry! {
    /// The type of a handshake message (RFC 5246, section 7.4; RFC 8446, section 4; IANA "TLS
    /// HandshakeType").
    HandshakeType {
        HelloRequest = 0 "hello_request",
        ClientHello = 1 "client_hello",
        ServerHello = 2 "server_hello",
        HelloVerifyRequest = 3 "hello_verify_request",
        NewSessionTicket = 4 "new_session_ticket",
        EndOfEarlyData = 5 "end_of_early_data",
        HelloRetryRequest = 6 "hello_retry_request",
        EncryptedExtensions = 8 "encrypted_extensions",
        Certificate = 11 "certificate",
        ServerKeyExchange = 12 "server_key_exchange",
        CertificateRequest = 13 "certificate_request",
        ServerHelloDone = 14 "server_hello_done",
        CertificateVerify = 15 "certificate_verify",
        ClientKeyExchange = 16 "client_key_exchange",
        Finished = 20 "finished",
        CertificateUrl = 21 "certificate_url",
        CertificateStatus = 22 "certificate_status",
        SupplementalData = 23 "supplemental_data",
        KeyUpdate = 24 "key_update",
        CompressedCertificate = 25 "compressed_certificate",
        NextProtocol = 67 "next_protocol",
        MessageHash = 254 "message_hash",
    }
}

registry! {
    /// Whether a key update asks for one in return (RFC 8446, section 4.6.3).
    KeyUpdateRequest {
        UpdateNotRequested = 0 "update_not_requested",
        UpdateRequested = 1 "update_requested",
    }
}

/// The length of a handshake message's header in bytes: its type and its body's length (RFC 8446,
/// section 4).
const HEADER_LEN: usize = 4;

/// A handshake message, or a part of one, in one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Message {
    /// Its type. In TLS 1.3 a hello retry request is a `server_hello` on the wire (RFC 8446,
    /// section 4.1.4); it is named [`HandshakeType::HelloRetryRequest`] in the record in which it
    /// completes.
    pub kind: HandshakeType,
    /// Whether its first byte is in this record.
    pub begins: bool,
    /// Whether its last byte is in this record.
    pub completes: bool,
    /// The request of a complete `key_update`.
    pub(crate) key_update: Option<KeyUpdateRequest>,
}

/// `certificate`, `key_update(update_requested)`
impl fmt::Display for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.key_update {
            Some(request) => write!(f, "{}({request})", self.kind),
            None => write!(f, "{}", self.kind),
        }
    }
}

/// How a complete message affects the records after it.
pub(super) enum HandshakeEvent {
    ClientHello(ClientHello),
    ServerHello(ServerHello),
    HelloRetryRequest,
    Finished,
    KeyUpdate,
}

pub(super) struct ClientHello {
    pub(super) random: Random,
    /// Whether it offers early data (RFC 8446, section 4.2.10).
    pub(super) early_data: bool,
}

pub(super) struct ServerHello {
    pub(super) random: Random,
    /// The negotiated version: that of the extension, else the legacy field.
    pub(super) version: u16,
    pub(super) suite: u16,
    /// Whether the server agreed to encrypt_then_mac (RFC 7366).
    pub(super) encrypt_then_mac: bool,
}

/// Reassembles one direction's handshake messages.
#[derive(Default)]
pub(super) struct Reassembly {
    /// The bytes of a message that did not end with its record.
    partial: Vec<u8>,
}

impl Reassembly {
    /// Takes one record's plaintext, and returns the messages in it and the effects of the complete
    /// ones, in order.
    pub(super) fn feed(&mut self, mut bytes: &[u8]) -> (Vec<Message>, Vec<HandshakeEvent>) {
        let (mut messages, mut events) = (Vec::new(), Vec::new());
        while let Some(&first) = bytes.first() {
            let begins = self.partial.is_empty();
            let kind = HandshakeType::from(*self.partial.first().unwrap_or(&first));
            let mut message = Message {
                kind,
                begins,
                completes: false,
                key_update: None,
            };

            if begins && let Some((whole, rest)) = split_message(bytes) {
                events.extend(message.complete(whole));
                bytes = rest;
            } else {
                self.collect(&mut bytes);
                if split_message(&self.partial).is_some() {
                    events.extend(message.complete(&self.partial));
                    self.partial.clear();
                }
            }
            messages.push(message);
        }
        (messages, events)
    }

    /// Moves from `bytes` to `partial` the missing bytes of its message, first of the header and
    /// then of the body.
    fn collect(&mut self, bytes: &mut &[u8]) {
        top_up(&mut self.partial, HEADER_LEN, bytes);
        if let Some(whole) = message_len(&self.partial) {
            top_up(&mut self.partial, whole, bytes);
        }
    }
}

impl Message {
    /// Marks the message as complete, and parses it if it affects later records.
    fn complete(&mut self, whole: &[u8]) -> Option<HandshakeEvent> {
        self.completes = true;
        let body = whole.get(HEADER_LEN..).unwrap_or_default();
        match self.kind {
            HandshakeType::ClientHello => ClientHello::parse(body).map(HandshakeEvent::ClientHello),
            HandshakeType::ServerHello => match ServerHello::parse(body)? {
                hello if hello.random == HELLO_RETRY_REQUEST => {
                    self.kind = HandshakeType::HelloRetryRequest;
                    Some(HandshakeEvent::HelloRetryRequest)
                }
                hello => Some(HandshakeEvent::ServerHello(hello)),
            },
            HandshakeType::Finished => Some(HandshakeEvent::Finished),
            HandshakeType::KeyUpdate => {
                self.key_update = body.first().copied().map(KeyUpdateRequest::from);
                Some(HandshakeEvent::KeyUpdate)
            }
            _ => None,
        }
    }
}

/// SHA-256 of "HelloRetryRequest", the random that identifies it (RFC 8446, section 4.1.3).
const HELLO_RETRY_REQUEST: Random = [
    0xCF, 0x21, 0xAD, 0x74, 0xE5, 0x9A, 0x61, 0x11, 0xBE, 0x1D, 0x8C, 0x02, 0x1E, 0x65, 0xB8,
    0x91, //
    0xC2, 0xA2, 0x11, 0x16, 0x7A, 0xBB, 0x8C, 0x5E, 0x07, 0x9E, 0x09, 0xE2, 0xC8, 0xA8, 0x33, 0x9C,
];

/// Extension numbers (IANA "TLS ExtensionType Values").
const ENCRYPT_THEN_MAC: u16 = 22;
const EARLY_DATA: u16 = 42;
const SUPPORTED_VERSIONS: u16 = 43;

impl ClientHello {
    fn parse(body: &[u8]) -> Option<Self> {
        let (_, hello) = tls_parser::parse_tls_handshake_client_hello(body).ok()?;
        Some(Self {
            random: hello.random.try_into().ok()?,
            early_data: extensions(hello.ext).any(|(number, _)| number == EARLY_DATA),
        })
    }
}

impl ServerHello {
    fn parse(body: &[u8]) -> Option<Self> {
        let (_, hello) = tls_parser::parse_tls_handshake_server_hello(body).ok()?;
        let selected = extensions(hello.ext)
            .find(|&(number, _)| number == SUPPORTED_VERSIONS)
            .and_then(|(_, version)| version.try_into().ok())
            .map(u16::from_be_bytes);
        Some(Self {
            random: hello.random.try_into().ok()?,
            version: selected.unwrap_or(hello.version.0),
            suite: hello.cipher.0,
            encrypt_then_mac: extensions(hello.ext).any(|(number, _)| number == ENCRYPT_THEN_MAC),
        })
    }
}

/// The extensions of a hello, unparsed: one that `tls_parser` cannot parse must not hide those
/// after it.
fn extensions(bytes: Option<&[u8]>) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = bytes.unwrap_or_default();
    std::iter::from_fn(
        move || match tls_parser::parse_tls_extension_unknown(rest) {
            Ok((after, tls_parser::TlsExtension::Unknown(number, data))) => {
                rest = after;
                Some((number.0, data))
            }
            _ => None,
        },
    )
}

/// The total length of the message that starts with these bytes, if they contain its header.
fn message_len(bytes: &[u8]) -> Option<usize> {
    let &[_, high, middle, low] = bytes.first_chunk::<HEADER_LEN>()?;
    usize::try_from(u32::from_be_bytes([0, high, middle, low]))
        .ok()
        .map(|body| HEADER_LEN + body)
}

/// The first message, if it is complete, and the bytes after it.
fn split_message(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(message_len(bytes)?)
}
