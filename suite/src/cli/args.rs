//! The arguments of the command, and its help.

use std::fmt;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::backend::REFERENCE;
use crate::backend::libssl::Family;
use crate::scenario::{TransportKind, Variant};

/// A conformance and differential test suite for implementations of SSL_write.
///
/// Runs the same write scenarios against several TLS libraries, records what each call returned and
/// which records were sent, checks every trace against the contract of SSL_write, and reports which
/// clauses are broken and where the libraries differ.
#[derive(Debug, Parser)]
#[command(name = "writeproof", version, after_help = EXAMPLES, after_long_help = LONG_HELP)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) purpose: Purpose,
}

/// What the program was started for.
#[derive(Debug, Subcommand)]
pub(super) enum Purpose {
    #[command(flatten)]
    Command(Box<Command>),
    #[command(flatten)]
    Worker(WorkerCommand),
}

const EXAMPLES: &str = "\
Examples:
  writeproof run                                  all scenarios on all backends
  writeproof run --scenario retry --backend rustls
  writeproof show retry/shorter-buffer --variant tls1.3/client
  writeproof diff openssl-3.6 openssl-1.1.1
  writeproof check --libssl ./libssl.so           check your own library
  writeproof table                                compare the behaviour of all libraries
  writeproof show ./my-scenario.toml              run your own scenario

`writeproof --help` describes scenario names, exit codes and environment variables.";

const RENDER_EXAMPLES: &str = "\
Examples:
  writeproof render report.json
  writeproof render report.json --format junit --output junit.xml";

const EXPLAIN_EXAMPLES: &str = "\
Examples:
  writeproof explain bytes-missing-in-write-1a2b3c --libssl ./libssl.so --as unknown
  writeproof explain transport-zero-counts-as-a-sent-close-notify";

const CHECK_EXAMPLES: &str = "\
Examples:
  writeproof check --libssl ./libssl.so.3
  writeproof check --libssl ./libssl.so.3 --libcrypto ./libcrypto.so.3
  writeproof check --libssl ./libwolfssl.so --symbol-prefix wolfSSL_
  writeproof check --libssl ./libssl.so --against openssl-1.1.1 --scenario retry
  writeproof check --libssl old/libssl.so --name old --libssl new/libssl.so --name new --against old
  writeproof check --libssl ./libssl.so --ledger ./known.toml
  writeproof check --libssl ./libssl.so --as unknown        apply no known issues

Exit codes:
  0  nothing unexpected
  1  the library breaks a clause, differs from the reference, crashed or hung, and no known
     issue explains it
  2  bad usage
  3  the library could not be loaded or tested: no handshake completed, the self-check failed,
     or too few cases are applicable
`writeproof --help` lists all exit codes.";

const CLAUSES_EXAMPLES: &str = "\
Examples:
  writeproof clauses                              one line per clause
  writeproof clauses retry.same-arguments         one clause in full
  writeproof clauses retry                        all clauses of a topic
  writeproof clauses --backend boringssl --format json

Exit codes: 0 every observable clause was exercised, 1 one was not, 2 bad usage.
`writeproof --help` lists all exit codes.";

const LEDGER_EXAMPLES: &str = "\
Examples:
  writeproof ledger                               list the known issues and their reasons
  writeproof ledger --backend openssl-3.6
  writeproof ledger --cases                       run everything and count the cases of each issue
  writeproof ledger --check                       run everything and check that they are up to date
  writeproof ledger --propose --backend openssl-3.6 >> fixtures/ledger/openssl.toml
  writeproof ledger --propose --libssl ./libssl.so > known.toml

Exit codes: 0 the known issues are complete and up to date, 1 they are not, 2 bad usage.
`writeproof --help` lists all exit codes.";

