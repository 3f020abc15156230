#!/usr/bin/env python3
"""The demo's fake GitHub, held against GitHub's own OpenAPI document: fake_client.py.

Also: a wrong token, what is not there, that teams have members only, that nobody approves their own change.

Usage: github_fake.py [path of the `serve` example]; without a path, cargo builds it. Exit 0 when all hold, 1 with the first
that does not, 77 (skipped) without the documents or jsonschema.
"""

import re

from github_connector_fixtures import Answers
from fake_client import main, unique


def hold(fake):
    host, org = "api.github.com", "/orgs/example-org"
    fake.headers = {"authorization": "Bearer " + fake.info["github_token"], "accept": "application/vnd.github+json"}

    def listed(path, place=None, **query):
        found, link = [], None
        while True:
            body, headers = fake.ask(host, link or path, None if link else {"per_page": "100", **query})
            found += body[place] if place else body
            link = re.search(r'<([^>]+)>; rel="next"', headers.get("link") or "")
            if not link:
                return found
            fake.pages, link = fake.pages + 1, link.group(1)

    fake.ask(host, org, status=401, headers={"authorization": "Bearer x"})
    fake.ask(host, "/orgs/nobody", status=404)
    fake.ask(host, org)
    members = unique(listed(f"{org}/members"), lambda one: one["id"])
    admins = {one["login"] for one in listed(f"{org}/members", role="admin")}
    assert admins and admins < {one["login"] for one in members}
    listed(f"{org}/members", filter="2fa_disabled")
    assert not listed(f"{org}/outside_collaborators")
    listed(f"{org}/invitations")
    in_teams = set()
    for team in listed(f"{org}/teams"):
        in_teams |= {one["login"] for one in listed(f"{org}/teams/{team['slug']}/members", role="member")}
        in_teams |= {one["login"] for one in listed(f"{org}/teams/{team['slug']}/members", role="maintainer")}
    assert in_teams == {one["login"] for one in members}
    fake.ask(host, f"{org}/organization-roles")
    listed(f"{org}/installations", "installations")
    for rest in ("", "/workflow", "/fork-pr-contributor-approval", "/self-hosted-runners"):
        fake.ask(host, f"{org}/actions/permissions{rest}")
    for scanner in ("dependabot", "code-scanning", "secret-scanning"):
        listed(f"{org}/{scanner}/alerts")
    listed(f"{org}/rulesets/rule-suites")
    events = listed(f"{org}/audit-log", phrase=f"created:2025-12-20T00:00:00Z..{fake.now}", include="all", order="asc")
    assert len(unique(events, lambda event: event["_document_id"])) > 20
    pulls = 0
    for repo in listed(f"{org}/repos", type="all"):
        path = f"/repos/{repo['full_name']}"
        if repo["archived"]:
            fake.ask(host, f"{path}/vulnerability-alerts", status=404)
        else:
            fake.ask(host, f"{path}/vulnerability-alerts", status=204)
        status, _, _ = fake.send("GET", f"{path}/branches/main/protection")
        fake.ask(host, f"{path}/branches/main/protection", status=status)
        listed(f"{path}/rules/branches/main")
        for what in ("collaborators", "teams", "keys"):
            listed(f"{path}/{what}")
        listed(f"{path}/environments", "environments")
        for pull in listed(f"{path}/issues", state="all", since="2025-12-20T00:00:00Z", sort="updated", direction="asc"):
            pulls += 1
            one, _ = fake.ask(host, f"{path}/pulls/{pull['number']}")
            reviews = listed(f"{path}/pulls/{pull['number']}/reviews")
            assert not one["merged"] or all(review["user"]["login"] != one["user"]["login"] for review in reviews)
            listed(f"{path}/commits/{one['head']['sha']}/check-runs", "check_runs")
            fake.ask(host, f"{path}/commits/{one['head']['sha']}/status")
        unique(listed(f"{path}/pulls", state="all"), lambda pull: pull["number"])
        for deployment in listed(f"{path}/deployments")[:3]:
            fake.ask(host, f"{path}/deployments/{deployment['id']}/statuses")
    assert pulls > 20 and fake.pages >= 2, (pulls, fake.pages)
    assert len(fake.answers.counts) >= 30 and fake.answers.refused >= 4, fake.answers.counts
    return sum(fake.answers.counts.values())


if __name__ == "__main__":
    main("github", Answers(), hold)
