//! The first screen of a report: what was tested, the new clusters, and a line each for what is
//! known and for what did not run. At most [`LINES`] lines for any number of findings.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use anstyle::{AnsiColor, Style};

use super::clusters::Cluster;
use super::layout::{count, fitted};
use super::{Checked, Report, Share, reasons};
use crate::contract::{Severity, Strength};
use crate::judge::Recorded;
use crate::run::CaseResult;
use crate::scenario::Origin;
use crate::self_check::CheckOutcome;

/// The most lines of a first screen.
pub const LINES: usize = 40;

/// The most clusters that it shows.
const CLUSTERS: usize = 10;

/// The most clusters that it shows with what was expected and seen.
const DETAILED: usize = 5;

/// The most lines about libraries, and about known issues that no longer occur.
const LIBRARIES: usize = 4;
const STALE: usize = 3;

/// The longest line, in characters.
const WIDTH: usize = 150;

/// Whether the text is for a terminal that shows colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    /// It is.
    Yes,
    /// It is not.
    No,
}

impl Colour {
    /// The text in this style. It says the same without.
    fn paint(self, style: Style, text: &str) -> String {
        match self {
            Self::Yes => format!("{style}{text}{style:#}"),
            Self::No => text.to_owned(),
        }
    }
}

impl Report<'_> {
    /// The first screen. `required` is how many percent of the cases have to be applicable.
    pub(crate) fn screen(
        &self,
        duration: Duration,
        required: Option<u8>,
        colour: Colour,
    ) -> String {
        let parts = [
            self.tested(),
            self.new_clusters(colour),
            self.unrecorded(),
            self.outdated(),
            self.known_line() + &self.accepted() + &self.not_run(),
            self.verdict(duration, required, colour),
        ];
        let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join("\n")
    }

    /// What was tested.
    fn tested(&self) -> String {
        let mut text = String::new();
        for checked in self.checked.iter().take(LIBRARIES) {
            let line = format!(
                "{}: {}, judged as {}",
                checked.id, checked.loaded.version, checked.judged_as
            );
            let _ = writeln!(text, "{}", fitted(&line, WIDTH));
            text.push_str(&self_check(checked));
        }
        let others = self.backends.iter().filter(|about| {
            let is_checked = |checked: &Checked<'_>| checked.id == about.id;
            !self.checked.iter().any(is_checked)
        });
        let others: Vec<String> = others
            .map(|about| format!("{} {}", about.id, about.version))
            .collect();
        if !others.is_empty() {
            let _ = writeln!(text, "{}", fitted(&others.join(", "), WIDTH));
        }
        let counts = self.counts_of(self.results);
        let _ = writeln!(
            text,
            "{}, {}, against {}: {}",
            count(self.scenarios(), "scenario"),
            count(counts.cases(), "case"),
            self.reference,
            counts.words(),
        );
        text
    }

    fn new_clusters(&self, colour: Colour) -> String {
        if self.clusters.is_empty() {
            return String::new();
        }
        let cases: usize = self.clusters.iter().map(Cluster::cases).sum();
        let is_general = |cluster: &&Cluster| cluster.like.is_none();
        let clusters: Vec<&Cluster> = self.clusters.iter().filter(is_general).collect();
        let similar = match self.clusters.len() - clusters.len() {
            0 => String::new(),
            similar => format!(", and {similar} that are special forms of one of them"),
        };
        let mut text = format!(
            "New: {}{similar}, in {}; the most serious first\n",
            count(clusters.len(), "cluster"),
            count(cases, "case"),
        );
        let wrong = clusters.iter().filter(|cluster| cluster.is_wrong()).count();
        for (number, cluster) in clusters.iter().take(CLUSTERS).enumerate() {
            if number == wrong {
                text.push_str("Differences that break no clause:\n");
            }
            let _ = writeln!(text, "{:3}. {}", number + 1, self.headline(cluster, colour));
            if number < DETAILED && cluster.is_wrong() {
                text.push_str(&details(cluster));
            }
        }
        if clusters.len() > CLUSTERS {
            let left = count(clusters.len() - CLUSTERS, "cluster");
            let _ = writeln!(
                text,
                "     … and {left} more: see --verbose or --format json"
            );
        }
        text
    }

    /// A cluster in a line.
    fn headline(&self, cluster: &Cluster, colour: Colour) -> String {
        let what = match (cluster.severity, cluster.strength) {
            (_, Some(Strength::Should)) => "should",
            (Some(severity), _) => severity.as_str(),
            (None, _) => "differs",
        };
        let style = match cluster.severity {
            Some(Severity::Data | Severity::Connection) => AnsiColor::Red.on_default().bold(),
            Some(_) => AnsiColor::Yellow.on_default(),
            None => Style::new(),
        };
        let what = colour.paint(style, what);
        let is_special = |other: &&Cluster| other.like.as_ref() == Some(&cluster.id);
        let special = self.clusters.iter().filter(is_special);
        let similar: usize = special.map(Cluster::cases).sum();
        let mut cases = count(cluster.cases(), "case");
        if similar > 0 {
            let _ = write!(cases, " and {similar} similar");
        }
        let who = if self.backends.len() > 1 {
            let names: Vec<&str> = cluster.libraries.keys().map(String::as_str).collect();
            format!(" on {}", names.join(" "))
        } else {
            String::new()
        };
        let caller = match cluster.misuse {
            Some(misuse) => format!("; the caller {}", misuse.as_str()),
            None => String::new(),
        };
        let clause = match &cluster.signature.clause {
            Some(clause) => format!("  {clause}"),
            None => String::new(),
        };
        format!("{what}  {}{clause}  {cases}{who}{caller}", cluster.id)
    }

    /// Cases that do not match their snapshots, in a line.
    fn unrecorded(&self) -> String {
        let is = |wanted: Recorded| move |result: &&CaseResult| result.recorded == wanted;
        let mut text = String::new();
        for (recorded, what) in [
            (Recorded::Changed, "do not match their snapshots"),
            (Recorded::Never, "of the suite have no snapshot"),
        ] {
            let is_own = |result: &&CaseResult| result.origin == Origin::Library;
            let mut cases = self.results.iter().filter(is(recorded)).filter(is_own);
            let Some(first) = cases.next() else {
                continue;
            };
            let _ = writeln!(
                text,
                "{} {what}, such as {} {} on {}",
                count(1 + cases.count(), "case"),
                first.scenario,
                first.variant,
                first.backend,
            );
        }
        text
    }

    /// Known issues that no longer occur.
    fn outdated(&self) -> String {
        if self.stale.is_empty() {
            return String::new();
        }
        let mut text = format!(
            "{} no longer occur:\n",
            count(self.stale.len(), "known issue")
        );
        for stale in self.stale.iter().take(STALE) {
            let _ = writeln!(text, "  {}", fitted(&stale.to_string(), WIDTH));
        }
        if self.stale.len() > STALE {
            let _ = writeln!(text, "  … and {} more", self.stale.len() - STALE);
        }
        text
    }

    /// What known issues explain, in a line.
    fn known_line(&self) -> String {
        let muted = self.muted();
        if muted.is_empty() {
            return String::new();
        }
        let rows = muted.rows();
        let findings: usize = rows.iter().map(|row| row.count.findings).sum();
        format!(
            "Known: {} explained by {}\n",
            count(findings, "finding"),
            count(rows.len(), "known issue"),
        )
    }

    /// How the clusters compare with the baseline, in a few lines.
    fn accepted(&self) -> String {
        let lines = self.compared.as_ref().map(ToString::to_string);
        let lines = lines.unwrap_or_default();
        let lines = lines.lines().map(|line| fitted(line, WIDTH) + "\n");
        lines.collect()
    }

    /// What did not run, in a line.
    fn not_run(&self) -> String {
        let mut text = String::new();
        let share = Share::of(self.results);
        let left = share.all - share.applicable;
        if left > 0 {
            let reasons: Vec<String> = reasons(self.results)
                .into_iter()
                .map(|(reason, cases)| format!("{cases} {reason}"))
                .collect();
            let line = format!(
                "Did not run: {}: {}",
                count(left, "case"),
                reasons.join("; ")
            );
            let _ = writeln!(text, "{}", fitted(&line, WIDTH));
        }
        if !self.missing.is_empty() {
            let names: Vec<&str> = self.missing.iter().map(|one| one.id.as_str()).collect();
            let line = format!("Missing: {}", names.join(", "));
            let _ = writeln!(text, "{}", fitted(&line, WIDTH));
        }
        text
    }

    /// The last lines, which explain the exit code.
    fn verdict(&self, duration: Duration, required: Option<u8>, colour: Colour) -> String {
        let untested = self.untested(required);
        let mut text = String::new();
        for one in untested.iter().take(LIBRARIES) {
            let _ = writeln!(text, "{}", fitted(&one.to_string(), WIDTH));
        }
        let counts = self.counts_of(self.results);
        let seconds = duration.as_secs_f64();
        let (style, verdict) = match (counts.unexpected, untested.is_empty()) {
            (0, false) => (AnsiColor::Red, "not tested".to_owned()),
            (0, true) if self.stale.is_empty() => {
                (AnsiColor::Green, "nothing unexpected".to_owned())
            }
            (0, true) => (AnsiColor::Red, "known issues are out of date".to_owned()),
            (cases, _) => {
                let shoulds = match counts.should_alone {
                    0 => String::new(),
                    shoulds => format!(", {shoulds} of them by \"should\" clauses alone"),
                };
                let cases = count(cases, "case");
                (AnsiColor::Red, format!("{cases} unexpected{shoulds}"))
            }
        };
        let verdict = colour.paint(style.on_default().bold(), &verdict);
        let _ = writeln!(text, "{verdict}, in {seconds:.2} s");
        if !self.clusters.is_empty() {
            text.push_str("`writeproof explain ID` describes a cluster\n");
        }
        text
    }
}

