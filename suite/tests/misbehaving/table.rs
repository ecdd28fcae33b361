//! Every hostile library, and what `check` says of it: in the two scenarios with a write that it waits for
//! (`probe/blocked`, on a link that takes nothing at first, and `probe/whole`), and beside them.

use self::Case::{Beside, Crashed, Differs, Hung, Same, Violates};

/// What a case comes to, in all variants.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    /// What the honest library gives.
    Same,
    /// Its steps are those of the honest library, but it did something beside the calls.
    Beside,
    /// First in this action, in this aspect, with these words for what was seen.
    Differs(&'static str, &'static str, &'static str),
    /// This clause is broken first, and all else is what the reference does.
    Violates(&'static str),
    /// With these words in the reason.
    Crashed(&'static str),
    Hung(&'static str),
}

/// What a library comes to.
#[derive(Clone, Copy)]
pub(crate) enum Comes {
    To {
        blocked: Case,
        whole: Case,
    },
    /// It cannot be used; all these words are in the message.
    Refused(&'static [&'static str]),
}

/// How much time it gets.
#[derive(Clone, Copy)]
pub(crate) enum Time {
    /// So much that it ends by itself on any machine.
    Plenty,
    /// Little, as it never ends.
    Hangs,
}

/// What becomes of cases that it does nothing in.
#[derive(Clone, Copy)]
pub(crate) enum Others {
    /// They are what the honest library gives.
    Apply,
    /// Or they cannot be run with it.
    MayNotApply,
}

/// A hostile library, and what comes of it.
pub(crate) struct Expected {
    pub(crate) name: &'static str,
    pub(crate) comes: Comes,
    pub(crate) time: Time,
    pub(crate) others: Others,
    /// All that is told beside the calls, in each case of the bait.
    pub(crate) side_effects: &'static [&'static str],
    /// What it prints, on which stream, in each case of the bait.
    pub(crate) printed: &'static [(&'static str, &'static str)],
    /// All that it prints when it is loaded.
    pub(crate) greeting: &'static str,
}

impl Expected {
    const fn new(name: &'static str, comes: Comes) -> Self {
        Self {
            name,
            comes,
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

    /// In one word.
    pub(crate) fn verdict(&self) -> &'static str {
        match self.comes {
            Comes::Refused(_) => "is refused",
            Comes::To { blocked, whole } => match (blocked, whole) {
                (Same, Same) => "is the same",
                (Crashed(_), _) | (_, Crashed(_)) => "crashes",
                (Hung(_), _) | (_, Hung(_)) => "hangs",
                _ => "differs",
            },
        }
    }
}

/// The same in both scenarios.
const fn both(name: &'static str, case: Case) -> Expected {
    each(name, case, case)
}

const fn each(name: &'static str, blocked: Case, whole: Case) -> Expected {
    Expected::new(name, Comes::To { blocked, whole })
}

const fn refused(name: &'static str, words: &'static [&'static str]) -> Expected {
    Expected::new(name, Comes::Refused(words))
}

const STDOUT: &str = "stdout";
const STDERR: &str = "stderr";
const WROTE_TO_STDOUT: &str = "wrote to standard output";
const WROTE_TO_STDERR: &str = "wrote to standard error";

/// What `__builtin_trap` raises.
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
    // Where the link is open, it does what it waits for at once.
    each(
        "hang/transport",
        Hung("spins on the transport: 65536 calls of it in a row moved no byte, in step 3"),
        Differs("write 1234", "records", "that are no record"),
    ),
    // An open link takes much, and no more; then it goes on all the same.
    each(
        "hang/transport-for-ever",
        Hung("spins on the transport, and goes on although every call of it fails, in step 3"),
        Hung("spins on the transport, and goes on although every call of it fails, in step 3"),
    )
    .in_little_time(),
    both("process/block-signals", Beside).side_effects(&["changed the signal mask"]),
    both("process/busy-thread", Same),
    both(
        "process/close-descriptors",
        Crashed("closed the descriptors of its process, in step 3, write 1234"),
    ),
    both("process/close-standard-output", Beside).side_effects(&["closed standard output"]),
    both("process/flood", Beside)
        .side_effects(&[WROTE_TO_STDERR])
        .printed(&[(STDERR, "(1048576 bytes in all)")]),
    // It is denied, and does not mind.
    both("process/fork", Same),
    both("process/print", Beside)
        .side_effects(&[WROTE_TO_STDOUT])
        .printed(&[(STDOUT, "write 1234                        1234  NONE\n")]),
    // All of it, in each case anew.
    both("process/print-much", Beside)
        .side_effects(&[WROTE_TO_STDOUT])
        .printed(&[(STDOUT, " bytes in all)")]),
    both("process/print-everywhere", Beside)
        .side_effects(&[
            WROTE_TO_STDOUT,
            WROTE_TO_STDERR,
            "wrote into a descriptor that is not its own",
        ])
        .printed(&[(STDOUT, "{\"steps\":[]}\n"), (STDERR, "{\"steps\":[]}\n")]),
    both("process/threads", Same),
    both("process/working-directory", Beside).side_effects(&["changed the working directory"]),
    // A retry changes it back, but the bytes are the caller's.
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
    // No rule says what errno is then.
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
            "hostile cannot be used: ",
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
            "undefined symbol: a_function_that_nobody_has",
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
    refused("file/forbidden", &["forbidden: "]),
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
