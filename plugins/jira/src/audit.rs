//! The audit log of the site, what changed access among it, and changes of status of the tickets of the settings.

use crate::api::Api;
use crate::issues::{History, Issue};
use exhibit_sdk::kinds::{
    AccessAction, AccessChange, Activity, ActivityCategory, Details, PrincipalType, Target,
};
use exhibit_sdk::prelude::*;

/// How long Jira Cloud keeps its audit log.
const KEPT_DAYS: i32 = 180;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    id: u64,
    summary: String,
    created: Timestamp,
    author_key: Option<String>,
    author_account_id: Option<String>,
    remote_address: Option<String>,
    category: Option<String>,
    event_source: Option<String>,
    description: Option<String>,
    object_item: Option<Object>,
    #[serde(default)]
    associated_items: Vec<Object>,
    #[serde(default)]
    changed_values: Vec<Changed>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Object {
    id: Option<String>,
    name: Option<String>,
    type_name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Changed {
    field_name: Option<String>,
    changed_from: Option<String>,
    changed_to: Option<String>,
}

/// The population of activities, where it is asked for: tickets feed it before the audit log does.
pub(crate) struct Log(Wanted<Activity>);

impl Log {
    pub(crate) fn open(api: &Api<'_>) -> Self {
        Self(api.ctx.wanted(
            "the audit log in the window, and changes of status of changes and access requests in it",
        ))
    }

    pub(crate) fn withheld(&mut self, failure: &Failure) -> Result<()> {
        self.0.withheld(failure)
    }

    /// Emits the changes of status in an issue's changelog that are of the window; returns the whole changelog.
    pub(crate) fn statuses(
        &mut self,
        api: &Api<'_>,
        issue: &Item<Issue>,
        pages: &[Page],
    ) -> Result<Vec<Item<History>>> {
        let mut all = Vec::new();
        for page in pages {
            let (mut others, mut outside) = (0, 0);
            for history in self.0.items::<History>(page)? {
                let at = instant(history.created.as_ref());
                match (history.status().is_some(), at.filter(|at| api.ctx.window().contains(*at))) {
                    (false, _) => others += 1,
                    (true, None) => outside += 1,
                    (true, Some(at)) => self.0.emit(status_change(issue, &history).occurred_at(at))?,
                }
                all.push(history);
            }
            self.0.filtered(others, "a change of a ticket that is none of its status")?;
            self.0.filtered(outside, "a change of status outside the window")?;
        }
        Ok(all)
    }
}

fn status_change(issue: &Issue, history: &Item<History>) -> Record<Activity> {
    let mut details = Details::new();
    if let Some(changed) = history.status() {
        for (name, value) in [("from", &changed.from_string), ("to", &changed.to_string)] {
            if let Some(value) = value {
                details.insert(name, value.as_str());
            }
        }
    }
    let author = history.author.as_ref();
    let attributes = Activity {
        category: Some(ActivityCategory::Data),
        actor_id: author.map(|user| user.account_id.clone()),
        actor_type: author.and_then(crate::api::User::principal),
        actor_name: author.and_then(|user| user.display_name.clone()),
        targets: Some(vec![Target {
            r#type: Some("issue".to_owned()),
            name: issue.fields.summary.clone(),
            ..Target::new(&issue.key)
        }]),
        details: details.some(),
        ..Activity::new("issue status changed")
    };
    let record = history.record(format!("status/{}", history.id), attributes);
    if author.and_then(crate::api::User::principal).is_none() { record.unknown("actor_type") } else { record }
}

/// `tickets_are_read` tells whether what feeds the log before could be read to its end.
pub(crate) fn collect(api: &Api<'_>, log: Log, tickets_are_read: bool) -> Result<()> {
    let (ctx, window) = (api.ctx, api.ctx.window());
    let mut activity = log.0;
    let mut changes = ctx.wanted::<AccessChange>("the audit log in the window, as far as it changes access");
    ctx.kept(&mut [&mut activity, &mut changes], "Jira keeps its audit log", KEPT_DAYS);
    if !tickets_are_read {
        activity.incomplete("tickets could not be read to their end, see the run's log");
    }
    let paging = Paging::offset("offset").page_size("limit", 1000).total("/total").items("/records");
    let list = api
        .get("/rest/api/3/auditing/record")
        .query("from", window.start.to_string())
        .query("to", window.end.to_string());
    for page in api.pages(list.paged(paging)) {
        let Some(page) = tolerate(&mut [&mut activity, &mut changes], page)? else { break };
        let at = |event: &Event| event.created;
        activity.events(&page, window, at, |event| Some(activity_of(event)), "")?;
        changes.events(&page, window, at, change_of, "an event that changes no access")?;
    }
    activity.seal()?;
    changes.seal()
}

impl Event {
    fn actor(&self) -> Option<String> {
        self.author_account_id.clone().or_else(|| self.author_key.clone()).filter(|id| !id.is_empty())
    }

    /// Everything that it is about, the object first.
    fn objects(&self) -> impl Iterator<Item = &Object> {
        self.object_item.iter().chain(&self.associated_items)
    }

    fn of_type(&self, word: &str) -> Option<&Object> {
        self.objects().find(|object| object.type_name.as_deref() == Some(word))
    }
}

fn activity_of(event: &Item<Event>) -> Record<Activity> {
    let targets = event.objects().filter_map(|object| {
        let id = object.id.clone().or_else(|| object.name.clone())?;
        Some(Target { r#type: object.type_name.clone(), name: object.name.clone(), ..Target::new(id) })
    });
    let mut details = Details::new();
    for changed in &event.changed_values {
        if let Some(name) = &changed.field_name {
            let from = changed.changed_from.as_deref().unwrap_or_default();
            let to = changed.changed_to.as_deref().unwrap_or_default();
            details.insert(name, format!("{from} -> {to}"));
        }
    }
    for (name, value) in [("category", &event.category), ("source", &event.event_source)] {
        if let Some(value) = value.as_ref().filter(|value| !value.is_empty()) {
            details.insert(name, value.as_str());
        }
    }
    let attributes = Activity {
        category: Some(category(event)),
        message: event.description.clone().filter(|text| !text.is_empty()),
        actor_id: event.actor(),
        targets: Some(targets.collect()),
        source_ip: event.remote_address.clone().filter(|address| !address.is_empty()),
        details: details.some(),
        ..Activity::new(&event.summary)
    };
    event.record(event.id.to_string(), attributes).unknown("actor_type").unknown("result")
}

fn change_of(event: &Item<Event>) -> Option<Record<AccessChange>> {
    let action = action(&event.summary)?;
    let user = event.of_type("USER");
    let group = event.of_type("GROUP");
    let target = user.or(group);
    let object = event.objects().find(|object| target.is_none_or(|target| !std::ptr::eq(*object, target)));
    let attributes = AccessChange {
        source_action: Some(event.summary.clone()),
        actor_id: event.actor(),
        target_id: target.and_then(|target| target.id.clone()),
        target_type: target.map(|_| if user.is_some() { PrincipalType::User } else { PrincipalType::Group }),
        target_name: target.and_then(|target| target.name.clone()),
        object_id: object.and_then(|object| object.id.clone()),
        object_name: object.and_then(|object| object.name.clone()),
        source_ip: event.remote_address.clone().filter(|address| !address.is_empty()),
        ..AccessChange::new(action)
    };
    let record = event.record(event.id.to_string(), attributes);
    Some(record.unknown("actor_type").unknown("privileged").unknown("result"))
}

/// <https://support.atlassian.com/jira-cloud-administration/docs/audit-activities-in-jira-applications/>
fn action(summary: &str) -> Option<AccessAction> {
    use AccessAction as A;
    Some(match summary {
        "User created" => A::AccountCreated,
        "User deleted" => A::AccountDeleted,
        "User activated" | "User reactivated" => A::AccountEnabled,
        "User deactivated" => A::AccountDisabled,
        "User added to group" => A::GroupAdded,
        "User removed from group" => A::GroupRemoved,
        "Group added to global permission" | "Global permission added" => A::RoleGranted,
        "Group removed from global permission" | "Global permission deleted" => A::RoleRevoked,
        "Project roles changed"
        | "Permission scheme updated"
        | "Permission scheme created"
        | "Permission scheme deleted"
        | "Permission scheme added to project"
        | "Permission scheme removed from project" => A::PolicyChanged,
        _ => return None,
    })
}

fn category(event: &Event) -> ActivityCategory {
    match event.category.as_deref() {
        Some("user management" | "group management" | "permissions") => ActivityCategory::Access,
        Some(
            "projects" | "workflows" | "system" | "fields" | "issue types" | "notifications" | "applications"
            | "issue security" | "boards",
        ) => ActivityCategory::Configuration,
        _ => ActivityCategory::Other,
    }
}
