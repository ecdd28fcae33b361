//! Damaged files: reading returns a scenario or an error, and never panics.

use crate::{VALID, read};

/// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators").
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }
}

/// Flips bytes, cuts off the end, or copies a piece of the text elsewhere.
pub(crate) fn damaged(text: &str, random: &mut Random) -> String {
    let mut bytes = text.as_bytes().to_vec();
    match random.below(3) {
        0 => {
            for _ in 0..=random.below(4) {
                let at = random.below(bytes.len());
                bytes[at] ^= 1 << random.below(8);
            }
        }
        1 => bytes.truncate(random.below(bytes.len())),
        _ => {
            let from = random.below(bytes.len());
            let piece = bytes[from..]
                .iter()
                .copied()
                .take(random.below(40))
                .collect::<Vec<_>>();
            let at = random.below(bytes.len());
            bytes.splice(at..at, piece);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn damaged_file_is_read_or_refused_with_a_position_and_never_panics() {
    let mut random = Random(1);
    let mut refused = 0;
    for round in 0..6000 {
        let text = damaged(VALID[round % VALID.len()], &mut random);
        let Err(error) = read(&text) else { continue };
        refused += 1;
        let line = text.split('\n').nth(error.line - 1);
        let columns = line.map(|line| line.chars().count() + 1);
        assert!(
            columns.is_some_and(|c| error.column <= c),
            "{error}\n{text}"
        );
    }
    assert!(refused > 1000, "only {refused} of 6000 were refused");
}

#[test]
fn deep_nesting_is_refused_and_does_not_exhaust_the_stack() {
    let text = format!("title = {}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(read(&text).is_err());
}
