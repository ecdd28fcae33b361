//! What is known of a case that no file holds: a fuzzer generated it, and the entries by scenario do not speak of it.
//!
//! - A violation, a crash and a hang are known by their cause ([`known`](super::known)), as in every other case.
//! - A difference is known by its [shape](shape()).
//! - One call is one fact: a difference is known where the call breaks a clause on either side, as the known issues say.
//! - After a call that is known to break a clause by a bug, differences are known with it: a library that has lost a record or
//!   forgotten a handshake is in a state of its own.
//! - Behind damage on the wire a difference is told where a call succeeds on one side only, or where it delivers other bytes: how
//!   a library words its end, when it comes to look at what is damaged, and which alert gets out, is no part of writing. Where
//!   the damage itself was another one, as there were fewer bytes to damage, nothing is compared.
//! - So it is of a call that is no write: what counts of a read, a shutdown, a key update or a handshake is whether it succeeds,
//!   and what it delivers.
//! - Where the transport cuts a message of a handshake, or hands it over in parts, the cut falls where each library's messages
//!   have it, which are not of one length: nothing is compared from there on. Nor is what the peer says of a fatal alert that
//!   it is made to send.

use super::difference::{Aspect, Difference};
use super::finding::{Finding, Kind, Known};
use super::known::Library;
use super::ledger::{self, Place};
use super::monitor::Course;
use super::shape::shape;
use super::{Found, Judge};
use crate::backend::REFERENCE;
use crate::link::Budget;
use crate::scenario::{PeerAction, Step};
use crate::trace::{Entry, ErrorClass, Outcome, Trace};

impl Judge {
    /// What is to be said of the trace of a case that nobody wrote, by the name of a library and its version, known or not;
    /// what nobody knows first.
    pub fn unwritten(
        &self,
        reference: &Trace,
        trace: &Trace,
        (library, version): (&str, &str),
    ) -> Vec<Finding> {
        let Found {
            mut findings,
            differences,
            ..
        } = self.found(
            reference,
            trace,
            Library {
                name: library,
                version,
            },
        );
        let telling = telling(differences, reference, trace);
        findings.retain(|finding| finding.kind != Kind::Difference);
        findings.extend(Finding::difference(&telling));

        for finding in findings.iter_mut() {
            if finding.kind == Kind::Difference {
                finding.known = self.known_by_shape(&telling, finding, (library, version));
            }
        }
        self.recognise(reference, &mut findings);
        self.follow(reference, &mut findings);
        findings.sort_by_key(Finding::rank);
        findings
    }

    fn known_by_shape(
        &self,
        differences: &[Difference],
        finding: &Finding,
        (library, version): (&str, &str),
    ) -> Option<Known> {
        let (scenario, variant) = self.shapes.find(library, &shape(differences))?;
        let at = Place {
            library,
            version,
            scenario,
            variant: *variant,
        };
        self.ledger.find(&at, finding).map(ledger::Entry::known)
    }

    /// Takes a difference for known where the call breaks a clause on either side, as the known issues say: one call is one
    /// fact.
    fn recognise(&self, reference: &Trace, findings: &mut [Finding]) {
        let known: Vec<Finding> = broken(findings).cloned().collect();
        for finding in unknown_differences(findings) {
            let of_call = |faces: &[Finding]| {
                let face = broken(faces).find(|face| is_of_call(face, finding));
                face.and_then(|face| face.known.clone())
            };
            finding.known = of_call(&known).or_else(|| of_call(&self.of_reference(reference)));
        }
    }

    /// What the reference breaks, as far as that is known.
    fn of_reference(&self, reference: &Trace) -> Vec<Finding> {
        let library = Library {
            name: REFERENCE,
            version: "",
        };
        self.contract(reference, library).findings
    }

    /// Takes a difference for known after the first call that breaks a clause on either side by a known bug: what the
    /// connection does then is not comparable.
    fn follow(&self, reference: &Trace, findings: &mut [Finding]) {
        let own = first_bug(findings);
        for finding in unknown_differences(findings) {
            let of_reference = first_bug(&self.of_reference(reference));
            let mut bugs = own.clone().into_iter().chain(of_reference);
            let bug = bugs.find(|(step, _)| *step < finding.step);
            finding.known = bug.map(|(step, known)| Known {
                reason: format!("It follows step {step}: {}", known.reason),
                ..known
            });
        }
    }
}

