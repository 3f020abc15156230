//! Links of a ticket to what is elsewhere, and which of them are merges that carry it out.
//!
//! What Jira's development panel shows has no public interface, so merges are known where they, or a commit, are linked
//! to the ticket by a remote link; a ticket without one may well have some.
//! <https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-remote-links/>

use exhibit_sdk::prelude::*;
use std::collections::BTreeSet;

#[derive(Debug, Deserialize)]
struct Link {
    object: Option<Object>,
}

#[derive(Debug, Deserialize)]
struct Object {
    url: Option<String>,
}

/// The addresses of pull requests and commits among a ticket's links, each once, in order.
pub(crate) fn merges(pages: &[Page]) -> Result<BTreeSet<String>> {
    let mut merges = BTreeSet::new();
    for page in pages {
        let links = page.items::<Link>()?;
        let addresses = links.iter().filter_map(|link| link.object.as_ref()?.url.as_deref());
        merges.extend(addresses.filter_map(merge));
    }
    Ok(merges)
}

/// The address of a pull request or commit, up to its number: GitHub `/pull/7`, GitLab `/merge_requests/7`, Bitbucket
/// `/pull-requests/7`, Azure DevOps `/pullrequest/7`, and `/commit/` or `/commits/` with a digest.
fn merge(url: &str) -> Option<String> {
    let bare = url.split(['?', '#']).next()?;
    let (scheme, rest) = bare.split_once("://").filter(|(scheme, _)| matches!(*scheme, "https" | "http"))?;
    let segments: Vec<&str> = rest.split('/').collect();
    // The host, and whose repository it is, come before.
    let at = (2..segments.len()).find(|at| match (segments[at - 1], segments[*at]) {
        ("pull" | "merge_requests" | "pull-requests" | "pullrequest", number) => {
            !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())
        }
        ("commit" | "commits", digest) => {
            (7..=64).contains(&digest.len()) && digest.bytes().all(|b| b.is_ascii_hexdigit())
        }
        _ => false,
    })?;
    Some(format!("{scheme}://{}", segments[..=at].join("/")))
}

#[cfg(test)]
mod tests {
    use super::merge;

    /// Addresses as each vendor's own pages write them.
    #[test]
    fn merges_are_told_from_other_pages() {
        for (url, of) in [
            ("https://github.com/example/shop/pull/7/files#diff", "https://github.com/example/shop/pull/7"),
            (
                "https://gitlab.example.com/a/b/c/-/merge_requests/12?tab=x",
                "https://gitlab.example.com/a/b/c/-/merge_requests/12",
            ),
            (
                "https://bitbucket.org/example/shop/pull-requests/3",
                "https://bitbucket.org/example/shop/pull-requests/3",
            ),
            (
                "https://dev.azure.com/example/p/_git/shop/pullrequest/44",
                "https://dev.azure.com/example/p/_git/shop/pullrequest/44",
            ),
            (
                "https://github.com/example/shop/commit/0123456789abcdef0123456789abcdef01234567",
                "https://github.com/example/shop/commit/0123456789abcdef0123456789abcdef01234567",
            ),
        ] {
            assert_eq!(merge(url).as_deref(), Some(of));
        }
        for url in [
            "https://github.com/example/shop/pulls",
            "https://github.com/example/shop/pull/new",
            "https://wiki.example.com/pull/",
            "https://github.com/example/shop/commits/main",
            "ssh://git@example.com/a/pull/7",
            "pull/7",
            "",
        ] {
            assert_eq!(merge(url), None, "{url}");
        }
    }
}
