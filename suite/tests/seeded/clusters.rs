//! How seeded bugs are reported: in how many clusters, with which clause first, and whether a
//! baseline of the library without the bug reports them as new or changed, and nothing else.
//!
//! The library is unknown: no known issue applies to it. Its clusters without the bug are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::LazyLock;

use writeproof::internal::judge::known::Library;
use writeproof::internal::report::baseline::{self, Baseline};
use writeproof::internal::report::clusters::{Cluster, clusters};
use writeproof::internal::run::CaseResult;
use writeproof::internal::trace::Trace;
use writeproof_faulty::{Fault, Kind};

use crate::fault_run::FaultRun;
use crate::gate::JUDGE;
use crate::right::{self, Right};

const UNKNOWN: Library<'static> = Library {
    name: "unknown",
    version: "",
};

/// Floors and ceilings that today's clusters reach.
mod bounds {
    /// Of the bugs with a cluster that breaks a clause: those whose first one names a clause that
    /// the bug breaks, in per cent.
    pub(super) const FIRST_CLAUSE: usize = 90;
    /// Of the detectable bugs: those that the baseline reports, in per cent.
    pub(super) const REPORTED: usize = 98;
}

/// What `check` of an unknown library with this trace reports in a case, if that is something.
pub(crate) fn triaged(case: &right::Case, trace: &Trace) -> Result<Option<CaseResult>, String> {
    let judge = JUDGE.as_ref().map_err(Clone::clone)?;
    let judgement = judge.judge(&case.trace, trace, UNKNOWN);
    let mut kept = trace.clone();
    kept.shorten(1);
    let result = CaseResult::of(case.scenario, (case.variant, UNKNOWN.name), judgement, kept);
    Ok(Some(result).filter(|result| result.cluster().is_some()))
}

/// A case, by the places of its scenario and variant.
type Key = (String, String);

fn key(scenario: &str, variant: &str) -> Key {
    (scenario.to_owned(), variant.to_owned())
}

/// The library without a bug.
struct Base {
    cases: BTreeMap<Key, CaseResult>,
    clusters: BTreeSet<String>,
    baseline: Baseline,
}

static BASE: LazyLock<Result<Base, String>> = LazyLock::new(|| {
    let mut cases = BTreeMap::new();
    for case in &Right::get()?.cases {
        if let Some(result) = triaged(case, &case.unharmed)? {
            let variant = case.variant.to_string();
            cases.insert(key(case.scenario.id.as_str(), &variant), result);
        }
    }
    let all = clustered(cases.values())?;
    let text = baseline::text(&all);
    Ok(Base {
        cases,
        clusters: all.into_iter().map(|cluster| cluster.id).collect(),
        baseline: Baseline::read("baseline", &text).map_err(|error| error.to_string())?,
    })
});

fn clustered<'r>(results: impl Iterator<Item = &'r CaseResult>) -> Result<Vec<Cluster>, String> {
    let judge = JUDGE.as_ref().map_err(Clone::clone)?;
    let results: Vec<CaseResult> = results.cloned().collect();
    Ok(clusters(&results, &judge.contract, &|_| String::new()))
}

/// How a bug is reported.
struct Reported {
    /// Its clusters that the library without it does not have.
    new: Vec<Cluster>,
    /// Whether a case with the bug is reported otherwise than without.
    is_detectable: bool,
    /// Whether the baseline reports something new or changed.
    is_reported: bool,
    /// The ids that the baseline reports, and in which no case has changed.
    unrelated: Vec<String>,
    /// The clauses that the bug breaks.
    broken: BTreeSet<&'static str>,
}

impl Reported {
    fn of(index: usize, fault: &Fault) -> Result<Self, String> {
        let base = BASE.as_ref().map_err(Clone::clone)?;
        let fault_run = FaultRun::shared(index, fault)?;
        let mut with_bug = base.cases.clone();
        let mut touched: BTreeSet<String> = BTreeSet::new();
        for case in &fault_run.cases {
            let key = key(case.scenario.id.as_str(), &case.variant.to_string());
            let before = with_bug.remove(&key);
            let same = match (&before, &case.triaged) {
                (None, None) => true,
                // A digest leaves out the calls of the transport, which a clause may look at.
                (Some(a), Some(b)) => {
                    a.trace.digest() == b.trace.digest() && a.cluster() == b.cluster()
                }
                _ => false,
            };
            if !same {
                let both = [&before, &case.triaged].into_iter().flatten();
                touched.extend(both.filter_map(|result| result.cluster().map(str::to_owned)));
            }
            with_bug.extend(case.triaged.clone().map(|result| (key, result)));
        }
        let all = clustered(with_bug.values())?;
        let is_new = |cluster: &&Cluster| !base.clusters.contains(&cluster.id);
        let new: Vec<Cluster> = all.iter().filter(is_new).cloned().collect();
        let compared = base.baseline.compare(all);
        let left = compared.left.iter().map(|cluster| cluster.id.clone());
        let unrelated = left.filter(|id| !touched.contains(id)).collect();
        Ok(Self {
            new,
            is_detectable: !touched.is_empty(),
            is_reported: !compared.left.is_empty(),
            unrelated,
            broken: fault_run.seen().broken.into_keys().collect(),
        })
    }

