//! From traces to verdicts, by pure functions: how a trace differs from the reference's
//! ([`differences`]), and whether it is the one that was recorded ([`Recordings`]); and from what
//! was recorded to what the libraries do ([`answers()`]).

mod answers;
mod compare;
mod difference;
mod finding;
pub mod known;
mod ledger;
mod lines;
pub mod monitor;
mod muted;
mod questions;
mod recorded;

pub use answers::{Answer, Answers, Row, Unanswered, answers};
pub use difference::{Aspect, Difference, Value, differences};
pub use finding::{Cause, Finding, Kind, Known, More};
pub use ledger::{
    Class, Compared, Entry, Expected, Keeper, Ledger, Location, Place, Stale, difference_in_words,
};
pub use muted::{Count, Muted, Row as MutedRow};
pub use questions::{Asks, Question, Section, questions};
pub use recorded::{Recorded, Recordings, file_stem, recording, render, to_record};

use std::collections::BTreeMap;

use crate::backend::REFERENCE;
use crate::manual::Manual;
use crate::scenario::ParseError;
use crate::trace::{Outcome, Trace};
use compare::{Counts, Normalised, Pair, by_call};
use known::{Explainer, KnownIssues, Library, Side};
use monitor::Course;

/// What is said of one case on one backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The contract is kept, and the trace is the reference's.
    Conforms,
    /// A clause of the contract is broken.
    Violates,
    /// The contract is kept, and the trace is not the reference's.
    Differs,
    /// The backend, or the reference, lacks an operation that the scenario needs: which one.
    NotApplicable(String),
    /// The library ended its process: how, and in which step.
    Crashed(String),
    /// The library did not come back, and was stopped: why, and in which step.
    Hung(String),
    /// The library did more than any case needs, and the case was stopped: at what, and in which step. It is no pass.
    Stopped(String),
}

impl Verdict {
    /// The word in reports.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Conforms => "conforms",
            Self::Violates => "violates",
            Self::Differs => "differs",
            Self::NotApplicable(_) => "not-applicable",
            Self::Crashed(_) => "crashed",
            Self::Hung(_) => "hung",
            Self::Stopped(_) => "stopped",
        }
    }
}

/// All that is said of one case on one backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// In a word.
    pub verdict: Verdict,
    /// What is to be said of it, the most serious first.
    pub findings: Vec<Finding>,
    /// How many more there are of those of which there are very many.
    pub more: Vec<More>,
    /// How the trace differs from the reference's.
    pub differences: Vec<Difference>,
    /// How many of the differences do not count, as they are words, or come where calls are not compared.
    pub normalised: usize,
    /// The clauses that something in the trace has to do with.
    pub exercised: Vec<&'static str>,
}

/// All that a trace is held against.
#[derive(Debug)]
pub struct Judge {
    /// The contract.
    pub manual: Manual,
    /// What is known already, by its cause.
    pub known: KnownIssues,
    /// What is known already, by scenario.
    pub ledger: Ledger,
    /// What was recorded.
    pub recordings: Recordings,
    /// What libraries are that go by names of their user's.
    identities: BTreeMap<String, Identity>,
}

/// What a library is that goes by another name, and so what is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The name by which known issues speak of it: `openssl`.
    pub product: String,
    /// Its version, as in `3.0.19`; empty if it is not known.
    pub version: String,
    /// The name under which the ledger has entries by scenario of this series: `openssl-system-3.0`.
    pub ledger: Option<String>,
}

impl Judge {
    /// With the manual, the ledger and the recordings that are built into this program.
    ///
    /// # Errors
    /// One of the files that it was built from is wrong.
    pub fn built_in() -> Result<Self, ParseError> {
        Ok(Self {
            manual: Manual::built_in()?,
            known: KnownIssues::built_in()?,
            ledger: Ledger::built_in()?,
            recordings: Recordings::built_in(),
            identities: BTreeMap::new(),
        })
    }

