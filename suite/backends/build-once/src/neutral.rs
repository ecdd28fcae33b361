//! Keeps the cargo profile out of compiled C code. The profile that needs a library first builds it
//! for all others, so the library must not contain that profile's choice of debug information,
//! frame pointers or code model.

use std::env;
use std::io::{self, Write};
use std::process::Command;

use crate::Error;

/// Set to the script's own path in the environment of a build script that has started over. Because
/// of the path, a cargo that a build script calls does not pass the mark on to *its* build scripts.
const MARK: &str = "WRITEPROOF_BUILD_ONCE_NEUTRAL";

/// The variables of a profile that the `cc` crate reads, and the values that it gets instead.
const NEUTRAL: [(&str, &str); 3] = [
    ("OPT_LEVEL", "2"),
    ("DEBUG", "false"),
    ("PROFILE", "release"),
];

/// The `cc` crate translates some of rustc's flags for C, sanitizers among them; fuzzers and
/// `RUSTFLAGS` vary them between runs. Instrumented C code is requested with `CC` and `CFLAGS`.
const RUSTC_FLAGS: [&str; 3] = ["CARGO_ENCODED_RUSTFLAGS", "RUSTFLAGS", "CARGO_CFG_SANITIZE"];

/// Replaces this build script by a new run of itself in the same environment, except that the
/// profile is always the same one. Returns only in the new run, so call it before any work.
///
/// Changing the variables in place would be shorter, but `set_var` is unsafe, and a library cannot
/// know that its caller has no other thread.
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
    // Output that cargo has not received yet would be lost with the process.
    io::stdout()
        .flush()
        .map_err(Error::file("write", "standard output".as_ref()))?;
    Err(Error::File {
        action: "start",
        path: script,
        source: replace_process(again),
    })
}

/// Returns only on failure.
#[cfg(unix)]
fn replace_process(mut command: Command) -> io::Error {
    std::os::unix::process::CommandExt::exec(&mut command)
}

/// Returns only on failure.
#[cfg(not(unix))]
fn replace_process(mut command: Command) -> io::Error {
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}
