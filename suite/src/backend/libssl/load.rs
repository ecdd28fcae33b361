//! Loads a libssl, after its libcrypto, and checks which files the symbols come from: the dynamic
//! loader silently reuses a library that is already loaded under the same name.
//!
//! Takes a [`LibrarySource`], and yields the addresses of functions by name, and their files.

#![allow(unsafe_code)] // The dynamic loader is foreign.

use std::ffi::{CStr, OsStr, c_int, c_void};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_LOCAL, RTLD_NOW};

use super::LoadError;
use super::elf::SharedObject;
use super::family::{self, Family};
use super::source::{Libcrypto, LibcryptoOrigin, LibrarySource};

/// Functions of libcrypto by which its file is determined, in the order in which they are tried.
const OF_LIBCRYPTO: [&str; 4] = ["ERR_get_error", "BIO_new", "ERR_clear_error", "BIO_free"];

/// Prefixes of libcrypto's symbols: a libssl that needs such symbols needs a libcrypto.
const FAMILIES: [&str; 6] = ["BIO_", "CRYPTO_", "ERR_", "EVP_", "OPENSSL_", "X509_"];

/// Names of a libcrypto of the system, for a libssl that does not declare the one it needs.
const SYSTEM_LIBCRYPTOS: [&str; 3] = ["libcrypto.so.3", "libcrypto.so.1.1", "libcrypto.so"];

/// All loaded libraries. None is unloaded, because a libssl registers exit handlers. The list keeps
/// them reachable for LeakSanitizer, which runs at the end of a fuzz target.
static LOADED: Mutex<Vec<&'static Library>> = Mutex::new(Vec::new());

/// Files that were loaded as a libcrypto and are not the system's: no other library may get one of
/// them in place of the system's.
static NON_SYSTEM_LIBCRYPTOS: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

/// Whether a libcrypto has added its symbols to the global scope: libraries that are loaded later
/// then prefer their own symbols.
static LIBCRYPTO_IS_GLOBAL: AtomicBool = AtomicBool::new(false);

/// The flag of dlopen(3) that makes a library prefer its own symbols to the global ones; only the
/// GNU C library has it.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
const OWN_SYMBOLS_FIRST: c_int = libc::RTLD_DEEPBIND;
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
const OWN_SYMBOLS_FIRST: c_int = 0;

/// A loaded libssl. It is never unloaded: a libssl registers handlers that run when the process
/// exits.
pub(super) struct Opened {
    /// The information in its file.
    pub(super) object: SharedObject,
    /// The file, with symbolic links resolved.
    pub(super) path: PathBuf,
    libssl: &'static Library,
    libcrypto: Option<Intended>,
}

/// The intended libcrypto, before it is checked which one is used.
struct Intended {
    /// `None` for the system's.
    path: Option<PathBuf>,
    found: LibcryptoOrigin,
    library: &'static Library,
}

/// Where the symbols of a library are visible.
#[derive(Clone, Copy, PartialEq, Eq)]
enum SymbolScope {
    /// Through its handle, and in libraries that need it by name.
    Own,
    /// In everything that is loaded later.
    Process,
}

impl Opened {
    /// Loads the library that `source` names.
    pub(super) fn open(source: &LibrarySource) -> Result<Self, LoadError> {
        let search = Search::of(source)?;
        search.others()?;
        let mut libcrypto = search.libcrypto()?;
        let mut opened = dlopen(&search.path, SymbolScope::Own);
        if opened.is_err() && libcrypto.is_none() {
            // It does not declare that it needs one, but may.
            libcrypto = search.undeclared_libcrypto();
            if libcrypto.is_some() {
                opened = dlopen(&search.path, SymbolScope::Own);
            }
        }
        let libssl = opened.map_err(|reason| search.refused(reason))?;
        Ok(Self {
            object: search.object,
            path: search.path,
            libssl,
            libcrypto,
        })
    }

    /// The address of the function `name`, in the libssl or its libcrypto.
    pub(super) fn address(&self, name: &str) -> Option<*mut c_void> {
        let crypto = self.libcrypto.as_ref().map(|one| one.library);
        [Some(self.libssl), crypto]
            .into_iter()
            .flatten()
            .find_map(|library| address(library, name))
    }

    /// The family of its file, if its functions have this prefix.
    pub(super) fn family(&self, prefix: Option<&str>) -> Option<Family> {
        let bytes = fs::read(&self.path).ok()?;
        family::recognise(&self.object, prefix, &bytes)
    }

