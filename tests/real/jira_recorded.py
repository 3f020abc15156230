"""Answers that one Jira Cloud site once gave, put together as the connector asks for them today.

usage: jira_recorded.py RECORDING                prints fixtures for the connector's own tests, one a line
       jira_recorded.py RECORDING --count        prints how many records of each kind must come of them
       jira_recorded.py RECORDING --serve PORT   serves the same on 127.0.0.1, to whoever brings an account and a token

The recordings are older than `search/jql` and `project/search`: issues, projects and users stay as they were recorded,
and stand in the envelopes that Jira's document has for these. What was never recorded is answered as Jira does where
there is no such thing. The count is made from the raw bodies, knowing nothing of Exhibit.
"""

import datetime
import gzip
import json
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

SITE = "https://jupiterone-dev.atlassian.net"
API = f"{SITE}/rest/api/3"
SINCE, UNTIL = (datetime.datetime(year, 1, 1, tzinfo=datetime.timezone.utc) for year in (2021, 2024))

recorded, refused = [], []
for line in gzip.open(sys.argv[1], "rt"):
    exchange = json.loads(line)
    if exchange["url"].startswith(SITE) and exchange["status"] == 401:
        refused.append((exchange["url"].removeprefix(API), 401, exchange["resp_body"]))
    elif exchange["url"].startswith(SITE) and exchange["resp_body"][:1] in ("{", "["):
        recorded.append((exchange["url"].removeprefix(API), int(exchange["status"]), json.loads(exchange["resp_body"])))


def of(path, status=200):
    """The longest body that this path was answered with."""
    bodies = [body for url, code, body in recorded if url == path and code == status]
    return max(bodies, key=lambda body: len(json.dumps(body)))


USERS, NO_MORE, PROJECTS, MYSELF = of("/users?startAt=0&maxResults=100"), of("/users?startAt=12&maxResults=100"), of("/project"), of("/myself")
NOT_FOUND = of("/project/PROJECTNAMEBAD", 404)
REFUSED = next(body for url, code, body in refused if url == "/myself")
ISSUES = {}
for url, status, body in recorded:
    if url == "/search" and status == 200:
        ISSUES.update({issue["id"]: issue for issue in body["issues"]})
    elif url.startswith("/issue/") and status == 200 and "fields" in body:
        ISSUES[body["id"]] = body
ISSUES = list(ISSUES.values())


def within(text):
    return text is not None and SINCE <= datetime.datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z") < UNTIL


def fixtures():
    def answer(path, body, status=200, **more):
        return {"method": "GET", "url": API + path, "status": status, "body_json": body, **more}

    def page(values):
        return {"self": API, "maxResults": 100, "startAt": 0, "total": len(values), "isLast": True, "values": values}

    yield answer("/myself", MYSELF)
    yield {**answer("", NOT_FOUND, 404), "url": f"{SITE}/_edge/tenant_info"}
    yield answer("/users/search?startAt=0&maxResults=1", USERS)
    yield answer("/users/search?maxResults=100", USERS)
    yield answer(f"/users/search?maxResults=100&startAt={len(USERS)}", NO_MORE)
    yield answer("/project/search?startAt=0&maxResults=1", page(PROJECTS))
    yield answer("/project/search?expand=lead&status=live&status=archived&maxResults=100", page(PROJECTS))
    for project in PROJECTS:
        yield answer(f"/project/{project['id']}/role", NOT_FOUND, 404)
    for issue in ISSUES:
        yield answer(f"/issue/{issue['id']}/changelog?maxResults=100", NOT_FOUND, 404)
        if issue["fields"]["status"]["statusCategory"]["key"] == "done" and within(issue["fields"]["statuscategorychangedate"]):
            yield answer(f"/issue/{issue['id']}/remotelink", NOT_FOUND, 404)
    for path in ("group/bulk?startAt=0&maxResults=1", "group/bulk?maxResults=100", "permissionscheme?expand=permissions", "auditing/record?offset=0&limit=1", "auditing/record?from=2021-01-01T00%3A00%3A00.000Z&to=2024-01-01T00%3A00%3A00.000Z&limit=1000"):
        yield answer(f"/{path}", NOT_FOUND, 404)
    # One search finds all that was recorded, and then so does the other.
    for _ in range(2):
        yield answer("/search/jql", {"issues": ISSUES, "isLast": True}, method="POST")


def count():
    fields = [issue["fields"] for issue in ISSUES]
    return {
        "identity.account@1": len({user["accountId"] for user in USERS}),
        "identity.group_membership@1": 0,
        "identity.role_grant@1": 0,
        "identity.access_change@1": 0,
        "asset.resource@1": len(PROJECTS),
        "change.request@1": sum(f["status"]["statusCategory"]["key"] == "done" and within(f["statuscategorychangedate"]) for f in fields),
        "ops.incident@1": sum(within(f["created"]) for f in fields),
        "audit.activity@1": 0,
    }


def question(method, target):
    """What is asked, whatever the window."""
    url = urlsplit(target)
    return method, url.path, frozenset(pair for pair in parse_qsl(url.query) if pair[0] not in ("from", "to"))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    known = {}

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        nobody = not self.headers.get("Authorization", "").startswith("Basic ") and "/rest/" in self.path
        unknown = (401, REFUSED) if nobody else (404, NOT_FOUND)
        status, body = unknown if nobody else self.known.get(question(self.command, self.path), unknown)
        data = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json;charset=UTF-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


if "--count" in sys.argv:
    print(json.dumps(count()))
elif "--serve" in sys.argv:
    Handler.known = {question(f["method"], f["url"].removeprefix(SITE)): (f["status"], f["body_json"]) for f in fixtures()}
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[-1])), Handler).serve_forever()
else:
    for fixture in fixtures():
        print(json.dumps(fixture))
