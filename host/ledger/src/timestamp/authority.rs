//! Whether the authority signed: the CMS signature (RFC 5652 section 5.4), the certificate that it names, and
//! that certificate's chain, as RFC 3161 sections 2.3 and 2.4.2 ask.

use super::TimestampError;
use super::asn1::{
    CONTENT_TYPE, MESSAGE_DIGEST, SHA_256, SHA_384, SHA_512, SIGNING_CERTIFICATE, SIGNING_CERTIFICATE_V2,
    SigningCertificate, SigningCertificateV2, TST_INFO,
};
use cms::cert::CertificateChoices;
use cms::signed_data::{SignedAttributes, SignedData, SignerIdentifier, SignerInfo};
use der::Encode as _;
use der::asn1::{Any, ObjectIdentifier, OctetString};
use exhibit_evidence::time::Timestamp;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use std::time::Duration;
use webpki::{EndEntityCert, KeyUsage, anchor_from_trusted_cert, ring as algorithms};
use x509_cert::Certificate;
use x509_cert::ext::pkix::{ExtendedKeyUsage, SubjectKeyIdentifier};

const TIME_STAMPING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.8");
/// The content bytes of [`TIME_STAMPING`] in DER.
const TIME_STAMPING_DER: &[u8] = &[0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x08];

fn untrusted(reason: impl Into<String>) -> TimestampError {
    TimestampError::Untrusted(reason.into())
}

fn unreadable(error: der::Error) -> TimestampError {
    TimestampError::Form { what: "signature", reason: error.to_string() }
}

/// Checks everything about the signature over `content`; answers with the subject of the signing certificate.
pub(super) fn verify(
    signed: &SignedData,
    content: &[u8],
    time: Timestamp,
    roots: &[u8],
) -> Result<String, TimestampError> {
    let [signer] = signed.signer_infos.0.as_slice() else {
        return Err(untrusted(format!(
            "it has {} signatures, and should have one",
            signed.signer_infos.0.len()
        )));
    };
    let attributes =
        signer.signed_attrs.as_ref().ok_or_else(|| untrusted("its signature has no attributes"))?;
    check_attributes(attributes, signer, content)?;

    let certificates = certificates(signed);
    let signer_at = certificates.iter().position(|certificate| is_named(&signer.sid, certificate));
    let signer_at = signer_at
        .ok_or_else(|| untrusted("the certificate that signed is not in it; ask with certReq set"))?;
    let subject = certificates[signer_at].tbs_certificate.subject.to_string();
    check_purpose(&certificates[signer_at], &subject)?;

    let mut encoded = Vec::with_capacity(certificates.len());
    for certificate in &certificates {
        encoded.push(CertificateDer::from(certificate.to_der().map_err(unreadable)?));
    }
    let certificate = encoded.swap_remove(signer_at);
    check_named_certificate(attributes, &certificate)?;

    let entity = EndEntityCert::try_from(&certificate)
        .map_err(|error| untrusted(format!("the certificate of {subject} cannot be read: {error}")))?;
    check_chain(&entity, &encoded, time, roots, &subject)?;
    // What is signed is the attributes as a SET OF in DER, whatever tag they have in the message.
    let message = attributes.to_der().map_err(unreadable)?;
    let holds = algorithms_for(signer.digest_alg.oid)
        .into_iter()
        .any(|algorithm| entity.verify_signature(algorithm, &message, signer.signature.as_bytes()).is_ok());
    if holds { Ok(subject) } else { Err(untrusted(format!("the signature is not by {subject}"))) }
}

/// RFC 5652 section 11: the attributes must name the content's type and digest.
fn check_attributes(
    attributes: &SignedAttributes,
    signer: &SignerInfo,
    content: &[u8],
) -> Result<(), TimestampError> {
    let content_type: ObjectIdentifier =
        attribute(attributes, CONTENT_TYPE)?.decode_as().map_err(unreadable)?;
    if content_type != TST_INFO {
        return Err(untrusted("its signature is over another type of content"));
    }
    let said: OctetString = attribute(attributes, MESSAGE_DIGEST)?.decode_as().map_err(unreadable)?;
    let digest = digest(signer.digest_alg.oid, content)
        .ok_or_else(|| untrusted(format!("its digest algorithm {} is not SHA-2", signer.digest_alg.oid)))?;
    if said.as_bytes() != digest {
        return Err(untrusted("its content is not what was signed: it was altered"));
    }
    Ok(())
}

/// The single value of a single attribute.
fn attribute(attributes: &SignedAttributes, oid: ObjectIdentifier) -> Result<&Any, TimestampError> {
    let mut found = attributes.iter().filter(|attribute| attribute.oid == oid);
    match (found.next().map(|attribute| attribute.values.as_slice()), found.next()) {
        (Some([value]), None) => Ok(value),
        _ => Err(untrusted(format!("its signature should have one attribute {oid} with one value"))),
    }
}

fn certificates(signed: &SignedData) -> Vec<Certificate> {
    let choices = signed.certificates.iter().flat_map(|set| set.0.iter());
    choices
        .filter_map(|choice| match choice {
            CertificateChoices::Certificate(certificate) => Some(certificate.clone()),
            CertificateChoices::Other(_) => None,
        })
        .collect()
}

