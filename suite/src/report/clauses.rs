//! The report of `writeproof clauses`: how many cases of a run exercise each clause, and which
//! libraries break it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::Serialize;

use super::layout::{align, count};
use crate::contract::{Clause, Contract};
use crate::judge::Kind;
use crate::run::CaseResult;

/// All clauses, with the results of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Clauses<'a> {
    schema: u32,
    writeproof: &'static str,
    clauses: Vec<ClauseRow<'a>>,
}

/// A clause, with the results of a run.
#[derive(Debug, Serialize)]
struct ClauseRow<'a> {
    id: &'a str,
    statement: &'a str,
    source: String,
    address: &'a str,
    strength: &'static str,
    binds: &'static str,
    severity: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unobservable: Option<&'a str>,
    /// Cases that exercise it.
    cases: usize,
    /// The same by transport.
    transports: BTreeMap<&'static str, usize>,
    /// The libraries that break it.
    violated: BTreeMap<&'a str, ClauseBreaks>,
}

/// How a library breaks a clause: in how many cases, and one of them as an example.
#[derive(Debug, Serialize)]
struct ClauseBreaks {
    cases: usize,
    scenario: String,
    variant: String,
    step: usize,
    expected: String,
    seen: String,
    /// The class of the known issue; none if a case is not explained by one.
    #[serde(skip_serializing_if = "Option::is_none")]
    known: Option<&'static str>,
    /// The command that shows it.
    show: String,
}

impl<'a> Clauses<'a> {
    /// From the results of a run; `again` returns the command that shows a result.
    pub(crate) fn of(
        contract: &'a Contract,
        results: &'a [CaseResult],
        again: &dyn Fn(&CaseResult) -> String,
    ) -> Self {
        let mut exercised: BTreeMap<&str, BTreeMap<&'static str, usize>> = BTreeMap::new();
        let mut violated: BTreeMap<&str, BTreeMap<&str, ClauseBreaks>> = BTreeMap::new();
        for result in results {
            for clause in &result.exercised {
                let transports = exercised.entry(clause).or_default();
                *transports
                    .entry(result.variant.transport.as_str())
                    .or_default() += 1;
            }
            note_violations(result, &mut violated, again);
        }
        let row = |clause: &'a Clause| {
            let transports = exercised.remove(clause.id.as_str()).unwrap_or_default();
            ClauseRow {
                id: &clause.id,
                statement: &clause.statement,
                source: clause.source.to_string(),
                address: &clause.source.address,
                strength: clause.strength.as_str(),
                binds: clause.binds.as_str(),
                severity: clause.severity.as_str(),
                since: clause.since.map(|release| release.to_string()),
                until: clause.until.map(|release| release.to_string()),
                unobservable: clause.unobservable.as_deref(),
                cases: transports.values().sum(),
                transports,
                violated: violated.remove(clause.id.as_str()).unwrap_or_default(),
            }
        };
        Self {
            schema: super::json::SCHEMA,
            writeproof: env!("CARGO_PKG_VERSION"),
            clauses: contract.clauses().iter().map(row).collect(),
        }
    }

    /// The observable clauses that no trace exercised.
    pub(crate) fn unexercised(&self) -> Vec<&str> {
        let rows = self.clauses.iter();
        rows.filter(|row| row.unobservable.is_none() && row.cases == 0)
            .map(|row| row.id)
            .collect()
    }

    /// Keeps only the clauses that `wanted` accepts.
    pub(crate) fn retain(&mut self, wanted: impl Fn(&str) -> bool) {
        self.clauses.retain(|row| wanted(row.id));
    }

    /// A line for each observable clause, then the other clauses, with the reason.
    pub(crate) fn text(&self) -> String {
        let mut rows = vec![
            ["clause", "strength", "cases", "broken by"]
                .map(str::to_owned)
                .to_vec(),
        ];
        let observable = self.clauses.iter().filter(|row| row.unobservable.is_none());
        rows.extend(observable.map(|row| {
            vec![
                row.id.to_owned(),
                row.strength.to_owned(),
                row.cases.to_string(),
                row.broken_by(),
            ]
        }));
        let observable = rows.len() - 1;
        let mut text = align(&rows);
        let hidden: Vec<_> = self
            .clauses
            .iter()
            .filter_map(|row| Some((row.id, row.unobservable?)))
            .collect();
        if !hidden.is_empty() {
            text.push_str("\nClauses that no trace can show:\n");
            let rows: Vec<Vec<String>> = hidden
                .iter()
                .map(|(id, why)| vec![format!("  {id}"), (*why).to_owned()])
                .collect();
            text.push_str(&align(&rows));
        }
        let never = self.unexercised();
        let _ = writeln!(
            text,
            "\n{}, {observable} of them observable in a trace; {}",
            count(self.clauses.len(), "clause"),
            match never.as_slice() {
                [] => "each of these was exercised".to_owned(),
                never => format!("not exercised: {}", never.join(", ")),
            }
        );
        text
    }

    /// Each clause in full.
    pub(crate) fn details(&self) -> String {
        let parts: Vec<String> = self.clauses.iter().map(ClauseRow::details).collect();
        parts.join("\n")
    }

    /// The report as JSON.
    ///
    /// # Errors
    /// None is known.
    pub(crate) fn json(&self) -> Result<String, serde_json::Error> {
        Ok(format!("{}\n", serde_json::to_string_pretty(self)?))
    }
}

