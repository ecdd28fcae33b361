//! The command `writeproof`: parses arguments, calls the library, prints reports.

mod accepted;
mod args;
mod artifact;
mod check;
mod clauses;
mod convert;
mod corpus;
mod diff;
mod explain;
mod external_args;
mod external_backend;
mod failure;
mod formats;
mod ledger;
mod libraries;
mod output;
mod progress;
mod promote;
mod render;
mod replay;
mod shrink;
mod table;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Display;
use std::fs;
use std::io::{self, Write as _};
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread::available_parallelism;
use std::time::Instant;

use clap::{CommandFactory as _, Parser};

use self::args::{
    Arguments, Command, Format, Purpose, ReportArguments, RunArguments, ShowArguments,
    WorkerCommand,
};
pub use self::external_backend::run_cli;
pub use self::failure::Exit;
use self::failure::Failure;
use self::formats::rendered;
use self::libraries::{Libraries, add, default_backends};
use self::output::Output;
use self::progress::Bar;
use crate::backend::libssl::Recognised;
use crate::backend::{About, Backends, REFERENCE, Unusable};
use crate::contract::Contract;
use crate::isolation::Isolation;
use crate::judge::{self, Judge, LibraryIdentity};
use crate::report::check::shown_by;
use crate::report::clusters::clusters;
use crate::report::replay::with_findings;
use crate::report::{Checked, JudgedAs, Report, layout};
use crate::run::{CaseResult, Plan, Surprise};
use crate::scenario::{Corpus, Id, Role, Scenario, Selection, TransportKind, Variant, Version};
use crate::target::Target;
use crate::trace::Trace;
use crate::worker;

/// Whether the user has asked the run to stop.
static STOP: AtomicBool = AtomicBool::new(false);

/// Runs the command with these arguments, the program's name first, and returns its exit code.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> Exit {
    let arguments: Arguments = match parse(arguments) {
        Ok(arguments) => arguments,
        Err(exit) => return exit,
    };
    let command = match arguments.purpose {
        Purpose::Command(command) => *command,
        Purpose::Worker(WorkerCommand::Worker { crash_context }) => {
            worker::serve(crash_context, None)
        }
    };
    exit_after(|| match command {
        Command::Run(arguments) => run(&arguments),
        Command::List(arguments) => list(arguments.format),
        Command::Show(arguments) => show(&arguments),
        Command::Diff(arguments) => diff::diff(&arguments),
        Command::Check(arguments) => check::check(&arguments),
        Command::Table(arguments) => table::table(&arguments),
        Command::Clauses(arguments) => clauses::clauses(&arguments),
        Command::Render(arguments) => render::render(&arguments),
        Command::Explain(arguments) => explain::explain(&arguments),
        Command::Ledger(arguments) => ledger::ledger(&arguments),
        Command::Replay(arguments) => replay::replay(&arguments),
        Command::Shrink(arguments) => shrink::shrink(&arguments),
        Command::Promote(arguments) => promote::promote(&arguments),
        Command::Corpus(arguments) => corpus::corpus(&arguments),
    })
}

/// Parses the arguments, the program's name first. For bad ones, and for `--help` and `--version`,
/// it prints the text and returns the exit code.
fn parse<A: Parser>(arguments: impl IntoIterator<Item = OsString>) -> Result<A, Exit> {
    A::try_parse_from(arguments).map_err(|error| {
        // If it cannot be printed, the exit code has to do.
        let _ = error.print();
        if error.use_stderr() {
            Exit::Usage
        } else {
            Exit::Expected
        }
    })
}

/// Carries out a command that the user can interrupt, and prints why it failed, if it did.
fn exit_after(command: impl FnOnce() -> Result<Exit, Failure>) -> Exit {
    let done = progress::stop_on_interrupt(&STOP).and_then(|()| command());
    done.unwrap_or_else(|failure| {
        complain(&failure);
        failure.exit()
    })
}

