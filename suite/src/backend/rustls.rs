//! rustls, through the interface `std::io` over `rustls::Stream` in place of `SSL_write`.
//!
//! | step | call | result |
//! |---|---|---|
//! | handshake | `complete_io` | 1, or -1 as below |
//! | write | `Stream::write` | the number of bytes accepted |
//! | flush, after a write succeeded | `Stream::flush` | 1, or -1 as below |
//! | read | `Stream::read` | the number of bytes; 0 with `ZERO_RETURN` after close_notify |
//! | shutdown | `send_close_notify`, then `Stream::flush` | 1 if the peer has closed too, else 0 |
//! | key update, requested | `refresh_traffic_keys`, which always requests one | 1 |
//!
//! An error becomes -1 with: `WANT_WRITE` or `WANT_READ` for `WouldBlock`, depending on what the
//! connection wants next; `SSL` for an error of rustls itself, whose message goes into the queue;
//! `SYSCALL` for any other, with errno if it has one. Otherwise there is no errno, and no
//! `SSL_want`.
//!
//! A server of TLS 1.3 sends tickets if the scenario requests them; `ring`'s `Ticketer` makes them.
//!
//! rustls has no external pre-shared keys. In their place it resumes one session
//! ([`Backend::session`]), as a server of TLS 1.3 still with a new ephemeral key. A client of TLS
//! 1.3 does a full handshake, because it cannot use a session of that version for more than one
//! connection.
//!
//! Not supported, for lack of a counterpart: `SSL_write_ex`, null pointers and negative lengths,
//! the modes, a fragment size after the connection was opened, renegotiation, a key update that
//! requests none, an unset role, CBC ciphers, an error queue.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::ops::DerefMut;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use rustls::client::{
    ClientSessionStore, Resumption, Tls12ClientSessionValue, Tls13ClientSessionValue,
};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::{NoServerSessionStorage, StoresServerSessions};
use rustls::time_provider::TimeProvider;
use rustls::{
    ClientConfig, ClientConnection, ConnectionCommon, NamedGroup, RootCertStore, ServerConfig,
    ServerConnection, SideData, Stream, SupportedProtocolVersion,
};

use super::{About, Backend, Bytes, Endpoint, Setup, Unsupported};
use crate::identity::{IDENTITY, NAME};
use crate::peer::Session;
use crate::scenario::{
    Cipher, Function, KeyExchange, KeyUpdate, Operation, Role, RoleState, SessionTickets, Version,
};
use crate::trace::{Call, ErrorClass, Interface, QueueEntry};
use crate::transport::{Errno, Transport};

/// rustls, with the cryptography of `ring`.
pub(crate) struct Rustls {
    about: About,
    clients: Mutex<HashMap<Setup, Arc<SharedConfig<ClientConfig, ClientSession>>>>,
    servers: Mutex<HashMap<Setup, Arc<SharedConfig<ServerConfig, ServerSession>>>>,
}

/// Objects made once for a setup, shared by connections of all threads.
struct SharedConfig<C, S> {
    config: Arc<C>,
    /// The session that connections resume.
    own: Arc<S>,
    /// The same session on the peer's side.
    peers: OnceLock<Option<Session>>,
}

impl<C, S: OneSession> SharedConfig<C, S> {
    fn new(config: C, own: Arc<S>) -> Arc<Self> {
        Arc::new(Self {
            config: Arc::new(config),
            own,
            peers: OnceLock::new(),
        })
    }

    /// The peer's side of the session; `establish` runs once.
    fn session(&self, establish: impl FnOnce() -> Option<Session>) -> Option<Session> {
        let met = || {
            let session = establish();
            self.own.close();
            session
        };
        self.peers.get_or_init(met).clone()
    }
}

impl Rustls {
    /// The rustls that is built into this program.
    pub(crate) fn new(id: &str) -> Self {
        let lacks = [
            "SSL_write_ex",
            "null pointers and negative lengths",
            "SSL_set_mode",
            "SSL_set_max_send_fragment",
            "SSL_renegotiate",
            "SSL_key_update without a request",
            "a connection without a role",
            "CBC ciphers",
            "an error queue",
        ];
        Self {
            about: About {
                id: id.to_owned(),
                library: "rustls".to_owned(),
                version: env!("WRITEPROOF_RUSTLS_VERSION").to_owned(),
                linkage: "crate, with ring".to_owned(),
                lacks: lacks.map(str::to_owned).to_vec(),
            },
            clients: Mutex::default(),
            servers: Mutex::default(),
        }
    }

