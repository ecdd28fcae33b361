//! For the tests of the crates that provide a `libssl` as a shared object: loads it into one
//! process with the statically linked OpenSSL 3.6, and checks that neither affects the other.
//! Input: the path of the object and its expected version. Output: passing or failing tests.
//!
//! ```ignore
//! writeproof_coexistence::tests! {
//!     object: writeproof_openssl_4_0::LIBSSL,
//!     number: 0x4000_0030,
//!     text: (0, format!("OpenSSL {} ", writeproof_openssl_4_0::VERSION)),
//! }
//! ```
#![allow(unsafe_code)] // Loads a C library and calls it.

use std::ffi::{CStr, c_char, c_int, c_ulong, c_void};
use std::path::Path;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use openssl::error::ErrorStack;
use openssl::ssl::{SslContext, SslMethod};

/// `OPENSSL_VERSION_NUMBER` of 3.6.3: major, minor, patch (`opensslv.h`).
const NUMBER_3_6_3: i64 = 0x3060_0030;

/// Functions of `libssl` and `libcrypto` that every library of this kind has.
const FUNCTIONS: [&str; 4] = [
    "SSL_write",
    "SSL_CTX_new",
    "ERR_get_error",
    "OPENSSL_cleanse",
];

/// The tests of one shared object: a function for each, named by its rule.
///
/// - `object` is the path of the shared object;
/// - `number` is the result of `OpenSSL_version_num` (`opensslv.h`);
/// - `text` is an argument of `OpenSSL_version` (`crypto.h`) and its result; one that ends with a
///   space is a prefix of the result.
#[macro_export]
macro_rules! tests {
    (object: $object:expr, number: $number:expr, text: ($which:expr, $text:expr $(,)?) $(,)?) => {
        #[test]
        fn each_library_reports_its_own_version() {
            $crate::Loaded::open($object).gives_its_own_version($number, $which, &$text);
        }

        #[test]
        fn functions_are_defined_in_the_object_itself() {
            $crate::Loaded::open($object).has_its_functions();
        }

        #[test]
        fn object_exports_nothing_globally() {
            $crate::Loaded::open($object).keeps_its_functions_to_itself();
        }

        #[test]
        fn error_in_one_library_is_not_in_the_queue_of_the_other() {
            $crate::Loaded::open($object).has_its_own_error_queue();
        }

        #[test]
        fn both_libraries_create_and_free_contexts() {
            $crate::Loaded::open($object).makes_its_own_contexts();
        }
    };
}

/// A `libssl` that is loaded in addition to the one that is linked.
#[derive(Debug)]
pub struct Loaded {
    library: Library,
    path: &'static str,
}

