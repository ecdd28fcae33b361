//! What the targets share: an input is run on all libraries, and a finding that nobody knows ends the target with a message that
//! says what was found, in which scenario, and how to see it again.

mod clock;
mod counters;

use std::collections::BTreeSet;
use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock, PoisonError};

use libfuzzer_sys::{Corpus, fuzzer_mutate};
use sha1::{Digest, Sha1};
use writeproof::fuzz::{Artifact, News, Session, Target};
use writeproof::link;
use writeproof::scenario::{Scenario, Variant};

use self::clock::{CLOCK, OnClock};
use self::counters::Counters;

/// What libFuzzer sees of the libraries.
static COUNTERS: Mutex<Vec<Counters>> = Mutex::new(Vec::new());

/// What is reached is noted for one in so many inputs: there are counters by the hundred thousand.
const NOTED: u64 = 16;

static SESSION: OnceLock<Session> = OnceLock::new();

/// The environment variable that names a folder: a finding is saved there, the first of each kind, and the target goes on.
const FINDINGS: &str = "WRITEPROOF_FUZZ_FINDINGS";

/// The kinds of findings that were saved.
static KEPT: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Opens the libraries, once.
///
/// # Panics
/// One of them cannot be used: then there is nothing to fuzz.
pub fn begin() {
    let session = Session::of_environment().unwrap_or_else(|error| panic!("{error}"));
    let session = session.watched(Box::new(OnClock));
    for backend in session.backends() {
        let about = backend.about();
        eprintln!(
            "library: {} ({} {}, {})",
            about.id, about.library, about.version, about.how
        );
    }
    let counters = Counters::of_this_process();
    for counters in &counters {
        eprintln!("{counters}");
    }
    *COUNTERS.lock().unwrap_or_else(PoisonError::into_inner) = counters;
    link::set_last_resort(|| panic!("the library does not stop calling the transport"));
    let _ = SESSION.set(session);
    CLOCK.start();
}

/// Runs an input of a target that reads cells.
///
/// # Panics
/// It shows something that nobody knows, or the suite itself failed.
pub fn examine(target: Target, data: &[u8]) -> Corpus {
    let Some((scenario, variant)) = case(target, data) else {
        return Corpus::Reject;
    };
    let session = session();
    match session.examine(&scenario, variant) {
        Ok(news) if news.is_empty() => {}
        Ok(news) => found(target, data, &scenario, &news),
        Err(error) => panic!("the suite could not do its part: {error}"),
    }
    CLOCK.case_done();
    let tally = session.tally();
    let mut counters = COUNTERS.lock().unwrap_or_else(PoisonError::into_inner);
    if tally.cases.is_multiple_of(NOTED) {
        counters.iter_mut().for_each(Counters::note);
    }
    if tally.cases.is_power_of_two() {
        eprintln!("{tally}\n{CLOCK}");
        for counters in &*counters {
            eprintln!("{counters}");
        }
    }
    Corpus::Keep
}

/// The case that an input of a target that reads cells stands for, if it stands for one.
fn case(target: Target, data: &[u8]) -> Option<(Scenario, Variant)> {
    Artifact::of_target(target, data)?.case(target)
}

fn session() -> &'static Session {
    SESSION.get().unwrap_or_else(|| panic!("not begun"))
}

/// Something was found: that is the end, or, where [`FINDINGS`] says so, it is kept for later.
fn found(target: Target, data: &[u8], scenario: &Scenario, news: &[News]) {
    let Some(folder) = env::var_os(FINDINGS).map(PathBuf::from) else {
        let path = format!("fuzz/artifacts/{}/crash-{}", target.name(), name(data));
        panic!("{}", told(scenario, news, &path));
    };
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let is_first = |news: &News| kept.insert(kind(news));
    if !news
        .iter()
        .map(is_first)
        .fold(false, |any, first| any | first)
    {
        return;
    }
    let path = folder.join(format!("finding-{}", name(data)));
    eprintln!("{}", told(scenario, news, &path.display().to_string()));
    if let Err(error) = fs::write(&path, data) {
        panic!("{} cannot be written: {error}", path.display());
    }
}

/// What is told of several findings as one: all but the numbers in it.
fn kind(news: &News) -> String {
    let finding = &news.finding;
    let words = format!(
        "{} {:?} {:?} {}",
        news.backend, finding.kind, finding.clause, finding.seen
    );
    words.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// As libFuzzer names the file of an input.
fn name(data: &[u8]) -> String {
    let digest = Sha1::digest(data);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What was found, where, and how to see it again.
fn told(scenario: &Scenario, news: &[News], path: &str) -> String {
    let mut text = String::from("nobody knows this:\n");
    for news in news {
        // A text in memory takes whatever is written to it.
        let _ = writeln!(text, "{news}");
    }
    let scenario = writeproof::scenario::write(scenario);
    let _ = write!(
        text,
        "in\n{scenario}\nto see it again:\n  writeproof replay {path}"
    );
    text
}

/// Changes an input, mostly a step at a time.
pub fn mutate(target: Target, data: &mut [u8], size: usize, max_size: usize, seed: u32) -> usize {
    let space = &mut data[..max_size];
    let size = writeproof::fuzz::mutate(target, space, size, seed, &mut |space, len| {
        let most = space.len();
        fuzzer_mutate(space, len, most)
    });
    // Here, and not while the input is run: the counters that libFuzzer then reads are to be those of the input.
    if CLOCK.samples_next() {
        sample(target, &data[..size]);
    }
    size
}

/// Runs the handshake of an input alone, for its rate.
fn sample(target: Target, data: &[u8]) {
    if let Some((scenario, variant)) = case(target, data) {
        CLOCK.sample(|| {
            let ran = session().handshake_alone(&scenario, variant);
            ran.unwrap_or_else(|error| panic!("the suite could not do its part: {error}"))
        });
    }
}
