//! `writeproof manual`: the clauses of the contract, and what becomes of them when everything is run.

use super::args::{Format, ManualArguments};
use super::failure::{Exit, Failure};
use super::libraries::Libraries;
use super::output::Output;
use super::{Chosen, add, carry_out, of_everything};
use crate::judge::Judge;
use crate::report::check::shown_by;
use crate::report::clauses::Clauses;
use crate::scenario::Corpus;

pub(super) fn manual(arguments: &ManualArguments) -> Result<Exit, Failure> {
    let judge = Judge::built_in()?;
    for clause in &arguments.clause {
        let known = judge.manual.clauses().iter();
        let known: Vec<&str> = known.map(|clause| clause.id.as_str()).collect();
        if !known.contains(&clause.as_str()) {
            return Err(Failure::unknown_clause(clause, &known));
        }
    }
    let corpus = Corpus::built_in()?;
    let libraries = Libraries::open(&arguments.libraries)?;
    let Chosen { mut backends, .. } = Chosen::of(&libraries, &arguments.backend)?;
    add(&mut backends, libraries.named());
    let plan = of_everything(&corpus, &libraries, backends)?;
    let results = carry_out(&plan, &judge)?;
    let mut clauses = Clauses::of(&judge.manual, &results, &|result| {
        shown_by(result, &libraries.again(&[&result.backend]))
    });
    let exit = match clauses.unexercised().is_empty() {
        true => Exit::Expected,
        false => Exit::Unexpected,
    };
    if !arguments.clause.is_empty() {
        clauses.retain(|id| arguments.clause.iter().any(|wanted| wanted == id));
    }
    Output::Standard.write(&match (arguments.format, arguments.clause.as_slice()) {
        (Format::Json, _) => clauses.json().map_err(Failure::Json)?,
        (Format::Text, []) => clauses.text(),
        (Format::Text, _) => clauses.details(),
    })?;
    Ok(exit)
}
