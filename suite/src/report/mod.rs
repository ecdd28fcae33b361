//! The same results for a person ([`text`], and [`check`] for libraries that the user named) and for a
//! program ([`json`]); and what the libraries do at a glance ([`table`]).

pub mod check;
pub mod clauses;
pub mod issues;
pub mod json;
pub mod replay;
pub mod table;
pub mod text;
mod wrong;

use serde::Serialize;

use crate::backend::libssl::Loaded;
use crate::backend::{About, Unusable};
use crate::doctor::Proof;
use crate::judge::{Muted, Stale};
use crate::manual::Manual;
use crate::run::CaseResult;
use crate::subject::Printed;

/// Everything that there is to report of a run.
#[derive(Debug)]
pub struct Report<'a> {
    /// The backends that are reported on, in the order of the columns.
    pub backends: Vec<&'a About>,
    /// The name of the backend that all were compared with.
    pub reference: &'a str,
    /// The contract that they were held against.
    pub manual: &'a Manual,
    /// Entries of the ledger whose finding did not come.
    pub stale: Vec<Stale>,
    /// The results, in the order of the run.
    pub results: &'a [CaseResult],
    /// Backends that the suite knows, that were wanted, and that are not here.
    pub missing: &'a [Unusable],
    /// What was loaded from shared objects that the user named, and whether the suite can trust its
    /// own hold on them.
    pub checked: Vec<Checked<'a>>,
}

impl Report<'_> {
    /// What the ledger mutes in these results.
    pub fn muted(&self) -> Muted {
        Muted::of(self.results.iter().map(|result| &*result.findings))
    }
}

/// A line that says what was muted, if anything was.
fn muted_line(muted: &Muted) -> String {
    if muted.is_empty() {
        String::new()
    } else {
        format!("{muted}\n")
    }
}

/// A shared object that the user named.
#[derive(Debug, Clone, Serialize)]
pub struct Checked<'a> {
    /// The name that it goes by.
    pub id: &'a str,
    /// What was loaded.
    pub loaded: &'a Loaded,
    /// What its worker could not give up on this system, in words.
    pub unconfined: &'a [String],
    /// What it printed while it was loaded.
    #[serde(skip_serializing_if = "Printed::is_empty")]
    pub printed: Printed,
    /// What the doctor found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub proofs: Vec<Proof>,
}

/// How many cases came to which verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// The contract is kept, and the trace is the reference's.
    pub conforms: usize,
    /// A clause of the contract is broken.
    pub violates: usize,
    /// The contract is kept, and the trace differs from the reference's.
    pub differs: usize,
    /// The backend lacks an operation.
    pub not_applicable: usize,
    /// The library ended its process.
    pub crashed: usize,
    /// The library did not come back.
    pub hung: usize,
    /// The case was stopped, as the library did more than any case needs.
    pub stopped: usize,
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
                Verdict::Conforms => counts.conforms += 1,
                Verdict::Violates => counts.violates += 1,
                Verdict::Differs => counts.differs += 1,
                Verdict::NotApplicable(_) => counts.not_applicable += 1,
                Verdict::Crashed(_) => counts.crashed += 1,
                Verdict::Hung(_) => counts.hung += 1,
                Verdict::Stopped(_) => counts.stopped += 1,
            }
            counts.unexpected += usize::from(result.is_unexpected());
        }
        counts
    }

    /// All counts that are not 0, in words; those that conform always.
    pub fn words(&self) -> String {
        let more = [
            (self.violates, "violate"),
            (self.differs, "differ"),
            (self.not_applicable, "not applicable"),
            (self.crashed, "CRASHED"),
            (self.hung, "HUNG"),
            (self.stopped, "STOPPED"),
        ];
        let more = more.iter().filter(|(number, _)| *number > 0);
        let more: String = more
            .map(|(number, word)| format!(", {number} {word}"))
            .collect();
        format!("{} conform{more}", self.conforms)
    }

    /// All cases.
    pub fn cases(&self) -> usize {
        self.conforms
            + self.violates
            + self.differs
            + self.not_applicable
            + self.crashed
            + self.hung
            + self.stopped
    }
}