const REPLAY_EXAMPLES: &str = "\
Examples:
  writeproof replay fuzz/artifacts/write_retry/crash-0123abcd
  writeproof replay fuzz/artifacts/write_retry/*
  writeproof replay crash-0123abcd --backend boringssl --libssl ./libssl.so

Exit codes: 0 no unexpected finding, 1 an unexpected finding, 2 bad usage or not a fuzz input.
`writeproof --help` lists all exit codes.";

const SHRINK_EXAMPLES: &str = "\
Examples:
  writeproof shrink fuzz/artifacts/write_retry/crash-0123abcd
  writeproof shrink crash-0123abcd --output small --backend boringssl
  writeproof shrink crash-0123abcd --libssl ./libssl.so
  writeproof shrink crash-0123abcd --known        keep a known finding if none is unexpected

Exit codes: 0 the input was minimised, 2 bad usage, not a fuzz input, or no unexpected finding,
130 interrupted (the smallest input so far was written). `writeproof --help` lists all exit codes.";

const PROMOTE_EXAMPLES: &str = "\
Examples:
  writeproof promote fuzz/artifacts/write_retry/crash-0123abcd.min retry/shorter-after-a-read

Exit codes: 0 the files were written, 2 bad usage, not a fuzz input, the id is taken, or the current
directory is not in a checkout. `writeproof --help` lists all exit codes.";

const CORPUS_EXAMPLES: &str = "\
Examples:
  writeproof corpus                               write to fuzz/corpus, for the fuzz targets
  writeproof corpus --output /tmp/corpus --verbose

Exit codes: 0 the corpus was written, 2 a file could not be written.
`writeproof --help` lists all exit codes.";

const LONG_HELP: &str = "\
Name scenarios by id (retry/shorter-buffer), by pattern (retry, 'closing/*', '*/shorter-*'), or by
the path of a scenario file or a folder of them (./my-scenario.toml, ./mine).

