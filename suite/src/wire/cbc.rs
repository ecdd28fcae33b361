//! AES in CBC mode with a MAC, in either order (RFC 5246, section 6.2.3.2; RFC 7366). Takes keys
//! and a [`Frame`], and yields the plaintext, or `None` if the padding is wrong or authentication
//! fails.

use aes::cipher::consts::U16;
use aes::cipher::{
    Array, BlockCipherDecrypt, BlockModeDecrypt, BlockSizeUser, InnerIvInit, KeyInit,
};
use aes::{Aes128Dec, Aes256Dec};

use super::mac::MacKey;
use super::record::Frame;
use super::schedule::ShareOfKeyBlock;
use super::suites::{BLOCK, Suite, SuiteCipher, Version};

/// What the MAC of a block-cipher record covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MacOrder {
    /// The plaintext; the MAC is encrypted with it (RFC 5246, section 6.2.3.2).
    MacThenEncrypt,
    /// The ciphertext; the MAC follows it (RFC 7366).
    EncryptThenMac,
}

/// The cipher and the MAC of one direction.
pub(super) struct Cbc {
    key: BlockKey,
    /// TLS 1.0 only: the IV of the next record; `None` where each record carries its own.
    next_iv: Option<[u8; BLOCK]>,
    mac: MacKey,
    order: MacOrder,
}

enum BlockKey {
    Aes128(Aes128Dec),
    Aes256(Aes256Dec),
}

impl Cbc {
    /// `None` if the suite has another kind of cipher, or the keys do not fit it.
    pub(super) fn new(suite: Suite, share: &ShareOfKeyBlock<'_>, order: MacOrder) -> Option<Self> {
        let next_iv = match suite.version {
            Version::Tls10 => Some(share.iv.try_into().ok()?),
            _ => None,
        };
        Some(Self {
            key: BlockKey::new(suite.cipher, share.key)?,
            next_iv,
            mac: MacKey::new(suite.cipher.mac_hash()?, share.mac)?,
            order,
        })
    }

    /// Opens the record with this sequence number.
    pub(super) fn open(&mut self, sequence: u64, frame: &Frame<'_>) -> Option<Vec<u8>> {
        match self.order {
            MacOrder::EncryptThenMac => {
                let (covered, tag) = self.mac.split_tag(frame.body)?;
                // Before the MAC is checked: the next record's IV comes from this one, even if it
                // is not genuine.
                let (iv, sealed) = self.split_iv(covered)?;
                self.mac.verify(sequence, frame, covered, tag)?;
                unpad(self.key.decrypt(iv, sealed)?)
            }
            MacOrder::MacThenEncrypt => {
                let (iv, sealed) = self.split_iv(frame.body)?;
                let mut plaintext = unpad(self.key.decrypt(iv, sealed)?)?;
                let (content, tag) = self.mac.split_tag(&plaintext)?;
                self.mac.verify(sequence, frame, content, tag)?;
                plaintext.truncate(content.len());
                Some(plaintext)
            }
        }
    }

    /// The IV in the record, if it carries its own.
    pub(super) fn shown_iv<'f>(&self, frame: &Frame<'f>) -> Option<&'f [u8]> {
        match self.next_iv {
            Some(_) => None,
            None => frame.body.get(..BLOCK),
        }
    }

    /// The IV, and the ciphertext; `None` if there is not even one block.
    fn split_iv<'b>(&mut self, bytes: &'b [u8]) -> Option<([u8; BLOCK], &'b [u8])> {
        match &mut self.next_iv {
            Some(next_iv) => {
                let last_block = *bytes.last_chunk()?;
                Some((std::mem::replace(next_iv, last_block), bytes))
            }
            None => bytes.split_first_chunk().map(|(iv, sealed)| (*iv, sealed)),
        }
    }
}

impl BlockKey {
    fn new(cipher: SuiteCipher, key: &[u8]) -> Option<Self> {
        match cipher {
            SuiteCipher::Aes128Cbc(_) => Aes128Dec::new_from_slice(key).ok().map(Self::Aes128),
            SuiteCipher::Aes256Cbc(_) => Aes256Dec::new_from_slice(key).ok().map(Self::Aes256),
            _ => None,
        }
    }

    /// Decrypts whole blocks; `None` if the length is not a multiple of a block.
    fn decrypt(&self, iv: [u8; BLOCK], sealed: &[u8]) -> Option<Vec<u8>> {
        let mut buffer = sealed.to_vec();
        match self {
            Self::Aes128(key) => decrypt_cbc(key, iv, &mut buffer)?,
            Self::Aes256(key) => decrypt_cbc(key, iv, &mut buffer)?,
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

/// Removes the block padding (RFC 5246, section 6.2.3.2): its length byte, and before it as many
/// bytes with that value.
fn unpad(mut plaintext: Vec<u8>) -> Option<Vec<u8>> {
    let length = *plaintext.last()?;
    let content = plaintext.len().checked_sub(usize::from(length) + 1)?;
    if plaintext.get(content..)?.iter().any(|&byte| byte != length) {
        return None;
    }
    plaintext.truncate(content);
    Some(plaintext)
}

#[cfg(test)]
mod tests {
    use aes::Aes128Enc;
    use aes::cipher::BlockModeEncrypt;
    use hmac::{Hmac, Mac};
    use sha1::Sha1;

    use super::*;
    use crate::wire::record::{ContentType, HEADER_LEN, Header};

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

    /// An explicit IV and the ciphertext of `plaintext`, which must be whole blocks.
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
        Cbc::new(suite, &share, order).unwrap().open(0, &frame)
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
    fn order_of_mac_and_encryption_must_match() {
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
    fn body_of_any_length_is_refused_without_a_panic() {
        for length in 0..200 {
            for order in [MacOrder::MacThenEncrypt, MacOrder::EncryptThenMac] {
                assert_eq!(open(&vec![0; length], order), None);
            }
        }
    }
}
