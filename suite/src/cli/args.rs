//! The arguments of the command, and the help that teaches them.

use std::fmt;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum, value_parser};

use crate::backend::REFERENCE;
use crate::backend::libssl::Family;
use crate::scenario::{TransportKind, Variant};

/// A conformance and differential suite for implementations of SSL_write.
///
/// Runs the same write scenarios against several TLS libraries, records what every call returned
/// and which records went onto the wire, holds that against the contract, clause by clause, and tells
/// what is wrong and what differs.
#[derive(Debug, Parser)]
#[command(name = "writeproof", version, after_help = EXAMPLES, after_long_help = LONG_HELP)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  writeproof run                                  everything, on all backends
  writeproof run --scenario retry --backend rustls
  writeproof show retry/shorter-buffer --variant tls1.3/client
  writeproof diff openssl-3.6 openssl-1.1.1
  writeproof check --libssl ./libssl.so           a library of your own
  writeproof table                                what the libraries do, at a glance
  writeproof show ./my-scenario.toml              a scenario of your own";

const CHECK_EXAMPLES: &str = "\
Examples:
  writeproof check --libssl ./libssl.so.3
  writeproof check --libssl ./libssl.so.3 --libcrypto ./libcrypto.so.3
  writeproof check --libssl ./libwolfssl.so --symbol-prefix wolfSSL_
  writeproof check --libssl ./libssl.so --against openssl-1.1.1 --scenario retry
  writeproof check --libssl old/libssl.so --name old --libssl new/libssl.so --name new --against old
  writeproof check --libssl ./libssl.so --ledger ./known.toml
  writeproof check --libssl ./libssl.so --as unknown        with nothing that is known already

Exit codes: 0 nothing unexpected, 1 something is wrong, differs, crashed or hung, 2 bad usage, 3 the library could
not be used or tested: no handshake was completed, no case was applicable, or too few were. All of them:
writeproof --help";

const CLAUSES_EXAMPLES: &str = "\
Examples:
  writeproof manual                               a line for each clause
  writeproof manual retry.same-arguments          all of one clause
  writeproof manual retry                         all of a family
  writeproof manual --backend boringssl --format json

Exit codes: 0 each clause was put to the test, 1 one was not, 2 bad usage. All of them: writeproof --help";

const LEDGER_EXAMPLES: &str = "\
Examples:
  writeproof ledger                               all that is known, and why
  writeproof ledger --backend openssl-3.6
  writeproof ledger --cases                       run everything, and count what each entry explains
  writeproof ledger --check                       run everything, and compare
  writeproof ledger --propose >> fixtures/ledger/openssl-3.6.toml
  writeproof ledger --propose --libssl ./libssl.so > known.toml

Exit codes: 0 the ledger is complete and up to date, 1 it is not, 2 bad usage. All of them: writeproof
--help";

const REPLAY_EXAMPLES: &str = "\
Examples:
  writeproof replay fuzz/artifacts/write_retry/crash-0123abcd
  writeproof replay fuzz/artifacts/write_retry/*
  writeproof replay crash-0123abcd --backend boringssl --libssl ./libssl.so

Exit codes: 0 nothing unexpected, 1 something is, 2 bad usage, or no input of a fuzz target. All of them:
writeproof --help";

const SHRINK_EXAMPLES: &str = "\
Examples:
  writeproof shrink fuzz/artifacts/write_retry/crash-0123abcd
  writeproof shrink crash-0123abcd --output small --backend boringssl
  writeproof shrink crash-0123abcd --libssl ./libssl.so
  writeproof shrink crash-0123abcd --known        keeps what the ledger knows, if that is all there is

Exit codes: 0 it was shrunk, 2 bad usage, no input of a fuzz target, or nothing unexpected comes of it,
130 interrupted; the smallest so far was written. All of them: writeproof --help";

const PROMOTE_EXAMPLES: &str = "\
Examples:
  writeproof promote fuzz/artifacts/write_retry/crash-0123abcd.min retry/shorter-after-a-read

Exit codes: 0 it was written, 2 bad usage, no input of a fuzz target, a name that is taken, or no checkout.
All of them: writeproof --help";

const CORPUS_EXAMPLES: &str = "\
Examples:
  writeproof corpus                               below fuzz/corpus, as the repository has them
  writeproof corpus --output /tmp/corpus --verbose

Exit codes: 0 all are written, 2 a file cannot be written. All of them: writeproof --help";

const LONG_HELP: &str = "\
Scenarios are named by id (retry/shorter-buffer), by pattern (retry, 'closing/*', '*/shorter-*'), or by
the path of a scenario file, or of a folder of them, anywhere (./my-scenario.toml, ./mine).

