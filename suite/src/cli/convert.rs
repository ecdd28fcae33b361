//! `writeproof ledger --convert`: converts a file of known issues from the old format, whose
//! entries list scenarios, to issues by cause. Runs the scenarios of each entry to find its
//! triggers.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::args::LedgerArguments;
use super::failure::{Exit, Failure};
use super::libraries::Libraries;
use super::named_or_chosen;
use super::output::Output;
use super::{all_scenarios, carry_out, complain, judge_with, of_scenarios};
use crate::backend::About;
use crate::judge::known::{Proposals, Stated};
use crate::judge::monitor::History;
use crate::judge::{Broken, Judge, Kind, OldEntry, OldLedger};
use crate::report::proposals::{affects, broken, witness};
use crate::run::{CaseResult, Plan};
use crate::scenario::{Corpus, Selection};
use crate::trace::Trace;

pub(super) fn convert(path: &Path, arguments: &LedgerArguments) -> Result<Exit, Failure> {
    let text = fs::read_to_string(path).map_err(|source| Failure::Ledger {
        path: path.to_owned(),
        source,
    })?;
    let old = OldLedger::read(&path.to_string_lossy(), &text)?;
    let output = Output::prepare(arguments.output.as_deref())?;
    let corpus = all_scenarios()?;
    let scenarios = scenarios(&corpus, &old, &arguments.scenario)?;
    let libraries = Libraries::open(&arguments.libraries)?;
    let libraries = libraries.judged_as(&arguments.judged.judged_as)?;
    if libraries.named().len() + arguments.backend.len() != 1 {
        return Err(Failure::NotOneToConvert(path.to_owned()));
    }
    let (mut judge, _) = judge_with(&arguments.ledger, &libraries)?;
    judge.known.add_own(&path.to_string_lossy(), &rest(&old))?;
    let backends = named_or_chosen(&libraries, arguments)?;
    let plan = of_scenarios(scenarios, &libraries, backends)?;
    let results = carry_out(&plan, &judge)?;
    let mut conversion = Conversion::of(&plan, &judge, &results)?;
    let parts = old.parts.iter().map(|part| match &part.old {
        None => part.text.clone(),
        Some(entry) => conversion.converted(entry, &part.text),
    });
    output.write(&parts.collect::<String>())?;
    for failed in &conversion.failed {
        complain(failed);
    }
    if conversion.failed.is_empty() {
        Ok(Exit::Expected)
    } else {
        Ok(Exit::Unexpected)
    }
}

/// The file with the old entries blanked out, so that its issues by cause keep their lines.
fn rest(old: &OldLedger) -> String {
    let parts = old.parts.iter().map(|part| match part.old {
        None => part.text.clone(),
        Some(_) => "\n".repeat(part.text.matches('\n').count()),
    });
    parts.collect()
}

/// The scenarios that the entries name: of the suite, and of the files given as arguments.
fn scenarios<'c>(
    corpus: &'c Corpus,
    old: &OldLedger,
    arguments: &[String],
) -> Result<Vec<Selection<'c>>, Failure> {
    let named = match arguments {
        [] => Vec::new(),
        arguments => corpus.select(arguments)?,
    };
    let mut all: BTreeMap<_, _> = corpus
        .select(&[])?
        .into_iter()
        .chain(named)
        .map(|selection| (selection.scenario.id.clone(), selection))
        .collect();
    all.retain(|id, _| {
        let mut patterns = old.entries().flat_map(|entry| &entry.scenarios);
        patterns.any(|pattern| pattern.matches(id))
    });
    Ok(all.into_values().collect())
}

/// A case, with the clauses that it breaks.
struct BrokenCase<'r> {
    result: &'r CaseResult,
    trace: Cow<'r, Trace>,
    /// Each with whether an entry was already converted for it.
    broken: Vec<(Broken, bool)>,
}

/// The conversion of a file, entry by entry.
struct Conversion<'r> {
    /// The library that the file is about.
    about: &'r About,
    /// Its release, in the form of `affects`.
    release: (String, String),
    cases: Vec<BrokenCase<'r>>,
    /// The ids that are taken.
    taken: BTreeSet<String>,
    /// The entries that could not be converted, with file, line and reason.
    failed: Vec<String>,
}

