//! `writeproof ledger`: what is known already; whether it still holds; and entries for what is found and
//! not known, to be completed and reviewed by a person.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::args::LedgerArguments;
use super::failure::{Exit, Failure};
use super::libraries::Libraries;
use super::output::Output;
use super::{Chosen, add, carry_out, of_everything};
use crate::judge::{Entry, Expected, Finding, Judge, Kind, Ledger, Muted, difference_in_words};
use crate::report::issues::{self, Shown};
use crate::report::text::count;
use crate::run::{CaseResult, Plan};
use crate::scenario::Corpus;

pub(super) fn ledger(arguments: &LedgerArguments) -> Result<Exit, Failure> {
    let judge = Judge::built_in()?;
    let runs = arguments.check || arguments.propose || arguments.cases;
    if !runs {
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
        let by_cause = issues::text(&judge.known, &arguments.backend, None);
        let by_scenario = listed(&judge.ledger, &arguments.backend, None);
        Output::Standard.write(&format!("{by_cause}\n{by_scenario}"))?;
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
    if arguments.cases {
        let explained = Explained::of(&plan, &results);
        let ran: Vec<String> = explained.versions.keys().cloned().collect();
        let abouts: BTreeMap<&str, (String, String)> = plan
            .backends
            .iter()
            .map(|backend| backend.about())
            .map(|about| {
                (
                    about.id.as_str(),
                    (about.recorded_as(), about.version.clone()),
                )
            })
            .collect();
        let shown = Shown::of(&judge.known, &results, |id| {
            abouts.get(id).cloned().unwrap_or_default()
        });
        let by_cause = issues::text(&judge.known, &ran, Some(&shown));
        let by_scenario = listed(&judge.ledger, &ran, Some(&explained));
        Output::Standard.write(&format!("{by_cause}\n{by_scenario}"))?;
        return Ok(Exit::Expected);
    }
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

/// What the entries explained in a run of everything.
struct Explained {
    /// The libraries that were run, by the names of their files, with their versions.
    versions: BTreeMap<String, String>,
    muted: Muted,
}

impl Explained {
    fn of(plan: &Plan<'_>, results: &[CaseResult]) -> Self {
        let abouts = plan.backends.iter().map(|backend| backend.about());
        let versions = abouts.map(|about| (about.recorded_as(), about.version.clone()));
        Self {
            versions: versions.collect(),
            muted: Muted::of(results.iter().map(|result| &*result.findings)),
        }
    }

    /// In how many cases an entry of this library explained a finding, in words.
    fn by(&self, library: &str, entry: &Entry) -> String {
        match self.versions.get(library) {
            Some(version) if !entry.is_of_version(version) => {
                format!("not counted: it is of another version than {version}")
            }
            _ => count(self.muted.by(&entry.location).cases, "case"),
        }
    }
}

/// All entries, as a person reads them, with what they explained if they were run.
fn listed(ledger: &Ledger, wanted: &[String], explained: Option<&Explained>) -> String {
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
            if let Some(explained) = explained {
                let cases = explained.by(library, entry);
                let _ = writeln!(text, "    explains {cases} ({})", entry.location);
            }
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
        _ => Expected::Differs(difference_in_words(finding)),
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
