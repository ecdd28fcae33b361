//! The reports. The results of a run as text ([`text`], and [`check`] for shared objects of the
//! user) and as JSON ([`json`]); the recorded behaviour of the libraries as a table ([`table`]).

pub(crate) mod baseline;
pub(crate) mod check;
pub(crate) mod clauses;
pub(crate) mod clusters;
pub(crate) mod explain;
pub(crate) mod issues;
pub(crate) mod json;
mod junit;
pub(crate) mod layout;
pub(crate) mod markdown;
pub(crate) mod proposals;
pub(crate) mod replay;
pub(crate) mod saved;
pub(crate) mod screen;
pub(crate) mod table;
pub(crate) mod tap;
pub(crate) mod text;
mod wrong;

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use baseline::Compared;
use clusters::Cluster;

use crate::backend::libssl::{Loaded, Recognised};
use crate::backend::{About, Unusable};
use crate::contract::Contract;
use crate::judge::{Muted, Recorded, Stale, Verdict};
use crate::run::{CaseResult, Surprise};
use crate::self_check::{self, Check, Obstacle};
use crate::target::Printed;

/// The results of a run, and the other data that a report needs.
#[derive(Debug)]
pub struct Report<'a> {
    /// The backends that are reported on, in the order of the columns.
    pub backends: Vec<&'a About>,
    /// The name of the backend that the others were compared with.
    pub reference: &'a str,
    /// The contract that the traces were checked against.
    pub contract: &'a Contract,
    /// Known issues that no longer occur.
    pub stale: Vec<Stale>,
    /// The unexpected cases by what is wrong, the worst first; without those that a baseline
    /// accepts.
    pub(crate) clusters: Vec<Cluster>,
    /// How the clusters compare with the baseline, if there is one.
    pub(crate) compared: Option<Compared>,
    /// The results, in the order of the run.
    pub results: &'a [CaseResult],
    /// Known backends that were selected but are missing on this machine.
    pub missing: &'a [Unusable],
    /// The shared objects of the user, with the results of their self-checks.
    pub checked: Vec<Checked<'a>>,
}

/// What a case means for a CI system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum CaseOutcome {
    /// Nothing is to be said.
    Passed,
    /// Everything wrong in it is known, for this reason.
    Known(String),
    /// It was not applicable, for this reason.
    NotApplicable(String),
    /// Something unexpected happened.
    Failed {
        /// In a line.
        what: String,
        /// In several.
        detail: String,
    },
}

impl<'a> Report<'a> {
    /// A report on these results of these backends; nothing is missing, stale or clustered.
    pub fn new(
        backends: Vec<&'a About>,
        reference: &'a str,
        contract: &'a Contract,
        results: &'a [CaseResult],
    ) -> Self {
        Self {
            backends,
            reference,
            contract,
            stale: Vec::new(),
            clusters: Vec::new(),
            compared: None,
            results,
            missing: &[],
            checked: Vec::new(),
        }
    }
}

impl Report<'_> {
    /// The results of this library, in the order of the run.
    pub(crate) fn results_of(&self, id: &str) -> impl Iterator<Item = &CaseResult> {
        let is_its = move |result: &&CaseResult| result.backend == id;
        self.results.iter().filter(is_its)
    }

    /// Whether the baseline accepts what is unexpected in this case. It accepts no trace that is not
    /// as recorded.
    fn is_accepted(&self, result: &CaseResult) -> bool {
        let root = result.root.as_ref();
        let compared = self.compared.as_ref();
        let is_in_it = root
            .zip(compared)
            .is_some_and(|(root, compared)| compared.accepted.contains(&root.id));
        is_in_it && result.is_as_recorded()
    }

    /// How unexpected a case is, under the baseline.
    pub(crate) fn surprise(&self, result: &CaseResult) -> Surprise {
        if self.is_accepted(result) {
            Surprise::None
        } else {
            result.surprise(self.contract)
        }
    }

    /// Counts these results.
    pub(crate) fn counts_of<'r>(
        &self,
        results: impl IntoIterator<Item = &'r CaseResult>,
    ) -> Counts {
        let mut counts = Counts::default();
        for result in results {
            counts.add(result, self.surprise(result));
        }
        counts
    }

    /// What this case means for a CI system.
    pub(crate) fn outcome(&self, result: &CaseResult) -> CaseOutcome {
        if let Verdict::NotApplicable(reason) = &result.verdict {
            return CaseOutcome::NotApplicable(reason.clone());
        }
        if let Some(root) = &result.root {
            let id = &root.id;
            if self.is_accepted(result) {
                return CaseOutcome::Known(format!("accepted by the baseline: {id}"));
            }
            let clause = root.signature.clause.as_deref();
            return CaseOutcome::Failed {
                what: format!("{id}: {}", clause.unwrap_or("differs from the reference")),
                detail: format!(
                    "step {}, {}: expected {}; seen {}",
                    root.step, root.action, root.expected, root.seen
                ),
            };
        }
        if self.surprise(result) > Surprise::None {
            let what = match result.recorded {
                Recorded::Never => "the scenario has no snapshot",
                _ => "the trace does not match its snapshot",
            };
            return CaseOutcome::Failed {
                what: what.to_owned(),
                detail: String::new(),
            };
        }
        let known = result
            .findings
            .iter()
            .find_map(|found| found.known.as_ref());
        match known {
            Some(known) => CaseOutcome::Known(known.reason.clone()),
            None => CaseOutcome::Passed,
        }
    }

    /// The findings in these results that known issues explain.
    pub(crate) fn muted(&self) -> Muted {
        Muted::of(self.results.iter().map(|result| &*result.findings))
    }
}

