//! A few writes, and everything that can happen to the bytes that the peer sends.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_mutator, fuzz_target};
use writeproof::internal::fuzz::FuzzTarget;

const TARGET: FuzzTarget = FuzzTarget::WireInbound;

fuzz_target!(init: writeproof_fuzz::begin(), |data: &[u8]| -> Corpus {
    writeproof_fuzz::examine(TARGET, data)
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    writeproof_fuzz::mutate(TARGET, data, size, max_size, seed)
});
