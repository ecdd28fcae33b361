//! The table of cipher suites for record protection: the algorithms of a suite, its versions and
//! the lengths of its keys. Takes the numbers of a server hello, and yields a [`Suite`].

use tls_parser::{
    TlsCipherEnc, TlsCipherEncMode, TlsCipherKx, TlsCipherMac, TlsCipherSuite, TlsPRF,
};

use super::schedule::{Hash, KeyBlockParts};

/// The length of an AES block in bytes.
pub(super) const BLOCK: usize = 16;

/// The supported versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Version {
    Tls10,
    Tls11,
    Tls12,
    Tls13,
}

impl Version {
    pub(super) fn from_wire(version: u16) -> Option<Self> {
        match version {
            0x0301 => Some(Self::Tls10),
            0x0302 => Some(Self::Tls11),
            0x0303 => Some(Self::Tls12),
            0x0304 => Some(Self::Tls13),
            _ => None,
        }
    }
}

/// The record protection of a cipher suite, without its key exchange and signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Suite {
    pub(super) version: Version,
    pub(super) hash: Hash,
    pub(super) cipher: SuiteCipher,
}

/// The algorithms of a cipher suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SuiteCipher {
    Aes128Gcm,
    Aes256Gcm,
    ChaCha20Poly1305,
    Aes128Cbc(MacHash),
    Aes256Cbc(MacHash),
    /// Authenticated, but not encrypted.
    Null(MacHash),
}

/// The hash of a suite's record MAC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MacHash {
    Sha1,
    Sha256,
    Sha384,
}

impl Suite {
    /// Looks the suite up in the IANA registry; `None` if an algorithm is unsupported, or if the
    /// version does not have the suite.
    pub(super) fn new(version: Version, id: u16) -> Option<Self> {
        let suite = TlsCipherSuite::from_id(id)?;
        if (suite.kx == TlsCipherKx::Tls13) != (version == Version::Tls13) {
            return None;
        }
        let cipher = SuiteCipher::of(suite)?;
        if cipher.is_aead() && version < Version::Tls12 {
            return None;
        }
        let hash = match suite.prf {
            _ if version < Version::Tls12 => Hash::Md5Sha1,
            // RFC 5246, section 5: the hash for suites that were defined before TLS 1.2.
            TlsPRF::Default | TlsPRF::Sha256 => Hash::Sha256,
            TlsPRF::Sha384 => Hash::Sha384,
            _ => return None,
        };
        Some(Self {
            version,
            hash,
            cipher,
        })
    }

    /// The length in bytes of each part of the key block (RFC 5246, section 6.3).
    pub(super) fn key_block_parts(self) -> KeyBlockParts {
        let iv = match self.cipher {
            SuiteCipher::Aes128Gcm | SuiteCipher::Aes256Gcm => 4,
            SuiteCipher::ChaCha20Poly1305 => 12,
            SuiteCipher::Aes128Cbc(_) | SuiteCipher::Aes256Cbc(_)
                if self.version == Version::Tls10 =>
            {
                BLOCK
            }
            SuiteCipher::Aes128Cbc(_) | SuiteCipher::Aes256Cbc(_) | SuiteCipher::Null(_) => 0,
        };
        KeyBlockParts {
            mac: self.cipher.mac_hash().map_or(0, MacHash::len),
            key: self.cipher.key_len(),
            iv,
        }
    }
}

impl SuiteCipher {
    fn of(suite: &TlsCipherSuite) -> Option<Self> {
        let mac = match suite.mac {
            TlsCipherMac::HmacSha1 => Some(MacHash::Sha1),
            TlsCipherMac::HmacSha256 => Some(MacHash::Sha256),
            TlsCipherMac::HmacSha384 => Some(MacHash::Sha384),
            _ => None,
        };
        match (suite.enc, suite.enc_mode, suite.enc_size) {
            (TlsCipherEnc::Aes, TlsCipherEncMode::Gcm, 128) => Some(Self::Aes128Gcm),
            (TlsCipherEnc::Aes, TlsCipherEncMode::Gcm, 256) => Some(Self::Aes256Gcm),
            (TlsCipherEnc::Aes, TlsCipherEncMode::Cbc, 128) => mac.map(Self::Aes128Cbc),
            (TlsCipherEnc::Aes, TlsCipherEncMode::Cbc, 256) => mac.map(Self::Aes256Cbc),
            (TlsCipherEnc::Chacha20_Poly1305, _, _) => Some(Self::ChaCha20Poly1305),
            (TlsCipherEnc::Null, _, _) => mac.map(Self::Null),
            _ => None,
        }
    }

