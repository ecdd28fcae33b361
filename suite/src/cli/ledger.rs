//! `writeproof ledger`: what is known already; whether it still holds; and entries for what is found and
//! not known, to be completed and reviewed by a person.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::args::LedgerArguments;
use super::failure::{Exit, Failure};
use super::libraries::Libraries;
use super::output::Output;
use super::{Chosen, add, carry_out, of_everything};
use crate::judge::{Expected, Finding, Judge, Kind, Ledger};
use crate::run::CaseResult;
use crate::scenario::Corpus;

pub(super) fn ledger(arguments: &LedgerArguments) -> Result<Exit, Failure> {
    let judge = Judge::built_in()?;
    if !arguments.check && !arguments.propose {
        let known: Vec<&str> = judge
            .ledger
            .libraries()
            .map(|(library, _)| library)
            .collect();
        for name in &arguments.backend {
            if !known.contains(&name.as_str()) {
                return Err(Failure::unknown_among(name, &known));
            }
        }
        Output::Standard.write(&listed(&judge.ledger, &arguments.backend))?;
        return Ok(Exit::Expected);
    }
    let corpus = Corpus::built_in()?;
    let libraries = Libraries::open(&arguments.libraries)?;
    let named = libraries.named();
    let backends = match (arguments.backend.as_slice(), named.is_empty()) {
        ([], false) => named,
        (names, _) => {
            let Chosen { mut backends, .. } = Chosen::of(&libraries, names)?;
            add(&mut backends, named);
            backends
        }
    };
    let plan = of_everything(&corpus, &libraries, backends)?;
    let results = carry_out(&plan, &judge)?;
    let stale = plan.stale(&judge, &corpus, &results);
    let names: BTreeMap<&str, String> = plan
        .backends
        .iter()
        .map(|backend| (backend.about().id.as_str(), backend.about().recorded_as()))
        .collect();
    let proposals = proposals(&results, &names);
    let mut text = String::new();
    for entry in &stale {
        let _ = writeln!(text, "# out of date: {entry}");
    }
    match arguments.propose {
        true => text.push_str(&proposals),
        false => {
            let unknown = proposals.matches("[[known]]").count();
            let _ = writeln!(
                text,
                "{} out of date, {unknown} missing{}",
                stale.len(),
                match unknown {
                    0 => "",
                    _ => ": --propose writes them",
                }
            );
        }
    }
    Output::Standard.write(&text)?;
    Ok(match stale.is_empty() && proposals.is_empty() {
        true => Exit::Expected,
        false => Exit::Unexpected,
    })
}

/// All entries, as a person reads them.
fn listed(ledger: &Ledger, wanted: &[String]) -> String {
    let mut text = String::new();
    for (library, entries) in ledger.libraries() {
        if !wanted.is_empty() && !wanted.iter().any(|name| name == library) {
            continue;
        }
        let _ = writeln!(text, "{library}");
        for entry in entries {
            let scenarios: Vec<&str> = entry.scenarios.iter().map(|p| p.as_str()).collect();
            let variants: Vec<String> = entry.variants.iter().map(ToString::to_string).collect();
            let _ = writeln!(
                text,
                "  {} ({})\n    why    {}\n    where  {}\n    in     {} {}",
                entry.finding.words(),
                entry.class.word(),
                entry.reason,
                entry.link,
                scenarios.join(" "),
                variants.join(" "),
            );
        }
    }
    text
}

/// What is found and not known, as entries of the ledger that lack their class and reason: of each
/// library, finding and text the cases together. `names` are those of the files, by backend.
fn proposals(results: &[CaseResult], names: &BTreeMap<&str, String>) -> String {
    let mut wanted: BTreeMap<(&str, Kind, String), Vec<&CaseResult>> = BTreeMap::new();
    for result in results {
        for finding in result.findings.iter().filter(|found| found.known.is_none()) {
            let cases = wanted
                .entry((&result.backend, finding.kind, what(finding)))
                .or_default();
            if !cases.iter().any(|case| std::ptr::eq(*case, result)) {
                cases.push(result);
            }
        }
    }
    let mut text = String::new();
    let mut of = "";
    for ((backend, _, what), cases) in wanted {
        if backend != of {
            let file = names.get(backend).map_or(backend, String::as_str);
            let _ = writeln!(text, "# fixtures/ledger/{file}.toml");
            of = backend;
        }
        let mut scenarios: Vec<String> =
            cases.iter().map(|c| quoted(c.scenario.as_str())).collect();
        scenarios.dedup();
        let mut variants: Vec<String> = cases
            .iter()
            .map(|c| quoted(&c.variant.to_string()))
            .collect();
        variants.sort();
        variants.dedup();
        let _ = writeln!(
            text,
            "\n[[known]]\n{what}scenarios = [{}]\nvariants = [{}]\nclass = \"\"    # documented, by-design, bug or manual-unclear\nreason = \"\"   # checked in the source or its documentation\nlink = \"\"     # or source = \"FILE:LINE\"",
            scenarios.join(", "),
            variants.join(", "),
        );
    }
    text
}

/// The keys of an entry that say what is found.
fn what(finding: &Finding) -> String {
    let expected = match (finding.kind, finding.clause.clone()) {
        (Kind::Violation, Some(clause)) => Expected::Violates {
            clause,
            seen: finding.seen.clone(),
        },
        (Kind::Crash, _) => Expected::Crashes(finding.seen.clone()),
        (Kind::Hang, _) => Expected::Hangs(finding.seen.clone()),
        (Kind::Stop, _) => Expected::Stops(finding.seen.clone()),
        _ => Expected::Differs(format!("{}: {}", finding.action, finding.seen)),
    };
    match expected {
        Expected::Violates { clause, seen } => {
            format!("violates = {}\nseen = {}\n", quoted(&clause), quoted(&seen))
        }
        Expected::Differs(how) => format!("differs = {}\n", quoted(&how)),
        Expected::Crashes(how) => format!("crashes = {}\n", quoted(&how)),
        Expected::Hangs(how) => format!("hangs = {}\n", quoted(&how)),
        Expected::Stops(how) => format!("stops = {}\n", quoted(&how)),
    }
}

/// As TOML, and JSON, has a string.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
