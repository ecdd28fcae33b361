//! Injects the seeded faults: edits sources of OpenSSL 3.6, compiles these files and the shim, and
//! links them with the rest of the build that `openssl-sys` also uses. Passes the path of the
//! shared object to the crate.

#[path = "build/edit.rs"]
mod edit;
#[path = "src/table.rs"]
#[allow(dead_code, unreachable_pub, reason = "the crate uses the rest")]
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use writeproof_build_once::{
    Key, RecipeError, SharedObject, link_shared_object, once, start_over_in_neutral_profile,
};

use crate::edit::Numbered;
use crate::table::{Fault, Layer};

/// Raise it when the result of the recipe changes for a reason that the key does not include.
const RECIPE: &str = "1";

/// The inputs in addition to the sources of OpenSSL.
const OURS: [&str; 4] = ["faults.toml", "shim.c", "build/chosen.c", "build/chosen.h"];

/// The functions that the shim wraps, all of one file. In that file they are renamed with this
/// prefix.
const SHIMMED_FILE: &str = "ssl/ssl_lib.c";
const HONEST: &str = "honest_";
const SHIMMED: [&str; 10] = [
    "SSL_new",
    "SSL_set_bio",
    "SSL_do_handshake",
    "SSL_write",
    "SSL_write_ex",
    "SSL_read",
    "SSL_shutdown",
    "SSL_key_update",
    "SSL_get_error",
    "SSL_want",
];

/// The defines of OpenSSL's own build, as far as the files of libssl depend on them.
const DEFINES: [&str; 3] = ["NDEBUG", "OPENSSL_BUILDING_OPENSSL", "OPENSSL_PIC"];

const OBJECT: &str = "libssl.so";

fn main() -> ExitCode {
    match build() {
        Ok(object) => {
            println!("cargo::rerun-if-changed=build.rs");
            println!("cargo::rerun-if-changed=build/edit.rs");
            println!("cargo::rerun-if-changed=src/table.rs");
            OURS.iter()
                .for_each(|file| println!("cargo::rerun-if-changed={file}"));
            println!("cargo::rustc-env=LIBSSL={}", object.display());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<PathBuf, RecipeError> {
    start_over_in_neutral_profile()?;
    let openssl = openssl_src::Build::new().build();
    // The name of the folder has the hash of all inputs of the build.
    let build = openssl.lib_dir().ancestors().nth(2);
    let build = build.and_then(Path::file_name).unwrap_or_default();
    let mut key = Key::of_c_build("faulty")?
        .with("openssl", &build.to_string_lossy())
        .with("edit", include_str!("build/edit.rs"))
        .with("recipe", RECIPE);
    for file in OURS {
        key = key.with(file, &read(file.as_ref())?);
    }
    let folder = once(&key, |folder| {
        let work = folder.join("work");
        fs::create_dir(&work)?;
        let injection = Injection {
            faults: table::parse(&read("faults.toml".as_ref())?)?,
            sources: openssl_src::source_dir(),
            headers: openssl.include_dir().to_owned(),
            libraries: openssl.lib_dir().to_owned(),
            work,
        };
        injection.link(&folder.join(OBJECT))?;
        fs::remove_dir_all(&injection.work)?;
        Ok(())
    })?;
    Ok(folder.join(OBJECT))
}

fn read(path: &Path) -> Result<String, RecipeError> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()).into())
}

/// The inputs of the link.
struct Injection {
    faults: Vec<Fault>,
    /// The sources of OpenSSL.
    sources: PathBuf,
    /// The public headers of its build; some are generated.
    headers: PathBuf,
    libraries: PathBuf,
    /// An empty folder.
    work: PathBuf,
}

impl Injection {
    fn link(&self, object: &Path) -> Result<(), RecipeError> {
        self.check_shim()?;
        let edited = self.edited()?;
        fs::write(self.work.join("names.h"), self.names())?;
        fs::write(self.work.join("numbers.h"), self.numbers())?;
        let ours = ["shim.c", "build/chosen.c"].map(PathBuf::from);
        let sources: Vec<&PathBuf> = edited.values().chain(&ours).collect();
        let objects = self.compile(&sources)?;
        let rest = self.without(edited.keys())?;
        let crypto = self.libraries.join("libcrypto.a");
        let mut archives: Vec<&Path> = objects.iter().map(PathBuf::as_path).collect();
        archives.extend([rest.as_path(), crypto.as_path()]);
        link_shared_object(
            object,
            &SharedObject {
                soname: "libssl-writeproof-faulty.so",
                archives: &archives,
                system_libraries: &["pthread", "dl"],
            },
        )?;
        Ok(())
    }

