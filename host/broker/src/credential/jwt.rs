//! Signed JSON Web Tokens (RFC 7519 in the compact form of RFC 7515): RS256 and ES256 (RFC 7518).

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
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

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RS256",
            Self::P256(_) => "ES256",
        }
    }

    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, ring::error::Unspecified> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)?;
                Ok(signature)
            }
            Self::P256(pair) => Ok(pair.sign(&random, message)?.as_ref().to_vec()),
        }
    }
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    typ: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
}

/// The token over `claims`.
pub(super) fn encode<C: Serialize>(
    key: &SigningKey,
    kid: Option<&str>,
    claims: &C,
) -> Result<String, String> {
    let part = |json: Result<Vec<u8>, serde_json::Error>| {
        json.map(|json| URL_SAFE_NO_PAD.encode(json)).map_err(|e| e.to_string())
    };
    let header = Header { alg: key.algorithm(), typ: "JWT", kid };
    let message = format!("{}.{}", part(serde_json::to_vec(&header))?, part(serde_json::to_vec(claims))?);
    let signature = key.sign(message.as_bytes()).map_err(|_| "the key cannot sign".to_owned())?;
    Ok(format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature)))
}
