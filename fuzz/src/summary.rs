//! The summary that a target prints when libFuzzer ends it as planned: after its time, or its number of inputs.
#![allow(unsafe_code)] // libFuzzer ends the process by `exit`, and has no other hook for its end.

use std::io::{self, Write as _};

use crate::SESSION;

/// Prints the summary when the process exits.
pub(crate) fn print_at_exit() {
    // SAFETY: the function may be called at any time, and does not unwind.
    let refused = unsafe { libc::atexit(print) };
    assert_eq!(
        refused, 0,
        "the process has no room for one more function at its exit"
    );
}

extern "C" fn print() {
    let Some(session) = SESSION.get() else {
        return;
    };
    // A summary that cannot be printed is no reason to end in another way.
    let mut stderr = io::stderr().lock();
    let _ = writeln!(stderr, "{}", session.tally());
    let muted = session.muted();
    if !muted.is_empty() {
        let _ = writeln!(stderr, "{muted}");
    }
}
