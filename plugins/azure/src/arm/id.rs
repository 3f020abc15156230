//! Names of things in Azure: `/subscriptions/S/resourceGroups/G/providers/Microsoft.Sql/servers/N`.
//!
//! Upper and lower case do not matter in them, and services write them as they like, so a record is named in lower case:
//! <https://learn.microsoft.com/en-us/azure/azure-resource-manager/management/resource-name-rules>. A request needs one
//! spelling of it, or it would not be the one that was approved.

use exhibit_sdk::prelude::*;

/// The name of a record.
pub(super) fn key(id: &str) -> String {
    format!("/{}", id.trim_matches('/').to_lowercase())
}

/// What `id` is a part of: the subscription, else what stands first.
pub(super) fn container(id: &str) -> String {
    let key = key(id);
    key.split('/').take(3).collect::<Vec<_>>().join("/")
}

/// The resource group that `id` is in.
pub(super) fn group(id: &str) -> Option<String> {
    let key = key(id);
    let mut parts = key.split('/');
    parts.find(|part| *part == "resourcegroups")?;
    parts.next().map(str::to_owned)
}

/// The last part, as it is written.
pub(super) fn last(id: &str) -> &str {
    id.trim_end_matches('/').rsplit('/').next().unwrap_or(id)
}

/// The path to ask for, where `id` is a resource of this type (`Microsoft.Sql/servers/databases`) in a resource group.
pub(super) fn path(id: &str, kind: &str) -> Option<String> {
    let parts: Vec<&str> = id.trim_matches('/').split('/').collect();
    if parts.iter().any(|part| matches!(*part, "" | "." | "..")) {
        return None;
    }
    let (head, rest) = parts.split_at_checked(6)?;
    let mut kinds = kind.split('/');
    let provider = kinds.next()?;
    let fits = [(0, "subscriptions"), (2, "resourcegroups"), (4, "providers"), (5, provider)];
    if !fits.iter().all(|(at, word)| head.get(*at).is_some_and(|part| part.eq_ignore_ascii_case(word))) {
        return None;
    }
    let (subscription, group) = (encode(head.get(1)?), encode(head.get(3)?));
    let mut path = format!("/subscriptions/{subscription}/resourceGroups/{group}/providers/{provider}");
    let mut rest = rest.iter();
    for kind in kinds {
        if !rest.next()?.eq_ignore_ascii_case(kind) {
            return None;
        }
        path = format!("{path}/{kind}/{}", encode(rest.next()?));
    }
    rest.next().is_none().then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_an_id() {
        let id = "/subscriptions/S/resourcegroups/My Group/providers/microsoft.sql/servers/One/databases/Two";
        assert_eq!(
            path(id, "Microsoft.Sql/servers/databases").as_deref(),
            Some(
                "/subscriptions/S/resourceGroups/My%20Group/providers/Microsoft.Sql/servers/One/databases/Two"
            )
        );
        assert_eq!(path(id, "Microsoft.Sql/servers"), None);
        assert_eq!(path("/subscriptions/S", "Microsoft.Sql/servers"), None);
        assert_eq!((container(id).as_str(), group(id).as_deref()), ("/subscriptions/s", Some("my group")));
        assert_eq!((last(id), key("Subscriptions/S/").as_str()), ("Two", "/subscriptions/s"));
        assert_eq!(group("/subscriptions/S"), None);
        // What would lead elsewhere stays where it is.
        let odd = |group: &str| {
            path(
                &format!("/subscriptions/S/resourceGroups/{group}/providers/Microsoft.Sql/servers/x#y"),
                "Microsoft.Sql/servers",
            )
        };
        assert_eq!(
            odd("a?b").as_deref(),
            Some("/subscriptions/S/resourceGroups/a%3Fb/providers/Microsoft.Sql/servers/x%23y")
        );
        assert_eq!((odd(".."), odd("")), (None, None));
    }
}
