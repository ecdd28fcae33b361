//! The same results for a person ([`text`], and [`check`] for libraries that the user named) and for a
//! program ([`json`]); and what the libraries do at a glance ([`table`]).

pub mod check;
pub mod clauses;
pub mod issues;
pub mod json;
pub mod proposals;
pub mod replay;
pub mod table;
pub mod text;
mod wrong;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::backend::libssl::{Loaded, Recognised};
use crate::backend::{About, Unusable};
use crate::contract::Contract;
use crate::judge::{Muted, Recorded, Stale, Verdict};
use crate::run::{CaseResult, Surprise};
use crate::self_check::{self, Check, Obstacle};
use crate::target::Printed;

/// Everything that there is to report of a run.
#[derive(Debug)]
pub struct Report<'a> {
    /// The backends that are reported on, in the order of the columns.
    pub backends: Vec<&'a About>,
    /// The name of the backend that all were compared with.
    pub reference: &'a str,
    /// The contract that they were held against.
    pub manual: &'a Contract,
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

/// A line that says how many differences do not count, if any does not.
fn normalised_line<'r>(results: impl IntoIterator<Item = &'r CaseResult>) -> String {
    let numbers = results.into_iter().map(|result| result.normalised);
    let numbers: Vec<usize> = numbers.filter(|&number| number > 0).collect();
    let (all, cases) = (numbers.iter().sum::<usize>(), numbers.len());
    if cases == 0 {
        return String::new();
    }
    let (differences, cases) = (text::count(all, "difference"), text::count(cases, "case"));
    format!("{differences} in {cases} not counted: words, or where calls are not compared\n")
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
    /// As which library it is judged.
    pub judged_as: &'a JudgedAs,
    /// What its worker could not give up on this system, in words.
    pub unconfined: &'a [String],
    /// What it printed while it was loaded.
    #[serde(skip_serializing_if = "Printed::is_empty")]
    pub printed: Printed,
    /// What the doctor found.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// What kept the doctor's handshakes from being completed, if none was in any variant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub no_handshake: Vec<Obstacle>,
}

/// As which library one that the user named is judged, and what is known of that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct JudgedAs {
    /// The library; nothing if it is unknown.
    pub library: Option<Recognised>,
    /// Who says so.
    pub by: By,
    /// The name under which something is known of it, in this version.
    pub known: Option<String>,
    /// How much is known.
    pub entries: usize,
    /// Other versions of it of which something is known, where nothing is of this one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
}

/// Who says as which library one is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// Its own object does, or does not.
    Object,
    /// The user does, with `--as`.
    User,
}

impl fmt::Display for JudgedAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(library) = &self.library else {
            return f.write_str(match self.by {
                By::Object => {
                    "an unknown library, which its object does not identify: nothing is known of it (--as NAME@VERSION)"
                }
                By::User => "an unknown library, as --as says: nothing is known of it",
            });
        };
        let by = match self.by {
            By::Object => "as its object shows",
            By::User => "as --as says",
        };
        match &self.known {
            Some(known) => {
                let entries = text::count_entries(self.entries);
                write!(
                    f,
                    "{library}, {by}: with the {entries} of the ledger {known}"
                )?;
                match self.others.as_slice() {
                    [] => Ok(()),
                    others => write!(
                        f,
                        "; this version is outside of those that were run: {}",
                        others.join(", ")
                    ),
                }
            }
            None if self.others.is_empty() => {
                write!(f, "{library}, {by}: the ledger knows nothing of it")
            }
            None => write!(
                f,
                "{library}, {by}: the ledger knows nothing of this version, only of {}",
                self.others.join(", ")
            ),
        }
    }
}

/// Why it says nothing of a library that nothing unexpected was found: what would have shown it was not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Untested<'a> {
    /// No handshake was completed.
    NoHandshake {
        /// The library.
        id: &'a str,
        /// What kept the handshakes from being completed.
        obstacles: &'a [Obstacle],
    },
    /// The suite's own hold on the library is not honest.
    Adapter {
        /// The library.
        id: &'a str,
    },
    /// Too few of the cases were applicable, or none.
    NotApplicable {
        /// The library.
        id: &'a str,
        /// How many were applicable.
        share: Share,
        /// How many percent of them had to be; nothing if one would have done.
        required: Option<u8>,
        /// The reason that most of the others have.
        reason: &'a str,
    },
}

