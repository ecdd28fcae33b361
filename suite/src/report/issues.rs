//! The report of `writeproof ledger`: the known issues as text, with the number of cases in which
//! each was triggered and explained a finding, if the scenarios were run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::layout::count;
use crate::judge::known::{Issue, KnownIssues, Library};
use crate::judge::monitor::History;
use crate::run::CaseResult;

/// In how many cases each issue was triggered, and in how many it explained a finding.
#[derive(Debug, Clone, Default)]
pub(crate) struct IssueCounts(BTreeMap<String, CaseCounts>);

/// The cases of one issue.
#[derive(Debug, Clone, Copy, Default)]
struct CaseCounts {
    /// Those in which its trigger held.
    triggered: usize,
    /// Those of them in which it explained a finding.
    explained: usize,
    /// Cases of libraries that it does not affect, but whose difference from an affected library it
    /// explained.
    of_others: usize,
}

impl IssueCounts {
    /// Counts these results; `recorded_as` returns the name and version by which issues know a
    /// backend.
    pub(crate) fn of<'r>(
        known: &KnownIssues,
        results: &'r [CaseResult],
        recorded_as: impl Fn(&'r str) -> (String, String),
    ) -> Self {
        let mut shown = Self::default();
        for result in results {
            let Some(history) = History::of(&result.trace) else {
                continue;
            };
            let (name, version) = recorded_as(&result.backend);
            let library = Library {
                name: &name,
                version: &version,
            };
            let of_findings = result.findings.iter();
            let of_findings = of_findings.filter_map(|found| found.known.as_ref());
            let causes = of_findings.flat_map(|known| &known.causes);
            let mut causes: BTreeSet<&str> = causes.map(|cause| cause.id.as_str()).collect();
            for issue in known.triggered(library, &history) {
                let cases = shown.0.entry(issue.id.clone()).or_default();
                cases.triggered += 1;
                cases.explained += usize::from(causes.remove(issue.id.as_str()));
            }
            for id in causes {
                shown.0.entry(id.to_owned()).or_default().of_others += 1;
            }
        }
        shown
    }
}

/// The issues, or those that affect one of these libraries, by the names of their backends.
pub(crate) fn text(known: &KnownIssues, wanted: &[String], shown: Option<&IssueCounts>) -> String {
    let is_wanted = |issue: &&Issue| {
        let affects = |name: &String| issue.affects(Library { name, version: "" });
        wanted.is_empty() || wanted.iter().any(affects)
    };
    let issues: Vec<&Issue> = known.issues().iter().filter(is_wanted).collect();
    let mut text = format!("{}\n", count(issues.len(), "known issue"));
    for issue in issues {
        describe(&mut text, issue, shown);
    }
    text
}

/// The issue with this id, if there is one.
pub(crate) fn one(known: &KnownIssues, id: &str) -> Option<String> {
    let issue = known.issues().iter().find(|issue| issue.id == id)?;
    let mut text = String::new();
    describe(&mut text, issue, None);
    Some(text)
}

fn describe(text: &mut String, issue: &Issue, shown: Option<&IssueCounts>) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "  {} ({})", issue.id, issue.class.as_str());
    let mut line = |key: &str, value: &str| {
        let _ = writeln!(text, "    {key:<9}{value}");
    };
    let affects = issue
        .affects
        .iter()
        .map(|(library, range)| format!("{library} {range}"));
    let affects: Vec<String> = affects.collect();
    let read = issue
        .read
        .iter()
        .map(|(library, place)| format!("{library} {place}"));
    let read: Vec<String> = read.collect();
    line("title", &issue.title);
    line("reason", &issue.reason);
    line("link", &issue.link);
    line(
        "affects",
        &match affects.as_slice() {
            [] => "every library".to_owned(),
            affects => affects.join("; "),
        },
    );
    if read.is_empty() {
        line("read", "no version");
    }
    for place in &read {
        line("read", place);
    }
    let untested = issue.untested_ends();
    if !untested.is_empty() {
        line(
            "untested",
            &format!(
                "{}: neither run nor checked in the source",
                untested.join(", ")
            ),
        );
    }
    line("when", &issue.when.to_string());
    for effect in &issue.breaks {
        line("breaks", &effect.to_string());
    }
    for differs in &issue.differs {
        line("differs", &differs.to_string());
    }
    for witness in &issue.witnesses {
        line("witness", &witness.to_string());
    }
    if let Some(shown) = shown {
        let cases = shown.0.get(&issue.id).copied().unwrap_or_default();
        let percent = cases.explained * 100 / cases.triggered.max(1);
        let rare = issue
            .rare
            .as_ref()
            .map_or_else(String::new, |rare| format!(": {rare}"));
        let of_others = match cases.of_others {
            0 => String::new(),
            cases => format!("; explains a difference of another library in {cases}"),
        };
        line(
            "cases",
            &format!(
                "triggered in {}, explains a finding in {} ({percent} %){of_others}{rare}",
                cases.triggered, cases.explained
            ),
        );
    }
}
