//! Memory for the bytes of a write, made so that a library that reads past them is caught in the
//! act: the bytes end at the last byte before a page that nobody may touch.

#![allow(unsafe_code)] // The pages come from the operating system.

use std::cell::RefCell;
use std::io;
use std::ptr::NonNull;

/// A stretch of bytes that ends at an inaccessible page.
///
/// The pages go back to a pool of the thread when the memory is dropped, since asking the operating
/// system for them costs more than a small write.
#[derive(Debug)]
pub struct Memory {
    pages: Pages,
    len: usize,
}

/// How many mappings a thread keeps for later.
const POOL: usize = 8;

/// Mappings beyond this size, in bytes, go back to the operating system at once, so that one large
/// write does not hold its memory for the rest of the run.
const KEEP: usize = 64 << 10;

thread_local! {
    static POOLED: RefCell<Vec<Pages>> = const { RefCell::new(Vec::new()) };
}

impl Memory {
    /// A copy of `bytes` that ends at an inaccessible page.
    ///
    /// # Errors
    /// What the operating system says when it has no pages left.
    pub fn holding(bytes: &[u8]) -> io::Result<Self> {
        let pooled = POOLED.with_borrow_mut(|pool| {
            let fits = pool.iter().position(|pages| pages.usable >= bytes.len())?;
            Some(pool.swap_remove(fits))
        });
        let pages = match pooled {
            Some(pages) => pages,
            None => Pages::map(bytes.len())?,
        };
        let mut memory = Self {
            pages,
            len: bytes.len(),
        };
        memory.bytes_mut().copy_from_slice(bytes);
        Ok(memory)
    }

    /// The bytes; an empty slice points at the inaccessible page.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `start` is inside the mapping, the `len` bytes from it on end where the readable
        // part ends, they were written by `holding`, and nobody writes while `self` is borrowed.
        unsafe { std::slice::from_raw_parts(self.start(), self.len) }
    }

    /// The bytes, to be changed in place.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `bytes`; the mapping is zeroed by the operating system or was written by
        // an earlier user, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.start(), self.len) }
    }

    fn start(&self) -> *mut u8 {
        // SAFETY: `len` is at most `usable`, so that the result stays inside the mapping.
        unsafe { self.pages.start.as_ptr().add(self.pages.usable - self.len) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let pages = std::mem::replace(&mut self.pages, Pages::NONE);
        if pages.usable > KEEP {
            return;
        }
        // The thread may be ending, its pool gone already: then the pages go to the system.
        let _ = POOLED.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            if pool.len() < POOL {
                pool.push(pages);
            }
        });
    }
}

/// A mapping of readable pages with one inaccessible page behind them.
#[derive(Debug)]
struct Pages {
    start: NonNull<u8>,
    /// Readable bytes; the mapping is one page longer.
    usable: usize,
}

impl Pages {
    const NONE: Self = Self {
        start: NonNull::dangling(),
        usable: 0,
    };

    fn map(bytes: usize) -> io::Result<Self> {
        let page = page_size();
        let usable = bytes.div_ceil(page).max(1) * page;
        // SAFETY: an anonymous private mapping at an address that the system chooses touches no
        // memory of ours.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                usable + page,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let pages = Self {
            start: NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?,
            usable,
        };
        // SAFETY: the last page of the mapping that was made above; nothing points into it.
        let guarded = unsafe {
            libc::mprotect(
                pages.start.as_ptr().add(usable).cast(),
                page,
                libc::PROT_NONE,
            )
        };
        match guarded {
            0 => Ok(pages),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        if self.usable > 0 {
            // SAFETY: exactly the mapping that `map` made; its only user is being dropped.
            unsafe { libc::munmap(self.start.as_ptr().cast(), self.usable + page_size()) };
        }
    }
}

fn page_size() -> usize {
    // SAFETY: asks for a constant of the system.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_end_at_a_page_border() {
        for len in [0, 1, 4095, 4096, 4097, 20_000] {
            let memory = Memory::holding(&vec![7; len]).expect("pages");
            assert_eq!(memory.bytes().len(), len);
            assert!(memory.bytes().iter().all(|&b| b == 7));
            let end = memory.bytes().as_ptr().addr() + len;
            assert_eq!(end % page_size(), 0, "{len} bytes end at a border");
        }
    }

    #[test]
    fn a_read_past_the_end_kills_the_process() {
        let memory = Memory::holding(b"abc").expect("pages");
        let end = memory.bytes().as_ptr().expose_provenance() + 3;
        // SAFETY: the child does nothing but touch one byte and leave.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: none, on purpose: the page behind the bytes is inaccessible, and this child
            // process is to die of it. The default action is restored first.
            unsafe {
                libc::signal(libc::SIGSEGV, libc::SIG_DFL);
                std::ptr::with_exposed_provenance::<u8>(end).read_volatile();
                libc::_exit(0);
            }
        }
        let mut status = 0;
        // SAFETY: waits for the child that was started above.
        unsafe { libc::waitpid(child, &raw mut status, 0) };
        assert!(
            libc::WIFSIGNALED(status),
            "the child left with status {status}"
        );
        assert_eq!(libc::WTERMSIG(status), libc::SIGSEGV);
    }
}
