"""What Azure's answers say, by itself: from the raw JSON of what was answered, with nothing but json, to the members of
records that an auditor would look at. The connector's records are held against it, where nothing of Exhibit's reads the
answers a second time.

`expected(answers)` takes (method, path with query, status, body) of each answer and gives {kind: {native id: members}}:
every record that must be there and no others, of each the members named here; a member is `None` where the record must not
have it. `compare(expected, records)` gives what does not fit, as sentences.

usage: azure_expected.py LOG RECORDS

LOG is what azure_recorded.py wrote, RECORDS what `exhibit evidence show` printed of all kinds. Prints an object: how many
records of each kind fit. Exit 1 with what does not.
"""

import json
import re
import sys
from urllib.parse import unquote, urlsplit


def key(name):
    return "/" + name.strip("/").lower()


def moment(text):
    """To the millisecond, as records have it."""
    found = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(?:Z|\+00:00)$", text or "")
    return f"{found[1]}.{(found[2] or '0')[:3]:0<3}Z" if found else None


class Expected:
    def __init__(self):
        self.kinds, self.groups, self.contacts, self.severities, self.policies = {}, {}, {}, {}, {}

    def add(self, kind, native_id, **members):
        self.kinds.setdefault(kind, {})[native_id] = members

    def asset(self, item, kind, **members):
        more = {"resource_type": kind, "name": item["name"], "region": item.get("location"), **members}
        self.add("asset.resource@1", key(item["id"]), **more)


def of_assignment(to, item):
    own = item["properties"]
    to.add(
        "asset.resource@1", key(item["id"]), resource_type="azure:authorization:policy-assignment",
        name=own.get("displayName") or item["name"], status=own.get("enforcementMode"), container=key(own["scope"]),
        created_at=moment((own.get("metadata") or {}).get("createdOn")),
        details={"policy": key(own["policyDefinitionId"]), "scope": key(own["scope"])},
    )  # fmt: skip


def of_machine(to, item):
    own = item["properties"]
    os = own.get("osProfile") or {}
    linux, windows = os.get("linuxConfiguration") or {}, os.get("windowsConfiguration") or {}
    mode = ((linux or windows).get("patchSettings") or {}).get("patchMode")
    updates = {"AutomaticByPlatform": True, "AutomaticByOS": True, "Manual": False}.get(mode)
    if mode is None and windows:
        updates = windows.get("enableAutomaticUpdates")
    storage = own["storageProfile"]
    disks = [storage["osDisk"], *storage["dataDisks"]]
    image = storage.get("imageReference") or {}
    words = [image[name] for name in ("publisher", "offer", "sku", "exactVersion") if name in image]
    password = linux.get("disablePasswordAuthentication")
    details = {
        "size": own["hardwareProfile"]["vmSize"], "image": ":".join(words) or None,
        "disks": sorted(key(disk["managedDisk"]["id"]) for disk in disks if disk.get("managedDisk", {}).get("id")) or None,
        "password_authentication": None if password is None else not password,
    }  # fmt: skip
    to.asset(
        item, "azure:compute:virtual-machine", status=own["provisioningState"], engine=storage["osDisk"]["osType"],
        automatic_updates_enabled=updates, details=details,
    )  # fmt: skip


def of_disk(to, item):
    own = item["properties"]
    sealed = (own.get("encryption") or {}).get("type")
    details = {"sku": item.get("sku", {}).get("name"), "size_gb": own.get("diskSizeGB"), "os_type": own.get("osType")}
    to.asset(item, "azure:compute:disk", status=own["diskState"], created_at=moment(own["timeCreated"]), details=details)
    whose = {"EncryptionAtRestWithPlatformKey": "provider", "EncryptionAtRestWithCustomerKey": "customer"}.get(sealed)
    set_id = (own.get("encryption") or {}).get("diskEncryptionSetId")
    to.add(
        "config.encryption@1", key(item["id"]), enabled=True, key_management=whose, scope="at_rest",
        key_id=key(set_id) if set_id else None,
    )  # fmt: skip


