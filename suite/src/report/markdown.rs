//! The report as Markdown: for the summary of a CI job, or for a comment on a pull request.

use std::fmt::Write as _;
use std::time::Duration;

use super::Report;
use super::clusters::Cluster;
use super::layout::count;

/// The most clusters in a table; the JSON report has all.
const SHOWN: usize = 50;

impl Report<'_> {
    /// The report as Markdown.
    pub(crate) fn markdown(&self, duration: Duration, required: Option<u8>) -> String {
        let names: Vec<String> = self
            .backends
            .iter()
            .map(|about| format!("{} {}", about.id, about.version))
            .collect();
        let counts = self.counts_of(self.results);
        let mut text = format!("## writeproof: {}\n\n", escaped(&names.join(", ")));
        let untested = self.untested(required);
        for one in &untested {
            let _ = writeln!(text, "**{}**\n", escaped(&one.to_string()));
        }
        let verdict = match (counts.unexpected, untested.is_empty()) {
            (0, true) if self.stale.is_empty() => "Nothing unexpected.".to_owned(),
            (0, true) => "Known issues are out of date.".to_owned(),
            (0, false) => "Not tested.".to_owned(),
            _ => format!("{} unexpected.", count(counts.unexpected, "case")),
        };
        let _ = writeln!(
            text,
            "**{verdict}** {}, {} against {}: {}. {:.2} s.\n",
            count(self.scenarios(), "scenario"),
            count(counts.cases(), "case"),
            self.reference,
            counts.words(),
            duration.as_secs_f64(),
        );
        text.push_str(&table(&self.clusters));
        let compared = self.compared.as_ref().map(ToString::to_string);
        for line in compared.unwrap_or_default().lines() {
            let _ = writeln!(text, "{}  ", escaped(line));
        }
        for stale in &self.stale {
            let _ = writeln!(text, "- no longer occurs: {}", escaped(&stale.to_string()));
        }
        text
    }
}

/// The clusters, a row for each, with details to unfold.
pub(super) fn table(clusters: &[Cluster]) -> String {
    if clusters.is_empty() {
        return String::new();
    }
    let mut text =
        String::from("| | cluster | clause | cases | caller |\n|---|---|---|---:|---|\n");
    for cluster in clusters.iter().take(SHOWN) {
        let severity = cluster
            .severity
            .map_or("differs", |severity| severity.as_str());
        let clause = cluster.signature.clause.as_deref().unwrap_or("none");
        let caller = cluster.misuse.map_or("correct", |misuse| misuse.as_str());
        let _ = writeln!(
            text,
            "| {severity} | `{}` | {clause} | {} | {caller} |",
            cluster.id,
            cluster.cases(),
        );
    }
    if clusters.len() > SHOWN {
        let _ = writeln!(text, "\n… and {} more", clusters.len() - SHOWN);
    }
    text.push_str("\n<details><summary>The smallest scenario of each</summary>\n\n");
    for cluster in clusters.iter().take(SHOWN) {
        let example = &cluster.example;
        let _ = writeln!(
            text,
            "- `{}`: step {}, {}: expected {}; seen {}\n  `{}`",
            cluster.id,
            example.step,
            escaped(&example.action),
            escaped(&example.expected),
            escaped(&example.seen),
            example.command,
        );
    }
    text.push_str("\n</details>\n\n");
    text
}

/// Text in which nothing is markup.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '~' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}