/// The command with all its arguments, from which `ci/release-files` writes manual pages and completions.
#[doc(hidden)]
pub fn command() -> clap::Command {
    Arguments::command()
}

/// Prints a message on standard error; if that fails, the exit code has to do.
fn complain(what: &dyn Display) {
    let _ = writeln!(io::stderr(), "writeproof: {what}");
}

fn run(arguments: &RunArguments) -> Result<Exit, Failure> {
    let corpus = all_scenarios()?;
    // Before anything runs, so that a bad path is reported at once.
    let output = Output::prepare(arguments.report.output.as_deref())?;
    let scenarios = corpus.select(&arguments.report.scenario)?;
    let libraries = Libraries::open(&arguments.libraries)?;
    let libraries = libraries.judged_as(&arguments.judged.judged_as)?;
    let (judge, identities) = judge_with(&arguments.report.ledger, &libraries)?;
    let Chosen {
        mut backends,
        missing,
    } = Chosen::of(&libraries, &arguments.backend)?;
    add(&mut backends, libraries.named());
    let plan = Plan {
        scenarios,
        reference: libraries.among(&backends, REFERENCE)?,
        backends,
        jobs: jobs(arguments.report.jobs),
        variants: Vec::new(),
    };
    let prepared = Prepared {
        plan,
        judge,
        identities,
        missing,
        output,
    };
    prepared.run(&arguments.report, &|result| {
        shown_by(result, &libraries.again(&[&result.backend]))
    })
}

/// A run that can start.
struct Prepared<'c> {
    plan: Plan<'c>,
    judge: Judge,
    identities: Identities,
    missing: Vec<Unusable>,
    /// Where its report goes.
    output: Output,
}

impl Prepared<'_> {
    /// Runs the cases, writes the report as the arguments ask for it, and returns the exit code.
    /// `again` returns the command that shows a result.
    fn run(
        self,
        arguments: &ReportArguments,
        again: &dyn Fn(&CaseResult) -> String,
    ) -> Result<Exit, Failure> {
        let begun = Instant::now();
        let results = carry_out(&self.plan, &self.judge)?;
        let duration = begun.elapsed();
        let mut report = report(
            &self.plan,
            &self.judge,
            &self.identities,
            &results,
            &self.missing,
        );
        report.stale = self.plan.stale(&self.judge, &results);
        report.clusters = clusters(&results, report.contract, again);
        let required = arguments.require_applicable;
        let text = rendered(&report, arguments, duration, || {
            report.text(duration, required, again)
        })?;
        self.output.write(&text)?;
        Ok(exit_of(&report, required, Strictness::Strict))
    }

    /// Runs the cases, and writes their traces instead of a report.
    fn show(self) -> Result<Exit, Failure> {
        let plan = &self.plan;
        let results = carry_out(plan, &self.judge)?;
        if results.is_empty() {
            return Err(Failure::NoSuchVariant(plan.variants.clone()));
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
        self.output.write(&parts.join("\n"))?;
        let report = report(plan, &self.judge, &self.identities, &results, &self.missing);
        complain_of_untested(&report, None);
        let exit = exit_of(&report, None, Strictness::Strict);
        if exit == Exit::Unexpected {
            complain(&unexpected(&report));
        }
        Ok(exit)
    }
}

/// Why `show` exits with 1.
fn unexpected(report: &Report<'_>) -> String {
    let is_marked = |result: &&CaseResult| result.root.is_some();
    let marked = report.results.iter().filter(is_marked).count();
    let is_unexpected = |result: &&CaseResult| report.surprise(result) > Surprise::None;
    let unrecorded = report.results.iter().filter(is_unexpected).count();
    let unrecorded = unrecorded.saturating_sub(marked);
    let mut reasons = Vec::new();
    if marked > 0 {
        let cases = layout::count(marked, "case");
        reasons.push(format!(
            "{cases} with findings that no known issue explains, marked with >>>"
        ));
    }
    if unrecorded > 0 {
        let cases = layout::count(unrecorded, "case");
        reasons.push(format!("{cases} not as in the snapshots"));
    }
    format!("exit code 1: {}", reasons.join("; "))
}