    /// All faults of the shim are in `shim.c`; the compiler rejects any others.
    fn check_shim(&self) -> Result<(), RecipeError> {
        let shim = read("shim.c".as_ref())?;
        let of_shim = self.faults.iter().filter(|f| f.layer == Layer::Shim);
        let missing = of_shim.map(|fault| constant(&fault.name));
        let missing: Vec<_> = missing
            .filter(|name| !shim.contains(&format!("FAULT({name})")))
            .collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(format!("shim.c never asks for {}", missing.join(", ")).into())
        }
    }

    /// Writes the edited files. Returns their paths, by the paths of the originals.
    fn edited(&self) -> Result<BTreeMap<&str, PathBuf>, RecipeError> {
        let edits = self.faults.iter().enumerate().flat_map(|(index, fault)| {
            let numbered = move |edit| Numbered {
                fault: index + 1,
                name: &fault.name,
                edit,
            };
            fault.edits.iter().map(numbered)
        });
        let mut by_file: BTreeMap<&str, Vec<_>> = BTreeMap::from([(SHIMMED_FILE, Vec::new())]);
        for numbered in edits {
            let of_file = by_file.entry(&numbered.edit.file).or_default();
            of_file.push(numbered);
        }
        let mut written = BTreeMap::new();
        for (file, edits) in by_file {
            let text = edit::apply(&read(&self.sources.join(file))?, &edits)?;
            let path = self.work.join(file);
            fs::create_dir_all(path.parent().unwrap_or(&self.work))?;
            // Compiler errors name the original file, relative to the sources' folder.
            fs::write(&path, format!("#line 1 \"{file}\"\n{text}"))?;
            written.insert(file, path);
        }
        Ok(written)
    }

    /// The names of all faults, in the order of their numbers, as a C list.
    fn names(&self) -> String {
        let line = |fault: &Fault| format!("\"{}\",\n", fault.name);
        self.faults.iter().map(line).collect()
    }

    /// Constants with the numbers of all faults.
    fn numbers(&self) -> String {
        let line = |(index, fault): (usize, &Fault)| {
            format!(
                "enum {{ FAULT_{} = {} }};\n",
                constant(&fault.name),
                index + 1
            )
        };
        self.faults.iter().enumerate().map(line).collect()
    }

    /// Compiles all files in parallel.
    fn compile(&self, files: &[&PathBuf]) -> Result<Vec<PathBuf>, RecipeError> {
        let mut objects = BTreeSet::new();
        let mut running = Vec::new();
        for file in files {
            let object = self.work.join(file.file_name().unwrap_or_default());
            let object = object.with_extension("o");
            if !objects.insert(object.clone()) {
                return Err(format!("two files are named {}", file.display()).into());
            }
            let mut command = self.compiler(file)?;
            command.arg("-c").arg(file).arg("-o").arg(&object);
            command.stdout(Stdio::null()).stderr(Stdio::piped());
            running.push((file, command.spawn()?));
        }
        for (file, child) in running {
            let output = child.wait_with_output()?;
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                return Err(format!("{} does not compile:\n{said}", file.display()).into());
            }
        }
        Ok(objects.into_iter().collect())
    }

    fn compiler(&self, file: &Path) -> Result<Command, RecipeError> {
        let mut command = cc::Build::new()
            .warnings(false)
            .opt_level(2)
            .try_get_compiler()?
            .to_command();
        command.args(["-std=gnu11", "-include", "build/chosen.h"]);
        command.args(DEFINES.map(|name| format!("-D{name}")));
        let original = file.strip_prefix(&self.work).ok();
        if original == Some(Path::new(SHIMMED_FILE)) {
            command.args(SHIMMED.map(|name| format!("-D{name}={HONEST}{name}")));
        }
        // The original includes headers relative to its own folder.
        let folder = original.and_then(Path::parent);
        command
            .arg("-I")
            .arg(self.sources.join(folder.unwrap_or("ssl".as_ref())));
        command.arg("-I").arg(&self.work);
        command.arg("-I").arg(self.sources.join("include"));
        command.arg("-I").arg(&self.sources);
        command.arg("-I").arg(&self.headers);
        Ok(command)
    }

    /// A copy of `libssl.a` without the members that are compiled from these files.
    fn without<'f>(
        &self,
        files: impl Iterator<Item = &'f &'f str>,
    ) -> Result<PathBuf, RecipeError> {
        let rest = self.work.join("rest.a");
        fs::copy(self.libraries.join("libssl.a"), &rest)?;
        let member = |file: &&str| {
            let stem = Path::new(file).file_stem().unwrap_or_default();
            format!("libssl-lib-{}.o", stem.to_string_lossy())
        };
        let mut command = cc::Build::new().try_get_archiver()?;
        command.arg("d").arg(&rest).args(files.map(member));
        if command.status()?.success() {
            Ok(rest)
        } else {
            Err(format!("{command:?} failed").into())
        }
    }
}

/// `short-retry-wraps` as a C identifier.
fn constant(name: &str) -> String {
    name.replace('-', "_")
}
