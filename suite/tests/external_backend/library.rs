//! The library under test: the reference, reached through the trait, with faults that the length of
//! a write selects.

use std::env;
use std::fs;
use std::hint;
use std::process;
use std::sync::Arc;

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};
use writeproof::external_backend::{
    About, Backend, Bytes, Call, Endpoint, Exit, Function, Setup, Transport, Unsupported, run_cli,
};
use writeproof::internal::backend::{Backends, REFERENCE};

/// If it is set, this program is the one that tests the library, and the value is a [`Program`].
pub(crate) const PROGRAM: &str = "WRITEPROOF_TEST_PROGRAM";

/// The name of the library in reports.
pub(crate) const ID: &str = "faulty-reference";

/// What a write of this many bytes does instead of writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Ends the process with a signal.
    Crashes = 1001,
    /// Ends the process with an exit code.
    Exits = 1002,
    /// Does not return.
    Hangs = 1003,
    /// Allocates memory until there is none.
    UsesUpMemory = 1004,
    Panics = 1005,
    /// Writes, but reports one byte less.
    ReportsOneLess = 1006,
}

impl Fault {
    const ALL: [Self; 6] = [
        Self::Crashes,
        Self::Exits,
        Self::Hangs,
        Self::UsesUpMemory,
        Self::Panics,
        Self::ReportsOneLess,
    ];

    /// A scenario with this fault in its third step.
    pub(crate) fn scenario(self) -> String {
        format!(
            r#"
title = "A write arrives"
steps = ["handshake", {{ write = {{ len = 10 }} }}, {{ write = {{ len = {} }} }}, {{ peer = "read" }}]
"#,
            self as usize
        )
    }
}

/// What `main` of the program does with the library.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Program {
    /// As documented.
    Documented,
    /// It refuses an argument that it does not know, so that it cannot be a worker.
    RefusesArguments,
    /// It has another library if it has arguments.
    ChoosesByArguments,
    /// It removes its own file.
    RemovesItself,
    /// Its library has the id of a backend of the suite.
    TakesAnId,
    /// Its worker cannot be confined completely.
    DeniesFilters,
}

impl Program {
    const ALL: [Self; 6] = [
        Self::Documented,
        Self::RefusesArguments,
        Self::ChoosesByArguments,
        Self::RemovesItself,
        Self::TakesAnId,
        Self::DeniesFilters,
    ];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Documented => "documented",
            Self::RefusesArguments => "refuses-arguments",
            Self::ChoosesByArguments => "chooses-by-arguments",
            Self::RemovesItself => "removes-itself",
            Self::TakesAnId => "takes-an-id",
            Self::DeniesFilters => "denies-filters",
        }
    }

    /// The program that this process is.
    pub(crate) fn here() -> Option<Self> {
        let name = env::var(PROGRAM).ok()?;
        let program = Self::ALL.into_iter().find(|one| one.as_str() == name);
        Some(program.unwrap_or_else(|| panic!("no program {name}")))
    }

    pub(crate) fn main(self) -> Exit {
        let is_worker = env::args().nth(1).is_some_and(|first| first == "worker");
        match self {
            Self::RefusesArguments if is_worker => {
                eprintln!("unknown argument");
                process::exit(7);
            }
            Self::ChoosesByArguments if is_worker => run_cli(Library::new("another")),
            Self::RemovesItself => {
                let file = env::current_exe().expect("the system reports it");
                fs::remove_file(file).expect("the test folder is writable");
                run_cli(Library::new(ID))
            }
            Self::TakesAnId => run_cli(Library::new("rustls")),
            Self::DeniesFilters if is_worker => {
                deny_filters();
                run_cli(Library::new(ID))
            }
            _ => run_cli(Library::new(ID)),
        }
    }
}

/// Makes every further filter of system calls fail, as on a system that has none.
fn deny_filters() {
    let filter = SeccompFilter::new(
        [(libc::SYS_seccomp, Vec::new())].into(),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EPERM.unsigned_abs()),
        env::consts::ARCH.try_into().expect("a known machine"),
    );
    let filter: BpfProgram = filter.and_then(TryInto::try_into).expect("a valid filter");
    apply_filter(&filter).expect("the system has filters");
}

struct Library {
    about: About,
    reference: Arc<dyn Backend>,
}

impl Library {
    fn new(id: &str) -> Self {
        let reference = Backends::open(REFERENCE).expect("it is built in");
        Self {
            about: About::new(id, "Faulty reference", "1"),
            reference: reference.expect("it is usable"),
        }
    }
}

impl Backend for Library {
    fn about(&self) -> &About {
        &self.about
    }

    fn open(&self, setup: &Setup, transport: &Transport) -> Result<Box<dyn Endpoint>, Unsupported> {
        Ok(Box::new(Connection(self.reference.open(setup, transport)?)))
    }
}

struct Connection(Box<dyn Endpoint>);

impl Endpoint for Connection {
    fn handshake(&mut self) -> Result<Call, Unsupported> {
        self.0.handshake()
    }

    fn write(&mut self, function: Function, bytes: Bytes<'_>) -> Result<Call, Unsupported> {
        let length = bytes.slice_for(function)?.len();
        let fault = Fault::ALL.into_iter().find(|one| *one as usize == length);
        match fault {
            None => self.0.write(function, bytes),
            Some(Fault::Crashes) => process::abort(),
            Some(Fault::Exits) => process::exit(0),
            Some(Fault::Hangs) => loop {
                hint::spin_loop();
            },
            Some(Fault::UsesUpMemory) => {
                let mut all = Vec::new();
                loop {
                    all.push(vec![1_u8; 1 << 20]);
                }
            }
            Some(Fault::Panics) => panic!("{length} bytes are too many"),
            Some(Fault::ReportsOneLess) => {
                self.0.write(function, bytes)?;
                Ok(Call::success(length as i64 - 1))
            }
        }
    }

    fn read(&mut self, space: &mut [u8]) -> Result<Call, Unsupported> {
        self.0.read(space)
    }

    fn sync_transport(&mut self) -> Result<(), Unsupported> {
        self.0.sync_transport()
    }
}
