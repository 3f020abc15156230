#!/usr/bin/env python3
"""The demo's fake Okta, held against Okta's own OpenAPI document and against recordings of the real thing.

Every body that the fake sends is validated by `jsonschema` (pip install jsonschema) with the schema that the
document gives for its endpoint, classes chosen by discriminator. A null counts as an absent field, since the
real Okta sends null for fields that its document does not call nullable. No object may have a field that
neither the document nor a recording knows.

The document and the recordings are not part of the repository: they are looked for in ../shared/apis.

Usage: okta_fixtures.py [path of the `serve` example]; without a path, cargo builds it. Exit 0 when all hold,
1 with the first that does not, 77 (skipped) without the document or jsonschema.
"""

import gzip
import json
import pathlib
import re
import subprocess
import sys
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "apis"
DOCUMENT = SHARED / "specs" / "okta-evidence-openapi.json"
RECORDED = SHARED / "recorded" / "okta.jsonl.gz"

try:
    import jsonschema
except ImportError:
    print("SKIPPED okta_fixtures: jsonschema is not installed (pip install jsonschema)")
    sys.exit(77)
if not DOCUMENT.exists():
    print("SKIPPED okta_fixtures: ../shared/apis/specs/okta-evidence-openapi.json is not here")
    sys.exit(77)


class Fake:
    """The running fake; its clock is set by a line on its standard input."""

    def __init__(self, seed, instant):
        command = [sys.argv[1]] if len(sys.argv) > 1 else ["cargo", "run", "-q", "-p", "exhibit-demo", "--example", "serve", "--"]
        self.process = subprocess.Popen(
            [*command, str(seed), instant], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        self.info = json.loads(self.process.stdout.readline())

    def at(self, instant):
        self.process.stdin.write(instant + "\n")
        self.process.stdin.flush()
        self.process.stdout.readline()

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=10)

    def get(self, path, token=None):
        url = path if path.startswith("http") else self.info["okta"] + path
        headers = {"Authorization": f"SSWS {token or self.info['okta_token']}", "Accept": "application/json"}
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers)) as answer:
                return answer.status, json.load(answer), answer.headers
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(), error.headers

    def walk(self, path):
        """All items of a paged list, and the number of pages."""
        items, pages = [], 0
        while path:
            status, body, headers = self.get(path)
            assert status == 200, (path, status, body)
            items, pages = items + body, pages + 1
            links = [re.match(r'<([^>]+)>; rel="next"', line) for line in headers.get_all("link") or []]
            path = next((match[1] for match in links if match), None)
            if "/logs" in (path or "") and not body:
                path = None
        return items, pages


class Document:
    """Okta's OpenAPI 3.0 document as JSON Schema 2020-12: `nullable` spelled out, discriminators as conditions."""

    def __init__(self):
        self.source = json.loads(DOCUMENT.read_text())
        schemas = self.source["components"]["schemas"]
        self.defs = {}
        for name, schema in schemas.items():
            plain = self.convert({key: value for key, value in schema.items() if key != "discriminator"})
            self.defs[name + "+"] = plain
            chosen = schema.get("discriminator", {}).get("mapping", {})
            tag = schema.get("discriminator", {}).get("propertyName")
            cases = [
                {"if": {"required": [tag], "properties": {tag: {"const": value}}}, "then": self.reference(ref, "+")}
                for value, ref in chosen.items()
                if not ref.endswith("/" + name)
            ]
            self.defs[name] = {"allOf": [{"$ref": f"#/$defs/{name}+"}, *cases]}

    @staticmethod
    def reference(ref, suffix=""):
        return {"$ref": "#/$defs/" + ref.rsplit("/", 1)[1] + suffix}

    def convert(self, schema):
        if not isinstance(schema, dict):
            return schema
        if "$ref" in schema:
            return self.reference(schema["$ref"])
        out = {}
        for key, value in schema.items():
            if key in ("properties", "patternProperties"):
                out[key] = {name: self.convert(field) for name, field in value.items()}
            elif key == "allOf":
                # What a class inherits is its parent without the choice among the parent's children.
                out[key] = [self.reference(s["$ref"], "+") if "$ref" in s else self.convert(s) for s in value]
            elif key in ("oneOf", "anyOf"):
                out[key] = [self.convert(s) for s in value]
            elif key in ("items", "additionalProperties", "not"):
                out[key] = self.convert(value)
            elif key in ("type", "enum", "required", "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern", "const"):
                out[key] = value
        return out

    def validator(self, path):
        answer = self.source["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
        schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "$defs": self.defs, **self.convert(answer)}
        if "oneOf" in schema.get("items", {}):
            # Roles: the branches overlap, so the discriminator chooses.
            schema["items"] = {"$ref": "#/$defs/StandardRole"}
        return jsonschema.Draft202012Validator(schema)

    def fields(self):
        """Every name of a field anywhere in the document: what a body may use."""
        names = set()

        def visit(node):
            if isinstance(node, dict):
                if isinstance(node.get("properties"), dict):
                    names.update(node["properties"])
                for value in node.values():
                    visit(value)
            elif isinstance(node, list):
                for value in node:
                    visit(value)

        visit(self.source["components"]["schemas"])
        for example in self.source["components"].get("examples", {}).values():
            names.update(keys_of(example.get("value")))
        return names


