//! The report of `writeproof check` on a shared object: what was loaded, the self-check, what is
//! wrong, and what differs. Similar cases are grouped, and each group has the command that shows
//! its first case.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use super::layout::{align, count, cut, without_the_case};
use super::{Checked, Counts, Report, Share, muted_line, normalised_line, reasons, wrong};
use crate::judge::{Finding, Kind};
use crate::run::CaseResult;
use crate::scenario::Origin;
use crate::self_check::{self, Check, Claim};

/// How many groups are shown at most; the JSON report has every case.
const SHOWN: usize = 60;

impl Report<'_> {
    /// The report on the libraries that were checked. `again` returns the command that shows a
    /// result next to that of the reference; `required` is how many percent of the cases have to be
    /// applicable.
    pub fn check(
        &self,
        duration: Duration,
        required: Option<u8>,
        again: &dyn Fn(&CaseResult) -> String,
    ) -> String {
        let mut parts = Vec::new();
        for checked in &self.checked {
            let results: Vec<&CaseResult> = self
                .results
                .iter()
                .filter(|result| result.backend == checked.id)
                .collect();
            parts.push(loaded(checked));
            parts.push(self.summary_of(checked.id, &results));
            parts.push(wrong::wrong(&results, self.contract, again));
            parts.push(wrong::known(&results));
            parts.push(groups(&results, self.reference, again));
            parts.push(not_run(self.share(checked.id), &results));
            parts.push(printed(&results));
        }
        parts.push(self.stale());
        parts.push(normalised_line(self.results) + &muted_line(&self.muted()));
        parts.push(
            self.compared
                .as_ref()
                .map_or_else(String::new, ToString::to_string),
        );
        parts.push(self.conclusion(required, duration));
        let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join("\n")
    }

    /// The last lines, which explain the exit code.
    fn conclusion(&self, required: Option<u8>, duration: Duration) -> String {
        let untested = self.untested(required);
        let mut text: String = untested.iter().map(|one| format!("{one}\n")).collect();
        let counts = self.counts_of(self.results);
        let seconds = duration.as_secs_f64();
        let _ = match (counts.unexpected, untested.is_empty()) {
            (0, true) => writeln!(text, "nothing unexpected, in {seconds:.2} s"),
            (0, false) => writeln!(text, "finished in {seconds:.2} s"),
            (cases, _) => writeln!(
                text,
                "{} unexpected, in {seconds:.2} s{}",
                count(cases, "case"),
                should_alone(counts)
            ),
        };
        text
    }

    fn share(&self, id: &str) -> Share {
        Share::of(self.results.iter().filter(|result| result.backend == id))
    }

    fn summary_of(&self, id: &str, results: &[&CaseResult]) -> String {
        let counts = self.counts_of(results.iter().copied());
        format!(
            "{id} against {}, {} of {}: {}\n",
            self.reference,
            count(counts.cases(), "case"),
            count(self.scenarios(), "scenario"),
            counts.words(),
        )
    }
}

/// How many of the unexpected cases only break clauses that say *should*.
fn should_alone(counts: Counts) -> String {
    match counts.should_alone {
        0 => String::new(),
        cases => {
            format!("; {cases} of these break only \"should\" clauses, which count with --strict")
        }
    }
}

/// What was loaded, and the results of the self-check.
fn loaded(checked: &Checked<'_>) -> String {
    let loaded = checked.loaded;
    let mut rows = vec![
        ("file", loaded.path.display().to_string()),
        ("libcrypto", loaded.libcrypto.to_string()),
        ("transport", loaded.transport.to_string()),
        ("judged as", checked.judged_as.to_string()),
    ];
    if let Some(prefix) = &loaded.prefix {
        rows.push(("prefix", prefix.clone()));
    }
    let known = loaded.has.len() + loaded.lacks.len();
    rows.push((
        "functions",
        format!("{} of the {known} that the suite can use", loaded.has.len()),
    ));
    rows.push((
        "lacks",
        if loaded.lacks.is_empty() {
            "nothing".to_owned()
        } else {
            loaded.lacks.join(", ")
        },
    ));
    if !checked.unconfined.is_empty() {
        rows.push(("not confined", checked.unconfined.join("; ")));
    }
    for (name, text) in [
        ("printed", &checked.printed.stdout),
        ("printed (stderr)", &checked.printed.stderr),
    ] {
        if !text.is_empty() {
            rows.push((name, first_line(text)));
        }
    }
    rows.extend(
        self_checked(&checked.checks)
            .into_iter()
            .map(|line| ("self-check", line)),
    );
    let rows: Vec<Vec<String>> = rows
        .into_iter()
        .map(|(name, what)| vec![format!("  {name}"), what])
        .collect();
    format!("{}: {}\n{}", checked.id, loaded.version, align(&rows))
}

