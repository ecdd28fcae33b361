//! A Markdown table of the faults and their effects.

use std::collections::{BTreeMap, BTreeSet};

use writeproof::internal::judge::monitor;
use writeproof_faulty::{Fault, Kind};

use crate::fault_run::{Extent, FaultRun, Seen};
use crate::right::{Right, in_parallel};

/// Runs every fault and prints the table.
pub(crate) fn print(faults: &[Fault]) -> Result<(), String> {
    let right = Right::get()?;
    let numbered: Vec<_> = faults.iter().enumerate().collect();
    let fault_run = in_parallel(&numbered, |&(index, fault)| {
        FaultRun::run(index, fault, Extent::Reached, &[])
    });
    let fault_run: Vec<FaultRun> = fault_run.into_iter().collect::<Result<_, _>>()?;
    for kind in [Kind::Bug, Kind::Harmless] {
        println!(
            "\n| {kind:?} | what it does | repeats | reached in | seen in | breaks (scenarios) | first seen as |"
        );
        println!("|---|---|---|---|---|---|---|");
        for (fault, fault_run) in faults
            .iter()
            .zip(&fault_run)
            .filter(|(fault, _)| fault.kind == kind)
        {
            row(fault, fault_run);
        }
    }
    monitors(right, faults, &fault_run);
    alone(faults, &fault_run);
    idle(right, faults, &fault_run);
    summary(faults, &fault_run);
    Ok(())
}

fn row(fault: &Fault, fault_run: &FaultRun) {
    let seen = fault_run.seen();
    let broken = seen.broken.iter().map(|(clause, in_scenarios)| {
        let scenarios = in_scenarios.len();
        format!("{clause} ({scenarios})")
    });
    let broken: Vec<_> = broken.collect();
    let first = fault_run.cases.iter().find_map(|case| match &case.seen {
        Seen::Same => None,
        Seen::Differs(words) | Seen::Ended(words) => Some(format!("{case}: {words}")),
    });
    println!(
        "| {} | {} | [{}]({}) | {} cases | {} cases, {} scenarios | {} | {} |",
        fault.name,
        fault.does,
        fault.repeats,
        fault.link,
        fault_run.cases.len(),
        seen.cases,
        seen.scenarios.len(),
        broken.join(", "),
        first.unwrap_or_default().replace('|', "/"),
    );
}

/// Each monitor with the bugs that it catches, the bugs that only it catches, and the cases in
/// which the reference itself breaks its clause, where a bug with the same effect is not visible;
/// then the bugs that no monitor catches.
fn monitors(right: &Right, faults: &[Fault], fault_run: &[FaultRun]) {
    let bugs = || {
        faults
            .iter()
            .zip(fault_run)
            .filter(|(fault, _)| fault.kind == Kind::Bug)
    };
    let broken: Vec<_> = bugs()
        .map(|(fault, fault_run)| (&*fault.name, fault_run.seen().broken))
        .collect();
    println!(
        "\n| monitor | bugs | only this monitor | broken by the reference |\n|---|---|---|---|"
    );
    for monitor in monitor::monitors() {
        let caught = || {
            broken
                .iter()
                .filter(|(_, broken)| broken.contains_key(monitor.clause))
        };
        let alone = caught().filter(|(_, broken)| broken.len() == 1);
        let alone: Vec<_> = alone.map(|(name, _)| *name).collect();
        let caught: Vec<_> = caught().map(|(name, _)| *name).collect();
        let by_reference = right.cases.iter();
        let by_reference = by_reference.filter(|case| case.reference_breaks(monitor.clause));
        println!(
            "| {} | {} | {} | {} cases |",
            monitor.clause,
            list(&caught),
            list(&alone),
            by_reference.count()
        );
    }
    let none = broken.iter().filter(|(_, broken)| broken.is_empty());
    let none: Vec<_> = none.map(|(name, _)| *name).collect();
    println!("\nBugs that no monitor catches: {}", list(&none));
}

fn list(names: &[&str]) -> String {
    match names {
        [] => "none".to_owned(),
        names => names.join(", "),
    }
}

/// Scenarios that are the only ones to show a bug.
fn alone(faults: &[Fault], fault_run: &[FaultRun]) {
    let mut alone: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (fault, fault_run) in faults.iter().zip(fault_run) {
        let scenarios = fault_run.seen().scenarios;
        if let (Kind::Bug, 1, Some(scenario)) = (fault.kind, scenarios.len(), scenarios.first()) {
            alone.entry(scenario).or_default().push(&fault.name);
        }
    }
    println!("\n| scenario | bugs that only it shows |\n|---|---|");
    for (scenario, bugs) in alone {
        println!("| {scenario} | {} |", bugs.join(", "));
    }
}

/// A summary in one line.
fn summary(faults: &[Fault], fault_run: &[FaultRun]) {
    let all = || faults.iter().zip(fault_run);
    let bugs = || all().filter(|(fault, _)| fault.kind == Kind::Bug);
    let seen = bugs()
        .filter(|(_, fault_run)| fault_run.seen().cases > 0)
        .count();
    let by_monitor = bugs().filter(|(_, fault_run)| !fault_run.seen().broken.is_empty());
    let loud = all().filter(|(fault, fault_run)| crate::blames(fault, fault_run).is_some());
    let loud: Vec<_> = loud.map(|(fault, _)| fault.name.as_str()).collect();
    println!(
        "\n{seen} of {} bugs caught, {} by a monitor; harmless faults that are blamed: {}",
        bugs().count(),
        by_monitor.count(),
        list(&loud)
    );
}

/// Scenarios that show no bug.
fn idle(right: &Right, faults: &[Fault], fault_run: &[FaultRun]) {
    let bugs = faults
        .iter()
        .zip(fault_run)
        .filter(|(fault, _)| fault.kind == Kind::Bug);
    let busy: BTreeSet<&str> = bugs
        .flat_map(|(_, fault_run)| fault_run.seen().scenarios)
        .collect();
    let all: BTreeSet<&str> = right
        .cases
        .iter()
        .map(|case| case.scenario.id.as_str())
        .collect();
    let idle: Vec<_> = all.difference(&busy).copied().collect();
    println!("\nScenarios that show no bug: {}", list(&idle));
}
