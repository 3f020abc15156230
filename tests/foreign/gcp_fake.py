#!/usr/bin/env python3
"""The demo's fake Google Cloud, as seen by clients that none of us wrote: google-auth and google-api-python-client
(pip install google-api-python-client).

google-auth signs the assertion and asks for the token; the client, made from Google's own discovery documents, builds
every request and walks every list. Each answer is held against the document's schema, closed: a member that Google does not
describe is a mistake. Also checked: the story's lapses before, at and after their time, what the log says of them, paging,
a wrong key, another audience, a token whose hour is over, an API that is off, a project that is not there.

Usage: gcp_fake.py [path of the `serve` example]; without a path, cargo builds it. Exit 0 when all hold, 1 with the first
that does not, 77 (skipped) without the client or jsonschema.
"""

import datetime
import json
import pathlib
import subprocess
import sys
import urllib.parse

try:
    import google.auth._helpers
    import google.auth.exceptions
    import google_auth_httplib2
    import httplib2
    import jsonschema
    from google.auth import crypt
    from google.oauth2 import service_account
    from googleapiclient import discovery
    from googleapiclient.errors import HttpError
except ImportError as missing:
    print(f"SKIPPED gcp_fake: {missing} (pip install google-api-python-client jsonschema)")
    sys.exit(77)
from google_documents import ROOT, Document, folder  # noqa: E402

ORGANISATION = "organizations/998877665544"
PROD, DATA, OPS = "example-prod-1", "example-data-1", "example-ops-1"
SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]


