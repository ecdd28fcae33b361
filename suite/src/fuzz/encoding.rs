//! A scenario as operations of six bytes: one for the setup of the case, one for each step. To add, remove or change an
//! operation is to add, remove or change one step; the others stay as they are.

use std::num::NonZeroUsize;

use arbitrary::{Arbitrary, Unstructured};

use super::codec::{Vocabulary, setting, setting_of};
use super::not_encodable::NotEncodable;
use super::{FuzzTarget, multi_block};
use crate::scenario::{
    FIRST_FORMAT, Id, Op, PeerAction, PeerRenegotiation, Role, RoleState, Scenario, SessionTickets,
    Step, Variant, Version, WriteSource, leave_out_what_cannot_stand,
};

/// The operations of an input.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Program {
    /// How the case is set up.
    pub setting: Op,
    /// What is done, in order.
    pub steps: Vec<Op>,
}

/// How much a case of a target does at most: more would make an input slow, and hardly find more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Steps after the handshake.
    pub(super) steps: usize,
    /// Bytes that all writes together offer; the peer writes at most as many.
    bytes: usize,
    /// Writes of all steps together.
    times: usize,
}

impl Bounds {
    /// Sequences of every kind: four full records and a long row of small ones.
    const WIDE: Self = Self {
        steps: 48,
        bytes: 64 << 10,
        times: 96,
    };

    /// What a write and its retries need. It is for this target that speed counts most.
    const NARROW: Self = Self {
        steps: 16,
        times: 12,
        ..Self::WIDE
    };

    pub(super) fn of(target: FuzzTarget) -> Self {
        match target {
            FuzzTarget::WriteRetry => Self::NARROW,
            FuzzTarget::WriteSequence | FuzzTarget::WireInbound | FuzzTarget::ScenarioFile => {
                Self::WIDE
            }
        }
    }

    /// Makes less of writes, of the peer's too, that would be too much for one case.
    fn keep(self, steps: &mut [Step]) {
        let (mut bytes, mut times) = (self.bytes, self.times);
        let mut of_peer = self.bytes;
        for step in steps {
            match step {
                Step::Write(write) => {
                    write.times = write.times.min(times.try_into().unwrap_or(write.times));
                    if let WriteSource::Pattern(len) = &mut write.source {
                        *len = (*len).min(bytes / write.times.get());
                    }
                    times = times.saturating_sub(write.times.get()).max(1);
                    bytes -= write.bytes();
                }
                Step::Peer(PeerAction::Write(len)) => {
                    *len = (*len).min(of_peer.try_into().unwrap_or(NonZeroUsize::MIN));
                    of_peer = of_peer.saturating_sub(len.get());
                }
                // A longer retry offers new bytes.
                Step::Retry(retry) => {
                    if let Some(len) = &mut retry.len {
                        *len = (*len).min(self.bytes);
                    }
                }
                _ => {}
            }
        }
    }
}

impl<'a> Arbitrary<'a> for Program {
    fn arbitrary(input: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let setting = Op::arbitrary(input)?;
        let mut steps = Vec::new();
        // A truncated operation is padded with zeros.
        while !input.is_empty() && steps.len() < Bounds::WIDE.steps {
            steps.push(Op::arbitrary(input)?);
        }
        Ok(Self { setting, steps })
    }
}

