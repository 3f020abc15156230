//! How each connector that comes with Exhibit becomes a source of a server on loopback.

use crate::command::Exhibit;
use crate::google::key_file;
use crate::web::{Asked, Reply};
use crate::workspace::Workspace;
use serde_json::json;

/// One connector with settings and credentials, in which `{origin}` stands for the server.
#[derive(Clone, Copy, Debug)]
pub struct System {
    /// The connector.
    pub connector: &'static str,
    /// `KEY=VALUE`, those that have to be given first.
    pub settings: &'static [&'static str],
    /// `SLOT.FIELD=VALUE`; secrets are in the variables of [`secrets`].
    pub credentials: &'static [&'static str],
}

const GOOGLE: [&str; 3] =
    ["{slot}.scheme=google_service_account", "{slot}.key=env:GOOGLE_KEY", "{slot}.token_url={origin}/token"];

/// All of them. The settings are those that the connectors' own fixtures belong to.
pub const ALL: [System; 9] = [
    System {
        connector: "okta",
        settings: &["org_url={origin}"],
        credentials: &["okta.scheme=ssws", "okta.token=env:TEST_SECRET"],
    },
    System {
        connector: "aws",
        settings: &["endpoint={origin}"],
        credentials: &[
            "aws.scheme=aws_sigv4",
            "aws.access_key_id=AKIAIOSFODNN7EXAMPLE",
            "aws.secret_access_key=env:TEST_SECRET",
        ],
    },
    System {
        connector: "azure",
        settings: &[
            "tenant_id=11111111-1111-4111-8111-111111111111",
            "arm_endpoint={origin}",
            "graph_endpoint={origin}",
            "login_endpoint={origin}",
        ],
        credentials: &[
            "arm.scheme=oauth_client_credentials",
            "arm.client_id=00001111-aaaa-4222-8bbb-3333cccc4444",
            "arm.client_secret=env:TEST_SECRET",
            "arm.token_url={origin}/token",
            "graph.scheme=oauth_client_credentials",
            "graph.client_id=00001111-aaaa-4222-8bbb-3333cccc4444",
            "graph.client_secret=env:TEST_SECRET",
            "graph.token_url={origin}/token",
        ],
    },
    System {
        connector: "gcp",
        settings: &["organization=123456789012", "endpoint={origin}"],
        credentials: &GOOGLE,
    },
    System {
        connector: "github",
        settings: &["org=example-org", "api_url={origin}"],
        credentials: &["github.scheme=bearer", "github.token=env:TEST_SECRET"],
    },
    System { connector: "google-workspace", settings: &["endpoint={origin}"], credentials: &GOOGLE },
    System {
        connector: "jira",
        settings: JIRA,
        credentials: &[
            "jira.scheme=basic",
            "jira.username=evidence@example.com",
            "jira.password=env:TEST_SECRET",
        ],
    },
    JIRA_BY_OAUTH,
    System {
        connector: "pulumi",
        settings: &["organization=example-org", "api_url={origin}"],
        credentials: &[
            "pulumi.scheme=api_key_header",
            "pulumi.header=Authorization",
            "pulumi.prefix=token ",
            "pulumi.key=env:TEST_SECRET",
        ],
    },
];

const JIRA: &[&str] = &[
    "site_url={origin}",
    "change_jql=project = CHG",
    "access_request_jql=project = ACC",
    "incident_jql=project = INC",
    "approved_statuses=approved",
];

/// Jira by Atlassian's own address, whose paths begin with [`GATEWAY`].
pub const JIRA_BY_OAUTH: System = System {
    connector: "jira",
    settings: &[
        "site_url={origin}",
        "cloud_id=11111111-2222-4333-8444-555555555555",
        "api_endpoint={origin}",
        "login_endpoint={origin}",
        "change_jql=project = CHG",
        "access_request_jql=project = ACC",
        "incident_jql=project = INC",
        "approved_statuses=approved",
    ],
    credentials: &[
        "jira.scheme=oauth_client_credentials",
        "jira.client_id=exampleClientId",
        "jira.client_secret=env:TEST_SECRET",
        "jira.token_url={origin}/token",
    ],
};

/// What paths of [`JIRA_BY_OAUTH`] begin with.
pub const GATEWAY: &str = "/ex/jira/11111111-2222-4333-8444-555555555555";

impl System {
    /// The one with this connector; of Jira the one with an API token.
    pub fn of(connector: &str) -> Self {
        ALL.into_iter().find(|system| system.connector == connector).expect("it comes with Exhibit")
    }

    /// Adds the connector, and a source of it at `origin`, approved, whose first window reaches `lookback_days` back.
    /// Returns the command with its secrets.
    pub fn add(&self, workspace: &Workspace, source: &str, origin: &str, lookback_days: u32) -> Exhibit {
        let exhibit = workspace.exhibit();
        exhibit.run(&["connector", "add", self.connector]).ok();
        let (settings, credentials) = self.filled(origin);
        let mut arguments = vec!["source", "add", source, "--connector", self.connector];
        settings.iter().for_each(|setting| arguments.extend(["--set", setting]));
        credentials.iter().for_each(|field| arguments.extend(["--credential", field]));
        arguments.extend(["--allow-address", "127.0.0.1"]);
        exhibit.run(&arguments).ok();
        let connector = format!("connector = \"{}\"", self.connector);
        let window = format!("{connector}\nlookback_days = {lookback_days}");
        workspace.edit(&format!("sources/{source}.toml"), &connector, &window);
        exhibit.run(&["source", "approve", source, "--yes"]).ok();
        secrets(exhibit)
    }

    /// Settings and credentials for a server.
    pub fn filled(&self, origin: &str) -> (Vec<String>, Vec<String>) {
        let slot = if self.connector == "google-workspace" { "workspace" } else { self.connector };
        let filled = |text: &&str| text.replace("{origin}", origin).replace("{slot}", slot);
        (self.settings.iter().map(filled).collect(), self.credentials.iter().map(filled).collect())
    }
}

/// The command with the variables that the sources' credentials are in.
pub fn secrets(exhibit: Exhibit) -> Exhibit {
    exhibit.with("TEST_SECRET", "secret-of-a-test-0123456789").with("GOOGLE_KEY", &key_file())
}

/// The answer of a token endpoint (RFC 6749 section 5.1): token `n`.
pub fn token(n: usize) -> Reply {
    let said =
        json!({"access_token": format!("token-of-a-test-{n}"), "token_type": "Bearer", "expires_in": 3599});
    Reply::new(200, said.to_string()).with("content-type", "application/json")
}

/// Which token a request brings; none: it asks for one, or brings something else.
pub fn brought(asked: &Asked) -> Option<usize> {
    asked.header("authorization")?.strip_prefix("Bearer token-of-a-test-")?.parse().ok()
}