impl<'r> Conversion<'r> {
    fn of(plan: &'r Plan<'r>, judge: &Judge, results: &'r [CaseResult]) -> Result<Self, Failure> {
        let about = plan.backends[0].about();
        let mut cases = Vec::with_capacity(results.len());
        for result in results {
            let trace = plan.whole_trace(result)?;
            let history = History::of(&trace);
            let broken = history.map(|history| broken(judge, about, &trace, &history));
            let broken = broken.into_iter().flatten().map(|one| (one, false));
            cases.push(BrokenCase {
                result,
                broken: broken.collect(),
                trace,
            });
        }
        let issues = judge.known.issues().iter();
        let name = about.recorded_as();
        Ok(Self {
            about,
            release: judge.library(&name, &about.version).alone(),
            cases,
            taken: issues.map(|issue| issue.id.clone()).collect(),
            failed: Vec::new(),
        })
    }

    /// The replacement for this entry: the issues that it becomes, or its text in comments.
    fn converted(&mut self, entry: &OldEntry, text: &str) -> String {
        let words = entry.finding.words();
        if !entry.is_of_version(&self.about.version) {
            return self.not_converted(entry, text, "the entry is for other versions");
        }
        let (proposals, known) = self.found(entry);
        let inexpressible = proposals.inexpressible().to_vec();
        let issues = proposals.issues();
        if let Some(what) = inexpressible.first() {
            return self.not_converted(entry, text, &format!("no issue can express this: {what}"));
        }
        if issues.is_empty() && known.is_empty() {
            return self.not_converted(entry, text, "none of its scenarios shows the finding");
        }
        let mut converted = Vec::new();
        if !known.is_empty() {
            let by: Vec<String> = known.into_iter().collect();
            converted.push(format!(
                "# {words}: already explained by {}\n",
                by.join(", ")
            ));
        }
        let stated = self.stated(entry);
        for issue in issues {
            let id = issue.id(&self.taken);
            converted.push(issue.text(&id, &stated));
            self.taken.insert(id);
        }
        converted.join("\n")
    }

    /// The entry in comments, with the reason for which it was not converted.
    fn not_converted(&mut self, entry: &OldEntry, text: &str, why: &str) -> String {
        let (place, words, of) = (&entry.location, entry.finding.words(), &self.about.id);
        self.failed
            .push(format!("{place}: not converted: {words}: {why} (on {of})"));
        let lines = text.lines().map(|line| match line {
            "" => "\n".to_owned(),
            line => format!("# {line}\n"),
        });
        format!(
            "# Not converted: {why} (on {of}).\n{}",
            lines.collect::<String>()
        )
    }

    /// The fields of an issue other than its trigger and effects.
    fn stated(&self, entry: &OldEntry) -> Stated {
        let is_address = entry.link.starts_with("https://") || entry.link.starts_with("http://");
        let key = if is_address { "link" } else { "source" };
        let of_release = || (!entry.versions.is_empty()).then(|| self.release.clone());
        Stated {
            reviewed: Some((entry.class, entry.reason.clone(), (key, entry.link.clone()))),
            affects: affects(self.about).or_else(of_release),
        }
    }

    /// Proposals for the findings that an entry expects and no issue explains, and the ids of the
    /// issues that explain the others.
    fn found(&mut self, entry: &OldEntry) -> (Proposals, BTreeSet<String>) {
        let mut proposals = Proposals::default();
        let mut known = BTreeSet::new();
        for case in &mut self.cases {
            let applies = entry.applies(&case.result.scenario, case.result.variant);
            let Some(history) = History::of(&case.trace).filter(|_| applies) else {
                continue;
            };
            let differences = case.result.findings.iter();
            let differences = differences.filter(|found| found.kind == Kind::Difference);
            for difference in differences.filter(|found| entry.finding.is(found)) {
                match &difference.known {
                    Some(by) => known.extend(by.causes.iter().map(|cause| cause.id.clone())),
                    None => proposals.add_difference(&witness(case.result), &history, difference),
                }
            }
            let mut unexplained = Vec::new();
            for (broken, is_taken) in &mut case.broken {
                if !entry.finding.is(&broken.finding) {
                    continue;
                }
                match &broken.finding.known {
                    Some(by) => known.extend(by.causes.iter().map(|cause| cause.id.clone())),
                    None if *is_taken => {
                        known.insert("an entry above".to_owned());
                    }
                    None => {
                        *is_taken = true;
                        unexplained.push(&*broken);
                    }
                }
            }
            proposals.add(&witness(case.result), &history, unexplained);
        }
        (proposals, known)
    }
}