/// A line about the self-check, unless all of it passed.
fn self_check(checked: &Checked<'_>) -> String {
    let mut failed: BTreeMap<String, usize> = BTreeMap::new();
    for check in &checked.checks {
        let why = match &check.outcome {
            CheckOutcome::Holds => continue,
            CheckOutcome::NotApplicable(why) => format!("not applicable: {why}"),
            CheckOutcome::Fails(seen) => format!("FAILED, a fault of the suite: {seen}"),
            CheckOutcome::Library(seen) => format!("no, because of the library: {seen}"),
        };
        *failed.entry(format!("{}: {why}", check.claim)).or_default() += 1;
    }
    let number: usize = failed.values().sum();
    let Some((first, _)) = failed.first_key_value() else {
        return String::new();
    };
    let passed = checked.checks.len() - number;
    let line = format!(
        "  self-check: {passed} of {} passed; {first}",
        checked.checks.len()
    );
    fitted(&line, WIDTH) + "\n"
}

/// The rule, what was expected and seen, and the command.
fn details(cluster: &Cluster) -> String {
    let example = &cluster.example;
    let mut text = String::new();
    let what = format!(
        "{}: expected {}; seen {}",
        example.action, example.expected, example.seen
    );
    for line in [cluster.rule.as_deref(), Some(&what)].into_iter().flatten() {
        let _ = writeln!(text, "     {}", fitted(line, WIDTH));
    }
    // Whole, so that it can be copied.
    let _ = writeln!(text, "     {}", example.command);
    text
}
