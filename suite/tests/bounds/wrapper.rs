//! Compiles a wrapper of a libssl: OpenSSL 3 of the machine, where it has one, else OpenSSL 1.1.1 as it was built.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// The library that stands behind the wrappers.
pub(crate) fn real() -> PathBuf {
    let machines = fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    let mut here: Vec<PathBuf> = machines
        .map(|folder| folder.path().join("libssl.so.3"))
        .filter(|path| path.exists())
        .collect();
    here.sort();
    let built = || PathBuf::from(writeproof_openssl_1_1_1::LIBSSL);
    here.into_iter().next().unwrap_or_else(built)
}

/// A wrapper, as long as it is needed.
pub(crate) struct Wrapper {
    folder: TempDir,
    object: PathBuf,
}

impl Wrapper {
    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        debug_assert!(self.folder.path().exists());
        &self.object
    }
}

/// The wrapper of this name, compiled.
pub(crate) fn wrapper(name: &str) -> Wrapper {
    let folder = TempDir::new().expect("a folder");
    let real = real();
    // The name by which the loader looks for it, beside the wrapper.
    let soname = match real.file_name() {
        Some(name) if name == "libssl.so.3" => Path::new("libssl.so.3"),
        _ => Path::new("libssl-writeproof-1.1.1.so"),
    };
    let beside = folder.path().join(soname);
    symlink(&real, &beside).expect("the folder is ours");
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/bounds/wrappers")
        .join(name);
    let object = folder.path().join(name).with_extension("so");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let done = Command::new(compiler)
        .args(["-std=gnu11", "-shared", "-fPIC", "-o"])
        .args([&object, &source.with_extension("c")])
        .arg("-Wl,--no-as-needed,-rpath,$ORIGIN")
        .args([&beside, Path::new("-ldl")])
        .status();
    assert!(
        done.expect("a C compiler").success(),
        "{name} does not compile"
    );
    Wrapper { folder, object }
}
