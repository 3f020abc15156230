"""Answers that GitHub once gave, to several people about several organisations, put together as if they were of one.

usage: github_recorded.py RECORDING                 prints fixtures for the connector's own tests, one a line
       github_recorded.py RECORDING --count         prints how many records of each kind must come of them
       github_recorded.py RECORDING --serve PORT    answers on loopback, until it is ended

No recording holds a whole organisation. So each question that the connector asks of `ORG` is answered with what GitHub
answered to the same question about another; bodies stay as they were recorded, next links of pages that were not
recorded are left out. What was never recorded is answered as GitHub does where one may not ask. The count is made from
the raw bodies, knowing nothing of Exhibit.
"""

import gzip
import json
import re
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

API = "https://api.github.com"
ORG = "codeforamerica"
# The window that events are asked for within.
SINCE, UNTIL = "2012-01-01T00:00:00.000Z", "2023-01-01T00:00:00.000Z"

# What a recorder wrote in the place of numbers, which no JSON has.
PLACEHOLDER = re.compile(r"(?<=[:\d])github-test-(?:integration-installation|integration|org-team-id)(?=[\d,}\]])")

recorded = {}
for line in gzip.open(sys.argv[1], "rt"):
    exchange = json.loads(line)
    if exchange["method"] == "GET" and exchange["resp_body_enc"] == "text":
        recorded.setdefault((exchange["url"].removeprefix(API), int(exchange["status"])), exchange["resp_body"])
NOTHING = ("/repos/github-login/an-repo/keys", 200)
NOT_FOUND = ("/teams/github-test-org-team-id/members/api-padawan", 404)
PROTECTED = ("/repos/github-login/github-test-repository/branches/master/protection", 200)
OPEN = ("/repos/github-login/github-test-repository/branches/master/protection", 404)
WATCHED = ("/repos/github-login/github-test-repository/vulnerability-alerts", 204)
UNWATCHED = ("/repos/github-login/github-test-repository/vulnerability-alerts", 404)
TEAMS = ("/orgs/github-test-organization/teams", 200)
MEMBERS = (f"/orgs/{ORG}/members", 200)
PUBLIC = (f"/orgs/{ORG}/public_members", 200)
PULLS = ("/repos/octokit/octokit.rb/pulls?state=closed", 200)
ISSUES = ("/repos/sferik/rails_admin/issues", 200)
PULL = ("/repos/github-login/github-test-repository/pulls/2", 200)
REVIEWS = ("/repos/octokit/octokit.rb/pulls/841/reviews", 200)
CHECKS = ("/repos/github-login/github-test-repository/commits/master/check-runs", 200)
STATUS = ("/repos/octokit/octokit.rb/commits/fd1a4e2c734f9ff8dd2c9ca940fccd4a678d5908/status", 200)
DEPLOYMENTS = ("/repos/github-login/github-test-repository/deployments", 200)
USER_KEYS = ("/user/keys", 200)
AUDIT = ("/orgs/api-playground/audit-log?include=all&phrase=action:org.add_member%20created:%3E2022-08-29", 200)
INSTALLATIONS = ("/orgs/JupiterOne-Sandbox/installations", 200)
SECRETS = ("/orgs/JupiterOne-Sandbox/secret-scanning/alerts?per_page=100", 200)
SCANS = ("/orgs/caja-de-dano/code-scanning/alerts", 200)
ENVIRONMENTS = sorted(key for key in recorded if "/environments?per_page=100" in key[0])
COLLABORATORS = [
    ("/repos/sferik/rails_admin/collaborators", 200),
    ("/repos/octokit-fixture-org/add-and-remove-repository-collaborator/collaborators", 200),
]


def body(key):
    """A recorded body as JSON."""
    text = PLACEHOLDER.sub("4711", recorded[key])
    return json.loads(text) if text else None


def of_organisation():
    """Path, and what answers it."""
    repos, all_repos = (f"/orgs/{ORG}/repos", 200), "type=all&sort=created&direction=asc&per_page=100"
    for path, key in {
        "": (f"/orgs/{ORG}", 200),
        "/repos?type=all&per_page=1": repos,
        f"/repos?{all_repos}": repos,
        "/members?filter=2fa_disabled&per_page=1": NOTHING,
        "/members?filter=2fa_disabled&per_page=100": NOTHING,
        "/outside_collaborators?filter=2fa_disabled&per_page=100": NOTHING,
        "/members?role=admin&per_page=100": NOTHING,
        "/members?role=member&per_page=100": MEMBERS,
        "/outside_collaborators?per_page=100": ("/orgs/github-test-organization/outside_collaborators", 200),
        "/invitations?per_page=100": ("/orgs/github-test-organization/invitations", 200),
        "/teams?per_page=1": TEAMS,
        "/teams?per_page=100": TEAMS,
        "/teams/owners/members?role=maintainer&per_page=100": NOTHING,
        "/teams/owners/members?role=member&per_page=100": PUBLIC,
        "/installations?per_page=1": INSTALLATIONS,
        "/installations?per_page=100": INSTALLATIONS,
        "/secret-scanning/alerts?per_page=1&hide_secret=true": SECRETS,
        "/secret-scanning/alerts?per_page=100&hide_secret=true": SECRETS,
        "/code-scanning/alerts?per_page=1": SCANS,
        "/code-scanning/alerts?per_page=100": SCANS,
        "/audit-log?per_page=1": AUDIT,
        f"/audit-log?phrase=created%3A{SINCE}..{UNTIL}&include=web&order=asc&per_page=100".replace(":", "%3A"): AUDIT,
    }.items():
        yield f"/orgs/{ORG}{path}", key


