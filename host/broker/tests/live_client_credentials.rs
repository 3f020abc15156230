//! OAuth 2.0 client credentials on the wire: a secret, a certificate, renewal, refusals, and what is recorded of it.

#![allow(clippy::unwrap_used, reason = "tests")]

mod server;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use exhibit_broker::broker::Broker;
use exhibit_broker::credential::{Credential, CredentialConfig};
use exhibit_broker::grant::{AskedToken, Grants};
use exhibit_broker::live::{LiveOptions, LiveTransport};
use exhibit_broker::manifest::ComponentManifest;
use exhibit_broker::record::{ExchangeSink, SinkError};
use exhibit_broker::redact::Redactions;
use exhibit_broker::secret::Vault;
use exhibit_broker::transport::Transport;
use exhibit_evidence::exchange::{Exchange, Walk};
use exhibit_evidence::fetch::{AuthRef, FetchRequest};
use exhibit_evidence::run::Limits;
use serde_json::{Value, json};
use server::{Seen, Server, SetClock, get, options, reply, with_auth};
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

const KEY: &str = include_str!("vectors/rfc7515-a2-rs256.pem");
/// openssl req -x509 -new -key rfc7515-a2-rs256.pem -sha256 -days 36500 -set_serial 1 -subj /CN=exhibit.example
const CERTIFICATE: &str = include_str!("vectors/rfc7515-a2-certificate.pem");
const P256: &str = include_str!("vectors/rfc7515-a3-es256.pem");
const SECRET: &str =
    "scheme = \"oauth_client_credentials\"\nclient_id = \"app-1\"\nclient_secret = \"env:SECRET\"";
const CERTIFIED: &str = "scheme = \"oauth_client_credentials\"\nclient_id = \"app-1\"\ncertificate = \"env:BOTH\"\nprivate_key = \"env:BOTH\"";

fn load(toml: &str, asked: &AskedToken) -> Result<Credential, String> {
    let other = rcgen::generate_simple_self_signed(vec!["other.example".to_owned()]).unwrap();
    let vault = Vault::new(move |name| match name {
        "SECRET" => Some("p+p ~1/value".to_owned()),
        "BOTH" => Some(format!("{CERTIFICATE}{KEY}")),
        "KEY" => Some(KEY.to_owned()),
        "P256" => Some(P256.to_owned()),
        "OTHER" => Some(other.cert.pem()),
        _ => None,
    });
    let config: CredentialConfig = toml::from_str(toml).map_err(|error| error.to_string())?;
    Credential::load("test", "main", &config.completed(asked), &vault).map_err(|error| error.to_string())
}

fn asked(server: &Server) -> AskedToken {
    let url = server.url("/t1/oauth2/v2.0/token").parse().unwrap();
    AskedToken { url: Some(url), scopes: vec!["https://graph.example/.default".to_owned()] }
}

fn options_for(server: &Server, toml: &str) -> (LiveOptions, Arc<SetClock>) {
    let ask =
        server::ask(&[&format!("GET {}", server.url("/**"))], &["oauth_client_credentials"], &["127.0.0.1"]);
    let mut options = options(ask);
    let clock = SetClock::at("2026-03-04T10:00:00Z");
    options.clock = Arc::clone(&clock) as Arc<_>;
    options.credentials.insert("main".into(), load(toml, &asked(server)).unwrap());
    (options, clock)
}

/// Issues `entra-N-secret` for an hour, takes the last one issued until the request of this number, and repeats what it
/// was sent, as a careless server does.
async fn entra(revoke_at: usize) -> Server {
    let issued = AtomicUsize::new(0);
    Server::start(move |seen, count| {
        if seen.method == "POST" {
            let n = issued.fetch_add(1, SeqCst) + 1;
            let body = json!({"token_type": "Bearer", "expires_in": 3599, "access_token": format!("entra-{n}-secret")});
            return reply(200, &[("content-type", "application/json")], body.to_string());
        }
        let fresh = format!("Bearer entra-{}-secret", issued.load(SeqCst));
        match seen.header("authorization") {
            Some(value) if value == fresh && count != revoke_at => {
                reply(200, &[("content-type", "application/json")], json!({"sent": value}).to_string())
            }
            _ => reply(401, &[], "{\"error\":{\"code\":\"InvalidAuthenticationToken\"}}"),
        }
    })
    .await
}

fn token_requests(server: &Server) -> Vec<Seen> {
    server.seen().into_iter().filter(|seen| seen.method == "POST").collect()
}