    fn client(
        &self,
        setup: &Setup,
    ) -> Result<Arc<SharedConfig<ClientConfig, ClientSession>>, Unsupported> {
        made_once(&self.clients, setup, client_config)
    }

    fn server(
        &self,
        setup: &Setup,
    ) -> Result<Arc<SharedConfig<ServerConfig, ServerSession>>, Unsupported> {
        made_once(&self.servers, setup, server_config)
    }
}

/// The objects for this setup, made by `make` the first time.
fn made_once<M>(
    made: &Mutex<HashMap<Setup, Arc<M>>>,
    setup: &Setup,
    make: impl FnOnce(&Setup, Arc<CryptoProvider>) -> Result<Arc<M>, rustls::Error>,
) -> Result<Arc<M>, Unsupported> {
    let setup = &setup.of_any_transport();
    let mut made = made.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(known) = made.get(setup) {
        return Ok(Arc::clone(known));
    }
    let new = make(setup, provider(setup.cipher)?).map_err(Unsupported::new)?;
    made.insert(*setup, Arc::clone(&new));
    Ok(new)
}

fn open_client(
    config: &Arc<ClientConfig>,
    transport: &Transport,
) -> Result<RustlsEndpoint<ClientConnection>, Unsupported> {
    let name = ServerName::try_from(NAME).map_err(Unsupported::new)?;
    let connection = ClientConnection::new(Arc::clone(config), name).map_err(Unsupported::new)?;
    let transport = transport.clone();
    Ok(RustlsEndpoint {
        connection,
        transport,
    })
}

fn open_server(
    config: Arc<ServerConfig>,
    transport: &Transport,
) -> Result<RustlsEndpoint<ServerConnection>, Unsupported> {
    let connection = ServerConnection::new(config).map_err(Unsupported::new)?;
    let transport = transport.clone();
    Ok(RustlsEndpoint {
        connection,
        transport,
    })
}

impl Backend for Rustls {
    fn about(&self) -> &About {
        &self.about
    }

    fn interface(&self) -> Interface {
        Interface::Buffering
    }

    fn open(&self, setup: &Setup, transport: &Transport) -> Result<Box<dyn Endpoint>, Unsupported> {
        if setup.role_state == RoleState::Unset {
            return Err(Unsupported::new("a connection without a role"));
        }
        Ok(match setup.role {
            Role::Client => Box::new(open_client(&self.client(setup)?.config, transport)?),
            Role::Server => Box::new(open_server(
                Arc::clone(&self.server(setup)?.config),
                transport,
            )?),
        })
    }

    fn session(
        &self,
        setup: &Setup,
        establish: &dyn Fn(&Transport, &mut dyn Endpoint) -> Option<Session>,
    ) -> Option<Session> {
        match (setup.key_exchange, setup.version, setup.role) {
            (KeyExchange::Ephemeral, ..) | (_, Version::Tls13, Role::Client) => return None,
            (KeyExchange::PreShared, ..) => {}
        }
        let transport = Transport::new();
        match setup.role {
            Role::Client => {
                let made = self.client(setup).ok()?;
                made.session(|| {
                    establish(&transport, &mut open_client(&made.config, &transport).ok()?)
                })
            }
            Role::Server => {
                let made = self.server(setup).ok()?;
                // The ticket that identifies the session to the peer, regardless of later
                // tickets.
                let mut first = ServerConfig::clone(&made.config);
                first.send_tls13_tickets = 1;
                made.session(|| {
                    establish(
                        &transport,
                        &mut open_server(Arc::new(first), &transport).ok()?,
                    )
                })
            }
        }
    }
}

fn client_config(
    setup: &Setup,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<SharedConfig<ClientConfig, ClientSession>>, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(IDENTITY.certificate.clone()))?;
    let mut config = ClientConfig::builder_with_details(provider, Arc::new(FixedTime))
        .with_protocol_versions(versions(setup.version))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let session = Arc::new(ClientSession::default());
    config.resumption = match setup.key_exchange {
        // A resumed session would make the second case shorter than the first.
        KeyExchange::Ephemeral => Resumption::disabled(),
        KeyExchange::PreShared => Resumption::store(Arc::clone(&session) as _),
    };
    Ok(SharedConfig::new(config, session))
}

