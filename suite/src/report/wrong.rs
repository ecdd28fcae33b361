//! Crashes, hangs, stopped cases and broken clauses, the most serious first, each with an example
//! and the command that shows it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::layout::{count, cut, without_the_case};
use crate::contract::{Contract, Severity};
use crate::judge::{Class, Finding, Kind};
use crate::run::CaseResult;

/// How many groups are shown at most; the JSON report has every case.
const SHOWN: usize = 40;

/// Similar findings.
struct Group<'r> {
    first: (&'r CaseResult, &'r Finding),
    /// How many cases each library has.
    cases: BTreeMap<&'r str, usize>,
    scenarios: usize,
    /// The case that was counted last.
    last: &'r CaseResult,
}

/// The findings without a known issue; `again` returns the command that shows a result.
pub(super) fn wrong(
    results: &[&CaseResult],
    contract: &Contract,
    again: &dyn Fn(&CaseResult) -> String,
) -> String {
    let groups = groups(results);
    if groups.is_empty() {
        return String::new();
    }
    let mut text = String::from("Violations and crashes, the most serious first:\n");
    for (number, group) in groups.iter().enumerate().take(SHOWN) {
        let (result, finding) = group.first;
        let _ = writeln!(
            text,
            "{:3}. {}\n     {}; {}, e.g. {} {}, step {}, {}:\n{}     {}",
            number + 1,
            headline(finding, contract),
            group.who(),
            count(group.scenarios, "scenario"),
            result.scenario,
            result.variant,
            finding.step,
            finding.action,
            details(finding),
            again(result),
        );
    }
    if groups.len() > SHOWN {
        let left: usize = groups[SHOWN..].iter().map(Group::all).sum();
        let _ = writeln!(
            text,
            "     … and {} more, with {}; --format json lists all",
            count(groups.len() - SHOWN, "group"),
            count(left, "case")
        );
    }
    text
}

/// The findings that known issues explain: a line for each clause and class.
pub(super) fn known(results: &[&CaseResult]) -> String {
    let mut rows: BTreeMap<(Kind, &str, Class), BTreeMap<&str, usize>> = BTreeMap::new();
    for result in results {
        for finding in &result.findings {
            let (Some(known), true) = (&finding.known, finding.kind != Kind::Difference) else {
                continue;
            };
            let what = finding.clause.as_deref().unwrap_or(finding.kind.as_str());
            let backends = rows.entry((finding.kind, what, known.class)).or_default();
            *backends.entry(&result.backend).or_default() += 1;
        }
        for more in &result.more {
            let (Some(known), true) = (&more.known, more.kind != Kind::Difference) else {
                continue;
            };
            let what = more.clause.as_deref().unwrap_or(more.kind.as_str());
            let backends = rows.entry((more.kind, what, known.class)).or_default();
            *backends.entry(&result.backend).or_default() += more.count;
        }
    }
    let mut text = String::new();
    for ((_, what, class), backends) in rows {
        let backends: Vec<String> = backends
            .iter()
            .map(|(backend, times)| format!("{backend} {times}"))
            .collect();
        let _ = writeln!(
            text,
            "  {what} ({}): {}",
            class.as_str(),
            backends.join(", ")
        );
    }
    if text.is_empty() {
        text
    } else {
        format!(
            "Known violations and crashes, with their number (`writeproof ledger` gives the reasons):\n{text}"
        )
    }
}

fn groups<'r>(results: &[&'r CaseResult]) -> Vec<Group<'r>> {
    let mut groups: BTreeMap<_, Group<'_>> = BTreeMap::new();
    for &result in results {
        let wrong =
            |finding: &&Finding| finding.kind != Kind::Difference && finding.known.is_none();
        for finding in result.findings.iter().filter(wrong) {
            let words = format!("{} {}", finding.expected, finding.seen);
            let key = (
                finding.rank(),
                finding.clause.as_deref(),
                without_the_case(&words),
            );
            match groups.get_mut(&key) {
                Some(group) => group.add(result),
                None => {
                    groups.insert(key, Group::new(result, finding));
                }
            }
        }
    }
    let mut groups: Vec<Group<'_>> = groups.into_values().collect();
    groups.sort_by_key(|group| (group.first.1.rank(), std::cmp::Reverse(group.all())));
    groups
}

impl<'r> Group<'r> {
    fn new(result: &'r CaseResult, finding: &'r Finding) -> Self {
        Self {
            first: (result, finding),
            cases: BTreeMap::from([(result.backend.as_str(), 1)]),
            scenarios: 1,
            last: result,
        }
    }

    fn add(&mut self, result: &'r CaseResult) {
        if !std::ptr::eq(self.last, result) {
            *self.cases.entry(&result.backend).or_default() += 1;
        }
        self.scenarios += usize::from(self.last.scenario != result.scenario);
        self.last = result;
    }
}

impl Group<'_> {
    fn all(&self) -> usize {
        self.cases.values().sum()
    }

    /// The libraries, each with its number of cases.
    fn who(&self) -> String {
        let libraries: Vec<String> = self
            .cases
            .iter()
            .map(|(backend, cases)| format!("{backend} in {}", count(*cases, "case")))
            .collect();
        libraries.join(", ")
    }
}

/// The consequence for a user, and the clause.
fn headline(finding: &Finding, contract: &Contract) -> String {
    let Finding {
        seen, step, action, ..
    } = finding;
    let ended = |word| cut(&format!("{word}: {seen}, in step {step}, {action}"));
    let clause = finding.clause.as_deref().and_then(|id| contract.get(id));
    match (finding.kind, clause) {
        (Kind::Crash, _) => ended("CRASHED"),
        (Kind::Hang, _) => ended("HUNG"),
        (Kind::Stop, _) => ended("STOPPED"),
        (_, Some(clause)) => format!(
            "{}: breaks {}\n     “{}” ({}, {})",
            consequence(clause.severity),
            clause.id,
            clause.statement,
            clause.source.page,
            clause.strength.as_str(),
        ),
        (_, None) => finding.kind.as_str().to_owned(),
    }
}

/// The consequence of a broken clause of this severity for a user.
fn consequence(severity: Severity) -> &'static str {
    match severity {
        Severity::Data => "DATA lost, duplicated or leaked",
        Severity::Connection => "CONNECTION wrongly broken or kept open",
        Severity::Report => "WRONG RESULT reported to the caller",
        Severity::Other => "OTHER",
    }
}

/// What was expected and seen. The headline of a crash, a hang or a stop already says it.
fn details(finding: &Finding) -> String {
    match finding.kind {
        Kind::Crash | Kind::Hang | Kind::Stop => String::new(),
        Kind::Violation | Kind::Difference => format!(
            "     expected: {}\n     seen:     {}\n",
            cut(&finding.expected),
            cut(&finding.seen)
        ),
    }
}
