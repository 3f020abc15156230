//! Signing in through an identity provider: a made-up one on loopback that answers as OpenID Connect has it, and then
//! with one thing changed at a time.

use super::client::{Answer, Ask};
use super::world::{OWN, World};
use axum::Router;
use axum::extract::State;
use axum::routing::{get, post};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD as BASE64;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::secret::Secret;
use exhibit_server::http::tokens::Role;
use exhibit_server::http::{Oidc, Options};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use url::Url;

/// 2026-02-10T09:00:00Z, the time that it is: `date -u -d 2026-02-10T09:00:00Z +%s`.
const NOW_S: u64 = 1_770_714_000;

/// The provider: its key, what it was asked, and what it says of the next person.
struct Fake {
    issuer: String,
    key: EcdsaKeyPair,
    claims: Mutex<Value>,
    asked: Mutex<Vec<HashMap<String, String>>>,
    secrets: Mutex<Vec<String>>,
}

impl Fake {
    async fn start() -> Arc<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let random = SystemRandom::new();
        let alg = &ECDSA_P256_SHA256_FIXED_SIGNING;
        let pkcs8 = EcdsaKeyPair::generate_pkcs8(alg, &random).unwrap();
        let key = EcdsaKeyPair::from_pkcs8(alg, pkcs8.as_ref(), &random).unwrap();
        let (claims, asked, secrets) = (Mutex::new(Value::Null), Mutex::default(), Mutex::default());
        let fake = Arc::new(Self { issuer, key, claims, asked, secrets });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(describe))
            .route("/jwks", get(jwks))
            .route("/token", post(token))
            .with_state(Arc::clone(&fake));
        tokio::spawn(async move { axum::serve(listener, router).await });
        fake
    }

    /// The next person, with some claims otherwise; `null`: left out.
    fn says(&self, nonce: &str, change: &Value) {
        let mut claims = json!({
            "iss": self.issuer, "sub": "7", "aud": "exhibit", "exp": NOW_S + 300, "iat": NOW_S - 5,
            "nonce": nonce, "email": "Ada@example.com", "email_verified": true,
        });
        for (name, value) in change.as_object().unwrap() {
            claims[name] = value.clone();
        }
        claims.as_object_mut().unwrap().retain(|_, value| !value.is_null());
        *self.claims.lock().unwrap() = claims;
    }
}

async fn describe(State(fake): State<Arc<Fake>>) -> axum::Json<Value> {
    let at = |path: &str| format!("{}{path}", fake.issuer);
    axum::Json(json!({
        "issuer": fake.issuer, "authorization_endpoint": at("/authorize"), "token_endpoint": at("/token"),
        "jwks_uri": at("/jwks"), "response_types_supported": ["code"], "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    }))
}

async fn jwks(State(fake): State<Arc<Fake>>) -> axum::Json<Value> {
    // SEC 1, section 2.3.3: 4, then both coordinates.
    let point = fake.key.public_key().as_ref();
    let (x, y) = (BASE64.encode(&point[1..33]), BASE64.encode(&point[33..]));
    axum::Json(
        json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "k1", "use": "sig", "x": x, "y": y }] }),
    )
}