/// A line that says how many differences are ignored, if any is.
fn normalised_line<'r>(results: impl IntoIterator<Item = &'r CaseResult>) -> String {
    let numbers = results.into_iter().map(|result| result.normalised);
    let numbers: Vec<usize> = numbers.filter(|&number| number > 0).collect();
    let (all, cases) = (numbers.iter().sum::<usize>(), numbers.len());
    if cases == 0 {
        return String::new();
    }
    let (differences, cases) = (
        layout::count(all, "difference"),
        layout::count(cases, "case"),
    );
    format!(
        "ignored {differences} in {cases}: in wording only, or in calls that are not compared\n"
    )
}

/// A line about the findings that known issues explain, if there are any.
fn muted_line(muted: &Muted) -> String {
    if muted.is_empty() {
        String::new()
    } else {
        format!("{muted}\n")
    }
}

/// A shared object of the user.
#[derive(Debug, Clone, Serialize)]
pub struct Checked<'a> {
    /// Its name in reports.
    pub id: &'a str,
    /// What was loaded.
    pub loaded: &'a Loaded,
    /// As which library it is judged.
    pub judged_as: &'a JudgedAs,
    /// What its worker process is still able to do, as this system cannot forbid it.
    pub unconfined: &'a [String],
    /// What it printed while it was loaded.
    #[serde(skip_serializing_if = "Printed::is_empty")]
    pub printed: Printed,
    /// The results of the self-check.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<Check>,
    /// What kept the handshakes of the self-check from completing, if none did in any variant.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub no_handshake: Vec<Obstacle>,
}

/// As which library a shared object of the user is judged, and the known issues of that library.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgedAs {
    /// The library; none if it is unknown.
    pub library: Option<Recognised>,
    /// Who says so.
    pub by: By,
    /// The backend or library whose known issues apply.
    pub known: Option<String>,
    /// How many known issues apply.
    pub entries: usize,
    /// The backends of other versions, if none has this version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others: Vec<String>,
}

/// How it was decided as which library a shared object is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum By {
    /// Detected from the object, or not detected.
    Object,
    /// Given by the user with `--as`.
    User,
}

impl fmt::Display for JudgedAs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(library) = &self.library else {
            return f.write_str(match self.by {
                By::Object => {
                    "unknown library, not detected from its object: no known issues of its own (use --as NAME@VERSION)"
                }
                By::User => "unknown library, given with --as: no known issues of its own",
            });
        };
        let by = match self.by {
            By::Object => "detected from its object",
            By::User => "given with --as",
        };
        match &self.known {
            Some(known) => {
                let issues = layout::count(self.entries, "known issue");
                write!(f, "{library}, {by}: {issues} of {known}")?;
                match self.others.as_slice() {
                    [] => Ok(()),
                    others => write!(
                        f,
                        "; this version was not tested, only {}",
                        others.join(", ")
                    ),
                }
            }
            None if self.others.is_empty() => {
                write!(f, "{library}, {by}: no known issues")
            }
            None => write!(
                f,
                "{library}, {by}: no known issues of this version, only of {}",
                self.others.join(", ")
            ),
        }
    }
}

/// Why a library was not tested, so that "nothing unexpected" says nothing about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Untested<'a> {
    /// No handshake completed.
    NoHandshake {
        /// The library.
        id: &'a str,
        /// What kept the handshakes from completing.
        obstacles: &'a [Obstacle],
    },
    /// The self-check failed: the suite's adapter does not work with this library.
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
        /// How many percent of them had to be; none if one case is enough.
        required: Option<u8>,
        /// The most frequent reason of the others.
        reason: &'a str,
    },
}