impl Program {
    /// The bytes of the operations.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let ops = std::iter::once(&self.setting).chain(&self.steps);
        ops.flat_map(|op| op.bytes()).collect()
    }

    /// The program of an input of an older format as one of the newest.
    pub(super) fn upgrade(&mut self, target: FuzzTarget, format: u8) {
        if let Some(vocabulary) = Vocabulary::of(target) {
            for op in &mut self.steps {
                *op = vocabulary.upgrade(format, *op);
            }
        }
    }

    /// The oldest format in which the program is the same, and the program in it: an input whose
    /// steps are all old stays as it is when a new step is added.
    pub(super) fn downgrade(&self, target: FuzzTarget) -> (u8, Self) {
        let mut oldest = FIRST_FORMAT;
        let mut program = self.clone();
        if let Some(vocabulary) = Vocabulary::of(target) {
            for op in &mut program.steps {
                let (format, same) = vocabulary.downgrade(*op);
                oldest = oldest.max(format);
                *op = same;
            }
        }
        (oldest, program)
    }

    /// Decodes the operations for `target`: the scenario and the one variant to run it in. `None` if
    /// the scenario has no write, or if the target reads no operations. A step that cannot stand
    /// where it does is left out.
    pub fn case(&self, target: FuzzTarget) -> Option<(Scenario, Variant)> {
        let vocabulary = Vocabulary::of(target)?;
        let setting = setting(target, self.setting);
        let variant = setting.variant;
        let mut steps = Vec::with_capacity(self.steps.len() + 1);
        if setting.handshakes {
            steps.push(Step::Handshake);
        }
        let bounds = Bounds::of(target);
        let ops = self.steps.iter().take(bounds.steps);
        steps.extend(ops.filter_map(|&op| vocabulary.step(op)));
        bounds.keep(&mut steps);
        let id = format!("fuzz/{}", target.family());
        let mut scenario = Scenario {
            id: Id::new(&id)?,
            title: format!("Generated by the fuzz target {}", target.name()),
            clauses: Vec::new(),
            links: Vec::new(),
            versions: vec![variant.version],
            roles: vec![variant.role],
            transports: vec![variant.transport],
            cipher: setting.cipher,
            key_exchange: setting.key_exchange,
            role_state: RoleState::Set,
            peer_renegotiation: setting.peer_renegotiation,
            session_tickets: setting.session_tickets,
            steps,
        };
        multi_block::keep_clear(&mut scenario);
        leave_out_what_cannot_stand(&mut scenario);
        // A setting without effect is refused, so it gets its default.
        if !scenario.steps.contains(&Step::Renegotiate) {
            scenario.peer_renegotiation = PeerRenegotiation::Allow;
        }
        if (variant.version, variant.role) != (Version::Tls13, Role::Server) {
            scenario.session_tickets = SessionTickets::None;
        }
        let writes = |step: &Step| matches!(step, Step::Write(_));
        scenario
            .steps
            .iter()
            .any(writes)
            .then_some((scenario, variant))
    }

    /// Encodes this scenario in this variant; the key exchange becomes the cheapest one.
    ///
    /// # Errors
    /// [`NotEncodable`], if the target has no operations for it.
    pub fn of(
        target: FuzzTarget,
        scenario: &Scenario,
        variant: Variant,
    ) -> Result<Self, NotEncodable> {
        let vocabulary = Vocabulary::of(target).ok_or(NotEncodable::NoOperations(target))?;
        let handshakes = scenario.steps.first() == Some(&Step::Handshake);
        let steps = &scenario.steps[usize::from(handshakes)..];
        let most = Bounds::of(target).steps;
        if steps.len() > most {
            let steps = steps.len();
            return Err(NotEncodable::TooLong { steps, most });
        }
        let place = |index| index + 1 + usize::from(handshakes);
        let ops = steps.iter().enumerate().map(|(index, step)| {
            vocabulary
                .op(step)
                .ok_or_else(|| NotEncodable::Step(place(index)))
        });
        let program = Self {
            setting: setting_of(target, scenario, variant, handshakes)?,
            steps: ops.collect::<Result<_, _>>()?,
        };
        let decoded = program.case(target).ok_or(NotEncodable::TooMuch)?.0;
        let same = decoded.steps.len() == scenario.steps.len()
            && decoded
                .steps
                .iter()
                .zip(&scenario.steps)
                .all(|(a, b)| is_same(a, b));
        if same {
            Ok(program)
        } else {
            Err(NotEncodable::TooMuch)
        }
    }
}