def of_setting(to, item, of, log_type):
    own = item["properties"]
    on = [log for log in own.get("logs") or [] if log["enabled"]]
    places = [own.get(name) for name in ("workspaceId", "storageAccountId", "eventHubAuthorizationRuleId")]
    places = [key(place) for place in places if place]
    kept = {(log["retentionPolicy"]["days"] if log["retentionPolicy"]["enabled"] else 0) for log in on if log.get("retentionPolicy")}
    to.add(
        "config.logging@1", key(item["id"]), resource_id=key(of), resource_name=item["name"], log_type=log_type, enabled=bool(on),
        events=sorted({log.get("category") or log.get("categoryGroup") for log in on}),
        destination=places[0] if places else None, retention_days=kept.pop() if len(kept) == 1 else None,
    )  # fmt: skip


def of_alert(to, item):
    own, told = item["properties"], []

    def said(one):
        if one.get("anyOf"):
            return "(" + " OR ".join(map(said, one["anyOf"])) + ")"
        return f"{one['field']} = {one['equals']}" if one.get("equals") is not None else f"{one['field']} in ({', '.join(one['containsAny'])})"

    actions = [key(action["actionGroupId"]) for action in (own.get("actions") or {}).get("actionGroups") or []]
    for group in actions:
        known = to.groups.get(group)
        if known is None:
            told = None
            break
        if known["enabled"]:
            told += [f"email {one['emailAddress']}" for one in known.get("emailReceivers") or []]
            for word, name in (("sms", "sms"), ("webhook", "webhook"), ("role", "armRole")):
                told += [f"{word} {one['name']}" for one in known.get(name + "Receivers") or []]
    to.add(
        "config.alert_rule@1", key(item["id"]), name=item["name"], rule_type="activity_log", enabled=own["enabled"],
        condition=" AND ".join(map(said, own["condition"]["allOf"])), notifies=None if told is None else sorted(set(told)),
    )  # fmt: skip


def of_plan(to, item):
    own, of = item["properties"], key(item["id"]).split("/providers/")[0]
    told = to.contacts.get(of)
    to.add(
        "config.alert_rule@1", key(item["id"]), name=f"Defender: {item['name']}", rule_type="threat_detection",
        enabled={"Standard": True, "Free": False}.get(own["pricingTier"]), notifies=told,
        features=sorted(one["name"] for one in own.get("extensions") or [] if str(one["isEnabled"]) == "True") or None,
    )  # fmt: skip


def of_assessment(to, item):
    own = item["properties"]
    code = own["status"]["code"]
    if code in ("Healthy", "NotApplicable"):
        return
    at = own.get("resourceDetails") or {}
    at = at.get("Id") or at.get("id") or key(item["id"]).split("/providers/microsoft.security/assessments/")[0]
    word = (own.get("metadata") or {}).get("severity") or to.severities.get(item["name"].lower())
    to.add(
        "vuln.finding@1", key(item["id"]), title=own.get("displayName") or item["name"], source_status=code, source_severity=word,
        status="open" if code == "Unhealthy" else None, severity=word.lower() if word else None, resource_id=key(at),
        first_seen_at=moment(own["status"].get("firstEvaluationDate")),
    )  # fmt: skip


def of_state(to, item):
    if item["complianceState"] == "Compliant":
        return
    policy, by, at = (key(item[name]) for name in ("policyDefinitionId", "policyAssignmentId", "resourceId"))
    reference = (item.get("policyDefinitionReferenceId") or "").lower()
    name = to.policies.get(policy) or item.get("policyDefinitionName")
    to.add(
        "vuln.finding@1", f"{at}|{by}|{reference or policy}", scanner="Azure Policy", resource_id=at,
        title=f"{name} ({item['policyAssignmentName']})", source_status=item["complianceState"], severity=None,
        status="open" if item["complianceState"] == "NonCompliant" else None, resource_type=item["resourceType"],
    )  # fmt: skip


def of_vault(to, item, service):
    own = item["properties"]
    safe = own.get("securitySettings") or {}
    immutable = (safe.get("immutabilitySettings") or {}).get("state")
    to.asset(item, f"azure:{service}", status=own["provisioningState"], details={"immutability": immutable})


