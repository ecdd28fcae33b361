//! One connection of a libssl. Each operation is one C call, and the error state is read directly
//! after it.

use std::ffi::{CStr, c_char, c_int, c_long, c_ulong, c_void};
use std::ptr;
use std::sync::Arc;

use super::adapter::TransportAdapter;
use super::attach;
use super::context::{Context, Spare, refused};
use super::stale;
use super::symbols::{Functions, Ssl};
use super::{CODE_BITS, QUEUE_LIMIT, Way, clear_errors, number};
use crate::backend::{Bytes, Endpoint, ModeChange, Setup, Unsupported};
use crate::scenario::{Function, KeyUpdate, Mode, Operation, Role, RoleState, StaleError};
use crate::trace::{Call, ErrorClass, QueueEntry, Stored, Want};
use crate::transport::{Errno, Transport};

/// The value of a length argument before the call, which shows whether the call stores one: no
/// write can have this length.
const UNTOUCHED: usize = usize::MAX;

pub(super) struct LibsslEndpoint {
    connection: SslConnection,
    port: Box<dyn TransportAdapter>,
    unrestricted: Option<Arc<str>>,
}

/// A connection without its transport: its calls may run on another thread than the one that owns
/// the transport.
struct SslConnection {
    api: Functions,
    ssl: *mut Ssl,
    setup: Setup,
    spare: Spare,
    /// Stale entries for the error queue of the next call.
    stale: Option<StaleError>,
}

impl LibsslEndpoint {
    pub(super) fn new(
        api: &Functions,
        way: &Way,
        context: &Context,
        spare: &Spare,
        setup: &Setup,
        transport: &Transport,
    ) -> Result<Self, Unsupported> {
        // SAFETY: `context` is live, and the result is checked.
        let ssl = unsafe { (api.SSL_new)(context.pointer) };
        if ssl.is_null() {
            return Err(refused(api, "SSL_new"));
        }
        let connection = SslConnection {
            api: *api,
            ssl,
            setup: *setup,
            spare: spare.clone(),
            stale: None,
        };
        // SAFETY: the connection is live and has no transport; it is freed before the adapter is
        // dropped.
        let port = match unsafe { attach::give(api, way, setup.transport, transport, ssl) } {
            Ok(port) => port,
            Err(unsupported) => {
                connection.free();
                return Err(unsupported);
            }
        };
        connection.set_role();
        Ok(Self {
            connection,
            port,
            unrestricted: context.unrestricted.clone(),
        })
    }

    /// Runs one call that returns an `int`, and reads the error state.
    fn call(
        &mut self,
        run: impl FnOnce(&Functions, *mut Ssl) -> c_int,
    ) -> Result<Call, Unsupported> {
        self.port.before()?;
        let (mut run, mut call) = (Some(run), None);
        let connection = &mut self.connection;
        self.port.during(&mut || {
            call = run.take().map(|run| connection.call(run));
        })?;
        self.port.after()?;
        call.ok_or_else(|| Unsupported::new("the transport made no call"))
    }

    fn shutdown(&mut self) -> Result<Call, Unsupported> {
        let function = self
            .connection
            .api
            .SSL_shutdown
            .ok_or_else(|| Unsupported::new("SSL_shutdown"))?;
        // SAFETY: the connection is live.
        self.call(|_, ssl| unsafe { function(ssl) })
    }

    fn key_update(&mut self, request: KeyUpdate) -> Result<Call, Unsupported> {
        let function = self
            .connection
            .api
            .SSL_key_update
            .ok_or_else(|| Unsupported::new("SSL_key_update"))?;
        // SSL_KEY_UPDATE_NOT_REQUESTED and SSL_KEY_UPDATE_REQUESTED.
        let number = match request {
            KeyUpdate::NotRequested => 0,
            KeyUpdate::Requested => 1,
        };
        // SAFETY: the connection is live.
        self.call(|_, ssl| unsafe { function(ssl, number) })
    }

    fn renegotiate(&mut self) -> Result<Call, Unsupported> {
        let function = self
            .connection
            .api
            .SSL_renegotiate
            .ok_or_else(|| Unsupported::new("SSL_renegotiate"))?;
        // SAFETY: the connection is live.
        self.call(|_, ssl| unsafe { function(ssl) })
    }

