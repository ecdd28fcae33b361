//! Memory for the bytes of a write, made so that a library that reads past them is caught in the
//! act: the bytes end at the last byte before a page that nobody may touch.

#![allow(unsafe_code)] // The pages come from the operating system.

use std::cell::RefCell;
use std::io;
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

/// A stretch of bytes that ends at an inaccessible page.
///
/// The pages go back to a pool of the thread when the memory is dropped, since asking the operating
/// system for them costs more than a small write.
#[derive(Debug)]
pub struct Memory {
    /// Taken when this is dropped, not before.
    pages: ManuallyDrop<Pages>,
    len: usize,
}

/// Mappings of 2 to the power of so many pages, and of fewer, are kept for later; larger ones go back to the operating
/// system at once, so that one large write does not hold its memory for the rest of the run.
const LARGEST: u32 = 5;

/// How many mappings of each size a thread keeps: as many as all but the longest cases have at once.
const POOL: usize = 128;

thread_local! {
    /// Those that nobody has, by the power of two that they have pages.
    static POOLED: RefCell<[Vec<Pages>; LARGEST as usize + 1]> = RefCell::default();
}

impl Memory {
    /// A copy of `bytes` that ends at an inaccessible page.
    ///
    /// # Errors
    /// What the operating system says when it has no pages left.
    pub fn holding(bytes: &[u8]) -> io::Result<Self> {
        let size = Size::of(bytes.len());
        let pooled = POOLED.with_borrow_mut(|pool| pool.get_mut(size.place())?.pop());
        let pages = match pooled {
            Some(pages) => pages,
            None => Pages::map(size)?,
        };
        pages.guard.stand(&pages);
        let mut memory = Self {
            pages: ManuallyDrop::new(pages),
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
        // SAFETY: `len` is at most what is usable, so that the result stays inside the mapping.
        unsafe { self.pages.end().sub(self.len) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.pages.guard.stand_down();
        // SAFETY: `self` is going, and nothing below touches it.
        let pages = unsafe { ManuallyDrop::take(&mut self.pages) };
        // The thread may be ending, its pool gone already: then the pages go to the system.
        let _ = POOLED.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            let room = |kept: &&mut Vec<Pages>| kept.len() < POOL;
            if let Some(kept) = pool.get_mut(pages.size.place()).filter(room) {
                kept.push(pages);
            }
        });
    }
}

/// The address of an inaccessible page. All of these form a list that only grows, since a signal handler may be looking at
/// it; one whose pages are gone is taken again, so that it has no more than there ever were mappings at once.
#[derive(Debug)]
struct Guard {
    /// Where the page begins, or [`FREE`] or [`RESTING`].
    page: AtomicUsize,
    next: *const Guard,
}

/// It belongs to no pages.
const FREE: usize = 0;

/// Its pages are in a pool: nobody has them. No page begins here.
const RESTING: usize = 1;

/// The guard that was added last.
static GUARDS: AtomicPtr<Guard> = AtomicPtr::new(ptr::null_mut());

// SAFETY: `next` is not changed once others see it, and what it points to is never freed.
unsafe impl Sync for Guard {}

impl Guard {
    /// One that is nobody else's, resting.
    fn take() -> &'static Self {
        let take = |guard: &&Self| {
            let taken = (Ordering::AcqRel, Ordering::Relaxed);
            let free = &guard.page;
            free.compare_exchange(FREE, RESTING, taken.0, taken.1)
                .is_ok()
        };
        Self::all().find(take).unwrap_or_else(Self::add)
    }

    /// Stands for the inaccessible page of these from now on.
    fn stand(&self, pages: &Pages) {
        self.page.store(pages.end().addr(), Ordering::Release);
    }

    fn stand_down(&self) {
        self.page.store(RESTING, Ordering::Release);
    }

    /// Anybody may take it.
    fn leave(&self) {
        self.page.store(FREE, Ordering::Release);
    }

    fn add() -> &'static Self {
        let mut last = GUARDS.load(Ordering::Acquire);
        let guard = Box::into_raw(Box::new(Self {
            page: AtomicUsize::new(RESTING),
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
        match self.page.load(Ordering::Acquire) {
            FREE | RESTING => false,
            page => address.checked_sub(page).is_some_and(|at| at < page_size()),
        }
    }
}

/// How many pages: a power of two, so that those of one write fit another of about its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Size(u32);

impl Size {
    /// What so many bytes need.
    fn of(bytes: usize) -> Self {
        let pages = bytes.div_ceil(page_size()).max(1);
        Self(pages.next_power_of_two().ilog2())
    }

    fn bytes(self) -> usize {
        page_size() << self.0
    }

    /// Where mappings of this size stand in a pool, if they do.
    fn place(self) -> usize {
        self.0 as usize
    }
}

/// A mapping of readable pages with one inaccessible page behind them.
#[derive(Debug)]
struct Pages {
    start: NonNull<u8>,
    /// The readable ones; the mapping is one page longer.
    size: Size,
    guard: &'static Guard,
}

impl Pages {
    fn map(size: Size) -> io::Result<Self> {
        // SAFETY: an anonymous private mapping at an address that the system chooses touches no
        // memory of ours.
        let start = unsafe {
            mmap_anonymous(
                ptr::null_mut(),
                size.bytes() + page_size(),
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )?
        };
        let pages = Self {
            start: NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?,
            size,
            guard: Guard::take(),
        };
        // SAFETY: the last page of the mapping that was made above; nothing points into it.
        unsafe { mprotect(pages.end().cast(), page_size(), MprotectFlags::empty())? };
        Ok(pages)
    }

    /// Where the readable pages end, and the inaccessible one begins.
    fn end(&self) -> *mut u8 {
        // SAFETY: so long is the readable part of the mapping.
        unsafe { self.start.as_ptr().add(self.size.bytes()) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        let length = self.size.bytes() + page_size();
        // SAFETY: exactly the mapping that `map` made; its only user is being dropped.
        let _ = unsafe { munmap(self.start.as_ptr().cast(), length) };
        self.guard.leave();
    }
}

/// In bytes.
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
