//! The command: parses arguments, calls the library, prints.

mod args;
mod failure;
mod output;
mod progress;

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::available_parallelism;
use std::time::Instant;

use clap::Parser;

use self::args::{Arguments, Command, DiffArguments, Format, RunArguments, ShowArguments};
pub use self::failure::Exit;
use self::failure::Failure;
use self::output::Output;
use self::progress::Bar;
use crate::backend::{About, Backend, Backends, REFERENCE};
use crate::judge::{self, Recordings};
use crate::report::{Counts, Report, text};
use crate::run::{CaseResult, Plan};
use crate::scenario::{Corpus, Id};
use crate::trace::Trace;

/// Somebody wants the run to stop.
static STOP: AtomicBool = AtomicBool::new(false);

/// Runs the command with these arguments, the program's name first, and answers its exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // What cannot be printed cannot be helped: the exit code tells.
            let _ = error.print();
            return match error.use_stderr() {
                true => Exit::Usage,
                false => Exit::Expected,
            };
        }
    };
    let done = progress::stop_on_interrupt(&STOP).and_then(|()| match arguments.command {
        Command::Run(arguments) => run(&arguments),
        Command::List(arguments) => list(arguments.format),
        Command::Show(arguments) => show(&arguments),
        Command::Diff(arguments) => diff(&arguments),
    });
    done.unwrap_or_else(|failure| {
        complain(&failure);
        failure.exit()
    })
}

/// Says something on standard error; where that cannot be written to, the exit code has to do.
fn complain(what: &dyn Display) {
    let _ = writeln!(io::stderr(), "writeproof: {what}");
}

fn run(arguments: &RunArguments) -> Result<Exit, Failure> {
    let corpus = Corpus::built_in()?;
    // Before anything runs: a report that cannot be written is known at once.
    let output = Output::prepare(arguments.output.as_deref())?;
    let backends = match arguments.backend.as_slice() {
        [] => open_all(&Backends::IDS)?,
        names => open_all(names)?,
    };
    let plan = Plan {
        scenarios: corpus.select(&arguments.scenario)?,
        reference: open_reference(&backends, REFERENCE)?,
        backends,
        jobs: arguments
            .jobs
            .map_or_else(processors, |jobs| jobs.get().into()),
        variants: Vec::new(),
    };
    let begun = Instant::now();
    let results = carry_out(&plan)?;
    let duration = begun.elapsed();
    let report = report(&plan, &results);
    output.write(&match arguments.format {
        Format::Text => report.text(duration),
        Format::Json => report.json(duration).map_err(Failure::Json)?,
    })?;
    Ok(verdict(&results))
}

fn list(format: Format) -> Result<Exit, Failure> {
    let corpus = Corpus::built_in()?;
    let mut unusable = Vec::new();
    let mut backends = Vec::new();
    for id in Backends::IDS {
        match open(id) {
            Ok(backend) => backends.push(backend),
            Err(failure @ Failure::Unusable(_)) => unusable.push(failure),
            Err(failure) => return Err(failure),
        }
    }
    let abouts: Vec<&About> = backends.iter().map(|backend| backend.about()).collect();
    let text = match format {
        Format::Text => list_text(&corpus, &abouts),
        Format::Json => list_json(&corpus, &abouts).map_err(Failure::Json)?,
    };
    Output::Standard.write(&text)?;
    // What can be listed was; what cannot be used is still said, and decides the exit code.
    match unusable.into_iter().next() {
        Some(failure) => Err(failure),
        None => Ok(Exit::Expected),
    }
}

fn list_text(corpus: &Corpus, backends: &[&About]) -> String {
    let mut rows = vec![];
    for about in backends {
        let reference = match about.id.as_str() {
            REFERENCE => ", the reference",
            _ => "",
        };
        let lacks = match about.lacks.is_empty() {
            true => "lacks nothing".to_owned(),
            false => format!("lacks {}", about.lacks.join(", ")),
        };
        rows.push(vec![
            format!("  {}", about.id),
            format!("{} {}", about.library, about.version),
            format!("{}{reference}", about.how),
            lacks,
        ]);
    }
    let backends = text::align(&rows);
    let rows: Vec<Vec<String>> = corpus
        .scenarios()
        .iter()
        .map(|scenario| {
            let variants: Vec<String> = scenario.variants().map(|v| v.to_string()).collect();
            let variants = match variants.len() {
                4 => "all variants".to_owned(),
                _ => variants.join(" "),
            };
            vec![
                format!("  {}", scenario.id),
                variants,
                scenario.title.clone(),
            ]
        })
        .collect();
    let number = rows.len();
    format!(
        "Backends:\n{backends}\n{number} scenarios:\n{}",
        text::align(&rows)
    )
}

