//! Memory for the bytes of a write, made so that a library that reads past them is caught in the
//! act: the bytes end at the last byte before a page that nobody may touch.

#![allow(unsafe_code)] // The pages come from the operating system.

use std::cell::RefCell;
use std::io;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// A stretch of bytes that ends at an inaccessible page.
///
/// The pages go back to a pool of the thread when the memory is dropped, since asking the operating
/// system for them costs more than a small write.
#[derive(Debug)]
pub struct Memory {
    pages: Pages,
    len: usize,
    guard: &'static Guard,
}

/// How many mappings a thread keeps for later: as many as all but the longest cases have at once.
const POOL: usize = 64;

/// Mappings beyond this size, in bytes, go back to the operating system at once, so that one large
/// write does not hold its memory for the rest of the run.
const KEEP: usize = 128 << 10;

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
            guard: Guard::of(&pages),
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

    /// Whether this address lies in the inaccessible page of any memory that there is, whichever thread has
    /// it. It may be asked in a signal handler: it takes no lock and allocates nothing.
    pub(crate) fn is_guarded(address: usize) -> bool {
        Guard::all().any(|guard| guard.covers(address))
    }

    fn start(&self) -> *mut u8 {
        // SAFETY: `len` is at most `usable`, so that the result stays inside the mapping.
        unsafe { self.pages.start.as_ptr().add(self.pages.usable - self.len) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.guard.page.store(NO_PAGE, Ordering::Release);
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

/// The address of an inaccessible page of memory that there is. All of these form a list that only grows, since
/// a signal handler may be looking at it; one that is free is taken again, so that it has no more than there
/// ever was memory at once.
#[derive(Debug)]
struct Guard {
    /// Where the page begins; `NO_PAGE` while this is free.
    page: AtomicUsize,
    next: *const Guard,
}

/// Nothing is at this address.
const NO_PAGE: usize = 0;

/// The guard that was added last.
static GUARDS: AtomicPtr<Guard> = AtomicPtr::new(ptr::null_mut());

// SAFETY: `next` is not changed once others see it, and what it points to is never freed.
unsafe impl Sync for Guard {}

impl Guard {
    /// Stands for the inaccessible page of these from now on.
    fn of(pages: &Pages) -> &'static Self {
        let page = pages.start.as_ptr().addr() + pages.usable;
        let take = |guard: &&Self| {
            let taken = (Ordering::AcqRel, Ordering::Relaxed);
            let free = &guard.page;
            free.compare_exchange(NO_PAGE, page, taken.0, taken.1)
                .is_ok()
        };
        Self::all().find(take).unwrap_or_else(|| Self::add(page))
    }

    fn add(page: usize) -> &'static Self {
        let mut last = GUARDS.load(Ordering::Acquire);
        let guard = Box::into_raw(Box::new(Self {
            page: AtomicUsize::new(page),
            next: last,
        }));
        while let Err(added) =
            GUARDS.compare_exchange(last, guard, Ordering::AcqRel, Ordering::Acquire)
        {
            last = added;
            // SAFETY: nobody else knows of it yet.
            unsafe { (*guard).next = last };
        }
        // SAFETY: it was made above, and is never freed nor, from now on, changed but for its atomic.
        unsafe { &*guard }
    }

    fn all() -> impl Iterator<Item = &'static Self> {
        // SAFETY: what the list points to is null or was put into it by `add`, and is never freed.
        let at = |guard: *const Self| unsafe { guard.as_ref() };
        let last = at(GUARDS.load(Ordering::Acquire));
        std::iter::successors(last, move |guard| at(guard.next))
    }

    fn covers(&self, address: usize) -> bool {
        let page = self.page.load(Ordering::Acquire);
        page != NO_PAGE && address.checked_sub(page).is_some_and(|at| at < page_size())
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
    fn the_page_behind_the_bytes_is_known_as_long_as_they_are_there() {
        let memory = Memory::holding(&[7; 5000]).expect("pages");
        let another = Memory::holding(b"").expect("pages");
        let behind = memory.bytes().as_ptr_range().end.addr();
        assert!(Memory::is_guarded(behind));
        assert!(Memory::is_guarded(behind + page_size() - 1));
        assert!(!Memory::is_guarded(behind - 1), "the last byte");
        assert!(Memory::is_guarded(another.bytes().as_ptr().addr()));
        assert!(!Memory::is_guarded(0));
        // It goes back to the pool of this thread, from which nobody else takes it.
        drop(memory);
        assert!(!Memory::is_guarded(behind));
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