def of_repositories():
    for index, repo in enumerate(body((f"/orgs/{ORG}/repos", 200))):
        path, branch = f"/repos/{repo['full_name']}", repo["default_branch"]
        first = index == 0
        environments = ENVIRONMENTS[index] if index < len(ENVIRONMENTS) else ENVIRONMENTS[0]
        yield f"{path}/environments?per_page=100", environments
        yield f"{path}/branches/{branch}/protection", OPEN if index % 3 else PROTECTED
        yield f"{path}/rules/branches/{branch}?per_page=100", NOTHING
        yield f"{path}/vulnerability-alerts", UNWATCHED if index % 2 else WATCHED
        collaborators = COLLABORATORS[index] if index < len(COLLABORATORS) else NOTHING
        yield f"{path}/collaborators?affiliation=direct&per_page=100", collaborators
        yield f"{path}/teams?per_page=100", TEAMS if first else NOTHING
        yield f"{path}/keys?per_page=100", USER_KEYS if first else NOTHING
        yield f"{path}/deployments?per_page=100", DEPLOYMENTS if first else NOTHING
        if first:
            yield f"{path}/keys?per_page=1", USER_KEYS
            yield f"{path}/pulls?per_page=1", PULLS
            yield f"{path}/deployments?per_page=1", DEPLOYMENTS
            for deployment in body(DEPLOYMENTS):
                yield f"{path}/deployments/{deployment['id']}/statuses?per_page=100", NOTHING
        order = "state=all&sort=created&direction=asc"
        if repo["has_issues"]:
            since = SINCE.replace(":", "%3A")
            yield f"{path}/issues?{order}&since={since}&per_page=100", ISSUES if first else NOTHING
            continue
        yield f"{path}/pulls?{order}&per_page=100", PULLS
        sha = body(PULL)["head"]["sha"]
        yield f"{path}/commits/{sha}/check-runs?per_page=100", CHECKS
        yield f"{path}/commits/{sha}/status?per_page=100", STATUS
        for pull in body(PULLS):
            yield f"{path}/pulls/{pull['number']}", PULL
            yield f"{path}/pulls/{pull['number']}/reviews?per_page=100", REVIEWS


QUESTIONS = dict([*of_organisation(), *of_repositories()])
UNRECORDED = [
    ("GET", f"/orgs/{ORG}/{path}")
    for path in (
        "organization-roles",
        "actions/permissions",
        "dependabot/alerts?per_page=1",
        "dependabot/alerts?per_page=100",
        "rulesets/rule-suites?time_period=month&rule_suite_result=all&per_page=100",
    )
] + [("POST", "/graphql")]


def fixtures():
    for path, key in QUESTIONS.items():
        fixture = {"method": "GET", "url": API + path, "status": key[1]}
        yield fixture if body(key) is None else {**fixture, "body_json": body(key)}
    for method, path in UNRECORDED:
        yield {"method": method, "url": API + path, "status": NOT_FOUND[1], "body_json": body(NOT_FOUND)}


def count():
    """Records of each kind, counted from the bodies."""
    repos = body((f"/orgs/{ORG}/repos", 200))
    # `2013-12-12T13:59:07Z` sorts as the time does.
    within = lambda text: text is not None and SINCE <= text < UNTIL
    answered = [(path, body(key)) for path, key in QUESTIONS.items() if "per_page=1&" not in path + "&"]
    lists = lambda end: [(path, found) for path, found in answered if path.split("?")[0].endswith(end)]
    distinct = lambda end, name="id": sum(len({item[name] for item in found}) for _, found in lists(end))
    without_issues = [repo for repo in repos if not repo["has_issues"]]
    closed = sum(within(pull["closed_at"]) for pull in body(PULLS)) * len(without_issues)
    return {
        "identity.account@1": len({user["id"] for user in body(MEMBERS)}),
        "identity.group_membership@1": len({user["id"] for user in body(PUBLIC)}),
        "identity.role_grant@1": distinct("/collaborators") + len(body(TEAMS)),
        "identity.app_grant@1": len(body(INSTALLATIONS)["installations"]),
        "identity.auth_policy@1": 1,
        "identity.credential@1": distinct("/keys"),
        "asset.resource@1": len(repos) + sum(len(found["environments"]) for _, found in lists("/environments")),
        "config.repo_protection@1": len(repos),
        "vuln.finding@1": len(body(SECRETS)) + len(body(SCANS)),
        "change.request@1": closed,
        "deploy.event@1": sum(within(deployment["created_at"]) for deployment in body(DEPLOYMENTS)),
        "audit.activity@1": len(body(AUDIT)),
        "identity.access_change@1": sum(event["action"] == "org.add_member" for event in body(AUDIT)),
    }


class Handler(BaseHTTPRequestHandler):
    """Questions whose window is another one are answered all the same."""

    protocol_version = "HTTP/1.1"

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        asked = {name: value for name, value in parse_qsl(url.query) if name not in ("since", "phrase")}
        status, text = NOT_FOUND[1], json.dumps(body(NOT_FOUND))
        for path, key in QUESTIONS.items():
            question = urlsplit(path)
            fits = {name: value for name, value in parse_qsl(question.query) if name not in ("since", "phrase")} == asked
            if self.command == "GET" and question.path == url.path and fits:
                status, text = key[1], json.dumps(body(key))
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        data = b"" if status == 204 else text.encode()
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


if "--count" in sys.argv:
    print(json.dumps(count()))
elif "--serve" in sys.argv:
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[-1])), Handler).serve_forever()
else:
    for fixture in fixtures():
        print(json.dumps(fixture))
