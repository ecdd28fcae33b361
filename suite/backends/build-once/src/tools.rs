//! Checks for the programs that a C library's build calls, because the build's own message rarely
//! helps when one is missing.

use std::env;
use std::process::{Command, Stdio};

use crate::Error;

/// Modules that OpenSSL's `Configure` loads and that some distributions do not include in their
/// `perl` package.
const PERL_MODULES: [&str; 3] = ["FindBin", "IPC::Cmd", "File::Copy"];

/// Checks for what OpenSSL's build needs besides a C compiler: perl with its standard modules, and
/// make.
///
/// # Errors
///
/// Names what is missing and the package to install.
pub fn require_openssl_tools() -> Result<(), Error> {
    // The same choice as in `openssl-src`.
    let perl = env::var("OPENSSL_SRC_PERL").or_else(|_| env::var("PERL"));
    let perl = perl.as_deref().unwrap_or("perl");
    require(perl, &["-e", "1"], perl, "OpenSSL's Configure", "perl")?;
    for module in PERL_MODULES {
        require(
            perl,
            &[&format!("-M{module}"), "-e", "1"],
            &format!("perl's module {module}"),
            "OpenSSL's Configure",
            "perl with its standard modules (package perl-core on Fedora)",
        )?;
    }
    let make = if cfg!(any(
        target_os = "freebsd",
        target_os = "openbsd",
        target_os = "dragonfly"
    )) {
        "gmake"
    } else {
        "make"
    };
    require(make, &["--version"], make, "OpenSSL's build", "GNU make")
}

/// Checks for what BoringSSL's build needs besides a C compiler: a C++ compiler, CMake, and the
/// program that CMake calls. Go and perl are needed only for its tests.
///
/// # Errors
///
/// Names what is missing and the package to install.
#[cfg(feature = "boringssl")]
pub(crate) fn require_boringssl_tools() -> Result<(), Error> {
    const BUILD: &str = "the build of BoringSSL and AWS-LC";
    let compiler = cc::Build::new().cpp(true).try_get_compiler()?;
    let compiler = compiler.path().to_string_lossy();
    let install = "a C++ compiler (g++ or clang++), or set CXX to its path";
    require(&compiler, &["--version"], &compiler, BUILD, install)?;
    // The same choices as in the crate `cmake` and in CMake itself.
    let cmake = env::var("CMAKE");
    let cmake = cmake.as_deref().unwrap_or("cmake");
    require(cmake, &["--version"], cmake, BUILD, "cmake 3.22 or later")?;
    match env::var("CMAKE_GENERATOR") {
        Err(_) => require("make", &["--version"], "make", "CMake", "GNU make"),
        // A user who chooses a generator has the program that it calls.
        Ok(_) => Ok(()),
    }
}

fn require(
    program: &str,
    arguments: &[&str],
    tool: &str,
    needed_by: &'static str,
    install: &'static str,
) -> Result<(), Error> {
    let status = Command::new(program)
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if status.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    Err(Error::NoTool {
        tool: tool.to_owned(),
        needed_by,
        install,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_program_is_named_with_what_to_install() {
        let error =
            require("no-such-program", &[], "no-such-program", "the build", "it").unwrap_err();

        assert_eq!(
            error.to_string(),
            "no-such-program was not found: the build needs it; install it"
        );
    }
}
