//! Wrappers of OpenSSL 1.1.1, compiled from a few lines of C.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use writeproof_openssl_1_1_1::LIBSSL;

/// OpenSSL 1.1.1 with these functions in the place of its own.
pub(crate) fn library(folder: &TempDir, functions: &str) -> PathBuf {
    let (object, source) = (folder.path().join("mine.so"), folder.path().join("mine.c"));
    let real = "#define _GNU_SOURCE\n#include <dlfcn.h>\n\
                #define REAL(type, name) ((type) dlsym(RTLD_NEXT, name))\n";
    fs::write(&source, format!("{real}{functions}")).expect("the folder is ours");
    // The linker writes down the name by which the library calls itself.
    let beside = folder.path().join("libssl-writeproof-1.1.1.so");
    std::os::unix::fs::symlink(LIBSSL, &beside).expect("the folder is ours");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let done = Command::new(compiler)
        .args(["-shared", "-fPIC", "-o"])
        .args([&object, &source])
        .arg("-Wl,--no-as-needed,-rpath,$ORIGIN")
        .args([&beside, Path::new("-ldl")])
        .status()
        .expect("a C compiler");
    assert!(done.success(), "{functions}");
    object
}
