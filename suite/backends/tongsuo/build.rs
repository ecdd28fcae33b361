//! Compiles Tongsuo once for all profiles and links it into one shared object. Passes its path and
//! version to the crate.

use std::process::ExitCode;

use writeproof_build_once::{Libssl, require_openssl_tools};

fn main() -> ExitCode {
    Libssl {
        name: "tongsuo",
        source: tongsuo_src::version(),
        recipe: "1",
        soname: "libssl-writeproof-tongsuo.so",
        system_libraries: &["pthread", "dl"],
    }
    .hand_over(|work| {
        require_openssl_tools()?;
        let artifacts = tongsuo_src::Build::new().out_dir(work).try_build()?;
        Ok(artifacts.lib_dir().to_owned())
    })
}
