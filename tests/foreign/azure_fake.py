#!/usr/bin/env python3
"""The demo's fake Azure: Azure Resource Manager, Microsoft Graph, the token endpoint, held against Microsoft's own documents: fake_client.py.

Also: what the token endpoint refuses, that a token is good for one of the two, that lists have no item twice and name what
there is, the story's lapses, which are seen while they last and not before or after.

Usage: azure_fake.py [path of the `serve` example]; without a path, cargo builds it. Exit 0 when all hold, 1 with the first
that does not, 77 (skipped) without the documents or jsonschema.
"""

import json
import re
import urllib.parse

from azure_connector_fixtures import Answers
from fake_client import around, main, moved, unique


def hold(fake):
    tenant = re.search(r"/([0-9a-f-]{36})/oauth2", fake.info["azure_token_url"]).group(1)
    graph, arm = "graph.microsoft.com", "management.azure.com"

    def token(host, **changed):
        form = {
            "grant_type": "client_credentials", "client_id": fake.info["azure_client_id"],
            "client_secret": fake.info["azure_client_secret"], "scope": f"https://{host}/.default", **changed,
        }  # fmt: skip
        status, _, text = fake.send("POST", f"/{tenant}/oauth2/v2.0/token", urllib.parse.urlencode(form), {})
        return status, json.loads(text)

    # https://learn.microsoft.com/en-us/entra/identity-platform/v2-oauth2-client-creds-grant-flow#error-response
    for changed, status, error in (
        ({"client_secret": "x"}, 401, "invalid_client"), ({"client_id": tenant}, 400, "unauthorized_client"),
        ({"scope": "x"}, 400, "invalid_scope"), ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ):  # fmt: skip
        got, body = token(graph, **changed)
        assert (got, body["error"]) == (status, error), body
        assert set(body) == {"error", "error_description", "error_codes", "timestamp", "trace_id", "correlation_id"}, body
        assert body["error_description"].startswith(f"AADSTS{body['error_codes'][0]}: "), body
    held = {}

    def headers(host):
        """A token is good for an hour, and for one of the two."""
        if (host, fake.now) not in held:
            held[host, fake.now] = token(host)[1]["access_token"]
        return {"authorization": "Bearer " + held[host, fake.now]}

    def values(host, path, query=None, next_link="nextLink", method="GET"):
        body, _ = fake.ask(host, path, query, headers=headers(host), method=method)
        found, link = list(body["value"]), body.get(next_link)
        while link:
            fake.pages += 1
            body, _ = fake.ask(host, link, headers=headers(host), method=method)
            found, link = found + body["value"], body.get(next_link)
        return unique(found, lambda item: item["id"] if "id" in item else json.dumps(item))

    def objects(path, **query):
        return values(graph, "/v1.0" + path, {f"${name}": value for name, value in query.items()}, "@odata.nextLink")

    def resources(path, version="2022-04-01", **query):
        return values(arm, path, {"api-version": version, **{f"${n}": v for n, v in query.items()}})

    fake.ask(graph, "/v1.0/users", status=401, headers={})
    fake.ask(graph, "/v1.0/users", status=401, headers=headers(arm))
    fake.ask(arm, "/subscriptions", {"api-version": "2022-12-01"}, status=401, headers=headers(graph))
    got, _, text = fake.send("GET", "/subscriptions", headers=headers(arm))
    assert (got, json.loads(text)["error"]["code"]) == (400, "MissingApiVersionParameter"), text

    def directory():
        users = objects("/users", top="120", select="id,userPrincipalName,mail,userType,accountEnabled,signInActivity")
        assert all(set(user) <= {"id", "userPrincipalName", "mail", "userType", "accountEnabled", "signInActivity"} for user in users)
        gone = objects("/directory/deletedItems/microsoft.graph.user", top="999")
        assert not {user["id"] for user in users} & {user["id"] for user in gone}
        told = objects("/reports/authenticationMethods/userRegistrationDetails")
        assert {one["id"] for one in told} <= {user["id"] for user in users}
        ids = {user["id"] for user in users}
        for group in objects("/groups", select="id,displayName,groupTypes,onPremisesSyncEnabled", top="999"):
            members = objects(f"/groups/{group['id']}/members", select="id,displayName,userPrincipalName,mail", top="999")
            assert {member["id"] for member in members} <= ids, group
        roles = {role["id"] for role in objects("/roleManagement/directory/roleDefinitions")}
        for held_by in ("roleAssignments", "roleEligibilityScheduleInstances"):
            held_roles = objects(f"/roleManagement/directory/{held_by}", expand="principal")
            assert held_roles and {one["roleDefinitionId"] for one in held_roles} <= roles
        services = objects("/servicePrincipals", top="100")
        for service in services:
            objects(f"/servicePrincipals/{service['id']}/appRoleAssignedTo", top="999")
        apps = {app["appId"] for app in objects("/applications", top="999")}
        assert apps < {service["appId"] for service in services}
        objects("/oauth2PermissionGrants", top="999")
        objects("/identity/conditionalAccess/policies")
        fake.ask(graph, "/v1.0/policies/identitySecurityDefaultsEnforcementPolicy", headers=headers(graph))
        start, end = moved(fake.now, -72), fake.now
        signed_in = objects("/auditLogs/signIns", filter=f"createdDateTime ge {start} and createdDateTime le {end}", top="999")
        assert {event["userId"] for event in signed_in} <= ids | {user["id"] for user in gone}
        objects("/auditLogs/directoryAudits", filter=f"activityDateTime ge {start} and activityDateTime le {end}", top="999")
        return users

    def of(subscription):
        path = f"/subscriptions/{subscription['subscriptionId']}"
        provided = f"{path}/providers"
        roles = {r["id"] for r in resources(f"{provided}/Microsoft.Authorization/roleDefinitions")}
        for kind in ("roleAssignments", "roleAssignmentScheduleInstances", "roleEligibilityScheduleInstances"):
            held_roles = resources(f"{provided}/Microsoft.Authorization/{kind}")
            assert {one["properties"]["roleDefinitionId"] for one in held_roles} <= roles
        for kind in ("permissions", "locks", "policyAssignments"):
            resources(f"{provided}/Microsoft.Authorization/{kind}")
        found = {}
        for kind in (
            "Microsoft.Storage/storageAccounts", "Microsoft.KeyVault/vaults", "Microsoft.Sql/servers",
            "Microsoft.Compute/virtualMachines", "Microsoft.Compute/disks", "Microsoft.Network/networkSecurityGroups",
            "Microsoft.Network/networkWatchers", "Microsoft.RecoveryServices/vaults", "Microsoft.DataProtection/backupVaults",
            "microsoft.insights/diagnosticSettings", "microsoft.insights/actionGroups", "microsoft.insights/activityLogAlerts",
            "Microsoft.Security/pricings", "Microsoft.Security/securityContacts", "Microsoft.Security/assessments",
            "Microsoft.Security/assessmentMetadata",
        ):  # fmt: skip
            found[kind] = resources(f"{provided}/{kind}")
            for one in found[kind]:
                assert one["id"].lower().startswith(("/subscriptions/" + subscription["subscriptionId"], "/providers/")), one
        single = lambda at: fake.ask(arm, at, {"api-version": "2022-04-01"}, headers=headers(arm))[0]  # noqa: E731
        for account in found["Microsoft.Storage/storageAccounts"]:
            single(f"{account['id']}/blobServices/default")
            resources(f"{account['id']}/blobServices/default/containers")
        for vault in found["Microsoft.KeyVault/vaults"]:
            for key in resources(f"{vault['id']}/keys"):
                assert "rotationPolicy" in single(key["id"])["properties"]
            assert resources(f"{vault['id']}/providers/microsoft.insights/diagnosticSettings")
        for server in found["Microsoft.Sql/servers"]:
            resources(f"{server['id']}/firewallRules")
            single(f"{server['id']}/auditingSettings/default")
            single(f"{server['id']}/encryptionProtector/current")
            for database in resources(f"{server['id']}/databases"):
                single(f"{database['id']}/transparentDataEncryption/current")
                single(f"{database['id']}/auditingSettings/default")
        for watcher in found["Microsoft.Network/networkWatchers"]:
            resources(f"{watcher['id']}/flowLogs")
        for vault in found["Microsoft.RecoveryServices/vaults"]:
            policies = {policy["id"] for policy in resources(f"{vault['id']}/backupPolicies")}
            items = resources(f"{vault['id']}/backupProtectedItems")
            assert {item["properties"]["policyId"] for item in items} <= policies
            machines = {machine["id"].lower() for machine in found["Microsoft.Compute/virtualMachines"]}
            assert {item["properties"]["sourceResourceId"].lower() for item in items} == machines
        states = f"{provided}/Microsoft.PolicyInsights/policyStates/latest/queryResults"
        query = {"api-version": "2019-10-01", "$filter": "complianceState eq 'NonCompliant'"}
        for state in values(arm, states, query, "@odata.nextLink", "POST"):
            single(state["policyDefinitionId"])
        return found

    def log(subscription, start, end):
        path = f"/subscriptions/{subscription['subscriptionId']}/providers/microsoft.insights/eventtypes/management/values"
        entries = resources(path, "2015-04-01", filter=f"eventTimestamp ge '{start}' and eventTimestamp le '{end}'")
        times = [entry["eventTimestamp"] for entry in entries]
        assert times == sorted(times, reverse=True) and all(start <= at <= end for at in times)
        by_operation = {}
        for entry in entries:
            by_operation.setdefault(entry["operationId"], []).append(entry["status"]["value"])
        return entries

    assert [one["tenantId"] for one in resources("/tenants")] == [tenant]
    subscriptions = resources("/subscriptions", "2022-12-01")
    production = next(one for one in subscriptions if one["displayName"] == "Production")
    fake.ask(arm, "/subscriptions/00000000-0000-4000-8000-000000000000/providers/Microsoft.Sql/servers",
             {"api-version": "2021-11-01"}, status=404, headers=headers(arm))  # fmt: skip
    users = directory()
    assert len(users) > 100 and any(user["userType"] == "Guest" for user in users), len(users)
    for subscription in subscriptions:
        of(subscription)
    entries = log(production, moved(fake.now, -24 * 14), fake.now)
    assert len(entries) > 20 and len({entry["operationId"] for entry in entries}) * 2 == len(entries)

    story, prod = fake.info["story"]["azure"], f"/subscriptions/{production['subscriptionId']}"
    rules = lambda: {  # noqa: E731
        rule["properties"]["destinationPortRange"]
        for group in resources(f"{prod}/providers/Microsoft.Network/networkSecurityGroups")
        for rule in group["properties"]["securityRules"]
    }
    around(fake, story["open_rdp"], lambda: "3389" in rules(), [False, True, False])
    names = lambda kind: {one["id"].lower() for one in resources(f"{prod}/providers/{kind}")}  # noqa: E731
    unlogged = story["unlogged"]
    around(
        fake, unlogged, lambda: unlogged["id"].lower() in names("microsoft.insights/diagnosticSettings"), [True, False, True]
    )
    public = lambda: {  # noqa: E731
        one["name"] for one in resources(f"{prod}/providers/Microsoft.Storage/storageAccounts") if one["properties"]["allowBlobPublicAccess"]
    }
    around(fake, story["public_storage"], lambda: story["public_storage"]["id"] in public(), [False, True, False])
    bad = lambda: {  # noqa: E731
        one["properties"]["status"]["code"]
        for one in resources(f"{prod}/providers/Microsoft.Security/assessments")
        if one["properties"]["resourceDetails"]["Id"].endswith(story["public_storage"]["id"])
    }
    around(fake, story["public_storage"], bad, [{"Healthy"}, {"Unhealthy"}, {"Healthy"}], first=24)
    # Somebody who owns production is in the list of assignments and in the log; of the list, by the address's id.
    owner = story["owner"]
    fake.at(moved(owner["start"], 1))
    by_name = {user["mail"]: user["id"] for user in directory()}
    owners = lambda: by_name[owner["id"]] in {  # noqa: E731
        one["properties"]["principalId"] for one in resources(f"{prod}/providers/Microsoft.Authorization/roleAssignments")
    }
    around(fake, owner, owners, [False, True, False])
    done = [entry["operationName"]["value"] for entry in log(production, moved(owner["start"], -1), moved(owner["end"], 1))]
    assert done.count("Microsoft.Authorization/roleAssignments/write") == 2, "it begins, and ends"
    assert done.count("Microsoft.Authorization/roleAssignments/delete") == 2
    old = story["old_secret"]
    secrets = lambda: {key["keyId"] for app in objects("/applications") for key in app["passwordCredentials"]}  # noqa: E731
    around(fake, old, lambda: old["id"] in secrets(), [True, True, False])
    # An account that stays is enabled while its owner has gone, then disabled, then deleted.
    stayed = story["stayed"]
    fake.at(moved(stayed["end"], -1))
    account = next(user for user in directory() if user["mail"] == stayed["id"])
    assert account["accountEnabled"]
    fake.at(moved(stayed["end"], 1))
    assert not next(user for user in directory() if user["mail"] == stayed["id"])["accountEnabled"]
    fake.at(moved(stayed["end"], 24 * 20))
    gone = objects("/directory/deletedItems/microsoft.graph.user")
    assert account["id"] in {user["id"] for user in gone} and account["id"] not in {user["id"] for user in directory()}
    found = fake.answers
    assert len(found.counts) >= 13 and len(found.endpoints) >= 15 and fake.pages >= 3, (found.counts, found.endpoints, fake.pages)
    return sum(found.counts.values()) + found.registered + sum(found.endpoints.values())


if __name__ == "__main__":
    main("azure", Answers(), hold)
