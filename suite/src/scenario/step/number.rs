//! Encodes numbers of bytes in 16 bits: exactly up to the limits of records, coarsely beyond them.

/// Numbers below this are exact; those above are multiples of [`STRIDE`].
const EXACT: usize = 0x8000;
const STRIDE: usize = 8;

/// The number that `code` encodes: up to 294904, more than seventeen records.
pub(super) fn decoded(code: u16) -> usize {
    let code = usize::from(code);
    match code.checked_sub(EXACT) {
        None => code,
        Some(beyond) => EXACT + beyond * STRIDE,
    }
}

/// The code of this number; none if it has no code.
pub(super) fn encoded(number: usize) -> Option<u16> {
    let code = match number.checked_sub(EXACT) {
        None => number,
        Some(beyond) if beyond % STRIDE == 0 => EXACT + beyond / STRIDE,
        Some(_) => return None,
    };
    u16::try_from(code).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_survives_a_round_trip() {
        for code in 0..=u16::MAX {
            assert_eq!(encoded(decoded(code)), Some(code));
        }
        assert_eq!(encoded(EXACT + 1), None);
        assert_eq!(encoded(1 << 20), None);
    }
}
