//! Which conjuncts of the triggers of known issues keep a seeded bug unexplained.
//!
//! The traces of all bugs are judged as each library with known issues. A conjunct of an issue is
//! *needed* if, without it, the issue would explain a violation that is unexpected now and that the
//! library without the bug does not show. The other conjuncts are *survivors*. If the trigger does
//! not hold more often without a survivor in any of these traces, the other conjuncts imply it, as
//! far as the scenarios and bugs show. Otherwise it excludes findings that no seeded bug has.
//!
//! `cargo test --test seeded -- conjuncts` prints the survivors and fails if there are more than
//! before: their number may only fall.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use writeproof::internal::judge::known::Conjuncts;
use writeproof::internal::judge::monitor::{self, History};
use writeproof::internal::trace::Trace;
use writeproof_faulty::{Fault, Kind};

use crate::fault_run::{self, Extent};
use crate::gate::{JUDGE, OTHERS, RUN};
use crate::right::{self, Right, in_parallel};

/// The highest number of survivors: as many as a sample of the cases leaves with today's issues and
/// bugs. All cases leave fewer.
const SURVIVORS: usize = 138;

static CONJUNCTS: LazyLock<Result<Conjuncts<'static>, String>> = LazyLock::new(|| {
    let judge = JUDGE.as_ref().map_err(Clone::clone)?;
    Ok(Conjuncts::of(&judge.known))
});

fn conjuncts() -> Result<&'static Conjuncts<'static>, String> {
    CONJUNCTS.as_ref().map_err(Clone::clone)
}

/// The conjuncts, by location, without which some library's issues would explain more of this bug's
/// trace.
fn needed(case: &right::Case, trace: &Trace) -> Result<BTreeSet<usize>, String> {
    let conjuncts = conjuncts()?;
    let mut needed = BTreeSet::new();
    let Some(history) = History::of(trace) else {
        return Ok(needed);
    };
    let watched = monitor::watch_history(&history);
    let violations = monitor::violations(&watched);
    for view in std::iter::once(&RUN).chain(OTHERS) {
        let is_new = |clause: &str, violation: &monitor::Violation| {
            let mut without = case.violations.iter();
            !without.any(|(of, other)| *of == clause && other == violation)
        };
        needed.extend(conjuncts.needed(view.library()?, &history, &violations, is_new));
    }
    Ok(needed)
}

/// Prints the survivors by issue. Returns an error if there are more than before.
pub(crate) fn print(faults: &'static [Fault], extent: Extent) -> Result<(), String> {
    let conjuncts = conjuncts()?;
    let bugs = bugs(faults);
    let looked = in_parallel(&bugs, |&(index, fault)| {
        fault_run::each_case(index, fault, extent, |case, trace| {
            let wider = History::of(&trace).map(|history| conjuncts.wider(&history));
            Ok((needed(case, &trace)?, wider.unwrap_or_default()))
        })
    });
    let (mut needed, mut wider) = (BTreeSet::new(), BTreeSet::new());
    for of_bug in looked {
        for (of_case, wider_in_case) in of_bug? {
            needed.extend(of_case);
            wider.extend(wider_in_case);
        }
    }
    for case in &Right::get()?.cases {
        let history = History::of(&case.unharmed);
        wider.extend(history.iter().flat_map(|history| conjuncts.wider(history)));
    }
    let all = conjuncts.all();
    // Bugs are judged by their violations, so an issue that breaks no clause explains none.
    let judged = (0..all.len()).filter(|&index| !all[index].issue.breaks.is_empty());
    let judged: Vec<usize> = judged.collect();
    println!("| issue | survivor | |\n|---|---|---|");
    let survivors = judged.iter().filter(|index| !needed.contains(index));
    let (mut implied, mut unseen) = (0, 0);
    for &index in survivors {
        let why = if wider.contains(&index) {
            unseen += 1;
            "excludes findings that no bug has"
        } else {
            implied += 1;
            "implied by the others"
        };
        println!("| {} | {} | {why} |", all[index].issue.id, all[index].what);
    }
    println!(
        "\n{} conjuncts, of which {} are needed; of the others {implied} are implied, and {unseen} exclude \
         findings that no bug has; not judged, since their issues break no clause: {}",
        judged.len(),
        needed.len(),
        all.len() - judged.len()
    );
    if implied + unseen <= SURVIVORS {
        Ok(())
    } else {
        Err(format!(
            "more than {SURVIVORS} conjuncts survive: new ones keep no bug unexplained, or a bug that \
             needed one was removed; add a seeded bug, or remove the conjuncts (SURVIVORS in {})",
            file!()
        ))
    }
}

fn bugs(faults: &'static [Fault]) -> Vec<(usize, &'static Fault)> {
    let bugs = faults.iter().enumerate();
    bugs.filter(|(_, fault)| fault.kind == Kind::Bug).collect()
}
