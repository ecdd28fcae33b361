//! The summary that a target prints at its end: after its time or its number of inputs and, if it
//! goes on after findings, when the user interrupts it.
#![allow(unsafe_code)] // libFuzzer ends the process by `exit`, and has no other hook for its end.

use std::io::{self, Write as _};

use crate::SESSION;
use crate::clock::CLOCK;
use crate::findings;

/// The exit code of libFuzzer for a process that the user interrupts (its `-interrupted_exitcode`).
const INTERRUPTED: i32 = 72;

/// Prints the summary when the process exits.
pub(crate) fn print_at_exit() {
    // SAFETY: the function may be called at any time, and does not unwind.
    let refused = unsafe { libc::atexit(at_exit) };
    assert_eq!(
        refused, 0,
        "cannot register a function that runs at the exit of the process"
    );
    if findings::keeps_going() {
        // libFuzzer does not replace an existing handler.
        if let Err(error) = ctrlc::set_handler(interrupted) {
            eprintln!("cannot handle Ctrl-C, which will end the target without a summary: {error}");
        }
    }
}

extern "C" fn at_exit() {
    print();
}

fn interrupted() {
    print();
    // SAFETY: the function may be called at any time. It cleans up nothing, as the library may be
    // in the middle of a call.
    unsafe { libc::_exit(INTERRUPTED) }
}

fn print() {
    let Some(session) = SESSION.get() else {
        return;
    };
    // If the summary cannot be printed, the exit code stays the same.
    let mut stderr = io::stderr().lock();
    let _ = writeln!(stderr, "{}\n{CLOCK}", session.stats());
    let muted = session.muted();
    if !muted.is_empty() {
        let _ = writeln!(stderr, "{muted}");
    }
    let _ = write!(stderr, "{}", findings::causes());
}