fn server_config(
    setup: &Setup,
    provider: Arc<CryptoProvider>,
) -> Result<Arc<SharedConfig<ServerConfig, ServerSession>>, rustls::Error> {
    let certificate = CertificateDer::from(IDENTITY.certificate.clone());
    let key = PrivateKeyDer::Pkcs8(IDENTITY.key.clone().into());
    let mut config = ServerConfig::builder_with_details(provider, Arc::new(FixedTime))
        .with_protocol_versions(versions(setup.version))?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    let session = Arc::new(ServerSession::default());
    let sends_tickets = setup.session_tickets == SessionTickets::Send;
    match setup.key_exchange {
        KeyExchange::Ephemeral => {
            config.session_storage = Arc::new(NoServerSessionStorage {});
            // Without a ticketer or a storage there are no tickets.
            if setup.version == Version::Tls13 && sends_tickets {
                config.ticketer = ring::Ticketer::new()?;
            }
        }
        KeyExchange::PreShared => {
            config.session_storage = Arc::clone(&session) as _;
            if !sends_tickets {
                config.send_tls13_tickets = 0;
            }
        }
    }
    Ok(SharedConfig::new(config, session))
}

/// Storage for one session: the first that is offered stays, unless the storage has been closed
/// before.
trait OneSession {
    /// Accepts no session from now on.
    fn close(&self);
}

/// Storage for a client's session of TLS 1.2. rustls returns each session of TLS 1.3 only once.
#[derive(Debug, Default)]
struct ClientSession(OnceLock<Option<Tls12ClientSessionValue>>);

impl OneSession for ClientSession {
    fn close(&self) {
        self.0.get_or_init(|| None);
    }
}

impl ClientSessionStore for ClientSession {
    fn set_kx_hint(&self, _server: ServerName<'static>, _group: NamedGroup) {}

    fn kx_hint(&self, _server: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _server: ServerName<'static>, session: Tls12ClientSessionValue) {
        self.0.get_or_init(|| Some(session));
    }

    fn tls12_session(&self, _server: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.0.get().cloned().flatten()
    }

    /// A session stays valid after a connection with it has failed.
    fn remove_tls12_session(&self, _server: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _server: ServerName<'static>, _ticket: Tls13ClientSessionValue) {}

    fn take_tls13_ticket(&self, _server: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        None
    }
}

/// Storage for a server's session: its id and its content.
#[derive(Debug, Default)]
struct ServerSession(OnceLock<Option<(Vec<u8>, Vec<u8>)>>);

impl OneSession for ServerSession {
    fn close(&self) {
        self.0.get_or_init(|| None);
    }
}

impl StoresServerSessions for ServerSession {
    /// Always reports success, so that a server that is configured for tickets sends them.
    fn put(&self, id: Vec<u8>, session: Vec<u8>) -> bool {
        self.0.get_or_init(|| Some((id, session)));
        true
    }

    fn get(&self, id: &[u8]) -> Option<Vec<u8>> {
        let (known, session) = self.0.get()?.as_ref()?;
        (known == id).then(|| session.clone())
    }

    /// As [`get`](StoresServerSessions::get): the session stays.
    fn take(&self, id: &[u8]) -> Option<Vec<u8>> {
        self.get(id)
    }

    fn can_cache(&self) -> bool {
        true
    }
}

fn provider(cipher: Cipher) -> Result<Arc<CryptoProvider>, Unsupported> {
    use ring::cipher_suite as suite;
    let cipher_suites = match cipher {
        Cipher::Aes128Gcm => vec![
            suite::TLS13_AES_128_GCM_SHA256,
            suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        ],
        Cipher::ChaCha20 => vec![
            suite::TLS13_CHACHA20_POLY1305_SHA256,
            suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        ],
        Cipher::Aes128Cbc | Cipher::Aes128CbcMacThenEncrypt => {
            return Err(Unsupported::new("CBC ciphers"));
        }
    };
    Ok(Arc::new(CryptoProvider {
        cipher_suites,
        ..ring::default_provider()
    }))
}

fn versions(version: Version) -> &'static [&'static SupportedProtocolVersion] {
    const TLS12: &[&SupportedProtocolVersion] = &[&rustls::version::TLS12];
    const TLS13: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];
    match version {
        Version::Tls12 => TLS12,
        Version::Tls13 => TLS13,
    }
}

