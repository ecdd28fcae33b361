//! `writeproof corpus`: writes the seed corpus of the fuzz targets, from all scenarios.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use super::args::CorpusArguments;
use super::failure::{Exit, Failure};
use super::output::Output;
use crate::fuzz::{FuzzTarget, NotEncodable, Seeds, seeds};
use crate::report::layout::align;
use crate::scenario::Corpus;

pub(super) fn corpus(arguments: &CorpusArguments) -> Result<Exit, Failure> {
    let library = Corpus::built_in()?;
    let all = FuzzTarget::ALL.map(|target| seeds(target, &library).map(|seeds| (target, seeds)));
    let all = all.into_iter().collect::<Result<Vec<_>, _>>()?;
    for (target, seeds) in &all {
        let folder = arguments.output.join(target.name());
        let failed = |path| move |source| Failure::Unwritable { path, source };
        fs::create_dir_all(&folder).map_err(failed(folder.clone()))?;
        for (name, bytes) in &seeds.inputs {
            let path = folder.join(name);
            // An unchanged file keeps its modification time, so that nothing is rebuilt for it.
            if fs::read(&path).is_ok_and(|there| there == *bytes) {
                continue;
            }
            fs::write(&path, bytes).map_err(failed(path.clone()))?;
        }
    }
    let mut rows = Vec::new();
    for (target, seeds) in &all {
        let folder = arguments.output.join(target.name());
        rows.push(vec![
            folder.display().to_string(),
            format!("{} seeds", seeds.inputs.len()),
            not_encodable(seeds),
        ]);
    }
    let mut text = align(&rows);
    if arguments.verbose {
        for (target, seeds) in &all {
            for (id, why) in &seeds.not_encodable {
                let _ = writeln!(text, "{}: {id}: {why}", target.name());
            }
        }
    }
    Output::Standard.write(&text)?;
    Ok(Exit::Expected)
}

/// How many scenarios the target cannot encode, by reason.
fn not_encodable(seeds: &Seeds) -> String {
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, why) in &seeds.not_encodable {
        let reason = match why {
            NotEncodable::NoOperations(_) => "as the target does not read operations",
            NotEncodable::Step(_) => "for a step",
            NotEncodable::Setting(_) => "for the setup",
            NotEncodable::TooLong { .. } => "with too many steps",
            NotEncodable::TooMuch => "that write too much",
        };
        *reasons.entry(reason).or_default() += 1;
    }
    let counts: Vec<String> = reasons
        .iter()
        .map(|(reason, scenarios)| format!("{scenarios} {reason}"))
        .collect();
    match seeds.not_encodable.len() {
        0 => "all scenarios encoded".to_owned(),
        number => format!("{number} scenarios not encoded: {}", counts.join(", ")),
    }
}
