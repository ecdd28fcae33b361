//! Proposes known issues for observations that none explains. For each observation it takes the
//! pattern that matches no other, and the narrowest trigger that the history gives at that event.
//!
//! A trigger states for every predicate whether it holds there, except those that read the result
//! of the call itself: a call must not excuse itself. If the library was not called, as when the
//! peer reads, few predicates hold, and those that held earlier are added. A number is a sum of
//! quantities of the history if one fits every case, and otherwise the number itself. A difference
//! is explained by its aspects and error classes.
//!
//! Observations of one clause with the same pattern and trigger become one issue. Two that differ
//! only in the role or in the protocol version become one without that predicate, which is
//! equivalent.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use super::Witness;
use super::divergence::Divergence;
use super::effect::{ObservationPattern, quoted};
use super::file::MOST_WITNESSES;
use super::measured::MeasuredHistory;
use super::predicate::{OPPOSITES, Predicate, Reads};
use crate::judge::Broken;
use crate::judge::difference::Difference;
use crate::judge::finding::Finding;
use crate::judge::ledger::Class;
use crate::judge::monitor::History;
use crate::limits::shortened;

/// The maximum length of a proposed title, in characters.
const TITLE: usize = 200;

/// The maximum width of a line of a trigger, in characters.
const WIDTH: usize = 100;

/// Observations that no known issue explains.
#[derive(Debug, Default)]
pub(crate) struct Proposals {
    found: Vec<UnexplainedObservation>,
    /// Proposals for differences, which have no numbers.
    differences: Vec<Proposal>,
    inexpressible: Vec<String>,
}

/// One observation.
#[derive(Debug)]
struct UnexplainedObservation {
    clause: &'static str,
    trigger: Trigger,
    /// Its pattern without the number.
    pattern: ObservationPattern,
    /// Its pattern with each sum that equals its number, the most general first.
    numbered: Vec<ObservationPattern>,
    title: String,
    witness: Witness,
}

/// An issue that explains exactly some of them.
#[derive(Debug)]
pub(crate) struct Proposal {
    explains: Explains,
    trigger: Trigger,
    title: String,
    witnesses: Vec<Witness>,
}

/// What a proposed issue explains.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Explains {
    /// This observation of this clause.
    Breaks(&'static str, Box<ObservationPattern>),
    /// This difference, in the form of a file.
    Differs(String),
}

/// The statements of an issue that do not come from the history.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stated {
    /// The classification, the reason, and the key `link` or `source` with its value; `None` leaves
    /// them for a person to fill in.
    pub(crate) reviewed: Option<(Class, String, (&'static str, String))>,
    /// The affected library and versions; every library if `None`.
    pub(crate) affects: Option<(String, String)>,
}

impl Proposals {
    /// Adds the unexplained violations of a case.
    pub(crate) fn add<'b>(
        &mut self,
        witness: &Witness,
        history: &History<'_>,
        unexplained: impl IntoIterator<Item = &'b Broken>,
    ) {
        let measured = MeasuredHistory::of(history);
        for broken in unexplained {
            let (at, finding) = (broken.event, &broken.finding);
            let Some(observed) = &finding.observed else {
                continue;
            };
            let pattern = ObservationPattern::of(observed);
            let mut numbered = pattern.clone().numbered(observed, &measured, at);
            numbered.retain(|exact| !exact.is_empty() && exact.matches(observed, &measured, at));
            let title = title(finding);
            if numbered.is_empty() {
                self.inexpressible
                    .push(format!("{witness}, step {}: {title}", finding.step));
                continue;
            }
            self.found.push(UnexplainedObservation {
                clause: broken.clause,
                trigger: Trigger::at(&measured, at),
                pattern,
                numbered,
                title,
                witness: witness.clone(),
            });
        }
    }

    /// Adds an unexplained difference of a case, and its consequences.
    pub(crate) fn add_difference(
        &mut self,
        witness: &Witness,
        history: &History<'_>,
        finding: &Finding,
    ) {
        for differences in [&finding.differences, &finding.case_differences] {
            self.add_differences(witness, history, finding, differences);
        }
    }

    fn add_differences(
        &mut self,
        witness: &Witness,
        history: &History<'_>,
        finding: &Finding,
        differences: &[Difference],
    ) {
        let Some(first) = differences.first() else {
            return;
        };
        let measured = MeasuredHistory::of(history);
        // The result of the case as a whole comes after its last event.
        let (place, at) = match measured.len().checked_sub(1) {
            Some(last) if first.at.seen > last => ("later", last),
            Some(_) => ("call", first.at.seen),
            None => return,
        };
        let found = Proposal {
            explains: Explains::Differs(Divergence::text_of(differences, place)),
            trigger: Trigger::at(&measured, at),
            title: title(finding),
            witnesses: vec![witness.clone()],
        };
        let is_like = |other: &&mut Proposal| {
            (&other.explains, &other.trigger) == (&found.explains, &found.trigger)
        };
        match self.differences.iter_mut().find(is_like) {
            Some(other) if other.witnesses.len() < MOST_WITNESSES => {
                other.witnesses.extend(found.witnesses);
            }
            Some(_) => {}
            None => self.differences.push(found),
        }
    }

    /// Adds the findings of a case without a history: it ended before the connection was set up.
    pub(crate) fn add_without_history<'f>(
        &mut self,
        witness: &Witness,
        findings: impl IntoIterator<Item = &'f Finding>,
    ) {
        let lines = findings
            .into_iter()
            .map(|finding| format!("{witness}, before the connection: {}", title(finding)));
        self.inexpressible.extend(lines);
    }

    /// Findings that no file can express, each with its case.
    pub(crate) fn inexpressible(&self) -> &[String] {
        &self.inexpressible
    }

    /// The issues that explain all of them, in the order of their first cases.
    pub(crate) fn issues(self) -> Vec<Proposal> {
        let mut groups: Vec<Vec<UnexplainedObservation>> = Vec::new();
        for found in self.found {
            match groups.iter_mut().find(|group| group[0].is_like(&found)) {
                Some(group) => group.push(found),
                None => groups.push(vec![found]),
            }
        }
        let mut issues: Vec<Proposal> = groups.into_iter().flat_map(of_group).collect();
        issues.extend(self.differences);
        for opposites in OPPOSITES {
            issues = without(opposites, issues);
        }
        issues
    }
}

