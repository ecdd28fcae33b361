//! `cargo bench`: the time of a case, as a ratio to a bare loop of the same library calls in the
//! same process; the cases per second of the whole run; its memory; and the time of a report, as
//! a ratio of many results to few. `cargo bench -- reports` measures the reports alone.
//!
//! Without `--bench` (`cargo test --benches`) everything runs once and nothing is timed.

mod bare;
mod isolation;
mod memory;
mod reports;
mod sample;
mod whole_run;

use std::time::Instant;

use writeproof::internal::runner;
use writeproof::internal::scenario::{Scenario, Step, Variant};
use writeproof::internal::trace::{Outcome, PeerReport};

use bare::Bare;
use sample::{median, quartile};
use whole_run::{Suite, scenario, variants};

/// The length of the write, and the bytes that the transport takes before it would block.
const WRITE: usize = 20_000;
const ACCEPT: usize = 100;

/// The highest ratio of a case to the bare loop.
const LIMIT: f64 = 1.15;

/// Each round gives one ratio: the first quartile of the suite's cases over that of the bare ones.
/// Both run in turns, so that other load affects both alike. The result is the median of all
/// rounds.
const ROUNDS: usize = 25;
const PAIRS: usize = 60;
const WARM_UP: usize = 100;

fn main() {
    let suite = Suite::new();
    let blocked = blocked_and_retried();
    if !std::env::args().any(|argument| argument == "--bench") {
        for variant in variants() {
            Pair::new(&suite, &blocked, variant).suite_case();
            Bare::new(variant).case();
        }
        let cases = reports::smoke(&suite);
        println!("smoke: {cases} cases, the bare loop and the reports ran");
        return;
    }
    if std::env::args().any(|argument| argument == "reports") {
        reports::measure(&suite);
        return;
    }
    // No scenario file may hold this one, since a scenario must write.
    let handshake = Scenario {
        steps: vec![Step::Handshake],
        ..blocked.clone()
    };
    suite.measure(&handshake);
    for variant in variants() {
        Pair::new(&suite, &blocked, variant).measure();
    }
    let scenarios: Vec<_> = suite.survivable().collect();
    isolation::measure(&scenarios);
    reports::measure(&suite);
}

fn blocked_and_retried() -> Scenario {
    let text = format!(
        "title = \"A blocked write, retried\"\nclauses = [\"retry.same-arguments\"]\nsteps = [\
         \"handshake\", {{ link = {{ accept = {ACCEPT} }} }}, {{ write = {{ len = {WRITE} }} }}, \
         {{ link = \"open\" }}, {{ retry = {{}} }}, {{ peer = \"read\" }}]\n"
    );
    scenario("bench/blocked-and-retried", &text)
}

/// The same case through the suite and bare.
struct Pair<'s> {
    suite: &'s Suite,
    scenario: &'s Scenario,
    variant: Variant,
    bare: Bare,
}

impl<'s> Pair<'s> {
    fn new(suite: &'s Suite, scenario: &'s Scenario, variant: Variant) -> Self {
        Self {
            suite,
            scenario,
            variant,
            bare: Bare::new(variant),
        }
    }

    fn suite_case(&self) {
        let backend = self.suite.reference().as_ref();
        let trace = runner::run(backend, self.scenario, self.variant).expect("a case");
        let last = trace.entries.last().map(|entry| &entry.result);
        let Some(Outcome::Peer(PeerReport {
            read: Some(content),
            ..
        })) = last
        else {
            panic!("the peer read nothing: {last:?}");
        };
        assert!(content.len == WRITE && content.continues(0), "{content}");
    }

    fn measure(&mut self) {
        for _ in 0..WARM_UP {
            self.pair(false);
        }
        let (mut ratios, mut with_suite, mut alone) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let (mut suite, mut bare): (Vec<_>, Vec<_>) =
                (0..PAIRS).map(|index| self.pair(index % 2 == 1)).unzip();
            let (suite, bare) = (quartile(&mut suite), quartile(&mut bare));
            ratios.push(suite / bare);
            with_suite.push(suite);
            alone.push(bare);
        }
        let ratio = median(&mut ratios);
        println!(
            "overhead  {}  ratio {ratio:.3} (limit {LIMIT}, {}); {ROUNDS} rounds: {:.3} to {:.3}; suite {:.0} us, bare {:.0} us",
            self.variant,
            verdict(ratio <= LIMIT),
            ratios[0],
            ratios[ratios.len() - 1],
            median(&mut with_suite) * 1e6,
            median(&mut alone) * 1e6,
        );
    }

    /// Times one case of each in seconds: the suite's, and the bare one.
    fn pair(&mut self, bare_first: bool) -> (f64, f64) {
        if bare_first {
            let bare = timed(|| self.bare.case());
            (timed(|| self.suite_case()), bare)
        } else {
            let suite = timed(|| self.suite_case());
            (suite, timed(|| self.bare.case()))
        }
    }
}

fn timed(run: impl FnOnce()) -> f64 {
    let begun = Instant::now();
    run();
    begun.elapsed().as_secs_f64()
}

fn verdict(holds: bool) -> &'static str {
    if holds { "ok" } else { "over the limit" }
}
