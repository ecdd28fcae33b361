//! Seeded faults: bugs that real libraries had are injected into the reference, one at a time, and
//! the suite must detect each. Harmless variations, which the contract permits, must not be blamed.
//! The faults are those of `suite/backends/faulty`.
//!
//! `cargo test --test seeded -- table` prints what each fault does and where it is seen, as
//! Markdown. `cargo test --test seeded -- clusters` prints in how many clusters each bug is reported,
//! and whether a baseline of the right library reports it. `cargo test --test seeded -- gate` prints how many bugs the reference's ledger hides,
//! and `cargo test --test seeded -- gate-as-others` how many the ledgers of the other libraries
//! would hide. `cargo test --test seeded -- conjuncts` prints which parts of the triggers of known
//! issues no bug needs. A `sample` after either of the last two runs one variant of each scenario,
//! in a quarter of the time. `cargo test --test seeded -- --ignored` runs each fault in all cases,
//! not only in those that reach it.

#![cfg(target_os = "linux")]

mod clusters;
mod conjuncts;
mod fault_run;
mod gate;
mod object;
mod right;
mod table;

use std::collections::BTreeSet;
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use writeproof_faulty::{Fault, Kind, faults};

use self::fault_run::{Extent, FaultRun, Seen};
use self::right::Right;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let faults: &'static [Fault] = match faults() {
        Ok(faults) => faults.leak(),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let printed = match arguments.as_slice() {
        [what] if what == "table" => Some(table::print(faults)),
        [what] if what == "clusters" => Some(clusters::print(faults)),
        [what] if what == "gate" => Some(gate::print(faults)),
        [what] if what == "gate-as-others" => Some(gate::print_as_others(faults, Extent::Reached)),
        [what] if what == "conjuncts" => Some(conjuncts::print(faults, Extent::Reached)),
        [what, extent] if extent == "sample" => match what.as_str() {
            "gate-as-others" => Some(gate::print_as_others(faults, Extent::Sample)),
            "conjuncts" => Some(conjuncts::print(faults, Extent::Sample)),
            _ => None,
        },
        _ => None,
    };
    if let Some(printed) = printed {
        return match printed {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        };
    }
    let mut trials = vec![
        Trial::test(
            "object without a fault gives the traces of the reference",
            || Ok(Right::get()?.equals_reference()?),
        ),
        Trial::test("object has exactly the faults of the table", || {
            the_same_faults(faults)
        }),
    ];
    for (index, fault) in faults.iter().enumerate() {
        let rule = match fault.kind {
            Kind::Bug => "is seen",
            Kind::Harmless => "is not blamed",
        };
        trials.push(Trial::test(format!("{} {rule}", fault.name), move || {
            judged(fault, FaultRun::shared(index, fault)?)
        }));
        let everywhere = format!("{} is seen only where it is reached", fault.name);
        let everywhere = Trial::test(everywhere, move || only_where_reached(index, fault));
        trials.push(everywhere.with_ignored_flag(true));
    }
    // Last, since the earlier tests have run most of what it needs.
    trials.push(Trial::test(
        "gate: ledger of the reference hides no more bugs than before",
        move || Ok(gate::holds(faults)?),
    ));
    trials.push(Trial::test(
        "clusters: each bug is new or changed under the baseline of the right library",
        move || Ok(clusters::holds(faults)?),
    ));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn the_same_faults(faults: &[Fault]) -> Result<(), Failed> {
    let known = fault_run::known_to_the_object()?;
    let in_table: Vec<&str> = faults.iter().map(|fault| fault.name.as_str()).collect();
    ensure(known == in_table, || {
        format!("faults of the object: {known:?}\nfaults of the table: {in_table:?}")
    })
}

fn judged(fault: &Fault, fault_run: &FaultRun) -> Result<(), Failed> {
    let seen = fault_run.seen();
    match fault.kind {
        Kind::Bug => ensure(seen.cases > 0, || {
            format!(
                "seen in none of the {} cases that reach it",
                fault_run.cases.len()
            )
        }),
        Kind::Harmless => {
            let blamed = blames(fault, fault_run);
            ensure(blamed.is_none(), || {
                format!("blamed in {blamed:?}; broken clauses: {:?}", seen.broken)
            })?;
            let is_gone = |clause: &&str| !seen.broken.contains_key(*clause);
            let gone = known(fault).find(is_gone);
            ensure(gone.is_none(), || {
                format!("no longer blamed by {gone:?}: remove it from BLAMED")
            })?;
            // A harmless fault that nothing reaches proves nothing.
            ensure(!fault_run.cases.is_empty(), || {
                "no case reaches the fault".to_owned()
            })
        }
    }
}

/// The first case that blames a harmless fault: a clause is broken, or the case ends.
pub(crate) fn blames<'s>(fault: &Fault, fault_run: &'s FaultRun) -> Option<&'s fault_run::Case> {
    let blames = |case: &&fault_run::Case| {
        matches!(case.seen, Seen::Ended(_))
            || case.broken.iter().any(|clause| !is_known(fault, clause))
    };
    let mut cases = fault_run.cases.iter();
    cases.find(|case| fault.kind == Kind::Harmless && blames(case))
}

/// Monitors that blame a harmless fault although the reference's ledger does not explain it, with
/// the reason.
const BLAMED: [(&str, &str); 2] = [
    // A transport that returned 0 also swallows a record of the reference (see its ledger). Here
    // the record is one of several and shorter than the record limit.
    ("smaller-records", "delivery.once-and-in-order"),
    // As in BoringSSL (see its ledger): another write in the place of a blocked one is refused, and
    // so is the correct retry from the old address; the retry succeeds once the buffer may move.
    (
        "refusal-is-not-fatal",
        "connection.recovers-or-stays-failed",
    ),
];

/// The clauses of the monitors that are known to blame this fault.
fn known(fault: &Fault) -> impl Iterator<Item = &'static str> {
    let of_fault = BLAMED.iter().filter(|(name, _)| *name == fault.name);
    of_fault.map(|(_, clause)| *clause)
}

fn is_known(fault: &Fault, clause: &str) -> bool {
    known(fault).any(|known| known == clause)
}

/// Checks that running only the cases that reach a fault misses nothing.
fn only_where_reached(index: usize, fault: &Fault) -> Result<(), Failed> {
    let seen_in = |extent| -> Result<BTreeSet<String>, Failed> {
        let fault_run = FaultRun::run(index, fault, extent, &[])?;
        let seen = fault_run.cases.iter().filter(|case| case.is_seen());
        Ok(seen.map(ToString::to_string).collect())
    };
    let (reached, all) = (seen_in(Extent::Reached)?, seen_in(Extent::Everything)?);
    let missed: Vec<_> = all.difference(&reached).collect();
    ensure(missed.is_empty(), || {
        format!("seen in cases that do not reach the fault: {missed:?}")
    })
}

fn ensure(holds: bool, message: impl FnOnce() -> String) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(message().into()) }
}
