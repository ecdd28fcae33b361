//! Record protection: which cipher suite means what, and how a protected record of each is authenticated and opened.
//! Keys and a [`Frame`] go in; the inner type and the plaintext come out, or nothing when authentication fails.

use aes::cipher::consts::{U12, U16};
use aes::cipher::{Array, BlockCipherDecrypt, BlockModeDecrypt, BlockSizeUser, InnerIvInit};
use aes::{Aes128Dec, Aes256Dec};
use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes128Gcm, Aes256Gcm};
use chacha20poly1305::ChaCha20Poly1305;
use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha384};
use subtle::ConstantTimeEq;
use tls_parser::{
    TlsCipherEnc, TlsCipherEncMode, TlsCipherKx, TlsCipherMac, TlsCipherSuite, TlsPRF,
};

use super::record::{ContentType, Frame};
use super::schedule::{Hash, TrafficKeys};

/// The versions that are read here.
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

/// A cipher suite as record protection sees it: how keys were agreed and who signed does not matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Suite {
    pub(super) version: Version,
    pub(super) hash: Hash,
    pub(super) cipher: Cipher,
}

/// The algorithms of a cipher suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cipher {
    Aes128Gcm,
    Aes256Gcm,
    ChaCha20Poly1305,
    Aes128Cbc(MacHash),
    Aes256Cbc(MacHash),
    /// Authenticated, but in the clear.
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
    /// Looks the suite up in the IANA registry; `None` if it has an algorithm that is not read here, or if the
    /// version does not have it.
    pub(super) fn new(version: Version, id: u16) -> Option<Self> {
        let suite = TlsCipherSuite::from_id(id)?;
        if (suite.kx == TlsCipherKx::Tls13) != (version == Version::Tls13) {
            return None;
        }
        let cipher = Cipher::of(suite)?;
        if cipher.is_aead() && version < Version::Tls12 {
            return None;
        }
        let hash = match suite.prf {
            _ if version < Version::Tls12 => Hash::Md5Sha1,
            // RFC 5246, section 5: what suites have that were defined before TLS 1.2.
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
            Cipher::Aes128Gcm | Cipher::Aes256Gcm => 4,
            Cipher::ChaCha20Poly1305 => 12,
            Cipher::Aes128Cbc(_) | Cipher::Aes256Cbc(_) if self.version == Version::Tls10 => BLOCK,
            Cipher::Aes128Cbc(_) | Cipher::Aes256Cbc(_) | Cipher::Null(_) => 0,
        };
        KeyBlockParts {
            mac: self.cipher.mac_hash().map_or(0, MacHash::len),
            key: self.cipher.key_len(),
            iv,
        }
    }
}

impl Cipher {
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

    fn mac_hash(self) -> Option<MacHash> {
        match self {
            Self::Aes128Cbc(hash) | Self::Aes256Cbc(hash) | Self::Null(hash) => Some(hash),
            _ => None,
        }
    }
}

impl MacHash {
    fn len(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }
}

/// Lengths in bytes; the key block holds each part twice, the client's before the server's.
#[derive(Clone, Copy)]
pub(super) struct KeyBlockParts {
    pub(super) mac: usize,
    pub(super) key: usize,
    pub(super) iv: usize,
}

/// One direction's share of a key block.
pub(super) struct ShareOfKeyBlock<'a> {
    pub(super) mac: &'a [u8],
    pub(super) key: &'a [u8],
    pub(super) iv: &'a [u8],
}

/// What a record held.
pub(super) struct Inner {
    pub(super) content_type: ContentType,
    pub(super) plaintext: Vec<u8>,
    /// Zero bytes of TLS 1.3 padding.
    pub(super) padding: usize,
}

/// Opens the records of one direction, one after the other, from a change of keys to the next.
pub(super) struct Opener {
    method: Method,
    sequence: u64,
}

enum Method {
    Aead(Box<Aead>),
    Block(Box<Block>),
}

