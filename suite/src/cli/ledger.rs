//! `writeproof ledger`: lists the known issues, checks that they still occur, proposes new ones for
//! a person to complete, and converts files in the old format.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::args::LedgerArguments;
use super::convert::convert;
use super::failure::{Exit, Failure};
use super::libraries::Libraries;
use super::output::Output;
use super::{all_scenarios, carry_out, judge_with, named_or_chosen, of_scenarios};
use crate::backend::Backends;
use crate::judge::{Judge, Stale};
use crate::report::issues::{self, IssueCounts};
use crate::report::proposals::Proposed;
use crate::run::{CaseResult, Plan};

pub(super) fn ledger(arguments: &LedgerArguments) -> Result<Exit, Failure> {
    let action = &arguments.action;
    if let Some(path) = &action.convert {
        return convert(path, arguments);
    }
    if action.check || action.propose || action.cases {
        return run(arguments);
    }
    let output = Output::prepare(arguments.output.as_deref())?;
    let libraries = Libraries::open(&arguments.libraries)?;
    let (judge, _) = judge_with(&arguments.ledger, &libraries)?;
    let backends = Backends::all();
    let mut known: Vec<&str> = judge.known.products().into_iter().collect();
    known.extend(
        backends
            .iter()
            .filter(|name| !judge.known.products().contains(**name)),
    );
    for name in &arguments.backend {
        if !known.contains(&name.as_str()) {
            return Err(Failure::unknown_among(
                ("library", "libraries"),
                name,
                &known,
            ));
        }
    }
    output.write(&issues::text(&judge.known, &arguments.backend, None))?;
    Ok(Exit::Expected)
}

/// Runs the selected scenarios, or all, for `--check`, `--propose` and `--cases`.
fn run(arguments: &LedgerArguments) -> Result<Exit, Failure> {
    let output = Output::prepare(arguments.output.as_deref())?;
    let corpus = all_scenarios()?;
    let scenarios = corpus.select(&arguments.scenario)?;
    let libraries = Libraries::open(&arguments.libraries)?;
    let libraries = libraries.judged_as(&arguments.judged.judged_as)?;
    let (judge, _) = judge_with(&arguments.ledger, &libraries)?;
    let plan = of_scenarios(
        scenarios,
        &libraries,
        named_or_chosen(&libraries, arguments)?,
    )?;
    let results = carry_out(&plan, &judge)?;
    if arguments.action.cases {
        output.write(&with_cases(&judge, &plan, &results))?;
        return Ok(Exit::Expected);
    }
    let gaps = Gaps::of(&plan, &judge, &results)?;
    output.write(&if arguments.action.propose {
        gaps.drafts()
    } else {
        gaps.count()
    })?;
    Ok(gaps.exit())
}

/// How the known issues and the findings of a run do not match.
pub(super) struct Gaps {
    /// The issues that no longer occur.
    stale: Vec<Stale>,
    /// Drafts of issues for the unexpected findings.
    proposed: Proposed,
}

impl Gaps {
    pub(super) fn of(
        plan: &Plan<'_>,
        judge: &Judge,
        results: &[CaseResult],
    ) -> Result<Self, Failure> {
        Ok(Self {
            stale: plan.stale(judge, results),
            proposed: Proposed::of(plan, judge, results)?,
        })
    }

    /// The issues that no longer occur, as comments, and the drafts.
    pub(super) fn drafts(&self) -> String {
        self.out_of_date() + &self.proposed.text
    }

    /// The issues that no longer occur, and the numbers of both.
    fn count(&self) -> String {
        let (stale, missing) = (self.stale.len(), self.proposed.entries);
        let hint = if missing == 0 {
            ""
        } else {
            "; --propose writes drafts of the missing ones"
        };
        let numbers = format!("known issues: {stale} out of date, {missing} missing{hint}\n");
        self.out_of_date() + &numbers
    }

    fn out_of_date(&self) -> String {
        let mut text = String::new();
        for entry in &self.stale {
            let _ = writeln!(text, "# out of date: {entry}");
        }
        text
    }

    pub(super) fn exit(&self) -> Exit {
        if self.stale.is_empty() && self.proposed.entries == 0 {
            Exit::Expected
        } else {
            Exit::Unexpected
        }
    }
}

/// The known issues of the libraries that were run, with the cases in which each was triggered and
/// explained a finding.
fn with_cases(judge: &Judge, plan: &Plan<'_>, results: &[CaseResult]) -> String {
    let abouts = plan.backends.iter().map(|backend| backend.about());
    let abouts: BTreeMap<&str, (String, String)> = abouts
        .map(|about| {
            let name = about.recorded_as();
            let library = judge.library(&name, &about.version);
            let named = (library.name.to_owned(), library.version.to_owned());
            (about.id.as_str(), named)
        })
        .collect();
    let counted = IssueCounts::of(&judge.known, results, |id| {
        abouts.get(id).cloned().unwrap_or_default()
    });
    let ran: Vec<String> = abouts.values().map(|(name, _)| name.clone()).collect();
    issues::text(&judge.known, &ran, Some(&counted))
}
