//! Links static archives into one shared object that can be loaded together with another build of
//! the same library: it needs only the C library, and it calls its own functions even if another
//! object has functions of the same names.

use std::ffi::OsString;
use std::path::Path;

use crate::Error;

/// The input of the link.
#[derive(Clone, Copy, Debug)]
pub struct SharedObject<'a> {
    /// The name under which the loader knows it. Choose one that no system library has: the loader
    /// treats an object with the same name as already loaded.
    pub soname: &'a str,
    /// The static archives, each linked whole. They must be position-independent, or the link
    /// fails.
    pub archives: &'a [&'a Path],
    /// System libraries to link, without `lib`: `pthread`.
    pub system_libraries: &'a [&'a str],
}

/// Links archives into the shared object `output` and exports all their global symbols. For
/// platforms whose linker accepts GNU options (ELF: Linux, the BSDs).
///
/// # Errors
///
/// There is no C compiler, the archives need a symbol that neither they nor the system libraries
/// have, or they are not position-independent.
pub fn link_shared_object(output: &Path, object: &SharedObject<'_>) -> Result<(), Error> {
    let compiler = cc::Build::new()
        .warnings(false)
        .opt_level(2)
        .try_get_compiler()?;
    let mut command = compiler.to_command();
    command.arg("-shared").arg("-o").arg(output);
    command.arg(format!("-Wl,-soname,{}", object.soname));
    command.args([
        // Bind to its own functions, so that two versions in one process do not mix.
        "-Wl,-Bsymbolic",
        // Refuse code that is not position-independent.
        "-Wl,-z,text",
        // Never unloaded: OpenSSL registers destructors of threads, and they would point to
        // unmapped code.
        "-Wl,-z,nodelete",
        "-Wl,--whole-archive",
    ]);
    command.args(object.archives);
    command.args(if is_instrumented(&compiler) {
        // The functions of the instrumentation are in the executable, and its reports name lines.
        ["-Wl,-z,undefs", "-g"]
    } else {
        // Refuse undefined symbols.
        ["-Wl,-z,defs", "-Wl,--strip-debug"]
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

/// Whether `CFLAGS` request a sanitizer or a fuzzer's coverage.
fn is_instrumented(compiler: &cc::Tool) -> bool {
    let is_asked_for = |arg: &OsString| arg.to_string_lossy().starts_with("-fsanitize");
    compiler.args().iter().any(is_asked_for)
}
