//! The list of repositories, read once: each page of it is handed to all that is asked of every repository.

use crate::api::Api;
use exhibit_sdk::kinds::Visibility;
use exhibit_sdk::prelude::*;
use serde::de::IgnoredAny;
use std::ops::Deref;

/// A repository, as the organisation's list has it.
#[derive(Debug, Deserialize)]
pub(crate) struct Repo {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) full_name: String,
    pub(crate) default_branch: Option<String>,
    pub(crate) visibility: Option<String>,
    pub(crate) private: Option<bool>,
    pub(crate) archived: Option<bool>,
    pub(crate) disabled: Option<bool>,
    pub(crate) fork: Option<bool>,
    pub(crate) has_issues: Option<bool>,
    pub(crate) created_at: Option<String>,
    #[serde(default)]
    pub(crate) topics: Vec<String>,
    pub(crate) security_and_analysis: Option<Analysis>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Analysis {
    pub(crate) advanced_security: Option<Feature>,
    pub(crate) secret_scanning: Option<Feature>,
    pub(crate) secret_scanning_push_protection: Option<Feature>,
    pub(crate) dependabot_security_updates: Option<Feature>,
}

/// A feature that is switched on or off.
#[derive(Debug, Deserialize)]
pub(crate) struct Feature {
    status: Option<String>,
}

impl Feature {
    pub(crate) fn enabled(&self) -> Option<bool> {
        match self.status.as_deref() {
            Some("enabled") => Some(true),
            Some("disabled") => Some(false),
            _ => None,
        }
    }
}

impl Repo {
    /// A path below the repository's.
    pub(crate) fn path(&self, rest: &str) -> String {
        let (owner, name) = self.full_name.split_once('/').unwrap_or((&self.full_name, &self.name));
        format!("/repos/{}/{}{rest}", encode(owner), encode(name))
    }

    pub(crate) fn visibility(&self) -> Option<Visibility> {
        match self.visibility.as_deref() {
            Some("public") => Some(Visibility::Public),
            Some("internal") => Some(Visibility::Internal),
            Some("private") => Some(Visibility::Private),
            Some(_) => None,
            // Enterprise Server of old says only whether it is private, which internal ones are too.
            None => (self.private == Some(false)).then_some(Visibility::Public),
        }
    }
}

/// A repository, and where it stood in the list. Reads like the repository itself.
pub(crate) struct Known {
    repo: Repo,
    pub(crate) origin: Origin,
}

impl Deref for Known {
    type Target = Repo;

    fn deref(&self) -> &Repo {
        &self.repo
    }
}

/// Something that is asked of every repository.
pub(crate) trait Part {
    /// What it fills.
    fn population(&mut self) -> &mut dyn Feed;

    /// Whether its records cite repositories: then their list feeds it. Else lists of each repository do, and that one
    /// only where there is no repository to ask.
    fn cites_repositories(&self) -> bool {
        false
    }

    /// Asks what does not depend on a repository: once, before the first page is taken.
    fn begin(&mut self) -> Result<()> {
        Ok(())
    }

    /// Takes one page of the list, and the repositories of it that are asked about.
    fn take(&mut self, page: &Listed<'_>) -> Result<()>;

    /// The list of repositories has ended.
    fn seal(self: Box<Self>) -> Result<()>;
}

/// One page of the list.
pub(crate) struct Listed<'a> {
    pub(crate) page: &'a Page,
    /// Repositories that are asked about.
    pub(crate) repos: &'a [Known],
    /// Others, which the settings leave out.
    pub(crate) left_out: u64,
    /// In a shape that cannot be read.
    pub(crate) unread: u64,
}

/// Why a repository is not asked about.
const LEFT_OUT: &str = "a repository that is not among those of the settings";

