"""Serves recordings of Azure as one tenant of one subscription, on loopback.

usage: azure_recorded.py RECORDING EXAMPLES --serve PORT LOG     serves; each answer is appended to LOG
       azure_recorded.py RECORDING EXAMPLES --counts LOG          prints what must come of the answers in LOG

RECORDING has exchanges with management.azure.com and graph.microsoft.com of several tenants and days, EXAMPLES a folder
with what Microsoft's documentation gives as answers. Things that were recorded are put together as the connector asks for
them: subscriptions have one id, lists that were recorded for one resource group after another are lists of the
subscription, and a thing that was recorded several times is there as it was last. What was recorded as refused is refused;
what was not recorded at all is refused as Azure and Graph refuse. Lists go on over several pages, with links that lead here.

The counts are made from the raw JSON, with nothing but json: for each kind of evidence, the sorted names of what the
answers held. Each answer in LOG is one JSON object with `method`, `path`, `status` and `body`.
"""

import gzip
import json
import pathlib
import re
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

TENANT, SUBSCRIPTION = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
PAGE = 100
ARM, GRAPH = "management.azure.com", "graph.microsoft.com"
# Lists of one resource group after another, and where the connector asks for all of them.
LIFTED = re.compile(
    r"^(/subscriptions/[^/]+)/resourcegroups/[^/]+(/providers/(?:microsoft.authorization/locks|microsoft.network/networkwatchers"
    r"|microsoft.insights/activitylogalerts))$"
)
# One by one, and in lists.
GATHERED = re.compile(r"^(/subscriptions/[^/]+)/resourcegroups/[^/]+(/providers/microsoft.keyvault/vaults)/[^/]+$")


def name(item):
    """What tells an item of a list from the others."""
    if "policyAssignmentId" in item:
        parts = ("resourceId", "policyAssignmentId", "policyDefinitionId", "policyDefinitionReferenceId")
        return "|".join(str(item.get(part)) for part in parts).lower()
    return str(item.get("id") or json.dumps(item, sort_keys=True)).lower()


class Recorded:
    def __init__(self, recording, examples):
        self.lists, self.single, self.refused = {}, {}, {}
        exchanges = [json.loads(line) for line in gzip.open(recording, "rt")]
        exchanges = [one for one in exchanges if urlsplit(one["url"]).netloc in (ARM, GRAPH) and one["resp_body_enc"] == "text"]
        ids = {m[1] for one in exchanges for m in re.finditer(r"/subscriptions(?:/|%2F)([^/%?]+)", one["url"])}
        named = re.compile("(?<=/subscriptions/)(" + "|".join(map(re.escape, sorted(ids, key=len, reverse=True))) + ")", re.I)
        for one in exchanges:
            url = urlsplit(one["url"])
            text = named.sub(SUBSCRIPTION, one["resp_body"])
            path = named.sub(SUBSCRIPTION, re.sub("//+", "/", unquote(url.path))).lower()
            self.add(f"{one['method']} {path}", int(one["status"]), json.loads(text) if text[:1] in "{[" else None)
        for file in pathlib.Path(examples).glob("graph-*.json"):
            what = file.stem.removeprefix("graph-").lower()
            for item in json.loads(file.read_text())["value"]:
                self.lists.setdefault(f"GET /v1.0/reports/authenticationmethods/{what}", {})[name(item)] = item

    def add(self, asked, status, body):
        if status != 200:
            if body:
                self.refused[asked] = (status, body)
            return
        if isinstance(body, dict) and isinstance(body.get("value"), list) or isinstance(body, list):
            method, path = asked.split(" ", 1)
            lifted = LIFTED.match(path)
            asked = f"{method} {lifted[1]}{lifted[2]}" if lifted else asked
            into = self.lists.setdefault(asked, {})
            for item in body if isinstance(body, list) else body["value"]:
                into[name(item)] = item
        elif body is not None:
            self.single[asked] = body
            gathered = GATHERED.match(asked.split(" ", 1)[1])
            if gathered:
                self.lists.setdefault(f"GET {gathered[1]}{gathered[2]}", {})[name(body)] = body

    def answer(self, method, path, query, here):
        asked = f"{method} {unquote(path).lower()}"
        if asked == "GET /tenants":
            return 200, {"value": [{"id": f"/tenants/{TENANT}", "tenantId": TENANT}]}
        if asked == "GET /v1.0/organization":
            return 200, {"value": [{"id": TENANT}]}
        if asked == "GET /subscriptions":
            last = list(self.lists[asked].values())[-1]
            same = {"id": f"/subscriptions/{SUBSCRIPTION}", "subscriptionId": SUBSCRIPTION, "tenantId": TENANT}
            return 200, {"value": [{**last, **same}]}
        if asked in self.lists:
            items = list(self.lists[asked].values())
            start = int(query.get("$skiptoken", ["0"])[0])
            body = {"value": items[start : start + PAGE]}
            if start + PAGE < len(items):
                more = {**{k: v[0] for k, v in query.items()}, "$skiptoken": str(start + PAGE)}
                link = "@odata.nextLink" if path.startswith("/v1.0") or method == "POST" else "nextLink"
                body[link] = f"{here}{path}?{urlencode(more)}"
            return 200, body
        if asked in self.single:
            return 200, self.single[asked]
        if asked in self.refused:
            return self.refused[asked]
        code = "Authorization_RequestDenied" if path.startswith("/v1.0") else "AuthorizationFailed"
        return 403, {"error": {"code": code, "message": "Not recorded"}}


