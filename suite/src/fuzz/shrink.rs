//! Makes an input smaller, cell by cell, as long as it still shows the same: first steps are taken away, by halves, quarters
//! and so on (delta debugging: Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input"), then less is said
//! in each cell, then each number becomes as small as it can.
//!
//! In flow a program and a question that the caller answers by running a case; out flows a program that tells no more than
//! it must. The same answers lead to the same program.

use std::ops::ControlFlow;

use super::{FuzzTarget, Op, Program};
use crate::scenario::{Scenario, Variant};

/// So many cases are run at most: an input of the longest kind needs some hundred.
pub const MOST_TRIES: usize = 4096;

/// How far the shrinking has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShrinkProgress {
    /// How many cases were run.
    pub tries: usize,
    /// How many cells of steps are left.
    pub steps: usize,
    /// How many cells of steps there were.
    pub of: usize,
}

/// Runs a case, and says whether it still shows what it is to show; breaks off where no more is to be tried.
pub type Question<'q> = dyn FnMut(&Scenario, Variant, ShrinkProgress) -> ControlFlow<(), bool> + 'q;

/// The smallest program that was found for which `shows` says yes, as it does for `program` itself; that one, if it tells no
/// scenario.
pub fn shrink(target: FuzzTarget, program: &Program, shows: &mut Question<'_>) -> Program {
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
    // Broken off or done: the best is the best.
    let _ = shrinking.go();
    shrinking.best
}

struct Shrinking<'s, 'q> {
    target: FuzzTarget,
    of: usize,
    best: Program,
    /// What the best program tells.
    case: (Scenario, Variant),
    tries: usize,
    shows: &'s mut Question<'q>,
}

impl Shrinking<'_, '_> {
    fn go(&mut self) -> ControlFlow<()> {
        // Told anew, nothing is left of cells that tell nothing.
        if let Ok(anew) = Program::of(self.target, &self.case.0, self.case.1) {
            self.attempt(anew)?;
        }
        loop {
            let before = self.best.clone();
            self.take_steps_away()?;
            self.say_less()?;
            if self.best == before {
                return ControlFlow::Continue(());
            }
        }
    }

    /// Takes the candidate if it shows the same.
    fn attempt(&mut self, candidate: Program) -> ControlFlow<(), bool> {
        let Some((scenario, variant)) = candidate.case(self.target) else {
            return ControlFlow::Continue(false);
        };
        if (&scenario, variant) == (&self.case.0, self.case.1) {
            // The same case needs not be run again.
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

    /// Takes runs of steps away, long ones first, from the end: what comes after the finding mostly does nothing for it.
    fn take_steps_away(&mut self) -> ControlFlow<()> {
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

    /// Says less in each cell.
    fn say_less(&mut self) -> ControlFlow<()> {
        // Which step a cell tells stays; how the case is set up need not.
        fn setting(program: &mut Program) -> Option<&mut Op> {
            Some(&mut program.setting)
        }
        for bit in (0..u8::BITS).rev() {
            self.change(&setting, |op| op.kind &= !(1 << bit))?;
        }
        self.say_less_in(setting)?;
        let mut place = 0;
        while place < self.best.steps.len() {
            self.say_less_in(|program| program.steps.get_mut(place))?;
            place += 1;
        }
        ControlFlow::Continue(())
    }

    fn say_less_in(&mut self, op: impl Fn(&mut Program) -> Option<&mut Op>) -> ControlFlow<()> {
        for bit in (0..u8::BITS).rev() {
            self.change(&op, |op| op.flags &= !(1 << bit))?;
        }
        self.lower(&op, |op| &mut op.b)?;
        self.lower(&op, |op| &mut op.a)
    }

    /// Makes a number as small as it can be, if what it shows comes with all that are larger; else smaller.
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
            match self.change(op, |op| *number(op) = middle)? {
                true => enough = middle,
                false => too_small = middle,
            }
        }
        ControlFlow::Continue(())
    }

    /// Tries a change of a cell; says no if it changes nothing.
    fn change(
        &mut self,
        op: &impl Fn(&mut Program) -> Option<&mut Op>,
        change: impl Fn(&mut Op),
    ) -> ControlFlow<(), bool> {
        let mut candidate = self.best.clone();
        if let Some(op) = op(&mut candidate) {
            change(op);
        }
        match candidate == self.best {
            true => ControlFlow::Continue(false),
            false => self.attempt(candidate),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Step, WriteSource};

    const TARGET: FuzzTarget = FuzzTarget::WriteSequence;

    /// A program of many cells, whatever they tell.
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
    fn what_is_left_is_what_the_finding_needs_and_as_small_as_it_can_be() {
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
    fn the_same_answers_lead_to_the_same_program() {
        let shrunk = || {
            shrink(TARGET, &program(33), &mut |scenario, _, _| {
                ControlFlow::Continue(scenario.steps.len() % 3 == 1)
            })
        };
        assert_eq!(shrunk(), shrunk());
    }

    #[test]
    fn where_it_is_broken_off_the_best_so_far_stays() {
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
    fn what_nothing_can_be_taken_from_stays_as_it_is() {
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
