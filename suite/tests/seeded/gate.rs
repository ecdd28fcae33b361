//! The gate: how many of the seeded bugs the reference's ledger leaves unexpected.
//!
//! The library with a bug takes the reference's name and version, and is judged with its entries by
//! the oracles of `run` and of `replay`. Recordings and differences do not count: only violations,
//! crashes and hangs do. A bug is *detected* in a case where a library without a ledger shows a
//! finding that the library without the bug does not show. It *stays unexpected* there if the
//! ledger does not know one of the findings; otherwise it is *muted*.
//!
//! The shares are floors that may only rise. `cargo test --test seeded -- gate` prints them, with
//! the muted bugs and the entries that mute them. `cargo test --test seeded -- gate-as-others`
//! prints the same shares under the entries of each other library, without the findings that the
//! library shows there without the bug.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::sync::LazyLock;

use writeproof::internal::backend::REFERENCE;
use writeproof::internal::judge::known::Library;
use writeproof::internal::judge::{Finding, Judge, Kind, Location};
use writeproof::internal::trace::Trace;
use writeproof_faulty::{Fault, Kind as FaultKind};

use crate::fault_run::{self, Extent, FaultRun};
use crate::right::{self, Right, in_parallel};

/// The shares reached with today's bugs and clauses. The targets are 95 % of the pairs and 98 % of
/// the bugs.
const FLOORS: [Floor; 4] = [
    Floor::new(RUN, Unit::Pairs, 983),
    Floor::new(RUN, Unit::Bugs, 1000),
    Floor::new(REPLAY, Unit::Pairs, 983),
    Floor::new(REPLAY, Unit::Bugs, 1000),
];

/// The views that the test checks.
pub(crate) const OWN: &[View] = &[RUN, REPLAY];

pub(crate) const RUN: View = View::new(Oracle::Run, REFERENCE, None);
const REPLAY: View = View::new(Oracle::Replay, REFERENCE, None);

/// The views with the entries of each other library, by its name in the ledger and the version that
/// the suite builds.
pub(crate) const OTHERS: &[View] = &[
    View::new(Oracle::Run, "aws-lc", Some("5.12.0")),
    View::new(Oracle::Run, "boringssl", Some("API 44 (boring-sys 5.4.0)")),
    View::new(Oracle::Run, "openssl-1.1.1", Some("1.1.1w")),
    View::new(Oracle::Run, "openssl-4.0", Some("4.0.3")),
    View::new(Oracle::Run, "openssl-system-3.0", Some("3.0.19")),
    View::new(Oracle::Run, "rustls", Some("0.23.46")),
    View::new(Oracle::Run, "tongsuo", Some("8.5.0")),
];

/// The view of an unknown library, which has no ledger.
const UNKNOWN: View = View::new(Oracle::Run, "unknown", Some(""));

/// A share this far above its floor, in tenths of a per cent, requires a higher floor.
const SLACK: usize = 10;

pub(crate) static JUDGE: LazyLock<Result<Judge, String>> =
    LazyLock::new(|| Judge::built_in().map_err(|error| error.to_string()));

/// How a trace is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Oracle {
    /// As `run` and `check` judge: [`Judge::judge`].
    Run,
    /// As `replay` and the fuzz targets judge: [`Judge::generated`].
    Replay,
}

/// A way to judge a library: the oracle, and the name and version whose entries apply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct View {
    oracle: Oracle,
    library: &'static str,
    /// The version; `None` for the built-in reference.
    version: Option<&'static str>,
}

/// What a share counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    /// Pairs of a bug and a case.
    Pairs,
    /// Bugs; one stays unexpected if it does in at least one case.
    Bugs,
}

/// A share that must not fall.
struct Floor {
    view: View,
    unit: Unit,
    /// The lowest share, in tenths of a per cent.
    least: usize,
}

/// A bug that is detected in a case, and what the ledger makes of it.
#[derive(Debug)]
pub(crate) struct Detected {
    fates: Vec<(View, Fate)>,
}

/// What the ledger makes of a bug.
#[derive(Debug)]
enum Fate {
    /// A finding that no entry explains.
    Unexpected,
    /// These entries explain all findings.
    Muted(BTreeSet<Location>),
}

