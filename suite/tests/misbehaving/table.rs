//! Every misbehaving library with the expected result of `check`: in the two probe scenarios, whose
//! write triggers it (`probe/blocked`, over a link that takes nothing at first, and `probe/whole`),
//! and in all other cases.

use self::Case::{Crashed, Differs, Hung, Same, SideEffects, Violates};

/// The result of a case, in all variants.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    /// Equal to that of the honest library.
    Same,
    /// The steps equal those of the honest library, but there are side effects.
    SideEffects,
    /// Differs first in this action and aspect, with these words in the observation.
    Differs(&'static str, &'static str, &'static str),
    /// Breaks this clause first; everything else equals the reference.
    Violates(&'static str),
    /// The reason contains these words.
    Crashed(&'static str),
    Hung(&'static str),
}

/// The result of a library.
#[derive(Clone, Copy)]
pub(crate) enum LibraryResult {
    Checked {
        blocked: Case,
        whole: Case,
    },
    /// It cannot be used; the message contains all these words.
    Refused(&'static [&'static str]),
}

/// The time limit of a library.
#[derive(Clone, Copy)]
pub(crate) enum Time {
    /// Enough that it ends by itself on any machine.
    Plenty,
    /// Little, since it never ends.
    Hangs,
}

/// The expected result of cases that do not trigger it.
#[derive(Clone, Copy)]
pub(crate) enum Others {
    /// Equal to those of the honest library.
    Apply,
    /// Equal, or not applicable.
    MayNotApply,
}

/// A misbehaving library and its expected result.
pub(crate) struct Expected {
    pub(crate) name: &'static str,
    pub(crate) result: LibraryResult,
    pub(crate) time: Time,
    pub(crate) others: Others,
    /// All side effects in each probe case.
    pub(crate) side_effects: &'static [&'static str],
    /// The text that it prints in each probe case, with the stream.
    pub(crate) printed: &'static [(&'static str, &'static str)],
    /// All text that it prints while it is loaded.
    pub(crate) greeting: &'static str,
}

impl Expected {
    const fn new(name: &'static str, result: LibraryResult) -> Self {
        Self {
            name,
            result,
            time: Time::Plenty,
            others: Others::Apply,
            side_effects: &[],
            printed: &[],
            greeting: "",
        }
    }

    const fn in_little_time(self) -> Self {
        Self {
            time: Time::Hangs,
            ..self
        }
    }

    const fn side_effects(self, side_effects: &'static [&'static str]) -> Self {
        Self {
            side_effects,
            ..self
        }
    }

    const fn printed(self, printed: &'static [(&'static str, &'static str)]) -> Self {
        Self { printed, ..self }
    }

    /// The verdict, in one word.
    pub(crate) fn verdict(&self) -> &'static str {
        match self.result {
            LibraryResult::Refused(_) => "is refused",
            LibraryResult::Checked { blocked, whole } => match (blocked, whole) {
                (Same, Same) => "is the same",
                (Crashed(_), _) | (_, Crashed(_)) => "crashes",
                (Hung(_), _) | (_, Hung(_)) => "hangs",
                _ => "differs",
            },
        }
    }
}

/// The same result in both probe scenarios.
const fn both(name: &'static str, case: Case) -> Expected {
    each(name, case, case)
}

const fn each(name: &'static str, blocked: Case, whole: Case) -> Expected {
    Expected::new(name, LibraryResult::Checked { blocked, whole })
}