def keys_of(node):
    names = set()
    if isinstance(node, dict):
        names.update(node)
        for value in node.values():
            names |= keys_of(value)
    elif isinstance(node, list):
        for value in node:
            names |= keys_of(value)
    return names


def recorded_fields():
    names = set()
    if RECORDED.exists():
        with gzip.open(RECORDED, "rt") as lines:
            for line in lines:
                exchange = json.loads(line)
                if exchange["method"] == "GET" and exchange["status"] == 200 and exchange.get("resp_body", "")[:1] in "[{":
                    try:
                        names |= keys_of(json.loads(exchange["resp_body"]))
                    except ValueError:
                        pass
    return names


def without_nulls(node):
    if isinstance(node, dict):
        return {key: without_nulls(value) for key, value in node.items() if value is not None}
    if isinstance(node, list):
        return [without_nulls(value) for value in node]
    return node


def bodies(fake):
    """Every kind of body, with the path that the document has for it."""
    users, _ = fake.walk("/api/v1/users")
    groups, _ = fake.walk("/api/v1/groups")
    apps, _ = fake.walk("/api/v1/apps")
    yield "/api/v1/users", users
    yield "/api/v1/users", fake.walk("/api/v1/users?filter=status+eq+%22DEPROVISIONED%22")[0]
    yield "/api/v1/users/{id}", fake.get(f"/api/v1/users/{users[0]['id']}")[1]
    yield "/api/v1/groups", groups
    yield "/api/v1/apps", apps
    for user in users:
        yield "/api/v1/users/{userId}/factors", fake.get(f"/api/v1/users/{user['id']}/factors")[1]
        yield "/api/v1/users/{userId}/roles", fake.get(f"/api/v1/users/{user['id']}/roles")[1]
    for user in users[:20]:
        yield "/api/v1/users/{id}/groups", fake.get(f"/api/v1/users/{user['id']}/groups")[1]
    for group in groups:
        yield "/api/v1/groups/{groupId}/users", fake.walk(f"/api/v1/groups/{group['id']}/users")[0]
        yield "/api/v1/groups/{groupId}/roles", fake.get(f"/api/v1/groups/{group['id']}/roles")[1]
    for app in apps:
        yield "/api/v1/apps/{appId}", fake.get(f"/api/v1/apps/{app['id']}")[1]
        yield "/api/v1/apps/{appId}/users", fake.walk(f"/api/v1/apps/{app['id']}/users")[0]
        yield "/api/v1/apps/{appId}/groups", fake.walk(f"/api/v1/apps/{app['id']}/groups")[0]
    for kind in ("OKTA_SIGN_ON", "PASSWORD", "MFA_ENROLL", "ACCESS_POLICY", "IDP_DISCOVERY"):
        policies, _ = fake.walk(f"/api/v1/policies?type={kind}")
        assert bool(policies) == (kind != "IDP_DISCOVERY"), kind
        yield "/api/v1/policies", policies
        for policy in policies:
            yield "/api/v1/policies/{policyId}", fake.get(f"/api/v1/policies/{policy['id']}")[1]
            rules = fake.get(f"/api/v1/policies/{policy['id']}/rules")[1]
            assert rules, policy["name"]
            yield "/api/v1/policies/{policyId}/rules", rules
    for path in ("org", "authenticators", "api-tokens", "zones", "idps", "logStreams", "iam/roles"):
        yield f"/api/v1/{path}", fake.get(f"/api/v1/{path}")[1]
    yield "/api/v1/logs", fake.walk("/api/v1/logs?since=2026-02-01T00:00:00Z&limit=1000")[0]


