//! `writeproof check`: checks a shared object of the user.

use std::time::Instant;

use super::accepted::Accepted;
use super::args::CheckArguments;
use super::failure::{Exit, Failure};
use super::formats::rendered;
use super::libraries::Libraries;
use super::output::Output;
use super::{Strictness, all_scenarios, carry_out, exit_of, jobs, judge_with, report};
use crate::report::check::shown_by;
use crate::report::clusters::clusters;
use crate::run::{CaseResult, Plan, RunError};
use crate::self_check;

pub(super) fn check(arguments: &CheckArguments) -> Result<Exit, Failure> {
    if arguments.libraries.libssl.is_empty() {
        return Err(Failure::NothingToCheck);
    }
    let corpus = all_scenarios()?;
    let scenarios = corpus.select(&arguments.report.scenario)?;
    let output = Output::prepare(arguments.report.output.as_deref())?;
    let accepted = Accepted::open(arguments.baseline.as_deref(), arguments.update_baseline)?;
    let libraries = Libraries::open(&arguments.libraries)?;
    let libraries = libraries.judged_as(&arguments.judged.judged_as)?;
    let mut backends = libraries.named();
    backends.retain(|target| target.about().id != arguments.against);
    if backends.is_empty() {
        return Err(Failure::AgainstItself(arguments.against.clone()));
    }
    if arguments.baseline.is_some() && backends.len() > 1 {
        return Err(Failure::BaselineOfSeveral(backends.len()));
    }
    let plan = Plan {
        scenarios,
        reference: libraries.by_name(&arguments.against)?,
        backends,
        jobs: jobs(arguments.report.jobs),
        variants: Vec::new(),
    };
    let (judge, identities) = judge_with(&arguments.report.ledger, &libraries)?;
    let begun = Instant::now();
    let mut examinations = Vec::new();
    for target in &plan.backends {
        let examined = self_check::run(target.as_ref());
        examinations.push(examined.map_err(RunError::SelfCheck)?);
    }
    let results = carry_out(&plan, &judge)?;
    let duration = begun.elapsed();
    let mut report = report(&plan, &judge, &identities, &results, &[]);
    for (checked, examination) in report.checked.iter_mut().zip(examinations) {
        checked.checks = examination.checks;
        checked.no_handshake = examination.no_handshake;
    }
    report.stale = plan.stale(&judge, &results);
    let again = |result: &CaseResult| {
        let libraries = libraries.again(&[&result.backend, &arguments.against]);
        shown_by(result, &libraries)
    };
    let clusters = clusters(&results, report.contract, &again);
    let required = arguments.report.require_applicable;
    if let Some(exit) = accepted.apply(&mut report, clusters, required)? {
        return Ok(exit);
    }
    let text = rendered(&report, &arguments.report, duration, || {
        report.check(duration, required, &again)
    })?;
    output.write(&text)?;
    let strictness = if arguments.strict {
        Strictness::Strict
    } else {
        Strictness::IgnoreShould
    };
    Ok(exit_of(&report, required, strictness))
}
