//! AWS's endpoints, its three protocols, and what its errors mean for a population.
//!
//! | protocol | services | request |
//! | --- | --- | --- |
//! | query, XML | STS, IAM, EC2, RDS | `Action` and `Version` in a form |
//! | JSON 1.1 | CloudTrail, KMS, Config | the operation in `X-Amz-Target` |
//! | REST | S3 (XML), Backup, GuardDuty (JSON) | path and method |
//!
//! Endpoints: <https://docs.aws.amazon.com/general/latest/gr/rande.html>. Protocols: <https://smithy.io/2.0/aws/protocols/>.

use exhibit_sdk::prelude::*;

/// A group of regions with accounts, endpoints and ARNs of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Partition {
    /// Its name, as in `arn:aws:…`.
    pub(crate) name: &'static str,
    suffix: &'static str,
    /// The region that services without regions are asked in, and signed for.
    pub(crate) home: &'static str,
    iam_host: &'static str,
}

/// Every partition that is open to the public, and GovCloud.
pub(crate) const PARTITIONS: [Partition; 3] = [
    Partition { name: "aws", suffix: "amazonaws.com", home: "us-east-1", iam_host: "iam.amazonaws.com" },
    Partition {
        name: "aws-us-gov",
        suffix: "amazonaws.com",
        home: "us-gov-west-1",
        iam_host: "iam.us-gov.amazonaws.com",
    },
    Partition {
        name: "aws-cn",
        suffix: "amazonaws.com.cn",
        home: "cn-north-1",
        iam_host: "iam.cn-north-1.amazonaws.com.cn",
    },
];

/// A service of the query protocol.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueryService {
    name: &'static str,
    version: &'static str,
    /// Whether the answer's fields stand in an element of their own: `ListUsersResponse/ListUsersResult`.
    has_result: bool,
    /// Where an answer says how to go on, and where the next request does.
    cursor: (&'static str, &'static str),
    /// The flag that there is more.
    more: Option<&'static str>,
}

pub(crate) const STS: QueryService = QueryService {
    name: "sts",
    version: "2011-06-15",
    has_result: true,
    cursor: ("Marker", "Marker"),
    more: None,
};
pub(crate) const IAM: QueryService = QueryService {
    name: "iam",
    version: "2010-05-08",
    has_result: true,
    cursor: ("Marker", "Marker"),
    more: Some("IsTruncated"),
};
pub(crate) const EC2: QueryService = QueryService {
    name: "ec2",
    version: "2016-11-15",
    has_result: false,
    cursor: ("nextToken", "NextToken"),
    more: None,
};
pub(crate) const RDS: QueryService = QueryService {
    name: "rds",
    version: "2014-10-31",
    has_result: true,
    cursor: ("Marker", "Marker"),
    more: None,
};

/// A service of the JSON protocol, and what stands before the operation in `X-Amz-Target`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct JsonService {
    name: &'static str,
    target: &'static str,
}

pub(crate) const CLOUDTRAIL: JsonService =
    JsonService { name: "cloudtrail", target: "com.amazonaws.cloudtrail.v20131101.CloudTrail_20131101" };
pub(crate) const KMS: JsonService = JsonService { name: "kms", target: "TrentService" };
pub(crate) const CONFIG: JsonService = JsonService { name: "config", target: "StarlingDoveService" };

/// The path of an answer's fields.
fn result_path(service: QueryService, action: &str) -> String {
    if service.has_result {
        format!("/{action}Response/{action}Result")
    } else {
        format!("/{action}Response")
    }
}

/// One account, seen from one run.
pub(crate) struct Api<'a> {
    pub(crate) ctx: &'a Context,
    pub(crate) partition: Partition,
    endpoint: Option<&'a str>,
    /// The account's twelve digits.
    pub(crate) account: String,
    /// Regions to look at.
    pub(crate) regions: Vec<String>,
    /// Why the regions are not known.
    pub(crate) regions_gap: Option<String>,
    /// What may pass by itself: the run ends with it, once everything has been asked.
    pub(crate) passing: Passing,
}

impl<'a> Api<'a> {
    pub(crate) fn new(ctx: &'a Context, partition: Partition, endpoint: Option<&'a str>) -> Self {
        Self {
            ctx,
            partition,
            endpoint: endpoint.map(|origin| origin.trim_end_matches('/')),
            account: String::new(),
            regions: Vec::new(),
            regions_gap: None,
            passing: Passing::new(is_throttled),
        }
    }

    fn origin(&self, service: &str, region: &str) -> String {
        match self.endpoint {
            Some(origin) => origin.to_owned(),
            None if service == "iam" => format!("https://{}", self.partition.iam_host),
            None => format!("https://{service}.{region}.{}", self.partition.suffix),
        }
    }

