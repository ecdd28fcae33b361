//! Compiles OpenSSL 3.6 once for all profiles and links it into one shared object. Passes its path
//! and version to the crate.

use std::process::ExitCode;

use writeproof_build_once::Libssl;

fn main() -> ExitCode {
    Libssl {
        // Not `openssl-3.6`: that folder has the static archives that it is made of.
        name: "shared-openssl-3.6",
        source: openssl_src::version(),
        recipe: "1",
        soname: "libssl-writeproof-3.6.so",
        system_libraries: &["pthread", "dl"],
    }
    // Nothing is compiled in this folder: the replacement crate has a permanent one of its own.
    .hand_over(|_| Ok(openssl_src::Build::new().build().lib_dir().to_owned()))
}
