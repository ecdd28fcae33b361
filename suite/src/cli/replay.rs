//! `writeproof replay`: what an input of a fuzz target tells, what each library does there, and what of it is found.

use std::fmt::{Display, Write as _};

use super::args::ReplayArguments;
use super::artifact::{Input, InputReading, examine_all, examiner};
use super::failure::{Exit, Failure};
use super::output::Output;
use super::progress::interruptible;
use crate::fuzz::{Examined, Examiner};
use crate::report::replay::{marked, muted, summary};
use crate::scenario::write;

pub(super) fn replay(arguments: &ReplayArguments) -> Result<Exit, Failure> {
    // Before anything runs: what cannot be read is known at once.
    let inputs = arguments.artifact.iter().map(|path| Input::read(path));
    let inputs = inputs.collect::<Result<Vec<Input>, Failure>>()?;
    let examiner = examiner(
        &arguments.libraries,
        &arguments.judged.judged_as,
        &arguments.ledger,
        &arguments.backend,
    )?;
    let mut exit = Exit::Expected;
    for (place, input) in inputs.iter().enumerate() {
        if place > 0 {
            Output::Standard.write("\n")?;
        }
        if replayed(input, &examiner)? == Exit::Unexpected {
            exit = Exit::Unexpected;
        }
    }
    Ok(exit)
}

/// Tells all that is to be told of one input. What is to be run is told before it is: with `--in-process` a library may end
/// this very process.
fn replayed(input: &Input, examiner: &Examiner) -> Result<Exit, Failure> {
    let path = input.path.display();
    let target = input.artifact.target.name();
    let begin = format!("{path}, an input of {target}\n\n");
    let ended = |how: &dyn Display, exit| {
        Output::Standard.write(&format!("{begin}{path}: {how}\n"))?;
        Ok(exit)
    };
    let (scenario, variants) = match input.told() {
        InputReading::Scenario(scenario, variants) => (scenario, variants),
        InputReading::Nothing(why) => {
            let told = format_args!("tells no scenario, nothing was run: {why}");
            return ended(&told, Exit::Expected);
        }
        InputReading::RoundTripMismatch(how) => {
            let told = format_args!("UNEXPECTED, a bug in the suite: {how}");
            return ended(&told, Exit::Unexpected);
        }
    };
    Output::Standard.write(&format!("{begin}{}\n", write(&scenario)))?;
    let results = interruptible(|| examine_all(examiner, &scenario, &variants))?;
    let mut text = String::new();
    let mut all = Vec::new();
    for (variant, examined) in results {
        for one in &examined {
            let _ = writeln!(text, "{}", marked(&scenario.id, variant, one));
        }
        all.extend(examined);
    }
    let _ = writeln!(text, "{path}: {}", summary(&all));
    text.push_str(&muted(&all));
    Output::Standard.write(&text)?;
    let is_unexpected = |one: &Examined| one.unexpected().next().is_some();
    match all.iter().any(is_unexpected) {
        true => Ok(Exit::Unexpected),
        false => Ok(Exit::Expected),
    }
}
