//! `writeproof clauses`: the clauses of the contract, with the cases that exercise and break them.

use super::args::{ClausesArguments, Format};
use super::failure::{Exit, Failure};
use super::libraries::Libraries;
use super::output::Output;
use super::{Chosen, add, all_scenarios, carry_out, judge_with, of_scenarios};
use crate::contract::{Clause, Contract};
use crate::report::check::shown_by;
use crate::report::clauses::Clauses;

pub(super) fn clauses(arguments: &ClausesArguments) -> Result<Exit, Failure> {
    let contract = Contract::built_in()?;
    let clauses = contract.clauses();
    let is_named = |clause: &Clause, word: &str| clause.id == word || clause.topic() == word;
    for word in &arguments.clause {
        if !clauses.iter().any(|clause| is_named(clause, word)) {
            let topics = clauses.iter().map(Clause::topic);
            return Err(Failure::unknown_clause(word, contract.ids().chain(topics)));
        }
    }
    let corpus = all_scenarios()?;
    let libraries = Libraries::open(&arguments.libraries)?;
    let libraries = libraries.judged_as(&arguments.judged.judged_as)?;
    let (judge, _) = judge_with(&[], &libraries)?;
    let Chosen { mut backends, .. } = Chosen::of(&libraries, &arguments.backend)?;
    add(&mut backends, libraries.named());
    let plan = of_scenarios(corpus.select(&[])?, &libraries, backends)?;
    let results = carry_out(&plan, &judge)?;
    let mut clauses = Clauses::of(&judge.contract, &results, &|result| {
        shown_by(result, &libraries.again(&[&result.backend]))
    });
    let exit = if clauses.unexercised().is_empty() {
        Exit::Expected
    } else {
        Exit::Unexpected
    };
    if !arguments.clause.is_empty() {
        let named = judge.contract.clauses().iter();
        let named =
            named.filter(|clause| arguments.clause.iter().any(|word| is_named(clause, word)));
        let named: Vec<&str> = named.map(|clause| clause.id.as_str()).collect();
        clauses.retain(|id| named.contains(&id));
    }
    Output::Standard.write(&match (arguments.format, arguments.clause.as_slice()) {
        (Format::Json, _) => clauses.json().map_err(Failure::Json)?,
        (Format::Text, []) => clauses.text(),
        (Format::Text, _) => clauses.details(),
    })?;
    Ok(exit)
}
