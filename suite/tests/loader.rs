//! The loader of `libssl` shared objects, against files that are none.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use writeproof::backend::Backend;
use writeproof::backend::libssl::{Libssl, LoadError};

fn load_error(path: &Path) -> LoadError {
    match Libssl::load("stranger", path) {
        Ok(libssl) => panic!("{} was loaded as {:?}", path.display(), libssl.about()),
        Err(error) => error,
    }
}

/// Compiles C into a shared object; every machine that can build the suite has a C compiler.
fn shared_object(folder: &TempDir, name: &str, source: &str) -> PathBuf {
    let c_file = folder.path().join(name).with_extension("c");
    let object = folder.path().join(name).with_extension("so");
    fs::write(&c_file, source).expect("the folder is ours");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let done = Command::new(compiler)
        .args(["-shared", "-fPIC", "-o"])
        .args([&object, &c_file])
        .status()
        .expect("a C compiler");
    assert!(done.success(), "{name} does not compile");
    object
}

/// The functions without which no library is taken: those that one with nothing in it lacks.
fn required(folder: &TempDir) -> Vec<&'static str> {
    let empty = shared_object(folder, "empty", "int answer(void) { return 42; }\n");
    match load_error(&empty) {
        LoadError::Lacks { missing, .. } => missing,
        other => panic!("something else went wrong: {other}"),
    }
}

#[test]
fn a_missing_file_is_named() {
    let path = Path::new("/nowhere/libssl.so");
    let error = load_error(path).to_string();
    assert_eq!(
        error,
        "/nowhere/libssl.so could not be loaded: there is no such file"
    );
}

#[test]
fn a_text_file_is_no_library_and_the_loader_says_why() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("libssl.so");
    fs::write(&path, "SSL_write is not in here").expect("the folder is ours");
    let error = load_error(&path);
    assert!(matches!(error, LoadError::Open { .. }), "{error:?}");
    let text = error.to_string();
    assert!(
        text.contains("could not be loaded") && text.contains("libssl.so"),
        "{text}"
    );
}

#[test]
fn a_folder_is_no_library() {
    let folder = TempDir::new().expect("a folder");
    assert!(matches!(load_error(folder.path()), LoadError::Open { .. }));
}

#[test]
fn a_library_without_anything_of_libssl_is_told_all_that_it_lacks() {
    let folder = TempDir::new().expect("a folder");
    let missing = required(&folder);
    assert!(
        missing.contains(&"SSL_write") && missing.contains(&"BIO_meth_new"),
        "{missing:?}"
    );
}

#[test]
fn a_library_without_ssl_write_is_told_just_that() {
    let folder = TempDir::new().expect("a folder");
    let missing = required(&folder);
    let functions: String = missing
        .iter()
        .filter(|name| **name != "SSL_write")
        .map(|name| format!("int {name}(void) {{ return 0; }}\n"))
        .collect();
    let object = shared_object(&folder, "nearly", &functions);
    let error = load_error(&object).to_string();
    let wanted = format!(
        "{} lacks SSL_write: is it a libssl (and not, say, a libcrypto)?",
        object.display()
    );
    assert_eq!(error, wanted);
}

#[test]
fn a_library_that_makes_no_bio_method_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let missing = required(&folder);
    let functions: String = missing
        .iter()
        .map(|name| format!("void *{name}(void) {{ return 0; }}\n"))
        .collect();
    let object = shared_object(&folder, "hollow", &functions);
    let error = load_error(&object);
    assert!(matches!(error, LoadError::Bio { .. }), "{error}");
}

#[test]
fn openssl_1_1_1_tells_its_version_and_lacks_nothing() {
    let path = Path::new(writeproof_openssl_1_1_1::LIBSSL);
    let libssl = Libssl::load("openssl-1.1.1", path).expect("the built library loads");
    let about = libssl.about();
    assert_eq!(
        (about.library.as_str(), about.version.as_str()),
        ("OpenSSL", "1.1.1w")
    );
    assert_eq!(about.lacks, Vec::<String>::new());
}
