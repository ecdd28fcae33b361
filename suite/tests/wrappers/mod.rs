//! Wrappers of a libssl with one fault each: the C files in this folder, which pass all other calls
//! to the real library.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use writeproof_openssl_1_1_1::LIBSSL;

/// The library that a wrapper passes its calls to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(
    dead_code,
    reason = "each test that includes this module has the libraries that it needs"
)]
pub(crate) enum Real {
    /// The OpenSSL 3 of the distribution.
    Distribution,
    /// OpenSSL 1.1.1 as the suite builds it.
    OpenSsl111,
}

impl Real {
    /// The path of the library.
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

    /// The path under which the linker and the loader find the library for a wrapper in this
    /// folder.
    fn linkable_path(self, folder: &Path) -> PathBuf {
        match self {
            Self::Distribution => self.path(),
            Self::OpenSsl111 => {
                // The linker records the soname of the library.
                let link = folder.join("libssl-writeproof-1.1.1.so");
                symlink(self.path(), &link).expect("the test folder is writable");
                link
            }
        }
    }
}

/// A compiled wrapper, deleted when dropped.
pub(crate) struct Wrapper {
    folder: TempDir,
    object: PathBuf,
}

impl Wrapper {
    /// Compiles the wrapper of this name.
    pub(crate) fn of(real: Real, name: &str) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/wrappers");
        let object = folder.path().join("wrapper.so");
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        let done = Command::new(compiler)
            .args(["-std=gnu11", "-shared", "-fPIC", "-o"])
            .args([&object, &sources.join(name).with_extension("c")])
            // Linked although some wrappers do not use it, and found in the folder of the wrapper.
            .arg("-Wl,--no-as-needed,-rpath,$ORIGIN")
            .args([&real.linkable_path(folder.path()), Path::new("-ldl")])
            .status();
        assert!(
            done.expect("a C compiler").success(),
            "{name} does not compile"
        );
        Self { folder, object }
    }

    /// The path of the wrapper.
    pub(crate) fn path(&self) -> &Path {
        debug_assert!(
            self.folder.path().exists(),
            "the folder exists until it is dropped"
        );
        &self.object
    }
}
