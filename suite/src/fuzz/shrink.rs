//! Minimises a program while it still shows the same finding: first removes steps, by halves,
//! quarters and so on (delta debugging: Zeller and Hildebrandt, "Simplifying and Isolating
//! Failure-Inducing Input"), then clears flags in each operation, then reduces each number.
//!
//! The caller answers for each candidate whether it still shows the finding. The same answers lead
//! to the same program.

use std::ops::ControlFlow;

use super::{FuzzTarget, Op, Program};
use crate::scenario::{Scenario, Variant};

/// How many cases are run at most; the longest inputs need some hundred.
pub(crate) const MOST_TRIES: usize = 4096;

/// The progress of shrinking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ShrinkProgress {
    /// How many cases were run.
    pub(crate) tries: usize,
    /// How many steps are left.
    pub(crate) steps: usize,
    /// How many steps there were.
    pub(crate) of: usize,
}

/// Runs a case and returns whether it still shows the finding, or breaks to stop shrinking.
pub(crate) type ShrinkTest<'q> =
    dyn FnMut(&Scenario, Variant, ShrinkProgress) -> ControlFlow<(), bool> + 'q;

/// The smallest program found for which `shows` returns true, as it does for `program` itself.
/// Returns `program` if it does not encode a scenario.
pub(crate) fn shrink(target: FuzzTarget, program: &Program, shows: &mut ShrinkTest<'_>) -> Program {
    let Some(case) = program.case(target) else {
        return program.clone();
    };
    let mut shrinking = Shrinking {
        target,
        of: program.steps.len(),
        best: program.clone(),
        case,
        tries: 0,
        shows,
    };
    // Stopped or done, the best one so far is the result.
    let _ = shrinking.go();
    shrinking.best
}

struct Shrinking<'s, 'q> {
    target: FuzzTarget,
    of: usize,
    best: Program,
    /// The case that the best program encodes.
    case: (Scenario, Variant),
    tries: usize,
    shows: &'s mut ShrinkTest<'q>,
}

impl Shrinking<'_, '_> {
    fn go(&mut self) -> ControlFlow<()> {
        // Encoding the scenario again drops the operations that have no effect.
        if let Ok(encoded) = Program::of(self.target, &self.case.0, self.case.1) {
            self.attempt(encoded)?;
        }
        loop {
            let before = self.best.clone();
            self.remove_steps()?;
            self.simplify()?;
            if self.best == before {
                return ControlFlow::Continue(());
            }
        }
    }

    /// Keeps the candidate if it still shows the finding.
    fn attempt(&mut self, candidate: Program) -> ControlFlow<(), bool> {
        let Some((scenario, variant)) = candidate.case(self.target) else {
            return ControlFlow::Continue(false);
        };
        if (&scenario, variant) == (&self.case.0, self.case.1) {
            // The same case need not run again.
            self.best = candidate;
            return ControlFlow::Continue(true);
        }
        if self.tries == MOST_TRIES {
            return ControlFlow::Break(());
        }
        self.tries += 1;
        let progress = ShrinkProgress {
            tries: self.tries,
            steps: self.best.steps.len(),
            of: self.of,
        };
        let same = (self.shows)(&scenario, variant, progress)?;
        if same {
            self.best = candidate;
            self.case = (scenario, variant);
        }
        ControlFlow::Continue(same)
    }

    /// Removes runs of steps, long ones first, from the end: most steps after the finding are not
    /// needed.
    fn remove_steps(&mut self) -> ControlFlow<()> {
        let mut size = self.best.steps.len().div_ceil(2);
        while size > 0 {
            let mut end = self.best.steps.len();
            while end > 0 {
                let start = end.saturating_sub(size);
                let mut candidate = self.best.clone();
                candidate.steps.drain(start..end);
                self.attempt(candidate)?;
                end = start;
            }
            size /= 2;
        }
        ControlFlow::Continue(())
    }

    /// Simplifies each operation.
    fn simplify(&mut self) -> ControlFlow<()> {
        // The kind of a step stays; the setup may change.
        fn setting(program: &mut Program) -> Option<&mut Op> {
            Some(&mut program.setting)
        }
        for bit in (0..u8::BITS).rev() {
            self.change(&setting, |op| op.kind &= !(1 << bit))?;
        }
        self.simplify_op(setting)?;
        let mut place = 0;
        while place < self.best.steps.len() {
            self.simplify_op(|program| program.steps.get_mut(place))?;
            place += 1;
        }
        ControlFlow::Continue(())
    }

