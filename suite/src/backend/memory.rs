//! Memory for the bytes of a write that detects a library reading past them: the bytes end directly
//! before an inaccessible page.

#![allow(unsafe_code)] // The pages come from the operating system.

use std::cell::RefCell;
use std::io;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

/// A range of bytes that ends at an inaccessible page.
///
/// The pages go back to a pool of the thread when the memory is dropped, because allocating them
/// from the operating system costs more than a small write.
#[derive(Debug)]
pub(crate) struct Memory {
    /// Taken only when this is dropped.
    pages: ManuallyDrop<Pages>,
    len: usize,
}

/// Bytes of the caller that a call of the library may read. A foreign library gets them as a pointer that no reference
/// of Rust excludes: if it writes there, against the contract, the suite sees the change and reports it.
#[derive(Debug, Clone, Copy)]
pub struct Lent<'m> {
    start: NonNull<u8>,
    len: usize,
    memory: PhantomData<&'m Memory>,
}

impl<'m> Lent<'m> {
    /// Where they begin; valid for reads of [`Self::len`] bytes, and mapped for writing.
    pub fn as_ptr(self) -> *const u8 {
        self.start.as_ptr()
    }

    /// How many there are.
    pub fn len(self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(self) -> bool {
        self.len == 0
    }

    /// The bytes, for a library in Rust, which cannot write to them.
    pub fn as_slice(self) -> &'m [u8] {
        // SAFETY: `Memory::lend` made it of initialised memory that lives for `'m` and that the suite changes only through
        // an exclusive borrow; a foreign library has the pointer, not this slice.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    /// All but the first `bytes`.
    #[must_use]
    pub fn skip(self, bytes: usize) -> Self {
        let bytes = bytes.min(self.len);
        Self {
            // SAFETY: no further than the end of these bytes.
            start: unsafe { self.start.add(bytes) },
            len: self.len - bytes,
            memory: PhantomData,
        }
    }
}

/// Mappings of up to 2^`LARGEST` pages are kept for reuse; larger ones go back to the operating
/// system at once, so that one large write does not hold its memory for the rest of the run.
const LARGEST: u32 = 5;

/// How many mappings of each size a thread keeps: as many as all but the longest cases have at
/// once.
const POOL: usize = 128;

thread_local! {
    /// The unused mappings, indexed by the binary logarithm of their number of pages.
    static POOLED: RefCell<[Vec<Pages>; LARGEST as usize + 1]> = RefCell::default();
}

impl Memory {
    /// A copy of `bytes` that ends at an inaccessible page.
    ///
    /// # Errors
    ///
    /// The error of the operating system if it has no pages left.
    pub(crate) fn holding(bytes: &[u8]) -> io::Result<Self> {
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
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: `start` is inside the mapping, the `len` bytes from it on end where the readable
        // part ends, they were written by `holding`, and they are not written while `self` is
        // borrowed.
        unsafe { std::slice::from_raw_parts(self.start(), self.len) }
    }

    /// The bytes, for changing them in place.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as for `bytes`; the mapping is zeroed by the operating system or was written by
        // an earlier user, and `self` is borrowed exclusively.
        unsafe { std::slice::from_raw_parts_mut(self.start(), self.len) }
    }

    /// The first `len` bytes, or all if there are fewer, for a call of the library.
    pub(crate) fn lend(&self, len: usize) -> Lent<'_> {
        Lent {
            start: self.pages.end_of(self.len),
            len: len.min(self.len),
            memory: PhantomData,
        }
    }

    /// Whether this address is in the inaccessible page of any existing memory, of any thread. Safe
    /// to call in a signal handler: it takes no lock and allocates nothing.
    pub(crate) fn is_guarded(address: usize) -> bool {
        Guard::all().any(|guard| guard.covers(address))
    }

    fn start(&self) -> *mut u8 {
        self.pages.end_of(self.len).as_ptr()
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        self.pages.guard.rest();
        // SAFETY: `self` is being dropped, and nothing below uses the field.
        let pages = unsafe { ManuallyDrop::take(&mut self.pages) };
        // If the thread is ending, its pool may be gone already: then the pages go to the system.
        let _ = POOLED.try_with(|pool| {
            let mut pool = pool.borrow_mut();
            let room = |kept: &&mut Vec<Pages>| kept.len() < POOL;
            if let Some(kept) = pool.get_mut(pages.size.place()).filter(room) {
                kept.push(pages);
            }
        });
    }
}

/// The address of an inaccessible page. All guards form a list that only grows, because a signal
/// handler may be reading it. A guard without pages is reused, so the list is no longer than the
/// greatest number of mappings at one time.
#[derive(Debug)]
struct Guard {
    /// The address of the page, or [`FREE`] or [`RESTING`].
    page: AtomicUsize,
    next: *const Guard,
}

