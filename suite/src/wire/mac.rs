//! The MAC of records without AEAD protection (RFC 5246, section 6.2.3.1). Takes a key and bytes
//! that end with the tag, and yields the bytes before the tag if it is valid.

use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha384};

use super::record::Frame;
use super::suites::MacHash;

/// The key of one direction, ready to use.
pub(super) enum MacKey {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
}

impl MacKey {
    pub(super) fn new(hash: MacHash, key: &[u8]) -> Option<Self> {
        match hash {
            MacHash::Sha1 => Hmac::new_from_slice(key).ok().map(Self::Sha1),
            MacHash::Sha256 => Hmac::new_from_slice(key).ok().map(Self::Sha256),
            MacHash::Sha384 => Hmac::new_from_slice(key).ok().map(Self::Sha384),
        }
    }

    /// The bytes before the tag, and the tag; `None` if there are too few bytes.
    pub(super) fn split_tag<'b>(&self, bytes: &'b [u8]) -> Option<(&'b [u8], &'b [u8])> {
        let tag = match self {
            Self::Sha1(_) => MacHash::Sha1.len(),
            Self::Sha256(_) => MacHash::Sha256.len(),
            Self::Sha384(_) => MacHash::Sha384.len(),
        };
        bytes.split_at_checked(bytes.len().checked_sub(tag)?)
    }

    /// `None` unless `tag` is valid for these bytes of the record with this sequence number.
    pub(super) fn verify(
        &self,
        sequence: u64,
        frame: &Frame<'_>,
        covered: &[u8],
        tag: &[u8],
    ) -> Option<()> {
        fn matches<M: Mac + Clone>(mac: &M, parts: [&[u8]; 2], tag: &[u8]) -> bool {
            let [header, covered] = parts;
            mac.clone()
                .chain_update(header)
                .chain_update(covered)
                .verify_slice(tag)
                .is_ok()
        }
        let header = frame.pseudo_header(sequence, covered.len())?;
        let parts = [&header, covered];
        let genuine = match self {
            Self::Sha1(mac) => matches(mac, parts, tag),
            Self::Sha256(mac) => matches(mac, parts, tag),
            Self::Sha384(mac) => matches(mac, parts, tag),
        };
        genuine.then_some(())
    }
}