    fn simplify_op(&mut self, op: impl Fn(&mut Program) -> Option<&mut Op>) -> ControlFlow<()> {
        for bit in (0..u8::BITS).rev() {
            self.change(&op, |op| op.flags &= !(1 << bit))?;
        }
        self.lower(&op, |op| &mut op.b)?;
        self.lower(&op, |op| &mut op.a)
    }

    /// Reduces a number by bisection: to the smallest possible one if all larger ones show the
    /// finding too.
    fn lower(
        &mut self,
        op: &impl Fn(&mut Program) -> Option<&mut Op>,
        number: impl Fn(&mut Op) -> &mut u16,
    ) -> ControlFlow<()> {
        let now = |program: &Program| {
            let mut program = program.clone();
            op(&mut program).map_or(0, |op| *number(op))
        };
        if now(&self.best) == 0 || self.change(op, |op| *number(op) = 0)? {
            return ControlFlow::Continue(());
        }
        let (mut too_small, mut enough) = (0, now(&self.best));
        while enough - too_small > 1 {
            let middle = too_small + (enough - too_small) / 2;
            if self.change(op, |op| *number(op) = middle)? {
                enough = middle
            } else {
                too_small = middle
            }
        }
        ControlFlow::Continue(())
    }

    /// Tries a change of an operation; returns false if it changes nothing.
    fn change(
        &mut self,
        op: &impl Fn(&mut Program) -> Option<&mut Op>,
        change: impl Fn(&mut Op),
    ) -> ControlFlow<(), bool> {
        let mut candidate = self.best.clone();
        if let Some(op) = op(&mut candidate) {
            change(op);
        }
        if candidate == self.best {
            ControlFlow::Continue(false)
        } else {
            self.attempt(candidate)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Step, WriteSource};

    const TARGET: FuzzTarget = FuzzTarget::WriteSequence;

    /// A program of many arbitrary operations.
    fn program(ops: u16) -> Program {
        let op = |n: u16| Op {
            kind: u8::try_from(n % 16).unwrap_or_default(),
            flags: 0x55,
            a: 100 + n,
            b: n,
        };
        Program {
            setting: op(0),
            steps: (0..ops).map(op).collect(),
        }
    }

    fn writes_at_least(scenario: &Scenario, bytes: usize) -> usize {
        let enough = |step: &&Step| match step {
            Step::Write(write) => matches!(write.source, WriteSource::Pattern(len) if len >= bytes),
            _ => false,
        };
        scenario.steps.iter().filter(enough).count()
    }

    #[test]
    fn shrunk_program_has_only_the_needed_steps_and_the_smallest_numbers() {
        let program = program(40);
        let (scenario, _) = program.case(TARGET).expect("a scenario");
        assert!(writes_at_least(&scenario, 104) >= 2, "{scenario:?}");
        let mut tries = 0;
        let least = shrink(TARGET, &program, &mut |scenario, _, progress| {
            tries = progress.tries;
            ControlFlow::Continue(writes_at_least(scenario, 104) >= 2)
        });
        let (scenario, _) = least.case(TARGET).expect("a scenario");
        let written: Vec<usize> = scenario
            .steps
            .iter()
            .filter_map(|step| match step {
                Step::Write(write) => Some(write.bytes()),
                _ => None,
            })
            .collect();
        assert_eq!(written, [104, 104], "{scenario:?}");
        assert_eq!(least.steps.len(), 2, "{least:?}");
        assert!(tries < MOST_TRIES / 4, "{tries}");
    }

    #[test]
    fn same_answers_lead_to_the_same_program() {
        let shrunk = || {
            shrink(TARGET, &program(33), &mut |scenario, _, _| {
                ControlFlow::Continue(scenario.steps.len() % 3 == 1)
            })
        };
        assert_eq!(shrunk(), shrunk());
    }

    #[test]
    fn stopped_shrinking_keeps_the_best_so_far() {
        let program = program(40);
        let mut kept = 0;
        let shrunk = shrink(
            TARGET,
            &program,
            &mut |_, _, progress| match progress.tries {
                1..=2 => ControlFlow::Continue(true),
                _ => {
                    kept = progress.steps;
                    ControlFlow::Break(())
                }
            },
        );
        assert!(shrunk.steps.len() == kept && kept < 40, "{kept}");
    }

    #[test]
    fn irreducible_program_stays_as_it_is() {
        let mut program = program(5);
        let (scenario, variant) = program.case(TARGET).expect("a scenario");
        program = Program::of(TARGET, &scenario, variant).unwrap_or(program);
        let shrunk = shrink(TARGET, &program, &mut |_, _, _| {
            ControlFlow::Continue(false)
        });
        assert_eq!(
            shrunk.case(TARGET).expect("a scenario"),
            program.case(TARGET).expect("a scenario")
        );
    }
}