async fn token(
    State(fake): State<Arc<Fake>>,
    headers: http::HeaderMap,
    axum::Form(form): axum::Form<HashMap<String, String>>,
) -> axum::Json<Value> {
    let secret = headers.get("authorization").map(|value| value.to_str().unwrap().to_owned());
    fake.secrets.lock().unwrap().push(secret.unwrap_or_default());
    fake.asked.lock().unwrap().push(form);
    let claims = fake.claims.lock().unwrap().clone();
    let head = BASE64.encode(r#"{"alg":"ES256","kid":"k1"}"#);
    let signed = format!("{head}.{}", BASE64.encode(claims.to_string()));
    let signature = fake.key.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
    let id_token = format!("{signed}.{}", BASE64.encode(signature.as_ref()));
    axum::Json(json!({ "access_token": "unused", "token_type": "Bearer", "id_token": id_token }))
}

async fn world(fake: &Fake) -> World {
    let oidc = Oidc {
        issuer: Url::parse(&fake.issuer).unwrap(),
        client_id: "exhibit".into(),
        client_secret: Some(Secret::new("s&cret".into())),
        claim: "email".into(),
        people: vec![
            ("ada@example.com".into(), Role::Operator),
            ("cpa@example.org".into(), Role::Auditor { engagement: OWN.parse().unwrap() }),
        ],
        ca_pem: None,
    };
    World::with(|options| Options { oidc: Some(oidc), ..options }).await
}

/// A sign-in that was begun: the browser's cookie, and what the provider was told.
struct Begun {
    cookie: String,
    told: HashMap<String, String>,
}

async fn begin(world: &World) -> Begun {
    let sent = Ask::get("/login/oidc?next=%2Fruns").send(world.at).await.is(303);
    let at = Url::parse(sent.header("location")).unwrap();
    assert_eq!(at.path(), "/authorize");
    let cookie = sent.header("set-cookie").split(';').next().unwrap().to_owned();
    Begun { cookie, told: at.query_pairs().into_owned().collect() }
}

async fn back(world: &World, begun: &Begun, more: &str) -> Answer {
    let path = format!("/login/callback?state={}&code=c0de{more}", begun.told["state"]);
    Ask::get(path).header("cookie", begun.cookie.clone()).send(world.at).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_whom_the_settings_name_signs_in() {
    let fake = Fake::start().await;
    let world = world(&fake).await;
    assert!(Ask::get("/login").send(world.at).await.text().contains("/login/oidc?next="));
    let begun = begin(&world).await;
    let told = &begun.told;
    assert_eq!((told["response_type"].as_str(), told["client_id"].as_str()), ("code", "exhibit"));
    assert_eq!(told["redirect_uri"], format!("http://{}/login/callback", world.at));
    assert!(told["scope"].split(' ').any(|scope| scope == "openid"));
    fake.says(&told["nonce"], &json!({}));
    let opened = back(&world, &begun, "").await.is(303);
    assert_eq!(opened.header("location"), "/runs");
    let exchanged = fake.asked.lock().unwrap()[0].clone();
    assert_eq!(
        (exchanged["grant_type"].as_str(), exchanged["code"].as_str()),
        ("authorization_code", "c0de")
    );
    assert_eq!(exchanged["redirect_uri"], told["redirect_uri"]);
    // RFC 7636, section 4.2: the challenge is the verifier's digest.
    let challenge = BASE64.encode(Digest::of(&exchanged["code_verifier"]).as_bytes());
    assert_eq!(
        (told["code_challenge"].as_str(), told["code_challenge_method"].as_str()),
        (challenge.as_str(), "S256")
    );
    // RFC 6749, section 2.3.1: form-encoded, then basic. `printf 'exhibit:s%%26cret' | base64`
    assert_eq!(fake.secrets.lock().unwrap()[0], "Basic ZXhoaWJpdDpzJTI2Y3JldA==");
    let mut cookies = opened.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
    let session = cookies.find(|cookie| cookie.starts_with("exhibit=")).unwrap();
    let session = session.split(';').next().unwrap().to_owned();
    let me = Ask::get("/api/v1/me").header("cookie", session).send(world.at).await.is(200).json();
    assert_eq!(
        (me["who"].as_str(), me["role"].as_str()),
        (Some("operator:Ada@example.com"), Some("operator"))
    );
    // It ends once.
    back(&world, &begun, "").await.is(403);
    assert_eq!(fake.asked.lock().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_does() {
    let fake = Fake::start().await;
    let world = world(&fake).await;
    for change in [
        json!({ "email": "eve@example.com" }),
        json!({ "email_verified": false }),
        json!({ "email_verified": null }),
        json!({ "email": null }),
        json!({ "aud": "another" }),
        json!({ "aud": ["exhibit", "another"] }),
        json!({ "iss": "https://id.example" }),
        json!({ "nonce": "another" }),
        json!({ "nonce": null }),
        json!({ "exp": NOW_S - 120 }),
        json!({ "iat": NOW_S + 120 }),
    ] {
        let begun = begin(&world).await;
        fake.says(&begun.told["nonce"], &change);
        let answer = back(&world, &begun, "").await;
        assert_eq!(answer.status, 403, "{change}: {}", answer.text());
        assert!(answer.header("set-cookie").is_empty(), "{change}");
    }
    let asked = fake.asked.lock().unwrap().len();
    let begun = begin(&world).await;
    fake.says(&begun.told["nonce"], &json!({}));
    for more in ["&error=access_denied", "&iss=https%3A%2F%2Fid.example"] {
        let begun = begin(&world).await;
        back(&world, &begun, more).await.is(403);
    }
    // Another browser comes back with it: someone was sent a link to sign them in as someone else.
    let elsewhere = Begun { cookie: "exhibit-login=0".into(), told: begun.told.clone() };
    back(&world, &elsewhere, "").await.is(403);
    Ask::get("/login/callback?state=made-up&code=x")
        .header("cookie", begun.cookie)
        .send(world.at)
        .await
        .is(403);
    assert_eq!(fake.asked.lock().unwrap().len(), asked, "no code was exchanged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_away_is_told_of() {
    let fake = Fake::start().await;
    let oidc = Oidc {
        issuer: Url::parse("http://127.0.0.1:9").unwrap(),
        client_id: "exhibit".into(),
        client_secret: None,
        claim: "sub".into(),
        people: Vec::new(),
        ca_pem: None,
    };
    let world = World::with(|options| Options { oidc: Some(oidc), ..options }).await;
    let told = Ask::get("/login/oidc").send(world.at).await.is(502);
    assert!(told.json()["detail"].as_str().unwrap().contains("was not reached"), "{}", told.text());
    drop(fake);
}
