//! Looks at a file before the dynamic loader does, which would say less or crash: is it a shared
//! object for this machine, which libraries does it need, and which names does it give?
//!
//! In flows a path; out flows what the file says of itself, or why it is no library. Any bytes are
//! answered without a panic.

#![forbid(unsafe_code)]

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use object::elf;
use object::read::elf::{Dyn, FileHeader, ProgramHeader, Sym};
use object::{Endianness, StringTable};

/// Larger than any library, in bytes: such a file is not read into memory.
const TOO_LARGE: u64 = 1 << 30;

/// The bytes of a header up to and with the number of the machine (elf(5)).
const HEADER: usize = 20;

/// Why a file is no shared object that this program can load.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoLibrary {
    /// There is nothing at this path.
    #[error("there is no such file")]
    Missing,
    /// The user may not read it.
    #[error("it may not be read (permission denied); a library must be readable")]
    NoPermission,
    /// The operating system gave another reason.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    /// The path leads to a folder.
    #[error("it is a folder; name the file in it, such as libssl.so.3")]
    Folder,
    /// The path leads to a device, a pipe or a socket.
    #[error("it is no regular file; name a shared object, such as libssl.so.3")]
    NoFile,
    /// The file has no bytes.
    #[error("it is empty; a shared object (ELF) is needed")]
    Empty,
    /// The file has more bytes than any library.
    #[error("it has {0} bytes, more than any library")]
    TooLarge(u64),
    /// The file is text for the linker that names the library.
    #[error("it is a linker script, which names another file{}; name that one", as_named(.0))]
    LinkerScript(Option<PathBuf>),
    /// The file is an archive of object files.
    #[error("it is a static library (.a); a shared object (.so) is needed")]
    StaticLibrary,
    /// The file has another format.
    #[error("it is no ELF file; a shared object (ELF) is needed")]
    NotElf,
    /// The file is for another kind of processor.
    #[error("it is built for {file}; this program is {program}")]
    OtherMachine {
        /// The file's processor.
        file: String,
        /// This program's.
        program: String,
    },
    /// The file is an ELF file of another type.
    #[error("it is {0}; a shared object (linked with -shared) is needed")]
    OtherType(&'static str),
    /// The file says that it is longer than it is.
    #[error("it is cut off: it has {has} bytes of at least {needs}")]
    CutOff {
        /// Its length, in bytes.
        has: u64,
        /// The length that its program headers ask for.
        needs: u64,
    },
    /// The file is damaged.
    #[error("it is a damaged ELF file: {0}")]
    Damaged(String),
}

fn as_named(path: &Option<PathBuf>) -> String {
    path.as_ref()
        .map(|path| format!(" ({})", path.display()))
        .unwrap_or_default()
}

/// What a shared object says of itself.
#[derive(Debug, Clone, Default)]
pub(super) struct SharedObject {
    /// The name by which other libraries ask for it.
    pub(super) soname: Option<String>,
    /// The names of the libraries that it needs.
    pub(super) needed: Vec<String>,
    /// The folders in which they are looked for first, as they are written there (`$ORIGIN/lib`).
    pub(super) folders: Vec<String>,
    /// The names that it gives.
    pub(super) exports: BTreeSet<String>,
    /// The names that it needs of others; weak ones are not among them.
    pub(super) undefined: BTreeSet<String>,
    /// The symbol versions that it defines, such as `OPENSSL_3.0.0`.
    pub(super) symbol_versions: BTreeSet<String>,
}

impl SharedObject {
    /// What the file `path` says.
    pub(super) fn read(path: &Path) -> Result<Self, NoLibrary> {
        let about = fs::metadata(path).map_err(|error| unreadable(&error))?;
        match (about.is_dir(), about.is_file(), about.len()) {
            (true, _, _) => return Err(NoLibrary::Folder),
            (_, false, _) => return Err(NoLibrary::NoFile),
            (_, _, length) if length > TOO_LARGE => return Err(NoLibrary::TooLarge(length)),
            _ => {}
        }
        let bytes = fs::read(path).map_err(|error| unreadable(&error))?;
        Self::parse(&bytes, PROGRAM.as_ref())
    }

