//! Operations: what a request does, where its path does not say so.
//!
//! | written | is |
//! | --- | --- |
//! | `iam:ListUsers` | AWS query protocol (`Action` in query or form) or JSON protocol (`X-Amz-Target`) |
//! | `ec2:Describe*` | all actions that begin so |
//! | `s3:GET` | AWS service whose paths name what is done: the service and the method |
//! | `graphql:query` | a GraphQL document with queries only |
//!
//! A request is granted only if all operations that it could be read as are. See the AWS documentation of
//! the query and JSON protocols (smithy.io, AWS protocols), and the GraphQL specification.

use super::graphql;
use super::path::PathForms;
use crate::transport::Outgoing;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// Begins the operations of GraphQL.
const GRAPHQL: &str = "graphql";

/// Services that read an `Action` parameter as nothing, or as a customer's own: their method is what counts.
const PATH_SERVICES: [&str; 2] = ["s3", "execute-api"];

/// AWS's own words for actions that change nothing.
const READING_VERBS: [&str; 8] = ["Get", "List", "Describe", "Head", "Lookup", "BatchGet", "Search", "Query"];

/// One operation, or all of a service that begin with the same letters.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct OperationPattern {
    service: String,
    name: String,
    /// Whether `name` is only the beginning.
    open: bool,
}

impl OperationPattern {
    fn allows(&self, operation: &Operation) -> bool {
        self.service == operation.service
            && if self.open { operation.name.starts_with(&self.name) } else { self.name == operation.name }
    }

    fn covers(&self, other: &Self) -> bool {
        self.service == other.service
            && match (self.open, other.open) {
                (true, _) => other.name.starts_with(&self.name),
                (false, false) => self.name == other.name,
                (false, true) => false,
            }
    }
}

/// A text that is not an operation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("operation `{0}`: write service:Action (iam:ListUsers, ec2:Describe*, s3:GET) or graphql:query")]
pub struct ParseOperationError(String);

impl FromStr for OperationPattern {
    type Err = ParseOperationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let fail = || ParseOperationError(text.chars().take(80).collect());
        let (service, name) = text.split_once(':').ok_or_else(fail)?;
        let (name, open) = match name.strip_suffix('*') {
            Some(name) => (name, true),
            None => (name, false),
        };
        let service_fits = !service.is_empty()
            && service.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        let name_fits = name.bytes().all(|b| b.is_ascii_alphanumeric()) && (open || !name.is_empty());
        let known = service != GRAPHQL || matches!(name, "query" | "mutation" | "subscription") && !open;
        if service_fits && name_fits && known {
            Ok(Self { service: service.to_owned(), name: name.to_owned(), open })
        } else {
            Err(fail())
        }
    }
}

impl fmt::Display for OperationPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}{}", self.service, self.name, if self.open { "*" } else { "" })
    }
}

/// Why a list of operations means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OperationListError {
    /// Nothing in it.
    #[error("an empty list of operations allows nothing: name one, or leave the list out")]
    Empty,
    /// AWS and GraphQL together.
    #[error("operations of GraphQL and of AWS cannot be in one entry: write two entries")]
    Mixed,
    /// One that cannot be read.
    #[error(transparent)]
    Operation(#[from] ParseOperationError),
}

/// A list of operations of one family.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Operations(BTreeSet<OperationPattern>);

impl Operations {
    /// Reads a list.
    pub fn parse<'a>(list: impl IntoIterator<Item = &'a str>) -> Result<Self, OperationListError> {
        let patterns: BTreeSet<OperationPattern> =
            list.into_iter().map(str::parse).collect::<Result<_, _>>()?;
        let graphql = patterns.iter().filter(|pattern| pattern.service == GRAPHQL).count();
        match (patterns.len(), graphql) {
            (0, _) => Err(OperationListError::Empty),
            (all, some) if some > 0 && some < all => Err(OperationListError::Mixed),
            _ => Ok(Self(patterns)),
        }
    }

    fn is_graphql(&self) -> bool {
        self.0.iter().any(|pattern| pattern.service == GRAPHQL)
    }

    /// Whether every reading of the request is in the list; else why not.
    pub(super) fn check(&self, request: &Outgoing, path: &PathForms) -> Result<BTreeSet<Operation>, String> {
        let found = if self.is_graphql() { graphql_of(request)? } else { aws_of(request, path)? };
        match found.iter().find(|operation| !self.0.iter().any(|pattern| pattern.allows(operation))) {
            None => Ok(found),
            Some(operation) => Err(operation.to_string()),
        }
    }

    /// Whether this list allows all that `other` allows.
    pub(super) fn covers(&self, other: &Self) -> bool {
        other.0.iter().all(|narrow| self.0.iter().any(|wide| wide.covers(narrow)))
    }
}

