//! A case is stopped where a library does more than any case needs. Each library here is a few
//! lines that exceed one limit.

use std::io::Write as _;

use writeproof::internal::backend::{
    About, Backend, Backends, Bytes, Endpoint, REFERENCE, Setup, Unsupported,
};
use writeproof::internal::contract::Severity;
use writeproof::internal::judge::monitor::{self, Violation};
use writeproof::internal::judge::{Judge, Judgement, Kind, Verdict, known};
use writeproof::internal::limits::{Allowance, Limit};
use writeproof::internal::runner;
use writeproof::internal::scenario::{Corpus, Function, Id, Scenario, Variant, parse};
use writeproof::internal::trace::{Call, Entry, ErrorClass, Outcome, QueueEntry, Trace};
use writeproof::internal::transport::Transport;

/// A library's implementation of a write.
type WriteFunction = fn(&Transport, &[u8]) -> Call;

/// A library that writes this way and does nothing else.
struct Library(About, WriteFunction);

impl Library {
    fn new(write: WriteFunction) -> Self {
        Self(About::new("limits", "none", "1"), write)
    }
}

impl Backend for Library {
    fn about(&self) -> &About {
        &self.0
    }

    fn open(&self, _: &Setup, transport: &Transport) -> Result<Box<dyn Endpoint>, Unsupported> {
        Ok(Box::new(Connection(transport.clone(), self.1)))
    }
}

struct Connection(Transport, WriteFunction);

impl Endpoint for Connection {
    fn handshake(&mut self) -> Result<Call, Unsupported> {
        Ok(Call::success(1))
    }

    fn write(&mut self, function: Function, bytes: Bytes<'_>) -> Result<Call, Unsupported> {
        Ok((self.1)(&self.0, bytes.slice_for(function)?))
    }

    fn read(&mut self, _: &mut [u8]) -> Result<Call, Unsupported> {
        Ok(Call::success(0))
    }
}

fn scenario(steps: &str) -> Scenario {
    let id = Id::new("own/limits").expect("an id");
    let text = format!("title = \"A test\"\nsteps = [{steps}]\n");
    parse(id, "own/limits.toml", &text).expect("a valid scenario")
}

fn variant() -> Variant {
    Variant::parse("tls1.3/client").expect("a variant")
}

fn run(write: WriteFunction, scenario: &Scenario) -> Trace {
    runner::run(&Library::new(write), scenario, variant()).expect("the runner works")
}

fn judge(reference: &Trace, trace: &Trace) -> Judgement {
    let library = known::Library {
        name: "own",
        version: "1",
    };
    let judge = Judge::built_in().expect("the built-in fixtures are valid");
    judge.judge(reference, trace, library)
}

fn all(_: &Transport, bytes: &[u8]) -> Call {
    Call::success(bytes.len() as i64)
}

fn one_byte(_: &Transport, _: &[u8]) -> Call {
    Call::success(1)
}

fn with_queue(queue: Vec<QueueEntry>) -> Call {
    Call {
        queue,
        ..Call::failure(ErrorClass::Ssl)
    }
}

/// Sends a byte and asks to be repeated, in every call.
fn again_and_again(transport: &Transport, bytes: &[u8]) -> Call {
    // Refused or not: it asks for a retry.
    let _ = transport.clone().write(&bytes[..1]);
    Call::failure(ErrorClass::WantWrite)
}

fn sends_without_end(transport: &Transport, bytes: &[u8]) -> Call {
    while transport.clone().write(bytes).is_ok() {}
    Call::success(bytes.len() as i64)
}

/// The step at which the case was stopped, and the limit. Nothing may follow it.
fn stopped(trace: &Trace) -> (usize, Limit) {
    let last = trace.entries.last().expect("entries");
    match last.result {
        Outcome::Stopped(limit) => (last.step, limit),
        _ => panic!("it was not stopped in the end: {last:?}"),
    }
}

