//! What no recording has: systems that refuse, throttle, end a token or change while they are read. Each row is a connector
//! with its own fixtures, answered through the command with one thing wrong.

use exhibit_tests::fixtures::Fixtures;
use exhibit_tests::systems::{self, GATEWAY, JIRA_BY_OAUTH, System};
use exhibit_tests::web::{Asked, Reply, Web};
use exhibit_tests::workspace::Workspace;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How many requests a token is good for: more than are under way at once, fewer than a run needs.
const LIVES: usize = 20;

/// As Google says it, and near enough to what others say.
const EXPIRED: &str = r#"{"error":{"code":401,"message":"Request had invalid authentication credentials.","status":"UNAUTHENTICATED"}}"#;

/// What an address has in it, and what becomes of the answer there.
type Change = (&'static str, fn(&mut Value));

/// What goes wrong.
#[derive(Clone, Copy)]
enum Wrong {
    Nothing,
    /// A list is refused with 403, in these words.
    Refused(&'static str, &'static str),
    /// A list is asked too fast the first time: 429, and a second to wait.
    Throttled(&'static str),
    /// Each token ends after [`LIVES`] requests.
    Expiring,
    /// From the first request for this list on, the credential is refused, in these words.
    Revoked(&'static str, &'static str),
    /// The pages of a list whose address has this in it are others by the time that they are read.
    Moved(&'static str, &'static [Change]),
}

/// What comes of it.
#[derive(Clone, Copy)]
enum Then {
    /// All is as without.
    Same,
    /// These kinds are incomplete, for a reason in which this is said; the others are as without.
    Lacks(&'static [&'static str], &'static str),
    /// The run goes on, and says this; this kind is incomplete, as is all that is not as without.
    Partial(&'static str, &'static str),
    /// The run fails for a reason in which this is said, and this kind is incomplete.
    Fails(&'static str, &'static str),
}

/// Records of a population.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Outcome {
    emitted: u64,
    complete: bool,
    reason: String,
}

struct Ran {
    ok: bool,
    reason: String,
    /// By kind and query, since a kind may have several.
    populations: BTreeMap<(String, String), Outcome>,
    asked: Vec<Asked>,
    tokens: usize,
}

/// A system as a connector's own fixtures have it, in which something is wrong.
struct Host {
    fixtures: Fixtures,
    wrong: Wrong,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Requests that each token was brought by, the first token first.
    tokens: Vec<usize>,
    revoked: bool,
}

impl Host {
    fn answer(&self, asked: &Asked) -> Reply {
        let mut state = self.state.lock().expect("no request panics");
        if asked.target == "/token" {
            state.tokens.push(0);
            return systems::token(state.tokens.len());
        }
        let mut meant = asked.clone();
        meant.target = asked.target.strip_prefix(GATEWAY).unwrap_or(&asked.target).to_owned();
        let is = |path: &str| meant.target.split('?').next().is_some_and(|target| target.ends_with(path));
        let said =
            |status: u16, body: &str| Reply::new(status, body).with("content-type", "application/json");
        let usually = || self.fixtures.answer(&meant);
        match self.wrong {
            Wrong::Refused(path, body) if is(path) => said(403, body),
            Wrong::Throttled(path) if is(path) && asked.before == 0 => {
                said(429, r#"{"message":"Rate limit exceeded"}"#).with("retry-after", "1")
            }
            Wrong::Expiring => match systems::brought(asked) {
                Some(token) if state.tokens[token - 1] == LIVES => said(401, EXPIRED),
                Some(token) => {
                    state.tokens[token - 1] += 1;
                    usually()
                }
                // Atlassian's edge tells a site's number to everybody.
                None if is("/_edge/tenant_info") => usually(),
                None => said(401, EXPIRED),
            },
            Wrong::Revoked(path, body) => {
                state.revoked |= is(path);
                if state.revoked { said(401, body) } else { usually() }
            }
            Wrong::Moved(path, changes) if is(path) => {
                let change = changes.iter().find(|(at, _)| meant.target.contains(at));
                change.map_or_else(usually, |(_, change)| changed(usually(), *change))
            }
            _ => usually(),
        }
    }
}

fn run(workspace: &Workspace, source: &str, system: System, wrong: Wrong) -> Ran {
    let fixtures = Fixtures::whole(system.connector);
    let host = Arc::new(Host { fixtures, wrong, state: Mutex::default() });
    let serving = Arc::clone(&host);
    let web = Web::start(move |asked| serving.answer(asked));
    let exhibit = system.add(workspace, source, &web.url(), 1);
    let ran = exhibit.run(&["collect", source, "--format", "json"]);
    assert!(matches!(ran.code, Some(0 | 1)) && !ran.stderr.contains("panicked"), "{ran}");
    let manifest = ran.json()[0].clone();
    let of = |population: &Value| {
        let text = |name: &str| population[name].as_str().unwrap_or_default().to_owned();
        let emitted = population["emitted"].as_u64().expect("a count");
        let outcome =
            Outcome { emitted, complete: population["verdict"] == "complete", reason: text("reason") };
        ((text("kind"), text("query")), outcome)
    };
    let populations = manifest["populations"].as_array().expect("populations").iter().map(of).collect();
    let reason = manifest["reason"].as_str().unwrap_or_default().to_owned();
    let tokens = host.state.lock().expect("no request panics").tokens.len();
    Ran { ok: ran.code == Some(0), reason, populations, asked: web.asked(), tokens }
}

fn changed(reply: Reply, change: fn(&mut Value)) -> Reply {
    let Reply::Answer { status, headers, body, .. } = reply else { return reply };
    let mut json: Value = serde_json::from_slice(&body).expect("a fixture is JSON");
    change(&mut json);
    headers
        .into_iter()
        .fold(Reply::new(status, json.to_string()), |reply, (name, value)| reply.with(name, value))
}

/// Somebody was added before the page was read, so it begins with the last of the page before.
fn jira_users(page: &mut Value) {
    let again = json!({"accountId": "5b10cy", "accountType": "atlassian", "displayName": "Cy Example", "active": false});
    page.as_array_mut().expect("a list").insert(0, again);
}

fn none(page: &mut Value) {
    *page = json!([]);
}

/// One event more has come since the first page.
fn one_more(page: &mut Value) {
    page["total"] = json!(5);
}

fn the_one_more(page: &mut Value) {
    let mut event = page["records"][0].clone();
    event["id"] = json!(5);
    *page = json!({"offset": 4, "limit": 1000, "total": 5, "records": [event]});
}

/// One event is gone, and the total does not say so.
fn one_less(page: &mut Value) {
    page["records"].as_array_mut().expect("a list").pop();
}

fn no_more(page: &mut Value) {
    *page = json!({"offset": 3, "limit": 1000, "total": 4, "records": []});
}

/// The first of the page before is on this one too, and was renamed in between.
fn pulumi_members(page: &mut Value) {
    let again = json!({
        "user": {"name": "Ada Other", "githubLogin": "ada", "avatarUrl": "", "email": "ada@example.com"},
        "role": "admin", "fgaRole": {"id": "role-admin", "name": "Admin", "modifiedAt": "2025-01-01T00:00:00Z"},
        "knownToPulumi": true, "virtualAdmin": false, "created": "2025-02-03T04:05:06Z",
    });
    page["members"].as_array_mut().expect("a list").insert(0, again);
}

/// What was on this page moves down by one while it is read, and is there twice.
fn twice(page: &mut Value, list: &str) {
    let again = page[list][0].clone();
    page[list].as_array_mut().expect("a list").push(again);
}

fn google_users(page: &mut Value) {
    twice(page, "users");
}

fn service_accounts(page: &mut Value) {
    twice(page, "accounts");
}

#[test]
fn one_thing_wrong() {
    use Then::{Fails, Lacks, Partial, Same};
    use Wrong::{Expiring, Moved, Refused, Revoked, Throttled};
    let (workspace, gcp, google) = (Workspace::fresh(), System::of("gcp"), System::of("google-workspace"));
    let (jira, pulumi) = (System::of("jira"), System::of("pulumi"));
    let closed = r#"{"error":{"code":403,"message":"Not Authorized to access this resource/api","status":"PERMISSION_DENIED"}}"#;
    let no = r#"{"errorMessages":["You do not have permission to view this."],"errors":{}}"#;
    let forbidden = r#"{"code":403,"message":"Forbidden"}"#;
    let invalid = r#"{"code":401,"message":"Unauthorized: No credentials provided or are invalid."}"#;
    let mut usual: BTreeMap<&str, Ran> = BTreeMap::new();
    for (number, (system, wrong, then)) in [
        (gcp, Expiring, Same),
        (gcp, Throttled("/v3/projects"), Same),
        (
            gcp,
            Refused("/v2/projects/example-prod-1/metrics", closed),
            Lacks(&["asset.resource@1"], "Not Authorized"),
        ),
        (
            gcp,
            Moved("/projects/example-prod-1/serviceAccounts", &[("pageToken=a-2", service_accounts)]),
            Same,
        ),
        (
            gcp,
            Revoked("/v2/projects/example-prod-1/metrics", EXPIRED),
            Partial("asset.resource@1", "answered 401: UNAUTHENTICATED"),
        ),
        (google, Expiring, Same),
        (google, Throttled("/admin/directory/v1/groups"), Same),
        (
            google,
            Refused("/customer/my_customer/devices/chromeos", closed),
            Lacks(&["device.endpoint@1"], "Not Authorized"),
        ),
        (google, Moved("/admin/directory/v1/users", &[("pageToken=u-2", google_users)]), Same),
        (
            google,
            Revoked("/customer/my_customer/roleassignments", EXPIRED),
            Partial("device.endpoint@1", "answered 401: UNAUTHENTICATED"),
        ),
        (JIRA_BY_OAUTH, Expiring, Same),
        (jira, Throttled("/rest/api/3/search/jql"), Same),
        (
            jira,
            Refused("/rest/api/3/group/bulk", no),
            Lacks(&["identity.group_membership@1"], "You do not have permission"),
        ),
        (
            jira,
            Revoked("/rest/api/3/permissionscheme", no),
            Fails("identity.role_grant@1", "answered 401: You do not have permission"),
        ),
        (jira, Moved("/rest/api/3/users/search", &[("startAt=3", jira_users), ("startAt=6", none)]), Same),
        (
            jira,
            Moved("/rest/api/3/auditing/record", &[("offset=2", one_more), ("offset=4", the_one_more)]),
            Same,
        ),
        (
            jira,
            Moved("/rest/api/3/auditing/record", &[("offset=2", one_less), ("offset=3", no_more)]),
            Fails("audit.activity@1", "the page is empty after 3 items, but the source states 4"),
        ),
        (pulumi, Throttled("/api/user/stacks"), Same),
        (
            pulumi,
            Refused("/api/orgs/example-org/policypacks", forbidden),
            Lacks(&["asset.resource@1"], "Forbidden"),
        ),
        (
            pulumi,
            Revoked("/web/prod/drift/status", invalid),
            Fails("iac.stack@1", "answered 401: Unauthorized"),
        ),
        (
            pulumi,
            Moved("/api/orgs/example-org/members", &[("continuationToken", pulumi_members)]),
            Lacks(&["identity.account@1", "identity.role_grant@1"], "items that intake refused: 1"),
        ),
    ]
    .into_iter()
    .enumerate()
    {
        let source = format!("{}-{number}", system.connector);
        let usually = usual
            .entry(system.connector)
            .or_insert_with(|| run(&workspace, &format!("{source}-usual"), system, Wrong::Nothing));
        assert!(usually.ok && usually.populations.values().any(|usual| usual.emitted > 1), "{source}");
        let ran = run(&workspace, &source, system, wrong);
        judge(&source, usually, &ran, then);
        match wrong {
            Throttled(path) => waited(&source, &ran, path),
            Expiring => assert!((2..20).contains(&ran.tokens), "{source}: {} tokens", ran.tokens),
            _ => {}
        }
    }
}

fn judge(source: &str, usual: &Ran, ran: &Ran, then: Then) {
    let differ: Vec<_> = ran
        .populations
        .iter()
        .filter(|(place, outcome)| usual.populations.get(*place) != Some(*outcome))
        .collect();
    match then {
        Then::Same => {
            assert!(
                ran.ok && differ.is_empty() && ran.reason == usual.reason,
                "{source}: {} {differ:?}",
                ran.reason
            );
            assert_eq!(ran.populations.len(), usual.populations.len(), "{source}");
        }
        Then::Lacks(kinds, says) => {
            let lacking: Vec<&str> = differ.iter().map(|((kind, _), _)| kind.as_str()).collect();
            assert!(ran.ok && lacking == kinds, "{source}: {differ:?}");
            for (_, outcome) in differ {
                assert!(!outcome.complete && outcome.reason.contains(says), "{source}: {outcome:?}");
            }
        }
        Then::Partial(kind, says) | Then::Fails(kind, says) => {
            let fails = matches!(then, Then::Fails(..));
            assert!(ran.ok != fails && ran.reason.contains(says), "{source}: {}", ran.reason);
            assert!(differ.iter().any(|((of, _), _)| of == kind), "{source}: {kind} is as without");
            assert!(differ.iter().all(|(_, outcome)| !outcome.complete), "{source}: {differ:?}");
        }
    }
}

/// The list was asked for again, and not before the second was over.
fn waited(source: &str, ran: &Ran, path: &str) {
    let of_list =
        |asked: &&Asked| asked.target.split('?').next().is_some_and(|target| target.ends_with(path));
    let first = ran.asked.iter().find(of_list).expect("the list was asked for");
    let again =
        ran.asked.iter().filter(of_list).find(|asked| asked.target == first.target && asked.before == 1);
    let again = again.unwrap_or_else(|| panic!("{source}: {} was not asked for again", first.target));
    let paused = again.at - first.at;
    assert!(paused >= Duration::from_secs(1) && paused < Duration::from_secs(30), "{source}: {paused:?}");
}
