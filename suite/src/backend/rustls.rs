//! rustls, a library with another interface: `std::io` over `rustls::Stream` in place of `SSL_write`.
//!
//! | step | what is called | answered as |
//! |---|---|---|
//! | handshake | `complete_io` | 1, or -1 as below |
//! | write | `Stream::write` | the number of bytes that it took |
//! | flush, after a write succeeded | `Stream::flush` | 1, or -1 as below |
//! | read | `Stream::read` | the number of bytes; 0 with `ZERO_RETURN` after close_notify |
//! | shutdown | `send_close_notify`, then `Stream::flush` | 1 if the peer has closed too, else 0 |
//! | key update, requested | `refresh_traffic_keys`, which always requests one | 1 |
//!
//! An error is answered as -1 with: `WANT_WRITE` or `WANT_READ` for `WouldBlock`, after what the
//! connection wants next; `SSL` for an error of rustls itself, whose words stand in the queue;
//! `SYSCALL` for any other, with errno if it has one. There is no errno else, and no `SSL_want`.
//!
//! A server of TLS 1.3 sends tickets where the scenario says so; they are made by `ring`'s `Ticketer`.
//!
//! Without counterpart, hence *not supported*: `SSL_write_ex`, null pointers and negative lengths, the
//! modes, a fragment size after the connection was opened, renegotiation, a key update that requests
//! none, an unset role, CBC ciphers, an error queue.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::ops::DerefMut;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::Resumption;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::server::NoServerSessionStorage;
use rustls::time_provider::TimeProvider;
use rustls::{
    ClientConfig, ClientConnection, ConnectionCommon, RootCertStore, ServerConfig,
    ServerConnection, SideData, Stream, SupportedProtocolVersion,
};

use super::{About, Backend, Bytes, Endpoint, Setup, Unsupported};
use crate::identity::{IDENTITY, NAME};
use crate::link::{Errno, Link};
use crate::scenario::{Cipher, Function, KeyUpdate, Role, RoleState, SessionTickets, Version};
use crate::trace::{Call, ErrorClass};

/// rustls, with the cryptography of `ring`.
pub struct Rustls {
    about: About,
    clients: Mutex<HashMap<Setup, Arc<ClientConfig>>>,
    servers: Mutex<HashMap<Setup, Arc<ServerConfig>>>,
}

impl Rustls {
    /// The rustls that is built into this program.
    pub fn new(id: &str) -> Self {
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
                how: "crate, with ring".to_owned(),
                lacks: lacks.map(str::to_owned).to_vec(),
            },
            clients: Mutex::default(),
            servers: Mutex::default(),
        }
    }

    fn client(&self, setup: &Setup) -> Result<ClientConnection, Unsupported> {
        let name = ServerName::try_from(NAME).map_err(Unsupported::new)?;
        let config = made_once(&self.clients, setup, client_config)?;
        ClientConnection::new(config, name).map_err(Unsupported::new)
    }

    fn server(&self, setup: &Setup) -> Result<ServerConnection, Unsupported> {
        let config = made_once(&self.servers, setup, server_config)?;
        ServerConnection::new(config).map_err(Unsupported::new)
    }
}

/// The configuration for this setup; connections of all threads share it.
fn made_once<C>(
    configs: &Mutex<HashMap<Setup, Arc<C>>>,
    setup: &Setup,
    make: impl FnOnce(&Setup, Arc<CryptoProvider>) -> Result<C, rustls::Error>,
) -> Result<Arc<C>, Unsupported> {
    let setup = &setup.of_any_transport();
    let mut configs = configs.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(config) = configs.get(setup) {
        return Ok(Arc::clone(config));
    }
    let config = make(setup, provider(setup.cipher)?).map_err(Unsupported::new)?;
    let config = Arc::new(config);
    configs.insert(*setup, Arc::clone(&config));
    Ok(config)
}

impl Backend for Rustls {
    fn about(&self) -> &About {
        &self.about
    }

    fn open(&self, setup: &Setup, link: &Link) -> Result<Box<dyn Endpoint>, Unsupported> {
        if setup.role_state == RoleState::Unset {
            return Err(Unsupported::new("a connection without a role"));
        }
        let link = link.clone();
        Ok(match setup.role {
            Role::Client => Box::new(RustlsEndpoint {
                connection: self.client(setup)?,
                link,
            }),
            Role::Server => Box::new(RustlsEndpoint {
                connection: self.server(setup)?,
                link,
            }),
        })
    }
}

fn client_config(
    setup: &Setup,
    provider: Arc<CryptoProvider>,
) -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(IDENTITY.certificate.clone()))?;
    let mut config = ClientConfig::builder_with_details(provider, Arc::new(FixedTime))
        .with_protocol_versions(versions(setup.version))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    // A session that is kept would make the second case shorter than the first.
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn server_config(
    setup: &Setup,
    provider: Arc<CryptoProvider>,
) -> Result<ServerConfig, rustls::Error> {
    let certificate = CertificateDer::from(IDENTITY.certificate.clone());
    let key = PrivateKeyDer::Pkcs8(IDENTITY.key.clone().into());
    let mut config = ServerConfig::builder_with_details(provider, Arc::new(FixedTime))
        .with_protocol_versions(versions(setup.version))?
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)?;
    config.session_storage = Arc::new(NoServerSessionStorage {});
    // With neither a ticketer nor a storage there are no tickets.
    if setup.version == Version::Tls13 && setup.session_tickets == SessionTickets::Send {
        config.ticketer = ring::Ticketer::new()?;
    }
    Ok(config)
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

/// The certificate is judged at one fixed moment, whatever the clock says.
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
    link: Link,
}

impl<C, S> RustlsEndpoint<C>
where
    C: DerefMut<Target = ConnectionCommon<S>>,
    S: SideData,
{
    fn stream(&mut self) -> Stream<'_, C, Link> {
        Stream::new(&mut self.connection, &mut self.link)
    }

    fn answer(&self, result: io::Result<i64>) -> Call {
        match result {
            Ok(ret) => Call::success(ret),
            Err(error) => self.failure(&error),
        }
    }

    fn failure(&self, error: &io::Error) -> Call {
        if error.kind() == io::ErrorKind::WouldBlock {
            return Call::failure(match self.connection.wants_write() {
                true => ErrorClass::WantWrite,
                false => ErrorClass::WantRead,
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
        let (class, words) = match own {
            Some(own) => (ErrorClass::Ssl, format!("rustls:{own}")),
            None => (ErrorClass::Syscall, format!("io:{}", error.kind())),
        };
        Call {
            queue: vec![words.to_lowercase()],
            ..Call::failure(class)
        }
    }
}

/// A length as `SSL_write` would return it.
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
            result = match self.connection.complete_io(&mut self.link) {
                // The transport takes nothing and says that this is right.
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

    fn holds_back(&self) -> bool {
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

    fn shutdown(&mut self) -> Result<Call, Unsupported> {
        self.connection.send_close_notify();
        let state = self.connection.process_new_packets();
        let peer_closed = state.is_ok_and(|state| state.peer_has_closed());
        let result = self.stream().flush().map(|()| i64::from(peer_closed));
        Ok(self.answer(result))
    }

    fn key_update(&mut self, request: KeyUpdate) -> Result<Call, Unsupported> {
        match request {
            KeyUpdate::NotRequested => Err(Unsupported::new("a key update that requests none")),
            KeyUpdate::Requested => {
                let result = self.connection.refresh_traffic_keys();
                let result = result.map(|()| 1).map_err(io::Error::other);
                Ok(self.answer(result))
            }
        }
    }
}
