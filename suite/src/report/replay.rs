//! The report of `writeproof replay` on one generated case: the trace of each library, with every
//! finding after the step in which it occurred.

use std::fmt::Write as _;

use super::layout::{count, cut};
use super::muted_line;
use crate::fuzz::Examined;
use crate::judge::{Finding, Kind, Muted};
use crate::scenario::{Id, Variant};
use crate::target::Printed;
use crate::trace::{Entry, Trace};

/// The trace of a library, with its findings marked.
pub(crate) fn marked(id: &Id, variant: Variant, examined: &Examined) -> String {
    let Examined {
        backend,
        ran,
        findings,
    } = examined;
    format!(
        "{id}  {backend}  {variant}\n{}",
        with_findings(&ran.trace, &ran.printed, findings)
    )
}

/// What happened in a case, with the findings marked after the step in which they occurred.
pub(crate) fn with_findings(trace: &Trace, printed: &Printed, findings: &[Finding]) -> String {
    let mut text = String::new();
    let mut left: Vec<&Finding> = findings.iter().collect();
    let same_step = |a: &Entry, b: &Entry| a.step == b.step;
    for entries in trace.entries.chunk_by(same_step) {
        let of_step = Trace {
            entries: entries.to_vec(),
            ..Trace::default()
        };
        let _ = write!(text, "{of_step}");
        let step = entries[0].step;
        left.retain(|finding| {
            let is_here = finding.step == step;
            if is_here {
                text.push_str(&mark(finding));
            }
            !is_here
        });
    }
    let side_effects = Trace {
        side_effects: trace.side_effects.clone(),
        ..Trace::default()
    };
    let _ = write!(text, "{side_effects}{}", first_printed(printed));
    // Findings in no step of the trace.
    text.extend(left.into_iter().map(mark));
    text
}

/// A finding, in lines that stand out among those of a trace.
fn mark(finding: &Finding) -> String {
    let known = match &finding.known {
        None => "UNEXPECTED".to_owned(),
        Some(known) => format!("known, {}: {}", known.class.as_str(), cut(&known.reason)),
    };
    let (expected, seen) = (cut(&finding.expected), cut(&finding.seen));
    format!(
        ">>> {}: {known}\n>>>   expected: {expected}\n>>>   seen:     {seen}\n",
        what(finding)
    )
}

/// The kind of finding, with the clause of a violation.
fn what(finding: &Finding) -> String {
    match (&finding.clause, finding.kind) {
        (Some(clause), Kind::Violation) => format!("violation of {clause}"),
        (_, kind) => kind.as_str().to_owned(),
    }
}

fn first_printed(printed: &Printed) -> String {
    let line = |name: &str, text: &str| match text.lines().next() {
        Some(line) => format!("  first line printed on standard {name}: {}\n", cut(line)),
        None => String::new(),
    };
    line("output", &printed.stdout) + &line("error", &printed.stderr)
}

/// A line about the findings that known issues explain, if there are any.
pub(crate) fn muted(examined: &[Examined]) -> String {
    muted_line(&Muted::of(examined.iter().map(|one| &*one.findings)))
}

/// A line with the unexpected findings of all libraries, and the number of the known ones.
pub(crate) fn summary(examined: &[Examined]) -> String {
    let mut findings: Vec<String> = Vec::new();
    for one in examined {
        for finding in one.unexpected() {
            let (what, step) = (what(finding), finding.step);
            let words = format!("{what} on {} in step {step}", one.backend);
            if !findings.contains(&words) {
                findings.push(words);
            }
        }
    }
    let all: usize = examined.iter().map(|one| one.findings.len()).sum();
    let unexpected: usize = examined.iter().map(|one| one.unexpected().count()).sum();
    let mut libraries: Vec<&str> = examined.iter().map(|one| one.backend.as_str()).collect();
    libraries.sort_unstable();
    libraries.dedup();
    let libraries = match libraries.len() {
        1 => "1 library".to_owned(),
        number => format!("{number} libraries"),
    };
    let known = match all - unexpected {
        0 => String::new(),
        known => format!("; {known} known"),
    };
    if findings.is_empty() {
        format!("{libraries}, nothing unexpected{known}")
    } else {
        format!(
            "{libraries}, {} UNEXPECTED: {}{known}",
            count(unexpected, "finding"),
            findings.join(", ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::{Class, Known, Location};
    use crate::target::RunOutcome;
    use crate::trace::Outcome;

    fn finding(step: usize, known: Option<Known>) -> Finding {
        Finding {
            kind: Kind::Violation,
            clause: Some("retry.same-arguments".to_owned()),
            severity: None,
            event: 0,
            step,
            action: "retry 50".to_owned(),
            expected: "refused".to_owned(),
            seen: "returns 50".to_owned(),
            observed: None,
            differences: Vec::new(),
            case_differences: Vec::new(),
            known,
        }
    }

    #[test]
    fn finding_follows_its_step_or_ends_the_trace() {
        let known = Known {
            class: Class::Bug,
            reason: "why".to_owned(),
            link: String::new(),
            entry: Location {
                file: "fixtures/ledger/rustls.toml".to_owned(),
                line: 2,
            },
            causes: Vec::new(),
        };
        let entry = |step, action: &str| Entry::new(step, action.to_owned(), Outcome::Done);
        let trace = Trace {
            entries: vec![
                entry(1, "one"),
                entry(2, "two"),
                entry(2, "two, again"),
                entry(3, "three"),
            ],
            ..Trace::default()
        };
        let examined = Examined {
            backend: "rustls".to_owned(),
            ran: RunOutcome {
                trace,
                printed: Printed::default(),
            },
            findings: vec![finding(9, None), finding(2, Some(known))],
        };
        let id = Id::new("fuzz/x").expect("an id");
        let variant = Variant::parse("tls1.2/client").expect("a variant");
        let details = ">>>   expected: refused\n>>>   seen:     returns 50\n";
        assert_eq!(
            marked(&id, variant, &examined),
            format!(
                "fuzz/x  rustls  tls1.2/client\n  one\n  two\n  two, again\n\
                 >>> violation of retry.same-arguments: known, bug: why\n{details}  three\n\
                 >>> violation of retry.same-arguments: UNEXPECTED\n{details}"
            )
        );
        assert_eq!(
            summary(&[examined]),
            "1 library, 1 finding UNEXPECTED: violation of retry.same-arguments on rustls in step 9; 1 known"
        );
    }
}
