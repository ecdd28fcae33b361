//! The report for a person: a table of families by backends, what differs from the reference and
//! how, what is not as recorded, and a summary.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Checked, Counts, Report, Share, muted_line, normalised_line, reasons, wrong};
use crate::judge::{Difference, Finding, Kind, Recorded, Verdict};
use crate::run::{CaseResult, Surprise};
use crate::scenario::Variant;

impl Report<'_> {
    /// The whole report; `again` says which command shows a result once more, and `required` is how many percent of the
    /// cases have to be applicable.
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
            self.summary(duration),
            untested.iter().map(|one| format!("{one}\n")).collect(),
        ];
        let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join("\n")
    }

    /// What is wrong and not known.
    fn wrong(&self, again: &dyn Fn(&CaseResult) -> String) -> String {
        let results: Vec<&CaseResult> = self.results.iter().collect();
        wrong::wrong(&results, self.manual, again)
    }

    /// What is wrong and known.
    fn known(&self) -> String {
        let results: Vec<&CaseResult> = self.results.iter().collect();
        wrong::known(&results)
    }

    /// As which libraries those were judged that the user named.
    pub fn judged_as(&self) -> String {
        let line =
            |checked: &Checked<'_>| format!("{} is judged as {}\n", checked.id, checked.judged_as);
        self.checked.iter().map(line).collect()
    }

    /// Entries of the ledger whose finding did not come.
    pub fn stale(&self) -> String {
        let mut text = String::new();
        for stale in &self.stale {
            let _ = writeln!(text, "  {stale}");
        }
        match text.is_empty() {
            true => text,
            false => format!("In the ledger, but not found any more:\n{text}"),
        }
    }

    /// Whether a result is not as recorded, or not known.
    fn is_unexpected(&self, result: &CaseResult) -> bool {
        result.surprise(self.manual) > Surprise::None
    }

    /// How many scenarios there are.
    pub fn scenarios(&self) -> usize {
        let mut ids: Vec<_> = self.results.iter().map(|result| &result.scenario).collect();
        ids.dedup();
        ids.len()
    }

    /// Families by backends.
    fn table(&self) -> String {
        let mut families: Vec<&str> = self.results.iter().map(|r| r.scenario.family()).collect();
        families.dedup();
        let mut rows = vec![vec!["family".to_owned()]];
        rows[0].extend(self.backends.iter().map(|about| about.id.clone()));
        for family in families {
            let mut row = vec![family.to_owned()];
            row.extend(self.backends.iter().map(|about| {
                let cell = |r: &&CaseResult| r.backend == about.id && r.scenario.family() == family;
                cell_text(Counts::of(self.results.iter().filter(cell), self.manual))
            }));
            rows.push(row);
        }
        align(&rows)
    }

    /// Every case that differs from the reference, and how; variants that differ in the same way
    /// are told once.
    pub fn divergences(&self) -> String {
        let mut text = String::new();
        let mut told = None;
        for (result, variants, differences) in self.grouped() {
            if told != Some(&result.scenario) {
                let _ = writeln!(text, "{}", result.scenario);
                told = Some(&result.scenario);
            }
            let variants: Vec<String> = variants.iter().map(ToString::to_string).collect();
            let _ = writeln!(text, "  {}  {}", result.backend, variants.join(" "));
            for (step, action, aspects) in by_action(differences) {
                let _ = writeln!(text, "    step {step}, {action}: {}", aspects.join("; "));
            }
        }
        match text.is_empty() {
            true => text,
            false => format!("What differs from {}:\n{text}", self.reference),
        }
    }

    /// The cases that differ: a result, the variants with the same differences, and these.
    fn grouped(&self) -> Vec<(&CaseResult, Vec<Variant>, &[Difference])> {
        let mut groups: Vec<(&CaseResult, Vec<Variant>, &[Difference])> = Vec::new();
        for result in self.results {
            let differences = result.differences.as_slice();
            if differences.is_empty() {
                continue;
            }
            let like = groups.iter_mut().find(|(first, _, known)| {
                first.scenario == result.scenario
                    && first.backend == result.backend
                    && *known == differences
            });
            match like {
                Some((_, variants, _)) => variants.push(result.variant),
                None => groups.push((result, vec![result.variant], differences)),
            }
        }
        groups
    }

    /// What share of the cases each library ran, where that is not all, and why it did not run the others.
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
        match text.is_empty() {
            true => text,
            false => format!("What could not be run, and why:\n{text}"),
        }
    }

    /// Backends that were not in the run although they were wanted.
    fn missing(&self) -> String {
        let rows: Vec<Vec<String>> = self
            .missing
            .iter()
            .map(|missing| vec![format!("  {}", missing.id), missing.reason.clone()])
            .collect();
        match rows.is_empty() {
            true => String::new(),
            false => format!("Not in this run:\n{}", align(&rows)),
        }
    }

    /// What is not as recorded: a line for each scenario and backend, the first of them only.
    pub fn surprises(&self) -> String {
        /// More lines than a screen holds help nobody; JSON has them all.
        const TOLD: usize = 40;
        let mut lines: Vec<(&CaseResult, Vec<String>)> = Vec::new();
        let is_unexpected = |result: &&CaseResult| self.is_unexpected(result);
        for result in self.results.iter().filter(is_unexpected) {
            let like = lines.iter_mut().rev().find(|(first, _)| {
                first.scenario == result.scenario
                    && first.backend == result.backend
                    && first.recorded == result.recorded
            });
            match like {
                Some((_, variants)) => variants.push(result.variant.to_string()),
                None => lines.push((result, vec![result.variant.to_string()])),
            }
        }
        if lines.is_empty() {
            return String::new();
        }
        let mut text = String::from("Unexpected:\n");
        for (result, variants) in lines.iter().take(TOLD) {
            let unknown = |finding: &&Finding| finding.known.is_none();
            let worst = result.findings.iter().find(unknown).map(|found| found.kind);
            let why = match (&result.verdict, result.recorded) {
                (Verdict::Crashed(_), _) => "crashed",
                (Verdict::Hung(_), _) => "hung",
                (Verdict::Stopped(_), _) => "was stopped",
                _ if worst == Some(Kind::Violation) => "breaks the contract",
                (_, Recorded::Changed) => "is not as recorded",
                (_, Recorded::Never) => "was never recorded",
                (_, Recorded::Untracked) => "differs",
                (_, Recorded::AsRecorded) => "differs, which the ledger does not know",
            };
            let (id, backend) = (&result.scenario, &result.backend);
            let _ = writeln!(text, "  {id} on {backend} {why}: {}", variants.join(" "));
        }
        if lines.len() > TOLD {
            let _ = writeln!(text, "  … and {} lines more", lines.len() - TOLD);
        }
        text
    }

    /// One line with all counts, and one that says what they mean for the exit code.
    fn summary(&self, duration: Duration) -> String {
        let counts = Counts::of(self.results, self.manual);
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
            let _ = writeln!(text, "{cases} outside the library: nothing to compare with");
        }
        match counts.unexpected {
            0 if outside > 0 => {}
            0 if self.stale.is_empty() => text.push_str("everything is as recorded and known\n"),
            0 => text.push_str("the ledger is not up to date\n"),
            unexpected => {
                let shoulds = counts.should_alone;
                let stranger =
                    |r: &&CaseResult| self.is_unexpected(r) && r.recorded == Recorded::Untracked;
                let strangers = self.results.iter().filter(stranger).count();
                if unexpected > strangers {
                    let cases = count(unexpected - strangers, "case");
                    let _ = writeln!(text, "{cases} not as recorded, or not known");
                }
                if strangers > 0 {
                    let cases = count(strangers, "case");
                    let _ = writeln!(
                        text,
                        "{cases} not like {}, of libraries that nothing was recorded of",
                        self.reference
                    );
                }
                if shoulds > 0 {
                    let cases = count(shoulds, "case");
                    let _ = writeln!(text, "of these, {cases} for clauses alone that say should");
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
    match parts.is_empty() {
        true => "-".to_owned(),
        false => parts.join(", "),
    }
}

/// `1 case`, `2 cases`.
pub(crate) fn count(number: usize, word: &str) -> String {
    match number {
        1 => format!("1 {word}"),
        _ => format!("{number} {word}s"),
    }
}

/// `1 entry`, `2 entries`.
pub(super) fn count_entries(number: usize) -> String {
    match number {
        1 => "1 entry".to_owned(),
        _ => format!("{number} entries"),
    }
}

/// Differences of one call together: step, action, aspects.
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

/// Columns as wide as their widest cell, two spaces apart.
pub fn align(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, &width)| format!("{cell:width$}"))
            .collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}
