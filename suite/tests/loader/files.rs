//! Files that are no library are told apart before the dynamic loader is asked.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;

use writeproof::backend::libssl::{LoadError, NoLibrary};

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
    fs::write(&path, bytes).expect("the folder is ours");
    problem(&path)
}

fn real() -> Vec<u8> {
    fs::read(writeproof_openssl_1_1_1::LIBSSL).expect("the built library")
}

#[test]
fn a_missing_file_is_named() {
    let error = load_error(Path::new("/nowhere/libssl.so")).to_string();
    assert_eq!(error, "/nowhere/libssl.so: no such file");
}

#[test]
fn a_folder_is_no_library() {
    assert_eq!(problem(folder().path()), NoLibrary::Folder);
}

#[test]
fn a_socket_is_no_library() {
    let folder = folder();
    let path = folder.path().join("socket");
    let _listener = UnixListener::bind(&path).expect("a socket");
    assert_eq!(problem(&path), NoLibrary::NoFile);
}

#[test]
fn an_empty_file_is_no_library() {
    assert_eq!(problem_of(b""), NoLibrary::Empty);
}

#[test]
fn a_text_file_is_no_library() {
    assert_eq!(problem_of(b"SSL_write is not in here"), NoLibrary::NotElf);
}

#[test]
fn a_linker_script_is_told_with_the_file_that_it_names() {
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
fn a_static_library_is_no_shared_object() {
    assert_eq!(problem_of(b"!<arch>\nrest"), NoLibrary::StaticLibrary);
}

/// Where the user is root, who may read everything, the file's content is what is wrong with it; that
/// the system's refusal is told as such is tested where the file is read.
#[test]
fn a_file_that_may_not_be_read_is_refused() {
    let folder = folder();
    let path = folder.path().join("libssl.so");
    fs::write(&path, "secret").expect("the folder is ours");
    fs::set_permissions(&path, Permissions::from_mode(0o000)).expect("the file is ours");
    let wanted = match fs::read(&path) {
        Ok(_) => NoLibrary::NotElf,
        Err(_) => NoLibrary::NoPermission,
    };
    assert_eq!(problem(&path), wanted);
}

#[test]
fn a_library_for_another_machine_is_told_with_both() {
    // The number of the machine stands at byte 18 (elf(5)); 183 is AArch64, 62 is x86-64.
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
fn a_library_of_another_class_is_refused() {
    let mut bytes = real();
    // ELFCLASS32 instead of ELFCLASS64, or the other way round.
    bytes[4] ^= 3;
    assert!(matches!(problem_of(&bytes), NoLibrary::OtherMachine { .. }));
}

#[test]
fn an_object_file_and_an_executable_are_no_shared_objects() {
    for (kind, words) in [(1, "an object file (.o)"), (2, "an executable")] {
        let mut bytes = real();
        // e_type
        bytes[16] = kind;
        assert_eq!(problem_of(&bytes), NoLibrary::OtherType(words));
    }
}

#[test]
fn a_program_is_no_shared_object_although_its_type_says_so() {
    let program = std::env::current_exe().expect("this program");
    assert_eq!(problem(&program), NoLibrary::OtherType("an executable"));
}

#[test]
fn a_library_that_is_cut_off_never_reaches_the_dynamic_loader() {
    let bytes = real();
    let half = &bytes[..bytes.len() / 2];
    assert!(matches!(problem_of(half), NoLibrary::CutOff { .. }));
}
