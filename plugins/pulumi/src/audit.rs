//! The audit log: everything that was done in the organisation. Only the Enterprise and Business Critical editions
//! have it; how long it is kept, Pulumi does not say.
//! <https://www.pulumi.com/docs/administration/concepts/audit-logs/>

use crate::api::{Api, People, User};
use exhibit_sdk::kinds::{Activity, ActivityCategory, Details, Outcome, PrincipalType};
use exhibit_sdk::prelude::*;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    /// Seconds since 1970.
    timestamp: u64,
    event: String,
    description: Option<String>,
    #[serde(rename = "sourceIP")]
    source_ip: Option<String>,
    user: Option<User>,
    #[serde(rename = "tokenID")]
    token_id: Option<String>,
    token_name: Option<String>,
    actor_name: Option<String>,
    actor_urn: Option<String>,
    auth_failure: Option<bool>,
    req_org_admin: Option<bool>,
    req_stack_admin: Option<bool>,
}

pub(crate) fn collect(api: &Api<'_>, people: &People) -> Result<()> {
    let window = api.ctx.window();
    let mut activity = api.ctx.wanted::<Activity>("all events of the audit log in the window");
    // In seconds, and so a little wider: what is outside is left out, and counted.
    let list = api.org_list("/auditlogs/v2", "/auditLogEvents");
    let list = list.query("startTime", window.start.as_secs().to_string());
    for page in list.query("endTime", (window.end.as_secs() + 1).to_string()).pages() {
        let Some(page) = tolerate(&mut [&mut activity], page)? else { break };
        let at = |event: &Event| Timestamp::from_secs(event.timestamp);
        activity.events(&page, window, at, |event| Some(record(api, people, event)), "")?;
    }
    activity.seal()
}

fn given(text: &Option<String>) -> Option<String> {
    text.clone().filter(|text| !text.is_empty())
}

impl Event {
    fn login(&self) -> Option<&str> {
        self.user.as_ref().map(|user| user.github_login.as_str()).filter(|login| !login.is_empty())
    }

    /// Events have no number. Two that are alike in all that Pulumi Cloud says of them, to the second, are one record:
    /// the log pages by the second, and may give one event on two pages. The host counts what was repeated.
    fn key(&self) -> String {
        let parts = [&self.description, &self.source_ip, &self.token_id, &self.token_name, &self.actor_urn];
        // FNV-1a of 64 bits, with a byte between the parts that no text has.
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        for byte in parts.into_iter().flat_map(|part| part.iter().flat_map(|text| text.bytes()).chain([0xff]))
        {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        let word: String = self.event.chars().take(100).collect();
        let login: String = self.login().unwrap_or("-").chars().take(100).collect();
        format!("{}/{word}/{login}/{hash:016x}", self.timestamp)
    }

    fn actor_type(&self, api: &Api<'_>, people: &People) -> Option<PrincipalType> {
        match given(&self.actor_urn) {
            Some(_) => Some(PrincipalType::Service),
            None => people.principal(api, self.login()?),
        }
    }
}

fn record(api: &Api<'_>, people: &People, event: &Item<Event>) -> Record<Activity> {
    let mut details = Details::new();
    for (name, value) in
        [("token", &event.token_name), ("token_id", &event.token_id), ("actor_urn", &event.actor_urn)]
    {
        if let Some(value) = given(value) {
            details.insert(name, value);
        }
    }
    for (name, flag) in [
        ("organization_admin_required", event.req_org_admin),
        ("stack_admin_required", event.req_stack_admin),
    ] {
        if let Some(flag) = flag {
            details.insert(name, flag);
        }
    }
    let actor_type = event.actor_type(api, people);
    let name = given(&event.actor_name).or_else(|| event.user.as_ref().and_then(User::display_name));
    // The log says what was done, or that it was refused; not how it ended.
    let result = event.auth_failure.filter(|refused| *refused).map(|_| Outcome::Denied);
    let attributes = Activity {
        category: Some(category(&event.event)),
        message: given(&event.description),
        result,
        actor_id: event.login().map(str::to_owned),
        actor_type,
        actor_name: name,
        source_ip: given(&event.source_ip),
        details: details.some(),
        ..Activity::new(&event.event)
    };
    let unknown = [
        ("actor_type", actor_type.is_some()),
        ("result", result.is_some()),
        ("source_ip", attributes.source_ip.is_some()),
        // They stand in the message, in words.
        ("targets", false),
    ];
    let mut record = event.record(event.key(), attributes);
    if let Some(user) = &event.user {
        record = record.subject(people.subject(api, user));
    }
    for (attribute, _) in unknown.into_iter().filter(|(_, is_known)| !is_known) {
        record = record.unknown(attribute);
    }
    record
}

/// By the words of the event, in either spelling: `Member Role Changed`, `member-role-changed`.
/// <https://www.pulumi.com/docs/administration/reference/audit-log-events/>
fn category(event: &str) -> ActivityCategory {
    let event = event.to_lowercase();
    let words: Vec<&str> = event.split(|c: char| !c.is_alphanumeric()).collect();
    let has = |any: &[&str]| words.iter().any(|word| any.contains(word));
    if has(&["auth", "login", "logout", "authentication"]) {
        ActivityCategory::Authentication
    } else if has(&[
        "member",
        "members",
        "team",
        "teams",
        "role",
        "roles",
        "token",
        "tokens",
        "collaborator",
        "permission",
        "permissions",
        "identity",
        "saml",
        "scim",
        "oidc",
        "invite",
        "invites",
    ]) {
        ActivityCategory::Access
    } else if has(&["organization", "policy", "settings", "webhook", "schedule", "gate", "integration"]) {
        ActivityCategory::Configuration
    } else if has(&["stack", "environment", "secret", "deployment", "project"]) {
        ActivityCategory::Data
    } else {
        ActivityCategory::Other
    }
}
