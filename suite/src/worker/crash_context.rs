//! A file in memory, shared with a worker, that outlives it. It holds the last call of the library,
//! and whether the library then touched the page after the bytes of a write. The worker has it only
//! as mapped memory, so that a library that writes to or closes all descriptors cannot reach it.

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

/// The longest action that is kept, in bytes; actual ones are much shorter.
const ACTION: usize = 120;

/// The longest `Asked` that is kept, in bytes of JSON; that of a write has about 120.
const ASKED: usize = 500;

/// The layout of the file: the step and the two lengths as four bytes each, whether the page after
/// the bytes of a write was touched as one, the action, and what was asked.
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

/// The file in the parent.
pub(super) struct CrashContext(File);

/// The file in the worker: `SIZE` bytes of memory, mapped for the rest of its life.
pub(super) struct Shared(NonNull<u8>);

/// The last call of the library.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LastCall {
    pub(super) step: usize,
    pub(super) action: String,
    /// The same in the form that a judge needs; [`Asked::Nothing`] if it is too long.
    pub(super) asked: Asked,
    /// It touched the inaccessible page after the bytes of a write, which raised a signal.
    pub(super) touched_guard: bool,
}

impl CrashContext {
    /// A new, empty file.
    pub(super) fn new() -> io::Result<Self> {
        let file = File::from(memfd_create("crash-context", MemfdFlags::CLOEXEC)?);
        file.set_len(SIZE as u64)?;
        Ok(Self(file))
    }

    /// The descriptor for the worker.
    pub(super) fn file(&self) -> &File {
        &self.0
    }

    /// The last recorded call.
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
    /// Maps the inherited file and closes its descriptor.
    pub(super) fn new(file: File) -> io::Result<Self> {
        if file.metadata()?.len() < SIZE as u64 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        // SAFETY: a new mapping at an address that the system chooses, of a file that is long
        // enough and never shrinks.
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

    /// Records a call of the library under test, before it is made.
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
        // SAFETY: the mapping has as many bytes and is never removed; no code in this process reads
        // it.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.0.as_ptr(), SIZE) };
    }

    /// From now on, a handler for memory faults records whether the fault was in the page after the
    /// bytes of a write, and then passes the signal on. If a library installs a handler of its own
    /// in its place, this is not recorded.
    pub(super) fn note_touched_guards(&self) -> io::Result<()> {
        // SAFETY: the mapping is longer.
        let note = unsafe { self.0.as_ptr().add(at::TOUCHED) };
        NOTE.store(note, Ordering::Release);
        for (signal, before) in &TOUCHES {
            let handler = SigHandler::SigAction(touched);
            // On the alternative stack, because a fault may mean that the normal one has
            // overflowed.
            let action = SigAction::new(handler, SaFlags::SA_ONSTACK, SigSet::empty());
            // SAFETY: `touched` is async-signal-safe.
            let old = unsafe { sigaction(*signal, &action)? };
            before.get_or_init(|| old);
        }
        Ok(())
    }
}

/// The byte in which the handler records a touched guard page; null while there is none.
static NOTE: AtomicPtr<u8> = AtomicPtr::new(ptr::null_mut());

/// The signals for invalid memory access, each with its earlier action.
static TOUCHES: [(Signal, OnceLock<SigAction>); 2] = [
    (Signal::SIGSEGV, OnceLock::new()),
    (Signal::SIGBUS, OnceLock::new()),
];

extern "C" fn touched(number: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let note = NOTE.load(Ordering::Acquire);
    // SAFETY: the system passes valid information. Codes above 0 are the kernel's, and come with an
    // address (sigaction(2)).
    let address = unsafe { ((*info).si_code > 0).then(|| (*info).si_addr().addr()) };
    if !note.is_null() && address.is_some_and(Memory::is_guarded) {
        // SAFETY: a byte of the mapping, which is never removed.
        unsafe { note.write_volatile(1) };
    }
    pass_on(number, info, context);
}

/// Performs the earlier action: Rust's runtime distinguishes a stack overflow from other faults.
fn pass_on(number: c_int, info: *mut libc::siginfo_t, context: *mut c_void) {
    let is_this = |touch: &&(Signal, _)| touch.0 as c_int == number;
    let Some((this, before)) = TOUCHES.iter().find(is_this) else {
        return;
    };
    match before.get().map(SigAction::handler) {
        Some(SigHandler::SigAction(handler)) => handler(number, info, context),
        Some(SigHandler::Handler(handler)) => handler(number),
        Some(SigHandler::SigIgn | SigHandler::SigDfl) | None => {
            // SAFETY: restores the default action, without a handler. The raised signal is
            // delivered when this handler has returned.
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
    fn last_recorded_call_is_read() {
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
    fn oversized_values_are_omitted() {
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
    fn file_that_is_too_short_is_refused() {
        let file = memfd_create("short", MemfdFlags::CLOEXEC).expect("a file in memory");
        assert!(Shared::new(File::from(file)).is_err());
    }
}
