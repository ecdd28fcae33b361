//! The report as JSON; `fixtures/report.schema.json` describes it.

use std::borrow::Cow;
use std::io;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::baseline::Compared;
use super::clusters::Cluster;
use super::{Checked, Report};
use crate::backend::{About, Unusable};
use crate::judge::{Difference, Finding, More, MutedRow, Recorded, Stale, Verdict};
use crate::limits::{CASE_IN_JSON, CASES_IN_JSON, KEPT, shortened};
use crate::run::CaseResult;
use crate::scenario::Origin;
use crate::target::Printed;
use crate::trace::{Entry, Trace};

/// The version of the format. It is raised when a program that reads the old version could
/// misinterpret the new one.
pub const SCHEMA: u32 = 6;

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
    clusters: &'a [Cluster],
    #[serde(skip_serializing_if = "Option::is_none")]
    baseline: Option<&'a Compared>,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a Path>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cluster: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    findings: &'a [Finding],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    more_findings: &'a [More],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    differences: &'a [Difference],
    /// How many of the differences are ignored.
    #[serde(skip_serializing_if = "is_zero")]
    normalised: usize,
    steps: Cow<'a, [Entry]>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    side_effects: &'a [String],
    #[serde(skip_serializing_if = "Printed::is_empty")]
    printed: Cow<'a, Printed>,
    #[serde(skip_serializing_if = "LeftOut::is_nothing")]
    left_out: LeftOut,
}

#[allow(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// How much of a case is left out of the report because it is too large.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
struct LeftOut {
    steps: usize,
    records: usize,
    findings: usize,
    differences: usize,
}

impl LeftOut {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
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
    stopped: usize,
    unexpected: usize,
    should_alone: usize,
    duration_ms: u64,
}

impl Report<'_> {
    /// The whole report as JSON, with a line break at the end.
    ///
    /// # Errors
    /// None is known: every value of a report can be serialised.
    pub fn json(&self, duration: Duration) -> Result<String, serde_json::Error> {
        let counts = self.counts_of(self.results);
        let muted = self.muted();
        let document = Document {
            schema: SCHEMA,
            writeproof: env!("CARGO_PKG_VERSION"),
            reference: self.reference,
            backends: &self.backends,
            missing: self.missing,
            checked: &self.checked,
            cases: cases(self.results),
            clusters: &self.clusters,
            baseline: self.compared.as_ref(),
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
                stopped: counts.stopped,
                unexpected: counts.unexpected,
                should_alone: counts.should_alone,
                duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            },
        };
        let mut text = serde_json::to_string_pretty(&document)?;
        text.push('\n');
        Ok(text)
    }
}

/// The cases. If they are too large in total, each case that exceeds its share is cut down to it.
fn cases(results: &[CaseResult]) -> Vec<Case<'_>> {
    let most = CASE_IN_JSON * results.len().max(CASES_IN_JSON);
    let whole: Vec<Case<'_>> = results.iter().map(case).collect();
    if whole.iter().map(Case::size).sum::<usize>() > most {
        results.iter().map(fitted).collect()
    } else {
        whole
    }
}

/// As much of a case as fits into its share of a report.
fn fitted(result: &CaseResult) -> Case<'_> {
    let mut fitted = case(result);
    let mut most = KEPT;
    while fitted.size() > CASE_IN_JSON && most > 1 {
        most /= 2;
        fitted = reduced(result, most);
    }
    fitted
}

/// A case with at most so many entries and records, and with everything else in proportion.
fn reduced(result: &CaseResult, most: usize) -> Case<'_> {
    /// The entries per finding and per difference, and the characters of output per entry.
    const OF_FINDINGS: usize = 4;
    const OF_DIFFERENCES: usize = 8;
    const PRINTED: usize = 4;

    let mut trace = result.trace.clone();
    trace.shorten(most);
    // The most serious finding is always kept.
    let findings = first(&result.findings, (most / OF_FINDINGS).max(1));
    let differences = first(&result.differences, most / OF_DIFFERENCES);
    let left_out = LeftOut {
        findings: result.findings.len() - findings.len(),
        differences: result.differences.len() - differences.len(),
        ..of_trace(&trace)
    };
    let printed = |text: &str| shortened(text, most * PRINTED).into_owned();
    Case {
        findings,
        differences,
        left_out,
        printed: Cow::Owned(Printed {
            stdout: printed(&result.printed.stdout),
            stderr: printed(&result.printed.stderr),
        }),
        steps: Cow::Owned(trace.entries),
        ..case(result)
    }
}

fn first<T>(all: &[T], most: usize) -> &[T] {
    &all[..all.len().min(most)]
}

