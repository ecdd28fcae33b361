//! The key schedules, from a logged secret to keys, IVs and MAC keys. TLS 1.3 expands with HKDF
//! (RFC 8446, section 7.1), TLS 1.2 and older with their PRF (RFC 5246, sections 5 and 6.3; RFC
//! 2246, section 5).

use hkdf::{GenericHkdf, HmacImpl};
use hmac::digest::KeyInit;
use hmac::{Hmac, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha256, Sha384};

use super::Sender;
use super::keylog::Random;

/// The hash of a cipher suite, used by its HKDF or PRF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    /// Both at once: only the PRF of TLS 1.0 and 1.1.
    Md5Sha1,
    Sha256,
    Sha384,
}

/// The keys of one direction in one epoch of TLS 1.3.
pub(super) struct TrafficKeys {
    /// As long as the cipher's key.
    pub(super) key: Vec<u8>,
    pub(super) iv: [u8; 12],
}

impl TrafficKeys {
    /// From a traffic secret (RFC 8446, section 7.3); `None` if the secret is shorter than the
    /// hash.
    pub(super) fn derive(hash: Hash, secret: &[u8], key_len: usize) -> Option<Self> {
        let mut keys = Self {
            key: vec![0; key_len],
            iv: [0; 12],
        };
        let outputs: &mut [(&[u8], &mut [u8])] =
            &mut [(b"key", &mut keys.key), (b"iv", &mut keys.iv)];
        expand_labels(hash, secret, outputs)?;
        Some(keys)
    }
}

/// The traffic secret after a key update (RFC 8446, section 7.2); `None` if the old one is shorter
/// than the hash.
pub(super) fn updated_secret(hash: Hash, secret: &[u8]) -> Option<Vec<u8>> {
    let mut next = vec![0; secret.len()];
    expand_labels(hash, secret, &mut [(b"traffic upd", &mut next)])?;
    Some(next)
}

/// HKDF-Expand-Label with an empty context, for each label into its output (RFC 8446, section 7.1).
fn expand_labels(hash: Hash, secret: &[u8], outputs: &mut [(&[u8], &mut [u8])]) -> Option<()> {
    fn expand<H: HmacImpl>(secret: &[u8], outputs: &mut [(&[u8], &mut [u8])]) -> Option<()> {
        const PREFIX: &[u8] = b"tls13 ";
        let hkdf = GenericHkdf::<H>::from_prk(secret).ok()?;
        for (label, output) in outputs {
            let length = u16::try_from(output.len()).ok()?.to_be_bytes();
            let label_len = u8::try_from(PREFIX.len() + label.len()).ok()?;
            let context_len = 0;
            hkdf.expand_multi_info(
                &[&length, &[label_len], PREFIX, label, &[context_len]],
                output,
            )
            .ok()?;
        }
        Some(())
    }
    match hash {
        Hash::Md5Sha1 => None,
        Hash::Sha256 => expand::<Hmac<Sha256>>(secret, outputs),
        Hash::Sha384 => expand::<Hmac<Sha384>>(secret, outputs),
    }
}

/// The key block of TLS 1.2 and older, `len` bytes (RFC 5246, section 6.3).
pub(super) fn key_block(
    hash: Hash,
    master: &[u8],
    server: &Random,
    client: &Random,
    len: usize,
) -> Option<Vec<u8>> {
    let seed: &[&[u8]] = &[b"key expansion", server, client];
    let mut block = vec![0; len];
    match hash {
        Hash::Sha256 => xor_p_hash::<Hmac<Sha256>>(master, seed, &mut block)?,
        Hash::Sha384 => xor_p_hash::<Hmac<Sha384>>(master, seed, &mut block)?,
        Hash::Md5Sha1 => {
            // The halves share the middle byte of a secret with an odd length (RFC 2246, section
            // 5).
            let half = master.len().div_ceil(2);
            xor_p_hash::<Hmac<Md5>>(&master[..half], seed, &mut block)?;
            xor_p_hash::<Hmac<Sha1>>(&master[master.len() - half..], seed, &mut block)?;
        }
    }
    Some(block)
}

/// The length in bytes of each part of the key block, which holds each twice, the client's before
/// the server's (RFC 5246, section 6.3).
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

impl KeyBlockParts {
    /// The length of the complete block.
    pub(super) fn len(self) -> usize {
        2 * (self.mac + self.key + self.iv)
    }

    /// The sender's share of `block`; `None` if the block is too short.
    pub(super) fn share(self, block: &[u8], sender: Sender) -> Option<ShareOfKeyBlock<'_>> {
        let (macs, rest) = block.split_at_checked(2 * self.mac)?;
        let (keys, ivs) = rest.split_at_checked(2 * self.key)?;
        let own = |both| halve(both, sender);
        Some(ShareOfKeyBlock {
            mac: own(macs),
            key: own(keys),
            iv: own(ivs),
        })
    }
}

/// The sender's half of a part of the key block.
fn halve(both: &[u8], sender: Sender) -> &[u8] {
    let (client, server) = both.split_at(both.len() / 2);
    match sender {
        Sender::Client => client,
        Sender::Server => server,
    }
}

/// P_hash (RFC 5246, section 5), combined with what `output` already holds.
fn xor_p_hash<M: Mac + KeyInit + Clone>(
    secret: &[u8],
    seed: &[&[u8]],
    output: &mut [u8],
) -> Option<()> {
    let keyed = <M as KeyInit>::new_from_slice(secret).ok()?;
    let with_seed = |mut mac: M| {
        seed.iter().for_each(|part| mac.update(part));
        mac.finalize().into_bytes()
    };

    let mut a = with_seed(keyed.clone());
    for block in output.chunks_mut(M::output_size()) {
        let bytes = with_seed(keyed.clone().chain_update(&a));
        block
            .iter_mut()
            .zip(bytes)
            .for_each(|(out, byte)| *out ^= byte);
        a = keyed.clone().chain_update(&a).finalize().into_bytes();
    }
    Some(())
}
