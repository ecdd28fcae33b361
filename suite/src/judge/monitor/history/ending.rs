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
    /// First close_notify, then a fatal alert.
    ClosedThenFailed,
    /// First a fatal alert, then close_notify.
    FailedThenClosed,
}

impl Ending {
    /// Whether it has said close_notify.
    pub fn is_closed(self) -> bool {
        !matches!(self, Self::Open | Self::Failed)
    }

    /// Whether it has sent a fatal alert.
    pub fn is_failed(self) -> bool {
        !matches!(self, Self::Open | Self::Closed)
    }

    /// Whether it has sent a fatal alert that who receives it has to heed: what comes behind close_notify is ignored
    /// (RFC 8446, section 6.1).
    pub fn is_failed_before_closed(self) -> bool {
        matches!(self, Self::Failed | Self::FailedThenClosed)
    }

    /// It has sent this alert.
    pub(super) fn see(&mut self, alert: AlertSeen) {
        if alert.is_close_notify() {
            self.close();
        }
        if alert.is_fatal() {
            self.fail();
        }
    }

    /// It has sent close_notify.
    pub(super) fn close(&mut self) {
        *self = match *self {
            Self::Open => Self::Closed,
            Self::Failed => Self::FailedThenClosed,
            closed => closed,
        };
    }

    fn fail(&mut self) {
        *self = match *self {
            Self::Open => Self::Failed,
            Self::Closed => Self::ClosedThenFailed,
            failed => failed,
        };
    }
}
