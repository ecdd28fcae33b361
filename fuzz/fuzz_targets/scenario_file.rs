//! The reader of scenario files: bytes give an error or a valid scenario, never a panic.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use writeproof::internal::fuzz::Reading;
use writeproof::internal::scenario::Id;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let line = bytes
        .split(|&byte| byte == b'\n')
        .next()
        .unwrap_or_default();
    let id = Id::new(&String::from_utf8_lossy(line)).or_else(|| Id::new("fuzz/input"));
    match id.map(|id| Reading::of(id, "input.toml", bytes)) {
        // A file that is not text is refused before it is parsed.
        Some(Ok(Reading::NoText)) => Corpus::Reject,
        Some(Ok(Reading::Refused(_) | Reading::Scenario(_))) => Corpus::Keep,
        Some(Err(mismatch)) => panic!("{mismatch}"),
        None => unreachable!("fuzz/input is an id"),
    }
});
