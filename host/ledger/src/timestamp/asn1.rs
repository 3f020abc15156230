//! The structures of RFC 3161 section 2.4 and RFC 2634/5035's signing-certificate attributes, as they stand on
//! the wire.

use super::TimestampError;
use cms::content_info::ContentInfo;
use der::asn1::{Any, BitString, Int, Null, ObjectIdentifier, OctetString, Utf8StringRef};
use der::{Sequence, Tag, Tagged as _};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::time::Timestamp;
use x509_cert::ext::Extensions;
use x509_cert::spki::AlgorithmIdentifierOwned;

pub(super) const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");
pub(super) const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
pub(super) const CONTENT_TYPE: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.3");
pub(super) const MESSAGE_DIGEST: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.4");
pub(super) const SIGNING_CERTIFICATE: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.12");
pub(super) const SIGNING_CERTIFICATE_V2: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.2.47");
pub(super) const SHA_256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
pub(super) const SHA_384: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.2");
pub(super) const SHA_512: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.3");

#[derive(Sequence)]
pub(super) struct TimeStampReq {
    pub(super) version: u32,
    pub(super) message_imprint: MessageImprint,
    #[asn1(optional = "true")]
    pub(super) req_policy: Option<ObjectIdentifier>,
    #[asn1(optional = "true")]
    pub(super) nonce: Option<Int>,
    #[asn1(default = "Default::default")]
    pub(super) cert_req: bool,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) extensions: Option<Extensions>,
}

#[derive(Sequence)]
pub(super) struct MessageImprint {
    pub(super) hash_algorithm: AlgorithmIdentifierOwned,
    pub(super) hashed_message: OctetString,
}

impl MessageImprint {
    pub(super) fn sha256(digest: &Digest) -> der::Result<Self> {
        Ok(Self {
            hash_algorithm: AlgorithmIdentifierOwned { oid: SHA_256, parameters: Some(Any::from(Null)) },
            hashed_message: OctetString::new(digest.as_bytes().as_slice())?,
        })
    }
}

#[derive(Sequence)]
pub(super) struct ResponseDer<'a> {
    pub(super) status: StatusInfo<'a>,
    #[asn1(optional = "true")]
    pub(super) token: Option<ContentInfo>,
}

#[derive(Sequence)]
pub(super) struct StatusInfo<'a> {
    pub(super) status: u32,
    #[asn1(optional = "true")]
    pub(super) status_string: Option<Vec<Utf8StringRef<'a>>>,
    #[asn1(optional = "true")]
    pub(super) fail_info: Option<BitString>,
}

/// The names of RFC 3161 section 2.4.2.
pub(super) fn status_word(status: u32) -> &'static str {
    match status {
        2 => "rejection",
        3 => "waiting",
        4 => "revocation warning",
        5 => "revocation notification",
        _ => "unknown",
    }
}

#[derive(Sequence)]
pub(super) struct TstInfo {
    pub(super) version: u32,
    pub(super) policy: ObjectIdentifier,
    pub(super) message_imprint: MessageImprint,
    pub(super) serial_number: Int,
    /// A `GeneralizedTime`; `der`'s own type refuses the fractions that RFC 3161 allows.
    pub(super) gen_time: Any,
    #[asn1(optional = "true")]
    pub(super) accuracy: Option<Accuracy>,
    #[asn1(default = "Default::default")]
    pub(super) ordering: bool,
    #[asn1(optional = "true")]
    pub(super) nonce: Option<Int>,
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    pub(super) tsa: Option<Any>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    pub(super) extensions: Option<Extensions>,
}

#[derive(Sequence)]
pub(super) struct Accuracy {
    #[asn1(optional = "true")]
    seconds: Option<u64>,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", optional = "true")]
    millis: Option<u16>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    micros: Option<u16>,
}

impl Accuracy {
    pub(super) fn as_ms(&self) -> u64 {
        let micros = u64::from(self.micros.unwrap_or(0)).div_ceil(1000);
        let millis = u64::from(self.millis.unwrap_or(0)) + micros;
        self.seconds.unwrap_or(0).saturating_mul(1000).saturating_add(millis)
    }
}

/// Reads `YYYYMMDDhhmmss[.f…]Z`. Fractions below a millisecond are cut.
pub(super) fn general_time(time: &Any) -> Result<Timestamp, TimestampError> {
    let text = str::from_utf8(time.value()).unwrap_or_default();
    let read = || {
        let whole = text.strip_suffix('Z').filter(|_| time.tag() == Tag::GeneralizedTime)?;
        let (whole, fraction) = whole.split_once('.').unwrap_or((whole, "0"));
        let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        if whole.len() != 14 || !digits(whole) || !digits(fraction) {
            return None;
        }
        let at = |from: usize, to: usize| &whole[from..to];
        let (date, clock) = ((at(0, 4), at(4, 6), at(6, 8)), (at(8, 10), at(10, 12), at(12, 14)));
        let millis = format!("{fraction:0<3}");
        format!("{}-{}-{}T{}:{}:{}.{}Z", date.0, date.1, date.2, clock.0, clock.1, clock.2, &millis[..3])
            .parse()
            .ok()
    };
    let reason =
        format!("`{}` is not a time", text.escape_debug().to_string().chars().take(40).collect::<String>());
    read().ok_or(TimestampError::Form { what: "time", reason })
}

/// `SigningCertificate` (RFC 2634): digests by SHA-1.
#[derive(Sequence)]
pub(super) struct SigningCertificate {
    pub(super) certs: Vec<EssCertId>,
    #[asn1(optional = "true")]
    policies: Option<Any>,
}

#[derive(Sequence)]
pub(super) struct EssCertId {
    pub(super) cert_hash: OctetString,
    #[asn1(optional = "true")]
    issuer_serial: Option<Any>,
}

/// `SigningCertificateV2` (RFC 5035): digests by SHA-256, or as said.
#[derive(Sequence)]
pub(super) struct SigningCertificateV2 {
    pub(super) certs: Vec<EssCertIdV2>,
    #[asn1(optional = "true")]
    policies: Option<Any>,
}

#[derive(Sequence)]
pub(super) struct EssCertIdV2 {
    #[asn1(optional = "true")]
    pub(super) hash_algorithm: Option<AlgorithmIdentifierOwned>,
    pub(super) cert_hash: OctetString,
    #[asn1(optional = "true")]
    issuer_serial: Option<Any>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_with_and_without_fractions() {
        let at = |text: &str| general_time(&Any::new(Tag::GeneralizedTime, text.as_bytes()).unwrap());
        assert_eq!(at("20260304100000Z").unwrap().to_string(), "2026-03-04T10:00:00.000Z");
        assert_eq!(at("20260304100000.5Z").unwrap().to_string(), "2026-03-04T10:00:00.500Z");
        assert_eq!(at("20260304100000.123456Z").unwrap().to_string(), "2026-03-04T10:00:00.123Z");
        for bad in [
            "",
            "Z",
            "20260304100000",
            "20260304100000+0100",
            "20260304100000.Z",
            "20261304100000Z",
            "2026030410000éZ",
        ] {
            assert!(at(bad).is_err(), "{bad}");
        }
        assert!(general_time(&Any::new(Tag::UtcTime, b"20260304100000Z".as_slice()).unwrap()).is_err());
    }

    #[test]
    fn accuracy_is_rounded_up() {
        let accuracy = Accuracy { seconds: Some(1), millis: Some(500), micros: Some(1) };
        assert_eq!(accuracy.as_ms(), 1501);
    }
}
