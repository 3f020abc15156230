"""Counts, with nothing but json, what recordings of Google Workspace answered.

usage: count_google_workspace.py LOG

LOG is what google.py wrote. Prints an object: for each kind of evidence, the sorted ids of what the answers with 200 held.
Answers to `maxResults=1` and `pageSize=1` ask whether a list may be read, and a recording answers them with any page.
"""

import json
import re
import sys
from urllib.parse import parse_qs, urlsplit

found = {"enrolled": set()}


def add(kind, ids):
    found.setdefault(kind, set()).update(ids)


for line in open(sys.argv[1]):
    said = json.loads(line)
    url = urlsplit(said["path"])
    asked = parse_qs(url.query)
    if said["status"] != 200 or asked.get("maxResults", asked.get("pageSize")) == ["1"]:
        continue
    body = json.loads(said["body"])
    if url.path.endswith("/users"):
        add("identity.account@1", [u["id"] for u in body.get("users", [])])
        add("enrolled", [u["id"] for u in body.get("users", []) if u["isEnrolledIn2Sv"]])
    elif url.path.endswith("/members"):
        group = re.search("/groups/([^/]+)/members", url.path)[1]
        add("identity.group_membership@1", [f"{group}/{m['id']}" for m in body.get("members", [])])
    elif url.path.endswith("/roleassignments"):
        add("identity.role_grant@1", [a["roleAssignmentId"] for a in body.get("items", [])])
    elif url.path.endswith("/chromeos"):
        add("device.endpoint@1", [d["deviceId"] for d in body.get("chromeosdevices", [])])
    elif url.path.endswith("/mobile"):
        add("device.endpoint@1", [d["resourceId"] for d in body.get("mobiledevices", [])])
    elif url.path.endswith("/v1/devices"):
        elsewhere = ("ANDROID", "IOS", "GOOGLE_SYNC", "CHROME_OS")
        add("device.endpoint@1", [d["name"] for d in body.get("devices", []) if d["deviceType"] not in elsewhere])
print(json.dumps({kind: sorted(ids) for kind, ids in sorted(found.items())}))
