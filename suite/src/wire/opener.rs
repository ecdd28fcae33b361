//! Record protection of one direction, from a change of keys to the next. Keys and one [`Frame`] after the other go in;
//! out comes each one's fragment, or nothing when authentication fails.

use std::collections::HashSet;

use super::aead::Aead;
use super::cbc::{Cbc, MacOrder};
use super::mac::MacKey;
use super::record::{Fragment, Frame, Nonce};
use super::schedule::{ShareOfKeyBlock, TrafficKeys};
use super::suites::{Cipher, Suite};

/// Opens records, and counts them.
pub(super) struct Opener {
    method: Method,
    sequence: u64,
    /// What the records so far showed of their nonces or initialisation vectors.
    shown: HashSet<Vec<u8>>,
    /// Whether a record has not opened: of the next ones nothing more is asked.
    lost: bool,
}

/// So many numbers back it is tried whether a record that does not open has one of them.
const BACK: u64 = 32;

enum Method {
    Aead(Box<Aead>),
    Cbc(Box<Cbc>),
    /// Authenticated, but in the clear.
    Null(Box<MacKey>),
}

impl Opener {
    /// For TLS 1.3; `None` if the secret that the keys came from does not fit the suite.
    pub(super) fn tls13(cipher: Cipher, keys: &TrafficKeys) -> Option<Self> {
        Aead::tls13(cipher, keys).map(|aead| Self::new(Method::Aead(Box::new(aead))))
    }

    /// For TLS 1.2 and older; `None` if the keys do not fit the suite.
    pub(super) fn tls12(
        suite: Suite,
        share: &ShareOfKeyBlock<'_>,
        order: MacOrder,
    ) -> Option<Self> {
        let method = match suite.cipher {
            Cipher::Aes128Gcm | Cipher::Aes256Gcm | Cipher::ChaCha20Poly1305 => {
                Method::Aead(Box::new(Aead::tls12(suite.cipher, share)?))
            }
            Cipher::Aes128Cbc(_) | Cipher::Aes256Cbc(_) => {
                Method::Cbc(Box::new(Cbc::new(suite, share, order)?))
            }
            Cipher::Null(hash) => Method::Null(Box::new(MacKey::new(hash, share.mac)?)),
        };
        Some(Self::new(method))
    }

    fn new(method: Method) -> Self {
        Self {
            method,
            sequence: 0,
            shown: HashSet::new(),
            lost: false,
        }
    }

    /// Opens the next record. Its sequence number counts whether it opens or not: the sender counted it too.
    pub(super) fn open(&mut self, frame: &Frame<'_>) -> Option<Fragment> {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        let plaintext = match &mut self.method {
            Method::Aead(aead) => return aead.open(sequence, frame),
            Method::Cbc(cbc) => cbc.open(sequence, frame)?,
            Method::Null(mac) => {
                let (content, tag) = mac.split_tag(frame.body)?;
                mac.verify(sequence, frame, content, tag)?;
                content.to_vec()
            }
        };
        Some(Fragment::new(frame.header.content_type, plaintext))
    }

    /// Whether the nonce of the record that was opened last is new: what is made from its number is.
    pub(super) fn nonce(&mut self, frame: &Frame<'_>) -> Nonce {
        let shown = match &self.method {
            Method::Aead(aead) => aead.shown_nonce(frame),
            Method::Cbc(cbc) => cbc.shown_iv(frame),
            Method::Null(_) => None,
        };
        match shown {
            Some(shown) if !self.shown.insert(shown.to_vec()) => Nonce::Repeated,
            _ => Nonce::New,
        }
    }

    /// Whether the record, which did not open, opens with the number of an earlier one, and so with its nonce,
    /// where that is made from the number; where a record shows its own, whether an earlier one has shown it.
    pub(super) fn nonce_of_unopened(&mut self, frame: &Frame<'_>) -> Nonce {
        let Method::Aead(aead) = &self.method else {
            return Nonce::New;
        };
        if let Some(shown) = aead.shown_nonce(frame) {
            let new = self.lost || !self.shown.contains(shown);
            self.lost = true;
            return if new { Nonce::New } else { Nonce::Repeated };
        }
        if std::mem::replace(&mut self.lost, true) {
            return Nonce::New;
        }
        // The last number is the record's own.
        let own = self.sequence.saturating_sub(1);
        let earlier = own.saturating_sub(BACK)..own;
        match earlier
            .rev()
            .any(|number| aead.open(number, frame).is_some())
        {
            true => Nonce::Repeated,
            false => Nonce::New,
        }
    }

    /// Takes the last record's number back, for a record that was sent under other keys.
    pub(super) fn uncount(&mut self) {
        self.sequence = self.sequence.wrapping_sub(1);
    }
}
