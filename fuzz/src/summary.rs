//! The summary that a target prints when libFuzzer ends as planned, after its time or number of
//! inputs. If the target continues after findings, it also prints it when the user interrupts it.
#![allow(unsafe_code)] // libFuzzer ends the process by `exit`, and has no other hook for its end.

use std::io::{self, Write as _};

use crate::SESSION;
use crate::clock::CLOCK;
use crate::findings;

/// The exit code after an interrupt by the user (libFuzzer's `-interrupted_exitcode`).
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
        // libFuzzer keeps a handler that was installed before its own.
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
    // SAFETY: the function may be called at any time. The library may be in the middle of a call,
    // so nothing of it is cleaned up.
    unsafe { libc::_exit(INTERRUPTED) }
}

fn print() {
    let Some(session) = SESSION.get() else {
        return;
    };
    // Failing to print the summary does not change the exit code.
    let mut stderr = io::stderr().lock();
    let _ = writeln!(stderr, "{}\n{CLOCK}", session.stats());
    let muted = session.muted();
    if !muted.is_empty() {
        let _ = writeln!(stderr, "{muted}");
    }
    let _ = write!(stderr, "{}", findings::causes());
}
