//! The custom mutator: mostly changes whole operations. Sometimes it calls the fuzzer's mutator of
//! bytes, for the values that the fuzzer finds in comparisons of the code.

use std::ops::RangeInclusive;

use arbitrary::{Arbitrary, Unstructured};
use fastrand::Rng;

use super::codec::ensure_handshake;
use super::encoding::Bounds;
use super::{FORMAT, FuzzTarget, InputHeader, Op, Program};

/// Numbers near which behaviour changes: zero, the limits of records and their headers, and the
/// sizes of buffers.
const BORDERS: [u16; 24] = [
    0, 1, 2, 5, 6, 12, 29, 50, 100, 256, 512, 1000, 1024, 4096, 8192, 16383, 16384, 16385, 16413,
    20000, 32767, 32768, 32769, 34922,
];

/// How many changes a mutation makes.
const CHANGES: RangeInclusive<usize> = 1..=3;

/// Mutates the input of `target` in the first `len` bytes of `space`, and returns its new length.
/// `bytewise` is the fuzzer's mutator of bytes, with the same arguments and result. The same seed
/// makes the same change.
pub fn mutate(
    target: FuzzTarget,
    space: &mut [u8],
    len: usize,
    seed: u32,
    bytewise: &mut dyn FnMut(&mut [u8], usize) -> usize,
) -> usize {
    let header = InputHeader::bytes(target);
    if space.len() < header.len() + 2 * Op::LEN {
        return bytewise(space, len);
    }
    let mut random = Rng::with_seed(u64::from(seed));
    let format = InputHeader::format(target, &space[..len]);
    if format.is_some() && random.u8(..4) == 0 {
        let rest = &mut space[header.len()..];
        return header.len() + bytewise(rest, len - header.len());
    }
    let ops = if format.is_some() {
        &space[header.len()..len]
    } else {
        &[]
    };
    // An empty input gives an empty program, to which an operation can be added.
    let mut program = Program::arbitrary(&mut Unstructured::new(ops)).unwrap_or_default();
    program.upgrade(target, format.unwrap_or(FORMAT));
    for _ in 0..random.usize(CHANGES) {
        change(&mut program, &mut random);
    }
    // The targets are about writes after a handshake. Cases without one are soon explored, but
    // would take up more and more of the corpus, so most get their handshake back.
    if random.u8(..4) > 0 {
        ensure_handshake(&mut program.setting);
    }
    let most = ((space.len() - header.len()) / Op::LEN - 1).min(Bounds::of(target).steps);
    program.steps.truncate(most);
    let bytes: Vec<u8> = header.into_iter().chain(program.bytes()).collect();
    space[..bytes.len()].copy_from_slice(&bytes);
    bytes.len()
}

fn change(program: &mut Program, random: &mut Rng) {
    let steps = &mut program.steps;
    if steps.is_empty() {
        steps.push(new_op(random));
        return;
    }
    let at = random.usize(..steps.len());
    match random.u8(..16) {
        0..=4 => steps.insert(random.usize(..=steps.len()), new_op(random)),
        5 | 6 => {
            steps.remove(at);
        }
        7 => {
            let copied = steps[at];
            steps.insert(random.usize(..=steps.len()), copied);
        }
        8 => {
            let other = random.usize(..steps.len());
            steps.swap(at, other);
        }
        9 => {
            // A run of steps is repeated.
            let end = random.usize(at..steps.len());
            let run = steps[at..=end].to_vec();
            steps.splice(at..at, run);
        }
        10 => program.setting = changed(program.setting, random),
        _ => steps[at] = changed(steps[at], random),
    }
}

fn new_op(random: &mut Rng) -> Op {
    Op {
        kind: random.u8(..),
        flags: if random.bool() { random.u8(..) } else { 0 },
        a: new_number(random),
        // A count or a portion: rarely large, as large ones take long.
        b: match random.u8(..16) {
            0 => new_number(random),
            1..=4 => random.u16(..4),
            _ => 0,
        },
    }
}

/// Mostly small, often near a limit: large writes take long, and one per case is enough.
fn new_number(random: &mut Rng) -> u16 {
    match random.u8(..16) {
        0..=6 => random.u16(..64),
        7..=11 => random.u16(..2048),
        12..=14 => {
            let border = BORDERS[random.usize(..BORDERS.len())];
            border.wrapping_add(random.u16(..3)).wrapping_sub(1)
        }
        _ => random.u16(..),
    }
}

fn changed(op: Op, random: &mut Rng) -> Op {
    let mut op = op;
    match random.u8(..8) {
        0 => op.kind = random.u8(..),
        1 | 2 => op.flags ^= 1 << random.u8(..8),
        3 => op.flags = random.u8(..),
        4 => op.a = new_number(random),
        5 => op.a = op.a.wrapping_add(random.u16(..3)).wrapping_sub(1),
        6 => op.a = op.a.wrapping_add(random.u16(..256)).wrapping_sub(128),
        _ => op.b = new_number(random),
    }
    op
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A recognisable change of bytes.
    fn doubled(space: &mut [u8], len: usize) -> usize {
        let len = len.min(space.len() / 2);
        space.copy_within(..len, len);
        2 * len
    }

    #[test]
    fn mutated_input_stays_valid_and_within_its_space() {
        let target = FuzzTarget::WriteRetry;
        let mut space = [0; 200];
        let mut len = 0;
        for seed in 0..20_000 {
            len = mutate(target, &mut space, len, seed, &mut doubled);
            assert!(len <= space.len());
            assert!(
                space.starts_with(&InputHeader::bytes(target)),
                "seed {seed}"
            );
        }
    }

    #[test]
    fn the_same_seed_makes_the_same_change() {
        let change = |seed: u32| {
            let mut space = [0; 400];
            let mut len = 0;
            for step in 0..50 {
                len = mutate(
                    FuzzTarget::WireInbound,
                    &mut space,
                    len,
                    seed + step,
                    &mut doubled,
                );
            }
            (space, len)
        };
        assert_eq!(change(7), change(7));
        assert_ne!(change(7), change(8));
    }

    #[test]
    fn most_cases_without_a_handshake_get_one() {
        let without = Op {
            flags: 15,
            ..Op::default()
        };
        let program = Program {
            setting: without,
            steps: vec![Op::default()],
        };
        let shakes = |target: FuzzTarget| {
            let times = |seed: &u32| {
                let mut space = [0; 200];
                let bytes: Vec<u8> = InputHeader::bytes(target)
                    .into_iter()
                    .chain(program.bytes())
                    .collect();
                space[..bytes.len()].copy_from_slice(&bytes);
                let len = mutate(target, &mut space, bytes.len(), *seed, &mut |_, len| len);
                let ops = &space[InputHeader::bytes(target).len()..len];
                let child = Program::arbitrary(&mut Unstructured::new(ops)).expect("operations");
                child.setting.flags & 0xf != 15
            };
            (0..1000).filter(times).count()
        };
        // A quarter is left to the fuzzer's mutator, which changes nothing here; of the rest, three
        // quarters.
        for target in [
            FuzzTarget::WriteRetry,
            FuzzTarget::WriteSequence,
            FuzzTarget::WireInbound,
        ] {
            assert!((500..650).contains(&shakes(target)));
        }
    }
}
