//! Behind TLS: an authority of one's own is believed where it is named, and nobody else is.

use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use p256::ecdsa::{DerSignature, SigningKey};
use p256::pkcs8::EncodePrivateKey;
use p256::pkcs8::LineEnding;
use rustls::ServerConfig;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use x509_cert::Certificate;
use x509_cert::builder::{Builder, CertificateBuilder, Profile};
use x509_cert::der::asn1::OctetString;
use x509_cert::der::{Encode, EncodePem};
use x509_cert::ext::pkix::SubjectAltName;
use x509_cert::ext::pkix::name::GeneralName;
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::SubjectPublicKeyInfoOwned;
use x509_cert::time::Validity;

use super::server::{Reply, Static};
use super::{fails_with, unchanged, upgrade_with};
use crate::life::ready;
use crate::rig::Rig;

/// Who answers for everything, as a firewall does that looks into TLS.
struct Authority {
    certificate: Certificate,
    key: SigningKey,
}

fn certificate(
    profile: Profile,
    name: &str,
    key: &SigningKey,
    signer: &SigningKey,
    names: &[GeneralName],
) -> Certificate {
    let mut builder = CertificateBuilder::new(
        profile,
        SerialNumber::from(1_u32),
        Validity::from_now(Duration::from_secs(3600)).unwrap(),
        Name::from_str(name).unwrap(),
        SubjectPublicKeyInfoOwned::from_key(*key.verifying_key()).unwrap(),
        signer,
    )
    .unwrap();
    if !names.is_empty() {
        builder
            .add_extension(&SubjectAltName(names.to_vec()))
            .unwrap();
    }
    builder.build::<DerSignature>().unwrap()
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_slice(&[seed; 32]).unwrap()
}

impl Authority {
    fn new() -> Self {
        let key = key(1);
        let certificate = certificate(Profile::Root, "CN=Firewall", &key, &key, &[]);
        Self { certificate, key }
    }

    /// Writes its certificate where a person would keep it.
    fn file(&self, rig: &Rig) -> PathBuf {
        let path = rig.path("firewall.pem");
        fs::write(&path, self.certificate.to_pem(LineEnding::LF).unwrap()).unwrap();
        path
    }

    /// What a server on loopback needs.
    fn server(&self) -> ServerConfig {
        let leaf = key(2);
        let profile = Profile::Leaf {
            issuer: self.certificate.tbs_certificate.subject.clone(),
            enable_key_agreement: false,
            enable_key_encipherment: false,
        };
        let loopback = OctetString::new(Ipv4Addr::LOCALHOST.octets()).unwrap();
        let names = [GeneralName::IpAddress(loopback)];
        let issued = certificate(profile, "CN=mirror", &leaf, &self.key, &names);
        let chain = vec![CertificateDer::from(issued.to_der().unwrap())];
        let secret = leaf.to_pkcs8_der().unwrap().as_bytes().to_vec();
        ServerConfig::builder()
            .with_no_client_auth()
            .with_single_cert(chain, PrivatePkcs8KeyDer::from(secret).into())
            .unwrap()
    }
}

#[test]
fn an_authority_that_only_the_environment_names_is_believed() {
    for as_folder in [false, true] {
        let rig = ready();
        let authority = Authority::new();
        let server = Static::start_tls(authority.server(), rig.path("mirror"), unchanged);
        let file = authority.file(&rig);
        let named = if as_folder {
            ("SSL_CERT_DIR", file.parent().unwrap())
        } else {
            ("SSL_CERT_FILE", &*file)
        };
        let variables = [(named.0, named.1.to_str().unwrap())];
        upgrade_with(&rig, &server.url, &variables).expect(0);
        assert_eq!(rig.version(), "1.1.0");
        assert_eq!(server.requests().len(), 5);
    }
}

#[test]
fn an_authority_that_nobody_named_is_not_believed_and_the_remedy_is_told() {
    let rig = ready();
    let authority = Authority::new();
    let server = Static::start_tls(authority.server(), rig.path("mirror"), unchanged);
    let said = fails_with(&rig, &server.url, &[], 10, "has issued the certificate");
    assert!(said.contains("SSL_CERT_FILE"), "{said}");
    assert!(!said.contains("trying again"), "{said}");
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn what_an_interceptor_alters_is_refused_although_its_authority_is_believed() {
    let rig = ready();
    let authority = Authority::new();
    let server = Static::start_tls(
        authority.server(),
        rig.path("mirror"),
        |request, _, good| {
            if request.is_for_pointer() {
                Reply::of(200, b"{\"schema\": \"channel-pointer/1\"}")
            } else {
                good
            }
        },
    );
    let file = authority.file(&rig);
    let variables = [("SSL_CERT_FILE", file.to_str().unwrap())];
    fails_with(&rig, &server.url, &variables, 11, "refused");
}

#[test]
fn a_certificate_file_that_cannot_be_read_is_bad_input_and_named() {
    let rig = ready();
    let server = Static::start(rig.path("mirror"), unchanged);
    let missing = rig.path("missing.pem");
    let variables = [("SSL_CERT_FILE", missing.to_str().unwrap())];
    let said = fails_with(&rig, &server.url, &variables, 17, "SSL_CERT_FILE: ");
    assert!(said.contains("missing.pem"), "{said}");
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_machine_without_any_store_of_certificates_can_upgrade() {
    let rig = ready();
    let server = Static::start(rig.path("mirror"), unchanged);
    // Named, nowhere takes the place of the system's.
    let nowhere = rig.path("nowhere");
    let variables = [("SSL_CERT_DIR", nowhere.to_str().unwrap())];
    upgrade_with(&rig, &server.url, &variables).expect(0);
    assert_eq!(rig.version(), "1.1.0");
}

#[test]
fn from_https_nothing_but_https_is_followed() {
    let rig = ready();
    let authority = Authority::new();
    let plain = Static::start(rig.path("mirror"), unchanged);
    let to = plain.url.clone();
    let server = Static::start_tls(
        authority.server(),
        rig.path("mirror"),
        move |request, _, _| Reply::of(302, b"").with("Location", format!("{to}{}", request.path)),
    );
    let file = authority.file(&rig);
    let variables = [("SSL_CERT_FILE", file.to_str().unwrap())];
    fails_with(&rig, &server.url, &variables, 10, "https only");
    assert_eq!(plain.requests().len(), 0);
}

#[test]
fn from_http_https_is_followed() {
    let rig = ready();
    let authority = Authority::new();
    let secure = Static::start_tls(authority.server(), rig.path("mirror"), unchanged);
    let to = secure.url.clone();
    let plain = Static::start(rig.path("mirror"), move |request, _, _| {
        Reply::of(301, b"").with("Location", format!("{to}{}", request.path))
    });
    let file = authority.file(&rig);
    let variables = [("SSL_CERT_FILE", file.to_str().unwrap())];
    upgrade_with(&rig, &plain.url, &variables).expect(0);
    assert_eq!(rig.version(), "1.1.0");
}
