//! The peer: always the same library (OpenSSL, vendored and statically linked), so that only the
//! library under test varies. It reads, writes, renegotiates, updates keys, closes and sends
//! alerts, and it yields the key log with which the wire view decrypts records.
//!
//! It shares the thread's error queue with the reference backend, which is the same library. It
//! therefore leaves the queue empty, and never runs between a call of the library under test and
//! the reading of that call's error state. Where it acts during such a call, [`SavedErrorState`]
//! preserves the state that the call has left so far.

#![allow(unsafe_code)] // Functions that the `openssl` crate does not wrap.

mod io;

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::c_int;
use std::fmt;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

use foreign_types_shared::{ForeignType, ForeignTypeRef};
use openssl::error::ErrorStack;
use openssl::ex_data::Index;
use openssl::pkey::PKey;
use openssl::ssl::{
    ErrorCode, Ssl, SslContext, SslContextBuilder, SslMethod, SslOptions, SslSession,
    SslSessionCacheMode, SslStream, SslVersion,
};
use openssl::x509::X509;

use self::io::PeerIo;
use crate::identity::{IDENTITY, PRE_SHARED_IDENTITY, PRE_SHARED_KEY};
use crate::scenario::{Cipher, KeyUpdate, PeerRenegotiation, Role, Version};
use crate::transport::Transport;

// SAFETY: the declarations of openssl/ssl.h, in the library that `openssl-sys` links.
unsafe extern "C" {
    fn SSL_key_update(ssl: *mut openssl_sys::SSL, update_type: c_int) -> c_int;
    fn SSL_renegotiate(ssl: *mut openssl_sys::SSL) -> c_int;
    fn SSL_SESSION_dup(session: *const openssl_sys::SSL_SESSION) -> *mut openssl_sys::SSL_SESSION;
    fn SSL_SESSION_set_time_ex(
        session: *mut openssl_sys::SSL_SESSION,
        time: libc::time_t,
    ) -> libc::time_t;
    fn SSL_new_session_ticket(ssl: *mut openssl_sys::SSL) -> c_int;
}

/// `ERR_STATE` of openssl/err.h; only its address is used.
enum ErrState {}

// SAFETY: the declarations of openssl/err.h, since 3.2, in the library that `openssl-sys` links.
unsafe extern "C" {
    fn OSSL_ERR_STATE_new() -> *mut ErrState;
    fn OSSL_ERR_STATE_save(state: *mut ErrState);
    fn OSSL_ERR_STATE_restore(state: *const ErrState);
    fn OSSL_ERR_STATE_free(state: *mut ErrState);
}

/// The error queue and errno of a call during which the peer acts. Dropping this restores them and
/// discards everything that the peer left.
#[derive(Debug)]
pub(crate) struct SavedErrorState {
    queue: *mut ErrState,
    errno: c_int,
}

impl SavedErrorState {
    /// Saves the thread's error queue and errno.
    pub(crate) fn new() -> Self {
        let errno = nix::errno::Errno::last_raw();
        // SAFETY: no precondition. If allocation fails, there is no state, and nothing is saved.
        let queue = unsafe {
            let queue = OSSL_ERR_STATE_new();
            if !queue.is_null() {
                OSSL_ERR_STATE_save(queue);
            }
            queue
        };
        Self { queue, errno }
    }
}

