//! The arguments of a program that tests a backend from outside of the suite, and its help.

use clap::{Args, Parser};

use super::args::{ReportArguments, VariantArguments, WorkerArguments, WorkerCommand};

const ABOUT: &str = "\
Test the library that this program contains with the scenarios of Writeproof.

Runs write scenarios on the library, records what each call returned and which records were sent,
checks every trace against the contract of SSL_write, and compares it with the trace of OpenSSL
3.6, the reference, in the same case. The report shows which clauses the library breaks and where
it differs.";

const LEDGER: &str = "\
A file of known issues of the library: what it does differently, and why. Its findings are not
unexpected. The page \"Known issues\" of Writeproof's book describes the format; can be repeated";

/// `PROGRAM`, because each author of a backend chooses its name.
const EXAMPLES: &str = "\
Examples, where PROGRAM is this program:
  PROGRAM                                         all scenarios
  PROGRAM retry 'closing/*'                       those of a family or pattern
  PROGRAM retry/shorter-buffer --variant tls1.3/client --show
  PROGRAM ./my-scenario.toml ./mine               scenarios of your own
  PROGRAM --propose --output known.toml           begin a file of known issues
  PROGRAM --ledger known.toml                     report only what is not known yet
  PROGRAM --format json --output report.json";

/// What follows the examples for `-h`.
const SHORT_REST: &str = "`PROGRAM --help` describes workers and exit codes.";

/// What follows the examples for `--help`: two more of them, and the rest.
const LONG_REST: &str = "  PROGRAM retry --limit 1 --memory 512            with narrower limits
  gdb --args PROGRAM retry/shorter-buffer --in-process

Name scenarios by id (retry/shorter-buffer), by pattern (retry, 'closing/*', '*/shorter-*'), or by
the path of a scenario file or a folder of them (./my-scenario.toml, ./mine).

The library runs in worker processes: this program, started again. If the library crashes, exits,
hangs or runs out of memory, that is the result of the case, and the run goes on. A worker starts
in the folder / and cannot use the network, write files or start programs.

Exit codes:
  0    nothing unexpected: a known issue explains every broken clause and every difference
  1    something unexpected: a clause is broken, or the library differs from the reference,
       crashed or hung, and no known issue explains it; or a known issue no longer occurs. With
       --propose: there is something to propose
  2    bad usage, a bad input file, or a report that cannot be written
  3    the library could not be tested: no worker could be started with it, no case is applicable
       to it, or fewer are applicable than --require-applicable demands
  4    the suite itself failed: a bug, or the system ran out of memory
  130  interrupted; no report was written";

/// The arguments of a program that tests a backend from outside of the suite.
///
/// The library is part of this program, and it is compared with a reference that is, too.
#[derive(Debug, Parser)]
#[command(
    name = "writeproof",
    version,
    about = "Test the library that this program contains with the scenarios of Writeproof.",
    long_about = ABOUT,
    after_help = format!("{EXAMPLES}\n\n{SHORT_REST}"),
    after_long_help = format!("{EXAMPLES}\n{LONG_REST}"),
    args_conflicts_with_subcommands = true,
    disable_help_subcommand = true,
    mut_arg("ledger", |ledger| ledger.help(LEDGER).long_help(None::<&str>)),
)]
pub(super) struct ExternalArguments {
    /// Scenarios, as with --scenario.
    #[arg(value_name = "PATTERN")]
    pub(super) pattern: Vec<String>,
    #[command(flatten)]
    pub(super) variants: VariantArguments,
    #[command(flatten)]
    pub(super) action: ExternalAction,
    #[command(flatten)]
    pub(super) report: ReportArguments,
    #[command(flatten)]
    pub(super) workers: WorkerArguments,
    #[command(subcommand)]
    pub(super) worker: Option<WorkerCommand>,
}

/// What to write instead of a report.
#[derive(Debug, Args)]
#[group(multiple = false, conflicts_with_all = ["format", "require_applicable"])]
pub(super) struct ExternalAction {
    /// Write the traces of the library and of the reference instead of a report.
    #[arg(long)]
    pub(super) show: bool,
    /// Write a draft of a known issue for each unexpected finding instead of a report. Class,
    /// reason and link are left for you to fill in.
    #[arg(long)]
    pub(super) propose: bool,
}
