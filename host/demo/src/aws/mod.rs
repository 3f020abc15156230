//! A fake AWS: every service on one listener, told apart by the credential scope of the signature.
//!
//! | module | answers |
//! | --- | --- |
//! | `signature` | AWS Signature Version 4, verified |
//! | `xml` | JSON values as the XML of the query protocols and of S3 |
//! | `paging` | markers and tokens |
//! | `identity` | STS and IAM (query protocol, XML) |
//! | `report` | IAM's credential report and authorization details |
//! | `storage` | S3 (REST, XML) |
//! | `compute` | EC2 and RDS (query protocol, XML) |
//! | `audit` | CloudTrail, KMS and Config (JSON 1.1 by `X-Amz-Target`) |
//! | `protect` | Backup and GuardDuty (REST, JSON) |
//!
//! Only reading calls exist. Another call is refused as AWS refuses an unknown action.

mod audit;
mod compute;
mod identity;
mod paging;
mod protect;
mod report;
mod signature;
mod storage;
mod xml;

use crate::calendar::http_date;
use crate::http::{Fake, Reply, Request};
use crate::org::cloud::{Cloud, REGIONS};
use crate::org::{Org, Organisation};
use crate::random::uuid;
use crate::system::{Source, Vendor};
use exhibit_evidence::time::{Clock, Timestamp};
use serde_json::{Value, json};
use signature::Verifier;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The access key id that the fake accepts: AWS's own example.
const ACCESS_KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
/// The secret that belongs to [`ACCESS_KEY_ID`]: AWS's own example.
const SECRET_ACCESS_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

pub(crate) const VENDOR: Vendor = Vendor {
    name: "AWS",
    connector: "aws",
    seats: &[],
    fake: |organisation, clock, _| Arc::new(Aws::new(Arc::clone(organisation), Arc::clone(clock))),
    source: |origin| {
        let credential = json!({"scheme": "aws_sigv4", "access_key_id": ACCESS_KEY_ID});
        let secrets = vec![("secret_access_key", SECRET_ACCESS_KEY.to_owned())];
        Source::new(json!({"endpoint": origin}), &["aws"], credential, secrets)
    },
};

/// The fake.
pub(crate) struct Aws {
    organisation: Arc<Organisation>,
    clock: Arc<dyn Clock>,
    verifier: Verifier,
    asked: AtomicU64,
    /// When the credential report was last generated, in milliseconds; 0 never.
    report_made: AtomicU64,
}

/// An error, before it takes the form of its service's protocol.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: u16,
    code: &'static str,
    message: String,
    /// S3's hint at the region that the bucket is in.
    region: Option<&'static str>,
}

impl Refusal {
    pub(crate) fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), region: None }
    }
}

/// A request, its service and region, and the account as it is now.
pub(crate) struct Call<'a> {
    pub(crate) request: &'a Request,
    pub(crate) org: Org<'a>,
    pub(crate) service: &'a str,
    pub(crate) region: &'static str,
    /// The form of a query-protocol request, or the query of another one.
    form: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    report_made: &'a AtomicU64,
}

impl<'a> Call<'a> {
    pub(crate) fn now(&self) -> Timestamp {
        self.org.at()
    }

    pub(crate) fn cloud(&self) -> &'a Cloud {
        self.org.cloud()
    }

    /// A parameter of the form or the query.
    pub(crate) fn param(&self, name: &str) -> Option<&str> {
        self.form.get(name).map(AsRef::as_ref)
    }

    /// The members of a list parameter: `prefix1`, `prefix2`, …
    pub(crate) fn list(&self, prefix: &str) -> Vec<&str> {
        (1..).map_while(|n| self.param(&format!("{prefix}{n}"))).collect()
    }

    /// A parameter that the action cannot do without.
    pub(crate) fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.param(name).ok_or_else(|| {
            Refusal::new(400, "MissingParameter", format!("The request must contain the parameter {name}."))
        })
    }

    fn action(&self) -> &str {
        self.param("Action").unwrap_or_default()
    }
}

impl Aws {
    pub(crate) fn new(organisation: Arc<Organisation>, clock: Arc<dyn Clock>) -> Self {
        let verifier = Verifier::new(organisation.seed(), ACCESS_KEY_ID, SECRET_ACCESS_KEY);
        Self { organisation, clock, verifier, asked: AtomicU64::new(0), report_made: AtomicU64::new(0) }
    }

