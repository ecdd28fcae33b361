//! The time limit for a case, from the durations of earlier cases: a library's finished cases show
//! how long they take, and one that takes very much longer hangs.
//!
//! Takes the processor time of each finished case, in any worker of the library, and yields the
//! limit for the next one. The limit only affects how soon a hang is detected.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::WorkerLimits;

/// The limit is this many times the average of the library's cases,
const TIMES_AVERAGE: u32 = 100;

/// or this many times the longest of them, if that is more,
const TIMES_LONGEST: u32 = 5;

/// but at least this, a hundred times the duration of a case: the system counts processor time in
/// hundredths of a second, and a page may have to be read from disk.
const LEAST: Duration = Duration::from_millis(500);

/// After this many hangs, every later case gets the least limit, so that even two thousand hangs
/// come to an end.
const OFTEN: u32 = 8;

/// The durations of one library's cases.
#[derive(Debug)]
pub(super) struct Pace {
    limits: WorkerLimits,
    cases: Mutex<CaseTimes>,
}

#[derive(Debug, Clone, Copy, Default)]
struct CaseTimes {
    finished: u32,
    all: Duration,
    longest: Duration,
    hung: u32,
}

impl Pace {
    /// No finished cases yet.
    pub(super) fn new(limits: WorkerLimits) -> Self {
        Self {
            limits,
            cases: Mutex::default(),
        }
    }

    /// Records a finished case, with its processor time.
    pub(super) fn finished(&self, took: Duration) {
        let mut cases = self.cases.lock().unwrap_or_else(PoisonError::into_inner);
        cases.finished = cases.finished.saturating_add(1);
        cases.all = cases.all.saturating_add(took);
        cases.longest = cases.longest.max(took);
    }

    /// Records a case that hung.
    pub(super) fn hung(&self) {
        let mut cases = self.cases.lock().unwrap_or_else(PoisonError::into_inner);
        cases.hung = cases.hung.saturating_add(1);
    }

    /// The limits for the next case.
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

impl CaseTimes {
    /// The time limit for the next case; `None` while no case has finished.
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
    fn library_without_finished_cases_gets_the_full_limit() {
        assert_eq!(time_after(&[]), Duration::from_secs(5));
    }

    #[test]
    fn case_gets_a_multiple_of_earlier_durations() {
        assert_eq!(time_after(&[3, 3, 6]), LEAST);
        assert_eq!(time_after(&[20]), Duration::from_secs(2));
        // A long case among many allows more time for another like it, but not for all.
        let mut many = vec![2; 99];
        many.push(302);
        assert_eq!(time_after(&many), Duration::from_millis(1510));
    }

    #[test]
    fn library_that_hangs_often_gets_the_minimum() {
        let pace = Pace::new(WorkerLimits::DEFAULT);
        let time_after_another = || {
            pace.hung();
            pace.limits().time
        };
        let times: Vec<Duration> = (0..OFTEN).map(|_| time_after_another()).collect();
        assert_eq!(times[6..], [WorkerLimits::DEFAULT.time, LEAST]);
    }

    #[test]
    fn case_never_exceeds_the_limit() {
        assert_eq!(time_after(&[4000]), Duration::from_secs(5));
    }
}
