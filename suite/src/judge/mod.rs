//! From traces to verdicts, by pure functions: how a trace differs from the reference's
//! ([`differences`]), and whether it is the one that was recorded ([`Recordings`]).

mod difference;
mod recorded;

pub use difference::{Aspect, Difference, differences};
pub use recorded::{Recorded, Recordings, file_stem, render};

use crate::trace::Trace;

/// What is said of one case on one backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The trace is the reference's.
    Same,
    /// The trace differs from the reference's in these ways; never empty.
    Differs(Vec<Difference>),
    /// The backend, or the reference, lacks an operation that the scenario needs: which one.
    NotApplicable(String),
}

impl Verdict {
    /// Judges a trace against the reference's of the same case.
    pub fn of(reference: &Trace, trace: &Trace) -> Self {
        if let Some(lack) = trace.unsupported() {
            return Self::NotApplicable(lack.to_owned());
        }
        if let Some(lack) = reference.unsupported() {
            return Self::NotApplicable(format!("{lack} (the other backend lacks it)"));
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
        }
    }
}