fn of_trace(trace: &Trace) -> LeftOut {
    let left_out = trace.left_out.as_ref();
    LeftOut {
        steps: left_out.map_or(0, |left_out| left_out.entries),
        records: left_out.map_or(0, |left_out| left_out.records),
        ..LeftOut::default()
    }
}

impl Case<'_> {
    /// How many bytes it has in a report.
    fn size(&self) -> usize {
        let mut bytes = Counted::default();
        // Nested as deep as in the document. Counting cannot fail.
        let _ = serde_json::to_writer_pretty(&mut bytes, &[[self]]);
        bytes.0
    }
}

/// Counts the bytes that are written.
#[derive(Default)]
struct Counted(usize);

impl io::Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn case(result: &CaseResult) -> Case<'_> {
    let reason = match &result.verdict {
        Verdict::Conforms | Verdict::Violates | Verdict::Differs => None,
        Verdict::NotApplicable(reason)
        | Verdict::Crashed(reason)
        | Verdict::Hung(reason)
        | Verdict::Stopped(reason) => Some(reason.as_str()),
    };
    Case {
        scenario: result.scenario.as_str(),
        variant: result.variant.to_string(),
        backend: &result.backend,
        verdict: result.verdict.as_str(),
        reason,
        recorded: match result.recorded {
            Recorded::Unchanged => "as-recorded",
            Recorded::Changed => "changed",
            Recorded::Never => "never",
            Recorded::Untracked => "stranger",
        },
        digest: result.trace.digest(),
        file: match &result.origin {
            Origin::Library => None,
            Origin::File(path) => Some(path),
        },
        cluster: result.root.as_ref().map(|root| root.id.as_str()),
        findings: &result.findings,
        more_findings: &result.more,
        differences: &result.differences,
        normalised: result.normalised,
        steps: Cow::Borrowed(&result.trace.entries),
        side_effects: &result.trace.side_effects,
        printed: Cow::Borrowed(&result.printed),
        left_out: of_trace(&result.trace),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Kind;
    use crate::limits::Limit;
    use crate::scenario::{Id, Origin, Variant};
    use crate::trace::Outcome;

    /// A case with this number of entries, each with an action of this length, that was stopped.
    fn result(entries: usize, length: usize) -> CaseResult {
        let entry = |result| Entry::new(1, "x".repeat(length), result);
        let mut trace = Trace {
            entries: vec![entry(Outcome::Done); entries],
            ..Trace::default()
        };
        trace.entries.push(entry(Outcome::Stopped(Limit::Calls(9))));
        let findings: Vec<Finding> = Finding::end(&trace).into_iter().collect();
        CaseResult {
            scenario: Id::new("own/case").expect("an id"),
            variant: Variant::parse("tls1.3/client").expect("a variant"),
            backend: "own".to_owned(),
            printed: Printed {
                stdout: "\u{1}".repeat(4096),
                stderr: String::new(),
            },
            verdict: Verdict::Stopped("after 9 calls".to_owned()),
            findings: vec![findings[0].clone(); entries.max(1)],
            root: None,
            steps: 1,
            more: Vec::new(),
            differences: Vec::new(),
            normalised: 0,
            exercised: Vec::new(),
            recorded: Recorded::Untracked,
            origin: Origin::Library,
            trace,
        }
    }

    fn bytes(cases: &[Case<'_>]) -> usize {
        cases.iter().map(Case::size).sum()
    }

    #[test]
    fn large_case_is_whole_while_the_report_is_small_enough() {
        let mut results = vec![result(0, 1); 10];
        results.push(result(900, 100));
        let cases = cases(&results);
        assert!(cases[10].size() > 5 * CASE_IN_JSON);
        assert!(cases.iter().all(|case| case.left_out.is_nothing()));
    }

    #[test]
    fn oversized_report_keeps_a_share_of_each_case_and_its_worst_finding() {
        let results = vec![result(900, 1000); 100];
        let whole: Vec<_> = results.iter().map(case).collect();
        assert!(bytes(&whole) > CASE_IN_JSON * CASES_IN_JSON);
        let cases = cases(&results);
        for (case, result) in cases.iter().zip(&results) {
            assert!(case.size() <= CASE_IN_JSON, "{} bytes", case.size());
            assert_eq!(
                case.digest,
                result.trace.digest(),
                "digest of the whole trace"
            );
            let last = case.steps.last().expect("steps");
            assert!(last.result.is_end(), "{last:?}");
            assert_eq!(case.findings[0].kind, Kind::Stop);
            let LeftOut {
                steps, findings, ..
            } = case.left_out;
            assert_eq!(steps + case.steps.len(), 901);
            assert_eq!(findings + case.findings.len(), 900);
        }
    }
}
