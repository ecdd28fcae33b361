//! `writeproof render`: writes a saved report in another format.

use std::fs;

use super::args::{RenderArguments, ReportArguments, ReportFormat};
use super::failure::{Exit, Failure};
use super::formats::rendered;
use super::output::Output;
use crate::contract::Contract;
use crate::report::saved::{SavedError, SavedReport};

pub(super) fn render(arguments: &RenderArguments) -> Result<Exit, Failure> {
    let path = &arguments.report;
    let text = fs::read_to_string(path).map_err(|source| Failure::Unreadable {
        path: path.clone(),
        source,
    })?;
    let wrong = |source: SavedError| Failure::Saved {
        path: path.clone(),
        source,
    };
    let saved = SavedReport::read(&text).map_err(wrong)?;
    let output = Output::prepare(arguments.output.as_deref())?;
    if arguments.format == ReportFormat::Json {
        output.write(&text)?;
        return Ok(Exit::Expected);
    }
    let contract = Contract::built_in()?;
    let results = saved.results().map_err(wrong)?;
    let report = saved.report(&contract, &results);
    let asked = ReportArguments {
        scenario: Vec::new(),
        format: arguments.format,
        verbose: false,
        output: arguments.output.clone(),
        jobs: None,
        require_applicable: arguments.require_applicable,
        ledger: Vec::new(),
    };
    let text = rendered(&report, &asked, saved.duration(), String::new)?;
    output.write(&text)?;
    Ok(Exit::Expected)
}