#[test]
fn library_that_writes_a_byte_per_call_is_stopped_at_the_call_limit() {
    let scenario = scenario("{ write = { len = 20000 } }, \"finish\", { write = { len = 1 } }");
    let trace = run(one_byte, &scenario);
    let calls = Allowance::of(&scenario).calls;
    assert_eq!(stopped(&trace), (2, Limit::Calls(calls)));
    // The call that is not made has an entry too.
    assert_eq!(trace.entries.len(), calls + 1);
    let text = trace.to_string();
    let last = text.lines().last().expect("lines");
    assert!(
        last.contains(&format!("stopped after {calls} calls")),
        "{last}"
    );
}

#[test]
fn endless_retry_is_stopped_although_bytes_move() {
    let scenario = scenario("{ write = { len = 9 } }, \"finish\"");
    let limit = Limit::Calls(Allowance::of(&scenario).calls);
    assert_eq!(stopped(&run(again_and_again, &scenario)), (2, limit));
}

/// Over a transport that takes a byte per call, a correct library needs many calls, but no more
/// than there are bytes.
#[test]
fn slow_transport_allows_one_call_per_byte() {
    let with = |transport: &str| {
        scenario(&format!(
            "\"handshake\", {transport}, {{ write = {{ len = 10 }} }}"
        ))
    };
    let calls = |transport| Allowance::of(&with(transport)).calls;
    let (open, slow) = ("{ link = \"open\" }", "{ link = { accept_each = 1 } }");
    let more = calls(slow) - calls(open);
    assert!((10..10_000).contains(&more), "{more}");
    let seven = "{ link = { accept_each = 7 } }";
    assert_eq!(calls(seven) - calls(open), more / 7);
}

#[test]
fn call_that_sends_without_end_is_stopped_and_has_no_result() {
    let scenario = scenario("{ write = { len = 100 } }, { write = { len = 1 } }");
    let trace = run(sends_without_end, &scenario);
    let most = Allowance::of(&scenario).wire_bytes;
    assert_eq!(stopped(&trace), (1, Limit::WireBytes(most)));
    assert_eq!(trace.entries.len(), 1);
}

#[test]
fn error_queue_is_bounded_in_entries_and_in_bytes() {
    let scenario = scenario("{ write = { len = 1 } }");
    let many = |_: &Transport, _: &[u8]| with_queue(vec![QueueEntry::from("ssl:bad length"); 33]);
    assert_eq!(stopped(&run(many, &scenario)), (1, Limit::QueueEntries(32)));
    let long = |_: &Transport, _: &[u8]| {
        with_queue(vec![QueueEntry::of(None, Some(&"x".repeat(10_000_000)))])
    };
    let trace = run(long, &scenario);
    assert_eq!(stopped(&trace), (1, Limit::QueueBytes(4096)));
    assert!(trace.to_string().len() < 200);
    let right = |_: &Transport, _: &[u8]| with_queue(vec![QueueEntry::from("ssl:bad length"); 32]);
    assert_eq!(run(right, &scenario).end().map(|end| end.step), None);
}

#[test]
fn buffers_of_earlier_writes_are_bounded_in_number_and_in_bytes() {
    // A transport that takes a byte per call, so that many calls are allowed.
    let slow = "{ link = { accept_each = 1 } }";
    let small = scenario(&format!(
        "{slow}, {{ write = {{ len = 5000 }} }}, \"finish\""
    ));
    let buffers = Allowance::of(&small).buffers;
    assert_eq!(
        stopped(&run(one_byte, &small)),
        (3, Limit::Buffers(buffers))
    );
    let large = scenario("{ write = { len = 1000000 } }, \"finish\"");
    let bytes = Allowance::of(&large).buffered_bytes;
    assert_eq!(
        stopped(&run(one_byte, &large)),
        (2, Limit::BufferedBytes(bytes))
    );
}