    fn reply(&self, request: &Request, now: Timestamp, id: &str) -> Reply {
        let scope = match self.verifier.verify(request) {
            Ok(scope) => scope,
            Err((service, refusal)) => return refuse(&service, &refusal, id),
        };
        let org = self.organisation.state_at(now);
        let Some(region) = REGIONS.into_iter().find(|r| *r == scope.region) else {
            let code = if scope.service == "ec2" { "AuthFailure" } else { "InvalidClientTokenId" };
            let message = format!("The region {} is not enabled for this account.", scope.region);
            return refuse(&scope.service, &Refusal::new(403, code, message), id);
        };
        let body = std::str::from_utf8(&request.body).unwrap_or_default();
        let is_form = request.header("content-type").is_some_and(|t| t.starts_with("application/x-www-form"));
        let pairs = if is_form { body } else { request.query.as_str() };
        let form = url::form_urlencoded::parse(pairs.as_bytes()).collect();
        let service = scope.service.as_str();
        let call = Call { request, org, service, region, form, report_made: &self.report_made };
        let answer = match service {
            "sts" => identity::sts(&call, &self.verifier)
                .map(|v| query_reply(&call, "https://sts.amazonaws.com/doc/2011-06-15/", &v, id)),
            "iam" => identity::iam(&call)
                .map(|v| query_reply(&call, "https://iam.amazonaws.com/doc/2010-05-08/", &v, id)),
            "rds" => compute::rds(&call)
                .map(|v| query_reply(&call, "http://rds.amazonaws.com/doc/2014-10-31/", &v, id)),
            "ec2" => compute::ec2(&call).map(|v| compute::reply(&call, v, id)),
            "s3" => storage::answer(&call).map(|(root, v)| {
                Reply::new(
                    200,
                    "application/xml",
                    xml::document(root, Some("http://s3.amazonaws.com/doc/2006-03-01/"), &v, xml::item_of_s3),
                )
            }),
            "cloudtrail" | "kms" | "config" => {
                audit::answer(&call).map(|v| Reply::new(200, "application/x-amz-json-1.1", v.to_string()))
            }
            "backup" | "guardduty" => {
                protect::answer(&call).map(|v| Reply::new(200, "application/json", v.to_string()))
            }
            _ => Err(Refusal::new(404, "UnknownService", format!("This fake has no service {service}."))),
        };
        answer.unwrap_or_else(|refusal| refuse(service, &refusal, id))
    }
}

impl Fake for Aws {
    fn answer(&self, request: &Request) -> Reply {
        let number = self.asked.fetch_add(1, Ordering::Relaxed) + 1;
        let id = uuid(number, "aws request");
        let now = self.clock.now();
        self.reply(request, now, &id).with("date", http_date(now)).with("x-amzn-requestid", id)
    }
}

/// The answer of a query-protocol action: `<ActionResponse><ActionResult>…`.
fn query_reply(call: &Call<'_>, namespace: &str, result: &Value, id: &str) -> Reply {
    let action = call.action();
    let body = json!({format!("{action}Result"): result, "ResponseMetadata": {"RequestId": id}});
    let text = xml::document(&format!("{action}Response"), Some(namespace), &body, xml::item_of_query);
    Reply::new(200, "text/xml", text)
}

/// An error in the form of its service's protocol.
fn refuse(service: &str, refusal: &Refusal, id: &str) -> Reply {
    let Refusal { status, code, message, region } = refusal;
    let xml_reply = |root: &str, body: Value| {
        Reply::new(*status, "text/xml", xml::document(root, None, &body, xml::item_of_query))
    };
    match service {
        "ec2" => xml_reply(
            "Response",
            json!({"Errors": {"Error": {"Code": code, "Message": message}}, "RequestID": id}),
        ),
        "s3" => xml_reply(
            "Error",
            json!({"Code": code, "Message": message, "Region": region, "RequestId": id, "HostId": "simulated"}),
        ),
        "sts" | "iam" | "rds" => xml_reply(
            "ErrorResponse",
            json!({"Error": {"Type": "Sender", "Code": code, "Message": message}, "RequestId": id}),
        ),
        _ => {
            let body = json!({"__type": code, "message": message});
            Reply::new(*status, "application/x-amz-json-1.1", body.to_string())
                .with("x-amzn-errortype", *code)
        }
    }
}

/// The refusal of an action that the fake, or AWS, does not know.
pub(crate) fn unknown(what: &str) -> Refusal {
    Refusal::new(400, "InvalidAction", format!("The action {what} is not valid for this web service."))
}
