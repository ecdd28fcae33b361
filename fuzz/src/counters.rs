//! Whether libFuzzer sees into the libraries: the coverage counters that clang has put into the shared objects of this
//! process (<https://clang.llvm.org/docs/SanitizerCoverage.html>, inline 8-bit counters), how many there are, and how
//! many an input has reached yet.
#![allow(unsafe_code)] // Reads the memory of other objects in this process.

use std::ffi::{CStr, OsStr, c_int, c_void};
use std::fmt;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::ptr;

use object::read::elf::ElfFile64;
use object::{Object as _, ObjectSection as _};

/// Where clang puts the counters, a byte for each edge.
const SECTION: &str = "__sancov_cntrs";

/// The counters of one shared object.
#[derive(Debug)]
pub(crate) struct Counters {
    path: PathBuf,
    /// Null if there are none.
    first: *const u8,
    /// Whether an input has reached it.
    reached: Vec<bool>,
}

// SAFETY: the counters are bytes of an object that is never unloaded, read as atomically as bytes are.
unsafe impl Send for Counters {}

/// A shared object in this process.
struct Loaded {
    path: PathBuf,
    /// What is added to the addresses in its file.
    bias: u64,
}

impl Counters {
    /// Those of the shared objects in this process that are a `libssl` of the suite's, by the files' names, also where
    /// there are none.
    pub(crate) fn of_this_process() -> Vec<Self> {
        let mut loaded: Vec<Loaded> = Vec::new();
        // SAFETY: the function gets the pointer that stands beside it, while it is valid.
        unsafe { libc::dl_iterate_phdr(Some(note), ptr::from_mut(&mut loaded).cast()) };
        let ours = |object: &Loaded| is_a_libssl(&object.path);
        loaded.into_iter().filter(ours).map(Self::of).collect()
    }

    fn of(object: Loaded) -> Self {
        // A file that cannot be read any more has no counters that anybody could find.
        let (address, count) = section(&object.path).unwrap_or_default();
        let first = match count {
            0 => ptr::null(),
            _ => ptr::with_exposed_provenance((object.bias + address) as usize),
        };
        Self {
            path: object.path,
            first,
            reached: vec![false; count],
        }
    }

    /// Takes note of what the present input has reached. libFuzzer clears the counters before each.
    pub(crate) fn note(&mut self) {
        // Nearly all are 0, so look at eight at once.
        for (index, reached) in self.reached.chunks_mut(size_of::<u64>()).enumerate() {
            let first = index * size_of::<u64>();
            let all = match reached.len() {
                // SAFETY: within the section, which the loader has mapped and which stays; no address is too odd. Other
                // threads of the library, if it had any, would write bytes, and a byte is read before or after that.
                8 => unsafe { self.first.add(first).cast::<u64>().read_unaligned() },
                _ => 1, // the last few, one by one
            };
            if all == 0 {
                continue;
            }
            for (beyond, reached) in reached.iter_mut().enumerate() {
                // SAFETY: as above.
                *reached |= unsafe { self.first.add(first + beyond).read_volatile() } != 0;
            }
        }
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.reached.len();
        let reached = self.reached.iter().filter(|reached| **reached).count();
        let path = self.path.display();
        write!(f, "counters: {count}, {reached} of them reached, in {path}")
    }
}

/// `libssl.so` in a folder of its own, or `openssl-3.6.so` in a folder `libssl`.
fn is_a_libssl(path: &Path) -> bool {
    let name = path.file_name().unwrap_or(OsStr::new("")).to_string_lossy();
    let folder = path.parent().and_then(Path::file_name);
    name.starts_with("libssl.so") || folder == Some(OsStr::new("libssl"))
}

/// The address and the length of the counters in a file.
fn section(path: &Path) -> Option<(u64, usize)> {
    let bytes = fs::read(path).ok()?;
    let file = ElfFile64::<object::Endianness>::parse(&*bytes).ok()?;
    let section = file.section_by_name(SECTION)?;
    Some((section.address(), usize::try_from(section.size()).ok()?))
}

/// Adds an object of this process to the list that `list` points to.
unsafe extern "C" fn note(info: *mut libc::dl_phdr_info, _: usize, list: *mut c_void) -> c_int {
    // SAFETY: the loader hands over a valid description, and the caller a list that nobody else has.
    let (info, list) = unsafe { (&*info, &mut *list.cast::<Vec<Loaded>>()) };
    if !info.dlpi_name.is_null() {
        // SAFETY: the loader keeps the name as long as the object.
        let name = unsafe { CStr::from_ptr(info.dlpi_name) };
        list.push(Loaded {
            path: PathBuf::from(OsStr::from_bytes(name.to_bytes())),
            bias: info.dlpi_addr,
        });
    }
    0
}
