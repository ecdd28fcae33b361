//! A file in memory, shared with a worker, that says what the library was last called for: it outlives
//! the worker, and costs it one system call each time.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

/// The longest action that is kept, in bytes; in practice they are much shorter.
const LENGTH: usize = 120;

/// The file: the step as four bytes, the length of the action as four, the action.
pub(super) struct Whereabouts(File);

/// What the library was called for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) step: usize,
    pub(super) action: String,
}

impl Whereabouts {
    pub(super) fn new(file: File) -> Self {
        Self(file)
    }

    /// What was written last.
    pub(super) fn read(&self) -> io::Result<Place> {
        let mut bytes = [0; 8 + LENGTH];
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

    /// The library is now called, in this step, to do this.
    pub(super) fn write(&self, step: usize, action: &str) {
        let mut bytes = [0; 8 + LENGTH];
        let length = action.len().min(LENGTH);
        bytes[..4].copy_from_slice(&u32::try_from(step).unwrap_or(u32::MAX).to_le_bytes());
        bytes[4..8].copy_from_slice(&u32::try_from(length).unwrap_or(0).to_le_bytes());
        bytes[8..8 + length].copy_from_slice(&action.as_bytes()[..length]);
        // A library that has closed the file is found out when the worker replies.
        let _ = self.0.write_all_at(&bytes, 0);
    }
}
