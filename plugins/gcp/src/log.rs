//! Cloud Audit Logs of the run's window: what administrators and Google's own services did (`activity`,
//! `system_event`), and when Google's staff looked at the customer's content (`access_transparency`).
//!
//! These three are kept for 400 days and cannot be switched off:
//! <https://cloud.google.com/logging/docs/audit>, <https://cloud.google.com/assured-workloads/access-transparency/docs/overview>.
//! Logs of access to data are not read. A request names up to 100 projects, as that of an organisation does not
//! bring those beneath it: <https://cloud.google.com/logging/docs/reference/v2/rest/v2/entries/list>.

use crate::api::{Api, LOGGING, RESOURCES};
use crate::entry::{Entry, activity, changes};
use crate::roles::Roles;
use crate::tree::{Place, Tree};
use exhibit_sdk::kinds::{AccessChange, Activity};
use exhibit_sdk::prelude::*;
use serde_json::json;

const KEPT_DAYS: i32 = 400;
/// Names that one request may have.
const MOST: usize = 100;
/// Without it Google leaves out Access Transparency, and says nothing.
const PRIVATE: &str = "logging.privateLogEntries.list";

pub(crate) fn collect(api: &Api<'_>, tree: &Tree, roles: &Roles) -> Result<()> {
    let mut events = api.open::<Activity>(
        "Cloud Audit Logs of the window: administrators' activity, system events, Access Transparency",
    );
    let mut access = api.open::<AccessChange>("Cloud Audit Logs of the window that change access");
    if !events.is_wanted() && !access.is_wanted() {
        return Ok(());
    }
    api.ctx.kept(&mut [&mut events, &mut access], "Google keeps these logs", KEPT_DAYS);
    if events.is_wanted() {
        transparency(api, tree, &mut events);
    }
    let places = tree.within();
    let chunks: Vec<&[&Place]> = places.chunks(MOST).collect();
    let mut refused = Vec::new();
    for (chunk, answer) in api.ctx.each(&chunks, |chunk| ask(api, chunk)) {
        match answer {
            // One that may not be read costs all that are named beside it: each is asked for by itself.
            Err(failure) if failure.is_forbidden() && chunk.len() > 1 => refused.extend(*chunk),
            answer => take(api, &mut events, &mut access, roles, answer)?,
        }
    }
    for (_, answer) in api.ctx.each(&refused, |place| ask(api, &[*place])) {
        take(api, &mut events, &mut access, roles, answer)?;
    }
    exhibit_sdk::all([events.seal(), access.seal()])
}

fn ask(api: &Api<'_>, places: &[&Place]) -> Request {
    let window = api.ctx.window();
    let names: Vec<String> = places
        .iter()
        .map(|place| if place.is_project() { format!("projects/{}", place.id) } else { place.name.clone() })
        .collect();
    let logs = ["activity", "system_event", "access_transparency"];
    let logs: Vec<String> =
        logs.iter().map(|log| format!("log_id(\"cloudaudit.googleapis.com/{log}\")")).collect();
    let filter = format!(
        "({}) AND timestamp>=\"{}\" AND timestamp<\"{}\"",
        logs.join(" OR "),
        window.start,
        window.end
    );
    let body = json!({
        "resourceNames": names,
        "filter": filter,
        "orderBy": "timestamp asc",
        "pageSize": 1000,
    });
    // A page may be empty and yet name a next one: where the search has not ended.
    let paging = Paging::cursor(Read::json("/nextPageToken"), Write::json("/pageToken"))
        .items("/entries")
        .absent_is_empty();
    api.post(LOGGING, "/v2/entries:list", &body).paged(paging)
}

fn take(
    api: &Api<'_>,
    events: &mut Wanted<Activity>,
    access: &mut Wanted<AccessChange>,
    roles: &Roles,
    answer: Result<Vec<Page>>,
) -> Result<()> {
    for page in api.passing.take(&mut [events, access], answer)? {
        for entry in events.items::<Entry>(&page)? {
            events.emit(activity(&entry))?;
            if !access.is_wanted() {
                continue;
            }
            let changes = changes(&entry, roles, &api.tenant);
            access.filtered(u64::from(changes.is_empty()), "an entry that changes no access")?;
            for change in changes {
                access.emit(change)?;
            }
        }
    }
    Ok(())
}

/// Whether Access Transparency may be read: Google tells it only to who asks.
fn transparency(api: &Api<'_>, tree: &Tree, events: &mut Wanted<Activity>) {
    let Some(top) = tree.places.iter().find(|place| place.within) else { return };
    match granted(api, &top.path(), &[PRIVATE]) {
        Ok(granted) if granted.is_empty() => events.incomplete(&format!(
            "Access Transparency is left out where {PRIVATE} is not granted: grant roles/logging.privateLogViewer"
        )),
        Ok(_) => {}
        Err(failure) => events.incomplete(&format!(
            "whether Access Transparency may be read ({PRIVATE}) is not known: {}",
            failure.reason()
        )),
    }
}

/// Which of these permissions the credential has on the organisation or project.
pub(crate) fn granted(api: &Api<'_>, path: &str, permissions: &[&str]) -> Result<Vec<String>> {
    #[derive(Deserialize)]
    struct Granted {
        #[serde(default)]
        permissions: Vec<String>,
    }
    let body = json!({"permissions": permissions});
    let page = api.post(RESOURCES, &format!("/v3/{path}:testIamPermissions"), &body).send()?;
    Ok(page.json::<Granted>()?.permissions)
}