def serve(recorded, port, log):
    lock, here = threading.Lock(), f"http://127.0.0.1:{port}"
    log = open(log, "a", buffering=1)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self):
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            url = urlsplit(self.path)
            if url.path.endswith("/oauth2/v2.0/token"):
                asked = parse_qs(sent)
                status, body = 200, {"token_type": "Bearer", "expires_in": 3599, "access_token": "recorded-" + asked["scope"][0].split("/")[2]}
            else:
                whose = "recorded-" + (GRAPH if url.path.startswith("/v1.0") else ARM)
                if self.headers.get("Authorization") != f"Bearer {whose}":
                    status, body = 401, {"error": {"code": "InvalidAuthenticationToken", "message": "Invalid audience."}}
                else:
                    status, body = recorded.answer(self.command, url.path, parse_qs(url.query), here)
                with lock:
                    log.write(json.dumps({"method": self.command, "path": self.path, "status": status, "body": json.dumps(body)}) + "\n")
            told = json.dumps(body).encode()
            self.send_response_only(status)
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        do_GET = do_POST = handle_any

        def log_message(self, *_):
            pass

    ThreadingHTTPServer(("127.0.0.1", port), Handler).serve_forever()


def counts(log):
    found = {}

    def add(kind, names):
        found.setdefault(kind, set()).update(names)

    services = set()
    for line in open(log):
        said = json.loads(line)
        if said["status"] != 200 or "$top=1&" in unquote(said["path"]):
            continue
        path, body = unquote(urlsplit(said["path"]).path).lower(), json.loads(said["body"])
        values = body.get("value", []) if isinstance(body, dict) else body
        ids = ["/" + str(one.get("id", "")).strip("/").lower() for one in values]
        if path == "/v1.0/users":
            add("users", [one["id"] for one in values])
        elif path == "/v1.0/serviceprincipals":
            theirs = [one["id"] for one in values if one.get("appOwnerOrganizationId") != "f8cdef31-a31e-4b4a-93e4-5f571e91255a"]
            add("service principals", theirs)
            services.update(theirs)
        elif re.fullmatch("/v1.0/groups/[^/]+/members", path):
            add("identity.group_membership@1", [f"{path.split('/')[3]}/{one['id']}" for one in values])
        elif path.endswith("/approleassignedto"):
            add("assigned", [one["id"] for one in values])
        elif path == "/v1.0/identity/conditionalaccess/policies":
            add("identity.auth_policy@1", [one["id"] for one in values])
        elif path.endswith("/identitysecuritydefaultsenforcementpolicy"):
            add("identity.auth_policy@1", [body["id"]])
        elif path.endswith("/microsoft.authorization/roleassignments"):
            # What stands above the subscription is, in it, something that is inherited.
            here = f"/subscriptions/{SUBSCRIPTION}"
            scopes = [one["properties"]["scope"].lower() for one in values]
            add("role assignments", [at if scope.startswith(here) else here + at for at, scope in zip(ids, scopes)])
        elif path.endswith("/storageaccounts"):
            add("azure:storage:account", ids)
        elif path.endswith("/microsoft.keyvault/vaults"):
            add("azure:keyvault:vault", ids)
        elif path.endswith("/microsoft.sql/servers"):
            add("azure:sql:server", ids)
        elif path.endswith("/locks"):
            add("azure:authorization:lock", ids)
    return {kind: sorted(names) for kind, names in sorted(found.items())}


if __name__ == "__main__":
    if "--serve" in sys.argv:
        serve(Recorded(sys.argv[1], sys.argv[2]), int(sys.argv[4]), sys.argv[5])
    else:
        print(json.dumps(counts(sys.argv[4])))
