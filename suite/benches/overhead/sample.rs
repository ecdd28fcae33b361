//! What a number of measurements says.

/// The middle one; of an even number, the lower of the two in the middle.
pub(crate) fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[(samples.len() - 1) / 2]
}

/// The one that a quarter of all stay below: what else the machine does only ever makes things
/// slower, and nearly never the quicker half of them.
pub(crate) fn quartile(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[(samples.len() - 1) / 4]
}