/// The length of an AES block in bytes.
const BLOCK: usize = 16;

/// The length of the tag of each AEAD here, in bytes.
const TAG: usize = 16;

impl Opener {
    /// For TLS 1.3; `None` if the secret that the keys came from does not fit the suite.
    pub(super) fn tls13(cipher: Cipher, keys: &TrafficKeys) -> Option<Self> {
        let aead = AeadKey::new(cipher, &keys.key)?;
        let aead = Aead {
            key: aead,
            nonce: Nonce::Tls13(keys.iv),
        };
        Some(Self {
            method: Method::Aead(Box::new(aead)),
            sequence: 0,
        })
    }

    /// For TLS 1.2 and older; `None` if the keys do not fit the suite.
    pub(super) fn tls12(
        suite: Suite,
        share: &ShareOfKeyBlock<'_>,
        order: MacOrder,
    ) -> Option<Self> {
        let method = match suite.cipher {
            Cipher::Aes128Gcm | Cipher::Aes256Gcm => Method::Aead(Box::new(Aead {
                key: AeadKey::new(suite.cipher, share.key)?,
                nonce: Nonce::Tls12Explicit(share.iv.try_into().ok()?),
            })),
            Cipher::ChaCha20Poly1305 => Method::Aead(Box::new(Aead {
                key: AeadKey::new(suite.cipher, share.key)?,
                nonce: Nonce::Tls12Implicit(share.iv.try_into().ok()?),
            })),
            Cipher::Aes128Cbc(hash) | Cipher::Aes256Cbc(hash) | Cipher::Null(hash) => {
                Method::Block(Box::new(Block {
                    key: BlockKey::new(suite.cipher, share.key)?,
                    iv: if suite.version == Version::Tls10 {
                        share.iv.try_into().ok()
                    } else {
                        None
                    },
                    mac: MacKey::new(hash, share.mac)?,
                    order,
                }))
            }
        };
        Some(Self {
            method,
            sequence: 0,
        })
    }

    /// Opens the next record. Its sequence number counts whether it opens or not: the sender counted it too.
    pub(super) fn open(&mut self, frame: &Frame<'_>) -> Option<Inner> {
        let sequence = self.sequence;
        self.sequence = sequence.wrapping_add(1);
        match &mut self.method {
            Method::Aead(aead) => aead.open(sequence, frame),
            Method::Block(block) => {
                let plaintext = block.open(sequence, frame)?;
                Some(Inner {
                    content_type: frame.header.content_type,
                    plaintext,
                    padding: 0,
                })
            }
        }
    }

    /// Takes the last record's number back, for a record that was sent under other keys.
    pub(super) fn uncount(&mut self) {
        self.sequence = self.sequence.wrapping_sub(1);
    }
}

/// An AEAD cipher (RFC 5288, RFC 7905, RFC 8446).
struct Aead {
    key: AeadKey,
    nonce: Nonce,
}

enum AeadKey {
    Aes128Gcm(Aes128Gcm),
    Aes256Gcm(Aes256Gcm),
    ChaCha20Poly1305(ChaCha20Poly1305),
}

/// How the nonce is made, and with it the form of the record.
enum Nonce {
    /// Four secret bytes and the record's first eight (RFC 5288, section 3).
    Tls12Explicit([u8; 4]),
    /// The IV and the sequence number, exclusive-or (RFC 7905, section 2).
    Tls12Implicit([u8; 12]),
    /// The same (RFC 8446, section 5.3), and the content type is inside.
    Tls13([u8; 12]),
}

