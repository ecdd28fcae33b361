//! The speed of a target, and the phases in which an input spends its time. A clock is notified of
//! each phase of each case. Now and then it also times a case that ends after its handshake, for a
//! rate to compare with. No judgement depends on it.
//!
//! Rates use processor time, so that other load on the machine does not matter. The shares of the
//! phases use elapsed time, which is cheaper to read.

use std::fmt;
use std::iter;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};
use writeproof::internal::runner::{Phase, Watch};
use writeproof::internal::trace::Asked;

/// For one in this many inputs that libFuzzer generates, the handshake is also run alone.
const SAMPLED: u64 = 32;

/// The phase between two cases: libFuzzer, and decoding an input.
const FUZZER: usize = Phase::ALL.len();

/// The clock of this process. libFuzzer calls the target on one thread.
pub(crate) static CLOCK: Clock = Clock::new();

/// Charges elapsed time to the present phase of a case.
#[derive(Debug)]
pub(crate) struct Clock {
    /// When the present phase began, in nanoseconds since the first reading.
    since: AtomicU64,
    /// The present phase, by its place in [`Phase::ALL`], or [`FUZZER`].
    present: AtomicUsize,
    /// Nanoseconds spent in each phase.
    spent: [AtomicU64; FUZZER + 1],
    /// The processor time at the start, in nanoseconds.
    origin: AtomicU64,
    /// Cases run in full.
    cases: AtomicU64,
    /// Nanoseconds of processor time of these cases, without libFuzzer's.
    ran: AtomicU64,
    /// Inputs that libFuzzer has generated.
    made_up: AtomicU64,
    /// A handshake is run alone: nothing is charged to phases.
    is_sampling: AtomicBool,
    /// Handshakes run alone, and their nanoseconds of processor time.
    samples: AtomicU64,
    sampled: AtomicU64,
}

impl Clock {
    const fn new() -> Self {
        Self {
            since: AtomicU64::new(0),
            present: AtomicUsize::new(FUZZER),
            spent: [const { AtomicU64::new(0) }; FUZZER + 1],
            origin: AtomicU64::new(0),
            cases: AtomicU64::new(0),
            ran: AtomicU64::new(0),
            made_up: AtomicU64::new(0),
            is_sampling: AtomicBool::new(false),
            samples: AtomicU64::new(0),
            sampled: AtomicU64::new(0),
        }
    }

    /// Starts to count; earlier time is not charged.
    pub(crate) fn start(&self) {
        self.since.store(nanoseconds(), Ordering::Relaxed);
        self.origin.store(processor_time(), Ordering::Relaxed);
    }

    /// Runs a case in full; the time after it is libFuzzer's.
    pub(crate) fn case<T>(&self, run: impl FnOnce() -> T) -> T {
        let begun = processor_time();
        let answer = run();
        // First, since the system may preempt the process where it asks for its processor time.
        self.pass_to(FUZZER);
        self.ran
            .fetch_add(processor_time() - begun, Ordering::Relaxed);
        self.cases.fetch_add(1, Ordering::Relaxed);
        answer
    }

    /// Whether the handshake of the next generated input is also to be run alone.
    pub(crate) fn samples_next(&self) -> bool {
        let made_up = self.made_up.fetch_add(1, Ordering::Relaxed);
        made_up.is_multiple_of(SAMPLED)
    }

    /// Runs a handshake alone and charges no phase with it. `run` returns whether the handshake was
    /// done.
    pub(crate) fn sample(&self, run: impl FnOnce() -> bool) {
        self.pass_to(FUZZER);
        self.is_sampling.store(true, Ordering::Relaxed);
        let begun = processor_time();
        if run() {
            self.samples.fetch_add(1, Ordering::Relaxed);
            self.sampled
                .fetch_add(processor_time() - begun, Ordering::Relaxed);
        }
        self.is_sampling.store(false, Ordering::Relaxed);
        self.lap();
    }

    fn pass_to(&self, phase: usize) {
        if self.is_sampling.load(Ordering::Relaxed) {
            return;
        }
        let before = self.present.swap(phase, Ordering::Relaxed);
        self.spent[before].fetch_add(self.lap(), Ordering::Relaxed);
    }

    /// The time since the last reading, in nanoseconds.
    fn lap(&self) -> u64 {
        let now = nanoseconds();
        now - self.since.swap(now, Ordering::Relaxed)
    }
}

/// Since the first call, in nanoseconds.
fn nanoseconds() -> u64 {
    static ORIGIN: OnceLock<Instant> = OnceLock::new();
    let elapsed = ORIGIN.get_or_init(Instant::now).elapsed();
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

/// The processor time of this process, in nanoseconds.
fn processor_time() -> u64 {
    const SECOND: i64 = 1_000_000_000;
    let time = clock_gettime(ClockId::ProcessCPUTime);
    u64::try_from(time.tv_sec * SECOND + time.tv_nsec).unwrap_or(0)
}

/// The clock as the observer of a session's phases.
#[derive(Debug)]
pub(crate) struct OnClock;

impl Watch for OnClock {
    fn about_to(&self, _step: usize, _action: &str, _asked: &Asked) {}

    fn enters(&self, phase: Phase) {
        CLOCK.pass_to(phase as usize);
    }
}

/// Two lines: the rates and their ratio, then the shares of the time of an input.
///
/// ```text
/// rate: 1080 inputs/s, 3900 with handshakes alone (312 samples): 27.7 %
/// time of an input: 926 us: setup 5.1 %, handshake 24.0 %, …, fuzzer 2.2 %
/// ```
///
/// libFuzzer's time does not depend on whether an input ends after its handshake, so both rates
/// include it.
impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Nanoseconds in a second, and in a microsecond.
        const SECOND: f64 = 1e9;
        const MICROSECOND: f64 = 1e3;

        let number = |value: &AtomicU64| value.load(Ordering::Relaxed) as f64;
        let each = |total: f64, count: &AtomicU64| total / number(count).max(1.0);
        let total = processor_time() as f64 - number(&self.origin);
        let input = each(total - number(&self.sampled), &self.cases).max(1.0);
        let fuzzer = input - each(number(&self.ran), &self.cases);
        write!(f, "rate: {:.0} inputs/s, ", SECOND / input)?;
        match self.samples.load(Ordering::Relaxed) {
            0 => writeln!(f, "no handshake was run alone")?,
            samples => {
                let handshake = each(number(&self.sampled), &self.samples) + fuzzer;
                writeln!(
                    f,
                    "{:.0} with handshakes alone ({samples} samples): {:.1} %",
                    SECOND / handshake,
                    100.0 * handshake / input
                )?;
            }
        }
        let spent: f64 = self.spent.iter().map(number).sum();
        write!(f, "time of an input: {:.0} us:", input / MICROSECOND)?;
        let names = Phase::ALL.map(Phase::as_str).into_iter().chain(["fuzzer"]);
        let separators = [""].into_iter().chain(iter::repeat(","));
        for ((name, part), separator) in names.zip(&self.spent).zip(separators) {
            write!(
                f,
                "{separator} {name} {:.1} %",
                100.0 * number(part) / spent
            )?;
        }
        Ok(())
    }
}
