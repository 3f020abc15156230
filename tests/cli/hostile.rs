//! Hostile connectors and hostile systems, each as one source of a workspace that holds evidence already, and all of
//! them collected by one `exhibit collect`. Each run ends by itself, is on record with its reason, and costs nobody else
//! anything: what was held is held, the store and the ledger are whole, and the good source beside them is complete.

use exhibit_tests::tools::{repository, succeed, target_dir};
use exhibit_tests::web::{Asked, Reply, Web};
use exhibit_tests::workspace::Workspace;
use serde_json::Value;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// One source, and what its run comes to.
struct Case {
    source: &'static str,
    /// Settings in TOML. Where they do not say, `behaviour` is the source's name and `base` the server's origin.
    settings: &'static str,
    /// The section `[limits]`.
    limits: &'static str,
    verdict: &'static str,
    /// What the verdict's reason holds.
    says: &'static [&'static str],
    /// Further facts of the manifest: JSON pointer, and value in JSON.
    facts: &'static [(&'static str, &'static str)],
}

/// A case under the usual limits.
const fn case(
    source: &'static str,
    settings: &'static str,
    verdict: &'static str,
    says: &'static [&'static str],
) -> Case {
    Case { source, settings, limits: "", verdict, says, facts: &[] }
}

impl Case {
    const fn limits(mut self, limits: &'static str) -> Self {
        self.limits = limits;
        self
    }

    const fn facts(mut self, facts: &'static [(&'static str, &'static str)]) -> Self {
        self.facts = facts;
        self
    }

    fn file(&self, base: &str) -> String {
        let Self { source, settings, limits, .. } = self;
        let behaviour =
            if settings.contains("behaviour") { String::new() } else { format!("behaviour = '{source}'\n") };
        let mut file = String::from("connector = \"guests\"\nallow_addresses = [\"127.0.0.1\"]\n");
        let _ = write!(file, "\n[settings]\n{behaviour}");
        if !settings.contains("base =") {
            let _ = writeln!(file, "base = '{base}'");
        }
        let _ = write!(
            file,
            "{settings}\n\n[credentials.api]\nscheme = \"ssws\"\ntoken = \"env:GUESTS_TOKEN\"\n"
        );
        let _ = write!(file, "\n[limits]\n{limits}\n");
        file
    }
}

/// The guests of `tests/guests` as a connector, built as an author builds one.
fn component() -> &'static PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        let folder = target_dir();
        let file = folder.join("tmp/guests.wasm");
        let project = repository().join("tests/guests");
        succeed(
            Command::new(exhibit_tests::command::binary())
                .args(["connector", "build"])
                .arg(&project)
                .arg("--out")
                .arg(&file)
                .env("CARGO_TARGET_DIR", &folder),
        );
        file
    })
}

const TOKEN: &str = "00token-that-must-not-be-seen";

/// Collects every case, then a good source, in a workspace with some days of evidence, and looks what became of each.
fn check(web: &Web, cases: &[Case]) {
    let workspace = Workspace::populated();
    let exhibit = workspace.exhibit().with("GUESTS_TOKEN", TOKEN);
    let good = case("good-after-all", "behaviour = 'list'\npath = '/api/users'", "complete", &[]);
    let cases: Vec<&Case> = cases.iter().chain([&good]).collect();
    exhibit.run(&["connector", "add", component().to_str().unwrap()]).ok();
    for case in &cases {
        std::fs::write(workspace.file(&format!("sources/{}.toml", case.source)), case.file(&web.url()))
            .unwrap();
    }
    exhibit.run(&["connector", "approve", "guests", "--yes"]).ok();
    let (held, before) = (workspace.held(), exhibit.run(&["check", "--format", "json"]).ok().json());

    let mut arguments = vec!["collect", "--format", "json"];
    arguments.extend(cases.iter().map(|case| case.source));
    let ran = exhibit.run(&arguments);
    eprintln!("{}", ran.stderr);
    assert!(!ran.stderr.contains("panicked at"), "{ran}");
    let runs = ran.json();
    let runs = runs.as_array().unwrap();
    assert_eq!(runs.len(), cases.len(), "every run is there:\n{ran}");
    for (case, run) in cases.iter().zip(runs) {
        assert_eq!(run["source"], case.source);
        ends_as_told(case, run);
    }

    let after = exhibit.run(&["check", "--format", "json"]).ok().json();
    assert_eq!(after["problems"], serde_json::json!([]), "{after}");
    let more = cases.len() as u64;
    for counted in ["runs", "leaves"] {
        let count = |of: &Value| of[counted].as_u64().unwrap();
        assert_eq!(count(&after), count(&before) + more, "{counted}: each run is committed, with a leaf");
    }
    let now = workspace.held();
    let kept = |file: &&String| file.starts_with("data/packs") && now.get(*file) != held.get(*file);
    assert_eq!(held.keys().find(kept), None, "a pack that was held has changed");
}

