//! What a confined worker may do and what it may not. Each rule is tried twice in a process of its
//! own (this executable, started again): confined and unconfined, so that a rule that holds anyway
//! is noticed.

#![cfg(target_os = "linux")]

mod attempts;

use std::io::{self, Read, Seek};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitCode, Output, Stdio};

use libtest_mimic::{Arguments, Failed, Trial};
use writeproof::internal::worker::confine::{ResourceLimits, confine};

use self::attempts::{Alone, Attempt};

/// As much as the tests of the memory limit need.
const MEMORY: u64 = 1 << 30;
const FILE_SIZE: u64 = 1 << 20;

/// The first argument of a process that makes an attempt; the name and the kind of process follow.
const TRY: &str = "try";
const CONFINED: &str = "confined";
const FREE: &str = "free";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let [TRY, name, life] = arguments[..] {
        return try_it(name, life);
    }
    let mut trials: Vec<Trial> = attempts::all().into_iter().map(trial).collect();
    trials.extend([
        Trial::test(
            "confinement leaves no message on standard error",
            nothing_is_left_over,
        ),
        Trial::test(
            "abort ends the process by SIGABRT without a core dump",
            || ends_by("abort", libc::SIGABRT),
        ),
        Trial::test(
            "memory fault ends the process by SIGSEGV without a core dump",
            || ends_by("fault", libc::SIGSEGV),
        ),
        Trial::test("excess processor time ends the process by SIGXCPU", || {
            ends_by("spin", libc::SIGXCPU)
        }),
        Trial::test(
            "file over the size limit ends the process by SIGXFSZ",
            too_long_a_file,
        ),
    ]);
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// One attempt, as a test in both kinds of process.
fn trial(attempt: Attempt) -> Trial {
    Trial::test(attempt.rule, move || {
        let confined = outcome(attempt.rule, CONFINED)?;
        let wanted = attempt.confined.unwrap_or(0).to_string();
        if confined != wanted {
            return Err(format!("confined: {confined}, not {wanted}").into());
        }
        if attempt.alone == Alone::Different && outcome(attempt.rule, FREE)? == wanted {
            return Err("a process that is not confined gets the same".into());
        }
        Ok(())
    })
}

/// The result of the attempt in such a process: 0 or an error number, unless the process failed in
/// another way.
fn outcome(rule: &str, life: &str) -> Result<String, Failed> {
    let folder = attempts::folder()?;
    let output = child(&[TRY, rule, life], folder.path()).output()?;
    let printed = [output.stdout, output.stderr].concat();
    Ok(String::from_utf8_lossy(&printed).trim().to_owned())
}

/// In the child: makes the attempt and prints the result.
fn try_it(name: &str, life: &str) -> ExitCode {
    if life == CONFINED {
        let kept = confine(&limits());
        if !kept.is_empty() {
            eprintln!("{}", kept.join("\n"));
            return ExitCode::FAILURE;
        }
    }
    let Some(attempt) = attempts::all().into_iter().find(|all| all.rule == name) else {
        attempts::end(name);
        return ExitCode::FAILURE;
    };
    match (attempt.attempt)() {
        Ok(()) => println!("0"),
        Err(error) => match error.raw_os_error() {
            Some(number) => println!("{number}"),
            None => println!("{error}"),
        },
    }
    ExitCode::SUCCESS
}

fn limits() -> ResourceLimits {
    ResourceLimits {
        memory: Some(MEMORY),
        file_size: FILE_SIZE,
    }
}

fn child(arguments: &[&str], folder: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this is a file"));
    command.args(arguments).current_dir(folder);
    command
}

fn run(name: &str, stdout: Stdio) -> io::Result<Output> {
    let folder = attempts::folder()?;
    child(&[TRY, name, CONFINED], folder.path())
        .stdout(stdout)
        .output()
}

fn nothing_is_left_over() -> Result<(), Failed> {
    let output = run("nothing", Stdio::piped())?;
    if output.stderr.is_empty() {
        Ok(())
    } else {
        Err(String::from_utf8_lossy(&output.stderr).into())
    }
}

fn ends_by(name: &str, signal: i32) -> Result<(), Failed> {
    let output = run(name, Stdio::piped())?;
    if output.status.signal() == Some(signal) && !output.status.core_dumped() {
        return Ok(());
    }
    Err(format!("{output:?}").into())
}

fn too_long_a_file() -> Result<(), Failed> {
    let mut file = tempfile::tempfile()?;
    let output = run("flood", file.try_clone()?.into())?;
    let written = file
        .rewind()
        .and_then(|()| file.read_to_end(&mut Vec::new()))?;
    if output.status.signal() == Some(libc::SIGXFSZ) && written as u64 == FILE_SIZE {
        return Ok(());
    }
    Err(format!("{written} bytes, then {output:?}").into())
}