    /// The libcrypto whose functions `find` returns.
    ///
    /// # Errors
    ///
    /// [`LoadError`], if it is not the intended one.
    pub(super) fn libcrypto(
        &self,
        find: &dyn Fn(&str) -> Option<*mut c_void>,
    ) -> Result<Libcrypto, LoadError> {
        let seen = OF_LIBCRYPTO
            .iter()
            .find_map(|name| find(name))
            .and_then(file_of);
        let meant = self.libcrypto.as_ref();
        let found = match (&seen, meant) {
            (Some(seen), Some(meant)) => self.compare(seen, meant)?,
            (Some(seen), None) if same_file(seen, &self.path) => LibcryptoOrigin::Inside,
            (Some(_), None) => LibcryptoOrigin::System,
            (None, Some(meant)) if meant.found == LibcryptoOrigin::Named => {
                return Err(self.unused(meant, None));
            }
            (None, _) => LibcryptoOrigin::Nowhere,
        };
        if matches!(
            found,
            LibcryptoOrigin::Named | LibcryptoOrigin::OwnDependency | LibcryptoOrigin::SameFolder
        ) {
            not_the_systems().extend(seen.clone());
        }
        Ok(Libcrypto { path: seen, found })
    }

    fn compare(&self, seen: &Path, meant: &Intended) -> Result<LibcryptoOrigin, LoadError> {
        match (&meant.path, meant.found) {
            (Some(path), found) if same_file(seen, path) => Ok(found),
            (Some(_), LibcryptoOrigin::Named) => Err(self.unused(meant, Some(seen))),
            (_, _) if same_file(seen, &self.path) => Ok(LibcryptoOrigin::Inside),
            (None, found) if !not_the_systems().iter().any(|one| same_file(seen, one)) => Ok(found),
            (path, _) => Err(LoadError::NameTaken {
                path: self.path.clone(),
                meant: path.clone(),
                taken: seen.to_owned(),
            }),
        }
    }

    fn unused(&self, meant: &Intended, used: Option<&Path>) -> LoadError {
        LoadError::LibcryptoUnused {
            path: self.path.clone(),
            named: meant.path.clone().unwrap_or_default(),
            used: used.unwrap_or(&self.path).to_owned(),
        }
    }

    /// Checks that `address`, which was found for the function `name` of the libssl's file, belongs
    /// to that file.
    ///
    /// # Errors
    ///
    /// [`LoadError::OtherFile`], if it belongs to another file.
    pub(super) fn check(&self, name: &str, address: *mut c_void) -> Result<(), LoadError> {
        match file_of(address) {
            Some(file) if self.object.exports.contains(name) && !same_file(&file, &self.path) => {
                Err(LoadError::OtherFile {
                    path: self.path.clone(),
                    answers: file,
                })
            }
            _ => Ok(()),
        }
    }
}

/// Where the libraries that a libssl needs are searched for.
struct Search<'s> {
    source: &'s LibrarySource,
    object: SharedObject,
    path: PathBuf,
    /// The folder of the file, and that of the symbolic link by which it was named.
    same_folder: Vec<PathBuf>,
}

impl<'s> Search<'s> {
    fn of(source: &'s LibrarySource) -> Result<Self, LoadError> {
        let object = read(&source.path)?;
        let path = canonical(&source.path)?;
        let link = source.path.parent().map(|folder| match folder {
            here if here.as_os_str().is_empty() => PathBuf::from("."),
            folder => folder.to_owned(),
        });
        let own = path.parent().map(Path::to_owned);
        Ok(Self {
            source,
            object,
            path,
            same_folder: [own, link].into_iter().flatten().collect(),
        })
    }

    /// The name of the libcrypto that it declares as needed.
    fn needed_libcrypto(&self) -> Option<&str> {
        let mut names = self.object.needed.iter().map(String::as_str);
        names.find(|name| name.to_lowercase().contains("crypto"))
    }

    /// The libcrypto to use; `None` if the libssl does not declare one and the user names none.
    fn libcrypto(&self) -> Result<Option<Intended>, LoadError> {
        let needed = self.needed_libcrypto();
        if let Some(named) = &self.source.libcrypto {
            return self.named(named, needed).map(Some);
        }
        let Some(name) = needed else {
            return Ok(None);
        };
        let own = self.in_own_folders(name);
        let found = own.map(|path| (path, LibcryptoOrigin::OwnDependency));
        let found = found.or_else(|| Some((self.same_folder(name)?, LibcryptoOrigin::SameFolder)));
        if let Some((path, found)) = found {
            // Once it is loaded, the dynamic loader uses it for this name.
            let library = dlopen(&path, SymbolScope::Own).map_err(|reason| LoadError::Open {
                path: path.clone(),
                reason,
            })?;
            return Ok(Some(Intended {
                path: Some(path),
                found,
                library,
            }));
        }
        let library = dlopen(Path::new(name), SymbolScope::Own)
            .map_err(|reason| self.no_dependency(name, reason))?;
        Ok(Some(Intended {
            path: None,
            found: LibcryptoOrigin::System,
            library,
        }))
    }

