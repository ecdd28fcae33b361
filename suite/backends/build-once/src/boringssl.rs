//! BoringSSL and its descendants: C and C++ sources with CMake files of their own. In flows the sources' folder, out
//! flows one shared object with `libssl` and `libcrypto` in it.

use std::env;
use std::fs;
use std::path::Path;

use crate::tools::require_boringssl_tools;
use crate::{Error, SharedObject, link_shared_object};

/// With it the headers mark what a shared object is to show; everything else is hidden (`openssl/base.h`).
const SHOW_INTERFACE: &str = "-DBORINGSSL_SHARED_LIBRARY";

/// What CMake means by a release, without the debug information that the link would strip.
const RELEASE: &str = "-O3 -DNDEBUG -g0";

/// A library of this kind.
#[derive(Clone, Copy, Debug)]
pub struct Boringssl<'a> {
    /// The folder with its `CMakeLists.txt`. Nothing is written in there.
    pub sources: &'a Path,
    /// Options for CMake, with their values.
    pub options: &'a [(&'a str, &'a str)],
    /// Where CMake puts the static archives, below the folder in which it builds.
    pub archives: [&'a str; 2],
    /// See [`SharedObject::soname`].
    pub soname: &'a str,
}

impl Boringssl<'_> {
    /// Compiles the library in the folder `work`, as its users do for a release, and links it into the shared object
    /// `output`.
    ///
    /// # Errors
    ///
    /// A tool is missing, or the link fails.
    ///
    /// # Panics
    ///
    /// CMake fails; what it says stands above the message.
    pub fn build(&self, work: &Path, output: &Path) -> Result<(), Error> {
        require_boringssl_tools()?;
        fs::create_dir_all(work).map_err(Error::file("create", work))?;
        let mut cmake = cmake::Config::new(self.sources);
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

    /// The value of a macro in one of the sources' headers, without quotes.
    ///
    /// # Errors
    ///
    /// The header cannot be read, or does not define it.
    pub fn macro_value(&self, header: &str, name: &str) -> Result<String, Error> {
        let header = self.sources.join(header);
        let text = fs::read_to_string(&header).map_err(Error::file("read", &header))?;
        defined(&text, name).ok_or_else(|| Error::NotDefined {
            name: name.to_owned(),
            header,
        })
    }
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
    fn a_macro_is_found_by_its_whole_name_and_loses_its_quotes() {
        let header = "#define VERSION_NUMBER 5\n#define VERSION \"5.12.0\"\n";

        assert_eq!(defined(header, "VERSION").as_deref(), Some("5.12.0"));
        assert_eq!(defined(header, "VERSION_NUMBER").as_deref(), Some("5"));
        assert_eq!(defined(header, "NUMBER"), None);
    }
}
