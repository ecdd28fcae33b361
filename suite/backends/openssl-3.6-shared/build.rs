//! Compiles OpenSSL 3.6 once for all profiles and links it into one shared object, whose path and version it hands to the
//! crate.

use std::process::ExitCode;

use writeproof_build_once::Libssl;

fn main() -> ExitCode {
    Libssl {
        // Not `openssl-3.6`: that is the name of the static archives that it is made of.
        name: "shared-openssl-3.6",
        source: openssl_src::version(),
        recipe: "1",
        soname: "libssl-writeproof-3.6.so",
        system_libraries: &["pthread", "dl"],
    }
    // Nothing is compiled in the folder: the stand-in has one of its own, which stays.
    .hand_over(|_| Ok(openssl_src::Build::new().build().lib_dir().to_owned()))
}
