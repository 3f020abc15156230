//! Timestamps against replies of `openssl ts`, kept in `tests/timestamp/` (`tests/foreign/tsa.sh` makes such).
#![allow(clippy::unwrap_used, clippy::panic)]

use exhibit_ledger::timestamp::{TimestampError, read, request, verify};

const CONTENT: &[u8] = b"evidence.example.com/ledger\n300\nthe bytes of a checkpoint\n";
const NONCE: u64 = 0x8f3a_9c02_1122_3344;

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!("timestamp/", $name)).as_slice()
    };
}

/// Replies that hold, with the root that they lead to.
fn good() -> [(&'static str, &'static [u8], &'static [u8]); 5] {
    [
        ("RSA, SHA-256", file!("rsa.tsr"), file!("rsa-ca.pem")),
        ("RSA, SHA-512, certificate named by SHA-1", file!("rsa-sha512-ess1.tsr"), file!("rsa-ca.pem")),
        ("RSA, milliseconds", file!("rsa-millis.tsr"), file!("rsa-ca.pem")),
        ("P-256, SHA-256", file!("p256.tsr"), file!("p256-ca.pem")),
        ("P-384, SHA-384", file!("p384.tsr"), file!("p384-ca.pem")),
    ]
}

#[test]
fn the_request_is_the_one_that_openssl_answered() {
    assert_eq!(request(CONTENT, NONCE).unwrap(), file!("request.tsq"));
}

#[test]
fn small_and_large_nonces_are_shortest_integers() {
    // DER (X.690 section 8.3.2): INTEGER, length, no leading zero but before a high bit.
    for (nonce, der) in [
        (0u64, [0x02, 0x01, 0x00].as_slice()),
        (0x7f, &[0x02, 0x01, 0x7f]),
        (0x80, &[0x02, 0x02, 0x00, 0x80]),
        (0x100, &[0x02, 0x02, 0x01, 0x00]),
        (u64::MAX, &[0x02, 0x09, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
    ] {
        let bytes = request(CONTENT, nonce).unwrap();
        let end = &bytes[bytes.len() - der.len() - 3..];
        assert_eq!(end, [der, &[0x01, 0x01, 0xff]].concat(), "{nonce:x}"); // then BOOLEAN TRUE: certReq
    }
}

#[test]
fn openssl_s_replies_are_trusted() {
    for (name, reply, roots) in good() {
        let stamp = verify(reply, CONTENT, Some(NONCE), roots).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(stamp.authority.as_deref(), Some("CN=Example timestamp authority,O=Example"), "{name}");
        assert_eq!((stamp.accuracy_ms, stamp.policy.as_str()), (Some(1500), "1.3.6.1.4.1.32473.1"));
        assert_eq!(read(reply, CONTENT, None).unwrap().time, stamp.time);
    }
    // As `openssl ts -reply -in rsa.tsr -text` prints it.
    let stamp = verify(file!("rsa.tsr"), CONTENT, Some(NONCE), file!("rsa-ca.pem")).unwrap();
    assert_eq!(stamp.time.to_string(), "2026-11-22T00:10:13.000Z");
    assert_eq!(stamp.serial, "02");
}

#[test]
fn another_content_nonce_or_root_is_refused() {
    let (_, reply, roots) = good()[0];
    let altered = verify(reply, b"evidence.example.com/ledger\n301\n", Some(NONCE), roots);
    assert!(matches!(altered, Err(TimestampError::OtherContent { .. })));
    assert!(matches!(verify(reply, CONTENT, Some(1), roots), Err(TimestampError::OtherRequest)));
    verify(reply, CONTENT, None, roots).unwrap();
    for wrong in [file!("p256-ca.pem"), b"", b"-----BEGIN CERTIFICATE-----\n", file!("request.tsq")] {
        let error = verify(reply, CONTENT, Some(NONCE), wrong).unwrap_err();
        assert!(matches!(error, TimestampError::Untrusted(_)), "{error}");
    }
    // Any of several roots will do.
    let both = [file!("p256-ca.pem"), roots].concat();
    verify(reply, CONTENT, Some(NONCE), &both).unwrap();
}

#[test]
fn refusals_and_odd_certificates_are_refused() {
    let error = verify(file!("refused.tsr"), CONTENT, None, file!("rsa-ca.pem")).unwrap_err();
    let TimestampError::Refused { status: 2, .. } = &error else { panic!("{error}") };
    assert!(error.to_string().contains("rejection"), "{error}");
    for (reply, roots, why) in [
        (file!("no-certificate.tsr"), file!("rsa-ca.pem"), "certReq"),
        (file!("purpose.tsr"), file!("rsa-ca.pem"), "time stamping alone"),
        (file!("expired.tsr"), file!("rsa-ca.pem"), "leads to no trusted one"),
    ] {
        let error = verify(reply, CONTENT, None, roots).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
        read(reply, CONTENT, None).unwrap();
    }
}

/// Wherever a byte of a reply is altered, the reply either fails or states exactly the same: what is not signed
/// (a status text, a certificate that nothing needs) states nothing.
#[test]
fn no_altered_byte_states_anything_else() {
    let (_, reply, roots) = good()[3];
    let stamp = verify(reply, CONTENT, Some(NONCE), roots).unwrap();
    let mut passed = 0;
    for at in 0..reply.len() {
        let mut bad = reply.to_vec();
        bad[at] ^= 0x01;
        match verify(&bad, CONTENT, Some(NONCE), roots) {
            Ok(said) => {
                assert_eq!(said, stamp, "byte {at}");
                passed += 1;
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        assert!(verify(&reply[..at], CONTENT, Some(NONCE), roots).is_err(), "cut at {at}");
    }
    // The root certificate travels along, and is not the one that is trusted.
    assert!(passed * 2 < reply.len(), "{passed} of {}", reply.len());
}