fn note_violations<'r>(
    result: &'r CaseResult,
    violated: &mut BTreeMap<&'r str, BTreeMap<&'r str, ClauseBreaks>>,
    again: &dyn Fn(&CaseResult) -> String,
) {
    let mut counted: Vec<&str> = Vec::new();
    for finding in result.findings.iter().filter(|f| f.kind == Kind::Violation) {
        let Some(clause) = finding.clause.as_deref() else {
            continue;
        };
        if counted.contains(&clause) {
            continue;
        }
        counted.push(clause);
        let backends = violated.entry(clause).or_default();
        let broken = backends
            .entry(&result.backend)
            .or_insert_with(|| ClauseBreaks {
                cases: 0,
                scenario: result.scenario.to_string(),
                variant: result.variant.to_string(),
                step: finding.step,
                expected: finding.expected.clone(),
                seen: finding.seen.clone(),
                known: finding.known.as_ref().map(|known| known.class.as_str()),
                show: again(result),
            });
        broken.cases += 1;
        // One unexplained case is enough for the clause to count as unexpected.
        if finding.known.is_none() {
            broken.known = None;
        }
    }
}

impl ClauseRow<'_> {
    fn broken_by(&self) -> String {
        let libraries: Vec<String> = self
            .violated
            .iter()
            .map(|(backend, broken)| {
                let known = broken.known.unwrap_or("UNEXPECTED");
                format!("{backend} {} ({known})", broken.cases)
            })
            .collect();
        libraries.join(", ")
    }

    fn details(&self) -> String {
        let Self {
            id,
            statement,
            source,
            address,
            strength,
            binds,
            severity,
            cases,
            ..
        } = self;
        let since = self.since.as_ref().map(|r| format!(", since {r}"));
        let until = self.until.as_ref().map(|r| format!(", until {r}"));
        let mut text = format!(
            "{id}\n  {statement}\n  {source}{}{}\n  {address}\n  {strength}; binds {binds}; severity: {severity}\n",
            since.unwrap_or_default(),
            until.unwrap_or_default(),
        );
        match self.unobservable {
            Some(why) => {
                let _ = writeln!(text, "  not observable in a trace: {why}");
            }
            None => {
                let over: Vec<String> = self
                    .transports
                    .iter()
                    .map(|(transport, cases)| format!("{transport} {cases}"))
                    .collect();
                let (cases, over) = (count(*cases, "case"), over.join(", "));
                let _ = writeln!(text, "  exercised by {cases}; by transport: {over}");
            }
        }
        for (backend, broken) in &self.violated {
            let ClauseBreaks {
                cases,
                scenario,
                variant,
                step,
                expected,
                seen,
                known,
                show,
            } = broken;
            let _ = writeln!(
                text,
                "  broken by {backend} in {} ({}), e.g. in step {step} of {scenario} {variant}:\n    expected: {expected}\n    seen:     {seen}\n    {show}",
                count(*cases, "case"),
                known.unwrap_or("UNEXPECTED"),
            );
        }
        text
    }
}
