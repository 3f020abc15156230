//! Timestamps by an outside authority: RFC 3161, with RFC 5816's newer certificate digests.
//!
//! A checkpoint's bytes are hashed with SHA-256 and sent in a [`request`]; what comes back is checked by
//! [`verify`] against that request and against the certificates that the reader trusts. Sending is not done
//! here. Request and response are stored as they were sent (`.tsq`, `.tsr`), so that `openssl ts -verify` reads
//! the same files.
//!
//! | part | does |
//! | --- | --- |
//! | [`self`] | request, response, what the authority states |
//! | `authority` | the authority's signature (CMS, RFC 5652) and its certificate's chain |
//! | `asn1` | the structures on the wire |
//!
//! DER is read by the crates `der` and `cms`; chains and signatures are checked by `rustls-webpki`. The crate
//! `x509-tsp` is not used: it refuses fractions of a second, which authorities send, and brings CMP and CRMF.
//! Whether a certificate was revoked is not checked: that needs the network, and its answer changes.

mod asn1;
mod authority;

use asn1::{MessageImprint, ResponseDer, TimeStampReq, TstInfo};
use cms::content_info::ContentInfo;
use cms::signed_data::SignedData;
use der::asn1::{Any, Int, OctetString};
use der::{Decode as _, Encode as _};
use exhibit_evidence::digest::Digest;
use exhibit_evidence::time::Timestamp;

/// Larger responses are refused; real ones have 2 to 12 KB.
const MAX_RESPONSE_BYTES: usize = 1 << 20;

/// Why a timestamp cannot be asked for, read or trusted.
#[derive(Debug, thiserror::Error)]
pub enum TimestampError {
    /// The bytes are not what they should be.
    #[error("the timestamp's {what} cannot be read: {reason}")]
    Form {
        /// Which part.
        what: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The authority refused.
    #[error("the timestamp authority refused with status {status} ({word}){detail}")]
    Refused {
        /// The status of RFC 3161 section 2.4.2.
        status: u32,
        /// Its name.
        word: &'static str,
        /// What the authority says of it; empty, or begins with a colon.
        detail: String,
    },
    /// It is a timestamp of something else.
    #[error("the timestamp is of {stamped}, and this content has the SHA-256 {expected}: either was changed")]
    OtherContent {
        /// The digest that was stamped, in hex.
        stamped: String,
        /// The digest of the content.
        expected: Digest,
    },
    /// It answers another request.
    #[error("the timestamp answers another request: its nonce is not the one that was sent")]
    OtherRequest,
    /// The authority's signature, or its certificate, does not hold.
    #[error("the timestamp is not to be trusted: {0}")]
    Untrusted(String),
}

fn form(what: &'static str) -> impl Fn(der::Error) -> TimestampError {
    move |error| TimestampError::Form { what, reason: error.to_string() }
}

/// What an authority states.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// When it saw the digest.
    pub time: Timestamp,
    /// How far `time` may be off, where the authority says so, rounded up.
    pub accuracy_ms: Option<u64>,
    /// The authority's policy, an object identifier.
    pub policy: String,
    /// The timestamp's serial number, in hex.
    pub serial: String,
    /// Subject of the certificate that signed; none where nothing was verified.
    pub authority: Option<String>,
}

/// A request for a timestamp of `content`, in DER: its SHA-256, the nonce, and the wish for the authority's
/// certificate. Send it as `application/timestamp-query`.
///
/// # Errors
/// [`TimestampError::Form`], which a digest and a number do not give.
pub fn request(content: &[u8], nonce: u64) -> Result<Vec<u8>, TimestampError> {
    let error = form("request");
    let request = TimeStampReq {
        version: 1,
        message_imprint: MessageImprint::sha256(&Digest::of(content)).map_err(&error)?,
        req_policy: None,
        nonce: Some(nonce_der(nonce).map_err(&error)?),
        cert_req: true,
        extensions: None,
    };
    request.to_der().map_err(error)
}

/// What a response states of `content`, its signature unchecked: for showing at once what was received.
/// `nonce` is the request's; without it an answer to another request for the same content passes.
///
/// # Errors
/// [`TimestampError`], but never [`TimestampError::Untrusted`].
pub fn read(response: &[u8], content: &[u8], nonce: Option<u64>) -> Result<Stamp, TimestampError> {
    Token::open(response)?.check(content, nonce)
}