    fn named(&self, named: &Path, needed: Option<&str>) -> Result<Intended, LoadError> {
        let object = read(named)?;
        let path = canonical(named)?;
        let scope = match needed {
            // The dynamic loader reuses a loaded library with this name.
            Some(name) if object.soname.as_deref() == Some(name) => SymbolScope::Own,
            Some(name) => {
                return Err(LoadError::LibcryptoName {
                    path: self.path.clone(),
                    libcrypto: path,
                    needed: name.to_owned(),
                    name: object.soname.unwrap_or_else(|| "nothing".to_owned()),
                });
            }
            None if self.wanted().is_empty() => SymbolScope::Own,
            None => SymbolScope::Process,
        };
        let library = dlopen(&path, scope).map_err(|reason| LoadError::Open {
            path: path.clone(),
            reason,
        })?;
        Ok(Intended {
            path: Some(path),
            found: LibcryptoOrigin::Named,
            library,
        })
    }

    /// A libcrypto that exports all symbols that the libssl needs of one without declaring it: from
    /// its folder, or the system's. It is loaded so that the libssl finds its symbols.
    fn undeclared_libcrypto(&self) -> Option<Intended> {
        let names = self.wanted();
        if names.is_empty() {
            return None;
        }
        let same_folder = self.same_folder.iter().flat_map(|folder| {
            let mut files: Vec<PathBuf> = fs::read_dir(folder)
                .into_iter()
                .flatten()
                .filter_map(|entry| Some(entry.ok()?.path()))
                .filter(|path| is_libcrypto(path))
                .collect();
            files.sort();
            files
        });
        let has_all = |path: &PathBuf| {
            let object = SharedObject::read(path).ok();
            object.is_some_and(|object| names.iter().all(|&name| object.exports.contains(name)))
        };
        for path in same_folder.filter(has_all) {
            let Ok(path) = path.canonicalize() else {
                continue;
            };
            if let Ok(library) = dlopen(&path, SymbolScope::Process) {
                return Some(Intended {
                    path: Some(path),
                    found: LibcryptoOrigin::SameFolder,
                    library,
                });
            }
        }
        for name in SYSTEM_LIBCRYPTOS.map(Path::new) {
            let library = dlopen(name, SymbolScope::Own).ok();
            if library.is_some_and(|it| names.iter().all(|name| address(it, name).is_some())) {
                return Some(Intended {
                    path: None,
                    found: LibcryptoOrigin::System,
                    library: dlopen(name, SymbolScope::Process).ok()?,
                });
            }
        }
        None
    }

    /// The libcrypto symbols that the libssl needs.
    fn wanted(&self) -> Vec<&str> {
        let of_libcrypto = |name: &str| {
            let prefix = self.source.prefix.as_deref().unwrap_or_default();
            let plain = name.strip_prefix(prefix).unwrap_or(name);
            FAMILIES.iter().any(|family| plain.starts_with(family))
        };
        let names = self.object.undefined.iter().map(String::as_str);
        names.filter(|name| of_libcrypto(name)).collect()
    }

    /// Loads the other needed libraries that are only in its folder, where the dynamic loader does
    /// not look.
    fn others(&self) -> Result<(), LoadError> {
        let crypto = self.needed_libcrypto();
        for name in &self.object.needed {
            let name = name.as_str();
            if Some(name) == crypto || self.in_own_folders(name).is_some() {
                continue;
            }
            let Some(path) = self.same_folder(name) else {
                continue;
            };
            if dlopen(Path::new(name), SymbolScope::Own).is_err() {
                dlopen(&path, SymbolScope::Own)
                    .map_err(|reason| LoadError::Open { path, reason })?;
            }
        }
        Ok(())
    }

    /// A file of this name in the folders that the libssl lists (ld.so(8), "Dynamic string
    /// tokens").
    fn in_own_folders(&self, name: &str) -> Option<PathBuf> {
        let origin = self.path.parent()?.to_str()?;
        self.object.folders.iter().find_map(|folder| {
            let folder = folder
                .replace("${ORIGIN}", origin)
                .replace("$ORIGIN", origin);
            library_at(&Path::new(&folder).join(name))
        })
    }

