//! Workers with difficult libraries: libraries of the same name, workers that cannot start, and
//! interrupts.

#![cfg(target_os = "linux")]

mod everything;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use writeproof_openssl_1_1_1::LIBSSL;

use self::everything::with_everything;

/// A scenario in which OpenSSL puts "bad length" into its error queue.
const SCENARIO: &str = "zero/negative-length";

fn writeproof(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_writeproof"));
    command
        .args(with_everything(arguments))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn assert_exit(output: &Output, code: i32) {
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}\n{err}");
    assert!(!err.contains("panicked"), "{err}");
}

/// OpenSSL 1.1.1 with some strings replaced, as `FOLDER/libssl.so`, with the same soname.
fn library(folder: &Path, words: &[(&str, &str)]) -> PathBuf {
    let mut bytes = fs::read(LIBSSL).expect("the built library");
    for (from, to) in words {
        assert_eq!(from.len(), to.len());
        let places: Vec<usize> = (0..bytes.len() - from.len())
            .filter(|&at| bytes[at..].starts_with(from.as_bytes()))
            .collect();
        assert!(!places.is_empty(), "{from:?} is in there");
        for at in places {
            bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
        }
    }
    fs::create_dir_all(folder).expect("the test folder is writable");
    let path = folder.join("libssl.so");
    fs::write(&path, bytes).expect("the test folder is writable");
    path
}

#[test]
fn libraries_with_the_same_name_do_not_mix() {
    let folder = TempDir::new().expect("a temporary folder");
    let folder = |name: &str| folder.path().join(name);
    let old = library(&folder("old"), &[]);
    let changed = [
        ("OpenSSL 1.1.1w", "OpenSSL 1.1.1z"),
        ("bad length", "odd length"),
    ];
    let new = library(&folder("new"), &changed);
    let (old, new) = (old.to_string_lossy(), new.to_string_lossy());
    let arguments = ["check", "--format", "json", "--scenario", SCENARIO];
    let output = writeproof(&arguments)
        .args(["--libssl", &old, "--libssl", &new])
        .output()
        .expect("the command starts");
    assert_exit(&output, 1);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    for (index, id, version, reason) in [
        (0, "libssl.so", "OpenSSL 1.1.1w", "ssl:bad length"),
        (1, "libssl.so-2", "OpenSSL 1.1.1z", "ssl:odd length"),
    ] {
        let checked = &report["checked"][index];
        assert_eq!(checked["id"], id);
        let loaded = checked["loaded"]["version"].as_str().expect("a version");
        assert!(loaded.starts_with(version), "{id}: {loaded}");
        let cases = report["cases"].as_array().expect("cases").iter();
        let queues: Vec<String> = cases
            .filter(|case| case["backend"] == id)
            .map(|case| case["steps"].to_string())
            .collect();
        assert_eq!(queues.len(), 4, "{id} has a case in each variant");
        for queue in queues {
            assert!(queue.contains(reason), "{id}: {reason} in {queue}");
        }
    }
}

/// Runs the commands that a report suggests, as a user would paste them. Returns their output.
fn pasted(report: &str, folder: &Path) -> Vec<String> {
    let lines = report.lines().map(str::trim);
    lines
        .filter_map(|line| line.strip_prefix("writeproof "))
        .map(|arguments| {
            let output = Command::new("sh")
                .args(["-c", &format!("\"$0\" {arguments}")])
                .arg(env!("CARGO_BIN_EXE_writeproof"))
                .current_dir(folder)
                .output()
                .expect("a shell");
            assert_exit(&output, 1);
            text(&output.stdout)
        })
        .collect()
}

#[test]
fn suggested_command_names_the_scenario_and_both_libraries() {
    let folder = TempDir::new().expect("a temporary folder");
    let old = library(&folder.path().join("old"), &[]);
    let new = library(
        &folder.path().join("it's new"),
        &[("bad length", "odd length")],
    );
    let steps = r#"["handshake", { write = { len = -1 } }]"#;
    let scenario = format!("title = \"Negative\"\nsteps = {steps}\n");
    fs::write(folder.path().join("my own.toml"), scenario).expect("the test folder is writable");
    let output = writeproof(&["check", "--name", "old", "--against", "old", "--libssl"])
        .arg(&old)
        .arg("--libssl")
        .arg(&new)
        .args(["--scenario", "my own.toml"])
        .current_dir(folder.path())
        .output()
        .expect("the command starts");
    assert_exit(&output, 1);
    let traces = pasted(&text(&output.stdout), folder.path());
    assert_eq!(traces.len(), 1, "{}", text(&output.stdout));
    assert!(traces[0].contains("ssl:bad length"), "{}", traces[0]);
    assert!(traces[0].contains("ssl:odd length"), "{}", traces[0]);
}

#[test]
fn library_named_twice_runs_once() {
    for command in ["run --scenario", "show"] {
        let words: Vec<&str> = command.split(' ').chain([SCENARIO]).collect();
        let output = writeproof(&words)
            .args(["--libssl", LIBSSL, "--backend", "libssl.so"])
            .output()
            .expect("the command starts");
        assert_exit(&output, 0);
        let out = text(&output.stdout);
        let once = match words[0] {
            "run" => out.contains("1 scenario, 4 cases, 1 backend"),
            _ => out.matches("tls1.3/client").count() == 1,
        };
        assert!(once, "{out}");
    }
}

