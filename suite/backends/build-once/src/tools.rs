//! Looks for the programs that a C library's own build calls, before it calls them, because what it says when one is
//! missing rarely helps.

use std::env;
use std::process::{Command, Stdio};

use crate::Error;

/// Modules that OpenSSL's `Configure` loads and that some distributions leave out of their `perl` package.
const PERL_MODULES: [&str; 3] = ["FindBin", "IPC::Cmd", "File::Copy"];

/// Checks that what OpenSSL's build needs beside a C compiler is there: perl with its standard modules, and make.
///
/// # Errors
///
/// Names what is missing and what to install.
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
            "perl with its standard modules (Fedora calls the package perl-core)",
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
    fn a_missing_program_is_named_with_what_to_install() {
        let error =
            require("no-such-program", &[], "no-such-program", "the build", "it").unwrap_err();

        assert_eq!(
            error.to_string(),
            "no-such-program was not found: the build needs it; install it"
        );
    }
}
