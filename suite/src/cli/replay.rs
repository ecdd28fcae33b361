//! `writeproof replay`: what an input of a fuzz target tells, what each library does there, and what of it is found.

use std::fmt::Write as _;

use super::args::ReplayArguments;
use super::artifact::{Input, Told, examine_all, laboratory};
use super::failure::{Exit, Failure};
use super::output::Output;
use super::progress::interruptible;
use crate::fuzz::{Examined, Laboratory};
use crate::report::replay::{marked, summary};
use crate::scenario::write;

pub(super) fn replay(arguments: &ReplayArguments) -> Result<Exit, Failure> {
    // Before anything runs: what cannot be read is known at once.
    let inputs = arguments.artifact.iter().map(|path| Input::read(path));
    let inputs = inputs.collect::<Result<Vec<Input>, Failure>>()?;
    let laboratory = laboratory(&arguments.libraries, &arguments.backend)?;
    let mut parts = Vec::with_capacity(inputs.len());
    let mut exit = Exit::Expected;
    for input in &inputs {
        let (text, of_input) = interruptible(|| replayed(input, &laboratory))?;
        parts.push(text);
        if of_input == Exit::Unexpected {
            exit = of_input;
        }
    }
    Output::Standard.write(&parts.join("\n"))?;
    Ok(exit)
}

/// All that is to be told of one input.
fn replayed(input: &Input, laboratory: &Laboratory) -> Result<(String, Exit), Failure> {
    let path = input.path.display();
    let target = input.artifact.target.name();
    let mut text = format!("{path}, an input of {target}\n\n");
    let (scenario, variants) = match input.told() {
        Told::Scenario(scenario, variants) => (scenario, variants),
        Told::Nothing(why) => {
            let _ = writeln!(text, "{path}: tells no scenario, nothing was run: {why}");
            return Ok((text, Exit::Expected));
        }
        Told::Misread(how) => {
            let _ = writeln!(text, "{path}: UNEXPECTED, a bug in the suite: {how}");
            return Ok((text, Exit::Unexpected));
        }
    };
    let _ = writeln!(text, "{}", write(&scenario));
    let mut all = Vec::new();
    for (variant, examined) in examine_all(laboratory, &scenario, &variants)? {
        for one in &examined {
            let _ = writeln!(text, "{}", marked(&scenario.id, variant, one));
        }
        all.extend(examined);
    }
    let _ = writeln!(text, "{path}: {}", summary(&all));
    let is_unexpected = |one: &Examined| one.unexpected().next().is_some();
    match all.iter().any(is_unexpected) {
        true => Ok((text, Exit::Unexpected)),
        false => Ok((text, Exit::Expected)),
    }
}