impl fmt::Display for Operations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, pattern) in self.0.iter().enumerate() {
            write!(f, "{}{pattern}", if i > 0 { "," } else { "" })?;
        }
        Ok(())
    }
}

/// What one request does.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Operation {
    service: String,
    name: String,
}

impl Operation {
    /// Whether it changes nothing, by the words that AWS and GraphQL use.
    pub(super) fn reads(&self) -> bool {
        match self.service.as_str() {
            GRAPHQL => self.name == "query",
            _ => {
                matches!(self.name.as_str(), "GET" | "HEAD")
                    || READING_VERBS.iter().any(|verb| self.name.starts_with(verb))
            }
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.service, self.name)
    }
}

fn graphql_of(request: &Outgoing) -> Result<BTreeSet<Operation>, String> {
    let mut types = BTreeSet::new();
    let in_query: Vec<_> = request.url.query_pairs().filter(|(key, _)| key == "query").collect();
    for (_, document) in &in_query {
        types.extend(graphql::types_of_document(document)?);
    }
    match &request.body {
        Some(body) => types.extend(graphql::types_of_body(body)?),
        None if in_query.is_empty() => return Err("the request has no GraphQL document".to_owned()),
        None => {}
    }
    Ok(types
        .into_iter()
        .map(|name| Operation { service: GRAPHQL.to_owned(), name: name.to_owned() })
        .collect())
}

