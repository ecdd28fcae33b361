//! A step among the others of its scenario, for the rules on where it can stand.

use super::{Part, Step};
use crate::scenario::transport::Cannot;
use crate::scenario::{Scenario, TransportKind, Version};

/// A step among the others.
pub(in crate::scenario) struct StepContext<'s> {
    pub(in crate::scenario) scenario: &'s Scenario,
    /// Its index.
    pub(in crate::scenario) index: usize,
}

impl StepContext<'_> {
    /// Whether a step like this comes before.
    pub(super) fn before(&self, like: impl Fn(&Step) -> bool) -> bool {
        self.scenario.steps[..self.index].iter().any(like)
    }

    /// Whether a write comes before.
    pub(super) fn is_after_a_write(&self) -> bool {
        self.before(|step| matches!(step, Step::Write(_)))
    }

    /// Whether a call comes before, or a request that a call can finish.
    pub(super) fn is_after_a_call(&self) -> bool {
        self.before(|step| matches!(step.part(), Part::Call | Part::Request))
    }

    pub(super) fn next(&self) -> Option<&Step> {
        self.scenario.steps.get(self.index + 1)
    }

    pub(super) fn only_version(&self, version: Version) -> bool {
        self.scenario.versions == [version]
    }

    /// The objection of the first transport of the scenario that cannot do the step.
    pub(super) fn transport_objects(
        &self,
        refusal: impl Fn(TransportKind) -> Option<Cannot>,
    ) -> Option<Objection> {
        let cannot = self.scenario.transports.iter().copied().find_map(refusal)?;
        Some(Objection(cannot.message, cannot.help))
    }

    /// The objection to a key update in a scenario with TLS 1.2.
    pub(super) fn key_update_needs_tls13(&self) -> Option<Objection> {
        (!self.only_version(Version::Tls13)).then(|| {
            Objection::new(
                "a key update, which TLS 1.2 does not have",
                "add versions = [\"tls1.3\"]",
            )
        })
    }

    /// The objection to a renegotiation in a scenario with TLS 1.3.
    pub(super) fn renegotiation_needs_tls12(&self) -> Option<Objection> {
        (!self.only_version(Version::Tls12)).then(|| {
            Objection::new(
                "a renegotiation, which TLS 1.3 does not have",
                "add versions = [\"tls1.2\"]",
            )
        })
    }
}

/// Why a step cannot stand where it does, and what would be right.
pub(in crate::scenario) struct Objection(
    pub(in crate::scenario) String,
    pub(in crate::scenario) String,
);

impl Objection {
    pub(super) fn new(message: &str, help: &str) -> Self {
        Self(message.to_owned(), help.to_owned())
    }
}
