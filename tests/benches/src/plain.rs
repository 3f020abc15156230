//! The floor: a program that collects the same accounts into the same lines, and keeps lines and answers, compressed
//! and synced. No sandbox, no broker, no intake, no store, no ledger; it digests nothing and compares nothing.

use exhibit_evidence::time::Timestamp;
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Write as _;
use std::path::Path;

/// The file of lines, zstd.
pub const LINES: &str = "lines.zst";
/// The file of answers, zstd.
const ANSWERS: &str = "answers.zst";
/// What the store compresses with.
const LEVEL: i32 = 3;

/// The source, as the lines have it.
pub const SOURCE: &str = "okta-bench";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    id: String,
    status: String,
    created: Timestamp,
    activated: Option<Timestamp>,
    status_changed: Option<Timestamp>,
    last_login: Option<Timestamp>,
    password_changed: Option<Timestamp>,
    profile: Profile,
    credentials: Credentials,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Profile {
    login: String,
    email: String,
    display_name: String,
    employee_number: Option<String>,
    title: Option<String>,
    department: Option<String>,
    manager: Option<String>,
}

#[derive(Deserialize)]
struct Credentials {
    password: Option<serde::de::IgnoredAny>,
}

/// A line: members sorted, as RFC 8785 wants them.
#[derive(Serialize)]
struct Line<'a> {
    attributes: Attributes<'a>,
    kind: &'a str,
    native_id: &'a str,
    source: &'a str,
    subject_key: String,
    tenant: &'a str,
    unknown: [&'a str; 3],
}

#[derive(Serialize)]
struct Attributes<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    activated_at: Option<Timestamp>,
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    department: Option<&'a str>,
    display_name: &'a str,
    email: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    employee_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_login_on: Option<String>,
    login: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    manager: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    password_changed_at: Option<Timestamp>,
    password_enabled: bool,
    source_status: &'a str,
    status: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_changed_at: Option<Timestamp>,
    r#type: &'a str,
}

fn line<'a>(user: &'a User, tenant: &'a str) -> Line<'a> {
    let profile = &user.profile;
    let attributes = Attributes {
        activated_at: user.activated,
        created_at: user.created,
        department: profile.department.as_deref(),
        display_name: &profile.display_name,
        email: &profile.email,
        employee_id: profile.employee_number.as_deref(),
        job_title: profile.title.as_deref(),
        last_login_on: user.last_login.map(|at| at.date().to_string()),
        login: &profile.login,
        manager: profile.manager.as_deref(),
        password_changed_at: user.password_changed,
        password_enabled: user.credentials.password.is_some(),
        source_status: &user.status,
        status: "deprovisioned",
        status_changed_at: user.status_changed,
        r#type: "human",
    };
    Line {
        attributes,
        kind: "identity.account@1",
        native_id: &user.id,
        source: SOURCE,
        subject_key: format!("person:{}", profile.email.to_lowercase()),
        tenant,
        unknown: ["admin", "mfa_factors", "mfa_status"],
    }
}

/// Collects every account at `origin` into `dir`; how many there were.
pub async fn collect(origin: &str, dir: &Path) -> usize {
    let address = origin.trim_start_matches("http://");
    let stream = tokio::net::TcpStream::connect(address).await.expect("the server listens");
    let (mut client, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.expect("HTTP");
    tokio::spawn(connection);
    let create = |name| File::create(dir.join(name)).expect(name);
    let compress = |name| zstd::Encoder::new(create(name), LEVEL).expect("zstd");
    let (mut lines, mut answers) = (compress(LINES), compress(ANSWERS));
    let mut next = Some("/api/v1/users?filter=status%20eq%20%22DEPROVISIONED%22&limit=200".to_owned());
    let mut count = 0;
    while let Some(target) = next {
        let request = hyper::Request::get(target)
            .header("host", address)
            .header("authorization", "SSWS made-up-token")
            .body(Empty::<Bytes>::new())
            .expect("a request");
        client.ready().await.expect("the connection stays");
        let response = client.send_request(request).await.expect("an answer");
        next = next_page(response.headers(), origin);
        let body = response.into_body().collect().await.expect("a body").to_bytes();
        answers.write_all(&body).expect("written");
        let users: Vec<User> = serde_json::from_slice(&body).expect("users");
        for user in &users {
            serde_json::to_writer(&mut lines, &line(user, "00oexample")).expect("written");
            lines.write_all(b"\n").expect("written");
        }
        count += users.len();
    }
    for encoder in [lines, answers] {
        encoder.finish().and_then(|file| file.sync_all()).expect("written");
    }
    count
}

/// The path and query of the `Link` header (RFC 8288).
fn next_page(headers: &hyper::HeaderMap, origin: &str) -> Option<String> {
    let link = headers.get("link")?.to_str().ok()?;
    let (url, _) = link.strip_prefix('<')?.split_once(">; rel=\"next\"")?;
    Some(url.strip_prefix(origin)?.to_owned())
}
