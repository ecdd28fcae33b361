//! `writeproof explain`: describes a cluster of a run, or a known issue.

use super::args::ExplainArguments;
use super::failure::{Exit, Failure};
use super::libraries::Libraries;
use super::output::Output;
use super::{Chosen, add, all_scenarios, carry_out, default_backends, judge_with, of_scenarios};
use crate::backend::REFERENCE;
use crate::judge::Judge;
use crate::report::check::shown_by;
use crate::report::clusters::clusters;
use crate::report::explain::Explained;
use crate::report::issues;
use crate::run::{CaseResult, Plan};

pub(super) fn explain(arguments: &ExplainArguments) -> Result<Exit, Failure> {
    let corpus = all_scenarios()?;
    let libraries = Libraries::open(&arguments.libraries)?;
    let libraries = libraries.judged_as(&arguments.judged.judged_as)?;
    let (judge, _) = judge_with(&arguments.ledger, &libraries)?;
    if let Some(text) = issues::one(&judge.known, &arguments.id) {
        Output::Standard.write(&text)?;
        return Ok(Exit::Expected);
    }
    let mut backends = libraries.named();
    if backends.is_empty() || !arguments.backend.is_empty() {
        add(
            &mut backends,
            Chosen::of(&libraries, &arguments.backend)?.backends,
        );
    }
    let plan = of_scenarios(corpus.select(&arguments.scenario)?, &libraries, backends)?;
    let results = carry_out(&plan, &judge)?;
    let again =
        |result: &CaseResult| shown_by(result, &libraries.again(&[&result.backend, REFERENCE]));
    let clusters = clusters(&results, &judge.contract, &again);
    let shown = clusters
        .iter()
        .filter(|cluster| cluster.id == arguments.id)
        .find_map(|cluster| {
            let example = results.iter().find(|result| cluster.example.is(result))?;
            let mut scenarios = plan.scenarios.iter();
            let selection = scenarios.find(|one| one.scenario.id == example.scenario)?;
            Some((cluster, example, selection))
        });
    let Some((cluster, example, selection)) = shown else {
        let ids: Vec<&str> = clusters.iter().map(|cluster| cluster.id.as_str()).collect();
        return Err(Failure::unknown_among(
            ("cluster", "clusters"),
            &arguments.id,
            &ids,
        ));
    };
    let (names, _) = default_backends()?;
    let other = Plan {
        scenarios: vec![selection.clone()],
        reference: libraries.by_name(REFERENCE)?,
        backends: libraries.all_by_name(&names)?,
        jobs: plan.jobs,
        variants: vec![example.variant],
    };
    let others = carry_out(&other, &Judge::of(judge.contract.clone()))?;
    let explained = Explained {
        cluster,
        example,
        others: &others,
        contract: &judge.contract,
        known: &judge.known,
    };
    Output::Standard.write(&explained.text())?;
    Ok(Exit::Expected)
}