def shapes(fake):
    document = Document()
    known = document.fields() | recorded_fields()
    validators, counts = {}, {}
    for path, body in bodies(fake):
        validator = validators.setdefault(path, document.validator(path)) if path not in validators else validators[path]
        for error in validator.iter_errors(without_nulls(body)):
            raise AssertionError(f"{path}: {error.json_path}: {error.message[:300]}")
        strange = keys_of(body) - known
        assert not strange, f"{path}: fields that Okta does not have: {sorted(strange)}"
        counts[path] = counts.get(path, 0) + (len(body) if isinstance(body, list) else 1)
    # Validating nothing would prove nothing.
    empty = {path for path, count in counts.items() if count == 0}
    assert empty == {"/api/v1/idps", "/api/v1/logStreams"}, empty
    broken = [{"id": 7, "status": "AWAKE"}]
    assert len(list(validators["/api/v1/users"].iter_errors(broken))) == 2
    return sum(counts.values())


def paging(fake):
    everyone = [user["id"] for user in fake.walk("/api/v1/users")[0]]
    assert len(everyone) == len(set(everyone)) > 200
    for limit in (1, 50, 199, 500):
        users, pages = fake.walk(f"/api/v1/users?limit={limit}")
        assert [user["id"] for user in users] == everyone, limit
        assert pages == -(-len(everyone) // min(limit, 200)), (limit, pages)
    closed = fake.walk("/api/v1/users?filter=status+eq+%22DEPROVISIONED%22")[0]
    assert closed and not {user["id"] for user in closed} & set(everyone)
    events, _ = fake.walk("/api/v1/logs?since=2026-02-01T00:00:00Z&until=2026-02-08T00:00:00Z&limit=37")
    uuids = [event["uuid"] for event in events]
    assert len(uuids) == len(set(uuids)) > 200
    assert [e["published"] for e in events] == sorted(e["published"] for e in events)
    backwards, _ = fake.walk("/api/v1/logs?since=2026-02-01T00:00:00Z&until=2026-02-08T00:00:00Z&limit=37&sortOrder=DESCENDING")
    assert [e["uuid"] for e in backwards] == uuids[::-1]
    # The System Log's last page links on to an empty one, which links on to itself.
    _, body, headers = fake.get("/api/v1/logs?since=2026-02-01T00:00:00Z&until=2026-02-01T00:00:01Z")
    assert body == [] and any('rel="next"' in line for line in headers.get_all("link"))


def errors(fake):
    for path, token, expected, code in (
        ("/api/v1/users", "wrong", 401, "E0000011"),
        ("/api/v1/users/00unobody/factors", None, 404, "E0000007"),
        ("/api/v1/policies", None, 400, "E0000001"),
        ("/api/v1/users?filter=lastName+eq+%22x%22", None, 400, "E0000031"),
        ("/api/v1/users?limit=0", None, 400, "E0000001"),
    ):
        status, body, _ = fake.get(path, token)
        assert (status, json.loads(body)["errorCode"]) == (expected, code), (path, status, body)
    status, _, headers = fake.get("/.well-known/okta-organization", "wrong")
    assert status == 200 and headers["date"] == "Wed, 18 Mar 2026 06:00:00 GMT", headers["date"]
    day = fake.info["story"]["outage_day"]
    fake.at(day + "T23:59:59Z")
    status, body, _ = fake.get("/api/v1/org")
    assert status == 503 and body.startswith("<html>")


def main():
    fake = Fake(1, "2026-03-18T06:00:00Z")
    try:
        count = shapes(fake)
        paging(fake)
        errors(fake)
        print(f"okta_fixtures: {count} objects agree with Okta's document")
    finally:
        fake.close()


if __name__ == "__main__":
    main()
