//! `handshake`: both ends handshake.

use super::argument::Argument;
use super::encoding::Encoding;
use super::{Declaration, Effect, Objection, Part, Step, StepContext};
use crate::scenario::RoleState;
use crate::toml_reader::Fault;

pub(super) struct Handshake;

impl Declaration for Handshake {
    type Value = ();

    const NAME: &'static str = "handshake";
    const PART: Part = Part::Call;
    const ENCODING: Encoding = Encoding::Setting;

    fn parse(argument: &Argument<'_>) -> Result<(), Fault> {
        argument.bare()
    }

    fn write((): &()) -> Option<String> {
        None
    }

    fn describe((): &()) -> String {
        "handshake".to_owned()
    }

    fn objection((): &(), context: &StepContext<'_>) -> Option<Objection> {
        if context.before(|step| *step == Step::Handshake) {
            return Some(Objection::new(
                "a second handshake",
                "a connection has one handshake: use \"finish\" to repeat the call, or \"renegotiate\" for another handshake",
            ));
        }
        (context.scenario.role_state == RoleState::Unset).then(|| {
            Objection::new(
                "a handshake with role_state = \"unset\": the library does not know its role",
                "leave the step out and let a write do the handshake, or leave role_state out",
            )
        })
    }

    fn effect((): &()) -> Effect<'_> {
        Effect::None
    }
}
