//! `writeproof ledger`: what is known already; whether it still holds; entries for what is found and not known, to be completed
//! and reviewed by a person; and files in the old format, converted.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

use super::args::LedgerArguments;
use super::convert::convert;
use super::failure::{Exit, Failure};
use super::libraries::Libraries;
use super::output::Output;
use super::{Chosen, add, carry_out, judge_with, of_scenarios};
use crate::judge::{Entry, Judge, Ledger, Muted};
use crate::report::issues::{self, Shown};
use crate::report::proposals::Proposed;
use crate::report::text::count;
use crate::run::{CaseResult, Plan};
use crate::scenario::Corpus;
use crate::subject::Subject;

pub(super) fn ledger(arguments: &LedgerArguments) -> Result<Exit, Failure> {
    let action = &arguments.action;
    if let Some(path) = &action.convert {
        return convert(path, arguments);
    }
    if action.check || action.propose || action.cases {
        return run(arguments);
    }
    let output = Output::prepare(arguments.output.as_deref())?;
    let libraries = Libraries::open(&arguments.libraries)?;
    let (judge, _) = judge_with(&arguments.ledger, &libraries)?;
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
    output.write(&shown(&judge, &arguments.backend, None, None))?;
    Ok(Exit::Expected)
}

/// All that is known of these libraries, by cause and by scenario, with what it explained if that was counted.
fn shown(
    judge: &Judge,
    names: &[String],
    by_cause: Option<&Shown>,
    by_scenario: Option<&Explained>,
) -> String {
    let by_cause = issues::text(&judge.known, names, by_cause);
    let by_scenario = listed(&judge.ledger, names, by_scenario);
    format!("{by_cause}\n{by_scenario}")
}

/// Runs what the arguments name, or everything.
fn run(arguments: &LedgerArguments) -> Result<Exit, Failure> {
    let output = Output::prepare(arguments.output.as_deref())?;
    let corpus = Corpus::built_in()?;
    let scenarios = corpus.select(&arguments.scenario)?;
    let libraries = Libraries::open(&arguments.libraries)?;
    let libraries = libraries.judged_as(&arguments.judged.judged_as)?;
    let (judge, _) = judge_with(&arguments.ledger, &libraries)?;
    let plan = of_scenarios(
        scenarios,
        &libraries,
        named_or_chosen(&libraries, arguments)?,
    )?;
    let results = carry_out(&plan, &judge)?;
    if arguments.action.cases {
        output.write(&with_cases(&judge, &plan, &results))?;
        return Ok(Exit::Expected);
    }
    let stale = plan.stale(&judge, &corpus, &results);
    let proposed = Proposed::of(&plan, &judge, &results)?;
    let mut text = String::new();
    for entry in &stale {
        let _ = writeln!(text, "# out of date: {entry}");
    }
    if arguments.action.propose {
        text.push_str(&proposed.text);
    } else {
        let _ = writeln!(
            text,
            "{} out of date, {} missing{}",
            stale.len(),
            proposed.entries,
            if proposed.entries == 0 {
                ""
            } else {
                ": --propose writes them"
            }
        );
    }
    output.write(&text)?;
    if stale.is_empty() && proposed.entries == 0 {
        Ok(Exit::Expected)
    } else {
        Ok(Exit::Unexpected)
    }
}

/// The libraries that the user named, and the backends of these names; all that are here if there is neither.
pub(super) fn named_or_chosen(
    libraries: &Libraries,
    arguments: &LedgerArguments,
) -> Result<Vec<Arc<dyn Subject>>, Failure> {
    let named = libraries.named();
    if arguments.backend.is_empty() && !named.is_empty() {
        return Ok(named);
    }
    let Chosen { mut backends, .. } = Chosen::of(libraries, &arguments.backend)?;
    add(&mut backends, named);
    Ok(backends)
}

/// What is known of the libraries that were run, with the cases in which it was triggered and explained something.
fn with_cases(judge: &Judge, plan: &Plan<'_>, results: &[CaseResult]) -> String {
    let explained = Explained::of(plan, results);
    let abouts: BTreeMap<&str, (String, String)> = plan
        .backends
        .iter()
        .map(|backend| backend.about())
        .map(|about| {
            let name = about.recorded_as();
            let library = judge.library(&name, &about.version);
            let named = (library.name.to_owned(), library.version.to_owned());
            (about.id.as_str(), named)
        })
        .collect();
    let counted = Shown::of(&judge.known, results, |id| {
        abouts.get(id).cloned().unwrap_or_default()
    });
    // A library that is named by path goes by another name than what it is.
    let judged_as = abouts.values().map(|(name, _)| name.clone());
    let ran: Vec<String> = explained
        .versions
        .keys()
        .cloned()
        .chain(judged_as)
        .collect();
    shown(judge, &ran, Some(&counted), Some(&explained))
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
