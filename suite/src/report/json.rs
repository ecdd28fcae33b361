//! The report for a program: JSON with a version, described by `fixtures/report.schema.json`.

use std::time::Duration;

use serde::Serialize;

use super::{Checked, Counts, Report};
use crate::backend::{About, Unusable};
use crate::judge::{Difference, Finding, MutedRow, Recorded, Stale, Verdict};
use crate::run::CaseResult;
use crate::subject::Printed;
use crate::trace::Entry;

/// The version of the format; it grows when a reader of the old one could misread the new one.
pub const SCHEMA: u32 = 3;

#[derive(Serialize)]
struct Document<'a> {
    schema: u32,
    writeproof: &'static str,
    reference: &'a str,
    backends: &'a [&'a About],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    missing: &'a [Unusable],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    checked: &'a [Checked<'a>],
    cases: Vec<Case<'a>>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    stale: &'a [Stale],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    muted: Vec<MutedRow<'a>>,
    summary: Summary,
}

#[derive(Serialize)]
struct Case<'a> {
    scenario: &'a str,
    variant: String,
    backend: &'a str,
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    recorded: &'static str,
    digest: String,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    findings: &'a [Finding],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    differences: &'a [Difference],
    steps: &'a [Entry],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    aside: &'a [String],
    #[serde(skip_serializing_if = "Printed::is_empty")]
    printed: &'a Printed,
}

#[derive(Serialize)]
struct Summary {
    scenarios: usize,
    cases: usize,
    conforms: usize,
    violates: usize,
    differs: usize,
    not_applicable: usize,
    crashed: usize,
    hung: usize,
    unexpected: usize,
    duration_ms: u64,
}

impl Report<'_> {
    /// The whole report as JSON, with a line break at the end.
    ///
    /// # Errors
    /// None that is known: nothing in a report cannot be said in JSON.
    pub fn json(&self, duration: Duration) -> Result<String, serde_json::Error> {
        let counts = Counts::of(self.results);
        let muted = self.muted();
        let document = Document {
            schema: SCHEMA,
            writeproof: env!("CARGO_PKG_VERSION"),
            reference: self.reference,
            backends: &self.backends,
            missing: self.missing,
            checked: &self.checked,
            cases: self.results.iter().map(case).collect(),
            stale: &self.stale,
            muted: muted.rows(),
            summary: Summary {
                scenarios: self.scenarios(),
                cases: counts.cases(),
                conforms: counts.conforms,
                violates: counts.violates,
                differs: counts.differs,
                not_applicable: counts.not_applicable,
                crashed: counts.crashed,
                hung: counts.hung,
                unexpected: counts.unexpected,
                duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            },
        };
        let mut text = serde_json::to_string_pretty(&document)?;
        text.push('\n');
        Ok(text)
    }
}

fn case(result: &CaseResult) -> Case<'_> {
    let reason = match &result.verdict {
        Verdict::Conforms | Verdict::Violates | Verdict::Differs => None,
        Verdict::NotApplicable(reason) | Verdict::Crashed(reason) | Verdict::Hung(reason) => {
            Some(reason.as_str())
        }
    };
    Case {
        scenario: result.scenario.as_str(),
        variant: result.variant.to_string(),
        backend: &result.backend,
        verdict: result.verdict.word(),
        reason,
        recorded: match result.recorded {
            Recorded::AsRecorded => "as-recorded",
            Recorded::Changed => "changed",
            Recorded::Never => "never",
            Recorded::Stranger => "stranger",
        },
        digest: result.trace.digest(),
        findings: &result.findings,
        differences: &result.differences,
        steps: &result.trace.entries,
        aside: &result.trace.aside,
        printed: &result.printed,
    }
}