#[test]
fn trace_line_is_bounded() {
    let panics = |_: &Transport, _: &[u8]| -> Call { panic!("{}", "x".repeat(1_000_000)) };
    let trace = run(panics, &scenario("{ write = { len = 1 } }"));
    let text = trace.to_string();
    assert!(text.len() < 2000, "{} bytes", text.len());
    assert!(text.contains("(1000000 characters in all)"), "{text}");
}

#[test]
fn stopped_case_is_a_finding() {
    let scenario = scenario("{ write = { len = 20000 } }, \"finish\"");
    let judgement = judge(&run(all, &scenario), &run(one_byte, &scenario));
    let Verdict::Stopped(how) = &judgement.verdict else {
        panic!("{:?}", judgement.verdict);
    };
    assert!(how.contains("in step 2, write "), "{how}");
    let stops = judgement
        .findings
        .iter()
        .filter(|found| found.kind == Kind::Stop);
    let stops: Vec<_> = stops.collect();
    let [stop] = &stops[..] else {
        panic!("{stops:?}");
    };
    assert_eq!(stop.severity, Some(Severity::Connection));
    assert_eq!(stop.known, None);
    assert_eq!(judgement.differences, []);
}

#[test]
fn case_that_the_reference_cannot_finish_is_not_applicable() {
    let scenario = scenario("{ write = { len = 20000 } }, \"finish\"");
    let trace = run(one_byte, &scenario);
    let judgement = judge(&trace, &trace);
    assert!(
        matches!(judgement.verdict, Verdict::NotApplicable(_)),
        "{:?}",
        judgement.verdict
    );
    assert!(
        judgement
            .findings
            .iter()
            .all(|found| found.kind != Kind::Stop)
    );
}

/// The library is judged only by what the stopped trace shows, wherever it was stopped.
#[test]
fn stopped_trace_is_not_judged_by_what_it_lacks() {
    let reference = Backends::open(REFERENCE).expect("the backend is built in");
    let reference = reference.expect("the backend is usable");
    let corpus = Corpus::built_in().expect("the built-in fixtures are valid");
    let mut broken = 0;
    for scenario in corpus.scenarios() {
        let variant = scenario.variants().next().expect("a variant");
        let whole = runner::run(reference.as_ref(), scenario, variant).expect("the command runs");
        let of_whole = violations(&whole);
        broken += of_whole.len();
        for at in 0..whole.entries.len() {
            let mut trace = whole.clone();
            trace.entries.truncate(at + 1);
            let last = &mut trace.entries[at];
            *last = Entry {
                asked: last.asked.clone(),
                ..Entry::new(
                    last.step,
                    last.action.clone(),
                    Outcome::Stopped(Limit::Calls(at)),
                )
            };
            for violation in violations(&trace) {
                let id = &scenario.id;
                assert!(of_whole.contains(&violation), "{id}, {at}: {violation:?}");
            }
        }
    }
    assert!(broken > 0, "there would be nothing to see");
}

fn violations(trace: &Trace) -> Vec<(&'static str, Violation)> {
    let watched = monitor::watch(trace).into_iter();
    watched
        .flat_map(|(clause, notes)| notes.violations.into_iter().map(move |v| (clause, v)))
        .collect()
}

/// The documentation names the limits of a case.
#[test]
fn limits_match_their_documentation() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/src/scenario-format.md");
    let text = std::fs::read_to_string(path).expect("the documentation");
    let (_, section) = text.split_once("## Limits of a case").expect("a section");
    let of_one_write = Allowance::of(&scenario("{ write = { null = true } }"));
    for number in [
        of_one_write.calls - 3,
        of_one_write.wire_bytes - 4 * 128,
        of_one_write.buffers - 1,
        of_one_write.buffered_bytes,
    ] {
        let written = with_commas(number);
        assert!(section.contains(&written), "{written} in\n{section}");
    }
}

/// `1,048,576`.
fn with_commas(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .filter_map(|group| std::str::from_utf8(group).ok())
        .collect();
    groups.join(",")
}