impl Default for SavedErrorState {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for SavedErrorState {
    fn drop(&mut self) {
        if !self.queue.is_null() {
            // SAFETY: the state was made by `new`, and is freed once. Entries that the peer left
            // are cleared first, because restoring appends.
            unsafe {
                openssl_sys::ERR_clear_error();
                OSSL_ERR_STATE_restore(self.queue);
                OSSL_ERR_STATE_free(self.queue);
            }
        }
        nix::errno::Errno::set_raw(self.errno);
    }
}

/// `SSL_OP_ALLOW_CLIENT_RENEGOTIATION` of openssl/ssl.h: without it, a server of 3.0 and later
/// refuses.
const ALLOW_CLIENT_RENEGOTIATION: u64 = 1 << 8;

/// `SSL_OP_NO_ENCRYPT_THEN_MAC` of openssl/ssl.h: the extension of RFC 7366 is neither offered nor
/// accepted.
const NO_ENCRYPT_THEN_MAC: u64 = 1 << 19;

/// `SSL_OP_ALLOW_NO_DHE_KEX` of openssl/ssl.h: a pre-shared key may be used without a (EC)DHE
/// exchange.
const ALLOW_NO_DHE_KEX: u64 = 1 << 10;

/// `SSL_OP_PREFER_NO_DHE_KEX` of openssl/ssl.h: a server omits the (EC)DHE exchange where it may.
const PREFER_NO_DHE_KEX: u64 = 1 << 35;

/// The size of one read of the peer, in bytes: one record.
const READ_SIZE: usize = 16_384;

/// The configuration of the peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct PeerSetup {
    /// The peer's role.
    pub(crate) role: Role,
    /// The only version that it supports.
    pub(crate) version: Version,
    /// The only cipher that it supports.
    pub(crate) cipher: Cipher,
    /// How it can agree on keys.
    pub(crate) keys: Keys,
    /// What it does when asked to renegotiate.
    pub(crate) renegotiation: PeerRenegotiation,
}

impl PeerSetup {
    /// The cipher suites that the peer offers or accepts, as numbers of the IANA registry "TLS
    /// Cipher Suites".
    pub(crate) fn suites(&self) -> &'static [u16] {
        match (self.version, self.cipher) {
            (Version::Tls13, Cipher::ChaCha20) => &[0x1303],
            (Version::Tls13, _) => &[0x1301],
            // Each with ephemeral keys first, then with the pre-shared key.
            (Version::Tls12, Cipher::Aes128Gcm) => &[0xc02b, 0x00a8],
            (Version::Tls12, Cipher::ChaCha20) => &[0xcca9, 0xccab],
            (Version::Tls12, Cipher::Aes128Cbc | Cipher::Aes128CbcMacThenEncrypt) => {
                &[0xc009, 0x008c]
            }
        }
    }
}

/// How the peer can agree on keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Keys {
    /// With ephemeral keys and a certificate.
    Ephemeral,
    /// With the pre-shared key, if the library under test wants it too; else as
    /// [`Ephemeral`](Self::Ephemeral).
    PreShared,
    /// As [`Ephemeral`](Self::Ephemeral), and the peer keeps the session: [`Peer::session`].
    SessionSetup,
    /// With a kept session, if the library under test wants it too; else as
    /// [`Ephemeral`](Self::Ephemeral).
    Session,
}

/// A session that the peer has kept. It never expires, and no connection changes it: each uses a
/// copy.
#[derive(Clone)]
pub struct Session(Arc<SslSession>);

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

impl Session {
    /// Copies `session`: a connection that fails, or ends without a close, invalidates its own.
    fn of(session: &SslSession) -> Option<Self> {
        /// In the year 2100, in seconds since 1970. OpenSSL treats a session whose start lies in
        /// the future as new.
        const MOMENT: libc::time_t = 4_102_444_800;
        let copy = copy(session)?;
        // SAFETY: the session is live, and not shared yet.
        unsafe { SSL_SESSION_set_time_ex(copy.as_ptr(), MOMENT) };
        Some(Self(Arc::new(copy)))
    }

    /// A copy for one connection.
    fn copy(&self) -> Option<SslSession> {
        copy(&self.0)
    }
}

fn copy(session: &SslSession) -> Option<SslSession> {
    // SAFETY: the session is live and only read; the copy is ours.
    unsafe {
        let copy = SSL_SESSION_dup(session.as_ptr());
        (!copy.is_null()).then(|| SslSession::from_ptr(copy))
    }
}

/// The peer of one connection.
#[derive(Debug)]
pub(crate) struct Peer {
    stream: SslStream<PeerIo>,
    transport: Transport,
    key_log: KeyLogLines,
    established: bool,
    /// The read buffer, allocated once.
    space: Vec<u8>,
}

/// How an operation of the peer ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// There is nothing to do until more bytes arrive.
    Idle,
    /// It succeeded.
    Done,
    /// The library under test has sent close_notify.
    CloseNotify,
    /// It failed; the peer's error queue, oldest entry first.
    Failed(Vec<String>),
}

