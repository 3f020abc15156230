#!/usr/bin/env python3
"""The demo's fake Jira, held against Jira's own OpenAPI document: fake_client.py.

Also: a wrong credential, what is not there, a search that is none, that changelogs end with the status of the issue.

Usage: jira_fake.py [path of the `serve` example]; without a path, cargo builds it. Exit 0 when all hold, 1 with the first
that does not, 77 (skipped) without the documents or jsonschema.
"""

import base64
import urllib.parse

from jira_connector_fixtures import Answers
from fake_client import main, moved, unique


def hold(fake):
    host, base = "example.atlassian.net", "/rest/api/3"
    pair = f"{fake.info['jira_username']}:{fake.info['jira_password']}".encode()
    fake.headers = {"authorization": "Basic " + base64.b64encode(pair).decode()}

    def listed(path, **query):
        found = []
        while True:
            body, _ = fake.ask(host, base + path, {**query, "startAt": str(len(found))})
            found += body["values"]
            if body["isLast"]:
                assert len(found) == body["total"], path
                return found
            fake.pages += 1

    fake.ask(host, f"{base}/myself", status=401, headers={})
    fake.ask(host, f"{base}/myself")
    fake.ask(host, "/_edge/tenant_info")
    users, start = [], 0
    while page := fake.ask(host, f"{base}/users/search", {"startAt": str(start), "maxResults": "200"})[0]:
        users, start, fake.pages = users + page, start + len(page), fake.pages + 1
    unique(users, lambda user: user["accountId"])
    for group in listed("/group/bulk"):
        members = listed("/group/member", groupId=group["groupId"], includeInactiveUsers="true")
        assert {one["accountId"] for one in members} <= {user["accountId"] for user in users}
    fake.ask(host, f"{base}/permissionscheme", {"expand": "permissions"})
    for project in listed("/project/search"):
        roles, _ = fake.ask(host, f"{base}/project/{project['id']}/role")
        for url in roles.values():
            fake.ask(host, urllib.parse.urlsplit(url).path)
    issues = []
    for project in ("CHG", "ACC", "INC"):
        asked = {"jql": f"project = {project} ORDER BY created ASC", "fields": ["summary", "status", "created", "reporter", "labels"], "maxResults": 100}
        while True:
            body, _ = fake.ask(host, f"{base}/search/jql", body=asked)
            issues += body["issues"]
            if body["isLast"]:
                assert "nextPageToken" not in body
                break
            fake.pages, asked = fake.pages + 1, {**asked, "nextPageToken": body["nextPageToken"]}
    unique(issues, lambda issue: issue["key"])
    for issue in issues[:30]:
        moves = listed(f"/issue/{issue['id']}/changelog")
        last = [move["items"][0]["toString"] for move in moves][-1:] or ["Open"]
        assert last == [issue["fields"]["status"]["name"]], issue["key"]
    fake.ask(host, f"{base}/issue/999999/changelog", status=404)
    fake.ask(host, f"{base}/search/jql", body={"jql": "colour = red"}, status=400)
    found, offset = [], 0
    while True:
        query = {"from": moved(fake.now, -24 * 60), "to": fake.now, "offset": str(offset), "limit": "1000"}
        body, _ = fake.ask(host, f"{base}/auditing/record", query)
        found, offset = found + body["records"], offset + len(body["records"])
        if offset >= body["total"]:
            break
        fake.pages += 1
    unique(found, lambda record: record["id"])
    assert len(issues) > 40 and len(found) > 20 and fake.pages > 3, (len(issues), len(found), fake.pages)
    answers = fake.answers
    assert len(answers.counts) >= 11 and answers.asked >= 4 and answers.refused >= 3, (answers.counts, answers.asked)
    return sum(answers.counts.values())


if __name__ == "__main__":
    main("jira", Answers(), hold)
