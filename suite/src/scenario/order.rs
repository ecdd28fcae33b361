//! Where a step of a scenario can stand, and what the steps as a whole have to hold.
//!
//! In flow a scenario whose every value is right by itself and the places of its steps in the
//! text; out flows nothing, or the first [`Fault`] in the order of the steps.

use super::form::{Fault, Fields};
use super::steps::{MAX_TIMES, MAX_WRITTEN};
use super::{
    PeerAction, Role, RoleState, Scenario, Step, TransportKind, Version, Write, WriteSource,
};
use crate::transport::Refusal;

/// How many bytes all steps together can write, and how many times (each takes pages of its own,
/// which a system hands out tens of thousands of): twice what one step can.
const MAX_WRITTEN_IN_ALL: usize = 2 * MAX_WRITTEN;
const MAX_TIMES_IN_ALL: usize = 2 * MAX_TIMES;

/// Refuses the scenario that was read from `fields` if a step cannot stand where it does, or if
/// the steps and the keys beside them do not go together. `places` are those of the steps in the
/// text, in bytes.
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
        let place = StepContext {
            scenario,
            index,
            step,
        };
        if let Some(Objection(message, help)) = RULES.iter().find_map(|rule| rule(&place)) {
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

/// Leaves out each step that cannot stand where it does, and in the end those that nothing would see the effect of.
pub(crate) fn leave_out_what_cannot_stand(scenario: &mut Scenario) {
    let mut index = 0;
    while let Some(step) = scenario.steps.get(index) {
        let place = StepContext {
            scenario,
            index,
            step,
        };
        match RULES.iter().any(|rule| rule(&place).is_some()) {
            true => {
                scenario.steps.remove(index);
                // What stood before it has another step after it now.
                index = index.saturating_sub(1);
            }
            false => index += 1,
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

/// What the steps as a whole, and the keys beside them, ask for.
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

/// A step among the others.
struct StepContext<'s> {
    scenario: &'s Scenario,
    index: usize,
    step: &'s Step,
}

impl StepContext<'_> {
    fn before(&self, like: impl Fn(&Step) -> bool) -> bool {
        self.scenario.steps[..self.index].iter().any(like)
    }

    fn next(&self) -> Option<&Step> {
        self.scenario.steps.get(self.index + 1)
    }

    fn only_version(&self, version: Version) -> bool {
        self.scenario.versions == [version]
    }
}

/// Why a step cannot stand where it does, and what would be right.
struct Objection(String, String);

impl Objection {
    fn new(message: &str, help: &str) -> Self {
        Self(message.to_owned(), help.to_owned())
    }
}

/// Where a step can stand. Each rule looks at one step and objects or has nothing to say.
const RULES: [fn(&StepContext<'_>) -> Option<Objection>; 10] = [
    one_handshake,
    handshake_needs_a_role,
    repeat_needs_a_write,
    finish_needs_a_call,
    key_update_needs_tls13,
    renegotiation_needs_tls12,
    ticket_needs_a_tls13_client,
    stale_error_needs_a_call,
    nothing_from_a_vanished_peer,
    each_transport_can,
];

fn one_handshake(place: &StepContext<'_>) -> Option<Objection> {
    let again = *place.step == Step::Handshake && place.before(|s| *s == Step::Handshake);
    again.then(|| {
        Objection::new(
            "a second handshake",
            "a connection has one handshake: use \"finish\" to repeat the call, or \"renegotiate\" \
             for another handshake",
        )
    })
}

fn handshake_needs_a_role(place: &StepContext<'_>) -> Option<Objection> {
    let unset = place.scenario.role_state == RoleState::Unset;
    (unset && *place.step == Step::Handshake).then(|| {
        Objection::new(
            "a handshake with role_state = \"unset\": the library does not know its role",
            "leave the step out and let a write do the handshake, or leave role_state out",
        )
    })
}

fn repeat_needs_a_write(place: &StepContext<'_>) -> Option<Objection> {
    let written = || place.before(|step| matches!(step, Step::Write(_)));
    match place.step {
        Step::Retry(_) if !written() => Some(Objection::new(
            "a retry before any write",
            "put the write that it repeats before it",
        )),
        Step::Write(write) if write.source == WriteSource::Rest && !written() => {
            Some(Objection::new(
                "the rest of a write before any write",
                "put a write before it that can be accepted in part",
            ))
        }
        _ => None,
    }
}

fn finish_needs_a_call(place: &StepContext<'_>) -> Option<Objection> {
    let called = || {
        place.before(|step| is_call(step) || matches!(step, Step::KeyUpdate(_) | Step::Renegotiate))
    };
    (*place.step == Step::Finish && !called()).then(|| {
        Objection::new(
            "finish before any call",
            "it repeats the last call until that is done: put a handshake, write, read or shutdown \
             before it",
        )
    })
}

fn key_update_needs_tls13(place: &StepContext<'_>) -> Option<Objection> {
    let updates = matches!(
        place.step,
        Step::KeyUpdate(_) | Step::Peer(PeerAction::KeyUpdate(_))
    );
    (updates && !place.only_version(Version::Tls13)).then(|| {
        Objection::new(
            "a key update, which TLS 1.2 does not have",
            "add versions = [\"tls1.3\"]",
        )
    })
}

fn renegotiation_needs_tls12(place: &StepContext<'_>) -> Option<Objection> {
    let renegotiates = matches!(
        place.step,
        Step::Renegotiate | Step::Peer(PeerAction::Renegotiate)
    );
    (renegotiates && !place.only_version(Version::Tls12)).then(|| {
        Objection::new(
            "a renegotiation, which TLS 1.3 does not have",
            "add versions = [\"tls1.2\"]",
        )
    })
}

fn ticket_needs_a_tls13_client(place: &StepContext<'_>) -> Option<Objection> {
    let ticket = *place.step == Step::Peer(PeerAction::SessionTicket);
    let fits = place.only_version(Version::Tls13) && place.scenario.roles == [Role::Client];
    (ticket && !fits).then(|| {
        Objection::new(
            "a session ticket from the peer, which only a TLS 1.3 server can send at any time",
            "add versions = [\"tls1.3\"] and roles = [\"client\"]",
        )
    })
}

fn stale_error_needs_a_call(place: &StepContext<'_>) -> Option<Objection> {
    // At the very end another message is clearer: nothing would see its effect.
    let next = place.next()?;
    (matches!(place.step, Step::StaleError(_)) && !is_call(next)).then(|| {
        Objection::new(
            "a stale error that is not followed by a call",
            "put a write, retry, finish, read, shutdown or handshake right after it",
        )
    })
}

fn nothing_from_a_vanished_peer(place: &StepContext<'_>) -> Option<Objection> {
    let gone = |step: &Step| *step == Step::Peer(PeerAction::Disconnect);
    (matches!(place.step, Step::Peer(_)) && place.before(gone)).then(|| {
        Objection::new(
            "a step of the peer after it disconnected",
            "put it before peer = \"disconnect\", or leave it out",
        )
    })
}

fn each_transport_can(place: &StepContext<'_>) -> Option<Objection> {
    let is_end =
        |step: &Step| matches!(step, Step::Inbound(inbound) if inbound.then == Refusal::Zero);
    if matches!(place.step, Step::Inbound(_))
        && place.scenario.transports.contains(&TransportKind::BioPair)
        && place.before(is_end)
    {
        return Some(Objection::new(
            "\"inbound\" after an end of file, which a BIO pair cannot undo",
            "leave it out, or leave \"bio-pair\" out of transports",
        ));
    }
    let mut transports = place.scenario.transports.iter();
    let cannot = transports.find_map(|transport| match place.step {
        Step::Link(link) => transport.refuses_outbound(link),
        Step::Inbound(inbound) => transport.refuses_inbound(inbound),
        Step::Wire(fault) => transport.refuses_fault(*fault),
        _ => None,
    })?;
    Some(Objection(cannot.message, cannot.help))
}

/// Whether a step calls a function of the library that reads or writes.
fn is_call(step: &Step) -> bool {
    matches!(
        step,
        Step::Handshake
            | Step::Write(_)
            | Step::Retry(_)
            | Step::Finish
            | Step::Read(_)
            | Step::Shutdown
    )
}

/// Whether a step does nothing but change what later ones do.
fn is_setting(step: &Step) -> bool {
    matches!(
        step,
        Step::SetModes(_)
            | Step::ClearModes(_)
            | Step::MaxSendFragment(_)
            | Step::Link(_)
            | Step::Inbound(_)
            | Step::Wire(_)
            | Step::StaleError(_)
    )
}
