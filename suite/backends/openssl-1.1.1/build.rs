//! Compiles OpenSSL 1.1.1 once for all profiles and links it into one shared object. Passes its
//! path and version to the crate.

use std::process::ExitCode;

use writeproof_build_once::{Libssl, require_openssl_tools};

fn main() -> ExitCode {
    Libssl {
        name: "openssl-1.1.1",
        source: openssl_src_111::version(),
        recipe: "1",
        soname: "libssl-writeproof-1.1.1.so",
        system_libraries: &["pthread", "dl"],
    }
    .hand_over(|work| {
        require_openssl_tools()?;
        let artifacts = openssl_src_111::Build::new().out_dir(work).build();
        Ok(artifacts.lib_dir().to_owned())
    })
}
