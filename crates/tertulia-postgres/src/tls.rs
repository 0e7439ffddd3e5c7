//! How the server's certificate is checked.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tertulia::{Error, Result};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::url::{Tls, Url};

/// What makes connections secret, as the URL says.
///
/// # Errors
/// `Invalid` for a root certificate that cannot be read.
pub(crate) fn connector(url: &Url) -> Result<MakeRustlsConnect> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|cause| Error::internal("the TLS library is of no use").with_source(cause))?;
    let config = match url.tls {
        Tls::VerifyFull => builder.with_root_certificates(roots(url)?).with_no_client_auth(),
        tls => {
            let chain = match tls {
                Tls::VerifyCa => Some(
                    WebPkiServerVerifier::builder_with_provider(Arc::new(roots(url)?), provider.clone())
                        .build()
                        .map_err(|cause| Error::invalid(format!("sslrootcert is of no use: {cause}")))?,
                ),
                _ => None,
            };
            let lenient = Lenient { chain, provider };
            builder.dangerous().with_custom_certificate_verifier(Arc::new(lenient)).with_no_client_auth()
        }
    };
    Ok(MakeRustlsConnect::new(config))
}

fn roots(url: &Url) -> Result<RootCertStore> {
    let mut roots = RootCertStore::empty();
    let Some(path) = &url.root_cert else {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        return Ok(roots);
    };
    let invalid = |cause: String| Error::invalid(format!("cannot read {}: {cause}", path.display()));
    for certificate in CertificateDer::pem_file_iter(path).map_err(|cause| invalid(cause.to_string()))? {
        let certificate = certificate.map_err(|cause| invalid(cause.to_string()))?;
        roots.add(certificate).map_err(|cause| invalid(cause.to_string()))?;
    }
    if roots.is_empty() {
        return Err(invalid("it holds no certificate".into()));
    }
    Ok(roots)
}

/// Takes any certificate, or any of known roots whatever name it has: what `require` and `verify-ca` mean.
#[derive(Debug)]
struct Lenient {
    chain: Option<Arc<WebPkiServerVerifier>>,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Lenient {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        match chain.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            // The chain is checked before the name.
            Err(rustls::Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