impl UnexplainedObservation {
    /// Whether both become one issue, if one sum fits their numbers.
    fn is_like(&self, other: &Self) -> bool {
        self.clause == other.clause
            && self.trigger == other.trigger
            && self.pattern == other.pattern
    }
}

/// The title of an issue for this finding.
fn title(finding: &Finding) -> String {
    let what = finding.clause.as_deref().unwrap_or(finding.kind.as_str());
    let title = format!(
        "{what}: {}: expected {}, seen {}",
        finding.action, finding.expected, finding.seen
    );
    shortened(&title, TITLE).into_owned()
}

/// The fewest issues for observations that differ only in their numbers: first the sum that fits
/// most of them.
fn of_group(mut group: Vec<UnexplainedObservation>) -> Vec<Proposal> {
    let mut issues = Vec::new();
    while let Some(first) = group.first() {
        let fits = |pattern: &ObservationPattern| {
            let members = group.iter();
            members
                .filter(|member| member.numbered.contains(pattern))
                .count()
        };
        // Of equals the first one of the first observation: `max_by_key` takes the last.
        let best = first.numbered.iter().rev().max_by_key(|one| fits(one));
        let Some(pattern) = best.cloned() else { break };
        let (members, rest): (Vec<UnexplainedObservation>, Vec<UnexplainedObservation>) = group
            .into_iter()
            .partition(|member| member.numbered.contains(&pattern));
        group = rest;
        issues.extend(Proposal::of(pattern, members));
    }
    issues
}

/// The same issues, with pairs that differ only in these opposites combined.
fn without(opposites: [&str; 2], issues: Vec<Proposal>) -> Vec<Proposal> {
    let mut merged: Vec<Proposal> = Vec::new();
    for issue in issues {
        let both = merged.iter_mut().find_map(|other| {
            let is_alike = other.explains == issue.explains;
            let trigger = is_alike
                .then(|| other.trigger.with_either(&issue.trigger, opposites))
                .flatten()?;
            Some((other, trigger))
        });
        match both {
            Some((other, trigger)) => {
                other.trigger = trigger;
                other.witnesses.extend(issue.witnesses);
                other.witnesses.truncate(MOST_WITNESSES);
            }
            None => merged.push(issue),
        }
    }
    merged
}

impl Proposal {
    fn of(pattern: ObservationPattern, members: Vec<UnexplainedObservation>) -> Option<Self> {
        let mut witnesses: Vec<Witness> = Vec::new();
        for member in &members {
            if witnesses.len() < MOST_WITNESSES && !witnesses.contains(&member.witness) {
                witnesses.push(member.witness.clone());
            }
        }
        let first = members.into_iter().next()?;
        Some(Self {
            explains: Explains::Breaks(first.clause, Box::new(pattern)),
            trigger: first.trigger,
            title: first.title,
            witnesses,
        })
    }

    /// A free id: the clause with a number.
    pub(crate) fn id(&self, taken: &BTreeSet<String>) -> String {
        let what = match &self.explains {
            Explains::Breaks(clause, _) => clause.replace('.', "-"),
            Explains::Differs(_) => "difference".to_owned(),
        };
        let mut ids = (1..).map(|number| format!("{what}-{number}"));
        ids.find(|id| !taken.contains(id)).unwrap_or_default()
    }

