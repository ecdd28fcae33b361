//! Every hostile library misbehaves as its name says. Each is loaded into a confined process of its
//! own, this executable started again, which runs one scenario.

#![cfg(target_os = "linux")]

mod library;

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use writeproof::backend::libssl::Libssl;
use writeproof::scenario::{Id, Variant, parse};
use writeproof::stage;
use writeproof::worker::confine::{Limits, confine};

use self::library::library;

/// What a process comes to that runs a scenario with such a library.
enum End {
    /// This signal ends it.
    Signal(i32),
    /// It exits by itself with this code, and says this in its output.
    Exit(i32, &'static str),
    /// It does not end.
    Never,
}

use self::End::{Exit, Never, Signal};

/// Library, scenario, and what comes of them.
#[rustfmt::skip]
const ENDS: &[(&str, &str, End)] = &[
    ("crash/abort", "whole", Signal(libc::SIGABRT)),
    ("crash/exception", "whole", Signal(libc::SIGABRT)),
    ("crash/in-free", "whole", Signal(libc::SIGSEGV)),
    ("crash/kill", "whole", Signal(libc::SIGKILL)),
    ("crash/memory", "whole", Signal(libc::SIGSEGV)),
    ("crash/null", "whole", Signal(libc::SIGSEGV)),
    ("crash/null", "absent", Exit(0, "write 100  ")),
    ("crash/read-past-the-buffer", "whole", Signal(libc::SIGSEGV)),
    // Rust's own handler tells an overflow of the stack from other faults.
    ("crash/stack", "whole", Signal(libc::SIGABRT)),
    ("crash/third-time", "whole", Exit(0, "write 1234                        1234  NONE")),
    ("crash/thread", "whole", Signal(libc::SIGSEGV)),
    ("crash/trap", "whole", Signal(TRAP)),
    ("crash/write-past-the-buffer", "whole", Signal(libc::SIGSEGV)),

    ("exit/zero", "whole", Exit(0, "")),
    ("exit/at-once", "whole", Exit(3, "")),
    ("exit/thread", "whole", Signal(libc::SIGABRT)),

    ("hang/asleep", "whole", Never),
    ("hang/busy", "whole", Never),
    ("hang/deaf", "whole", Never),
    ("hang/stopped", "whole", Never),
    ("hang/swallowed-fault", "whole", Never),
    ("hang/transport", "blocked", Exit(0, "given up: 16777216 calls")),
    ("hang/transport-for-ever", "blocked", Never),

    ("process/block-signals", "whole", Exit(0, "1234  NONE")),
    ("process/busy-thread", "whole", Exit(0, "1234  NONE")),
    ("process/close-descriptors", "whole", Exit(0, "")),
    ("process/flood", "whole", Exit(0, "1234  NONE")),
    ("process/fork", "whole", Exit(0, "1234  NONE")),
    ("process/print", "whole", Exit(0, "write 1234                        1234  NONE\n  handshake")),
    ("process/print-everywhere", "whole", Exit(0, "{\"steps\":[]}\n  handshake")),
    ("process/working-directory", "whole", Exit(0, "1234  NONE")),

    ("contract/byte-changed", "whole", Exit(0, "1 byte that nobody offered")),
    ("contract/byte-lost", "whole", Exit(0, "0..1333, 1334..1534")),
    ("contract/byte-twice", "whole", Exit(0, "0..1334, 1333..1534")),
    ("contract/errno-after-failure", "blocked", Exit(0, "errno EINVAL")),
    // No rule says what errno is then, and no trace tells it.
    ("contract/errno-after-success", "whole", Exit(0, "write 1234                        1234  NONE\n")),
    ("contract/error-after-success", "whole", Exit(0, "ssl:internal error")),
    ("contract/more-than-asked", "whole", Exit(0, "1235  NONE")),
    ("contract/plaintext", "whole", Exit(0, "1234 bytes that are no record")),
    ("contract/success-while-blocked", "blocked", Exit(0, "1234  NONE")),

    ("load/crash", "whole", Signal(libc::SIGSEGV)),
    ("load/exit", "whole", Exit(0, "")),
    ("load/hang", "whole", Never),
    ("load/print", "whole", Exit(0, "welcomes you!")),
    ("load/unresolved", "whole", Exit(REFUSED, "a_function_that_nobody_has")),

    ("end/crash", "whole", Signal(libc::SIGSEGV)),
    ("end/hang", "whole", Never),

    // The loader maps it whole and reads what is not there.
    ("file/cut-off", "whole", Signal(libc::SIGBUS)),
    ("file/device", "whole", Exit(REFUSED, "could not be loaded")),
    ("file/empty", "whole", Exit(REFUSED, "file too short")),
    ("file/folder", "whole", Exit(REFUSED, "could not be loaded")),
    ("file/for-another-machine", "whole", Exit(REFUSED, "could not be loaded")),
    ("file/forbidden", "whole", Exit(REFUSED, "could not be loaded")),
    ("file/missing", "whole", Exit(REFUSED, "there is no such file")),
    ("file/pipe-without-a-writer", "whole", Never),
    ("file/text", "whole", Exit(REFUSED, "could not be loaded")),
    ("file/without-bio-meth-new", "whole", Exit(REFUSED, "lacks BIO_meth_new:")),
    ("file/without-ssl-write", "whole", Exit(REFUSED, "lacks SSL_write:")),
];

/// What `__builtin_trap` raises.
const TRAP: i32 = if cfg!(target_arch = "x86_64") {
    libc::SIGILL
} else {
    libc::SIGTRAP
};

/// The exit code of a process that could not load its library.
const REFUSED: i32 = 70;

/// The first argument of a process that loads a library; then come its path and the scenario.
const LOAD: &str = "load";

/// How long a process must go on to count as one that never ends. One that does end is not cut off
/// before `PATIENCE`.
const FOR_EVER: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let [LOAD, path, scenario] = arguments[..] {
        return load(Path::new(path), scenario);
    }
    let mut trials = vec![Trial::test("every hostile library is tried", all_tried)];
    trials.extend(ENDS.iter().map(|(name, scenario, end)| {
        let rule = format!("{name} in a scenario {scenario}");
        Trial::test(rule, move || tried(name, scenario, end))
    }));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn all_tried() -> Result<(), Failed> {
    let tried: BTreeSet<&str> = ENDS.iter().map(|(name, ..)| *name).collect();
    let not_tried: Vec<String> = library::shims()
        .into_iter()
        .filter(|name| !tried.contains(name.as_str()))
        .collect();
    match not_tried.is_empty() {
        true => Ok(()),
        false => Err(not_tried.join(", ").into()),
    }
}

fn tried(name: &str, scenario: &str, end: &End) -> Result<(), Failed> {
    let mut child = Command::new(std::env::current_exe()?)
        .arg(LOAD)
        .arg(library(name))
        .arg(scenario)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let patience = match end {
        Never => FOR_EVER,
        Signal(_) | Exit(..) => PATIENCE,
    };
    let text = output(&mut child, patience);
    let ended = text.is_some();
    if !ended {
        child.kill()?;
    }
    let status = child.wait()?;
    let text = text.unwrap_or_default();
    let as_told = match *end {
        Never => !ended,
        Signal(number) => ended && status.signal() == Some(number),
        Exit(code, words) => ended && status.code() == Some(code) && text.contains(words),
    };
    match as_told {
        true => Ok(()),
        false => Err(format!("ended: {ended}, {status}\n{text}").into()),
    }
}

/// All that it prints until it ends; none if it has not ended by then.
fn output(child: &mut Child, patience: Duration) -> Option<String> {
    let (told, both) = mpsc::channel();
    let pipes: [Box<dyn Read + Send>; 2] = [
        Box::new(child.stdout.take().expect("a pipe")),
        Box::new(child.stderr.take().expect("a pipe")),
    ];
    for mut pipe in pipes {
        let told = told.clone();
        std::thread::spawn(move || {
            let mut bytes = Vec::new();
            // What came before an error is all that there is.
            let _ = pipe.read_to_end(&mut bytes);
            told.send(bytes)
        });
    }
    let first = both.recv_timeout(patience).ok()?;
    let second = both.recv_timeout(patience).ok()?;
    let bytes = [first, second].concat();
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

/// In the child: loads the library and runs the scenario.
fn load(path: &Path, scenario: &str) -> ExitCode {
    let kept = confine(&Limits {
        // One that hangs must not outlive a test that is interrupted.
        parent: Some(std::os::unix::process::parent_id()),
        memory: Some(1 << 30),
        file_size: 1 << 20,
    });
    assert!(kept.is_empty(), "{kept:?}");
    let libssl = match Libssl::load("hostile", path) {
        Ok(libssl) => libssl,
        Err(error) => {
            println!("{error}");
            return ExitCode::from(REFUSED as u8);
        }
    };
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/hostile/bait/{scenario}.toml"));
    let text = fs::read_to_string(&file).expect("a scenario of this test");
    let id = Id::new(&format!("bait/{scenario}")).expect("an id");
    let scenario = parse(id, "", &text).expect("a right scenario");
    let variant = Variant::parse("tls1.3/client").expect("a variant");
    let trace = stage::run(&libssl, &scenario, variant).expect("the stage does its part");
    println!("{trace}");
    ExitCode::SUCCESS
}
