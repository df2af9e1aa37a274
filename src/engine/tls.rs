//! Encryption of TCP connections: whom we believe, and who we are.
#![expect(clippy::disallowed_methods, reason = "certificates are files")]

use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::engine::endpoint::Tls;
use crate::engine::error::Error;

/// Where systems keep the certificates of those that they believe.
const AUTHORITIES: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
];

/// What connections to one engine share.
pub(super) fn config(tls: &Tls) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| Error::endpoint(format!("TLS cannot be used: {error}")))?;
    let builder = if tls.verify {
        builder.with_root_certificates(roots(tls.ca.as_deref())?)
    } else {
        builder.dangerous().with_custom_certificate_verifier(Arc::new(Anybody(provider)))
    };
    let config = match (&tls.certificate, &tls.key) {
        (Some(certificate), Some(key)) => {
            let chain = certificates(certificate)?;
            let read = PrivateKeyDer::from_pem_file(key);
            let secret = read.map_err(|error| unreadable("key", key, &error.to_string()))?;
            builder.with_client_auth_cert(chain, secret).map_err(|error| {
                let why = format!("it does not go with `{}`: {error}", certificate.display());
                unreadable("key", key, &why)
            })?
        }
        (None, None) => builder.with_no_client_auth(),
        (Some(one), None) | (None, Some(one)) => {
            return Err(Error::Endpoint {
                message: format!("`{}` is there without its other half", one.display()),
                help: Some("a certificate needs its key: name both, or neither".to_owned()),
            });
        }
    };
    Ok(Arc::new(config))
}

fn unreadable(what: &str, path: &Path, why: &str) -> Error {
    Error::Endpoint {
        message: format!("cannot use the TLS {what} `{}`: {why}", path.display()),
        help: Some(
            "DOCKER_CERT_PATH names the folder of ca.pem, cert.pem and key.pem; --tlscacert, \
             --tlscert and --tlskey name them one by one"
                .to_owned(),
        ),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, Error> {
    let read = std::fs::read(path)
        .map_err(|error| error.to_string())
        .and_then(|text| {
            let all = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
            all.map_err(|error| error.to_string())
        })
        .and_then(|all| if all.is_empty() { Err("it has none".to_owned()) } else { Ok(all) });
    read.map_err(|why| unreadable("certificate", path, &why))
}

fn roots(ca: Option<&Path>) -> Result<RootCertStore, Error> {
    let mut roots = RootCertStore::empty();
    let Some(path) = ca else {
        let bundle = AUTHORITIES.iter().map(Path::new).find(|path| path.exists());
        if let Some(path) = bundle {
            // The system's may have some that nobody can read.
            roots.add_parsable_certificates(certificates(path)?);
        }
        return Ok(roots);
    };
    for certificate in certificates(path)? {
        roots
            .add(certificate)
            .map_err(|error| unreadable("certificate", path, &error.to_string()))?;
    }
    Ok(roots)
}

/// Encrypts a connection to `host`.
pub(super) async fn encrypt(
    config: Arc<ClientConfig>,
    host: &str,
    stream: TcpStream,
) -> io::Result<TlsStream<TcpStream>> {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(host).map_err(io::Error::other)?;
    TlsConnector::from(config).connect(name, stream).await
}

/// What to do about a connection that could not be encrypted.
pub(super) fn help(error: &rustls::Error) -> &'static str {
    use rustls::{AlertDescription as Alert, CertificateError as Bad, Error as Tls};
    match error {
        Tls::InvalidCertificate(Bad::UnknownIssuer | Bad::BadSignature) => {
            "name the authority that signed the engine's certificate with --tlscacert, or as ca.pem \
             in DOCKER_CERT_PATH"
        }
        Tls::InvalidCertificate(Bad::NotValidForName | Bad::NotValidForNameContext { .. }) => {
            "use the name that is in the engine's certificate"
        }
        Tls::InvalidCertificate(Bad::Expired | Bad::ExpiredContext { .. }) => {
            "renew the engine's certificate"
        }
        Tls::InvalidMessage(_) => {
            "the engine does not seem to speak TLS on this port: leave DOCKER_TLS_VERIFY and \
             --tlsverify out, or use the port that does (2376 as a rule)"
        }
        Tls::AlertReceived(
            Alert::CertificateRequired
            | Alert::BadCertificate
            | Alert::UnknownCA
            | Alert::HandshakeFailure
            | Alert::CertificateUnknown,
        ) => {
            "the engine wants a certificate that it knows: name yours with --tlscert and --tlskey, \
             or as cert.pem and key.pem in DOCKER_CERT_PATH"
        }
        _ => "compare the TLS settings of the engine with ours",
    }
}

/// Believes whoever answers: `--tls` without `--tlsverify`, or a context that says so.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