    /// Lets what is known of `identity` apply to the library that goes by the name `id` too.
    pub fn identify(&mut self, id: &str, identity: Identity) {
        self.identities.insert(id.to_owned(), identity);
    }

    /// Adds a ledger of the user's own, on the libraries of these names: issues by cause, or entries by scenario.
    ///
    /// # Errors
    /// The file is not right; where.
    pub fn add_own(
        &mut self,
        libraries: &[&str],
        path: &str,
        text: &str,
    ) -> Result<(), ParseError> {
        if KnownIssues::is_by_cause(text) {
            return self.known.add(path, text);
        }
        let mut libraries = libraries.iter();
        libraries.try_for_each(|library| self.ledger.add_own(library, path, text))
    }

    /// Judges a trace by the contract, and against the reference's of the same case.
    pub fn judge(&self, reference: &Trace, trace: &Trace, at: &Place<'_>) -> Judgement {
        let of_reference = Library {
            name: REFERENCE,
            version: "",
        };
        self.judge_against((of_reference, reference), trace, at)
    }

    /// Judges a trace by the contract, and against that of another library of the same case.
    pub fn judge_against(
        &self,
        (other, reference): (Library<'_>, &Trace),
        trace: &Trace,
        at: &Place<'_>,
    ) -> Judgement {
        let library = self.library(at.library, at.version);
        let other = self.library(other.name, other.version);
        let found = self.found((other, reference), (library, trace));
        let Found {
            mut findings,
            differences,
            normalised,
            lack,
            exercised,
        } = found;
        self.find_in_ledger(&mut findings, at);
        findings.sort_by_key(Finding::rank);
        let violates = findings.iter().any(|found| found.kind == Kind::Violation);
        let verdict = match (end(trace), lack) {
            // Too much for the suite, by what the scenario asks for.
            (Some(Verdict::Stopped(how)), _) if is_stopped_alike(reference, trace) => {
                Verdict::NotApplicable(format!("stopped {how} (the other backend too)"))
            }
            (Some(end), _) => end,
            (None, _) if violates => Verdict::Violates,
            (None, Some(lack)) => Verdict::NotApplicable(lack),
            (None, None) if differences.is_empty() => Verdict::Conforms,
            (None, None) => Verdict::Differs,
        };
        let (findings, more) = finding::bounded(findings);
        Judgement {
            verdict,
            findings,
            more,
            differences,
            normalised,
            exercised,
        }
    }

    /// What is to be said of the trace of a case that no file holds, as a fuzzer generated it, by the name of a library and its
    /// version; what is unexpected first.
    pub fn generated(
        &self,
        reference: &Trace,
        trace: &Trace,
        (name, version): (&str, &str),
    ) -> Vec<Finding> {
        let of_reference = Library {
            name: REFERENCE,
            version: "",
        };
        let library = self.library(name, version);
        let mut findings = self
            .found((of_reference, reference), (library, trace))
            .findings;
        findings.sort_by_key(Finding::rank);
        findings
    }

    /// What is known under this name: a user's name for a library stands for what that is.
    fn library<'l>(&'l self, name: &'l str, version: &'l str) -> Library<'l> {
        match self.identities.get(name) {
            Some(identity) => Library {
                name: &identity.product,
                version: &identity.version,
            },
            None => Library { name, version },
        }
    }

    /// Looks for entries by scenario for what is not known by its cause.
    fn find_in_ledger(&self, findings: &mut [Finding], at: &Place<'_>) {
        let identity = self.identities.get(at.library);
        let also = identity.and_then(|identity| {
            Some(Place {
                library: identity.ledger.as_deref()?,
                version: &identity.version,
                ..*at
            })
        });
        for finding in findings.iter_mut().filter(|found| found.known.is_none()) {
            let places = [Some(*at), also];
            let mut entries = places.iter().flatten();
            let entry = entries.find_map(|place| self.ledger.find(place, finding));
            finding.known = entry.map(Entry::known);
        }
    }

    /// All that is to be said of a trace, with what is known of its cause.
    fn found(
        &self,
        (other, reference): (Library<'_>, &Trace),
        (library, trace): (Library<'_>, &Trace),
    ) -> Found {
        // Dropped last.
        let of_reference;
        let course = Course::of(trace);
        let mut judged = course.as_ref().map(|course| self.contract(course, trace, library));
        let mut findings = match &mut judged {
            Some(judged) => std::mem::take(&mut judged.findings),
            None => Finding::end(trace).into_iter().collect(),
        };
        if is_stopped_alike(reference, trace) {
            findings.retain(|finding| finding.kind != Kind::Stop);
        }
        let lack = lack(reference, trace);
        let differences = match (trace.end(), &lack) {
            (None, None) => differences(reference, trace),
            _ => Vec::new(),
        };
        let mut normalised = 0;
        if !differences.is_empty() {
            of_reference = Course::of(reference);
            let theirs = of_reference.as_ref();
            let theirs = theirs.map(|course| self.contract(course, reference, other));
            match (theirs, judged.as_mut()) {
                (Some(mut reference), Some(judged)) => {
                    let mut compared = Sides {
                        sides: [(Side::Seen, judged), (Side::Reference, &mut reference)],
                        normalised: 0,
                    };
                    findings.extend(compared.findings(&differences));
                    normalised = compared.normalised;
                }
                // Put together by hand.
                _ => findings.extend(Finding::difference(&differences)),
            }
        }
        let exercised = judged.map_or_else(Vec::new, |judged| judged.exercised);
        Found {
            findings,
            differences,
            normalised,
            lack,
            exercised,
        }
    }

    /// What a trace of this library says of the contract.
    fn contract<'j, 'c, 't>(
        &'j self,
        course: &'c Course<'t>,
        trace: &Trace,
        library: Library<'_>,
    ) -> Contract<'j, 'c, 't> {
        let watched = monitor::watch_course(course);
        let exercised = watched.iter().map(|(clause, _)| *clause).collect();
        let violations = monitor::violations(&watched);
        let mut explainer = self.known.explainer(library, course);
        let explained = explainer.violations(&violations);
        let mut findings = Vec::new();
        let mut broken = Vec::new();
        for (&(clause, violation), explanation) in violations.iter().zip(explained) {
            let known = explanation.map(|explanation| explanation.known());
            broken.extend(known.clone().map(|known| (violation.moment, known)));
            // A crash and a hang are findings of their own.
            let finding = if clause == finding::RETURNS {
                Finding::end(trace)
            } else {
                let clause = self.manual.get(clause);
                clause.map(|clause| Finding::violation(clause, violation.clone()))
            };
            findings.extend(finding.map(|finding| Finding { known, ..finding }));
        }
        // No clause asks for an end of the steps.
        if trace.stopped().is_some() {
            findings.extend(Finding::end(trace));
        }
        Contract {
            course,
            explainer,
            findings,
            broken,
            exercised,
        }
    }
}