/// The certificate is verified at a fixed time, independent of the clock.
#[derive(Debug)]
struct FixedTime;

impl TimeProvider for FixedTime {
    fn current_time(&self) -> Option<UnixTime> {
        /// 1 January 2030, in seconds since 1970.
        const MOMENT: Duration = Duration::from_secs(1_893_456_000);
        Some(UnixTime::since_unix_epoch(MOMENT))
    }
}

/// A client's or a server's connection, and its transport.
struct RustlsEndpoint<C> {
    connection: C,
    transport: Transport,
}

impl<C, S> RustlsEndpoint<C>
where
    C: DerefMut<Target = ConnectionCommon<S>>,
    S: SideData,
{
    fn stream(&mut self) -> Stream<'_, C, Transport> {
        Stream::new(&mut self.connection, &mut self.transport)
    }

    fn answer(&self, result: io::Result<i64>) -> Call {
        match result {
            Ok(ret) => Call::success(ret),
            Err(error) => self.failure(&error),
        }
    }

    fn failure(&self, error: &io::Error) -> Call {
        if error.kind() == io::ErrorKind::WouldBlock {
            return Call::failure(if self.connection.wants_write() {
                ErrorClass::WantWrite
            } else {
                ErrorClass::WantRead
            });
        }
        if let Some(number) = error.raw_os_error() {
            return Call {
                errno: Some(Errno::from_raw(number)),
                ..Call::failure(ErrorClass::Syscall)
            };
        }
        let own = error
            .get_ref()
            .and_then(|e| e.downcast_ref::<rustls::Error>());
        let (class, library, reason) = match own {
            Some(own) => (ErrorClass::Ssl, "rustls", own.to_string()),
            None => (ErrorClass::Syscall, "io", error.kind().to_string()),
        };
        Call {
            queue: vec![QueueEntry::of(Some(library), Some(&reason))],
            ..Call::failure(class)
        }
    }
}

/// A length in the form in which `SSL_write` would return it.
fn count(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

impl<C, S> Endpoint for RustlsEndpoint<C>
where
    C: DerefMut<Target = ConnectionCommon<S>>,
    S: SideData,
{
    fn handshake(&mut self) -> Result<Call, Unsupported> {
        let mut result = Ok(1);
        while result.is_ok() && (self.connection.is_handshaking() || self.connection.wants_write())
        {
            result = match self.connection.complete_io(&mut self.transport) {
                // The transport accepts nothing and reports no error.
                Ok((0, 0)) => Err(io::ErrorKind::WriteZero.into()),
                other => other.map(|_| 1),
            };
        }
        Ok(self.answer(result))
    }

    fn write(&mut self, function: Function, bytes: Bytes<'_>) -> Result<Call, Unsupported> {
        let slice = bytes.slice_for(function)?;
        let result = self.stream().write(slice).map(count);
        Ok(self.answer(result))
    }

    fn buffers_writes(&self) -> bool {
        true
    }

    fn flush(&mut self) -> Result<Call, Unsupported> {
        let result = self.stream().flush().map(|()| 1);
        Ok(self.answer(result))
    }

    fn read(&mut self, space: &mut [u8]) -> Result<Call, Unsupported> {
        let result = self.stream().read(space).map(count);
        Ok(match result {
            Ok(0) => Call {
                error: ErrorClass::ZeroReturn,
                ..Call::success(0)
            },
            other => self.answer(other),
        })
    }

    fn operate(&mut self, operation: Operation) -> Result<Call, Unsupported> {
        let result = match operation {
            Operation::Shutdown => {
                self.connection.send_close_notify();
                let state = self.connection.process_new_packets();
                let peer_closed = state.is_ok_and(|state| state.peer_has_closed());
                self.stream().flush().map(|()| i64::from(peer_closed))
            }
            Operation::KeyUpdate(KeyUpdate::NotRequested) => {
                return Err(Unsupported::new("a key update that requests none"));
            }
            Operation::KeyUpdate(KeyUpdate::Requested) => {
                let result = self.connection.refresh_traffic_keys();
                result.map(|()| 1).map_err(io::Error::other)
            }
            Operation::Renegotiate | Operation::MaxSendFragment(_) => {
                return Err(Unsupported::new(operation.as_str()));
            }
        };
        Ok(self.answer(result))
    }
}