Examples:
  writeproof run                                  everything, on all backends
  writeproof run --scenario retry --backend rustls
  writeproof run --format json --output report.json
  writeproof list                                 scenarios, backends, and what these lack
  writeproof show retry/shorter-buffer --variant tls1.3/client
  writeproof show ./my-scenario.toml --backend openssl-1.1.1
  writeproof diff openssl-3.6 openssl-1.1.1 --scenario renegotiation
  writeproof check --libssl ./libssl.so.3         what differs, grouped by what differs
  writeproof check --libssl old/libssl.so --name old --libssl new/libssl.so --name new
  writeproof diff --libssl old/libssl.so --libssl new/libssl.so
  writeproof table                                what the libraries do, at a glance
  writeproof table --backend openssl-3.6 --backend rustls --format markdown
  writeproof manual                               the clauses of the contract, and who breaks them
  writeproof ledger --backend openssl-3.6         what is known of a library already, and why
  writeproof replay fuzz/artifacts/write_retry/*  what the fuzzer came upon; shrink and promote go on from there

A shared object, named with --libssl or a backend, runs in processes of its own, which may use no
network, write no file and start no program. A crash, an exit or a hang is the result of its case.

Exit codes, the same for scenarios of the suite and of your own, and for backends and what --libssl names:
  0    nothing unexpected: every trace is as recorded, and the ledger knows whatever breaks the contract or
       differs from what it is compared with
  1    something unexpected: a clause of the contract is broken, a trace differs, crashed or hung, and the
       ledger does not know; a trace is not as recorded, or was never recorded; the ledger knows of
       something that does not come any more. In `check`, clauses that say should count with --strict alone
  2    bad usage, a bad input file, or a report that cannot be written
  3    a backend, or a library that was named, could not be used or tested: in `check`, the self-check
       completed no handshake, or the adapter does not work; in all commands, no case was applicable to a
       library that was named; fewer cases were applicable than --require-applicable asks for
  4    the suite itself failed: a bug in it, or the machine gave no memory
  130  interrupted; no report was written, but for shrink, which has kept the smallest input so far

Environment:
  WRITEPROOF_OPENSSL_1_1_1  a shared object to use in place of the built-in openssl-1.1.1; the same for every
                            other backend that is a shared object (WRITEPROOF_BORINGSSL)
  XDG_CACHE_HOME            the folder into which the built-in shared objects are written before they are
                            loaded, below writeproof/libssl; the default is ~/.cache
  WRITEPROOF_REQUIRE        backends without which `run` fails, parted by commas; `all` for all";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run scenarios on backends, and report.
    Run(RunArguments),
    /// List scenarios and backends, with versions and what each lacks.
    List(ListArguments),
    /// Show what happens in a scenario, call by call and record by record.
    Show(ShowArguments),
    /// Tell how two libraries differ: two backends by name, a backend and a --libssl, or two --libssl.
    Diff(DiffArguments),
    /// Check a library of your own: a shared object with the functions of libssl.
    ///
    /// Loads the library in a process of its own, makes sure that the suite has it in hand (`self_check`), runs
    /// every scenario on it, and tells what differs from the reference, grouped by the first call that
    /// differs, each with the command that shows it.
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArguments),
    /// Tell what the libraries do, a question a row, as it was recorded.
    Table(TableArguments),
    /// Tell the clauses of the contract: how many cases put each to the test, and which libraries break it.
    ///
    /// Runs everything. With clauses as arguments, tells all of these: what they say, where that is said, who
    /// breaks them and how, with the command that shows it.
    #[command(alias = "manual", after_help = CLAUSES_EXAMPLES)]
    Clauses(ClausesArguments),
    /// Tell what is known of the libraries already, and why; check it, propose entries, or convert a file.
    ///
    /// Whatever a library does against the contract, and however it differs from the reference, has an entry
    /// in the ledger, or is unexpected.
    #[command(after_help = LEDGER_EXAMPLES)]
    Ledger(LedgerArguments),
    /// Replay inputs of the fuzz targets: what each tells, what every library does there, and what is found.
    ///
    /// Prints the scenario as the text of a file, then the trace of each library with each finding behind its step, marked
    /// with >>>, then a line that sums it up. An input of the target scenario_file is the text of a scenario file: if it is
    /// a right one it is run in all of its variants, else it is told what is wrong with it.
    #[command(after_help = REPLAY_EXAMPLES)]
    Replay(ReplayArguments),
    /// Make an input of a fuzz target as small as it can be, while the same finding comes.
    ///
    /// Takes steps away and makes numbers smaller as long as the most serious finding still comes: the same kind, the same
    /// clause, of the same library. Other libraries are not looked at.
    #[command(after_help = SHRINK_EXAMPLES)]
    Shrink(ShrinkArguments),
    /// Make a scenario of the library from an input of a fuzz target, in a checkout of the repository.
    ///
    /// Writes fixtures/scenarios/FAMILY/NAME.toml, with a title to be filled in, and what every library here does as
    /// snapshots, and tells what is left to do. Writes over nothing.
    #[command(after_help = PROMOTE_EXAMPLES)]
    Promote(PromoteArguments),
    /// Write what the fuzz targets begin with: an input for each scenario of the library that a target can tell.
    #[command(after_help = CORPUS_EXAMPLES)]
    Corpus(CorpusArguments),
    /// Serve as the process in which a foreign library runs; not to be called by hand.
    #[command(hide = true)]
    Worker {
        /// The descriptor of the file that says what the library was last called for.
        crash_context: i32,
    },
}

/// Shared objects that the user names, and how they are run.
#[derive(Debug, Args)]
pub(super) struct LibsslArguments {
    /// A shared object with the functions of libssl, such as /usr/lib/libssl.so.3; can be given several
    /// times.
    #[arg(long, value_name = "PATH")]
    pub(super) libssl: Vec<PathBuf>,
    /// The libcrypto that goes with --libssl: once for all of them, or once for each, in their order
    /// [default: the libssl itself if it holds both, else its own dependency, else the one beside it, else
    /// the system's].
    #[arg(long, value_name = "PATH", requires = "libssl")]
    pub(super) libcrypto: Vec<PathBuf>,
    /// What reports and other options call the library: once for each --libssl, in their order, or for the
    /// first ones [default: the file name].
    #[arg(long, value_name = "NAME", requires = "libssl", value_parser = parse_name)]
    pub(super) name: Vec<String>,
    /// What stands before the names of the functions, such as wolfSSL_ for wolfSSL_write: once for all
    /// --libssl, or once for each.
    #[arg(long, value_name = "PREFIX", requires = "libssl")]
    pub(super) symbol_prefix: Vec<String>,
    /// How long a case may take at most, in seconds of processor time: a library that has not come back by then is
    /// stopped, and the case has hung. Cases take milliseconds; a library that has finished some gets less for the
    /// next one, a hundred times as long as they took on average.
    #[arg(long, value_name = "SECONDS", default_value = "5", value_parser = parse_seconds)]
    pub(super) limit: Duration,
    /// How much memory the process of a shared object may have, in MiB; 0 for no limit, as a library
    /// that was built with a sanitizer needs it.
    #[arg(long, value_name = "MIB", default_value_t = 2048)]
    pub(super) memory: u32,
    /// Run shared objects in this very process, for a debugger: a crash ends the run, and a hang holds
    /// it up; --limit and --memory mean nothing then.
    #[arg(long)]
    pub(super) in_process: bool,
}

/// As what the shared objects that the user names are judged.
#[derive(Debug, Args)]
pub(super) struct AsArguments {
    /// What a --libssl is, and so what is known of it: openssl, tongsuo, boringssl or aws-lc, with its version
    /// (openssl@3.0.19) where it is not the one that it reports; or unknown, of which nothing is. Once for all
    /// --libssl, or once for each [default: what its object shows].
    #[arg(long = "as", value_name = "NAME[@VERSION]", requires = "libssl", value_parser = parse_as)]
    pub(super) judged_as: Vec<As>,
}

/// What a shared object is, as the user says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum As {
    /// Something of which nothing is known.
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

/// What is run, and how it is told.
#[derive(Debug, Args)]
pub(super) struct ReportArguments {
    /// Scenarios: ids, patterns, or paths of files or folders [default: all]; can be given several times.
    #[arg(long, value_name = "PATTERN", num_args = 1..)]
    pub(super) scenario: Vec<String>,
    /// How to report.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
    /// Write the report to this file, all at once when it is complete.
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// How many cases run at a time [default: one for each processor].
    #[arg(long, value_name = "N")]
    pub(super) jobs: Option<NonZeroU16>,
    /// Exit with 3 if fewer of the cases of a library than this, in percent, could be run to their end.
    #[arg(long, value_name = "PERCENT", value_parser = value_parser!(u8).range(0..=100))]
    pub(super) require_applicable: Option<u8>,
    /// What is known already of the libraries that are named with --libssl: a ledger, as those below
    /// fixtures/ledger/; can be given several times. `writeproof ledger --propose --libssl PATH` begins one.
    #[arg(long, value_name = "FILE", requires = "libssl")]
    pub(super) ledger: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    #[command(flatten)]
    pub(super) libraries: LibsslArguments,
    #[command(flatten)]
    pub(super) judged: AsArguments,
    /// What to compare with: a backend (see `writeproof list`), or the --name of another --libssl.
    #[arg(long, value_name = "NAME", default_value = REFERENCE)]
    pub(super) against: String,
    /// Exit with 1 also where nothing but clauses that say *should* is broken, as `run` always does.
    #[arg(long)]
    pub(super) strict: bool,
    #[command(flatten)]
    pub(super) report: ReportArguments,
}

#[derive(Debug, Args)]
pub(super) struct RunArguments {
    #[command(flatten)]
    pub(super) libraries: LibsslArguments,
    #[command(flatten)]
    pub(super) judged: AsArguments,
    /// A backend to run on [default: all]; can be given several times.
    #[arg(long, value_name = "NAME")]
    pub(super) backend: Vec<String>,
    #[command(flatten)]
    pub(super) report: ReportArguments,
}

#[derive(Debug, Args)]
pub(super) struct ListArguments {
    /// How to list.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
pub(super) struct ShowArguments {
    /// The scenarios: ids, patterns, or paths of files or folders.
    #[arg(required = true, value_name = "SCENARIO")]
    pub(super) scenario: Vec<String>,
    #[command(flatten)]
    pub(super) libraries: LibsslArguments,
    #[command(flatten)]
    pub(super) judged: AsArguments,
    /// A backend to show it on [default: the libraries that are named with --libssl, else the
    /// reference]; can be given several times.
    #[arg(long, value_name = "NAME")]
    pub(super) backend: Vec<String>,
    /// A variant, such as tls1.3/client, or tls1.3/client/bio-pair where the transport is not the
    /// scripted one [default: all]; can be given several times.
    #[arg(long, value_name = "VERSION/ROLE[/TRANSPORT]", value_parser = parse_variant)]
    pub(super) variant: Vec<Variant>,
}

#[derive(Debug, Args)]
pub(super) struct DiffArguments {
    /// The backend to compare with, then the one that is compared; for each --libssl, one less. What is a path
    /// (mine/scenario.toml) is a scenario.
    #[arg(value_name = "NAME")]
    pub(super) backends: Vec<String>,
    #[command(flatten)]
    pub(super) libraries: LibsslArguments,
    #[command(flatten)]
    pub(super) judged: AsArguments,
    /// A scenario: id, pattern, or path of a file or a folder [default: all]; can be given several times.
    #[arg(long, value_name = "PATTERN")]
    pub(super) scenario: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct ClausesArguments {
    /// A clause, such as retry.same-arguments, or a family of them, such as retry, to be described in full [default: a
    /// line for each].
    pub(super) clause: Vec<String>,
    #[command(flatten)]
    pub(super) libraries: LibsslArguments,
    #[command(flatten)]
    pub(super) judged: AsArguments,
    /// A backend to run on [default: all]; can be given several times.
    #[arg(long, value_name = "NAME")]
    pub(super) backend: Vec<String>,
    /// How to report.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
pub(super) struct LedgerArguments {
    /// A library to show, by the name of its file below fixtures/ledger/; with --cases, --check, --propose or --convert a
    /// backend [default: all, or those that are named with --libssl]; can be given several times.
    #[arg(long, value_name = "NAME")]
    pub(super) backend: Vec<String>,
    #[command(flatten)]
    pub(super) action: LedgerAction,
    /// Scenarios to run: ids, patterns, or paths of files or folders [default: all]; can be given several times. With
    /// --convert those of the entries are run, and files that are named here are among them.
    #[arg(long, value_name = "PATTERN", num_args = 1.., requires = "LedgerAction")]
    pub(super) scenario: Vec<String>,
    /// What is known already of the libraries that are named with --libssl: a ledger; can be given several times.
    #[arg(long, value_name = "FILE", requires = "libssl")]
    pub(super) ledger: Vec<PathBuf>,
    /// Write to this file, all at once when everything was run.
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    #[command(flatten)]
    pub(super) libraries: LibsslArguments,
    #[command(flatten)]
    pub(super) judged: AsArguments,
}

/// What is done with the ledger, beside showing it.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub(super) struct LedgerAction {
    /// Run everything, and tell whether each entry still holds and nothing is missing.
    #[arg(long)]
    pub(super) check: bool,
    /// Run everything, and write an entry for all that is found and not known, for a person to complete:
    /// class, reason and link are theirs.
    #[arg(long)]
    pub(super) propose: bool,
    /// Run everything, and show of each entry in how many cases it explains a finding.
    #[arg(long)]
    pub(super) cases: bool,
    /// Write this ledger with issues by cause in the place of entries in the old format; the library that they are of is run
    /// to find their triggers: one --libssl, or one --backend.
    #[arg(long, value_name = "FILE")]
    pub(super) convert: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct ReplayArguments {
    /// An input of a fuzz target, such as it saves below fuzz/artifacts; can be given several times.
    #[arg(value_name = "ARTIFACT", required = true)]
    pub(super) artifact: Vec<PathBuf>,
    #[command(flatten)]
    pub(super) libraries: LibsslArguments,
    #[command(flatten)]
    pub(super) judged: AsArguments,
    /// What is known already of the libraries that are named with --libssl: a ledger; can be given several times.
    #[arg(long, value_name = "FILE", requires = "libssl")]
    pub(super) ledger: Vec<PathBuf>,
    /// A backend to run on [default: all]; can be given several times.
    #[arg(long, value_name = "NAME")]
    pub(super) backend: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct ShrinkArguments {
    /// An input of a fuzz target.
    #[arg(value_name = "ARTIFACT")]
    pub(super) artifact: PathBuf,
    /// Where to write the small one [default: ARTIFACT with .min behind its name].
    #[arg(long, value_name = "FILE")]
    pub(super) output: Option<PathBuf>,
    /// Keep a finding that the ledger knows, if there is none that nobody knows.
    #[arg(long)]
    pub(super) known: bool,
    #[command(flatten)]
    pub(super) libraries: LibsslArguments,
    #[command(flatten)]
    pub(super) judged: AsArguments,
    /// What is known already of the libraries that are named with --libssl: a ledger; can be given several times.
    #[arg(long, value_name = "FILE", requires = "libssl")]
    pub(super) ledger: Vec<PathBuf>,
    /// A backend whose findings count [default: all]; can be given several times.
    #[arg(long, value_name = "NAME")]
    pub(super) backend: Vec<String>,
}

#[derive(Debug, Args)]
pub(super) struct PromoteArguments {
    /// An input of a fuzz target, best a small one: see `writeproof shrink`.
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
    /// The folder to write to; each target has one of its own in it.
    #[arg(long, value_name = "FOLDER", default_value = "fuzz/corpus")]
    pub(super) output: PathBuf,
    /// Tell each scenario that a target cannot tell, and why.
    #[arg(long)]
    pub(super) verbose: bool,
}

#[derive(Debug, Args)]
pub(super) struct TableArguments {
    /// A backend to tell of, as a column [default: all]; can be given several times.
    #[arg(long, value_name = "NAME")]
    pub(super) backend: Vec<String>,
    /// How to lay it out.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: TableFormat,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum TableFormat {
    /// For a terminal.
    #[default]
    Text,
    /// For a page of the book.
    Markdown,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For a person.
    #[default]
    Text,
    /// For a program; described by fixtures/report.schema.json.
    Json,
}

fn parse_variant(text: &str) -> Result<Variant, String> {
    Variant::parse(text).ok_or_else(|| {
        let others = TransportKind::ALL
            .into_iter()
            .filter(|transport| *transport != TransportKind::Scripted);
        let others: Vec<_> = others.map(TransportKind::as_str).collect();
        format!(
            "a variant is a version and a role: tls1.2/client, tls1.2/server, tls1.3/client, tls1.3/server; \
             behind another slash, a transport that is not the scripted one: {}",
            others.join(", ")
        )
    })
}

/// The longest limit that is taken, in seconds: a day.
const LONGEST: f64 = 86_400.0;

fn parse_seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text
        .parse()
        .map_err(|_| "a number of seconds, such as 5 or 0.5".to_owned())?;
    match (0.001..=LONGEST).contains(&seconds) {
        true => Ok(Duration::from_secs_f64(seconds)),
        false => Err(format!("from 0.001 to {LONGEST} seconds")),
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
            "a version begins with a digit, as in {}@3.0.19",
            family.as_str()
        )),
        (_, None, _) => {
            let names: Vec<&str> = Family::ALL.into_iter().map(Family::as_str).collect();
            Err(format!("it is unknown, or one of {}", names.join(", ")))
        }
    }
}

fn parse_name(text: &str) -> Result<String, String> {
    let right = |c: char| c.is_ascii_alphanumeric() || "._-+".contains(c);
    match !text.is_empty() && text.len() <= 64 && text.chars().all(right) {
        true => Ok(text.to_owned()),
        false => Err("a name has letters, digits, and . _ - +, at most 64 of them".to_owned()),
    }
}
