//! `writeproof table`: shows the recorded behaviour of the libraries; runs nothing.

use super::args::{TableArguments, TableFormat};
use super::failure::{Exit, Failure};
use super::output::Output;
use crate::judge::{Recordings, answers, questions};
use crate::report::table::Table;
use crate::scenario::Corpus;

pub(super) fn table(arguments: &TableArguments) -> Result<Exit, Failure> {
    let recordings = Recordings::built_in()?;
    let backends = columns(&arguments.backend, &recordings)?;
    let questions = questions()?;
    let corpus = Corpus::built_in()?;
    let table = Table {
        sections: answers(&questions, &corpus, &recordings, &backends)?,
        backends,
    };
    Output::Standard.write(&match arguments.format {
        TableFormat::Text => table.text(),
        TableFormat::Markdown => table.markdown(),
    })?;
    Ok(Exit::Expected)
}

/// The selected backends, each once, or all, by the names of their snapshots.
fn columns<'n>(names: &'n [String], recordings: &'n Recordings) -> Result<Vec<&'n str>, Failure> {
    let recorded = recordings.backends();
    if names.is_empty() {
        return Ok(recorded);
    }
    let mut columns: Vec<&str> = Vec::new();
    for name in names.iter().map(String::as_str) {
        if !recorded.contains(&name) {
            return Err(Failure::unknown_among(
                ("backend", "backends"),
                name,
                &recorded,
            ));
        }
        if !columns.contains(&name) {
            columns.push(name);
        }
    }
    Ok(columns)
}
