//! Files that are not libraries are refused with the reason before the dynamic loader is asked.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use writeproof::internal::backend::libssl::{LoadError, NoLibrary};

use crate::shim::{folder, load_error};

fn problem(path: &Path) -> NoLibrary {
    match load_error(path) {
        LoadError::File { problem, .. } => problem,
        other => panic!("something else went wrong: {other}"),
    }
}

fn problem_of(bytes: &[u8]) -> NoLibrary {
    let folder = folder();
    let path = folder.path().join("libssl.so");
    fs::write(&path, bytes).expect("the test folder is writable");
    problem(&path)
}

fn real() -> Vec<u8> {
    fs::read(writeproof_openssl_1_1_1::LIBSSL).expect("the built library")
}

#[test]
fn missing_file_is_named() {
    let error = load_error(Path::new("/nowhere/libssl.so")).to_string();
    assert_eq!(error, "/nowhere/libssl.so: no such file");
}

#[test]
fn folder_is_refused_as_a_library() {
    assert_eq!(problem(folder().path()), NoLibrary::Folder);
}

#[test]
fn socket_is_refused_as_a_library() {
    let folder = folder();
    let path = folder.path().join("socket");
    let _listener = UnixListener::bind(&path).expect("a socket");
    assert_eq!(problem(&path), NoLibrary::NoFile);
}

#[test]
fn empty_file_is_refused_as_a_library() {
    assert_eq!(problem_of(b""), NoLibrary::Empty);
}

#[test]
fn text_file_is_refused_as_a_library() {
    assert_eq!(problem_of(b"SSL_write is not in here"), NoLibrary::NotElf);
}

#[test]
fn linker_script_is_refused_with_the_file_that_it_names() {
    let problem = problem_of(b"/* GNU ld script */\nGROUP ( /lib/libssl.so.3 AS_NEEDED ( x ) )\n");
    assert_eq!(
        problem,
        NoLibrary::LinkerScript(Some("/lib/libssl.so.3".into()))
    );
    assert!(
        problem.to_string().contains("(/lib/libssl.so.3)"),
        "{problem}"
    );
}

#[test]
fn static_library_is_refused() {
    assert_eq!(problem_of(b"!<arch>\nrest"), NoLibrary::StaticLibrary);
}

/// Root can read every file, so the content is the error here. The test of the file reader covers
/// the system's refusal.
#[test]
fn unreadable_file_is_refused() {
    let folder = folder();
    let path = folder.path().join("libssl.so");
    fs::write(&path, "secret").expect("the test folder is writable");
    fs::set_permissions(&path, Permissions::from_mode(0o000)).expect("the test file is writable");
    let wanted = match fs::read(&path) {
        Ok(_) => NoLibrary::NotElf,
        Err(_) => NoLibrary::NoPermission,
    };
    assert_eq!(problem(&path), wanted);
}

#[test]
fn library_for_another_machine_is_refused_and_both_are_named() {
    // The machine number is at byte 18 (elf(5)); 183 is AArch64, 62 is x86-64.
    let mut bytes = real();
    let other = match bytes[18] {
        183 => 62,
        _ => 183,
    };
    bytes[18] = other;
    let text = problem_of(&bytes).to_string();
    assert!(
        text.starts_with("it is built for ") && text.contains("this program is "),
        "{text}"
    );
    assert!(
        text.contains("AArch64 (64-bit)") && text.contains("x86-64 (64-bit)"),
        "{text}"
    );
}

#[test]
fn library_of_another_elf_class_is_refused() {
    let mut bytes = real();
    // ELFCLASS32 instead of ELFCLASS64, or the reverse.
    bytes[4] ^= 3;
    assert!(matches!(problem_of(&bytes), NoLibrary::OtherMachine { .. }));
}

#[test]
fn object_file_and_executable_are_refused() {
    for (kind, words) in [(1, "an object file (.o)"), (2, "an executable")] {
        let mut bytes = real();
        // e_type
        bytes[16] = kind;
        assert_eq!(problem_of(&bytes), NoLibrary::OtherType(words));
    }
}

#[test]
fn position_independent_executable_is_refused() {
    let program = std::env::current_exe().expect("this program");
    assert_eq!(problem(&program), NoLibrary::OtherType("an executable"));
}

#[test]
fn truncated_library_never_reaches_the_dynamic_loader() {
    let bytes = real();
    let half = &bytes[..bytes.len() / 2];
    assert!(matches!(problem_of(half), NoLibrary::CutOff { .. }));
}