/// Why the peer has no handshake to continue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NoHandshake {
    /// Its handshake is complete, and no bytes are waiting for it.
    #[error("nothing to do: the peer's handshake is done, and no message of another one waits")]
    NothingWaits,
    /// Its handshake is complete, and other records come before any handshake message.
    #[error(
        "not done: other records wait before any message of a handshake; let the peer read first"
    )]
    OtherRecordsFirst,
}

#[derive(Debug, Clone, Default)]
struct KeyLogLines(Rc<RefCell<String>>);

// SAFETY: the `openssl` crate requires data that can move to another thread with its connection. A
// peer and its connection stay on the thread that made them: `Transport` keeps them there.
unsafe impl Send for KeyLogLines {}
// SAFETY: as above.
unsafe impl Sync for KeyLogLines {}

/// The index under which a connection keeps the lines of its key log.
static KEY_LOG: LazyLock<Result<Index<Ssl, KeyLogLines>, ErrorStack>> =
    LazyLock::new(Ssl::new_ex_index);

/// The index under which a connection keeps its session.
static SESSIONS: LazyLock<Result<Index<Ssl, Option<Session>>, ErrorStack>> =
    LazyLock::new(Ssl::new_ex_index);

thread_local! {
    static CONTEXTS: RefCell<HashMap<PeerSetup, SslContext>> = RefCell::default();
    static SPACE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl Peer {
    /// Makes the peer at the end of `transport`, before its handshake.
    ///
    /// # Errors
    ///
    /// The error queue of the peer's library, if it does not support `setup`.
    pub(crate) fn new(setup: &PeerSetup, transport: &Transport) -> Result<Self, ErrorStack> {
        let context = context(setup)?;
        Self::over(setup, transport, Ssl::new(&context)?)
    }

    /// As [`Peer::new`], and offers to resume `session`, regardless of the keys that `setup` names.
    ///
    /// # Errors
    ///
    /// As for [`Peer::new`].
    pub(crate) fn resuming(
        setup: &PeerSetup,
        transport: &Transport,
        session: &Session,
    ) -> Result<Self, ErrorStack> {
        let setup = PeerSetup {
            keys: Keys::Session,
            ..*setup
        };
        let context = context(&setup)?;
        let mut ssl = Ssl::new(&context)?;
        match (setup.role, session.copy()) {
            (Role::Client, Some(copy)) => {
                // SAFETY: the session was made by a connection of a context with the same setup.
                unsafe { ssl.set_session(&copy)? };
            }
            (Role::Server, Some(_)) => ssl.set_ex_data(sessions_index()?, Some(session.clone())),
            (_, None) => {}
        }
        Self::over(&setup, transport, ssl)
    }

    fn over(setup: &PeerSetup, transport: &Transport, mut ssl: Ssl) -> Result<Self, ErrorStack> {
        let key_log = KeyLogLines::default();
        ssl.set_ex_data(key_log_index()?, key_log.clone());
        match setup.role {
            Role::Client => ssl.set_connect_state(),
            Role::Server => ssl.set_accept_state(),
        }
        Ok(Self {
            stream: SslStream::new(ssl, PeerIo::new(transport))?,
            transport: transport.clone(),
            key_log,
            established: false,
            space: SPACE.take(),
        })
    }

    /// Continues the handshake as far as possible.
    pub(crate) fn handshake(&mut self) -> End {
        let end = match self.stream.do_handshake() {
            Ok(()) => End::Done,
            Err(error) => end(&error),
        };
        self.established |= end == End::Done;
        end
    }

    /// Continues a handshake within the connection as far as possible: its own, or one that the
    /// library under test has begun. Data that follow its messages stay unread.
    ///
    /// # Errors
    ///
    /// [`NoHandshake`], if there is none to continue; then nothing has changed.
    pub(crate) fn renegotiation(&mut self) -> Result<End, NoHandshake> {
        /// The content type of handshake messages (RFC 5246, section 6.2.1). In TLS 1.3 it is not
        /// visible on the wire.
        const HANDSHAKE: u8 = 22;
        if !self.stream.ssl().is_init_finished() {
            return Ok(self.handshake());
        }
        match self.transport.waits_for_peer() {
            Some(HANDSHAKE) => {}
            Some(_) => return Err(NoHandshake::OtherRecordsFirst),
            None => return Err(NoHandshake::NothingWaits),
        }
        // Between handshakes only a function that reads processes handshake messages
        // (SSL_do_handshake returns at once); SSL_peek leaves the data in place.
        Ok(match self.stream.ssl_peek(&mut [0]) {
            Ok(_) => End::Done,
            Err(error) => end(&error),
        })
    }

    /// Whether a handshake has completed.
    pub(crate) fn is_established(&self) -> bool {
        self.established
    }

    /// The session that was kept, with [`Keys::SessionSetup`].
    pub(crate) fn session(&self) -> Option<Session> {
        let index = sessions_index().ok()?;
        self.stream.ssl().ex_data(index).cloned().flatten()
    }

    /// Reads everything that has arrived, and passes it to `take` piece by piece.
    pub(crate) fn read(&mut self, mut take: impl FnMut(&[u8])) -> End {
        self.space.resize(READ_SIZE, 0);
        loop {
            match self.stream.ssl_read(&mut self.space) {
                Ok(bytes) => take(&self.space[..bytes]),
                Err(error) => return end(&error),
            }
        }
    }

    /// Writes `bytes`.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> End {
        match self.stream.ssl_write(bytes) {
            Ok(_) => End::Done,
            Err(error) => end(&error),
        }
    }

    /// Sends a key update.
    pub(crate) fn key_update(&mut self, request: KeyUpdate) -> End {
        // SSL_KEY_UPDATE_NOT_REQUESTED and SSL_KEY_UPDATE_REQUESTED.
        let number = match request {
            KeyUpdate::NotRequested => 0,
            KeyUpdate::Requested => 1,
        };
        // SAFETY: the connection is live.
        let begun = unsafe { SSL_key_update(self.stream.ssl().as_ptr(), number) };
        self.post_handshake(begun)
    }

    /// Requests a renegotiation: HelloRequest from a server, ClientHello from a client. Before the
    /// first handshake is complete this fails without a call: OpenSSL would make the request, and
    /// its first handshake would fail.
    pub(crate) fn renegotiate(&mut self) -> End {
        let ssl = self.stream.ssl();
        if ssl.finished(&mut []) == 0 || ssl.peer_finished(&mut []) == 0 {
            return End::Failed(vec!["no handshake has been done yet".to_owned()]);
        }
        // SAFETY: the connection is live.
        let begun = unsafe { SSL_renegotiate(self.stream.ssl().as_ptr()) };
        self.post_handshake(begun)
    }

    /// Sends a session ticket.
    pub(crate) fn session_ticket(&mut self) -> End {
        // SAFETY: the connection is live.
        let begun = unsafe { SSL_new_session_ticket(self.stream.ssl().as_ptr()) };
        self.post_handshake(begun)
    }

    /// Sends a requested post-handshake message by calling the handshake function.
    fn post_handshake(&mut self, begun: c_int) -> End {
        match begun {
            1 => self.handshake(),
            _ => End::Failed(reasons(&ErrorStack::get())),
        }
    }

    /// Sends close_notify.
    pub(crate) fn close_notify(&mut self) -> End {
        match self.stream.shutdown() {
            Ok(_) => End::Done,
            Err(error) => end(&error),
        }
    }

    /// Sends the fatal alert `bad_record_mac`, by giving the peer a damaged record to read.
    pub(crate) fn fatal_alert(&mut self) -> End {
        self.transport.damage(&damaged_records());
        self.read(|_| {})
    }

    /// The key log so far, in the format of `SSLKEYLOGFILE`.
    pub(crate) fn key_log(&self) -> String {
        self.key_log.0.borrow().clone()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        SPACE.set(std::mem::take(&mut self.space));
    }
}