/// Whether both do the same. The bytes that they write may differ, their number may not.
fn is_same(a: &Step, b: &Step) -> bool {
    match (a, b) {
        (Step::Write(a), Step::Write(b)) => {
            (a.function, a.times, length(&a.source)) == (b.function, b.times, length(&b.source))
        }
        (a, b) => a == b,
    }
}

/// The number of bytes to write, or the source itself if it is of another kind.
fn length(source: &WriteSource) -> Result<usize, &WriteSource> {
    match source {
        WriteSource::Pattern(len) => Ok(*len),
        WriteSource::Literal(bytes) => Ok(bytes.len()),
        other => Err(other),
    }
}

#[cfg(test)]
mod tests {
    use fastrand::Rng;

    use super::*;
    use crate::scenario::{Corpus, Variant, stands};

    const WITH_OPERATIONS: [FuzzTarget; 3] = [
        FuzzTarget::WriteRetry,
        FuzzTarget::WriteSequence,
        FuzzTarget::WireInbound,
    ];

    fn random_program(random: &mut Rng) -> Program {
        let mut bytes = vec![0; random.usize(..400)];
        random.fill(&mut bytes);
        Program::arbitrary(&mut Unstructured::new(&bytes)).expect("any bytes are a program")
    }

    #[test]
    fn any_bytes_decode_to_steps_that_can_stand_where_they_do() {
        let mut random = Rng::with_seed(1);
        let mut cases = 0;
        for _ in 0..20_000 {
            let program = random_program(&mut random);
            for target in WITH_OPERATIONS {
                let Some((scenario, variant)) = program.case(target) else {
                    continue;
                };
                cases += 1;
                assert!(stands(&scenario), "{:?}", scenario.steps);
                assert!(scenario.variants().eq([variant]));
                let written: usize = scenario.steps.iter().map(written).sum();
                let bounds = Bounds::of(target);
                assert!(written <= bounds.bytes, "{:?}", scenario.steps);
                let of_peer: usize = scenario.steps.iter().map(written_by_peer).sum();
                assert!(
                    of_peer <= bounds.bytes + bounds.steps,
                    "{:?}",
                    scenario.steps
                );
            }
        }
        assert!(cases > 20_000, "{cases}");
    }

    fn written(step: &Step) -> usize {
        match step {
            Step::Write(write) => write.bytes(),
            _ => 0,
        }
    }

    fn written_by_peer(step: &Step) -> usize {
        match step {
            Step::Peer(PeerAction::Write(bytes)) => bytes.get(),
            _ => 0,
        }
    }

    #[test]
    fn encoded_scenario_decodes_to_the_same_steps() {
        let corpus = Corpus::built_in().expect("the library");
        let mut encoded = 0;
        let cases = |scenario| Scenario::variants(scenario).collect::<Vec<Variant>>();
        for scenario in corpus.scenarios() {
            for (variant, target) in cases(scenario)
                .into_iter()
                .flat_map(|variant| WITH_OPERATIONS.map(|target| (variant, target)))
            {
                let Ok(program) = Program::of(target, scenario, variant) else {
                    continue;
                };
                encoded += 1;
                let (again, in_variant) = program.case(target).expect("a case");
                assert_eq!(in_variant, variant);
                let same = again
                    .steps
                    .iter()
                    .zip(&scenario.steps)
                    .all(|(a, b)| is_same(a, b));
                assert!(same, "{}: {:?}", scenario.id, again.steps);
            }
        }
        assert!(encoded > 1000, "{encoded}");
    }

    #[test]
    fn most_scenarios_are_encodable_as_a_write_sequence() {
        let corpus = Corpus::built_in().expect("the library");
        let is_encodable = |scenario: &&Scenario| {
            let mut variants = scenario.variants();
            variants
                .any(|variant| Program::of(FuzzTarget::WriteSequence, scenario, variant).is_ok())
        };
        let scenarios = corpus.scenarios();
        let number = scenarios.iter().filter(is_encodable).count();
        assert!(
            number * 10 >= scenarios.len() * 8,
            "{number} of {}",
            scenarios.len()
        );
    }
}