/// These scenarios on these backends, against the reference.
fn of_scenarios<'c>(
    scenarios: Vec<Selection<'c>>,
    libraries: &Libraries,
    backends: Vec<Arc<dyn Target>>,
) -> Result<Plan<'c>, Failure> {
    Ok(Plan {
        scenarios,
        reference: libraries.among(&backends, REFERENCE)?,
        backends,
        jobs: jobs(None),
        variants: Vec::new(),
    })
}

/// As which libraries the shared objects of the user are judged, by their names in reports.
type Identities = BTreeMap<String, JudgedAs>;

/// The judge, with the known issues that apply to the shared objects of the user and those in these
/// files.
fn judge_with(ledgers: &[PathBuf], libraries: &Libraries) -> Result<(Judge, Identities), Failure> {
    let mut judge = Judge::built_in()?;
    let identities = libraries.identities(&judge);
    for (id, judged_as) in &identities {
        if let Some(Recognised { family, version }) = &judged_as.library {
            let identity = LibraryIdentity {
                product: family.as_str().to_owned(),
                version: version.clone().unwrap_or_default(),
                ledger: judged_as.known.clone(),
            };
            judge.identify(id, identity);
        }
    }
    add_known_issues(&mut judge, ledgers)?;
    Ok((judge, identities))
}

/// Adds the known issues in these files.
fn add_known_issues(judge: &mut Judge, ledgers: &[PathBuf]) -> Result<(), Failure> {
    for path in ledgers {
        let text = fs::read_to_string(path).map_err(|source| Failure::Ledger {
            path: path.clone(),
            source,
        })?;
        judge.add_own(&path.to_string_lossy(), &text)?;
    }
    Ok(())
}

/// The backends to run on.
struct Chosen {
    backends: Vec<Arc<dyn Target>>,
    /// Known backends that were selected but are missing on this machine.
    missing: Vec<Unusable>,
}

impl Chosen {
    /// The backends of these names, or all that are present.
    fn of(libraries: &Libraries, names: &[String]) -> Result<Self, Failure> {
        let (backends, missing) = match names {
            [] => {
                let (names, missing) = default_backends()?;
                (libraries.all_by_name(&names)?, missing)
            }
            names => (libraries.all_by_name(names)?, Vec::new()),
        };
        Ok(Self { backends, missing })
    }
}

/// The scenarios of this program. Files of the user may name only clauses of the contract.
fn all_scenarios() -> Result<Corpus, Failure> {
    let contract = Contract::built_in()?;
    Ok(Corpus::built_in()?.with_clauses(contract.ids()))
}

fn list(format: Format) -> Result<Exit, Failure> {
    let corpus = Corpus::built_in()?;
    let (names, missing) = default_backends()?;
    let mut unusable = Vec::new();
    let mut backends = Vec::new();
    let isolation = Isolation::Workers {
        program: std::env::current_exe().map_err(Failure::Program)?,
        limits: worker::WorkerLimits::DEFAULT,
    };
    for id in names {
        match isolation.open(id) {
            Some(Ok(backend)) => backends.push(backend),
            Some(Err(reason)) => unusable.push(Failure::Open(reason)),
            None => return Err(Failure::unknown_backend(id)),
        }
    }
    let abouts: Vec<&About> = backends.iter().map(|backend| backend.about()).collect();
    let text = match format {
        Format::Text => list_text(&corpus, &abouts, &missing),
        Format::Json => list_json(&corpus, &abouts, &missing).map_err(Failure::Json)?,
    };
    Output::Standard.write(&text)?;
    // The list is complete apart from the first backend that cannot be used, which decides the exit
    // code.
    match unusable.into_iter().next() {
        Some(failure) => Err(failure),
        None => Ok(Exit::Expected),
    }
}

