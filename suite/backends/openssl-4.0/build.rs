//! Compiles OpenSSL 4.0 once for all profiles and links it into one shared object. Passes its path
//! and version to the crate.

use std::process::ExitCode;

use writeproof_build_once::{Libssl, require_openssl_tools};

fn main() -> ExitCode {
    Libssl {
        name: "openssl-4.0",
        source: openssl_src_400::version(),
        recipe: "1",
        soname: "libssl-writeproof-4.0.so",
        system_libraries: &["pthread", "dl"],
    }
    .hand_over(|work| {
        require_openssl_tools()?;
        let artifacts = openssl_src_400::Build::new().out_dir(work).try_build()?;
        Ok(artifacts.lib_dir().to_owned())
    })
}