#[test]
fn path_that_is_not_utf8_is_refused_with_a_hint() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join(OsStr::from_bytes(b"lib\xff.so"));
    let output = writeproof(&["check", "--libssl"])
        .arg(path)
        .output()
        .expect("the command starts");
    assert_exit(&output, 3);
    let err = text(&output.stderr);
    assert!(err.contains("is not UTF-8: use a symbolic link"), "{err}");
}

#[test]
fn worker_that_cannot_start_is_a_suite_failure() {
    // Too few file descriptors for a worker: the library is not to blame.
    let program = env!("CARGO_BIN_EXE_writeproof");
    let output = Command::new("sh")
        .args(["-c", "ulimit -n 8 && exec \"$0\" check --libssl \"$1\""])
        .args([program, LIBSSL])
        .output()
        .expect("a shell");
    assert_exit(&output, 4);
    let err = text(&output.stderr);
    assert!(err.contains("cannot start a worker process"), "{err}");
}

#[test]
fn repeated_library_name_is_refused() {
    let library = ["--libssl", LIBSSL, "--name", "mine"];
    let output = writeproof(&[&["check"], &library[..], &library[..]].concat())
        .output()
        .expect("the command starts");
    assert_exit(&output, 2);
    let err = text(&output.stderr);
    assert!(err.contains("mine"), "{err}");
}

/// A library whose load never returns, and which blocks every signal.
fn unresponsive_library(folder: &Path) -> PathBuf {
    let source = folder.join("deaf.c");
    let code = "#include <signal.h>\n\
                __attribute__((constructor)) static void hang(void) {\n\
                    sigset_t all;\n\
                    sigfillset(&all);\n\
                    sigprocmask(SIG_BLOCK, &all, 0);\n\
                    for (;;) sigsuspend(&all);\n\
                }\n";
    fs::write(&source, code).expect("the test folder is writable");
    let object = folder.join("deaf.so");
    // Under its soname, where the worker finds it. A library that is refused could not hang.
    let real = folder.join("libssl-writeproof-1.1.1.so");
    symlink(LIBSSL, &real).expect("the test folder is writable");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let done = Command::new(compiler)
        .args(["-shared", "-fPIC", "-o"])
        .args([&object, &source])
        .arg("-Wl,--no-as-needed,-rpath,$ORIGIN")
        .arg(&real)
        .status();
    assert!(done.expect("a C compiler").success());
    object
}

/// The process id of the worker that a command has started, as soon as it exists.
fn worker_of(child: &mut Child) -> String {
    let id = child.id();
    loop {
        let ended = child.try_wait().expect("the test file is writable");
        assert_eq!(ended, None, "the command has ended");
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"));
        if let Some(worker) = children
            .expect("the command runs")
            .split_whitespace()
            .next()
        {
            return worker.to_owned();
        }
        thread::yield_now();
    }
}

/// Whether a process has loaded this library and blocks signals.
fn blocks_signals(process: &str, library: &Path) -> bool {
    let read = |file: &str| fs::read_to_string(format!("/proc/{process}/{file}"));
    let (Ok(maps), Ok(status)) = (read("maps"), read("status")) else {
        return false;
    };
    let mut lines = status.lines();
    let blocked = lines.find_map(|line| line.strip_prefix("SigBlk:"));
    maps.contains(&*library.to_string_lossy())
        && blocked.is_some_and(|mask| mask.trim().contains(|digit| digit != '0'))
}

/// Whether a process still runs; one that has exited may wait for its parent to reap it.
fn lives(process: &str) -> bool {
    match fs::read_to_string(format!("/proc/{process}/stat")) {
        Ok(stat) => !stat.contains(") Z ") && !stat.contains(") X "),
        Err(_) => false,
    }
}

/// The worker that a command has started, as soon as it blocks signals.
fn unresponsive_worker_of(child: &mut Child, library: &Path) -> String {
    let worker = worker_of(child);
    while !blocks_signals(&worker, library) {
        assert!(lives(&worker), "the library was not loaded");
        thread::yield_now();
    }
    worker
}

/// Waits until a worker has ended.
fn assert_ends(worker: &str) {
    let given_up = Instant::now() + Duration::from_secs(60);
    while lives(worker) {
        assert!(Instant::now() < given_up, "the worker lives on");
        thread::yield_now();
    }
}

#[test]
fn unresponsive_worker_does_not_outlive_the_program() {
    let folder = TempDir::new().expect("a temporary folder");
    let library = unresponsive_library(folder.path());
    let mut child = writeproof(&["check", "--limit", "0.2", "--libssl"])
        .arg(&library)
        .spawn()
        .expect("the command starts");
    let worker = unresponsive_worker_of(&mut child, &library);
    child.kill().expect("the test file is writable");
    child.wait().expect("the test file is writable");
    assert_ends(&worker);
}

#[test]
fn interrupt_kills_an_unresponsive_worker() {
    let folder = TempDir::new().expect("a temporary folder");
    let library = unresponsive_library(folder.path());
    let mut child = writeproof(&["check", "--limit", "3600", "--libssl"])
        .arg(&library)
        .spawn()
        .expect("the command starts");
    let worker = unresponsive_worker_of(&mut child, &library);
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.expect("kill").success());
    let output = child.wait_with_output().expect("the command ends");
    assert_eq!(output.status.signal(), None);
    assert_exit(&output, 130);
    let err = text(&output.stderr);
    assert_eq!(err, "writeproof: interrupted; no report was written\n");
    // It was sent SIGKILL before the command ended, and ends as soon as the kernel delivers it.
    assert_ends(&worker);
}