    fn auth(service: &str, region: &str) -> Auth {
        Auth::slot("aws").param("service", service).param("region", region)
    }

    /// A request of the query protocol.
    pub(crate) fn query(
        &self,
        service: QueryService,
        region: &str,
        action: &str,
        params: &[(&str, &str)],
    ) -> Request {
        let fields = [("Action", action), ("Version", service.version)];
        self.ctx
            .post(format!("{}/", self.origin(service.name, region)))
            .form(fields.into_iter().chain(params.iter().copied()))
            .auth(Self::auth(service.name, region))
    }

    /// A list of the query protocol; `items` is the path of an item below the answer's fields: `Users/member`.
    pub(crate) fn query_list(
        &self,
        service: QueryService,
        region: &str,
        action: &str,
        params: &[(&str, &str)],
        items: &str,
    ) -> Request {
        let path = result_path(service, action);
        let (read, write) = service.cursor;
        let mut paging = Paging::cursor(Read::xml(&format!("{path}/{read}")), Write::form(write));
        if let Some(flag) = service.more {
            paging = paging.more(Read::xml(&format!("{path}/{flag}")));
        }
        self.query(service, region, action, params).paged(paging.items(&format!("{path}/{items}")))
    }

    /// A request to IAM, which has no regions.
    pub(crate) fn iam(&self, action: &str, params: &[(&str, &str)]) -> Request {
        self.query(IAM, self.partition.home, action, params)
    }

    /// A list of IAM's.
    pub(crate) fn iam_list(&self, action: &str, params: &[(&str, &str)], items: &str) -> Request {
        self.query_list(IAM, self.partition.home, action, params, items)
    }

    /// A request of the JSON protocol.
    pub(crate) fn json(
        &self,
        service: JsonService,
        region: &str,
        operation: &str,
        body: &serde_json::Value,
    ) -> Request {
        self.ctx
            .post(format!("{}/", self.origin(service.name, region)))
            .header("x-amz-target", format!("{}.{operation}", service.target))
            .header("content-type", "application/x-amz-json-1.1")
            .json(body)
            .auth(Self::auth(service.name, region))
    }

    /// A GET request of a service with paths.
    pub(crate) fn rest(&self, service: &str, region: &str, path: &str) -> Request {
        self.ctx.get(format!("{}{path}", self.origin(service, region))).auth(Self::auth(service, region))
    }

    /// An ARN in this account.
    pub(crate) fn arn(&self, service: &str, region: &str, resource: &str) -> String {
        format!("arn:{}:{service}:{region}:{}:{resource}", self.partition.name, self.account)
    }

    /// The population of a kind over all regions, where it is asked for.
    pub(crate) fn open_regional<K: EvidenceKind>(&self, query: &str) -> Wanted<K> {
        let mut wanted = self.ctx.wanted(query);
        if let Some(gap) = &self.regions_gap {
            wanted.incomplete(gap);
        }
        wanted
    }

    /// Asks the same in every region at once. `what` names the permission, for messages.
    pub(crate) fn in_regions(
        &self,
        what: &str,
        ask: impl Fn(&str) -> Request,
    ) -> Vec<(&str, Result<Vec<Page>>)> {
        let answers = self.ctx.send_all(self.regions.iter().map(|region| ask(region)));
        let named = |(region, answer): (_, Result<Vec<Page>>)| {
            (region, answer.map_err(|failure| failure.context(format!("{what} in {region}"))))
        };
        self.regions.iter().map(String::as_str).zip(answers).map(named).collect()
    }

    /// Reads a list to its end, or as far as it can be read. The pages feed these populations.
    pub(crate) fn walk(&self, feeds: &mut [&mut dyn Feed], what: &str, list: Request) -> Result<Vec<Page>> {
        let mut pages = Vec::new();
        for page in list.pages() {
            let page = page.map_err(|failure| failure.context(what));
            pages.extend(self.passing.take(feeds, page.map(|page| vec![page]))?);
        }
        Ok(pages)
    }
}

/// AWS's words for "too fast"; some services send them with 400.
const THROTTLED: [&str; 5] =
    ["Throttling", "ThrottlingException", "TooManyRequestsException", "RequestLimitExceeded", "SlowDown"];

fn is_throttled(failure: &Failure) -> bool {
    code(failure).is_some_and(|code| THROTTLED.contains(&code.as_str()))
}

/// AWS's code of an error, `AccessDenied`. It stands in the body, or in a header, with a name space or a URL
/// around it.
pub(crate) fn code(failure: &Failure) -> Option<String> {
    let page = failure.page()?;
    let said = page.header("x-amzn-errortype").map(str::to_owned).or_else(|| page.vendor_message())?;
    let word = said.split(':').next().unwrap_or_default();
    Some(word.rsplit('#').next().unwrap_or_default().trim().to_owned()).filter(|word| !word.is_empty())
}