/// The service that the request is signed for, else the first label of its host; and all actions that a
/// server could find in it. Without one, or where the path counts, the method.
fn aws_of(request: &Outgoing, path: &PathForms) -> Result<BTreeSet<Operation>, String> {
    let signed_for = request
        .auth
        .as_ref()
        .and_then(|auth| auth.params.iter().find(|(key, _)| key == "service"))
        .map(|(_, service)| service.as_str());
    let host = request.url.host_str().unwrap_or_default();
    let service = signed_for.or(host.split('.').next()).unwrap_or_default().to_owned();

    let mut names: BTreeSet<String> = BTreeSet::new();
    let is_action = |key: &str| key.eq_ignore_ascii_case("Action");
    names.extend(request.url.query_pairs().filter(|(k, _)| is_action(k)).map(|(_, v)| v.into_owned()));
    let header = |name: &'static str| {
        request.headers.iter().filter(move |(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    };
    for target in header("x-amz-target") {
        let action = target.rsplit('.').next().unwrap_or_default();
        names.insert(action.trim().to_owned());
    }
    // Whatever the content type says: a server may look for a form in any body.
    if let Some(body) = &request.body {
        let form = url::form_urlencoded::parse(body);
        names.extend(form.filter(|(key, _)| is_action(key)).map(|(_, v)| v.into_owned()));
    }
    if let Some(odd) = names.iter().find(|n| n.is_empty() || !n.bytes().all(|b| b.is_ascii_alphanumeric())) {
        return Err(format!("the action `{}` is not a name", odd.escape_debug()));
    }
    let by_path = !path.is_root()
        || PATH_SERVICES.contains(&service.as_str())
        || !matches!(request.method.as_str(), "GET" | "POST");
    if by_path || names.is_empty() {
        names.insert(request.method.clone());
    }
    Ok(names.into_iter().map(|name| Operation { service: service.clone(), name }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use exhibit_evidence::fetch::AuthRef;
    use url::Url;

    fn request(
        method: &str,
        url: &str,
        service: Option<&str>,
        target: Option<&str>,
        body: Option<&str>,
    ) -> Outgoing {
        Outgoing {
            method: method.into(),
            url: Url::parse(url).unwrap(),
            headers: target
                .map(|t| {
                    vec![
                        ("X-Amz-Target".to_owned(), t.to_owned()),
                        ("Content-Type".to_owned(), "application/x-amz-json-1.1".to_owned()),
                    ]
                })
                .unwrap_or_default(),
            body: body.map(Into::into),
            auth: service.map(|s| AuthRef { slot: "aws".into(), params: vec![("service".into(), s.into())] }),
        }
    }

    fn check(list: &[&str], request: &Outgoing) -> Result<(), String> {
        let path = PathForms::of(&request.url).unwrap();
        Operations::parse(list.iter().copied()).unwrap().check(request, &path).map(|_| ())
    }

    #[test]
    fn aws_actions_are_found_wherever_they_are() {
        let iam = "https://iam.amazonaws.com/";
        let list = ["iam:ListUsers", "ec2:Describe*", "cloudtrail:DescribeTrails"];
        let ok = |r: &Outgoing| check(&list, r).is_ok();
        assert!(ok(&request("POST", iam, Some("iam"), None, Some("Action=ListUsers&Version=2010-05-08"))));
        assert!(ok(&request("GET", "https://iam.amazonaws.com/?Action=ListUsers", None, None, None)));
        assert!(ok(&request(
            "POST",
            "https://ec2.eu-west-1.amazonaws.com/",
            None,
            None,
            Some("Action=DescribeVolumes")
        )));
        let target = Some("com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101.DescribeTrails");
        assert!(ok(&request(
            "POST",
            "https://cloudtrail.eu-west-1.amazonaws.com/",
            Some("cloudtrail"),
            target,
            Some("{}")
        )));

        let denied = check(&list, &request("POST", iam, Some("iam"), None, Some("Action=CreateUser")));
        assert_eq!(denied, Err("iam:CreateUser".to_owned()));
        for (why, sly) in [
            (
                "two actions in one form",
                request("POST", iam, Some("iam"), None, Some("Action=ListUsers&Action=CreateUser")),
            ),
            (
                "query and form",
                request(
                    "POST",
                    "https://iam.amazonaws.com/?Action=ListUsers",
                    None,
                    None,
                    Some("Action=CreateUser"),
                ),
            ),
            (
                "encoded key",
                request(
                    "POST",
                    "https://iam.amazonaws.com/?Action=ListUsers",
                    None,
                    None,
                    Some("%41ction=CreateUser"),
                ),
            ),
            ("no action", request("POST", iam, Some("iam"), None, None)),
            (
                "the action of another service",
                request("POST", iam, Some("iam"), None, Some("Action=DescribeVolumes")),
            ),
            (
                "a decoy on a path",
                request("DELETE", "https://iam.amazonaws.com/x?Action=ListUsers", None, None, None),
            ),
            (
                "target and form",
                request(
                    "POST",
                    "https://iam.amazonaws.com/?Action=CreateUser",
                    None,
                    Some("X.ListUsers"),
                    Some("{}"),
                ),
            ),
        ] {
            assert!(check(&list, &sly).is_err(), "{why}");
        }
    }

    #[test]
    fn services_with_paths_go_by_method() {
        let s3 = "https://s3.eu-west-1.amazonaws.com/bucket?encryption";
        assert!(check(&["s3:GET"], &request("GET", s3, Some("s3"), None, None)).is_ok());
        assert_eq!(check(&["s3:GET"], &request("PUT", s3, Some("s3"), None, None)), Err("s3:PUT".into()));
        let decoy =
            request("POST", "https://s3.amazonaws.com/?delete&Action=ListBuckets", Some("s3"), None, None);
        assert_eq!(check(&["s3:ListBuckets"], &decoy), Err("s3:POST".into()));
        let backup = "https://backup.eu-west-1.amazonaws.com/backup/plans/";
        assert!(check(&["backup:GET"], &request("GET", backup, None, None, None)).is_ok());
    }

    #[test]
    fn graphql_queries_only() {
        let url = "https://api.github.com/graphql";
        let post = |body: &str| request("POST", url, None, None, Some(body));
        assert!(check(&["graphql:query"], &post(r#"{"query":"{ viewer { login } }"}"#)).is_ok());
        let denied = check(&["graphql:query"], &post(r#"{"query":"mutation { x }"}"#));
        assert_eq!(denied, Err("graphql:mutation".into()));
        assert!(check(&["graphql:query"], &request("GET", url, None, None, None)).is_err());
        let sly =
            request("POST", &format!("{url}?query=mutation{{x}}"), None, None, Some(r#"{"query":"{a}"}"#));
        assert!(check(&["graphql:query"], &sly).is_err());
    }

    #[test]
    fn lists() {
        let parse = |list: &[&str]| Operations::parse(list.iter().copied());
        for bad in [
            &["ListUsers"][..],
            &["iam:"],
            &["IAM:List"],
            &["*:List"],
            &["iam:Li*st"],
            &["graphql:que*"],
            &[],
        ] {
            assert!(parse(bad).is_err(), "{bad:?}");
        }
        assert_eq!(parse(&["graphql:query", "iam:ListUsers"]), Err(OperationListError::Mixed));
        let wide = parse(&["iam:List*", "iam:GetUser"]).unwrap();
        assert!(wide.covers(&parse(&["iam:ListUsers", "iam:GetUser"]).unwrap()));
        assert!(
            !wide.covers(&parse(&["iam:Get*"]).unwrap()) && !wide.covers(&parse(&["sts:ListUsers"]).unwrap())
        );
        assert_eq!(wide.to_string(), "iam:GetUser,iam:List*");
    }
}
