//! The end of a connection, as announced by the alerts of one side.

use crate::trace::AlertSeen;

/// The alerts about the end of the connection that one side has sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Ending {
    /// None.
    #[default]
    Open,
    /// close_notify: it writes no more.
    Closed,
    /// A fatal alert: it has failed.
    Failed,
    /// First close_notify, then a fatal alert.
    ClosedThenFailed,
    /// First a fatal alert, then close_notify.
    FailedThenClosed,
}

impl Ending {
    /// Whether it has sent close_notify.
    pub(crate) fn is_closed(self) -> bool {
        !matches!(self, Self::Open | Self::Failed)
    }

    /// Whether it has sent a fatal alert.
    pub(crate) fn is_failed(self) -> bool {
        !matches!(self, Self::Open | Self::Closed)
    }

    /// Whether it has sent a fatal alert that the receiver must not ignore: records after
    /// close_notify are ignored (RFC 8446, section 6.1).
    pub(crate) fn is_failed_before_closed(self) -> bool {
        matches!(self, Self::Failed | Self::FailedThenClosed)
    }

    /// Records an alert that it has sent.
    pub(super) fn see(&mut self, alert: AlertSeen) {
        if alert.is_close_notify() {
            self.close();
        }
        if alert.is_fatal() {
            self.fail();
        }
    }

    /// Records a close_notify that it has sent.
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
