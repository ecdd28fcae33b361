//! `writeproof diff`: what changes from one library to another.

use std::time::Instant;

use super::accepted::Accepted;
use super::args::DiffArguments;
use super::failure::{Exit, Failure};
use super::formats::rendered;
use super::libraries::Libraries;
use super::output::Output;
use super::{Strictness, add, all_scenarios, carry_out, exit_of, jobs, judge_with, report};
use crate::judge::Verdict;
use crate::report::check::shown_by;
use crate::report::clusters::clusters;
use crate::run::{CaseResult, Plan};

pub(super) fn diff(arguments: &DiffArguments) -> Result<Exit, Failure> {
    let exit = compare(arguments);
    let is_untestable = match &exit {
        Ok(exit) => *exit == Exit::Backend,
        Err(failure) => failure.exit() == Exit::Backend,
    };
    if !(arguments.bisect && is_untestable) {
        return exit;
    }
    if let Err(failure) = exit {
        super::complain(&failure);
    }
    Ok(Exit::Untestable)
}

fn compare(arguments: &DiffArguments) -> Result<Exit, Failure> {
    let corpus = all_scenarios()?;
    // If the shell expands a pattern to several files, those after the first end up among the
    // names.
    let (files, names): (Vec<String>, Vec<String>) = arguments
        .backends
        .iter()
        .cloned()
        .partition(|word| word.contains('/') || word.ends_with(".toml"));
    let scenarios = corpus.select(&[&arguments.report.scenario[..], &files].concat())?;
    let output = Output::prepare(arguments.report.output.as_deref())?;
    let accepted = Accepted::open(arguments.accept.as_deref(), arguments.update_accepted)?;
    let libraries = Libraries::open(&arguments.libraries)?;
    let libraries = libraries.judged_as(&arguments.judged.judged_as)?;
    let mut both = libraries.all_by_name(&names)?;
    add(&mut both, libraries.named());
    let [a, b] = <[_; 2]>::try_from(both).map_err(|_| Failure::NotTwo)?;
    let mut plan = Plan {
        scenarios,
        reference: a.clone(),
        backends: vec![a, b],
        jobs: jobs(arguments.report.jobs),
        variants: Vec::new(),
    };
    let (judge, identities) = judge_with(&arguments.report.ledger, &libraries)?;
    let begun = Instant::now();
    let results = carry_out(&plan, &judge)?;
    let duration = begun.elapsed();
    // The first library is only compared with.
    plan.backends.remove(0);
    let results = changes(&results, &plan);
    let again = |result: &CaseResult| {
        shown_by(
            result,
            &libraries.again(&[&result.backend, &plan.reference.about().id]),
        )
    };
    let mut report = report(&plan, &judge, &identities, &results, &[]);
    let clusters = clusters(&results, report.contract, &again);
    let required = arguments.report.require_applicable;
    if let Some(exit) = accepted.apply(&mut report, clusters, required)? {
        return Ok(exit);
    }
    let text = rendered(&report, &arguments.report, duration, || {
        let mut text = report.divergences();
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&format!(
            "{} and {}, {} cases: {}\n",
            plan.reference.about().id,
            plan.backends[0].about().id,
            results.len(),
            compared(&results),
        ));
        text + &report.surprises()
    })?;
    output.write(&text)?;
    Ok(exit_of(&report, required, Strictness::Strict))
}

/// The results of the second library. What is unexpected in a case in which it behaves like the
/// first one is no change.
fn changes(results: &[CaseResult], plan: &Plan<'_>) -> Vec<CaseResult> {
    let first = &plan.reference.about().id;
    let same_case =
        |a: &CaseResult, b: &CaseResult| a.scenario == b.scenario && a.variant == b.variant;
    let mut changes = Vec::with_capacity(results.len() / 2);
    for case in results.chunk_by(same_case) {
        let of_first = case.iter().find(|result| result.backend == *first);
        for result in case.iter().filter(|result| result.backend != *first) {
            let ends_alike = of_first.is_some_and(|first| first.verdict == result.verdict);
            let ends = matches!(
                result.verdict,
                Verdict::Crashed(_) | Verdict::Hung(_) | Verdict::Stopped(_)
            );
            let is_change = !result.differences.is_empty() || ends && !ends_alike;
            let mut result = result.clone();
            if !is_change {
                result.findings.retain(|finding| finding.known.is_some());
                result.root = None;
            }
            changes.push(result);
        }
    }
    changes
}

/// How many cases are the same and how many are not, as text.
fn compared(results: &[CaseResult]) -> String {
    let of = |wanted: fn(&CaseResult) -> bool| results.iter().filter(|r| wanted(r)).count();
    let is_other = |result: &CaseResult| match result.verdict {
        Verdict::NotApplicable(_)
        | Verdict::Crashed(_)
        | Verdict::Hung(_)
        | Verdict::Stopped(_) => true,
        Verdict::Conforms | Verdict::Violates | Verdict::Differs => !result.differences.is_empty(),
    };
    let same = results.iter().filter(|result| !is_other(result)).count();
    let more = [
        (of(|r| !r.differences.is_empty()), "differ"),
        (
            of(|r| matches!(r.verdict, Verdict::NotApplicable(_))),
            "not applicable",
        ),
        (of(|r| matches!(r.verdict, Verdict::Crashed(_))), "CRASHED"),
        (of(|r| matches!(r.verdict, Verdict::Hung(_))), "HUNG"),
        (of(|r| matches!(r.verdict, Verdict::Stopped(_))), "STOPPED"),
    ];
    let more = more.iter().filter(|(number, _)| *number > 0);
    let more: String = more
        .map(|(number, word)| format!(", {number} {word}"))
        .collect();
    format!("{same} same{more}")
}
