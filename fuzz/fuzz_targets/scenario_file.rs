//! Bytes into the reader of scenario files: an error or a valid scenario, never a panic.

#![no_main]

use libfuzzer_sys::{Corpus, fuzz_target};
use writeproof::scenario::{Id, parse};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Corpus::Reject; // a file that is no text is refused before it is parsed
    };
    let (line, _) = text.split_once('\n').unwrap_or((text, ""));
    let id = Id::new(line).or_else(|| Id::new("fuzz/input"));
    match id.map(|id| parse(id, "input.toml", text)) {
        Some(Ok(scenario)) => assert_ne!(scenario.variants().count(), 0, "no variant to run"),
        Some(Err(error)) => assert_ne!(error.to_string(), "", "an error without words"),
        None => unreachable!("fuzz/input is an id"),
    }
    Corpus::Keep
});
