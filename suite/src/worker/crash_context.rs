//! A file in memory, shared with a worker, that says what the library was last called for, and whether it then
//! touched the page behind the bytes of a write: it outlives the worker. The worker has it as memory only, so
//! that no descriptor of it is there for a library that writes into all of them, or closes them.

#![allow(unsafe_code)] // The file as memory, and a signal handler that writes into it.

use std::ffi::{c_int, c_void};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::ptr::{self, NonNull};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicPtr, Ordering};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction, signal};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::mm::{MapFlags, ProtFlags, mmap};

use crate::backend::Memory;
use crate::trace::Asked;

/// The longest action that is kept, in bytes; in practice they are much shorter.
const ACTION: usize = 120;

/// The longest `Asked` that is kept, in bytes of JSON; that of a write has some 120.
const ASKED: usize = 500;

/// Where the things stand in the file: the step and the two lengths as four bytes each, whether the page behind
/// the bytes of a write was touched as one, the action, what was asked.
mod at {
    pub(super) const STEP: usize = 0;
    pub(super) const ACTION_LENGTH: usize = 4;
    pub(super) const ASKED_LENGTH: usize = 8;
    pub(super) const TOUCHED: usize = 12;
    pub(super) const ACTION: usize = 13;
    pub(super) const ASKED: usize = ACTION + super::ACTION;
}

/// The size of the file.
const SIZE: usize = at::ASKED + ASKED;

/// The file, as the program sees it that started the worker.
pub(super) struct CrashContext(File);

/// The file, as the worker sees it: `SIZE` bytes of memory, for the rest of its life.
pub(super) struct Shared(NonNull<u8>);

/// What the library was called for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LastCall {
    pub(super) step: usize,
    pub(super) action: String,
    /// The same as a judge knows it; nothing if it is too long.
    pub(super) asked: Asked,
    /// It touched the inaccessible page behind the bytes of a write, and a signal came of it.
    pub(super) touched_guard: bool,
}

impl CrashContext {
    /// A new file, which says nothing yet.
    pub(super) fn new() -> io::Result<Self> {
        let file = File::from(memfd_create("whereabouts", MemfdFlags::CLOEXEC)?);
        file.set_len(SIZE as u64)?;
        Ok(Self(file))
    }

    /// The descriptor to hand over.
    pub(super) fn file(&self) -> &File {
        &self.0
    }

    /// What was written last.
    pub(super) fn read(&self) -> io::Result<LastCall> {
        let mut bytes = [0; SIZE];
        self.0.read_exact_at(&mut bytes, 0)?;
        let number = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]) as usize
        };
        let action = &bytes[at::ACTION..][..number(at::ACTION_LENGTH).min(ACTION)];
        let asked = &bytes[at::ASKED..][..number(at::ASKED_LENGTH).min(ASKED)];
        Ok(LastCall {
            step: number(at::STEP),
            action: String::from_utf8_lossy(action).into_owned(),
            asked: serde_json::from_slice(asked).unwrap_or_default(),
            touched_guard: bytes[at::TOUCHED] != 0,
        })
    }
}

impl Shared {
    /// Takes the file that was handed over as memory, and closes it.
    pub(super) fn new(file: File) -> io::Result<Self> {
        if file.metadata()?.len() < SIZE as u64 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        // SAFETY: a new mapping somewhere, of a file that is long enough and never gets shorter.
        let address = unsafe {
            mmap(
                ptr::null_mut(),
                SIZE,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::SHARED,
                file,
                0,
            )?
        };
        match NonNull::new(address.cast()) {
            Some(memory) => Ok(Self(memory)),
            None => Err(io::ErrorKind::OutOfMemory.into()),
        }
    }

    /// The library is now called, in this step, to do this.
    pub(super) fn write(&self, step: usize, action: &str, asked: &Asked) {
        let mut bytes = [0; SIZE];
        let mut number = |at: usize, number: usize| {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            bytes[at..at + 4].copy_from_slice(&number.to_le_bytes());
        };
        let action = &action.as_bytes()[..action.len().min(ACTION)];
        let asked = serde_json::to_vec(asked).unwrap_or_default();
        let asked = if asked.len() > ASKED { &[] } else { &asked[..] };
        number(at::STEP, step);
        number(at::ACTION_LENGTH, action.len());
        number(at::ASKED_LENGTH, asked.len());
        bytes[at::ACTION..][..action.len()].copy_from_slice(action);
        bytes[at::ASKED..][..asked.len()].copy_from_slice(asked);
        // SAFETY: the mapping has as many bytes and is never undone; nobody in this process reads it.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.0.as_ptr(), SIZE) };
    }

