//! From traces to verdicts, by pure functions: how a trace differs from the reference's
//! ([`differences`]), and whether it is the one that was recorded ([`Recordings`]); and from what
//! was recorded to what the libraries do ([`answers()`]).

mod answers;
mod difference;
mod lines;
pub mod monitor;
mod questions;
mod recorded;

pub use answers::{Answer, Answers, Row, Unanswered, answers};
pub use difference::{Aspect, Difference, differences};
pub use questions::{Asks, Question, Section, questions};
pub use recorded::{Recorded, Recordings, file_stem, render};

use crate::trace::{Outcome, Trace};

/// What is said of one case on one backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The trace is the reference's.
    Same,
    /// The trace differs from the reference's in these ways; never empty.
    Differs(Vec<Difference>),
    /// The backend, or the reference, lacks an operation that the scenario needs: which one.
    NotApplicable(String),
    /// The library ended its process: how, and in which step.
    Crashed(String),
    /// The library did not come back, and was stopped: why, and in which step.
    Hung(String),
}

impl Verdict {
    /// Judges a trace against the reference's of the same case.
    pub fn of(reference: &Trace, trace: &Trace) -> Self {
        if let Some(end) = trace.end() {
            let told = |what: &str| format!("{what}, in step {}, {}", end.step, end.action);
            return match &end.result {
                Outcome::Hung(why) => Self::Hung(told(why)),
                Outcome::Crashed(how) => Self::Crashed(told(how)),
                other => Self::Crashed(told(&other.to_string())),
            };
        }
        if let Some(lack) = trace.unsupported() {
            return Self::NotApplicable(lack.to_owned());
        }
        if let Some(lack) = reference.unsupported() {
            return Self::NotApplicable(format!("{lack} (the other backend lacks it)"));
        }
        if let Some(end) = reference.end() {
            return Self::NotApplicable(format!("{} (the other backend)", end.result));
        }
        let differences = differences(reference, trace);
        match differences.is_empty() {
            true => Self::Same,
            false => Self::Differs(differences),
        }
    }

    /// The word in reports.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Differs(_) => "differs",
            Self::NotApplicable(_) => "not-applicable",
            Self::Crashed(_) => "crashed",
            Self::Hung(_) => "hung",
        }
    }
}
