//! `writeproof replay`: runs fuzz inputs on all libraries, and shows the traces with their
//! findings.

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
    // Before anything runs, so that an unreadable file is reported at once.
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

/// Shows one input. The scenario is printed before it runs: with `--in-process` a library may end
/// this process.
fn replayed(input: &Input, examiner: &Examiner) -> Result<Exit, Failure> {
    let path = input.path.display();
    let target = input.artifact.target.name();
    let begin = format!("{path}, an input of {target}\n\n");
    let ended = |how: &dyn Display, exit| {
        Output::Standard.write(&format!("{begin}{path}: {how}\n"))?;
        Ok(exit)
    };
    let (scenario, variants) = match input.reading() {
        InputReading::Scenario(scenario, variants) => (scenario, variants),
        InputReading::Nothing(why) => {
            let result = format_args!("contains no valid scenario, nothing was run: {why}");
            return ended(&result, Exit::Expected);
        }
        InputReading::RoundTripMismatch(how) => {
            let result = format_args!("UNEXPECTED, a bug in the suite: {how}");
            return ended(&result, Exit::Unexpected);
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
    if all.iter().any(is_unexpected) {
        Ok(Exit::Unexpected)
    } else {
        Ok(Exit::Expected)
    }
}
