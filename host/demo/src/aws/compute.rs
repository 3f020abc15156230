//! EC2 and RDS: networks, volumes, databases.

use super::paging::{EC2, RDS};
use super::{Call, Refusal, unknown, xml};
use crate::calendar::Held;
use crate::calendar::{at, whole_seconds};
use crate::http::Reply;
use crate::org::cloud::{ACCOUNT, DATABASES, Database, MAIN, OTHER, Volume};
use jiff::civil::date;
use serde_json::{Value, json};

/// Regions of AWS that the account has not enabled.
const NOT_ENABLED: [&str; 2] = ["af-south-1", "ap-southeast-3"];

/// An EC2 answer: the fields stand directly under the root.
pub(crate) fn reply(call: &Call<'_>, mut body: Value, id: &str) -> Reply {
    body["requestId"] = id.into();
    let root = format!("{}Response", call.action());
    let namespace = Some("http://ec2.amazonaws.com/doc/2016-11-15/");
    Reply::new(200, "text/xml;charset=UTF-8", xml::document(&root, namespace, &body, xml::item_of_ec2))
}

/// EC2.
pub(crate) fn ec2(call: &Call<'_>) -> Result<Value, Refusal> {
    if call.param("Filter.1.Name").is_some() {
        return Err(Refusal::new(400, "InvalidParameterValue", "This fake answers without filters only."));
    }
    match call.action() {
        "DescribeRegions" => Ok(json!({"regionInfo": regions(call)})),
        "DescribeVpcs" => listed(call, "vpcSet", "VpcId.", "vpcId", vpcs(call)),
        "DescribeSecurityGroups" => {
            listed(call, "securityGroupInfo", "GroupId.", "groupId", security_groups(call))
        }
        "DescribeVolumes" => {
            let volumes = call.org.now(&call.cloud().volumes).filter(|v| v.what.region == call.region);
            listed(call, "volumeSet", "VolumeId.", "volumeId", volumes.map(|v| volume(call, v)).collect())
        }
        "DescribeFlowLogs" => listed(call, "flowLogSet", "FlowLogId.", "flowLogId", flow_logs(call)),
        "GetEbsEncryptionByDefault" => {
            // Set in the second region when the volume without encryption was found.
            let on = call.region == MAIN || call.org.story().plain_volume.span.end <= call.now();
            Ok(json!({"ebsEncryptionByDefault": on}))
        }
        other => Err(unknown(other)),
    }
}

/// A page of a list: all items, or those whose identifiers were asked for.
fn listed(call: &Call<'_>, set: &str, ids: &str, id: &str, mut items: Vec<Value>) -> Result<Value, Refusal> {
    let wanted = call.list(ids);
    items.retain(|item| wanted.is_empty() || item[id].as_str().is_some_and(|id| wanted.contains(&id)));
    let page = EC2.page(call, items)?;
    Ok(json!({set: page.items, "nextToken": page.next}))
}

fn regions(call: &Call<'_>) -> Vec<Value> {
    let region = |name: &str, status: &str| {
        let endpoint = format!("ec2.{name}.amazonaws.com");
        json!({"regionName": name, "regionEndpoint": endpoint, "optInStatus": status})
    };
    let mut regions = vec![region(OTHER, "opt-in-not-required"), region(MAIN, "opt-in-not-required")];
    if call.param("AllRegions") == Some("true") {
        regions.extend(NOT_ENABLED.iter().map(|name| region(name, "not-opted-in")));
    }
    regions
}

/// The networks of a region: name, address range, whether it is the default one, whether flows are logged.
fn networks(region: &str) -> &'static [(&'static str, &'static str, bool, bool)] {
    match region {
        MAIN => &[("default", "172.31.0.0/16", true, true), ("production", "10.20.0.0/16", false, true)],
        _ => &[("default", "172.31.0.0/16", true, false), ("customers", "10.40.0.0/16", false, true)],
    }
}

fn vpc_id(call: &Call<'_>, name: &str) -> String {
    call.cloud().hex("vpc", &format!("{} {name}", call.region))
}

fn vpcs(call: &Call<'_>) -> Vec<Value> {
    let vpc = |(name, cidr, default, _): &(&str, &str, bool, bool)| {
        json!({
            "vpcId": vpc_id(call, name), "ownerId": ACCOUNT, "state": "available", "cidrBlock": cidr,
            "isDefault": default, "instanceTenancy": "default", "tagSet": [{"key": "Name", "value": name}],
        })
    };
    networks(call.region).iter().map(vpc).collect()
}

fn flow_logs(call: &Call<'_>) -> Vec<Value> {
    let log = |(name, ..): &(&str, &str, bool, bool)| {
        json!({
            "flowLogId": call.cloud().hex("fl", &format!("{} {name}", call.region)), "flowLogStatus": "ACTIVE",
            "resourceId": vpc_id(call, name), "trafficType": "ALL", "logDestinationType": "s3",
            "logDestination": "arn:aws:s3:::example-access-logs", "deliverLogsStatus": "SUCCESS",
            "creationTime": whole_seconds(at(date(2024, 5, 21), 11, 0)), "maxAggregationInterval": 600,
        })
    };
    networks(call.region).iter().filter(|(.., logged)| *logged).map(log).collect()
}