impl Aead {
    fn open(&self, sequence: u64, frame: &Frame<'_>) -> Option<Inner> {
        let (sealed, &tag) = frame.body.split_last_chunk::<TAG>()?;
        let (nonce, sealed) = match self.nonce {
            Nonce::Tls12Explicit(salt) => {
                let (explicit, sealed) = sealed.split_first_chunk::<8>()?;
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
                let aad = pseudo_header(sequence, frame, buffer.len())?;
                self.key.decrypt(nonce, &aad, &mut buffer, tag)?;
                Some(Inner {
                    content_type: frame.header.content_type,
                    plaintext: buffer,
                    padding: 0,
                })
            }
        }
    }
}

impl AeadKey {
    fn new(cipher: Cipher, key: &[u8]) -> Option<Self> {
        match cipher {
            Cipher::Aes128Gcm => Aes128Gcm::new_from_slice(key).ok().map(Self::Aes128Gcm),
            Cipher::Aes256Gcm => Aes256Gcm::new_from_slice(key).ok().map(Self::Aes256Gcm),
            Cipher::ChaCha20Poly1305 => ChaCha20Poly1305::new_from_slice(key)
                .ok()
                .map(Self::ChaCha20Poly1305),
            Cipher::Aes128Cbc(_) | Cipher::Aes256Cbc(_) | Cipher::Null(_) => None,
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

fn explicit_nonce([a, b, c, d]: [u8; 4], explicit: [u8; 8]) -> [u8; 12] {
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

/// Takes TLSInnerPlaintext apart (RFC 8446, section 5.4): content, then the type, then zeros. Without any byte but zeros
/// there is no type; that shows as type 0.
fn unwrap_inner(mut plaintext: Vec<u8>) -> Inner {
    let end = plaintext.iter().rposition(|&byte| byte != 0);
    let zeros_from = end.map_or(0, |end| end + 1);
    let padding = plaintext.len() - zeros_from;
    let code = end.and_then(|end| plaintext.get(end)).copied().unwrap_or(0);
    plaintext.truncate(end.unwrap_or(0));
    Inner {
        content_type: code.into(),
        plaintext,
        padding,
    }
}

/// What a MAC or an AEAD of TLS 1.2 and older covers before the content (RFC 5246, sections 6.2.3.1 and 6.2.3.3):
/// sequence number, type, version and a length.
fn pseudo_header(sequence: u64, frame: &Frame<'_>, length: usize) -> Option<[u8; 13]> {
    let mut header = [0; 13];
    header[..8].copy_from_slice(&sequence.to_be_bytes());
    header[8] = frame.header.content_type.code();
    header[9..11].copy_from_slice(&frame.header.version.to_be_bytes());
    header[11..].copy_from_slice(&u16::try_from(length).ok()?.to_be_bytes());
    Some(header)
}

/// What the MAC of a block-cipher record covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MacOrder {
    /// The plaintext; the MAC is encrypted with it (RFC 5246, section 6.2.3.2).
    MacThenEncrypt,
    /// The ciphertext; the MAC follows it (RFC 7366).
    EncryptThenMac,
}

/// A block cipher, or none, with a MAC.
struct Block {
    key: BlockKey,
    /// TLS 1.0 only: the IV of the next record; `None` where each record carries its own.
    iv: Option<[u8; BLOCK]>,
    mac: MacKey,
    order: MacOrder,
}

enum BlockKey {
    Null,
    Aes128(Aes128Dec),
    Aes256(Aes256Dec),
}

enum MacKey {
    Sha1(Hmac<Sha1>),
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
}

impl Block {
    fn open(&mut self, sequence: u64, frame: &Frame<'_>) -> Option<Vec<u8>> {
        match (&self.key, self.order) {
            (BlockKey::Null, _) => {
                let (content, tag) = split_tag(frame.body, self.mac.len())?;
                self.mac.verify(sequence, frame, content, tag)?;
                Some(content.to_vec())
            }
            (_, MacOrder::EncryptThenMac) => {
                let (sealed, tag) = split_tag(frame.body, self.mac.len())?;
                let plaintext = self.decrypt(sealed);
                self.mac.verify(sequence, frame, sealed, tag)?;
                unpad(plaintext?)
            }
            (_, MacOrder::MacThenEncrypt) => {
                let mut plaintext = unpad(self.decrypt(frame.body)?)?;
                let (content, tag) = split_tag(&plaintext, self.mac.len())?;
                self.mac.verify(sequence, frame, content, tag)?;
                plaintext.truncate(content.len());
                Some(plaintext)
            }
        }
    }

    /// Decrypts whole blocks; `None` if they are not whole, or if there is not even one.
    fn decrypt(&mut self, sealed: &[u8]) -> Option<Vec<u8>> {
        let (iv, sealed) = match self.iv {
            Some(iv) => (iv, sealed),
            None => sealed
                .split_first_chunk::<BLOCK>()
                .map(|(iv, sealed)| (*iv, sealed))?,
        };
        if self.iv.is_some() {
            self.iv = Some(*sealed.last_chunk::<BLOCK>()?);
        }
        let mut buffer = sealed.to_vec();
        match &self.key {
            BlockKey::Null => {}
            BlockKey::Aes128(key) => decrypt_cbc(key, iv, &mut buffer)?,
            BlockKey::Aes256(key) => decrypt_cbc(key, iv, &mut buffer)?,
        }
        Some(buffer)
    }
}

fn decrypt_cbc<C>(key: &C, iv: [u8; BLOCK], buffer: &mut [u8]) -> Option<()>
where
    C: BlockCipherDecrypt + BlockSizeUser<BlockSize = U16> + Clone,
{
    let (blocks, []) = Array::<u8, U16>::slice_as_chunks_mut(buffer) else {
        return None;
    };
    cbc::Decryptor::inner_iv_init(key.clone(), &iv.into()).decrypt_blocks(blocks);
    Some(())
}

/// Takes the block padding off (RFC 5246, section 6.2.3.2): its length byte, and before it as many bytes with that value.
fn unpad(mut plaintext: Vec<u8>) -> Option<Vec<u8>> {
    let length = *plaintext.last()?;
    let content = plaintext.len().checked_sub(usize::from(length) + 1)?;
    if plaintext.get(content..)?.iter().any(|&byte| byte != length) {
        return None;
    }
    plaintext.truncate(content);
    Some(plaintext)
}

fn split_tag(bytes: &[u8], tag: usize) -> Option<(&[u8], &[u8])> {
    bytes.split_at_checked(bytes.len().checked_sub(tag)?)
}

impl BlockKey {
    fn new(cipher: Cipher, key: &[u8]) -> Option<Self> {
        match cipher {
            Cipher::Aes128Cbc(_) => Aes128Dec::new_from_slice(key).ok().map(Self::Aes128),
            Cipher::Aes256Cbc(_) => Aes256Dec::new_from_slice(key).ok().map(Self::Aes256),
            Cipher::Null(_) => Some(Self::Null),
            Cipher::Aes128Gcm | Cipher::Aes256Gcm | Cipher::ChaCha20Poly1305 => None,
        }
    }
}

impl MacKey {
    fn new(hash: MacHash, key: &[u8]) -> Option<Self> {
        match hash {
            MacHash::Sha1 => Hmac::new_from_slice(key).ok().map(Self::Sha1),
            MacHash::Sha256 => Hmac::new_from_slice(key).ok().map(Self::Sha256),
            MacHash::Sha384 => Hmac::new_from_slice(key).ok().map(Self::Sha384),
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Sha1(_) => MacHash::Sha1.len(),
            Self::Sha256(_) => MacHash::Sha256.len(),
            Self::Sha384(_) => MacHash::Sha384.len(),
        }
    }

    fn verify(&self, sequence: u64, frame: &Frame<'_>, covered: &[u8], tag: &[u8]) -> Option<()> {
        fn matches<M: Mac + Clone>(mac: &M, parts: [&[u8]; 2], tag: &[u8]) -> bool {
            let [header, covered] = parts;
            mac.clone()
                .chain_update(header)
                .chain_update(covered)
                .finalize()
                .into_bytes()
                .ct_eq(tag)
                .into()
        }
        let header = pseudo_header(sequence, frame, covered.len())?;
        let parts = [&header, covered];
        let genuine = match self {
            Self::Sha1(mac) => matches(mac, parts, tag),
            Self::Sha256(mac) => matches(mac, parts, tag),
            Self::Sha384(mac) => matches(mac, parts, tag),
        };
        genuine.then_some(())
    }
}

#[cfg(test)]
mod tests {
    use aes::Aes128Enc;
    use aes::cipher::BlockModeEncrypt;

    use super::*;
    use crate::wire::record::{HEADER_LEN, Header};

    const KEY: [u8; 16] = [7; 16];
    const MAC_KEY: [u8; 20] = [9; 20];
    const IV: [u8; BLOCK] = [3; BLOCK];
    const CONTENT: &[u8] = b"sealed without the code under test";

    fn hmac(parts: &[&[u8]]) -> Vec<u8> {
        let mut mac = Hmac::<Sha1>::new_from_slice(&MAC_KEY).unwrap();
        parts.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes().to_vec()
    }

    fn covered_header(length: usize) -> Vec<u8> {
        let length = u16::try_from(length).unwrap().to_be_bytes();
        [&[0; 8][..], &[23, 3, 3], &length].concat()
    }

    /// An explicit IV and the ciphertext of `plaintext`, which has to be whole blocks.
    fn encrypt(mut plaintext: Vec<u8>) -> Vec<u8> {
        let (blocks, rest) = Array::<u8, U16>::slice_as_chunks_mut(&mut plaintext);
        assert!(rest.is_empty());
        let key = Aes128Enc::new_from_slice(&KEY).unwrap();
        cbc::Encryptor::inner_iv_init(key, &IV.into()).encrypt_blocks(blocks);
        [&IV[..], &plaintext].concat()
    }

    /// Appends padding: its length is the shortest that fills a block, and `more` blocks.
    fn pad(mut bytes: Vec<u8>, more: usize) -> Vec<u8> {
        let count = BLOCK - bytes.len() % BLOCK + more * BLOCK;
        bytes.extend(vec![u8::try_from(count - 1).unwrap(); count]);
        bytes
    }

    fn mac_then_encrypt(more: usize, spoil: impl FnOnce(&mut [u8])) -> Vec<u8> {
        let mac = hmac(&[&covered_header(CONTENT.len()), CONTENT]);
        let mut padded = pad([CONTENT, &mac].concat(), more);
        spoil(&mut padded[CONTENT.len() + mac.len()..]);
        encrypt(padded)
    }

    fn encrypt_then_mac(spoil: impl FnOnce(&mut [u8])) -> Vec<u8> {
        let mut padded = pad(CONTENT.to_vec(), 0);
        spoil(&mut padded[CONTENT.len()..]);
        let sealed = encrypt(padded);
        let mac = hmac(&[&covered_header(sealed.len()), &sealed]);
        [sealed, mac].concat()
    }

    fn open(body: &[u8], order: MacOrder) -> Option<Vec<u8>> {
        let suite = Suite::new(Version::Tls12, 0x002F).unwrap();
        let share = ShareOfKeyBlock {
            mac: &MAC_KEY,
            key: &KEY,
            iv: &[],
        };
        let length = u16::try_from(body.len()).unwrap();
        let header = Header {
            content_type: ContentType::ApplicationData,
            version: 0x0303,
            length,
        };
        let frame = Frame {
            start: 0,
            header,
            raw_header: &[0; HEADER_LEN],
            body,
        };
        Opener::tls12(suite, &share, order)
            .unwrap()
            .open(&frame)
            .map(|inner| inner.plaintext)
    }

    #[test]
    fn block_padding_may_be_longer_than_needed() {
        for more in [0, 1, 15] {
            let body = mac_then_encrypt(more, |_| ());

            assert_eq!(
                open(&body, MacOrder::MacThenEncrypt).as_deref(),
                Some(CONTENT)
            );
        }
    }

    #[test]
    fn every_byte_of_block_padding_counts_under_either_order() {
        let last_block = 3;
        assert_eq!(
            open(
                &mac_then_encrypt(1, |padding| padding[last_block] ^= 1),
                MacOrder::MacThenEncrypt
            ),
            None
        );
        assert_eq!(
            open(&encrypt_then_mac(|_| ()), MacOrder::EncryptThenMac).as_deref(),
            Some(CONTENT)
        );
        assert_eq!(
            open(
                &encrypt_then_mac(|padding| padding[last_block] ^= 1),
                MacOrder::EncryptThenMac
            ),
            None
        );
    }

    #[test]
    fn the_order_of_mac_and_encryption_is_part_of_the_protection() {
        assert_eq!(
            open(&mac_then_encrypt(0, |_| ()), MacOrder::EncryptThenMac),
            None
        );
        assert_eq!(
            open(&encrypt_then_mac(|_| ()), MacOrder::MacThenEncrypt),
            None
        );
    }

    #[test]
    fn a_body_of_any_length_is_refused_without_a_panic() {
        for length in 0..200 {
            for order in [MacOrder::MacThenEncrypt, MacOrder::EncryptThenMac] {
                assert_eq!(open(&vec![0; length], order), None);
            }
        }
    }

    #[test]
    fn every_suite_that_libraries_negotiate_is_known() {
        let (sha1, sha256, sha384) = (MacHash::Sha1, MacHash::Sha256, MacHash::Sha384);
        for (id, hash, cipher) in [
            (0x002F, Hash::Sha256, Cipher::Aes128Cbc(sha1)),
            (0x0035, Hash::Sha256, Cipher::Aes256Cbc(sha1)),
            (0x003C, Hash::Sha256, Cipher::Aes128Cbc(sha256)),
            (0x003D, Hash::Sha256, Cipher::Aes256Cbc(sha256)),
            (0x008C, Hash::Sha256, Cipher::Aes128Cbc(sha1)),
            (0x009C, Hash::Sha256, Cipher::Aes128Gcm),
            (0x009D, Hash::Sha384, Cipher::Aes256Gcm),
            (0x00A8, Hash::Sha256, Cipher::Aes128Gcm),
            (0x00A9, Hash::Sha384, Cipher::Aes256Gcm),
            (0x00AF, Hash::Sha384, Cipher::Aes256Cbc(sha384)),
            (0xC009, Hash::Sha256, Cipher::Aes128Cbc(sha1)),
            (0xC014, Hash::Sha256, Cipher::Aes256Cbc(sha1)),
            (0xC023, Hash::Sha256, Cipher::Aes128Cbc(sha256)),
            (0xC024, Hash::Sha384, Cipher::Aes256Cbc(sha384)),
            (0xC027, Hash::Sha256, Cipher::Aes128Cbc(sha256)),
            (0xC028, Hash::Sha384, Cipher::Aes256Cbc(sha384)),
            (0xC02B, Hash::Sha256, Cipher::Aes128Gcm),
            (0xC02C, Hash::Sha384, Cipher::Aes256Gcm),
            (0xC02F, Hash::Sha256, Cipher::Aes128Gcm),
            (0xC030, Hash::Sha384, Cipher::Aes256Gcm),
            (0xC037, Hash::Sha256, Cipher::Aes128Cbc(sha256)),
            (0xCCA8, Hash::Sha256, Cipher::ChaCha20Poly1305),
            (0xCCAB, Hash::Sha256, Cipher::ChaCha20Poly1305),
            (0xD001, Hash::Sha256, Cipher::Aes128Gcm),
            (0xD002, Hash::Sha384, Cipher::Aes256Gcm),
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