    /// What a file with these bytes says, to a program for `machine`.
    fn parse(bytes: &[u8], machine: Option<&Machine>) -> Result<Self, NoLibrary> {
        let Some(file) = Machine::of(bytes) else {
            return Err(no_elf(bytes));
        };
        if let Some(program) = machine.filter(|program| **program != file) {
            return Err(NoLibrary::OtherMachine {
                file: file.words(),
                program: program.words(),
            });
        }
        let object = match file.class {
            elf::ELFCLASS32 => details::<elf::FileHeader32<Endianness>>(bytes),
            _ => details::<elf::FileHeader64<Endianness>>(bytes),
        };
        object?.map_err(|error| NoLibrary::Damaged(error.to_string()))
    }
}

fn unreadable(error: &io::Error) -> NoLibrary {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => NoLibrary::Missing,
        io::ErrorKind::PermissionDenied => NoLibrary::NoPermission,
        _ => NoLibrary::Unreadable(error.to_string()),
    }
}

/// What a file is that does not begin as an ELF file does.
fn no_elf(bytes: &[u8]) -> NoLibrary {
    if bytes.is_empty() {
        return NoLibrary::Empty;
    }
    if bytes.starts_with(b"!<arch>\n") || bytes.starts_with(b"!<thin>\n") {
        return NoLibrary::StaticLibrary;
    }
    if bytes.starts_with(&elf::ELFMAG) {
        return NoLibrary::Damaged("its header is cut off".to_owned());
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if ["GROUP", "INPUT"].iter().any(|word| text.contains(word)) => {
            NoLibrary::LinkerScript(named_by(text))
        }
        _ => NoLibrary::NotElf,
    }
}

/// The first file that a linker script names: `GROUP ( /lib/libssl.so.3 AS_NEEDED ( … ) )`.
fn named_by(script: &str) -> Option<PathBuf> {
    let (_, files) = script
        .split_once("GROUP")
        .or_else(|| script.split_once("INPUT"))?;
    files
        .split(|c: char| c.is_whitespace() || "(),".contains(c))
        .find(|word| word.contains(".so"))
        .map(PathBuf::from)
}

/// What the header of an ELF file says of the machine that it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Machine {
    class: elf::FileClass,
    order: elf::DataEncoding,
    number: elf::Machine,
}

/// The machine of this program; nothing where its file cannot be read.
static PROGRAM: LazyLock<Option<Machine>> = LazyLock::new(|| {
    let mut header = [0; HEADER];
    let mut file = File::open(std::env::current_exe().ok()?).ok()?;
    file.read_exact(&mut header).ok()?;
    Machine::of(&header)
});

impl Machine {
    fn of(bytes: &[u8]) -> Option<Self> {
        let header = bytes.get(..HEADER)?;
        if !header.starts_with(&elf::ELFMAG) {
            return None;
        }
        let (class, order) = (elf::FileClass(header[4]), elf::DataEncoding(header[5]));
        let number = [header[18], header[19]];
        let number = match order {
            elf::ELFDATA2MSB => u16::from_be_bytes(number),
            _ => u16::from_le_bytes(number),
        };
        Some(Self {
            class,
            order,
            number: elf::Machine(number),
        })
    }

    fn words(self) -> String {
        let order = match self.order {
            elf::ELFDATA2MSB => ", big-endian",
            _ => "",
        };
        let class = match self.class {
            elf::ELFCLASS32 => "32-bit",
            elf::ELFCLASS64 => "64-bit",
            _ => "of an unknown class",
        };
        let name = match self.number {
            elf::EM_X86_64 => "x86-64",
            elf::EM_386 => "x86",
            elf::EM_AARCH64 => "AArch64",
            elf::EM_ARM => "Arm",
            elf::EM_RISCV => "RISC-V",
            elf::EM_PPC64 => "PowerPC 64",
            elf::EM_S390 => "IBM Z",
            elf::EM_LOONGARCH => "LoongArch",
            elf::EM_MIPS => "MIPS",
            other => return format!("machine number {other} ({class}{order})"),
        };
        format!("{name} ({class}{order})")
    }
}