impl Detected {
    /// For each view, what the ledger makes of a bug with this trace; nothing if the bug is not
    /// detected in the case.
    pub(crate) fn of(
        case: &right::Case,
        trace: &Trace,
        views: &[View],
    ) -> Result<Option<Self>, String> {
        if views.is_empty() {
            return Ok(None);
        }
        let of_bug = UNKNOWN.findings(case, trace)?;
        let without = UNKNOWN.findings(case, &case.unharmed)?;
        let new = beyond(&unexpected(of_bug), unexpected(without));
        if new.is_empty() {
            return Ok(None);
        }
        let fate = |view: &View| {
            let of_bug = view.findings(case, trace)?;
            let without = view.findings(case, &case.unharmed)?;
            let entries = muted(&new, &of_bug);
            let left = beyond(&unexpected(of_bug), unexpected(without));
            let fate = if left.is_empty() {
                Fate::Muted(entries)
            } else {
                Fate::Unexpected
            };
            Ok((*view, fate))
        };
        let fates = views.iter().map(fate).collect::<Result<_, String>>()?;
        Ok(Some(Self { fates }))
    }

    /// The entries that mute the bug in this view, if it is muted.
    fn muted_by(&self, view: View) -> Option<&BTreeSet<Location>> {
        let mut fates = self.fates.iter();
        fates.find_map(|(of, fate)| match fate {
            Fate::Muted(entries) if *of == view => Some(entries),
            _ => None,
        })
    }
}

impl View {
    const fn new(oracle: Oracle, library: &'static str, version: Option<&'static str>) -> Self {
        Self {
            oracle,
            library,
            version,
        }
    }

    /// The name and version of the library.
    pub(crate) fn library(self) -> Result<Library<'static>, String> {
        let version = match self.version {
            Some(version) => version,
            None => &Right::get()?.version,
        };
        Ok(Library {
            name: self.library,
            version,
        })
    }

    /// The clauses that a trace breaks without a known cause.
    pub(crate) fn unexpected_clauses(
        self,
        case: &right::Case,
        trace: &Trace,
    ) -> Result<BTreeSet<String>, String> {
        let findings = unexpected(self.findings(case, trace)?);
        Ok(findings
            .into_iter()
            .filter_map(|finding| finding.clause)
            .collect())
    }

    /// The findings of a trace that count.
    fn findings(self, case: &right::Case, trace: &Trace) -> Result<Vec<Finding>, String> {
        let judge = JUDGE.as_ref().map_err(Clone::clone)?;
        let library = self.library()?;
        let mut findings = match self.oracle {
            Oracle::Run => judge.judge(&case.trace, trace, library).findings,
            Oracle::Replay => judge.generated(&case.trace, trace, (library.name, library.version)),
        };
        findings.retain(|finding| finding.kind != Kind::Difference);
        Ok(findings)
    }
}

fn unexpected(mut findings: Vec<Finding>) -> Vec<Finding> {
    findings.retain(|finding| finding.known.is_none());
    findings
}

/// The findings that occur more often than in the baseline.
fn beyond(findings: &[Finding], mut baseline: Vec<Finding>) -> Vec<Finding> {
    let is_new = |finding: &&Finding| {
        let place = baseline.iter().position(|other| other == *finding);
        place.map(|place| baseline.swap_remove(place)).is_none()
    };
    findings.iter().filter(is_new).cloned().collect()
}

/// The library's entries that explain these findings, which were made as an unknown library.
fn muted(new: &[Finding], findings: &[Finding]) -> BTreeSet<Location> {
    let without_entry = |finding: &Finding| Finding {
        known: None,
        ..finding.clone()
    };
    let is_new = |finding: &&Finding| new.contains(&without_entry(finding));
    let entries = findings.iter().filter(is_new);
    let entries = entries.filter_map(|finding| finding.known.as_ref());
    entries.map(|known| known.entry.clone()).collect()
}

impl Floor {
    const fn new(view: View, unit: Unit, least: usize) -> Self {
        Self { view, unit, least }
    }