/// The differences that are not known yet.
fn unknown_differences(findings: &mut [Finding]) -> impl Iterator<Item = &mut Finding> {
    let is_unknown = |found: &&mut Finding| found.kind == Kind::Difference && found.known.is_none();
    findings.iter_mut().filter(is_unknown)
}

/// The step of the first call that breaks a clause by a bug that the ledger knows, and what it says.
fn first_bug(findings: &[Finding]) -> Option<(usize, Known)> {
    let bugs = broken(findings).filter_map(|found| Some((found.step, found.known.clone()?)));
    let bugs = bugs.filter(|(_, known)| known.class == ledger::Class::Bug);
    bugs.min_by_key(|(step, _)| *step)
}

/// Those that say that a clause is broken, and that the ledger knows.
fn broken(findings: &[Finding]) -> impl Iterator<Item = &Finding> {
    findings
        .iter()
        .filter(|found| found.kind == Kind::Violation && found.known.is_some())
}

fn is_of_call(a: &Finding, b: &Finding) -> bool {
    (a.step, &a.action) == (b.step, &b.action)
}

/// The differences that say something of the library: all of them, if the first call that differs is a write and comes before
/// there is damage on the wire; else what of that call does. What comes later follows from it.
fn telling(differences: Vec<Difference>, reference: &Trace, trace: &Trace) -> Vec<Difference> {
    let Some(first) = differences.first() else {
        return differences;
    };
    // Of a step of several calls, the one where they part.
    let parted = first.within.first().unwrap_or(first);
    let of_call = |trace: &Trace| cuts_handshake(trace, (parted.step, parted.call));
    // What the peer makes of the half of a message is not the library's doing.
    let is_of_peer = first.action.starts_with("peer fatal alert");
    if is_of_peer || of_call(reference) || of_call(trace) {
        return Vec::new();
    }
    let damaged = [reference, trace]
        .into_iter()
        .filter_map(damaged_from)
        .min();
    let is_damaged = damaged.is_some_and(|damaged| first.step >= damaged);
    if !is_damaged && !is_no_write(parted) {
        return differences;
    }
    if first.action.starts_with("wire ") {
        return Vec::new();
    }
    let (step, call) = (first.step, first.call);
    let of_first = differences
        .into_iter()
        .take_while(|difference| (difference.step, difference.call) == (step, call));
    of_first.filter_map(outcome).collect()
}

/// Whether the call is one that is no write.
fn is_no_write(difference: &Difference) -> bool {
    [
        "read ",
        "shutdown",
        "key update",
        "renegotiate",
        "handshake",
    ]
    .iter()
    .any(|verb| difference.action.starts_with(verb))
}

/// Whether a message of a handshake was cut by this call, or by the last one before it that sent something, or may come to it
/// in parts: not even one library's messages are of one length, as signatures are not.
fn cuts_handshake(trace: &Trace, (step, call): (usize, usize)) -> bool {
    let Some(course) = Course::of(trace) else {
        return false;
    };
    let moments = &course.moments;
    let of_step = moments.iter().position(|moment| moment.entry.step == step);
    let to = of_step
        .map_or(0, |first| first + call + 1)
        .min(moments.len());
    let mut sent = moments[..to].iter().rev();
    let last = sent.find_map(|moment| Some((moment, moment.entry.sent.last()?)));
    let handed_in_parts = moments[..to].last().is_some_and(|moment| {
        let is_whole = matches!(
            moment.before.inbound.deliver,
            Budget::All | Budget::Bytes(0)
        );
        !moment.before.established && !is_whole
    });
    handed_in_parts
        || last.is_some_and(|(moment, record)| {
            let is_message = !moment.before.established || !record.messages().is_empty();
            is_message && !record.is_complete()
        })
}

/// The step from which on the library reads what its peer did not send like that, if there is one.
fn damaged_from(trace: &Trace) -> Option<usize> {
    let damages = |entry: &&Entry| match entry.asked.step() {
        // One that found too little waiting did nothing.
        Some(Step::Wire(_)) => entry.result == Outcome::Done,
        Some(Step::Peer(PeerAction::Raw(_))) => true,
        _ => false,
    };
    trace.entries.iter().find(damages).map(|entry| entry.step)
}