/// A record of zeros, followed by enough zeros to complete any partly read record.
fn damaged_records() -> Vec<u8> {
    const LENGTH: u16 = 64;
    let mut bytes = vec![23, 3, 3];
    bytes.extend(LENGTH.to_be_bytes());
    bytes.resize(bytes.len() + READ_SIZE + usize::from(LENGTH), 0);
    bytes
}

/// The context for `setup`; contexts are made once for each setup and thread.
fn context(setup: &PeerSetup) -> Result<SslContext, ErrorStack> {
    CONTEXTS.with_borrow_mut(|contexts| {
        if let Some(context) = contexts.get(setup) {
            return Ok(context.clone());
        }
        let context = new_context(setup)?;
        contexts.insert(*setup, context.clone());
        Ok(context)
    })
}

fn new_context(setup: &PeerSetup) -> Result<SslContext, ErrorStack> {
    // No configuration file: the machine's settings must not change results. No cleanup at exit:
    // other threads may still be inside the library then.
    // SAFETY: documented to be callable at any time, with no settings.
    unsafe { openssl_sys::OPENSSL_init_ssl(INIT_OPTIONS, std::ptr::null()) };
    let mut context = SslContextBuilder::new(SslMethod::tls())?;
    let version = match setup.version {
        Version::Tls12 => SslVersion::TLS1_2,
        Version::Tls13 => SslVersion::TLS1_3,
    };
    context.set_min_proto_version(Some(version))?;
    context.set_max_proto_version(Some(version))?;
    match setup.version {
        Version::Tls12 => context.set_cipher_list(tls12_ciphers(setup))?,
        Version::Tls13 => context.set_ciphersuites(tls13_cipher(setup.cipher))?,
    }
    context.set_options(renegotiation_options(setup.renegotiation));
    if setup.cipher == Cipher::Aes128CbcMacThenEncrypt {
        context.set_options(SslOptions::from_bits_retain(NO_ENCRYPT_THEN_MAC));
    }
    context.set_session_cache_mode(SslSessionCacheMode::OFF);
    // Tickets are sent only when a scenario requests one, so that the wire holds nothing
    // unrequested.
    context.set_num_tickets(0)?;
    match setup.keys {
        Keys::Ephemeral => {}
        Keys::PreShared => give_key(&mut context, setup.role)?,
        Keys::SessionSetup => keep_session(&mut context, setup.role)?,
        Keys::Session => give_session(&mut context, setup.role)?,
    }
    context.set_certificate(X509::from_der(&IDENTITY.certificate)?.as_ref())?;
    context.set_private_key(PKey::private_key_from_der(&IDENTITY.key)?.as_ref())?;
    let index = key_log_index()?;
    context.set_keylog_callback(move |ssl, line| {
        if let Some(lines) = ssl.ex_data(index) {
            let mut lines = lines.0.borrow_mut();
            lines.push_str(line);
            lines.push('\n');
        }
    });
    Ok(context.build())
}

