//! AEAD ciphers (RFC 5288, RFC 7905, RFC 8446). Takes a key and a [`Frame`], and yields the
//! fragment, or `None` if authentication fails.

use aes::cipher::consts::{U12, U16};
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use chacha20poly1305::ChaCha20Poly1305;

use super::record::{Fragment, Frame};
use super::schedule::{ShareOfKeyBlock, TrafficKeys};
use super::suites::SuiteCipher;

/// The length of the tag of every supported AEAD, in bytes.
const TAG: usize = 16;

/// The length of the explicit part of a nonce in the record, in bytes (RFC 5288, section 3).
const EXPLICIT: usize = 8;

/// The cipher of one direction, with the construction of its nonces.
pub(super) struct Aead {
    key: AeadKey,
    nonce: Nonce,
}

enum AeadKey {
    Aes128Gcm(Aes128Gcm),
    Aes256Gcm(Aes256Gcm),
    ChaCha20Poly1305(ChaCha20Poly1305),
}

/// The construction of the nonce, which also determines the form of the record.
enum Nonce {
    /// Four secret bytes and the record's first eight (RFC 5288, section 3).
    Tls12Explicit([u8; 4]),
    /// The IV XOR the sequence number (RFC 7905, section 2).
    Tls12Implicit([u8; 12]),
    /// The same (RFC 8446, section 5.3), with the content type inside.
    Tls13([u8; 12]),
}

impl Aead {
    /// For TLS 1.3; `None` if the cipher is not an AEAD, or the key does not fit it.
    pub(super) fn tls13(cipher: SuiteCipher, keys: &TrafficKeys) -> Option<Self> {
        Some(Self {
            key: AeadKey::new(cipher, &keys.key)?,
            nonce: Nonce::Tls13(keys.iv),
        })
    }

    /// For TLS 1.2; `None` if the cipher is not an AEAD, or the keys do not fit it.
    pub(super) fn tls12(cipher: SuiteCipher, share: &ShareOfKeyBlock<'_>) -> Option<Self> {
        Some(Self {
            key: AeadKey::new(cipher, share.key)?,
            nonce: match cipher {
                SuiteCipher::ChaCha20Poly1305 => Nonce::Tls12Implicit(share.iv.try_into().ok()?),
                _ => Nonce::Tls12Explicit(share.iv.try_into().ok()?),
            },
        })
    }

    /// The explicit part of the record's nonce, if it has one.
    pub(super) fn shown_nonce<'f>(&self, frame: &Frame<'f>) -> Option<&'f [u8]> {
        match self.nonce {
            Nonce::Tls12Explicit(_) => frame.body.get(..EXPLICIT),
            Nonce::Tls12Implicit(_) | Nonce::Tls13(_) => None,
        }
    }

    /// Opens the record with this sequence number.
    pub(super) fn open(&self, sequence: u64, frame: &Frame<'_>) -> Option<Fragment> {
        let (sealed, &tag) = frame.body.split_last_chunk::<TAG>()?;
        let (nonce, sealed) = match self.nonce {
            Nonce::Tls12Explicit(salt) => {
                let (explicit, sealed) = sealed.split_first_chunk::<EXPLICIT>()?;
                (explicit_nonce(salt, *explicit), sealed)
            }
            Nonce::Tls12Implicit(iv) | Nonce::Tls13(iv) => (xor_sequence(iv, sequence), sealed),
        };
        let mut buffer = sealed.to_vec();
        match self.nonce {
            Nonce::Tls13(_) => {
                self.key
                    .decrypt(nonce, frame.raw_header, &mut buffer, tag)?;
                Some(unwrap_inner(buffer))
            }
            Nonce::Tls12Explicit(_) | Nonce::Tls12Implicit(_) => {
                let aad = frame.pseudo_header(sequence, buffer.len())?;
                self.key.decrypt(nonce, &aad, &mut buffer, tag)?;
                Some(Fragment::new(frame.header.content_type, buffer))
            }
        }
    }
}

impl AeadKey {
    fn new(cipher: SuiteCipher, key: &[u8]) -> Option<Self> {
        match cipher {
            SuiteCipher::Aes128Gcm => Aes128Gcm::new_from_slice(key).ok().map(Self::Aes128Gcm),
            SuiteCipher::Aes256Gcm => Aes256Gcm::new_from_slice(key).ok().map(Self::Aes256Gcm),
            SuiteCipher::ChaCha20Poly1305 => ChaCha20Poly1305::new_from_slice(key)
                .ok()
                .map(Self::ChaCha20Poly1305),
            SuiteCipher::Aes128Cbc(_) | SuiteCipher::Aes256Cbc(_) | SuiteCipher::Null(_) => None,
        }
    }

    fn decrypt(
        &self,
        nonce: [u8; 12],
        aad: &[u8],
        buffer: &mut [u8],
        tag: [u8; TAG],
    ) -> Option<()> {
        fn with<A>(
            key: &A,
            nonce: [u8; 12],
            aad: &[u8],
            buffer: &mut [u8],
            tag: [u8; TAG],
        ) -> Option<()>
        where
            A: AeadInOut<NonceSize = U12, TagSize = U16>,
        {
            key.decrypt_inout_detached(&nonce.into(), aad, buffer.into(), &tag.into())
                .ok()
        }
        match self {
            Self::Aes128Gcm(key) => with(key, nonce, aad, buffer, tag),
            Self::Aes256Gcm(key) => with(key, nonce, aad, buffer, tag),
            Self::ChaCha20Poly1305(key) => with(key, nonce, aad, buffer, tag),
        }
    }
}

fn explicit_nonce([a, b, c, d]: [u8; 4], explicit: [u8; EXPLICIT]) -> [u8; 12] {
    let mut nonce = [a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0];
    nonce[4..].copy_from_slice(&explicit);
    nonce
}

fn xor_sequence(mut iv: [u8; 12], sequence: u64) -> [u8; 12] {
    iv[4..]
        .iter_mut()
        .zip(sequence.to_be_bytes())
        .for_each(|(byte, number)| *byte ^= number);
    iv
}

/// Splits TLSInnerPlaintext (RFC 8446, section 5.4) into content, type and zeros. If all bytes are
/// zero, there is no type; it is represented as type 0.
fn unwrap_inner(mut plaintext: Vec<u8>) -> Fragment {
    let end = plaintext.iter().rposition(|&byte| byte != 0);
    let zeros_from = end.map_or(0, |end| end + 1);
    let padding = plaintext.len() - zeros_from;
    let code = end.and_then(|end| plaintext.get(end)).copied().unwrap_or(0);
    plaintext.truncate(end.unwrap_or(0));
    Fragment {
        padding,
        ..Fragment::new(code.into(), plaintext)
    }
}
