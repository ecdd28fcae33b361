//! From observations that no known issue explains to issues that explain them and nothing else: of each observation the
//! pattern that fits no other one, and the narrowest trigger that the history gives at that moment.
//!
//! A trigger says of every predicate whether it holds there, but for those that read the answer of the call itself: a call may
//! not excuse itself. Where the library was not called, as where the peer reads, few predicates hold, and what held
//! earlier is added. A number is a sum of quantities of the history where one fits every case, and else the number itself.
//!
//! A difference is explained by its aspects and error classes.
//!
//! Observations of one clause with one pattern and trigger are one issue. Two that differ only in that one is of a client and
//! the other of a server, or in the protocol version, are one without it: that says the same.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use super::Witness;
use super::divergence::Divergence;
use super::effect::{Pattern, quoted};
use super::file::MOST_WITNESSES;
use super::measured::MeasuredHistory;
use super::predicate::{OPPOSITES, Predicate, Reads};
use crate::judge::Broken;
use crate::judge::difference::Difference;
use crate::judge::finding::Finding;
use crate::judge::ledger::Class;
use crate::judge::monitor::History;
use crate::limits::shortened;

/// Characters of a title that is proposed, at most.
const TITLE: usize = 200;

/// Characters of a line of a trigger, at most.
const WIDTH: usize = 100;

/// Observations that no known issue explains.
#[derive(Debug, Default)]
pub struct Proposals {
    found: Vec<Found>,
    /// Of differences, which have no numbers.
    differences: Vec<Proposal>,
    inexpressible: Vec<String>,
}

/// One of them.
#[derive(Debug)]
struct Found {
    clause: &'static str,
    trigger: Trigger,
    /// Without its number.
    pattern: Pattern,
    /// With each sum that is its number, the most general first.
    numbered: Vec<Pattern>,
    title: String,
    witness: Witness,
}

/// An issue that explains some of them and nothing else.
#[derive(Debug)]
pub struct Proposal {
    explains: Explains,
    trigger: Trigger,
    title: String,
    witnesses: Vec<Witness>,
}

/// What a proposed issue explains.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Explains {
    /// Such an observation of this clause.
    Breaks(&'static str, Box<Pattern>),
    /// Such a difference, as a file has it.
    Differs(String),
}

/// What is stated of an issue beside what the history gives.
#[derive(Debug, Clone, Default)]
pub struct Stated {
    /// How it is to be taken, with the reason, and the key `link` or `source` with its value; for a person to fill in if
    /// there is nothing.
    pub reviewed: Option<(Class, String, (&'static str, String))>,
    /// The versions that it affects of which library; every library if there is nothing.
    pub affects: Option<(String, String)>,
}

impl Proposals {
    /// Adds what no issue explains in a case.
    pub fn add<'b>(
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
            let pattern = Pattern::of(observed);
            let mut numbered = pattern.clone().numbered(observed, &measured, at);
            numbered.retain(|exact| !exact.is_empty() && exact.matches(observed, &measured, at));
            let title = title(finding);
            if numbered.is_empty() {
                self.inexpressible
                    .push(format!("{witness}, step {}: {title}", finding.step));
                continue;
            }
            self.found.push(Found {
                clause: broken.clause,
                trigger: Trigger::at(&measured, at),
                pattern,
                numbered,
                title,
                witness: witness.clone(),
            });
        }
    }

    /// Adds a difference that no issue explains in a case, and what comes of it.
    pub fn add_difference(&mut self, witness: &Witness, history: &History<'_>, finding: &Finding) {
        for differences in [&finding.differences, &finding.upshot] {
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
        // What came of a case as a whole comes after its last moment.
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

    /// Adds what was found in a case of which there is no history: it ended before the connection was set up.
    pub fn add_without_history<'f>(
        &mut self,
        witness: &Witness,
        findings: impl IntoIterator<Item = &'f Finding>,
    ) {
        let lines = findings
            .into_iter()
            .map(|finding| format!("{witness}, before the connection: {}", title(finding)));
        self.inexpressible.extend(lines);
    }

    /// What no file can say, each with its case.
    pub fn inexpressible(&self) -> &[String] {
        &self.inexpressible
    }

    /// The issues that explain all of them, in the order of their first cases.
    pub fn issues(self) -> Vec<Proposal> {
        let mut groups: Vec<Vec<Found>> = Vec::new();
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

impl Found {
    /// Whether both are one issue, as far as their numbers fit one sum.
    fn is_like(&self, other: &Self) -> bool {
        self.clause == other.clause
            && self.trigger == other.trigger
            && self.pattern == other.pattern
    }
}

/// What is reported, as the title of an issue.
fn title(finding: &Finding) -> String {
    let what = finding.clause.as_deref().unwrap_or(finding.kind.as_str());
    let title = format!(
        "{what}: {}: expected {}, seen {}",
        finding.action, finding.expected, finding.seen
    );
    shortened(&title, TITLE).into_owned()
}

/// As few issues as the numbers of these observations need, which are alike else: first the sum that fits most of them.
fn of_group(mut group: Vec<Found>) -> Vec<Proposal> {
    let mut issues = Vec::new();
    while let Some(first) = group.first() {
        let fits = |pattern: &Pattern| {
            let members = group.iter();
            members
                .filter(|member| member.numbered.contains(pattern))
                .count()
        };
        // Of equals the first one of the first observation: `max_by_key` takes the last.
        let best = first.numbered.iter().rev().max_by_key(|one| fits(one));
        let Some(pattern) = best.cloned() else { break };
        let (members, rest): (Vec<Found>, Vec<Found>) = group
            .into_iter()
            .partition(|member| member.numbered.contains(&pattern));
        group = rest;
        issues.extend(Proposal::of(pattern, members));
    }
    issues
}

/// The same issues, where two that differ in these opposites alone are one.
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
    fn of(pattern: Pattern, members: Vec<Found>) -> Option<Self> {
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

    /// The name that it gets if none of these is taken: that of the clause, with a number.
    pub fn id(&self, taken: &BTreeSet<String>) -> String {
        let what = match &self.explains {
            Explains::Breaks(clause, _) => clause.replace('.', "-"),
            Explains::Differs(_) => "difference".to_owned(),
        };
        let mut ids = (1..).map(|number| format!("{what}-{number}"));
        ids.find(|id| !taken.contains(id)).unwrap_or_default()
    }

    /// The issue as a file has it, by this name.
    pub fn text(&self, id: &str, stated: &Stated) -> String {
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

/// The elements of an array, each with a comma after it, in as many lines as they need, which begin with `indent`.
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

/// What holds at a moment, each predicate by its place among all.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Trigger {
    now: BTreeSet<usize>,
    earlier: BTreeSet<usize>,
}

impl Trigger {
    /// The narrowest one at this moment.
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

    /// The trigger that holds where this one or the other does, if they differ in these opposites alone. It is never empty.
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

/// As a file has it: a conjunction of what holds, of what held earlier where that counts, and that nothing else holds.
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
