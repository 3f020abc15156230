//! Walks over scripted servers: the vendors' documented answers, the ways in which a list must not end, and
//! every scheme against lists of every length.

use super::Paging;
use super::walker::{Page, Walker};
use crate::transport::Outgoing;
use exhibit_evidence::digest::Digest;
use exhibit_evidence::exchange::{Stop, Walk, WalkId};
use exhibit_evidence::fetch::FetchError;
use proptest::prelude::*;

struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

fn ok(body: impl Into<String>) -> Answer {
    Answer { status: 200, headers: Vec::new(), body: body.into().into_bytes() }
}

impl Answer {
    fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

struct Outcome {
    walk: Walk,
    asked: Vec<Outgoing>,
    error: Option<FetchError>,
}

impl Outcome {
    fn urls(&self) -> Vec<&str> {
        self.asked.iter().map(|request| request.url.as_str()).collect()
    }

    fn bodies(&self) -> Vec<String> {
        let text = |r: &Outgoing| String::from_utf8(r.body.clone().unwrap_or_default()).unwrap();
        self.asked.iter().map(text).collect()
    }

    /// The guard's reason, which the guest was told, too.
    fn guard(&self) -> &str {
        let Stop::Guard { reason } = &self.walk.stop else { panic!("{:?}", self.walk.stop) };
        let error = self.error.as_ref().expect("a guard is an error");
        assert_eq!(error.code, "paging");
        assert!(error.message.contains(reason), "{error}");
        reason
    }
}

fn request(url: &str, body: Option<&str>) -> Outgoing {
    let method = if body.is_some() { "POST" } else { "GET" }.to_owned();
    let body = body.map(|body| body.as_bytes().to_vec());
    Outgoing { method, url: url.parse().unwrap(), headers: vec![], body, auth: None }
}

fn run(scheme: &str, first: Outgoing, mut server: impl FnMut(&Outgoing) -> Answer) -> Outcome {
    let paging = (!scheme.is_empty()).then(|| Paging::parse(scheme).unwrap());
    let list = format!("{} {}", first.method, first.url);
    let mut walker = Walker::new(WalkId { call: 7, index: 1 }, first, list, paging, 50);
    let (mut asked, mut error) = (Vec::new(), None);
    loop {
        let answer = match walker.ask() {
            Ok(None) => break,
            Err(e) => {
                error = Some(e);
                continue;
            }
            Ok(Some((id, request))) => {
                assert_eq!((id.call, id.index, id.page as usize), (7, 1, asked.len()));
                asked.push(request.clone());
                server(request)
            }
        };
        let Answer { status, headers, body } = answer;
        let digest = Digest::of(&body);
        walker.answered(&Page { status, headers: &headers, body: &body, digest, redacted: false });
    }
    Outcome { walk: walker.walk().clone(), asked, error }
}

fn get(scheme: &str, url: &str, server: impl FnMut(&Outgoing) -> Answer) -> Outcome {
    run(scheme, request(url, None), server)
}

fn query(request: &Outgoing, name: &str) -> Option<String> {
    request.url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// Okta sends `self` and `next` as two headers of one name ("Core Okta API", link headers).
#[test]
fn okta_users_follow_the_next_link() {
    let url = "https://example.okta.com/api/v1/users?limit=2";
    let out = get(r#"{"scheme":"link-header","items":""}"#, url, |request| {
        let this = format!("<{}>; rel=\"self\"", request.url);
        match query(request, "after").as_deref() {
            None => ok(r#"[{"id":"1"},{"id":"2"}]"#).header("link", &this).header(
                "link",
                "<https://example.okta.com/api/v1/users?after=200u7yq5goxNFTiMjW1d7&limit=2>; rel=\"next\"",
            ),
            Some(_) => ok(r#"[{"id":"3"}]"#).header("link", &this),
        }
    });
    assert_eq!(out.walk.stop, Stop::End);
    assert_eq!((out.walk.pages, out.walk.received), (2, Some(3)));
    assert_eq!(out.walk.received_by_page, [2, 1]);
    assert_eq!(out.urls()[1], "https://example.okta.com/api/v1/users?after=200u7yq5goxNFTiMjW1d7&limit=2");
    assert_eq!((out.walk.scheme.as_str(), out.walk.items.as_deref()), ("link-header", Some("")));
}

/// The System Log gives a next link even at its end.
#[test]
fn the_system_log_ends_on_an_empty_page() {
    let url = "https://example.okta.com/api/v1/logs?limit=2";
    let mut left = vec!["[]", r#"[{"uuid":"c"}]"#, r#"[{"uuid":"a"},{"uuid":"b"}]"#];
    let out = get(r#"{"scheme":"link-header","items":"","end_on_empty":true}"#, url, |_| {
        let next = format!("<https://example.okta.com/api/v1/logs?after={}>; rel=\"next\"", left.len());
        ok(left.pop().unwrap()).header("link", &next)
    });
    assert_eq!((out.walk.stop, out.walk.received_by_page), (Stop::End, vec![2, 1, 0]));
}

#[test]
fn relative_next_links_are_resolved() {
    let out = get(r#"{"scheme":"link-header"}"#, "https://a.example/x/list?p=1", |request| {
        let answer = ok(format!("page {:?}", query(request, "p")));
        if query(request, "p").as_deref() == Some("1") {
            answer.header("link", "<list?p=2#top>; rel=next")
        } else {
            answer
        }
    });
    assert_eq!(out.urls(), ["https://a.example/x/list?p=1", "https://a.example/x/list?p=2"]);
    assert_eq!((out.walk.stop, out.walk.received), (Stop::End, None));
}

/// `GET /rest/api/3/search/jql`: nextPageToken is absent on the last page.
#[test]
fn jira_tokens_end_with_is_last() {
    let scheme = r#"{"scheme":"cursor","read":{"pointer":"/nextPageToken"},"write":{"query":"nextPageToken"},"last":{"pointer":"/isLast"},"items":"/issues"}"#;
    let url = "https://example.atlassian.net/rest/api/3/search/jql?jql=project%20%3D%20SEC";
    let out = get(scheme, url, |request| match query(request, "nextPageToken") {
        None => ok(r#"{"issues":[{"id":"1"}],"nextPageToken":"CAEaAggD==","isLast":false}"#),
        Some(token) => {
            assert_eq!(token, "CAEaAggD==");
            ok(r#"{"issues":[{"id":"2"}],"isLast":true}"#)
        }
    });
    assert_eq!((out.walk.stop.clone(), out.walk.received), (Stop::End, Some(2)));
    assert_eq!(
        out.urls()[1],
        "https://example.atlassian.net/rest/api/3/search/jql?jql=project%20%3D%20SEC&nextPageToken=CAEaAggD%3D%3D"
    );
}

/// Jira gives fewer than asked for: the next offset follows from what came.
#[test]
fn offsets_follow_what_came_and_not_what_was_asked() {
    let scheme = r#"{"scheme":"offset","query":"startAt","limit_query":"maxResults","limit":50,"total":"/total","items":"/values"}"#;
    let out = get(scheme, "https://example.atlassian.net/rest/api/3/project/search", |request| {
        assert_eq!(query(request, "maxResults").as_deref(), Some("50"));
        match query(request, "startAt").as_deref() {
            None => ok(r#"{"total":5,"values":[1,2]}"#),
            Some("2") => ok(r#"{"total":5,"values":[3,4]}"#),
            Some("4") => ok(r#"{"total":5,"values":[5]}"#),
            other => panic!("startAt={other:?}"),
        }
    });
    assert_eq!((out.walk.stop, out.walk.received, out.walk.source_total), (Stop::End, Some(5), Some(5)));
}

/// The policy issues of Pulumi Cloud are asked for as a grid in a web page does; `rowCount` is of the whole list.
#[test]
fn rows_follow_what_came_and_are_asked_for_in_the_body() {
    let scheme = r#"{"scheme":"rows","start":"/startRow","end":"/endRow","total":"/rowCount","items":"/policyIssues"}"#;
    let url = "https://api.pulumi.com/api/orgs/example/policyresults/issues";
    let first = |body| request(url, Some(body));
    let out = run(scheme, first(r#"{"startRow":0,"endRow":2,"sortModel":[]}"#), |request| {
        let body: serde_json::Value = serde_json::from_slice(request.body.as_deref().unwrap()).unwrap();
        let start = body["startRow"].as_u64().unwrap();
        // It gives one row at most, whatever it is asked for.
        ok(format!(r#"{{"rowCount":3,"policyIssues":[{start}]}}"#))
    });
    assert_eq!(
        (out.walk.stop.clone(), out.walk.received, out.walk.source_total),
        (Stop::End, Some(3), Some(3))
    );
    assert_eq!(
        out.bodies()[1..],
        [r#"{"endRow":3,"sortModel":[],"startRow":1}"#, r#"{"endRow":4,"sortModel":[],"startRow":2}"#]
    );
    let none = run(scheme, first(r#"{"startRow":0,"endRow":2}"#), |_| ok(r#"{"policyIssues":[]}"#));
    assert_eq!((none.walk.stop, none.walk.received), (Stop::End, Some(0)));
    for (body, part) in [
        (r#"{"startRow":0}"#, "should have the number of a row at `/endRow`"),
        (r#"{"startRow":"0","endRow":2}"#, "should have the number of a row at `/startRow`"),
        (r#"{"startRow":2,"endRow":2}"#, "rows 2 to 2, which are none"),
    ] {
        let out = run(scheme, first(body), |_| ok(r#"{"rowCount":3,"policyIssues":[1]}"#));
        assert!(out.guard().contains(part), "{}", out.guard());
    }
}

/// The answers that AWS documents for IAM ListUsers with Marker and IsTruncated.
#[test]
fn iam_markers_go_into_the_form() {
    let scheme = r#"{"scheme":"cursor","read":{"xml":"/ListUsersResponse/ListUsersResult/Marker"},"write":{"form":"Marker"},"more":{"xml":"/ListUsersResponse/ListUsersResult/IsTruncated"},"items":"/ListUsersResponse/ListUsersResult/Users/member"}"#;
    let page = |users: &str, rest: &str| {
        ok(format!(
            r#"<ListUsersResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><ListUsersResult><Users>{users}</Users>{rest}</ListUsersResult></ListUsersResponse>"#
        ))
    };
    let first = request("https://iam.amazonaws.com/", Some("Action=ListUsers&Version=2010-05-08"));
    let mut pages = vec![
        page("<member><UserName>Cy</UserName></member>", "<IsTruncated>false</IsTruncated>"),
        page(
            "<member><UserName>Al</UserName></member><member><UserName>Bo</UserName></member>",
            "<IsTruncated>true</IsTruncated><Marker>AAYBbc/+=&amp;x</Marker>",
        ),
    ];
    let out = run(scheme, first, |_| pages.pop().unwrap());
    assert_eq!((out.walk.stop.clone(), out.walk.received_by_page.clone()), (Stop::End, vec![2, 1]));
    assert_eq!(out.bodies()[1], "Action=ListUsers&Version=2010-05-08&Marker=AAYBbc%2F%2B%3D%26x");
}

/// AWS JSON protocol: KMS, Config and others carry the token in the body.
#[test]
fn aws_json_tokens_go_into_the_body() {
    let scheme = r#"{"scheme":"cursor","read":{"pointer":"/NextMarker"},"write":{"json":"/Marker"},"more":{"pointer":"/Truncated"},"items":"/Keys"}"#;
    let first = request("https://kms.eu-west-1.amazonaws.com/", Some(r#"{"Limit":2}"#));
    let mut pages = vec![
        ok(r#"{"Keys":[{"KeyId":"c"}],"Truncated":false}"#),
        ok(r#"{"Keys":[{"KeyId":"a"},{"KeyId":"b"}],"Truncated":true,"NextMarker":"AE\u002f1"}"#),
    ];
    let out = run(scheme, first, |_| pages.pop().unwrap());
    assert_eq!((out.walk.stop.clone(), out.walk.received), (Stop::End, Some(3)));
    assert_eq!(out.bodies()[1], r#"{"Limit":2,"Marker":"AE/1"}"#);
}

/// S3 ListObjectsV2 documents NextContinuationToken and `continuation-token`; the objects lie under the root.
#[test]
fn s3_continuation_tokens_go_into_the_query() {
    let scheme = r#"{"scheme":"cursor","read":{"xml":"/ListBucketResult/NextContinuationToken"},"write":{"query":"continuation-token"},"more":{"xml":"/ListBucketResult/IsTruncated"},"items":"/ListBucketResult/Contents"}"#;
    let url = "https://logs.s3.eu-west-1.amazonaws.com/?list-type=2";
    let out = get(scheme, url, |request| match query(request, "continuation-token").as_deref() {
        None => ok(
            "<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>a</Key></Contents><NextContinuationToken>1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=</NextContinuationToken></ListBucketResult>",
        ),
        Some("1ueGcxLPRx1Tr/XYExHnhbYLgveDs2J/wm36Hy4vbOwM=") => {
            ok("<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
        }
        other => panic!("{other:?}"),
    });
    assert_eq!((out.walk.stop, out.walk.received_by_page), (Stop::End, vec![1, 0]));
}

/// OData 4.0, as Microsoft Graph and Azure answer.
#[test]
fn odata_next_links_are_followed() {
    let scheme =
        r#"{"scheme":"next-url","pointer":"/@odata.nextLink","items":"/value","total":"/@odata.count"}"#;
    let out = get(
        scheme,
        "https://graph.microsoft.com/v1.0/users?$top=2&$count=true",
        |request| match query(request, "$skiptoken") {
            None => ok(
                "\u{feff}{\"@odata.count\":3,\"@odata.nextLink\":\"https://graph.microsoft.com/v1.0/users?$top=2&$skiptoken=RFNw\",\"value\":[{\"id\":\"1\"},{\"id\":\"2\"}]}",
            ),
            Some(_) => ok(r#"{"value":[{"id":"3"}]}"#),
        },
    );
    assert_eq!((out.walk.stop, out.walk.received, out.walk.source_total), (Stop::End, Some(3), Some(3)));
}

#[test]
fn page_numbers_end_at_the_stated_page() {
    let scheme = r#"{"scheme":"page-number","query":"page","pages":"/result_info/total_pages","total":"/result_info/total_count","items":"/result"}"#;
    let out = get(scheme, "https://api.cloudflare.com/client/v4/zones", |request| {
        let page = query(request, "page").unwrap_or("1".into());
        ok(format!(
            r#"{{"result":[{page}],"result_info":{{"page":{page},"total_pages":3,"total_count":3}}}}"#
        ))
    });
    assert_eq!((out.walk.stop.clone(), out.walk.received), (Stop::End, Some(3)));
    assert_eq!(out.urls()[2], "https://api.cloudflare.com/client/v4/zones?page=3");
}

#[test]
fn graphql_cursors_go_into_the_variables() {
    let scheme = r#"{"scheme":"cursor","read":{"pointer":"/data/org/m/pageInfo/endCursor"},"write":{"graphql":"after"},"more":{"pointer":"/data/org/m/pageInfo/hasNextPage"},"items":"/data/org/m/nodes"}"#;
    let first = request("https://api.github.com/graphql", Some(r#"{"query":"q","variables":{"org":"o"}}"#));
    let mut pages = vec![
        ok(
            r#"{"data":{"org":{"m":{"nodes":[3],"pageInfo":{"hasNextPage":false,"endCursor":"Y3Vyc29yOjI="}}}}}"#,
        ),
        ok(
            r#"{"data":{"org":{"m":{"nodes":[1,2],"pageInfo":{"hasNextPage":true,"endCursor":"Y3Vyc29yOjE="}}}}}"#,
        ),
    ];
    let out = run(scheme, first, |_| pages.pop().unwrap());
    assert_eq!((out.walk.stop.clone(), out.walk.received), (Stop::End, Some(3)));
    assert_eq!(out.bodies()[1], r#"{"query":"q","variables":{"after":"Y3Vyc29yOjE=","org":"o"}}"#);
}

/// GitLab: `x-next-page` is empty on the last page.
#[test]
fn header_cursors_end_when_empty() {
    let scheme = r#"{"scheme":"cursor","read":{"header":"X-Next-Page"},"write":{"query":"page"},"items":""}"#;
    let out = get(scheme, "https://gitlab.example.com/api/v4/users?page=1", |request| {
        let first = query(request, "page").as_deref() == Some("1");
        ok(if first { "[1]" } else { "[2]" }).header("x-next-page", if first { "2" } else { "" })
    });
    assert_eq!((out.walk.stop.clone(), out.asked.len()), (Stop::End, 2));
    assert_eq!(out.urls()[1], "https://gitlab.example.com/api/v4/users?page=2");
}

#[test]
fn a_single_page_is_counted_and_stays_the_connectors_word() {
    let out = get(r#"{"scheme":"single","items":"/policies"}"#, "https://a.example/", |_| {
        ok(r#"{"policies":[1,2]}"#)
    });
    assert_eq!((out.walk.stop, out.walk.received), (Stop::Single, Some(2)));
    let out = get("", "https://a.example/", |_| ok("anything"));
    assert_eq!((out.walk.stop, out.walk.received, out.walk.scheme.as_str()), (Stop::Single, None, "none"));
}

#[test]
fn no_content_is_an_empty_list() {
    let scheme = r#"{"scheme":"next-url","pointer":"/next","items":"/value"}"#;
    let out = get(scheme, "https://a.example/", |_| Answer { status: 204, ..ok("") });
    assert_eq!((out.walk.stop, out.walk.received), (Stop::End, Some(0)));
}

#[test]
fn error_statuses_stop_the_walk_where_they_come() {
    let scheme = r#"{"scheme":"cursor","read":{"pointer":"/next"},"write":{"query":"c"},"items":"/v"}"#;
    let out = get(scheme, "https://a.example/", |_| Answer { status: 403, ..ok("{}") });
    assert_eq!(out.walk.stop, Stop::Failed { reason: "page 0 was answered with status 403".into() });
    assert_eq!((out.walk.pages, out.error), (0, None));
    let out = get(scheme, "https://a.example/", |request| match query(request, "c") {
        None => ok(r#"{"v":[1],"next":"2"}"#),
        Some(_) => Answer { status: 500, ..ok("oops") },
    });
    assert_eq!(out.walk.stop, Stop::Failed { reason: "page 1 was answered with status 500".into() });
    assert_eq!((out.walk.pages, out.walk.received, out.error), (1, Some(1), None));
}

/// A mock server whose example names a next page answers the same page for ever.
#[test]
fn a_page_that_leads_to_itself_is_stopped() {
    let out = get(r#"{"scheme":"link-header","items":""}"#, "https://a.example/users", |_| {
        ok("[1]").header("link", "<https://a.example/users?after=x>; rel=\"next\"")
    });
    assert_eq!(out.guard(), "page 1: it is page 0 again, byte for byte");
    assert_eq!(out.asked.len(), 2);
    let mut n = 0;
    let scheme = r#"{"scheme":"cursor","read":{"pointer":"/next"},"write":{"query":"c"}}"#;
    let out = get(scheme, "https://a.example/users", |_| {
        n += 1;
        ok(format!(r#"{{"n":{n},"next":"same"}}"#))
    });
    assert_eq!(out.guard(), "page 1: it leads back to page 1, https://a.example/users?c=same");
    let out = get(scheme, "https://a.example/users", |request| {
        n += 1;
        let next = if query(request, "c").as_deref() == Some("a") { "b" } else { "a" };
        ok(format!(r#"{{"n":{n},"next":"{next}"}}"#))
    });
    assert!(out.guard().starts_with("page 2: it leads back to page 1"), "{}", out.guard());
}

#[test]
fn empty_pages_may_be_alike_but_not_for_ever() {
    let scheme = r#"{"scheme":"link-header","items":""}"#;
    let mut n = 0;
    let out = get(scheme, "https://a.example/", |_| {
        n += 1;
        let answer = ok(if n == 4 { "[9]" } else { "[]" });
        if n < 4 { answer.header("link", &format!("<?p={n}>; rel=next")) } else { answer }
    });
    assert_eq!((out.walk.stop, out.walk.received_by_page), (Stop::End, vec![0, 0, 0, 1]));
    let mut n = 0;
    let out = get(scheme, "https://a.example/", |_| {
        n += 1;
        ok("[]").header("link", &format!("<?p={n}>; rel=next"))
    });
    assert!(out.guard().contains("the limit of 50 pages is reached"), "{}", out.guard());
    assert_eq!((out.asked.len(), out.walk.pages), (50, 50));
}

#[test]
fn next_links_stay_at_their_origin() {
    for (next, to) in [
        ("https://evil.example/users", "https://evil.example"),
        ("http://a.example/users?p=2", "http://a.example"),
        ("https://a.example:8443/users", "https://a.example:8443"),
        ("//evil.example/users", "https://evil.example"),
        ("https://a.example@evil.example/", "https://evil.example"),
        ("file:///etc/passwd", "null"),
    ] {
        let out = get(r#"{"scheme":"link-header"}"#, "https://a.example/users", |_| {
            ok("[1]").header("link", &format!("<{next}>; rel=next"))
        });
        let expected = format!("page 0: the next link leads from https://a.example to {to}:");
        assert!(out.guard().starts_with(&expected), "{next}: {}", out.guard());
        assert_eq!(out.asked.len(), 1);
    }
    let out = get(r#"{"scheme":"link-header"}"#, "https://a.example/users", |_| {
        ok("[1]").header("link", "<https://u:p@a.example/2>; rel=next")
    });
    assert!(out.guard().contains("user name or password"));
}

/// Google's servers leave out what is empty: <https://protobuf.dev/programming-guides/json/>.
#[test]
fn a_list_that_is_left_out_is_empty_only_where_the_scheme_says_so() {
    let scheme = r#"{"scheme":"cursor","read":{"pointer":"/next"},"write":{"query":"c"},"items":"/v","absent_is_empty":true}"#;
    let out = get(scheme, "https://a.example/", |request| match query(request, "c") {
        None => ok(r#"{"next":"x"}"#),
        Some(_) => ok(r#"{"v":[1]}"#),
    });
    assert_eq!((out.asked.len(), out.walk.received), (2, Some(1)), "no end while there is a cursor");
    let out = get(scheme, "https://a.example/", |_| ok("{}"));
    assert_eq!((out.asked.len(), out.walk.received), (1, Some(0)));
    let out = get(scheme, "https://a.example/", |_| ok(r#"{"v":{"a":1}}"#));
    assert!(out.guard().contains("where there is an object"), "{}", out.guard());
}

#[test]
fn pages_that_cannot_be_relied_on_are_no_end() {
    let cursor = r#"{"scheme":"cursor","read":{"pointer":"/next"},"write":{"query":"c"},"more":{"pointer":"/more"},"items":"/v"}"#;
    let offset = r#"{"scheme":"offset","query":"s","total":"/total","more":"/more","items":"/v"}"#;
    let xml = r#"{"scheme":"cursor","read":{"xml":"/R/M"},"write":{"form":"M"},"items":"/R/L/m"}"#;
    for (scheme, body, part) in [
        (cursor, r#"{"v":[1],"#, "not well-formed JSON"),
        (cursor, "<html>", "the page is XML, but the scheme reads it by JSON pointer"),
        (cursor, r#"{"users":[1]}"#, "the list should be at `/v`, where there is nothing"),
        (cursor, r#"{"v":{"a":1}}"#, "the list should be at `/v`, where there is an object"),
        (cursor, r#"{"v":[1],"more":true}"#, "says that there is more, but gives no cursor"),
        (cursor, r#"{"v":[1],"more":"yes","next":"x"}"#, "true or false should be at `/more`"),
        (cursor, r#"{"v":[1],"next":["x"]}"#, "a cursor should be at `/next`, where there is a list"),
        (cursor, r#"{"v":[1],"next":"[redacted]"}"#, "the cursor at `/next` is redacted"),
        (offset, r#"{"v":[],"total":7}"#, "empty after 0 items, but the source states 7"),
        (offset, r#"{"v":[],"more":true}"#, "the page is empty, but says that there is more"),
        (offset, r#"{"v":[1],"total":-1}"#, "a count should be at `/total`"),
        (offset, r#"{"v":[1],"total":9007199254740992}"#, "which no list can have"),
        (xml, r#"{"R":1}"#, "the page is not XML, but the scheme reads it by XML path"),
        (xml, "<R><L><m/></L><M>x</M>", "not well-formed XML"),
        (xml, "<Error><Code>Throttling</Code></Error>", "the list should be at `/R/L/m`"),
    ] {
        let out = run(scheme, request("https://a.example/", None), |_| ok(body));
        assert!(out.guard().contains(part), "{body}: {}", out.guard());
    }
    let link = r#"{"scheme":"link-header"}"#;
    let out = get(link, "https://a.example/", |_| ok("").header("link", "<?p=2>; rel=next, broken"));
    assert!(out.guard().contains("malformed at byte 18"), "{}", out.guard());
    let out =
        get(link, "https://a.example/", |_| ok("").header("link", "<?p=2>; rel=next, <?p=3>; rel=next"));
    assert!(out.guard().contains("two different next pages"));
    let long = format!(r#"{{"v":[1],"next":"{}"}}"#, "x".repeat(17 << 10));
    let out = get(cursor, "https://a.example/", |_| ok(long.clone()));
    assert!(out.guard().contains("more than 16 KiB"));
    let flags = r#"{"scheme":"cursor","read":{"pointer":"/n"},"write":{"query":"c"},"more":{"pointer":"/m"},"last":{"pointer":"/l"}}"#;
    let out = get(flags, "https://a.example/", |_| ok(r#"{"n":"x","m":true,"l":true}"#));
    assert!(out.guard().contains("contradicts itself"));
}

#[test]
fn a_failed_request_ends_the_walk() {
    let list = "GET https://a.example/".to_owned();
    let mut walker = Walker::new(WalkId::default(), request("https://a.example/", None), list, None, 5);
    assert!(walker.ask().unwrap().is_some());
    walker.failed(&FetchError::new("timeout", "no answer within 30 s", true));
    assert!(walker.ask().unwrap().is_none() && !walker.has_next());
    let reason = "page 0 was not answered: timeout: no answer within 30 s".to_owned();
    assert_eq!(walker.walk().stop, Stop::Failed { reason });
}

proptest! {
    /// A list of any length, cut by the server into pages of any size, arrives whole and once.
    #[test]
    fn every_scheme_reads_every_list(total in 0_usize..60, caps in proptest::collection::vec(1_usize..9, 60)) {
        let page = |start: usize, number: usize| {
            let end = total.min(start + caps[number % caps.len()]);
            let items: Vec<usize> = (start..end).collect();
            (serde_json::to_string(&items).unwrap(), end)
        };
        // Link header, the state of the server in `at` and `n`.
        let at = |request: &Outgoing, name: &str| query(request, name).map_or(0, |v| v.parse::<usize>().unwrap());
        let linked = get(r#"{"scheme":"link-header","items":"/v"}"#, "https://a.example/l", |request| {
            let (start, n) = (at(request, "at"), at(request, "n"));
            let (items, end) = page(start, n);
            let answer = ok(format!("{{\"v\":{items}}}"));
            if end < total { answer.header("link", &format!("<l?at={end}&n={}>; rel=\"next\"", n + 1)) } else { answer }
        });
        let token = get(r#"{"scheme":"cursor","read":{"pointer":"/t"},"write":{"query":"at"},"items":"/v"}"#, "https://a.example/l", |request| {
            let start = at(request, "at");
            let (items, end) = page(start, start);
            ok(if end < total { format!("{{\"v\":{items},\"t\":{end}}}") } else { format!("{{\"v\":{items}}}") })
        });
        let offset = get(r#"{"scheme":"offset","query":"at","total":"/total","items":"/v"}"#, "https://a.example/l", |request| {
            let start = at(request, "at");
            let (items, _) = page(start, start);
            ok(format!("{{\"v\":{items},\"total\":{total}}}"))
        });
        let bare = get(r#"{"scheme":"offset","query":"at","items":"/v"}"#, "https://a.example/l", |request| {
            let start = at(request, "at");
            ok(format!("{{\"v\":{}}}", page(start, start).0))
        });
        let first = request("https://a.example/l", Some(r#"{"s":0,"e":5}"#));
        let rows = run(r#"{"scheme":"rows","start":"/s","end":"/e","total":"/total","items":"/v"}"#, first, |request| {
            let body: serde_json::Value = serde_json::from_slice(request.body.as_deref().unwrap()).unwrap();
            let start = usize::try_from(body["s"].as_u64().unwrap()).unwrap();
            ok(format!("{{\"v\":{},\"total\":{total}}}", page(start, start).0))
        });
        for out in [linked, token, offset, bare, rows] {
            // Fifty pages is the limit of these walks.
            if out.asked.len() < 50 {
                prop_assert_eq!(&out.walk.stop, &Stop::End);
                prop_assert_eq!(out.walk.received, Some(total as u64));
                prop_assert_eq!(out.walk.received_by_page.iter().sum::<u32>() as usize, total);
                prop_assert_eq!(out.walk.pages as usize, out.asked.len());
            }
        }
    }

    /// Whatever a server answers, a walk ends, and never by itself at a page that it could not read.
    #[test]
    fn nothing_a_server_says_makes_a_walk_endless(
        bodies in proptest::collection::vec("[\\[\\]{}\":,a-c0-9]{0,20}", 1..6),
        links in proptest::collection::vec("<?[a-z:/?@]{0,12}>?; ?rel=\"?next\"?", 1..4),
    ) {
        for scheme in [
            r#"{"scheme":"link-header","items":""}"#,
            r#"{"scheme":"cursor","read":{"pointer":"/a"},"write":{"query":"c"},"items":"/b"}"#,
            r#"{"scheme":"offset","query":"s","items":""}"#,
            r#"{"scheme":"next-url","pointer":"/a"}"#,
        ] {
            let mut n = 0;
            let out = get(scheme, "https://a.example/", |_| {
                n += 1;
                ok(bodies[n % bodies.len()].clone()).header("link", &links[n % links.len()])
            });
            prop_assert!(out.asked.len() <= 50);
            if matches!(out.walk.stop, Stop::Guard { .. }) {
                prop_assert!(out.error.is_some());
            }
        }
    }
}
