//! A source of each connector that comes with Exhibit: what its settings' schema makes the command ask, and what a check
//! with a credential that is refused says: what is wrong, in the system's own words, and what to grant.

use exhibit_tests::command::binary;
use exhibit_tests::systems::{self, ALL, JIRA_BY_OAUTH, System};
use exhibit_tests::tools::{repository, run, text};
use exhibit_tests::web::{Reply, Web};
use exhibit_tests::workspace::Workspace;
use serde_json::json;
use std::process::Command;

const FAILED: i32 = 1;
const USAGE: i32 = 2;

/// A connector, what is asked, and how its system refuses.
struct Row {
    system: System,
    /// What the schema requires: setting, answer, a word of the question. `{origin}` is the server.
    asked: &'static [(&'static str, &'static str, &'static str)],
    refusal: (u16, &'static str),
    /// Said by the check: the system's words, and of what it needs the least that shows anything.
    says: [&'static str; 2],
}

/// RFC 6749 section 5.2, as each vendor fills it in; elsewhere the vendor's own form.
const ROWS: [Row; 9] = [
    Row {
        system: ALL[0],
        asked: &[("org_url", "{origin}", "Address of your Okta organisation")],
        refusal: (
            401,
            r#"{"errorCode":"E0000011","errorSummary":"Invalid token provided","errorLink":"E0000011","errorId":"oae1","errorCauses":[]}"#,
        ),
        says: ["Invalid token provided", "okta.users.read"],
    },
    Row {
        system: ALL[1],
        asked: &[],
        refusal: (
            403,
            r#"<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>InvalidClientTokenId</Code><Message>The security token included in the request is invalid.</Message></Error><RequestId>1</RequestId></ErrorResponse>"#,
        ),
        says: ["InvalidClientTokenId: The security token included in the request is invalid", "iam:"],
    },
    Row {
        system: ALL[2],
        asked: &[("tenant_id", "11111111-1111-4111-8111-111111111111", "Id of the tenant")],
        refusal: (
            401,
            r#"{"error":"invalid_client","error_description":"AADSTS7000215: Invalid client secret provided.","error_codes":[7000215]}"#,
        ),
        says: ["AADSTS7000215: Invalid client secret provided.", "Microsoft.Security/pricings/read"],
    },
    Row {
        system: ALL[3],
        asked: &[],
        refusal: (400, r#"{"error":"invalid_grant","error_description":"Invalid JWT Signature."}"#),
        says: ["invalid_grant: Invalid JWT Signature.", "resourcemanager.projects.list"],
    },
    Row {
        system: ALL[4],
        asked: &[("org", "example-org", "Name of your organisation")],
        refusal: (
            401,
            r#"{"message":"Bad credentials","documentation_url":"https://docs.github.com/rest","status":"401"}"#,
        ),
        says: ["Bad credentials", "Organization: Members (read)"],
    },
    Row {
        system: ALL[5],
        asked: &[],
        refusal: (
            401,
            r#"{"error":"unauthorized_client","error_description":"Client is unauthorized to retrieve access tokens using this method."}"#,
        ),
        says: ["unauthorized_client: Client is unauthorized", "admin.directory.user.readonly"],
    },
    Row {
        system: ALL[6],
        asked: &[("site_url", "{origin}", "Address of your Jira site")],
        refusal: (401, "Client must be authenticated to access this resource."),
        says: ["`cloud_id`: GET", "Administer Jira (global)"],
    },
    Row {
        system: JIRA_BY_OAUTH,
        asked: &[("site_url", "{origin}", "Address of your Jira site")],
        refusal: (401, r#"{"error":"access_denied","error_description":"Unauthorized"}"#),
        says: ["access_denied: Unauthorized", "read:servicedesk-request"],
    },
    Row {
        system: ALL[8],
        asked: &[("organization", "example-org", "Name of your organisation in Pulumi Cloud")],
        refusal: (401, r#"{"code":401,"message":"Unauthorized: No credentials provided or are invalid."}"#),
        says: ["Unauthorized: No credentials provided or are invalid.", "org_member:read"],
    },
];

impl Row {
    /// The arguments that add the source, but for the settings that are asked for.
    fn arguments(&self, source: &str, origin: &str) -> Vec<String> {
        let (settings, credentials) = self.system.filled(origin);
        let is_asked =
            |setting: &String| self.asked.iter().any(|(key, ..)| setting.starts_with(&format!("{key}=")));
        let mut arguments: Vec<String> =
            ["source", "add", source, "--connector", self.system.connector].map(str::to_owned).to_vec();
        for setting in settings.into_iter().filter(|setting| !is_asked(setting)) {
            arguments.extend(["--set".to_owned(), setting]);
        }
        for field in credentials {
            arguments.extend(["--credential".to_owned(), field]);
        }
        arguments.extend(["--allow-address".to_owned(), "127.0.0.1".to_owned()]);
        arguments
    }
}

#[test]
fn what_each_schema_asks_and_what_a_refused_credential_is_told() {
    let workspace = Workspace::fresh();
    let exhibit = systems::secrets(workspace.exhibit());
    for (number, row) in ROWS.iter().enumerate() {
        let (status, body) = row.refusal;
        let kind = if body.starts_with('{') {
            "application/json"
        } else if body.starts_with('<') {
            "text/xml"
        } else {
            "text/plain"
        };
        let web = Web::start(move |_| Reply::new(status, body).with("content-type", kind));
        let (connector, origin) = (row.system.connector, web.url());
        let source = format!("{connector}-{number}");
        exhibit.run(&["connector", "add", connector]).ok();
        let arguments = row.arguments(&source, &origin);

        // Where nobody can answer, the first that is missing is named.
        if let Some((key, _, title)) = row.asked.first() {
            let given: Vec<&str> = arguments.iter().map(String::as_str).collect();
            exhibit.run(&given).fails(USAGE, &[key, title, &format!("--set {key}=VALUE")]);
            assert!(!workspace.file(&format!("sources/{source}.toml")).exists(), "{source}");
        }
        // At a terminal, each is asked for, and nothing else.
        let answers: Vec<String> =
            row.asked.iter().map(|(_, answer, _)| answer.replace("{origin}", &origin)).collect();
        let mut at_terminal = Command::new("python3");
        at_terminal.arg(repository().join("tests/cli/at_terminal.py")).args(&answers).arg("--").arg(binary());
        let shown = run(at_terminal.args(&arguments).current_dir(workspace.path()));
        assert!(shown.status.success(), "{source}: {}", text(&shown));
        let file = std::fs::read_to_string(workspace.file(&format!("sources/{source}.toml"))).unwrap();
        for ((key, _, title), answer) in row.asked.iter().zip(&answers) {
            assert!(text(&shown).contains(&format!("{title} ({key}")), "{source}: {}", text(&shown));
            assert!(file.contains(&format!("{key} = \"{answer}\"")), "{file}");
        }
        let asked = text(&shown).matches(", for example ").count();
        assert_eq!(asked, row.asked.len(), "{source}: {}", text(&shown));

        exhibit.run(&["source", "approve", &source, "--yes"]).ok();
        let checked = exhibit.run(&["source", "check", &source]);
        let needs: Vec<&str> =
            checked.stderr.lines().filter_map(|line| line.strip_prefix("  it needs ")).collect();
        assert!(
            needs.iter().any(|need| need.contains(row.says[1])),
            "{source} says what to grant:\n{checked}"
        );
        let checked = checked.fails(FAILED, &[&format!("error: {source}: "), row.says[0]]);
        for secret in ["secret-of-a-test", "PRIVATE KEY"] {
            assert!(!checked.stderr.contains(secret) && !checked.stdout.contains(secret), "{checked}");
        }
        // The same for programs.
        let told = exhibit.run(&["source", "check", &source, "--format", "json"]);
        let expected = json!(null);
        assert_eq!((told.code, &told.json()["tenant"]), (Some(FAILED), &expected), "{told}");
        assert!(
            told.json()["failure"].as_str().is_some_and(|failure| failure.contains(row.says[0])),
            "{told}"
        );
    }
}
