//! An independent parser for the bytes of a connection. Takes the tapped bytes of both directions
//! and the key log, and yields records with their plaintext. It uses no TLS library, so that no
//! library under test checks itself.
//!
//! ```
//! use writeproof::internal::wire::{KeyLog, Sender, read};
//!
//! let keylog = KeyLog::parse("# no secrets\n")?;
//! let view = read([(Sender::Client, &[21, 3, 3, 0, 2, 1][..]), (Sender::Client, &[0])], &keylog);
//! let [record] = &view.client[..] else { panic!("one record") };
//! assert_eq!(record.fragment().unwrap().alert().unwrap().to_string(), "warning close_notify");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! It supports TLS 1.3 (all suites but CCM) and TLS 1.0 to 1.2 (AES-GCM, ChaCha20-Poly1305, AES-CBC
//! with and without `encrypt_then_mac`, NULL), with key updates and renegotiation. It does not
//! support early data, compression and DTLS.

mod aead;
mod alert;
mod cbc;
mod connection;
mod handshake;
mod keylog;
mod mac;
mod opener;
mod record;
mod registry;
mod schedule;
mod suites;

use std::ops::{Index, IndexMut};

pub(crate) use alert::{Alert, AlertDescription, AlertLevel};
pub use handshake::HandshakeType;
pub(crate) use handshake::{KeyUpdateRequest, Message};
pub use keylog::KeyLog;
pub(crate) use keylog::KeyLogError;
#[cfg(test)]
pub(crate) use record::Header;
pub use record::{ContentType, Record, RecordContent};
pub(crate) use record::{Fragment, NonceUse};

use connection::Connection;
use record::Framer;

/// Who sent the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Sender {
    /// The TLS client.
    Client,
    /// The TLS server.
    Server,
}

/// A value for each direction, named by the sender.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pair<T> {
    /// What the client sent.
    pub client: T,
    /// What the server sent.
    pub server: T,
}

impl<T> Index<Sender> for Pair<T> {
    type Output = T;

    fn index(&self, sender: Sender) -> &T {
        match sender {
            Sender::Client => &self.client,
            Sender::Server => &self.server,
        }
    }
}

impl<T> IndexMut<Sender> for Pair<T> {
    fn index_mut(&mut self, sender: Sender) -> &mut T {
        match sender {
            Sender::Client => &mut self.client,
            Sender::Server => &mut self.server,
        }
    }
}

/// The records of each direction, in the order in which they were sent. Together they cover every
/// byte.
pub type View = Pair<Vec<Record>>;

/// The version and suite that the first server hello of a connection settled, as numbers of the
/// IANA registries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Agreement {
    /// The protocol version: that of the extension, else the legacy field (RFC 8446, section
    /// 4.2.1).
    pub(crate) version: u16,
    /// The cipher suite.
    pub(crate) suite: u16,
}

/// Reads the records of a complete connection.
///
/// `events` are the tapped bytes in the order of the wire, both directions interleaved, in chunks
/// of any size. The order between the directions matters, because keys change with the hellos of
/// both sides: bytes must not come before those that they answer. Never fails: an unreadable record
/// says why in its [`RecordContent`].
pub fn read<'a>(events: impl IntoIterator<Item = (Sender, &'a [u8])>, keylog: &KeyLog) -> View {
    read_agreed(events, keylog).0
}

/// As [`read`], and also returns the version and suite of the first server hello, if one was sent.
pub(crate) fn read_agreed<'a>(
    events: impl IntoIterator<Item = (Sender, &'a [u8])>,
    keylog: &KeyLog,
) -> (View, Option<Agreement>) {
    let mut connection = Connection::new(keylog);
    let mut framers = Pair::<Framer>::default();
    let mut view = View::default();
    for (sender, mut bytes) in events {
        while let Some(frame) = framers[sender].next_frame(&mut bytes) {
            let (content, nonce) = connection.read(sender, &frame);
            let received = frame.header.record_len();
            view[sender].push(Record {
                start: frame.start,
                header: Some(frame.header),
                received,
                content,
                nonce,
            });
        }
    }
    view.client.extend(framers.client.finish());
    view.server.extend(framers.server.finish());
    (view, connection.agreement())
}

/// Moves bytes to `partial` until it has `want` bytes or none are left.
fn top_up(partial: &mut Vec<u8>, want: usize, bytes: &mut &[u8]) {
    let missing = want.saturating_sub(partial.len()).min(bytes.len());
    let (mine, rest) = bytes.split_at(missing);
    partial.extend_from_slice(mine);
    *bytes = rest;
}