fn list_json(corpus: &Corpus, backends: &[&About]) -> Result<String, serde_json::Error> {
    let scenarios: Vec<_> = corpus
        .scenarios()
        .iter()
        .map(|scenario| {
            serde_json::json!({
                "id": scenario.id.as_str(),
                "title": scenario.title,
                "clauses": scenario.clauses,
                "links": scenario.links,
                "variants": scenario.variants().map(|v| v.to_string()).collect::<Vec<_>>(),
            })
        })
        .collect();
    let document = serde_json::json!({
        "schema": crate::report::json::SCHEMA,
        "writeproof": env!("CARGO_PKG_VERSION"),
        "backends": backends,
        "scenarios": scenarios,
    });
    Ok(format!("{}\n", serde_json::to_string_pretty(&document)?))
}

fn show(arguments: &ShowArguments) -> Result<Exit, Failure> {
    let corpus = Corpus::built_in()?;
    let backends = match arguments.backend.as_slice() {
        [] => open_all(&[REFERENCE])?,
        names => open_all(names)?,
    };
    let plan = Plan {
        scenarios: corpus.select(std::slice::from_ref(&arguments.scenario))?,
        reference: open_reference(&backends, REFERENCE)?,
        backends,
        jobs: processors(),
        variants: arguments.variant.clone(),
    };
    let results = carry_out(&plan)?;
    if results.is_empty() {
        return Err(Failure::NoSuchVariant);
    }
    let parts: Vec<String> = plan
        .scenarios
        .iter()
        .flat_map(|selection| {
            plan.backends
                .iter()
                .map(move |backend| (&selection.scenario, backend))
        })
        .map(|(scenario, backend)| shown(&scenario.id, &backend.about().id, &results))
        .filter(|part| !part.is_empty())
        .collect();
    Output::Standard.write(&parts.join("\n"))?;
    Ok(verdict(&results))
}

fn shown(id: &Id, backend: &str, results: &[CaseResult]) -> String {
    let traces: Vec<(_, Trace)> = results
        .iter()
        .filter(|result| result.scenario == *id && result.backend == backend)
        .map(|result| (result.variant, result.trace.clone()))
        .collect();
    judge::render(id, backend, &traces)
}

fn diff(arguments: &DiffArguments) -> Result<Exit, Failure> {
    let corpus = Corpus::built_in()?;
    let plan = Plan {
        scenarios: corpus.select(&arguments.scenario)?,
        reference: open(&arguments.a)?,
        backends: vec![open(&arguments.b)?],
        jobs: processors(),
        variants: Vec::new(),
    };
    let results = carry_out(&plan)?;
    let report = report(&plan, &results);
    let counts = Counts::of(&results);
    let mut text = report.divergences();
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(&format!(
        "{} and {}: {} of {} cases differ, {} not applicable\n",
        arguments.a,
        arguments.b,
        counts.differs,
        counts.cases(),
        counts.not_applicable
    ));
    text.push_str(&report.surprises());
    Output::Standard.write(&text)?;
    Ok(verdict(&results))
}

/// Runs a plan with a progress bar, until done or interrupted.
fn carry_out(plan: &Plan<'_>) -> Result<Vec<CaseResult>, Failure> {
    let bar = Bar::new(plan.cases());
    let recordings = Recordings::built_in();
    let results = progress::interruptible(|| plan.run(&recordings, &bar, &STOP));
    bar.finish();
    Ok(results?)
}

fn report<'a>(plan: &'a Plan<'_>, results: &'a [CaseResult]) -> Report<'a> {
    Report {
        backends: plan
            .backends
            .iter()
            .map(|backend| backend.about())
            .collect(),
        reference: &plan.reference.about().id,
        results,
    }
}

fn verdict(results: &[CaseResult]) -> Exit {
    match results.iter().any(CaseResult::is_unexpected) {
        true => Exit::Unexpected,
        false => Exit::Expected,
    }
}

fn open_all(names: &[impl AsRef<str>]) -> Result<Vec<Arc<dyn Backend>>, Failure> {
    let mut backends: Vec<Arc<dyn Backend>> = Vec::new();
    for name in names.iter().map(AsRef::as_ref) {
        // Named twice is meant once.
        if backends.iter().all(|backend| backend.about().id != name) {
            backends.push(open(name)?);
        }
    }
    Ok(backends)
}

fn open(name: &str) -> Result<Arc<dyn Backend>, Failure> {
    match Backends::built_in(name) {
        Some(opened) => opened.map_err(Failure::Unusable),
        None => Err(Failure::unknown_backend(name)),
    }
}

fn open_reference(
    backends: &[Arc<dyn Backend>],
    reference: &str,
) -> Result<Arc<dyn Backend>, Failure> {
    match backends
        .iter()
        .find(|backend| backend.about().id == reference)
    {
        Some(backend) => Ok(Arc::clone(backend)),
        None => open(reference),
    }
}

fn processors() -> usize {
    available_parallelism().map_or(1, usize::from)
}
