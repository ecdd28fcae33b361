//! The code that the targets share. Each input runs on all libraries. An unexpected finding ends
//! the target with a message (the finding, the scenario, and how to reproduce it), or is saved and
//! the target continues.

mod clock;
mod counters;
mod findings;
mod summary;

use std::process;
use std::sync::{Mutex, OnceLock, PoisonError};

use libfuzzer_sys::{Corpus, fuzzer_mutate};
use writeproof::internal::fuzz::{Artifact, FuzzSession, FuzzTarget};
use writeproof::internal::scenario::{Scenario, Variant};
use writeproof::internal::transport;

use self::clock::{CLOCK, OnClock};
use self::counters::Counters;
use self::findings::Unexpected;

/// The coverage counters of the libraries.
static COUNTERS: Mutex<Vec<Counters>> = Mutex::new(Vec::new());

/// Coverage is recorded for one in this many inputs: there are hundreds of thousands of counters.
const NOTED: u64 = 16;

static SESSION: OnceLock<FuzzSession> = OnceLock::new();

/// The exit code of a target that cannot start.
const BAD_USAGE: i32 = 2;

/// Opens the libraries, once. Ends the process if one of them cannot be used, since then there is
/// nothing to fuzz.
pub fn begin() {
    let session = FuzzSession::of_environment().unwrap_or_else(|error| {
        eprintln!("{error}");
        process::exit(BAD_USAGE)
    });
    let session = session.watched(Box::new(OnClock));
    for backend in session.backends() {
        let about = backend.about();
        eprintln!(
            "library: {} ({} {}, {})",
            about.id, about.library, about.version, about.linkage
        );
    }
    let counters = Counters::of_this_process();
    for counters in &counters {
        eprintln!("{counters}");
    }
    *COUNTERS.lock().unwrap_or_else(PoisonError::into_inner) = counters;
    transport::set_last_resort(|| panic!("the library does not stop calling the transport"));
    let _ = SESSION.set(session);
    summary::print_at_exit();
    CLOCK.start();
}

/// Runs an input of a target that decodes ops. An unexpected finding ends the process or is saved.
///
/// # Panics
/// The suite itself failed.
pub fn examine(target: FuzzTarget, data: &[u8]) -> Corpus {
    let Some((scenario, variant)) = case(target, data) else {
        return Corpus::Reject;
    };
    let session = session();
    match CLOCK.case(|| session.examine(&scenario, variant)) {
        Ok(unexpected) if unexpected.is_empty() => {}
        Ok(unexpected) => findings::report(&Unexpected {
            target,
            data,
            scenario: &scenario,
            findings: &unexpected,
        }),
        Err(error) => panic!("the suite failed: {error}"),
    }
    let stats = session.stats();
    let mut counters = COUNTERS.lock().unwrap_or_else(PoisonError::into_inner);
    if stats.cases.is_multiple_of(NOTED) {
        counters.iter_mut().for_each(Counters::note);
    }
    if stats.cases.is_power_of_two() {
        eprintln!("{stats}\n{CLOCK}");
        for counters in &*counters {
            eprintln!("{counters}");
        }
    }
    Corpus::Keep
}

/// The case that an input of such a target encodes, if any.
fn case(target: FuzzTarget, data: &[u8]) -> Option<(Scenario, Variant)> {
    Artifact::of_target(target, data)?.case(target)
}

fn session() -> &'static FuzzSession {
    SESSION
        .get()
        .unwrap_or_else(|| panic!("the session was not opened"))
}

/// Changes an input, usually one step at a time.
pub fn mutate(
    target: FuzzTarget,
    data: &mut [u8],
    size: usize,
    max_size: usize,
    seed: u32,
) -> usize {
    let space = &mut data[..max_size];
    let size = writeproof::internal::fuzz::mutate(target, space, size, seed, &mut |space, len| {
        let most = space.len();
        fuzzer_mutate(space, len, most)
    });
    // Here and not while the input runs: the counters that libFuzzer then reads must be those of
    // the input.
    if CLOCK.samples_next() {
        sample(target, &data[..size]);
    }
    size
}

/// Runs the handshake of an input alone, to measure its rate.
fn sample(target: FuzzTarget, data: &[u8]) {
    if let Some((scenario, variant)) = case(target, data) {
        CLOCK.sample(|| {
            let ran = session().handshake_alone(&scenario, variant);
            ran.unwrap_or_else(|error| panic!("the suite failed: {error}"))
        });
    }
}
