//! The timestamp authority (RFC 3161): it signs, in CMS, when it saw a digest. Relies on cms for
//! the signed-data structure and on [`Authority`] for the certificate.

use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{
    CertificateSet, EncapsulatedContentInfo, SignedAttributes, SignedData, SignerIdentifier,
    SignerInfo, SignerInfos,
};
use const_oid::ObjectIdentifier;
use const_oid::db::rfc5280::ID_KP_TIME_STAMPING;
use const_oid::db::rfc5911::{
    ID_AA_SIGNING_CERTIFICATE_V_2, ID_CONTENT_TYPE, ID_MESSAGE_DIGEST, ID_SIGNED_DATA,
    ID_SIGNING_TIME,
};
use const_oid::db::rfc5912::{ECDSA_WITH_SHA_256, ID_SHA_256, ID_SHA_384, ID_SHA_512};
use der::asn1::{GeneralizedTime, Int, OctetString, SetOfVec, UtcTime};
use der::{Any, Decode, Encode, EncodeValue, Sequence, Tag, Tagged};
use jiff::Timestamp;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::{DerSignature, SigningKey};
use p256::elliptic_curve::rand_core::OsRng;
use sha2::{Digest, Sha256};
use x509_cert::attr::Attribute;
use x509_cert::certificate::Certificate;
use x509_cert::ext::pkix::{ExtendedKeyUsage, KeyUsage, KeyUsages};
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};

use super::Error;
use super::authority::{Authority, Subject, extension, name, serial_number, unix, year};
use super::refusal::Refusal;

const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
/// The policy that the public Sigstore's authority states too.
const POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.57264.2");

pub(super) struct TimestampAuthority {
    root: Authority,
    certificate: Certificate,
    key: SigningKey,
}

#[derive(Sequence)]
struct MessageImprint {
    hash_algorithm: AlgorithmIdentifierOwned,
    hashed_message: OctetString,
}

#[derive(Sequence)]
struct TimeStampReq {
    version: u8,
    message_imprint: MessageImprint,
    #[asn1(optional = "true")]
    policy: Option<ObjectIdentifier>,
    #[asn1(optional = "true")]
    nonce: Option<Int>,
    #[asn1(default = "Default::default")]
    cert_req: bool,
}

#[derive(Sequence)]
struct TimeStampResp {
    status: PkiStatusInfo,
    token: Any,
}

#[derive(Sequence)]
struct PkiStatusInfo {
    status: u8,
}

#[derive(Sequence)]
struct TstInfo {
    version: u8,
    policy: ObjectIdentifier,
    message_imprint: MessageImprint,
    serial_number: Int,
    gen_time: GeneralizedTime,
    #[asn1(optional = "true")]
    nonce: Option<Int>,
}

/// RFC 5035, with SHA-256 left out as the default.
#[derive(Sequence)]
struct SigningCertificateV2 {
    certificates: Vec<EssCertIdV2>,
}

#[derive(Sequence)]
struct EssCertIdV2 {
    certificate_hash: OctetString,
}

impl TimestampAuthority {
    pub(super) fn new(since: Timestamp) -> Result<Self, Error> {
        let root = Authority::root("timestamp-root", since)?;
        let key = SigningKey::random(&mut OsRng);
        let tbs = root.tbs(Subject {
            name: name("timestamp")?,
            key: SubjectPublicKeyInfoOwned::from_key(*key.verifying_key())?,
            validity: year(since)?,
            extensions: vec![
                extension(true, &KeyUsage(KeyUsages::DigitalSignature.into()))?,
                // RFC 3161, 2.3: critical, and the only purpose.
                extension(true, &ExtendedKeyUsage(vec![ID_KP_TIME_STAMPING]))?,
            ],
        })?;
        Ok(Self {
            certificate: root.sign(tbs)?,
            root,
            key,
        })
    }

    /// The certificates of this authority, from the one that signs to the root.
    pub(super) fn chain(&self) -> [&Certificate; 2] {
        [&self.certificate, &self.root.certificate]
    }

    /// The DER of a TimeStampResp that grants the TimeStampReq in `body`.
    pub(super) fn respond(&self, body: &[u8], now: Timestamp) -> Result<Vec<u8>, Refusal> {
        let request = TimeStampReq::from_der(body)
            .map_err(|error| Refusal::bad(format!("no timestamp request: {error}")))?;
        check(&request)?;
        Ok(granted(self.grant(request, now)?)?)
    }

    /// A timestamp that says `message` was seen at `at`, with the authority's certificate: the DER
    /// of a TimeStampResp.
    pub(super) fn stamp(&self, message: &[u8], at: Timestamp) -> Result<Vec<u8>, Error> {
        let request = TimeStampReq {
            version: 1,
            message_imprint: MessageImprint {
                hash_algorithm: algorithm(ID_SHA_256),
                hashed_message: OctetString::new(Sha256::digest(message).to_vec())?,
            },
            policy: None,
            nonce: None,
            cert_req: true,
        };
        granted(self.grant(request, at)?)
    }

    fn grant(&self, request: TimeStampReq, now: Timestamp) -> Result<Any, Error> {
        let with_certificate = request.cert_req;
        self.token(&info(request, now)?, with_certificate, now)
    }

