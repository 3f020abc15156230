//! Signed JSON Web Tokens (RFC 7519 in the compact form of RFC 7515): RS256, ES256 and PS256 (RFC 7518).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaKeyPair,
};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use serde::Serialize;

/// A private key that signs tokens.
pub(super) enum SigningKey {
    /// RSA of 2048 bits or more: RS256.
    Rsa(Box<RsaKeyPair>),
    /// P-256: ES256.
    P256(Box<EcdsaKeyPair>),
}

/// What a key file must be.
const NEEDED: &str = "it is not a private key in PEM that can sign: RSA of 2048 to 4096 bits, or P-256 in PKCS#8 (convert with: openssl pkcs8 -topk8 -nocrypt -in KEY)";

impl SigningKey {
    /// Reads PEM: PKCS#8, or PKCS#1 for RSA.
    pub(super) fn from_pem(pem: &str) -> Result<Self, &'static str> {
        let key = PrivateKeyDer::from_pem_slice(pem.as_bytes()).map_err(|_| NEEDED)?;
        match &key {
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der())
                .map(|pair| Self::Rsa(Box::new(pair)))
                .map_err(|_| NEEDED),
            PrivateKeyDer::Pkcs8(der) => {
                let der = der.secret_pkcs8_der();
                if let Ok(pair) = RsaKeyPair::from_pkcs8(der) {
                    return Ok(Self::Rsa(Box::new(pair)));
                }
                EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &SystemRandom::new())
                    .map(|pair| Self::P256(Box::new(pair)))
                    .map_err(|_| NEEDED)
            }
            _ => Err(NEEDED),
        }
    }

    fn sign(&self, algorithm: &str, message: &[u8]) -> Result<Vec<u8>, ring::error::Unspecified> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                match algorithm {
                    PS256 => pair.sign(&RSA_PSS_SHA256, &random, message, &mut signature)?,
                    _ => pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)?,
                }
                Ok(signature)
            }
            Self::P256(pair) => Ok(pair.sign(&random, message)?.as_ref().to_vec()),
        }
    }
}

const PS256: &str = "PS256";

/// What stands before the claims (RFC 7515 section 4.1).
#[derive(Serialize)]
pub(super) struct Header<'a> {
    alg: &'static str,
    typ: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
    #[serde(rename = "x5t#S256", skip_serializing_if = "Option::is_none")]
    x5t_s256: Option<&'a str>,
}

impl<'a> Header<'a> {
    /// Signed as the key usually does, RS256 or ES256, and the key named by its id, where it has one.
    pub(super) fn with_kid(key: &SigningKey, kid: Option<&'a str>) -> Self {
        let alg = match key {
            SigningKey::Rsa(_) => "RS256",
            SigningKey::P256(_) => "ES256",
        };
        Self { alg, typ: "JWT", kid, x5t_s256: None }
    }

    /// Signed PS256 with an RSA key, and the key named by the thumbprint of its certificate (section 4.1.8).
    pub(super) fn with_thumbprint(x5t_s256: &'a str) -> Self {
        Self { alg: PS256, typ: "JWT", kid: None, x5t_s256: Some(x5t_s256) }
    }
}

/// The thumbprint of a certificate, of its DER (RFC 7515 section 4.1.8).
pub(super) fn thumbprint(certificate: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(ring::digest::digest(&ring::digest::SHA256, certificate))
}

/// The token over `claims`.
pub(super) fn encode<C: Serialize>(
    key: &SigningKey,
    header: &Header<'_>,
    claims: &C,
) -> Result<String, String> {
    let part = |json: Result<Vec<u8>, serde_json::Error>| {
        json.map(|json| URL_SAFE_NO_PAD.encode(json)).map_err(|e| e.to_string())
    };
    let message = format!("{}.{}", part(serde_json::to_vec(header))?, part(serde_json::to_vec(claims))?);
    let signature = key.sign(header.alg, message.as_bytes()).map_err(|_| "the key cannot sign".to_owned())?;
    Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

    /// RFC 7515 appendix A.2: key, signing input and signature. RS256 gives the same signature each time.
    const A2_INPUT: &str = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    const A2_SIGNATURE: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    /// RFC 7515 appendix A.3: the public key's coordinates.
    const A3_X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
    const A3_Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";

    #[test]
    fn rs256_as_in_rfc_7515() {
        for pem in [
            include_str!("../../tests/vectors/rfc7515-a2-rs256.pem"),
            include_str!("../../tests/vectors/rfc7515-a2-rs256-pkcs1.pem"),
        ] {
            let key = SigningKey::from_pem(pem).unwrap();
            let signature = key.sign("RS256", A2_INPUT.as_bytes()).unwrap();
            assert_eq!(URL_SAFE_NO_PAD.encode(signature), A2_SIGNATURE);
        }
    }

    #[test]
    fn es256_verifies_with_the_key_of_rfc_7515() {
        let pem = include_str!("../../tests/vectors/rfc7515-a3-es256.pem");
        let key = SigningKey::from_pem(pem).unwrap();
        let token = encode(&key, &Header::with_kid(&key, None), &serde_json::json!({"iss": "x"})).unwrap();
        let (message, signature) = token.rsplit_once('.').unwrap();
        assert_eq!(message, "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiJ4In0");
        let mut point = vec![4];
        point.extend(URL_SAFE_NO_PAD.decode(A3_X).unwrap());
        point.extend(URL_SAFE_NO_PAD.decode(A3_Y).unwrap());
        let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
        assert_eq!(signature.len(), 64, "RFC 7518 section 3.4: R and S, not DER");
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
            .verify(message.as_bytes(), &signature)
            .unwrap();
    }

    #[test]
    fn refuses_what_is_no_key() {
        let public = "-----BEGIN PUBLIC KEY-----\nMFkw\n-----END PUBLIC KEY-----\n";
        for bad in ["", "hunter2", public, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"] {
            let error = SigningKey::from_pem(bad).err().unwrap();
            assert!(error.contains("openssl pkcs8") && !error.contains("hunter2"));
        }
    }
}
