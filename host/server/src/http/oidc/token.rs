//! ID tokens: JSON Web Signature in compact form (RFC 7515, section 3.1), keys as JSON Web Keys (RFC 7517), and the
//! checks of OpenID Connect Core 1.0, section 3.1.3.7.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents, UnparsedPublicKey,
};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// Seconds that the provider's clock and ours may be apart.
const SKEW_S: u64 = 60;

/// A provider's keys.
#[derive(Deserialize)]
pub(super) struct Keys {
    keys: Vec<Key>,
}

#[derive(Deserialize)]
struct Key {
    kty: String,
    #[serde(default)]
    kid: Option<String>,
    #[serde(default, rename = "use")]
    usage: Option<String>,
    #[serde(default)]
    crv: Option<String>,
    #[serde(default)]
    n: Option<String>,
    #[serde(default)]
    e: Option<String>,
    #[serde(default)]
    x: Option<String>,
    #[serde(default)]
    y: Option<String>,
}

#[derive(Deserialize)]
struct Head {
    alg: String,
    #[serde(default)]
    kid: Option<String>,
    /// What must be understood (RFC 7515, section 4.1.11): nothing of that kind is.
    #[serde(default)]
    crit: Option<serde_json::Value>,
}

impl Keys {
    /// Whether the key that a token names is among these.
    pub(super) fn has_key_of(&self, token: &str) -> bool {
        let head: Option<Head> = token.split('.').next().and_then(|part| part_of(part).ok());
        head.is_some_and(|head| self.fitting(&head).next().is_some())
    }

    fn fitting<'k>(&'k self, head: &'k Head) -> impl Iterator<Item = &'k Key> {
        self.keys.iter().filter(|key| {
            key.usage.as_deref().is_none_or(|usage| usage == "sig")
                && (head.kid.is_none() || key.kid == head.kid)
                && key.is_for(&head.alg)
        })
    }
}

impl Key {
    fn is_for(&self, alg: &str) -> bool {
        match alg {
            "RS256" => self.kty == "RSA",
            "ES256" => self.kty == "EC" && self.crv.as_deref() == Some("P-256"),
            "EdDSA" => self.kty == "OKP" && self.crv.as_deref() == Some("Ed25519"),
            // `none`, and those with a secret for a key, are no signatures of a provider's.
            _ => false,
        }
    }

    fn verifies(&self, alg: &str, message: &[u8], signature: &[u8]) -> bool {
        let part = |text: &Option<String>| text.as_deref().and_then(|text| bytes_of(text).ok());
        let verified = match alg {
            "RS256" => part(&self.n).zip(part(&self.e)).map(|(n, e)| {
                let key = RsaPublicKeyComponents { n, e };
                key.verify(&RSA_PKCS1_2048_8192_SHA256, message, signature)
            }),
            "ES256" => part(&self.x).zip(part(&self.y)).map(|(x, y)| {
                let point = [&[4], x.as_slice(), &y].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message, signature)
            }),
            "EdDSA" => part(&self.x).map(|x| UnparsedPublicKey::new(&ED25519, x).verify(message, signature)),
            _ => None,
        };
        matches!(verified, Some(Ok(())))
    }
}

fn bytes_of(part: &str) -> Result<Vec<u8>, String> {
    BASE64_URL_SAFE_NO_PAD.decode(part).map_err(|error| format!("the ID token is malformed: {error}"))
}

fn part_of<T: DeserializeOwned>(part: &str) -> Result<T, String> {
    serde_json::from_slice(&bytes_of(part)?).map_err(|error| format!("the ID token is malformed: {error}"))
}

