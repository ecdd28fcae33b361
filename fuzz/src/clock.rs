//! How fast a target is, and where the time of an input goes: a clock that is notified of each phase of each case, and the same
//! cases cut off after their handshake, now and then, for a rate to compare with. Nothing that is judged depends on it.
//!
//! Rates are of processor time, so that they do not depend on what else the machine does; the shares of the phases are of the
//! time that passes, which costs less to read.

use std::fmt;
use std::iter;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};
use writeproof::runner::{Phase, Watch};
use writeproof::trace::Asked;

/// Of so many inputs that libFuzzer makes up, the handshake of one is also run alone.
const SAMPLED: u64 = 32;

/// What the time between two cases is charged to: libFuzzer, and making a case of its bytes.
const FUZZER: usize = Phase::ALL.len();

/// The clock of this process. libFuzzer calls the target on one thread.
pub(crate) static CLOCK: Clock = Clock::new();

/// Charges the time that passes to the phase that a case is in.
#[derive(Debug)]
pub(crate) struct Clock {
    /// In nanoseconds since the first reading: when the present phase began.
    since: AtomicU64,
    /// The present phase, by its place in [`Phase::ALL`], or [`FUZZER`].
    present: AtomicUsize,
    /// Nanoseconds that each phase has taken.
    spent: [AtomicU64; FUZZER + 1],
    /// The processor time at the start, in nanoseconds.
    origin: AtomicU64,
    /// Cases that were run in full.
    cases: AtomicU64,
    /// Nanoseconds of processor time that they took, without libFuzzer's.
    ran: AtomicU64,
    /// Inputs that were made up.
    made_up: AtomicU64,
    /// A handshake is run alone: phases are not charged.
    is_sampling: AtomicBool,
    /// Handshakes that were run alone, and the nanoseconds of processor time that they took.
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

    /// Starts to count; what came before is not charged to anything.
    pub(crate) fn start(&self) {
        self.since.store(nanoseconds(), Ordering::Relaxed);
        self.origin.store(processor_time(), Ordering::Relaxed);
    }

    /// Runs a case in full; what comes after it is libFuzzer's time.
    pub(crate) fn case<T>(&self, run: impl FnOnce() -> T) -> T {
        let begun = processor_time();
        let answer = run();
        // First: the system may stop the process where it is asked for its time.
        self.pass_to(FUZZER);
        self.ran
            .fetch_add(processor_time() - begun, Ordering::Relaxed);
        self.cases.fetch_add(1, Ordering::Relaxed);
        answer
    }

    /// Whether the handshake of the next input that is made up is to be run alone, too.
    pub(crate) fn samples_next(&self) -> bool {
        let made_up = self.made_up.fetch_add(1, Ordering::Relaxed);
        made_up.is_multiple_of(SAMPLED)
    }

    /// Runs a handshake alone, which `run` answers whether it has done, and charges nothing else with it.
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

/// That this process has had so far, in nanoseconds.
fn processor_time() -> u64 {
    const SECOND: i64 = 1_000_000_000;
    let time = clock_gettime(ClockId::ProcessCPUTime);
    u64::try_from(time.tv_sec * SECOND + time.tv_nsec).unwrap_or(0)
}

/// What a session notifies of the phases of its cases.
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
/// libFuzzer takes as long for an input that ends after its handshake as for any other, and is counted in both rates.
impl fmt::Display for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Nanoseconds of a second, and of a microsecond.
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