/// The cipher list in TLS 1.2, offered or accepted.
fn tls12_ciphers(setup: &PeerSetup) -> &'static str {
    let (with_key, without) = match setup.cipher {
        Cipher::Aes128Gcm => (
            "PSK-AES128-GCM-SHA256:ECDHE-ECDSA-AES128-GCM-SHA256",
            "ECDHE-ECDSA-AES128-GCM-SHA256",
        ),
        Cipher::ChaCha20 => (
            "PSK-CHACHA20-POLY1305:ECDHE-ECDSA-CHACHA20-POLY1305",
            "ECDHE-ECDSA-CHACHA20-POLY1305",
        ),
        Cipher::Aes128Cbc | Cipher::Aes128CbcMacThenEncrypt => (
            "PSK-AES128-CBC-SHA:ECDHE-ECDSA-AES128-SHA",
            "ECDHE-ECDSA-AES128-SHA",
        ),
    };
    match setup.keys {
        Keys::PreShared => with_key,
        Keys::Ephemeral | Keys::SessionSetup | Keys::Session => without,
    }
}

/// The cipher suite in TLS 1.3, offered or accepted.
fn tls13_cipher(cipher: Cipher) -> &'static str {
    match cipher {
        Cipher::ChaCha20 => "TLS_CHACHA20_POLY1305_SHA256",
        _ => "TLS_AES_128_GCM_SHA256",
    }
}

