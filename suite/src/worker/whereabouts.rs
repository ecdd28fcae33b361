//! A file in memory, shared with a worker, that says what the library was last called for: it outlives
//! the worker. The worker has it as memory only, so that no descriptor of it is there for a library that
//! writes into all of them, or closes them.

#![allow(unsafe_code)] // The file as memory.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::ptr::{self, NonNull};

use rustix::fs::{MemfdFlags, memfd_create};

/// The longest action that is kept, in bytes; in practice they are much shorter.
const LENGTH: usize = 120;

/// The size of the file: the step as four bytes, the length of the action as four, the action.
const SIZE: usize = 8 + LENGTH;

/// The file, as the program sees it that started the worker.
pub(super) struct Whereabouts(File);

/// The file, as the worker sees it: `SIZE` bytes of memory, for the rest of its life.
pub(super) struct Shared(NonNull<u8>);

/// What the library was called for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) step: usize,
    pub(super) action: String,
}

impl Whereabouts {
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
    pub(super) fn read(&self) -> io::Result<Place> {
        let mut bytes = [0; SIZE];
        self.0.read_exact_at(&mut bytes, 0)?;
        let number = |at: usize| {
            u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
        };
        let length = (number(4) as usize).min(LENGTH);
        Ok(Place {
            step: number(0) as usize,
            action: String::from_utf8_lossy(&bytes[8..8 + length]).into_owned(),
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
            libc::mmap(
                ptr::null_mut(),
                SIZE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        match NonNull::new(address.cast()) {
            Some(memory) if address != libc::MAP_FAILED => Ok(Self(memory)),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// The library is now called, in this step, to do this.
    pub(super) fn write(&self, step: usize, action: &str) {
        let mut bytes = [0; SIZE];
        let length = action.len().min(LENGTH);
        bytes[..4].copy_from_slice(&u32::try_from(step).unwrap_or(u32::MAX).to_le_bytes());
        bytes[4..8].copy_from_slice(&u32::try_from(length).unwrap_or(0).to_le_bytes());
        bytes[8..8 + length].copy_from_slice(&action.as_bytes()[..length]);
        // SAFETY: the mapping has as many bytes and is never undone; nobody in this process reads it.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.0.as_ptr(), SIZE) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_worker_writes_last_is_read() {
        let whereabouts = Whereabouts::new().expect("a file in memory");
        let handed_over = whereabouts.file().try_clone().expect("a descriptor");
        let shared = Shared::new(handed_over).expect("memory");
        shared.write(2, "write 20000 from a buffer");
        shared.write(3, "free");
        let place = Place {
            step: 3,
            action: "free".to_owned(),
        };
        assert_eq!(whereabouts.read().expect("the file"), place);
    }

    #[test]
    fn a_file_that_is_too_short_is_refused() {
        let file = memfd_create("short", MemfdFlags::CLOEXEC).expect("a file in memory");
        assert!(Shared::new(File::from(file)).is_err());
    }
}