    /// The reason why the gate fails, if it does.
    fn why_closed(&self, share: Share) -> Option<String> {
        let Self { view, unit, least } = *self;
        let now = share.tenths();
        let what = format!("{unit} that stay unexpected in {view}: {share}");
        if now < least {
            Some(format!(
                "{what}, below the floor of {}: an entry of the ledger hides a bug that it did not hide before; \
                 `cargo test --test seeded -- gate` names both",
                Tenths(least)
            ))
        } else if now > least + SLACK {
            Some(format!(
                "{what}, more than a point above the floor of {}: raise it to {now} in FLOORS of {}",
                Tenths(least),
                file!()
            ))
        } else {
            None
        }
    }
}

/// How many are detected, and how many of these stay unexpected.
#[derive(Debug, Clone, Copy)]
struct Share {
    unexpected: usize,
    detected: usize,
}

impl Share {
    /// In tenths of a per cent, rounded down.
    fn tenths(self) -> usize {
        self.unexpected * 1000 / self.detected.max(1)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            unexpected,
            detected,
        } = self;
        write!(f, "{unexpected} of {detected}, {}", Tenths(self.tenths()))
    }
}

/// Tenths of a per cent.
struct Tenths(usize);

impl fmt::Display for Tenths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{} %", self.0 / 10, self.0 % 10)
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let command = match self.oracle {
            Oracle::Run => "run",
            Oracle::Replay => "replay",
        };
        write!(f, "{command} as {}", self.library)
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pairs => "pairs",
            Self::Bugs => "bugs",
        })
    }
}

/// Each detected bug with the cases that detect it.
struct Gate {
    bugs: Vec<Bug>,
    /// Bugs that no case detects by a violation, a crash or a hang.
    undetected: Vec<&'static str>,
}

struct Bug {
    name: &'static str,
    pairs: Vec<(&'static fault_run::Case, &'static Detected)>,
}

impl Bug {
    /// The pairs that are muted in this view, each with the entries that mute it.
    fn muted(
        &self,
        view: View,
    ) -> impl Iterator<Item = (&'static fault_run::Case, &'static BTreeSet<Location>)> {
        let pairs = self.pairs.iter();
        pairs.filter_map(move |(case, pair)| Some((*case, pair.muted_by(view)?)))
    }

    fn unexpected(&self, view: View) -> usize {
        self.pairs.len() - self.muted(view).count()
    }
}

impl Gate {
    /// Sorts the bugs by their results.
    fn of(bugs: impl IntoIterator<Item = (&'static Fault, &'static FaultRun)>) -> Self {
        let mut gate = Self {
            bugs: Vec::new(),
            undetected: Vec::new(),
        };
        for (Fault { name, .. }, fault_run) in bugs {
            let detected = |case: &'static fault_run::Case| Some((case, case.detected.as_ref()?));
            let pairs: Vec<_> = fault_run.cases.iter().filter_map(detected).collect();
            if pairs.is_empty() {
                gate.undetected.push(name);
            } else {
                gate.bugs.push(Bug { name, pairs });
            }
        }
        gate
    }

    fn share(&self, view: View, unit: Unit) -> Share {
        let unexpected = self.bugs.iter().map(|bug| bug.unexpected(view));
        match unit {
            Unit::Pairs => Share {
                unexpected: unexpected.sum(),
                detected: self.bugs.iter().map(|bug| bug.pairs.len()).sum(),
            },
            Unit::Bugs => Share {
                unexpected: unexpected.filter(|pairs| *pairs > 0).count(),
                detected: self.bugs.len(),
            },
        }
    }

    /// A table of the shares.
    fn table(&self, views: &[View]) -> String {
        let mut text = String::from(
            "| judged by | pairs that stay unexpected | bugs that do |\n|---|---|---|\n",
        );
        for &view in views {
            let share = |unit| self.share(view, unit);
            let (pairs, bugs) = (share(Unit::Pairs), share(Unit::Bugs));
            let _ = writeln!(text, "| {view} | {pairs} | {bugs} |");
        }
        text
    }

