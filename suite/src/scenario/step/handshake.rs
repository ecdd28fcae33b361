//! `handshake`: both ends handshake.

use super::encoding::Encoding;
use super::{Bare, Effect, Objection, Part, Step, StepContext};
use crate::scenario::RoleState;

pub(super) struct HandshakeStep;

impl Bare for HandshakeStep {
    const NAME: &'static str = "handshake";
    const PART: Part = Part::Call;
    const ENCODING: Encoding = Encoding::Setting;

    fn objection(context: &StepContext<'_>) -> Option<Objection> {
        if context.before(|step| *step == Step::Handshake) {
            return Some(Objection::new(
                "a second handshake",
                "use \"finish\" to repeat the call, or \"renegotiate\" for another handshake",
            ));
        }
        (context.scenario.role_state == RoleState::Unset).then(|| {
            Objection::new(
                "a handshake, although role_state = \"unset\" leaves the library without a role",
                "leave the step out and let a write do the handshake, or leave role_state out",
            )
        })
    }

    fn effect() -> Effect<'static> {
        Effect::None
    }
}