const fn refused(name: &'static str, words: &'static [&'static str]) -> Expected {
    Expected::new(name, LibraryResult::Refused(words))
}

const STDOUT: &str = "stdout";
const STDERR: &str = "stderr";
const WROTE_TO_STDOUT: &str = "wrote to standard output";
const WROTE_TO_STDERR: &str = "wrote to standard error";

/// The signal that `__builtin_trap` raises.
const TRAP: &str = if cfg!(target_arch = "x86_64") {
    "SIGILL, in step 3, write 1234"
} else {
    "SIGTRAP, in step 3, write 1234"
};

pub(crate) const TABLE: &[Expected] = &[
    both("crash/abort", Crashed("SIGABRT, in step 3, write 1234")),
    both(
        "crash/exception",
        Crashed("SIGABRT: threw an exception at its caller, in step 3, write 1234"),
    ),
    each(
        "crash/in-free",
        Crashed("SIGSEGV, in step 6, free"),
        Crashed("SIGSEGV, in step 5, free"),
    ),
    both("crash/kill", Crashed("SIGKILL, in step 3, write 1234")),
    both("crash/memory", Crashed("SIGSEGV, in step 3, write 1234")),
    both("crash/null", Crashed("SIGSEGV, in step 3, write 1234")),
    both(
        "crash/read-past-the-buffer",
        Crashed("SIGSEGV: touched the page behind the bytes of a write, in step 3, write 1234"),
    ),
    both(
        "crash/stack",
        Crashed("SIGABRT: overflowed its stack, in step 3, write 1234"),
    ),
    both("crash/thread", Crashed("SIGSEGV, in step 3, write 1234")),
    both("crash/trap", Crashed(TRAP)),
    both(
        "crash/write-past-the-buffer",
        Crashed("SIGSEGV: touched the page behind the bytes of a write, in step 3, write 1234"),
    ),
    both(
        "exit/zero",
        Crashed("ended its process with exit code 0, in step 3, write 1234"),
    ),
    both(
        "exit/at-once",
        Crashed("ended its process with exit code 3, in step 3, write 1234"),
    ),
    // The C library cannot unwind through frames of another language.
    both("exit/thread", Crashed("SIGABRT, in step 3, write 1234"))
        .side_effects(&[WROTE_TO_STDERR])
        .printed(&[(STDERR, "FATAL: exception not rethrown")]),
    both(
        "hang/asleep",
        Hung("does not come back, waiting, in step 3, write 1234"),
    )
    .in_little_time(),
    both(
        "hang/busy",
        Hung("does not come back, busy, in step 3, write 1234"),
    )
    .in_little_time(),
    both(
        "hang/deaf",
        Hung("does not come back, busy, in step 3, write 1234"),
    )
    .in_little_time(),
    both(
        "hang/reader",
        Hung("does not come back, waiting, in step 3, write 1234"),
    )
    .in_little_time(),
    both(
        "hang/stopped",
        Hung("does not come back, stopped, in step 3, write 1234"),
    )
    .in_little_time(),
    both(
        "hang/swallowed-fault",
        Hung("does not come back, busy, in step 3, write 1234"),
    )
    .in_little_time(),
    // If the link is open, it misbehaves at once.
    each(
        "hang/transport",
        Hung("spins on the transport: 65536 calls of it in a row moved no byte, in step 3"),
        Differs("write 1234", "records", "that are no record"),
    ),
    // An open link takes much, but not without limit; then the library goes on.
    each(
        "hang/transport-for-ever",
        Hung("spins on the transport, and goes on although every call of it fails, in step 3"),
        Hung("spins on the transport, and goes on although every call of it fails, in step 3"),
    )
    .in_little_time(),
    both("process/block-signals", SideEffects).side_effects(&["changed the signal mask"]),
    both("process/busy-thread", Same),
    both(
        "process/close-descriptors",
        Crashed("closed the descriptors of its process, in step 3, write 1234"),
    ),
    both("process/close-standard-output", SideEffects).side_effects(&["closed standard output"]),
    both("process/flood", SideEffects)
        .side_effects(&[WROTE_TO_STDERR])
        .printed(&[(STDERR, "(1048576 bytes in all)")]),
    // The sandbox denies it, and the library continues.
    both("process/fork", Same),
    both("process/print", SideEffects)
        .side_effects(&[WROTE_TO_STDOUT])
        .printed(&[(STDOUT, "write 1234                        1234  NONE\n")]),
    // All of it, in each case.
    both("process/print-much", SideEffects)
        .side_effects(&[WROTE_TO_STDOUT])
        .printed(&[(STDOUT, " bytes in all)")]),
    both("process/print-everywhere", SideEffects)
        .side_effects(&[
            WROTE_TO_STDOUT,
            WROTE_TO_STDERR,
            "wrote into a descriptor that is not its own",
        ])
        .printed(&[(STDOUT, "{\"steps\":[]}\n"), (STDERR, "{\"steps\":[]}\n")]),
    both("process/threads", Same),
    both("process/working-directory", SideEffects).side_effects(&["changed the working directory"]),
    // A retry changes it back, but the bytes belong to the caller.
    each(
        "contract/byte-changed",
        Violates("memory.buffer-unchanged"),
        Differs("write 1234", "records", "1 byte that nobody offered"),
    ),
    each(
        "contract/byte-lost",
        Differs("retry 1234", "records", "application_data 1233 plaintext"),
        Differs("write 1234", "records", "application_data 1233 plaintext"),
    ),
    each(
        "contract/byte-twice",
        Differs("retry 1234", "records", "; application_data 1 plaintext"),
        Differs("write 1234", "records", "; application_data 1 plaintext"),
    ),
    each(
        "contract/errno-after-failure",
        Differs("write 1234", "errno", "EINVAL"),
        Same,
    ),
    // No clause covers errno after a success.
    both("contract/errno-after-success", Same),
    each(
        "contract/error-after-success",
        Differs("retry 1234", "queue", "ssl:internal error"),
        Differs("write 1234", "queue", "ssl:internal error"),
    ),
    each(
        "contract/more-than-asked",
        Differs("retry 1234", "return", "1235"),
        Differs("write 1234", "return", "1235"),
    ),
    each(
        "contract/plaintext",
        Differs("write 1234", "error-class", "SYSCALL"),
        Differs("write 1234", "records", "1234 bytes that are no record"),
    ),
    each(
        "contract/success-while-blocked",
        Differs("write 1234", "return", "1234"),
        Same,
    ),
    refused(
        "load/crash",
        &[
            "misbehaving cannot be used: ",
            "crashed (SIGSEGV) while it was loaded",
        ],
    ),
    refused(
        "load/exit",
        &["crashed (ended its process with exit code 0) while it was loaded"],
    ),
    refused(
        "load/hang",
        &["hung (does not come back, waiting) while it was loaded"],
    )
    .in_little_time(),
    refused(
        "load/last-words",
        &["crashed (SIGABRT) while it was loaded; it printed \"no configuration, giving up\""],
    ),
    Expected {
        greeting: "The finest of all libraries welcomes you!\n",
        ..both("load/print", Same)
    },
    Expected {
        greeting: "The most bashful of all libraries welcomes you!\n",
        ..both("load/print-held-back", Same)
    },
    refused(
        "load/unresolved",
        &[
            "the dynamic loader refused it: ",
            "undefined symbol: a_function_that_does_not_exist",
        ],
    ),
    both("end/crash", Same),
    both("end/hang", Same),
    refused("file/cut-off", &[": it is truncated: it has "]),
    refused(
        "file/device",
        &["it is not a regular file; give a shared object"],
    ),
    refused(
        "file/empty",
        &["it is empty; a shared object (ELF) is needed"],
    ),
    refused("file/folder", &[": it is a folder"]),
    refused(
        "file/for-another-machine",
        &["it is built for ", "; this program is "],
    ),
    // Root may read it, and finds text.
    refused("file/forbidden", &["it is not an ELF file"]),
    refused("file/missing", &[": no such file"]),
    refused(
        "file/pipe-without-a-writer",
        &["it is not a regular file; give a shared object"],
    ),
    refused(
        "file/text",
        &["it is not an ELF file; a shared object (ELF) is needed"],
    ),
    Expected {
        others: Others::MayNotApply,
        ..both("file/without-bio-meth-new", Same)
    },
    refused(
        "file/without-ssl-write",
        &["lacks SSL_write: is it a libssl, or perhaps a libcrypto?"],
    ),
];
