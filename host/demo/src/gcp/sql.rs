//! Cloud SQL: instances.

use super::{Answer, Call, Routed};
use crate::calendar::at;
use crate::org::gcp::places::{PROD, Project};
use crate::org::gcp::things::{INSTANCES, Instance, REGION, SQL_KEY};
use jiff::civil::date;
use serde_json::{Value, json};

pub(crate) fn answer(call: &Call<'_>, path: &[&str]) -> Routed {
    match path {
        ["sql", "v1beta4", "projects", project, "instances"] => {
            Some(call.project_with(project, "sqladmin").and_then(|project| list(call, project)))
        }
        _ => None,
    }
}

fn list(call: &Call<'_>, project: &Project) -> Answer {
    let here = INSTANCES.iter().filter(|_| project.id == PROD.id);
    let mut body =
        call.list_of("items", "maxResults", 500, here.map(|found| instance(call, found)).collect())?;
    body["kind"] = "sql#instancesList".into();
    Ok(body)
}

fn instance(call: &Call<'_>, found: &Instance) -> Value {
    let lapse = &call.story().backups_off;
    let backed_up = !(lapse.id == found.name && lapse.span.contains(call.now()));
    let mut backups = json!({
        "kind": "sql#backupConfiguration", "enabled": backed_up, "startTime": found.starts, "location": "eu",
        "backupRetentionSettings": {"retentionUnit": "COUNT", "retainedBackups": found.kept},
    });
    // Without backups there is nothing to recover from.
    if found.regional && backed_up {
        backups["pointInTimeRecoveryEnabled"] = true.into();
        backups["transactionLogRetentionDays"] = 7.into();
    }
    let mut body = json!({
        "kind": "sql#instance", "state": "RUNNABLE", "name": found.name, "project": PROD.id, "region": REGION,
        "backendType": "SECOND_GEN", "instanceType": "CLOUD_SQL_INSTANCE",
        "selfLink": format!("https://sqladmin.googleapis.com/sql/v1beta4/projects/{}/instances/{}", PROD.id, found.name),
        "connectionName": format!("{}:{REGION}:{}", PROD.id, found.name),
        "createTime": at(date(2024, 2, 5), 10, 0).to_string(), "etag": "9aff483f",
        "databaseVersion": found.version, "databaseInstalledVersion": found.installed,
        "settings": {
            "kind": "sql#settings", "settingsVersion": "29", "tier": "db-custom-2-7680",
            "availabilityType": if found.regional { "REGIONAL" } else { "ZONAL" },
            "deletionProtectionEnabled": true, "userLabels": {"env": PROD.env},
            "ipConfiguration": {
                "ipv4Enabled": false, "privateNetwork": format!("projects/{}/global/networks/main", PROD.id),
                "sslMode": "ENCRYPTED_ONLY",
            },
            "backupConfiguration": backups,
        },
    });
    if found.keyed {
        body["diskEncryptionConfiguration"] =
            json!({"kind": "sql#diskEncryptionConfiguration", "kmsKeyName": SQL_KEY});
    }
    body
}