Examples:
  writeproof run                                  all scenarios on all backends
  writeproof run --scenario retry --backend rustls
  writeproof run --format json --output report.json
  writeproof list                                 scenarios and backends, with what these lack
  writeproof show retry/shorter-buffer --variant tls1.3/client
  writeproof show ./my-scenario.toml --backend openssl-1.1.1
  writeproof diff openssl-3.6 openssl-1.1.1 --scenario renegotiation
  writeproof check --libssl ./libssl.so.3         check your own library
  writeproof check --libssl old/libssl.so --name old --libssl new/libssl.so --name new
  writeproof diff --libssl old/libssl.so --libssl new/libssl.so
  writeproof table                                compare the behaviour of all libraries
  writeproof table --backend openssl-3.6 --backend rustls --format markdown
  writeproof clauses                              the clauses, and which libraries break them
  writeproof ledger --backend openssl-3.6         the known issues of a library, with their reasons
  writeproof replay fuzz/artifacts/write_retry/*  what the fuzzer found; then shrink and promote it

Every shared object, whether a backend or given with --libssl, runs in a separate process that
cannot use the network, write files or start programs. If it crashes, exits or hangs, that is the
result of the case, and the run goes on.

Exit codes:
  0    nothing unexpected: every trace matches its snapshot, and a known issue explains every broken
       clause and every difference
  1    something unexpected: a clause is broken, or a library differs, crashed or hung, and no known
       issue explains it; a trace does not match its snapshot or has none; or a known issue no
       longer occurs. In `check`, a broken clause that says \"should\" counts only with --strict
  2    bad usage, a bad input file, or a report that cannot be written
  3    a library could not be loaded or tested. In `check`: no handshake completed, or the
       self-check failed. In every command: no case is applicable to a library given with --libssl,
       or fewer cases are applicable than --require-applicable demands
  4    the suite itself failed: a bug, or the system ran out of memory
  130  interrupted; no report was written, but `shrink` wrote the smallest input so far

Environment:
  WRITEPROOF_OPENSSL_1_1_1  path of a shared object to use as the backend openssl-1.1.1, in place of
                            the one that was built with the program. Each backend that is a C
                            library has such a variable, for example WRITEPROOF_BORINGSSL
  XDG_CACHE_HOME            the built-in shared objects are written to writeproof/libssl in this
                            folder before they are loaded; the default is ~/.cache
  WRITEPROOF_REQUIRE        backends that must be present, separated by commas, or `all`: `run` and
                            `list` exit with 3 if one of them is missing";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run scenarios on backends and report the results.
    Run(RunArguments),
    /// List the scenarios and the backends, with their versions and what each backend lacks.
    List(ListArguments),
    /// Show the trace of a scenario, call by call and record by record.
    Show(ShowArguments),
    /// Show how two libraries differ.
    ///
    /// Takes two backends, a backend and a --libssl, or two --libssl.
    Diff(DiffArguments),
    /// Check your own library: a shared object with the functions of libssl.
    ///
    /// Loads the library in a separate process, runs a self-check to make sure that the suite can
    /// drive it, runs every scenario, and reports broken clauses and differences from the
    /// reference. Similar results are grouped, and each group has the command that shows its first
    /// case.
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArguments),
    /// Compare the recorded behaviour of the libraries in a table; runs nothing.
    Table(TableArguments),
    /// List the clauses of the contract, with the cases that exercise and break them.
    ///
    /// Runs all scenarios. With clauses as arguments, describes these in full: the statement, its
    /// source, and for each library that breaks it an example and the command that shows it.
    #[command(alias = "manual", after_help = CLAUSES_EXAMPLES)]
    Clauses(ClausesArguments),
    /// Write a report that was saved with --format json in another format; runs nothing.
    #[command(after_help = RENDER_EXAMPLES)]
    Render(RenderArguments),
    /// Describe a cluster of a report, or a known issue.
    ///
    /// For a cluster, runs the scenarios again, with the same --libssl, --as and --ledger as the
    /// report. Shows the rule and its source, when it happens, the trace of the smallest scenario
    /// with the event marked, the known issues that break the same clause, and what the known
    /// libraries do in the same case.
    #[command(after_help = EXPLAIN_EXAMPLES)]
    Explain(ExplainArguments),
    /// List, check or propose known issues.
    ///
    /// A known issue records that a library breaks a clause or differs from the reference, and why.
    /// Anything that no known issue explains is reported as unexpected.
    #[command(after_help = LEDGER_EXAMPLES)]
    Ledger(LedgerArguments),
    /// Replay fuzz inputs: show each scenario, the trace of every library, and the findings.
    ///
    /// Prints the scenario as a scenario file, then the trace of each library with its findings
    /// after the step in which they occurred, marked with >>>, then a summary. An input of the
    /// target scenario_file is a scenario file itself: if it is valid, it is run in all of its
    /// variants; otherwise its error is shown.
    #[command(after_help = REPLAY_EXAMPLES)]
    Replay(ReplayArguments),
    /// Minimise a fuzz input.
    ///
    /// Removes steps and reduces numbers as long as the most serious finding still occurs: the same
    /// kind and the same clause, on the same library. Findings of other libraries are ignored.
    #[command(after_help = SHRINK_EXAMPLES)]
    Shrink(ShrinkArguments),
    /// Turn a fuzz input into a scenario of the suite, in a checkout of the repository.
    ///
    /// Writes fixtures/scenarios/FAMILY/NAME.toml with a placeholder for the title, and a snapshot
    /// of the trace of each library, and prints what is left to do. Never overwrites a file.
    #[command(after_help = PROMOTE_EXAMPLES)]
    Promote(PromoteArguments),
    /// Write the seed corpus: one input for each scenario that a fuzz target can encode.
    #[command(after_help = CORPUS_EXAMPLES)]
    Corpus(CorpusArguments),
}

/// How a program starts itself again.
#[derive(Debug, Subcommand)]
pub(super) enum WorkerCommand {
    /// The process in which a library runs; not to be called by hand.
    #[command(hide = true)]
    Worker {
        /// The descriptor of the file that records the last call of the library.
        crash_context: i32,
    },
}

/// Shared objects that the user names, and how they are run.
#[derive(Debug, Args)]
pub(super) struct LibsslArguments {
    /// A shared object with the functions of libssl, such as /usr/lib/libssl.so.3; can be repeated.
    #[arg(long, value_name = "PATH")]
    pub(super) libssl: Vec<PathBuf>,
    /// The libcrypto to use with --libssl: give it once for all, or once for each in the same order
    /// [default: the libssl itself if it includes a libcrypto, else the one that it depends on, else
    /// the one in its folder, else the system's].
    #[arg(long, value_name = "PATH", requires = "libssl")]
    pub(super) libcrypto: Vec<PathBuf>,
    /// The name of the library in reports and in other options: one for each --libssl, in the same
    /// order; the last ones can be left out [default: the file name].
    #[arg(long, value_name = "NAME", requires = "libssl", value_parser = parse_name)]
    pub(super) name: Vec<String>,
    /// A prefix of all function names, such as wolfSSL_ for wolfSSL_write: give it once for all
    /// --libssl, or once for each.
    #[arg(long, value_name = "PREFIX", requires = "libssl")]
    pub(super) symbol_prefix: Vec<String>,
    #[command(flatten)]
    pub(super) workers: WorkerArguments,
}

/// How libraries are isolated, and the limits of a process that runs one.
#[derive(Debug, Args)]
pub(super) struct WorkerArguments {
    /// The time limit of a case, in seconds of processor time. A case that exceeds it is stopped
    /// and reported as hung. Once some cases have finished, the limit drops to 100 times their
    /// average, but not below 0.5 s or 5 times the longest of them.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = parse_seconds)]
    pub(super) limit: Duration,
    /// The memory limit of a process that runs the library, in MiB. 0 means no limit, which a
    /// library built with a sanitizer needs.
    #[arg(long, value_name = "MIB", default_value_t = 2048)]
    pub(super) memory: u32,
    /// Run every library in the process of the suite, for use with a debugger. A crash ends the
    /// run, a hang blocks it, and --limit and --memory have no effect.
    #[arg(long)]
    pub(super) in_process: bool,
}

/// The library as which a shared object is judged.
#[derive(Debug, Args)]
pub(super) struct AsArguments {
    /// Which library a --libssl is: openssl, tongsuo, boringssl or aws-lc, or unknown. Add the version
    /// (openssl@3.0.19) if the one that it reports is wrong. The known issues of that library apply; an
    /// unknown library has none. Give it once for all --libssl, or once for each [default: detected
    /// from the object].
    #[arg(long = "as", value_name = "NAME[@VERSION]", requires = "libssl", value_parser = parse_as)]
    pub(super) judged_as: Vec<As>,
}

/// Which library a shared object is, according to the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum As {
    /// One without known issues.
    Unknown,
    /// This library, in this version or in the one that it reports.
    Library(Family, Option<String>),
}

impl fmt::Display for As {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str("unknown"),
            Self::Library(family, None) => f.write_str(family.as_str()),
            Self::Library(family, Some(version)) => write!(f, "{}@{version}", family.as_str()),
        }
    }
}

/// What to run, and how to report it.
#[derive(Debug, Args)]
pub(super) struct ReportArguments {
    /// Scenarios: ids, patterns, or paths of files or folders [default: all]; can be repeated.
    #[arg(long, value_name = "PATTERN", num_args = 1..)]
    pub(super) scenario: Vec<String>,
    /// The format of the report.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: ReportFormat,
    /// Write everything instead of the first screen: all cases that differ, and all reasons. Only
    /// for --format text.
    #[arg(long, short)]
    pub(super) verbose: bool,
    /// Write the report to this file. The file is replaced only when the report is complete.
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// How many cases to run at the same time [default: one per processor].
    #[arg(long, value_name = "N", value_parser = parse_jobs)]
    pub(super) jobs: Option<NonZeroU16>,
    /// Exit with 3 if less than this percentage of a library's cases are applicable.
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    pub(super) require_applicable: Option<u8>,
    /// A file of known issues of the libraries given with --libssl, in the format of the files in
    /// fixtures/ledger; can be repeated. `writeproof ledger --propose --libssl PATH` writes a first
    /// one.
    #[arg(long, value_name = "FILE")]
    pub(super) ledger: Vec<PathBuf>,
}

/// Which variants to run.
#[derive(Debug, Args)]
pub(super) struct VariantArguments {
    /// A variant, such as tls1.3/client, or tls1.3/client/bio-pair for a transport other than the
    /// scripted one [default: all]; can be repeated.
    #[arg(long, value_name = "VERSION/ROLE[/TRANSPORT]", value_parser = parse_variant)]
    pub(super) variant: Vec<Variant>,
}

#[derive(Debug, Args)]
#[command(mut_arg("ledger", |ledger| ledger.requires("libssl")))]
pub(super) struct CheckArguments {
    #[command(flatten)]
    pub(super) libraries: LibsslArguments,
    #[command(flatten)]
    pub(super) judged: AsArguments,
    /// The library to compare with: a backend (see `writeproof list`), or the --name of another
    /// --libssl.
    #[arg(long, value_name = "NAME", default_value = REFERENCE)]
    pub(super) against: String,
    /// Exit with 1 even if only clauses that say "should" are broken, as `run` always does.
    #[arg(long)]
    pub(super) strict: bool,
    /// Accept the clusters in this file without an explanation: only what is new or has changed is
    /// unexpected. Needs exactly one library.
    #[arg(long, value_name = "FILE")]
    pub(super) baseline: Option<PathBuf>,
    /// Write the clusters of this run to the file given with --baseline, and exit with 0.
    #[arg(long, requires = "baseline")]
    pub(super) update_baseline: bool,
    #[command(flatten)]
    pub(super) report: ReportArguments,
}

#[derive(Debug, Args)]
#[command(mut_arg("ledger", |ledger| ledger.requires("libssl")))]
pub(super) struct RunArguments {
    #[command(flatten)]
    pub(super) libraries: LibsslArguments,
    #[command(flatten)]
    pub(super) judged: AsArguments,
    /// A backend to run on [default: all]; can be repeated.
    #[arg(long, value_name = "NAME")]
    pub(super) backend: Vec<String>,
    #[command(flatten)]
    pub(super) report: ReportArguments,
}

#[derive(Debug, Args)]
pub(super) struct ListArguments {
    /// The format of the list.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
pub(super) struct ShowArguments {
    /// Scenarios: ids, patterns, or paths of files or folders.
    #[arg(required = true, value_name = "SCENARIO")]
    pub(super) scenario: Vec<String>,
    #[command(flatten)]
    pub(super) libraries: LibsslArguments,
    #[command(flatten)]
    pub(super) judged: AsArguments,
    /// A backend to run on [default: the libraries given with --libssl, else the reference]; can be
    /// repeated.
    #[arg(long, value_name = "NAME")]
    pub(super) backend: Vec<String>,
    #[command(flatten)]
    pub(super) variants: VariantArguments,
}

#[derive(Debug, Args)]
pub(super) struct DiffArguments {
    /// The backend to compare with, then the backend to compare; each --libssl takes the place of
    /// one. An argument that is a path (mine/scenario.toml) is a scenario.
    #[arg(value_name = "NAME")]
    pub(super) backends: Vec<String>,
    #[command(flatten)]
    pub(super) libraries: LibsslArguments,
    #[command(flatten)]
    pub(super) judged: AsArguments,
    /// Accept the changes in this file without an explanation: only others are unexpected.
    #[arg(long, value_name = "FILE")]
    pub(super) accept: Option<PathBuf>,
    /// Write the changes of this run to the file given with --accept, and exit with 0.
    #[arg(long, requires = "accept")]
    pub(super) update_accepted: bool,
    /// Exit with 125 instead of 3 if a library cannot be tested, for `git bisect run`.
    #[arg(long)]
    pub(super) bisect: bool,
    #[command(flatten)]
    pub(super) report: ReportArguments,
}

#[derive(Debug, Args)]
pub(super) struct ClausesArguments {
    /// Clauses to describe in full: an id such as retry.same-arguments, or a topic such as retry
    /// [default: one line for each clause].
    pub(super) clause: Vec<String>,
    #[command(flatten)]
    pub(super) libraries: LibsslArguments,
    #[command(flatten)]
    pub(super) judged: AsArguments,
    /// A backend to run on [default: all]; can be repeated.
    #[arg(long, value_name = "NAME")]
    pub(super) backend: Vec<String>,
    /// The format of the report.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
pub(super) struct RenderArguments {
    /// A report in JSON, from `run`, `check` or `diff`.
    #[arg(value_name = "REPORT")]
    pub(super) report: PathBuf,
    /// The format to write.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: ReportFormat,
    /// Write to this file. The file is replaced only when the text is complete.
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Say so if less than this percentage of a library's cases were applicable.
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    pub(super) require_applicable: Option<u8>,
}

#[derive(Debug, Args)]
pub(super) struct ExplainArguments {
    /// The id of a cluster, as in the report of `check` or `run`, or of a known issue, as in
    /// `writeproof ledger`.
    pub(super) id: String,
    #[command(flatten)]
    pub(super) libraries: LibsslArguments,
    #[command(flatten)]
    pub(super) judged: AsArguments,
    /// A backend to run on [default: the libraries given with --libssl, else all]; can be repeated.
    #[arg(long, value_name = "NAME")]
    pub(super) backend: Vec<String>,
    /// Scenarios to look in: ids, patterns, or paths of files or folders [default: all]; can be
    /// repeated.
    #[arg(long, value_name = "PATTERN", num_args = 1..)]
    pub(super) scenario: Vec<String>,
    /// A file of known issues of the libraries given with --libssl; can be repeated.
    #[arg(long, value_name = "FILE", requires = "libssl")]
    pub(super) ledger: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct LedgerArguments {
    /// A library whose known issues to list, such as openssl-3.6 or openssl; with --cases, --check,
    /// --propose or --convert, a backend to run on [default: the libraries given with --libssl,
    /// else all]; can be repeated.
    #[arg(long, value_name = "NAME")]
    pub(super) backend: Vec<String>,
    #[command(flatten)]
    pub(super) action: LedgerAction,
    /// Scenarios to run: ids, patterns, or paths of files or folders [default: all]; can be
    /// repeated. --convert runs the scenarios that the entries name; files given here are added to
    /// them.
    #[arg(long, value_name = "PATTERN", num_args = 1.., requires = "LedgerAction")]
    pub(super) scenario: Vec<String>,
    /// A file of known issues of the libraries given with --libssl; can be repeated.
    #[arg(long, value_name = "FILE", requires = "libssl")]
    pub(super) ledger: Vec<PathBuf>,
    /// Write the output to this file. The file is replaced only when the output is complete.
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    #[command(flatten)]
    pub(super) libraries: LibsslArguments,
    #[command(flatten)]
    pub(super) judged: AsArguments,
}

/// What to do with the known issues other than to list them.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(super) struct LedgerAction {
    /// Run all scenarios, and report known issues that no longer occur and findings without one.
    #[arg(long)]
    pub(super) check: bool,
    /// Run all scenarios, and write a draft of a known issue for each unexpected finding. Class,
    /// reason and link are left for you to fill in.
    #[arg(long)]
    pub(super) propose: bool,
    /// Run all scenarios, and show in how many cases each known issue explains a finding.
    #[arg(long)]
    pub(super) cases: bool,
    /// Convert a file in the old format, which listed scenarios instead of causes. Runs the library
    /// that the file is about, given with one --libssl or one --backend, to find the cause of each
    /// entry.
    #[arg(long, value_name = "FILE")]
    pub(super) convert: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ReplayArguments {
    /// A fuzz input, such as a file in fuzz/artifacts; can be repeated.
    #[arg(value_name = "ARTIFACT", required = true)]
    pub(super) artifact: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) libraries: LibsslArguments,
    #[command(flatten)]
    pub(super) judged: AsArguments,
    /// A file of known issues of the libraries given with --libssl; can be repeated.
    #[arg(long, value_name = "FILE", requires = "libssl")]
    pub(super) ledger: Vec<PathBuf>,
    /// A backend to run on [default: all]; can be repeated.
    #[arg(long, value_name = "NAME")]
    pub(super) backend: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct ShrinkArguments {
    /// A fuzz input.
    #[arg(value_name = "ARTIFACT")]
    pub(super) artifact: PathBuf,
    /// The file to write the minimised input to [default: ARTIFACT.min].
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Keep the most serious known finding if there is no unexpected one.
    #[arg(long)]
    pub(super) known: bool,
    #[command(flatten)]
    pub(super) libraries: LibsslArguments,
    #[command(flatten)]
    pub(super) judged: AsArguments,
    /// A file of known issues of the libraries given with --libssl; can be repeated.
    #[arg(long, value_name = "FILE", requires = "libssl")]
    pub(super) ledger: Vec<PathBuf>,
    /// A backend to look for findings on [default: all]; can be repeated.
    #[arg(long, value_name = "NAME")]
    pub(super) backend: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct PromoteArguments {
    /// A fuzz input, preferably minimised with `writeproof shrink`.
    #[arg(value_name = "ARTIFACT")]
    pub(super) artifact: PathBuf,
    /// The id of the new scenario, such as retry/shorter-buffer.
    #[arg(value_name = "FAMILY/NAME")]
    pub(super) id: String,
    #[command(flatten)]
    pub(super) libraries: LibsslArguments,
}

#[derive(Debug, Args)]
pub(super) struct CorpusArguments {
    /// The folder to write to; each fuzz target has a folder in it.
    #[arg(long, value_name = "FOLDER", default_value = "fuzz/corpus")]
    pub(super) output: PathBuf,
    /// List each scenario that a target cannot encode, with the reason.
    #[arg(long)]
    pub(super) verbose: bool,
}

#[derive(Debug, Args)]
pub(super) struct TableArguments {
    /// A backend to show as a column [default: all]; can be repeated.
    #[arg(long, value_name = "NAME")]
    pub(super) backend: Vec<String>,
    /// The format of the table.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: TableFormat,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum TableFormat {
    /// Aligned columns, for a terminal.
    #[default]
    Text,
    /// A Markdown table.
    Markdown,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For reading.
    #[default]
    Text,
    /// For programs; fixtures/report.schema.json describes it.
    Json,
}

/// The formats of a report on cases.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum ReportFormat {
    /// For reading: the first screen, or everything with --verbose.
    #[default]
    Text,
    /// For programs, with all traces; fixtures/report.schema.json describes it.
    Json,
    /// For the summary of a CI job or a comment on a pull request.
    Markdown,
    /// For the test view of a CI system: JUnit XML. Known issues are skipped tests.
    Junit,
    /// For a TAP harness such as prove, in version 13 of the protocol. Known issues are TODO.
    Tap,
    /// The same in version 14.
    Tap14,
}

fn parse_variant(text: &str) -> Result<Variant, String> {
    Variant::parse(text).ok_or_else(|| {
        let others = TransportKind::ALL
            .into_iter()
            .filter(|transport| *transport != TransportKind::Scripted);
        let others: Vec<_> = others.map(TransportKind::as_str).collect();
        format!(
            "expected VERSION/ROLE or VERSION/ROLE/TRANSPORT, with tls1.2 or tls1.3, client or server, \
             and one of the transports {}",
            others.join(", ")
        )
    })
}

/// The largest time limit, in seconds: a day.
const LONGEST: f64 = 86_400.0;

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "expected a number of seconds, such as 5 or 0.5".to_owned())?;
    if (0.001..=LONGEST).contains(&seconds) {
        Ok(Duration::from_secs_f64(seconds))
    } else {
        Err(format!("expected a number from 0.001 to {LONGEST}"))
    }
}

fn parse_jobs(text: &str) -> Result<NonZeroU16, String> {
    text.parse()
        .map_err(|_| format!("expected a number from 1 to {}", u16::MAX))
}

fn parse_percent(text: &str) -> Result<u8, String> {
    match text.parse::<u8>() {
        Ok(percent) if percent <= 100 => Ok(percent),
        _ => Err("expected a percentage from 0 to 100".to_owned()),
    }
}

fn parse_as(text: &str) -> Result<As, String> {
    let (name, version) = match text.split_once('@') {
        Some((name, version)) => (name, Some(version)),
        None => (text, None),
    };
    match (name, Family::from_word(name), version) {
        ("unknown", _, None) => Ok(As::Unknown),
        (_, Some(family), None) => Ok(As::Library(family, None)),
        (_, Some(family), Some(version)) if version.starts_with(|c: char| c.is_ascii_digit()) => {
            Ok(As::Library(family, Some(version.to_owned())))
        }
        (_, Some(family), Some(_)) => Err(format!(
            "a version starts with a digit, as in {}@3.0.19",
            family.as_str()
        )),
        (_, None, _) => {
            let names: Vec<&str> = Family::ALL.into_iter().map(Family::as_str).collect();
            Err(format!("expected {} or unknown", names.join(", ")))
        }
    }
}

fn parse_name(text: &str) -> Result<String, String> {
    let right = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
    if !text.is_empty() && text.len() <= 64 && text.chars().all(right) {
        Ok(text.to_owned())
    } else {
        Err("expected 1 to 64 letters, digits and the characters . _ - +".to_owned())
    }
}