    /// From now on a signal for foreign memory that was touched is looked at before it goes its way: whether that
    /// was the page behind the bytes of a write is written down. A library that puts a handler of its own in the
    /// place of this one is not told of.
    pub(super) fn note_touched_guards(&self) -> io::Result<()> {
        // SAFETY: the mapping is longer.
        let note = unsafe { self.0.as_ptr().add(at::TOUCHED) };
        NOTE.store(note, Ordering::Release);
        for (signal, before) in &TOUCHES {
            let handler = SigHandler::SigAction(touched);
            // On the stack that is kept for it: what came may be that the other one is used up.
            let action = SigAction::new(handler, SaFlags::SA_ONSTACK, SigSet::empty());
            // SAFETY: `touched` does nothing that a signal handler must not do.
            let old = unsafe { sigaction(*signal, &action)? };
            before.get_or_init(|| old);
        }
        Ok(())
    }
}

/// Where the handler notes that a guard was touched; null before there is such a place.
static NOTE: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());

/// The signals of one who touches memory that it must not, each with what was done on it before.
static TOUCHES: [(Signal, OnceLock<SigAction>); 2] = [
    (Signal::SIGSEGV, OnceLock::new()),
    (Signal::SIGBUS, OnceLock::new()),
];

extern "C" fn touched(number: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let note = NOTE.load(Ordering::Acquire);
    // SAFETY: the system hands over what happened. Codes above 0 are its own, and come with an address (sigaction(2)).
    let address = unsafe { ((*info).si_code > 0).then(|| (*info).si_addr().addr()) };
    if !note.is_null() && address.is_some_and(Memory::is_guarded) {
        // SAFETY: a byte of the mapping, which is never undone.
        unsafe { note.write_volatile(1) };
    }
    pass_on(number, info, context);
}

/// Does what would have been done without us: Rust's runtime tells a stack that is used up from other memory.
fn pass_on(number: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let is_this = |touch: &&(Signal, _)| touch.0 as c_int == number;
    let Some((this, before)) = TOUCHES.iter().find(is_this) else {
        return;
    };
    match before.get().map(SigAction::handler) {
        Some(SigHandler::SigAction(handler)) => handler(number, info, context),
        Some(SigHandler::Handler(handler)) => handler(number),
        Some(SigHandler::SigIgn | SigHandler::SigDfl) | None => {
            // SAFETY: no handler is run any more. What is raised comes when this one has returned.
            let _ = unsafe { signal(*this, SigHandler::SigDfl) };
            let _ = raise(*this);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Mode, Step};

    #[test]
    fn what_the_worker_writes_last_is_read() {
        let crash_context = CrashContext::new().expect("a file in memory");
        let handed_over = crash_context.file().try_clone().expect("a descriptor");
        let shared = Shared::new(handed_over).expect("memory");
        shared.write(2, "renegotiate with many words", &Asked::Flush);
        let asked = Asked::Step(Step::Shutdown);
        shared.write(3, "shutdown", &asked);
        let place = LastCall {
            step: 3,
            action: "shutdown".to_owned(),
            asked,
            touched_guard: false,
        };
        assert_eq!(crash_context.read().expect("the file"), place);
    }

    #[test]
    fn what_does_not_fit_is_not_told() {
        let crash_context = CrashContext::new().expect("a file in memory");
        let handed_over = crash_context.file().try_clone().expect("a descriptor");
        let shared = Shared::new(handed_over).expect("memory");
        let modes = Step::SetModes(vec![Mode::PartialWrite; ASKED]);
        shared.write(7, &"long ".repeat(ACTION), &Asked::Step(modes));
        let place = crash_context.read().expect("the file");
        assert_eq!(place.step, 7);
        assert_eq!(place.action.len(), ACTION);
        assert_eq!(place.asked, Asked::Nothing);
    }

    #[test]
    fn a_file_that_is_too_short_is_refused() {
        let file = memfd_create("short", MemfdFlags::CLOEXEC).expect("a file in memory");
        assert!(Shared::new(File::from(file)).is_err());
    }
}
