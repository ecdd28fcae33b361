//! The report of `writeproof explain` on one cluster: the rule and its source, when it happens, the
//! trace of the smallest scenario with the event marked, known causes nearby, and what other
//! libraries do in the same case.

use std::fmt::Write as _;

use super::clusters::Cluster;
use super::layout::{count, fitted};
use super::replay::with_findings;
use crate::contract::Contract;
use crate::judge::known::KnownIssues;
use crate::run::CaseResult;

/// The longest line about a known issue, in characters.
const WIDTH: usize = 150;

/// What is known about a cluster.
pub(crate) struct Explained<'e> {
    /// The cluster.
    pub(crate) cluster: &'e Cluster,
    /// The case that shows it.
    pub(crate) example: &'e CaseResult,
    /// What the known libraries do in the same case, judged without known issues.
    pub(crate) others: &'e [CaseResult],
    /// The contract.
    pub(crate) contract: &'e Contract,
    /// All known issues.
    pub(crate) known: &'e KnownIssues,
}

impl Explained<'_> {
    /// The whole text.
    pub(crate) fn text(&self) -> String {
        let parts = [self.head(), self.trace(), self.nearby(), self.alike()];
        let parts: Vec<String> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        parts.join("\n")
    }

    fn head(&self) -> String {
        let Cluster {
            id,
            signature,
            misuse,
            scenarios,
            also,
            like,
            example,
            ..
        } = self.cluster;
        let mut text = format!("{id}\n");
        let mut line = |key: &str, value: &str| {
            let _ = writeln!(text, "  {key:<9}{value}");
        };
        let clause = signature.clause.as_deref();
        match clause.and_then(|id| self.contract.get(id)) {
            Some(clause) => {
                let strength = clause.strength.as_str();
                line("rule", &clause.statement);
                line(
                    "clause",
                    &format!(
                        "{}, {strength}, severity {}",
                        clause.id,
                        clause.severity.as_str()
                    ),
                );
                line(
                    "source",
                    &format!("{}: {}", clause.source, clause.source.address),
                );
            }
            None => line(
                "rule",
                "none is broken: the library differs from the reference",
            ),
        }
        line("seen", &signature.symptom);
        line("trigger", &signature.trigger.join(", "));
        line(
            "caller",
            &misuse.map_or_else(
                || "correct".to_owned(),
                |misuse| format!("breaks the contract itself: it {}", misuse.as_str()),
            ),
        );
        line(
            "cases",
            &format!(
                "{} of {}",
                count(self.cluster.cases(), "case"),
                count(*scenarios, "scenario")
            ),
        );
        if !also.is_empty() {
            let also: Vec<String> = also
                .iter()
                .map(|(clause, cases)| format!("{clause} ({cases})"))
                .collect();
            line(
                "also",
                &format!("broken in the same event or later: {}", also.join(", ")),
            );
        }
        if let Some(like) = like {
            line("like", &format!("{like}, of which it is a special form"));
        }
        line("command", &example.command);
        text
    }

    /// The trace of the smallest scenario, with the findings marked.
    fn trace(&self) -> String {
        let result = self.example;
        let (id, backend, variant) = (&result.scenario, &result.backend, result.variant);
        let trace = with_findings(&result.trace, &result.printed, &result.findings);
        format!("{id}  {backend}  {variant}\n{trace}")
    }

    /// Known issues that break the same clause.
    fn nearby(&self) -> String {
        let Some(clause) = &self.cluster.signature.clause else {
            return String::new();
        };
        let breaks = |effects: &[crate::judge::known::IssueEffect]| {
            effects.iter().any(|effect| effect.clause == *clause)
        };
        let mut text = String::new();
        for issue in self
            .known
            .issues()
            .iter()
            .filter(|issue| breaks(&issue.breaks))
        {
            let libraries: Vec<&str> = issue.affects.keys().map(String::as_str).collect();
            let row = format!("{} ({}): {}", issue.id, libraries.join(", "), issue.title);
            let _ = writeln!(text, "  {}", fitted(&row, WIDTH));
        }
        if text.is_empty() {
            text
        } else {
            format!("Known issues that break {clause}:\n{text}")
        }
    }

    /// What other libraries do in the same case.
    fn alike(&self) -> String {
        let mut text = String::new();
        for result in self.others {
            let what = match &result.root {
                Some(root) if root.id == self.cluster.id => "the same".to_owned(),
                Some(root) => format!("otherwise: {}", root.id),
                None => result.verdict.as_str().to_owned(),
            };
            let _ = writeln!(text, "  {}: {what}", result.backend);
        }
        if text.is_empty() {
            text
        } else {
            format!("The known libraries in this case, judged without their known issues:\n{text}")
        }
    }
}
