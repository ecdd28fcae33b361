//! The seed corpus of the fuzz targets: one input for each scenario of the suite that a target can
//! encode.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::{Artifact, ArtifactBody, FuzzTarget, NotEncodable, Program};
use crate::scenario::{Corpus, Id, Scenario, write};

/// The seeds of one target.
#[derive(Debug, Clone)]
pub struct Seeds {
    /// The inputs by name: the scenario's id, with a hyphen for the slash.
    pub inputs: BTreeMap<String, Vec<u8>>,
    /// The scenarios that the target cannot encode, with the reason for the first variant.
    pub not_encodable: Vec<(Id, NotEncodable)>,
}

/// Two scenarios whose seeds would have the same name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("two scenarios would have a seed with the name {name}: rename {second}")]
pub struct SameName {
    /// The name.
    pub(crate) name: String,
    /// The scenario that came second.
    pub(crate) second: Id,
}

/// The seeds of `target` from all scenarios of the suite. Each is the first variant that the target
/// can encode: the fuzzer finds the others.
///
/// # Errors
/// [`SameName`].
pub fn seeds(target: FuzzTarget, corpus: &Corpus) -> Result<Seeds, SameName> {
    let mut seeds = Seeds {
        inputs: BTreeMap::new(),
        not_encodable: Vec::new(),
    };
    for scenario in corpus.scenarios() {
        let content = match content(target, scenario) {
            Ok(content) => content,
            Err(why) => {
                seeds.not_encodable.push((scenario.id.clone(), why));
                continue;
            }
        };
        let name = scenario.id.as_str().replace('/', "-");
        match seeds.inputs.entry(name) {
            Entry::Vacant(free) => {
                free.insert(Artifact { target, content }.bytes());
            }
            Entry::Occupied(taken) => {
                return Err(SameName {
                    name: taken.key().clone(),
                    second: scenario.id.clone(),
                });
            }
        }
    }
    Ok(seeds)
}

fn content(target: FuzzTarget, scenario: &Scenario) -> Result<ArtifactBody, NotEncodable> {
    if target == FuzzTarget::ScenarioFile {
        return Ok(ArtifactBody::Text(write(scenario).into_bytes()));
    }
    let mut first = None;
    for variant in scenario.variants() {
        match Program::of(target, scenario, variant) {
            Ok(program) => return Ok(ArtifactBody::Program(program)),
            Err(why) => _ = first.get_or_insert(why),
        }
    }
    Err(first.unwrap_or(NotEncodable::NoOperations(target)))
}
