//! The report of `writeproof run` as text: broken clauses, a table of families by backends, the
//! differences from the reference, what is unexpected, and a summary.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use super::layout::{align, count};
use super::{Checked, Counts, Report, Share, muted_line, normalised_line, reasons, wrong};
use crate::judge::{Difference, Finding, Kind, Recorded, Verdict};
use crate::run::{CaseResult, Surprise};
use crate::scenario::{Id, Variant};

impl Report<'_> {
    /// The whole report. `again` returns the command that shows a result; `required` is how many
    /// percent of the cases have to be applicable.
    pub fn text(
        &self,
        duration: Duration,
        required: Option<u8>,
        again: &dyn Fn(&CaseResult) -> String,
    ) -> String {
        let untested = self.untested(required);
        let parts = [
            self.wrong(again),
            self.known(),
            self.table(),
            self.divergences(),
            self.lacks(),
            self.missing(),
            self.surprises(),
            self.stale(),
            normalised_line(self.results) + &muted_line(&self.muted()),
            self.judged_as(),
            self.summary(duration, untested.is_empty()),
            untested.iter().map(|one| format!("{one}\n")).collect(),
        ];
        let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join("\n")
    }

    /// Violations and crashes without a known issue.
    fn wrong(&self, again: &dyn Fn(&CaseResult) -> String) -> String {
        let results: Vec<&CaseResult> = self.results.iter().collect();
        wrong::wrong(&results, self.contract, again)
    }

    /// Violations and crashes that known issues explain.
    fn known(&self) -> String {
        let results: Vec<&CaseResult> = self.results.iter().collect();
        wrong::known(&results)
    }

    /// As which libraries the shared objects of the user were judged.
    pub(crate) fn judged_as(&self) -> String {
        let line =
            |checked: &Checked<'_>| format!("{} is judged as {}\n", checked.id, checked.judged_as);
        self.checked.iter().map(line).collect()
    }

    /// Known issues that no longer occur.
    pub(crate) fn stale(&self) -> String {
        let mut text = String::new();
        for stale in &self.stale {
            let _ = writeln!(text, "  {stale}");
        }
        if text.is_empty() {
            text
        } else {
            format!("Known issues that no longer occur:\n{text}")
        }
    }

    /// Whether a result does not match its snapshot or has an unexpected finding.
    fn is_unexpected(&self, result: &CaseResult) -> bool {
        self.surprise(result) > Surprise::None
    }

    /// How many scenarios there are.
    pub(crate) fn scenarios(&self) -> usize {
        let mut ids: Vec<_> = self.results.iter().map(|result| &result.scenario).collect();
        ids.dedup();
        ids.len()
    }

    /// Families by backends.
    fn table(&self) -> String {
        let mut families: Vec<&str> = self.results.iter().map(|r| r.scenario.family()).collect();
        families.dedup();
        let mut counts: BTreeMap<(&str, &str), Counts> = BTreeMap::new();
        for result in self.results {
            let cell = (result.scenario.family(), result.backend.as_str());
            counts
                .entry(cell)
                .or_default()
                .add(result, self.surprise(result));
        }
        let mut rows = vec![vec!["family".to_owned()]];
        rows[0].extend(self.backends.iter().map(|about| about.id.clone()));
        for family in families {
            let mut row = vec![family.to_owned()];
            row.extend(self.backends.iter().map(|about| {
                let counts = counts.get(&(family, about.id.as_str()));
                cell_text(counts.copied().unwrap_or_default())
            }));
            rows.push(row);
        }
        align(&rows)
    }

    /// Every case that differs from the reference, and how. Variants with the same differences
    /// share an entry.
    pub(crate) fn divergences(&self) -> String {
        let mut text = String::new();
        let mut shown = None;
        for (result, variants, differences) in self.grouped() {
            if shown != Some(&result.scenario) {
                let _ = writeln!(text, "{}", result.scenario);
                shown = Some(&result.scenario);
            }
            let variants: Vec<String> = variants.iter().map(ToString::to_string).collect();
            let _ = writeln!(text, "  {}  {}", result.backend, variants.join(" "));
            for (step, action, aspects) in by_action(differences) {
                let _ = writeln!(text, "    step {step}, {action}: {}", aspects.join("; "));
            }
        }
        if text.is_empty() {
            text
        } else {
            format!("Differences from {}:\n{text}", self.reference)
        }
    }

    /// The cases that differ: a result, the variants with the same differences, and the
    /// differences.
    fn grouped(&self) -> Vec<(&CaseResult, Vec<Variant>, &[Difference])> {
        let mut groups: Vec<(&CaseResult, Vec<Variant>, &[Difference])> = Vec::new();
        // The groups of each scenario and backend, which are few.
        let mut places: BTreeMap<(&Id, &str), Vec<usize>> = BTreeMap::new();
        for result in self.results {
            let differences = result.differences.as_slice();
            if differences.is_empty() {
                continue;
            }
            let places = places
                .entry((&result.scenario, &result.backend))
                .or_default();
            match places.iter().find(|place| groups[**place].2 == differences) {
                Some(&place) => groups[place].1.push(result.variant),
                None => {
                    places.push(groups.len());
                    groups.push((result, vec![result.variant], differences));
                }
            }
        }
        groups
    }

    /// What share of the cases was applicable to each library, if not all, and why the others were
    /// not.
    fn lacks(&self) -> String {
        let mut text = String::new();
        for about in &self.backends {
            let results = || {
                self.results
                    .iter()
                    .filter(|result| result.backend == about.id)
            };
            let reasons = reasons(results());
            if !reasons.is_empty() {
                let _ = writeln!(text, "  {}  {}", about.id, Share::of(results()));
            }
            for (reason, cases) in reasons {
                let _ = writeln!(text, "    {}: {reason}", count(cases, "case"));
            }
        }
        if text.is_empty() {
            text
        } else {
            format!("Not applicable, by reason:\n{text}")
        }
    }

    /// Backends that were selected but are missing on this machine.
    fn missing(&self) -> String {
        let rows: Vec<Vec<String>> = self
            .missing
            .iter()
            .map(|missing| vec![format!("  {}", missing.id), missing.reason.clone()])
            .collect();
        if rows.is_empty() {
            String::new()
        } else {
            format!("Missing backends:\n{}", align(&rows))
        }
    }

    /// The first unexpected cases: a line for each scenario and backend.
    pub(crate) fn surprises(&self) -> String {
        /// How many lines are shown at most; the JSON report has all cases.
        const SHOWN: usize = 40;
        let mut lines: Vec<(&CaseResult, Vec<String>)> = Vec::new();
        let mut places: BTreeMap<(&Id, &str), Vec<usize>> = BTreeMap::new();
        let is_unexpected = |result: &&CaseResult| self.is_unexpected(result);
        for result in self.results.iter().filter(is_unexpected) {
            let places = places
                .entry((&result.scenario, &result.backend))
                .or_default();
            let like = |place: &&usize| lines[**place].0.recorded == result.recorded;
            match places.iter().find(like) {
                Some(&place) => lines[place].1.push(result.variant.to_string()),
                None => {
                    places.push(lines.len());
                    lines.push((result, vec![result.variant.to_string()]));
                }
            }
        }
        if lines.is_empty() {
            return String::new();
        }
        let mut text = String::from("Unexpected:\n");
        for (result, variants) in lines.iter().take(SHOWN) {
            let unknown = |finding: &&Finding| finding.known.is_none();
            let worst = result.findings.iter().find(unknown).map(|found| found.kind);
            let why = match (&result.verdict, result.recorded) {
                (Verdict::Crashed(_), _) => "crashed",
                (Verdict::Hung(_), _) => "hung",
                (Verdict::Stopped(_), _) => "was stopped",
                _ if worst == Some(Kind::Violation) => "breaks the contract",
                (_, Recorded::Changed) => "does not match its snapshot",
                (_, Recorded::Never) => "has no snapshot",
                (_, Recorded::Untracked) => "differs",
                (_, Recorded::Unchanged) => "differs without a known issue",
            };
            let (id, backend) = (&result.scenario, &result.backend);
            let _ = writeln!(text, "  {id} on {backend} {why}: {}", variants.join(" "));
        }
        if lines.len() > SHOWN {
            let _ = writeln!(text, "  … and {} more lines", lines.len() - SHOWN);
        }
        text
    }

    /// A line with all counts, and lines that explain the exit code; `is_tested` unless a library was
    /// tested too little for "nothing unexpected" to mean anything.
    fn summary(&self, duration: Duration, is_tested: bool) -> String {
        let counts = self.counts_of(self.results);
        let mut text = format!(
            "{}, {}, {}: {}, in {:.2} s\n",
            count(self.scenarios(), "scenario"),
            count(counts.cases(), "case"),
            count(self.backends.len(), "backend"),
            counts.words(),
            duration.as_secs_f64(),
        );
        let outside = |r: &&CaseResult| r.recorded == Recorded::Never && !self.is_unexpected(r);
        let outside = self.results.iter().filter(outside).count();
        if outside > 0 {
            let cases = count(outside, "case");
            let _ = writeln!(
                text,
                "{cases} of your own scenarios, which have no snapshots to compare with"
            );
        }
        match counts.unexpected {
            0 if outside > 0 || !is_tested => {}
            0 if self.stale.is_empty() => text.push_str("nothing unexpected\n"),
            0 => text.push_str("known issues are out of date\n"),
            unexpected => {
                let shoulds = counts.should_alone;
                let untracked =
                    |r: &&CaseResult| self.is_unexpected(r) && r.recorded == Recorded::Untracked;
                let unrecorded = self.results.iter().filter(untracked).count();
                if unexpected > unrecorded {
                    let cases = count(unexpected - unrecorded, "case");
                    let _ = writeln!(
                        text,
                        "{cases} unexpected: not as in their snapshots, or with findings that no known issue explains"
                    );
                }
                if unrecorded > 0 {
                    let cases = count(unrecorded, "case");
                    let _ = writeln!(
                        text,
                        "{cases} unexpected, of libraries without snapshots (compared with {})",
                        self.reference
                    );
                }
                if shoulds > 0 {
                    let cases = count(shoulds, "case");
                    let _ = writeln!(text, "of these, {cases} break only \"should\" clauses");
                }
            }
        }
        text
    }
}

fn cell_text(counts: Counts) -> String {
    let part = |number: usize, word: &str| (number > 0).then(|| format!("{number} {word}"));
    let parts: Vec<String> = [
        part(counts.conforms, "conform"),
        part(counts.violates, "violate"),
        part(counts.differs, "differ"),
        part(counts.not_applicable, "n/a"),
        part(counts.crashed, "CRASHED"),
        part(counts.hung, "HUNG"),
        part(counts.stopped, "STOPPED"),
        part(counts.unexpected, "UNEXPECTED"),
    ]
    .into_iter()
    .flatten()
    .collect();
    if parts.is_empty() {
        "-".to_owned()
    } else {
        parts.join(", ")
    }
}

/// The differences grouped by call: step, action, aspects.
fn by_action(differences: &[Difference]) -> Vec<(usize, &str, Vec<String>)> {
    let mut actions: Vec<(usize, &str, Vec<String>)> = Vec::new();
    for difference in differences {
        match actions.last_mut() {
            Some((step, action, aspects))
                if *step == difference.step && *action == difference.action =>
            {
                aspects.push(difference.to_string());
            }
            _ => actions.push((
                difference.step,
                &difference.action,
                vec![difference.to_string()],
            )),
        }
    }
    actions
}