    /// The issue with this id, in the form of a file.
    pub(crate) fn text(&self, id: &str, stated: &Stated) -> String {
        let mut text = format!(
            "[[issue]]\nid = {}\ntitle = {}\n",
            quoted(id),
            quoted(&self.title)
        );
        // Writing to a string cannot fail.
        let _ = match &stated.reviewed {
            Some((class, reason, (key, link))) => writeln!(
                text,
                "class = {}\nreason = {}\n{key} = {}",
                quoted(class.as_str()),
                quoted(reason),
                quoted(link)
            ),
            None => writeln!(
                text,
                "class = \"\"    # {}\nreason = \"\"   # checked in the source or its documentation\nlink = \"\"     # or source = \"FILE:LINE\"",
                Class::ALL.map(Class::as_str).join(", ")
            ),
        };
        if let Some((library, range)) = &stated.affects {
            let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            let library = if library.chars().all(is_bare) {
                library.clone()
            } else {
                quoted(library)
            };
            let _ = writeln!(text, "affects = {{ {library} = {} }}", quoted(range));
        }
        let witnesses: Vec<String> = self
            .witnesses
            .iter()
            .map(|witness| quoted(&witness.to_string()))
            .collect();
        let explains = match &self.explains {
            Explains::Breaks(clause, pattern) => format!(
                "breaks = [{{ clause = {}, in = \"call\"{pattern} }}]",
                quoted(clause)
            ),
            Explains::Differs(element) => format!("differs = [{element}]"),
        };
        let _ = writeln!(
            text,
            "when = {}\n{explains}\nwitness = [{}]",
            self.trigger,
            witnesses.join(", ")
        );
        text
    }
}

/// The elements of an array, each followed by a comma, in lines that begin with `indent`.
fn lines(elements: &[String], indent: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for element in elements {
        match lines.last_mut() {
            Some(line) if line.len() + element.len() < WIDTH => {
                line.push(' ');
                line.push_str(element);
                line.push(',');
            }
            _ => lines.push(format!("{indent}{element},")),
        }
    }
    lines.join("\n")
}

/// The predicates that hold at an event, by their index.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Trigger {
    now: BTreeSet<usize>,
    earlier: BTreeSet<usize>,
}

impl Trigger {
    /// The narrowest trigger at this event.
    fn at(measured: &MeasuredHistory<'_, '_>, at: usize) -> Self {
        let all = || Predicate::all().iter().enumerate();
        let holds = |(place, predicate): (usize, &Predicate)| {
            (predicate.reads != Reads::Answer && predicate.holds(measured, at)).then_some(place)
        };
        let now: BTreeSet<usize> = all().filter_map(holds).collect();
        let event = measured.event(at);
        let is_call = event.call().is_some() || event.entry.result.is_end();
        let held = |&(place, predicate): &(usize, &Predicate)| {
            !now.contains(&place) && (0..at).any(|earlier| predicate.holds(measured, earlier))
        };
        let earlier = if is_call {
            BTreeSet::new()
        } else {
            all().filter(held).map(|(place, _)| place).collect()
        };
        Self { now, earlier }
    }

    /// The trigger that holds if either of the two does, if they differ only in these opposites. It
    /// is never empty.
    fn with_either(&self, other: &Self, opposites: [&str; 2]) -> Option<Self> {
        let differ: BTreeSet<usize> = self.now.symmetric_difference(&other.now).copied().collect();
        let names: Vec<&str> = differ.iter().map(|&at| Predicate::all()[at].name).collect();
        let rest: BTreeSet<usize> = self.now.intersection(&other.now).copied().collect();
        let is_rest = self.earlier == other.earlier && names == opposites && !rest.is_empty();
        is_rest.then(|| Self {
            now: rest,
            earlier: self.earlier.clone(),
        })
    }
}

/// The form in a file: a conjunction of the predicates that hold, of those that held earlier if
/// that counts, and the negation of all others.
impl fmt::Display for Trigger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |&at: &usize| quoted(Predicate::all()[at].name);
        let earlier = self.earlier.iter().map(name);
        let earlier = earlier.map(|name| format!("{{ earlier = {name} }}"));
        let holds: Vec<String> = self.now.iter().map(name).chain(earlier).collect();
        let all = Predicate::all().iter().enumerate();
        let others = all.filter(|(at, predicate)| {
            let is_opposite = OPPOSITES.as_flattened().contains(&predicate.name);
            predicate.reads != Reads::Answer && !self.now.contains(at) && !is_opposite
        });
        let others: Vec<String> = others.map(|(at, _)| name(&at)).collect();
        write!(
            f,
            "[\n{}\n  {{ not = {{ any = [\n{}\n  ], why = \"none of these held\" }} }},\n]",
            lines(&holds, "  "),
            lines(&others, "    ")
        )
    }
}