    fn max_send_fragment(&mut self, bytes: u16) -> Result<Call, Unsupported> {
        if let Some(function) = self.connection.api.SSL_set_max_send_fragment {
            // SAFETY: the connection is live.
            return self.call(|_, ssl| unsafe { function(ssl, bytes.into()) });
        }
        let function = self
            .connection
            .api
            .SSL_ctrl
            .ok_or_else(|| Unsupported::new("SSL_set_max_send_fragment"))?;
        let command = number::CTRL_MAX_SEND_FRAGMENT;
        // SAFETY: the connection is live, and the command takes no pointer.
        let call = self.call(|_, ssl| unsafe {
            c_int::try_from(function(ssl, command, bytes.into(), ptr::null_mut())).unwrap_or(-1)
        })?;
        match call.ret {
            1 => Ok(call),
            // All lengths that a scenario can have are right: the library does not know the number.
            _ => Err(refused(&self.connection.api, "SSL_set_max_send_fragment")),
        }
    }

    fn write_once(&mut self, pointer: *const c_void, length: c_int) -> Result<Call, Unsupported> {
        // SAFETY: the connection is live, and the memory holds `length` bytes: a null pointer comes
        // with length 0, and a negative length, which a scenario can request, is refused before any
        // byte is read.
        self.call(|api, ssl| unsafe { (api.SSL_write)(ssl, pointer, length) })
    }

    fn write_ex(&mut self, pointer: *const c_void, length: usize) -> Result<Call, Unsupported> {
        let function = self
            .connection
            .api
            .SSL_write_ex
            .ok_or_else(|| Unsupported::new("SSL_write_ex"))?;
        let mut stored = UNTOUCHED;
        let place = &raw mut stored;
        // SAFETY: as for `write_once`, with a pointer to store the number.
        let mut call = self.call(|_, ssl| unsafe { function(ssl, pointer, length, place) })?;
        call.written = Some(match stored {
            UNTOUCHED => Stored::Untouched,
            bytes => Stored::Bytes(bytes),
        });
        Ok(call)
    }
}

impl SslConnection {
    fn set_role(&self) {
        let set = match (self.setup.role_state, self.setup.role) {
            (RoleState::Unset, _) => None,
            (RoleState::Set, Role::Client) => self.api.SSL_set_connect_state,
            (RoleState::Set, Role::Server) => self.api.SSL_set_accept_state,
        };
        // Without such a function its method sets the role.
        if let Some(set) = set {
            // SAFETY: the connection is live.
            unsafe { set(self.ssl) };
        }
    }

    fn free(&self) {
        if let Some(free) = self.api.SSL_free {
            // SAFETY: the connection is freed once, and its BIO with it: by the endpoint when it is
            // dropped, or before there is one.
            unsafe { free(self.ssl) };
        }
    }

    /// One call and its error state, read on the same thread, because the error queue and errno are
    /// per thread.
    fn call(&mut self, run: impl FnOnce(&Functions, *mut Ssl) -> c_int) -> Call {
        clear_errors(&self.api);
        if let Some(kind) = self.stale.take() {
            // Not earlier: the peer, which uses the same library, would clear them.
            self.leave_stale_entries(kind);
        }
        nix::errno::Errno::clear();
        let ret = run(&self.api, self.ssl);
        let errno = nix::errno::Errno::last_raw();
        // SAFETY: directly after the call, on the same thread, as SSL_get_error(3) requires.
        let (error, want) = unsafe {
            let error = (self.api.SSL_get_error)(self.ssl, ret);
            (error, self.api.SSL_want.map(|want| want(self.ssl)))
        };
        let error = ErrorClass::from_number(error);
        Call {
            ret: i64::from(ret),
            written: None,
            error,
            want: want.map(|number| self.want(number)),
            queue: self.drain_queue(),
            errno: (error != ErrorClass::None).then(|| Errno::from_raw(errno)),
            data: None,
        }
    }

    /// The meaning of a result of `SSL_want`: BoringSSL uses the numbers of `SSL_get_error`
    /// (`openssl/ssl.h`, `SSL_NOTHING` and the following).
    fn want(&self, number: c_int) -> Want {
        match (self.api.is_boringssl(), number) {
            (true, 0) => Want::Nothing,
            (true, 2) => Want::Reading,
            (true, 3) => Want::Writing,
            (true, number) => Want::Other(number),
            (false, number) => Want::from_number(number),
        }
    }

