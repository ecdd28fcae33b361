//! Compiles BoringSSL once for all profiles and links it into one shared object. Passes its path
//! and version to the crate.

use std::process::ExitCode;

use writeproof_build_once::Boringssl;

fn main() -> ExitCode {
    Boringssl {
        name: "boringssl",
        package: "boring-sys",
        sources: "deps/boringssl",
        recipe: "1",
        options: &[],
        archives: ["libssl.a", "libcrypto.a"],
        soname: "libssl-writeproof-boringssl.so",
    }
    .hand_over("BORINGSSL_API_VERSION", |api, package| {
        format!("API {api} (boring-sys {package})")
    })
}