/// The form is that of Microsoft's first example in "OAuth 2.0 client credentials flow on the Microsoft identity platform".
#[tokio::test]
async fn a_secret_is_traded_for_a_token_that_lasts() {
    let server = entra(3).await;
    let (options, clock) = options_for(&server, SECRET);
    let transport = LiveTransport::new(options).unwrap();
    let send = async || transport.send(&with_auth(get(&server.url("/v1.0/users")), &[])).await.unwrap();
    assert_eq!((send().await.status, send().await.status), (200, 200));
    let tokens = token_requests(&server);
    assert_eq!((tokens.len(), tokens[0].target.as_str()), (1, "/t1/oauth2/v2.0/token"));
    let expected: BTreeMap<String, String> = [
        ("grant_type", "client_credentials"),
        ("scope", "https://graph.example/.default"),
        ("client_id", "app-1"),
        ("client_secret", "p+p ~1/value"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
    .into();
    assert_eq!(tokens[0].form(), expected);
    assert_eq!(tokens[0].header("authorization"), None);

    // The fourth request in all is refused: another token, once.
    let renewed = send().await;
    assert_eq!((renewed.status, renewed.attempts, token_requests(&server).len()), (200, 2, 2));
    clock.forward_s(3599 - 60);
    assert_eq!(
        (send().await.status, token_requests(&server).len()),
        (200, 3),
        "renewed before its last minute"
    );
    assert_eq!((send().await.status, token_requests(&server).len()), (200, 3), "once");
    let said = b"entra-1-secret, entra-3-secret, p+p ~1/value".to_vec();
    assert_eq!(transport.scrub(said), (b"***, ***, ***".to_vec(), true));
}

/// printf '%s' 'app-1:p%2Bp+%7E1%2Fvalue' | base64: RFC 6749 section 2.3.1 and appendix B.
#[tokio::test]
async fn a_secret_may_stand_in_the_header() {
    let server = entra(usize::MAX).await;
    let toml = format!("{SECRET}\nclient_auth = \"basic\"\nscopes = []");
    let transport = LiveTransport::new(options_for(&server, &toml).0).unwrap();
    transport.send(&with_auth(get(&server.url("/x")), &[])).await.unwrap();
    let sent = &token_requests(&server)[0];
    assert_eq!(sent.header("authorization"), Some("Basic YXBwLTE6cCUyQnArJTdFMSUyRnZhbHVl"));
    assert_eq!(
        sent.body, b"grant_type=client_credentials",
        "no scope where the source says so, and no secret"
    );
    assert!(transport.scrub(b"YXBwLTE6cCUyQnArJTdFMSUyRnZhbHVl".to_vec()).1);
}

fn openssl(arguments: &[&str]) -> String {
    let output = Command::new("openssl").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Header and claims as Microsoft's page "certificate credentials" has them; openssl verifies signature and thumbprint.
#[tokio::test]
async fn a_certificate_signs_what_entra_id_wants() {
    let server = entra(usize::MAX).await;
    let transport = LiveTransport::new(options_for(&server, CERTIFIED).0).unwrap();
    transport.send(&with_auth(get(&server.url("/x")), &[])).await.unwrap();
    let form = token_requests(&server)[0].form();
    assert_eq!(form["client_id"], "app-1");
    assert_eq!(form["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    assert!(!form.contains_key("client_secret"));
    let assertion = &form["client_assertion"];
    let (message, signature) = assertion.rsplit_once('.').unwrap();
    let (header, claims) = message.split_once('.').unwrap();
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let read = |text: &str| serde_json::from_slice::<Value>(&bytes(text)).unwrap();

    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, bytes: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let certificate = file("certificate.pem", CERTIFICATE.as_bytes());
    let key = file("key.pem", openssl(&["x509", "-in", &certificate, "-pubkey", "-noout"]).as_bytes());
    let (signature, message) = (file("signature", &bytes(signature)), file("message", message.as_bytes()));
    let pss = ["-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:32"];
    let verify = ["dgst", "-sha256", "-verify", &key, "-signature", &signature];
    assert_eq!(openssl(&[&verify[..], &pss[..], &[&message]].concat()), "Verified OK\n");

    let shown = openssl(&["x509", "-in", &certificate, "-noout", "-fingerprint", "-sha256"]);
    let digits = shown.trim().rsplit_once('=').unwrap().1.replace(':', "");
    let thumbprint = URL_SAFE_NO_PAD.encode(hex::decode(digits).unwrap());
    assert_eq!(read(header), json!({"alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint}));
    let mut claims = read(claims);
    let id = claims.as_object_mut().unwrap().remove("jti").unwrap();
    assert_eq!(id.as_str().unwrap().split('-').map(str::len).collect::<Vec<_>>(), [8, 4, 4, 4, 12]);
    let from = 1_772_618_400;
    let expected = json!({
        "aud": server.url("/t1/oauth2/v2.0/token"), "iss": "app-1", "sub": "app-1",
        "iat": from, "nbf": from, "exp": from + 300,
    });
    assert_eq!(claims, expected);
    assert!(
        transport.scrub(assertion.clone().into_bytes()).1,
        "an assertion is as good as a secret while it lasts"
    );
}

/// The first is Entra ID's answer to a wrong secret, its ids made up.
#[tokio::test]
async fn an_endpoint_that_refuses() {
    let wrong = json!({
        "error": "invalid_client",
        "error_description": "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app 'app-1'. Trace ID: 0 Correlation ID: 0 Timestamp: 2026-03-04 10:00:00Z",
        "error_codes": [7_000_215],
    });
    for (status, body, part, retryable) in [
        (401, wrong.to_string(), "invalid_client: AADSTS7000215: Invalid client secret provided.", false),
        (401, wrong.to_string(), "the secret's value and not its id", false),
        (400, "{\"error\":\"invalid_scope\"}".to_owned(), "invalid_scope", false),
        (503, "{\"error\":\"temporarily_unavailable\"}".to_owned(), "temporarily_unavailable", true),
        (404, "<html>".to_owned(), "status 404", false),
        (200, "{\"access_token\":\"leak-me-not\"".to_owned(), "is not a token", false),
        (200, "{\"token_type\":\"pop\",\"access_token\":\"leak-me-not\"}".to_owned(), "only Bearer", false),
        (
            200,
            "{\"token_type\":\"Bearer\",\"access_token\":\"leak me\"}".to_owned(),
            "one word of ASCII",
            false,
        ),
    ] {
        let server = Server::start(move |_, _| reply(status, &[], body.clone())).await;
        let transport = LiveTransport::new(options_for(&server, SECRET).0).unwrap();
        let failure = transport.send(&with_auth(get(&server.url("/x")), &[])).await.unwrap_err();
        let message = &failure.error.message;
        assert_eq!((failure.error.code.as_str(), failure.attempts), ("credential", 0), "{message}");
        assert!(message.contains(part) && !message.contains("leak"), "{part} in {message}");
        assert_eq!(failure.error.retryable, retryable, "{part}");
        assert!(server.seen().iter().all(|seen| seen.method == "POST"), "nothing leaves without a token");
    }
}

#[test]
fn configurations_that_cannot_work() {
    let asked = AskedToken {
        url: Some("https://login.example.com/token".parse().unwrap()),
        scopes: vec!["a".to_owned()],
    };
    assert!(load(SECRET, &asked).is_ok());
    for (toml, part) in [
        (SECRET.replace("env:SECRET", "env:NONE"), "environment variable NONE is not set"),
        (SECRET.replace("env:SECRET", "p+p ~1/value"), "by reference"),
        (SECRET.replace("env:SECRET", "env:KEY"), "not one line"),
        (SECRET.replace("app-1", ""), "the application's client id"),
        (SECRET.replace("client_secret", "token_url"), "write an https URL"),
        (
            SECRET.replace("client_secret", "certificate"),
            "give client_secret, or certificate and private_key",
        ),
        (
            format!("{SECRET}\ncertificate = \"env:BOTH\""),
            "give client_secret, or certificate and private_key",
        ),
        (format!("{SECRET}\nclient_auth = \"body\""), "unknown variant `body`"),
        (format!("{SECRET}\nscopes = [\"a b\"]"), "each scope as one word"),
        (format!("{SECRET}\ntoken_url = \"http://login.example.com/token\""), "write an https URL"),
        (CERTIFIED.replace("env:BOTH", "env:KEY"), "not a certificate in PEM"),
        (CERTIFIED.replacen("env:BOTH", "env:OTHER", 1), "not the certificate of the private key"),
        (CERTIFIED.replace("key = \"env:BOTH", "key = \"env:P256"), "sign with RSA"),
        (CERTIFIED.replace("key = \"env:BOTH", "key = \"env:SECRET"), "not a private key"),
    ] {
        let error = load(&toml, &asked).unwrap_err();
        assert!(error.contains(part) && !error.contains("p+p"), "{part} in {error}");
    }
    let error = load(SECRET, &AskedToken::default()).unwrap_err();
    assert!(error.contains("set token_url"), "{error}");
}

/// Neither a connector nor a source sends the secret to a host that is not approved for the slot.
#[tokio::test]
async fn the_secret_goes_to_hosts_of_the_slot_alone() {
    let server = entra(usize::MAX).await;
    let elsewhere = format!("{SECRET}\ntoken_url = \"https://login.example.net/token\"");
    let error = LiveTransport::new(options_for(&server, &elsewhere).0).err().unwrap().to_string();
    assert_eq!(
        error,
        "source `test`, credential `main`, token_url https://login.example.net/token: credential `main` may be sent to 127.0.0.1 only. The author can name more hosts in connector.toml"
    );
    let (mut options, _) = options_for(&server, SECRET);
    let ask =
        server::ask(&[&format!("GET {}", server.url("/**"))], &["oauth_client_credentials"], &["127.0.0.1"]);
    options.grants = Grants::new("test", ask, vec![], BTreeMap::new());
    let error = LiveTransport::new(options).err().unwrap().to_string();
    assert!(
        error.contains("is not approved for 127.0.0.1. To allow it: exhibit source approve test"),
        "{error}"
    );
}

const MANIFEST: &str = r#"
    name = "azure"
    version = "0.1.0"
    publisher = "Example Ltd"
    description = "A tenant."
    contract = "0.1"
    min_host = "0.1.0"
    kinds = ["identity.account@1"]

    [[credentials]]
    slot = "graph"
    schemes = ["oauth_client_credentials"]
    title = "An application of the tenant"
    hosts = ["graph.microsoft.com", "login.microsoftonline.com"]
    token_url = "https://login.microsoftonline.com/{settings.tenant_id}/oauth2/v2.0/token"
    scopes = ["https://graph.microsoft.com/.default"]
"#;

#[test]
fn a_connector_names_the_endpoint_of_its_system() {
    let manifest = ComponentManifest::from_toml(MANIFEST).unwrap();
    assert_eq!(ComponentManifest::from_json(&manifest.to_json().unwrap()).unwrap(), manifest);
    let token = |settings: Value| manifest.resolve(&settings).map(|ask| ask.slots["graph"].token.clone());
    let url = |token: AskedToken| token.url.map(|url| url.to_string());
    let filled = token(json!({"tenant_id": "example.onmicrosoft.com"})).unwrap();
    assert_eq!(filled.scopes, ["https://graph.microsoft.com/.default"]);
    let expected = "https://login.microsoftonline.com/example.onmicrosoft.com/oauth2/v2.0/token";
    assert_eq!(url(filled).as_deref(), Some(expected));
    assert_eq!(url(token(json!({})).unwrap()), None);
    assert!(
        token(json!({"tenant_id": "../evil"})).unwrap_err().to_string().contains("one plain path segment")
    );

    for (from, to, part) in [
        (", \"login.microsoftonline.com\"", "", "add its host to `hosts`, for the credential is sent there"),
        ("token\"\n", "**\"\n", "is not a URL"),
        ("{settings.tenant_id}", "{tenant}", "Templates are written"),
    ] {
        let error = ComponentManifest::from_toml(&MANIFEST.replace(from, to)).unwrap_err().to_string();
        assert!(error.contains("slot `graph`") && error.contains(part), "{part} in {error}");
    }
}

/// All that was recorded, as one text.
#[derive(Default)]
struct Kept(Mutex<Vec<u8>>);

impl ExchangeSink for Kept {
    fn exchange(
        &self,
        exchange: &Exchange,
        asked: Option<&[u8]>,
        body: Option<&[u8]>,
    ) -> Result<(), SinkError> {
        let mut kept = self.0.lock().unwrap();
        kept.extend(serde_json::to_vec(exchange).unwrap());
        kept.extend([asked, body].into_iter().flatten().flatten());
        Ok(())
    }

    fn walk(&self, _: &Walk) -> Result<(), SinkError> {
        Ok(())
    }
}

#[tokio::test]
async fn neither_token_nor_secret_is_recorded() {
    let server = entra(usize::MAX).await;
    for toml in [SECRET, CERTIFIED] {
        let (options, clock) = options_for(&server, toml);
        let kept = Arc::new(Kept::default());
        let transport = Arc::new(LiveTransport::new(options).unwrap());
        let sink = Arc::clone(&kept) as Arc<_>;
        let broker = Broker::live(transport, sink, clock, &Limits::default(), Redactions::default(), 1);
        let auth = Some(AuthRef { slot: "main".into(), params: vec![] });
        let request = FetchRequest {
            method: "GET".into(),
            url: server.url("/v1.0/users"),
            headers: vec![],
            body: None,
            auth,
            paging: None,
        };
        let answer = broker.send(request).await.unwrap();
        assert_eq!(answer.status, 200);
        let recorded = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
        assert!(
            recorded.contains("/v1.0/users") && recorded.contains("{\"sent\":\"Bearer ***\"}"),
            "{recorded}"
        );
        for secret in ["entra-", "p+p", "oauth2/v2.0/token"] {
            assert!(!recorded.contains(secret), "{secret} in {recorded}");
        }
    }
}