fn rule(port: u16, ranges: &[&str]) -> Value {
    let ranges: Vec<Value> = ranges.iter().map(|cidr| json!({"cidrIp": cidr})).collect();
    json!({
        "ipProtocol": "tcp", "fromPort": port, "toPort": port, "ipRanges": ranges, "groups": [], "ipv6Ranges": [],
        "prefixListIds": [],
    })
}

fn security_groups(call: &Call<'_>) -> Vec<Value> {
    let id = |name: &str| call.cloud().hex("sg", name);
    let everywhere = json!([{
        "ipProtocol": "-1", "ipRanges": [{"cidrIp": "0.0.0.0/0"}], "groups": [], "ipv6Ranges": [],
        "prefixListIds": [],
    }]);
    let group = |id: String, name: &str, about: &str, vpc: &str, ingress: Vec<Value>| {
        json!({
            "ownerId": ACCOUNT, "groupId": id, "groupName": name, "groupDescription": about,
            "vpcId": vpc_id(call, vpc), "ipPermissions": ingress, "ipPermissionsEgress": everywhere, "tagSet": [],
        })
    };
    let mut groups: Vec<Value> = networks(call.region)
        .iter()
        .map(|(vpc, ..)| {
            group(
                id(&format!("{} default {vpc}", call.region)),
                "default",
                "default VPC security group",
                vpc,
                Vec::new(),
            )
        })
        .collect();
    if call.region != MAIN {
        let web = rule(443, &["0.0.0.0/0"]);
        groups.push(group(id("customers web"), "customers-web", "Web, customers", "customers", vec![web]));
        return groups;
    }
    let open = call.org.story().open_ssh.span.contains(call.now());
    let office = "203.0.113.0/24";
    let ssh = if open { rule(22, &[office, "0.0.0.0/0"]) } else { rule(22, &[office]) };
    let mut database = rule(5432, &[]);
    database["groups"] = json!([{"userId": ACCOUNT, "groupId": id("web")}]);
    groups.push(group(id("web"), "web", "Web, production", "production", vec![rule(443, &["0.0.0.0/0"])]));
    groups.push(group(id("bastion"), "bastion", "The way in for engineers", "production", vec![ssh]));
    groups.push(group(
        id("database"),
        "database",
        "Databases, from the web only",
        "production",
        vec![database],
    ));
    groups
}

fn volume(call: &Call<'_>, held: &Held<Volume>) -> Value {
    let Volume { id, region, size_gib, encrypted } = &held.what;
    let key = call.cloud().keys.iter().find(|k| k.region == *region && k.by_aws).filter(|_| *encrypted);
    json!({
        "volumeId": id, "size": size_gib, "snapshotId": "", "availabilityZone": format!("{region}a"),
        "status": "in-use", "createTime": whole_seconds(held.from).replace('Z', ".000Z"), "attachmentSet": [],
        "encrypted": encrypted, "volumeType": "gp3", "iops": 3000, "multiAttachEnabled": false,
        "kmsKeyId": key.map(|k| format!("arn:aws:kms:{region}:{ACCOUNT}:key/{}", k.id)),
    })
}

/// RDS.
pub(crate) fn rds(call: &Call<'_>) -> Result<Value, Refusal> {
    match call.action() {
        "DescribeDBInstances" => {
            let wanted = call.param("DBInstanceIdentifier");
            let here = DATABASES.iter().filter(|d| d.region == call.region);
            let found: Vec<&Database> = here.filter(|d| wanted.is_none_or(|name| name == d.name)).collect();
            if let (Some(name), true) = (wanted, found.is_empty()) {
                return Err(Refusal::new(404, "DBInstanceNotFound", format!("DBInstance {name} not found.")));
            }
            let page = RDS.page(call, found)?;
            let instances: Vec<Value> = page.items.iter().map(|d| database(call, d)).collect();
            Ok(json!({"DBInstances": instances, "Marker": page.next}))
        }
        other => Err(unknown(other)),
    }
}

/// The ARN of a database instance.
pub(crate) fn database_arn(database: &Database) -> String {
    format!("arn:aws:rds:{}:{ACCOUNT}:db:{}", database.region, database.name)
}

fn database(call: &Call<'_>, database: &Database) -> Value {
    let key = call.cloud().keys.iter().find(|k| k.region == database.region && !k.by_aws);
    json!({
        "DBInstanceIdentifier": database.name, "DBInstanceArn": database_arn(database),
        "DBInstanceClass": "db.t4g.medium", "Engine": "postgres", "EngineVersion": "17.2",
        "DBInstanceStatus": "available", "MasterUsername": "owner", "AllocatedStorage": 100,
        "InstanceCreateTime": whole_seconds(at(date(2024, 5, 21), 12, 0)),
        "BackupRetentionPeriod": database.retention_days, "PreferredBackupWindow": "04:00-05:00",
        "MultiAZ": database.multi_az, "PubliclyAccessible": false, "StorageType": "gp3", "StorageEncrypted": true,
        "KmsKeyId": key.map(|k| format!("arn:aws:kms:{}:{ACCOUNT}:key/{}", k.region, k.id)),
        "DeletionProtection": true, "IAMDatabaseAuthenticationEnabled": true, "VpcSecurityGroups": [
            {"VpcSecurityGroupId": call.cloud().hex("sg", "database"), "Status": "active"},
        ],
        "LatestRestorableTime": whole_seconds(call.now().plus_ms(-300_000)),
    })
}
