//! What observes a case while it runs, such as a worker process or a fuzz target.

use super::phase::Phase;
use crate::trace::Asked;

/// Observes a case while it runs, so that the last call is known if the library does not return.
pub trait Watch {
    /// Called before each call of the library under test, with the step, the action as text, and
    /// what is asked of the library.
    fn about_to(&self, step: usize, action: &str, asked: &Asked);

    /// Whether the connection is freed at the end; if not, it is leaked.
    fn frees(&self) -> bool {
        true
    }

    /// Whether the process has memory left to continue.
    fn has_memory(&self) -> bool {
        true
    }

    /// Called when the case enters a phase.
    fn enters(&self, _phase: Phase) {}
}

/// Observes nothing.
pub(crate) struct Unwatched;

impl Watch for Unwatched {
    fn about_to(&self, _step: usize, _action: &str, _asked: &Asked) {}
}
