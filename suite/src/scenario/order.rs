//! Checks whether each step of a scenario can stand where it does, and whether the steps as a whole
//! are valid. The rule of each step is a part of its declaration.
//!
//! Takes a scenario whose values are valid one by one, and the positions of its steps in the text.
//! Yields the first [`Fault`] in the order of the steps, if there is one.

use super::step::{MAX_TIMES, MAX_WRITTEN, Objection, StepContext};
use super::{Part, Role, Scenario, Step, Version, Write};
use crate::toml_reader::{Fault, Fields};

/// How many bytes all steps together can write, and how many times (each takes pages of its own,
/// which a system hands out tens of thousands of): twice what one step can.
const MAX_WRITTEN_IN_ALL: usize = 2 * MAX_WRITTEN;
const MAX_TIMES_IN_ALL: usize = 2 * MAX_TIMES;

/// Refuses the scenario that was read from `fields` if a step cannot stand where it does, or if
/// the steps do not fit the other keys. `places` are the positions of the steps in the text, in
/// bytes.
pub(super) fn check(
    scenario: &Scenario,
    places: &[usize],
    fields: &Fields<'_>,
) -> Result<(), Fault> {
    each_step(scenario, places)?;
    last_step(scenario, places)?;
    whole(scenario, fields)
}

fn each_step(scenario: &Scenario, places: &[usize]) -> Result<(), Fault> {
    for (index, (step, &at)) in scenario.steps.iter().zip(places).enumerate() {
        let context = StepContext { scenario, index };
        if let Some(Objection(message, help)) = step.objection(&context) {
            return Err(Fault::new(at, message, help));
        }
    }
    Ok(())
}

fn last_step(scenario: &Scenario, places: &[usize]) -> Result<(), Fault> {
    match (scenario.steps.last(), places.last()) {
        (Some(step), Some(&at)) if is_setting(step) => Err(Fault::new(
            at,
            "this step has no effect, as nothing comes after it",
            "put a call or a step of the peer after it, or leave it out",
        )),
        _ => Ok(()),
    }
}

/// Leaves out each step that cannot stand where it does, and in the end those that nothing would
/// see the effect of.
pub(crate) fn leave_out_what_cannot_stand(scenario: &mut Scenario) {
    let mut index = 0;
    while let Some(step) = scenario.steps.get(index) {
        if step.objection(&StepContext { scenario, index }).is_some() {
            scenario.steps.remove(index);
            // What stood before it has another step after it now.
            index = index.saturating_sub(1);
        } else {
            index += 1;
        }
    }
    while scenario.steps.last().is_some_and(is_setting) {
        scenario.steps.pop();
    }
}

/// Whether each step can stand where it does, and has an effect.
#[cfg(test)]
pub(crate) fn stands(scenario: &Scenario) -> bool {
    let places = vec![0; scenario.steps.len()];
    each_step(scenario, &places).is_ok() && last_step(scenario, &places).is_ok()
}

/// Whether a case could not keep in memory all that is written in it.
fn too_much(steps: &[Step]) -> bool {
    let writes = || {
        steps.iter().filter_map(|step| match step {
            Step::Write(write) => Some(write),
            _ => None,
        })
    };
    let bytes: usize = writes().map(Write::bytes).sum();
    let times: usize = writes().map(|write| write.times.get()).sum();
    bytes > MAX_WRITTEN_IN_ALL || times > MAX_TIMES_IN_ALL
}

/// The rules on the steps as a whole and on the other keys.
fn whole(scenario: &Scenario, fields: &Fields<'_>) -> Result<(), Fault> {
    let any = |like: fn(&Step) -> bool| scenario.steps.iter().any(like);
    if let Some(node) = fields.find("peer_renegotiation")
        && !any(|step| *step == Step::Renegotiate)
    {
        return Err(Fault::new(
            node.at(),
            "\"peer_renegotiation\" without a step \"renegotiate\" has no effect",
            "add such a step, or leave the key out",
        ));
    }
    if let Some(node) = fields.find("session_tickets")
        && !(scenario.versions.contains(&Version::Tls13) && scenario.roles.contains(&Role::Server))
    {
        return Err(Fault::new(
            node.at(),
            "\"session_tickets\" without the variant tls1.3/server has no effect",
            "add that version and role, or leave the key out",
        ));
    }
    if let Some(node) = fields.find("steps")
        && too_much(&scenario.steps)
    {
        return Err(Fault::new(
            node.at(),
            "the steps write too much for one case",
            format!(
                "write at most {MAX_WRITTEN_IN_ALL} bytes and {MAX_TIMES_IN_ALL} times in total"
            ),
        ));
    }
    if let Some(node) = fields.find("steps")
        && !any(|step| matches!(step, Step::Write(_)))
    {
        return Err(Fault::new(
            node.at(),
            "no step writes",
            "add one, such as { write = { len = 100 } }",
        ));
    }
    Ok(())
}

/// Whether a step does nothing but change what later ones do.
fn is_setting(step: &Step) -> bool {
    step.part() == Part::Setting
}