def of_backup_policy(to, item):
    own, days, when = item["properties"], None, None
    if "policyRules" in own:
        when = ", ".join(t for rule in own["policyRules"] for t in ((rule.get("trigger") or {}).get("schedule") or {}).get("repeatingTimeIntervals", []))
        kept = [rule["lifecycles"][0]["deleteAfter"]["duration"] for rule in own["policyRules"] if rule.get("isDefault")]
        days = int(re.fullmatch(r"P(\d+)D", kept[0])[1])
    if "schedulePolicy" in own:
        plan = own["schedulePolicy"]
        when = f"{plan['scheduleRunFrequency']} {', '.join(time[11:16] for time in plan['scheduleRunTimes'])}"
        kept = own["retentionPolicy"]["dailySchedule"]["retentionDuration"]
        days = kept["count"] if kept["durationType"] == "Days" else None
    to.add("config.backup_plan@1", key(item["id"]), name=item["name"], schedule=when, retention_days=days, encrypted=True)


def of_protected(to, item):
    own = item["properties"]
    at = own.get("sourceResourceId") or (own.get("dataSourceInfo") or {}).get("resourceID")
    word = own.get("protectionState") or own.get("currentProtectionState")
    policy = own.get("policyId") or own["policyInfo"]["policyId"]
    to.add(
        "config.backup_plan@1", key(item["id"]), name=own["friendlyName"], covers=[key(at)],
        enabled={"Protected": True, "ProtectionConfigured": True, "ProtectionStopped": False}.get(word),
        details={"policy": key(policy), "state": word},
    )  # fmt: skip


def of_event(to, item):
    caller, word = item.get("caller") or None, item["status"]["value"]
    results = {"Started": "in_progress", "Accepted": "in_progress", "Succeeded": "success", "Failed": "failure", "Canceled": "cancelled"}
    result = "denied" if word == "Failed" and item["subStatus"]["value"] in ("Forbidden", "Unauthorized") else results.get(word)
    operation, at = item["operationName"]["value"], moment(item["eventTimestamp"])
    claims = item.get("claims") or {}
    to.add(
        "audit.activity@1", item["eventDataId"], activity=operation, result=result, actor_name=caller, occurred_at=at,
        actor_type=None if caller is None else "user" if "@" in caller else "service",
        actor_id=claims.get("http://schemas.microsoft.com/identity/claims/objectidentifier") or caller,
        source_ip=item["httpRequest"]["clientIpAddress"], targets=[{"id": key(item["resourceId"])}],
        transaction_id=item["correlationId"],
    )  # fmt: skip
    changes = {
        "roleassignments/write": "role_granted", "roleassignments/delete": "role_revoked",
        "vaults/accesspolicies/write": "policy_changed",
    }  # fmt: skip
    change = next((what for part, what in changes.items() if operation.lower().endswith(part)), None)
    if change and result not in (None, "in_progress"):
        to.add(
            "identity.access_change@1", item["eventDataId"], action=change, result=result, actor_name=caller, occurred_at=at,
            source_action=operation,
        )  # fmt: skip


def of_network(to, item):
    own = item["properties"]
    for rule in [*(own.get("securityRules") or []), *(own.get("defaultSecurityRules") or [])]:
        said = rule["properties"]
        ports = [*(said.get("destinationPortRanges") or []), *([said["destinationPortRange"]] if said.get("destinationPortRange") else [])]
        for port in ports or ["*"]:
            to.add(
                "config.network_rule@1", f"{key(rule['id'])}/{port.replace('*', 'all')}", priority=said["priority"],
                action=said["access"].lower(), direction={"Inbound": "ingress", "Outbound": "egress"}[said["direction"]],
                port_from=int(port.split("-")[0]) if port != "*" else None, resource_id=key(item["id"]),
            )  # fmt: skip


LISTS = [
    (r"/policyassignments$", of_assignment), (r"/virtualmachines$", of_machine), (r"microsoft.compute/disks$", of_disk),
    (r"/activitylogalerts$", of_alert), (r"/pricings$", of_plan), (r"/assessments$", of_assessment),
    (r"/policystates/latest/queryresults$", of_state), (r"/networksecuritygroups$", of_network),
    (r"recoveryservices/vaults$", lambda to, item: of_vault(to, item, "recoveryservices:vault")),
    (r"/backupvaults$", lambda to, item: of_vault(to, item, "dataprotection:backup-vault")),
    (r"/backuppolicies$", of_backup_policy), (r"/(backupprotecteditems|backupinstances)$", of_protected),
    (r"/management/values$", of_event),
]  # fmt: skip
# Kinds that are looked at whole; of the others, what is named above is there, and there may be more.
WHOLE = {"vuln.finding@1", "config.alert_rule@1", "config.backup_plan@1", "audit.activity@1", "identity.access_change@1"}
WHOLE_TYPES = {
    "azure:authorization:policy-assignment", "azure:compute:virtual-machine", "azure:compute:disk",
    "azure:network:network-security-group", "azure:recoveryservices:vault", "azure:dataprotection:backup-vault",
}  # fmt: skip
SETTINGS = "/providers/microsoft.insights/diagnosticsettings"


