//! The build script of a crate that provides BoringSSL or a fork of it: C and C++ sources with
//! CMake files, in a crate that is not compiled. Input: that crate's name and the properties of the
//! fork. Output, as of [`Libssl`](crate::Libssl): one shared object with `libssl` and `libcrypto`,
//! and its version.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::libssl::{OBJECT, finish};
use crate::package::Package;
use crate::tools::require_boringssl_tools;
use crate::{Error, Key, SharedObject, link_shared_object, once, start_over_in_neutral_profile};

/// With it the headers mark the symbols that a shared object exports; all others are hidden
/// (`openssl/base.h`).
const SHOW_INTERFACE: &str = "-DBORINGSSL_SHARED_LIBRARY";

/// CMake's flags for a release, without the debug information that the link would strip.
const RELEASE: &str = "-O3 -DNDEBUG -g0";

/// The header with the version macros, below the sources' folder.
const BASE: &str = "include/openssl/base.h";

/// A library of this family. Its name, the package's version and the recipe are parts of the
/// [`Key`].
#[derive(Clone, Copy, Debug)]
pub struct Boringssl<'a> {
    /// A part of a folder's name: `aws-lc`.
    pub name: &'a str,
    /// The crate with the sources.
    pub package: &'a str,
    /// The folder with `CMakeLists.txt`, below the package's. Nothing is written there.
    pub sources: &'a str,
    /// Raise it when the result of the recipe changes.
    pub recipe: &'a str,
    /// Options for CMake, with their values.
    pub options: &'a [(&'a str, &'a str)],
    /// The static archives that CMake builds, below its build folder.
    pub archives: [&'a str; 2],
    /// See [`SharedObject::soname`].
    pub soname: &'a str,
}

impl Boringssl<'_> {
    /// Builds the library unless it is built already, and passes its path to cargo. `version` makes
    /// its version from the macro of that name (`openssl/base.h`) and the package's version.
    ///
    /// For the end of a build script's `main`: an error is printed. Call it before any other work,
    /// since it [starts the script over](start_over_in_neutral_profile).
    ///
    /// # Panics
    ///
    /// CMake fails; its output stands above the message.
    pub fn hand_over(
        self,
        macro_name: &str,
        version: impl FnOnce(String, &str) -> String,
    ) -> ExitCode {
        finish(self.build(macro_name, version))
    }

    fn build(
        &self,
        macro_name: &str,
        version: impl FnOnce(String, &str) -> String,
    ) -> Result<(PathBuf, String), Error> {
        start_over_in_neutral_profile()?;
        let package = Package::find(self.package)?;
        let sources = package.folder.join(self.sources);
        let key = Key::of_c_build(self.name)?
            .with_cxx_compiler()?
            .with("source", &package.version)
            .with("recipe", self.recipe);
        let folder = once(&key, |folder| {
            let work = folder.join("work");
            self.compile(&sources, &work, &folder.join(OBJECT))?;
            fs::remove_dir_all(&work)?;
            Ok(())
        })?;
        let value = macro_value(&sources.join(BASE), macro_name)?;
        Ok((folder.join(OBJECT), version(value, &package.version)))
    }

    /// Compiles a release build in the folder `work`, and links it into the shared object `output`.
    fn compile(&self, sources: &Path, work: &Path, output: &Path) -> Result<(), Error> {
        require_boringssl_tools()?;
        fs::create_dir_all(work).map_err(Error::file("create", work))?;
        let mut cmake = cmake::Config::new(sources);
        cmake
            .out_dir(work)
            .profile("Release")
            .build_target("ssl") // which needs `crypto`
            .cflag(SHOW_INTERFACE)
            .cxxflag(SHOW_INTERFACE)
            .define("BUILD_SHARED_LIBS", "OFF")
            .define("BUILD_TESTING", "OFF")
            .define("CMAKE_C_FLAGS_RELEASE", RELEASE)
            .define("CMAKE_CXX_FLAGS_RELEASE", RELEASE)
            .define("CMAKE_POSITION_INDEPENDENT_CODE", "ON");
        for (name, value) in self.options {
            cmake.define(name, value);
        }
        let built = cmake.build().join("build");
        let [ssl, crypto] = self.archives.map(|archive| built.join(archive));
        let object = SharedObject {
            soname: self.soname,
            archives: &[&ssl, &crypto],
            system_libraries: &["pthread", &cxx_runtime()],
        };
        link_shared_object(output, &object)
    }
}

/// The value of a macro in a header, without quotes.
fn macro_value(header: &Path, name: &str) -> Result<String, Error> {
    let text = fs::read_to_string(header).map_err(Error::file("read", header))?;
    defined(&text, name).ok_or_else(|| Error::NotDefined {
        name: name.to_owned(),
        header: header.to_owned(),
    })
}

/// The name of the C++ standard library. It is not linked statically, since some distributions ship
/// the static library in a separate package.
fn cxx_runtime() -> String {
    let usual = if cfg!(target_os = "linux") {
        "stdc++"
    } else {
        "c++"
    };
    // The same choice as in the crate `cc`.
    env::var("CXXSTDLIB").unwrap_or_else(|_| usual.to_owned())
}

fn defined(header: &str, name: &str) -> Option<String> {
    header.lines().find_map(|line| {
        let (macro_name, value) = line.strip_prefix("#define ")?.split_once(' ')?;
        (macro_name == name).then(|| value.trim().trim_matches('"').to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn macro_is_found_by_its_whole_name_and_loses_its_quotes() {
        let header = "#define VERSION_NUMBER 5\n#define VERSION \"5.12.0\"\n";

        assert_eq!(defined(header, "VERSION").as_deref(), Some("5.12.0"));
        assert_eq!(defined(header, "VERSION_NUMBER").as_deref(), Some("5"));
        assert_eq!(defined(header, "NUMBER"), None);
    }
}