fn list_text(corpus: &Corpus, backends: &[&About], missing: &[Unusable]) -> String {
    let mut rows = vec![];
    for about in backends {
        let reference = match about.id.as_str() {
            REFERENCE => ", the reference",
            _ => "",
        };
        let lacks = if about.lacks.is_empty() {
            "lacks nothing".to_owned()
        } else {
            format!("lacks {}", about.lacks.join(", "))
        };
        rows.push(vec![
            format!("  {}", about.id),
            format!("{} {}", about.library, about.version),
            format!("{}{reference}", about.linkage),
            lacks,
        ]);
    }
    rows.extend(missing.iter().map(|missing| {
        let (id, reason) = (format!("  {}", missing.id), missing.reason.clone());
        vec![id, "-".to_owned(), reason]
    }));
    let backends = layout::align(&rows);
    let rows: Vec<Vec<String>> = corpus
        .scenarios()
        .iter()
        .map(|scenario| {
            vec![
                format!("  {}", scenario.id),
                listed_variants(scenario),
                scenario.title.clone(),
            ]
        })
        .collect();
    let number = rows.len();
    format!(
        "Backends:\n{backends}\n{number} scenarios:\n{}",
        layout::align(&rows)
    )
}

/// Versions and roles, then the transports if there are others than the scripted one.
fn listed_variants(scenario: &Scenario) -> String {
    let scripted = scenario
        .variants()
        .filter(|variant| variant.transport == scenario.transports[0])
        .map(|variant| Variant {
            transport: TransportKind::Scripted,
            ..variant
        });
    let variants: Vec<String> = scripted.map(|variant| variant.to_string()).collect();
    let variants = if variants.len() == Version::ALL.len() * Role::ALL.len() {
        "all variants".to_owned()
    } else {
        variants.join(" ")
    };
    match scenario.transports[..] {
        [TransportKind::Scripted] => variants,
        _ => {
            let words: Vec<_> = scenario.transports.iter().map(|t| t.as_str()).collect();
            format!("{variants} over {}", words.join(" "))
        }
    }
}

fn list_json(
    corpus: &Corpus,
    backends: &[&About],
    missing: &[Unusable],
) -> Result<String, serde_json::Error> {
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
        "missing": missing,
        "scenarios": scenarios,
    });
    Ok(format!("{}\n", serde_json::to_string_pretty(&document)?))
}

fn show(arguments: &ShowArguments) -> Result<Exit, Failure> {
    let corpus = all_scenarios()?;
    let scenarios = corpus.select(&arguments.scenario)?;
    let libraries = Libraries::open(&arguments.libraries)?;
    let libraries = libraries.judged_as(&arguments.judged.judged_as)?;
    let mut backends = libraries.named();
    add(&mut backends, libraries.all_by_name(&arguments.backend)?);
    if backends.is_empty() {
        backends.push(libraries.by_name(REFERENCE)?);
    }
    let plan = Plan {
        scenarios,
        reference: libraries.among(&backends, REFERENCE)?,
        backends,
        jobs: processors(),
        variants: arguments.variants.variant.clone(),
    };
    let (judge, identities) = judge_with(&[], &libraries)?;
    let prepared = Prepared {
        plan,
        judge,
        identities,
        missing: Vec::new(),
        output: Output::Standard,
    };
    prepared.show()
}

