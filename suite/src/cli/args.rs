//! The arguments of the command, and the help that teaches them.

use std::num::NonZeroU16;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::scenario::Variant;

/// A conformance and differential suite for implementations of SSL_write.
///
/// Runs the same write scenarios against several TLS libraries, records what every call returned
/// and which records went onto the wire, and tells what differs.
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
  writeproof show ./my-scenario.toml              a scenario of your own";

const LONG_HELP: &str = "\
Scenarios are named by id (retry/shorter-buffer), by pattern (retry, 'closing/*', '*/shorter-*'), or by
the path of a scenario file anywhere (./my-scenario.toml).

Examples:
  writeproof run                                  everything, on all backends
  writeproof run --scenario retry --backend rustls
  writeproof run --format json --output report.json
  writeproof list                                 scenarios, backends, and what these lack
  writeproof show retry/shorter-buffer --variant tls1.3/client
  writeproof show ./my-scenario.toml --backend openssl-1.1.1
  writeproof diff openssl-3.6 openssl-1.1.1 --scenario renegotiation

Exit codes:
  0    nothing unexpected: every trace is as recorded
  1    something unexpected: a trace is not as recorded, or was never recorded
  2    bad usage, a bad input file, or a report that cannot be written
  3    a backend could not be used
  4    the suite itself failed: a bug in it, or the machine gave no memory
  130  interrupted; no report was written

Environment:
  WRITEPROOF_OPENSSL_1_1_1  the shared object of openssl-1.1.1, if it is not where it was built";

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run scenarios on backends, and report.
    Run(RunArguments),
    /// List scenarios and backends, with versions and what each lacks.
    List(ListArguments),
    /// Show what happens in a scenario, call by call and record by record.
    Show(ShowArguments),
    /// Tell how two backends differ.
    Diff(DiffArguments),
}

#[derive(Debug, Args)]
pub(super) struct RunArguments {
    /// A backend to run on [default: all]; can be given several times.
    #[arg(long, value_name = "NAME")]
    pub(super) backend: Vec<String>,
    /// A scenario: id, pattern or path of a file [default: all]; can be given several times.
    #[arg(long, value_name = "PATTERN")]
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
}

#[derive(Debug, Args)]
pub(super) struct ListArguments {
    /// How to list.
    #[arg(long, value_enum, default_value_t)]
    pub(super) format: Format,
}

#[derive(Debug, Args)]
pub(super) struct ShowArguments {
    /// The scenario: id, pattern or path of a file.
    pub(super) scenario: String,
    /// A backend to show it on [default: the reference]; can be given several times.
    #[arg(long, value_name = "NAME")]
    pub(super) backend: Vec<String>,
    /// A variant, such as tls1.3/client [default: all]; can be given several times.
    #[arg(long, value_name = "VERSION/ROLE", value_parser = parse_variant)]
    pub(super) variant: Vec<Variant>,
}

#[derive(Debug, Args)]
pub(super) struct DiffArguments {
    /// The backend to compare with.
    pub(super) a: String,
    /// The backend that is compared.
    pub(super) b: String,
    /// A scenario: id, pattern or path of a file [default: all]; can be given several times.
    #[arg(long, value_name = "PATTERN")]
    pub(super) scenario: Vec<String>,
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
        "a variant is a version and a role: tls1.2/client, tls1.2/server, tls1.3/client, \
         tls1.3/server"
            .to_owned()
    })
}
