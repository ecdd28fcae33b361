//! Wrappers of a libssl, each with one fault: the C files beside this one, which hand all other calls to the real library.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use writeproof_openssl_1_1_1::LIBSSL;

/// The library that a wrapper hands its calls to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(
    dead_code,
    reason = "each test that includes this module has the libraries that it needs"
)]
pub(crate) enum Real {
    /// OpenSSL 3 of the distribution.
    Distribution,
    /// OpenSSL 1.1.1 as the suite builds it.
    OpenSsl111,
}

impl Real {
    /// Where it is.
    pub(crate) fn path(self) -> PathBuf {
        match self {
            Self::Distribution => {
                let multiarch = format!("/usr/lib/{}-linux-gnu", std::env::consts::ARCH);
                let folders = [multiarch.as_str(), "/usr/lib64", "/usr/lib"];
                let paths = folders.map(|folder| Path::new(folder).join("libssl.so.3"));
                let found = paths.into_iter().find(|path| path.is_file());
                found.expect("the distribution has OpenSSL 3: package libssl3")
            }
            Self::OpenSsl111 => LIBSSL.into(),
        }
    }

    /// Where the linker and the loader find it for a wrapper in this folder.
    fn coexistence(self, folder: &Path) -> PathBuf {
        match self {
            Self::Distribution => self.path(),
            Self::OpenSsl111 => {
                // The linker writes down the name by which the library calls itself.
                let coexistence = folder.join("libssl-writeproof-1.1.1.so");
                symlink(self.path(), &coexistence).expect("the folder is ours");
                coexistence
            }
        }
    }
}

/// A wrapper, as long as it is needed.
pub(crate) struct Wrapper {
    folder: TempDir,
    object: PathBuf,
}

impl Wrapper {
    /// The wrapper of this name, compiled.
    pub(crate) fn of(real: Real, name: &str) -> Self {
        let folder = TempDir::new().expect("a folder");
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wrappers");
        let object = folder.path().join("wrapper.so");
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let done = Command::new(compiler)
            .args(["-std=gnu11", "-shared", "-fPIC", "-o"])
            .args([&object, &sources.join(name).with_extension("c")])
            // Needed although some use none of it, and found beside the wrapper.
            .arg("-Wl,--no-as-needed,-rpath,$ORIGIN")
            .args([&real.coexistence(folder.path()), Path::new("-ldl")])
            .status();
        assert!(
            done.expect("a C compiler").success(),
            "{name} does not compile"
        );
        Self { folder, object }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        debug_assert!(
            self.folder.path().exists(),
            "it is there until it is dropped"
        );
        &self.object
    }
}