type Details = Result<Result<SharedObject, object::Error>, NoLibrary>;

fn details<H: FileHeader<Endian = Endianness>>(bytes: &[u8]) -> Details {
    let (header, endian) = match H::parse(bytes).and_then(|header| Ok((header, header.endian()?))) {
        Ok(header) => header,
        Err(error) => return Ok(Err(error)),
    };
    match header.e_type(endian) {
        elf::ET_DYN => {}
        elf::ET_EXEC => return Err(NoLibrary::OtherType("an executable")),
        elf::ET_REL => return Err(NoLibrary::OtherType("an object file (.o)")),
        elf::ET_CORE => return Err(NoLibrary::OtherType("a core dump")),
        _ => return Err(NoLibrary::OtherType("an ELF file of an unknown type")),
    }
    let segments = match header.program_headers(endian, bytes) {
        Ok(segments) => segments,
        Err(error) => return Ok(Err(error)),
    };
    // The dynamic loader maps what the headers say; bytes behind the file's end would kill the process.
    let needs = segments
        .iter()
        .filter(|segment| segment.p_type(endian) == elf::PT_LOAD)
        .map(|segment| {
            let (offset, size) = (segment.p_offset(endian), segment.p_filesz(endian));
            offset.into().saturating_add(size.into())
        })
        .max()
        .unwrap_or(0);
    let has = bytes.len() as u64;
    if needs > has {
        return Err(NoLibrary::CutOff { has, needs });
    }
    let Some(dynamic) = segments
        .iter()
        .find_map(|segment| segment.dynamic(endian, bytes).ok().flatten())
    else {
        return Err(NoLibrary::Damaged("it has no dynamic section".to_owned()));
    };
    let entry = |tag: elf::DynamicTag| {
        let found = dynamic.iter().find(|one| one.tag(endian) == tag);
        found.map(|one| one.val(endian))
    };
    if entry(elf::DT_FLAGS_1).is_some_and(|flags| flags & elf::DF_1_PIE.0 != 0) {
        return Err(NoLibrary::OtherType("an executable"));
    }
    let strings = entry(elf::DT_STRTAB)
        .and_then(|address| file_offset::<H>(segments, endian, address))
        .map(|start| StringTable::new(bytes, start, has))
        .unwrap_or_default();
    let texts = |tag: elf::DynamicTag| {
        let all = dynamic.iter().filter(|one| one.tag(endian) == tag);
        all.filter_map(|one| one.string(endian, strings).ok())
            .map(|text| String::from_utf8_lossy(text).into_owned())
            .collect::<Vec<_>>()
    };
    // DT_RPATH counts only where there is no DT_RUNPATH (ld.so(8)).
    let mut folders = texts(elf::DT_RUNPATH);
    if folders.is_empty() {
        folders = texts(elf::DT_RPATH);
    }
    let Names {
        exports,
        undefined,
        symbol_versions,
    } = names(header, endian, bytes).unwrap_or_default();
    Ok(Ok(SharedObject {
        soname: texts(elf::DT_SONAME).into_iter().next(),
        needed: texts(elf::DT_NEEDED),
        folders: folders
            .iter()
            .flat_map(|list| list.split(':'))
            .filter(|folder| !folder.is_empty())
            .map(ToOwned::to_owned)
            .collect(),
        exports,
        undefined,
        symbol_versions,
    }))
}

/// Where in the file the byte at this address stands.
fn file_offset<H: FileHeader<Endian = Endianness>>(
    segments: &[H::ProgramHeader],
    endian: Endianness,
    address: u64,
) -> Option<u64> {
    segments
        .iter()
        .filter(|segment| segment.p_type(endian) == elf::PT_LOAD)
        .find_map(|segment| {
            let into = address.checked_sub(segment.p_vaddr(endian).into())?;
            let inside = into < segment.p_filesz(endian).into();
            inside.then(|| segment.p_offset(endian).into().checked_add(into))?
        })
}

/// The names of functions and versions in a file.
#[derive(Default)]
struct Names {
    exports: BTreeSet<String>,
    undefined: BTreeSet<String>,
    symbol_versions: BTreeSet<String>,
}