/// The claims of a token that one of the keys has signed.
///
/// # Errors
/// Why it is not believed.
pub(super) fn verify(token: &str, keys: &Keys) -> Result<Claims, String> {
    let (signed, signature) = token.rsplit_once('.').ok_or("the ID token is malformed")?;
    let (head, claims) = signed.split_once('.').ok_or("the ID token is malformed")?;
    let signature = bytes_of(signature)?;
    let head: Head = part_of(head)?;
    if head.crit.is_some() {
        return Err("the ID token asks for what is not understood here".to_owned());
    }
    if keys.fitting(&head).any(|key| key.verifies(&head.alg, signed.as_bytes(), &signature)) {
        part_of(claims)
    } else {
        Err("the ID token is not signed by the identity provider".to_owned())
    }
}

/// For whom a token is.
#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

/// What an ID token says.
#[derive(Deserialize)]
pub(crate) struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    exp: u64,
    iat: u64,
    #[serde(default)]
    azp: Option<String>,
    #[serde(default)]
    nonce: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    email_verified: Option<serde_json::Value>,
}

impl Claims {
    pub(super) fn check(&self, issuer: &str, client: &str, nonce: &str, now_s: u64) -> Result<(), String> {
        if self.iss.trim_end_matches('/') != issuer.trim_end_matches('/') {
            return Err("the ID token is another provider's".to_owned());
        }
        let (is_ours, is_shared) = match &self.aud {
            Audience::One(one) => (one == client, false),
            Audience::Several(all) => (all.iter().any(|one| one == client), all.len() > 1),
        };
        let azp = self.azp.as_deref();
        if !is_ours || (is_shared && azp.is_none()) || azp.is_some_and(|azp| azp != client) {
            return Err("the ID token is for another service".to_owned());
        }
        if self.exp.saturating_add(SKEW_S) <= now_s || self.iat > now_s.saturating_add(SKEW_S) {
            return Err("the ID token is not of this time: compare the clocks".to_owned());
        }
        if self.nonce.as_deref() != Some(nonce) {
            return Err("the ID token is of another sign-in".to_owned());
        }
        Ok(())
    }

