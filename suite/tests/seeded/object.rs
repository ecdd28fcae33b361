//! The shared object with the seeded faults, loaded into this process with none active: reports
//! which faults a case reaches.

#![allow(unsafe_code)] // The dynamic loader is foreign.

use std::ffi::{c_int, c_uchar};
use std::sync::Arc;

use libloading::os::unix::Library;
use writeproof::internal::backend::libssl::LibrarySource;
use writeproof::internal::isolation::Isolation;
use writeproof::internal::target::Target;
use writeproof_faulty::{LIBSSL, VARIABLE};

/// `writeproof_faults_asked` of `build/chosen.c`.
type Asked = unsafe extern "C" fn(*mut c_uchar, c_int) -> c_int;

/// Larger than the number of faults.
pub(crate) const ROOM: usize = 1 << 10;

/// The object without an active fault.
pub(crate) struct Object {
    pub(crate) target: Arc<dyn Target>,
    asked: Asked,
}

/// The location of the object.
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
        // SAFETY: the object is loaded already, so no code runs; its functions stay valid, since it
        // is never unloaded.
        let asked = unsafe {
            let library = Library::new(LIBSSL).map_err(|error| error.to_string())?;
            let asked = library.get::<Asked>(b"writeproof_faults_asked");
            *asked.map_err(|error| error.to_string())?
        };
        Ok(Self { target, asked })
    }

    /// The faults that this thread has reached since the last call, by their places in the table.
    pub(crate) fn reached(&self) -> Vec<usize> {
        let mut flags = [0; ROOM];
        // SAFETY: `flags` has as many elements as the call states.
        let faults = unsafe { (self.asked)(flags.as_mut_ptr(), ROOM as c_int) };
        let faults = usize::try_from(faults).unwrap_or(0);
        let reached = flags.iter().take(faults).enumerate();
        reached
            .filter(|(_, flag)| **flag != 0)
            .map(|(index, _)| index)
            .collect()
    }
}
