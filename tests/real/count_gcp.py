"""Counts, with nothing but json, what recordings of Google Cloud answered.

usage: count_gcp.py LOG

LOG is what google.py wrote. Prints an object: for each type of resource or kind of evidence, the sorted names of what the
answers with 200 held.
"""

import json
import re
import sys
from urllib.parse import urlsplit

found = {}


def add(kind, names):
    found.setdefault(kind, set()).update(names)


def short(link):
    return link[link.index("/projects/") + 1 :]


def ports(rule):
    for word, traffic in (("allow", rule.get("allowed", [])), ("deny", rule.get("denied", []))):
        for one in traffic:
            for port in one.get("ports") or ["all"]:
                yield f"//compute.googleapis.com/{short(rule['selfLink'])}/{word}/{one['IPProtocol']}/{port}"


for line in open(sys.argv[1]):
    said = json.loads(line)
    if said["status"] != 200:
        continue
    path, body = urlsplit(said["path"]).path, json.loads(said["body"])
    if path.startswith("/cloudresourcemanager.googleapis.com/v3/"):
        for one in body.get("folders", []) + body.get("projects", []):
            add("places", ["//cloudresourcemanager.googleapis.com/" + one["name"]])
        if path.endswith(":getIamPolicy"):
            add("bindings", [f"{b['role']} {m}" for b in body.get("bindings", []) for m in b["members"]])
    elif path.endswith("/services"):
        add("gcp:serviceusage:service", ["//serviceusage.googleapis.com/" + s["name"] for s in body.get("services", [])])
    elif path.endswith("/serviceAccounts"):
        add("identity.account@1", [a["uniqueId"] for a in body.get("accounts", [])])
    elif path.endswith("/keys"):
        add("identity.credential@1", [k["name"] for k in body.get("keys", []) if k.get("keyType") != "SYSTEM_MANAGED"])
    elif path == "/storage.googleapis.com/storage/v1/b":
        add("gcp:storage:bucket", ["//storage.googleapis.com/" + b["name"] for b in body.get("items", [])])
    elif path.endswith("/iam") and path.startswith("/storage."):
        bucket = re.search("/b/([^/]+)/iam", path)[1]
        add("bucket bindings", [f"{bucket} {b['role']} {m}" for b in body.get("bindings", []) for m in b["members"]])
    elif path.endswith("/cryptoKeys"):
        add("gcp:cloudkms:key", ["//cloudkms.googleapis.com/" + k["name"] for k in body.get("cryptoKeys", [])])
    elif path.endswith("/global/networks"):
        add("gcp:compute:network", ["//compute.googleapis.com/" + short(n["selfLink"]) for n in body.get("items", [])])
    elif path.endswith("/subnetworks"):
        add("gcp:compute:subnetwork", ["//compute.googleapis.com/" + short(n["selfLink"]) for n in body.get("items", [])])
    elif path.endswith("/global/firewalls"):
        add("config.network_rule@1", [name for rule in body.get("items", []) for name in ports(rule)])
    elif path.endswith("/instances") and path.startswith("/sqladmin."):
        names = [f"//cloudsql.googleapis.com/projects/{i['project']}/instances/{i['name']}" for i in body.get("items", [])]
        add("gcp:sqladmin:instance", names)
    elif path.endswith("/sinks"):
        add("sinks", [s["name"] for s in body.get("sinks", [])])
print(json.dumps({kind: sorted(names) for kind, names in sorted(found.items())}))