impl fmt::Display for Untested<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoHandshake { id, obstacles } => {
                write!(
                    f,
                    "{id} could not be tested: no handshake completed in any variant"
                )?;
                for Obstacle { call, variants } in *obstacles {
                    write!(f, "; {}: {call}", variants.join(" "))?;
                }
                Ok(())
            }
            Self::Adapter { id } => write!(
                f,
                "{id} could not be tested: the self-check failed, see its lines above"
            ),
            Self::NotApplicable {
                id,
                share,
                required: None,
                reason,
            } => write!(
                f,
                "{id} could not be tested: none of {} was applicable; most frequent reason: {reason}",
                layout::count(share.all, "case"),
            ),
            Self::NotApplicable {
                id,
                share,
                required: Some(percent),
                reason,
            } => write!(
                f,
                "{id} was not tested enough: {share}, but {percent} % are required; most frequent reason: \
                 {reason}"
            ),
        }
    }
}

/// How many cases were applicable, of how many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Share {
    /// The applicable ones.
    pub(crate) applicable: usize,
    /// All.
    pub(crate) all: usize,
}

impl Share {
    /// Counts these results.
    pub(crate) fn of<'r>(results: impl IntoIterator<Item = &'r CaseResult>) -> Self {
        let mut share = Self::default();
        for result in results {
            share.all += 1;
            share.applicable += usize::from(!matches!(result.verdict, Verdict::NotApplicable(_)));
        }
        share
    }

    /// Whether at least so many percent were applicable. With no cases, that is true.
    pub(crate) fn reaches(self, percent: u8) -> bool {
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
            layout::count(self.all, "case"),
            permille / 10,
            permille % 10
        )
    }
}

/// The reasons for which cases were not applicable, with the number of cases, the most frequent
/// first.
pub(crate) fn reasons<'r>(
    results: impl IntoIterator<Item = &'r CaseResult>,
) -> Vec<(&'r str, usize)> {
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
    /// The libraries that were tested too little for "nothing unexpected" to mean anything: shared
    /// objects of the user whose self-check failed or to which no case was applicable, and every
    /// library with less than `required` percent applicable cases.
    pub(crate) fn untested(&self, required: Option<u8>) -> Vec<Untested<'_>> {
        let mut untested = Vec::new();
        for id in self.backends.iter().map(|about| about.id.as_str()) {
            let checked = self.checked.iter().find(|checked| checked.id == id);
            if let Some(checked) = checked {
                untested.extend(checked.untested());
            }
            let results = || self.results.iter().filter(|result| result.backend == id);
            let share = Share::of(results());
            let reason = reasons(results()).first().map_or("", |&(reason, _)| reason);
            // A backend of the suite has snapshots that show what it lacks.
            let is_untracked = results().any(|result| result.recorded == Recorded::Untracked);
            let required = match required {
                Some(percent) if !share.reaches(percent) => Some(percent),
                _ if is_untracked && share.applicable == 0 => None,
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

/// How many cases have which verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// No clause is broken, and the trace is that of the reference.
    pub(crate) conforms: usize,
    /// A clause is broken.
    pub(crate) violates: usize,
    /// No clause is broken, and the trace differs from the reference's.
    pub(crate) differs: usize,
    /// The backend lacks an operation.
    pub(crate) not_applicable: usize,
    /// The library ended its process.
    pub(crate) crashed: usize,
    /// The library did not return.
    pub(crate) hung: usize,
    /// The case was stopped, as the library did far more than the case needs.
    pub(crate) stopped: usize,
    /// Cases of any verdict that do not match their snapshot or have a finding without a known
    /// issue.
    pub(crate) unexpected: usize,
    /// The unexpected cases that only break clauses which say *should*.
    pub(crate) should_alone: usize,
}

impl Counts {
    /// Counts one more result, which is so unexpected.
    fn add(&mut self, result: &CaseResult, surprise: Surprise) {
        match result.verdict {
            Verdict::Conforms => self.conforms += 1,
            Verdict::Violates => self.violates += 1,
            Verdict::Differs => self.differs += 1,
            Verdict::NotApplicable(_) => self.not_applicable += 1,
            Verdict::Crashed(_) => self.crashed += 1,
            Verdict::Hung(_) => self.hung += 1,
            Verdict::Stopped(_) => self.stopped += 1,
        }
        self.unexpected += usize::from(surprise > Surprise::None);
        self.should_alone += usize::from(surprise == Surprise::ShouldAlone);
    }

    /// The counts as text, without those that are 0 except for the conforming cases.
    pub(crate) fn words(&self) -> String {
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
    pub(crate) fn cases(&self) -> usize {
        self.conforms
            + self.violates
            + self.differs
            + self.not_applicable
            + self.crashed
            + self.hung
            + self.stopped
    }
}
