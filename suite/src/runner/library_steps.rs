//! The other steps that call the library under test: handshake, read, modes, and what is one call or only asks for numbers.

use std::num::NonZeroUsize;

use super::action::Action;
use super::calls::{Repeatable, Runner, Stop};
use super::peer_driver::report;
use super::phase::Phase;
use crate::backend::ModeChange;
use crate::peer::End;
use crate::scenario::{Mode, Operation, Step};
use crate::trace::{ErrorClass, Observed, Outcome, Shown};

impl Runner<'_> {
    /// Both ends take turns until both are done, one fails, or neither can make progress.
    pub(super) fn handshake(&mut self) -> Result<(), Stop> {
        let from = self.transport.mark();
        let action = Action::step(Step::Handshake);
        self.announce(&action);
        self.watch.enters(Phase::Handshake);
        let mut peer_end;
        let mut turn = self.transport.progress();
        let result = loop {
            let result = self.guarded(|end| end.handshake());
            peer_end = if self.peer_driver.is_established() {
                End::Done
            } else {
                self.peer_driver.peer().handshake()
            };
            let stuck = self.transport.progress() == turn;
            let goes_on = match &result {
                Ok(call) if call.error == ErrorClass::None => !self.peer_driver.is_established(),
                Ok(call) => call.error.is_retry(),
                Err(_) => false,
            };
            if stuck || !goes_on {
                break result;
            }
            turn = self.transport.progress();
        };
        self.watch.enters(Phase::Script);
        let established = matches!(&result, Ok(call) if call.error == ErrorClass::None)
            && self.peer_driver.is_established();
        let wire = if established {
            Shown::Nothing
        } else {
            Shown::Records
        };
        self.record_call(action, Repeatable::Handshake, result, from, wire)?;
        if peer_end != End::Done {
            let outcome = Outcome::Peer(report(None, peer_end));
            self.note(Action::other("peer handshake"), outcome);
        }
        Ok(())
    }

    pub(super) fn read(&mut self, max: NonZeroUsize) -> Result<(), Stop> {
        let mut space = vec![0; max.get()];
        self.call(
            Action::step(Step::Read(max)),
            Repeatable::Read(max),
            |end| end.read(&mut space),
        )?;
        let Some(ret) = self.last_call().map(|call| call.ret) else {
            return Ok(());
        };
        // A library may claim more than the size of the buffer.
        let read = usize::try_from(ret).unwrap_or(0).min(space.len());
        let data = (read > 0).then(|| self.peer_stream.see(&space[..read]));
        if let Some(call) = self.last_call() {
            call.data = data;
        }
        Ok(())
    }

    pub(super) fn operate(&mut self, step: &Step, operation: Operation) -> Result<(), Stop> {
        let what = match operation {
            Operation::Shutdown => Repeatable::Shutdown,
            _ => Repeatable::Once,
        };
        self.call(Action::step(step.clone()), what, |end| {
            end.operate(operation)
        })?;
        Ok(())
    }

    /// Asks functions of the library for numbers. The call that `finish` repeats stays the one before.
    pub(super) fn observe(&mut self, step: &Step, functions: &[&str]) -> Result<(), Stop> {
        let from = self.transport.mark();
        let action = Action::step(step.clone());
        self.announce(&action);
        self.watch.enters(Phase::Library);
        let result = self.caught(|end| {
            let observed = |&function: &&str| {
                let number = end.number(function)?;
                let function = function.to_owned();
                Ok(Observed { function, number })
            };
            functions.iter().map(observed).collect()
        });
        self.watch.enters(Phase::Script);
        let ends = result.is_err();
        self.push(
            action,
            result.map_or_else(|instead| instead, Outcome::Observed),
            from,
            Shown::Records,
        );
        self.stop_if_given_up()?;
        if ends { Err(Stop::Recorded) } else { Ok(()) }
    }

    pub(super) fn set_modes(
        &mut self,
        step: &Step,
        modes: &[Mode],
        to: ModeChange,
    ) -> Result<(), Stop> {
        let action = Action::step(step.clone());
        self.announce(&action);
        self.endpoint.set_modes(modes, to)?;
        self.note(action, Outcome::Done);
        Ok(())
    }
}