fn is_named(sid: &SignerIdentifier, certificate: &Certificate) -> bool {
    let fields = &certificate.tbs_certificate;
    match sid {
        SignerIdentifier::IssuerAndSerialNumber(name) => {
            name.issuer == fields.issuer && name.serial_number == fields.serial_number
        }
        SignerIdentifier::SubjectKeyIdentifier(id) => {
            matches!(fields.get::<SubjectKeyIdentifier>(), Ok(Some((_, found))) if found == *id)
        }
    }
}

/// RFC 3161 section 2.3: a critical extended key usage of time stamping, and of nothing else.
fn check_purpose(certificate: &Certificate, subject: &str) -> Result<(), TimestampError> {
    match certificate.tbs_certificate.get::<ExtendedKeyUsage>() {
        Ok(Some((true, ExtendedKeyUsage(purposes)))) if purposes == [TIME_STAMPING] => Ok(()),
        _ => Err(untrusted(format!("the certificate of {subject} is not one for time stamping alone"))),
    }
}

/// RFC 3161 section 2.4.2: the signed attributes name the certificate by its digest, so that another one with
/// the same key cannot take its place.
fn check_named_certificate(
    attributes: &SignedAttributes,
    certificate: &CertificateDer<'_>,
) -> Result<(), TimestampError> {
    let is_there = |oid| attributes.iter().any(|attribute| attribute.oid == oid);
    let named = if is_there(SIGNING_CERTIFICATE_V2) {
        let value: SigningCertificateV2 =
            attribute(attributes, SIGNING_CERTIFICATE_V2)?.decode_as().map_err(unreadable)?;
        value.certs.first().is_some_and(|id| {
            let algorithm = id.hash_algorithm.as_ref().map_or(SHA_256, |algorithm| algorithm.oid);
            digest(algorithm, certificate).is_some_and(|digest| digest == id.cert_hash.as_bytes())
        })
    } else {
        let value: SigningCertificate =
            attribute(attributes, SIGNING_CERTIFICATE)?.decode_as().map_err(unreadable)?;
        // RFC 2634 knows SHA-1 alone. Nothing rests on it: the chain and the signature are checked as well.
        let sha1 = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, certificate);
        value.certs.first().is_some_and(|id| id.cert_hash.as_bytes() == sha1.as_ref())
    };
    if named { Ok(()) } else { Err(untrusted("its signature names another certificate than the one in it")) }
}

fn check_chain(
    entity: &EndEntityCert<'_>,
    intermediates: &[CertificateDer<'_>],
    time: Timestamp,
    roots: &[u8],
    subject: &str,
) -> Result<(), TimestampError> {
    let roots = read_roots(roots)?;
    let anchors = anchors(&roots)?;
    let at = UnixTime::since_unix_epoch(Duration::from_millis(time.as_ms()));
    entity
        .verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &anchors,
            intermediates,
            at,
            KeyUsage::required(TIME_STAMPING_DER),
            None,
            None,
        )
        .map(drop)
        .map_err(|error| {
            untrusted(format!("the certificate of {subject} leads to no trusted one at {time}: {error}"))
        })
}

/// Whether a PEM file holds certificates, all of which can be trusted.
pub(super) fn check_roots(pem: &[u8]) -> Result<(), TimestampError> {
    anchors(&read_roots(pem)?).map(drop)
}

fn read_roots(pem: &[u8]) -> Result<Vec<CertificateDer<'_>>, TimestampError> {
    let roots: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| untrusted(format!("the file of trusted certificates is not PEM: {error}")))?;
    if roots.is_empty() {
        return Err(untrusted("the file of trusted certificates holds none"));
    }
    Ok(roots)
}

fn anchors<'a>(roots: &'a [CertificateDer<'_>]) -> Result<Vec<TrustAnchor<'a>>, TimestampError> {
    roots
        .iter()
        .map(anchor_from_trusted_cert)
        .collect::<Result<_, _>>()
        .map_err(|error| untrusted(format!("a trusted certificate cannot be read: {error}")))
}

fn digest(algorithm: ObjectIdentifier, bytes: &[u8]) -> Option<Vec<u8>> {
    match algorithm {
        SHA_256 => Some(Sha256::digest(bytes).to_vec()),
        SHA_384 => Some(Sha384::digest(bytes).to_vec()),
        SHA_512 => Some(Sha512::digest(bytes).to_vec()),
        _ => None,
    }
}

/// Every known way to sign over a digest of this kind. Which of them fits is for the key to say: each takes keys
/// of one type, and a signature that holds under the certificate's key is one, whatever the message calls it.
fn algorithms_for(digest: ObjectIdentifier) -> Vec<&'static dyn SignatureVerificationAlgorithm> {
    match digest {
        SHA_256 => vec![
            algorithms::RSA_PKCS1_2048_8192_SHA256,
            algorithms::RSA_PSS_2048_8192_SHA256_LEGACY_KEY,
            algorithms::ECDSA_P256_SHA256,
            algorithms::ECDSA_P384_SHA256,
        ],
        SHA_384 => vec![
            algorithms::RSA_PKCS1_2048_8192_SHA384,
            algorithms::RSA_PSS_2048_8192_SHA384_LEGACY_KEY,
            algorithms::ECDSA_P256_SHA384,
            algorithms::ECDSA_P384_SHA384,
        ],
        SHA_512 => vec![
            algorithms::RSA_PKCS1_2048_8192_SHA512,
            algorithms::RSA_PSS_2048_8192_SHA512_LEGACY_KEY,
            algorithms::ED25519,
        ],
        _ => Vec::new(),
    }
}
