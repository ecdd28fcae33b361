//! The step `finish`: the last call is repeated as a correct caller does, until all is done, the call fails, or nothing
//! moves any more.

use std::num::NonZeroUsize;

use super::action::Action;
use super::calls::{Repeatable, Runner, Stop};
use crate::scenario::{Operation, Retry, Step, Write, WriteSource};
use crate::trace::{ErrorClass, Outcome, Verb};

impl Runner<'_> {
    /// Repeats the last call as a correct caller does.
    pub(super) fn finish(&mut self) -> Result<(), Stop> {
        loop {
            let before = self.transport.progress();
            let Some(last) = self.last else { return Ok(()) };
            match last.error {
                ErrorClass::None if !matches!(last.what, Repeatable::Write) => return Ok(()),
                ErrorClass::None => {
                    let accepted = self.stream.accepted();
                    if self.write_rest()? {
                        if self.stream.accepted() > accepted || self.must_retry() {
                            continue;
                        }
                        let why = "given up: a success, but of no bytes".to_owned();
                        self.note(Action::other("finish"), Outcome::Nothing(why));
                        return Ok(());
                    }
                    if self.flush()? {
                        continue;
                    }
                    return Ok(());
                }
                ErrorClass::WantRead => self.drive_peer(),
                ErrorClass::WantWrite => {}
                _ => return Ok(()),
            }
            self.repeat(last.what)?;
            let again = self.last.is_some_and(|now| now.error == last.error);
            let now = self.transport.progress();
            // Delivering more to read does not help a call that waits for the transport to accept
            // bytes.
            let waits = last.error == ErrorClass::WantWrite;
            let stands = now == before || waits && now.sends_as(before);
            if again && stands {
                let why = "given up: nothing moves any more".to_owned();
                self.note(Action::other("finish"), Outcome::Nothing(why));
                return Ok(());
            }
        }
    }

    /// Whether the last call has to be repeated.
    fn must_retry(&self) -> bool {
        self.last.is_some_and(|last| last.error != ErrorClass::None)
    }

    fn repeat(&mut self, what: Repeatable) -> Result<(), Stop> {
        match what {
            Repeatable::Handshake => self
                .call(Action::step(Step::Handshake), what, |end| end.handshake())
                .map(|_| ()),
            Repeatable::Write => self.attempt(Verb::Retry, &Retry::default()),
            Repeatable::Read(max) => self.read(max),
            Repeatable::Shutdown => self
                .call(Action::step(Step::Shutdown), what, |end| {
                    end.operate(Operation::Shutdown)
                })
                .map(|_| ()),
            Repeatable::Flush => self.flush().map(|_| ()),
            Repeatable::Once => Ok(()),
        }
    }

    /// Writes the rest after a partial success; returns whether there was any.
    fn write_rest(&mut self) -> Result<bool, Stop> {
        let Some(writing) = &self.pending_write else {
            return Ok(false);
        };
        if writing.rest().is_empty() {
            return Ok(false);
        }
        let write = Write {
            function: writing.function,
            source: WriteSource::Rest,
            times: NonZeroUsize::MIN,
        };
        self.write(&write, 0)?;
        Ok(true)
    }
}