    fn same_folder(&self, name: &str) -> Option<PathBuf> {
        self.same_folder
            .iter()
            .find_map(|folder| library_at(&folder.join(name)))
    }

    /// The error for a libssl that the dynamic loader refused, with advice.
    fn refused(&self, reason: String) -> LoadError {
        let missing = self.object.needed.iter().find_map(|name| {
            let there = self.in_own_folders(name).is_some() || self.same_folder(name).is_some();
            let error = dlopen(Path::new(name), SymbolScope::Own).err()?;
            (!there).then(|| self.no_dependency(name, error))
        });
        missing.unwrap_or_else(|| {
            if self.wanted().is_empty() {
                LoadError::Open {
                    path: self.source.path.clone(),
                    reason,
                }
            } else {
                LoadError::NoLibcrypto {
                    path: self.source.path.clone(),
                    reason,
                }
            }
        })
    }

    fn no_dependency(&self, name: &str, reason: String) -> LoadError {
        LoadError::NoDependency {
            path: self.source.path.clone(),
            missing: name.to_owned(),
            reason,
        }
    }
}

fn read(path: &Path) -> Result<SharedObject, LoadError> {
    SharedObject::read(path).map_err(|problem| LoadError::File {
        path: path.to_owned(),
        problem,
    })
}

/// An absolute path: dlopen would search a bare file name in the system's folders.
fn canonical(path: &Path) -> Result<PathBuf, LoadError> {
    path.canonicalize().map_err(|error| LoadError::Open {
        path: path.to_owned(),
        reason: error.to_string(),
    })
}

/// The resolved file of `path`, if it is a shared object for this machine.
fn library_at(path: &Path) -> Option<PathBuf> {
    SharedObject::read(path).ok()?;
    path.canonicalize().ok()
}

/// `libcrypto.so`, `libcrypto.so.3`, `libcrypto-2f1b.so.1.1`.
fn is_libcrypto(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.starts_with("libcrypto") && name.contains(".so"))
}

fn same_file(one: &Path, other: &Path) -> bool {
    match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}

fn not_the_systems() -> MutexGuard<'static, Vec<PathBuf>> {
    NON_SYSTEM_LIBCRYPTOS
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

/// Loads a library for the rest of the process, with its dependencies; a name without a slash is
/// searched for in the system's folders. The error is the dynamic loader's message.
fn dlopen(file: &Path, scope: SymbolScope) -> Result<&'static Library, String> {
    let flags: c_int = match scope {
        SymbolScope::Process => {
            LIBCRYPTO_IS_GLOBAL.store(true, Ordering::Relaxed);
            RTLD_NOW | RTLD_GLOBAL
        }
        SymbolScope::Own if LIBCRYPTO_IS_GLOBAL.load(Ordering::Relaxed) => {
            RTLD_NOW | RTLD_LOCAL | OWN_SYMBOLS_FIRST
        }
        SymbolScope::Own => RTLD_NOW | RTLD_LOCAL,
    };
    // SAFETY: loading a library runs its code, which is what the user asked for.
    match unsafe { Library::open(Some(file), flags) } {
        Ok(library) => {
            let library: &'static Library = Box::leak(Box::new(library));
            LOADED
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(library);
            Ok(library)
        }
        Err(error) => Err(words(&error)),
    }
}

/// The dynamic loader's message is the source of the error.
fn words(error: &libloading::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => cause.to_string(),
        None => error.to_string(),
    }
}

fn address(library: &Library, name: &str) -> Option<*mut c_void> {
    // SAFETY: only the address is taken here; its type is given where it is used.
    let symbol = unsafe { library.get::<*mut c_void>(name.as_bytes()) }.ok()?;
    Some(symbol.into_raw()).filter(|address| !address.is_null())
}

/// The file, with symbolic links resolved, that contains the code at `address`.
fn file_of(address: *mut c_void) -> Option<PathBuf> {
    let mut place = libc::Dl_info {
        dli_fname: ptr::null(),
        dli_fbase: ptr::null_mut(),
        dli_sname: ptr::null(),
        dli_saddr: ptr::null_mut(),
    };
    // SAFETY: any address is allowed, and `place` has room for the result.
    let known = unsafe { libc::dladdr(address, &raw mut place) } != 0;
    if !known || place.dli_fname.is_null() {
        return None;
    }
    // SAFETY: the name is a string of the dynamic loader, which lives as long as the library does.
    let name = unsafe { CStr::from_ptr(place.dli_fname) };
    let path = PathBuf::from(OsStr::from_bytes(name.to_bytes()));
    Some(path.canonicalize().unwrap_or(path))
}
