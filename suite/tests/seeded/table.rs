//! The faults and what was seen of them, as Markdown.

use std::collections::{BTreeMap, BTreeSet};

use writeproof_faulty::{Fault, Kind};

use crate::right::{Right, in_parallel};
use crate::sown::{Extent, Seen, Sown};

/// Runs everything and prints it.
pub(crate) fn print(faults: &[Fault]) -> Result<(), String> {
    let right = Right::get()?;
    let numbered: Vec<_> = faults.iter().enumerate().collect();
    let sown = in_parallel(&numbered, |&(index, fault)| {
        Sown::run(index, fault, Extent::Reached)
    });
    let sown: Vec<Sown> = sown.into_iter().collect::<Result<_, _>>()?;
    for kind in [Kind::Bug, Kind::Harmless] {
        println!("\n| {kind:?} | what it does | repeats | reached in | seen in | first seen as |");
        println!("|---|---|---|---|---|---|");
        for (fault, sown) in faults
            .iter()
            .zip(&sown)
            .filter(|(fault, _)| fault.kind == kind)
        {
            row(fault, sown);
        }
    }
    alone(faults, &sown);
    idle(right, faults, &sown);
    Ok(())
}

fn row(fault: &Fault, sown: &Sown) {
    let seen = sown.seen();
    let first = sown.cases.iter().find_map(|case| match &case.seen {
        Seen::Same => None,
        Seen::Differs(words) | Seen::Ended(words) => Some(format!("{case}: {words}")),
    });
    println!(
        "| {} | {} | [{}]({}) | {} cases | {} cases, {} scenarios | {} |",
        fault.name,
        fault.does,
        fault.repeats,
        fault.link,
        sown.cases.len(),
        seen.cases,
        seen.scenarios.len(),
        first.unwrap_or_default().replace('|', "/"),
    );
}

/// Scenarios without which a bug would not be seen.
fn alone(faults: &[Fault], sown: &[Sown]) {
    let mut alone: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (fault, sown) in faults.iter().zip(sown) {
        let scenarios = sown.seen().scenarios;
        if let (Kind::Bug, 1, Some(scenario)) = (fault.kind, scenarios.len(), scenarios.first()) {
            alone.entry(scenario).or_default().push(&fault.name);
        }
    }
    println!("\n| scenario | sees alone |\n|---|---|");
    for (scenario, bugs) in alone {
        println!("| {scenario} | {} |", bugs.join(", "));
    }
}

/// Scenarios in which no bug is seen.
fn idle(right: &Right, faults: &[Fault], sown: &[Sown]) {
    let bugs = faults
        .iter()
        .zip(sown)
        .filter(|(fault, _)| fault.kind == Kind::Bug);
    let busy: BTreeSet<&str> = bugs.flat_map(|(_, sown)| sown.seen().scenarios).collect();
    let all: BTreeSet<&str> = right
        .cases
        .iter()
        .map(|case| case.scenario.id.as_str())
        .collect();
    let idle: Vec<_> = all.difference(&busy).copied().collect();
    println!(
        "\nScenarios in which no bug is seen: {}",
        match idle.as_slice() {
            [] => "none".to_owned(),
            idle => idle.join(", "),
        }
    );
}