/// The traces of one scenario on one backend. Where something is unexpected, the findings are marked
/// at their steps.
fn shown(id: &Id, backend: &str, results: &[CaseResult]) -> String {
    let of_this = |result: &&CaseResult| result.scenario == *id && result.backend == backend;
    let is_unexpected = |result: &&CaseResult| result.root.is_some();
    let (unexpected, expected): (Vec<&CaseResult>, Vec<&CaseResult>) =
        results.iter().filter(of_this).partition(is_unexpected);
    let traces: Vec<(_, Trace)> = expected
        .into_iter()
        .map(|result| (result.variant, result.trace.clone()))
        .collect();
    let mut parts = Vec::new();
    if !traces.is_empty() {
        parts.push(judge::render(id, backend, &traces));
    }
    let mut marked: Vec<(String, Vec<String>)> = Vec::new();
    for result in unexpected {
        let body = with_findings(&result.trace, &result.printed, &result.findings);
        let variant = result.variant.to_string();
        match marked.iter_mut().find(|(other, _)| *other == body) {
            Some((_, variants)) => variants.push(variant),
            None => marked.push((body, vec![variant])),
        }
    }
    parts.extend(
        marked
            .into_iter()
            .map(|(body, variants)| format!("{id}  {backend}  {}\n{body}", variants.join(" "))),
    );
    parts.join("\n")
}

/// Runs a plan with a progress bar, until done or interrupted.
fn carry_out(plan: &Plan<'_>, judge: &Judge) -> Result<Vec<CaseResult>, Failure> {
    let bar = Bar::new(plan.cases());
    let results = progress::interruptible(|| plan.run(judge, &bar, &STOP));
    bar.finish();
    Ok(results?)
}

fn report<'a>(
    plan: &'a Plan<'_>,
    judge: &'a Judge,
    identities: &'a Identities,
    results: &'a [CaseResult],
    missing: &'a [Unusable],
) -> Report<'a> {
    let checked = |target: &'a Arc<dyn Target>| {
        let load_report = target.load_report()?;
        if Backends::all().contains(&target.about().id.as_str()) {
            return None;
        }
        Some(Checked {
            id: &target.about().id,
            loaded: &load_report.loaded,
            judged_as: identities.get(&target.about().id)?,
            unconfined: target.unconfined(),
            printed: load_report.printed.clone(),
            checks: Vec::new(),
            no_handshake: Vec::new(),
        })
    };
    let backends = plan.backends.iter().map(|backend| backend.about());
    let reference = &plan.reference.about().id;
    Report {
        missing,
        checked: plan.backends.iter().filter_map(checked).collect(),
        ..Report::new(backends.collect(), reference, &judge.contract, results)
    }
}

/// Which unexpected findings make a command fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Strictness {
    /// All of them.
    Strict,
    /// All but broken clauses that say *should*.
    IgnoreShould,
}

/// The exit code of a report, as `writeproof --help` describes it. An untested library takes
/// precedence over an unexpected finding.
fn exit_of(report: &Report<'_>, required: Option<u8>, strictness: Strictness) -> Exit {
    let free = match strictness {
        Strictness::Strict => Surprise::None,
        Strictness::IgnoreShould => Surprise::ShouldAlone,
    };
    let is_failure = |result: &CaseResult| report.surprise(result) > free;
    if !report.untested(required).is_empty() {
        Exit::Backend
    } else if report.results.iter().any(is_failure) || !report.stale.is_empty() {
        Exit::Unexpected
    } else {
        Exit::Expected
    }
}

/// Prints why a library was not tested, for reports that do not say so.
fn complain_of_untested(report: &Report<'_>, required: Option<u8>) {
    for untested in report.untested(required) {
        complain(&untested);
    }
}

/// As many jobs as asked for, else one per processor.
fn jobs(asked: Option<NonZeroU16>) -> usize {
    asked.map_or_else(processors, |jobs| jobs.get().into())
}

fn processors() -> usize {
    available_parallelism().map_or(1, usize::from)
}

/// The shared objects of the user and the selected backends; if there is neither, all backends that
/// are present.
fn named_or_chosen(
    libraries: &Libraries,
    arguments: &args::LedgerArguments,
) -> Result<Vec<Arc<dyn Target>>, Failure> {
    let named = libraries.named();
    if arguments.backend.is_empty() && !named.is_empty() {
        return Ok(named);
    }
    let Chosen { mut backends, .. } = Chosen::of(libraries, &arguments.backend)?;
    add(&mut backends, named);
    Ok(backends)
}