class Fake:
    """The running fake; its clock is set by a line on its standard input, and google-auth lives at the same time."""

    def __init__(self, seed, instant):
        command = [sys.argv[1]] if len(sys.argv) > 1 else ["cargo", "run", "-q", "-p", "exhibit-demo", "--example", "serve", "--"]
        self.process = subprocess.Popen(
            [*command, str(seed), instant], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        self.info = json.loads(self.process.stdout.readline())
        self.origin, self.key = self.info["gcp"], json.loads(self.info["gcp_key"])
        self.known, self.counts, self.pages, self.clients = {}, {}, 0, {}
        google.auth._helpers.utcnow = lambda: self.now
        self.now = moment(instant)

    def at(self, instant):
        self.process.stdin.write(instant + "\n")
        self.process.stdin.flush()
        self.now = moment(instant)
        # A token is good for an hour of the fake's time.
        self.clients = {}
        return json.loads(self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)

    def credentials(self, **changed):
        info = {**self.key, "token_uri": self.info["gcp_token_url"], **changed}
        return service_account.Credentials.from_service_account_info(info, scopes=SCOPES)

    def client(self, api, version):
        """The client of an API, whose every answer is checked."""
        if api not in self.clients:
            documents = folder() / f"{api}.{version}.json"
            document = self.known.setdefault(api, Document(documents, jsonschema.Draft202012Validator))
            base = f"{self.origin}/{document.host}{document.prefix}"
            http = google_auth_httplib2.AuthorizedHttp(self.credentials(), http=Checked(self, document))
            options = {"api_endpoint": base}
            source = json.loads(documents.read_text())
            self.clients[api] = discovery.build_from_document(source, http=http, client_options=options)
        return self.clients[api]


class Checked(httplib2.Http):
    """Sends requests, and holds each good answer against the document."""

    def __init__(self, fake, document):
        super().__init__()
        self.fake, self.document = fake, document

    def request(self, uri, method="GET", body=None, headers=None, **more):
        response, content = super().request(uri, method, body, headers, **more)
        url = urllib.parse.urlsplit(uri)
        prefix = "/" + self.document.host
        if url.path.startswith(prefix) and response.status == 200:
            found = self.document.method(method, url.path.removeprefix(prefix))
            unknown = set(urllib.parse.parse_qs(url.query)) - set(found.get("parameters", {})) - {"alt", "fields"}
            assert not unknown, f"{found['id']} has no parameter {unknown}"
            for error in self.document.errors(found, json.loads(content)):
                raise AssertionError(f"{found['id']}: {error.json_path}: {error.message[:300]}")
            self.fake.counts[found["id"]] = self.fake.counts.get(found["id"], 0) + 1
        return response, content


def moment(instant):
    return datetime.datetime.fromisoformat(instant.replace("Z", "+00:00")).replace(tzinfo=None)


def hours(instant, by):
    return (moment(instant) + datetime.timedelta(hours=by)).isoformat(timespec="milliseconds") + "Z"


def walk(fake, resource, member, method="list", **parameters):
    """All items of a list, over all its pages."""
    request, items = getattr(resource, method)(**parameters), []
    while request is not None:
        answer = request.execute()
        items += answer.get(member, [])
        fake.pages += "nextPageToken" in answer
        request = getattr(resource, f"{method}_next")(request, answer)
    return items


def refused(status, request):
    try:
        request.execute()
    except HttpError as error:
        assert error.status_code == status, error
        return error
    raise AssertionError(f"expected {status}, and the request succeeded")


def sign_in(fake):
    ask = google_auth_httplib2.Request(httplib2.Http())
    fake.credentials().refresh(ask)
    for changed in ({"client_email": f"other@{OPS}.iam.gserviceaccount.com"}, {"private_key_id": "00"}):
        try:
            fake.credentials(**changed).refresh(ask)
        except google.auth.exceptions.RefreshError as error:
            assert "invalid_grant" in str(error), error
        else:
            raise AssertionError(f"{changed} was accepted")
    # Another account's scope, and an assertion that is too old.
    for credentials, code in (
        (fake.credentials().with_scopes(["https://www.googleapis.com/auth/admin.directory.user"]), "unauthorized_client"),
        (fake.credentials().with_subject("someone@example.com"), "unauthorized_client"),
        (other_key(fake), "invalid_grant"),
    ):
        try:
            credentials.refresh(ask)
        except google.auth.exceptions.RefreshError as error:
            assert code in str(error), error
        else:
            raise AssertionError(f"{code} was expected")


def other_key(fake):
    """The account with a key that is not its own."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    signer = crypt.RSASigner.from_string(pem, fake.key["private_key_id"])
    return service_account.Credentials(signer, fake.key["client_email"], fake.info["gcp_token_url"], scopes=SCOPES)


def tree(fake):
    api = fake.client("cloudresourcemanager", "v3")
    assert api.organizations().get(name=ORGANISATION).execute()["displayName"] == "example.com"
    folders = walk(fake, api.folders(), "folders", parent=ORGANISATION, showDeleted=True)
    parents = [ORGANISATION] + [folder["name"] for folder in folders]
    projects = [p for parent in parents for p in walk(fake, api.projects(), "projects", parent=parent, showDeleted=True)]
    ids = sorted(p["projectId"] for p in projects if p["state"] == "ACTIVE")
    assert ids == sorted([PROD, DATA, OPS]), ids
    assert all(api.folders().get(name=folder["name"]).execute() == folder for folder in folders)
    assert api.projects().get(name=f"projects/{PROD}").execute()["parent"] == folders[0]["name"]
    body = {"permissions": ["logging.privateLogEntries.list", "resourcemanager.projects.delete"]}
    granted = api.organizations().testIamPermissions(resource=ORGANISATION, body=body).execute()
    assert granted == {"permissions": ["logging.privateLogEntries.list"]}, granted
    for name in ("projects/nobody", "projects/123"):
        refused(403, api.projects().get(name=name))
    return projects


def bindings(fake, on):
    api = fake.client("cloudresourcemanager", "v3")
    resource = getattr(api, on.split("/")[0])()
    body = {"options": {"requestedPolicyVersion": 3}}
    policy = resource.getIamPolicy(resource=on, body=body).execute()
    return {(b["role"], member) for b in policy.get("bindings", []) for member in b["members"]}


def everything(fake):
    """Each of the remaining lists, once; the schema checks are made on the way."""
    services = {}
    for project in (PROD, DATA, OPS):
        name = f"projects/{project}"
        usage = fake.client("serviceusage", "v1")
        found = walk(fake, usage.services(), "services", parent=name, filter="state:ENABLED", pageSize=200)
        services[project] = {service["config"]["name"] for service in found}
        policies = fake.client("orgpolicy", "v2").projects().policies()
        walk(fake, policies, "policies", parent=name)
        rule = policies.getEffectivePolicy(name=f"{name}/policies/storage.publicAccessPrevention").execute()
        assert rule["spec"]["rules"][0]["enforce"] == (project == PROD), rule
        walk(fake, fake.client("iam", "v1").projects().roles(), "roles", parent=name, view="FULL")
        logs = fake.client("logging", "v2").projects()
        assert walk(fake, logs.sinks(), "sinks", parent=name)
        assert walk(fake, logs.locations().buckets(), "buckets", parent=f"{name}/locations/-")
        walk(fake, logs.metrics(), "metrics", parent=name)
        watch = fake.client("monitoring", "v3").projects()
        alerts = walk(fake, watch.alertPolicies(), "alertPolicies", name=name)
        channels = {channel["name"] for channel in walk(fake, watch.notificationChannels(), "notificationChannels", name=name)}
        assert all(set(alert["notificationChannels"]) <= channels for alert in alerts), alerts
        locations = fake.client("cloudkms", "v1").projects().locations()
        if "cloudkms.googleapis.com" in services[project]:
            for location in walk(fake, locations, "locations", name=name):
                for ring in walk(fake, locations.keyRings(), "keyRings", parent=location["name"]):
                    keys = walk(fake, locations.keyRings().cryptoKeys(), "cryptoKeys", parent=ring["name"])
                    assert keys, ring
        else:
            assert "has not been used" in str(refused(403, locations.list(name=name)))
        compute, sql = fake.client("compute", "v1"), fake.client("sqladmin", "v1beta4")
        if "compute.googleapis.com" in services[project]:
            links = [link for n in walk(fake, compute.networks(), "items", project=project) for link in n["subnetworks"]]
            regions = sorted({link.split("/")[-3] for link in links})
            parts = [s for r in regions for s in walk(fake, compute.subnetworks(), "items", project=project, region=r)]
            assert sorted(part["selfLink"] for part in parts) == sorted(links)
            assert walk(fake, compute.firewalls(), "items", project=project)
        else:
            refused(403, compute.firewalls().list(project=project))
        if "sqladmin.googleapis.com" in services[project]:
            assert len(walk(fake, sql.instances(), "items", project=project)) == 2
    assert walk(fake, fake.client("iam", "v1").organizations().roles(), "roles", parent=ORGANISATION, view="FULL")
    assert walk(fake, fake.client("orgpolicy", "v2").organizations().policies(), "policies", parent=ORGANISATION)


def user_keys(fake):
    accounts = fake.client("iam", "v1").projects().serviceAccounts()
    found = [a for project in (PROD, DATA, OPS) for a in walk(fake, accounts, "accounts", name=f"projects/{project}", pageSize=100)]
    assert len({account["uniqueId"] for account in found}) == len(found) == 7, found
    keys = [k for a in found for k in accounts.keys().list(name=a["name"]).execute()["keys"]]
    assert fake.key["private_key_id"] in {key["name"].split("/")[-1] for key in keys}, "the key that signs"
    return {key["name"] for key in keys if key["keyType"] == "USER_MANAGED"}


def buckets(fake):
    """Who may read each bucket, of all projects."""
    storage, found = fake.client("storage", "v1"), {}
    for project in (PROD, DATA, OPS):
        for bucket in walk(fake, storage.buckets(), "items", project=project, projection="noAcl"):
            policy = storage.buckets().getIamPolicy(bucket=bucket["name"], optionsRequestedPolicyVersion=3).execute()
            found[bucket["name"]] = {m for b in policy.get("bindings", []) for m in b["members"]}
    refused(404, storage.buckets().getIamPolicy(bucket="nobody"))
    return found


def sinks(fake):
    found = walk(fake, fake.client("logging", "v2").organizations().sinks(), "sinks", parent=ORGANISATION)
    return {sink["name"] for sink in found}


def backed_up(fake, name):
    found = walk(fake, fake.client("sqladmin", "v1beta4").instances(), "items", project=PROD)
    return next(i for i in found if i["name"] == name)["settings"]["backupConfiguration"]["enabled"]


def log(fake, start, end, names):
    filters = " OR ".join(f'log_id("cloudaudit.googleapis.com/{log}")' for log in ("activity", "system_event", "access_transparency"))
    body = {
        "resourceNames": names,
        "filter": f'({filters}) AND timestamp>="{start}" AND timestamp<"{end}"',
        "orderBy": "timestamp asc",
        "pageSize": 1000,
    }
    entries = walk(fake, fake.client("logging", "v2").entries(), "entries", body=body)
    assert [e["timestamp"] for e in entries] == sorted(e["timestamp"] for e in entries)
    assert len({e["insertId"] for e in entries}) == len(entries)
    assert all(start <= e["timestamp"] < end for e in entries)
    return entries


def says(entries, method, role=None, member=None, action=None):
    def fits(payload):
        deltas = payload.get("serviceData", {}).get("policyDelta", {}).get("bindingDeltas", [])
        return payload["methodName"] == method and (
            role is None or {"action": action, "role": role, "member": member} in deltas
        )

    return any(fits(entry["protoPayload"]) for entry in entries if "protoPayload" in entry)


def lapses(fake):
    story = fake.info["story"]["gcp"]
    names = [ORGANISATION] + [f"projects/{p}" for p in (PROD, DATA, OPS)]

    def around(lapse, look, expected, begins, ends):
        """What is seen an hour before, an hour after its start, and an hour after its end; and what the log says."""
        seen = []
        for instant in (hours(lapse["start"], -1), hours(lapse["start"], 1), hours(lapse["end"], 1)):
            fake.at(instant)
            seen.append(look())
        assert seen == expected, (lapse, seen)
        entries = log(fake, hours(lapse["start"], -1), hours(lapse["end"], 1), names)
        assert begins(entries) and ends(entries), lapse

    def given(role, member, action, method="SetIamPolicy"):
        return lambda entries: says(entries, method, role, member, action)

    public = story["public_bucket"]
    how = ("roles/storage.objectViewer", "allUsers")
    around(
        public, lambda: "allUsers" in buckets(fake)[public["id"]], [False, True, False],
        given(*how, "ADD", "storage.setIamPermissions"), given(*how, "REMOVE", "storage.setIamPermissions"),
    )
    gone = story["sink_deleted"]
    sink = "google.logging.v2.ConfigServiceV2."
    around(
        gone, lambda: gone["id"] in sinks(fake), [True, False, True],
        lambda entries: says(entries, sink + "DeleteSink"), lambda entries: says(entries, sink + "CreateSink"),
    )
    owner = story["owner"]
    held = ("roles/owner", f"user:{owner['id']}")
    around(owner, lambda: held in bindings(fake, f"projects/{PROD}"), [False, True, False], given(*held, "ADD"), given(*held, "REMOVE"))
    off = story["backups_off"]
    changed = lambda entries: says(entries, "cloudsql.instances.update")  # noqa: E731
    around(off, lambda: backed_up(fake, off["id"]), [True, False, True], changed, changed)
    key = story["old_key"]
    fake.at(hours(key["end"], -1))
    assert key["id"] in user_keys(fake)
    fake.at(hours(key["end"], 1))
    assert key["id"] not in user_keys(fake)
    left = story["contractor_grant"]
    may = ("roles/bigquery.jobUser", f"user:{left['id']}")
    around(
        left, lambda: may in bindings(fake, f"projects/{DATA}"), [True, True, False],
        lambda entries: True, given(*may, "REMOVE"),
    )


def main():
    if folder() is None:
        print("SKIPPED gcp_fake: no discovery documents (pip install google-api-python-client)")
        sys.exit(77)
    fake = Fake(1, "2026-01-05T06:00:00Z")
    try:
        sign_in(fake)
        assert len(tree(fake)) == 4, "one project is being deleted"
        stale = fake.client("cloudresourcemanager", "v3")
        everything(fake)
        assert len(user_keys(fake)) == 3 and len(buckets(fake)) == 6
        lapses(fake)
        fake.at("2026-06-15T06:00:00Z")
        # google-auth thinks that it is still January.
        fake.now = moment("2026-01-05T06:00:00Z")
        try:
            stale.organizations().get(name=ORGANISATION).execute()
        except (google.auth.exceptions.RefreshError, HttpError) as error:
            assert "invalid_grant" in str(error) or "UNAUTHENTICATED" in str(error), error
        else:
            raise AssertionError("a token of January was good in June")
        fake.now = moment("2026-06-15T06:00:00Z")
        assert len(tree(fake)) == 3, "and is gone"
        everything(fake)
        looked = log(fake, "2026-02-12T00:00:00.000Z", "2026-02-13T00:00:00.000Z", [f"projects/{DATA}"])
        assert any("jsonPayload" in entry for entry in looked), looked
        assert fake.pages > 20 and len(fake.counts) >= 25, (fake.pages, fake.counts)
    finally:
        fake.close()
    total = sum(fake.counts.values())
    print(f"gcp_fake: {total} answers to {len(fake.counts)} methods, {fake.pages} further pages, agree with Google's documents")


if __name__ == "__main__":
    main()
