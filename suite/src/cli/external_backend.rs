//! The command line of a program that tests a backend from outside of the suite.

use std::env;
use std::path::Path;
use std::sync::Arc;

use super::args::WorkerCommand;
use super::external_args::ExternalArguments;
use super::failure::{Exit, Failure};
use super::ledger::Gaps;
use super::libraries::{isolated_again, isolation};
use super::output::Output;
use super::{
    Identities, Prepared, add_known_issues, all_scenarios, carry_out, complain, exit_after, jobs,
    parse,
};
use crate::backend::{Backend, Backends, REFERENCE};
use crate::isolation::Isolation;
use crate::judge::Judge;
use crate::report::check::quoted;
use crate::run::{CaseResult, Plan};
use crate::scenario::Origin;
use crate::worker;

/// The command line of a program that tests this backend: runs scenarios on it, reports which
/// clauses it breaks and how it differs from the reference, and returns the exit code.
///
/// The arguments are those of the program; `--help` describes them. The cases run in worker
/// processes, so that a crash, a hang or the end of memory affects only one case. A worker is this
/// program, started again with other arguments, in the folder `/`, with the same environment.
/// Therefore `main` has to call this function with the same backend each time. It should do nothing
/// else, and read settings of its own from environment variables.
pub fn run_cli(backend: impl Backend + 'static) -> Exit {
    let arguments: ExternalArguments = match parse(env::args_os()) {
        Ok(arguments) => arguments,
        Err(exit) => return exit,
    };
    let backend = Arc::new(backend);
    if let Some(WorkerCommand::Worker { crash_context }) = arguments.worker {
        worker::serve(crash_context, Some(backend));
    }
    exit_after(|| run(backend, &arguments))
}

fn run(backend: Arc<dyn Backend>, arguments: &ExternalArguments) -> Result<Exit, Failure> {
    let id = &backend.about().id;
    if Backends::all().contains(&id.as_str()) {
        return Err(Failure::IdTaken(id.clone()));
    }
    let corpus = all_scenarios()?;
    let named = [&arguments.pattern[..], &arguments.report.scenario].concat();
    let scenarios = corpus.select(&named)?;
    let output = Output::prepare(arguments.report.output.as_deref())?;
    let mut judge = Judge::built_in()?;
    add_known_issues(&mut judge, &arguments.report.ledger)?;
    let isolation = isolation(&arguments.workers)?;
    let target = isolation.open_external(backend)?;
    if !target.unconfined().is_empty() {
        // On standard error, as it holds for the drafts and the traces too.
        complain(&format!("not confined: {}", target.unconfined().join("; ")));
    }
    let mut backends = vec![target];
    let reference = match isolation.open(REFERENCE) {
        Some(opened) => opened?,
        None => return Err(Failure::unknown_backend(REFERENCE)),
    };
    if arguments.action.show {
        backends.push(Arc::clone(&reference));
    }
    let plan = Plan {
        scenarios,
        backends,
        reference,
        jobs: jobs(arguments.report.jobs),
        variants: arguments.variants.variant.clone(),
    };
    if plan.cases() == 0 {
        return Err(Failure::NoSuchVariant(plan.variants));
    }
    if arguments.action.propose {
        let results = carry_out(&plan, &judge)?;
        let gaps = Gaps::of(&plan, &judge, &results)?;
        output.write(&gaps.drafts())?;
        return Ok(gaps.exit());
    }
    let prepared = Prepared {
        plan,
        judge,
        identities: Identities::new(),
        missing: Vec::new(),
        output,
    };
    if arguments.action.show {
        return prepared.show();
    }
    prepared.run(&arguments.report, &|result| again(result, &isolation))
}

/// The command that shows this case.
fn again(result: &CaseResult, isolation: &Isolation) -> String {
    let program = env::args_os().next().unwrap_or_default();
    let scenario = match &result.origin {
        Origin::Library => result.scenario.to_string(),
        Origin::File(path) => quoted(path),
    };
    let mut words = vec![
        quoted(Path::new(&program)),
        scenario,
        format!("--variant {} --show", result.variant),
    ];
    words.extend(isolated_again(isolation));
    words.join(" ")
}