/// What a response states of `content`, where the authority's signature holds and its certificate leads, at the
/// time that it states, to one of `roots`, a PEM file of certificates.
///
/// # Errors
/// [`TimestampError`].
pub fn verify(
    response: &[u8],
    content: &[u8],
    nonce: Option<u64>,
    roots: &[u8],
) -> Result<Stamp, TimestampError> {
    let token = Token::open(response)?;
    let stamp = token.check(content, nonce)?;
    let authority = authority::verify(&token.signed, &token.content, stamp.time, roots)?;
    Ok(Stamp { authority: Some(authority), ..stamp })
}

/// Whether a PEM file can be used as `roots` of [`verify`], so that one that cannot is said before it is needed.
///
/// # Errors
/// [`TimestampError::Untrusted`] where it holds none, or what cannot be read.
pub fn check_roots(roots: &[u8]) -> Result<(), TimestampError> {
    authority::check_roots(roots)
}

/// A time-stamp token: signed data around a `TSTInfo`.
struct Token {
    signed: SignedData,
    /// The bytes of the `TSTInfo`, as they were signed.
    content: Vec<u8>,
    info: TstInfo,
}

impl Token {
    fn open(response: &[u8]) -> Result<Self, TimestampError> {
        if response.len() > MAX_RESPONSE_BYTES {
            let reason = format!("it has {} bytes, which is beyond any real one", response.len());
            return Err(TimestampError::Form { what: "response", reason });
        }
        let response = ResponseDer::from_der(response).map_err(form("response"))?;
        let status = response.status.status;
        // 0 granted, 1 granted with modifications; all else is a refusal.
        if status > 1 {
            let texts = response.status.status_string.unwrap_or_default();
            let detail: String = texts.iter().map(|text| format!(": {}", text.as_str())).collect();
            let detail = detail.chars().filter(|c| !c.is_control()).take(200).collect();
            return Err(TimestampError::Refused { status, word: asn1::status_word(status), detail });
        }
        let missing = |what| TimestampError::Form { what, reason: "there is none".to_owned() };
        let token: ContentInfo = response.token.ok_or_else(|| missing("token"))?;
        expect_type("token", token.content_type, asn1::SIGNED_DATA)?;
        let signed: SignedData = token.content.decode_as().map_err(form("token"))?;
        expect_type("token's content", signed.encap_content_info.econtent_type, asn1::TST_INFO)?;
        let content = signed.encap_content_info.econtent.as_ref().map(Any::decode_as::<OctetString>);
        let content =
            content.ok_or_else(|| missing("token's content"))?.map_err(form("token's content"))?.into_bytes();
        let info = TstInfo::from_der(&content).map_err(form("token's content"))?;
        Ok(Self { signed, content, info })
    }

    /// Checks that the token is of `content` and answers the request with `nonce`.
    fn check(&self, content: &[u8], nonce: Option<u64>) -> Result<Stamp, TimestampError> {
        let info = &self.info;
        if info.version != 1 {
            let reason = format!("it has version {}, and only 1 is known", info.version);
            return Err(TimestampError::Form { what: "token's content", reason });
        }
        if info.extensions.iter().flatten().any(|extension| extension.critical) {
            let reason = "it has a critical extension that is not known here".to_owned();
            return Err(TimestampError::Form { what: "token's content", reason });
        }
        let expected = Digest::of(content);
        let imprint = &info.message_imprint;
        if imprint.hash_algorithm.oid != asn1::SHA_256
            || imprint.hashed_message.as_bytes() != expected.as_bytes()
        {
            let stamped = hex::encode(imprint.hashed_message.as_bytes());
            return Err(TimestampError::OtherContent { stamped, expected });
        }
        if let Some(sent) = nonce {
            let sent = nonce_der(sent).map_err(form("nonce"))?;
            if info.nonce.as_ref() != Some(&sent) {
                return Err(TimestampError::OtherRequest);
            }
        }
        Ok(Stamp {
            time: asn1::general_time(&info.gen_time)?,
            accuracy_ms: info.accuracy.as_ref().map(asn1::Accuracy::as_ms),
            policy: info.policy.to_string(),
            serial: hex::encode(info.serial_number.as_bytes()),
            authority: None,
        })
    }
}

fn expect_type(
    what: &'static str,
    found: der::asn1::ObjectIdentifier,
    expected: der::asn1::ObjectIdentifier,
) -> Result<(), TimestampError> {
    if found == expected {
        return Ok(());
    }
    Err(TimestampError::Form { what, reason: format!("it is of type {found}, and should be of {expected}") })
}

/// A number as a non-negative DER integer.
fn nonce_der(nonce: u64) -> der::Result<Int> {
    let bytes = [[0].as_slice(), &nonce.to_be_bytes()].concat();
    // The shortest form that is not negative.
    let sign = bytes.windows(2).take_while(|pair| pair[0] == 0 && pair[1] < 0x80).count();
    Int::new(&bytes[sign..])
}
