//! A complete backend outside of the suite: the crate `openssl`, as a Rust program uses it. Run it
//! with `cargo run --release -p writeproof --example own_backend`, followed by the scenarios to run
//! (default: all).

use openssl::ssl::{self, Ssl, SslContext, SslMethod, SslStream, SslVersion};
use openssl::{error::ErrorStack, pkey::PKey, x509::X509};
use writeproof::external_backend::{self, *};

struct OpensslCrate(About);

impl Backend for OpensslCrate {
    fn about(&self) -> &About {
        &self.0
    }

    fn open(&self, setup: &Setup, transport: &Transport) -> Result<Box<dyn Endpoint>, Unsupported> {
        let stream = connection(setup, transport.clone()).map_err(Unsupported::new)?;
        Ok(Box::new(Connection(stream)))
    }
}

fn connection(setup: &Setup, transport: Transport) -> Result<SslStream<Transport>, ErrorStack> {
    let mut context = SslContext::builder(SslMethod::tls())?;
    let version = match setup.version {
        Version::Tls12 => SslVersion::TLS1_2,
        Version::Tls13 => SslVersion::TLS1_3,
    };
    context.set_min_proto_version(Some(version))?;
    context.set_max_proto_version(Some(version))?;
    if setup.session_tickets == SessionTickets::None {
        context.set_num_tickets(0)?;
    }
    context.set_certificate(X509::from_der(&IDENTITY.certificate)?.as_ref())?;
    context.set_private_key(PKey::private_key_from_der(&IDENTITY.key)?.as_ref())?;
    let mut ssl = Ssl::new(&context.build())?;
    match (setup.role_state, setup.role) {
        (RoleState::Unset, _) => {}
        (RoleState::Set, Role::Client) => ssl.set_connect_state(),
        (RoleState::Set, Role::Server) => ssl.set_accept_state(),
    }
    SslStream::new(ssl, transport)
}

struct Connection(SslStream<Transport>);

impl Endpoint for Connection {
    fn handshake(&mut self) -> Result<Call, Unsupported> {
        Ok(answer(self.0.do_handshake().map(|()| 1)))
    }

    fn write(&mut self, function: Function, bytes: Bytes<'_>) -> Result<Call, Unsupported> {
        Ok(answer(self.0.ssl_write(bytes.slice_for(function)?)))
    }

    fn read(&mut self, space: &mut [u8]) -> Result<Call, Unsupported> {
        Ok(answer(self.0.ssl_read(space)))
    }
}

fn answer(result: Result<usize, ssl::Error>) -> Call {
    let failure = |error: ssl::Error| {
        let stack = error.ssl_error().map_or(&[][..], ErrorStack::errors);
        let entry = |e: &openssl::error::Error| QueueEntry::of(e.library(), e.reason());
        let queue = stack.iter().map(entry);
        let errno = error.io_error().and_then(Errno::of);
        Call::failed(error.code().as_raw(), queue.collect(), errno)
    };
    result.map_or_else(failure, |number| Call::success(number as i64))
}

fn main() -> Exit {
    let about = About::new("openssl-crate", "openssl", openssl::version::version());
    external_backend::run_cli(OpensslCrate(about))
}
