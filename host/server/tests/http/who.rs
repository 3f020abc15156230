//! Who gets what: every route of the service's own list, asked by everyone.

use super::client::Ask;
use super::world::{KIND, SOURCE, World};
use exhibit_server::http;

/// A route as the list names it; a request for it; and what is answered to who has no token, to who forged one, to the
/// auditor of the engagement, the auditor of another, ingest, and an operator.
type Row = (&'static str, &'static str, [u16; 6]);

/// What those get who may not: nobody in particular, and whoever has another role.
const OPERATOR: [u16; 6] = [401, 401, 403, 403, 403, 200];

const ROWS: &[Row] = &[
    ("GET /healthz", "/healthz", [200; 6]),
    ("GET /readyz", "/readyz", [200; 6]),
    ("GET /metrics", "/metrics", OPERATOR),
    ("GET /login", "/login", [200, 200, 303, 303, 303, 303]),
    ("POST /login", "/login", [415; 6]),
    // No identity provider is configured here; in `oidc.rs` one is.
    ("GET /login/oidc", "/login/oidc", [404; 6]),
    ("GET /login/callback", "/login/callback?state=x&code=y", [404; 6]),
    ("POST /logout", "/logout", [401, 401, 303, 303, 303, 303]),
    ("GET /api/v1/openapi.json", "/api/v1/openapi.json", [200; 6]),
    ("GET /api/v1/me", "/api/v1/me", [401, 401, 200, 200, 200, 200]),
    ("GET /api/v1/sources", "/api/v1/sources", OPERATOR),
    ("GET /api/v1/sources/{source}", "/api/v1/sources/SOURCE", OPERATOR),
    ("GET /api/v1/sources/{source}/approval", "/api/v1/sources/SOURCE/approval", OPERATOR),
    ("POST /api/v1/sources/{source}/approval", "/api/v1/sources/SOURCE/approval", denied(415)),
    // It was not approved, so it is not reached.
    ("POST /api/v1/sources/{source}/check", "/api/v1/sources/SOURCE/check", denied(409)),
    ("POST /api/v1/sources/{source}/runs", "/api/v1/sources/SOURCE/runs", OPERATOR),
    ("POST /api/v1/sources/{source}/pause", "/api/v1/sources/SOURCE/pause", OPERATOR),
    ("POST /api/v1/sources/{source}/resume", "/api/v1/sources/SOURCE/resume", OPERATOR),
    ("POST /api/v1/reload", "/api/v1/reload", OPERATOR),
    ("GET /api/v1/connectors", "/api/v1/connectors", OPERATOR),
    ("GET /api/v1/runs", "/api/v1/runs", reading(200)),
    ("GET /api/v1/runs/{run}", "/api/v1/runs/RUN", reading(404)),
    ("GET /api/v1/runs/{run}/files/{file}", "/api/v1/runs/RUN/files/exchanges", reading(404)),
    ("GET /api/v1/runs/{run}/provenance/{kind}", "/api/v1/runs/RUN/provenance/KIND", reading(404)),
    ("GET /api/v1/runs/{run}/bodies/{digest}", "/api/v1/runs/RUN/bodies/BODY", reading(404)),
    ("GET /api/v1/runs/{run}/records/{kind}", "/api/v1/runs/RUN/records/KIND", reading(404)),
    ("GET /api/v1/datasets", "/api/v1/datasets", reading(200)),
    (
        "GET /api/v1/datasets/{source}/{kind}/history",
        "/api/v1/datasets/SOURCE/KIND/history?id=u007",
        reading(200),
    ),
    (
        "GET /api/v1/datasets/{source}/{kind}/diff",
        "/api/v1/datasets/SOURCE/KIND/diff?from=RUN&to=LAST",
        reading(404),
    ),
    ("GET /api/v1/controls", "/api/v1/controls", reading(200)),
    ("GET /api/v1/coverage", "/api/v1/coverage?period=2026-01", reading(404)),
    ("GET /api/v1/uploads", "/api/v1/uploads", reading(200)),
    ("POST /api/v1/uploads", "/api/v1/uploads", [401, 401, 403, 403, 400, 400]),
    ("GET /api/v1/uploads/{leaf}/file", "/api/v1/uploads/UPLOAD/file", reading(404)),
    ("GET /api/v1/seals", "/api/v1/seals", reading(200)),
    ("POST /api/v1/seals", "/api/v1/seals", denied(415)),
    ("GET /api/v1/seals/{period}", "/api/v1/seals/2026-01", reading(404)),
    ("GET /api/v1/exports", "/api/v1/exports", reading(200)),
    ("POST /api/v1/exports", "/api/v1/exports", denied(415)),
    ("GET /api/v1/exports/{id}", "/api/v1/exports/EXPORT", reading(404)),
    ("DELETE /api/v1/exports/{id}", "/api/v1/exports/0000000000000000", denied(404)),
    ("GET /api/v1/exports/{id}/file", "/api/v1/exports/EXPORT/file", reading(404)),
    ("GET /api/v1/log/checkpoint", "/api/v1/log/checkpoint", reading(200)),
    ("GET /api/v1/log/leaves", "/api/v1/log/leaves", reading(200)),
    ("GET /api/v1/log/leaves/{index}", "/api/v1/log/leaves/0", reading(404)),
    ("GET /api/v1/log/leaves/{index}/document", "/api/v1/log/leaves/UPLOAD/document", reading(404)),
    ("GET /api/v1/log/leaves/{index}/proof", "/api/v1/log/leaves/0/proof", reading(404)),
    ("GET /api/v1/log/consistency", "/api/v1/log/consistency?from=1", reading(200)),
    ("GET /api/v1/log/tile/{*path}", "/api/v1/log/tile/entries/TILE", [401, 401, 403, 403, 403, 200]),
    ("GET /api/v1/tokens", "/api/v1/tokens", OPERATOR),
    ("POST /api/v1/tokens", "/api/v1/tokens", denied(415)),
    ("DELETE /api/v1/tokens/{name}", "/api/v1/tokens/nobody", denied(404)),
    ("GET /style.css", "/style.css", [200; 6]),
    ("GET /", "/", reading(200)),
    ("GET /calendar", "/calendar", reading(200)),
    ("GET /controls/{control}", "/controls/HR-01", reading(200)),
    ("GET /controls/{control}/{period}", "/controls/HR-01/2026-01", reading(403)),
    ("GET /evidence", "/evidence", reading(200)),
    ("GET /evidence/{source}/{kind}", "/evidence/SOURCE/KIND", reading(404)),
    ("GET /evidence/{source}/{kind}/record", "/evidence/SOURCE/KIND/record?key=u007", reading(404)),
    ("GET /runs", "/runs", reading(200)),
    ("GET /runs/{run}", "/runs/RUN", reading(404)),
    ("GET /runs/{run}/exchanges", "/runs/RUN/exchanges", reading(404)),
    ("GET /runs/{run}/exchanges/{exchange}", "/runs/RUN/exchanges/EXCHANGE", reading(404)),
    ("GET /runs/{run}/log", "/runs/RUN/log", reading(404)),
    ("GET /runs/{run}/rejections", "/runs/RUN/rejections", reading(404)),
    ("GET /changes", "/changes?source=SOURCE&kind=KIND&from=2026-01-01&to=2026-01-03", reading(404)),
    ("GET /sources", "/sources", OPERATOR),
    ("GET /sources/{source}", "/sources/SOURCE", OPERATOR),
    ("GET /sources/{source}/approval", "/sources/SOURCE/approval", OPERATOR),
    ("POST /sources/{source}/run", "/sources/SOURCE/run", denied(303)),
    ("POST /sources/{source}/pause", "/sources/SOURCE/pause", denied(303)),
    ("POST /sources/{source}/resume", "/sources/SOURCE/resume", denied(303)),
    ("POST /sources/{source}/approval", "/sources/SOURCE/approval", denied(415)),
    ("GET /uploads", "/uploads", [401, 401, 200, 200, 200, 200]),
    // Without a form they are refused for what is missing, once whoever asks may.
    ("POST /uploads", "/uploads", [401, 401, 403, 403, 400, 400]),
    ("GET /seals", "/seals", reading(200)),
    ("POST /seals", "/seals", denied(415)),
    ("POST /exports", "/exports", denied(415)),
    ("GET /ledger", "/ledger", reading(200)),
    ("GET /ledger/{leaf}", "/ledger/0", reading(404)),
];

