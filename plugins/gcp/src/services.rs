//! Enabled services of every project. An API that is switched off has nothing to read: the list that does not name
//! it is what says so.

use crate::api::{Api, SERVICES};
use crate::tree::{Place, Tree};
use crate::values::last;
use exhibit_sdk::kinds::{BackupPlan, Encryption, Logging, NetworkRule};
use exhibit_sdk::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Deserialize)]
struct Service {
    /// `projects/123/services/compute.googleapis.com`.
    name: String,
    state: Option<String>,
    config: Option<Config>,
}

#[derive(Debug, Deserialize)]
struct Config {
    title: Option<String>,
}

/// What a project's list says.
#[derive(Debug, Default)]
struct Known {
    on: BTreeSet<String>,
    /// The pages, and how many services each names.
    pages: Vec<(Origin, u64)>,
}

/// Which APIs are on, by the project's name. A project whose list may not be read is absent.
#[derive(Debug, Default)]
pub(crate) struct Services(BTreeMap<String, Known>);

impl Services {
    /// The projects in which this API is on, or may be. For the others, the list of what is on feeds these
    /// populations instead.
    pub(crate) fn having<'t>(
        &self,
        tree: &'t Tree,
        service: &str,
        feeds: &mut [&mut dyn Feed],
    ) -> Result<Vec<&'t Place>> {
        let mut having = Vec::new();
        for project in tree.projects() {
            match self.0.get(&project.name).filter(|known| !known.on.contains(service)) {
                None => having.push(project),
                Some(known) => {
                    for (origin, count) in &known.pages {
                        for feed in feeds.iter_mut() {
                            feed.fed_from(origin)?;
                            feed.filtered(
                                *count,
                                &format!("an enabled service of a project in which {service} is off"),
                            )?;
                        }
                    }
                }
            }
        }
        Ok(having)
    }
}

pub(crate) fn collect(api: &Api<'_>, tree: &Tree) -> Result<Services> {
    let mut assets = api.open::<Resource>("enabled services of all active projects");
    let mut services = Services::default();
    let ctx = api.ctx;
    let decides = ctx.wants::<Encryption>()
        || ctx.wants::<Logging>()
        || ctx.wants::<NetworkRule>()
        || ctx.wants::<BackupPlan>();
    if !assets.is_wanted() && !decides {
        return Ok(services);
    }
    let projects = tree.projects();
    let ask = |project: &&Place| {
        // The whole of it is some hundred kilobytes of documentation.
        let list = api.list(SERVICES, &format!("/v1/{}/services", project.path()), "/services");
        list.query("filter", "state:ENABLED")
            .query("pageSize", "200")
            .query("fields", "nextPageToken,services(name,state,config/title)")
    };
    for (project, answer) in api.ctx.each(&projects, ask) {
        let readable = answer.is_ok();
        let mut known = Known::default();
        for page in api.passing.take(&mut [&mut assets], answer)? {
            let found = assets.items::<Service>(&page)?;
            known.pages.push((page.origin(""), found.len() as u64));
            for service in found {
                known.on.insert(last(&service.name).to_owned());
                assets.emit(record(project, &service))?;
            }
        }
        if readable {
            services.0.insert(project.name.clone(), known);
        }
    }
    assets.seal()?;
    Ok(services)
}

fn record(project: &Place, service: &Item<Service>) -> Record<Resource> {
    let id = last(&service.name);
    let full_name = format!("//{SERVICES}/{}/services/{id}", project.name);
    let title = service.config.as_ref().and_then(|config| config.title.clone());
    let attributes = Resource {
        container: Some(project.name.clone()),
        status: service.state.clone(),
        details: title.map(|title| Details::new().with("title", title)),
        ..Resource::new(id, "gcp:serviceusage:service")
    };
    let record = service.record(&full_name, attributes).subject(subject::asset(&full_name));
    if service.state.is_none() { record.unknown("status") } else { record }
}
