//! What an end of a connection has said of its end.

use crate::trace::AlertSeen;

/// What an end has said of the end of the connection, by its alerts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ending {
    /// Nothing.
    #[default]
    Open,
    /// That it writes no more: close_notify.
    Closed,
    /// That it has failed: a fatal alert.
    Failed,
    /// Both.
    ClosedAndFailed,
}

impl Ending {
    /// Whether it has said close_notify.
    pub fn is_closed(self) -> bool {
        matches!(self, Self::Closed | Self::ClosedAndFailed)
    }

    /// Whether it has sent a fatal alert.
    pub fn is_failed(self) -> bool {
        matches!(self, Self::Failed | Self::ClosedAndFailed)
    }

    /// It has sent this alert.
    pub(super) fn see(&mut self, alert: AlertSeen) {
        self.turn(alert.is_close_notify(), alert.is_fatal());
    }

    /// It has sent close_notify.
    pub(super) fn close(&mut self) {
        self.turn(true, false);
    }

    fn turn(&mut self, closes: bool, fails: bool) {
        *self = match (self.is_closed() || closes, self.is_failed() || fails) {
            (false, false) => Self::Open,
            (true, false) => Self::Closed,
            (false, true) => Self::Failed,
            (true, true) => Self::ClosedAndFailed,
        };
    }
}
