//! From static archives to one shared object that can be loaded beside another build of the same library: it needs
//! nothing from outside but the C library, and it calls its own functions even where somebody else's have the same
//! names.

use std::ffi::OsString;
use std::path::Path;

use crate::Error;

/// What to link.
#[derive(Clone, Copy, Debug)]
pub struct SharedObject<'a> {
    /// The name the loader knows it by. Choose one that no system library has: the loader takes an object that is
    /// already loaded under the same name for the same object.
    pub soname: &'a str,
    /// The static archives, each taken whole. They must be position-independent; the link fails otherwise.
    pub archives: &'a [&'a Path],
    /// System libraries to link to, without `lib`: `pthread`.
    pub system_libraries: &'a [&'a str],
}

/// Links archives into the shared object `output`, with all their global symbols visible. For platforms whose linker
/// understands GNU options (ELF: Linux, the BSDs).
///
/// # Errors
///
/// There is no C compiler, the archives need something that neither they nor the system libraries have, or they are not
/// position-independent.
pub fn link_shared_object(output: &Path, object: &SharedObject<'_>) -> Result<(), Error> {
    let compiler = cc::Build::new()
        .warnings(false)
        .opt_level(2)
        .try_get_compiler()?;
    let mut command = compiler.to_command();
    command.arg("-shared").arg("-o").arg(output);
    command.arg(format!("-Wl,-soname,{}", object.soname));
    command.args([
        // Its own functions first, so that two versions in one process do not mix.
        "-Wl,-Bsymbolic",
        // Refuse code that is not position-independent.
        "-Wl,-z,text",
        // Never really unloaded: OpenSSL leaves destructors of threads behind, and they would point into nothing.
        "-Wl,-z,nodelete",
        "-Wl,--whole-archive",
    ]);
    command.args(object.archives);
    command.args(match is_instrumented(&compiler) {
        // What the instrumentation calls is in the executable, and its reports name lines.
        true => ["-Wl,-z,undefs", "-g"],
        // Refuse symbols that nothing provides.
        false => ["-Wl,-z,defs", "-Wl,--strip-debug"],
    });
    command.args(["-Wl,--no-whole-archive", "-Wl,--as-needed"]);
    command.args(
        object
            .system_libraries
            .iter()
            .map(|name| format!("-l{name}")),
    );

    let result = command
        .output()
        .map_err(Error::file("run", command.get_program().as_ref()))?;
    if result.status.success() {
        return Ok(());
    }
    Err(Error::Command {
        action: "link the archives into a shared object",
        command: format!("{command:?}"),
        status: result.status.to_string(),
        stderr: String::from_utf8_lossy(&result.stderr).into_owned(),
    })
}

/// Whether `CFLAGS` ask for a sanitizer, or for the coverage that a fuzzer reads.
fn is_instrumented(compiler: &cc::Tool) -> bool {
    let is_asked_for = |arg: &OsString| arg.to_string_lossy().starts_with("-fsanitize");
    compiler.args().iter().any(is_asked_for)
}
