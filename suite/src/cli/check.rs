//! `writeproof check`: checks a shared object of the user.

use std::time::Instant;

use super::args::{CheckArguments, Format};
use super::failure::{Exit, Failure};
use super::libraries::Libraries;
use super::output::Output;
use super::{
    Strictness, all_scenarios, carry_out, complain_of_untested, exit_of, jobs, judge_with, report,
};
use crate::report::check::shown_by;
use crate::run::{Plan, RunError};
use crate::self_check;

pub(super) fn check(arguments: &CheckArguments) -> Result<Exit, Failure> {
    if arguments.libraries.libssl.is_empty() {
        return Err(Failure::NothingToCheck);
    }
    let corpus = all_scenarios()?;
    let scenarios = corpus.select(&arguments.report.scenario)?;
    let output = Output::prepare(arguments.report.output.as_deref())?;
    let libraries = Libraries::open(&arguments.libraries)?;
    let libraries = libraries.judged_as(&arguments.judged.judged_as)?;
    let mut backends = libraries.named();
    backends.retain(|target| target.about().id != arguments.against);
    if backends.is_empty() {
        return Err(Failure::AgainstItself(arguments.against.clone()));
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
    let required = arguments.report.require_applicable;
    output.write(&match arguments.report.format {
        Format::Text => report.check(duration, required, &|result| {
            shown_by(
                result,
                &libraries.again(&[&result.backend, &arguments.against]),
            )
        }),
        Format::Json => {
            complain_of_untested(&report, required);
            report.json(duration).map_err(Failure::Json)?
        }
    })?;
    let strictness = if arguments.strict {
        Strictness::Strict
    } else {
        Strictness::IgnoreShould
    };
    Ok(exit_of(&report, required, strictness))
}