    /// Takes all entries of the error queue, oldest first.
    fn drain_queue(&self) -> Vec<QueueEntry> {
        let next = || {
            // SAFETY: no precondition.
            let code = unsafe { self.api.ERR_get_error?() } & CODE_BITS;
            (code != 0).then(|| self.entry(code))
        };
        std::iter::from_fn(next).take(QUEUE_LIMIT).collect()
    }

    fn entry(&self, code: c_ulong) -> QueueEntry {
        let text = |name: Option<unsafe extern "C" fn(c_ulong) -> *const c_char>| {
            // SAFETY: returns null or a string that lives as long as the library.
            let text = unsafe { name?(code) };
            // SAFETY: as above.
            let text = (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) })?;
            let text = text.to_string_lossy().to_lowercase();
            // Control characters are not part of a name.
            Some(text.replace('_', " ").replace(char::is_control, "\u{fffd}"))
        };
        let library = text(self.api.ERR_lib_error_string);
        let library = library.as_deref().unwrap_or("unknown library");
        if library == QueueEntry::SYSTEM {
            return QueueEntry::of_system(system_reason(code));
        }
        let reason = text(self.api.ERR_reason_error_string);
        let reason = reason.as_deref().unwrap_or("a reason without a name");
        QueueEntry::of(Some(library), Some(reason))
    }

    /// Leaves stale entries in the error queue, oldest first; returns whether the library accepted
    /// them.
    fn leave_stale_entries(&self, kind: StaleError) -> bool {
        let of_tls = || self.spare.leave_error(&self.api, &self.setup);
        let system = || stale::system_library(&self.api);
        let another = || stale::another_library(&self.api);
        match kind {
            StaleError::Ssl => of_tls(),
            StaleError::SystemLibrary => system(),
            StaleError::AnotherLibrary => another(),
            StaleError::Several => system() && another() && of_tls(),
        }
    }

    /// `SSL_ctrl`, for functions that are macros over it in OpenSSL.
    fn ctrl(&self, command: c_int, argument: c_long) -> Option<c_long> {
        // SAFETY: the connection is live, and the commands used here take no pointer.
        self.api
            .SSL_ctrl
            .map(|ctrl| unsafe { ctrl(self.ssl, command, argument, ptr::null_mut()) })
    }
}

impl Endpoint for LibsslEndpoint {
    fn handshake(&mut self) -> Result<Call, Unsupported> {
        // The other two do not need the role in advance: they have one.
        let of_role = match self.connection.setup.role {
            _ if self.connection.setup.role_state == RoleState::Unset => None,
            Role::Client => self.connection.api.SSL_connect,
            Role::Server => self.connection.api.SSL_accept,
        };
        let function = self
            .connection
            .api
            .SSL_do_handshake
            .or(of_role)
            .ok_or_else(|| Unsupported::new("SSL_do_handshake"))?;
        // SAFETY: the connection is live.
        self.call(|_, ssl| unsafe { function(ssl) })
    }

    fn write(&mut self, function: Function, bytes: Bytes<'_>) -> Result<Call, Unsupported> {
        let (pointer, length): (*const c_void, i64) = match bytes {
            Bytes::Slice(lent) => (lent.as_ptr().cast(), lent.len() as i64),
            Bytes::Null => (ptr::null(), 0),
            Bytes::Negative(lent, length) => (lent.as_ptr().cast(), i64::from(length)),
        };
        match function {
            Function::Write => {
                let length = c_int::try_from(length)
                    .map_err(|_| Unsupported::new(format!("a length of {length} in an int")))?;
                self.write_once(pointer, length)
            }
            Function::WriteEx => {
                let length = usize::try_from(length)
                    .map_err(|_| Unsupported::new(format!("a length of {length} in a size_t")))?;
                self.write_ex(pointer, length)
            }
        }
    }

    fn read(&mut self, space: &mut [u8]) -> Result<Call, Unsupported> {
        let (pointer, length) = (space.as_mut_ptr(), super::length(space));
        let function = self
            .connection
            .api
            .SSL_read
            .ok_or_else(|| Unsupported::new("SSL_read"))?;
        // SAFETY: the connection is live, and `space` has room for `length` bytes.
        self.call(|_, ssl| unsafe { function(ssl, pointer.cast(), length) })
    }

