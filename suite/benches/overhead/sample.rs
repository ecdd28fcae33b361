//! What a number of measurements says.

/// The middle one; of an even number, the lower of the two in the middle.
pub(crate) fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[(samples.len() - 1) / 2]
}
