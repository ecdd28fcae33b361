//! `writeproof check`: what a shared object that nobody here has seen does.

use std::time::Instant;

use super::args::{CheckArguments, Format};
use super::failure::{Exit, Failure};
use super::libraries::Libraries;
use super::output::Output;
use super::{carry_out, jobs, judge_with, report, verdict};
use crate::doctor;
use crate::report::check::shown_by;
use crate::run::{Plan, RunError};
use crate::scenario::Corpus;

pub(super) fn check(arguments: &CheckArguments) -> Result<Exit, Failure> {
    if arguments.libraries.libssl.is_empty() {
        return Err(Failure::NothingToCheck);
    }
    let corpus = Corpus::built_in()?;
    let scenarios = corpus.select(&arguments.report.scenario)?;
    let output = Output::prepare(arguments.report.output.as_deref())?;
    let libraries = Libraries::open(&arguments.libraries)?;
    let mut backends = libraries.named();
    backends.retain(|subject| subject.about().id != arguments.against);
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
    let judge = judge_with(&arguments.report.ledger, &libraries)?;
    let begun = Instant::now();
    let mut proofs = Vec::new();
    for subject in &plan.backends {
        let examined = doctor::examine(subject.as_ref());
        proofs.push(examined.map_err(RunError::Doctor)?);
    }
    let results = carry_out(&plan, &judge)?;
    let duration = begun.elapsed();
    let mut report = report(&plan, &judge, &results, &[]);
    for (checked, proofs) in report.checked.iter_mut().zip(proofs) {
        checked.proofs = proofs;
    }
    report.stale = plan.stale(&judge, &corpus, &results);
    let failed = report
        .checked
        .iter()
        .flat_map(|checked| &checked.proofs)
        .any(|proof| matches!(proof.finding, doctor::Finding::Fails(_)));
    output.write(&match arguments.report.format {
        Format::Text => report.check(duration, &|result| {
            shown_by(
                result,
                &libraries.again(&[&result.backend, &arguments.against]),
            )
        }),
        Format::Json => report.json(duration).map_err(Failure::Json)?,
    })?;
    Ok(match (failed, report.stale.as_slice()) {
        (true, _) => Exit::Backend,
        (false, []) => verdict(&results),
        (false, _) => Exit::Unexpected,
    })
}
