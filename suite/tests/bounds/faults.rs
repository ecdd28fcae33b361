//! Libraries with one fault each, run in all cases: which clauses they break and where, how the run
//! ends, and that no other result is lost or changed. `cargo test --test bounds -- --nocapture
//! faults` prints a table of verdicts, run times and report sizes.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::wrappers::Real;
use super::{Checked, check, name, wrapper};

/// The largest JSON report of all cases, in bytes.
const REPORT: usize = 64 << 20;

/// The corpus has at least this many cases.
const CASES: usize = 2000;

/// A fault, and the findings that it must cause.
struct Fault {
    /// The wrapper with the fault.
    wrapper: &'static str,
    exit: i32,
    /// Whether a case of the honest library reaches the fault. All other cases must equal those of
    /// the honest library.
    touches: fn(&Value) -> bool,
    /// Clauses broken in each case of these scenarios that reaches the fault.
    breaks: &'static [Broken],
}

/// A clause that the fault breaks and the honest library keeps.
struct Broken {
    scenario: &'static str,
    clause: &'static str,
    step: u64,
}

const FAULTS: &[Fault] = &[
    Fault {
        wrapper: "one-byte-success",
        exit: 1,
        touches: |case| any_write(case, |entry| returned(entry) > Some(1)),
        breaks: &[
            broken("whole/exactly-one-record", "success.means-all-bytes", 2),
            broken("retry/same-arguments", "delivery.no-more-than-offered", 5),
        ],
    },
    Fault {
        wrapper: "half-writes",
        exit: 1,
        touches: |case| any_write(case, |entry| asked_for(entry) > Some(1)),
        breaks: &[
            broken(
                "whole/exactly-one-record",
                "success.bytes-are-on-the-wire",
                2,
            ),
            broken("retry/same-arguments", "success.bytes-are-on-the-wire", 5),
        ],
    },
    Fault {
        wrapper: "shutdown-one",
        exit: 1,
        touches: |case| entries(case).iter().any(|entry| is_step(entry, "Shutdown")),
        breaks: &[
            broken(
                "closing/shutdown-both-ways",
                "closing.shutdown-one-means-closed",
                3,
            ),
            broken(
                "closing/transport-returns-zero-for-a-shutdown",
                "closing.shutdown-one-means-closed",
                3,
            ),
        ],
    },
    Fault {
        wrapper: "shutdown-zero",
        exit: 1,
        touches: |case| entries(case).iter().any(|entry| is_step(entry, "Shutdown")),
        breaks: &[
            broken(
                "closing/shutdown-both-ways",
                "closing.shutdown-zero-means-sent",
                3,
            ),
            broken(
                "closing/transport-returns-zero-for-a-shutdown",
                "closing.shutdown-zero-means-sent",
                6,
            ),
        ],
    },
    Fault {
        // No handshake completes.
        wrapper: "handshake-syscall",
        exit: 3,
        touches: |case| {
            entries(case)
                .iter()
                .any(|entry| is_step(entry, "Handshake"))
        },
        breaks: &[
            broken("whole/exactly-one-record", "calls.would-block", 1),
            broken("retry/same-arguments", "calls.syscall-means-io-failed", 1),
        ],
    },
    Fault {
        wrapper: "handshake-syscall-for-a-write",
        exit: 1,
        touches: |case| {
            let is_blocked = |entry| is_step(entry, "Handshake") && error(entry) == "WANT_WRITE";
            entries(case).iter().any(is_blocked)
        },
        breaks: &[
            broken("handshake/explicit-blocked-at-once", "calls.would-block", 2),
            broken(
                "handshake/explicit-blocked-at-once",
                "calls.syscall-means-io-failed",
                2,
            ),
        ],
    },
    Fault {
        wrapper: "setters-fail",
        exit: 1,
        touches: shows_a_hello_of_tls12,
        breaks: &[],
    },
    Fault {
        wrapper: "drops-while-blocked",
        exit: 1,
        touches: would_block,
        breaks: &[
            broken("retry/same-arguments", "success.bytes-are-on-the-wire", 3),
            broken("retry/shorter-buffer", "success.bytes-are-on-the-wire", 3),
        ],
    },
    Fault {
        wrapper: "record-again",
        exit: 1,
        touches: would_block,
        breaks: &[
            broken("retry/same-arguments", "error.want-agrees", 5),
            broken("retry/shorter-buffer", "retry.shorter-is-refused", 5),
        ],
    },
];

