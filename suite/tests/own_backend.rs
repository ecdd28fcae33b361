//! External backends through the trait alone: one that lacks the operations that it does not
//! declare, and one that panics.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use writeproof::internal::backend::{
    About, Backend, Backends, Bytes, Endpoint, Setup, Unsupported,
};
use writeproof::internal::isolation::InProcess;
use writeproof::internal::judge::known::Library;
use writeproof::internal::judge::{Judge, Verdict};
use writeproof::internal::run::{NoProgress, Plan};
use writeproof::internal::runner;
use writeproof::internal::scenario::{Corpus, Function, Id, Scenario, Variant, parse};
use writeproof::internal::target::Target;
use writeproof::internal::trace::{Call, Outcome, Trace};
use writeproof::internal::transport::Transport;

/// A library that panics when it writes.
struct Panics(About);

impl Panics {
    fn new() -> Self {
        Self(About {
            id: "panics".to_owned(),
            library: "Panics".to_owned(),
            version: "1".to_owned(),
            linkage: "in this test".to_owned(),
            lacks: Vec::new(),
        })
    }
}

impl Backend for Panics {
    fn about(&self) -> &About {
        &self.0
    }

    fn open(&self, _: &Setup, _: &Transport) -> Result<Box<dyn Endpoint>, Unsupported> {
        Ok(Box::new(Silent))
    }
}

struct Silent;

impl Endpoint for Silent {
    fn handshake(&mut self) -> Result<Call, Unsupported> {
        Ok(Call::success(1))
    }

    fn write(&mut self, _: Function, bytes: Bytes<'_>) -> Result<Call, Unsupported> {
        match bytes {
            Bytes::Slice(bytes) => panic!("{} bytes are too many", bytes.len()),
            _ => Ok(Call::success(0)),
        }
    }

    fn read(&mut self, _: &mut [u8]) -> Result<Call, Unsupported> {
        Ok(Call::success(0))
    }
}

fn scenario(steps: &str) -> Scenario {
    let id = Id::new("own/backend").expect("an id");
    let text = format!("title = \"A test\"\nsteps = [{steps}]\n");
    parse(id, "own/backend.toml", &text).expect("a valid scenario")
}

fn judge() -> Judge {
    Judge::built_in().expect("the built-in fixtures are valid")
}

fn verdict(reference: &Trace, trace: &Trace) -> Verdict {
    let library = Library {
        name: "own",
        version: "1",
    };
    judge().judge(reference, trace, library).verdict
}

fn variant() -> Variant {
    Variant::parse("tls1.3/client").expect("a variant")
}

#[test]
fn panic_ends_its_case_and_is_its_result() {
    let scenario = scenario("{ write = { len = 10 } }, { write = { len = 20 } }");
    let trace = runner::run(&Panics::new(), &scenario, variant()).expect("the runner works");
    let results: Vec<_> = trace.entries.iter().map(|entry| &entry.result).collect();
    let panicked = Outcome::Panicked("10 bytes are too many".to_owned());
    assert_eq!(results, [&panicked]);
    assert_eq!(
        trace.to_string().trim(),
        "write 10                          panicked: 10 bytes are too many"
    );

    let reference = Backends::open(writeproof::internal::backend::REFERENCE);
    let reference = reference
        .expect("the backend is built in")
        .expect("the backend is usable");
    let expected = runner::run(reference.as_ref(), &scenario, variant()).expect("the command runs");
    assert_eq!(
        verdict(&expected, &trace),
        Verdict::Crashed("panicked: 10 bytes are too many, in step 1, write 10".to_owned())
    );
}

#[test]
fn operation_that_a_backend_does_not_declare_is_not_applicable() {
    let scenario = scenario("{ set_modes = [\"partial-write\"] }, { write = { null = true } }");
    let trace = runner::run(&Panics::new(), &scenario, variant()).expect("the runner works");
    assert_eq!(trace.unsupported(), Some("mode partial-write"));
    assert_eq!(
        verdict(&trace, &trace),
        Verdict::NotApplicable("mode partial-write".to_owned())
    );
}

#[test]
fn stopped_run_reports_how_far_it_got() {
    let corpus = Corpus::built_in().expect("the built-in fixtures are valid");
    let reference = Backends::open(writeproof::internal::backend::REFERENCE);
    let reference = reference
        .expect("the backend is built in")
        .expect("the backend is usable");
    let reference: Arc<dyn Target> = Arc::new(InProcess::new(reference));
    let plan = Plan {
        scenarios: corpus.select(&[]).expect("all of them"),
        backends: vec![Arc::clone(&reference)],
        reference,
        jobs: 2,
        variants: Vec::new(),
    };
    let stopped = plan.run(&judge(), &NoProgress, &AtomicBool::new(true));
    let error = stopped.expect_err("it was stopped").to_string();
    let wanted = format!(
        "interrupted after 0 of {} cases; no report was written",
        plan.cases()
    );
    assert_eq!(error, wanted);
}

#[test]
fn handshake_over_a_transport_that_takes_nothing_ends() {
    let scenario = scenario(
        "{ link = { accept = 0, then = \"zero\" } }, \"handshake\", { write = { len = 1 } }",
    );
    for id in Backends::here() {
        let backend = Backends::open(id)
            .expect("the backend is built in")
            .expect("the backend is usable");
        let trace = runner::run(backend.as_ref(), &scenario, variant()).expect("the command runs");
        let text = trace.to_string();
        assert!(!text.contains("given up"), "{id}: {text}");
    }
}