/// The names that the file gives, and those that it needs; nothing where its section headers, by which
/// they are found, were stripped.
fn names<H: FileHeader<Endian = Endianness>>(
    header: &H,
    endian: Endianness,
    bytes: &[u8],
) -> Option<Names> {
    let sections = header.sections(endian, bytes).ok()?;
    let symbols = sections.symbols(endian, bytes, elf::SHT_DYNSYM).ok()?;
    let mut names = Names::default();
    for symbol in symbols.iter() {
        let Ok(name) = symbol.name(endian, symbols.strings()) else {
            continue;
        };
        let name = String::from_utf8_lossy(name).into_owned();
        if !symbol.is_undefined(endian) {
            names.exports.insert(name);
        } else if symbol.st_bind() != elf::STB_WEAK && !name.is_empty() {
            names.undefined.insert(name);
        }
    }
    let Ok(Some((mut versions, _))) = sections.gnu_verdef(endian, bytes) else {
        return Some(names);
    };
    while let Ok(Some((version, mut own_names))) = versions.next() {
        // The first one is the name of the file.
        let is_of_the_file = version.vd_flags.get(endian).0 & elf::VER_FLG_BASE.0 != 0;
        if let (false, Ok(Some(own_name))) = (is_of_the_file, own_names.next())
            && let Ok(name) = own_name.name(endian, symbols.strings())
        {
            let name = String::from_utf8_lossy(name).into_owned();
            names.symbol_versions.insert(name);
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn library() -> Vec<u8> {
        fs::read(writeproof_openssl_1_1_1::LIBSSL).expect("the built library")
    }

    fn machine() -> Option<&'static Machine> {
        PROGRAM.as_ref()
    }

    #[test]
    fn a_real_library_tells_its_names() {
        let object = SharedObject::parse(&library(), machine()).expect("a library");
        assert!(object.exports.contains("SSL_write"), "{:?}", object.exports);
        assert!(object.needed.iter().any(|name| name.starts_with("libc.")));
        assert!(object.soname.is_some_and(|name| name.contains("1.1.1")));
    }

    #[test]
    fn a_library_that_is_cut_off_anywhere_in_its_segments_is_refused() {
        let whole = library();
        let half = SharedObject::parse(&whole[..whole.len() / 2], machine());
        let Err(NoLibrary::CutOff {
            needs: segments, ..
        }) = half
        else {
            panic!("half of a library: {half:?}");
        };
        let lengths = (0..3000).chain((3000..whole.len()).step_by(40_009));
        for length in lengths {
            let answer = SharedObject::parse(&whole[..length], machine());
            // Behind the segments stands what no dynamic loader needs.
            assert!(
                length as u64 >= segments || answer.is_err(),
                "{length} bytes were taken for a library"
            );
        }
    }

    #[test]
    fn no_changed_byte_of_the_headers_is_a_panic() {
        let mut bytes = library();
        // The headers of the file and its segments at its beginning, those of its sections at its end.
        let end = (bytes.len() - 2048..bytes.len()).step_by(7);
        for place in (0..800).chain(end) {
            let flip = [0x01, 0xff][place % 2];
            bytes[place] ^= flip;
            // Whatever the answer is, it is one.
            let _ = SharedObject::parse(&bytes, machine());
            bytes[place] ^= flip;
        }
    }

    #[test]
    fn another_machine_is_named() {
        let mut bytes = library();
        bytes[18..20].copy_from_slice(&elf::EM_SPARCV9.0.to_le_bytes());
        let error = SharedObject::parse(&bytes, machine()).expect_err("no SPARC");
        assert!(matches!(error, NoLibrary::OtherMachine { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("machine number 43"), "{text}");
    }

    #[test]
    fn what_the_operating_system_says_is_told() {
        let tell = |kind: io::ErrorKind| unreadable(&kind.into());
        assert_eq!(
            tell(io::ErrorKind::PermissionDenied),
            NoLibrary::NoPermission
        );
        assert_eq!(tell(io::ErrorKind::NotFound), NoLibrary::Missing);
        assert!(matches!(
            tell(io::ErrorKind::Other),
            NoLibrary::Unreadable(_)
        ));
    }
}