def expected(answers):
    to, read = Expected(), []
    for method, path, status, body in answers:
        if status != 200:
            continue
        at = unquote(urlsplit(path).path)
        read.append((at, body))
        low = at.lower()
        values = body.get("value") if isinstance(body, dict) else body
        if low.endswith("/actiongroups"):
            to.groups.update({key(one["id"]): one["properties"] for one in values})
        elif low.endswith("/securitycontacts"):
            texts = [one["properties"].get("emails") or one["properties"].get("email") or "" for one in values]
            mails = {part.strip() for text in texts for part in re.split("[;,]", text)} - {""}
            to.contacts[low.split("/providers/")[0]] = sorted(f"email {mail}" for mail in mails)
        elif low.endswith("/assessmentmetadata"):
            to.severities.update({one["name"].lower(): one["properties"].get("severity") for one in values})
        elif "/policydefinitions/" in low:
            to.policies[key(at)] = body["properties"].get("displayName")
    for at, body in read:
        low = at.lower()
        if low.endswith(SETTINGS):
            of = low.removesuffix(SETTINGS)
            log_type = "audit" if of.count("/") == 2 else "diagnostic"
            for item in body["value"]:
                of_setting(to, item, of, log_type)
            if not body["value"]:
                to.add("config.logging@1", f"{key(of)}/diagnosticsettings", enabled=False, log_type=log_type, resource_id=key(of))
        for pattern, of_what in LISTS:
            if re.search(pattern, low):
                for item in body["value"]:
                    of_what(to, item)
    return to.kinds


def compare(kinds, records):
    """Sentences of what does not fit; how many records of each kind do."""
    wrong, fits = [], {}
    found = {}
    for record in records:
        found[record["kind"], record["native_id"]] = record
    for kind, expectations in kinds.items():
        for native_id, members in expectations.items():
            record = found.get((kind, native_id))
            if record is None:
                wrong.append(f"{kind} {native_id}: no record")
                continue
            has = {**record["attributes"], "occurred_at": record.get("occurred_at")}
            for name, value in members.items():
                got = has.get(name)
                if name == "details":
                    wrong += [f"{kind} {native_id}: details.{n} is {(got or {}).get(n)!r}, and Azure says {v!r}" for n, v in value.items() if (got or {}).get(n) != v]
                elif name == "targets":
                    if [one["id"] for one in got or []] != [one["id"] for one in value]:
                        wrong.append(f"{kind} {native_id}: targets are {got}")
                elif got != value:
                    wrong.append(f"{kind} {native_id}: {name} is {got!r}, and Azure says {value!r}")
            fits[kind] = fits.get(kind, 0) + 1
    for (kind, native_id), record in found.items():
        own = record["attributes"].get("resource_type")
        is_whole = kind in WHOLE if kind not in ("asset.resource@1", "config.network_rule@1") else own in WHOLE_TYPES
        if is_whole and native_id not in kinds.get(kind, {}):
            wrong.append(f"{kind} {native_id}: a record of nothing that Azure said")
    return wrong, fits


def main():
    answers = [json.loads(line) for line in open(sys.argv[1])]
    records = [json.loads(line) for line in open(sys.argv[2]) if line.strip()]
    said = expected((one["method"], one["path"], one["status"], json.loads(one["body"])) for one in answers if one["status"] == 200)
    wrong, fits = compare(said, records)
    for sentence in wrong[:40]:
        print(sentence, file=sys.stderr)
    if wrong:
        sys.exit(f"{len(wrong)} do not fit")
    print(json.dumps(fits))


if __name__ == "__main__":
    main()