/// What of a difference tells that a call succeeds on one side only, or delivers something else.
fn outcome(mut difference: Difference) -> Option<Difference> {
    if difference.aspect == Aspect::Course {
        let within = difference.within.into_iter();
        difference.within = within.filter_map(outcome).collect();
        return (!difference.within.is_empty()).then_some(difference);
    }
    let success = ErrorClass::None.to_string();
    let succeeds = |class: &str| class == success;
    let (seen, reference) = (&difference.seen, &difference.reference);
    let tells = match difference.aspect {
        Aspect::ErrorClass => succeeds(seen) != succeeds(reference),
        Aspect::Data | Aspect::Delivered | Aspect::Aside => true,
        _ => false,
    };
    tells.then_some(difference)
}

#[cfg(test)]
mod tests {
    use super::super::monitor::script::{Script, begun, wants_read, wants_write};
    use super::*;
    use crate::link::Inbound;
    use crate::scenario::Version;
    use crate::trace::{Asked, Call};

    fn difference(
        step: usize,
        action: &str,
        aspect: Aspect,
        seen: &str,
        reference: &str,
    ) -> Difference {
        Difference {
            step,
            call: 0,
            action: action.to_owned(),
            aspect,
            reference: reference.to_owned(),
            seen: seen.to_owned(),
            within: Vec::new(),
        }
    }

    /// In step 2 the peer sends bytes of nobody.
    fn damaged() -> Trace {
        let entry = Entry {
            asked: Asked::Step(Step::Peer(PeerAction::Raw(vec![0]))),
            ..Entry::new(2, "peer raw 1 byte".to_owned(), Outcome::Done)
        };
        Trace {
            entries: vec![entry],
            ..Trace::default()
        }
    }

    #[test]
    fn behind_damage_only_success_and_bytes_tell() {
        let class = |step, seen: &str| difference(step, "write 9", Aspect::ErrorClass, seen, "SSL");
        let queue = |step| difference(step, "write 9", Aspect::Queue, "ssl:bad mac", "ssl:no mac");
        let told =
            |differences: Vec<Difference>| telling(differences, &damaged(), &Trace::default());
        let other_end = vec![class(3, "WANT_READ"), queue(3)];
        assert_eq!(told(other_end.clone()), []);
        assert_eq!(told(vec![class(3, "NONE"), queue(3)]), [class(3, "NONE")]);
        let bytes = difference(3, "peer read", Aspect::Delivered, "9 bytes", "0 bytes");
        assert_eq!(told(vec![bytes.clone()]), [bytes]);
        // What comes later follows from the first call that differs, whatever that says.
        assert_eq!(told(vec![queue(3), class(4, "NONE")]), []);
        let before = vec![class(1, "WANT_READ"), queue(3)];
        assert_eq!(told(before.clone()), before);
        let whole = telling(other_end.clone(), &Trace::default(), &Trace::default());
        assert_eq!(whole, other_end);
        let other_damage = difference(3, "wire flip 9", Aspect::Course, "no such byte waits", "");
        assert_eq!(told(vec![other_damage, class(4, "NONE")]), []);
        let mut course = difference(3, "finish", Aspect::Course, "“one”", "“other”");
        course.within = other_end;
        assert_eq!(told(vec![course.clone()]), []);
        course.within = vec![class(3, "NONE")];
        assert_eq!(told(vec![course.clone()]), [course]);
    }

    #[test]
    fn how_a_read_fails_is_no_part_of_writing() {
        let told = |difference: Difference| {
            telling(vec![difference], &Trace::default(), &Trace::default()).len()
        };
        let class = |action, seen| difference(3, action, Aspect::ErrorClass, seen, "WANT_WRITE");
        assert_eq!(told(class("write 9", "SSL")), 1);
        assert_eq!(told(class("read 9", "SSL")), 0);
        assert_eq!(told(class("read 9", "NONE")), 1);
        assert_eq!(told(class("shutdown", "SYSCALL")), 0);
        assert_eq!(told(class("shutdown", "NONE")), 1);
        // Nor is what the peer says of an alert.
        let of_peer = |seen| {
            difference(
                3,
                "peer fatal alert",
                Aspect::Course,
                seen,
                "an error: bad length",
            )
        };
        assert_eq!(told(of_peer("an error: length mismatch")), 0);
        let mut course = difference(3, "finish", Aspect::Course, "“one”", "“other”");
        course.within = vec![class("read 9", "SSL")];
        assert_eq!(told(course.clone()), 0);
        course.within = vec![class("retry 9", "SSL")];
        assert_eq!(told(course), 1);
    }

