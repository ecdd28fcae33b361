//! `writeproof check`: checks a shared object of the user.

use std::fs;
use std::time::Instant;

use super::args::CheckArguments;
use super::failure::{Exit, Failure};
use super::formats::rendered;
use super::libraries::Libraries;
use super::output::{Output, write_whole};
use super::{
    Strictness, all_scenarios, carry_out, complain_of_untested, exit_of, jobs, judge_with, report,
};
use crate::report::Report;
use crate::report::baseline::{self, Baseline};
use crate::report::check::shown_by;
use crate::report::clusters::{Cluster, clusters};
use crate::report::layout::count;
use crate::run::{CaseResult, Plan, RunError};
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
    let baseline = baseline(arguments, plan.backends.len())?;
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
    if arguments.update_baseline {
        return update(arguments, &report, &clusters);
    }
    match &baseline {
        Some(baseline) => {
            let compared = baseline.compare(clusters);
            report.clusters.clone_from(&compared.left);
            report.compared = Some(compared);
        }
        None => report.clusters = clusters,
    }
    let required = arguments.report.require_applicable;
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

/// The baseline that the user names; none if it is about to be written.
fn baseline(arguments: &CheckArguments, libraries: usize) -> Result<Option<Baseline>, Failure> {
    let Some(path) = &arguments.baseline else {
        return Ok(None);
    };
    if libraries != 1 {
        return Err(Failure::BaselineOfSeveral(libraries));
    }
    if arguments.update_baseline {
        Output::prepare(Some(path))?;
        return Ok(None);
    }
    let text = fs::read_to_string(path).map_err(|source| Failure::Baseline {
        path: path.clone(),
        source,
    })?;
    Ok(Some(Baseline::read(&path.to_string_lossy(), &text)?))
}

/// Writes the clusters as the new baseline.
/// Nothing is written if the library could not be tested: an empty baseline would accept that.
fn update(
    arguments: &CheckArguments,
    report: &Report<'_>,
    clusters: &[Cluster],
) -> Result<Exit, Failure> {
    let Some(path) = &arguments.baseline else {
        return Ok(Exit::Usage);
    };
    let required = arguments.report.require_applicable;
    if !report.untested(required).is_empty() {
        complain_of_untested(report, required);
        return Ok(Exit::Backend);
    }
    write_whole(path, baseline::text(clusters).as_bytes())?;
    let accepted = count(clusters.len(), "cluster");
    Output::Standard.write(&format!("{}: {accepted} accepted\n", path.display()))?;
    Ok(Exit::Expected)
}
