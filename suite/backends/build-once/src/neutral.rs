//! Keeps the cargo profile out of compiled C code. Whichever profile asks first, the library it builds is used by all
//! the others too, so it must not contain that profile's choice of debug information, frame pointers or code model.

use std::env;
use std::io::{self, Write};
use std::process::Command;

use crate::Error;

/// Set, to the script's own path, in the environment of a build script that has started over. The path is there so
/// that a cargo that a build script calls does not inherit the mark for *its* build scripts.
const MARK: &str = "WRITEPROOF_BUILD_ONCE_NEUTRAL";

/// What the `cc` crate reads of a profile, and what it finds instead.
const NEUTRAL: [(&str, &str); 3] = [
    ("OPT_LEVEL", "2"),
    ("DEBUG", "false"),
    ("PROFILE", "release"),
];

/// The `cc` crate translates some of rustc's flags for C, its sanitizers among them; fuzzers and `RUSTFLAGS` vary them
/// from one run to the next. Who wants instrumented C code says so in `CC` and `CFLAGS`.
const RUSTC_FLAGS: [&str; 3] = ["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "CARGO_CFG_SANITIZE"];

/// Replaces this build script by a new run of itself that sees the same environment, except that it looks like one
/// and the same profile always. Returns in that new run only, so call it before any work.
///
/// Changing the variables in place would be shorter, but `set_var` is unsafe, and a library cannot know
/// that its caller has no other thread.
///
/// # Errors
///
/// The script cannot be started again.
pub fn start_over_in_neutral_profile() -> Result<(), Error> {
    let script = env::current_exe().map_err(Error::file("find", "this build script".as_ref()))?;
    if env::var_os(MARK).is_some_and(|mark| mark == script) {
        return Ok(());
    }
    let mut again = Command::new(&script);
    again
        .args(env::args_os().skip(1))
        .env(MARK, &script)
        .envs(NEUTRAL);
    for name in RUSTC_FLAGS {
        again.env_remove(name);
    }
    // What the script has told cargo so far would be lost with the process.
    io::stdout()
        .flush()
        .map_err(Error::file("write", "standard output".as_ref()))?;
    Err(Error::File {
        action: "start",
        path: script,
        source: replace_process(again),
    })
}

/// Returns only if it fails.
#[cfg(unix)]
fn replace_process(mut command: Command) -> io::Error {
    std::os::unix::process::CommandExt::exec(&mut command)
}

/// Returns only if it fails.
#[cfg(not(unix))]
fn replace_process(mut command: Command) -> io::Error {
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}