const fn broken(scenario: &'static str, clause: &'static str, step: u64) -> Broken {
    Broken {
        scenario,
        clause,
        step,
    }
}

#[test]
fn fault_is_seen_in_the_cases_that_meet_it_and_nowhere_else() {
    let honest = check(&Real::Distribution.path(), &[]);
    assert!(
        honest.cases().len() >= CASES,
        "{} cases",
        honest.cases().len()
    );
    println!("{}", Row("fault", "exit", "verdicts", "seconds", "MiB"));
    println!("{}", Row("---", "---", "---", "---", "---"));
    println!("{}", row("none", &honest));
    let mut wrong = Vec::new();
    for fault in FAULTS {
        let checked = check(wrapper(fault.wrapper).path(), &[]);
        println!("{}", row(fault.wrapper, &checked));
        let found = fault.wrong(&honest, &checked).into_iter();
        wrong.extend(found.map(|wrong| format!("{}: {wrong}", fault.wrapper)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

impl Fault {
    /// Every deviation from the expected results.
    fn wrong(&self, honest: &Checked, checked: &Checked) -> Vec<String> {
        let mut wrong = Vec::new();
        if checked.exit != Some(self.exit) {
            wrong.push(format!("exit code {:?}, not {}", checked.exit, self.exit));
        }
        if checked.bytes >= REPORT {
            wrong.push(format!("a report of {} bytes", checked.bytes));
        }
        let names = |of: &Checked| {
            of.cases()
                .iter()
                .map(|case| format!("{:?}", name(case)))
                .collect::<Vec<_>>()
        };
        if names(checked) != names(honest) {
            wrong.push("other cases than those of the honest library".to_owned());
            return wrong;
        }
        let mut touched = 0;
        for (case, honest) in checked.cases().iter().zip(honest.cases()) {
            // A report with many findings may omit parts of a trace; the digest covers the whole
            // trace.
            let trace = if case["left_out"].is_null() {
                "steps"
            } else {
                "digest"
            };
            let is_same = case[trace] == honest[trace] && case["verdict"] == honest["verdict"];
            if (self.touches)(honest) {
                touched += usize::from(!is_same);
            } else if !is_same {
                wrong.push(format!("{:?} changed, which does not meet it", name(case)));
            }
        }
        if touched == 0 {
            wrong.push("no case shows it".to_owned());
        }
        for broken in self.breaks {
            wrong.extend(broken.wrong(honest, checked, self.touches));
        }
        wrong
    }
}

impl Broken {
    /// The cases in which the fault is missed, or in which the honest library breaks the same
    /// clause.
    fn wrong(
        &self,
        honest: &Checked,
        checked: &Checked,
        touches: fn(&Value) -> bool,
    ) -> Vec<String> {
        let Self {
            scenario,
            clause,
            step,
        } = self;
        let breaks = |case: &Value| {
            let findings = case["findings"].as_array().map_or(&[][..], Vec::as_slice);
            findings.iter().any(|finding| {
                finding["kind"] == "violation"
                    && finding["clause"] == *clause
                    && finding["step"] == *step
            })
        };
        let cases = checked.cases().iter().zip(honest.cases());
        let touched: Vec<_> = cases
            .filter(|(case, honest)| case["scenario"] == *scenario && touches(honest))
            .collect();
        if touched.is_empty() {
            return vec![format!("no case of {scenario} meets it")];
        }
        let as_wanted = |(case, honest): &&(&Value, &Value)| breaks(case) && !breaks(honest);
        let others = touched.len() - touched.iter().filter(as_wanted).count();
        if others > 0 {
            vec![format!(
                "in {others} of {} cases of {scenario} it does not break {clause} in step {step}, or the honest library does too",
                touched.len()
            )]
        } else {
            Vec::new()
        }
    }
}

/// A row of the table.
struct Row<T>(T, T, T, T, T);

impl<T: fmt::Display> fmt::Display for Row<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(fault, exit, verdicts, seconds, size) = self;
        write!(f, "| {fault} | {exit} | {verdicts} | {seconds} | {size} |")
    }
}

fn row(fault: &str, checked: &Checked) -> Row<String> {
    let mut verdicts: BTreeMap<&str, usize> = BTreeMap::new();
    for case in checked.cases() {
        *verdicts
            .entry(case["verdict"].as_str().unwrap_or_default())
            .or_default() += 1;
    }
    let verdicts: Vec<String> = verdicts
        .into_iter()
        .map(|(verdict, cases)| format!("{cases} {verdict}"))
        .collect();
    let milliseconds = checked.report["summary"]["duration_ms"]
        .as_u64()
        .unwrap_or_default();
    Row(
        fault.to_owned(),
        checked
            .exit
            .map_or_else(|| "a signal".to_owned(), |exit| exit.to_string()),
        verdicts.join(", "),
        format!("{}.{}", milliseconds / 1000, milliseconds % 1000 / 100),
        (checked.bytes >> 20).to_string(),
    )
}

fn entries(case: &Value) -> &[Value] {
    case["steps"].as_array().map_or(&[], Vec::as_slice)
}

/// Whether the predicate holds for a call of `SSL_write` in this case.
fn any_write(case: &Value, is: fn(&Value) -> bool) -> bool {
    let mut writes = entries(case)
        .iter()
        .filter(|entry| entry["asked"]["write"]["function"] == "Write");
    writes.any(is)
}

fn asked_for(entry: &Value) -> Option<u64> {
    entry["asked"]["write"]["argument"]["bytes"].as_u64()
}

fn returned(entry: &Value) -> Option<i64> {
    entry["result"]["call"]["ret"].as_i64()
}

fn error(entry: &Value) -> &str {
    entry["result"]["call"]["error"]
        .as_str()
        .unwrap_or_default()
}

/// Whether the entry is this step.
fn is_step(entry: &Value, step: &str) -> bool {
    entry["asked"]["step"] == step
}

/// Whether the transport would have blocked in a call. Results of single socket operations are not
/// in the trace.
fn would_block(case: &Value) -> bool {
    let blocks = |entry: &Value| {
        let refusal = &entry["traffic"]["outbound"]["refusal"];
        refusal == "WouldBlock" || refusal == "ZeroRetry" || error(entry) == "WANT_WRITE"
    };
    let is_socket = || name(case).1.ends_with("/socket");
    entries(case).iter().any(blocks) || is_socket()
}

/// Whether a case of TLS 1.2 shows more of a handshake than its completion. A library whose version
/// setter fails still offers TLS 1.3: its hello is longer, and it handles messages before version
/// negotiation differently.
fn shows_a_hello_of_tls12(case: &Value) -> bool {
    let is_completed = |entry: &Value| returned(entry) == Some(1);
    let mut handshakes = entries(case)
        .iter()
        .filter(|entry| is_step(entry, "Handshake"));
    let is_plain = handshakes.next().is_some_and(is_completed)
        && !entries(case).iter().any(shows_a_handshake_record);
    name(case).1.starts_with("tls1.2/") && !is_plain
}

fn shows_a_handshake_record(entry: &Value) -> bool {
    let records = ["sent", "taken"].map(|key| entry[key].as_array().map_or(&[][..], Vec::as_slice));
    let is_handshake = |record: &Value| {
        let body = &record["body"];
        let of_type = |form: &str| body[form]["content_type"] == "handshake";
        !body["handshake"].is_null() || of_type("incomplete") || of_type("sealed")
    };
    records.concat().iter().any(is_handshake)
}
