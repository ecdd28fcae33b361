//! The shared object in one process with the statically linked OpenSSL 3.6: each answers for itself.
#![expect(unsafe_code, reason = "loads a C library and calls it")]

use std::ffi::{CStr, c_char, c_int, c_uint, c_ulong, c_void};

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use openssl::error::ErrorStack;
use openssl::ssl::{SslContext, SslMethod};

use writeproof_aws_lc::{LIBSSL, VERSION};

/// The OpenSSL with which AWS-LC wants to be compatible: `OPENSSL_VERSION_NUMBER` of 1.1.1 release (`base.h`).
const NUMBER_1_1_1: c_ulong = 0x1010_107f;

/// The same of OpenSSL 3.6.3, in the form of OpenSSL 3: major, minor, patch (`opensslv.h`).
const NUMBER_3_6_3: i64 = 0x3060_0030;

/// The number of libssl in error codes (`err.h`).
const ERR_LIB_SSL: c_int = 16;

#[test]
fn each_library_gives_its_own_version() {
    let library = load();
    let number = symbol::<unsafe extern "C" fn() -> c_ulong>(&library, "OpenSSL_version_num");
    let text = symbol::<unsafe extern "C" fn(c_int) -> *const c_char>(&library, "OpenSSL_version");

    // SAFETY: both functions have these signatures (crypto.h) and no preconditions; the text is static and ends with
    // NUL.
    let (number, text) = unsafe { (number(), CStr::from_ptr(text(0))) };

    assert_eq!(number, NUMBER_1_1_1);
    assert_eq!(text.to_str().unwrap(), format!("AWS-LC {VERSION}"));
    assert_eq!(openssl::version::number(), NUMBER_3_6_3);
}

#[test]
fn ssl_write_is_there() {
    let library = load();

    assert!(!symbol::<*const c_void>(&library, "SSL_write").is_null());
}

#[test]
fn an_error_in_one_library_is_not_in_the_queue_of_the_other() {
    let library = load();
    let put = symbol::<unsafe extern "C" fn(c_int, c_int, c_int, *const c_char, c_uint)>(
        &library,
        "ERR_put_error",
    );
    let get = symbol::<unsafe extern "C" fn() -> u32>(&library, "ERR_get_error");

    // SAFETY: the signature is that of err.h; the file name is static.
    unsafe { put(ERR_LIB_SSL, 0, 1, c"test".as_ptr(), 1) };

    assert!(ErrorStack::get().errors().is_empty());
    // SAFETY: the function takes nothing and has no preconditions.
    assert_ne!(unsafe { get() }, 0);
}

#[test]
fn both_libraries_make_contexts_and_free_them() {
    let library = load();
    let method = symbol::<unsafe extern "C" fn() -> *const c_void>(&library, "TLS_method");
    let new = symbol::<unsafe extern "C" fn(*const c_void) -> *mut c_void>(&library, "SSL_CTX_new");
    let free = symbol::<unsafe extern "C" fn(*mut c_void)>(&library, "SSL_CTX_free");

    let ours = SslContext::builder(SslMethod::tls()).unwrap().build();
    // SAFETY: the signatures are those of ssl.h; the method and the context belong to the same library.
    unsafe {
        let theirs = new(method());
        assert!(!theirs.is_null());
        free(theirs);
    }
    drop(ours);
}

fn load() -> Library {
    // SAFETY: the object's initialisers are AWS-LC's, and AWS-LC expects to be loaded this way.
    unsafe { Library::open(Some(LIBSSL), RTLD_NOW | RTLD_LOCAL) }.unwrap()
}

/// The function's address; it stays valid, because the object is linked with `nodelete`.
fn symbol<T: Copy>(library: &Library, name: &str) -> T {
    // SAFETY: each caller names the type that the library's header gives the symbol.
    *unsafe { library.get::<T>(name.as_bytes()) }.unwrap()
}