    /// The SignedData (RFC 5652, 5) around `info`.
    fn token(&self, info: &TstInfo, certificate: bool, now: Timestamp) -> Result<Any, Error> {
        let content = info.to_der()?;
        let attributes = signed_attributes(&content, &self.certificate, now)?;
        // A SET OF is signed with its own tag, and stands in the structure with another.
        let signature: DerSignature = self.key.try_sign(&attributes.to_der()?)?;
        let own = &self.certificate.tbs_certificate;
        let signer = SignerInfo {
            version: CmsVersion::V1,
            sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
                issuer: own.issuer.clone(),
                serial_number: own.serial_number.clone(),
            }),
            digest_alg: algorithm(ID_SHA_256),
            signed_attrs: Some(attributes),
            signature_algorithm: algorithm(ECDSA_WITH_SHA_256),
            signature: OctetString::new(signature.as_bytes())?,
            unsigned_attrs: None,
        };
        let certificates = certificate
            .then(|| vec![CertificateChoices::Certificate(self.certificate.clone())])
            .map(SetOfVec::try_from)
            .transpose()?;
        let signed = SignedData {
            version: CmsVersion::V3,
            digest_algorithms: SetOfVec::try_from(vec![algorithm(ID_SHA_256)])?,
            encap_content_info: EncapsulatedContentInfo {
                econtent_type: TST_INFO,
                econtent: Some(Any::new(Tag::OctetString, content)?),
            },
            certificates: certificates.map(CertificateSet),
            crls: None,
            signer_infos: SignerInfos(SetOfVec::try_from(vec![signer])?),
        };
        Ok(Any::encode_from(&ContentInfo {
            content_type: ID_SIGNED_DATA,
            content: Any::encode_from(&signed)?,
        })?)
    }
}

fn check(request: &TimeStampReq) -> Result<(), Refusal> {
    let imprint = &request.message_imprint;
    let length = match imprint.hash_algorithm.oid {
        ID_SHA_256 => 32,
        ID_SHA_384 => 48,
        ID_SHA_512 => 64,
        other => return Err(Refusal::bad(format!("digest algorithm {other}"))),
    };
    let found = imprint.hashed_message.as_bytes().len();
    if found != length {
        let message = format!("a digest of {found} bytes where {length} were expected");
        return Err(Refusal::bad(message));
    }
    match request.policy {
        Some(policy) if policy != POLICY => Err(Refusal::bad(format!("policy {policy}"))),
        _ => Ok(()),
    }
}

fn info(request: TimeStampReq, now: Timestamp) -> Result<TstInfo, Error> {
    Ok(TstInfo {
        version: 1,
        policy: POLICY,
        message_imprint: request.message_imprint,
        serial_number: Int::new(serial_number()?.as_bytes())?,
        gen_time: GeneralizedTime::from_unix_duration(unix(now))?,
        nonce: request.nonce,
    })
}

fn signed_attributes(
    content: &[u8],
    certificate: &Certificate,
    now: Timestamp,
) -> Result<SignedAttributes, Error> {
    let digest = OctetString::new(Sha256::digest(content).to_vec())?;
    let signing_time = UtcTime::from_unix_duration(unix(now))?;
    let certificate_hash = Sha256::digest(certificate.to_der()?).to_vec();
    let signing_certificate = SigningCertificateV2 {
        certificates: vec![EssCertIdV2 {
            certificate_hash: OctetString::new(certificate_hash)?,
        }],
    };
    Ok(SetOfVec::try_from(vec![
        attribute(ID_CONTENT_TYPE, &TST_INFO)?,
        attribute(ID_MESSAGE_DIGEST, &digest)?,
        attribute(ID_SIGNING_TIME, &signing_time)?,
        attribute(ID_AA_SIGNING_CERTIFICATE_V_2, &signing_certificate)?,
    ])?)
}

fn attribute<V: EncodeValue + Tagged>(
    oid: ObjectIdentifier,
    value: &V,
) -> Result<Attribute, Error> {
    Ok(Attribute {
        oid,
        values: SetOfVec::try_from(vec![Any::encode_from(value)?])?,
    })
}

fn algorithm(oid: ObjectIdentifier) -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned {
        oid,
        parameters: None,
    }
}

fn granted(token: Any) -> Result<Vec<u8>, Error> {
    let response = TimeStampResp {
        status: PkiStatusInfo { status: 0 },
        token,
    };
    Ok(response.to_der()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(algorithm_id: ObjectIdentifier, length: usize) -> Vec<u8> {
        let request = TimeStampReq {
            version: 1,
            message_imprint: MessageImprint {
                hash_algorithm: algorithm(algorithm_id),
                hashed_message: OctetString::new(vec![7; length]).unwrap(),
            },
            policy: None,
            nonce: Some(Int::new(&[5]).unwrap()),
            cert_req: false,
        };
        request.to_der().unwrap()
    }

    #[test]
    fn the_answer_repeats_imprint_and_nonce_and_states_the_time() {
        let now = Timestamp::now();
        let tsa = TimestampAuthority::new(now).unwrap();
        let answer = tsa.respond(&request(ID_SHA_512, 64), now).unwrap();
        let answer = TimeStampResp::from_der(&answer).unwrap();
        let token = ContentInfo::from_der(&answer.token.to_der().unwrap()).unwrap();
        let signed: SignedData = token.content.decode_as().unwrap();
        assert!(signed.certificates.is_none(), "none was asked for");
        let content = signed.encap_content_info.econtent.unwrap();
        let info = TstInfo::from_der(content.value()).unwrap();
        assert_eq!(info.message_imprint.hashed_message.as_bytes(), [7; 64]);
        assert_eq!(info.nonce.unwrap().as_bytes(), [5]);
        assert_eq!(info.gen_time.to_unix_duration(), unix(now));
    }

    #[test]
    fn a_digest_of_a_wrong_length_or_algorithm_is_refused() {
        let now = Timestamp::now();
        let tsa = TimestampAuthority::new(now).unwrap();
        for body in [request(ID_SHA_256, 31), request(ID_KP_TIME_STAMPING, 32)] {
            assert!(tsa.respond(&body, now).is_err());
        }
    }
}
