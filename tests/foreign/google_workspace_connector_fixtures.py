#!/usr/bin/env python3
"""The fixtures of the Google Workspace connector's tests, held against Google's own discovery documents.

Every request in plugins/google-workspace/fixtures is one that a document describes, with parameters that it knows, and every
successful answer fits what the document says of the method's answer, without a member that it does not describe. Every
address of a person is of a domain that is reserved for examples, every IP address of a block that is reserved for
documentation.

Usage: google_workspace_connector_fixtures.py. Exit 0 when all hold, 1 with what does not, 77 (skipped) without the documents
or jsonschema.
"""

import json
import re
import sys
import urllib.parse

try:
    import jsonschema
except ImportError:
    print("SKIPPED google_workspace_connector_fixtures: jsonschema is not installed (pip install jsonschema)")
    sys.exit(77)
from google_documents import ROOT, Document, folder  # noqa: E402

FIXTURES = ROOT / "plugins" / "google-workspace" / "fixtures"
DOCUMENTS = ["admin.directory_v1", "admin.reports_v1", "cloudidentity.v1"]
RESERVED = re.compile(r"(^|\.)(example(\.(com|net|org))?|test|invalid|localhost)$")
EXAMPLE_IP = re.compile(r"^(192\.0\.2|198\.51\.100|203\.0\.113)\.\d+$")
# Discovery calls these any; Google's reference gives them as lists of objects.
LISTS = ["emails", "organizations", "externalIds", "relations", "phones"]

documents = folder()
if documents is None:
    print("SKIPPED google_workspace_connector_fixtures: no discovery documents (pip install google-api-python-client)")
    sys.exit(77)


def addresses(line):
    for name, host in re.findall(r"([\w.+-]+)@([\w.-]+)", line):
        assert RESERVED.search(host.lower()), f"{name}@{host}"
    for ip in re.findall(r"(?<![\w.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}\b", line):
        assert EXAMPLE_IP.match(ip), f"{ip} is not reserved for documentation"


def described(known, fixture):
    url = urllib.parse.urlsplit(fixture["url"])
    for document in known:
        if document.host == url.netloc:
            try:
                return document, document.method(fixture["method"], url.path)
            except AssertionError:
                continue
    raise AssertionError(f"{fixture['url']}: no document of Google's has it")


def main():
    known = [Document(documents / f"{name}.json", jsonschema.Draft202012Validator) for name in DOCUMENTS]
    counts = {}
    for file in sorted(FIXTURES.glob("*.jsonl")):
        # Snapshots of records are not bodies of Google's.
        if file.name.endswith(".records.jsonl"):
            continue
        for number, line in enumerate(file.read_text().splitlines(), 1):
            addresses(line)
            fixture, place = json.loads(line), f"{file.name}:{number}"
            document, method = described(known, fixture)
            asked = urllib.parse.parse_qs(urllib.parse.urlsplit(fixture["url"]).query)
            for name, values in asked.items():
                parameter = method.get("parameters", {}).get(name)
                assert parameter, f"{place}: {method['id']} has no parameter {name}"
                assert values[0] in parameter.get("enum", values), f"{place}: {name} is none of {parameter['enum']}"
                most = int(parameter.get("maximum", 10**9))
                assert parameter["type"] != "integer" or int(values[0]) <= most, f"{place}: {name} is {most} at most"
            for error in document.errors(method, fixture["body_json"]):
                raise AssertionError(f"{place}: {method['id']}: {error.json_path}: {error.message[:300]}")
            for user in fixture["body_json"].get("users", []):
                assert all(isinstance(user.get(name, []), list) for name in LISTS), place
            counts[method["id"]] = counts.get(method["id"], 0) + 1
    # Validating nothing would prove nothing.
    assert len(counts) >= 10, counts
    directory = known[0]
    method = directory.method("GET", "/admin/directory/v1/groups")
    broken = {"groups": [{"id": 7, "colour": "red"}]}
    assert len(directory.errors(method, broken)) == 2, "a wrong type and an unknown member are found"
    total = sum(counts.values())
    print(f"google_workspace_connector_fixtures: {total} answers of {len(counts)} methods agree with Google's documents")


if __name__ == "__main__":
    try:
        main()
    except AssertionError as error:
        print(f"google_workspace_connector_fixtures: {error}", file=sys.stderr)
        sys.exit(1)