/// What [`Judge::contract`] finds.
struct Contract<'j, 'c, 't> {
    course: &'c Course<'t>,
    explainer: Explainer<'j, 'c, 't>,
    findings: Vec<Finding>,
    /// What is known of the clauses that are broken, and at which entry.
    broken: Vec<(usize, Known)>,
    /// The clauses that something in the trace has to do with.
    exercised: Vec<&'static str>,
}

/// What [`Judge::found`] finds.
struct Found {
    findings: Vec<Finding>,
    differences: Vec<Difference>,
    /// How many of the differences do not count.
    normalised: usize,
    /// What one of the two lacks, so that there was nothing to compare.
    lack: Option<String>,
    /// The clauses that something in the trace has to do with.
    exercised: Vec<&'static str>,
}

/// Two libraries in one case, each with what is known of it.
struct Sides<'s, 'j, 'c, 't> {
    sides: [(Side, &'s mut Contract<'j, 'c, 't>); 2],
    normalised: usize,
}

impl Sides<'_, '_, '_, '_> {
    /// What is to be said of these differences: the first call that counts; and what came of the case, if calls are not compared
    /// to the end, as that call is known or no two libraries need agree on it.
    fn findings(&mut self, differences: &[Difference]) -> Vec<Finding> {
        let [(_, seen), (_, reference)] = &self.sides;
        let pair = Pair {
            reference: reference.course,
            seen: seen.course,
        };
        let mut found = Vec::new();
        let mut is_parted = !pair.has_calls();
        for call in by_call(differences) {
            if is_parted {
                self.normalised += call.len();
                continue;
            }
            match pair.counts(&call) {
                Counts::Not(why) => {
                    self.normalised += call.len();
                    is_parted = why == Normalised::Parted;
                }
                Counts::These(kept) => {
                    let known = self.known(&kept);
                    let is_known = known.is_some();
                    let finding = Finding::difference(&kept);
                    found.extend(finding.map(|finding| Finding { known, ..finding }));
                    if !is_known {
                        return found;
                    }
                    is_parted = true;
                }
            }
        }
        if is_parted {
            let upshot = pair.in_the_end();
            let known = self.known(&upshot);
            let finding = Finding::difference(&upshot);
            found.extend(finding.map(|finding| Finding { known, ..finding }));
        }
        found
    }

