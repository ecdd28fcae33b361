//! The same results for a person ([`text`]) and for a program ([`json`]).

pub mod json;
pub mod text;

use crate::backend::About;
use crate::run::CaseResult;

/// Everything that there is to report of a run.
#[derive(Debug)]
pub struct Report<'a> {
    /// The backends that are reported on, in the order of the columns.
    pub backends: Vec<&'a About>,
    /// The name of the backend that all were compared with.
    pub reference: &'a str,
    /// The results, in the order of the run.
    pub results: &'a [CaseResult],
}

/// How many cases came to which verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// The trace is the reference's.
    pub same: usize,
    /// The trace differs from it.
    pub differs: usize,
    /// The backend lacks an operation.
    pub not_applicable: usize,
    /// Whatever the verdict: not as recorded.
    pub unexpected: usize,
}

impl Counts {
    /// Counts results.
    pub fn of<'r>(results: impl IntoIterator<Item = &'r CaseResult>) -> Self {
        use crate::judge::Verdict;
        let mut counts = Self::default();
        for result in results {
            match result.verdict {
                Verdict::Same => counts.same += 1,
                Verdict::Differs(_) => counts.differs += 1,
                Verdict::NotApplicable(_) => counts.not_applicable += 1,
            }
            counts.unexpected += usize::from(result.is_unexpected());
        }
        counts
    }

    /// All cases.
    pub fn cases(&self) -> usize {
        self.same + self.differs + self.not_applicable
    }
}
