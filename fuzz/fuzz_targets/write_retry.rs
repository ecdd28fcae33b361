//! Writes, a transport that blocks, and retries of every kind.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_mutator, fuzz_target};
use writeproof::internal::fuzz::FuzzTarget;

const TARGET: FuzzTarget = FuzzTarget::WriteRetry;

fuzz_target!(init: writeproof_fuzz::begin(), |data: &[u8]| -> Corpus {
    writeproof_fuzz::examine(TARGET, data)
});

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    writeproof_fuzz::mutate(TARGET, data, size, max_size, seed)
});