impl Loaded {
    /// Loads the object as the suite does, with local symbols.
    ///
    /// # Panics
    /// If the loader refuses it.
    #[must_use]
    pub fn open(path: &'static str) -> Self {
        // SAFETY: the object's initialisers are those of a libssl, which expects to be loaded this
        // way.
        let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL) }.unwrap();
        Self { library, path }
    }

    /// # Panics
    /// If one of the two libraries reports another version.
    pub fn gives_its_own_version(&self, number: c_ulong, which: c_int, text: &str) {
        let version_number =
            self.symbol::<unsafe extern "C" fn() -> c_ulong>("OpenSSL_version_num");
        let version_text =
            self.symbol::<unsafe extern "C" fn(c_int) -> *const c_char>("OpenSSL_version");

        // SAFETY: both functions have these signatures (crypto.h) and no preconditions; the text is
        // static and ends with NUL.
        let (number_found, text_found) =
            unsafe { (version_number(), CStr::from_ptr(version_text(which))) };

        assert_eq!(number_found, number, "{number_found:#x}");
        let text_found = text_found.to_str().unwrap();
        if text.ends_with(' ') {
            assert!(text_found.starts_with(text), "{text_found:?}");
        } else {
            assert_eq!(text_found, text);
        }
        assert_eq!(openssl::version::number(), NUMBER_3_6_3);
    }

    /// # Panics
    /// If a function is missing, or comes from another object.
    pub fn has_its_functions(&self) {
        for name in FUNCTIONS {
            let home = object_of(self.symbol(name));
            assert_eq!(Path::new(&home), Path::new(self.path), "{name}");
        }
    }

    /// # Panics
    /// If a global lookup finds one of its functions.
    pub fn keeps_its_functions_to_itself(&self) {
        let everybody = Library::this();
        for name in FUNCTIONS {
            // SAFETY: only the presence of the symbol is checked.
            let found = unsafe { everybody.get::<*const c_void>(name.as_bytes()) };
            assert!(found.is_err(), "{name} of {} is global", self.path);
        }
    }

    /// # Panics
    /// If an error of the loaded library is in the linked one's queue, or in neither.
    pub fn has_its_own_error_queue(&self) {
        let (new, free) = self.context_functions();
        let choose = self.symbol::<unsafe extern "C" fn(*mut c_void, *const c_char) -> c_int>(
            "SSL_CTX_set_cipher_list",
        );
        let next = self.symbol::<unsafe extern "C" fn() -> c_ulong>("ERR_get_error");

        // SAFETY: the signatures are those of ssl.h; the context lives until it is freed here.
        let chosen = unsafe {
            let context = new();
            let chosen = choose(context, c"NO-SUCH-CIPHER".as_ptr());
            free(context);
            chosen
        };

        assert_ne!(chosen, 1);
        assert!(ErrorStack::get().errors().is_empty());
        // SAFETY: the function takes no arguments and has no preconditions. BoringSSL's result has
        // 32 bits (err.h), which hold every code of the others too.
        assert_ne!(unsafe { next() } & 0xffff_ffff, 0);
    }

    /// # Panics
    /// If one of the two libraries cannot create a context.
    pub fn makes_its_own_contexts(&self) {
        let (new, free) = self.context_functions();

        let ours = SslContext::builder(SslMethod::tls()).unwrap().build();
        // SAFETY: the context is live and freed once.
        unsafe {
            let theirs = new();
            assert!(!theirs.is_null());
            free(theirs);
        }
        drop(ours);
    }

    /// `SSL_CTX_new` for any version, and `SSL_CTX_free`.
    fn context_functions(&self) -> (impl Fn() -> *mut c_void, unsafe extern "C" fn(*mut c_void)) {
        let method = self.symbol::<unsafe extern "C" fn() -> *const c_void>("TLS_method");
        let new = self.symbol::<unsafe extern "C" fn(*const c_void) -> *mut c_void>("SSL_CTX_new");
        let free = self.symbol::<unsafe extern "C" fn(*mut c_void)>("SSL_CTX_free");
        // SAFETY: the signatures are those of ssl.h; the method belongs to the same library.
        (move || unsafe { new(method()) }, free)
    }

    /// The function's address; it stays valid, because the object is linked with `nodelete`.
    fn symbol<T: Copy>(&self, name: &str) -> T {
        // SAFETY: each caller names the type that the library's header gives the symbol.
        *unsafe { self.library.get::<T>(name.as_bytes()) }.unwrap()
    }
}

/// The path of the object in which the loader put this address.
fn object_of(address: *const c_void) -> String {
    let mut place = libc::Dl_info {
        dli_fname: std::ptr::null(),
        dli_fbase: std::ptr::null_mut(),
        dli_sname: std::ptr::null(),
        dli_saddr: std::ptr::null_mut(),
    };
    // SAFETY: dladdr accepts any address; if it finds an object, the name is a string that lives as
    // long as the object.
    unsafe {
        assert_ne!(libc::dladdr(address, &raw mut place), 0);
        CStr::from_ptr(place.dli_fname)
            .to_string_lossy()
            .into_owned()
    }
}
