//! How long a case may take: a library that has finished cases already has shown how long they take, and one that takes
//! very much longer hangs.
//!
//! In flows the processor time of each case that came to its end, in any worker of the library; out flows the time that the
//! next one gets. Only how soon a hang is noticed depends on it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::WorkerLimits;

/// A case gets so many times what the library's cases take on average,
const TIMES_AVERAGE: u32 = 100;

/// or so many times what the longest of them took, whichever is more,
const TIMES_LONGEST: u32 = 5;

/// but no less than this, a hundred times what a case takes: the system counts processor time in hundredths of a second, and a
/// page may have to come from a disk.
const LEAST: Duration = Duration::from_millis(500);

/// A library that has hung so often gets the least for each case from then on: two thousand of them are an end all the same.
const OFTEN: u32 = 8;

/// How long the cases of one library took.
#[derive(Debug)]
pub(super) struct Pace {
    limits: WorkerLimits,
    cases: Mutex<Cases>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Cases {
    finished: u32,
    all: Duration,
    longest: Duration,
    hung: u32,
}

impl Pace {
    /// No case was run yet.
    pub(super) fn new(limits: WorkerLimits) -> Self {
        Self {
            limits,
            cases: Mutex::default(),
        }
    }

    /// A case came to its end, after so much processor time.
    pub(super) fn finished(&self, took: Duration) {
        let mut cases = self.cases.lock().unwrap_or_else(PoisonError::into_inner);
        cases.finished = cases.finished.saturating_add(1);
        cases.all = cases.all.saturating_add(took);
        cases.longest = cases.longest.max(took);
    }

    /// A case did not come to its end.
    pub(super) fn hung(&self) {
        let mut cases = self.cases.lock().unwrap_or_else(PoisonError::into_inner);
        cases.hung = cases.hung.saturating_add(1);
    }

    /// What the next case may use.
    pub(super) fn limits(&self) -> WorkerLimits {
        let cases = *self.cases.lock().unwrap_or_else(PoisonError::into_inner);
        WorkerLimits {
            time: cases
                .time()
                .map_or(self.limits.time, |time| time.min(self.limits.time)),
            ..self.limits
        }
    }
}

impl Cases {
    /// The time for the next one; nothing as long as there is no saying what it needs.
    fn time(&self) -> Option<Duration> {
        if self.hung >= OFTEN {
            return Some(LEAST);
        }
        let average = self.all.checked_div(self.finished)?;
        let time = average
            .saturating_mul(TIMES_AVERAGE)
            .max(self.longest.saturating_mul(TIMES_LONGEST));
        Some(time.max(LEAST))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time_after(milliseconds: &[u64]) -> Duration {
        let pace = Pace::new(WorkerLimits {
            time: Duration::from_secs(5),
            memory: None,
        });
        for &took in milliseconds {
            pace.finished(Duration::from_millis(took));
        }
        pace.limits().time
    }

    #[test]
    fn a_library_that_finished_nothing_yet_gets_the_whole_limit() {
        assert_eq!(time_after(&[]), Duration::from_secs(5));
    }

    #[test]
    fn a_case_gets_many_times_what_others_take() {
        assert_eq!(time_after(&[3, 3, 6]), LEAST);
        assert_eq!(time_after(&[20]), Duration::from_secs(2));
        // A long one among many is no reason for all to be awaited so long, but for another like it.
        let mut many = vec![2; 99];
        many.push(302);
        assert_eq!(time_after(&many), Duration::from_millis(1510));
    }

    #[test]
    fn a_library_that_hangs_often_gets_the_least() {
        let pace = Pace::new(WorkerLimits::DEFAULT);
        let time_after_another = || {
            pace.hung();
            pace.limits().time
        };
        let times: Vec<Duration> = (0..OFTEN).map(|_| time_after_another()).collect();
        assert_eq!(times[6..], [WorkerLimits::DEFAULT.time, LEAST]);
    }

    #[test]
    fn no_case_gets_more_than_the_limit() {
        assert_eq!(time_after(&[4000]), Duration::from_secs(5));
    }
}
