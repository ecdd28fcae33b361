//! Record protection of one direction between two changes of keys. Takes keys and a sequence of
//! [`Frame`]s, and yields each one's fragment, or `None` if authentication fails.

use std::collections::HashSet;

use super::aead::Aead;
use super::cbc::{Cbc, MacOrder};
use super::mac::MacKey;
use super::record::{Fragment, Frame, NonceUse};
use super::schedule::{ShareOfKeyBlock, TrafficKeys};
use super::suites::{Suite, SuiteCipher};

/// Decrypts records and counts them.
pub(super) struct Opener {
    method: Method,
    sequence: u64,
    /// The explicit nonces or initialisation vectors of the records so far.
    shown: HashSet<Vec<u8>>,
    /// Whether a record could not be decrypted; later records are not checked for repeated nonces.
    lost: bool,
}

/// How many earlier sequence numbers are tried for a record that cannot be decrypted.
const BACK: u64 = 32;

enum Method {
    Aead(Box<Aead>),
    Cbc(Box<Cbc>),
    /// Authenticated, but not encrypted.
    Null(Box<MacKey>),
}

impl Opener {
    /// For TLS 1.3; `None` if the secret of the keys does not fit the suite.
    pub(super) fn tls13(cipher: SuiteCipher, keys: &TrafficKeys) -> Option<Self> {
        Aead::tls13(cipher, keys).map(|aead| Self::new(Method::Aead(Box::new(aead))))
    }

    /// For TLS 1.2 and older; `None` if the keys do not fit the suite.
    pub(super) fn tls12(
        suite: Suite,
        share: &ShareOfKeyBlock<'_>,
        order: MacOrder,
    ) -> Option<Self> {
        let method = match suite.cipher {
            SuiteCipher::Aes128Gcm | SuiteCipher::Aes256Gcm | SuiteCipher::ChaCha20Poly1305 => {
                Method::Aead(Box::new(Aead::tls12(suite.cipher, share)?))
            }
            SuiteCipher::Aes128Cbc(_) | SuiteCipher::Aes256Cbc(_) => {
                Method::Cbc(Box::new(Cbc::new(suite, share, order)?))
            }
            SuiteCipher::Null(hash) => Method::Null(Box::new(MacKey::new(hash, share.mac)?)),
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

    /// Opens the next record. Its sequence number is used up even if that fails: the sender used it
    /// too.
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

    /// Whether the nonce of the record that was opened last is new. A nonce derived from the
    /// sequence number always is.
    pub(super) fn nonce(&mut self, frame: &Frame<'_>) -> NonceUse {
        let shown = match &self.method {
            Method::Aead(aead) => aead.shown_nonce(frame),
            Method::Cbc(cbc) => cbc.shown_iv(frame),
            Method::Null(_) => None,
        };
        match shown {
            Some(shown) if !self.shown.insert(shown.to_vec()) => NonceUse::Repeated,
            _ => NonceUse::New,
        }
    }

    /// Whether a record that could not be decrypted reuses a nonce. If nonces are derived from the
    /// sequence number: whether it can be decrypted with the number of an earlier record. If
    /// records carry their nonce: whether an earlier one had the same.
    pub(super) fn nonce_of_unopened(&mut self, frame: &Frame<'_>) -> NonceUse {
        let Method::Aead(aead) = &self.method else {
            return NonceUse::New;
        };
        if let Some(shown) = aead.shown_nonce(frame) {
            let new = self.lost || !self.shown.contains(shown);
            self.lost = true;
            return if new {
                NonceUse::New
            } else {
                NonceUse::Repeated
            };
        }
        if std::mem::replace(&mut self.lost, true) {
            return NonceUse::New;
        }
        // The last number is the record's own.
        let own = self.sequence.saturating_sub(1);
        let earlier = own.saturating_sub(BACK)..own;
        if earlier
            .rev()
            .any(|number| aead.open(number, frame).is_some())
        {
            NonceUse::Repeated
        } else {
            NonceUse::New
        }
    }

    /// Takes back the last record's number, for a record that was sent under other keys.
    pub(super) fn uncount(&mut self) {
        self.sequence = self.sequence.wrapping_sub(1);
    }
}
