//! The whole build script of a crate that hands out BoringSSL or a descendant of it: C and C++ sources with CMake files of
//! their own, in a crate that is not compiled. In flow that crate's name and what differs between them, out flow
//! the same as of [`Libssl`](crate::Libssl): one shared object with `libssl` and `libcrypto` in it, and its version.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::libssl::{OBJECT, tell};
use crate::package::Package;
use crate::tools::require_boringssl_tools;
use crate::{Error, Key, SharedObject, link_shared_object, once, start_over_in_neutral_profile};

/// With it the headers mark what a shared object is to show; everything else is hidden (`openssl/base.h`).
const SHOW_INTERFACE: &str = "-DBORINGSSL_SHARED_LIBRARY";

/// What CMake means by a release, without the debug information that the link would strip.
const RELEASE: &str = "-O3 -DNDEBUG -g0";

/// The header with the macros of the version, below the sources' folder.
const BASE: &str = "include/openssl/base.h";

/// A library of this kind. Its name, the package's version and the recipe are parts of the [`Key`].
#[derive(Clone, Copy, Debug)]
pub struct Boringssl<'a> {
    /// Becomes part of a folder's name: `aws-lc`.
    pub name: &'a str,
    /// The crate that carries the sources.
    pub package: &'a str,
    /// The folder with its `CMakeLists.txt`, below the package's. Nothing is written in there.
    pub sources: &'a str,
    /// Raise it when the recipe's result changes.
    pub recipe: &'a str,
    /// Options for CMake, with their values.
    pub options: &'a [(&'a str, &'a str)],
    /// Where CMake puts the static archives, below the folder in which it builds.
    pub archives: [&'a str; 2],
    /// See [`SharedObject::soname`].
    pub soname: &'a str,
}

impl Boringssl<'_> {
    /// Builds the library unless that was done before, and tells cargo where it is. Its version is what `version` makes
    /// of the macro with that name (`openssl/base.h`) and of the package's version.
    ///
    /// For the end of a build script's `main`: what goes wrong is printed. Call it before any other work, since it
    /// [starts the script over](start_over_in_neutral_profile).
    ///
    /// # Panics
    ///
    /// CMake fails; what it says stands above the message.
    pub fn hand_over(
        self,
        macro_name: &str,
        version: impl FnOnce(String, &str) -> String,
    ) -> ExitCode {
        tell(self.build(macro_name, version))
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
        let told = macro_value(&sources.join(BASE), macro_name)?;
        Ok((folder.join(OBJECT), version(told, &package.version)))
    }

    /// Compiles the library in the folder `work`, as its users do for a release, and links it into the shared object
    /// `output`.
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

/// The name of the C++ standard library. It is not linked statically: some distributions pack that form of it apart.
fn cxx_runtime() -> String {
    let usual = match cfg!(target_os = "linux") {
        true => "stdc++",
        false => "c++",
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