    fn operate(&mut self, operation: Operation) -> Result<Call, Unsupported> {
        match operation {
            Operation::Shutdown => self.shutdown(),
            Operation::KeyUpdate(request) => self.key_update(request),
            Operation::Renegotiate => self.renegotiate(),
            Operation::MaxSendFragment(bytes) => self.max_send_fragment(bytes),
        }
    }

    fn number(&mut self, function: &str) -> Result<i64, Unsupported> {
        let SslConnection { api, ssl, .. } = self.connection;
        let function = api
            .number(function)
            .ok_or_else(|| Unsupported::new(function))?;
        // SAFETY: the connection is live.
        Ok(i64::from(unsafe { function(ssl) }))
    }

    fn set_modes(&mut self, modes: &[Mode], to: ModeChange) -> Result<(), Unsupported> {
        let bits = modes.iter().fold(0, |bits, &mode| bits | mode_bit(mode));
        let (function, command) = match to {
            ModeChange::Set => (self.connection.api.SSL_set_mode, number::CTRL_MODE),
            ModeChange::Clear => (self.connection.api.SSL_clear_mode, number::CTRL_CLEAR_MODE),
        };
        if let Some(function) = function {
            // SAFETY: the connection is live.
            unsafe { function(self.connection.ssl, bits) };
            return Ok(());
        }
        // Returns the modes that are on now; a library that gives the number another meaning, or
        // none, returns another value.
        let now = self
            .connection
            .ctrl(command, c_long::from(bits))
            .ok_or_else(|| Unsupported::new("SSL_set_mode"))?;
        let on = now & c_long::from(bits);
        let done = match to {
            ModeChange::Set => on == c_long::from(bits),
            ModeChange::Clear => on == 0,
        };
        if done {
            Ok(())
        } else {
            Err(refused(&self.connection.api, "SSL_set_mode"))
        }
    }

    fn sync_transport(&mut self) -> Result<(), Unsupported> {
        self.port.sync_transport()
    }

    fn stale_error(&mut self, kind: StaleError) -> Result<(), Unsupported> {
        let api = self.connection.api;
        let by_cipher = matches!(kind, StaleError::Ssl | StaleError::Several);
        for (there, name) in [
            (api.ERR_get_error.is_some(), "ERR_get_error"),
            (
                !by_cipher || api.SSL_CTX_set_cipher_list.is_some(),
                "SSL_CTX_set_cipher_list",
            ),
            (
                kind == StaleError::Ssl || stale::can_put(&api),
                "ERR_put_error",
            ),
        ] {
            if !there {
                return Err(Unsupported::new(format!("a stale error, without {name}")));
            }
        }
        let is_left = self.connection.leave_stale_entries(kind);
        clear_errors(&api);
        if !is_left {
            return Err(Unsupported::new(
                "a stale error (the library took an unknown cipher)",
            ));
        }
        self.connection.stale = Some(kind);
        Ok(())
    }

    fn unrestricted(&self) -> Option<&str> {
        self.unrestricted.as_deref()
    }

    fn forget_stale_error(&mut self) {
        self.connection.stale = None;
    }
}

impl Drop for LibsslEndpoint {
    fn drop(&mut self) {
        self.port.free(&mut || self.connection.free());
    }
}

/// The reason of a system entry is an errno: in the low 31 bits since 3.0, where the highest bit
/// marks it, and in the low 12 bits before (openssl/err.h).
fn system_reason(code: c_ulong) -> Errno {
    const SYSTEM_FLAG: c_ulong = 0x8000_0000;
    let number = match code & SYSTEM_FLAG {
        0 => code & 0xfff,
        _ => code & (SYSTEM_FLAG - 1),
    };
    Errno::from_raw(i32::try_from(number).unwrap_or(i32::MAX))
}

/// The bits of `openssl/ssl.h`. BoringSSL and AWS-LC give AUTO_RETRY and RELEASE_BUFFERS the value
/// 0, and ignore the bits named here: their behaviour is always on.
fn mode_bit(mode: Mode) -> u32 {
    match mode {
        Mode::PartialWrite => 0x01,
        Mode::MovingBuffer => 0x02,
        Mode::AutoRetry => 0x04,
        Mode::ReleaseBuffers => 0x10,
    }
}
