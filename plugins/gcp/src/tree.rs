//! The organisation, its folders and projects: what everything else is read from.
//!
//! Lists and not searches are read, as searches are behind by some minutes:
//! <https://cloud.google.com/resource-manager/reference/rest/v3/projects/list>.

use crate::Settings;
use crate::api::{Api, RESOURCES};
use crate::values::tags;
use exhibit_sdk::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    /// `projects/123`.
    name: String,
    parent: Option<String>,
    /// Of a project, the name that people chose.
    project_id: Option<String>,
    display_name: Option<String>,
    state: Option<String>,
    create_time: Option<String>,
    directory_customer_id: Option<String>,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

/// The organisation, a folder or a project.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// `organizations/1`, `folders/2`, `projects/3`.
    pub(crate) name: String,
    /// Of a project its id, else the name: what a request names it by.
    pub(crate) id: String,
    pub(crate) title: String,
    /// Index of the one above.
    pub(crate) parent: Option<usize>,
    /// In use, so that it may be asked about.
    pub(crate) active: bool,
    /// Belongs to this source; what is above a single project does not.
    pub(crate) within: bool,
}

impl Place {
    /// Google's full resource name.
    pub(crate) fn full_name(&self) -> String {
        format!("//{RESOURCES}/{}", self.name)
    }

    pub(crate) fn is_project(&self) -> bool {
        self.name.starts_with("projects/")
    }

    /// `projects/my-project`, `folders/2`: how requests write it.
    pub(crate) fn path(&self) -> String {
        if self.is_project() { format!("projects/{}", encode(&self.id)) } else { self.name.clone() }
    }

    pub(crate) fn resource_type(&self) -> &'static str {
        match self.name.split('/').next() {
            Some("organizations") => "gcp:cloudresourcemanager:organization",
            Some("folders") => "gcp:cloudresourcemanager:folder",
            _ => "gcp:cloudresourcemanager:project",
        }
    }
}

/// All places, each after the one above it.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) places: Vec<Place>,
    /// Why what is above the project is not known.
    pub(crate) above: Option<String>,
}

impl Tree {
    /// The projects that may be asked about.
    pub(crate) fn projects(&self) -> Vec<&Place> {
        self.places.iter().filter(|place| place.within && place.active && place.is_project()).collect()
    }

    /// Organisation, folders and projects that may be asked about.
    pub(crate) fn within(&self) -> Vec<&Place> {
        self.places.iter().filter(|place| place.within && place.active).collect()
    }

    /// Those above this one, nearest first.
    pub(crate) fn above(&self, place: usize) -> impl Iterator<Item = usize> {
        let parent = |at: usize| self.places.get(at).and_then(|place| place.parent);
        std::iter::successors(parent(place), move |at| parent(*at))
    }

    fn add(&mut self, found: &Listed, parent: Option<usize>, within: bool) -> usize {
        let id = found.project_id.clone().unwrap_or_else(|| found.name.clone());
        self.places.push(Place {
            title: found.display_name.clone().unwrap_or_else(|| id.clone()),
            name: found.name.clone(),
            id,
            parent,
            active: found.state.as_deref().is_none_or(|state| state == "ACTIVE"),
            within,
        });
        self.places.len() - 1
    }
}

/// The organisation or project of the settings, as it names itself. Fails where it may not be read.
pub(crate) fn identity(api: &Api<'_>, settings: &Settings) -> Result<String> {
    let found: Listed = root(api, settings)?.json()?;
    Ok(found.name)
}

fn root(api: &Api<'_>, settings: &Settings) -> Result<Page> {
    let (path, grant) = match (&settings.organization, &settings.project) {
        (Some(number), _) => {
            (format!("/v3/organizations/{}", encode(number)), "resourcemanager.organizations.get")
        }
        (None, Some(id)) => (format!("/v3/projects/{}", encode(id)), "resourcemanager.projects.get"),
        (None, None) => return Err(Failure::config("set `organization` or `project`")),
    };
    api.get(RESOURCES, &path).send().map_err(|failure| match failure.status() {
        // Google answers 403 for what does not exist, too.
        Some(403) => failure.context(format!("it does not exist, or the credential lacks {grant}")),
        _ => failure,
    })
}

