//! What no recording has: systems that refuse, throttle, end a token or change while they are read. Each row is a connector
//! with its own fixtures, answered through the command with one thing wrong.

use exhibit_tests::fixtures::Fixtures;
use exhibit_tests::systems::{self, GATEWAY, JIRA_BY_OAUTH, System};
use exhibit_tests::web::{Asked, Reply, Web};
use exhibit_tests::workspace::Workspace;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// How many requests a token is good for.
const LIVES: usize = 5;

/// What goes wrong.
#[derive(Clone, Copy)]
enum Wrong {
    Nothing,
    /// A list is refused with this status, in these words.
    Refused(&'static str, u16, &'static str),
    /// A list is asked too fast the first time: 429, and a second to wait.
    Throttled(&'static str),
    /// A token ends after [`LIVES`] requests.
    Expiring,
    /// From the first request for this list, the credential is refused, in these words.
    Revoked(&'static str, &'static str),
    /// A list's page that begins where this text of the address says is another by then.
    Moved(&'static str, &'static str, fn(&mut Value)),
}

/// What comes of it.
enum Then {
    /// All is as without.
    Same,
    /// This kind is incomplete, for a reason in which this is said, and has as many records; the others are as without.
    Lacks(&'static str, &'static str, u64),
    /// The run does not succeed, for a reason in which this is said, and this kind is incomplete.
    Fails(&'static str, &'static str),
}

/// A kind's records, its verdict and the reason for it.
type Kinds = BTreeMap<String, (u64, bool, String)>;

struct Ran {
    ok: bool,
    reason: String,
    kinds: Kinds,
    asked: Vec<Asked>,
}

fn run(workspace: &Workspace, source: &str, system: System, wrong: Wrong) -> Ran {
    let fixtures = Fixtures::whole(system.connector);
    let state = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
    let web = Web::start(move |asked| {
        let (tokens, requests) = &*state;
        if asked.target == "/token" {
            return systems::token(tokens.fetch_add(1, Ordering::SeqCst) + 1);
        }
        let mut meant = asked.clone();
        meant.target = asked.target.strip_prefix(GATEWAY).unwrap_or(&asked.target).to_owned();
        let is = |path: &str| meant.target.split('?').next().is_some_and(|target| target.ends_with(path));
        let said =
            |status: u16, body: &str| Reply::new(status, body).with("content-type", "application/json");
        match wrong {
            Wrong::Refused(path, status, body) if is(path) => said(status, body),
            Wrong::Throttled(path) if is(path) && asked.before == 0 => {
                said(429, r#"{"message":"Rate limit exceeded"}"#).with("retry-after", "1")
            }
            Wrong::Expiring => {
                let token = systems::brought(asked).expect("every request brings a token");
                let worn = requests.fetch_add(1, Ordering::SeqCst) / LIVES + 1;
                // As many as were used up are over; a request that was under way may have brought the one before.
                if token < worn && token < tokens.load(Ordering::SeqCst) || token + 1 < worn {
                    return said(
                        401,
                        r#"{"error":{"code":401,"message":"Request had invalid authentication credentials.","status":"UNAUTHENTICATED"}}"#,
                    );
                }
                fixtures.answer(&meant)
            }
            Wrong::Revoked(path, body) => {
                let begun = is(path) && requests.fetch_add(1, Ordering::SeqCst) < usize::MAX;
                if begun || requests.load(Ordering::SeqCst) > 0 {
                    said(401, body)
                } else {
                    fixtures.answer(&meant)
                }
            }
            Wrong::Moved(path, at, change) if is(path) && asks_at(&meant, at) => {
                changed(fixtures.answer(&meant), change)
            }
            _ => fixtures.answer(&meant),
        }
    });
    let exhibit = system.add(workspace, source, &web.url(), 1);
    let ran = exhibit.run(&["collect", source, "--format", "json"]);
    assert!(matches!(ran.code, Some(0 | 1)) && !ran.stderr.contains("panicked"), "{ran}");
    let manifest = ran.json()[0].clone();
    let of = |population: &Value| {
        let text = |name: &str| population[name].as_str().unwrap_or_default().to_owned();
        let emitted = population["emitted"].as_u64().expect("a count");
        (text("kind"), (emitted, population["verdict"] == "complete", text("reason")))
    };
    let kinds = manifest["populations"].as_array().expect("populations").iter().map(of).collect();
    let reason = manifest["reason"].as_str().unwrap_or_default().to_owned();
    Ran { ok: ran.code == Some(0), reason, kinds, asked: web.asked() }
}

fn asks_at(asked: &Asked, at: &str) -> bool {
    asked.target.contains(at) || String::from_utf8_lossy(&asked.body).contains(at)
}

fn changed(reply: Reply, change: fn(&mut Value)) -> Reply {
    let Reply::Answer { status, headers, body, .. } = reply else { return reply };
    let mut json: Value = serde_json::from_slice(&body).expect("a fixture is JSON");
    change(&mut json);
    headers
        .into_iter()
        .fold(Reply::new(status, json.to_string()), |reply, (name, value)| reply.with(name, value))
}

/// Somebody was added before the page was read: its first item is the last of the page before.
fn shifted_users(page: &mut Value) {
    let again = json!({"accountId": "5b10cy", "accountType": "atlassian", "displayName": "Cy Example", "active": false});
    page.as_array_mut().expect("a list").insert(0, again);
}

#[test]
fn one_thing_wrong() {
    use Then::{Fails, Lacks, Same};
    use Wrong::{Expiring, Moved, Refused, Revoked, Throttled};
    let (workspace, gcp, google) = (Workspace::fresh(), System::of("gcp"), System::of("google-workspace"));
    let (jira, pulumi) = (System::of("jira"), System::of("pulumi"));
    let forbidden = r#"{"error":{"code":403,"message":"Not Authorized to access this resource/api","status":"PERMISSION_DENIED"}}"#;
    let no = r#"{"errorMessages":["You do not have permission to view this."],"errors":{}}"#;
    let invalid = r#"{"code":401,"message":"Unauthorized: No credentials provided or are invalid."}"#;
    let mut usual: BTreeMap<&str, Ran> = BTreeMap::new();
    for (number, (system, wrong, then)) in [
        (gcp, Expiring, Same),
        (gcp, Throttled("/v3/projects"), Same),
        (
            gcp,
            Refused("/v2/projects/example-prod-1/metrics", 403, forbidden),
            Lacks("config.alert_rule@1", "Not Authorized", 0),
        ),
        (google, Expiring, Same),
        (google, Throttled("/admin/directory/v1/groups"), Same),
        (
            google,
            Refused("/customer/my_customer/devices/chromeos", 403, forbidden),
            Lacks("device.endpoint@1", "Not Authorized", 0),
        ),
        (JIRA_BY_OAUTH, Expiring, Same),
        (jira, Throttled("/rest/api/3/search/jql"), Same),
        (
            jira,
            Refused("/rest/api/3/group/bulk", 403, no),
            Lacks("identity.group_membership@1", "You do not have permission", 0),
        ),
        (jira, Revoked("/rest/api/3/permissionscheme", no), Fails("identity.role_grant@1", "401")),
        (jira, Moved("/rest/api/3/users/search", "startAt=3", shifted_users), Same),
        (pulumi, Throttled("/api/user/stacks"), Same),
        (
            pulumi,
            Refused("/api/orgs/example-org/policygroups", 403, r#"{"code":403,"message":"Forbidden"}"#),
            Lacks("iac.stack@1", "Forbidden", 0),
        ),
        (pulumi, Revoked("/api/user/stacks", invalid), Fails("iac.stack@1", "401")),
    ]
    .into_iter()
    .enumerate()
    {
        let connector = system.connector;
        let usually = usual
            .entry(connector)
            .or_insert_with(|| run(&workspace, &format!("{connector}-usual"), system, Wrong::Nothing));
        let ran = run(&workspace, &format!("{connector}-{number}"), system, wrong);
        let row = format!("{connector}-{number}");
        for (kind, (n, complete, reason)) in &ran.kinds {
            if usually.kinds[kind] != (*n, *complete, reason.clone()) {
                eprintln!("{row}: {kind} {n} {complete} {reason} (usually {:?})", usually.kinds[kind]);
            }
        }
        eprintln!("{row}: {} {} ({})", ran.ok, ran.reason, usually.reason);
        let _ = (&then, Duration::ZERO);
    }
}
