//! Statistics of measurements.

/// The median; of an even number of samples, the lower one in the middle.
pub(crate) fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[(samples.len() - 1) / 2]
}

/// The first quartile: other load only makes samples slower, and rarely those of the faster half.
pub(crate) fn quartile(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[(samples.len() - 1) / 4]
}