    fn general(&self) -> usize {
        self.new
            .iter()
            .filter(|cluster| cluster.like.is_none())
            .count()
    }

    fn general_and_wrong(&self) -> usize {
        let is_wanted = |cluster: &&Cluster| cluster.is_wrong() && cluster.like.is_none();
        self.new.iter().filter(is_wanted).count()
    }

    /// The first new cluster that breaks a clause.
    fn first(&self) -> Option<&Cluster> {
        self.new.iter().find(|cluster| cluster.is_wrong())
    }

    fn names_a_broken_clause(&self) -> bool {
        let clause = self.first().and_then(Cluster::clause);
        clause.is_some_and(|clause| self.broken.contains(clause))
    }
}

/// All bugs.
struct Bugs(Vec<(&'static str, Reported)>);

impl Bugs {
    fn of(faults: &'static [Fault]) -> Result<Self, String> {
        let bugs = faults
            .iter()
            .enumerate()
            .filter(|(_, fault)| fault.kind == Kind::Bug);
        let reported =
            bugs.map(|(index, fault)| Ok((fault.name.as_str(), Reported::of(index, fault)?)));
        Ok(Self(reported.collect::<Result<_, String>>()?))
    }

    fn count(&self, wanted: impl Fn(&Reported) -> bool) -> usize {
        self.0
            .iter()
            .filter(|(_, reported)| wanted(reported))
            .count()
    }

    fn names(&self, wanted: impl Fn(&Reported) -> bool) -> String {
        let wanted = self.0.iter().filter(|(_, reported)| wanted(reported));
        let names: Vec<&str> = wanted.map(|(name, _)| *name).collect();
        names.join(", ")
    }

    fn median(&self, of: impl Fn(&Reported) -> usize) -> usize {
        let mut numbers: Vec<usize> = self.0.iter().map(|(_, reported)| of(reported)).collect();
        numbers.sort_unstable();
        numbers.get(numbers.len() / 2).copied().unwrap_or_default()
    }
}

/// Fails if a bound no longer holds.
pub(crate) fn holds(faults: &'static [Fault]) -> Result<(), String> {
    let bugs = Bugs::of(faults)?;
    let mut missed = String::new();
    let wrong = bugs.count(|bug| bug.first().is_some());
    let named = bugs.count(Reported::names_a_broken_clause);
    if named * 100 < wrong * bounds::FIRST_CLAUSE {
        let _ = writeln!(
            missed,
            "the first cluster names a broken clause: {named} of {wrong}"
        );
    }
    let detectable = bugs.count(|bug| bug.is_detectable);
    let reported = bugs.count(|bug| bug.is_detectable && bug.is_reported);
    if reported * 100 < detectable * bounds::REPORTED {
        let left = bugs.names(|bug| bug.is_detectable && !bug.is_reported);
        let _ = writeln!(
            missed,
            "reported under the baseline: {reported} of {detectable}; not {left}"
        );
    }
    for (name, bug) in &bugs.0 {
        if !bug.unrelated.is_empty() {
            let _ = writeln!(missed, "{name}: unrelated: {}", bug.unrelated.join(", "));
        }
    }
    if missed.is_empty() {
        Ok(())
    } else {
        Err(missed)
    }
}

/// Prints how each bug is reported.
pub(crate) fn print(faults: &'static [Fault]) -> Result<(), String> {
    let bugs = Bugs::of(faults)?;
    println!("| bug | clusters | general | of them break a clause | first | baseline |");
    println!("|---|--:|--:|--:|---|---|");
    for (name, bug) in &bugs.0 {
        println!(
            "| {name} | {} | {} | {} | {} | {} |",
            bug.new.len(),
            bug.general(),
            bug.general_and_wrong(),
            bug.first().and_then(Cluster::clause).unwrap_or("none"),
            if bug.is_reported {
                "reported"
            } else {
                "NOT REPORTED"
            },
        );
    }
    println!(
        "{} bugs; median of new clusters {}, of general ones {}, of general ones that break a clause {}",
        bugs.0.len(),
        bugs.median(|bug| bug.new.len()),
        bugs.median(Reported::general),
        bugs.median(Reported::general_and_wrong),
    );
    println!(
        "first cluster names a broken clause: {} of {}; not: {}",
        bugs.count(Reported::names_a_broken_clause),
        bugs.count(|bug| bug.first().is_some()),
        bugs.names(|bug| bug.first().is_some() && !bug.names_a_broken_clause()),
    );
    println!(
        "reported under the baseline: {} of {} detectable; not: {}",
        bugs.count(|bug| bug.is_detectable && bug.is_reported),
        bugs.count(|bug| bug.is_detectable),
        bugs.names(|bug| bug.is_detectable && !bug.is_reported),
    );
    Ok(())
}
