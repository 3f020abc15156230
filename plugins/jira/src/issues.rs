//! Issues that searches by JQL find, and their changelogs.

use crate::api::User;
use exhibit_sdk::prelude::*;

/// What is read of an issue.
pub(crate) const FIELDS: [&str; 15] = [
    "summary",
    "status",
    "issuetype",
    "project",
    "reporter",
    "assignee",
    "created",
    "resolution",
    "resolutiondate",
    "statuscategorychangedate",
    "labels",
    "issuelinks",
    "priority",
    "components",
    "updated",
];

#[derive(Debug, Deserialize)]
pub(crate) struct Issue {
    pub(crate) id: String,
    pub(crate) key: String,
    pub(crate) fields: Fields,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Fields {
    pub(crate) summary: Option<String>,
    pub(crate) status: Option<Status>,
    pub(crate) project: Option<Project>,
    pub(crate) reporter: Option<User>,
    pub(crate) assignee: Option<User>,
    pub(crate) created: Option<String>,
    pub(crate) resolution: Option<Named>,
    pub(crate) resolutiondate: Option<String>,
    pub(crate) statuscategorychangedate: Option<String>,
    #[serde(default)]
    pub(crate) labels: Vec<String>,
    #[serde(default)]
    pub(crate) issuelinks: Vec<Link>,
    pub(crate) priority: Option<Named>,
    #[serde(default)]
    pub(crate) components: Vec<Named>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    pub(crate) name: Option<String>,
    pub(crate) status_category: Option<Category>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Category {
    pub(crate) key: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Project {
    pub(crate) key: Option<String>,
    project_type_key: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Named {
    pub(crate) name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Link {
    inward_issue: Option<Linked>,
    outward_issue: Option<Linked>,
}

#[derive(Debug, Deserialize)]
struct Linked {
    key: Option<String>,
}

impl Fields {
    /// `new`, `indeterminate`, `done`: Jira's own, whatever the statuses are called.
    pub(crate) fn category(&self) -> Option<&str> {
        self.status.as_ref()?.status_category.as_ref()?.key.as_deref()
    }

    pub(crate) fn status_name(&self) -> Option<&str> {
        self.status.as_ref()?.name.as_deref()
    }

    /// Whether it is of a project of Jira Service Management, where approvals are.
    pub(crate) fn is_request(&self) -> bool {
        let project = self.project.as_ref();
        project.and_then(|project| project.project_type_key.as_deref()) == Some("service_desk")
    }

    /// Keys of issues that are linked, each once, in order.
    pub(crate) fn linked(&self) -> Vec<String> {
        let keys = self.issuelinks.iter().flat_map(|link| [&link.inward_issue, &link.outward_issue]);
        let mut keys: Vec<String> = keys.flatten().filter_map(|linked| linked.key.clone()).collect();
        keys.sort();
        keys.dedup();
        keys
    }
}

/// One change of an issue.
#[derive(Debug, Deserialize)]
pub(crate) struct History {
    pub(crate) id: String,
    pub(crate) author: Option<User>,
    pub(crate) created: Option<String>,
    #[serde(default)]
    items: Vec<Changed>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Changed {
    field: Option<String>,
    pub(crate) from_string: Option<String>,
    pub(crate) to_string: Option<String>,
}

impl History {
    /// The change of its status, if it is one.
    pub(crate) fn status(&self) -> Option<&Changed> {
        self.items.iter().find(|changed| changed.field.as_deref() == Some("status"))
    }
}

/// JQL reads instants in the time zone of whoever asks, and to the minute, but for milliseconds since 1970.
pub(crate) fn within(jql: &str, lower: &str, window: Span) -> String {
    format!(
        "({jql}) AND {lower} >= {} AND created < {} ORDER BY created ASC",
        window.start.as_ms(),
        window.end.as_ms()
    )
}