    /// What is known of these differences of one call, or of the case: by a cause on either side that explains each; by a
    /// clause that the same call is known to break on either side, as one call is one fact; or by a bug that broke a clause
    /// before it.
    fn known(&mut self, differences: &[Difference]) -> Option<Known> {
        let first = differences.first()?;
        self.known_by_cause(differences)
            .or_else(|| self.known_by_clause(first))
    }

    fn known_by_cause(&mut self, differences: &[Difference]) -> Option<Known> {
        let mut explained = differences.iter().map(|difference| {
            let mut sides = self.sides.iter_mut();
            sides.find_map(|(side, library)| library.explainer.difference(difference, *side))
        });
        let first = explained.next()??;
        explained
            .all(|explanation| explanation.is_some())
            .then(|| first.known())
    }

    fn known_by_clause(&self, difference: &Difference) -> Option<Known> {
        let is_fact = |side: &Side, (moment, known): &(usize, Known)| {
            let at = side.moment(difference);
            *moment == at || *moment < at && known.class == Class::Bug
        };
        let mut sides = self.sides.iter();
        let fact = sides.find_map(|(side, library)| {
            let mut broken = library.broken.iter();
            broken.find(|broken| is_fact(side, broken))
        });
        fact.map(|(_, known)| known.clone())
    }
}

/// Whether both were stopped at the same limit: that is the scenario's doing, not the library's.
fn is_stopped_alike(reference: &Trace, trace: &Trace) -> bool {
    trace.stopped().is_some() && trace.stopped() == reference.stopped()
}

/// How the library ended the case, if it crashed, hung or was stopped.
fn end(trace: &Trace) -> Option<Verdict> {
    let end = trace.end()?;
    let told = |what: &str| format!("{what}, in step {}, {}", end.step, end.action);
    Some(match &end.result {
        Outcome::Hung(why) => Verdict::Hung(told(why)),
        Outcome::Crashed(how) => Verdict::Crashed(told(how)),
        Outcome::Stopped(limit) => Verdict::Stopped(told(&limit.to_string())),
        other => Verdict::Crashed(told(&other.to_string())),
    })
}

/// What one of the two lacks, so that there is nothing to compare.
fn lack(reference: &Trace, trace: &Trace) -> Option<String> {
    if let Some(lack) = trace.unsupported() {
        return Some(lack.to_owned());
    }
    if let Some(lack) = reference.unsupported() {
        return Some(format!("{lack} (the other backend lacks it)"));
    }
    let end = reference.end()?;
    Some(format!("{} (the other backend)", end.result))
}
