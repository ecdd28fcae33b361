//! A worker whose parent dies: it must not go on for nobody.

use std::io::{self, BufRead, Read, Write};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use libtest_mimic::Failed;
use writeproof::worker::confine::{Limits, confine};

/// The first argument of a process that starts a worker, waits until it is confined, and ends.
pub(super) const PARENT: &str = "parent";
/// The first argument of that worker; then comes its parent's number.
pub(super) const CHILD: &str = "child";

/// How long a test waits for the end of a process that ought to be dead.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn ends_with_its_parent() -> Result<(), Failed> {
    // The worker waits for its input, which this pipe never ends, and holds the other pipe's end.
    let (input, _never_ends) = io::pipe()?;
    let (mut end, held) = io::pipe()?;
    let mut command = this(&[PARENT]);
    let mut parent = command.stdin(input).stderr(held).spawn()?;
    drop(command); // Holds the pipes' ends too.
    if !parent.wait()?.success() {
        return Err("the worker was not confined".into());
    }
    let (told, dead) = mpsc::channel();
    std::thread::spawn(move || told.send(end.read_to_end(&mut Vec::new())));
    dead.recv_timeout(PATIENCE)
        .map_err(|_| "the worker goes on without its parent")??;
    Ok(())
}

pub(super) fn ends_after() -> Result<(), Failed> {
    use std::os::unix::process::ExitStatusExt;

    // Number 1 is no parent of this worker: as if it had been handed on already.
    let output = this(&[CHILD, "1"]).stdin(Stdio::null()).output()?;
    match output.status.signal() {
        Some(libc::SIGKILL) => Ok(()),
        _ => Err(format!("{output:?}").into()),
    }
}

pub(super) fn parent() -> ExitCode {
    let start = || -> io::Result<bool> {
        let number = std::process::id().to_string();
        let mut child = this(&[CHILD, &number]).stdout(Stdio::piped()).spawn()?;
        let stdout = child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut line = String::new();
        io::BufReader::new(stdout).read_line(&mut line)?;
        Ok(line == "confined\n")
    };
    match start() {
        Ok(true) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

pub(super) fn child(parent: &str) -> ExitCode {
    let limits = Limits {
        parent: parent.parse().ok(),
        memory: None,
        file_size: u64::MAX,
    };
    if confine(&limits).is_empty() {
        println!("confined");
        let _ = io::stdout().flush();
    }
    let _ = io::stdin().read(&mut [0]);
    ExitCode::SUCCESS
}

fn this(arguments: &[&str]) -> Command {
    let executable = std::env::current_exe().expect("this is a file");
    let mut command = Command::new(executable);
    command.args(arguments).current_dir(Path::new("/"));
    command
}