/// Reads the tree, and emits it.
pub(crate) fn collect(api: &mut Api<'_>, settings: &Settings) -> Result<Tree> {
    let mut tree = Tree::default();
    let mut top = api.open::<Resource>("the organisation or project itself");
    let page = root(api, settings)?;
    top.fed_by(&page)?;
    let found = page.item::<Listed>()?;
    top.emit(record(&found))?;
    top.seal()?;
    if settings.organization.is_none() {
        climb(api, &mut tree, &found)?;
        return Ok(tree);
    }
    tree.add(&found, None, true);
    let mut beneath =
        api.open::<Resource>("all folders and projects beneath the organisation, in every state");
    let gap = descend(api, &mut tree, &mut beneath)?;
    beneath.seal()?;
    api.gap = gap;
    Ok(tree)
}

/// Adds what is above a single project, then the project.
fn climb(api: &Api<'_>, tree: &mut Tree, project: &Item<Listed>) -> Result<()> {
    let mut chain: Vec<Listed> = Vec::new();
    let mut above = project.parent.clone();
    while let Some(name) = above.take() {
        if chain.iter().any(|known| known.name == name) {
            break;
        }
        let answer = api.get(RESOURCES, &format!("/v3/{name}")).send();
        match answer.and_then(|page| page.json::<Listed>()) {
            Ok(found) => {
                above = found.parent.clone();
                chain.push(found);
            }
            Err(failure) => {
                let gap =
                    format!("what is inherited from {name} and above is not known: {}", failure.reason());
                exhibit_sdk::warn!("{gap}");
                tree.above = Some(gap);
            }
        }
    }
    let mut parent = None;
    for place in chain.iter().rev() {
        parent = Some(tree.add(place, parent, false));
    }
    tree.add(project, parent, true);
    Ok(())
}

/// Walks down level by level. Returns why some projects are not known, if so.
fn descend(api: &Api<'_>, tree: &mut Tree, beneath: &mut Wanted<Resource>) -> Result<Option<String>> {
    let mut gap = None;
    let mut seen = BTreeSet::new();
    let mut level = vec![0_usize];
    while !level.is_empty() {
        let mut next = Vec::new();
        for (kind, items, grant) in [
            ("folders", "/folders", "resourcemanager.folders.list"),
            ("projects", "/projects", "resourcemanager.projects.list"),
        ] {
            let names: Vec<(usize, String)> =
                level.iter().filter_map(|at| Some((*at, tree.places.get(*at)?.name.clone()))).collect();
            let ask = |(_, parent): &(usize, String)| {
                let list = api.list(RESOURCES, &format!("/v3/{kind}"), items);
                list.query("parent", parent).query("showDeleted", "true")
            };
            for ((parent, name), answer) in api.ctx.each(&names, ask) {
                if let Err(failure) = &answer {
                    gap.get_or_insert_with(|| {
                        format!("the {kind} in {name} are not known ({grant}): {}", failure.reason())
                    });
                }
                for page in api.passing.take(&mut [beneath], answer)? {
                    for found in beneath.items::<Listed>(&page)? {
                        beneath.emit(record(&found))?;
                        if !seen.insert(found.name.clone()) {
                            continue;
                        }
                        let at = tree.add(&found, Some(*parent), true);
                        if kind == "folders" && tree.places.get(at).is_some_and(|folder| folder.active) {
                            next.push(at);
                        }
                    }
                }
            }
        }
        level = next;
    }
    Ok(gap)
}

fn record(found: &Item<Listed>) -> Record<Resource> {
    let place = Place {
        name: found.name.clone(),
        id: String::new(),
        title: String::new(),
        parent: None,
        active: true,
        within: true,
    };
    let mut details = Details::new();
    for (name, value) in
        [("project_id", &found.project_id), ("directory_customer_id", &found.directory_customer_id)]
    {
        if let Some(value) = value {
            details.insert(name, value.as_str());
        }
    }
    let name =
        found.display_name.clone().or_else(|| found.project_id.clone()).unwrap_or_else(|| found.name.clone());
    let attributes = Resource {
        container: found.parent.clone(),
        status: found.state.clone(),
        tags: tags(&found.labels),
        created_at: instant(found.create_time.as_ref()),
        details: details.some(),
        ..Resource::new(name, place.resource_type())
    };
    let mut record = found.record(place.full_name(), attributes).subject(subject::asset(&place.full_name()));
    if found.state.is_none() {
        record = record.unknown("status");
    }
    record
}
