//! Numbers of bytes in two bytes: exact where the borders lie, coarse far beyond them.

/// The numbers below this are told exactly; those above in multiples of [`STRIDE`].
const EXACT: usize = 0x8000;
const STRIDE: usize = 8;

/// The number that `code` stands for: up to 294904 bytes, past the borders of seventeen records.
pub(super) fn decoded(code: u16) -> usize {
    let code = usize::from(code);
    match code.checked_sub(EXACT) {
        None => code,
        Some(beyond) => EXACT + beyond * STRIDE,
    }
}

/// What stands for this number; nothing if no code does.
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
    fn every_code_stands_for_one_number() {
        for code in 0..=u16::MAX {
            assert_eq!(encoded(decoded(code)), Some(code));
        }
        assert_eq!(encoded(EXACT + 1), None);
        assert_eq!(encoded(1 << 20), None);
    }
}