    #[test]
    fn where_a_handshake_is_cut_nothing_is_compared() {
        let cut = |established: bool| {
            let base = match established {
                true => Script::tls13(),
                false => Script::new(Version::Tls13).write(9, wants_read()),
            };
            base.write(9, wants_write()).sent(begun()).0
        };
        let told = |trace: &Trace| {
            let class = difference(2, "write 9", Aspect::ErrorClass, "WANT_READ", "WANT_WRITE");
            telling(vec![class], &cut(true), trace).len()
        };
        assert_eq!(told(&cut(true)), 1);
        assert_eq!(told(&cut(false)), 0);
        let parts = |deliver| {
            let inbound = Step::Inbound(Inbound {
                deliver,
                ..Inbound::OPEN
            });
            let script = Script::new(Version::Tls13).called(inbound, Call::success(1));
            script.write(9, wants_read()).0
        };
        assert_eq!(told(&parts(Budget::All)), 1);
        assert_eq!(told(&parts(Budget::Bytes(0))), 1);
        assert_eq!(told(&parts(Budget::Bytes(138))), 0);
        assert_eq!(told(&parts(Budget::EachCall(32))), 0);
    }

    fn violation(action: &str, seen: &str) -> Finding {
        Finding {
            kind: Kind::Violation,
            clause: None,
            severity: None,
            step: 2,
            action: action.to_owned(),
            expected: String::new(),
            seen: seen.to_owned(),
            observed: None,
            known: None,
        }
    }

    fn entry() -> ledger::Location {
        ledger::Location {
            file: "fixtures/ledger/x.toml".to_owned(),
            line: 2,
        }
    }

    #[test]
    fn what_comes_behind_a_known_bug_follows_from_it() {
        let judge = Judge::built_in().expect("the files are right");
        let known = |class| Known {
            class,
            reason: "as everybody knows".to_owned(),
            link: "https://example.org".to_owned(),
            entry: entry(),
            issue: None,
        };
        let found = |kind, step| Finding {
            kind,
            step,
            ..violation("write 9", "-1 SSL")
        };
        let known_behind = |class| {
            let mut findings = [
                found(Kind::Violation, 2),
                found(Kind::Violation, 1),
                found(Kind::Violation, 2),
                found(Kind::Violation, 3),
                found(Kind::Difference, 3),
                found(Kind::Crash, 3),
            ];
            findings[0].known = Some(known(class));
            judge.follow(&Trace::default(), &mut findings);
            findings[1..]
                .iter()
                .map(|found| found.known.is_some())
                .collect::<Vec<bool>>()
        };
        let behind = [false, false, false, true, false];
        assert_eq!(known_behind(ledger::Class::Bug), behind);
        assert_eq!(known_behind(ledger::Class::ByDesign), [false; 5]);
    }

    #[test]
    fn what_is_seen_of_a_call_is_known_once() {
        let judge = Judge::built_in().expect("the files are right");
        let found = |kind, step, seen: &str| Finding {
            kind,
            step,
            ..violation("write 9", seen)
        };
        let known = Known {
            class: ledger::Class::Bug,
            reason: "as everybody knows".to_owned(),
            link: "https://example.org".to_owned(),
            entry: entry(),
            issue: None,
        };
        let mut findings = [
            found(Kind::Violation, 2, "-1 SSL"),
            found(Kind::Violation, 2, "-1 SSL"),
            found(Kind::Violation, 2, "-1 SSL version 0x1703"),
            found(Kind::Violation, 2, "0 bytes"),
            found(Kind::Violation, 3, "-1 SSL"),
            found(Kind::Difference, 2, "error SSL instead of NONE"),
            found(Kind::Difference, 3, "error SSL instead of NONE"),
            found(Kind::Crash, 2, "-1 SSL"),
        ];
        findings[0].known = Some(known);
        // A violation is known by its own cause alone.
        judge.recognise(&Trace::default(), &mut findings);
        let is_known: Vec<bool> = findings.iter().map(|found| found.known.is_some()).collect();
        assert_eq!(
            is_known,
            [true, false, false, false, false, true, false, false]
        );
    }
}