/// One line if all checks pass; else one more for each claim that does not hold.
fn self_checked(checks: &[Check]) -> Vec<String> {
    let mut lines: BTreeMap<(Claim, String), Vec<&str>> = BTreeMap::new();
    let mut held = 0;
    for check in checks {
        let outcome = match &check.outcome {
            self_check::CheckOutcome::Holds => {
                held += 1;
                continue;
            }
            self_check::CheckOutcome::NotApplicable(why) => format!("not applicable: {why}"),
            self_check::CheckOutcome::Fails(seen) => {
                format!("FAILED, a fault of the suite's adapter, not of the library: {seen}")
            }
            self_check::CheckOutcome::Library(seen) => {
                format!("no, because of the library: {seen}")
            }
        };
        lines
            .entry((check.claim, outcome))
            .or_default()
            .push(&check.variant);
    }
    let mut text = match (held, checks.len()) {
        (_, 0) => Vec::new(),
        (held, all) if held == all => {
            vec![format!("all {all} checks passed: the adapter works")]
        }
        (held, all) => vec![format!("{held} of {all} checks passed")],
    };
    text.extend(lines.into_iter().map(|((claim, outcome), variants)| {
        cut(&format!("{claim}, {}: {outcome}", variants.join(" ")))
    }));
    text
}

/// Cases with the same difference.
struct Group<'r> {
    first: &'r CaseResult,
    text: String,
    cases: usize,
}

/// The unexpected differences, grouped, the largest group first.
fn groups(
    results: &[&CaseResult],
    reference: &str,
    again: &dyn Fn(&CaseResult) -> String,
) -> String {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for &result in results {
        let differs =
            |finding: &&Finding| finding.kind == Kind::Difference && finding.known.is_none();
        let Some(finding) = result.findings.iter().find(differs) else {
            continue;
        };
        let text = format!("{}: {}", finding.action, finding.seen);
        let place = *places
            .entry(without_the_case(&text))
            .or_insert(groups.len());
        if let Some(group) = groups.get_mut(place) {
            group.cases += 1;
        } else {
            groups.push(Group {
                first: result,
                text,
                cases: 1,
            });
        }
    }
    if groups.is_empty() {
        return String::new();
    }
    groups.sort_by_key(|group| std::cmp::Reverse(group.cases));
    let mut text =
        format!("Differences from {reference}, grouped by the first call that differs:\n");
    for (number, group) in groups.iter().enumerate().take(SHOWN) {
        let result = group.first;
        let _ = writeln!(
            text,
            "{:3}. {}\n     {}, e.g. {} {}\n     {}",
            number + 1,
            cut(&group.text),
            count(group.cases, "case"),
            result.scenario,
            result.variant,
            again(result),
        );
    }
    if groups.len() > SHOWN {
        let left = &groups[SHOWN..];
        let cases: usize = left.iter().map(|group| group.cases).sum();
        let _ = writeln!(
            text,
            "     … and {} more, with {}; --format json lists all",
            count(left.len(), "group"),
            count(cases, "case")
        );
    }
    text
}

/// The command that shows a result; `libraries` are the arguments that select its library.
pub fn shown_by(result: &CaseResult, libraries: &str) -> String {
    let scenario = match &result.origin {
        Origin::Library => result.scenario.to_string(),
        Origin::File(path) => quoted(path),
    };
    let variant = result.variant;
    format!("writeproof show {scenario} --variant {variant} {libraries}")
}

/// What share of the cases was applicable, and why the others were not.
fn not_run(share: Share, results: &[&CaseResult]) -> String {
    let mut text = format!("{share}\n");
    let reasons = reasons(results.iter().copied());
    if !reasons.is_empty() {
        text.push_str("Not applicable, by reason:\n");
    }
    for (reason, cases) in reasons {
        let _ = writeln!(text, "  {}: {reason}", count(cases, "case"));
    }
    text
}

fn printed(results: &[&CaseResult]) -> String {
    let loud: Vec<_> = results.iter().filter(|r| !r.printed.is_empty()).collect();
    let Some(first) = loud.first() else {
        return String::new();
    };
    let printed = if first.printed.stdout.is_empty() {
        &first.printed.stderr
    } else {
        &first.printed.stdout
    };
    format!(
        "The library printed something in {}, e.g. in {} {}:\n  {}\n",
        count(loud.len(), "case"),
        first.scenario,
        first.variant,
        first_line(printed),
    )
}

/// The first line with a letter or a digit: a sanitizer's report starts with a line of `=`.
fn first_line(text: &str) -> String {
    let says = |line: &&str| line.contains(char::is_alphanumeric);
    cut(text.lines().find(says).unwrap_or_default())
}

/// The path, quoted as one word for a shell if needed.
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grouping_key_ignores_the_details_of_a_case() {
        let key = without_the_case(
            "retry 20000: returns -1 instead of 0; error queue system library:EPIPE",
        );
        assert_eq!(
            key.trim_end(),
            "write n: returns -1 instead of 0; error queue system library:errno"
        );
        assert_ne!(key, without_the_case("write 0: returns -1 instead of 0"));
    }

    #[test]
    fn first_line_skips_lines_without_words() {
        assert_eq!(
            first_line("=====\n==7==ERROR: here\nthere"),
            "==7==ERROR: here"
        );
        assert_eq!(first_line("===\n"), "");
    }

    #[test]
    fn quoted_path_is_one_word_for_a_shell() {
        assert_eq!(
            quoted(Path::new("/usr/lib/libssl.so.3")),
            "/usr/lib/libssl.so.3"
        );
        assert_eq!(quoted(Path::new("it's here")), r"'it'\''s here'");
    }
}