/// For operators, whose request is not one that can be carried out.
const fn denied(operator: u16) -> [u16; 6] {
    [401, 401, 403, 403, 403, operator]
}

/// For who reads evidence; the auditor of another engagement gets this.
const fn reading(stranger: u16) -> [u16; 6] {
    [401, 401, 200, stranger, 403, 200]
}

#[tokio::test(flavor = "multi_thread")]
async fn everyone_gets_what_the_table_says() {
    let world = World::new().await;
    let names = world.prepared().await;
    let keys = &world.keys;
    let forged = format!("exhibit_{}", "0".repeat(64));
    let tokens = ["", &forged, &keys.auditor, &keys.stranger, &keys.ingest, &keys.operator];
    let listed: Vec<String> = http::routes().iter().map(|r| format!("{} {}", r.method, r.path)).collect();
    for route in &listed {
        assert!(
            ROWS.iter().any(|(row, _, _)| row == route),
            "{route} has no row in the table of who gets what"
        );
    }
    let mut wrong = Vec::new();
    for (row, path, expected) in ROWS {
        assert!(listed.iter().any(|route| route == row), "{row} is in the table and not served");
        let method = ["GET", "POST", "DELETE"].into_iter().find(|m| row.starts_with(m)).unwrap();
        let path = names.iter().fold((*path).to_owned(), |path, (name, value)| path.replace(name, value));
        for (token, expected) in tokens.iter().zip(expected) {
            let ask = Ask::new(method, path.clone());
            let ask = if token.is_empty() { ask } else { ask.token(token) };
            let answer = ask.send(world.at).await;
            let told = String::from_utf8_lossy(&answer.body).chars().take(200).collect::<String>();
            if answer.status != *expected {
                wrong.push(format!("{row} as {token}: {} and not {expected}: {told}", answer.status));
                continue;
            }
            if answer.status >= 400 && path.starts_with("/api/") {
                let problem = answer.json();
                assert_eq!(answer.header("content-type"), "application/problem+json");
                assert_eq!(problem["status"], answer.status);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Who watches sees the numbers, and is told of nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn a_monitor_reads_the_metrics_alone() {
    let world = World::new().await;
    let ask = |path: &'static str| Ask::get(path).token(&world.keys.monitor).send(world.at);
    let numbers = ask("/metrics").await.is(200);
    assert!(numbers.header("content-type").starts_with("application/openmetrics-text; version=1.0.0"));
    assert!(numbers.text().ends_with("# EOF\n"));
    for (row, path, expected) in ROWS.iter().filter(|(row, _, _)| row.starts_with("GET ")) {
        // Where anyone, or whoever is signed in, may go.
        let is_for_all = expected[4] == expected[5] && !row.contains("uploads");
        if !is_for_all && *path != "/metrics" {
            let answer = Ask::get(*path).token(&world.keys.monitor).send(world.at).await;
            assert_eq!(answer.status, 403, "{row}");
        }
    }
}

impl World {
    /// Makes what the table asks for: a file that was attached, a seal and an export of the engagement.
    pub(crate) async fn prepared(&self) -> Vec<(&'static str, String)> {
        let operator = |ask: Ask| ask.token(&self.keys.operator).send(self.at);
        let minutes = "/api/v1/uploads?control=HR-01&period=2026-01&file=minutes.pdf&effective=2026-01-20";
        let upload =
            operator(Ask::new("POST", minutes).body("application/octet-stream", "%PDF")).await.is(201).json();
        operator(Ask::new("POST", "/api/v1/seals").json(r#"{"period":"2026-01"}"#)).await.is(201);
        let export =
            operator(Ask::new("POST", "/api/v1/exports").json(r#"{"period":"2026-01"}"#)).await.is(202);
        let at = export.header("location").to_owned();
        let done = loop {
            let export = operator(Ask::get(&at)).await.is(200).json();
            match export["state"].as_str().unwrap() {
                "done" => break export,
                "failed" => panic!("{export}"),
                _ => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            }
        };
        let size = self.service.host().store.head().size;
        let body = format!("[\"{}\"]", super::world::SCRIPT);
        vec![
            ("SOURCE", SOURCE.to_owned()),
            ("KIND", KIND.to_owned()),
            ("RUN", self.runs[0].to_string()),
            ("LAST", self.runs[2].to_string()),
            ("BODY", exhibit_evidence::digest::Digest::of(body).to_string()),
            ("EXCHANGE", exhibit_evidence::exchange::ExchangeId::default().to_string()),
            ("UPLOAD", upload["leaf"].to_string()),
            ("EXPORT", done["id"].as_str().unwrap().to_owned()),
            ("TILE", format!("000.p/{size}")),
        ]
    }
}
