//! Writes a report in the format that the user asks for.

use std::env;
use std::io::{self, IsTerminal as _};
use std::time::Duration;

use super::args::{ReportArguments, ReportFormat};
use super::complain_of_untested;
use super::failure::Failure;
use crate::report::Report;
use crate::report::screen::Colour;
use crate::report::tap::TapVersion;

/// The report. `everything` is the text for `--verbose`.
pub(super) fn rendered(
    report: &Report<'_>,
    arguments: &ReportArguments,
    duration: Duration,
    everything: impl FnOnce() -> String,
) -> Result<String, Failure> {
    let required = arguments.require_applicable;
    // Text and Markdown say themselves which library was not tested.
    if !matches!(
        arguments.format,
        ReportFormat::Text | ReportFormat::Markdown
    ) {
        complain_of_untested(report, required);
    }
    match arguments.format {
        ReportFormat::Text if arguments.verbose => Ok(everything()),
        ReportFormat::Text => Ok(report.screen(duration, required, colour(arguments))),
        ReportFormat::Json => report.json(duration).map_err(Failure::Json),
        ReportFormat::Markdown => Ok(report.markdown(duration, required)),
        ReportFormat::Junit => report.junit(duration).map_err(Failure::Junit),
        ReportFormat::Tap => Ok(report.tap(TapVersion::Tap13)),
        ReportFormat::Tap14 => Ok(report.tap(TapVersion::Tap14)),
    }
}

/// Colours only on a terminal, and not if the user wants none (<https://no-color.org>).
fn colour(arguments: &ReportArguments) -> Colour {
    let is_set = |variable| env::var_os(variable).is_some_and(|value| !value.is_empty());
    let is_dumb = env::var_os("TERM").is_some_and(|terminal| terminal == "dumb");
    let to_terminal = arguments.output.is_none() && io::stdout().is_terminal();
    if to_terminal && !is_set("NO_COLOR") && !is_dumb {
        Colour::Yes
    } else {
        Colour::No
    }
}
