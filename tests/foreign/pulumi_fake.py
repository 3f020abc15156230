#!/usr/bin/env python3
"""The demo's fake Pulumi Cloud, held against Pulumi Cloud's own OpenAPI document: fake_client.py.

Also: a wrong token, what is not there, pages of all three forms, the story's lapses.

Usage: pulumi_fake.py [path of the `serve` example]; without a path, cargo builds it. Exit 0 when all hold, 1 with the first
that does not, 77 (skipped) without the documents or jsonschema.
"""

import datetime

from pulumi_connector_fixtures import Answers
from fake_client import around, main, unique


def hold(fake):
    host, org = "api.pulumi.com", "/api/orgs/example-org"
    fake.headers = {"authorization": "token " + fake.info["pulumi_key"], "accept": "application/vnd.pulumi+8"}

    def listed(path, place, **query):
        found, page = [], None
        while True:
            body, _ = fake.ask(host, path, {**query, **({"continuationToken": page} if page else {})})
            found, page = found + body[place], body.get("continuationToken")
            if not page:
                return found
            fake.pages += 1

    fake.ask(host, "/api/user", status=401, headers={"authorization": "Bearer x"})
    fake.ask(host, f"{org}/teams/nobody", status=404)
    me, _ = fake.ask(host, "/api/user")
    assert me["tokenInfo"]["organization"] == "example-org"
    members = unique(listed(f"{org}/members", "members", type="frontend"), lambda one: one["user"]["githubLogin"])
    logins = {one["user"]["githubLogin"] for one in members}
    fake.ask(host, f"{org}/roles", {"uxPurpose": "role"})
    for team in fake.ask(host, f"{org}/teams")[0]["teams"]:
        one, _ = fake.ask(host, f"{org}/teams/{team['name']}")
        assert {member["githubLogin"] for member in one["members"]} <= logins
        fake.ask(host, f"{org}/teams/{team['name']}/tokens", {"filter": "all"})
    assert len(listed(f"{org}/tokens", "tokens", filter="all")) == len(listed(f"{org}/tokens", "tokens")) + 1
    stacks = listed("/api/user/stacks", "stacks", organization="example-org")
    labels = {f"{one['projectName']}/{one['stackName']}" for one in stacks}
    in_groups = set()
    for group in fake.ask(host, f"{org}/policygroups")[0]["policyGroups"]:
        one, _ = fake.ask(host, f"{org}/policygroups/{group['name']}")
        in_groups |= {f"{stack['routingProject']}/{stack['name']}" for stack in one["stacks"]}
    assert in_groups == labels
    fake.ask(host, f"{org}/policypacks")
    for stack in stacks:
        path = f"/api/stacks/example-org/{stack['projectName']}/{stack['stackName']}"
        query, found = {"output-type": "service", "pageSize": "7"}, []
        while True:
            body, _ = fake.ask(host, f"{path}/updates", {**query, "page": str(len(found) // 7 + 1)})
            found += body["updates"]
            if len(found) >= body["total"]:
                break
            fake.pages += 1
        unique(found, lambda update: update["updateID"])
        assert found[0]["info"]["startTime"] == stack["lastUpdate"] and found[0]["version"] == body["total"]
        drift, _ = fake.ask(host, f"{path}/drift/status")
        if drift["latestDriftRun"]:
            fake.ask(host, f"{path}/drift/runs/{drift['latestDriftRun']}")

    def issues(start, end):
        asked = {"startRow": start, "endRow": end, "sortModel": []}
        return fake.ask(host, f"{org}/policyresults/issues", body=asked)[0]

    assert issues(0, 1)["policyIssues"] + issues(1, 100)["policyIssues"] == issues(0, 100)["policyIssues"]
    end = int(datetime.datetime.fromisoformat(fake.now.replace("Z", "+00:00")).timestamp())
    events = listed(f"{org}/auditlogs/v2", "auditLogEvents", startTime=str(end - 86_400 * 60), endTime=str(end))
    updated = {event["user"]["githubLogin"] for event in events if event["event"] == "Stack Update Started"}
    assert len(events) > 50 and len(updated) > 2 and updated <= logins, updated
    story = fake.info["story"]["pulumi"]
    drifted = lambda: fake.ask(host, f"/api/stacks/example-org/{story['drifted']['id']}/drift/status")[0]["driftDetected"]  # noqa: E731
    around(fake, story["drifted"], drifted, [False, True, False], first=24 * 7)
    status = lambda: {one["resourceName"]: one["status"] for one in issues(0, 100)["policyIssues"]}.get(story["finding"]["id"])  # noqa: E731
    around(fake, story["finding"], status, [None, "open", "fixed"])
    assert fake.pages > 5 and len(fake.answers.counts) >= 15 and fake.answers.refused >= 2, fake.answers.counts
    return sum(fake.answers.counts.values())


if __name__ == "__main__":
    main("pulumi", Answers(), hold)
