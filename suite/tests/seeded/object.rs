//! The shared object with the faults, loaded into this process with none of them active: tells which faults a case
//! reaches.

#![allow(unsafe_code)] // The dynamic loader is foreign.

use std::ffi::{c_int, c_uchar};
use std::sync::Arc;

use libloading::os::unix::Library;
use writeproof::backend::libssl::LibrarySource;
use writeproof::target::{Isolation, Target};
use writeproof_faulty::{LIBSSL, VARIABLE};

/// `writeproof_faults_asked` of `build/chosen.c`.
type Asked = unsafe extern "C" fn(*mut c_uchar, c_int) -> c_int;

/// More faults than there will be.
pub(crate) const ROOM: usize = 1 << 10;

/// The object, right as it is.
pub(crate) struct Object {
    pub(crate) target: Arc<dyn Target>,
    asked: Asked,
}

/// Where the object is.
pub(crate) fn source() -> LibrarySource {
    LibrarySource::new("faulty", LIBSSL)
}

impl Object {
    pub(crate) fn load() -> Result<Self, String> {
        if std::env::var_os(VARIABLE).is_some() {
            return Err(format!("{VARIABLE} is set, which the tests do themselves"));
        }
        let loaded = Isolation::None.load(&source());
        let target = loaded.map_err(|error| error.to_string())?;
        // SAFETY: it is loaded already, so that no code runs; its functions stay where they are, as it is never unloaded.
        let asked = unsafe {
            let library = Library::new(LIBSSL).map_err(|error| error.to_string())?;
            let asked = library.get::<Asked>(b"writeproof_faults_asked");
            *asked.map_err(|error| error.to_string())?
        };
        Ok(Self { target, asked })
    }

    /// The faults that this thread has reached since it was last asked, by their places in the table.
    pub(crate) fn reached(&self) -> Vec<usize> {
        let mut flags = [0; ROOM];
        // SAFETY: there are as many flags as it is told.
        let faults = unsafe { (self.asked)(flags.as_mut_ptr(), ROOM as c_int) };
        let faults = usize::try_from(faults).unwrap_or(0);
        let reached = flags.iter().take(faults).enumerate();
        reached
            .filter(|(_, flag)| **flag != 0)
            .map(|(index, _)| index)
            .collect()
    }
}