    fn is_aead(self) -> bool {
        matches!(
            self,
            Self::Aes128Gcm | Self::Aes256Gcm | Self::ChaCha20Poly1305
        )
    }

    pub(super) fn key_len(self) -> usize {
        match self {
            Self::Aes128Gcm | Self::Aes128Cbc(_) => 16,
            Self::Aes256Gcm | Self::Aes256Cbc(_) | Self::ChaCha20Poly1305 => 32,
            Self::Null(_) => 0,
        }
    }

    pub(super) fn mac_hash(self) -> Option<MacHash> {
        match self {
            Self::Aes128Cbc(hash) | Self::Aes256Cbc(hash) | Self::Null(hash) => Some(hash),
            _ => None,
        }
    }
}

impl MacHash {
    pub(super) fn len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_suite_that_libraries_negotiate_is_known() {
        let (sha1, sha256, sha384) = (MacHash::Sha1, MacHash::Sha256, MacHash::Sha384);
        for (id, hash, cipher) in [
            (0x002F, Hash::Sha256, SuiteCipher::Aes128Cbc(sha1)),
            (0x0035, Hash::Sha256, SuiteCipher::Aes256Cbc(sha1)),
            (0x003C, Hash::Sha256, SuiteCipher::Aes128Cbc(sha256)),
            (0x003D, Hash::Sha256, SuiteCipher::Aes256Cbc(sha256)),
            (0x008C, Hash::Sha256, SuiteCipher::Aes128Cbc(sha1)),
            (0x009C, Hash::Sha256, SuiteCipher::Aes128Gcm),
            (0x009D, Hash::Sha384, SuiteCipher::Aes256Gcm),
            (0x00A8, Hash::Sha256, SuiteCipher::Aes128Gcm),
            (0x00A9, Hash::Sha384, SuiteCipher::Aes256Gcm),
            (0x00AF, Hash::Sha384, SuiteCipher::Aes256Cbc(sha384)),
            (0xC009, Hash::Sha256, SuiteCipher::Aes128Cbc(sha1)),
            (0xC014, Hash::Sha256, SuiteCipher::Aes256Cbc(sha1)),
            (0xC023, Hash::Sha256, SuiteCipher::Aes128Cbc(sha256)),
            (0xC024, Hash::Sha384, SuiteCipher::Aes256Cbc(sha384)),
            (0xC027, Hash::Sha256, SuiteCipher::Aes128Cbc(sha256)),
            (0xC028, Hash::Sha384, SuiteCipher::Aes256Cbc(sha384)),
            (0xC02B, Hash::Sha256, SuiteCipher::Aes128Gcm),
            (0xC02C, Hash::Sha384, SuiteCipher::Aes256Gcm),
            (0xC02F, Hash::Sha256, SuiteCipher::Aes128Gcm),
            (0xC030, Hash::Sha384, SuiteCipher::Aes256Gcm),
            (0xC037, Hash::Sha256, SuiteCipher::Aes128Cbc(sha256)),
            (0xCCA8, Hash::Sha256, SuiteCipher::ChaCha20Poly1305),
            (0xCCAB, Hash::Sha256, SuiteCipher::ChaCha20Poly1305),
            (0xD001, Hash::Sha256, SuiteCipher::Aes128Gcm),
            (0xD002, Hash::Sha384, SuiteCipher::Aes256Gcm),
        ] {
            let suite = Suite {
                version: Version::Tls12,
                hash,
                cipher,
            };
            assert_eq!(Suite::new(Version::Tls12, id), Some(suite), "{id:#06x}");
        }
        let not_read = [0x000A, 0xC09C, 0xC0AC, 0x1301];
        assert!(
            not_read
                .iter()
                .all(|&id| Suite::new(Version::Tls12, id).is_none())
        );
    }
}