/// The guard has no pages.
const FREE: usize = 0;

/// The pages of the guard are in a pool, unused. No page begins at this address.
const RESTING: usize = 1;

/// The guard that was added last.
static GUARDS: AtomicPtr<Guard> = AtomicPtr::new(ptr::null_mut());

// SAFETY: `next` is not changed once others see it, and its target is never freed.
unsafe impl Sync for Guard {}

impl Guard {
    /// A guard that no other memory uses, resting.
    fn take() -> &'static Self {
        let take = |guard: &&Self| {
            let taken = (Ordering::AcqRel, Ordering::Relaxed);
            let free = &guard.page;
            free.compare_exchange(FREE, RESTING, taken.0, taken.1)
                .is_ok()
        };
        Self::all().find(take).unwrap_or_else(Self::add)
    }

    /// Guards the inaccessible page of `pages` from now on.
    fn stand(&self, pages: &Pages) {
        self.page.store(pages.end().addr(), Ordering::Release);
    }

    fn rest(&self) {
        self.page.store(RESTING, Ordering::Release);
    }

    /// Makes the guard available for reuse.
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
            // SAFETY: no other thread has its address yet.
            unsafe { (*guard).next = last };
        }
        // SAFETY: it was made above, and is never freed; from now on only its atomic changes.
        unsafe { &*guard }
    }

    fn all() -> impl Iterator<Item = &'static Self> {
        // SAFETY: the pointers in the list are null or were added by `add`, and are never freed.
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

/// A number of pages: a power of two, so that the pages of one write fit others of similar length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Size(u32);

impl Size {
    /// The size for this many bytes.
    fn of(bytes: usize) -> Self {
        let pages = bytes.div_ceil(page_size()).max(1);
        Self(pages.next_power_of_two().ilog2())
    }

    fn bytes(self) -> usize {
        page_size() << self.0
    }

    /// The index in a pool of mappings of this size, if the pool keeps them.
    fn place(self) -> usize {
        self.0 as usize
    }
}

/// A mapping of readable pages followed by one inaccessible page.
#[derive(Debug)]
struct Pages {
    start: NonNull<u8>,
    /// The number of readable pages; the mapping is one page longer.
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

    /// Where the last `bytes` readable bytes begin; at most [`Size::bytes`].
    fn end_of(&self, bytes: usize) -> NonNull<u8> {
        debug_assert!(bytes <= self.size.bytes(), "the pages hold the bytes");
        // SAFETY: the result stays inside the mapping.
        unsafe { self.start.add(self.size.bytes() - bytes) }
    }

    /// The end of the readable pages, where the inaccessible one begins.
    fn end(&self) -> *mut u8 {
        // SAFETY: the readable part of the mapping has this length.
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

/// The size of a page, in bytes.
fn page_size() -> usize {
    // SAFETY: asks for a constant of the system.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_end_at_a_page_boundary() {
        for len in [0, 1, 4095, 4096, 4097, 20_000] {
            let memory = Memory::holding(&vec![7; len]).expect("pages");
            assert_eq!(memory.bytes().len(), len);
            assert!(memory.bytes().iter().all(|&b| b == 7));
            let end = memory.bytes().as_ptr().addr() + len;
            assert_eq!(end % page_size(), 0, "{len} bytes end at a border");
        }
    }

    #[test]
    fn guard_page_is_known_while_its_memory_exists() {
        let memory = Memory::holding(&[7; 5000]).expect("pages");
        let another = Memory::holding(b"").expect("pages");
        let guard_page = memory.bytes().as_ptr_range().end.addr();
        assert!(Memory::is_guarded(guard_page));
        assert!(Memory::is_guarded(guard_page + page_size() - 1));
        assert!(!Memory::is_guarded(guard_page - 1), "the last byte");
        assert!(Memory::is_guarded(another.bytes().as_ptr().addr()));
        assert!(!Memory::is_guarded(0));
        // It goes back to the pool of this thread, which no other thread uses.
        drop(memory);
        assert!(!Memory::is_guarded(guard_page));
    }

    #[test]
    fn read_past_the_end_kills_the_process() {
        let memory = Memory::holding(b"abc").expect("pages");
        let end = memory.bytes().as_ptr().expose_provenance() + 3;
        // SAFETY: the child only touches one byte and exits.
        let child = unsafe { libc::fork() };
        if child == 0 {
            // SAFETY: deliberately unsound: the page after the bytes is inaccessible, and must kill
            // this child process. The default action is restored first.
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