/// Lets the peer use the pre-shared key, and only it where the library under test allows that.
fn give_key(context: &mut SslContextBuilder, role: Role) -> Result<(), ErrorStack> {
    // In TLS 1.3 a client still sends a key share for the first of these groups.
    context.set_groups_list("P-256:X25519")?;
    const OPTIONS: u64 = ALLOW_NO_DHE_KEX | PREFER_NO_DHE_KEX;
    // A ticket would never be used.
    context.set_options(SslOptions::from_bits_retain(OPTIONS) | SslOptions::NO_TICKET);
    match role {
        Role::Client => context.set_psk_client_callback(|_, _hint, identity, key| {
            let name = PRE_SHARED_IDENTITY.to_bytes_with_nul();
            identity[..name.len()].copy_from_slice(name);
            key[..PRE_SHARED_KEY.len()].copy_from_slice(&PRE_SHARED_KEY);
            Ok(PRE_SHARED_KEY.len())
        }),
        Role::Server => {
            context.set_options(SslOptions::CIPHER_SERVER_PREFERENCE);
            context.set_psk_server_callback(|_, identity, key| {
                if identity != Some(PRE_SHARED_IDENTITY.to_bytes()) {
                    return Ok(0);
                }
                key[..PRE_SHARED_KEY.len()].copy_from_slice(&PRE_SHARED_KEY);
                Ok(PRE_SHARED_KEY.len())
            });
        }
    }
    Ok(())
}

/// Makes each connection keep its first session.
fn keep_session(context: &mut SslContextBuilder, role: Role) -> Result<(), ErrorStack> {
    server_keeps_sessions_itself(context, role);
    context.set_session_cache_mode(SslSessionCacheMode::BOTH | SslSessionCacheMode::NO_INTERNAL);
    context.set_num_tickets(1)?;
    let index = sessions_index()?;
    context.set_new_session_callback(move |ssl, session| {
        if ssl.ex_data(index).is_none() {
            ssl.set_ex_data(index, Session::of(&session));
        }
    });
    Ok(())
}

/// Lets a server look up the session of its connection; a client sets its session directly.
fn give_session(context: &mut SslContextBuilder, role: Role) -> Result<(), ErrorStack> {
    server_keeps_sessions_itself(context, role);
    context.set_session_cache_mode(SslSessionCacheMode::NO_INTERNAL);
    let index = sessions_index()?;
    // SAFETY: the returned session was made by a connection of a context with the same setup.
    unsafe {
        context.set_get_session_callback(move |ssl, id| {
            let session = ssl.ex_data(index)?.as_ref()?;
            (session.0.id() == id).then(|| session.copy())?
        });
    }
    Ok(())
}

/// Makes a server cache its sessions, so that its clients hold only a session ID, of a fixed
/// length. A ticket would hold the whole session, whose length differs between processes.
fn server_keeps_sessions_itself(context: &mut SslContextBuilder, role: Role) {
    if role == Role::Server {
        context.set_options(SslOptions::NO_TICKET);
    }
}

/// `OPENSSL_INIT_NO_LOAD_CONFIG` and `OPENSSL_INIT_NO_ATEXIT` of openssl/crypto.h.
const INIT_OPTIONS: u64 = 0x80 | 0x0008_0000;

fn renegotiation_options(renegotiation: PeerRenegotiation) -> SslOptions {
    match renegotiation {
        PeerRenegotiation::Allow => SslOptions::from_bits_retain(ALLOW_CLIENT_RENEGOTIATION),
        PeerRenegotiation::Refuse => SslOptions::NO_RENEGOTIATION,
    }
}

fn sessions_index() -> Result<Index<Ssl, Option<Session>>, ErrorStack> {
    SESSIONS.clone()
}

fn key_log_index() -> Result<Index<Ssl, KeyLogLines>, ErrorStack> {
    KEY_LOG.clone()
}

fn end(error: &openssl::ssl::Error) -> End {
    match error.code() {
        ErrorCode::WANT_READ | ErrorCode::WANT_WRITE => End::Idle,
        ErrorCode::ZERO_RETURN => End::CloseNotify,
        _ => End::Failed(error.ssl_error().map(reasons).unwrap_or_default()),
    }
}

/// The reasons of an error queue, as a trace shows them.
fn reasons(stack: &ErrorStack) -> Vec<String> {
    stack
        .errors()
        .iter()
        .map(|error| {
            error
                .reason()
                .unwrap_or("a reason without a name")
                .to_lowercase()
        })
        .collect()
}
