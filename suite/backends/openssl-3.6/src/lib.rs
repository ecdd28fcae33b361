//! Replaces the crate `openssl-src` as the build-dependency of `openssl-sys`, so that OpenSSL is
//! compiled once and not once for each cargo profile. The published crate does the work in a folder
//! that all profiles share, and is not called when the folder is complete. Only the part of the
//! interface that `openssl-sys` uses is here.

use std::path::{Path, PathBuf};
use std::process;

use writeproof_build_once::{
    Error, Key, once, require_openssl_tools, start_over_in_neutral_profile,
};

/// Raise it when the result of [`Build::build`] changes for a reason that the key does not include.
const RECIPE: &str = "1";

/// Where OpenSSL looks for `openssl.cnf` by default; the published crate uses the same folder.
const DEFAULT_OPENSSL_DIR: &str = "/usr/local/ssl";

/// The features that change the build. They are part of the key.
const FEATURES: [(&str, bool); 9] = [
    ("camellia", cfg!(feature = "camellia")),
    ("force-engine", cfg!(feature = "force-engine")),
    ("idea", cfg!(feature = "idea")),
    ("ktls", cfg!(feature = "ktls")),
    ("legacy", cfg!(feature = "legacy")),
    ("no-dso", cfg!(feature = "no-dso")),
    ("seed", cfg!(feature = "seed")),
    ("ssl3", cfg!(feature = "ssl3")),
    ("weak-crypto", cfg!(feature = "weak-crypto")),
];

/// The folder of OpenSSL's sources in the published crate.
#[must_use]
pub fn source_dir() -> PathBuf {
    openssl_src_published::source_dir()
}

/// The version of the published crate, with OpenSSL's own after a plus sign: `300.6.1+3.6.3`.
#[must_use]
pub fn version() -> &'static str {
    openssl_src_published::version()
}

/// A build of OpenSSL, as static libraries.
#[derive(Debug)]
pub struct Build {
    openssl_dir: PathBuf,
}

impl Build {
    /// A build with the published crate's settings.
    #[expect(
        clippy::new_without_default,
        reason = "the published crate has no default either"
    )]
    #[must_use]
    pub fn new() -> Self {
        Self {
            openssl_dir: DEFAULT_OPENSSL_DIR.into(),
        }
    }

    /// Sets the folder in which the library looks for `openssl.cnf` and certificates at run time.
    pub fn openssl_dir<P: AsRef<Path>>(&mut self, path: P) -> &mut Self {
        self.openssl_dir = path.as_ref().to_owned();
        self
    }

    /// Builds OpenSSL unless it is built already. Like the published crate, ends the process on
    /// failure.
    ///
    /// May start the build script over, see [`start_over_in_neutral_profile`]: `openssl-sys` then
    /// prints its earlier instructions to cargo twice, which is harmless.
    #[must_use]
    pub fn build(&mut self) -> Artifacts {
        self.try_build().unwrap_or_else(|error| {
            eprintln!("{error}");
            process::exit(1);
        })
    }

    fn try_build(&self) -> Result<Artifacts, Error> {
        start_over_in_neutral_profile()?;
        let features = FEATURES.iter().filter(|(_, on)| *on).map(|(name, _)| *name);
        let key = Key::of_c_build("openssl-3.6")?
            .with("source", openssl_src_published::version())
            .with("features", &features.collect::<Vec<_>>().join(" "))
            .with("openssldir", &self.openssl_dir.to_string_lossy())
            .with("recipe", RECIPE);
        let folder = once(&key, |folder| {
            require_openssl_tools()?;
            openssl_src_published::Build::new()
                .out_dir(folder)
                .openssl_dir(&self.openssl_dir)
                .try_build()?;
            Ok(())
        })?;
        // Where the published crate installs, below its `out_dir`.
        Ok(Artifacts {
            include_dir: folder.join("install/include"),
            lib_dir: folder.join("install/lib"),
        })
    }
}

/// The result of a build.
#[derive(Debug)]
pub struct Artifacts {
    include_dir: PathBuf,
    lib_dir: PathBuf,
}

impl Artifacts {
    /// The folder that holds `openssl/ssl.h`.
    #[must_use]
    pub fn include_dir(&self) -> &Path {
        &self.include_dir
    }

    /// The folder that holds `libssl.a` and `libcrypto.a`.
    #[must_use]
    pub fn lib_dir(&self) -> &Path {
        &self.lib_dir
    }
}
