//! The results in the Test Anything Protocol, which OpenSSL's own test harness reads: a line for
//! each case. Known causes are `# TODO`, cases that are not applicable `# SKIP`.

use std::fmt::Write as _;

use super::{CaseOutcome, Report};

/// The version of the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TapVersion {
    /// The one that `prove` reads.
    Tap13,
    /// The one with the grammar of 2022.
    Tap14,
}

impl TapVersion {
    fn number(self) -> u8 {
        match self {
            Self::Tap13 => 13,
            Self::Tap14 => 14,
        }
    }
}

impl Report<'_> {
    /// The report in this version of TAP.
    pub(crate) fn tap(&self, version: TapVersion) -> String {
        let mut text = format!("TAP version {}\n", version.number());
        let results: Vec<_> = self
            .backends
            .iter()
            .flat_map(|about| self.results_of(&about.id))
            .collect();
        let _ = writeln!(text, "1..{}", results.len());
        for (index, result) in results.into_iter().enumerate() {
            let name = format!("{} {} {}", result.backend, result.scenario, result.variant);
            let number = index + 1;
            let _ = match self.outcome(result) {
                CaseOutcome::Passed => writeln!(text, "ok {number} - {name}"),
                CaseOutcome::Known(reason) => {
                    writeln!(text, "not ok {number} - {name} # TODO {}", line(&reason))
                }
                CaseOutcome::NotApplicable(reason) => {
                    writeln!(text, "ok {number} - {name} # SKIP {}", line(&reason))
                }
                CaseOutcome::Failed { what, detail } => {
                    let _ = writeln!(text, "not ok {number} - {name}");
                    let _ = writeln!(text, "  ---\n  message: {}", quoted(&what));
                    let _ = writeln!(text, "  detail: {}", quoted(&detail));
                    writeln!(text, "  ...")
                }
            };
        }
        text
    }
}

/// One line without the sign that begins a directive.
fn line(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '#' => ' ',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect()
}

/// A double-quoted scalar of YAML, which is also a string of JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
