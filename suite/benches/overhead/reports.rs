//! How the time of a report grows with the number of results: the text report, that of `check` and
//! JSON, each of 10,000 to 160,000 results, in nanoseconds for each result.
//!
//! The results are synthetic. They are those of the suite's own run with short traces, again and
//! again under other families of scenarios; in some of them the findings are unexpected, and in
//! some of these of a text that no other has, so that families and groups of findings grow too.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

use writeproof::internal::backend::{About, Backends, Home};
use writeproof::internal::isolation::Isolation;
use writeproof::internal::report::check::shown_by;
use writeproof::internal::report::{By, Checked, JudgedAs, Report};
use writeproof::internal::run::CaseResult;
use writeproof::internal::scenario::Id;
use writeproof::internal::target::{Printed, Target};

use crate::whole_run::Suite;
use crate::{timed, verdict};

/// The numbers of results, smallest first.
const SIZES: [usize; 3] = [10_000, 40_000, 160_000];

/// The highest ratio of the time for each result, of the most results to the fewest.
const LIMIT: f64 = 2.0;

/// Of several measurements the fastest counts: other load only makes them slower. Each is of as many
/// reports as together have the most results, so that load affects all sizes alike.
const REPEATS: usize = 3;

/// The entries and records that are kept of each trace, and its differences: enough to be real, and
/// few enough for the memory of most machines.
const KEPT: usize = 4;

/// One of so many results has unexpected findings, and one of so many of these a text of its own.
const UNEXPECTED: usize = 10;
const UNIQUE: usize = 5;

/// Prints the time of each report for each number of results, and the ratios.
pub(crate) fn measure(suite: &Suite) {
    let real = suite.results();
    let input = Input::of(suite);
    let mut times = [const { Vec::new() }; 3];
    for size in SIZES {
        let results = synthetic(&real, size);
        let report = input.report(&results);
        for ((name, write), times) in REPORTS.iter().zip(&mut times) {
            let mut bytes = 0;
            let reports = SIZES[SIZES.len() - 1] / size;
            let mut write = || (0..reports).for_each(|_| bytes = write(&report));
            let seconds = (0..REPEATS).map(|_| timed(&mut write) / reports as f64);
            let seconds = seconds.fold(f64::INFINITY, f64::min);
            let each = seconds * 1e9 / size as f64;
            println!(
                "report    {name:5}  {size:6} results: {seconds:7.3} s, {each:7.0} ns for each; {:.1} MB",
                bytes as f64 / 1e6,
            );
            times.push(each);
        }
    }
    for ((name, _), times) in REPORTS.iter().zip(&times) {
        let ratio = times[times.len() - 1] / times[0];
        println!(
            "report    {name:5}  ratio {ratio:.3} of the time for each result, {} to {} results (limit {LIMIT}, {})",
            SIZES[SIZES.len() - 1],
            SIZES[0],
            verdict(ratio <= LIMIT),
        );
    }
}

/// Runs everything and writes each report once, to check that it works; the number of cases.
pub(crate) fn smoke(suite: &Suite) -> usize {
    let real = suite.results();
    let results = synthetic(&real, SIZES[0]);
    let input = Input::of(suite);
    for (name, write) in REPORTS {
        assert!(write(&input.report(&results)) > 0, "{name}");
    }
    real.len()
}

/// Writes a report, and counts its bytes.
type Write = fn(&Report<'_>) -> usize;

/// The reports.
const REPORTS: [(&str, Write); 3] = [
    ("text", |report| {
        let text = report.text(Duration::ZERO, None, &again);
        black_box(text).len()
    }),
    ("check", |report| {
        let text = report.check(Duration::ZERO, None, &again);
        black_box(text).len()
    }),
    ("json", |report| {
        let text = report.json(Duration::ZERO).expect("values of a report");
        black_box(text).len()
    }),
];

fn again(result: &CaseResult) -> String {
    shown_by(result, "--libssl libssl.so")
}

/// So many results, in the order of a run.
fn synthetic(real: &[CaseResult], size: usize) -> Vec<CaseResult> {
    let results = real.iter().cycle().take(size).enumerate();
    let results = results.map(|(number, result)| {
        let mut result = result.clone();
        let (family, name) = (result.scenario.family(), result.scenario.name());
        let copy = number / real.len();
        result.scenario = Id::new(&format!("{family}-{copy}/{name}")).expect("an id");
        result.trace.shorten(KEPT);
        result.differences.truncate(KEPT);
        if number.is_multiple_of(UNEXPECTED) {
            for finding in &mut result.findings {
                finding.known = None;
                if number.is_multiple_of(UNEXPECTED * UNIQUE) {
                    finding.seen.insert_str(0, &letters(number));
                }
            }
        }
        result
    });
    results.collect()
}

/// A word for this number. Reports group findings whose texts differ in digits only.
fn letters(number: usize) -> String {
    let digits = number.to_string();
    let letters = digits.bytes().map(|digit| char::from(digit - b'0' + b'a'));
    letters.chain([' ']).collect()
}

/// What a report needs in addition to results.
struct Input<'s> {
    suite: &'s Suite,
    /// A shared object, for what `check` prints of a library.
    loaded: Arc<dyn Target>,
    judged_as: JudgedAs,
}

impl<'s> Input<'s> {
    fn of(suite: &'s Suite) -> Self {
        let is_loaded = |id: &&str| matches!(Backends::home(id), Some(Ok(Home::SharedObject(_))));
        let id = Backends::here().into_iter().find(is_loaded);
        let opened = Isolation::None.open(id.expect("OpenSSL 1.1.1 is a shared object"));
        Self {
            suite,
            loaded: opened
                .expect("a backend")
                .unwrap_or_else(|error| panic!("{error}")),
            judged_as: JudgedAs {
                library: None,
                by: By::Object,
                known: None,
                entries: 0,
                others: Vec::new(),
            },
        }
    }

    fn report<'r>(&'r self, results: &'r [CaseResult]) -> Report<'r> {
        let loaded = &self.loaded.load_report().expect("loaded").loaded;
        let backends: Vec<&About> = self.suite.abouts().collect();
        let checked = self.suite.abouts().map(|about| Checked {
            id: &about.id,
            loaded,
            judged_as: &self.judged_as,
            unconfined: &[],
            printed: Printed::default(),
            checks: Vec::new(),
            no_handshake: Vec::new(),
        });
        let checked = checked.collect();
        let reference = &self.suite.reference().about().id;
        let mut report = Report::new(backends, reference, self.suite.contract(), results);
        report.checked = checked;
        report
    }
}