    /// Whom it names, by a claim.
    pub(super) fn person(&self, claim: &str) -> Result<String, String> {
        let name = match claim {
            "sub" => Some(&self.sub),
            _ => self.email.as_ref(),
        };
        let is_plain = |name: &&String| {
            !name.is_empty() && name.len() <= 200 && name.chars().all(|c| c.is_ascii_graphic())
        };
        let name = name.filter(is_plain).ok_or_else(|| format!("the ID token has no usable `{claim}`"))?;
        // Some providers write it as a text.
        let verified = |value: &serde_json::Value| *value == true || *value == "true";
        if claim == "email" && !self.email_verified.as_ref().is_some_and(verified) {
            return Err("the identity provider has not verified your address".to_owned());
        }
        Ok(name.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7515, appendix A.3: ES256, with its key and its signature.
    const KEY: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;
    const HEAD: &str = "eyJhbGciOiJFUzI1NiJ9";
    const PAYLOAD: &str =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    const SIGNATURE: &str =
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    /// RFC 7515, appendix A.2: RS256, over the same payload.
    const RSA_HEAD: &str = "eyJhbGciOiJSUzI1NiJ9";
    const RSA_MODULUS: &str = "ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt\
         0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSX\
         ndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5\
         IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ";
    const RSA_SIGNATURE: &str = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W\
         2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkS\
         jtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnv\
         Wh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw";
    /// RFC 8037, appendix A.4: EdDSA.
    const ED_KEY: &str =
        r#"{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
    const ED_TOKEN: &str = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

    fn keys(text: &str) -> Keys {
        serde_json::from_str(text).unwrap()
    }

    fn is_signed(token: &str, keys: &Keys) -> bool {
        // The payloads of the RFCs are no ID tokens: what is told apart is whether the signature holds.
        match verify(token, keys) {
            Ok(_) => true,
            Err(error) => !error.contains("not signed"),
        }
    }

    #[test]
    fn signatures_of_the_rfcs_hold_and_others_do_not() {
        let good = format!("{HEAD}.{PAYLOAD}.{SIGNATURE}");
        assert!(is_signed(&good, &keys(KEY)));
        assert!(is_signed(ED_TOKEN, &keys(ED_KEY)));
        let rsa = format!(r#"{{"keys":[{{"kty":"RSA","n":"{RSA_MODULUS}","e":"AQAB"}}]}}"#);
        assert!(is_signed(&format!("{RSA_HEAD}.{PAYLOAD}.{RSA_SIGNATURE}"), &keys(&rsa)));
        assert!(!is_signed(
            &format!("{RSA_HEAD}.{PAYLOAD}.{}", RSA_SIGNATURE.replacen("cC4", "cC5", 1)),
            &keys(&rsa)
        ));
        assert!(
            !is_signed(&format!("{HEAD}.{PAYLOAD}.{RSA_SIGNATURE}"), &keys(&rsa)),
            "the key is of another kind"
        );
        assert!(!is_signed(&good, &keys(ED_KEY)));
        let altered = good.replacen("DtEh", "DtEi", 1);
        assert!(!is_signed(&altered, &keys(KEY)));
        let other_payload = PAYLOAD.replacen("eyJpc3MiOiJqb2Ui", "eyJpc3MiOiJqb2Uj", 1);
        assert!(!is_signed(&format!("{HEAD}.{other_payload}.{SIGNATURE}"), &keys(KEY)));
        // {"alg":"none"} and {"alg":"HS256"}: RFC 8725, section 2.1.
        for head in ["eyJhbGciOiJub25lIn0", "eyJhbGciOiJIUzI1NiJ9"] {
            assert!(!is_signed(&format!("{head}.{PAYLOAD}."), &keys(KEY)));
            assert!(!is_signed(&format!("{head}.{PAYLOAD}.{SIGNATURE}"), &keys(KEY)));
        }
        assert!(!is_signed(&good, &keys(&KEY.replace("\"crv\"", "\"use\":\"enc\",\"crv\""))));
        assert!(verify("a.b", &keys(KEY)).is_err() && verify("", &keys(KEY)).is_err());
    }

    #[test]
    fn claims_are_for_us_now_and_of_this_sign_in() {
        let claims = |change: &str, to: &str| -> Claims {
            let good = r#"{"iss":"https://id.example","sub":"7","aud":"exhibit","exp":1000,"iat":900,"nonce":"n","email":"ada@example.com","email_verified":true}"#;
            assert!(good.contains(change));
            serde_json::from_str(&good.replace(change, to)).unwrap()
        };
        let check = |claims: &Claims| claims.check("https://id.example", "exhibit", "n", 950);
        let good = claims("", "");
        check(&good).unwrap();
        assert_eq!(good.person("email").unwrap(), "ada@example.com");
        assert_eq!(good.person("sub").unwrap(), "7");
        assert!(check(&claims("\"exhibit\"", r#"["exhibit"]"#)).is_ok());
        assert!(check(&claims("\"exhibit\"", r#"["exhibit","b"],"azp":"exhibit""#)).is_ok());
        for (change, to) in [
            ("https://id.example", "https://id.example.org"),
            ("\"exhibit\"", "\"other\""),
            ("\"exhibit\"", r#"["exhibit","b"]"#),
            ("\"exhibit\"", r#"["exhibit","b"],"azp":"b""#),
            ("1000", "880"),
            ("900", "1100"),
            ("\"nonce\":\"n\"", "\"nonce\":\"m\""),
            ("\"nonce\":\"n\",", ""),
        ] {
            assert!(check(&claims(change, to)).is_err(), "{to}");
        }
        assert!(claims("true", "false").person("email").is_err());
        assert!(claims(",\"email_verified\":true", "").person("email").is_err());
        assert!(claims("true", "\"true\"").person("email").is_ok());
        assert!(claims("ada@example.com", "ada @example.com").person("email").is_err());
    }
}