impl fmt::Display for Untested<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHandshake { id, obstacles } => {
                write!(
                    f,
                    "{id} could not be tested: no handshake was completed in any variant"
                )?;
                for Obstacle { call, variants } in *obstacles {
                    write!(f, "; {}: {call}", variants.join(" "))?;
                }
                Ok(())
            }
            Self::Adapter { id } => write!(
                f,
                "{id} could not be tested: the suite's adapter for it does not work, see the lines \"doctor\""
            ),
            Self::NotApplicable {
                id,
                share,
                required: None,
                reason,
            } => write!(
                f,
                "{id} could not be tested: none of {} was applicable, mostly because of: {reason}",
                text::count(share.all, "case"),
            ),
            Self::NotApplicable {
                id,
                share,
                required: Some(percent),
                reason,
            } => write!(
                f,
                "{id} was not tested enough: {share}, and {percent} % are required; of the others, most \
                 were not because of: {reason}"
            ),
        }
    }
}

/// How many cases were applicable, of how many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Share {
    /// Those that were.
    pub applicable: usize,
    /// All.
    pub all: usize,
}

impl Share {
    /// Of these results.
    pub fn of<'r>(results: impl IntoIterator<Item = &'r CaseResult>) -> Self {
        let mut share = Self::default();
        for result in results {
            share.all += 1;
            share.applicable += usize::from(!matches!(result.verdict, Verdict::NotApplicable(_)));
        }
        share
    }

    /// Whether at least so many percent were applicable. Of no cases, all were.
    pub fn reaches(self, percent: u8) -> bool {
        self.applicable * 100 >= self.all * usize::from(percent)
    }
}

/// `1850 of 2000 cases were applicable (92.5 %)`; never rounded up.
impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let permille = (self.applicable * 1000)
            .checked_div(self.all)
            .unwrap_or(1000);
        write!(
            f,
            "{} of {} were applicable ({}.{} %)",
            self.applicable,
            text::count(self.all, "case"),
            permille / 10,
            permille % 10
        )
    }
}

/// Why cases were not applicable, and how many for each reason, the most first.
pub fn reasons<'r>(results: impl IntoIterator<Item = &'r CaseResult>) -> Vec<(&'r str, usize)> {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for result in results {
        if let Verdict::NotApplicable(reason) = &result.verdict {
            *reasons.entry(reason).or_default() += 1;
        }
    }
    let mut reasons: Vec<_> = reasons.into_iter().collect();
    reasons.sort_by_key(|&(_, cases)| Reverse(cases));
    reasons
}

impl Report<'_> {
    /// The libraries of which this report says too little for "nothing unexpected" to mean anything: those that the user
    /// named and that no case was applicable to, and each one of whose cases less than `required` percent were.
    pub fn untested(&self, required: Option<u8>) -> Vec<Untested<'_>> {
        let mut untested = Vec::new();
        for id in self.backends.iter().map(|about| about.id.as_str()) {
            let checked = self.checked.iter().find(|checked| checked.id == id);
            if let Some(checked) = checked {
                untested.extend(checked.untested());
            }
            let results = || self.results.iter().filter(|result| result.backend == id);
            let share = Share::of(results());
            let reason = reasons(results()).first().map_or("", |&(reason, _)| reason);
            // What a backend of the suite's lacks is recorded.
            let is_stranger = results().any(|result| result.recorded == Recorded::Untracked);
            let required = match required {
                Some(percent) if !share.reaches(percent) => Some(percent),
                _ if is_stranger && share.applicable == 0 => None,
                _ => continue,
            };
            untested.push(Untested::NotApplicable {
                id,
                share,
                required: required.filter(|_| share.applicable > 0),
                reason,
            });
        }
        untested
    }
}

impl Checked<'_> {
    fn untested(&self) -> Option<Untested<'_>> {
        let fails = |check: &Check| matches!(check.outcome, self_check::CheckOutcome::Fails(_));
        let id = self.id;
        match (self.no_handshake.as_slice(), self.checks.iter().any(fails)) {
            ([], false) => None,
            ([], true) => Some(Untested::Adapter { id }),
            (obstacles, _) => Some(Untested::NoHandshake { id, obstacles }),
        }
    }
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
    /// Whatever the verdict: not as recorded, or not known.
    pub unexpected: usize,
    /// Of the unexpected ones, those that only break clauses which say *should*.
    pub should_alone: usize,
}

impl Counts {
    /// Counts results, with the contract that they were held against.
    pub fn of<'r>(results: impl IntoIterator<Item = &'r CaseResult>, contract: &Contract) -> Self {
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
            let surprise = result.surprise(contract);
            counts.unexpected += usize::from(surprise > Surprise::None);
            counts.should_alone += usize::from(surprise == Surprise::ShouldAlone);
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
