//! The command line of a program that tests a backend from outside of the suite. Its arguments are
//! scenarios.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use super::failure::{Exit, Failure};
use super::output::Output;
use super::{Identities, Strictness, carry_out, complain, exit_of, processors, progress, report};
use crate::backend::{Backend, REFERENCE};
use crate::isolation::{InProcess, Isolation};
use crate::judge::Judge;
use crate::report::check::quoted;
use crate::run::{CaseResult, Plan};
use crate::scenario::Corpus;

/// Runs the scenarios that the program's arguments name, or all, on this backend in this process,
/// reports how it differs from the reference, and returns the exit code.
pub fn run_cli(backend: impl Backend + 'static) -> Exit {
    let scenarios: Vec<String> = std::env::args().skip(1).collect();
    let done =
        progress::stop_on_interrupt(&super::STOP).and_then(|()| run(Arc::new(backend), &scenarios));
    done.unwrap_or_else(|failure| {
        complain(&failure);
        failure.exit()
    })
}

fn run(backend: Arc<dyn Backend>, scenarios: &[String]) -> Result<Exit, Failure> {
    let corpus = Corpus::built_in()?;
    let reference = match Isolation::None.open(REFERENCE) {
        Some(opened) => opened?,
        None => return Err(Failure::unknown_backend(REFERENCE)),
    };
    let plan = Plan {
        scenarios: corpus.select(scenarios)?,
        backends: vec![Arc::new(InProcess::new(backend))],
        reference,
        jobs: processors(),
        variants: Vec::new(),
    };
    let begun = Instant::now();
    let judge = Judge::built_in()?;
    let identities = Identities::new();
    let results = carry_out(&plan, &judge)?;
    let program = std::env::args_os().next().unwrap_or_default();
    let program = quoted(Path::new(&program));
    let again = |result: &CaseResult| format!("{program} {}", result.scenario);
    let report = report(&plan, &judge, &identities, &results, &[]);
    let text = report.text(begun.elapsed(), None, &again);
    Output::Standard.write(&text)?;
    Ok(exit_of(&report, None, Strictness::Strict))
}