    /// The bugs with muted pairs, and the number of these pairs.
    fn muted_bugs(&self, view: View) -> String {
        let mut text = format!("\n| bug, {view} | detected in | muted in | |\n|---|---|---|---|\n");
        for bug in &self.bugs {
            let (all, muted) = (bug.pairs.len(), bug.muted(view).count());
            if muted > 0 {
                let whole = if muted == all { "in all" } else { "" };
                let _ = writeln!(text, "| {} | {all} | {muted} | {whole} |", bug.name);
            }
        }
        text
    }

    /// The muted pairs, grouped by the entries that explain all their findings.
    fn muted_pairs(&self, view: View) -> String {
        let mut by_entries: BTreeMap<_, BTreeMap<&str, Vec<String>>> = BTreeMap::new();
        for bug in &self.bugs {
            for (case, entries) in bug.muted(view) {
                let bugs = by_entries.entry(entries).or_default();
                bugs.entry(bug.name).or_default().push(case.to_string());
            }
        }
        let mut text = String::new();
        for (entries, bugs) in by_entries {
            let entries: Vec<_> = entries.iter().map(ToString::to_string).collect();
            let (pairs, entries) = (
                bugs.values().map(Vec::len).sum::<usize>(),
                entries.join(", "),
            );
            let _ = writeln!(text, "\n{view}: muted by {entries}: {pairs}");
            for (bug, cases) in bugs {
                let _ = writeln!(text, "  {bug}: {}", cases.join(", "));
            }
        }
        text
    }

    fn why_closed(&self) -> Vec<String> {
        let shares = FLOORS
            .iter()
            .map(|floor| (floor, self.share(floor.view, floor.unit)));
        let closed = shares.filter_map(|(floor, share)| floor.why_closed(share));
        closed.collect()
    }
}

/// Runs all bugs with `run`, which gets the place in the table.
fn gate(
    faults: &'static [Fault],
    run: impl Fn(usize, &'static Fault) -> Result<&'static FaultRun, String> + Sync,
) -> Result<Gate, String> {
    let bugs = faults.iter().enumerate();
    let bugs: Vec<_> = bugs
        .filter(|(_, fault)| fault.kind == FaultKind::Bug)
        .collect();
    let ran = in_parallel(&bugs, |&(index, fault)| Ok((fault, run(index, fault)?)));
    let ran: Vec<_> = ran.into_iter().collect::<Result<_, String>>()?;
    Ok(Gate::of(ran))
}

/// Checks that no share is below its floor and that no floor is out of date. Bugs that their own
/// tests have run are not run again.
pub(crate) fn holds(faults: &'static [Fault]) -> Result<(), String> {
    let gate = gate(faults, FaultRun::shared)?;
    let closed = gate.why_closed();
    if closed.is_empty() {
        Ok(())
    } else {
        Err(format!("{}\n{}", closed.join("\n"), gate.table(OWN)))
    }
}

/// Prints the shares, and all that is muted.
pub(crate) fn print(faults: &'static [Fault]) -> Result<(), String> {
    let gate = gate(faults, FaultRun::shared)?;
    let undetected = &gate.undetected;
    println!("{}", gate.table(OWN));
    println!(
        "detected in no case: {} bugs: {}",
        undetected.len(),
        undetected.join(", ")
    );
    for view in OWN {
        print!("{}{}", gate.muted_bugs(*view), gate.muted_pairs(*view));
    }
    let closed = gate.why_closed();
    if closed.is_empty() {
        Ok(())
    } else {
        Err(closed.join("\n"))
    }
}

/// Prints the shares under the entries of each other library, and the muted bugs.
pub(crate) fn print_as_others(faults: &'static [Fault], extent: Extent) -> Result<(), String> {
    let run = |index, fault| -> Result<&'static FaultRun, String> {
        let fault_run = FaultRun::run(index, fault, extent, OTHERS)?;
        Ok(Box::leak(Box::new(fault_run)))
    };
    let gate = gate(faults, run)?;
    println!("{}", gate.table(OTHERS));
    for view in OTHERS {
        print!("{}", gate.muted_bugs(*view));
    }
    Ok(())
}