impl Listed<'_> {
    /// Has a part take the page.
    fn hand_to(&self, part: &mut dyn Part) -> Result<()> {
        if part.cites_repositories() {
            part.population().fed_by(self.page)?;
            part.population().filtered(self.left_out, LEFT_OUT)?;
        }
        if self.unread > 0 {
            part.population().incomplete(&format!("{} repositories that cannot be read", self.unread));
        }
        part.take(self)
    }

    /// One request for each repository, answered in their order.
    pub(crate) fn ask<'s>(
        &'s self,
        api: &'s Api<'_>,
        request: impl Fn(&Repo) -> Request + 's,
    ) -> impl Iterator<Item = (&'s Known, Result<Vec<Page>>)> + 's {
        self.repos.iter().zip(api.ctx.send_all(self.repos.iter().map(move |repo| request(repo))))
    }
}

/// Reads the list, hands it to the parts, and seals them. A part that fails costs no other.
pub(crate) fn collect<'a>(api: &'a Api<'a>, parts: Vec<Box<dyn Part + 'a>>) -> Result<()> {
    if parts.is_empty() {
        return Ok(());
    }
    let mut parts: Vec<Result<Box<dyn Part + 'a>>> = parts.into_iter().map(Ok).collect();
    let list = api.list(&api.org("/repos?type=all&sort=created&direction=asc"));
    let (mut first, mut asked, mut skipped) = (None, 0, 0);
    let mut begun = false;
    for page in list.pages() {
        let begins = !std::mem::replace(&mut begun, true);
        match page {
            Ok(page) => {
                let (repos, unread) = readable(&page)?;
                let total = repos.len();
                let repos: Vec<Known> = repos.into_iter().filter(|repo| is_asked(api, repo)).collect();
                let left_out = (total - repos.len()) as u64;
                let listed = Listed { page: &page, repos: &repos, left_out, unread };
                each(&mut parts, |part| {
                    if begins {
                        part.begin()?;
                    }
                    listed.hand_to(part)
                });
                asked += repos.len();
                skipped += left_out;
                first.get_or_insert(page);
            }
            Err(failure) if failure.is_forbidden() || failure.is_not_found() => each(&mut parts, |part| {
                if begins {
                    part.begin()?;
                }
                part.population().withheld(&failure)
            }),
            Err(failure) => return Err(failure),
        }
    }
    if let Some(first) = first.filter(|_| asked == 0) {
        each(&mut parts, |part| match part.cites_repositories() {
            true => Ok(()),
            false => {
                part.population().fed_by(&first)?;
                part.population().filtered(skipped, LEFT_OUT)
            }
        });
    }
    exhibit_sdk::all(parts.into_iter().map(|part| part.and_then(Part::seal)))
}

fn each<'a>(parts: &mut [Result<Box<dyn Part + 'a>>], mut act: impl FnMut(&mut dyn Part) -> Result<()>) {
    for slot in parts {
        if let Ok(part) = slot
            && let Err(failure) = act(part.as_mut())
        {
            *slot = Err(failure);
        }
    }
}

/// An item of the list that may have a shape of its own.
#[derive(Deserialize)]
#[serde(untagged)]
enum Listing {
    Repo(Box<Repo>),
    Other(IgnoredAny),
}

/// The repositories of a page, and how many are in a shape that cannot be read.
fn readable(page: &Page) -> Result<(Vec<Known>, u64)> {
    let mut unread = 0;
    let mut repos = Vec::new();
    for item in page.items::<Listing>()? {
        let origin = item.origin().clone();
        match item.into_value() {
            Listing::Repo(repo) => repos.push(Known { repo: *repo, origin }),
            Listing::Other(_) => {
                exhibit_sdk::warn!("{}: what stands at {} is no repository", page.asked(), origin.pointer());
                unread += 1;
            }
        }
    }
    Ok((repos, unread))
}

fn is_asked(api: &Api<'_>, repo: &Repo) -> bool {
    let named = &api.settings.repositories;
    named.is_empty() || named.iter().any(|name| name.eq_ignore_ascii_case(&repo.name))
}
