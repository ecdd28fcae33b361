//! `writeproof shrink`: minimises a fuzz input while the same finding occurs.

use std::ffi::OsString;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use super::args::ShrinkArguments;
use super::artifact::{Input, examiner};
use super::failure::{Exit, Failure};
use super::output::{Output, write_whole};
use super::progress::{Bar, interruptible};
use super::{STOP, complain};
use crate::fuzz::{Artifact, ArtifactBody, Examiner, FindingKey, Program, shrink as shrunk};
use crate::run::RunError;
use crate::scenario::write;

pub(super) fn shrink(arguments: &ShrinkArguments) -> Result<Exit, Failure> {
    let input = Input::read(&arguments.artifact)?;
    let ArtifactBody::Program(program) = &input.artifact.content else {
        return Err(Failure::NotEncoded(input.path));
    };
    let (scenario, variants) = input.scenario()?;
    let output = match &arguments.output {
        Some(path) => path.clone(),
        None => min_path(&input.path),
    };
    // Before anything runs, so that a bad path is reported at once.
    Output::prepare(Some(&output))?;
    let mut examiner = examiner(
        &arguments.libraries,
        &arguments.judged.judged_as,
        &arguments.ledger,
        &arguments.backend,
    )?;
    let examined = interruptible(|| examiner.examine(&scenario, variants[0]))?;
    let key = FindingKey::most_serious(&examined)
        .filter(|key| arguments.known || !key.is_known)
        .ok_or_else(|| Failure::NothingToKeep(input.path.clone()))?;
    // The findings on other libraries do not matter here.
    examiner
        .targets
        .retain(|target| target.about().id == key.backend);
    let (least, ended) = interruptible(|| smallest(&input.artifact, program, &key, &examiner));
    let least = Artifact {
        target: input.artifact.target,
        content: ArtifactBody::Program(least),
    };
    write_whole(&output, &least.bytes())?;
    let text = summary(&input, &least, &key, &output)?;
    Output::Standard.write(&text)?;
    match ended {
        Ended::Done => Ok(Exit::Expected),
        Ended::Interrupted => {
            complain(&format_args!(
                "interrupted; the smallest input so far is in {}",
                output.display()
            ));
            Ok(Exit::Interrupted)
        }
        Ended::Failed(error) => Err(error.into()),
    }
}

/// The default output: `ARTIFACT.min`, in the folder of the artifact.
fn min_path(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".min");
    name.into()
}

/// How the shrinking ended.
enum Ended {
    Done,
    Interrupted,
    Failed(RunError),
}

fn smallest(
    artifact: &Artifact,
    program: &Program,
    key: &FindingKey,
    examiner: &Examiner,
) -> (Program, Ended) {
    let bar = Bar::of_steps(program.steps.len());
    let mut ended = Ended::Done;
    let least = shrunk(
        artifact.target,
        program,
        &mut |scenario, variant, progress| {
            bar.left(progress.steps, progress.tries);
            if STOP.load(Ordering::Relaxed) {
                ended = Ended::Interrupted;
                return ControlFlow::Break(());
            }
            match examiner.examine(scenario, variant) {
                Ok(examined) => ControlFlow::Continue(key.among(&examined).is_some()),
                Err(error) => {
                    ended = Ended::Failed(error);
                    ControlFlow::Break(())
                }
            }
        },
    );
    bar.finish();
    (least, ended)
}

/// The kept finding, and the scenario before and after.
fn summary(
    input: &Input,
    least: &Artifact,
    key: &FindingKey,
    output: &Path,
) -> Result<String, Failure> {
    let (before, _) = input.scenario()?;
    let after = Input {
        path: output.to_owned(),
        artifact: least.clone(),
    };
    let (after, _) = after.scenario()?;
    let clause = match &key.clause {
        Some(clause) => format!(" of {clause}"),
        None => String::new(),
    };
    Ok(format!(
        "{} on {}{clause}: kept\n\nBefore, {} steps:\n\n{}\nAfter, {} steps, in {}:\n\n{}",
        key.kind.as_str(),
        key.backend,
        before.steps.len(),
        write(&before),
        after.steps.len(),
        output.display(),
        write(&after),
    ))
}
