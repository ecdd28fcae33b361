//! The inputs of a compiled C library. Builds with equal keys are interchangeable. Any difference
//! (another compiler, other flags, another source) gives another folder, so a stale build is never
//! used.

use std::env;
use std::fmt;

use crate::Error;

/// Environment variables, in addition to those of the `cc` crate, that OpenSSL's `Configure` reads
/// (see "Environment Variables" in its INSTALL file); other configure scripts use the same names.
const CONFIGURE_VARIABLES: [&str; 9] = [
    "AR",
    "ARFLAGS",
    "ASFLAGS",
    "CPPDEFINES",
    "CPPFLAGS",
    "CPPINCLUDES",
    "LDFLAGS",
    "LDLIBS",
    "RANLIB",
];

/// A name, and everything that the result depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    name: String,
    parts: Vec<(String, String)>,
}

impl Key {
    /// A key without dependencies. `name` is a part of a folder's name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            parts: Vec::new(),
        }
    }

    /// The key of a build with the C compiler in this build script. It depends on the target, the
    /// compiler (path, version, flags), the variables that configure scripts read, and this crate's
    /// version. Makes cargo run the script again when one of the variables changes.
    ///
    /// # Errors
    ///
    /// There is no C compiler, or this is not a build script.
    pub fn of_c_build(name: &str) -> Result<Self, Error> {
        let target = env::var("TARGET").map_err(|_| Error::NotABuildScript { name: "TARGET" })?;
        let mut key = Self::new(name)
            .with("build-once", env!("CARGO_PKG_VERSION"))
            .with("target", &target)
            .with_compiler("compiler", &mut cc::Build::new())?;
        for variable in CONFIGURE_VARIABLES {
            println!("cargo::rerun-if-env-changed={variable}");
            if let Some(value) = env::var_os(variable) {
                key = key.with(variable, &value.to_string_lossy());
            }
        }
        Ok(key)
    }

    /// The same key, which also depends on the C++ compiler.
    ///
    /// # Errors
    ///
    /// There is no C++ compiler, or this is not a build script.
    pub fn with_cxx_compiler(self) -> Result<Self, Error> {
        self.with_compiler("C++ compiler", cc::Build::new().cpp(true))
    }

    fn with_compiler(self, label: &str, build: &mut cc::Build) -> Result<Self, Error> {
        // The same settings as in `openssl-src`, so that these are the flags that it will use.
        let compiler = build.warnings(false).opt_level(2).try_get_compiler()?;
        let flags: Vec<_> = compiler
            .args()
            .iter()
            .map(|arg| arg.to_string_lossy())
            .collect();
        Ok(self
            .with(label, &compiler.path().to_string_lossy())
            .with(&format!("{label} version"), &version_of(&compiler))
            .with(&format!("{label} flags"), &flags.join(" ")))
    }

    /// The same key with one more dependency. Pass at least the version of the source, and a
    /// revision of the recipe that is raised when the recipe's result changes.
    #[must_use]
    pub fn with(mut self, label: &str, value: &str) -> Self {
        self.parts.push((label.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn folder_name(&self) -> String {
        format!("{}-{:016x}", self.name, fnv1a(self.to_string().as_bytes()))
    }
}

/// One line for each part. The stamp file has the same text, so that a reader can see why there are
/// two folders.
impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "name = {:?}", self.name)?;
        self.parts
            .iter()
            .try_for_each(|(label, value)| writeln!(f, "{label} = {value:?}"))
    }
}

/// The first line of `CC --version`; empty for a compiler without that option (MSVC), which its
/// path identifies.
fn version_of(compiler: &cc::Tool) -> String {
    let output = compiler.to_command().arg("--version").output();
    let stdout = output.map(|output| output.stdout).unwrap_or_default();
    let text = String::from_utf8_lossy(&stdout);
    text.lines().next().unwrap_or_default().to_owned()
}

/// FNV-1a, 64 bits (draft-eastlake-fnv). The standard library's hasher may change with the
/// compiler, but the name of a folder must not.
pub(crate) fn fnv1a(bytes: &[u8]) -> u64 {
    const OFFSET_BASIS: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    bytes.iter().fold(OFFSET_BASIS, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(PRIME)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_agrees_with_the_published_test_vectors() {
        assert_eq!(fnv1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn moving_a_character_from_one_part_to_the_next_changes_the_folder() {
        let one = Key::new("c").with("flags", "-a").with("source", "1");
        let other = Key::new("c")
            .with("flags", "-a\nsource = 1")
            .with("source", "");

        assert_ne!(one.folder_name(), other.folder_name());
    }
}
