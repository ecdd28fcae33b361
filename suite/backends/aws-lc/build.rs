//! Compiles AWS-LC once for all profiles and links it into one shared object. Passes its path and
//! version to the crate.

use std::process::ExitCode;

use writeproof_build_once::Boringssl;

/// Without Go and perl the build uses the assembly in the package instead of generating it.
const OPTIONS: [(&str, &str); 4] = [
    ("BUILD_TOOL", "OFF"),
    ("DISABLE_GO", "ON"),
    ("DISABLE_PERL", "ON"),
    ("ENABLE_SOURCE_MODIFICATION", "OFF"),
];

fn main() -> ExitCode {
    Boringssl {
        name: "aws-lc",
        package: "aws-lc-sys",
        sources: "aws-lc",
        recipe: "1",
        options: &OPTIONS,
        archives: ["ssl/libssl.a", "crypto/libcrypto.a"],
        soname: "libssl-writeproof-aws-lc.so",
    }
    .hand_over("AWSLC_VERSION_NUMBER_STRING", |version, _| version)
}