fn ends_as_told(case: &Case, run: &Value) {
    let name = case.source;
    let shown = serde_json::to_string_pretty(run).unwrap();
    assert_eq!(run["verdict"], case.verdict, "{name}: {shown}");
    let reason = run["reason"].as_str().unwrap_or_default();
    for text in case.says {
        assert!(reason.contains(text), "{name} should say `{text}`: {reason}\n{shown}");
    }
    for (pointer, value) in case.facts {
        let found = run.pointer(pointer).unwrap_or(&Value::Null).to_string();
        assert_eq!(&found, value, "{name}: {pointer} in {shown}");
    }
}

const USERS: &str = r#"[{"id":"u1","login":"ada@example.com"},{"id":"u2","login":"grace@example.com"}]"#;

fn users() -> Reply {
    Reply::new(200, USERS).with("content-type", "application/json")
}

/// What the system answers where nothing is wrong with it.
fn well(asked: &Asked) -> Reply {
    match asked.target.as_str() {
        "/api/two-pages" => Reply::new(200, r#"[{"id":"u1"},{"id":"u2"},{"id":"u3"}]"#)
            .with("link", r#"</api/two-pages?after=u3>; rel="next""#),
        "/api/two-pages?after=u3" => Reply::new(200, r#"[{"id":"u4"}]"#),
        _ => users(),
    }
}

#[test]
fn connectors_that_run_wild() {
    const SHORT: &str = "deadline_ms = 800";
    let web = Web::start(well);
    check(
        &web,
        &[
            case("forever", "", "failed", &["the run took longer than 800 ms", "(in collect)"])
                .limits(SHORT)
                .facts(&[("/not_reperformable", r#""it was stopped by its deadline""#)]),
            case("recurse", "", "failed", &["the connector crashed", "call stack exhausted"]),
            case("allocate", "", "failed", &["needs more than 8388608 bytes of memory"])
                .limits("memory_bytes = 8388608"),
            case("flood-sink", "bytes = 10", "failed", &["emitted more than 1000 records"])
                .limits("records = 1000")
                .facts(&[("/rejected/origins", "1000")]),
            case("flood-log", "", "failed", &["floods its log", "1048576 bytes"])
                .facts(&[("/log_cut", "true")]),
            case("flood-stdout", "", "failed", &["floods its log"]).facts(&[("/log_cut", "true")]),
            case("populations", "count = 100000", "partial", &["the connector did not seal it"]).facts(&[
                ("/populations/999/kind", r#""identity.account@1""#),
                ("/populations/1000", "null"),
            ]),
            // An hour of its own time, and none of ours.
            case("sleep", "", "partial", &["the connector opened no population"]).limits(SHORT),
            case(
                "panic-mid-page",
                "",
                "failed",
                &["crashed", "the second item of 0.0.0 is not what I expected"],
            )
            .facts(&[("/populations/0/emitted", "1"), ("/populations/0/verdict", r#""partial""#)]),
            case("exit", "", "failed", &["it called exit with code 1"]),
            case("out-of-bounds", "", "failed", &["out of bounds memory access"]),
        ],
    );
}

#[test]
fn connectors_that_return_rubbish() {
    let web = Web::start(well);
    check(
        &web,
        &[
            case("malformed", "", "partial", &["items that intake refused: 5"])
                .facts(&[("/rejected", r#"{"json":5}"#), ("/log_lines", "5")]),
            case("huge", "bytes = 10000000", "partial", &["items that intake refused: 1"])
                .facts(&[("/rejected", r#"{"too-large":1}"#)]),
            case("huge-call", "count = 20", "failed", &["more than 16777216 bytes in one call"]),
            case("odd-keys", "", "partial", &["items that intake refused: 7"])
                .facts(&[("/rejected", r#"{"key":7}"#), ("/populations/0/emitted", "1")]),
            case(
                "undeclared-kind",
                "",
                "partial",
                &["identity.account@1: the connector opened no population"],
            )
            .facts(&[("/log_lines", "2"), ("/populations", "[]")]),
            case("foreign-origin", "", "partial", &["the connector did not seal it"]),
            case("check-without-tenant", "", "failed", &["as the tenant's identity", "(in check)"]),
            case("check-odd-tenant", "", "failed", &["no control characters"]),
            case("fail", "", "failed", &["the connector failed (auth): the token is not accepted"]),
        ],
    );
}

#[test]
fn connectors_that_lie_about_completeness() {
    let web = Web::start(well);
    check(
        &web,
        &[
            case(
                "lie-half",
                "behaviour = 'lie'\nhow = 'half'",
                "partial",
                &[
                    "of 4 items received, 2 became records",
                    "2 are unaccounted for",
                    "expected 4 records, 2 were accepted",
                ],
            ),
            case("lie-stop", "behaviour = 'lie'\nhow = 'stop'", "partial", &["stopped asking after page 0"]),
            case(
                "lie-more",
                "behaviour = 'lie'\nhow = 'more'",
                "partial",
                &[
                    "citations of items that were not received: 2, the first item 3 of exchange 0.0.0, which has 3",
                ],
            ),
            case(
                "lie-elsewhere",
                "behaviour = 'lie'\nhow = 'elsewhere'",
                "partial",
                &["items that intake refused: 1"],
            ),
            case("lie-nothing", "behaviour = 'lie'\nhow = 'nothing'", "partial", &["no list feeds it"]),
            case("lie-filtered", "behaviour = 'lie'\nhow = 'filtered'", "partial", &["too many"]),
        ],
    );
}

#[test]
fn connectors_that_reach_out() {
    let web = Web::start(|asked: &Asked| match asked.target.as_str() {
        "/api/away" => Reply::new(302, "").with("location", "/admin/secrets"),
        "/api/metadata" => Reply::new(302, "").with("location", "http://169.254.169.254/latest/meta-data/"),
        _ => well(asked),
    });
    check(
        &web,
        &[
            case(
                "host",
                "behaviour = 'list'\nurl = 'https://elsewhere.example.net/api/users'",
                "failed",
                &["(denied)", "elsewhere.example.net"],
            ),
            case(
                "redirect",
                "behaviour = 'list'\npath = '/api/away'",
                "failed",
                &["(denied)", "redirected from http://127.0.0.1", "/admin/secrets"],
            ),
            case(
                "redirect-inside",
                "behaviour = 'list'\npath = '/api/metadata'",
                "failed",
                &["(denied)", "169.254.169.254"],
            ),
            // Its grant covers these: the operator approved what the settings name, and not where it is.
            case(
                "literal",
                "behaviour = 'list'\nbase = 'http://169.254.169.254'\npath = '/api/x'",
                "failed",
                &["(denied)", "a cloud's metadata address", "allow_addresses"],
            ),
            case(
                "number",
                "behaviour = 'list'\nbase = 'http://2852039166'\npath = '/api/x'",
                "failed",
                &["(denied)", "a cloud's metadata address"],
            ),
            case(
                "mapped",
                "behaviour = 'list'\nbase = 'http://[::ffff:a9fe:a9fe]'\npath = '/api/x'",
                "failed",
                &["(denied)", "a cloud's metadata address"],
            ),
            case(
                "header",
                "behaviour = 'list'\npath = '/api/users'\nheader = 'Authorization'",
                "failed",
                &["(invalid-request)", "header `Authorization` is the host's to set"],
            ),
            case(
                "slot",
                "behaviour = 'list'\npath = '/api/users'\nauth = 'okta'",
                "failed",
                &["slot `okta`"],
            ),
            case("spied", "behaviour = 'spy'", "partial", &["did not seal it"]),
        ],
    );
    let asked = web.asked();
    assert!(asked.iter().all(|asked| asked.target.starts_with("/api/")), "{asked:?}");
    let tokens = asked.iter().filter(|asked| asked.header("authorization").is_some()).count();
    assert_eq!(tokens, 1, "only the request that names the slot carries the credential");
    let dump = &asked.iter().find(|asked| asked.target == "/api/dump").unwrap().body;
    assert!(dump.len() > 1 << 20 && !String::from_utf8_lossy(dump).contains(TOKEN));
}

/// A megabyte that says 200 MB.
fn bomb() -> Vec<u8> {
    let made = Command::new("sh").args(["-c", "head -c 200000000 /dev/zero | gzip -9"]).output().unwrap();
    assert!((100_000..1 << 20).contains(&made.stdout.len()), "{}", made.stdout.len());
    made.stdout
}

/// A page of 4 KB with another one after it, whichever is asked for.
fn more(target: &str) -> Reply {
    let page = target.split_once('=').map_or(0, |(_, number)| number.parse().unwrap_or(0_u32)) + 1;
    Reply::new(200, format!(r#"[{{"id":"u{page}","login":"{}"}}]"#, "x".repeat(4000)))
        .with("link", format!("</api/more?page={page}>; rel=\"next\""))
}

#[test]
fn systems_that_answer_badly() {
    let bomb = bomb();
    let web = Web::start(move |asked: &Asked| {
        let next = |target: &str| users().with("link", format!("<{target}>; rel=\"next\""));
        match asked.target.as_str() {
            "/api/401" => Reply::new(401, r#"{"error":"token is not valid"}"#),
            "/api/403" => Reply::new(403, r#"{"error":"scope is missing"}"#),
            "/api/404" => Reply::new(404, r#"{"error":"no such list"}"#),
            "/api/429-soon" if asked.before == 0 => Reply::new(429, "").with("retry-after", "1"),
            "/api/429-late" => Reply::new(429, "").with("retry-after", "18446744073709551615"),
            "/api/429" => Reply::new(429, ""),
            "/api/500" => Reply::new(500, "out of order"),
            "/api/half" => users().claiming(USERS.len() * 2),
            "/api/bomb" => Reply::new(200, bomb.clone()).with("content-encoding", "gzip"),
            "/api/latin" => Reply::new(200, b"[{\"id\":\"u\xff\",\"login\":\"Z\xfcrich\"}]".to_vec()),
            "/api/self" => next("/api/self"),
            "/api/other" => next("https://elsewhere.example.net/api/users"),
            "/api/never" => Reply::Silence,
            target if target.starts_with("/api/more") => more(target),
            _ => users(),
        }
    });
    check(
        &web,
        &[
            case(
                "s-401",
                "behaviour = 'list'\npath = '/api/401'",
                "failed",
                &["answered 401", "token is not valid"],
            ),
            case(
                "s-403",
                "behaviour = 'list'\npath = '/api/403'",
                "failed",
                &["answered 403", "scope is missing"],
            ),
            case("s-404", "behaviour = 'list'\npath = '/api/404'", "failed", &["answered 404"]),
            case("s-429-soon", "behaviour = 'list'\npath = '/api/429-soon'", "complete", &[])
                .facts(&[("/populations/0/emitted", "2")]),
            case("s-429-late", "behaviour = 'list'\npath = '/api/429-late'", "failed", &["(rate-limited)"]),
            case("s-429", "behaviour = 'list'\npath = '/api/429'", "failed", &["(rate-limited)"]),
            case("s-500", "behaviour = 'list'\npath = '/api/500'", "failed", &["answered 500: out of order"]),
            case(
                "half",
                "behaviour = 'list'\npath = '/api/half'",
                "failed",
                &["(transport)", "the body broke off"],
            ),
            case(
                "bomb",
                "behaviour = 'list'\npath = '/api/bomb'",
                "failed",
                &["(too-large)", "33554432 bytes"],
            ),
            case(
                "latin",
                "behaviour = 'list'\npath = '/api/latin'",
                "failed",
                &["the answer is not a list in JSON"],
            ),
            case(
                "self",
                "behaviour = 'list'\npath = '/api/self'\npaging = '{\"scheme\":\"link-header\",\"items\":\"\"}'",
                "failed",
                &["(paging)", "page 0: it leads back to page 0"],
            ),
            case(
                "other",
                "behaviour = 'list'\npath = '/api/other'\npaging = '{\"scheme\":\"link-header\",\"items\":\"\"}'",
                "failed",
                &["(paging)", "elsewhere.example.net"],
            ),
            case(
                "more",
                "behaviour = 'list'\npath = '/api/more'\npaging = '{\"scheme\":\"link-header\",\"items\":\"\"}'",
                "failed",
                &["(budget)", "this run has received its 20000 bytes of answers", "limits.received_bytes"],
            )
            .limits("received_bytes = 20000"),
            case("never", "behaviour = 'list'\npath = '/api/never'", "failed", &["took longer than 1500 ms"])
                .limits("deadline_ms = 1500"),
        ],
    );
}

#[test]
fn a_hundred_thousand_records_under_one_key() {
    let web = Web::start(well);
    check(
        &web,
        &[case("duplicates", "count = 100000", "partial", &["items that intake refused: 50000"])
            .facts(&[("/populations/0/emitted", "1"), ("/rejected", r#"{"conflict":50000}"#)])],
    );
}
