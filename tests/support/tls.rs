//! A server that is asked over TLS, under a certificate of an authority of the tests' own.

use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// Serves until the test ends.
#[derive(Debug)]
pub struct TlsServer {
    pub address: SocketAddr,
    /// The certificate of the authority, in PEM.
    pub ca: String,
}

impl TlsServer {
    /// For `localhost`, 127.0.0.1 and `issuer.tests.example`.
    pub async fn start(router: Router) -> Self {
        Self::start_as(&["localhost", "127.0.0.1", "issuer.tests.example"], router).await
    }

    /// With a certificate for these names.
    pub async fn start_as(names: &[&str], router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::serve_under(&AUTHORITY, listener, names, router)
    }

    /// Under a certificate of an authority that nobody knows.
    pub async fn start_strange(router: Router) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::serve_under(&Authority::new(), listener, &["localhost"], router)
    }

    /// On a socket that is listened on already, so that what it serves can tell its address.
    pub fn serve(listener: TcpListener, names: &[&str], router: Router) -> Self {
        Self::serve_under(&AUTHORITY, listener, names, router)
    }

    fn serve_under(authority: &Authority, listener: TcpListener, names: &[&str], router: Router) -> Self {
        let acceptor = authority.certify(names);
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, service) = (acceptor.clone(), TowerToHyperService::new(router.clone()));
                tokio::spawn(async move {
                    // Who does not trust the certificate hangs up.
                    let Ok(stream) = acceptor.accept(stream).await else { return };
                    let builder = Builder::new(TokioExecutor::new());
                    let _ = builder.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, ca: authority.certificate.clone() }
    }

    pub fn url(&self) -> String {
        format!("https://localhost:{}", self.address.port())
    }
}

/// Who certifies the servers of a test.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    certificate: String,
}

static AUTHORITY: LazyLock<Authority> = LazyLock::new(Authority::new);

/// The certificate, in PEM, of the authority behind the servers of this process. Control planes of tests trust it.
pub fn authority() -> &'static str {
    &AUTHORITY.certificate
}

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec![]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), certificate }
    }

    fn certify(&self, names: &[&str]) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &self.issuer).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::Pkcs8(key.serialize_der().into()),
            )
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}
